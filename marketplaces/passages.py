"""Keeping the passages: the statement that settles a value writes its end into the facet's ring."""

from __future__ import annotations

from marketplaces.models import KEPT

COLUMNS = "version, value, outcome, why, cause, skipped, received_at, queued_at, sent_at, settled_at, seen_at"
UNSTAMPED = (
    "'' AS why, 0 AS skipped, NULL::timestamptz AS received_at, NULL::timestamptz AS queued_at, "
    "NULL::timestamptz AS sent_at"
)
"""What `ended` says of an end that was no value's way."""


def keep(outcome: str, settled_at: str = "clock_timestamp()", cause: str = "''") -> str:
    """Return the part of a statement that writes `ended` into the rings, the oldest passage giving way.

    `outcome` is an SQL expression, and so are when it was settled and who caused it. `ended` has the
    facet's new count of passages, and the value with its stamps.
    """
    overwrite = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS.split(", "))
    return f"""kept AS (
    INSERT INTO marketplaces_passage (listing_id, facet, slot, {COLUMNS})
    SELECT e.listing_id, e.facet, (e.passages - 1) %% {KEPT}, e.version, e.value, {outcome}, e.why, {cause},
        e.skipped, e.received_at, e.queued_at, e.sent_at, {settled_at}, NULL
    FROM ended e ORDER BY e.listing_id, e.facet
    ON CONFLICT (listing_id, facet, slot) DO UPDATE SET {overwrite}
)"""  # noqa: S608 - constants
