"""The marketplaces' screens: the sellers' on the portal, the staff's in the admin."""

from __future__ import annotations

from marketplaces import start_cards
from marketplaces.admin import (
    callbacks,
    connections,
    differences,
    errors,
    exchanges,
    held_prices,
    holds,
    incidents,
    listings,
    loads,
    mappings,
    price_rules,
    products,
    staff,
    synchronisation,
)

__all__ = [
    "callbacks",
    "connections",
    "differences",
    "errors",
    "exchanges",
    "held_prices",
    "holds",
    "incidents",
    "listings",
    "loads",
    "mappings",
    "price_rules",
    "products",
    "staff",
    "start_cards",
    "synchronisation",
]
