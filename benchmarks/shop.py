"""The seller whose calls are measured: the shipped catalogue, many times over, listed on one connection."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass
from typing import Any

from django.db import connection as database

from benchmarks.hub import prepared
from catalog import services
from hub.erp.catalogue import Product, shipped
from hub.models import ApiKey, Membership, Seller, User
from marketplaces.models import Connection, Marketplace

PRODUCTS = 20_000
BATCH = 1_000
_LISTED = """
WITH listed AS (
    INSERT INTO marketplaces_listing (seller_id, connection_id, variation_id, intent, mode, state, state_at,
        remote_id, url, catalogue_id, created_at)
    SELECT seller_id, %s, id, 'listed', 'connect', 'connected', now(), 'R' || id, '', '', now()
    FROM catalog_variation WHERE seller_id = %s RETURNING id
)
INSERT INTO marketplaces_sync (listing_id, facet, connection_id, follows, wanted_version, sent_version,
    confirmed_version, refused_version, failures, superseded, sent_value, confirmed_value, seen_value,
    received_at, sent_at, confirmed_at)
SELECT id, facet, %s, facet <> 'content', 1, 1, 1, 0, 0, 0, '1', '1', '', now(), now(), now()
FROM listed CROSS JOIN (VALUES ('content'), ('price'), ('stock')) AS f(facet)
"""


@dataclass(frozen=True, slots=True)
class Shop:
    """One seller with its key, its products as the ERP has them, and what can be sold of them."""

    seller: Seller
    connection: Connection
    headers: dict[str, str]
    products: list[Product]
    skus: list[str]
    """Of everything sellable, in an order that has nothing to do with the rows'."""


@functools.cache
def open_shop() -> Shop:
    """Make the seller once, with everything it sells taken in through the hub's own services."""
    prepared()
    seller = Seller.objects.create(name="Loja medida")
    user = User.objects.create_user("erp@example.com")
    Membership.objects.create(seller=seller, user=user)
    _key, secret = ApiKey.issue(seller, "ERP")
    headers = {"X-User-Email": user.email, "X-Api-Key": secret, "X-Accountmanager-Key": "bench"}
    products = catalogue(PRODUCTS)
    for start in range(0, len(products), BATCH):
        results = services.upsert_products(seller.pk, products[start : start + BATCH])
        assert all(one.error is None for one in results), next(one for one in results if one.error)
    marketplace, _made = Marketplace.objects.get_or_create(key="sandbox", defaults={"name": "Sandbox"})
    connection = Connection.objects.create(seller=seller, marketplace=marketplace, name="Sandbox")
    with database.cursor() as cursor:
        cursor.execute(_LISTED, [connection.pk, seller.pk, connection.pk])
        cursor.execute(
            "SELECT sku FROM catalog_variation WHERE seller_id = %s ORDER BY md5(sku)", [seller.pk]
        )
        skus = [sku for (sku,) in cursor.fetchall()]
    tidy()
    return Shop(seller, connection, headers, products, skus)


def catalogue(count: int) -> list[Product]:
    """Return the shipped catalogue's good products, again and again under SKUs of their own."""
    content = shipped()
    good = [one for one in content["products"] if one["sku"] not in content["faults"]]
    found = []
    for number in range(count):
        product: dict[str, Any] = copy.deepcopy(good[number % len(good)])
        for one in (product, *product.get("variations", ())):
            one["sku"] = f"{one['sku']}-{number // len(good)}"
        found.append(product)
    return found


def tidy() -> None:
    """Do what autovacuum would do in a quiet minute, so that each part begins with the same tables."""
    with database.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
