"""/listings: stamps, differences and frozen facets; the ways of values; healing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from marketplaces import drift, engine
from marketplaces.models import Lane, Sync
from marketplaces.simulators.sandbox import SandboxSimulator
from tests import make
from tests.api.test_hub_endpoints import Erp
from tests.marketplaces.shop import FAST, Shop, open_shop, set_qty

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(db: None) -> Iterator[Shop]:
    with SandboxSimulator(settings=FAST) as sandbox:
        yield open_shop(sandbox, "Ana")


@pytest.fixture
def erp(shop: Shop) -> Erp:
    return Erp(make.make_api_headers(shop.seller))


def drifted(shop: Shop, sku: str, **values: Any) -> None:
    """Somebody changes a listing at the marketplace, the read-back sees it, and nothing heals it yet."""
    shop.sandbox.set_listing(shop.account["account_id"], sku, **values)
    type(shop.connection).objects.filter(pk=shop.connection.pk).update(auto_heal=False)
    now = timezone.now()
    Sync.objects.filter(connection=shop.connection, look_at__isnull=False).update(look_at=now)
    Lane.objects.filter(connection=shop.connection, kind="observe").update(run_at=now)
    engine.run(Lane.objects.get(connection=shop.connection, kind="observe").pk)


def listing(erp: Erp, sku: str) -> dict[str, Any]:
    (found,) = erp.get("/listings", sku=sku).json()["listings"]
    return dict(found)


def test_a_listing_says_what_is_wanted_what_is_shown_and_why_they_differ(shop: Shop, erp: Erp) -> None:
    shop.sell("PAN-1", qty=7)
    shop.connect()
    drifted(shop, "PAN-1", price="99.00")

    found = listing(erp, "PAN-1")

    price, stock = found["price"], found["stock"]
    assert (price["wanted"], price["seen"], price["drift"]) == ("129.90/129.90", "99.00/99.00", "outside")
    assert (stock["wanted"], stock["seen"], stock["drift"], stock["why"]) == ("7", "7", None, "load:1")
    for facet in (price, stock):
        stamps = [facet[name] for name in ("received_at", "queued_at", "sent_at", "confirmed_at", "seen_at")]
        assert None not in stamps
        assert stamps == sorted(stamps)
    assert (found["gone"], found["gone_at"]) == (None, None)


def test_a_frozen_facet_says_so(shop: Shop, erp: Erp) -> None:
    shop.sell("PAN-1")
    shop.connect()
    drift.set_frozen(
        seller_id=shop.seller.pk, listings=[shop.listing("PAN-1")], facets=["price"], frozen=True, by="Ana"
    )

    price = listing(erp, "PAN-1")["price"]

    assert (price["state"], price["drift"]) == ("frozen", "frozen")
    assert price["frozen_at"] is not None
    (way,) = [one for one in erp.get("/listings/history").json()["listings"][0]["price"] if one["by"]]
    assert (way["outcome"], way["by"], way["why"]) == ("frozen", "Ana", None)


def test_the_ways_of_values_are_told_newest_first(shop: Shop, erp: Erp) -> None:
    variation = shop.sell("PAN-1", qty=7)
    shop.connect()
    for qty in (6, 5):
        set_qty(variation, qty)
    shop.settle()

    (found,) = erp.get("/listings/history", sku="PAN-1").json()["listings"]

    assert [(one["value"], one["why"], one["superseded"]) for one in found["stock"]] == [
        ("5", "catalogue", 1),
        ("7", "load:1", 0),
    ]
    assert [(one["value"], one["outcome"], one["why"]) for one in found["content"]] == [
        (None, "confirmed", "load:1")
    ]


def test_listings_are_found_by_what_differs(shop: Shop, erp: Erp) -> None:
    for sku in ("PAN-1", "PAN-2", "PAN-3"):
        shop.sell(sku)
    shop.connect()
    drifted(shop, "PAN-3", state="absent")
    drifted(shop, "PAN-2", price="99.00")

    def skus(**given: str) -> list[str]:
        return [one["sku"] for one in erp.get("/listings", **given).json()["listings"]]

    assert skus(drift="outside") == ["PAN-2"]
    assert skus(drift="gone") == ["PAN-3"]
    assert skus(drift="frozen") == []
    assert erp.get("/listings", drift="nonsense").status_code == 400


def test_an_erp_heals_what_differs(shop: Shop, erp: Erp) -> None:
    for sku in ("PAN-1", "PAN-2"):
        shop.sell(sku)
    shop.connect()
    for sku in ("PAN-1", "PAN-2"):
        drifted(shop, sku, price="99.00")

    answer = erp.post("/listings/heal", {"heal": {"connection": "Sandbox", "skus": ["PAN-1", "NONE"]}})
    assert (answer.status_code, answer.json()) == (202, {"healed": 1, "unknown_skus": ["NONE"]})
    shop.settle()
    assert (shop.shown("PAN-1")["price"], shop.shown("PAN-2")["price"]) == ("129.90", "99.00")

    said = {"connection": "Sandbox", "all": True, "facets": ["stock"]}
    assert erp.post("/listings/heal", {"heal": said}).json()["healed"] == 0
    said = {"connection": "Sandbox", "all": True, "causes": ["outside"]}
    assert erp.post("/listings/heal", {"heal": said}).json()["healed"] == 1
    shop.settle()
    assert shop.shown("PAN-2")["price"] == "129.90"


def test_what_a_switch_keeps_back_does_not_count_as_healed(shop: Shop, erp: Erp) -> None:
    shop.sell("PAN-1")
    shop.connect()
    type(shop.connection).objects.filter(pk=shop.connection.pk).update(sync_price=False)
    drifted(shop, "PAN-1", price="1.00", quantity=500)

    answer = erp.post("/listings/heal", {"heal": {"connection": "Sandbox", "all": True}})

    assert answer.json() == {"healed": 1, "unknown_skus": []}
    shop.settle()
    assert (shop.shown("PAN-1")["price"], shop.shown("PAN-1")["quantity"]) == ("1.00", 10)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({}, 400),
        ({"skus": ["PAN-1"]}, 400),
        ({"connection": "Elsewhere", "all": True}, 404),
        ({"connection": "Sandbox"}, 422),
        ({"connection": "Sandbox", "all": True, "skus": ["PAN-1"]}, 422),
        ({"connection": "Sandbox", "all": "yes"}, 422),
        ({"connection": "Sandbox", "all": True, "facets": ["content"]}, 400),
        ({"connection": "Sandbox", "all": True, "causes": ["frozen"]}, 400),
        ({"connection": "Sandbox", "all": True, "causes": 7}, 422),
    ],
)
def test_a_strange_wish_to_heal_is_refused(shop: Shop, erp: Erp, said: dict[str, Any], status: int) -> None:
    answer = erp.post("/listings/heal", {"heal": said})
    assert answer.status_code == status, answer.content
    assert answer.json()["error"]


def test_a_stranger_heals_and_sees_nothing(shop: Shop, erp: Erp) -> None:
    shop.sell("PAN-1")
    shop.connect()
    drifted(shop, "PAN-1", price="99.00")
    stranger = Erp(make.make_api_headers(make.make_seller("Beto")))

    assert (
        stranger.post("/listings/heal", {"heal": {"connection": "Sandbox", "all": True}}).status_code == 404
    )
    assert stranger.get("/listings/history").json()["listings"] == []
    assert stranger.get("/listings", drift="outside").json()["listings"] == []
    assert shop.sync("PAN-1", "price").due_at is None
