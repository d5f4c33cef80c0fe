"""A small call reads what it changes, however large the catalogue around it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from catalog import services
from catalog.incoming import ProductChange, VariationChange
from catalog.structure import Mode
from hub.models import Seller
from tests.make import make_seller

MANY = """
WITH made AS (
    INSERT INTO catalog_product (seller_id, sku, name, description, status, brand, ean, nbm, price,
        category_codes, images, specifications, variation_attributes, created_at, updated_at)
    SELECT %(seller)s, 'S-' || n, 'Produto', '', 'enabled', '', '', '', 10, '{}', '{}', '[]', '{}',
           now(), now()
    FROM generate_series(1, 10000) n RETURNING id, sku
)
INSERT INTO catalog_variation (seller_id, product_id, sku, qty, ean, images, specifications, created_at,
    updated_at)
SELECT %(seller)s, id, sku, 1, '', '{}', '[]', now(), now() FROM made
"""
READ = """
SELECT coalesce(sum(seq_tup_read), 0) FROM pg_stat_xact_user_tables
WHERE relname IN ('catalog_product', 'catalog_variation')
"""


@pytest.fixture
def seller(db: None) -> Seller:
    """A seller with ten thousand products."""
    seller = make_seller()
    with connection.cursor() as cursor:
        cursor.execute(MANY, {"seller": seller.pk})
        cursor.execute("ANALYZE catalog_product, catalog_variation")
    return seller


@pytest.mark.parametrize(
    "call",
    [
        lambda seller: services.save_product(seller, ProductChange("S-7", {}, qty=3), Mode.UPDATE),
        lambda seller: services.save_product(seller, ProductChange("S-7", {"price": 5.0}), Mode.UPDATE),
        lambda seller: services.save_variation(seller, VariationChange("S-7", {"qty": 4})),
        lambda seller: services.set_stock(seller, [{"sku": "S-7", "qty": 5}]),
        lambda seller: services.set_prices(seller, [{"sku": "S-7", "price": 6.0}]),
    ],
    ids=["quantity", "price", "variation", "stock of one", "price of one"],
)
def test_one_sku_costs_no_look_at_all_the_others(seller: Seller, call: Callable[[int], Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(READ)
        before = cursor.fetchone()[0]
        call(seller.pk)
        cursor.execute(READ)
        assert cursor.fetchone()[0] == before
