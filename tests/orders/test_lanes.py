"""Orders between the hub and a real, running marketplace: in, out, and through everything that breaks."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from marketplaces.adapters.sandbox import payloads
from marketplaces.adapters.sandbox.adapter import SandboxAdapter
from marketplaces.contract import OrderPage, Refused, ShipmentNote
from marketplaces.engine import Turn
from marketplaces.models import Connection, Lane
from marketplaces.record import Record
from marketplaces.simulators.sandbox import SandboxSimulator
from orders import queue, services
from orders.intake import take_orders
from orders.models import Notice, Order, OrderEvent
from tests import engine
from tests.marketplaces.shop import FAST, Shop, open_shop
from tests.orders.make import invoice_note, shipment_note

pytestmark = pytest.mark.django_db


@pytest.fixture
def sandbox() -> Iterator[SandboxSimulator]:
    with SandboxSimulator(settings=FAST) as simulator:
        yield simulator


@pytest.fixture
def shop(sandbox: SandboxSimulator, db: None) -> Shop:
    return open_shop(sandbox, "Ana")


def buy(shop: Shop, count: int = 1, sku: str = "S1", **more: Any) -> list[str]:
    """Shoppers buy; the orders' ids at the marketplace."""
    line = {"sku": sku, "quantity": 1, "price": "50.10"}
    wanted = {"account": shop.account["account_id"], "lines": [line], "take_stock": False, **more}
    return [one["id"] for one in shop.sandbox.create_orders([wanted] * count)]


def there(shop: Shop, remote_id: str) -> dict[str, Any]:
    """The order as the marketplace has it."""
    found = shop.sandbox.orders(shop.account["account_id"], size=1000)["orders"]
    return next(one for one in found if one["id"] == remote_id)


def here(shop: Shop, remote_id: str) -> Order:
    return Order.objects.get(connection=shop.connection, remote_id=remote_id)


def wake(connection: Connection) -> None:
    """Let no lane and no notice wait any longer."""
    Lane.objects.filter(connection=connection).update(run_at=timezone.now())
    Notice.objects.filter(connection=connection).update(due_at=timezone.now())


def accept_by_hand(shop: Shop) -> None:
    Connection.objects.filter(pk=shop.connection.pk).update(accept_orders=False)


def run(shop: Shop, turns: int = 3) -> None:
    for _turn in range(turns):
        wake(shop.connection)
        engine.turn(shop.connection)


def run_until_status(shop: Shop, remote_id: str, status: str) -> Order:
    def reached() -> bool:
        wake(shop.connection)
        return Order.objects.filter(
            connection=shop.connection, remote_id=remote_id, status_type=status
        ).exists()

    engine.run_until(reached)
    return here(shop, remote_id)


def approved(shop: Shop, **more: Any) -> Order:
    """An order that came in, was accepted and is paid."""
    return run_until_status(shop, buy(shop, **more)[0], "APPROVED")


def test_an_order_goes_from_the_shopper_to_the_erp_and_back(shop: Shop) -> None:
    shop.sell("S1")
    order = approved(shop)
    assert Notice.objects.get().state == "done"
    offered = queue.offer(shop.seller)
    assert [(one.code, one.status_type) for one in offered] == [(order.code, "APPROVED")]
    assert order.items.get().product_sku == "S1"

    services.invoice(shop.seller, order.code, invoice=invoice_note())
    run(shop)
    assert there(shop, order.remote_id)["invoice"]["key"] == invoice_note().key
    services.ship(shop.seller, order.code, shipment=shipment_note())
    run(shop)
    assert there(shop, order.remote_id)["deliveries"][0]["shipment"]["tracking_code"] == "BR123"
    services.deliver(shop.seller, order.code)
    run(shop)
    assert there(shop, order.remote_id)["status"] == "delivered"
    assert here(shop, order.remote_id).status_type == "DELIVERED"
    assert set(Notice.objects.values_list("state", flat=True)) == {"done"}


def test_everything_done_while_the_marketplace_was_away_arrives_in_order(shop: Shop) -> None:
    order = approved(shop)
    services.invoice(shop.seller, order.code, invoice=invoice_note())
    services.ship(shop.seller, order.code, shipment=shipment_note())
    services.deliver(shop.seller, order.code)
    shop.sandbox.add_fault(match="/v1/orders", status=503, times=3)
    run(shop, 8)
    assert there(shop, order.remote_id)["status"] == "delivered"
    assert not OrderEvent.objects.filter(note__contains="SBX").exists()


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500, "after_commit": True},
        {"kind": "drop", "after_commit": True},
        {"kind": "drop"},
        {"kind": "truncate", "after_commit": True},
        {"kind": "html", "status": 502},
        {"kind": "garbage", "after_commit": True},
        {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}},
    ],
)
def test_a_lost_answer_loses_nothing_and_doubles_nothing(shop: Shop, fault: dict[str, Any]) -> None:
    order = approved(shop)
    services.invoice(shop.seller, order.code, invoice=invoice_note())
    services.ship(shop.seller, order.code, shipment=shipment_note())
    shop.sandbox.add_fault(match="/v1/orders/", method="POST", times=2, **fault)
    run(shop, 8)
    found = there(shop, order.remote_id)
    assert found["status"] == "shipped"
    assert found["invoice"]["key"] == invoice_note().key
    assert set(Notice.objects.values_list("state", flat=True)) == {"done"}
    assert here(shop, order.remote_id).status_type == "SHIPPED"


@pytest.mark.parametrize("kind", ["status", "drop", "truncate", "html", "garbage"])
def test_a_feed_that_breaks_is_read_on_where_it_stopped(shop: Shop, kind: str) -> None:
    accept_by_hand(shop)
    buy(shop, 250)
    shop.sandbox.add_fault(match="/v1/orders", method="GET", kind=kind, times=2)
    run(shop, 6)
    assert Order.objects.count() == 250


def test_a_bookmark_the_marketplace_will_have_no_more_of_loses_no_order(shop: Shop) -> None:
    accept_by_hand(shop)
    buy(shop, 2)
    run(shop)
    mine = Lane.objects.filter(connection=shop.connection, kind="orders")
    mine.update(cursor="expired")
    buy(shop, 1)
    run(shop)
    assert Order.objects.count() == 3
    lane = mine.get()
    assert lane.cursor.isdigit()
    assert lane.failures == 0


def test_a_feed_that_refuses_every_bookmark_fails_and_keeps_the_one_it_had(shop: Shop) -> None:
    accept_by_hand(shop)
    buy(shop, 2)
    run(shop)
    mine = Lane.objects.filter(connection=shop.connection, kind="orders")
    had = mine.get().cursor
    shop.sandbox.add_fault(match="/v1/orders", method="GET", kind="status", status=422, times=2)
    run(shop, 1)
    lane = mine.get()
    assert (lane.cursor, lane.failures) == (had, 1)


def test_a_feed_that_refuses_the_bookmarks_it_gives_out_is_not_read_in_a_circle(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept_by_hand(shop)
    buy(shop, 250)
    really = SandboxAdapter.fetch_orders
    asked: list[str] = []

    def fetch(adapter: SandboxAdapter, cursor: str) -> OrderPage:
        asked.append(cursor)
        if cursor:
            raise Refused("SBX-CURSOR: too old")
        return really(adapter, cursor)

    monkeypatch.setattr(SandboxAdapter, "fetch_orders", fetch)
    run(shop, 1)

    lane = Lane.objects.get(connection=shop.connection, kind="orders")
    assert (len(asked), lane.failures) == (4, 1)
    assert "too old" in lane.last_error


def test_a_feed_with_repetitions_gives_each_order_once(shop: Shop) -> None:
    accept_by_hand(shop)
    for _number in range(3):
        buy(shop, 60, sku="S-DUPLO")
    run(shop)
    assert Order.objects.count() == 180
    assert len(queue.offer(shop.seller, 500)) == 180


def test_a_page_taken_twice_after_a_crash_changes_nothing(shop: Shop) -> None:
    order = approved(shop)
    queue.acknowledge(shop.seller, order.code, current=True)
    Lane.objects.filter(connection=shop.connection, kind="orders").update(cursor="")
    run(shop)
    assert Order.objects.count() == 1
    assert queue.offer(shop.seller) == []


def test_an_order_the_marketplace_chokes_on_does_not_hold_up_the_others(shop: Shop) -> None:
    first, second = buy(shop, 2)
    orders = [run_until_status(shop, remote_id, "APPROVED") for remote_id in (first, second)]
    for order in orders:
        services.invoice(shop.seller, order.code, invoice=invoice_note())
    shop.sandbox.add_fault(match=f"/v1/orders/{first}/", status=500, times=50)
    run(shop, 2)
    assert there(shop, second)["status"] == "invoiced"
    waiting = Notice.objects.get(order=here(shop, first), action="invoice")
    assert waiting.state == "waiting"
    assert "500" in waiting.error


@pytest.mark.parametrize("status", [401, 403])
def test_an_order_the_marketplace_forbids_does_not_hold_up_the_others(shop: Shop, status: int) -> None:
    first, second = buy(shop, 2)
    orders = [run_until_status(shop, remote_id, "APPROVED") for remote_id in (first, second)]
    shop.sandbox.add_fault(match=f"/v1/orders/{first}/", status=status, times=500)
    for order in orders:
        services.invoice(shop.seller, order.code, invoice=invoice_note())
    run(shop, 5)
    assert there(shop, second)["status"] == "invoiced"
    shop.connection.refresh_from_db()
    assert shop.connection.status == Connection.Status.ACTIVE
    assert Notice.objects.get(order=here(shop, first), action="invoice").state == Notice.State.WAITING


def test_a_refused_notice_keeps_the_marketplace_s_words_and_stops_nothing(shop: Shop) -> None:
    order, other = approved(shop), approved(shop)
    shop.sandbox.cancel_order(order.remote_id)
    for one in (order, other):
        services.invoice(shop.seller, one.code, invoice=invoice_note())
    Lane.objects.filter(connection=shop.connection, kind="orders").update(
        run_at=timezone.now() + timedelta(days=1)
    )
    engine.turn(shop.connection)
    refused = Notice.objects.get(order=order, action="invoice")
    assert refused.state == "refused"
    assert "SBX-ORDER-CANCELED" in refused.error
    assert order.events.filter(note__contains="SBX-ORDER-CANCELED", source="marketplace").exists()
    assert there(shop, other.remote_id)["status"] == "invoiced"
    run(shop)
    assert here(shop, order.remote_id).status_type == "CANCELED"


def test_a_refused_cancellation_brings_the_order_back_to_life(shop: Shop) -> None:
    order = approved(shop)
    services.invoice(shop.seller, order.code, invoice=invoice_note())
    run(shop)
    shop.connection.adapter().send_shipment(  # type: ignore[attr-defined]
        order.remote_id, ShipmentNote(code="X", shipped_at=timezone.now())
    )
    queue.acknowledge(shop.seller, order.code, current=True)
    services.cancel(shop.seller, order.code, reason="Sem estoque")
    Lane.objects.filter(connection=shop.connection, kind="orders").update(
        run_at=timezone.now() + timedelta(days=1)
    )
    engine.turn(shop.connection)
    assert here(shop, order.remote_id).status_type == "INVOICED"
    assert [one.code for one in queue.offer(shop.seller)] == [order.code]
    run(shop)
    assert here(shop, order.remote_id).status_type == "SHIPPED"


def test_cancelling_both_sides_at_once_ends_in_peace(shop: Shop) -> None:
    order = approved(shop)
    services.cancel(shop.seller, order.code)
    shop.sandbox.cancel_order(order.remote_id)
    run(shop)
    assert here(shop, order.remote_id).status_type == "CANCELED"
    assert there(shop, order.remote_id)["status"] == "canceled"


def test_where_the_carrier_reports_its_word_reaches_the_erp(shop: Shop) -> None:
    shop.sandbox.change_settings(carrier_seconds=0.05)
    order = approved(shop, sku="S-FRETE")
    services.invoice(shop.seller, order.code, invoice=invoice_note())
    queue.acknowledge(shop.seller, order.code, current=True)
    run_until_status(shop, order.remote_id, "DELIVERED")
    assert [one.status_type for one in queue.offer(shop.seller)] == ["DELIVERED"]
    assert not Notice.objects.filter(action__in=("shipment", "delivery")).exists()


def test_two_deliveries_are_shipped_in_two_parcels(shop: Shop) -> None:
    lines = [{"sku": sku, "quantity": 1, "price": "9.90"} for sku in ("A-ENTREGAS", "B-ENTREGAS")]
    order = approved(shop, lines=lines)
    services.invoice(shop.seller, order.code, invoice=invoice_note())
    for place, sku in enumerate(("A-ENTREGAS", "B-ENTREGAS"), start=1):
        note = shipment_note(code=str(place), tracking_code=f"BR{place}", items=((sku, 1),))
        services.ship(shop.seller, order.code, shipment=note)
        run(shop)
        assert there(shop, order.remote_id)["status"] == ("invoiced" if place == 1 else "shipped")
    parcels = [one["shipment"]["tracking_code"] for one in there(shop, order.remote_id)["deliveries"]]
    assert parcels == ["BR1", "BR2"]
    services.deliver(shop.seller, order.code)
    run(shop)
    assert there(shop, order.remote_id)["status"] == "delivered"


def test_lost_consent_keeps_what_waits(shop: Shop) -> None:
    order = approved(shop)
    services.invoice(shop.seller, order.code, invoice=invoice_note())
    shop.sandbox.revoke(shop.account["account_id"])
    run(shop)
    shop.connection.refresh_from_db()
    assert shop.connection.status == "needs_credentials"
    assert Notice.objects.get(action="invoice").state == "waiting"
    shop.sandbox.create_account("Ana", shop.account["api_key"])
    Connection.objects.filter(pk=shop.connection.pk).update(status="active")
    run(shop)
    assert there(shop, order.remote_id)["status"] == "invoiced"


@pytest.mark.parametrize("seed", range(3))
def test_after_any_faults_both_sides_agree_and_nothing_more_is_said(shop: Shop, seed: int) -> None:
    dice = random.Random(seed)
    ids = buy(shop, 12)
    kinds = ("status", "drop", "truncate", "html", "garbage")
    for _fault in range(25):
        shop.sandbox.add_fault(
            match="/v1/orders", kind=dice.choice(kinds), status=500, after_commit=dice.random() < 0.5
        )
    fates = {remote_id: dice.choice(["delivered", "shipped", "invoiced", "canceled"]) for remote_id in ids}
    steps = {
        "invoiced": lambda code: services.invoice(shop.seller, code, invoice=invoice_note()),
        "shipped": lambda code: services.ship(shop.seller, code, shipment=shipment_note()),
        "delivered": lambda code: services.deliver(shop.seller, code),
        "canceled": lambda code: services.cancel(shop.seller, code),
    }

    def settled() -> bool:
        wake(shop.connection)
        for order in Order.objects.filter(status_type="APPROVED"):
            fate = fates[order.remote_id]
            path = ["canceled"] if fate == "canceled" else ["invoiced", "shipped", "delivered"]
            for step in path[: path.index(fate) + 1]:
                steps[step](order.code)
        return all(there(shop, remote_id)["status"] == fates[remote_id] for remote_id in ids)

    engine.run_until(settled, seconds=40)
    run(shop)
    assert {one.remote_id: one.status_type.lower() for one in Order.objects.all()} == fates
    assert set(Notice.objects.values_list("state", flat=True)) == {"done"}
    calls = dict(shop.sandbox.stats()["calls"])
    run(shop)
    after = dict(shop.sandbox.stats()["calls"])
    assert {name: count for name, count in after.items() if name.startswith("POST")} == {
        name: count for name, count in calls.items() if name.startswith("POST")
    }


def test_a_worker_that_lost_its_lease_moves_no_bookmark(shop: Shop) -> None:
    accept_by_hand(shop)
    buy(shop, 250)
    lane = Lane.objects.select_related("connection__marketplace", "connection__seller").get(
        connection=shop.connection, kind="orders"
    )
    lane.lease_token = uuid.uuid4()
    Lane.objects.filter(pk=lane.pk).update(
        lease_token=uuid.uuid4(), lease_until=timezone.now() + timedelta(minutes=1)
    )
    assert take_orders(Turn(lane, shop.connection.adapter(), Record(lane))) == timedelta(0)
    assert Lane.objects.get(pk=lane.pk).cursor == ""
    assert Order.objects.count() == 100


def test_an_order_nobody_can_read_is_kept_and_holds_up_no_other(shop: Shop) -> None:
    fine, odd = buy(shop, 2)
    page = shop.connection.adapter()._call("GET", "/v1/orders", params={"cursor": "", "limit": 100})
    next(one for one in page["orders"] if one["id"] == odd)["status"] = "teleported"

    class Odd(type(shop.connection.adapter())):  # type: ignore[misc]
        def fetch_orders(self, cursor: str) -> OrderPage:
            return payloads.from_orders(page)

    lane = Lane.objects.get(connection=shop.connection, kind="orders")
    take_orders(
        Turn(
            lane,
            Odd(shop.connection.credentials, base_url=shop.sandbox.url, allow_private=True),
            Record(lane),
        )
    )

    assert here(shop, fine).sync_status == Order.SyncStatus.NOT_SYNCED
    kept = here(shop, odd)
    assert (kept.sync_status, kept.raw["status"]) == (Order.SyncStatus.ERROR, "teleported")
    assert "teleported" in kept.events.get().note
