"""The read-back lane: seen beats said.

It watches listings the marketplace is still cataloguing, and walks round all others, comparing what
is shown with what was confirmed; a difference makes the facet due again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from django.db import connection as database
from django.utils import timezone

from hub.transactions import begin_again
from marketplaces import content, states
from marketplaces.batches import batches
from marketplaces.contract import Facet, ListingReader, ListingState, ListingView
from marketplaces.engine import Turn
from marketplaces.models import Issue, Listing
from marketplaces.states import Move, Refusal

WATCH = timedelta(seconds=2)
"""How often listings in cataloguing are asked about."""
ROUND = timedelta(seconds=60)
"""The pause between two steps of the walk round the connected listings."""
STEPS = 5
"""Batches of one step."""


def run_observe(turn: Turn) -> timedelta:
    """Watch what is being catalogued, then go one step round the connected listings."""
    adapter = turn.adapter
    if not isinstance(adapter, ListingReader):
        return timedelta(hours=1)
    watched = _watch(turn, adapter)
    if not watched or turn.lane.cursor.partition("@")[2] < timezone.now().isoformat():
        _walk(turn, adapter)
    return WATCH if watched else ROUND


def _watch(turn: Turn, adapter: ListingReader) -> bool:
    """Ask about listings in cataloguing; True while some remain."""
    waiting = (
        Listing.objects.filter(connection=turn.connection, state=Listing.State.CATALOGUING)
        .select_related("variation")
        .only("id", "load_id", "variation__sku")
        .order_by("state_at", "id")
    )
    size = turn.connection.marketplace.description.batch.read
    for some in batches(list(waiting[: size * STEPS * 10]), size):
        if not turn.has_time():
            break
        by_sku = {listing.variation.sku: listing for listing in some}
        moves: list[Move] = []
        refused: list[Refusal] = []
        for view in turn.call(partial(adapter.read_listings, list(by_sku)), list(by_sku)):
            listing = by_sku.get(view.sku)
            if listing is None:
                continue
            if view.state is ListingState.LIVE:
                moves.append(Move(listing.pk, Listing.State.CONNECTED, view.remote_id, view.url))
            elif view.state is ListingState.REJECTED:
                moves.append(Move(listing.pk, Listing.State.ERROR, view.remote_id, view.url))
                refused.append(Refusal(listing.pk, listing.load_id, 0, view.issues))
        _settle_watch(turn, moves, refused)
    return waiting.exists()


@begin_again
def _settle_watch(turn: Turn, moves: Sequence[Move], refused: Sequence[Refusal]) -> None:
    connection = turn.connection
    states.open_issues(connection.seller_id, connection.pk, Facet.CONTENT, Issue.Origin.MARKETPLACE, refused)
    states.move(moves)
    content.follow_up(turn, moves)


def _walk(turn: Turn, adapter: ListingReader) -> None:
    """Compare the next listings of the round with what the marketplace shows."""
    place = int(turn.lane.cursor.partition("@")[0] or 0)
    size = turn.connection.marketplace.description.batch.read
    live = Listing.objects.filter(connection=turn.connection, state=Listing.State.CONNECTED)
    following = list(
        live.filter(pk__gt=place).order_by("pk").values_list("pk", "variation__sku")[: size * STEPS]
    )
    for some in batches(following, size):
        if not turn.has_time():
            return
        asked_at = timezone.now()
        ids = {sku: pk for pk, sku in some}
        views = turn.call(partial(adapter.read_listings, list(ids)), list(ids))
        note_seen(ids, views, asked_at)
        place = some[-1][0]
        if not turn.save_cursor(f"{place}@{(timezone.now() + ROUND).isoformat()}"):
            return
    if len(following) < size * STEPS:
        turn.save_cursor(f"0@{(timezone.now() + ROUND).isoformat()}")


# A value seen before our newest send proves nothing, so rows confirmed after the question are left alone.
_SEEN = """
UPDATE marketplaces_sync s SET seen_value = d.value, seen_at = %s,
    due_at = CASE WHEN s.follows AND s.due_at IS NULL AND s.submission_id IS NULL
                   AND s.confirmed_version = s.wanted_version AND s.confirmed_value <> d.value
             THEN now() ELSE s.due_at END,
    confirmed_value = CASE WHEN s.follows AND s.submission_id IS NULL AND s.confirmed_value <> d.value
                      THEN d.value ELSE s.confirmed_value END
FROM jsonb_to_recordset(%s::jsonb) AS d(listing_id bigint, facet text, value text)
WHERE s.listing_id = d.listing_id AND s.facet = d.facet AND s.confirmed_at < %s
RETURNING s.connection_id
"""


@begin_again
def note_seen(ids: dict[str, int], views: Sequence[ListingView], asked_at: datetime) -> None:
    """Write down what the marketplace shows; what differs from what it confirmed becomes due again."""
    rows: list[dict[str, object]] = []
    for view in views:
        listing_id = ids.get(view.sku)
        if listing_id is None or view.state is not ListingState.LIVE:
            continue
        if view.quantity is not None:
            rows.append({"listing_id": listing_id, "facet": "stock", "value": str(view.quantity)})
        if view.price is not None:
            shown = f"{view.price:.2f}/{view.list_price or view.price:.2f}"
            rows.append({"listing_id": listing_id, "facet": "price", "value": shown})
    if rows:
        rows.sort(key=lambda row: (str(row["listing_id"]), str(row["facet"])))
        with database.cursor() as cursor:
            cursor.execute(_SEEN, [asked_at, json.dumps(rows), asked_at])
