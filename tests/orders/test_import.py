"""Taking orders from a marketplace: once each, whole, never back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database
from django.db import connections

from hub.models import Seller
from marketplaces.contract import Delivery, RemoteItem
from marketplaces.models import Connection
from orders import intake, queue, services
from orders.models import Notice, Order, OrderItem, QueueEntry
from tests.orders import make
from tests.orders.make import PLACED, remote_order

pytestmark = pytest.mark.django_db


def waiting(order: Order) -> bool:
    """Whether the ERP has something to hear of the order."""
    entry = QueueEntry.objects.get(order=order)
    return entry.version > entry.acknowledged_version


def acknowledged(seller: Seller, order: Order) -> Order:
    queue.acknowledge(seller, order.code, current=True)
    order.refresh_from_db()
    return order


def test_an_order_is_stored_whole(connection: Connection) -> None:
    result = services.import_order(connection, remote_order("77-01", skus=("S1", "CAMISA-M")))
    assert (result.created, result.changed) == (True, True)
    order = Order.objects.get()
    assert (order.code, order.channel, order.remote_id) == ("Lojas Sandbox-77-01", "Lojas Sandbox", "77-01")
    assert (order.status_type, order.status_code) == ("NEW", "book_product")
    assert order.total == Decimal("110.20")
    assert order.customer["vat_number"] == "78732371683"
    assert order.raw == {"id": "77-01", "extra": "kept"}
    assert order.dispatch_by == PLACED + timedelta(days=2)
    rows = list(order.items.values_list("sku", "product_sku", "name", "quantity", "special_price"))
    assert rows == [
        ("S1", "S1", "Anúncio S1", 2, Decimal("50.10")),
        ("CAMISA-M", "CAMISA", "Anúncio CAMISA-M", 2, Decimal("50.10")),
    ]
    assert waiting(order)


def test_an_unknown_sku_loses_no_order(connection: Connection) -> None:
    order = services.import_order(connection, remote_order(skus=("NINGUEM-SABE",))).order
    assert order.items.get().name == "Anúncio NINGUEM-SABE"
    assert any("NINGUEM-SABE" in event.note for event in order.events.all())
    assert waiting(order)


def test_a_repetition_changes_nothing(connection: Connection, django_assert_max_num_queries: Any) -> None:
    page = [remote_order(f"P{number}", "APPROVED") for number in range(50)]
    services.import_orders(connection, page)
    before = list(Order.objects.order_by("id").values())
    with django_assert_max_num_queries(5):
        again = services.import_orders(connection, page)
    assert {(one.created, one.changed) for one in again} == {(False, False)}
    assert list(Order.objects.order_by("id").values()) == before
    assert set(QueueEntry.objects.values_list("version", flat=True)) == {1}


def test_a_page_of_new_orders_takes_few_queries(
    connection: Connection, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(16):
        services.import_orders(connection, [remote_order(f"P{number}") for number in range(100)])
    assert Order.objects.count() == QueueEntry.objects.count() == 100


def test_an_order_twice_on_one_page_is_taken_once_in_its_newest_state(connection: Connection) -> None:
    page = [remote_order(minutes=5, status="APPROVED"), remote_order(), remote_order()]
    assert len(services.import_orders(connection, page)) == 1
    assert Order.objects.get().status_type == "APPROVED"


def test_an_older_state_never_overwrites_a_newer_one(connection: Connection) -> None:
    services.import_order(connection, remote_order(minutes=10, status="APPROVED"))
    late = services.import_order(connection, remote_order(minutes=5, status="CANCELED", total=Decimal(1)))
    assert not late.changed
    order = Order.objects.get()
    assert (order.status_type, order.total) == ("APPROVED", Decimal("110.20"))


def test_a_step_within_the_same_instant_is_not_missed(connection: Connection) -> None:
    services.import_order(connection, remote_order(status="NEW"))
    assert services.import_order(connection, remote_order(status="APPROVED")).changed
    assert Order.objects.get().status_type == "APPROVED"


def test_every_move_the_erp_must_know_comes_to_the_queue_again(ana: Seller, connection: Connection) -> None:
    order = services.import_order(connection, remote_order()).order
    for minutes, status in ((1, "APPROVED"), (2, "CANCELED")):
        acknowledged(ana, order)
        services.import_order(connection, remote_order(minutes=minutes, status=status))
        order.refresh_from_db()
        assert (order.status_type, order.sync_status) == (status, "NOT_SYNCED")
        assert waiting(order)


@pytest.mark.parametrize("status", ["INVOICED", "SHIPPED", "DELIVERED"])
def test_an_order_that_was_paid_while_nobody_looked_comes_to_the_queue_again(
    ana: Seller, connection: Connection, status: str
) -> None:
    order = acknowledged(ana, services.import_order(connection, remote_order()).order)
    services.import_order(connection, remote_order(minutes=60, status=status))
    assert [(one.code, one.status_type) for one in queue.offer(ana)] == [(order.code, status)]


def test_what_the_erp_did_itself_does_not_come_back_to_it(ana: Seller, connection: Connection) -> None:
    order = services.import_order(connection, remote_order(status="APPROVED")).order
    acknowledged(ana, order)
    services.invoice(ana, order.code, invoice=make.invoice_note())
    services.import_order(connection, remote_order(minutes=1, status="INVOICED"))
    services.ship(ana, order.code, shipment=make.shipment_note())
    services.import_order(connection, remote_order(minutes=2, status="SHIPPED"))
    assert not waiting(order)


def test_invoiced_is_kept_while_the_marketplace_still_says_approved(
    ana: Seller, connection: Connection
) -> None:
    order = services.import_order(connection, remote_order(status="APPROVED")).order
    services.invoice(ana, order.code, invoice=make.invoice_note())
    services.import_order(connection, remote_order(minutes=9, status="APPROVED", total=Decimal("99")))
    order.refresh_from_db()
    assert (order.status_type, order.total) == ("INVOICED", Decimal("99"))


def test_a_cancellation_by_the_marketplace_wins(ana: Seller, connection: Connection) -> None:
    order = services.import_order(connection, remote_order(status="APPROVED")).order
    services.invoice(ana, order.code, invoice=make.invoice_note())
    acknowledged(ana, order)
    services.import_order(connection, remote_order(minutes=9, status="CANCELED"))
    order.refresh_from_db()
    assert order.status_type == "CANCELED"
    assert order.canceled_at == PLACED + timedelta(minutes=9)
    assert waiting(order)


def test_the_carrier_s_moves_reach_the_erp(ana: Seller, connection: Connection) -> None:
    carrier = (Delivery("D1", carrier_owns_status=True),)
    order = services.import_order(connection, remote_order(status="APPROVED", deliveries=carrier)).order
    assert order.calculation_type == "sandboxentrega"
    for minutes, status in ((1, "SHIPPED"), (2, "DELIVERED")):
        acknowledged(ana, order)
        services.import_order(connection, remote_order(minutes=minutes, status=status, deliveries=carrier))
        order.refresh_from_db()
        assert (order.status_type, waiting(order)) == (status, True)


def test_changed_items_replace_the_old_ones(connection: Connection) -> None:
    services.import_order(connection, remote_order())
    kept = OrderItem.objects.get().pk
    services.import_order(connection, remote_order(minutes=1))
    assert OrderItem.objects.get().pk == kept
    services.import_order(connection, remote_order(minutes=2, skus=("CAMISA-P", "S1")))
    assert list(OrderItem.objects.values_list("sku", flat=True)) == ["CAMISA-P", "S1"]


def test_orders_from_before_the_agreed_moment_are_left_out(connection: Connection) -> None:
    services.import_order(connection, remote_order("KNOWN"))
    connection.orders_since = PLACED + timedelta(seconds=1)
    connection.save()
    result = services.import_orders(
        connection,
        [
            remote_order("OLD"),
            remote_order("NEW", placed_at=PLACED + timedelta(seconds=1)),
            remote_order("KNOWN", "APPROVED", minutes=1),
        ],
    )
    assert {one.order.remote_id for one in result} == {"NEW", "KNOWN"}
    assert Order.objects.get(remote_id="KNOWN").status_type == "APPROVED"


def test_a_new_order_is_accepted_once_where_the_seller_wants_it(connection: Connection) -> None:
    for minutes in range(3):
        services.import_order(connection, remote_order(minutes=minutes, needs_acceptance=True))
    notice = Notice.objects.get()
    assert (notice.action, notice.state, notice.connection_id) == ("accept", "waiting", connection.pk)


def test_a_seller_who_accepts_by_hand_is_left_to_it(ana: Seller, connection: Connection) -> None:
    connection.accept_orders = False
    connection.save()
    order = services.import_order(connection, remote_order(needs_acceptance=True)).order
    assert not Notice.objects.exists()
    services.accept(ana, order.code)
    services.accept(ana, order.code)
    assert Notice.objects.get().action == "accept"


def test_two_connections_with_confusable_names_keep_their_orders_apart(
    ana: Seller, connection: Connection
) -> None:
    other = make.make_connection(ana, "Lojas Sandbox-X")
    first = services.import_order(connection, remote_order("X-1")).order
    second = services.import_order(other, remote_order("1")).order
    assert first.code == "Lojas Sandbox-X-1"
    assert second.code == f"Lojas Sandbox-X-1-{other.pk}"


def test_ids_that_differ_by_what_no_code_may_hold_get_codes_of_their_own(
    ana: Seller, connection: Connection
) -> None:
    ids = ["A/B/C", "A-B/C", "A/B-C", "A-B-C"]
    services.import_order(connection, remote_order(ids[0]))
    services.import_orders(connection, [remote_order(one) for one in ids[1:]])
    first = "Lojas Sandbox-A-B-C"
    codes = [first, f"{first}-{connection.pk}", f"{first}-{connection.pk}-2", f"{first}-{connection.pk}-3"]
    assert list(Order.objects.order_by("id").values_list("remote_id", "code")) == list(
        zip(ids, codes, strict=True)
    )
    kept = services.keep_raw(connection, "A-B/C/", {}, "no items")
    again = services.keep_raw(connection, "A/B/C/", {}, "no items")
    assert kept is not None
    assert again is not None
    assert kept.code != again.code


def test_text_no_database_can_keep_is_replaced(connection: Connection) -> None:
    odd = remote_order("P1", raw={"note": "a\x00b\ud800", "nan": float("nan")})
    order = services.import_order(connection, odd).order
    order.refresh_from_db()
    assert order.raw == {"note": "a\ufffdb\ufffd", "nan": "nan"}


def test_one_odd_order_stops_nobody_and_is_not_lost(ana: Seller, connection: Connection) -> None:
    odd = remote_order("ODD", items=(RemoteItem("S1", -1, Decimal(1), Decimal(1)),))
    for _again in range(2):
        intake.take_page(connection, [remote_order("A"), odd, remote_order("B")])
    assert set(Order.objects.values_list("remote_id", flat=True)) == {"A", "ODD", "B"}
    kept = Order.objects.get(remote_id="ODD")
    assert (kept.sync_status, kept.raw["extra"]) == ("ERROR", "kept")
    assert kept.events.count() == 1
    assert {one.remote_id for one in queue.offer(ana, 10)} == {"A", "B"}

    intake.take_page(connection, [remote_order("ODD", minutes=1)])
    assert [one.remote_id for one in queue.offer(ana, 10)] == ["ODD"]
    assert Order.objects.get(remote_id="ODD").items.count() == 1


def _together(works: list[Callable[[], None]]) -> None:
    """Run everything at the same moment and raise what went wrong."""
    start = threading.Barrier(len(works))
    wrong: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            start.wait(10)
            work()
        except BaseException as error:
            wrong.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if wrong:
        raise wrong[0]


@pytest.mark.django_db(transaction=True)
def test_an_order_that_comes_in_by_six_ways_at_once_is_stored_once() -> None:
    connection = make.make_connection(make.make_seller())
    page = [remote_order(f"P{number}") for number in range(20)]

    def take() -> None:
        services.import_orders(connection, page)

    _together([take] * 6)
    assert Order.objects.count() == 20
    assert set(QueueEntry.objects.values_list("version", flat=True)) == {1}


@pytest.mark.django_db(transaction=True)
def test_imports_steps_and_acknowledgements_at_once_do_not_lock_each_other_out() -> None:
    seller = make.make_seller()
    connection = make.make_connection(seller)
    numbers = range(15)
    services.import_orders(connection, [remote_order(f"P{number}", "APPROVED") for number in numbers])
    codes = list(Order.objects.values_list("code", flat=True))

    def import_again() -> None:
        for minutes in range(1, 6):
            page = [remote_order(f"P{number}", "APPROVED", minutes=minutes) for number in numbers]
            services.import_orders(connection, page)

    def invoice() -> None:
        for number, code in enumerate(reversed(codes)):
            services.invoice(seller, code, invoice=make.invoice_note(number))

    def drain() -> None:
        for _again in range(5):
            for order in queue.offer(seller, 5, hide=0):
                queue.acknowledge(seller, order.code)

    _together([import_again, import_again, invoice, drain, drain])
    assert set(Order.objects.values_list("status_type", flat=True)) == {"INVOICED"}
    assert Notice.objects.filter(action="invoice").count() == 15


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("status", "units"), [("APPROVED", 3), ("CANCELED", 2)])
def test_an_order_that_is_taken_while_it_changes_locks_nobody_out(status: str, units: int) -> None:
    seller = make.make_seller()
    make.make_product(seller, "S1")
    connection = make.make_connection(seller)
    services.import_orders(connection, [remote_order("P1", "APPROVED")])
    item = RemoteItem("S1", units, Decimal("50.10"), Decimal("55.22"), delivery_id="D1")
    wrong: list[BaseException] = []

    def lease() -> None:
        try:
            queue.lease(seller)
        except BaseException as error:
            wrong.append(error)
        finally:
            connections.close_all()

    consumer = threading.Thread(target=lease)

    def watch(execute: Any, sql: str, *more: Any) -> Any:
        if 'UPDATE "orders_queueentry"' in sql and consumer.ident is None:
            consumer.start()
            consumer.join(0.5)
        return execute(sql, *more)

    with database.execute_wrapper(watch):
        services.import_orders(connection, [remote_order("P1", status, minutes=5, items=(item,))])
    consumer.join(30)
    assert not wrong
    (offered,) = queue.offer(seller)
    assert (offered.status_type, offered.items.get().quantity) == (status, units)


def test_an_order_the_database_refuses_leaves_nothing_of_its_buyer_in_the_log(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    with database.cursor() as cursor:
        cursor.execute("ALTER TABLE orders_order ADD CONSTRAINT order_is_sound CHECK (total <> 13)")

    order = remote_order("ODD", total=Decimal(13))

    intake.take_page(connection, [order, remote_order("SOUND")])

    assert set(Order.objects.values_list("remote_id", "customer_name")) == {
        ("SOUND", "Bia Lima"),
        ("ODD", ""),
    }
    assert "order_is_sound" in caplog.text
    for personal in (
        order.customer.name,
        order.customer.vat_number,
        order.shipping_address.full_name,
        "Failing row",
    ):
        assert personal not in caplog.text
