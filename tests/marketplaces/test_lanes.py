"""Lanes: one worker each, in order of urgency, at the marketplace's pace."""

from __future__ import annotations

import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.utils import timezone
from django_q.models import OrmQ

from catalog.models import Product
from marketplaces import engine, ledger, line
from marketplaces.contract import Facet, Throttled
from marketplaces.models import Connection, Lane, Marketplace, Pace, SharedPace, Sync
from marketplaces.record import Record
from tests import bulk
from tests.marketplaces.shop import Shop, open_shop, set_qty

pytestmark = pytest.mark.django_db(transaction=True)


def in_threads(count: int, work: object) -> None:
    def run() -> None:
        try:
            work()  # type: ignore[operator]
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_eight_workers_never_hold_the_same_lane(shop: Shop) -> None:
    lanes = list(Lane.objects.values_list("pk", flat=True))
    taken: Counter[int] = Counter()

    def claim_all() -> None:
        for lane in lanes:
            if Lane.objects.claim(lane, timezone.now(), timedelta(minutes=1)):
                taken[lane] += 1

    in_threads(8, claim_all)

    assert taken == dict.fromkeys(lanes, 1)


def test_a_dead_workers_lane_is_free_when_its_lease_ran_out(shop: Shop) -> None:
    lane = Lane.objects.get(kind="stock")
    now = timezone.now()
    assert Lane.objects.claim(lane.pk, now, engine.LEASE)
    assert Lane.objects.claim(lane.pk, now + engine.LEASE / 2, engine.LEASE) is None
    assert Lane.objects.claim(lane.pk, now + engine.LEASE * 2, engine.LEASE)


def test_several_dispatchers_ask_for_one_worker_per_lane(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    OrmQ.objects.all().delete()
    Lane.objects.update(queued_at=None, run_at=timezone.now() + timedelta(hours=1))
    Lane.objects.filter(kind="stock").update(run_at=timezone.now())
    set_qty(variation, 1)

    in_threads(4, lambda: engine.dispatch(timezone.now()))

    assert OrmQ.objects.count() == 1


def test_a_lost_task_queue_costs_one_sweep_and_nothing_else(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    set_qty(variation, 1)
    engine.dispatch(timezone.now())
    OrmQ.objects.all().delete()

    assert engine.due_lanes(timezone.now()) == []
    later = timezone.now() + engine.ASK_AGAIN + timedelta(seconds=1)
    assert Lane.objects.get(kind="stock").pk in engine.due_lanes(later)


def test_stock_goes_before_price_and_price_before_content(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    Lane.objects.update(queued_at=None)
    Lane.objects.exclude(kind__in=Lane.FACETS).update(run_at=timezone.now() + timedelta(hours=1))
    shop.connection.refresh_from_db()
    from marketplaces import services

    services.set_switches(connection=shop.connection, sync_content=True)
    variation.product.name, variation.product.price = "Outro nome de panela", Decimal("10.00")
    variation.product.save()
    set_qty(variation, 1)

    kinds = [Lane.objects.get(pk=pk).kind for pk in engine.due_lanes(timezone.now())]

    assert kinds == ["stock", "price", "content"]


@pytest.mark.parametrize("what", ["paused", "disabled", "seller", "marketplace"])
def test_no_lane_of_a_stopped_connection_runs(shop: Shop, what: str) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    set_qty(variation, 1)
    Lane.objects.update(queued_at=None, run_at=timezone.now())
    connection, marketplace = shop.connection, shop.connection.marketplace
    match what:
        case "paused":
            Connection.objects.filter(pk=connection.pk).update(status=Connection.Status.PAUSED)
        case "disabled":
            marketplace.is_enabled = False
            marketplace.save()
        case "seller":
            shop.seller.is_active = False
            shop.seller.save()
        case "marketplace":
            marketplace.paused_until = timezone.now() + timedelta(hours=1)
            marketplace.save()

    assert engine.due_lanes(timezone.now()) == []
    assert engine.run(Lane.objects.get(kind="stock").pk) is False
    assert shop.shown("PAN-1")["quantity"] == 10


def test_workers_together_never_exceed_the_pace(shop: Shop) -> None:
    marketplace = shop.connection.marketplace
    marketplace.calls_per_second = Decimal(20)
    marketplace.save()
    connection = Connection.objects.select_related("marketplace").get(pk=shop.connection.pk)
    moments: list[float] = []
    guard = threading.Lock()

    def call() -> None:
        for _ in range(5):
            wait = Pace.reserve(connection, 10)
            assert wait is not None
            time.sleep(wait)
            with guard:
                moments.append(time.monotonic())

    in_threads(4, call)

    moments.sort()
    # Twenty calls at twenty a second take nineteen intervals; the threads' own delays only add to it.
    assert moments[-1] - moments[0] > 0.85


def test_a_wait_longer_than_allowed_takes_no_slot(shop: Shop) -> None:
    Pace.objects.update(next_at=timezone.now() + timedelta(seconds=60))
    before = Pace.objects.get(connection=shop.connection).next_at
    assert Pace.reserve(shop.connection, 2) is None
    assert Pace.objects.get(connection=shop.connection).next_at == before


def test_prices_take_the_slots_that_stock_lets_pass_and_no_others(shop: Shop) -> None:
    connection, second = shop.connection, timedelta(seconds=1)
    shop.sell("PAN-1")
    shop.connect()
    connection.marketplace.calls_per_second = Decimal(1)
    rested = timezone.now() - timedelta(minutes=1)
    Lane.objects.update(queued_at=None, run_at=rested)
    Lane.objects.filter(kind="stock").update(queued_at=timezone.now())

    def next_slot(moment: timedelta) -> None:
        Pace.objects.update(next_at=timezone.now() + moment)

    next_slot(-second)
    assert Pace.reserve(connection, 2, "price") is not None, "stock has let this one pass"
    next_slot(second * 0)
    assert Pace.reserve(connection, 2, "price") is None, "stock may still come for it"
    next_slot(second)
    assert Pace.reserve(connection, 2, "price") is None
    assert Pace.reserve(connection, 2, "content") is None
    assert Pace.reserve(connection, 2, "stock") is not None

    Lane.objects.update(queued_at=None)
    next_slot(second)
    assert Pace.reserve(connection, 2, "price") is not None, "nobody else wants any"
    next_slot(second)
    Lane.objects.filter(kind="stock").update(run_at=timezone.now() + second / 2)
    assert Pace.reserve(connection, 2, "price") is not None, "there is no stock to send"
    next_slot(second)
    Sync.objects.filter(facet="stock").update(due_at=timezone.now())
    assert Pace.reserve(connection, 2, "price") is None, "stock made room, and comes back for its slot"


def test_a_lane_keeps_its_worker_where_only_lesser_lanes_of_its_account_wait(shop: Shop) -> None:
    other = open_shop(shop.sandbox, "Bia")
    waiting = timezone.now() - timedelta(seconds=1)
    Lane.objects.update(queued_at=None)
    stock, price = (Lane.objects.get(connection=shop.connection, kind=kind) for kind in ("stock", "price"))

    def waits(lane: Lane) -> bool:
        return line.someone_waits(timezone.now(), urgent=False, instead_of=lane)

    Lane.objects.filter(connection=shop.connection, kind="content").update(queued_at=waiting)
    assert not waits(stock)
    assert not waits(price)
    Lane.objects.filter(pk=stock.pk).update(queued_at=waiting)
    assert waits(price)
    Lane.objects.filter(connection=shop.connection).update(queued_at=None)
    Lane.objects.filter(connection=other.connection, kind="content").update(queued_at=waiting)
    assert waits(stock)


def test_a_limit_that_accounts_share_goes_to_anothers_stock_before_our_prices(shop: Shop) -> None:
    other = open_shop(shop.sandbox, "Bia")
    marketplace = other.connection.marketplace
    marketplace.calls_per_second_of_all = Decimal(1)
    marketplace.save()
    Lane.objects.update(queued_at=None)
    assert SharedPace.reserve(marketplace, 2, "price") == 0

    Lane.objects.filter(connection=other.connection, kind="stock").update(queued_at=timezone.now())
    assert SharedPace.reserve(marketplace, 2, "price") is None
    assert SharedPace.reserve(marketplace, 2, "stock") is not None


def test_to_look_for_a_slot_in_vain_writes_nothing(shop: Shop) -> None:
    marketplace = shop.connection.marketplace
    marketplace.calls_per_second_of_all = Decimal(1)
    assert SharedPace.reserve(marketplace, 2, "stock") == 0
    Lane.objects.filter(kind="stock").update(queued_at=timezone.now())
    SharedPace.objects.update(next_at=timezone.now())

    def version() -> object:
        with connection.cursor() as cursor:
            cursor.execute("SELECT ctid::text, xmin::text, xmax::text FROM marketplaces_sharedpace")
            return cursor.fetchone()

    before = version()
    assert SharedPace.reserve(marketplace, 2, "price") is None
    assert version() == before


def test_after_a_429_no_lane_of_the_account_calls_before_it_may(shop: Shop) -> None:
    lane = Lane.objects.select_related("connection__marketplace").get(kind="orders")
    turn = engine.Turn(lane, shop.connection.adapter(), Record(lane))

    def refused() -> None:
        raise Throttled("HTTP 429", retry_after=timedelta(seconds=30))

    with pytest.raises(Throttled):
        turn.call(refused)

    assert Pace.free_in(shop.connection) > 25
    assert Pace.reserve(shop.connection, 2, "fulfilment") is None


def test_a_worker_takes_a_stock_zero_before_all_that_waited_longer(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    other = open_shop(shop.sandbox, "Bia")
    long_ago = timezone.now() - timedelta(minutes=10)
    Lane.objects.update(queued_at=None)
    Lane.objects.filter(connection=other.connection, kind__in=("price", "stock", "observe")).update(
        queued_at=long_ago, run_at=long_ago
    )
    set_qty(variation, 0)
    Lane.objects.filter(connection=shop.connection, kind="stock").update(queued_at=timezone.now())

    taken = [line.take(timezone.now(), engine.LEASE) for _ in range(5)]

    assert [(lane.connection_id == shop.connection.pk, lane.kind) for lane in taken if lane] == [
        (True, "stock"),
        (False, "stock"),
        (False, "price"),
        (False, "observe"),
    ]


def test_a_lane_at_work_makes_room_for_what_is_urgent_and_later_for_everybody(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    Lane.objects.update(queued_at=None)
    lane = Lane.objects.select_related("connection__marketplace").get(kind="price")
    turn = engine.Turn(lane, shop.connection.adapter(), Record(lane))

    def looks_around_after(seconds: float) -> bool:
        turn.started, turn._looked = time.monotonic() - seconds, time.monotonic() - 1
        return turn.has_time()

    assert looks_around_after(2)
    waiting = timezone.now() - timedelta(seconds=1)
    Lane.objects.filter(kind="stock").update(queued_at=waiting)
    set_qty(variation, 5)
    assert looks_around_after(0.5), "a quantity like any other waits a second"
    assert not looks_around_after(2)
    set_qty(variation, 0)
    assert not looks_around_after(0.5)


def test_a_task_is_lost_only_where_there_are_fewer_of_them_than_lanes(shop: Shop) -> None:
    """A long line is no reason to ask again and again."""
    OrmQ.objects.all().delete()
    now = timezone.now()
    Lane.objects.update(queued_at=None, run_at=now)
    lanes = engine.dispatch(now)
    assert OrmQ.objects.count() == lanes > 1

    engine.dispatch(now + 2 * engine.ASK_AGAIN)
    assert OrmQ.objects.count() == lanes
    OrmQ.objects.filter(pk__in=list(OrmQ.objects.values_list("pk", flat=True)[:1])).delete()
    engine.dispatch(now + 2 * engine.ASK_AGAIN)
    assert OrmQ.objects.count() == lanes


def test_a_batch_of_a_mass_that_became_due_at_once_reads_no_more_than_a_batch(shop: Shop) -> None:
    bulk.put_on_sale(
        connection.connection,
        seller_id=shop.seller.pk,
        connection_id=shop.connection.pk,
        prefix="M",
        products=500,
        each=10,
    )
    Product.objects.filter(seller=shop.seller).update(price=Decimal("55.00"))
    read: list[int] = []

    def explained(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "AS MATERIALIZED" in sql and "marketplaces_sync" in sql:
            with context["cursor"].connection.cursor() as cursor:
                cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + sql, params)
                read.extend(rows_of(cursor.fetchone()[0][0]["Plan"]))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explained):
        dues = ledger.take_due(shop.connection.pk, Facet.PRICE, 100)

    assert len(dues) == 100
    assert read
    assert max(read) <= 100


def rows_of(plan: dict[str, Any]) -> list[int]:
    """How many rows each step of a plan produced, all its repetitions together."""
    below = [count for part in plan.get("Plans", ()) for count in rows_of(part)]
    return [round(plan["Actual Rows"] * plan["Actual Loops"]), *below]


def test_a_nudge_while_the_lane_runs_is_not_slept_over(shop: Shop) -> None:
    lane = Lane.objects.get(kind="orders")
    Lane.objects.filter(pk=lane.pk).update(run_at=timezone.now())

    def runner(turn: engine.Turn) -> timedelta:
        Lane.objects.filter(pk=lane.pk).update(run_at=timezone.now())
        return timedelta(hours=1)

    original = engine.RUNNERS["orders"]
    engine.RUNNERS["orders"] = runner
    try:
        engine.run(lane.pk)
    finally:
        engine.RUNNERS["orders"] = original

    lane.refresh_from_db()
    assert lane.run_at <= timezone.now()


def test_a_bug_in_a_lane_backs_off_and_shows_what_happened(shop: Shop) -> None:
    lane = Lane.objects.get(kind="orders")
    Lane.objects.filter(pk=lane.pk).update(run_at=timezone.now())

    def runner(turn: engine.Turn) -> timedelta:
        raise ZeroDivisionError("a bug of ours")

    original = engine.RUNNERS["orders"]
    engine.RUNNERS["orders"] = runner
    try:
        engine.run(lane.pk)
    finally:
        engine.RUNNERS["orders"] = original

    lane.refresh_from_db()
    assert (lane.failures, lane.lease_until) == (1, None)
    assert "a bug of ours" in lane.last_error
    assert lane.run_at > timezone.now()


@pytest.mark.parametrize("year", [1999, 9999])
def test_the_database_keeps_no_moment_outside_this_century(shop: Shop, year: int) -> None:
    moment = datetime(year, 12, 31, 12, tzinfo=UTC)
    with transaction.atomic(), pytest.raises(IntegrityError, match="since_plausible"):
        Connection.objects.update(orders_since=moment)
    with transaction.atomic(), pytest.raises(IntegrityError, match="pause_plausible"):
        Marketplace.objects.update(paused_until=moment)


def test_an_account_that_cannot_be_read_stops_no_other_account(shop: Shop) -> None:
    broken = open_shop(shop.sandbox, "Bia").connection
    long_ago = timezone.now() - timedelta(minutes=10)
    Lane.objects.filter(kind="orders").update(queued_at=timezone.now(), run_at=long_ago)
    Lane.objects.filter(connection=broken, kind="orders").update(queued_at=long_ago)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE marketplaces_connection SET created_at = 'infinity' WHERE id = %s", [broken.pk]
        )

    assert [engine.run_next() for _ in range(3)] == [True, True, False]

    mine, theirs = (
        Lane.objects.get(connection_id=one.pk, kind="orders") for one in (shop.connection, broken)
    )
    assert mine.last_ok_at is not None
    assert (theirs.failures, theirs.lease_until) == (1, None)
    assert "timestamp too large" in theirs.last_error
    assert theirs.run_at > timezone.now()
