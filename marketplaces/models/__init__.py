"""Where it goes: marketplaces, connections, lanes, mappings, listings, loads and what was said."""

from __future__ import annotations

from marketplaces.callbacks.models import Delivery, Subscription
from marketplaces.models.account import Connection, Lane, Marketplace, Pace
from marketplaces.models.exchange import Exchange
from marketplaces.models.incident import Incident, Lag
from marketplaces.models.listing import Issue, Listing, ListingEvent, Sync
from marketplaces.models.load import Load, LoadItem, Submission
from marketplaces.models.mapping import AttributeMap, CategoryMap, RemoteCategory

__all__ = [
    "AttributeMap",
    "CategoryMap",
    "Connection",
    "Delivery",
    "Exchange",
    "Incident",
    "Issue",
    "Lag",
    "Lane",
    "Listing",
    "ListingEvent",
    "Load",
    "LoadItem",
    "Marketplace",
    "Pace",
    "RemoteCategory",
    "Submission",
    "Subscription",
    "Sync",
]
