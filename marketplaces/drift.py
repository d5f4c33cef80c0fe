"""What differs between the catalogue and the marketplace, and what a seller can do about it.

Heal what was changed there, freeze what shall stay as it is there, decide about listings that vanished.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection as database
from django.db.models import QuerySet
from django.db.models.functions import Greatest

from hub.models import User
from hub.transactions import begin_again
from marketplaces import engine, held, ledger, passages, services, states
from marketplaces.contract import Facet
from marketplaces.models import Connection, Issue, Lane, Listing, Load, Sync
from marketplaces.states import Move

HEALED = (Sync.Drift.OUTSIDE, Sync.Drift.SUPERSEDED, Sync.Drift.NEVER_SENT, Sync.Drift.REFUSED)
"""Differences that sending can end."""
GONE = "gone"
"""The cause of listings that vanished at the marketplace; they have no facet that could be sent."""


def rows(connections: Iterable[Connection], cause: str = "") -> QuerySet[Sync]:
    """Return the facets that differ on these connections, of one cause or of all; read from one index."""
    found = Sync.objects.filter(connection__in=list(connections)).exclude(drift="")
    return found.filter(drift=cause) if cause else found


def gone(seller_id: int, connections: Iterable[Connection]) -> QuerySet[Listing]:
    """Return the listings that vanished at the marketplace although nobody here asked for it."""
    return Listing.objects.filter(
        seller_id=seller_id, connection__in=list(connections), gone_at__isnull=False
    )


# A refused value goes out again under a new version, like any that is asked for again. One that waits for its
# turn anyway was asked for by whatever asked for it before.
_HEALS = "(s.drift = 'refused' OR s.drift = 'outside' AND s.confirmed_version = s.wanted_version)"
_HEAL = f"""
UPDATE marketplaces_sync s
SET wanted_version = s.wanted_version + (s.drift = 'refused')::int, due_at = now(), failures = 0,
    why = CASE WHEN {_HEALS} THEN 'heal' ELSE s.why END,
    why_version = CASE WHEN {_HEALS}
                  THEN s.wanted_version + (s.drift = 'refused')::int ELSE s.why_version END
WHERE s.connection_id = %(connection)s AND s.drift = ANY(%(causes)s) AND s.drift <> '' AND s.follows
  AND s.submission_id IS NULL AND s.facet = ANY(%(facets)s)
  AND (%(ids)s::bigint[] IS NULL OR s.listing_id = ANY(%(ids)s))
RETURNING s.listing_id
"""  # noqa: S608 - constants

_LOOK = """
UPDATE marketplaces_sync SET look_at = least(look_at, now() + %s)
WHERE facet = 'stock' AND look_at IS NOT NULL AND listing_id = ANY(%s)
"""


@begin_again
def heal(
    *,
    connection: Connection,
    listing_ids: Sequence[int] | None = None,
    facets: Sequence[str] = (Facet.PRICE, Facet.STOCK),
    causes: Sequence[str] = HEALED,
) -> int:
    """Send what the marketplace should show, for some listings or all; returns how many values go out.

    What is frozen stays, and what does not differ or is kept back by a switch of the account is not sent.
    """
    facets = [one for one in facets if one not in connection.switched_off]
    values: dict[str, Any] = {
        "connection": connection.pk,
        "causes": [str(one) for one in causes if one in HEALED],
        "facets": [str(one) for one in facets],
        "ids": None if listing_ids is None else list(listing_ids),
    }
    with database.cursor() as cursor:
        cursor.execute(_HEAL, values)
        healed = [listing_id for (listing_id,) in cursor.fetchall()]
        again: list[Any] = [ledger.SOON, sorted(set(healed))]
        cursor.execute(_LOOK, again)
    for facet in facets:
        engine.nudge(connection.pk, facet)
    return len(healed)


def kept_back(
    connection: Connection, cause: str, facets: Sequence[str], listing_ids: Sequence[int] | None
) -> bool:
    """Tell whether differences that sending would end stay because a switch of the account is off."""
    off = [one for one in facets if one in connection.switched_off]
    found = rows([connection], cause).filter(facet__in=off, follows=True)
    if listing_ids is not None:
        found = found.filter(listing_id__in=listing_ids)
    return cause in HEALED and found.exists()


_ENDED = f"""ended AS (
    SELECT listing_id, facet, passages, wanted_version AS version, confirmed_value AS value,
        {passages.UNSTAMPED} FROM changed
)"""  # noqa: S608 - constants

# Content on its way must arrive first: what the marketplace makes of it cannot be called back.
_FREEZE = f"""
WITH changed AS (
    UPDATE marketplaces_sync s SET frozen_at = now(), drift = 'frozen', follows = false, due_at = NULL,
        passages = s.passages + 1
    FROM marketplaces_listing l
    WHERE l.id = s.listing_id AND l.seller_id = %(seller)s AND l.id = ANY(%(ids)s)
      AND s.facet = ANY(%(facets)s) AND s.frozen_at IS NULL AND l.state <> 'disconnected'
      AND NOT (s.facet = 'content' AND l.state IN ('waiting', 'processing'))
    RETURNING s.listing_id, s.facet, s.passages, s.wanted_version, s.confirmed_value
), {_ENDED}, {passages.keep("'frozen'", cause="%(by)s")}
SELECT count(*) FROM changed
"""  # noqa: S608 - constants

# What was changed at the marketplace meanwhile goes back to the catalogue's value; nothing else is sent.
_UNFREEZE = f"""
WITH changed AS (
    UPDATE marketplaces_sync s SET frozen_at = NULL, passages = s.passages + 1, failures = 0,
        drift = CASE WHEN s.facet <> 'content' AND s.seen_at > s.confirmed_at
                          AND s.seen_value <> s.confirmed_value THEN 'outside' ELSE '' END,
        follows = f.follows,
        due_at = CASE WHEN f.follows AND s.submission_id IS NULL
                          AND (s.facet <> 'content' OR s.wanted_version > s.confirmed_version)
                      THEN now() END,
        why = 'unfrozen', why_version = s.wanted_version,
        look_at = CASE WHEN s.look_at IS NOT NULL THEN now() END
    FROM marketplaces_listing l, marketplaces_connection c, LATERAL (
        SELECT s2.facet, CASE WHEN s2.facet <> 'content' THEN l.remote_id <> '' AND l.state <> 'disconnected'
                    WHEN l.state = 'error' THEN true
                    ELSE c.sync_content AND l.state IN ('connected', 'cataloguing') END AS follows
        FROM (VALUES ('content'), ('price'), ('stock')) AS s2 (facet)
    ) f
    WHERE l.id = s.listing_id AND c.id = l.connection_id AND f.facet = s.facet
      AND l.seller_id = %(seller)s AND l.id = ANY(%(ids)s)
      AND s.facet = ANY(%(facets)s) AND s.frozen_at IS NOT NULL
    RETURNING s.listing_id, s.facet, s.passages, s.wanted_version, s.confirmed_value
), {_ENDED}, {passages.keep("'unfrozen'", cause="%(by)s")}
SELECT count(*) FROM changed
"""  # noqa: S608 - constants


@begin_again
def set_frozen(
    *, seller_id: int, listings: Sequence[Listing], facets: Sequence[str], frozen: bool, by: str
) -> int:
    """Leave these facets alone at the marketplace, or let them follow again; returns how many changed.

    Nothing of a frozen facet is sent, whatever changes. Released, it sends what is due. `by` is who says so.
    """
    values: dict[str, Any] = {
        "seller": seller_id,
        "ids": sorted(one.pk for one in listings),
        "facets": [str(one) for one in facets],
        "by": by,
    }
    if frozen and Facet.CONTENT in facets:
        ledger.send_terms_after(_unanswered(seller_id, values["ids"]))
    with database.cursor() as cursor:
        cursor.execute(_FREEZE if frozen else _UNFREEZE, values)
        (changed,) = cursor.fetchone()
    if not frozen:
        for connection_id in {one.connection_id for one in listings}:
            for kind in (*facets, Lane.Kind.OBSERVE):
                engine.wake(connection_id, kind)
    return int(changed)


def _unanswered(seller_id: int, listing_ids: Sequence[int]) -> list[int]:
    """Return which of these listings have content on its way: nobody will ask for its answer any more."""
    rows = Sync.objects.filter(
        listing__seller_id=seller_id,
        listing_id__in=listing_ids,
        facet=Facet.CONTENT.value,
        sent_version__gt=Greatest("confirmed_version", "refused_version"),
    )
    return list(rows.values_list("listing_id", flat=True))


def publish_gone_again(
    *, connection: Connection, listings: QuerySet[Listing], by: User | None = None
) -> Load:
    """Put listings that vanished at the marketplace on sale again, in a load. Raises services.NotPossible."""
    return services.start_load(
        connection=connection,
        action=Load.Action.RECONNECT,
        listings=listings.filter(gone_at__isnull=False),
        by=by,
    )


@begin_again
def accept_gone(*, connection: Connection, listings: QuerySet[Listing]) -> int:
    """Take it that these listings are off sale: they count as disconnected; returns how many."""
    load_of = dict(
        listings.filter(
            state__in=(Listing.State.CONNECTED, Listing.State.CATALOGUING),
            seller_id=connection.seller_id,
            connection=connection,
            gone_at__isnull=False,
        )
        .order_by("pk")
        .values_list("pk", "load")
    )
    ids = list(load_of)
    Listing.objects.filter(pk__in=ids).update(intent=Listing.Intent.WITHDRAWN, gone_at=None, gone_as="")
    ledger.go_off(ids)
    held.overtake(ids)
    for facet in Facet:
        states.close_issues(ids, facet, Issue.Closed.DISCONNECTED)
    states.move([Move(one, Listing.State.DISCONNECTED, load, note="gone") for one, load in load_of.items()])
    states.finish_loads(connection.pk)
    return len(ids)
