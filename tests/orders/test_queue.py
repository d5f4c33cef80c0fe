"""The ERP's queue: one consumer per entry, redelivery, and no newer change swallowed."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from unittest import mock

import pytest
from django.db import connections
from django.utils import timezone

from hub.models import Seller
from hub.refusals import Unknown
from marketplaces.models import Connection
from orders import queue, services
from orders.models import Order, OrderEvent, QueueEntry
from tests.orders import make
from tests.orders.make import remote_order

pytestmark = pytest.mark.django_db
HIDDEN = timedelta(seconds=300)


class Clock:
    """What timezone.now answers."""

    def __init__(self) -> None:
        self.at = timezone.now()

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock()
    with mock.patch("django.utils.timezone.now", clock):
        yield clock


def codes(orders: list[Order]) -> list[str]:
    return [order.remote_id for order in orders]


def change(connection: Connection, minutes: int, status: str = "APPROVED") -> None:
    services.import_order(connection, remote_order("P1", status, minutes=minutes))


@pytest.fixture
def order(connection: Connection) -> Order:
    return services.import_order(connection, remote_order("P1")).order


def test_the_oldest_comes_first(ana: Seller, connection: Connection, clock: Clock) -> None:
    for number in (3, 1, 2):
        services.import_order(connection, remote_order(f"P{number}"))
        clock.at += timedelta(seconds=1)
    assert codes(queue.offer(ana, 2)) == ["P3", "P1"]
    assert codes(queue.offer(ana)) == ["P2"]
    assert queue.offer(ana) == []


def test_what_is_not_acknowledged_is_offered_again(ana: Seller, order: Order, clock: Clock) -> None:
    assert codes(queue.offer(ana)) == ["P1"]
    clock.at += HIDDEN - timedelta(seconds=1)
    assert queue.offer(ana) == []
    clock.at += timedelta(seconds=1)
    assert codes(queue.offer(ana)) == ["P1"]
    queue.acknowledge(ana, order.code)
    clock.at += HIDDEN * 10
    assert queue.offer(ana) == []
    assert QueueEntry.objects.get().offers == 2


def test_acknowledging_marks_the_order_as_taken(ana: Seller, order: Order, clock: Clock) -> None:
    queue.offer(ana)
    assert queue.acknowledge(ana, order.code)
    order.refresh_from_db()
    assert (order.sync_status, order.exported_at, order.first_exported_at) == ("SYNCED", clock.at, clock.at)


def test_an_older_acknowledgement_does_not_swallow_a_newer_change(
    ana: Seller, connection: Connection, order: Order
) -> None:
    assert queue.offer(ana)[0].status_type == "NEW"
    change(connection, minutes=1)
    assert queue.offer(ana) == []
    queue.acknowledge(ana, order.code)
    order.refresh_from_db()
    assert order.sync_status == "NOT_SYNCED"
    assert queue.offer(ana)[0].status_type == "APPROVED"
    queue.acknowledge(ana, order.code)
    assert queue.offer(ana) == []
    order.refresh_from_db()
    assert order.sync_status == "SYNCED"


def test_repeating_an_acknowledgement_does_not_swallow_a_newer_change_either(
    ana: Seller, connection: Connection, order: Order
) -> None:
    queue.offer(ana)
    queue.acknowledge(ana, order.code)
    change(connection, minutes=1)
    assert not queue.acknowledge(ana, order.code)
    assert queue.offer(ana)[0].status_type == "APPROVED"


def test_several_changes_are_one_entry_with_the_current_state(
    ana: Seller, connection: Connection, order: Order
) -> None:
    change(connection, minutes=1)
    change(connection, minutes=2, status="CANCELED")
    assert [one.status_type for one in queue.offer(ana, 10)] == ["CANCELED"]
    queue.acknowledge(ana, order.code)
    assert queue.offer(ana) == []


def test_the_entry_of_an_approval_survives_the_erp_s_own_invoice(ana: Seller, connection: Connection) -> None:
    order = services.import_order(connection, remote_order("P1", "APPROVED")).order
    services.invoice(ana, order.code, invoice=make.invoice_note())
    offered = queue.offer(ana)
    assert [one.status_type for one in offered] == ["INVOICED"]


def test_an_entry_never_offered_is_taken_as_it_stands(ana: Seller, order: Order) -> None:
    assert queue.acknowledge(ana, order.code)
    assert queue.offer(ana) == []


def test_exported_takes_the_current_state_even_if_an_older_one_was_offered(
    ana: Seller, connection: Connection, order: Order
) -> None:
    queue.offer(ana)
    change(connection, minutes=1)
    queue.acknowledge(ana, order.code, current=True)
    assert queue.offer(ana) == []


def test_an_order_can_be_put_into_the_queue_again(ana: Seller, order: Order) -> None:
    queue.offer(ana)
    queue.acknowledge(ana, order.code)
    queue.put_again(ana, order.code)
    assert codes(queue.offer(ana)) == ["P1"]


def test_a_stranger_s_order_cannot_be_acknowledged(ana: Seller, beto: Seller, order: Order) -> None:
    for work in (queue.acknowledge, queue.put_again):
        with pytest.raises(Unknown):
            work(beto, order.code)
    assert queue.offer(beto) == []
    assert codes(queue.offer(ana)) == ["P1"]


def lease(seller: Seller) -> tuple[Order, uuid.UUID]:
    (leased,) = queue.lease(seller)
    return leased.order, uuid.UUID(leased.receipt)


def fail(seller: Seller, order: Order, times: int, clock: Clock) -> None:
    for number in range(times):
        clock.at += timedelta(hours=3)
        assert codes(queue.offer(seller)) == ["P1"], f"not offered before failure {number + 1}"
        queue.fail(seller, order.code, reason="SKU S1 sem cadastro")


def test_a_late_receipt_does_not_take_what_a_second_consumer_holds(
    ana: Seller, order: Order, clock: Clock
) -> None:
    _order, first = lease(ana)
    clock.at += HIDDEN
    _order, second = lease(ana)
    for late in (
        lambda: queue.acknowledge(ana, order.code, receipt=first),
        lambda: queue.extend(ana, order.code, seconds=60, receipt=first),
        lambda: queue.fail(ana, order.code, reason="x", receipt=first),
    ):
        with pytest.raises(queue.TooLate):
            late()
    clock.at += HIDDEN
    assert codes(queue.offer(ana)) == ["P1"], "the first consumer must not have taken it"
    with pytest.raises(queue.TooLate):
        queue.acknowledge(ana, order.code, receipt=second)


def test_repeating_an_acknowledgement_with_its_receipt_is_harmless(
    ana: Seller, connection: Connection, order: Order
) -> None:
    _order, receipt = lease(ana)
    assert queue.acknowledge(ana, order.code, receipt=receipt)
    assert not queue.acknowledge(ana, order.code, receipt=receipt)
    change(connection, minutes=1)
    assert not queue.acknowledge(ana, order.code, receipt=receipt)
    with pytest.raises(queue.TooLate):
        queue.extend(ana, order.code, seconds=600, receipt=receipt)
    assert queue.offer(ana)[0].status_type == "APPROVED"


def test_a_held_order_is_kept_for_longer(ana: Seller, order: Order, clock: Clock) -> None:
    _order, receipt = lease(ana)
    clock.at += HIDDEN - timedelta(seconds=10)
    queue.extend(ana, order.code, seconds=3600, receipt=receipt)
    clock.at += timedelta(seconds=3599)
    assert queue.offer(ana) == []
    clock.at += timedelta(seconds=1)
    assert codes(queue.offer(ana)) == ["P1"]


def test_what_is_not_held_cannot_be_kept_longer(ana: Seller, order: Order) -> None:
    with pytest.raises(queue.TooLate):
        queue.extend(ana, order.code, seconds=60)
    queue.offer(ana)
    queue.acknowledge(ana, order.code)
    with pytest.raises(queue.TooLate):
        queue.extend(ana, order.code, seconds=60)


def test_a_failed_order_is_offered_again_after_growing_pauses(
    ana: Seller, order: Order, clock: Clock
) -> None:
    for pause in queue.FAILURE_PAUSES:
        assert codes(queue.offer(ana)) == ["P1"]
        queue.fail(ana, order.code, reason="SKU S1 sem cadastro")
        clock.at += pause - timedelta(seconds=1)
        assert queue.offer(ana) == []
        clock.at += timedelta(seconds=1)
    entry = QueueEntry.objects.get()
    assert (entry.failures, entry.failure, entry.parked_at) == (4, "SKU S1 sem cadastro", None)
    notes = OrderEvent.objects.filter(order=order, source="erp").values_list("note", flat=True)
    assert len(notes) == 4
    assert all("SKU S1 sem cadastro" in note for note in notes)


def test_the_fifth_failure_parks_an_order_until_it_is_replayed(
    ana: Seller, connection: Connection, order: Order, clock: Clock
) -> None:
    fail(ana, order, 5, clock)
    order.refresh_from_db()
    assert order.sync_status == "ERROR"
    clock.at += timedelta(days=400)
    change(connection, minutes=1)
    order.refresh_from_db()
    assert (queue.offer(ana), order.sync_status) == ([], "ERROR")
    assert queue.replay(ana, [order.code, "Nada-1"]) == ["Nada-1"]
    order.refresh_from_db()
    assert order.sync_status == "NOT_SYNCED"
    assert queue.offer(ana)[0].status_type == "APPROVED"
    entry = QueueEntry.objects.get()
    assert (entry.failures, entry.failure, entry.parked_at) == (0, "", None)


def test_telling_a_failure_twice_counts_once(ana: Seller, order: Order) -> None:
    _order, receipt = lease(ana)
    queue.fail(ana, order.code, reason="x", receipt=receipt)
    with pytest.raises(queue.TooLate):
        queue.fail(ana, order.code, reason="x", receipt=receipt)
    assert QueueEntry.objects.get().failures == 1


def test_a_change_ends_the_rest_after_a_failure(ana: Seller, connection: Connection, order: Order) -> None:
    queue.offer(ana)
    queue.fail(ana, order.code, reason="x")
    change(connection, minutes=1)
    assert queue.offer(ana)[0].status_type == "APPROVED"


def test_taking_an_order_forgets_its_failures(ana: Seller, order: Order, clock: Clock) -> None:
    fail(ana, order, 4, clock)
    clock.at += timedelta(hours=3)
    queue.offer(ana)
    queue.acknowledge(ana, order.code)
    queue.put_again(ana, order.code)
    fail(ana, order, 4, clock)
    assert QueueEntry.objects.get().parked_at is None


def test_a_taken_order_cannot_fail(ana: Seller, order: Order) -> None:
    queue.acknowledge(ana, order.code)
    with pytest.raises(queue.TooLate):
        queue.fail(ana, order.code, reason="x")


def test_replaying_leaves_a_held_order_with_its_holder(ana: Seller, order: Order, clock: Clock) -> None:
    _order, receipt = lease(ana)
    queue.replay(ana, [order.code])
    assert queue.offer(ana) == []
    assert queue.acknowledge(ana, order.code, receipt=receipt)
    assert codes(queue.offer(ana)) == ["P1"]


def test_replaying_since_a_moment_brings_back_what_the_erp_lost(
    ana: Seller, beto: Seller, connection: Connection, clock: Clock
) -> None:
    def take(remote_id: str) -> None:
        services.import_order(connection, remote_order(remote_id))
        queue.acknowledge(ana, f"{connection.name}-{remote_id}")

    take("OLD")
    services.import_order(connection, remote_order("LATE"))
    clock.at += timedelta(days=2)
    backup = clock.at
    take("NEW")
    queue.acknowledge(ana, f"{connection.name}-LATE")
    assert queue.replay_since(beto, backup) == 0
    assert queue.replay_since(ana, backup) == 2
    assert set(codes(queue.offer(ana, 10))) == {"NEW", "LATE"}


def test_the_summary_counts_what_waits_rests_and_is_parked(
    ana: Seller, beto: Seller, connection: Connection, clock: Clock
) -> None:
    first = clock.at
    services.import_order(connection, remote_order("P1"))
    order = Order.objects.get()
    fail(ana, order, 5, clock)
    second = clock.at
    services.import_orders(connection, [remote_order(f"W{number}") for number in range(3)])
    queue.offer(ana)
    clock.at += timedelta(seconds=100)
    found = queue.summary(ana, clock.at)
    assert (found.waiting, found.hidden, found.parked, found.oldest_waiting_at) == (2, 1, 1, second)
    queue.replay(ana, [order.code])
    found = queue.summary(ana, clock.at)
    assert (found.waiting, found.hidden, found.parked, found.oldest_waiting_at) == (3, 1, 0, first)
    found = queue.summary(beto, clock.at)
    assert (found.waiting, found.hidden, found.parked, found.oldest_waiting_at) == (0, 0, 0, None)


def test_strangers_can_do_nothing_with_an_order(ana: Seller, beto: Seller, order: Order) -> None:
    queue.offer(ana)
    item = queue.Item(order.code, reason="x")
    for answered in (
        queue.acknowledge_many(beto, [item]),
        queue.extend_many(beto, [item], 60),
        queue.fail_many(beto, [item]),
    ):
        assert (answered.unknown, answered.late) == ([order.code], [])
    assert queue.replay(beto, [order.code]) == [order.code]
    entry = QueueEntry.objects.get()
    assert (entry.failures, entry.acknowledged_version, entry.version) == (0, 0, 1)


@pytest.mark.django_db(transaction=True)
def test_four_consumers_get_each_of_two_hundred_orders_exactly_once() -> None:
    seller = make.make_seller()
    connection = make.make_connection(seller)
    services.import_orders(connection, [remote_order(f"P{number}") for number in range(200)])
    taken: list[list[str]] = [[] for _consumer in range(4)]
    wrong: list[BaseException] = []
    start = threading.Barrier(4)

    def consume(mine: list[str], batch: int) -> None:
        try:
            start.wait(10)
            idle = 0
            # A consumer may find only entries its colleagues are looking at right now.
            while idle < 5:
                leased = queue.lease(seller, batch)
                idle = 0 if leased else idle + 1
                for one in leased:
                    mine.append(one.order.remote_id)
                    assert queue.acknowledge(seller, one.order.code, receipt=uuid.UUID(one.receipt))
        except BaseException as error:
            wrong.append(error)
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=consume, args=(mine, batch))
        for mine, batch in zip(taken, (1, 1, 3, 10), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    everything = [code for mine in taken for code in mine]
    assert sorted(everything) == sorted(f"P{number}" for number in range(200))
    assert sum(1 for mine in taken if mine) > 1
    assert not Order.objects.exclude(sync_status="SYNCED").exists()
