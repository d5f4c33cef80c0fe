"""Where it goes: marketplaces, connections, lanes, mappings, listings, loads and what was said."""

from __future__ import annotations

from marketplaces.callbacks.models import Delivery, Subscription
from marketplaces.models.account import Connection, Lane, Marketplace
from marketplaces.models.exchange import Exchange
from marketplaces.models.hold import Hold
from marketplaces.models.incident import Incident
from marketplaces.models.listing import Issue, Listing, ListingEvent, Sync
from marketplaces.models.load import Load, LoadItem, Submission
from marketplaces.models.mapping import AttributeMap, CategoryMap, RemoteCategory
from marketplaces.models.pace import Pace, SharedPace
from marketplaces.models.price import HeldPrice, PriceRules
from marketplaces.models.proof import KEPT, Lag, Passage

__all__ = [
    "KEPT",
    "AttributeMap",
    "CategoryMap",
    "Connection",
    "Delivery",
    "Exchange",
    "HeldPrice",
    "Hold",
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
    "Passage",
    "PriceRules",
    "RemoteCategory",
    "SharedPace",
    "Submission",
    "Subscription",
    "Sync",
]
