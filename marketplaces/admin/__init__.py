"""The marketplaces' screens: the sellers' on the portal, the staff's in the admin."""

from __future__ import annotations

from marketplaces import start_cards
from marketplaces.admin import connections, exchanges, listings, loads, mappings, products

__all__ = ["connections", "exchanges", "listings", "loads", "mappings", "products", "start_cards"]
