"""What tests of the API over real HTTP share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.server import serving


@pytest.fixture(scope="session")
def address(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of two web processes that sees what tests commit; it limits nobody and keeps no log."""
    log = tmp_path_factory.mktemp("web") / "web.log"
    with serving(log, workers=2, HUB_RATE_LIMITS="off", HUB_API_LOG="off") as url:
        yield url
