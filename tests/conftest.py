"""What every test stands on: nothing is skipped in CI, nothing but this machine is reached, one browser."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

TESTS = Path(__file__).parent
WHOLE_PRODUCT = ("browser/", "scenarios/", "hub/test_run.py")
LOOPBACK = ("127.", "::1", "localhost")
# Playwright's fixtures run an event loop in the test's own thread, and Django then refuses the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
# Tests call faster than any ERP may; those of the limits turn them on, also in processes they start.
os.environ["HUB_RATE_LIMITS"] = "off"


@pytest.fixture(autouse=True, scope="session")
def quiet_api() -> None:
    """The settings were read before this file was, so they are changed once more.

    The API log's thread would meet sellers that a test has not committed.
    """
    settings.HUB_RATE_LIMITS = settings.HUB_API_LOG = False


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Share the tests out: a file's stay together, and so do all that run the whole product.

    The latter are the longest and want the machine for themselves, so one process does them all, first.
    """
    for item in items:
        place = item.path.relative_to(TESTS).as_posix()
        runs_the_product = place.startswith(WHOLE_PRODUCT)
        item.add_marker(pytest.mark.xdist_group("the whole product" if runs_the_product else place))
    items.sort(key=lambda item: not item.path.relative_to(TESTS).as_posix().startswith(WHOLE_PRODUCT))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that CI skips for want of a browser or a database has not passed."""
    report = yield
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"Nothing may be skipped in CI: {reason}"
    return report


@pytest.fixture(autouse=True, scope="session")
def only_this_machine() -> Generator[None]:
    """Refuse every TCP connection that would leave this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and not str(address[0]).startswith(LOOPBACK):
            raise AssertionError(f"A test tried to reach {address}.")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The machine's own Chromium, as root too, and without calls home."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("There is no Chromium on this machine (Debian: apt-get install chromium).")
    quiet = ["background-networking", "component-update", "quic", "sync", "gpu"]
    arguments = ["--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in quiet)]
    return {**browser_type_launch_args, "executable_path": chromium, "args": arguments}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """A seller's browser in São Paulo."""
    return {**browser_context_args, "locale": "pt-BR", "timezone_id": "America/Sao_Paulo"}


@pytest.fixture(autouse=True, scope="session")
def static_root() -> None:
    """WhiteNoise warns of a missing folder, and here a warning is an error.

    Pages name their files plainly: nobody has collected and fingerprinted them.
    """
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
