"""The catalogue's bulk writes: one JSON parameter, one statement per table, unchanged rows untouched.

`jsonb_to_recordset` writes 59,000 changed rows a second where `bulk_create` writes 10,700. Each row says
in `sent` (one bit per column) what the ERP sent, so a partial update cannot undo what another one
writes at the same moment. Updates lock rows in the order of their SKUs, so that two calls do not
wait for each other in a circle. `LIMIT` tells the planner how many rows there are: it would plan for a
hundred, and read a whole table of some ten thousand for one. The sync marks' triggers see only rows that
really changed, and those whose quantity somebody waits for (`figure_awaited`).
"""

# Statements are put together from our own column names; every value is a parameter.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
from django.db import connection

from catalog.incoming import PRODUCT_FIELDS, VARIATION_FIELDS
from catalog.models import Product
from hub import correlation, statements

PRODUCT_COLUMNS = {
    **{name: field.column for name, field in PRODUCT_FIELDS.items()},
    "category_codes": "text[]",
}
VARIATION_COLUMNS = {name: field.column for name, field in VARIATION_FIELDS.items()}
EMPTY = {"text": "''", "text[]": "'{}'::text[]", "jsonb": "'[]'::jsonb"}
DEFAULTS = {"status": f"'{Product.Status.ENABLED.value}'", "qty": "0"}
TELLS_CAUSE = f"(SELECT set_config('{correlation.SETTING}', %s, true)) IS NOT NULL"
"""Gives the marks, within this transaction, the number of the call that changes the rows.

Read once per statement and before its first row; a round trip of its own would cost a single update more.
"""
CATALOGUE_LOCK = 6_140_001
"""Namespace of the advisory lock that lets one call at a time change a seller's catalogue structure."""


@dataclass(frozen=True, slots=True)
class Child:
    """A variation as the services see it before they write."""

    id: int
    sku: str
    product_id: int
    product_sku: str

    @property
    def is_own(self) -> bool:
        """True for the single variation of a simple product."""
        return self.sku == self.product_sku


@dataclass(frozen=True)
class Table:
    """One table's statements, built once from its columns."""

    name: str
    columns: Mapping[str, str]
    keys: Mapping[str, str]
    """Columns beside `columns` that a new row needs."""

    @cached_property
    def insert_sql(self) -> str:
        """Insert rows in the order given, so that variations stay in the ERP's, and return (id, sku)."""
        names = [*self.keys, *self.columns]
        values = [f"r.{key}" for key in self.keys]
        for column, kind in self.columns.items():
            empty = DEFAULTS.get(column) or EMPTY.get(kind)
            values.append(f"COALESCE(r.{column}, {empty})" if empty else f"r.{column}")
        return (
            f"INSERT INTO {self.name} (seller_id, {', '.join(names)}, created_at, updated_at) "
            f"SELECT %s, {', '.join(values)}, now(), now() "
            f"FROM jsonb_to_recordset(%s::jsonb) AS r({_record({**self.keys, **self.columns})}) "
            "RETURNING id, sku"
        )

    @cached_property
    def update_sql(self) -> str:
        """Write the columns that were sent and differ; return the ids of the rows that changed.

        The CASE is inside SET, so that a long text nobody sent is not written anew. A quantity somebody
        waits for is written even unchanged; that alone counts as no change.
        """
        bits = {column: f"r.sent & {1 << place} <> 0" for place, column in enumerate(self.columns)}
        differs = " OR ".join(f"({bit} AND t.{name} IS DISTINCT FROM r.{name})" for name, bit in bits.items())
        sets = ", ".join(
            f"{name} = CASE WHEN {bit} THEN r.{name} ELSE t.{name} END" for name, bit in bits.items()
        )
        wanted, is_change = differs, "true"
        if "qty" in bits:
            wanted, is_change = f"{differs} OR ({bits['qty']} AND t.figure_awaited)", f"({differs})"
            sets += f", figure_awaited = t.figure_awaited AND NOT ({bits['qty']})"
        return (
            "WITH incoming AS MATERIALIZED (SELECT * FROM jsonb_to_recordset(%s::jsonb) "
            f"AS r(id bigint, sent integer, {_record(self.columns)}) WHERE {TELLS_CAUSE % '%s'} LIMIT %s), "
            f"locked AS MATERIALIZED (SELECT t.id, {is_change} AS differs "
            f"FROM {self.name} t JOIN incoming r ON r.id = t.id "
            f"WHERE t.seller_id = %s AND ({wanted}) ORDER BY t.sku FOR NO KEY UPDATE OF t) "
            f"UPDATE {self.name} t SET {sets}, "
            "updated_at = CASE WHEN l.differs THEN clock_timestamp() ELSE t.updated_at END "
            "FROM locked l JOIN incoming r ON r.id = l.id WHERE t.id = l.id RETURNING t.id, l.differs"
        )

    def sent(self, fields: Mapping[str, Any]) -> int:
        """Return the bits of the columns that were sent."""
        return sum(1 << place for place, column in enumerate(self.columns) if column in fields)


def _record(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())


PRODUCTS = Table("catalog_product", PRODUCT_COLUMNS, {"sku": "text"})
VARIATIONS = Table("catalog_variation", VARIATION_COLUMNS, {"sku": "text", "product_id": "bigint"})

# Finds, compares, locks and writes in one round trip: this is what an ERP calls all day.
SET_STOCK = """
WITH incoming AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(sku text, qty integer)
    WHERE {cause} LIMIT %(count)s
), changed AS MATERIALIZED (
    SELECT v.id, r.qty, v.qty <> r.qty AS differs
    FROM incoming r JOIN catalog_variation v ON v.seller_id = %(seller)s AND v.sku = r.sku
    WHERE (v.qty <> r.qty OR v.figure_awaited) AND {only} ORDER BY v.sku FOR NO KEY UPDATE OF v
), updated AS (
    UPDATE catalog_variation v SET qty = c.qty, figure_awaited = false,
        updated_at = CASE WHEN c.differs THEN clock_timestamp() ELSE v.updated_at END
    FROM changed c WHERE v.id = c.id RETURNING v.id, c.differs
)
SELECT v.sku, v.id, coalesce(u.differs, false) FROM incoming r
JOIN catalog_variation v ON v.seller_id = %(seller)s AND v.sku = r.sku LEFT JOIN updated u ON u.id = v.id
WHERE {only}
"""
# The same for one SKU, which is what most calls are: planned once, and not for a hundred rows.
SET_ONE_STOCK = """
WITH changed AS MATERIALIZED (
    SELECT v.id, v.qty <> %(qty)s::int AS differs FROM catalog_variation v
    WHERE v.seller_id = %(seller)s::bigint AND v.sku = %(sku)s::text
      AND (v.qty <> %(qty)s::int OR v.figure_awaited) AND {only} AND {cause} FOR NO KEY UPDATE OF v
), updated AS (
    UPDATE catalog_variation v SET qty = %(qty)s::int, figure_awaited = false,
        updated_at = CASE WHEN c.differs THEN clock_timestamp() ELSE v.updated_at END
    FROM changed c WHERE v.id = c.id RETURNING v.id, c.differs
)
SELECT v.id, coalesce(u.differs, false) FROM catalog_variation v LEFT JOIN updated u ON u.id = v.id
WHERE v.seller_id = %(seller)s::bigint AND v.sku = %(sku)s::text AND {only}
"""
OF_SIMPLE_PRODUCT = "EXISTS (SELECT FROM catalog_product p WHERE p.id = v.product_id AND p.sku = v.sku)"
_CAUSE = TELLS_CAUSE % "%(cause)s"
SET_ANY_STOCK = SET_STOCK.format(only="true", cause=_CAUSE)
_TYPED_CAUSE = TELLS_CAUSE % "%(cause)s::text"
SET_ONE_OF_ANY = SET_ONE_STOCK.format(only="true", cause=_TYPED_CAUSE)
SET_ONE_OF_SIMPLE = SET_ONE_STOCK.format(only=OF_SIMPLE_PRODUCT, cause=_TYPED_CAUSE)

FIND_CHILDREN = """
SELECT v.id, v.sku, v.product_id, p.sku FROM catalog_variation v JOIN catalog_product p ON p.id = v.product_id
WHERE v.seller_id = %(seller)s AND v.sku = ANY(%(skus)s)
UNION
SELECT v.id, v.sku, v.product_id, p.sku FROM catalog_variation v JOIN catalog_product p ON p.id = v.product_id
WHERE v.seller_id = %(seller)s AND v.product_id = ANY(%(products)s)
"""

UPSERT_CATEGORIES = """
INSERT INTO catalog_category AS c (seller_id, code, name, created_at, updated_at)
SELECT %(seller)s, r.code, COALESCE(r.name, r.code), now(), now()
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(code text, name text) ORDER BY r.code
ON CONFLICT (seller_id, code) DO UPDATE SET name = EXCLUDED.name, updated_at = clock_timestamp()
WHERE c.name IS DISTINCT FROM EXCLUDED.name
"""


def lock_structure(seller_id: int) -> None:
    """Let nobody else add, convert or remove this seller's SKUs until the transaction ends.

    A SKU is never both a product and another product's variation: no constraint of PostgreSQL says
    that across two tables, so the calls that could break it take turns.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [CATALOGUE_LOCK, seller_id])


def find_products(seller_id: int, skus: Iterable[str]) -> dict[str, int]:
    """Return the products with these SKUs: sku -> id."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sku, id FROM catalog_product WHERE seller_id = %s AND sku = ANY(%s)",
            [seller_id, list(skus)],
        )
        return dict(cursor.fetchall())


def find_children(seller_id: int, skus: Iterable[str], product_ids: Iterable[int] = ()) -> list[Child]:
    """Return the variations with these SKUs, and all variations of these products."""
    with connection.cursor() as cursor:
        cursor.execute(
            FIND_CHILDREN, {"seller": seller_id, "skus": list(skus), "products": list(product_ids)}
        )
        return [Child(*row) for row in cursor.fetchall()]


def insert(table: Table, seller_id: int, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Insert rows (column -> value) and return sku -> id."""
    if not rows:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(table.insert_sql, [seller_id, _json(rows)])
        return {sku: pk for pk, sku in cursor.fetchall()}


def update(table: Table, seller_id: int, changes: Mapping[int, Mapping[str, Any]]) -> set[int]:
    """Write what was sent (id -> column -> value) and return the ids of the rows that changed."""
    rows = [{"id": pk, "sent": table.sent(fields), **fields} for pk, fields in changes.items() if fields]
    if not rows:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(table.update_sql, [_json(rows), correlation.current(), len(rows), seller_id])
        return {pk for pk, differs in cursor.fetchall() if differs}


def set_stock(seller_id: int, levels: Mapping[str, int]) -> dict[str, tuple[int, bool]]:
    """Write quantities by sellable SKU; return sku -> (variation id, whether it changed)."""
    if not levels:
        return {}
    rows = [{"sku": sku, "qty": qty} for sku, qty in levels.items()]
    with connection.cursor() as cursor:
        cursor.execute(
            SET_ANY_STOCK,
            {
                "rows": _json(rows),
                "count": len(rows),
                "seller": seller_id,
                "cause": correlation.current(),
            },
        )
        return {sku: (pk, changed) for sku, pk, changed in cursor.fetchall()}


def set_one_stock(
    seller_id: int, sku: str, qty: int, *, simple_only: bool = False
) -> tuple[int, bool] | None:
    """Write one quantity; return (variation id, whether it changed), or None where there is no such SKU."""
    found = statements.run(
        SET_ONE_OF_SIMPLE if simple_only else SET_ONE_OF_ANY,
        {"seller": seller_id, "sku": sku, "qty": qty, "cause": correlation.current()},
    )
    return (found[0][0], found[0][1]) if found else None


def upsert_categories(seller_id: int, names: Mapping[str, str | None]) -> None:
    """Create or rename categories; where only the code was sent an existing name stays."""
    named = [{"code": code, "name": name} for code, name in names.items() if name]
    bare = [code for code, name in names.items() if not name]
    with connection.cursor() as cursor:
        if named:
            cursor.execute(UPSERT_CATEGORIES, {"rows": _json(named), "seller": seller_id})
        if bare:
            cursor.execute(
                "INSERT INTO catalog_category (seller_id, code, name, created_at, updated_at) "
                "SELECT %s, code, code, now(), now() FROM unnest(%s::text[]) AS code ORDER BY code "
                "ON CONFLICT (seller_id, code) DO NOTHING",
                [seller_id, bare],
            )


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()
