"""The ERP's queue: one consumer per entry, redelivery, and no newer change swallowed."""

from __future__ import annotations

import threading
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
from orders.models import Order, QueueEntry
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
                orders = queue.offer(seller, batch)
                idle = 0 if orders else idle + 1
                for order in orders:
                    mine.append(order.remote_id)
                    queue.acknowledge(seller, order.code)
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
