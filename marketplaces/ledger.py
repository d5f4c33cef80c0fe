"""The sync rows' bookkeeping: what is due, sent, confirmed, refused. Set-based SQL, one statement a batch.

Only the worker that holds the lane of a facet writes here, so no row needs a claim of its own; the
catalogue's triggers may raise `wanted_version` at any moment, and every statement allows for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from django.db import connection as database

from hub.transactions import begin_again
from marketplaces import lag, passages
from marketplaces.contract import Facet
from marketplaces.models import Connection, Submission

BLOCKS_AFTER = 3
"""Equal failures in a row after which a row waits for its data to change."""
FIRST_APART, LONGEST_APART = timedelta(seconds=10), timedelta(minutes=15)
"""How long an item the marketplace answers with an error rests after the first try alone, and at most."""
SOON = timedelta(minutes=5)
"""After this the read-back looks at what has just changed."""


@dataclass(frozen=True, slots=True)
class Due:
    """One due sync row with everything a send needs to know about its listing."""

    listing_id: int
    version: int
    """The wanted version this send will satisfy."""
    is_uncertain: bool
    """True when an earlier send was never answered, the marketplace shows something else, or what stands
    there is in doubt (`Sync.doubted_version`): it goes out even where it seems to be there."""
    confirmed_value: str
    failures: int
    variation_id: int
    sku: str
    intent: str
    mode: str
    state: str
    remote_id: str
    catalogue_id: str
    load_id: int | None
    quantity: int
    """What the listing offers (`marketplaces_offer`): nothing of a disabled product. 0 of a price."""
    price: Decimal | None
    promotional_price: Decimal | None
    product_sku: str
    category_codes: list[str]
    agreed_value: str
    """What the guard compares with: `WEIGHED`."""
    confirmed_version: int
    cause: str
    """The number of the ERP's call behind the wanted value; empty where there is none."""
    sent_at: datetime | None
    """When a value of this facet was written down as sent last; None where none ever was."""
    is_after_content: bool
    """True where a publication may have put something older in the place of the value confirmed last."""
    is_refused: bool
    """True where that is so and the wanted value is one that has been refused or held."""
    stands: str
    """The newest value that may stand there: the one confirmed, or one sent since and never answered."""
    is_apart: bool
    """True where the marketplace answered it with an error while others went through: it goes alone."""


# `failures` counts in two ways: up to BLOCKS_AFTER what was answered without a verdict, above it the tries of
# an item alone that were answered with an error. The one count ends where the other begins.
_IS_APART = f"s.failures > {BLOCKS_AFTER}"

WEIGHED = "coalesce(nullif(s.agreed_value, ''), nullif(s.confirmed_value, ''), s.carried_value)"
"""What the guard compares with: the price last wanted and taken; else what was confirmed (of rows from before
that was kept); else what a publication carries."""

# Picked first and then looked at: a mass of rows that became due in the same moment costs no batch more.
_TAKE = """
WITH s AS MATERIALIZED ({picked})
SELECT s.listing_id, s.wanted_version,
       s.sent_version > greatest(s.confirmed_version, s.refused_version)
       OR s.drift = 'outside' AND s.seen_value <> s.confirmed_value
       OR s.doubted_version > s.confirmed_version,
       s.confirmed_value, CASE WHEN {is_apart} THEN 0 ELSE s.failures END,
       l.variation_id, v.sku, l.intent, l.mode, l.state, l.remote_id, l.catalogue_id, l.load_id,
       {quantity}, coalesce(v.price, p.price),
       coalesce(v.promotional_price, p.promotional_price), p.sku, p.category_codes,
       {weighed}, s.confirmed_version, s.cause,
       s.sent_at,
       s.why = 'content' AND s.why_version > greatest(s.confirmed_version, s.refused_version),
       s.why = 'content' AND s.why_version = s.wanted_version
       AND s.refused_version > s.confirmed_version AND s.refused_version = s.wanted_version - 1,
       CASE WHEN s.sent_version > greatest(s.confirmed_version, s.refused_version)
                 AND s.confirmed_value <> '' THEN s.sent_value ELSE s.confirmed_value END,
       {is_apart}
FROM s
JOIN marketplaces_listing l ON l.id = s.listing_id
JOIN catalog_variation v ON v.id = l.variation_id
JOIN catalog_product p ON p.id = v.product_id {offer}
ORDER BY s.due_at, s.listing_id
"""
_OFFER = "JOIN marketplaces_offer q ON q.connection_id = l.connection_id AND q.variation_id = l.variation_id"
_OFFERED = {"quantity": "q.published", "offer": _OFFER, "is_apart": _IS_APART, "weighed": WEIGHED}
_PRICED = {"quantity": "0", "offer": "", "is_apart": _IS_APART, "weighed": WEIGHED}


def _pick(which: str) -> str:
    return f"""SELECT * FROM marketplaces_sync
    WHERE connection_id = %s AND facet = %s AND due_at <= now() AND submission_id IS NULL AND {which}
    ORDER BY due_at, listing_id LIMIT %s"""


_ZEROS, _OTHERS = (_pick(f"{which} AND failures <= {BLOCKS_AFTER}") for which in ("to_zero", "NOT to_zero"))
# One, for one goes out a round. Where fewer others are due than the limit, it is among as many as that.
_ONE_APART = f"SELECT * FROM ({_pick('true')}) s WHERE {_IS_APART} ORDER BY due_at, listing_id LIMIT 1"
_TAKE_ZEROS = _TAKE.format(picked=_ZEROS, **_OFFERED)
_TAKE_OTHERS = _TAKE.format(picked=_OTHERS, **_OFFERED)
_TAKE_PRICES = _TAKE.format(picked=_OTHERS, **_PRICED)
_TAKES = {
    Facet.STOCK: (_TAKE_ZEROS, _TAKE_OTHERS),
    Facet.PRICE: (_TAKE_PRICES,),
    Facet.CONTENT: (_TAKE_OTHERS,),
}
_TAKE_APART = {
    Facet.STOCK: _TAKE.format(picked=_ONE_APART, **_OFFERED),
    Facet.PRICE: _TAKE.format(picked=_ONE_APART, **_PRICED),
    Facet.CONTENT: _TAKE.format(picked=_ONE_APART, **_OFFERED),
}


def take_due(connection_id: int, facet: Facet, limit: int) -> list[Due]:
    """Return the rows of a facet that have waited longest, with the values wanted at this moment.

    Quantities that fell to nothing come before all others, and what fails by itself after all others, one
    of it: however many these are, they keep nothing waiting.
    """
    found: list[Due] = []
    with database.cursor() as cursor:
        for statement in _TAKES[facet]:
            if len(found) < limit:
                cursor.execute(statement, [connection_id, facet.value, limit - len(found)])
                found += [Due(*row) for row in cursor.fetchall()]
        if len(found) < limit:
            cursor.execute(_TAKE_APART[facet], [connection_id, facet.value, limit])
            found += [Due(*row) for row in cursor.fetchall()]
    return found


def offered(listing_ids: Sequence[int]) -> dict[int, int]:
    """Return what each of these listings has to offer at this moment, in units."""
    with database.cursor() as cursor:
        cursor.execute(
            f"SELECT l.id, q.published FROM marketplaces_listing l {_OFFER} WHERE l.id = ANY(%s)",
            [sorted(listing_ids)],
        )
        return dict(cursor.fetchall())


_ROWS = """d AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS d(listing_id bigint, version int, value text)
)"""
_THESE = "s.listing_id = d.listing_id AND s.facet = %(facet)s"

_SETTLED_VERSION = "greatest(s.confirmed_version, s.refused_version)"
_NEVER_ANSWERED = f"s.sent_version > {_SETTLED_VERSION}"


def _may_stand(lost: str) -> str:
    """Keep what was never answered as the value that stands there: it is newer than the one confirmed last.

    What the guard compares with stays what it was: of the other nobody knows whether it was ever in force.
    Where none was confirmed, it takes the place of the one a publication carried before.
    """
    return f"""confirmed_value = CASE WHEN {lost} AND s.facet <> 'content' AND s.confirmed_value <> ''
                           THEN s.sent_value ELSE s.confirmed_value END,
    agreed_value = CASE WHEN {lost} AND s.facet = 'price' AND s.agreed_value = ''
                        THEN s.confirmed_value ELSE s.agreed_value END,
    carried_value = CASE WHEN {lost} AND s.facet = 'price' AND s.confirmed_value = '' AND s.sent_at > (
                             SELECT c.sent_at FROM marketplaces_sync c
                             WHERE c.listing_id = s.listing_id AND c.facet = 'content')
                         THEN s.sent_value ELSE s.carried_value END"""


# What was sent, never answered and is now replaced by something newer has its end written down here. It may
# be in force for all that: whatever becomes of the newer one, what stands there is in doubt.
_REPLACED = f"{_NEVER_ANSWERED} AND s.sent_version < d.version"
_SENT = f"""
WITH {_ROWS}, ended AS (
    SELECT s.listing_id, s.facet, s.passages + 1 AS passages, s.sent_version AS version,
        s.sent_value AS value, CASE WHEN s.why_version = s.sent_version THEN s.why ELSE '' END AS why,
        {passages.skipped("s.sent_version", _SETTLED_VERSION)} AS skipped, s.sent_received_at AS received_at,
        s.queued_at, s.sent_at, s.sent_cause AS cause
    FROM d JOIN marketplaces_sync s ON {_THESE}
    WHERE {_REPLACED}
), {passages.keep("'unanswered'", cause="e.cause")}
UPDATE marketplaces_sync s SET sent_version = d.version, sent_value = d.value, is_step = false,
    doubted_version = CASE WHEN {_NEVER_ANSWERED} THEN d.version ELSE s.doubted_version END,
    {_may_stand(f"{_REPLACED} AND s.sent_value <> d.value")},
    queued_at = CASE WHEN s.sent_version = d.version AND s.failures > 0 THEN s.queued_at
                     ELSE least(greatest(s.due_at, s.received_at), clock_timestamp()) END,
    sent_received_at = CASE WHEN s.wanted_version = d.version THEN s.received_at ELSE clock_timestamp() END,
    sent_cause = CASE WHEN s.wanted_version = d.version THEN s.cause ELSE '' END,
    passages = s.passages + (SELECT count(*) FROM ended e WHERE e.listing_id = d.listing_id),
    sent_at = clock_timestamp()
FROM d WHERE {_THESE}
"""


def _settling(
    outcome: str,
    changes: str,
    guard: str,
    *,
    sent: str = "s.sent_version = d.version",
    step: str = "false",
    once_more: str = "false",
    then: str = "SELECT 1 WHERE false",
) -> str:
    """Build a statement that ends the way of some values; `then` reads them from `ended`.

    `was` is the row as it stood: what had been settled before, whether this very version was sent, and
    whether that was a step only: a step on the way down is in force without being what is wanted, so the
    row stays due, and counts as one whose wanted value was never sent. Where `once_more` holds, the value
    is asked for again at once.
    """
    return f"""
WITH {_ROWS}, was AS (
    SELECT d.*, {_SETTLED_VERSION} AS settled, s.confirmed_version AS confirmed,
        {sent} AS was_sent, {step} AS was_step, {once_more} AS once_more,
        CASE WHEN s.why_version = d.version THEN s.why ELSE '' END AS why,
        {passages.skipped("d.version", _SETTLED_VERSION)} - ({_REPLACED})::int AS skipped,
        CASE WHEN {sent} THEN s.sent_cause WHEN s.wanted_version = d.version THEN s.cause ELSE '' END AS cause
    FROM d JOIN marketplaces_sync s ON {_THESE}
), ended AS (
    UPDATE marketplaces_sync s SET {changes}, submission_id = NULL, failures = 0, is_step = false,
        sent_version = CASE WHEN d.was_step THEN d.settled ELSE greatest(s.sent_version, d.version) END,
        passages = s.passages + 1, wanted_version = s.wanted_version + d.once_more::int,
        why_version = CASE WHEN d.once_more THEN s.wanted_version + 1 ELSE s.why_version END,
        due_at = CASE WHEN d.once_more THEN now()
                 WHEN d.was_step OR s.wanted_version > d.version THEN s.due_at END
    FROM was d WHERE {_THESE} AND {guard} <= d.version
    RETURNING s.listing_id, s.facet, s.connection_id, s.passages, d.version, d.confirmed,
        d.was_sent, d.was_step,
        CASE WHEN d.was_sent THEN s.sent_value ELSE d.value END AS value,
        d.why,
        CASE WHEN d.was_step THEN 0 ELSE greatest(0, d.skipped) END AS skipped,
        CASE WHEN d.was_sent THEN s.sent_received_at ELSE s.received_at END AS received_at,
        CASE WHEN d.was_sent THEN s.queued_at ELSE s.received_at END AS queued_at,
        CASE WHEN d.was_sent THEN s.sent_at END AS sent_at, d.cause
), {passages.keep(outcome, cause="e.cause")}
{then}
"""


_TAKEN = """confirmed_version = CASE WHEN d.was_step THEN s.confirmed_version ELSE d.version END,
    confirmed_value = d.value, confirmed_at = clock_timestamp(),
    why = CASE WHEN d.was_step AND s.why = 'content' THEN '' ELSE s.why END,
    doubted_version = CASE WHEN d.was_step AND s.doubted_version <= d.version THEN 0
                           ELSE s.doubted_version END,
    agreed_value = CASE WHEN d.was_step OR s.facet <> 'price' THEN s.agreed_value ELSE d.value END,
    carried_value = '',
    drift = CASE WHEN s.frozen_at IS NULL THEN '' ELSE s.drift END,
    look_at = CASE WHEN s.look_at IS NOT NULL AND d.confirmed < d.version
                   THEN least(s.look_at, now() + %(soon)s) ELSE s.look_at END"""

_CONFIRMED = _settling(
    "CASE WHEN e.was_step THEN 'step' ELSE 'confirmed' END",
    _TAKEN,
    "s.confirmed_version",
    step="s.is_step",
    then=lag.RECORD,
)
_UNCHANGED = _settling("'unchanged'", _TAKEN, "s.confirmed_version")


def _not_taken(drift: str, *, unanswered: str) -> str:
    return f"""refused_version = d.version, follows = s.frozen_at IS NULL,
    doubted_version = CASE WHEN {unanswered} THEN d.version ELSE s.doubted_version END,
    {_may_stand(unanswered)},
    drift = CASE WHEN s.frozen_at IS NOT NULL OR s.facet = 'content' THEN s.drift ELSE '{drift}' END"""


# What the marketplace would not have is not what it shows. Errors of the content have a page of their own.
# What a publication may have replaced goes out first when the value is taken up again (`Due.is_refused`).
_REFUSED = _settling(
    "'refused'",
    _not_taken("refused", unanswered=_REPLACED),
    _SETTLED_VERSION,
    once_more=f"s.follows AND s.why = 'content' AND s.why_version > {_SETTLED_VERSION} AND NOT s.is_step "
    "AND s.confirmed_value <> ''",
)
_GIVEN_UP = _settling("'refused'", _not_taken("refused", unanswered=_NEVER_ANSWERED), _SETTLED_VERSION)
_HELD = _settling("'held'", _not_taken("held", unanswered=_NEVER_ANSWERED), _SETTLED_VERSION, sent="false")

_IN_FLIGHT = f"""
WITH {_ROWS} UPDATE marketplaces_sync s SET submission_id = %(submission)s FROM d WHERE {_THESE}
"""

_POSTPONED = f"""
WITH {_ROWS} UPDATE marketplaces_sync s
SET failures = CASE WHEN {_IS_APART} THEN 1 ELSE least(s.failures + 1, {BLOCKS_AFTER}) END,
    submission_id = NULL,
    due_at = CASE WHEN s.frozen_at IS NULL THEN clock_timestamp() + make_interval(secs => %(pause)s) END
FROM d WHERE {_THESE} RETURNING s.listing_id, s.failures
"""

# A newer value is due at once, and like any other.
_APART = f"""
WITH {_ROWS} UPDATE marketplaces_sync s SET failures = least(greatest(s.failures, {BLOCKS_AFTER}) + 1, 30000),
    due_at = CASE WHEN s.frozen_at IS NULL THEN clock_timestamp()
        + least(%(longest)s, %(first)s * 2 ^ least(greatest(s.failures - {BLOCKS_AFTER}, 0), 12)) END
FROM d WHERE {_THESE} AND s.wanted_version = d.version RETURNING s.listing_id, s.failures - {BLOCKS_AFTER}
"""

# Before it was marked, nothing of the row was on its way: what had been settled was what had been sent.
_NOT_SENT = f"""
WITH {_ROWS} UPDATE marketplaces_sync s SET sent_version = {_SETTLED_VERSION}, is_step = false
FROM d WHERE {_THESE} AND s.sent_version = d.version AND {_NEVER_ANSWERED}
"""

_SETTLED = f"""
WITH {_ROWS} UPDATE marketplaces_sync s SET due_at = NULL
FROM d WHERE {_THESE} AND s.wanted_version = d.version
"""

_WAITING = f"""
WITH {_ROWS} UPDATE marketplaces_sync s SET due_at = clock_timestamp() + %(pause)s
FROM d WHERE {_THESE} AND s.wanted_version = d.version AND s.frozen_at IS NULL
"""

_SHOWN = f"""
WITH {_ROWS} UPDATE marketplaces_sync s SET confirmed_value = d.value FROM d WHERE {_THESE}
"""


def again(why: str) -> str:
    """Return what an UPDATE of `marketplaces_sync s` sets to have values sent once more, come what may."""
    return (
        "wanted_version = s.wanted_version + 1, doubted_version = s.wanted_version + 1, due_at = now(), "
        f"failures = 0, why = '{why}', why_version = s.wanted_version + 1"
    )


Row = tuple[int, int, str]
"""(listing id, version, value)."""


def _rows(rows: Iterable[Row]) -> str:
    ordered = sorted(rows)
    return msgspec.json.encode([{"listing_id": a, "version": b, "value": c} for a, b, c in ordered]).decode()


@begin_again
def _write(statement: str, facet: Facet, rows: Sequence[Row], **more: Any) -> list[tuple[int, int]]:
    if not rows:
        return []
    with database.cursor() as cursor:
        cursor.execute(statement, {"rows": _rows(rows), "facet": facet.value, **more})
        return cursor.fetchall() if cursor.description else []


def mark_sent(facet: Facet, rows: Sequence[Row]) -> None:
    """Write down what is about to be sent: if the answer is lost, the next turn knows."""
    _write(_SENT, facet, rows)


def take_back(facet: Facet, rows: Sequence[Row]) -> None:
    """What was marked as sent was not sent after all; only for rows that were not uncertain before."""
    _write(_NOT_SENT, facet, rows)


@begin_again
def mark_steps(facet: Facet, listing_ids: Sequence[int]) -> None:
    """What was just marked as sent for these listings is not yet what is wanted."""
    if listing_ids:
        with database.cursor() as cursor:
            cursor.execute(
                "UPDATE marketplaces_sync SET is_step = true WHERE listing_id = ANY(%s) AND facet = %s",
                [sorted(listing_ids), facet.value],
            )


def note_shown(rows: Sequence[Row]) -> None:
    """Write down the prices a marketplace was found to show; the next step starts from them."""
    _write(_SHOWN, Facet.PRICE, rows)


def confirm(facet: Facet, rows: Sequence[Row]) -> None:
    """The marketplace has taken these values; a row stays due only if something newer is wanted."""
    _write(_CONFIRMED, facet, rows, soon=SOON)


def skip(facet: Facet, rows: Sequence[Row]) -> None:
    """The marketplace has these values already: nothing was sent."""
    _write(_UNCHANGED, facet, rows, soon=SOON)


def refuse(facet: Facet, rows: Sequence[Row]) -> None:
    """The marketplace will not have these versions: nothing is sent until the data change."""
    _write(_REFUSED, facet, rows)


def give_up(facet: Facet, rows: Sequence[Row]) -> None:
    """Nothing more is sent of these versions until the data change; what was sent of them may be in force."""
    _write(_GIVEN_UP, facet, rows)


def keep_back(rows: Sequence[Row]) -> None:
    """These prices wait for a person: until somebody decides or the data change, nothing is sent."""
    _write(_HELD, Facet.PRICE, rows)


def leave_in_flight(facet: Facet, rows: Sequence[Row], submission: Submission) -> None:
    """These rows wait for a submission's result."""
    _write(_IN_FLIGHT, facet, rows, submission=submission.pk)


def postpone(facet: Facet, rows: Sequence[Row], pause: timedelta) -> set[int]:
    """Try these rows again later; returns the listings that failed too often and must be given up."""
    told = _write(_POSTPONED, facet, rows, pause=pause.total_seconds())
    return {listing_id for listing_id, failures in told if failures >= BLOCKS_AFTER}


def set_apart(facet: Facet, row: Row) -> int:
    """Try this row alone, and later, the later the oftener it failed; returns how often it has.

    0 where something newer is wanted by now.
    """
    told = _write(_APART, facet, [row], first=FIRST_APART, longest=LONGEST_APART)
    return told[0][1] if told else 0


def wait(facet: Facet, rows: Sequence[Row], pause: timedelta) -> None:
    """Come back to these versions after a pause; one that was replaced meanwhile is due anyway."""
    _write(_WAITING, facet, rows, pause=pause)


def clear(facet: Facet, rows: Sequence[Row]) -> None:
    """Nothing is to be done about these versions."""
    _write(_SETTLED, facet, rows)


def in_flight(submission: Submission) -> list[tuple[str, Row, str]]:
    """Return (sku, row, cause) of what waits for a submission."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT v.sku, s.listing_id, s.sent_version, s.sent_value, s.sent_cause FROM marketplaces_sync s "
            "JOIN marketplaces_listing l ON l.id = s.listing_id "
            "JOIN catalog_variation v ON v.id = l.variation_id WHERE s.submission_id = %s",
            [submission.pk],
        )
        return [(str(sku), (int(a), int(b), str(c)), str(cause)) for sku, a, b, c, cause in cursor.fetchall()]


@begin_again
def go_live(connection: Connection, listing_ids: Sequence[int]) -> None:
    """The listings are on sale: price and stock follow the catalogue from now on, starting at once.

    Whether content follows is asked under a lock: somebody may be turning that switch this moment.
    """
    values: list[Any] = [connection.pk, SOON, sorted(listing_ids)]
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE marketplaces_sync SET "
            "follows = frozen_at IS NULL AND CASE WHEN facet = 'content' THEN "
            "(SELECT sync_content FROM marketplaces_connection WHERE id = %s FOR SHARE) ELSE true END, "
            "due_at = CASE WHEN facet = 'content' OR frozen_at IS NOT NULL THEN due_at "
            "WHEN wanted_version > greatest(confirmed_version, refused_version) THEN now() ELSE due_at END, "
            "look_at = CASE WHEN facet = 'stock' THEN now() + %s END "
            "WHERE listing_id = ANY(%s)",
            values,
        )


@begin_again
def go_off(listing_ids: Sequence[int]) -> None:
    """The listings are off sale: nothing follows, nothing stays frozen, a later return sends all afresh.

    The price they were sold at last is kept: the guard weighs the one they come back with against it.
    """
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE marketplaces_sync SET follows = false, drift = '', frozen_at = NULL, look_at = NULL, "
            "due_at = CASE WHEN facet = 'content' THEN due_at END, "
            "wanted_version = CASE WHEN facet = 'content' THEN wanted_version ELSE wanted_version + 1 END, "
            "confirmed_value = CASE WHEN facet = 'content' THEN confirmed_value ELSE '' END, "
            "agreed_value = CASE WHEN facet = 'price' "
            "THEN coalesce(nullif(carried_value, ''), nullif(agreed_value, ''), confirmed_value) "
            "ELSE agreed_value END, carried_value = '' "
            "WHERE listing_id = ANY(%s)",
            [sorted(listing_ids)],
        )


@begin_again
def send_terms_after(listing_ids: Sequence[int]) -> None:
    """Send again the prices and quantities that may have been overtaken by these listings' content.

    A publication carries them as they were when it went out. What was sent or found unchanged later than it
    was written down as sent may have arrived before it; and what is not settled yet may become, again, the
    value confirmed last, which a publication has replaced meanwhile: it must not pass for unchanged.
    """
    if listing_ids:
        with database.cursor() as cursor:
            cursor.execute(
                f"UPDATE marketplaces_sync s SET {again('content')} "
                "FROM marketplaces_sync c WHERE c.listing_id = s.listing_id AND c.facet = 'content' "
                "AND s.facet IN ('price', 'stock') AND s.follows "
                "AND (greatest(s.sent_at, s.confirmed_at) > c.sent_at "
                "OR s.wanted_version > greatest(s.confirmed_version, s.refused_version)) "
                "AND s.listing_id = ANY(%s)",
                [sorted(listing_ids)],
            )


@begin_again
def watch_corrections(listing_ids: Sequence[int]) -> None:
    """The listings were rejected after they had been taken: a change of their content is checked at once."""
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE marketplaces_sync SET follows = true "
            "WHERE facet = 'content' AND frozen_at IS NULL AND listing_id = ANY(%s)",
            [sorted(listing_ids)],
        )
