"""Bulk upserts of products, stock and prices over HTTP beside the bare statements."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.db import connection as database
from django.db import transaction

from benchmarks import clients
from benchmarks.hub import web
from benchmarks.shop import BATCH, Shop, open_shop, tidy
from benchmarks.table import Row, Target, alternately
from catalog.writes import PRODUCT_COLUMNS, VARIATION_COLUMNS

NAME = "bulk"
ROWS = 10_000
"""What one measurement changes, every row of it to a new value."""
PRODUCT_ROWS = 4_000
MARKED = ("catalog_product", "catalog_variation")

# What one would write by hand: find by SKU, leave alone what is the same.
STOCK = """
UPDATE catalog_variation v SET qty = r.qty, updated_at = now()
FROM jsonb_to_recordset(%s::jsonb) AS r(sku text, qty int)
WHERE v.seller_id = %s AND v.sku = r.sku AND v.qty IS DISTINCT FROM r.qty
"""
PRICES = """
UPDATE catalog_product p SET price = r.price, promotional_price = r.promotional_price, updated_at = now()
FROM jsonb_to_recordset(%s::jsonb) AS r(sku text, price numeric(10,2), promotional_price numeric(10,2))
WHERE p.seller_id = %s AND p.sku = r.sku
  AND (p.price, p.promotional_price) IS DISTINCT FROM (r.price, r.promotional_price)
"""
BOTH = """
UPDATE catalog_variation v SET qty = r.qty, price = r.price, updated_at = now()
FROM jsonb_to_recordset(%s::jsonb) AS r(sku text, qty int, price numeric(10,2))
WHERE v.seller_id = %s AND v.sku = r.sku AND (v.qty, v.price) IS DISTINCT FROM (r.qty, r.price)
"""


def upsert(table: str, columns: dict[str, str], parent: str = "") -> str:
    """Write the upsert of all columns of a table."""
    names = ["sku", *columns]
    record = ", ".join(f"{name} {kind}" for name, kind in {"sku": "text", **columns}.items())
    values = ", ".join(
        f"coalesce(r.{name}, {EMPTY[kind]})" if kind in EMPTY else f"r.{name}"
        for name, kind in {"sku": "text", **columns}.items()
    )
    new = ", ".join(f"{name} = excluded.{name}" for name in columns)
    old_row, new_row = (", ".join(f"{side}.{name}" for name in columns) for side in ("t", "excluded"))
    parents = f"JOIN catalog_product p ON p.seller_id = s.id AND p.sku = r.{parent}" if parent else ""
    return (
        f"INSERT INTO {table} AS t (seller_id, created_at, updated_at, {', '.join(names)}"
        f"{', product_id' if parent else ''}) "
        f"SELECT s.id, now(), now(), {values}{', p.id' if parent else ''} "
        f"FROM jsonb_to_recordset(%s::jsonb) AS r({record}{f', {parent} text' if parent else ''}) "
        f"JOIN hub_seller s ON s.id = %s {parents} "
        f"ON CONFLICT (seller_id, sku) DO UPDATE SET {new}, updated_at = now() "
        f"WHERE ({old_row}) IS DISTINCT FROM ({new_row})"
    )


EMPTY = {"text": "''", "text[]": "'{}'::text[]", "jsonb": "'[]'::jsonb"}
UPSERT_PRODUCTS = upsert("catalog_product", PRODUCT_COLUMNS)
UPSERT_VARIATIONS = upsert("catalog_variation", VARIATION_COLUMNS, "product_sku")

Items = list[dict[str, Any]]


def run(rounds: int) -> list[Row]:
    """Measure the bulk calls, one client beside one database connection."""
    shop = open_shop()
    rows = [marks(shop, rounds)]
    with web() as port:
        rows += stock(shop, port, rounds)
        rows += prices(shop, port, rounds)
        rows += products(shop, port, rounds)
    return rows


def marks(shop: Shop, rounds: int) -> Row:
    """What marking two facets of a listing costs the bare statement."""
    tidy()
    values = itertools.count(1)

    def measured(on: bool) -> float:
        turn = next(values)
        items = [
            {"sku": sku, "qty": (place + turn) % 200 + 1, "price": (place + turn * 7) % 900 + 0.5}
            for place, sku in enumerate(shop.skus[:ROWS])
        ]
        with database.cursor() as cursor:
            for table in MARKED:
                cursor.execute(f"ALTER TABLE {table} {'ENABLE' if on else 'DISABLE'} TRIGGER USER")
        try:
            return bare(shop, items, [(BOTH, lambda batch: batch)])
        finally:
            with database.cursor() as cursor:
                for table in MARKED:
                    cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")

    found = alternately(rounds, {"off": lambda: measured(False), "on": lambda: measured(True)})
    # Own prices again where the ERP states none, so that a product's price marks its listings.
    with database.cursor() as cursor:
        cursor.execute("UPDATE catalog_variation SET price = NULL WHERE seller_id = %s", [shop.seller.pk])
    return Row(
        "the marks: price and stock in one bare statement",
        "rows/s",
        found["on"],
        found["off"],
        note=f"baseline without the triggers; both facets of one listing a row; {BATCH} rows a statement",
    )


def stock(shop: Shop, port: int, rounds: int) -> list[Row]:
    """PUT /bulk/stock."""
    values = itertools.count(1)

    def items() -> Items:
        turn = next(values)
        return [
            {"sku": sku, "qty": (place * 3 + turn) % 200 + 1} for place, sku in enumerate(shop.skus[:ROWS])
        ]

    return compared(
        "bulk stock", shop, port, rounds, items, "/bulk/stock", "items", [(STOCK, lambda batch: batch)], 0.6
    )


def prices(shop: Shop, port: int, rounds: int) -> list[Row]:
    """PUT /bulk/prices of products, whose variations inherit them."""
    values = itertools.count(1)

    def items() -> Items:
        turn = next(values)
        found = []
        for place, one in enumerate(shop.products[:ROWS]):
            price = (place * 3 + turn) % 900 + 10.5
            found.append({"sku": one["sku"], "price": price, "promotional_price": price - 1})
        return found

    statements = [(PRICES, lambda batch: batch)]
    return compared("bulk prices", shop, port, rounds, items, "/bulk/prices", "items", statements, 0.6)


def products(shop: Shop, port: int, rounds: int) -> list[Row]:
    """PUT /bulk/products: whole products, of each the name, the prices and all quantities changed."""
    values = itertools.count(1)

    def items() -> Items:
        turn = next(values)
        return [_changed(one, turn + place) for place, one in enumerate(shop.products[:PRODUCT_ROWS])]

    statements = [(UPSERT_PRODUCTS, _product_rows), (UPSERT_VARIATIONS, _variation_rows)]
    path, what = "/bulk/products?precheck=no", "products"
    return compared("bulk products", shop, port, rounds, items, path, what, statements, 0.5)


def compared(
    name: str,
    shop: Shop,
    port: int,
    rounds: int,
    items: Callable[[], Items],
    path: str,
    what: str,
    statements: Sequence[tuple[str, Callable[[Items], Items]]],
    target: float,
) -> list[Row]:
    """Change the same rows by turns with the bare statement and over HTTP."""
    tidy()
    found = alternately(
        rounds,
        {
            "bare": lambda: bare(shop, items(), statements),
            "hub": lambda: over_http(shop, port, items(), path, what),
        },
    )
    return [Row(name, "rows/s", found["hub"], found["bare"], Target(target))]


def bare(shop: Shop, items: Items, statements: Sequence[tuple[str, Callable[[Items], Items]]]) -> float:
    """Rows per second of the statements, a thousand a transaction; making the JSON is not counted."""
    calls = [
        [(statement, json.dumps(rows(batch), ensure_ascii=False)) for statement, rows in statements]
        for batch in batches(items)
    ]
    began = time.perf_counter()
    for call in calls:
        with transaction.atomic(), database.cursor() as cursor:
            for statement, rows in call:
                cursor.execute(statement, [rows, shop.seller.pk])
                assert cursor.rowcount > 0
    return len(items) / (time.perf_counter() - began)


def over_http(shop: Shop, port: int, items: Items, path: str, what: str) -> float:
    """Rows per second of one client that sends a thousand a call."""
    requests = [clients.request("PUT", path, shop.headers, {what: batch}) for batch in batches(items)]
    return len(items) / clients.senders(port, [requests]).seconds


def batches(items: Items) -> Iterator[Items]:
    """Cut into calls."""
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def _changed(product: dict[str, Any], turn: int) -> dict[str, Any]:
    price = turn % 900 + 10.5
    changed = {
        **product,
        "name": f"{product['name']} {turn % 1000}",
        "price": price,
        "promotional_price": price,
    }
    if product.get("variations"):
        changed["variations"] = [{**one, "qty": turn % 200 + 1} for one in product["variations"]]
    else:
        changed["qty"] = turn % 200 + 1
    return changed


def _product_rows(items: Items) -> Items:
    return [
        {
            **{name: one[name] for name in ("sku", *PRODUCT_COLUMNS) if name in one},
            "category_codes": [each["code"] for each in one.get("categories", ())],
        }
        for one in items
    ]


def _variation_rows(items: Items) -> Items:
    rows: Items = []
    for one in items:
        if one.get("variations"):
            rows += [{**each, "product_sku": one["sku"]} for each in one["variations"]]
        else:
            rows.append({"sku": one["sku"], "qty": one["qty"], "product_sku": one["sku"]})
    return rows
