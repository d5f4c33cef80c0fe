"""The sync rows' bookkeeping: what is due, sent, confirmed, refused. Set-based SQL, one statement a batch.

Only the worker that holds the lane of a facet writes here, so no row needs a claim of its own; the
catalogue's triggers may raise `wanted_version` at any moment, and every statement allows for that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db import connection as database

from hub.transactions import begin_again
from marketplaces.contract import Facet
from marketplaces.models import Submission

BLOCKS_AFTER = 3
"""Equal failures in a row after which a row waits for its data to change."""


@dataclass(frozen=True, slots=True)
class Due:
    """One due sync row with everything a send needs to know about its listing."""

    listing_id: int
    version: int
    """The wanted version this send will satisfy."""
    is_uncertain: bool
    """True when an earlier send of this row was never answered."""
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
    """What the listing offers (`marketplaces_offer`): nothing of a disabled product."""
    price: Decimal | None
    promotional_price: Decimal | None
    product_sku: str
    category_codes: list[str]
    agreed_value: str
    """The price last wanted and confirmed; of a row from before it was kept, what was confirmed."""
    confirmed_version: int
    cause: str
    """The number of the ERP's call behind the wanted value; empty where there is none."""


_TAKE = """
SELECT s.listing_id, s.wanted_version,
       s.sent_version > greatest(s.confirmed_version, s.refused_version),
       s.confirmed_value, s.failures, l.variation_id, v.sku, l.intent, l.mode, l.state, l.remote_id,
       l.catalogue_id, l.load_id, q.published, coalesce(v.price, p.price),
       coalesce(v.promotional_price, p.promotional_price), p.sku, p.category_codes,
       coalesce(nullif(s.agreed_value, ''), s.confirmed_value), s.confirmed_version, s.cause
FROM marketplaces_sync s
JOIN marketplaces_listing l ON l.id = s.listing_id
JOIN catalog_variation v ON v.id = l.variation_id
JOIN catalog_product p ON p.id = v.product_id
JOIN marketplaces_offer q ON q.connection_id = l.connection_id AND q.variation_id = l.variation_id
WHERE s.connection_id = %s AND s.facet = %s AND s.due_at <= now() AND s.submission_id IS NULL AND {which}
ORDER BY s.due_at, s.listing_id LIMIT %s
"""
_TAKE_ZEROS = _TAKE.format(which="s.to_zero")
_TAKE_OTHERS = _TAKE.format(which="NOT s.to_zero")


def take_due(connection_id: int, facet: Facet, limit: int) -> list[Due]:
    """Return the rows of a facet that have waited longest, with the values wanted at this moment.

    Quantities that fell to nothing come before all others.
    """
    found: list[Due] = []
    with database.cursor() as cursor:
        for statement in (_TAKE_ZEROS, _TAKE_OTHERS) if facet is Facet.STOCK else (_TAKE_OTHERS,):
            if len(found) < limit:
                cursor.execute(statement, [connection_id, facet.value, limit - len(found)])
                found += [Due(*row) for row in cursor.fetchall()]
    return found


_WITH_ROWS = "FROM jsonb_to_recordset(%s::jsonb) AS d(listing_id bigint, version int, value text) "
_THESE = "WHERE s.listing_id = d.listing_id AND s.facet = %s"

_SENT = f"""
UPDATE marketplaces_sync s SET sent_version = d.version, sent_value = d.value,
    queued_at = coalesce(greatest(s.queued_at, s.received_at), now()), sent_at = clock_timestamp(),
    is_step = false
{_WITH_ROWS} {_THESE}
"""

# A step on the way down is in force without being what is wanted: the row stays due, and at its version.
_CONFIRMED = f"""
UPDATE marketplaces_sync s SET
    confirmed_version = CASE WHEN s.is_step THEN s.confirmed_version ELSE d.version END,
    sent_version = greatest(s.sent_version, d.version),
    confirmed_value = d.value, confirmed_at = clock_timestamp(), submission_id = NULL, failures = 0,
    agreed_value = CASE WHEN s.is_step OR s.facet <> 'price' THEN s.agreed_value ELSE d.value END,
    is_step = false,
    due_at = CASE WHEN s.is_step OR s.wanted_version > d.version THEN s.due_at END
{_WITH_ROWS} {_THESE} AND s.confirmed_version <= d.version
"""

_REFUSED = f"""
UPDATE marketplaces_sync s SET refused_version = d.version, submission_id = NULL, failures = 0,
    sent_version = greatest(s.sent_version, d.version),
    follows = true, is_step = false, due_at = CASE WHEN s.wanted_version > d.version THEN s.due_at END
{_WITH_ROWS} {_THESE} AND greatest(s.confirmed_version, s.refused_version) <= d.version
"""

_IN_FLIGHT = f"""
UPDATE marketplaces_sync s SET submission_id = %s
{_WITH_ROWS} {_THESE}
"""

_POSTPONED = f"""
UPDATE marketplaces_sync s SET failures = s.failures + 1, submission_id = NULL,
    due_at = clock_timestamp() + make_interval(secs => %s)
{_WITH_ROWS} {_THESE} RETURNING s.listing_id, s.failures
"""

_SETTLED = f"""
UPDATE marketplaces_sync s SET due_at = NULL
{_WITH_ROWS} {_THESE} AND s.wanted_version = d.version
"""

_SHOWN = f"""
UPDATE marketplaces_sync s SET confirmed_value = d.value
{_WITH_ROWS} {_THESE}
"""

Row = tuple[int, int, str]
"""(listing id, version, value)."""


def _rows(rows: Iterable[Row]) -> str:
    ordered = sorted(rows)
    return json.dumps([{"listing_id": a, "version": b, "value": c} for a, b, c in ordered])


@begin_again
def _write(statement: str, facet: Facet, rows: Sequence[Row], *before: int | float) -> list[tuple[int, int]]:
    if not rows:
        return []
    with database.cursor() as cursor:
        cursor.execute(statement, [*before, _rows(rows), facet.value])
        return cursor.fetchall() if cursor.description else []


def mark_sent(facet: Facet, rows: Sequence[Row]) -> None:
    """Write down what is about to be sent: if the answer is lost, the next turn knows."""
    _write(_SENT, facet, rows)


@begin_again
def mark_steps(listing_ids: Sequence[int]) -> None:
    """What was just marked as sent for these listings are steps on the way down to the wanted price."""
    if listing_ids:
        with database.cursor() as cursor:
            cursor.execute(
                "UPDATE marketplaces_sync SET is_step = true WHERE listing_id = ANY(%s) AND facet = 'price'",
                [sorted(listing_ids)],
            )


def note_shown(rows: Sequence[Row]) -> None:
    """Write down the prices a marketplace was found to show; the next step starts from them."""
    _write(_SHOWN, Facet.PRICE, rows)


def confirm(facet: Facet, rows: Sequence[Row]) -> None:
    """The marketplace has these values; a row stays due only if something newer is wanted."""
    _write(_CONFIRMED, facet, rows)


def refuse(facet: Facet, rows: Sequence[Row]) -> None:
    """The marketplace will not have these versions: nothing is sent until the data change."""
    _write(_REFUSED, facet, rows)


def leave_in_flight(facet: Facet, rows: Sequence[Row], submission: Submission) -> None:
    """These rows wait for a submission's result."""
    _write(_IN_FLIGHT, facet, rows, submission.pk)


def postpone(facet: Facet, rows: Sequence[Row], pause: timedelta) -> set[int]:
    """Try these rows again later; returns the listings that failed too often and must be given up."""
    told = _write(_POSTPONED, facet, rows, pause.total_seconds())
    return {listing_id for listing_id, failures in told if failures >= BLOCKS_AFTER}


def clear(facet: Facet, rows: Sequence[Row]) -> None:
    """Nothing is to be done about these versions."""
    _write(_SETTLED, facet, rows)


def in_flight(submission: Submission) -> list[tuple[str, Row, str]]:
    """Return (sku, row, cause) of what waits for a submission."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT v.sku, s.listing_id, s.sent_version, s.sent_value, s.cause FROM marketplaces_sync s "
            "JOIN marketplaces_listing l ON l.id = s.listing_id "
            "JOIN catalog_variation v ON v.id = l.variation_id WHERE s.submission_id = %s",
            [submission.pk],
        )
        return [(str(sku), (int(a), int(b), str(c)), str(cause)) for sku, a, b, c, cause in cursor.fetchall()]


@begin_again
def release(submission: Submission) -> None:
    """Let the rows of a submission that will never answer be sent again."""
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE marketplaces_sync SET submission_id = NULL, due_at = now() WHERE submission_id = %s",
            [submission.pk],
        )


@begin_again
def go_live(listing_ids: Sequence[int], *, content_follows: bool) -> None:
    """The listings are on sale: price and stock follow the catalogue from now on, starting at once."""
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE marketplaces_sync SET follows = CASE WHEN facet = 'content' THEN %s ELSE true END, "
            "due_at = CASE WHEN facet = 'content' THEN due_at "
            "WHEN wanted_version > greatest(confirmed_version, refused_version) THEN now() ELSE due_at END "
            "WHERE listing_id = ANY(%s)",
            [content_follows, sorted(listing_ids)],
        )


@begin_again
def go_off(listing_ids: Sequence[int]) -> None:
    """The listings are off sale: nothing follows, and a later return sends everything afresh."""
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE marketplaces_sync SET follows = false, "
            "due_at = CASE WHEN facet = 'content' THEN due_at END, "
            "wanted_version = CASE WHEN facet = 'content' THEN wanted_version ELSE wanted_version + 1 END, "
            "confirmed_value = CASE WHEN facet = 'content' THEN confirmed_value ELSE '' END, "
            "agreed_value = '' "
            "WHERE listing_id = ANY(%s)",
            [sorted(listing_ids)],
        )
