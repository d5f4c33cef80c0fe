"""The homologation over real HTTP: a developer's script makes every call, and every case is ticked off."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from hub.homologation.cases import CASES as LIST
from hub.homologation.models import Homologation
from marketplaces.models import Listing
from marketplaces.simulators.sandbox import SandboxSimulator
from tests.api.server import serving
from tests.homologation.cases import CASES, CONNECTED, HIDE_SECONDS, REFUSED
from tests.homologation.integration import Integration
from tests.make import make_api_headers
from tests.marketplaces.shop import FAST, open_shop

SERVER = {
    "HUB_RATE_LIMITS": "on",
    # Products keep SkyHub's nine; the rest may be quicker, so that the whole list takes a minute.
    "HUB_RATE_TABLE": "orders=60,GET orders=60,queues=60,shipments=60,others=60",
    "HUB_API_LOG": "on",
    "HUB_QUEUE_HIDE_SECONDS": str(HIDE_SECONDS),
}
LOG_SECONDS = 15
"""The log is written every second; a busy machine may need longer."""


def test_every_case_is_made_well_and_ticked_off(
    transactional_db: None, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    with SandboxSimulator(settings=FAST) as sandbox:
        shop = open_shop(sandbox, "Loja de Homologação")
        shop.sell(CONNECTED)
        shop.sell(REFUSED, ean="", brand="", images=[])
        shop.connect()
        assert shop.listing(CONNECTED).state == Listing.State.CONNECTED
        assert shop.issues(REFUSED)
    shop.seller.is_test = True
    shop.seller.save()

    with serving(tmp_path / "server.log", workers=2, **SERVER) as base:
        erp = Integration(base, make_api_headers(shop.seller))
        assert erp.get("/homologation").status_code == 404
        assert erp.post("/homologation").json()["missing"] == len(LIST)
        assert sorted(CASES) == [one.number for one in LIST]
        for number, play in sorted(CASES.items()):
            with subtests.test(case=number, played=play.__name__):
                play(erp)
        found = ticked_off(erp)
        for number, one in found.items():
            with subtests.test(case=number, ticked_off=one["title"]):
                assert (one["state"], one["problem"]) == ("passed", None)
        assert Homologation.objects.get().cases.filter(state="passed").count() == len(LIST)


def ticked_off(erp: Integration) -> dict[int, dict[str, Any]]:
    """The list as it stands once the log has been written, or after a while."""
    until = time.monotonic() + LOG_SECONDS
    while True:
        found = erp.homologation()
        if all(one["state"] == "passed" for one in found.values()) or time.monotonic() > until:
            return found
        time.sleep(0.5)
