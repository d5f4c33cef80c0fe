"""Orders: made by shoppers, moved by the seller, the shopper, the carrier and the clock.

Every change gives an order a new, strictly growing sequence number; the feed is read by it.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from marketplaces.simulators.kit import Problem
from marketplaces.simulators.sandbox import markers, webhooks
from marketplaces.simulators.sandbox.listings import listing_id, money, of_account, take_stock
from marketplaces.simulators.sandbox.market import Market
from marketplaces.simulators.sandbox.people import customer as make_customer
from marketplaces.simulators.sandbox.rules import to_decimal
from marketplaces.simulators.sandbox.store import account_id, number_of

PREFIX = "SBX-P"
BRASILIA = timezone(timedelta(hours=-3))
CENT = Decimal("0.01")
FEE = Decimal("0.14")
STATUSES = ("new", "awaiting_payment", "approved", "invoiced", "shipped", "delivered", "canceled")
_METHODS = (("credit_card", "VISA"), ("credit_card", "MASTERCARD"), ("pix", ""), ("boleto", ""))


def order_id(number: int) -> str:
    return f"{PREFIX}{number}"


def order_number(text: str) -> int:
    return number_of(text, PREFIX)


def moment(at: float) -> str:
    """Return a time as the API writes it: ISO 8601 in Brasília."""
    return datetime.fromtimestamp(at, UTC).astimezone(BRASILIA).isoformat(timespec="milliseconds")


def amount(value: Any) -> Decimal:
    return (to_decimal(value) or Decimal(0)).quantize(CENT, ROUND_HALF_UP)


def next_sequence(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT coalesce(max(seq), 0) + 1 FROM purchase").fetchone()[0])


def create(
    db: sqlite3.Connection, market: Market, wanted: Sequence[Mapping[str, Any]], now: float
) -> list[dict[str, Any]]:
    """Create orders: `account` (number), `lines` (sku, quantity, price?) and what else is known of each.

    With `take_stock` (the default) a listing must be on sale and have enough; raises Problem if not.
    """
    sequence = next_sequence(db)
    made: list[dict[str, Any]] = []
    told: dict[int, list[str]] = {}
    for offset, order in enumerate(wanted):
        account = int(order["account"])
        lines = _lines(db, account, order, now)
        placed = float(order.get("placed_at") or now)
        status = order.get("status") or "new"
        number = int(
            db.execute(
                "INSERT INTO purchase (account, seq, status, created_at, doubled, body)"
                " VALUES (?, ?, ?, ?, ?, '{}')",
                (
                    account,
                    sequence + offset,
                    status,
                    placed,
                    any(markers.carries(line["sku"], markers.DOUBLED) for line in lines),
                ),
            ).lastrowid
            or 0
        )
        body = _body(number, account, order, lines, status, placed)
        db.execute(
            "UPDATE purchase SET body = ? WHERE number = ?", (json.dumps(body, ensure_ascii=False), number)
        )
        if status == "awaiting_payment" and market.settings.auto_approve:
            plan(db, number, "approve", now + market.settings.approval_seconds)
        told.setdefault(account, []).append(body["id"])
        made.append({**body, "sequence": sequence + offset})
    for account, ids in told.items():
        webhooks.enqueue(db, market, account, "order.created", ids, now)
    return made


def _lines(
    db: sqlite3.Connection, account: int, order: Mapping[str, Any], now: float
) -> list[dict[str, Any]]:
    rows = of_account(db, account, [line["sku"] for line in order["lines"]])
    lines = []
    for line in order["lines"]:
        sku, quantity = line["sku"], line["quantity"]
        row = rows.get(sku)
        if order.get("take_stock", True):
            take_stock(db, account, sku, quantity, now)
        if row is None and line.get("price") is None:
            raise Problem(
                400, "SBX-FIELD-REQUIRED", f"Informe o preço (price) de {sku}: não há anúncio dele."
            )
        price = amount(line["price"] if line.get("price") is not None else money(row["price"] if row else 0))
        shown = amount(money(row["list_price"])) if row is not None else price
        fee = (price * FEE).quantize(CENT, ROUND_HALF_UP)
        lines.append(
            {
                "sku": sku,
                "listing_id": listing_id(row["number"]) if row is not None else None,
                "title": line.get("title") or (row["title"] if row is not None else sku),
                "quantity": quantity,
                "price": str(price),
                "list_price": str(max(price, shown)),
                "fee": str(fee),
            }
        )
    return lines


def _body(
    number: int,
    account: int,
    order: Mapping[str, Any],
    lines: list[dict[str, Any]],
    status: str,
    placed: float,
) -> dict[str, Any]:
    dice = random.Random(number)
    shopper = make_customer(dice)
    shopper |= {name: value for name, value in (order.get("customer") or {}).items() if name != "address"}
    address = shopper.pop("address") | {"recipient": shopper["name"]} | dict(order.get("address") or {})
    goods = sum((Decimal(line["price"]) * line["quantity"] for line in lines), Decimal(0))
    freight = order.get("shipping_cost")
    shipping = amount(freight if freight is not None else f"{dice.randrange(0, 4000) / 100:.2f}")
    discount, interest = amount(order.get("discount")), amount(order.get("interest"))
    total = max(Decimal(0), goods + shipping + interest - discount)
    deliveries = _deliveries(number, order, lines, placed, dice)
    shares = _split(shipping, len(lines))
    for line, share in zip(lines, shares, strict=True):
        line["shipping_cost"] = str(share)
    method, brand = dice.choice(_METHODS)
    return {
        "id": order_id(number),
        "account_id": account_id(account),
        "status": status,
        "created_at": moment(placed),
        "updated_at": moment(placed),
        "customer": shopper,
        "billing_address": address,
        "shipping_address": address,
        "items": lines,
        "payments": [
            {
                "method": order.get("payment_method") or method,
                "value": str(total),
                "installments": order.get("installments") or 1,
                "brand": brand,
                "authorization": f"{dice.randrange(10**8):08d}",
                "status": "approved" if status == "approved" else "pending",
                "paid_at": moment(placed) if status == "approved" else None,
            }
        ],
        "deliveries": deliveries,
        "shipping_cost": str(shipping),
        "discount": str(discount),
        "interest": str(interest),
        "total": str(total),
        "invoice": None,
        "cancellation": None,
    }


def _split(total: Decimal, parts: int) -> list[Decimal]:
    """Share an amount among lines to the cent."""
    share = (total / parts).quantize(CENT, ROUND_HALF_UP) if parts else Decimal(0)
    return [share] * (parts - 1) + [total - share * (parts - 1)] if parts else []


def _deliveries(
    number: int, order: Mapping[str, Any], lines: list[dict[str, Any]], placed: float, dice: random.Random
) -> list[dict[str, Any]]:
    wanted = int(order.get("deliveries") or 1)
    if any(markers.carries(line["sku"], markers.SPLIT) for line in lines):
        wanted = max(wanted, 2)
    wanted = max(1, min(wanted, len(lines)))
    carrier_owned = bool(order.get("carrier_owned")) or any(
        markers.carries(line["sku"], markers.CARRIER) for line in lines
    )
    deliveries = []
    for place in range(wanted):
        deliveries.append(
            {
                "id": f"{order_id(number)}-{place + 1}",
                "method": "Sandbox Entregas"
                if carrier_owned
                else dice.choice(("SEDEX", "PAC", "Transportadora")),
                "carrier": "Sandbox Entregas" if carrier_owned else "Correios",
                "carrier_owned": carrier_owned,
                "estimated_at": moment(placed + 86400 * dice.randrange(4, 12)),
                "dispatch_by": moment(placed + 86400 * 2),
                "status": "pending",
                "shipment": None,
                "delivered_at": None,
            }
        )
    for place, line in enumerate(lines):
        line["delivery_id"] = deliveries[place % wanted]["id"]
    return deliveries


# --- reading ---------------------------------------------------------------------------------


def full(row: sqlite3.Row) -> dict[str, Any]:
    return {**json.loads(row["body"]), "status": row["status"], "sequence": row["seq"]}


def feed(db: sqlite3.Connection, account: int, cursor: int, limit: int) -> dict[str, Any]:
    """Return orders changed after the cursor, oldest change first."""
    rows = db.execute(
        "SELECT * FROM purchase WHERE account = ? AND seq > ? ORDER BY seq LIMIT ?",
        (account, cursor, limit + 1),
    ).fetchall()
    page, has_more = rows[:limit], len(rows) > limit
    orders = []
    before = db.execute(
        "SELECT * FROM purchase WHERE account = ? AND seq = ? AND doubled", (account, cursor)
    ).fetchone()
    if before is not None and page:
        orders.append(full(before))
    for row in page:
        orders += [full(row)] * (2 if row["doubled"] else 1)
    last = page[-1]["seq"] if page else cursor
    return {"orders": orders, "cursor": str(last), "has_more": has_more}


def find(db: sqlite3.Connection, wanted: str, account: int | None = None) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM purchase WHERE number = ? AND (? IS NULL OR account = ?)",
        (order_number(wanted), account, account),
    ).fetchone()
    if row is None:
        raise Problem(404, "SBX-ORDER-UNKNOWN", "Pedido desconhecido.")
    return row


# --- changing --------------------------------------------------------------------------------


def plan(db: sqlite3.Connection, number: int, step: str, at: float | None) -> None:
    """Let something happen to an order by itself at a moment (None for never)."""
    db.execute("UPDATE purchase SET next_step = ?, next_at = ? WHERE number = ?", (step, at, number))


def store(
    db: sqlite3.Connection,
    market: Market,
    row: sqlite3.Row,
    body: dict[str, Any],
    status: str,
    now: float,
) -> dict[str, Any]:
    """Write a changed order under a new sequence number and tell the account."""
    sequence = next_sequence(db)
    body |= {"status": status, "updated_at": moment(now)}
    db.execute(
        "UPDATE purchase SET status = ?, seq = ?, body = ?, next_step = '', next_at = NULL WHERE number = ?",
        (status, sequence, json.dumps(body, ensure_ascii=False), row["number"]),
    )
    webhooks.enqueue(db, market, row["account"], "order.changed", [body["id"]], now)
    return {**body, "sequence": sequence}


def approve(db: sqlite3.Connection, market: Market, row: sqlite3.Row, now: float) -> dict[str, Any]:
    """The payment is approved; raises Problem on a cancelled order."""
    body = full(row)
    if row["status"] == "canceled":
        raise Problem(409, "SBX-ORDER-CANCELED", "O pedido está cancelado.")
    if row["status"] not in ("new", "awaiting_payment"):
        return body
    for payment in body["payments"]:
        payment |= {"status": "approved", "paid_at": moment(now)}
    changed = store(db, market, row, body, "approved", now)
    if any(markers.carries(line["sku"], markers.CHANGED_MIND) for line in body["items"]):
        plan(db, row["number"], "desist", now + market.settings.approval_seconds)
    return changed


def cancel_as_customer(
    db: sqlite3.Connection, market: Market, row: sqlite3.Row, now: float, reason: str = ""
) -> dict[str, Any]:
    """The shopper gives up; raises Problem once the parcel is on its way. Sold units do not come back."""
    if row["status"] == "canceled":
        return full(row)
    if row["status"] in ("shipped", "delivered"):
        raise Problem(409, "SBX-ORDER-STATE", "O pedido já foi enviado e não pode mais ser cancelado.")
    body = full(row)
    body["cancellation"] = {"by": "customer", "reason": reason or "Desistência do cliente", "at": moment(now)}
    return store(db, market, row, body, "canceled", now)


def settle(db: sqlite3.Connection, market: Market, now: float) -> None:
    """Take every step whose time has come: payments approved, second thoughts, the carrier's moves."""
    while rows := db.execute(
        "SELECT * FROM purchase WHERE next_at <= ? ORDER BY next_at, number LIMIT 200", (now,)
    ).fetchall():
        for row in rows:
            at, step = float(row["next_at"]), row["next_step"]
            plan(db, row["number"], "", None)
            if step == "approve":
                approve(db, market, row, at)
            elif step == "desist":
                cancel_as_customer(db, market, row, at)
            elif step == "ship":
                carrier_ships(db, market, row, at)
            elif step == "deliver":
                carrier_delivers(db, market, row, at)


def carrier_ships(db: sqlite3.Connection, market: Market, row: sqlite3.Row, now: float) -> None:
    body = full(row)
    for delivery in body["deliveries"]:
        shipment = {"code": f"SBE{delivery['id']}", "tracking_code": f"SBE{row['number']:09d}BR"}
        delivery |= {"status": "shipped", "shipment": {**shipment, "shipped_at": moment(now), "url": ""}}
    store(db, market, row, body, "shipped", now)
    plan(db, row["number"], "deliver", now + market.settings.carrier_seconds)


def carrier_delivers(db: sqlite3.Connection, market: Market, row: sqlite3.Row, now: float) -> None:
    body = full(row)
    for delivery in body["deliveries"]:
        delivery |= {"status": "delivered", "delivered_at": moment(now)}
    store(db, market, row, body, "delivered", now)
