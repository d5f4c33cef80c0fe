"""Replays the Olist orders (2016 to 2018, real shoppers' baskets) as orders of the sandbox marketplace.

Olist's products have no names, so each of its product ids stands for one connected SKU of the seller, always
the same one for the same set of SKUs. Moment, quantities, prices, freight, means of payment, city and state
are real.

- One row per unit becomes one line per product with a quantity.
- Where payments are more than items and freight, the difference is interest; where less, a discount.
- `canceled` orders are cancelled by the shopper; all others arrive approved, whatever happened to them later.
- Orders without items cannot be replayed, and are counted.
"""

from __future__ import annotations

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hub.erp.control import ControlApi
from hub.erp.http import ErpError, batches
from hub.erp.terminal import Progress, Terminal

BRASILIA = ZoneInfo("America/Sao_Paulo")
ORDERS_PER_CALL = 200


@dataclass
class Replayed:
    """What the marketplace got."""

    created: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    without_items: int = 0
    lines: int = 0
    seconds: float = 0.0
    skus: Counter[str] = field(default_factory=Counter)


def rows_of(folder: Path, table: str) -> Iterator[dict[str, str]]:
    """Yield the rows of one Olist table; raises OSError."""
    with gzip.open(folder / "olist" / f"olist_{table}_dataset.csv.gz", "rt", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def read(folder: Path, skus: Sequence[str], limit: int) -> tuple[list[dict[str, Any]], int]:
    """Return up to `limit` orders as the sandbox takes them, oldest first, and how many had no items.

    Each carries the Olist status under `olist_status`, which is not for the sandbox.
    """
    items, payments = defaultdict(list), defaultdict(list)
    for row in rows_of(folder, "order_items"):
        items[row["order_id"]].append(row)
    for row in rows_of(folder, "order_payments"):
        payments[row["order_id"]].append(row)
    customers = {row["customer_id"]: row for row in rows_of(folder, "customers")}
    orders: list[dict[str, Any]] = []
    without_items = 0
    for row in rows_of(folder, "orders"):
        if len(orders) >= limit:
            break
        if not items[row["order_id"]]:
            without_items += 1
            continue
        orders.append(
            order_of(
                row, items[row["order_id"]], payments[row["order_id"]], customers[row["customer_id"]], skus
            )
        )
    return orders, without_items


def order_of(
    row: dict[str, str],
    items: list[dict[str, str]],
    payments: list[dict[str, str]],
    customer: dict[str, str],
    skus: Sequence[str],
) -> dict[str, Any]:
    """Return one order as the sandbox takes it."""
    lines: dict[str, dict[str, Any]] = {}
    for item in items:
        sku = sku_for(item["product_id"], skus)
        # Units of one product at different prices stay apart, as they were.
        line = lines.setdefault(
            f"{sku} {item['price']}", {"sku": sku, "quantity": 0, "price": float(item["price"])}
        )
        line["quantity"] += 1
    goods = sum((Decimal(item["price"]) for item in items), Decimal(0))
    freight = sum((Decimal(item["freight_value"]) for item in items), Decimal(0))
    paid = sum((Decimal(one["payment_value"]) for one in payments), Decimal(0))
    difference = paid - goods - freight if payments else Decimal(0)
    largest = max(payments, key=lambda one: Decimal(one["payment_value"]), default=None)
    bought = datetime.fromisoformat(row["order_purchase_timestamp"]).replace(tzinfo=BRASILIA)
    prefix = customer["customer_zip_code_prefix"].rjust(5, "0")
    return {
        "lines": list(lines.values()),
        "shipping_cost": float(freight),
        "interest": float(max(difference, Decimal(0))),
        "discount": float(max(-difference, Decimal(0))),
        "payment_method": largest["payment_type"] if largest else "not_defined",
        "installments": max(1, int(largest["payment_installments"])) if largest else 1,
        "placed_at": bought.timestamp(),
        "status": "approved",
        # Sold long ago: what is on the shelf today has nothing to do with it.
        "take_stock": False,
        "address": {
            "city": customer["customer_city"],
            "state": customer["customer_state"],
            "zip": f"{prefix}000",
        },
        "olist_status": row["order_status"],
    }


def sku_for(product_id: str, skus: Sequence[str]) -> str:
    """Return the SKU that stands for an Olist product."""
    return skus[int(product_id, 16) % len(skus)]


def replay(
    control: ControlApi, account: str, folder: Path, skus: Sequence[str], limit: int, terminal: Terminal
) -> Replayed:
    """Create the orders at the marketplace and cancel those that were; raises ErpError, OSError."""
    if not skus:
        raise ErpError("No SKU is connected to the sandbox: connect products first, then replay orders.")
    wanted, without_items = read(folder, sorted(skus), limit)
    replayed = Replayed(without_items=without_items)
    with Progress(terminal, "replay", len(wanted), "orders") as progress:
        for batch in batches(wanted, ORDERS_PER_CALL):
            bodies = [
                {"account": account} | {key: value for key, value in one.items() if key != "olist_status"}
                for one in batch
            ]
            for one, made in zip(batch, control.create_orders(bodies), strict=True):
                replayed.created.append(made["id"])
                replayed.lines += len(one["lines"])
                replayed.skus.update(line["sku"] for line in one["lines"])
                if one["olist_status"] == "canceled":
                    control.cancel_order(made["id"])
                    replayed.cancelled.append(made["id"])
            progress.advance(len(batch))
    replayed.seconds = progress.seconds
    return replayed
