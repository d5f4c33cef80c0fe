"""The price a publication carries is one the guard knows, from before the call until a price is confirmed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest

from catalog.models import Product
from marketplaces import drift, held, price_rules, services
from marketplaces.adapters.sandbox.adapter import SandboxAdapter
from marketplaces.contract import Unavailable
from marketplaces.models import HeldPrice, Listing, Load
from marketplaces.pricing import Rule, Rules
from tests import engine as engine_turns
from tests.marketplaces.shop import Shop
from tests.marketplaces.test_odd_items import try_alone
from tests.marketplaces.test_price_safety import erp_says, holds, open_holds, prices_sent, shown
from tests.marketplaces.test_unanswered import lose_a_price, prices_there, publish_all, reconnect

pytestmark = pytest.mark.django_db(transaction=True)

D = Decimal
GUARD = Rules(most_drop=D(50), most_rise=D(50))
LOADS = {"match": "/v1/loads", "method": "POST"}


@pytest.fixture
def guarded(shop: Shop) -> Shop:
    """PAN-1 at 100.00, not listed yet; a guard that holds whatever moves by more than 50 %."""
    shop.sell("PAN-1", price="100.00")
    shop.save_rules(GUARD)
    return shop


def start(shop: Shop) -> None:
    """The seller connects everything; no worker has seen it yet."""
    everything = shop.seller.variations.all()
    services.start_load(connection=shop.connection, action=Load.Action.CONNECT, variations=everything)


def slip(shop: Shop, price: str = "1.00") -> None:
    """The ERP says another price; nobody works yet."""
    Product.objects.filter(seller=shop.seller).update(price=price)


def state(shop: Shop) -> str:
    return shop.listing("PAN-1").state


# --- how far the first publication has come when the ERP slips ----------------------------------


def pending(shop: Shop) -> None:
    shop.run_lane("content")
    assert state(shop) == Listing.State.PROCESSING


def lost(shop: Shop) -> None:
    shop.sandbox.add_fault(**LOADS, kind="drop", after_commit=True)
    shop.run_lane("content")
    assert state(shop) == Listing.State.WAITING


def lost_on_the_way(shop: Shop) -> None:
    shop.sandbox.add_fault(**LOADS, status=503)
    shop.run_lane("content")


def lost_and_live(shop: Shop) -> None:
    lost(shop)
    engine_turns.run_until(lambda: shop.shown("PAN-1").get("state") == "live")


def cataloguing(shop: Shop) -> None:
    shop.sandbox.change_settings(cataloguing_seconds=0.5)
    shop.run_lane("content")
    while state(shop) == Listing.State.PROCESSING:
        shop.run_lane("submissions")
    assert state(shop) == Listing.State.CATALOGUING


def on_sale(shop: Shop) -> None:
    publish_all(shop)
    assert state(shop) == Listing.State.CONNECTED


def lost_and_refused_by_our_check(shop: Shop) -> None:
    """The answer is lost, the ERP empties the brand, which our own check refuses, and says it again."""
    lost(shop)
    for brand in ("", "Panex"):
        Product.objects.filter(seller=shop.seller).update(brand=brand)
        shop.run_lane("content")
    assert state(shop) == Listing.State.ERROR
    reconnect(shop)


def sent_and_never_decided_on(shop: Shop) -> None:
    """The marketplace takes three loads and knows none of them when it is asked about them."""
    body = {"load_id": "SBX-LD999", "status": "accepted", "poll_after_seconds": 0.01, "results": []}
    shop.sandbox.add_fault(**LOADS, kind="answer", status=202, body=body, times=3)
    while state(shop) != Listing.State.ERROR:
        shop.run_lane("content")
        shop.run_lane("submissions")
    assert [issue.kind for issue in shop.issues("PAN-1")] == ["no_answer"]
    reconnect(shop)


def lost_then_refused_as_an_update(shop: Shop) -> None:
    """It is on sale, nobody heard of that, and what is sent again is refused."""
    lost_and_live(shop)
    shop.sandbox.add_fault(**LOADS, status=422)
    shop.run_lane("content")
    assert state(shop) == Listing.State.ERROR
    reconnect(shop)


WAYS: list[Callable[[Shop], None]] = [
    pending,
    lost,
    lost_on_the_way,
    lost_and_live,
    cataloguing,
    on_sale,
    lost_and_refused_by_our_check,
    sent_and_never_decided_on,
    lost_then_refused_as_an_update,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_slip_after_the_first_publication_went_out_waits_and_the_carried_price_goes_on_sale(
    guarded: Shop, way: Callable[[Shop], None]
) -> None:
    start(guarded)
    way(guarded)

    slip(guarded)
    guarded.settle()

    assert state(guarded) == Listing.State.CONNECTED
    assert prices_there(guarded) == ["100.00"]
    (hold,) = open_holds(guarded)
    assert (hold.was, hold.price, hold.percent) == (D("100.00"), D("1.00"), D("-99.00"))

    held.approve(guarded.seller.pk, open_holds(guarded), None)
    guarded.settle()
    assert prices_there(guarded) == ["100.00", "1.00"]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_move_within_the_limit_after_the_first_publication_asks_nobody(
    guarded: Shop, way: Callable[[Shop], None]
) -> None:
    start(guarded)
    way(guarded)

    slip(guarded, "60.00")
    guarded.settle()

    assert shown(guarded, "PAN-1")[0] == "60.00"
    assert holds(guarded, "PAN-1") == []


def test_a_guard_saved_while_the_first_publication_is_decided_on_holds_the_slip(shop: Shop) -> None:
    shop.sell("PAN-1", price="100.00")
    start(shop)
    pending(shop)

    shop.save_rules(GUARD)
    erp_says(shop, "1.00")

    assert prices_there(shop) == ["100.00"]
    assert open_holds(shop).get().was == D(100)


def test_without_a_guard_the_erps_newest_price_follows_the_first_publication(shop: Shop) -> None:
    shop.sell("PAN-1", price="100.00")
    start(shop)
    pending(shop)

    erp_says(shop, "1.00")

    assert shown(shop, "PAN-1")[0] == "1.00"


def test_the_carried_price_sent_by_the_erp_again_ends_the_waiting(guarded: Shop) -> None:
    start(guarded)
    pending(guarded)
    erp_says(guarded, "1.00")

    erp_says(guarded, "100.00")

    assert prices_there(guarded) == ["100.00"]
    assert not open_holds(guarded).exists()
    sync = guarded.sync("PAN-1", "price")
    assert (sync.confirmed_value, sync.agreed_value, sync.carried_value) == (*["100.00/100.00"] * 2, "")


# --- what the marketplace refused was never in force --------------------------------------------


def refused(shop: Shop) -> None:
    shop.sandbox.add_fault(**LOADS, status=422)
    shop.run_lane("content")


def refused_by_a_submission(shop: Shop) -> None:
    Product.objects.filter(seller=shop.seller).update(price="0.01")
    shop.settle()


def lost_on_the_way_and_refused(shop: Shop) -> None:
    lost_on_the_way(shop)
    refused(shop)


@pytest.mark.parametrize(
    "way", [refused, refused_by_a_submission, lost_on_the_way_and_refused], ids=lambda way: way.__name__
)
def test_another_price_after_a_refused_first_publication_is_a_correction_and_not_held(
    guarded: Shop, way: Callable[[Shop], None]
) -> None:
    start(guarded)
    way(guarded)
    assert state(guarded) == Listing.State.ERROR
    assert guarded.sync("PAN-1", "price").carried_value == ""

    slip(guarded, "20.00")
    guarded.send_again("PAN-1")

    assert prices_there(guarded) == ["20.00"]
    assert holds(guarded, "PAN-1") == []


def test_a_refused_return_is_weighed_against_what_it_was_sold_at(guarded: Shop) -> None:
    guarded.connect()
    guarded.send_again("PAN-1", action=Load.Action.DISCONNECT)
    slip(guarded, "60.00")
    start(guarded)
    refused(guarded)
    assert state(guarded) == Listing.State.ERROR

    slip(guarded, "40.00")
    guarded.send_again("PAN-1")

    assert prices_there(guarded) == ["100.00"]
    assert open_holds(guarded).get().was == D(100)


# --- afterwards ---------------------------------------------------------------------------------


def test_a_listing_that_came_back_is_weighed_against_what_it_came_back_with(guarded: Shop) -> None:
    guarded.connect()
    guarded.send_again("PAN-1", action=Load.Action.DISCONNECT)
    slip(guarded, "60.00")
    start(guarded)
    pending(guarded)

    erp_says(guarded, "40.00")
    assert shown(guarded, "PAN-1")[0] == "40.00"

    guarded.send_again("PAN-1", action=Load.Action.DISCONNECT)
    slip(guarded, "60.00")
    start(guarded)
    pending(guarded)
    erp_says(guarded, "25.00")
    assert shown(guarded, "PAN-1")[0] == "60.00"
    assert open_holds(guarded).get().was == D(60)


def test_content_sent_again_before_any_price_was_confirmed_carries_the_one_it_went_on_sale_with(
    guarded: Shop,
) -> None:
    services.set_switches(connection=guarded.connection, sync_price=False)
    start(guarded)
    on_sale(guarded)
    slip(guarded)
    guarded.connection.refresh_from_db()

    reconnect(guarded)
    publish_all(guarded)
    assert prices_there(guarded) == ["100.00"]

    services.set_switches(connection=guarded.connection, sync_price=True)
    guarded.settle()
    assert prices_there(guarded) == ["100.00"]
    assert open_holds(guarded).get().was == D(100)


def test_content_sent_again_carries_a_lost_price_though_none_was_ever_confirmed(guarded: Shop) -> None:
    start(guarded)
    on_sale(guarded)
    lose_a_price(guarded, "90.00")
    slip(guarded)
    guarded.run_lane("price")
    assert open_holds(guarded).get().was == D(100)

    guarded.send_again()

    assert prices_there(guarded) == ["100.00", "90.00"]


def test_a_lost_price_does_not_come_back_over_the_one_carried_after_it(guarded: Shop) -> None:
    start(guarded)
    on_sale(guarded)
    lose_a_price(guarded, "90.00")
    for price in ("80.00", "1.00"):
        slip(guarded, price)
        reconnect(guarded)
        publish_all(guarded)
    assert prices_there(guarded) == ["100.00", "90.00", "80.00"]

    guarded.settle()
    guarded.send_again()

    assert prices_there(guarded) == ["100.00", "90.00", "80.00"]
    assert open_holds(guarded).get().was == D(80)


def test_a_listing_comes_back_with_the_price_confirmed_last_and_not_with_one_lost_before(
    guarded: Shop,
) -> None:
    start(guarded)
    on_sale(guarded)
    lose_a_price(guarded, "90.00")
    erp_says(guarded, "80.00")
    guarded.send_again("PAN-1", action=Load.Action.DISCONNECT)
    slip(guarded)

    guarded.connect()

    assert shown(guarded, "PAN-1")[0] == "80.00"
    assert open_holds(guarded).get().was == D(80)


def test_an_approved_price_goes_down_in_steps_and_not_with_content_sent_again(guarded: Shop) -> None:
    guarded.sandbox.change_settings(price_cut_limit=60)
    start(guarded)
    on_sale(guarded)
    slip(guarded, "20.00")
    guarded.run_lane("price")
    assert held.approve(guarded.seller.pk, open_holds(guarded), None) == 1

    reconnect(guarded)
    publish_all(guarded)
    guarded.settle()

    assert prices_there(guarded) == ["100.00", "40.00", "20.00"]
    assert [one.state for one in holds(guarded, "PAN-1")] == [HeldPrice.State.APPROVED]


def test_an_approved_correction_of_what_was_rejected_after_all_goes_out_with_the_next_publication(
    guarded: Shop,
) -> None:
    error = {"code": "SBX-X", "message": "não", "field": "price"}
    unknown = {"sku": "PAN-1", "status": "error", "code": "SBX-SKU-UNKNOWN", "message": "não"}
    none = dict.fromkeys(("listing_id", "url", "price", "list_price", "quantity"))
    start(guarded)
    cataloguing(guarded)
    answer = {"listings": [{"sku": "PAN-1", "state": "rejected", **none, "errors": [error]}]}
    guarded.sandbox.add_fault(match="/v1/listings/read", kind="answer", status=200, body=answer)
    guarded.run_lane("observe")
    assert state(guarded) == Listing.State.ERROR
    slip(guarded, "20.00")
    guarded.run_lane("price")
    assert open_holds(guarded).get().was == D(100)

    held.approve(guarded.seller.pk, open_holds(guarded), None)
    guarded.sandbox.add_fault(match="/v1/prices", kind="answer", status=200, body={"results": [unknown]})
    guarded.run_lane("price")
    assert guarded.sync("PAN-1", "price").drift == "refused"
    reconnect(guarded)
    publish_all(guarded)

    assert prices_there(guarded) == ["100.00", "20.00"]


def test_the_preview_counts_from_the_price_it_went_on_sale_with(guarded: Shop) -> None:
    start(guarded)
    on_sale(guarded)
    erp_says(guarded, "1.00")

    found = price_rules.preview(guarded.connection, Rules(Rule(fixed=D(59)), most_drop=D(50)))

    assert (found.changed, found.now, found.held) == (1, 1, 0)
    assert found.largest_drop is not None
    assert (found.largest_drop.today.price, found.largest_drop.after.price) == (D(100), D(60))
    assert guarded.sync("PAN-1", "price").there == "100.00/100.00"
    assert set(prices_sent(guarded, "PAN-1")) == {"100.00"}


def test_a_publication_that_ended_as_an_error_there_may_have_been_taken_for_all_that(
    guarded: Shop, monkeypatch: Any
) -> None:
    guarded.sell("PAN-2", price="100.00")
    guarded.sandbox.change_settings(processing_seconds=3)
    start(guarded)
    really = SandboxAdapter.publish_content

    def choke_after(adapter: SandboxAdapter, items: Sequence[Any]) -> Any:
        answer = really(adapter, items)
        if any(item.sku == "PAN-1" for item in items):
            raise Unavailable("POST /v1/loads: HTTP 500")
        return answer

    with monkeypatch.context() as here:
        here.setattr(SandboxAdapter, "publish_content", choke_after)
        for _time in range(8):
            try_alone(guarded)
    assert [issue.kind for issue in guarded.issues("PAN-1")] == ["error_there"]
    engine_turns.run_until(lambda: guarded.shown("PAN-1").get("state") == "live")

    slip(guarded)
    guarded.sandbox.change_settings(processing_seconds=0.02)
    guarded.send_again("PAN-1")

    assert shown(guarded, "PAN-1")[0] == "100.00"
    assert open_holds(guarded).get(listing__variation__sku="PAN-1").was == D(100)


def test_what_was_taken_off_sale_before_anybody_heard_of_it_is_weighed_against_what_it_was_sold_at(
    guarded: Shop,
) -> None:
    start(guarded)
    lost_and_live(guarded)
    guarded.send_again("PAN-1", action=Load.Action.DISCONNECT)
    start(guarded)
    refused(guarded)
    assert state(guarded) == Listing.State.ERROR

    slip(guarded)
    guarded.send_again("PAN-1")

    assert shown(guarded, "PAN-1")[0] == "100.00"
    assert open_holds(guarded).get().was == D(100)


@pytest.mark.parametrize("there", ["100.00", "115.00"])
def test_a_frozen_price_that_only_a_publication_carried_stays_with_content_sent_again(
    shop: Shop, there: str
) -> None:
    shop.sell("PAN-1", price="100.00")
    start(shop)
    on_sale(shop)
    drift.set_frozen(
        seller_id=shop.seller.pk, listings=[shop.listing("PAN-1")], facets=["price"], frozen=True, by="Ana"
    )
    if there != "100.00":
        shop.sandbox.set_listing(shop.account["account_id"], "PAN-1", price=there)
        shop.look()
    slip(shop, "90.00")

    reconnect(shop)
    publish_all(shop)

    assert shown(shop, "PAN-1")[0] == there
