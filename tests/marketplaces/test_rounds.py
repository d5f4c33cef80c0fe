"""Calls that go out right after one another are prepared and written down together, and promise no less."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection as database
from django.db.models import F
from django.utils import timezone

from catalog.models import Product, Variation
from marketplaces import engine
from marketplaces.contract import Unavailable
from marketplaces.models import Exchange, Lane, Passage, Sync
from marketplaces.record import Record
from tests import bulk
from tests.marketplaces.shop import Shop, set_qty

pytestmark = pytest.mark.django_db(transaction=True)

LISTINGS = 250
"""Three calls of at most a hundred."""
QUICK, SLOW = 0.001, 1.0
"""Seconds a call took of late."""


@pytest.fixture
def big(shop: Shop) -> Shop:
    """Ana sells 250 things; nothing is due."""
    bulk.put_on_sale(
        database.connection,
        seller_id=shop.seller.pk,
        connection_id=shop.connection.pk,
        prefix="R-N",
        products=LISTINGS,
    )
    memory = Path(shop.sandbox._folder.name)  # type: ignore[union-attr]
    bulk.show_in_the_sandbox(memory, shop.account["account_id"], bulk.skus("R-N", LISTINGS))
    return shop


def a_turn(shop: Shop, kind: str, *, seconds_a_call: float = QUICK) -> engine.Turn:
    """A worker's turn whose calls have been quick, or slow, so far."""
    lane = Lane.objects.select_related("connection__marketplace", "connection__seller").get(
        connection=shop.connection, kind=kind
    )
    record = Record(lane)
    return engine.Turn(lane, lane.connection.adapter(record.hear), record, seconds_a_call=seconds_a_call)


def change_everything(shop: Shop, kind: str) -> None:
    if kind == "price":
        Product.objects.filter(seller=shop.seller).update(price=Decimal("101.00"))
    else:
        Variation.objects.filter(seller=shop.seller).update(qty=7)


def stands(shop: Shop, kind: str) -> dict[str, int]:
    """How many values are in force, may be in force, and were not sent."""
    rows = Sync.objects.filter(connection=shop.connection, facet=kind)
    due = rows.filter(due_at__isnull=False, submission__isnull=True)
    return {
        "confirmed": rows.filter(confirmed_version=F("wanted_version"), due_at__isnull=True).count(),
        "uncertain": due.filter(sent_version__gt=F("confirmed_version")).count(),
        "untouched": due.filter(sent_version=F("confirmed_version")).count(),
    }


def change_during_the_first_call(shop: Shop, variation: Variation) -> None:
    """Run the stock lane; the ERP sends another quantity as soon as its first call has arrived."""

    def change() -> None:
        try:
            until = time.monotonic() + 10
            while shop.sandbox.stats()["faults_waiting"] and time.monotonic() < until:
                time.sleep(0.01)
            set_qty(variation, 3)
        finally:
            database.close()

    erp = threading.Thread(target=change)
    erp.start()
    engine.RUNNERS["stock"](a_turn(shop, "stock"))
    erp.join()
    shop.settle()


def queries_of(turn: engine.Turn) -> list[str]:
    said: list[str] = []

    def note(execute: object, sql: str, *rest: object) -> object:
        said.append(sql)
        return execute(sql, *rest)  # type: ignore[operator]

    with database.execute_wrapper(note):
        engine.RUNNERS[turn.lane.kind](turn)
    return said


@pytest.mark.parametrize("kind", ["price", "stock"])
def test_three_calls_are_taken_marked_and_confirmed_at_once(big: Shop, kind: str) -> None:
    change_everything(big, kind)
    turn = a_turn(big, kind)

    said = queries_of(turn)

    assert stands(big, kind) == {"confirmed": LISTINGS, "uncertain": 0, "untouched": 0}
    assert [len(one.skus) for one in turn.record.exchanges] == [100, 100, 50]
    assert len({sku for one in turn.record.exchanges for sku in one.skus}) == LISTINGS
    assert sum("SET sent_version" in sql for sql in said) == 1
    assert sum("confirmed_at = clock_timestamp()" in sql for sql in said) == 1
    stamped = Sync.objects.filter(connection=big.connection, facet=kind)
    last_call = max(one.started_at for one in turn.record.exchanges)
    assert not stamped.filter(sent_at__gt=last_call).exists()


@pytest.mark.parametrize("kind", ["price", "stock"])
def test_an_error_in_the_second_call_leaves_the_first_confirmed_and_the_third_untouched(
    big: Shop, kind: str
) -> None:
    change_everything(big, kind)
    path = "/v1/prices" if kind == "price" else "/v1/stock"
    big.sandbox.add_fault(match=path, kind="slow", seconds=0.01)
    big.sandbox.add_fault(match=path, status=504, after_commit=True)

    with pytest.raises(Unavailable):
        engine.RUNNERS[kind](a_turn(big, kind))

    assert stands(big, kind) == {"confirmed": 100, "uncertain": 100, "untouched": 50}
    big.settle()
    assert stands(big, kind) == {"confirmed": LISTINGS, "uncertain": 0, "untouched": 0}
    calls = big.sandbox.stats()["calls"]
    engine.run(Lane.objects.get(connection=big.connection, kind=kind).pk)
    assert big.sandbox.stats()["calls"] == calls, "one more turn sends nothing"


def test_what_was_uncertain_before_stays_so_when_its_call_is_not_made(big: Shop) -> None:
    change_everything(big, "stock")
    last = Sync.objects.filter(connection=big.connection, facet="stock").order_by("-due_at", "-listing_id")[
        :10
    ]
    Sync.objects.filter(pk__in=[one.pk for one in last]).update(sent_version=F("wanted_version"))
    big.sandbox.add_fault(match="/v1/stock", status=503)

    with pytest.raises(Unavailable):
        engine.RUNNERS["stock"](a_turn(big, "stock"))

    assert stands(big, "stock") == {"confirmed": 0, "uncertain": 110, "untouched": 140}


def test_a_quantity_that_changes_before_its_call_goes_out_again_afterwards(big: Shop) -> None:
    change_everything(big, "stock")
    last = Sync.objects.filter(connection=big.connection, facet="stock").order_by("-due_at", "-listing_id")[0]
    variation = last.listing.variation
    big.sandbox.add_fault(match="/v1/stock", kind="slow", seconds=0.3)

    change_during_the_first_call(big, variation)

    assert big.shown(variation.sku)["quantity"] == 3
    ways = Passage.objects.filter(listing_id=last.listing_id, facet="stock").order_by("version")
    assert [(one.outcome, one.value) for one in ways] == [("confirmed", "7"), ("confirmed", "3")]
    assert all(one.sent_at and one.received_at and one.sent_at >= one.received_at for one in ways)


def test_a_value_prepared_before_a_call_that_took_long_is_looked_up_again(big: Shop) -> None:
    change_everything(big, "stock")
    last = Sync.objects.filter(connection=big.connection, facet="stock").order_by("-due_at", "-listing_id")[0]
    variation = last.listing.variation
    big.sandbox.add_fault(match="/v1/stock", kind="slow", seconds=engine.TOO_OLD + 0.1)

    change_during_the_first_call(big, variation)

    ways = Passage.objects.filter(listing_id=last.listing_id, facet="stock").order_by("version")
    assert [(one.outcome, one.value) for one in ways] == [("confirmed", "3")]
    assert stands(big, "stock") == {"confirmed": LISTINGS, "uncertain": 0, "untouched": 0}


def test_what_is_urgent_waits_for_the_call_being_made_and_not_for_those_prepared(big: Shop) -> None:
    change_everything(big, "price")
    Lane.objects.update(queued_at=None)
    a_while_ago = timezone.now() - timedelta(seconds=1)
    Lane.objects.filter(kind="fulfilment").update(queued_at=a_while_ago, run_at=a_while_ago)
    big.sandbox.add_fault(match="/v1/prices", kind="slow", seconds=0.3)

    turn = a_turn(big, "price")
    engine.RUNNERS["price"](turn)

    assert len(turn.record.exchanges) == 1
    assert stands(big, "price") == {"confirmed": 100, "uncertain": 0, "untouched": 150}
    assert not Passage.objects.filter(outcome="unanswered").exists()


def test_a_refused_call_is_halved_and_those_after_it_go_out(big: Shop) -> None:
    change_everything(big, "price")
    big.sandbox.add_fault(match="/v1/prices", status=422)

    turn = a_turn(big, "price")
    engine.RUNNERS["price"](turn)

    assert stands(big, "price") == {"confirmed": LISTINGS, "uncertain": 0, "untouched": 0}
    assert [len(one.skus) for one in turn.record.exchanges] == [100, 50, 50, 100, 50]


def test_calls_are_prepared_together_only_where_they_go_out_within_a_moment(shop: Shop) -> None:
    marketplace = shop.connection.marketplace

    def together(per_second: int, seconds_a_call: float = QUICK, of_all: int | None = None) -> int:
        marketplace.calls_per_second = Decimal(per_second)
        marketplace.calls_per_second_of_all = Decimal(of_all) if of_all else None
        marketplace.save()
        return a_turn(shop, "price", seconds_a_call=seconds_a_call).calls_together()

    assert [together(2), together(9), together(20), together(50)] == [1, 2, 6, 10]
    assert together(50, SLOW) == 1, "what is prepared would be a second old"
    assert together(50, of_all=5) == 1


def test_a_turn_prepares_one_call_until_it_knows_how_long_they_take(big: Shop) -> None:
    change_everything(big, "price")
    lane = Lane.objects.get(connection=big.connection, kind="price")

    engine.run(lane.pk)

    assert Exchange.objects.filter(connection=big.connection, lane="price").count() == 3
