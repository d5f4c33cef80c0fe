"""Very many things on sale at once: written straight into the hub's and the sandbox's databases.

Only to set a stage. What is written is what publishing all of it would have left behind: listings that are
connected, prices and stock confirmed, nothing due.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psycopg

PRICE, QUANTITY = 100, 50
"""In force everywhere at the beginning, here and there; BRL and units."""

_PRODUCTS = """
WITH made AS (
    INSERT INTO catalog_product (id, seller_id, sku, name, description, status, brand, ean, nbm, price,
        category_codes, images, specifications, variation_attributes, created_at, updated_at)
    OVERRIDING SYSTEM VALUE
    SELECT nextval(pg_get_serial_sequence('catalog_product', 'id')), %(seller)s, %(prefix)s || n,
        'Panela ' || n, 'Panela', 'enabled', 'Panex', '', '', %(price)s, '{}', '{}', '[]', '{}', now(), now()
    FROM generate_series(1, %(products)s) n RETURNING id, sku, seller_id
)
INSERT INTO catalog_variation (id, seller_id, product_id, sku, qty, ean, images, specifications,
    created_at, updated_at)
OVERRIDING SYSTEM VALUE
SELECT nextval(pg_get_serial_sequence('catalog_variation', 'id')), seller_id, id,
    CASE WHEN %(each)s = 1 THEN sku ELSE sku || '-' || k END, %(quantity)s, '', '{}', '[]', now(), now()
FROM made, generate_series(1, %(each)s) k
"""
_LISTINGS = """
INSERT INTO marketplaces_listing (id, seller_id, connection_id, variation_id, intent, mode, state, state_at,
    remote_id, url, catalogue_id, created_at)
OVERRIDING SYSTEM VALUE
SELECT nextval(pg_get_serial_sequence('marketplaces_listing', 'id')), seller_id, %(connection)s, id,
    'listed', 'connect', 'connected', now(), sku, '', '', now()
FROM catalog_variation WHERE seller_id = %(seller)s AND sku LIKE %(prefix)s || '%%'
"""
_SYNCS = """
INSERT INTO marketplaces_sync (listing_id, facet, connection_id, follows, wanted_version, sent_version,
    confirmed_version, refused_version, failures, superseded, sent_value, confirmed_value, seen_value,
    agreed_value, received_at, queued_at, sent_at, confirmed_at)
SELECT l.id, f.facet, l.connection_id, f.facet <> 'content', 1, 1, 1, 0, 0, 0, f.value, f.value, '',
    CASE f.facet WHEN 'price' THEN f.value ELSE '' END, now(), now(), now(), now()
FROM marketplaces_listing l
JOIN catalog_variation v ON v.id = l.variation_id AND v.sku LIKE %(prefix)s || '%%',
    (VALUES ('content', ''), ('stock', %(stock)s), ('price', %(text)s)) f(facet, value)
WHERE l.connection_id = %(connection)s
"""


def put_on_sale(
    database: psycopg.Connection[Any],
    *,
    seller_id: int,
    connection_id: int,
    prefix: str,
    products: int,
    each: int = 1,
) -> None:
    """Write connected listings of `products` products with `each` variations into the hub's database.

    SKUs are prefix, number and, of several variations, a dash and another number.
    """
    values = {
        "seller": seller_id,
        "connection": connection_id,
        "prefix": prefix,
        "products": products,
        "each": each,
        "price": PRICE,
        "quantity": QUANTITY,
        "stock": str(QUANTITY),
        "text": f"{PRICE}.00",
    }
    with database.transaction():
        # Foreign keys of a million rows would be looked up one by one.
        database.execute("SET LOCAL session_replication_role = replica")
        for statement in (_PRODUCTS, _LISTINGS, _SYNCS):
            database.execute(statement, values)
    tables = "catalog_product, catalog_variation, marketplaces_listing, marketplaces_sync"
    database.execute(f"ANALYZE {tables}")


def skus(prefix: str, products: int, each: int = 1) -> Iterator[str]:
    """The SKUs that `put_on_sale` makes."""
    for n in range(1, products + 1):
        yield from (f"{prefix}{n}-{k}" for k in range(1, each + 1)) if each > 1 else (f"{prefix}{n}",)


def show_in_the_sandbox(data: Path, account_id: str, skus: Iterable[str]) -> None:
    """Write such listings into a sandbox's memory; it may be running."""
    account = int(account_id.removeprefix("SBX-A"))
    price = PRICE * 100
    rows = ((account, sku, sku, "published", "Panela", price, price, QUANTITY) for sku in skus)
    memory = sqlite3.connect(data / "sandbox.sqlite3", timeout=30)
    with memory:
        memory.executemany(
            "INSERT INTO listing (account, sku, parent_sku, state, title, price, list_price, quantity)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
    memory.close()
