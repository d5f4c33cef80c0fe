"""Moving listings from state to state, with their load items, their history and their issues.

Set-based: a batch of any size is a handful of statements.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import connection as database
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from hub.transactions import begin_again
from marketplaces.callbacks import services as callbacks
from marketplaces.contract import Facet
from marketplaces.contract import Issue as Said
from marketplaces.models import Issue, Listing, Load, LoadItem

OF_ITEM: Mapping[str, str] = {
    Listing.State.WAITING: LoadItem.State.WAITING,
    Listing.State.PROCESSING: LoadItem.State.PROCESSING,
    Listing.State.CATALOGUING: LoadItem.State.CATALOGUING,
    Listing.State.CONNECTED: LoadItem.State.DONE,
    Listing.State.DISCONNECTED: LoadItem.State.DONE,
    Listing.State.ERROR: LoadItem.State.ERROR,
}
"""What a listing's state means for its item in the load it was sent in."""


@dataclass(frozen=True, slots=True)
class Move:
    """A listing's step to a state, with what the marketplace told on the way.

    `load_id` is the load for which the marketplace was asked: where the seller has started another one
    since, the step is not taken, for the listing waits for what was asked last.
    """

    listing_id: int
    state: str
    load_id: int | None
    remote_id: str = ""
    url: str = ""
    note: str = ""


_MOVE = """
WITH d AS (
    SELECT * FROM jsonb_to_recordset(%s::jsonb)
    AS d(id bigint, state text, load_id bigint, item_state text, remote_id text, url text, note text)
), moved AS (
    UPDATE marketplaces_listing l SET state = d.state, state_at = now(), corrected_at = NULL,
        remote_id = CASE WHEN d.remote_id <> '' THEN d.remote_id ELSE l.remote_id END,
        url = CASE WHEN d.url <> '' THEN d.url ELSE l.url END
    FROM d WHERE l.id = d.id AND (l.load_id = d.load_id OR l.load_id IS NULL)
    RETURNING l.id, l.state, l.load_id, d.item_state, d.note
), items AS (
    UPDATE marketplaces_loaditem i SET state = m.item_state, updated_at = now()
    FROM moved m
    WHERE i.load_id = m.load_id AND i.listing_id = m.id
      AND i.state IN ('waiting', 'processing', 'cataloguing')
)
INSERT INTO marketplaces_listingevent (listing_id, at, state, load_id, note)
SELECT id, clock_timestamp(), state, load_id, note FROM moved ORDER BY id
RETURNING listing_id
"""


@begin_again
def move(moves: Sequence[Move]) -> set[int]:
    """Take listings to new states, together with their load items and their history.

    Returns the listings that moved: those without a newer load.
    """
    if not moves:
        return set()
    rows = [
        {
            "id": one.listing_id,
            "state": one.state,
            "load_id": one.load_id,
            "item_state": OF_ITEM[one.state],
            "remote_id": one.remote_id,
            "url": one.url[:500],
            "note": one.note,
        }
        for one in sorted(moves, key=lambda one: one.listing_id)
    ]
    with database.cursor() as cursor:
        cursor.execute(_MOVE, [json.dumps(rows)])
        return {int(listing_id) for (listing_id,) in cursor.fetchall()}


def finish_loads(connection_id: int) -> None:
    """Close the loads of a connection whose items all have their result."""
    still_open = LoadItem.objects.filter(load=OuterRef("pk"), state__in=LoadItem.OPEN)
    over = Load.objects.filter(
        connection_id=connection_id, state__in=(Load.State.QUEUED, Load.State.RUNNING)
    ).filter(~Exists(still_open))
    with transaction.atomic():
        ids = list(over.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
        Load.objects.filter(pk__in=ids).update(state=Load.State.DONE, finished_at=timezone.now())
        callbacks.loads_finished(ids)


def start_loads(load_ids: Iterable[int | None]) -> None:
    """Note that the first items of these loads were taken up."""
    ids = {one for one in load_ids if one is not None}
    if ids:
        Load.objects.filter(pk__in=ids, state=Load.State.QUEUED).update(state=Load.State.RUNNING)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one listing was refused at one version of a facet."""

    listing_id: int
    load_id: int | None
    version: int
    issues: tuple[Said, ...]


_REMEMBERED = """
SELECT DISTINCT ON (listing_id, kind, code, field) listing_id, kind, code, field, first_seen_at, times
FROM marketplaces_issue WHERE listing_id = ANY(%s) AND facet = %s
ORDER BY listing_id, kind, code, field, id DESC
"""


def open_issues(
    seller_id: int, connection_id: int, facet: Facet, origin: str, refusals: Sequence[Refusal]
) -> None:
    """Write down why listings were refused; what was open on that facet before is closed as sent again.

    A cause seen before keeps its first time and counts on.
    """
    ids = sorted(one.listing_id for one in refusals)
    if not ids:
        return
    now = timezone.now()
    _close(ids, facet, Issue.Closed.RESENT)
    _open(seller_id, connection_id, facet, origin, refusals, now)
    callbacks.issues_changed(ids, facet.value, now)


def recheck(
    seller_id: int, connection_id: int, refusals: Sequence[Refusal], untouched: Collection[int]
) -> None:
    """Our check was repeated: a cause that is gone closes by itself, one that stays is left as it was.

    The marketplace's own words close with any change of the data, except on listings whose data are
    still the very ones it refused (`untouched`).
    """
    now = timezone.now()
    still = {one.listing_id: {(said.kind.value, said.field[:150]) for said in one.issues} for one in refusals}
    known: dict[int, set[tuple[str, str]]] = {}
    gone: list[int] = []
    for issue in Issue.objects.filter(
        listing_id__in=still, facet=Facet.CONTENT.value, closed_at__isnull=True
    ).only("listing_id", "origin", "kind", "field"):
        cause = (issue.kind, issue.field)
        if issue.origin == Issue.Origin.MARKETPLACE:
            stays = issue.listing_id in untouched
        else:
            stays = cause in still[issue.listing_id]
            known.setdefault(issue.listing_id, set()).add(cause)
        if not stays:
            gone.append(issue.pk)
    Issue.objects.filter(pk__in=gone).update(closed_at=now, closed_because=Issue.Closed.CORRECTED)
    fresh = [
        replace(
            one,
            issues=tuple(
                said
                for said in one.issues
                if (said.kind.value, said.field[:150]) not in known.get(one.listing_id, ())
            ),
        )
        for one in refusals
    ]
    _open(seller_id, connection_id, Facet.CONTENT, Issue.Origin.CHECK, fresh, now)
    callbacks.issues_changed(list(still), Facet.CONTENT.value, now)


def _open(
    seller_id: int,
    connection_id: int,
    facet: Facet,
    origin: str,
    refusals: Sequence[Refusal],
    now: datetime,
) -> None:
    with database.cursor() as cursor:
        cursor.execute(_REMEMBERED, [[one.listing_id for one in refusals], facet.value])
        known = {tuple(row[:4]): (row[4], row[5]) for row in cursor.fetchall()}
    fresh: list[Issue] = []
    for refusal in refusals:
        for said in refusal.issues:
            kind, code, field = said.kind.value, said.code[:100], said.field[:150]
            first, times = known.get((refusal.listing_id, kind, code, field), (now, 0))
            fresh.append(
                Issue(
                    seller_id=seller_id,
                    connection_id=connection_id,
                    listing_id=refusal.listing_id,
                    load_id=refusal.load_id,
                    facet=facet.value,
                    origin=origin,
                    kind=kind,
                    field=field,
                    code=code,
                    message=said.message,
                    params=dict(said.params),
                    version=refusal.version,
                    times=times + 1,
                    first_seen_at=first,
                    created_at=now,
                )
            )
    Issue.objects.bulk_create(fresh, batch_size=1000)


@transaction.atomic
def close_issues(listing_ids: Sequence[int], facet: Facet, because: Issue.Closed) -> None:
    """Close what is open on a facet of these listings."""
    now = timezone.now()
    if _close(listing_ids, facet, because):
        callbacks.issues_changed(listing_ids, facet.value, now)


_CLOSE = """
UPDATE marketplaces_issue SET closed_at = %s, closed_because = %s
WHERE listing_id = ANY(%s) AND facet = %s AND closed_at IS NULL
"""


def _close(listing_ids: Sequence[int], facet: Facet, because: Issue.Closed) -> int:
    if not listing_ids:
        return 0
    with database.cursor() as cursor:
        cursor.execute(_CLOSE, [timezone.now(), because.value, sorted(listing_ids), facet.value])
        return int(cursor.rowcount)
