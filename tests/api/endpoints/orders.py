"""/orders, /queues/orders, /statuses and the account's channels."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from orders.models import Order, QueueEntry, Status
from tests.api.endpoints.row import ADDRESS_ONLY, NO_ID, NO_INPUT, Call, Row
from tests.orders.make import nfe_key

SAME_FOR_ALL = "The same for every account: there is nothing of a seller's in it."


def moved(name: str, to: str) -> Any:
    """The order stands in a status of this type."""
    return lambda ana, ids: Order.objects.get(seller=ana, code=ids[name]).status_type == to


def entry(ana: Any, ids: Any, name: str) -> QueueEntry:
    """An order's place in the queue."""
    return QueueEntry.objects.get(seller=ana, order__code=ids[name])


def only_unknown(name: str) -> Any:
    """A batch call says that the one order it got is nobody's."""
    return lambda said, ids: said == {"unknown": [ids[name]], "late": []}


ORDERS = [
    Row(
        "GET /orders",
        Call(
            200,
            shows=lambda said, ids: (
                said["total"] == 7 and ids["order"] in {one["code"] for one in said["orders"]}
            ),
        ),
        bad=Call(400, path="/orders?page=101&per_page=100"),
        unknown=Call(200, path="/orders?filters[statuses][]={order}", shows={"total": 0, "orders": []}),
        stranger=Call(200, shows={"total": 0, "orders": []}),
    ),
    Row(
        "POST /orders",
        Call(
            201,
            lambda ids: {"order": {"channel": "Submarino", "items": [{"id": ids["product"], "qty": "2"}]}},
            then=lambda ana, ids: (
                Order.objects.get(seller=ana, channel="Submarino").items.get().quantity == 2
            ),
        ),
        bad=Call(400, {"order": {"channel": "Submarino"}}),
        unknown=Call(422),
        stranger=Call(422),
    ),
    Row(
        "GET /orders/{code}",
        Call(
            200, shows=lambda said, ids: (said["code"], said["status"]["type"]) == (ids["order"], "APPROVED")
        ),
        path="/orders/{order}",
        bad=ADDRESS_ONLY,
    ),
    Row(
        "POST /orders/{code}/approval",
        Call(201, {"status": "payment_received"}, then=moved("new", "APPROVED")),
        path="/orders/{new}/approval",
        bad=Call(422, {"status": "payed"}),
    ),
    Row(
        "POST /orders/{code}/invoice",
        Call(
            201, {"status": "order_invoiced", "invoice": {"key": nfe_key(5)}}, then=moved("order", "INVOICED")
        ),
        path="/orders/{order}/invoice",
        bad=Call(422, {"status": "order_invoiced", "invoice": {"key": "123"}}),
    ),
    Row(
        "POST /orders/{code}/shipments",
        Call(
            201,
            {
                "status": "order_shipped",
                "shipment": {"code": "1", "track": {"code": "BR1", "carrier": "Correios"}},
                "items": [{"sku": "LAMP", "qty": 2}],
            },
            then=moved("invoiced", "SHIPPED"),
        ),
        path="/orders/{invoiced}/shipments",
        bad=Call(422, {"shipment": {"code": "1", "items": [{"sku": "LAMP", "qty": 9}]}}),
    ),
    Row(
        "POST /orders/{code}/delivery",
        Call(201, {"status": "complete", "delivered_date": "03/03/2026"}, then=moved("shipped", "DELIVERED")),
        path="/orders/{shipped}/delivery",
        bad=Call(422, {"delivered_date": "yesterday"}),
    ),
    Row(
        "POST /orders/{code}/cancel",
        Call(201, [], then=moved("order", "CANCELED")),
        path="/orders/{order}/cancel",
        bad=Call(422, {"status": "complete"}),
    ),
    Row(
        "POST /orders/{code}/shipment_exception",
        Call(
            201,
            {
                "shipment_exception": {
                    "occurrence_date": "2026-03-03T10:00:00-03:00",
                    "observation": "Ausente",
                }
            },
            then=moved("shipped", "SHIPMENT_EXCEPTION"),
        ),
        path="/orders/{shipped}/shipment_exception",
        bad=Call(422, {"shipment_exception": {"occurrence_date": "yesterday"}}),
    ),
    Row(
        "PUT /orders/{code}/exported",
        Call(
            204,
            {"exported": True},
            then=lambda ana, ids: Order.objects.get(seller=ana, code=ids["order"]).sync_status == "SYNCED",
        ),
        path="/orders/{order}/exported",
        bad=Call(422, {"exported": "perhaps"}),
    ),
    Row(
        "GET /orders/{code}/shipment_labels",
        Call(200, shows=lambda said, ids: said["docsExternos"][0]["docExterno"] == ids["correios"]),
        path="/orders/{correios_order}/shipment_labels",
        bad=Call(422, path="/orders/{order}/shipment_labels"),  # the seller ships it
    ),
]

QUEUE = [
    Row(
        "GET /queues/orders",
        Call(
            200,
            shows=lambda said, ids: said["code"] == ids["order"],
            then=lambda ana, ids: (entry(ana, ids, "order").hidden_until or timezone.now()) > timezone.now(),
        ),
        bad=NO_INPUT,
        unknown=NO_ID,
        stranger=Call(204),
    ),
    Row(
        "DELETE /queues/orders/{code}",
        Call(204, then=lambda ana, ids: entry(ana, ids, "held").acknowledged_version == 1),
        path="/queues/orders/{held}",
        bad=Call(422, headers={"X-Hub-Receipt": "not one of ours"}),
    ),
    Row(
        "POST /queues/orders/lease",
        Call(
            200,
            {"limit": 1, "hide_seconds": 60},
            shows=lambda said, ids: list(said["receipts"]) == [ids["order"]],
            then=lambda ana, ids: entry(ana, ids, "order").offers == 1,
        ),
        bad=Call(422, {"limit": 101}),
        unknown=NO_ID,
        stranger=Call(200, shows={"orders": [], "receipts": {}}),
    ),
    Row(
        "POST /queues/orders/acknowledge",
        Call(
            200,
            lambda ids: {"codes": [ids["held"]]},
            shows={"unknown": [], "late": []},
            then=lambda ana, ids: entry(ana, ids, "held").acknowledged_version == 1,
        ),
        bad=Call(422, {"codes": [{}]}),
        unknown=Call(200, shows=only_unknown("held")),
        stranger=Call(200, shows=only_unknown("held")),
    ),
    Row(
        "POST /queues/orders/extend",
        Call(
            200,
            lambda ids: {"codes": [ids["held"]], "hide_seconds": 43_200},
            shows={"unknown": [], "late": []},
            then=lambda ana, ids: (
                ((entry(ana, ids, "held").hidden_until or timezone.now()) - timezone.now()).total_seconds()
                > 40_000
            ),
        ),
        bad=Call(400, {"codes": ["A"]}),
        unknown=Call(200, shows=only_unknown("held")),
        stranger=Call(200, shows=only_unknown("held")),
    ),
    Row(
        "POST /queues/orders/failures",
        Call(
            200,
            lambda ids: {"failures": [{"code": ids["held"], "reason": "CPF inválido"}]},
            shows={"unknown": [], "late": []},
            then=lambda ana, ids: entry(ana, ids, "held").failure == "CPF inválido",
        ),
        bad=Call(422, {"failures": [{"code": "A"}]}),
        unknown=Call(200, shows=only_unknown("held")),
        stranger=Call(200, shows=only_unknown("held")),
    ),
    Row(
        "POST /queues/orders/replay",
        Call(
            200,
            lambda ids: {"codes": [ids["order"]]},
            shows={"replayed": 1, "unknown": []},
            then=lambda ana, ids: entry(ana, ids, "order").version == 2,
        ),
        bad=Call(422, {"since": "yesterday"}),
        unknown=Call(200, shows=lambda said, ids: said == {"replayed": 0, "unknown": [ids["order"]]}),
        stranger=Call(200, shows=lambda said, ids: said == {"replayed": 0, "unknown": [ids["order"]]}),
    ),
    Row(
        "GET /queues/orders/summary",
        Call(
            200,
            shows=lambda said, ids: (
                (said["waiting"], said["hidden"], said["parked"]) == (6, 1, 0)
                and said["oldest_age_seconds"] >= 0
            ),
        ),
        bad=NO_INPUT,
        unknown=NO_ID,
        stranger=Call(200, shows=lambda said, ids: set(said.values()) == {0, None}),
    ),
]

STATUSES = [
    Row(
        "GET /statuses",
        Call(200, shows=lambda said, ids: {"code": "pago", "label": "Pago", "type": "APPROVED"} in said),
        bad=NO_INPUT,
        unknown=NO_ID,
        stranger=Call(200, shows=lambda said, ids: "pago" not in {one["code"] for one in said}),
    ),
    Row(
        "POST /statuses",
        Call(
            201,
            {"status": {"code": "11", "label": "Separado", "type": "APPROVED"}},
            then=lambda ana, ids: Status.objects.get(seller=ana, code="11").label == "Separado",
        ),
        bad=Call(422, {"status": {"code": "11", "label": "Separado", "type": "CANCELLED"}}),
        unknown=NO_ID,
        stranger=Call(201, lambda ids: {"status": {"code": ids["status"], "type": "NEW"}}),
    ),
    Row(
        "PUT /statuses/{code}",
        Call(
            204,
            {"status": {"label": "Pago!"}},
            then=lambda ana, ids: Status.objects.get(seller=ana, code="pago").label == "Pago!",
        ),
        path="/statuses/{status}",
        bad=Call(422, {"status": {"type": "CANCELLED"}}),
    ),
    Row(
        "DELETE /statuses/{code}",
        Call(204, then=lambda ana, ids: not Status.objects.filter(seller=ana, code="pago").exists()),
        path="/statuses/{status}",
        bad=Call(422, path="/statuses/complete"),
    ),
    Row(
        "GET /status_types",
        Call(200, shows=lambda said, ids: {"NEW", "CANCELED"} < set(said)),
        bad=NO_INPUT,
        unknown=NO_ID,
        stranger=SAME_FOR_ALL,
    ),
    Row(
        "GET /sale_systems",
        Call(200, shows=["Lojas Americanas", "Lojas Sandbox"]),
        bad=NO_INPUT,
        unknown=NO_ID,
        stranger=Call(200, shows=[]),
    ),
]

ROWS = [*ORDERS, *QUEUE, *STATUSES]
