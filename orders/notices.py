"""Notices: what a marketplace must be told about an order, written down beside the change itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet
from django.utils.dateparse import parse_datetime

from marketplaces import engine
from marketplaces.contract import FulfilmentSink, InvoiceNote, ShipmentNote
from marketplaces.models import Lane
from orders.models import Invoice, Notice, Order, Shipment

_NAMES = ("key", "code", "delivery_id")
"""What says which invoice, or which parcel of which delivery, a payload is about."""


def heard(order: Order, action: Notice.Action) -> QuerySet[Notice]:
    """Return what the marketplace has heard of an order, or will hear, in that order; not what it refused."""
    told = order.notices.filter(action=action).exclude(state=Notice.State.REFUSED)
    return told.order_by(F("told_at").asc(nulls_last=True), "pk")


def make(order: Order, action: Notice.Action, payload: dict[str, Any]) -> None:
    """Note down what to tell, in the caller's transaction; nothing for a test account's own order.

    What the marketplace heard last of the same thing is not said again. After a refusal the seller may
    have it told once more.
    """
    if order.connection_id is None:
        return
    about = {f"payload__{name}": payload[name] for name in _NAMES if name in payload}
    last = heard(order, action).filter(**about).last()
    if last is not None and last.payload == payload:
        return
    Notice.objects.create(order=order, connection_id=order.connection_id, action=action, payload=payload)
    engine.nudge(order.connection_id, Lane.Kind.FULFILMENT.value)


def of_invoice(row: Invoice, xml: str = "") -> dict[str, Any]:
    """Return the payload that tells of an invoice, with its XML where the ERP sent it."""
    return {
        "key": row.key,
        "issued_at": row.issued_at.isoformat(),
        "number": row.number,
        "line": row.line,
        "volumes": row.volumes,
        **({"xml": xml} if xml else {}),
    }


def of_shipment(row: Shipment, delivery_id: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the payload that tells of one delivery's parcel; `items` are ``{"sku", "qty"}``."""
    return {
        "code": row.code,
        "shipped_at": row.shipped_at.isoformat(),
        "tracking_code": row.tracking_code,
        "carrier": row.carrier,
        "method": row.method,
        "url": row.url,
        "delivery_id": delivery_id,
        "items": items,
    }


def tell(sink: FulfilmentSink, notice: Notice) -> None:
    """Make the one call a notice stands for; contract errors pass through."""
    order_id, payload = notice.order.remote_id, notice.payload
    match notice.action:
        case Notice.Action.ACCEPT:
            sink.accept(order_id)
        case Notice.Action.INVOICE:
            sink.send_invoice(order_id, InvoiceNote(**{**payload, "issued_at": _time(payload["issued_at"])}))
        case Notice.Action.SHIPMENT:
            sold = tuple((one["sku"], one["qty"]) for one in payload["items"])
            words = {**payload, "shipped_at": _time(payload["shipped_at"]), "items": sold}
            sink.send_shipment(order_id, ShipmentNote(**words))
        case Notice.Action.DELIVERY:
            sink.confirm_delivery(order_id, _time(payload["delivered_at"]))
        case Notice.Action.CANCEL:
            sink.cancel(order_id, payload["reason"])


def _time(text: str) -> datetime:
    moment = parse_datetime(text)
    if moment is None:
        raise ValueError(text)
    return moment
