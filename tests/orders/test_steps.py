"""What the seller does with an order: status, data and what the marketplace must be told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from hub.models import Seller
from hub.refusals import Refusal, Unknown
from marketplaces.contract import Delivery, RemoteItem
from marketplaces.models import Connection, Lane
from orders import flow, repeats, services, statuses
from orders.models import Invoice, Notice, Order, Status
from orders.services.seller import cancel_refused
from tests.orders import make
from tests.orders.make import PLACED, invoice_note, remote_order, shipment_note

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(connection: Connection) -> Order:
    return services.import_order(connection, remote_order("P1", "APPROVED")).order


def told(order: Order) -> list[tuple[str, Any]]:
    return list(order.notices.order_by("id").values_list("action", "payload"))


def test_an_invoice_moves_the_order_and_is_told(ana: Seller, order: Order) -> None:
    services.invoice(ana, order.code, invoice=invoice_note(42), status_code="order_invoiced")
    order.refresh_from_db()
    assert (order.status_type, order.status_code) == ("INVOICED", "order_invoiced")
    row = order.invoices.get()
    assert (row.number, row.line, row.volumes) == ("42", "1", 1)
    assert told(order) == [
        (
            "invoice",
            {
                "key": make.nfe_key(42),
                "issued_at": "2026-03-02T14:30:00+00:00",
                "number": "42",
                "line": "1",
                "volumes": 1,
            },
        )
    ]


def test_a_step_wakes_the_fulfilment_lane(ana: Seller, order: Order) -> None:
    lane = Lane.objects.get(connection=order.connection, kind="fulfilment")
    Lane.objects.filter(pk=lane.pk).update(run_at=PLACED + timedelta(days=9999))
    services.invoice(ana, order.code, invoice=invoice_note())
    lane.refresh_from_db()
    assert lane.run_at < PLACED + timedelta(days=9999)


@pytest.mark.parametrize(
    ("auto_advance", "status_code", "after"),
    [
        (True, "", "INVOICED"),
        (True, "payment_received", "INVOICED"),
        (True, "order_invoiced", "INVOICED"),
        (False, "", "APPROVED"),
        (False, "payment_received", "APPROVED"),
        (False, "order_invoiced", "INVOICED"),
    ],
)
def test_when_an_invoice_moves_the_order(
    ana: Seller, order: Order, auto_advance: bool, status_code: str, after: str
) -> None:
    ana.auto_advance = auto_advance
    services.invoice(ana, order.code, invoice=invoice_note(), status_code=status_code)
    order.refresh_from_db()
    assert order.status_type == after
    assert order.invoices.count() == 1


@pytest.mark.parametrize(
    ("auto_advance", "status_code", "after"),
    [(True, "", "SHIPPED"), (False, "", "INVOICED"), (False, "order_shipped", "SHIPPED")],
)
def test_when_a_shipment_moves_the_order(
    ana: Seller, order: Order, auto_advance: bool, status_code: str, after: str
) -> None:
    services.invoice(ana, order.code, invoice=invoice_note(), status_code="order_invoiced")
    ana.auto_advance = auto_advance
    services.ship(ana, order.code, shipment=shipment_note(), status_code=status_code)
    order.refresh_from_db()
    assert order.status_type == after
    assert order.shipments.count() == 1


def test_a_status_alone_ships_the_order(ana: Seller, order: Order) -> None:
    services.invoice(ana, order.code, invoice=invoice_note())
    for _again in range(2):
        services.ship(ana, order.code, status_code="order_shipped")
    order.refresh_from_db()
    assert (order.status_type, order.shipments.count()) == ("SHIPPED", 0)
    assert [action for action, _payload in told(order)] == ["invoice", "shipment"]


def test_an_approved_order_ships_only_with_an_invoice_and_tracking(ana: Seller, order: Order) -> None:
    with pytest.raises(Refusal):
        services.ship(ana, order.code, shipment=shipment_note())
    ana.auto_advance = False
    services.invoice(ana, order.code, invoice=invoice_note())
    with pytest.raises(Refusal):
        services.ship(ana, order.code, shipment=shipment_note(tracking_code=""), status_code="order_shipped")
    with pytest.raises(Refusal):
        services.ship(ana, order.code, status_code="order_shipped")
    services.ship(ana, order.code, shipment=shipment_note(), status_code="order_shipped")
    order.refresh_from_db()
    assert (order.status_type, order.shipments.count()) == ("SHIPPED", 1)


def test_corrected_tracking_is_told_again(ana: Seller, order: Order) -> None:
    services.invoice(ana, order.code, invoice=invoice_note())
    services.ship(ana, order.code, shipment=shipment_note())
    services.ship(ana, order.code, shipment=shipment_note(tracking_code="BR999"))
    assert order.shipments.get().tracking_code == "BR999"
    assert [payload["tracking_code"] for action, payload in told(order) if action == "shipment"] == [
        "BR123",
        "BR999",
    ]


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({"tracking_code": "BR123"}, {"tracking_code": "BR999"}),
        ({"url": ""}, {"url": "https://rastreio.example/outro"}),
        ({"carrier": "Correios"}, {"carrier": "Jadlog"}),
        ({"items": (("S1", 1),)}, {"items": (("S1", 2),)}),
    ],
)
@pytest.mark.parametrize("state", ["waiting", "done"])
def test_a_correction_that_is_taken_back_is_told_as_well(
    ana: Seller, order: Order, first: dict[str, Any], then: dict[str, Any], state: str
) -> None:
    services.invoice(ana, order.code, invoice=invoice_note())
    for change in (first, then, then, first, first):
        services.ship(ana, order.code, shipment=shipment_note(**change))
        Notice.objects.filter(state="waiting").update(
            state=state, told_at=timezone.now() if state == "done" else None
        )
    ((name, value),), ((_name, other),) = first.items(), then.items()
    if name == "items":
        value, other = ([{"sku": sku, "qty": qty} for sku, qty in items] for items in (value, other))
    assert [payload[name] for action, payload in told(order) if action == "shipment"] == [value, other, value]
    assert getattr(order.shipments.get(), name) == value


def test_a_correction_is_told_whatever_another_parcel_was_told_meanwhile(ana: Seller, order: Order) -> None:
    services.invoice(ana, order.code, invoice=invoice_note())
    for code, tracking in (("1", "A"), ("2", "B"), ("1", "A"), ("2", "C"), ("1", "A"), ("2", "B")):
        note = shipment_note(code=code, tracking_code=tracking, items=(("S1", 1),))
        services.ship(ana, order.code, shipment=note)
    parcels = [payload for action, payload in told(order) if action == "shipment"]
    assert [(one["code"], one["tracking_code"]) for one in parcels] == [
        ("1", "A"),
        ("2", "B"),
        ("2", "C"),
        ("2", "B"),
    ]


def test_what_is_told_again_by_hand_counts_as_told_last(ana: Seller, order: Order) -> None:
    services.invoice(ana, order.code, invoice=invoice_note())
    services.ship(ana, order.code, shipment=shipment_note(tracking_code="OLD"))
    refused = Notice.objects.get(action="shipment")
    Notice.objects.filter(pk=refused.pk).update(state="refused")
    services.ship(ana, order.code, shipment=shipment_note(tracking_code="NEW"))
    Notice.objects.filter(state="waiting").update(state="done", told_at=timezone.now())
    repeats.tell_again(ana, refused.pk)
    services.ship(ana, order.code, shipment=shipment_note(tracking_code="NEW"))
    assert [payload["tracking_code"] for action, payload in told(order) if action == "shipment"] == [
        "OLD",
        "NEW",
        "NEW",
    ]


def test_several_parcels_may_follow_each_other(ana: Seller, order: Order) -> None:
    services.invoice(ana, order.code, invoice=invoice_note())
    services.ship(ana, order.code, shipment=shipment_note(code="1", items=(("S1", 1),)))
    services.ship(ana, order.code, shipment=shipment_note(code="2", items=(("S1", 1),)))
    assert order.shipments.count() == 2
    with pytest.raises(Refusal):
        services.ship(ana, order.code, shipment=shipment_note(code="3", items=(("S1", 3),)))


def two_deliveries(connection: Connection) -> Order:
    items = remote_order(skus=("S1", "CAMISA-P")).items
    remote = remote_order(
        "P2",
        "APPROVED",
        items=(items[0], replace(items[1], delivery_id="D2")),
        deliveries=(Delivery("D1"), Delivery("D2")),
    )
    return services.import_order(connection, remote).order


def test_each_delivery_is_told_of_its_own_items(ana: Seller, connection: Connection) -> None:
    order = two_deliveries(connection)
    services.invoice(ana, order.code, invoice=invoice_note())
    items = (("S1", 2), ("CAMISA-P", 1))
    services.ship(ana, order.code, shipment=shipment_note(items=items))
    parcels = [payload for action, payload in told(order) if action == "shipment"]
    assert [(one["delivery_id"], one["items"]) for one in parcels] == [
        ("D1", [{"sku": "S1", "qty": 2}]),
        ("D2", [{"sku": "CAMISA-P", "qty": 1}]),
    ]


def test_a_parcel_without_items_is_everything_not_sent_yet(ana: Seller, connection: Connection) -> None:
    order = two_deliveries(connection)
    services.invoice(ana, order.code, invoice=invoice_note())
    services.ship(ana, order.code, shipment=shipment_note(code="1", items=(("CAMISA-P", 2),)))
    services.ship(ana, order.code, shipment=shipment_note(code="2"))
    parcels = [payload for action, payload in told(order) if action == "shipment"]
    assert [(one["code"], one["delivery_id"]) for one in parcels] == [("1", "D2"), ("2", "D1")]


def one_sku_in_two_deliveries(connection: Connection, first: int = 1, second: int = 1) -> Order:
    (line,) = remote_order().items
    remote = remote_order(
        "P2",
        "APPROVED",
        items=(replace(line, quantity=first), replace(line, quantity=second, delivery_id="D2")),
        deliveries=(Delivery("D1"), Delivery("D2")),
    )
    return services.import_order(connection, remote).order


def sent(order: Order) -> list[tuple[str, str, dict[str, int]]]:
    """Each parcel a marketplace was told of: its code, its delivery and what is in it."""
    return [
        (one["code"], one["delivery_id"], {item["sku"]: item["qty"] for item in one["items"]})
        for action, one in told(order)
        if action == "shipment"
    ]


def test_a_parcel_with_one_unit_is_told_to_one_delivery_though_both_hold_the_sku(
    ana: Seller, connection: Connection
) -> None:
    order = one_sku_in_two_deliveries(connection)
    services.invoice(ana, order.code, invoice=invoice_note())
    for code in ("1", "1", "2", "2", "1"):
        services.ship(ana, order.code, shipment=shipment_note(code=code, items=(("S1", 1),)))
    assert sent(order) == [("1", "D1", {"S1": 1}), ("2", "D2", {"S1": 1})]


def test_a_parcel_with_more_units_than_one_delivery_holds_is_shared(
    ana: Seller, connection: Connection
) -> None:
    order = one_sku_in_two_deliveries(connection, 2, 3)
    services.invoice(ana, order.code, invoice=invoice_note())
    for code, units in (("1", 1), ("2", 3), ("3", 1)):
        services.ship(ana, order.code, shipment=shipment_note(code=code, items=(("S1", units),)))
    assert sent(order) == [
        ("1", "D1", {"S1": 1}),
        ("2", "D1", {"S1": 1}),
        ("2", "D2", {"S1": 2}),
        ("3", "D2", {"S1": 1}),
    ]


def test_a_corrected_parcel_stays_with_the_delivery_it_was_told_to(
    ana: Seller, connection: Connection
) -> None:
    order = one_sku_in_two_deliveries(connection)
    services.invoice(ana, order.code, invoice=invoice_note())
    for code in ("1", "2"):
        services.ship(ana, order.code, shipment=shipment_note(code=code, items=(("S1", 1),)))
    Notice.objects.filter(payload__code="1").update(state="refused")
    corrected = shipment_note(code="2", tracking_code="BR999", items=(("S1", 1),))
    services.ship(ana, order.code, shipment=corrected)
    assert sent(order)[2:] == [("2", "D2", {"S1": 1})]
    services.ship(ana, order.code, shipment=shipment_note(code="1", items=(("S1", 1),)))
    assert sent(order)[3:] == [("1", "D1", {"S1": 1})]


def test_units_sold_as_the_product_are_those_no_other_parcel_has(ana: Seller, connection: Connection) -> None:
    items = remote_order(skus=("CAMISA-P", "CAMISA-M")).items
    remote = remote_order(
        "P2",
        "APPROVED",
        items=(items[0], replace(items[1], delivery_id="D2")),
        deliveries=(Delivery("D1"), Delivery("D2")),
    )
    order = services.import_order(connection, remote).order
    services.invoice(ana, order.code, invoice=invoice_note())
    services.ship(ana, order.code, shipment=shipment_note(code="1", items=(("CAMISA-P", 2),)))
    services.ship(ana, order.code, shipment=shipment_note(code="2", items=(("CAMISA", 2),)))
    assert sent(order) == [("1", "D1", {"CAMISA-P": 2}), ("2", "D2", {"CAMISA": 2})]


def test_units_beyond_what_was_bought_are_told_to_one_delivery(ana: Seller, connection: Connection) -> None:
    order = one_sku_in_two_deliveries(connection)
    services.invoice(ana, order.code, invoice=invoice_note())
    services.ship(ana, order.code, shipment=shipment_note(code="1", items=(("S1", 2),)))
    services.ship(ana, order.code, shipment=shipment_note(code="2", items=(("S1", 2),)))
    assert sent(order) == [("1", "D1", {"S1": 1}), ("1", "D2", {"S1": 1}), ("2", "D1", {"S1": 2})]


def test_what_no_parcel_took_is_left_for_the_parcel_without_items(
    ana: Seller, connection: Connection
) -> None:
    order = one_sku_in_two_deliveries(connection)
    services.invoice(ana, order.code, invoice=invoice_note())
    services.ship(ana, order.code, shipment=shipment_note(code="1", items=(("S1", 1),)))
    services.ship(ana, order.code, shipment=shipment_note(code="2"))
    services.ship(ana, order.code, shipment=shipment_note(code="3", items=(("S1", 1),)))
    assert sent(order) == [("1", "D1", {"S1": 1}), ("2", "D2", {}), ("3", "D1", {"S1": 1})]


def test_in_one_delivery_a_parcel_is_told_as_the_erp_said_it(ana: Seller, order: Order) -> None:
    services.invoice(ana, order.code, invoice=invoice_note())
    for code in ("1", "2"):
        services.ship(ana, order.code, shipment=shipment_note(code=code, items=(("S1", 2),)))
    assert sent(order) == [("1", "D1", {"S1": 2}), ("2", "D1", {"S1": 2})]


def test_where_the_carrier_reports_the_seller_stops_at_invoiced(ana: Seller, connection: Connection) -> None:
    remote = remote_order("P3", "APPROVED", deliveries=(Delivery("D1", carrier_owns_status=True),))
    order = services.import_order(connection, remote).order
    services.invoice(ana, order.code, invoice=invoice_note())
    with pytest.raises(Refusal):
        services.ship(ana, order.code, shipment=shipment_note())
    with pytest.raises(Refusal):
        services.deliver(ana, order.code)
    services.import_order(
        connection, replace(remote_order("P3", "SHIPPED", minutes=5), deliveries=remote.deliveries)
    )
    services.ship(ana, order.code, shipment=shipment_note())
    assert [action for action, _payload in told(order)] == ["invoice"]


def test_a_delivery_carries_its_day(ana: Seller, order: Order) -> None:
    services.invoice(ana, order.code, invoice=invoice_note())
    services.ship(ana, order.code, shipment=shipment_note())
    day = PLACED + timedelta(days=3)
    for later in (0, 5):
        services.deliver(ana, order.code, delivered_at=day + timedelta(days=later))
    order.refresh_from_db()
    assert (order.status_type, order.delivered_at) == ("DELIVERED", day)
    assert [payload for action, payload in told(order) if action == "delivery"] == [
        {"delivered_at": day.isoformat()}
    ]


def test_a_refused_invoice_can_be_sent_again_the_same_or_another(ana: Seller, order: Order) -> None:
    services.invoice(ana, order.code, invoice=invoice_note(1))
    Notice.objects.update(state="refused")
    services.invoice(ana, order.code, invoice=invoice_note(1))
    services.invoice(ana, order.code, invoice=invoice_note(2))
    assert list(Notice.objects.order_by("id").values_list("state", flat=True)) == [
        "refused",
        "waiting",
        "waiting",
    ]
    assert Invoice.objects.count() == 2


def test_cancelling_is_told_once_with_its_reason(ana: Seller, order: Order) -> None:
    for _again in range(2):
        services.cancel(ana, order.code, reason="Sem estoque")
    order.refresh_from_db()
    assert order.status_type == "CANCELED"
    assert [(action, payload["reason"]) for action, payload in told(order)] == [("cancel", "Sem estoque")]


@pytest.mark.parametrize(
    ("before", "told_before", "told_meanwhile", "after"),
    [
        ("APPROVED", "APPROVED", "APPROVED", "APPROVED"),
        ("APPROVED", "APPROVED", "SHIPPED", "SHIPPED"),
        ("APPROVED", "APPROVED", "DELIVERED", "DELIVERED"),
        ("INVOICED", "APPROVED", "APPROVED", "INVOICED"),
        ("INVOICED", "APPROVED", "SHIPPED", "SHIPPED"),
        ("SHIPMENT_EXCEPTION", "SHIPMENT_EXCEPTION", "SHIPPED", "SHIPPED"),
        ("SHIPMENT_EXCEPTION", "SHIPPED", "SHIPPED", "SHIPMENT_EXCEPTION"),
    ],
)
def test_an_order_whose_cancellation_is_refused_goes_on_where_the_marketplace_has_it(
    ana: Seller, connection: Connection, before: str, told_before: str, told_meanwhile: str, after: str
) -> None:
    order = services.import_order(connection, remote_order("P7", told_before)).order
    if before == "INVOICED":
        services.invoice(ana, order.code, invoice=invoice_note())
    if before != told_before and before == "SHIPMENT_EXCEPTION":
        services.shipment_exception(ana, order.code, occurred_at=PLACED)
    services.cancel(ana, order.code)
    services.import_order(connection, remote_order("P7", told_meanwhile, minutes=5))
    assert Order.objects.get(pk=order.pk).status_type == "CANCELED"

    cancel_refused(Order.objects.select_for_update().get(pk=order.pk))

    order.refresh_from_db()
    assert (order.status_type, order.status_code) == (after, flow.STANDARD_CODE[after])
    assert order.canceled_at is None
    sent_at = PLACED + timedelta(minutes=0 if told_before in ("SHIPPED", "SHIPMENT_EXCEPTION") else 5)
    assert order.shipped_at == (sent_at if after in ("SHIPPED", "SHIPMENT_EXCEPTION", "DELIVERED") else None)
    assert order.delivered_at == (sent_at if after == "DELIVERED" else None)


def test_an_order_whose_cancellation_is_refused_keeps_the_seller_s_own_status(
    ana: Seller, connection: Connection
) -> None:
    statuses.create(ana, code="11", label="Faturado", status_type="INVOICED")
    order = services.import_order(connection, remote_order("P7", "APPROVED")).order
    services.invoice(ana, order.code, invoice=invoice_note(), status_code="11")
    services.cancel(ana, order.code)
    cancel_refused(Order.objects.select_for_update().get(pk=order.pk))
    order.refresh_from_db()
    assert order.status_code == "11"


def test_an_order_nobody_could_read_goes_on_as_well_when_its_cancellation_is_refused(
    ana: Seller, connection: Connection
) -> None:
    order = services.keep_raw(connection, "ODD", {"id": "ODD"}, "no items")
    assert order is not None
    services.cancel(ana, order.code)
    cancel_refused(Order.objects.select_for_update().get(pk=order.pk))
    order.refresh_from_db()
    assert order.status_type == "NEW"


def test_a_test_account_s_own_order_tells_nobody(ana: Seller) -> None:
    wanted = services.TestOrder(channel="Loja", items=[services.TestItem("S1", 1)])
    order = services.create_test_order(ana, wanted)
    services.approve(ana, order.code)
    services.invoice(ana, order.code, invoice=invoice_note())
    services.cancel(ana, order.code)
    assert not Notice.objects.exists()


def test_test_orders_made_in_one_instant_have_codes_of_their_own(ana: Seller) -> None:
    wanted = services.TestOrder(channel="Loja", items=[services.TestItem("S1", 1)])
    assert len({services.create_test_order(ana, wanted).code for _number in range(20)}) == 20


@pytest.mark.parametrize("status", ["NEW", "CANCELED"])
def test_an_order_that_is_not_paid_or_is_cancelled_takes_no_invoice(
    ana: Seller, connection: Connection, status: str
) -> None:
    order = services.import_order(connection, remote_order("P9", status)).order
    with pytest.raises(Refusal):
        services.invoice(ana, order.code, invoice=invoice_note())
    with pytest.raises(Refusal):
        services.ship(ana, order.code, shipment=shipment_note())
    assert not Invoice.objects.exists()


def test_nobody_moves_a_stranger_s_order(beto: Seller, order: Order) -> None:
    for work in (services.invoice, services.ship, services.deliver, services.cancel, services.accept):
        with pytest.raises(Unknown):
            work(beto, order.code)


def test_every_step_is_in_the_order_s_history(ana: Seller, order: Order) -> None:
    services.invoice(ana, order.code, invoice=invoice_note())
    services.ship(ana, order.code, shipment=shipment_note())
    services.shipment_exception(ana, order.code, occurred_at=PLACED, observation="Ausente")
    steps = list(order.events.order_by("id").values_list("source", "status_type"))
    assert [step for step in steps if step[1]] == [
        ("marketplace", "APPROVED"),
        ("erp", "INVOICED"),
        ("erp", "SHIPPED"),
        ("erp", "SHIPMENT_EXCEPTION"),
    ]
    assert order.events.filter(note="Ausente").exists()


def test_items_sold_as_the_product_count_too(ana: Seller, connection: Connection) -> None:
    item = RemoteItem("CAMISA-P", 2, make.Decimal(1), make.Decimal(1))
    order = services.import_order(connection, remote_order("P5", "APPROVED", items=(item,))).order
    services.invoice(ana, order.code, invoice=invoice_note())
    services.ship(ana, order.code, shipment=shipment_note(items=(("CAMISA", 2),)))
    assert order.shipments.get().items == [{"sku": "CAMISA", "qty": 2}]


def test_the_standard_statuses_are_made_once_on_first_use(ana: Seller) -> None:
    assert not Status.objects.exists()
    assert list(statuses.of_seller(ana.pk)) == list(statuses.of_seller(ana.pk))
    assert Status.objects.filter(seller=ana).count() == 7


def test_own_statuses_are_added_changed_and_removed(ana: Seller, order: Order) -> None:
    statuses.create(ana, code="11", label="Faturado", status_type="INVOICED")
    with pytest.raises(Refusal):
        statuses.create(ana, code="11", label="Outro", status_type="INVOICED")
    with pytest.raises(Refusal):
        statuses.create(ana, code="12", label="Outro", status_type="WHAT")
    statuses.change(ana, "11", label="Nota emitida", status_type=None)
    services.invoice(ana, order.code, invoice=invoice_note(), status_code="11")
    with pytest.raises(Refusal):
        statuses.delete(ana, "11")
    with pytest.raises(Refusal):
        statuses.delete(ana, "order_invoiced")
    with pytest.raises(Refusal):
        statuses.change(ana, "order_invoiced", label=None, status_type="SHIPPED")
    order.refresh_from_db()
    assert (order.status_code, order.status_type) == ("11", "INVOICED")
    assert statuses.of_seller(ana.pk)["11"].label == "Nota emitida"
