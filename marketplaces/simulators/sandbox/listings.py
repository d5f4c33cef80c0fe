"""Listings: prices, stock, what is shown, and taking off sale."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from marketplaces.simulators.kit import Problem
from marketplaces.simulators.sandbox import markers
from marketplaces.simulators.sandbox.rules import check_cut, check_price, check_quantity, to_decimal
from marketplaces.simulators.sandbox.store import count_attempt, log_values, marks, number_of

PREFIX = "SBX-L"
ON_SALE = "state = 'published' AND live_at <= :now AND (vanish_at IS NULL OR vanish_at > :now)"


def listing_id(number: int) -> str:
    return f"{PREFIX}{number}"


def listing_number(text: str) -> int:
    return number_of(text, PREFIX)


def money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def cents(value: Any) -> int:
    number = to_decimal(value)
    return int(number * 100) if number is not None else 0


def state_of(row: sqlite3.Row, now: float) -> str:
    """Return what the marketplace shows of a listing at a moment: derived, never stored."""
    if row["state"] != "published":
        return str(row["state"])
    if row["vanish_at"] is not None and row["vanish_at"] <= now:
        return "absent"
    return "live" if row["live_at"] <= now else "cataloguing"


def of_account(db: sqlite3.Connection, account: int, skus: Iterable[str]) -> dict[str, sqlite3.Row]:
    """Return the rows of these SKUs, by SKU."""
    wanted = list(skus)
    found: dict[str, sqlite3.Row] = {}
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        rows = db.execute(
            f"SELECT * FROM listing WHERE account = ? AND sku IN ({marks(part)})",  # noqa: S608 - placeholders
            (account, *part),
        )
        found |= {row["sku"]: row for row in rows}
    return found


def view(row: sqlite3.Row, now: float, base_url: str) -> dict[str, Any]:
    """Return one listing as the seller's API shows it."""
    state = state_of(row, now)
    if state == "absent":
        return absent(row["sku"])
    is_known = state != "rejected"
    return {
        "sku": row["sku"],
        "state": state,
        "listing_id": listing_id(row["number"]) if is_known else None,
        "url": f"{base_url}/p/{listing_id(row['number'])}" if is_known else None,
        "price": money(row["price"]) if is_known else None,
        "list_price": money(row["list_price"]) if is_known else None,
        "quantity": row["quantity"] if is_known else None,
        "errors": json.loads(row["errors"]),
    }


def absent(sku: str) -> dict[str, Any]:
    return {
        "sku": sku,
        "state": "absent",
        "listing_id": None,
        "url": None,
        "price": None,
        "list_price": None,
        "quantity": None,
        "errors": [],
    }


def read(
    db: sqlite3.Connection, account: int, skus: Sequence[str], now: float, base_url: str
) -> list[dict[str, Any]]:
    rows = of_account(db, account, skus)
    return [view(rows[sku], now, base_url) if sku in rows else absent(sku) for sku in skus]


def _failed(sku: str, errors: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    found = {"sku": sku, "status": "error", "code": errors[0]["code"], "message": errors[0]["message"]}
    return {**found, "limit": errors[0]["limit"]} if "limit" in errors[0] else found


def _takes_values(row: sqlite3.Row | None, now: float) -> bool:
    return row is not None and state_of(row, now) not in ("rejected", "absent")


_UNKNOWN = [{"code": "SBX-SKU-UNKNOWN", "message": "Nenhum anúncio desta conta tem este SKU (sku)."}]


def cut_errors(
    row: sqlite3.Row | None, item: Mapping[str, Any], now: float, limit: float
) -> list[dict[str, str]]:
    """Return why a price falls too far at once; only of a listing that has a price shoppers see."""
    if row is None or state_of(row, now) not in ("live", "cataloguing"):
        return []
    if markers.carries(row["sku"], markers.STEPS):
        limit = min(limit or markers.STEP, markers.STEP)
    price = to_decimal(item["price"])
    return check_cut(price, Decimal(row["price"]) / 100, limit) if price is not None else []


def set_prices(
    db: sqlite3.Connection,
    account: int,
    items: Sequence[Mapping[str, Any]],
    now: float,
    origin: str = "api",
    *,
    limit: float = 0,
) -> list[dict[str, Any]]:
    """Set absolute prices, a result per item; `limit` is the per cent a price may fall by at once."""
    rows = of_account(db, account, (item["sku"] for item in items))
    results, updates, log = [], [], []
    for item in items:
        sku, row = item["sku"], rows.get(item["sku"])
        errors: Sequence[Mapping[str, str]] = check_price(item) if _takes_values(row, now) else _UNKNOWN
        if not errors and origin == "api":
            errors = cut_errors(row, item, now, limit)
        if errors or row is None:
            results.append(_failed(sku, errors))
            continue
        price = cents(item["price"])
        list_price = cents(item["list_price"]) if item.get("list_price") is not None else price
        drifts = origin == "api" and markers.carries(sku, markers.PRICE_DRIFTS)
        if drifts and count_attempt(db, account, sku, markers.PRICE_DRIFTS) == 1:
            price, list_price = price + price // 10, max(list_price, price + price // 10)
        updates.append((price, list_price, now, row["number"]))
        log.append((account, sku, "price", money(price), origin, now))
        results.append({"sku": sku, "status": "ok", "code": None, "message": None})
    db.executemany("UPDATE listing SET price = ?, list_price = ?, price_at = ? WHERE number = ?", updates)
    log_values(db, log)
    return results


def set_stock(
    db: sqlite3.Connection, account: int, items: Sequence[Mapping[str, Any]], now: float, origin: str = "api"
) -> list[dict[str, Any]]:
    """Set absolute quantities, a result per item."""
    rows = of_account(db, account, (item["sku"] for item in items))
    results, updates, log = [], [], []
    for item in items:
        sku, row = item["sku"], rows.get(item["sku"])
        errors: Sequence[Mapping[str, str]] = _UNKNOWN
        if _takes_values(row, now):
            errors = check_quantity(item["quantity"]) or (
                markers.stock_errors(sku) if origin == "api" else []
            )
        if errors or row is None:
            results.append(_failed(sku, errors))
            continue
        updates.append((item["quantity"], now, row["number"]))
        log.append((account, sku, "stock", str(item["quantity"]), origin, now))
        results.append({"sku": sku, "status": "ok", "code": None, "message": None})
    db.executemany("UPDATE listing SET quantity = ?, stock_at = ? WHERE number = ?", updates)
    log_values(db, log)
    return results


def withdraw(db: sqlite3.Connection, account: int, skus: Sequence[str]) -> list[dict[str, Any]]:
    """Take listings off sale; an unknown SKU is off sale already."""
    db.execute(
        f"UPDATE listing SET state = 'withdrawn' WHERE account = ? AND state = 'published'"  # noqa: S608
        f" AND sku IN ({marks(skus)})",
        (account, *skus),
    )
    return [{"sku": sku, "status": "ok", "code": None, "message": None} for sku in skus]


def take_stock(db: sqlite3.Connection, account: int, sku: str, quantity: int, now: float) -> None:
    """Take sold units out of a listing that is on sale; raises Problem when there are not enough."""
    row = db.execute(
        f"UPDATE listing SET quantity = quantity - :quantity, stock_at = :now WHERE account = :account"  # noqa: S608
        f" AND sku = :sku AND quantity >= :quantity AND {ON_SALE} RETURNING quantity",
        {"quantity": quantity, "account": account, "sku": sku, "now": now},
    ).fetchone()
    if row is None:
        raise Problem(409, "SBX-SOLD-OUT", "Produto esgotado ou fora de venda.")
    log_values(db, [(account, sku, "stock", str(row["quantity"]), "purchase", now)])


def discount_of(row: sqlite3.Row) -> int:
    """Return the whole per cent a shopper saves against the "from" price."""
    if row["list_price"] <= row["price"]:
        return 0
    return int((1 - Decimal(row["price"]) / Decimal(row["list_price"])) * 100)
