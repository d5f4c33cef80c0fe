"""What a seller may do with an order. Every call may be repeated; a contradiction is refused with 409."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from marketplaces.simulators.kit import Problem
from marketplaces.simulators.sandbox import orders
from marketplaces.simulators.sandbox.market import Market
from marketplaces.simulators.sandbox.words import is_nfe_key

AFTER_INVOICE = ("invoiced", "shipped", "delivered")


def _refuse_canceled(row: sqlite3.Row) -> None:
    if row["status"] == "canceled":
        raise Problem(409, "SBX-ORDER-CANCELED", "O pedido está cancelado.")


def _wrong_state(row: sqlite3.Row, wanted: str) -> Problem:
    said = f"O pedido está em “{row['status']}”; esta chamada exige “{wanted}”."
    return Problem(409, "SBX-ORDER-STATE", said)


def accept(
    db: sqlite3.Connection, market: Market, row: sqlite3.Row, data: Mapping[str, Any], now: float
) -> dict[str, Any]:
    _refuse_canceled(row)
    body = orders.full(row)
    if row["status"] != "new":
        return body
    changed = orders.store(db, market, row, body, "awaiting_payment", now)
    if market.settings.auto_approve:
        orders.plan(db, row["number"], "approve", now + market.settings.approval_seconds)
    return changed


def invoice(
    db: sqlite3.Connection, market: Market, row: sqlite3.Row, data: Mapping[str, Any], now: float
) -> dict[str, Any]:
    """Take an NF-e; the marketplace checks its key before it lets the parcel go."""
    _refuse_canceled(row)
    if not is_nfe_key(data["key"]):
        said = "A chave da NF-e (key) deve ter 44 caracteres com o dígito verificador certo."
        raise Problem(422, "SBX-INVOICE-KEY", said)
    body = orders.full(row)
    if row["status"] in AFTER_INVOICE:
        if body["invoice"]["key"] == data["key"]:
            return body
        raise Problem(409, "SBX-ORDER-INVOICED", "O pedido já foi faturado com outra NF-e.")
    if row["status"] != "approved":
        raise _wrong_state(row, "approved")
    body["invoice"] = dict(data)
    changed = orders.store(db, market, row, body, "invoiced", now)
    if all(delivery["carrier_owned"] for delivery in body["deliveries"]):
        orders.plan(db, row["number"], "ship", now + market.settings.carrier_seconds)
    return changed


def shipment(
    db: sqlite3.Connection, market: Market, row: sqlite3.Row, data: Mapping[str, Any], now: float
) -> dict[str, Any]:
    """Hand one delivery (all of them when none is named) to the carrier."""
    _refuse_canceled(row)
    body = orders.full(row)
    wanted = data.get("delivery_id") or ""
    chosen = [delivery for delivery in body["deliveries"] if wanted in ("", delivery["id"])]
    if not chosen:
        raise Problem(404, "SBX-DELIVERY-UNKNOWN", "Entrega (delivery_id) desconhecida neste pedido.")
    if any(delivery["carrier_owned"] for delivery in chosen):
        said = "A transportadora do marketplace informa o envio desta entrega; nada a fazer."
        raise Problem(409, "SBX-CARRIER-OWNED", said)
    if row["status"] not in AFTER_INVOICE:
        raise _wrong_state(row, "invoiced")
    note = {name: value for name, value in data.items() if name != "delivery_id"}
    for delivery in chosen:
        if delivery["shipment"] is None:
            continue
        if not wanted and len(chosen) > 1:
            continue
        same = ("code", "tracking_code")
        if any((delivery["shipment"].get(name) or "") != (note.get(name) or "") for name in same):
            raise Problem(409, "SBX-DELIVERY-SHIPPED", "Esta entrega já foi enviada com outro rastreio.")
        return body
    waiting = [delivery for delivery in chosen if delivery["shipment"] is None]
    if not waiting:
        return body
    for delivery in waiting:
        delivery |= {"status": "shipped", "shipment": note}
    done = all(delivery["shipment"] is not None for delivery in body["deliveries"])
    return orders.store(db, market, row, body, "shipped" if done else row["status"], now)


def delivery(
    db: sqlite3.Connection, market: Market, row: sqlite3.Row, data: Mapping[str, Any], now: float
) -> dict[str, Any]:
    _refuse_canceled(row)
    body = orders.full(row)
    if row["status"] == "delivered":
        if body["deliveries"][0]["delivered_at"] == data["delivered_at"]:
            return body
        raise Problem(409, "SBX-ORDER-ALREADY", "O pedido já consta como entregue.")
    if any(one["carrier_owned"] for one in body["deliveries"]):
        said = "A transportadora do marketplace informa a entrega; nada a fazer."
        raise Problem(409, "SBX-CARRIER-OWNED", said)
    if row["status"] != "shipped":
        raise _wrong_state(row, "shipped")
    for one in body["deliveries"]:
        one |= {"status": "delivered", "delivered_at": data["delivered_at"]}
    return orders.store(db, market, row, body, "delivered", now)


def cancel(
    db: sqlite3.Connection, market: Market, row: sqlite3.Row, data: Mapping[str, Any], now: float
) -> dict[str, Any]:
    body = orders.full(row)
    if row["status"] == "canceled":
        known = body["cancellation"]
        if known["by"] == "seller" and known["reason"] == data["reason"]:
            return body
        raise Problem(409, "SBX-ORDER-ALREADY", "O pedido já está cancelado.")
    if row["status"] in ("shipped", "delivered"):
        raise Problem(409, "SBX-ORDER-STATE", "O pedido já foi enviado e não pode mais ser cancelado.")
    body["cancellation"] = {"by": "seller", "reason": data["reason"], "at": orders.moment(now)}
    return orders.store(db, market, row, body, "canceled", now)


ACTIONS = {
    "accept": accept,
    "invoice": invoice,
    "shipment": shipment,
    "delivery": delivery,
    "cancel": cancel,
}
