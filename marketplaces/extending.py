"""What this app adds to the catalogue's answers; the catalogue itself knows no marketplaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from catalog import extensions
from catalog.models import Variation
from marketplaces import hints
from marketplaces.desired import Translator
from marketplaces.models import Connection, Listing, Sync

ASSOCIATION_STATUS = {
    Listing.State.CONNECTED: "linked",
    Listing.State.ERROR: "error",
    Listing.State.DISCONNECTED: "unlinked",
}
"""The wire word of a listing's state; every other state is "waiting"."""


def register() -> None:
    """Hand the catalogue its extensions."""
    extensions.ASSOCIATIONS.append(associations)
    extensions.PRECHECKS.append(prechecks)
    extensions.IN_USE.append(in_use)
    extensions.FORGET.append(forget)


def associations(seller_id: int, product_ids: Sequence[int]) -> Mapping[int, list[dict[str, Any]]]:
    """Return, per product, where it is listed and how it stands there: one entry per connection."""
    found: dict[int, dict[str, set[str]]] = {}
    rows = Listing.objects.filter(
        seller_id=seller_id, variation__product_id__in=list(product_ids)
    ).values_list("variation__product_id", "connection__name", "state")
    for product_id, name, state in rows:
        found.setdefault(product_id, {}).setdefault(name, set()).add(state)
    return {
        product_id: [{"platform": name, "status": _worst(states)} for name, states in sorted(places.items())]
        for product_id, places in found.items()
    }


def _worst(states: set[str]) -> str:
    words = {ASSOCIATION_STATUS.get(Listing.State(state), "waiting") for state in states}
    return next(word for word in ("error", "waiting", "linked", "unlinked") if word in words)


def prechecks(seller_id: int, variation_ids: Sequence[int]) -> Mapping[int, list[dict[str, Any]]]:
    """Return, per variation, each working connection's verdict on it as it now stands."""
    verdicts: dict[int, list[dict[str, Any]]] = {}
    connections = list(Connection.objects.working().filter(seller_id=seller_id).select_related("marketplace"))
    if not connections:
        return verdicts
    variations = list(
        Variation.objects.filter(seller_id=seller_id, pk__in=list(variation_ids)).select_related("product")
    )
    for connection in connections:
        translator = Translator(connection)
        for variation in variations:
            issues = translator.draft(variation).issues
            verdicts.setdefault(variation.pk, []).append(
                {
                    "connection": connection.name,
                    "ready": not issues,
                    "issues": [hints.for_api(issue) for issue in issues],
                }
            )
    return verdicts


def in_use(seller_id: int, variation_ids: Sequence[int]) -> set[int]:
    """Return which of these variations are listed, so that they must be disconnected before they go."""
    return set(
        Listing.objects.filter(seller_id=seller_id, variation_id__in=list(variation_ids))
        .exclude(state=Listing.State.DISCONNECTED)
        .values_list("variation_id", flat=True)
    )


def forget(seller_id: int, variation_ids: Sequence[int]) -> None:
    """Drop the disconnected listings of variations that are about to be deleted.

    A listing that is still wanted protects its variation: the database then refuses the deletion.
    """
    gone = list(
        Listing.objects.filter(
            seller_id=seller_id,
            variation_id__in=list(variation_ids),
            state=Listing.State.DISCONNECTED,
        ).values_list("pk", flat=True)
    )
    Sync.objects.filter(listing_id__in=gone).delete()
    Listing.objects.filter(pk__in=gone).delete()
