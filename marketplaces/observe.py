"""The read-back lane: seen beats said.

It watches listings the marketplace is still cataloguing, and looks at all others in turn, comparing what
is shown with what was confirmed. Every listing comes round within the connection's period; one whose
stock has changed lately comes sooner, the less lately the later. A difference becomes a `Sync.drift`
with its cause, and is healed where the seller lets us.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection as database
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from hub.transactions import begin_again
from marketplaces import content, halving, ledger, passages, states
from marketplaces.contract import (
    Facet,
    IssueKind,
    ListingReader,
    ListingState,
    ListingView,
    OrderSource,
    Unavailable,
    UnexpectedAnswer,
)
from marketplaces.contract import Issue as Said
from marketplaces.desired import wanted
from marketplaces.engine import Turn
from marketplaces.models import KEPT, Connection, Issue, Lane, Listing, Sync
from marketplaces.states import Move, Refusal

WATCH = timedelta(seconds=2)
"""How often listings in cataloguing are asked about."""
ROUND = timedelta(seconds=60)
"""The longest pause between two steps of the read-back."""
STEPS = 5
"""Batches of one step; the pause after it is as long as the step: others get half of the calls."""
SECOND_LOOK = timedelta(minutes=2)
"""When to look again at what was healed, and at a quantity lower than ours: it may have been sold."""
VANISHES_AFTER = timedelta(minutes=2)
"""How long a listing must have been catalogued before it can vanish: a marketplace's books may lag behind."""
COMES_BACK = timedelta(minutes=10)
"""How long a listing that vanished while it was catalogued may come back; then it is an error."""
GONE = Listing.Gone.values
MARGIN = 0.9
"""The part of the period after which a listing's turn comes; the rest is for waiting in the lane."""

UNREAD_ORDERS: list[Callable[[int], datetime | None]] = []
"""Who knows of orders nobody could read: each tells when the newest open one of a connection came in."""


def run_observe(turn: Turn) -> timedelta:
    """Watch what is being catalogued, then look at the listings whose turn it is.

    After a run that failed it is the other way round: what broke the one must not keep the other waiting.
    """
    adapter = turn.adapter
    if not isinstance(adapter, ListingReader):
        return timedelta(hours=1)
    if turn.easing.is_on:
        pause = _look(turn, adapter)
        watched = _watch(turn, adapter)
    else:
        watched = _watch(turn, adapter)
        pause = _look(turn, adapter)
    return min(pause, WATCH) if watched else pause


def _ask(
    turn: Turn, adapter: ListingReader, skus: Iterable[str]
) -> Iterator[tuple[Sequence[str], datetime, list[ListingView]]]:
    """Ask about listings, call by call; yields whom about, when, and what was told.

    Nothing is told of one the marketplace answers with an error while others go through.
    """
    size = turn.connection.marketplace.description.batch.read
    left = list(skus)
    while left and turn.has_time():
        some = turn.easing.choose(left, size, lambda _sku: False)
        asked_at = timezone.now()
        views: list[ListingView] = []
        try:
            views = list(halving.read(turn, adapter, some))
        except (Unavailable, UnexpectedAnswer) as error:
            turn.easing.narrow(len(some), error)
            if len(some) > 1:
                continue
        else:
            turn.easing.go_on()
        left = [sku for sku in left if sku not in some]
        yield some, asked_at, views


def _watch(turn: Turn, adapter: ListingReader) -> bool:
    """Ask about listings in cataloguing; True while some remain."""
    waiting = (
        Listing.objects.filter(connection=turn.connection, state=Listing.State.CATALOGUING)
        .select_related("variation")
        .only("id", "load_id", "gone_at", "variation__sku")
        .order_by("state_at", "id")
    )
    size = turn.connection.marketplace.description.batch.read
    by_sku = {listing.variation.sku: listing for listing in waiting[: size * STEPS * 10]}
    for _some, asked_at, views in _ask(turn, adapter, by_sku):
        moves: list[Move] = []
        refused: list[Refusal] = []
        fates: dict[str, list[int]] = {}
        for view in views:
            listing = by_sku.get(view.sku)
            if listing is None:
                continue
            if view.state is ListingState.LIVE:
                moves.append(
                    Move(listing.pk, Listing.State.CONNECTED, listing.load_id, view.remote_id, view.url)
                )
            elif view.state is ListingState.REJECTED:
                moves.append(Move(listing.pk, Listing.State.ERROR, listing.load_id, view.remote_id, view.url))
                refused.append(Refusal(listing.pk, listing.load_id, 0, view.issues))
            elif listing.gone_at and listing.gone_at < asked_at - COMES_BACK and view.state.value in GONE:
                moves.append(Move(listing.pk, Listing.State.ERROR, listing.load_id))
                refused.append(Refusal(listing.pk, listing.load_id, 0, (Said(IssueKind.NOT_FOUND),)))
                continue
            fates.setdefault(view.state.value, []).append(listing.pk)
        _settle_watch(turn, moves, refused)
        catalogued = Listing.objects.filter(connection=turn.connection, state=Listing.State.CATALOGUING)
        _note_gone(catalogued.filter(state_at__lt=asked_at - VANISHES_AFTER), fates, asked_at)
        told = [one.listing_id for one in moves]
        over = Listing.objects.filter(pk__in=[*told, *fates.get(ListingState.CATALOGUING, ())])
        over.filter(gone_at__isnull=False).update(gone_at=None, gone_as="")
    return waiting.exists()


def _note_gone(listings: QuerySet[Listing], fates: Mapping[str, list[int]], asked_at: datetime) -> None:
    """Note which of these listings vanished there, by what became of them."""
    for gone in GONE:
        listings.filter(~Q(gone_as=gone), pk__in=fates.get(gone, [])).update(gone_at=asked_at, gone_as=gone)


@begin_again
def _settle_watch(turn: Turn, moves: Sequence[Move], refused: Sequence[Refusal]) -> None:
    connection = turn.connection
    moved = states.move(moves)
    told = [one for one in refused if one.listing_id in moved]
    states.open_issues(connection.seller_id, connection.pk, Facet.CONTENT, Issue.Origin.MARKETPLACE, told)
    ledger.watch_corrections([one.listing_id for one in told])
    content.follow_up(turn, [one for one in moves if one.listing_id in moved])


def _look(turn: Turn, adapter: ListingReader) -> timedelta:
    """Take one step: look at the listings that are due, the longest due first; returns how long to rest."""
    began = timezone.now()
    listens = turn.connection.sync_orders and isinstance(adapter, OrderSource)
    waiting = Sync.objects.filter(connection=turn.connection, facet=Facet.STOCK.value, look_at__isnull=False)
    size = turn.connection.marketplace.description.batch.read
    due = waiting.filter(look_at__lte=began).order_by("look_at", "listing_id")
    taken = list(due.values_list("listing_id", "listing__variation__sku")[: size * STEPS])
    listing_of = {sku: pk for pk, sku in taken}
    for some, asked_at, views in _ask(turn, adapter, listing_of):
        ids = {sku: listing_of[sku] for sku in some}
        note_seen(turn.connection, ids, views, asked_at, listens=listens)
        _note_fate(turn, ids, views, asked_at)
    now = timezone.now()
    if len(taken) == size * STEPS:
        return max(timedelta(seconds=1), now - began)
    following = waiting.order_by("look_at").values_list("look_at", flat=True).first()
    return min(ROUND, max(timedelta(seconds=1), following - now)) if following else ROUND


_HEALS = "j.heals AND s.follows AND s.due_at IS NULL AND s.submission_id IS NULL"
# In the ledger a price the guard holds counts as refused at its version.
_IS_HELD = """s.facet = 'price' AND EXISTS (
    SELECT FROM marketplaces_heldprice h WHERE h.listing_id = s.listing_id
    AND h.version = s.wanted_version AND h.state IN ('open', 'rejected'))"""
_IS_OURS = """(d.value IN (s.sent_value, s.confirmed_value) OR EXISTS (
    SELECT FROM marketplaces_passage p WHERE p.listing_id = s.listing_id AND p.facet = s.facet
    AND p.value = d.value AND (p.sent_at IS NOT NULL OR p.outcome = 'unchanged')))"""
# A publication on its way carries what was in force when it went out: it may have put that in the place of
# something newer. The same value still there after that was sent again is somebody else's.
_IS_OVERTAKEN = f"""s.facet <> 'content' AND s.follows AND s.due_at IS NULL AND s.submission_id IS NULL
    AND s.confirmed_version = s.wanted_version AND s.confirmed_value <> d.value AND {_IS_OURS}
    AND NOT (s.why = 'content' AND s.why_version = s.wanted_version AND s.seen_value = d.value)
    AND EXISTS (SELECT FROM marketplaces_sync c WHERE c.listing_id = s.listing_id AND c.facet = 'content'
        AND c.sent_version > greatest(c.confirmed_version, c.refused_version)
        AND c.sent_at < greatest(s.sent_at, s.confirmed_at))"""
# A look proves nothing about what was sent after it was asked for, so such rows are left alone, and so are
# those settled while this statement ran (their passages have moved on). A newer value that came in a moment
# ago is on its way and no difference yet, unless a switch keeps it here. What shows the same wrong value
# after it was healed is not healed again: the marketplace has a will of its own, and the seller decides. A
# quantity lower than ours may have been sold until the orders of that time have been heard; where we hear of
# none, or where an order nobody can read came in after the value was sent, a person decides.
_SEEN = f"""
WITH d AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb)
        AS d(listing_id bigint, facet text, value text, version int, wanted text)
), compared AS (
    SELECT s.listing_id, s.facet, d.value, s.passages, s.drift AS before,
        s.facet <> 'content' AND s.submission_id IS NULL AND s.confirmed_version = s.wanted_version
            AND s.confirmed_value <> d.value AS differs,
        NOT coalesce(s.seen_value = d.value AND s.seen_at > s.confirmed_at
                     AND (NOT %(listens)s OR s.seen_at < %(heard)s::timestamptz), false) AS is_new,
        coalesce(CASE WHEN s.facet = 'stock' THEN d.value::bigint < nullif(s.confirmed_value, '')::bigint END,
            false) AS is_fewer,
        coalesce(s.sent_at <= %(unread)s::timestamptz, %(unread)s::timestamptz IS NOT NULL) AS is_guess,
        s.why = 'heal' AND s.why_version = s.wanted_version AND s.seen_value = d.value AS was_healed,
        {_IS_OVERTAKEN} AS is_overtaken,
        CASE WHEN s.frozen_at IS NOT NULL THEN 'frozen'
             WHEN d.version = s.wanted_version AND d.wanted = d.value THEN ''
             WHEN s.refused_version = s.wanted_version AND s.refused_version > s.confirmed_version
                  AND s.facet <> 'content' THEN CASE WHEN {_IS_HELD} THEN 'held' ELSE 'refused' END
             WHEN s.facet = 'content' OR s.confirmed_version = s.wanted_version
                  OR s.received_at > %(at)s - %(grace)s AND s.facet <> ALL(%(off)s) THEN ''
             WHEN s.sent_at IS NULL THEN 'never_sent'
             WHEN {_IS_OURS} THEN 'superseded'
             ELSE 'outside' END AS otherwise
    FROM d JOIN marketplaces_sync s ON s.listing_id = d.listing_id AND s.facet = d.facet
    WHERE (s.confirmed_at IS NULL OR s.confirmed_at < %(at)s) AND (s.sent_at IS NULL OR s.sent_at < %(at)s)
), judged AS (
    SELECT c.*, c.is_new AND c.is_fewer AS may_be_a_sale,
        %(heal)s AND c.otherwise = '' AND c.differs AND NOT c.was_healed AND NOT c.is_overtaken
            AND NOT c.is_unheard AS heals,
        CASE WHEN c.otherwise NOT IN ('', 'outside') THEN c.otherwise
             WHEN c.is_overtaken AND NOT c.is_unheard THEN 'superseded'
             WHEN (c.differs OR c.otherwise = 'outside') AND NOT (c.is_new AND c.is_fewer) THEN 'outside'
             ELSE '' END AS drift
    FROM (SELECT *, is_fewer AND (is_new OR is_guess OR NOT %(listens)s) AS is_unheard FROM compared) c
), arrived AS (
    UPDATE marketplaces_passage p SET seen_at = %(at)s FROM judged j
    WHERE p.listing_id = j.listing_id AND p.facet = j.facet
      AND p.slot = (j.passages + {KEPT - 1}) %% {KEPT} AND p.seen_at IS NULL
      AND p.outcome IN ('confirmed', 'unchanged') AND p.settled_at < %(at)s
      AND (j.facet = 'content' OR p.value = j.value)
), seen AS (
    UPDATE marketplaces_sync s SET seen_value = j.value, seen_at = %(at)s, drift = j.drift,
        passages = s.passages + (j.drift = 'outside' AND j.before <> 'outside')::int,
        due_at = CASE WHEN {_HEALS} THEN now() ELSE s.due_at END,
        why = CASE WHEN {_HEALS} THEN 'heal' ELSE s.why END,
        why_version = CASE WHEN {_HEALS} THEN s.wanted_version ELSE s.why_version END
    FROM judged j WHERE s.listing_id = j.listing_id AND s.facet = j.facet AND s.passages = j.passages
    RETURNING s.listing_id, s.facet, s.passages, s.wanted_version AS version, j.value, j.before, s.drift,
        j.differs AND (j.may_be_a_sale OR s.due_at IS NOT NULL)
            OR j.otherwise = 'outside' AND j.may_be_a_sale OR j.is_overtaken AS look_again,
        j.is_overtaken AND s.drift = 'superseded' AS is_overtaken
), ended AS (
    SELECT listing_id, facet, passages, version, value, {passages.UNSTAMPED} FROM seen
    WHERE drift = 'outside' AND before <> 'outside'
), {passages.keep("'outside'", "%(at)s::timestamptz")}
SELECT listing_id, bool_or(is_overtaken) FROM seen WHERE look_again GROUP BY listing_id
"""  # noqa: S608 - constants

# The more lately the stock has changed, the sooner the next look; when the lane cannot keep up, the fast ones
# slow down, so that nobody waits for longer than the period.
_NEXT_LOOK = """
UPDATE marketplaces_sync s SET look_at = %(at)s + CASE WHEN s.listing_id = ANY(%(again)s) THEN %(second)s
    ELSE least(%(turn)s, greatest(%(soon)s, (%(at)s - s.received_at) / 2, (%(at)s - s.look_at) * 4))
         * (0.9 + random() / 10) END
WHERE s.facet = 'stock' AND s.look_at IS NOT NULL AND s.listing_id = ANY(%(ids)s)
"""


@begin_again
def note_seen(
    connection: Connection,
    ids: Mapping[str, int],
    views: Sequence[ListingView],
    asked_at: datetime,
    *,
    listens: bool = True,
) -> None:
    """Write down what the marketplace shows, and when to look at these listings again.

    What differs from what it confirmed is a drift and, where the connection heals, due again. `listens` is
    False where no orders come in from there.
    """
    rows: list[dict[str, object]] = []
    waiting = _waiting(connection, ids.values())
    for view in views:
        listing_id = ids.get(view.sku)
        if listing_id is None or view.state is not ListingState.LIVE:
            continue
        rows.append({"listing_id": listing_id, "facet": "content", "value": ""})
        if view.quantity is not None:
            rows.append({"listing_id": listing_id, "facet": "stock", "value": str(view.quantity)})
        if view.price is not None:
            shown = f"{view.price:.2f}/{view.list_price or view.price:.2f}"
            rows.append({"listing_id": listing_id, "facet": "price", "value": shown})
    rows = [row | waiting.get((row["listing_id"], row["facet"]), {}) for row in rows]
    rows.sort(key=lambda row: (str(row["listing_id"]), str(row["facet"])))
    seen: dict[str, Any] = {
        "rows": json.dumps(rows),
        "at": asked_at,
        "grace": SECOND_LOOK,
        "heal": connection.auto_heal,
        "off": connection.switched_off,
        "listens": listens,
        "heard": Lane.objects.get(connection=connection, kind=Lane.Kind.ORDERS).caught_up_at,
    }
    # Asked after what was heard: what could not be read of that is known by now.
    unread = [at for one in UNREAD_ORDERS if (at := one(connection.pk))]
    seen["unread"] = max(unread, default=None)
    with database.cursor() as cursor:
        cursor.execute(_SEEN, seen)
        again = dict(cursor.fetchall())
        ledger.send_terms_after([listing_id for listing_id, is_overtaken in again.items() if is_overtaken])
        looks: dict[str, Any] = {"at": asked_at, "again": sorted(again), "ids": sorted(ids.values())}
        looks |= {"turn": connection.readback_period * MARGIN, "soon": ledger.SOON, "second": SECOND_LOOK}
        cursor.execute(_NEXT_LOOK, looks)


def _waiting(
    connection: Connection, listing_ids: Iterable[int]
) -> dict[tuple[object, object], dict[str, Any]]:
    """Return what is wanted, at which version, of what the marketplace has not taken, by listing and facet.

    Shown there already, it is no difference: the first publication carried it, say, and the account's switch
    has been off ever since. It is only computed for the few rows that wait.
    """
    rows = list(
        Sync.objects.filter(
            listing_id__in=list(listing_ids),
            facet__in=(Facet.PRICE, Facet.STOCK),
            wanted_version__gt=F("confirmed_version"),
        ).select_related("listing__variation__product")
    )
    due = wanted(connection.seller_id, [(connection.pk, one.listing.variation) for one in rows])
    return {
        (one.listing_id, one.facet): {
            "version": one.wanted_version,
            "wanted": due[connection.pk, one.listing.variation_id].value(one.facet),
        }
        for one in rows
    }


@begin_again
def _note_fate(turn: Turn, ids: Mapping[str, int], views: Sequence[ListingView], asked_at: datetime) -> None:
    """Note listings that vanished there or came back, and what the marketplace rejected after all."""
    found: dict[str, list[int]] = {}
    rejected: dict[int, ListingView] = {}
    for view in views:
        listing_id = ids.get(view.sku)
        if listing_id is not None:
            found.setdefault(view.state.value, []).append(listing_id)
            if view.state is ListingState.REJECTED:
                rejected[listing_id] = view
    mine = Listing.objects.filter(connection=turn.connection)
    _note_gone(mine.filter(state=Listing.State.CONNECTED, state_at__lt=asked_at), found, asked_at)
    back = [*found.get(ListingState.LIVE, []), *found.get(ListingState.CATALOGUING, [])]
    mine.filter(pk__in=back, gone_at__isnull=False).update(gone_at=None, gone_as="")
    moves, refused = [], []
    on_sale = mine.filter(pk__in=rejected, state=Listing.State.CONNECTED, state_at__lt=asked_at)
    for listing in on_sale.only("load_id"):
        view = rejected[listing.pk]
        moves.append(Move(listing.pk, Listing.State.ERROR, listing.load_id, view.remote_id, view.url))
        refused.append(Refusal(listing.pk, listing.load_id, 0, view.issues))
    if moves:
        _settle_watch(turn, moves, refused)
