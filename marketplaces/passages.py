"""Keeping the passages: the statement that settles a value writes its end into the facet's ring."""

from __future__ import annotations

from marketplaces.models import KEPT

COLUMNS = "version, value, outcome, why, cause, skipped, received_at, queued_at, sent_at, settled_at, seen_at"
UNSTAMPED = (
    "'' AS why, 0 AS skipped, NULL::timestamptz AS received_at, NULL::timestamptz AS queued_at, "
    "NULL::timestamptz AS sent_at"
)
"""What `ended` says of an end that was no value's way."""


def skipped(version: str, settled: str) -> str:
    """Count the values replaced before they were sent: those since the last one settled or sent.

    What was sent and never answered has a passage of its own. `version` and `settled` are SQL expressions.
    """
    return f"""CASE WHEN {version} - {settled} > 1 THEN {version} - 1 - greatest({settled}, (
        SELECT max(p.version) FROM marketplaces_passage p WHERE p.listing_id = s.listing_id
        AND p.facet = s.facet AND p.outcome = 'unanswered' AND p.version < {version}
    )) ELSE 0 END"""  # noqa: S608 - SQL of our own


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
