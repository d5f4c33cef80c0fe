"""Seen beats said: what differs at the marketplace is found, explained from our own records, and healed."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog.models import Variation
from marketplaces import drift, engine, ledger, observe, services
from marketplaces.models import Exchange, Lane, Listing, Load, Passage, Sync
from orders import queue
from orders.models import Order
from orders.services import cancel
from tests import engine as driver
from tests.marketplaces.shop import Shop, change_product, open_shop, set_qty

pytestmark = pytest.mark.django_db(transaction=True)


def outside(shop: Shop, sku: str, **values: object) -> None:
    """Somebody changes a listing at the marketplace itself."""
    shop.sandbox.set_listing(shop.account["account_id"], sku, **values)


def drift_of(shop: Shop, sku: str, facet: str) -> str:
    return shop.sync(sku, facet).drift


def calls(shop: Shop) -> int:
    """How often anything was sent."""
    sending = Exchange.objects.filter(connection=shop.connection, lane__in=("content", "price", "stock"))
    return sending.count()


def freeze(shop: Shop, sku: str, *facets: str, frozen: bool = True) -> int:
    return drift.set_frozen(
        seller_id=shop.seller.pk, listings=[shop.listing(sku)], facets=facets, frozen=frozen, by="Ana"
    )


# --- the read-back -------------------------------------------------------------------------------


def test_a_price_changed_at_the_marketplace_is_found_named_and_healed(shop: Shop) -> None:
    shop.sell("PAN-1")
    shop.connect()
    outside(shop, "PAN-1", price="99.00")

    shop.look()
    assert drift_of(shop, "PAN-1", "price") == "outside"
    shop.settle()

    assert shop.shown("PAN-1")["price"] == "129.90"
    assert drift_of(shop, "PAN-1", "price") == ""
    outcomes = list(
        Passage.objects.filter(listing=shop.listing("PAN-1"), facet="price")
        .order_by("settled_at")
        .values_list("outcome", "value", "why")
    )
    assert outcomes[-2:] == [("outside", "99.00/99.00", ""), ("confirmed", "129.90/129.90", "heal")]


def test_after_healing_one_more_turn_sends_nothing(shop: Shop) -> None:
    shop.sell("PAN-1")
    shop.connect()
    outside(shop, "PAN-1", price="99.00", quantity=50)
    shop.look()
    shop.settle()
    before = calls(shop)

    shop.look()
    for lane in Lane.objects.filter(connection=shop.connection):
        engine.run(lane.pk)

    assert calls(shop) == before
    assert not drift.rows([shop.connection]).exists()


def test_a_quantity_lower_than_ours_may_be_a_sale_and_is_looked_at_twice(shop: Shop) -> None:
    shop.sell("PAN-1", qty=10)
    shop.connect()
    outside(shop, "PAN-1", quantity=9)

    shop.look()
    assert drift_of(shop, "PAN-1", "stock") == ""
    again = shop.sync("PAN-1", "stock").look_at
    assert again is not None
    assert again <= timezone.now() + observe.SECOND_LOOK
    shop.settle()
    assert shop.shown("PAN-1")["quantity"] == 9

    shop.run_lane("orders")
    shop.look()
    shop.settle()
    assert shop.shown("PAN-1")["quantity"] == 10


def test_a_sale_nobody_has_heard_of_is_not_healed_away_while_orders_do_not_come_in(shop: Shop) -> None:
    shop.sell("PAN-1", qty=1)
    shop.connect()
    shop.run_lane("orders")
    shop.sandbox.add_fault(match="/v1/orders", status=503, times=3)
    order = {"account": shop.account["account_id"], "lines": [{"sku": "PAN-1", "quantity": 1}]}
    shop.sandbox.create_orders([{**order, "status": "approved"}])

    for _look in range(3):
        shop.run_lane("orders")
        shop.look()
        shop.settle()
        assert (shop.shown("PAN-1")["quantity"], drift_of(shop, "PAN-1", "stock")) == (0, "")
    shop.sandbox.clear_faults()
    shop.run_lane("orders")
    for _look in range(2):
        shop.look()
        shop.settle()

    assert (shop.shown("PAN-1")["quantity"], drift_of(shop, "PAN-1", "stock")) == (0, "")


def test_where_no_orders_come_in_a_lower_quantity_is_listed_and_a_person_decides(shop: Shop) -> None:
    shop.sell("PAN-1", qty=10)
    shop.connect()
    services.set_switches(connection=shop.connection, sync_orders=False)
    outside(shop, "PAN-1", quantity=9)

    for _look in range(3):
        shop.look()
        shop.settle()
    assert (shop.shown("PAN-1")["quantity"], drift_of(shop, "PAN-1", "stock")) == (9, "outside")

    drift.heal(connection=shop.connection)
    shop.settle()
    assert (shop.shown("PAN-1")["quantity"], drift_of(shop, "PAN-1", "stock")) == (10, "")


def hear(shop: Shop, *orders: dict[str, Any]) -> None:
    """The marketplace's feed holds these orders, and the hub reads it."""
    page = {"orders": orders, "cursor": "1", "has_more": False}
    shop.sandbox.add_fault(match="/v1/orders", method="GET", kind="answer", status=200, body=page)
    shop.run_lane("orders")


def look_often(shop: Shop) -> tuple[int, str]:
    """Look again and again while orders are heard; returns what is shown and the difference."""
    for _look in range(3):
        shop.look()
        hear(shop)
        shop.run_lane("stock")
    return shop.shown("PAN-1")["quantity"], drift_of(shop, "PAN-1", "stock")


def sell_unreadably(shop: Shop, **odd: object) -> dict[str, Any]:
    """Somebody buys one PAN-1, and nobody here can read the order; returns it as it should have been."""
    order = {"account": shop.account["account_id"], "lines": [{"sku": "PAN-1", "quantity": 1}]}
    (made,) = shop.sandbox.create_orders([{**order, "status": "approved"}])
    hear(shop, {**made, **(odd or {"status": "pre_approved"})})
    return made


@pytest.mark.parametrize("odd", [{"status": "pre_approved"}, {"total": "Infinity"}])
def test_units_of_an_order_nobody_can_read_are_not_healed_back_until_it_is_read(
    shop: Shop, odd: dict[str, str]
) -> None:
    shop.sell("PAN-1", qty=10)
    shop.connect()
    made = sell_unreadably(shop, **odd)
    assert look_often(shop) == (9, "outside")

    hear(shop, {**made, "updated_at": timezone.now().isoformat()})
    assert look_often(shop) == (9, "")
    assert shop.sync("PAN-1", "stock").confirmed_value == "9"


@pytest.mark.parametrize("end", ["queue", "cancel"])
def test_an_unreadable_order_that_a_person_has_dealt_with_keeps_nothing_from_healing(
    shop: Shop, end: str
) -> None:
    shop.sell("PAN-1", qty=10)
    shop.connect()
    sell_unreadably(shop)
    assert look_often(shop) == (9, "outside")

    code = Order.objects.get().code
    if end == "queue":
        queue.put_again(shop.seller, code)
    else:
        cancel(shop.seller, code)
    assert look_often(shop) == (10, "")


@pytest.mark.parametrize("listens", [True, False])
def test_units_of_an_order_nobody_hears_of_are_not_taken_for_an_older_quantity_of_a_publication(
    shop: Shop, *, listens: bool
) -> None:
    pan = shop.sell("PAN-1", qty=10)
    shop.connect()
    for qty in (9, 10):
        set_qty(pan, qty)
        shop.settle()
    shop.sandbox.change_settings(processing_seconds=600)
    listings = Listing.objects.filter(connection=shop.connection)
    services.start_load(connection=shop.connection, action=Load.Action.RECONNECT, listings=listings)
    shop.run_lane("content")
    for qty in (11, 10):
        set_qty(pan, qty)
        shop.run_lane("stock")
    if listens:
        sell_unreadably(shop)
    else:
        services.set_switches(connection=shop.connection, sync_orders=False)
        shop.sandbox.create_orders(
            [{"account": shop.account["account_id"], "lines": [{"sku": "PAN-1", "quantity": 1}]}]
        )

    for _look in range(3):
        shop.look()
        if listens:
            hear(shop)
        shop.run_lane("stock")

    assert (shop.shown("PAN-1")["quantity"], drift_of(shop, "PAN-1", "stock")) == (9, "outside")


def test_an_unreadable_order_says_nothing_of_what_was_sent_after_it(shop: Shop) -> None:
    pan = shop.sell("PAN-1", qty=10)
    shop.connect()
    sell_unreadably(shop)
    set_qty(pan, 8)
    shop.run_lane("stock")
    outside(shop, "PAN-1", quantity=5)
    assert look_often(shop) == (8, "")


def test_an_unreadable_order_does_not_keep_a_higher_quantity_from_healing(shop: Shop) -> None:
    shop.sell("PAN-1", qty=10)
    shop.connect()
    sell_unreadably(shop)
    outside(shop, "PAN-1", quantity=12)
    assert look_often(shop) == (10, "")


def test_an_unreadable_order_of_one_account_says_nothing_of_another(shop: Shop) -> None:
    shop.sell("PAN-1", qty=10)
    shop.connect()
    other = open_shop(shop.sandbox, "Beto")
    other.sell("PAN-1", qty=10)
    other.connect()
    sell_unreadably(other)
    outside(shop, "PAN-1", quantity=9)
    assert look_often(shop) == (10, "")


def test_a_sale_whose_stock_the_erp_has_told_meanwhile_is_no_difference(shop: Shop) -> None:
    variation = shop.sell("PAN-1", qty=10)
    shop.connect()
    outside(shop, "PAN-1", quantity=9)
    shop.look()

    set_qty(variation, 9)
    shop.settle()
    shop.look()

    assert drift_of(shop, "PAN-1", "stock") == ""
    assert shop.shown("PAN-1")["quantity"] == 9


def test_a_marketplace_with_a_will_of_its_own_is_not_healed_for_ever(shop: Shop) -> None:
    shop.sell("PAN-1")
    shop.connect()
    outside(shop, "PAN-1", price="99.00")
    shop.look()
    shop.settle()
    before = calls(shop)

    for _ in range(3):
        outside(shop, "PAN-1", price="99.00")
        shop.look()
        shop.settle()

    assert calls(shop) == before
    assert drift_of(shop, "PAN-1", "price") == "outside"


def test_a_value_seen_right_in_between_is_healed_again(shop: Shop) -> None:
    shop.sell("PAN-1")
    shop.connect()
    for _ in range(2):
        outside(shop, "PAN-1", price="99.00")
        shop.look()
        shop.settle()
        shop.look()

    assert shop.shown("PAN-1")["price"] == "129.90"


def test_where_the_seller_decides_a_difference_is_listed_and_healed_by_a_click(shop: Shop) -> None:
    shop.sell("PAN-1")
    shop.sell("PAN-2")
    shop.connect()
    services.set_switches(connection=shop.connection, auto_heal=False)
    for sku in ("PAN-1", "PAN-2"):
        outside(shop, sku, price="99.00")

    for _ in range(2):
        shop.look()
        shop.settle()
    assert {one.drift for one in drift.rows([shop.connection])} == {"outside"}
    assert shop.shown("PAN-1")["price"] == "99.00"

    assert drift.heal(connection=shop.connection, listing_ids=[shop.listing("PAN-1").pk]) == 1
    shop.settle()
    assert (shop.shown("PAN-1")["price"], shop.shown("PAN-2")["price"]) == ("129.90", "99.00")

    assert drift.heal(connection=shop.connection) == 1
    shop.settle()
    assert shop.shown("PAN-2")["price"] == "129.90"
    assert drift.heal(connection=shop.connection) == 0


def test_a_new_value_goes_out_although_it_equals_what_was_confirmed_before_the_change_outside(
    shop: Shop,
) -> None:
    variation = shop.sell("PAN-1", qty=10)
    shop.connect()
    services.set_switches(connection=shop.connection, auto_heal=False)
    outside(shop, "PAN-1", quantity=99)
    shop.look()

    set_qty(variation, 11)
    set_qty(variation, 10)
    shop.settle()

    assert shop.shown("PAN-1")["quantity"] == 10


def test_a_look_older_than_the_newest_send_proves_nothing(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    asked_at = timezone.now()
    with_old_stock = shop.connection.adapter().read_listings(["PAN-1"])
    set_qty(variation, 4)
    shop.settle()

    observe.note_seen(shop.connection, {"PAN-1": shop.listing("PAN-1").pk}, with_old_stock, asked_at)

    assert shop.sync("PAN-1", "stock").due_at is None
    assert (shop.sync("PAN-1", "stock").confirmed_value, drift_of(shop, "PAN-1", "stock")) == ("4", "")


# --- the round -----------------------------------------------------------------------------------


def test_every_listing_comes_round_within_the_period_and_one_that_sells_sooner(shop: Shop) -> None:
    for number in range(12):
        shop.sell(f"PAN-{number:02d}")
    shop.connect()
    connection = shop.connection
    connection.readback_hours = 6
    connection.save(update_fields=["readback_hours"])
    start = timezone.now()
    Sync.objects.filter(connection=connection).update(received_at=start - timedelta(days=3))
    # One sells: its stock has changed half an hour ago.
    hot = shop.listing("PAN-05").pk
    Sync.objects.filter(listing=hot, facet="stock").update(received_at=start - timedelta(minutes=30))
    lane = Lane.objects.get(connection=connection, kind="observe")
    seen: dict[int, list[datetime]] = {}
    at = start
    while at < start + timedelta(hours=14):
        Lane.objects.filter(pk=lane.pk).update(run_at=start)
        with mock.patch("django.utils.timezone.now", lambda at=at: at):
            engine.run(lane.pk)
        for listing_id, seen_at in Sync.objects.filter(connection=connection, facet="stock").values_list(
            "listing_id", "seen_at"
        ):
            if seen_at is not None and seen_at not in seen.setdefault(listing_id, []):
                seen[listing_id].append(seen_at)
        at += timedelta(minutes=10)

    assert len(seen) == 12
    for looks in seen.values():
        ends = itertools.pairwise([start, *looks, at])
        assert max(later - before for before, later in ends) <= timedelta(hours=6)
    times = Counter({listing_id: len(looks) for listing_id, looks in seen.items()})
    assert times[hot] >= 2 * max(number for listing_id, number in times.items() if listing_id != hot)


def test_a_changed_stock_brings_the_next_look_forward(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    far = timezone.now() + timedelta(hours=20)
    Sync.objects.filter(listing=shop.listing("PAN-1"), facet="stock").update(look_at=far)

    set_qty(variation, 3)
    shop.settle()

    next_look = shop.sync("PAN-1", "stock").look_at
    assert next_look is not None
    assert next_look < timezone.now() + ledger.SOON
    assert shop.sync("PAN-1", "price").look_at is None


def test_what_is_off_sale_is_looked_at_no_more(shop: Shop) -> None:
    shop.sell("PAN-1")
    shop.connect()
    assert shop.sync("PAN-1", "stock").look_at is not None

    shop.send_again("PAN-1", action=Load.Action.DISCONNECT)

    assert shop.sync("PAN-1", "stock").look_at is None


# --- causes --------------------------------------------------------------------------------------


def test_an_older_value_of_ours_is_named_superseded(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    services.set_switches(connection=shop.connection, sync_price=False)
    change_product(variation, price="150.00")
    Sync.objects.filter(connection=shop.connection).update(received_at=timezone.now() - timedelta(hours=1))

    shop.look()

    assert drift_of(shop, "PAN-1", "price") == "superseded"
    services.set_switches(connection=shop.connection, sync_price=True)
    shop.settle()
    assert drift_of(shop, "PAN-1", "price") == ""


def test_a_price_that_never_went_out_is_named_where_it_is_another_than_there(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    services.set_switches(connection=shop.connection, sync_price=False)
    services.start_load(connection=shop.connection, action="connect", variations=Variation.objects.all())
    driver.run_until(lambda: shop.listing("PAN-1").state == Listing.State.CONNECTED)
    Sync.objects.filter(connection=shop.connection).update(received_at=timezone.now() - timedelta(hours=1))

    shop.look()
    assert drift_of(shop, "PAN-1", "price") == "", "the first publication carried it"

    change_product(variation, price="150.00")
    Sync.objects.filter(connection=shop.connection).update(received_at=timezone.now() - timedelta(hours=1))
    shop.look()
    assert drift_of(shop, "PAN-1", "price") == "never_sent"


def test_a_refused_value_is_a_difference_at_once_and_trying_again_is_a_click(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    change_product(variation, price="0.00")
    shop.settle()
    assert drift_of(shop, "PAN-1", "price") == "refused"
    shop.look()
    assert drift_of(shop, "PAN-1", "price") == "refused"

    assert drift.heal(connection=shop.connection, causes=["refused"]) == 1
    shop.settle()
    assert drift_of(shop, "PAN-1", "price") == "refused"
    change_product(variation, price="140.00")
    shop.settle()
    assert drift_of(shop, "PAN-1", "price") == ""
    assert shop.shown("PAN-1")["price"] == "140.00"


def test_with_a_switch_off_what_was_changed_there_is_named_so_at_once(shop: Shop) -> None:
    variation = shop.sell("PAN-1", qty=20)
    shop.connect()
    services.set_switches(connection=shop.connection, sync_price=False, sync_stock=False)
    change_product(variation, price="150.00")
    set_qty(variation, 8)
    outside(shop, "PAN-1", price="1.00", quantity=500)

    for _look in range(2):
        shop.look()
        assert {facet: drift_of(shop, "PAN-1", facet) for facet in ("price", "stock")} == {
            "price": "outside",
            "stock": "outside",
        }
    kept = Passage.objects.filter(listing=shop.listing("PAN-1"), outcome="outside")
    assert sorted(kept.values_list("value", flat=True)) == ["1.00/1.00", "500"]

    services.set_switches(connection=shop.connection, sync_price=True, sync_stock=True)
    shop.settle()
    shown = shop.shown("PAN-1")
    assert (shown["price"], shown["quantity"]) == ("150.00", 8)
    assert not drift.rows([shop.connection]).exists()
    assert shop.sync("PAN-1", "price").asked_by == ""


def test_with_a_switch_off_an_older_value_of_ours_is_told_from_a_stranger(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    for price in ("140.00", "145.00"):
        change_product(variation, price=price)
        shop.settle()
    services.set_switches(connection=shop.connection, sync_price=False)
    change_product(variation, price="150.00")

    seen = []
    for price in ("145.00", "129.90", "131.00"):
        outside(shop, "PAN-1", price=price)
        shop.look()
        seen.append(drift_of(shop, "PAN-1", "price"))
    assert seen == ["superseded", "superseded", "outside"]


def test_what_somebody_set_there_to_what_is_wanted_anyway_is_no_difference(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    services.set_switches(connection=shop.connection, sync_price=False)
    change_product(variation, price="150.00")
    outside(shop, "PAN-1", price="150.00")

    shop.look()

    assert drift_of(shop, "PAN-1", "price") == ""
    assert not Passage.objects.filter(outcome="outside").exists()


def test_with_the_switch_off_a_lower_quantity_may_still_be_a_sale(shop: Shop) -> None:
    variation = shop.sell("PAN-1", qty=20)
    shop.connect()
    services.set_switches(connection=shop.connection, sync_stock=False)
    set_qty(variation, 8)
    outside(shop, "PAN-1", quantity=19)

    shop.look()
    assert drift_of(shop, "PAN-1", "stock") == ""
    again = shop.sync("PAN-1", "stock").look_at
    assert again is not None
    assert again <= timezone.now() + observe.SECOND_LOOK

    shop.run_lane("orders")
    shop.look()
    assert drift_of(shop, "PAN-1", "stock") == "outside"


def test_a_newer_value_on_its_way_is_no_difference_for_a_moment(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    change_product(variation, price="150.00")
    outside(shop, "PAN-1", price="1.00")

    shop.look()

    assert drift_of(shop, "PAN-1", "price") == ""


def test_what_a_switch_keeps_back_is_neither_healed_nor_counted(shop: Shop) -> None:
    shop.sell("PAN-1", qty=10)
    shop.connect()
    services.set_switches(connection=shop.connection, auto_heal=False, sync_price=False)
    outside(shop, "PAN-1", price="1.00", quantity=500)
    shop.look()

    assert drift.heal(connection=shop.connection, facets=["price"]) == 0
    assert shop.sync("PAN-1", "price").due_at is None
    assert drift.heal(connection=shop.connection) == 1
    shop.settle()

    shown = shop.shown("PAN-1")
    assert (shown["price"], shown["quantity"]) == ("1.00", 10)
    assert drift_of(shop, "PAN-1", "price") == "outside"


def test_a_refusal_is_no_difference_where_both_sides_agree(shop: Shop) -> None:
    variation = shop.sell("PAN-1-METADE", qty=10)
    shop.connect()
    set_qty(variation, 20)
    shop.settle()
    assert drift_of(shop, "PAN-1-METADE", "stock") == "refused"
    outside(shop, "PAN-1-METADE", quantity=20)

    shop.look()
    assert drift_of(shop, "PAN-1-METADE", "stock") == ""

    outside(shop, "PAN-1-METADE", quantity=7)
    shop.look()
    assert drift_of(shop, "PAN-1-METADE", "stock") == "refused"


# --- frozen --------------------------------------------------------------------------------------


def test_nothing_of_what_is_frozen_is_sent_and_released_it_goes_out(shop: Shop) -> None:
    variation = shop.sell("PAN-1", qty=10)
    shop.connect()
    assert freeze(shop, "PAN-1", "price", "stock") == 2
    before = calls(shop)

    change_product(variation, price="150.00")
    set_qty(variation, 4)
    outside(shop, "PAN-1", price="88.00")
    shop.look()
    drift.heal(connection=shop.connection)
    services.retry_facet(listing=shop.listing("PAN-1"), facet="price")
    services.send_terms_again(connection=shop.connection, listings=Listing.objects.all())
    shop.settle()

    assert calls(shop) == before
    shown = shop.shown("PAN-1")
    assert (shown["price"], shown["quantity"]) == ("88.00", 10)
    assert shop.sync("PAN-1", "price").seen_value == "88.00/88.00"
    assert {one.drift for one in drift.rows([shop.connection])} == {"frozen"}

    assert freeze(shop, "PAN-1", "price", "stock", frozen=False) == 2
    shop.settle()
    shown = shop.shown("PAN-1")
    assert (shown["price"], shown["quantity"]) == ("150.00", 4)
    assert not drift.rows([shop.connection]).exists()


def test_released_without_a_difference_nothing_is_sent(shop: Shop) -> None:
    shop.sell("PAN-1")
    shop.connect()
    freeze(shop, "PAN-1", "price", "stock")
    before = calls(shop)

    freeze(shop, "PAN-1", "price", "stock", frozen=False)
    shop.settle()

    assert calls(shop) == before


def test_released_after_a_change_outside_the_catalogues_value_comes_back(shop: Shop) -> None:
    shop.sell("PAN-1")
    shop.connect()
    freeze(shop, "PAN-1", "price")
    outside(shop, "PAN-1", price="88.00")
    shop.look()

    freeze(shop, "PAN-1", "price", frozen=False)
    shop.settle()

    assert shop.shown("PAN-1")["price"] == "129.90"


def test_frozen_content_is_left_out_of_loads_but_can_be_taken_off_sale(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    freeze(shop, "PAN-1", "content")
    change_product(variation, name="Panela de pressão com nome novo")

    for action, chosen in (
        ("reconnect", {"listings": Listing.objects.all()}),
        ("connect", {"variations": Variation.objects.all()}),
    ):
        with pytest.raises(services.NotPossible):
            services.start_load(connection=shop.connection, action=action, **chosen)
    assert shop.shown("PAN-1")["title"] == "Panela de pressão PAN-1 4,5 litros"

    shop.send_again("PAN-1", action=Load.Action.DISCONNECT)
    assert shop.listing("PAN-1").state == Listing.State.DISCONNECTED
    shop.connect("PAN-1")
    assert shop.shown("PAN-1")["title"] == "Panela de pressão com nome novo"


def test_frozen_content_does_not_follow_until_it_is_released(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    services.set_switches(connection=shop.connection, sync_content=True)
    freeze(shop, "PAN-1", "content")
    change_product(variation, name="Panela de pressão com nome novo")
    services.set_switches(connection=shop.connection, sync_content=False)
    services.set_switches(connection=shop.connection, sync_content=True)
    shop.settle()
    assert shop.shown("PAN-1")["title"] == "Panela de pressão PAN-1 4,5 litros"

    freeze(shop, "PAN-1", "content", frozen=False)
    driver.run_until(lambda: shop.shown("PAN-1")["title"] == "Panela de pressão com nome novo")


def test_a_reconnected_listing_keeps_its_frozen_price(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    freeze(shop, "PAN-1", "price")
    change_product(variation, price="150.00")

    shop.send_again("PAN-1")

    assert drift_of(shop, "PAN-1", "price") == "frozen"
    assert shop.sync("PAN-1", "price").due_at is None


def test_the_database_lets_nothing_frozen_be_due(shop: Shop) -> None:
    shop.sell("PAN-1")
    shop.connect()
    freeze(shop, "PAN-1", "stock")
    row = Sync.objects.filter(listing=shop.listing("PAN-1"), facet="stock")

    for change in ({"due_at": timezone.now()}, {"follows": True}, {"drift": ""}):
        with transaction.atomic(), pytest.raises(IntegrityError, match="frozen_is_still"):
            row.update(**change)


def test_a_stranger_freezes_and_heals_nothing(shop: Shop) -> None:
    shop.sell("PAN-1")
    shop.connect()
    other = open_shop(shop.sandbox, "Beto")

    changed = drift.set_frozen(
        seller_id=other.seller.pk, listings=[shop.listing("PAN-1")], facets=["price"], frozen=True, by="Beto"
    )

    assert changed == 0
    Sync.objects.filter(facet="price").update(drift="outside")
    assert drift.heal(connection=other.connection, listing_ids=[shop.listing("PAN-1").pk]) == 0
    assert shop.sync("PAN-1", "price").due_at is None


# --- gone ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fate", ["withdrawn", "absent"])
def test_a_listing_that_vanished_there_is_shown_and_published_again(shop: Shop, fate: str) -> None:
    shop.sell("PAN-1")
    shop.connect()
    outside(shop, "PAN-1", state=fate)

    shop.look()
    listing = shop.listing("PAN-1")
    assert (listing.state, listing.gone_as) == ("connected", fate)
    since = listing.gone_at
    shop.look()
    assert shop.listing("PAN-1").gone_at == since

    load = drift.publish_gone_again(connection=shop.connection, listings=Listing.objects.all())
    assert load.total == 1
    shop.settle()
    assert shop.shown("PAN-1")["state"] == "live"
    assert shop.listing("PAN-1").gone_at is None


def vanish_while_catalogued(shop: Shop, fate: str) -> Load:
    """A listing that is being catalogued is there no more, and was looked at since."""
    shop.sandbox.change_settings(cataloguing_seconds=3600)
    shop.sell("PAN-1")
    load = services.start_load(
        connection=shop.connection, action="connect", variations=shop.seller.variations.all()
    )
    driver.run_until(lambda: shop.listing("PAN-1").state == Listing.State.CATALOGUING)
    driver.run_until(lambda: not Sync.objects.filter(due_at__isnull=False).exists())
    outside(shop, "PAN-1", state=fate)
    shop.run_lane("observe")
    assert shop.listing("PAN-1").gone_at is None, "the marketplace's books may lag behind"
    Listing.objects.update(state_at=timezone.now() - observe.VANISHES_AFTER)
    shop.run_lane("observe")
    listing = shop.listing("PAN-1")
    assert (listing.state, listing.gone_as) == (Listing.State.CATALOGUING, fate)
    return load


@pytest.mark.parametrize("fate", ["withdrawn", "absent"])
def test_a_listing_that_vanished_while_it_was_catalogued_is_an_error_after_a_while(
    shop: Shop, fate: str
) -> None:
    load = vanish_while_catalogued(shop, fate)
    Listing.objects.update(gone_at=timezone.now() - observe.COMES_BACK)

    shop.run_lane("observe")

    listing = shop.listing("PAN-1")
    assert (listing.state, listing.gone_at) == (Listing.State.ERROR, None)
    assert "not_found" in [issue.kind for issue in shop.issues("PAN-1") if issue.facet == "content"]
    load.refresh_from_db()
    assert load.state == Load.State.DONE
    before = Exchange.objects.filter(lane="observe").count()
    shop.run_lane("observe")
    assert Exchange.objects.filter(lane="observe").count() == before, "it is watched no more"


def test_a_listing_that_comes_back_while_it_is_catalogued_is_gone_no_more(shop: Shop) -> None:
    vanish_while_catalogued(shop, "absent")
    with shop.sandbox.market.store.transaction() as db:
        db.execute("UPDATE listing SET vanish_at = NULL")

    shop.run_lane("observe")

    listing = shop.listing("PAN-1")
    assert (listing.state, listing.gone_at) == (Listing.State.CATALOGUING, None)


def test_a_listing_that_vanished_while_it_was_catalogued_is_accepted_as_off_sale(shop: Shop) -> None:
    load = vanish_while_catalogued(shop, "absent")

    assert drift.accept_gone(connection=shop.connection, listings=Listing.objects.all()) == 1

    assert shop.listing("PAN-1").state == Listing.State.DISCONNECTED
    load.refresh_from_db()
    assert load.state == Load.State.DONE


def test_a_listing_that_vanished_there_is_accepted_as_off_sale(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    outside(shop, "PAN-1", state="withdrawn")
    shop.look()

    assert drift.accept_gone(connection=shop.connection, listings=Listing.objects.all()) == 1
    before = calls(shop)
    set_qty(variation, 2)
    shop.settle()

    listing = shop.listing("PAN-1")
    assert (listing.state, listing.intent, listing.gone_at) == ("disconnected", "withdrawn", None)
    assert calls(shop) == before
    shop.connect("PAN-1")
    assert (shop.shown("PAN-1")["state"], shop.shown("PAN-1")["quantity"]) == ("live", 2)


def test_a_listing_that_comes_back_is_gone_no_more(shop: Shop) -> None:
    shop.sell("PAN-1")
    shop.connect()
    Listing.objects.update(gone_at=timezone.now(), gone_as="absent")

    shop.look()

    assert shop.listing("PAN-1").gone_at is None


def test_what_the_marketplace_rejects_after_all_is_an_error_that_an_erp_change_corrects(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    refusal = [{"code": "SBX-MODERATION-TITLE", "message": "O título foi recusado.", "field": "title"}]
    with shop.sandbox.market.store.transaction() as db:
        db.execute("UPDATE listing SET state = 'rejected', errors = ?", [json.dumps(refusal)])

    shop.look()
    assert shop.listing("PAN-1").state == Listing.State.ERROR
    assert [issue.code for issue in shop.issues("PAN-1")] == ["SBX-MODERATION-TITLE"]

    change_product(variation, name="Panela de pressão sem o que incomodava")
    shop.settle()

    assert shop.issues("PAN-1") == []
    assert shop.listing("PAN-1").corrected_at is not None
