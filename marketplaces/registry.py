"""The marketplaces this hub knows. A new adapter is one package and one word here."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from marketplaces.contract import Marketplace

KEYS = ("sandbox",)


@cache
def get(key: str) -> Marketplace:
    """Return the description of a marketplace; raises KeyError for one this hub does not know."""
    if key not in KEYS:
        raise KeyError(key)
    marketplace: Marketplace = import_module(f"marketplaces.adapters.{key}").MARKETPLACE
    return marketplace
