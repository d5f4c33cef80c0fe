"""The hub that is measured: a database of its own as shipped, and the web as `manage.py run` starts it.

No dispatcher and no workers run, so that nothing but the calls uses the machine; the database marks what is
due all the same. Beside the hub's addresses the web has those of `benchmarks.bare`.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import http.client
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
START_SECONDS = 60
AS_OFTEN_AS_IT_LIKES = 1_000_000
"""Calls per second: they are counted as ever, and never refused."""


def open_data_directory() -> None:
    """Begin with an empty data directory, on the disk and not in memory, and set Django up on it."""
    import django

    folder = PROJECT / "var"
    folder.mkdir(exist_ok=True)
    data = Path(tempfile.mkdtemp(prefix="bench-", dir=folder))
    data.chmod(0o755)  # where root runs this, PostgreSQL runs as somebody else
    (data / "static").mkdir()
    atexit.register(shutil.rmtree, data, ignore_errors=True)
    groups = ("products", "variations", "orders", "GET orders", "queues", "POST queues", "bulk")
    os.environ.pop("DATABASE_URL", None)
    os.environ.pop("HUB_PG_CONF", None)
    os.environ.update(
        DJANGO_SETTINGS_MODULE="hub.settings",
        HUB_DATA=str(data),
        HUB_PORT=str(_free_port()),
        HUB_RATE_TABLE=",".join(f"{group}={AS_OFTEN_AS_IT_LIKES}" for group in groups),
        HUB_LOG_LEVEL="WARNING",
    )
    django.setup()


@functools.cache
def prepared() -> None:
    """Make the tables, once."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)


@contextlib.contextmanager
def web() -> Iterator[int]:
    """Serve the hub while this lasts; gives its port."""
    from django.conf import settings

    from hub.management.commands.run import child_specs

    command = [*child_specs()[0].command][:-1]
    server = subprocess.Popen([*command, "benchmarks.bare:application"], cwd=PROJECT, start_new_session=True)
    try:
        _wait_for(server, settings.HUB_PORT)
        yield settings.HUB_PORT
    finally:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _wait_for(server: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.suppress(OSError, http.client.HTTPException):
            client.request("GET", "/healthz")
            if client.getresponse().status == 200:
                return
        client.close()
        assert server.poll() is None, "the web did not start"
        assert time.monotonic() < until, "the web does not answer"
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
