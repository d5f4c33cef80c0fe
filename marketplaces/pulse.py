"""How each marketplace fares across all its sellers: what is due, what its lanes do, who gets no answer.

A handful of statements for any number of accounts; read by the metrics, the staff's page and the watch.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection as database

TROUBLE = ("Unavailable", "UnexpectedAnswer")
"""Problems that speak against the marketplace: refused credentials or data speak against one account."""
IN_A_ROW = 2
"""Failures in a row before a lane counts: once may be anybody's hiccup."""


@dataclass(slots=True)
class Calls:
    """The accounts that called a marketplace lately, and those among them that get no answer."""

    calling: int = 0
    failing: int = 0
    sellers: int = 0
    """Of the failing accounts."""
    problem: str = ""

    @property
    def percent(self) -> int:
        """The failing part of those that called."""
        return 100 * self.failing // self.calling if self.calling else 0


# An account fails when a lane failed again and again and nothing of it was answered since that began: one
# broken address of a marketplace beside others that work is no reason to stop those. What was before the last
# incident's end, or before the marketplace came back from the present one, is not held against it again.
_CALLS = """
WITH fresh AS (
    SELECT marketplace_id, max(coalesce(closed_at, recovered_at)) AS moment
    FROM marketplaces_incident GROUP BY 1
), lanes AS (
    SELECT c.marketplace_id, c.id, c.seller_id, l.answered_at, l.failing_since, l.last_error_at,
        split_part(l.last_error, ':', 1) AS problem,
        greatest(%(since)s, coalesce(f.moment, '-infinity')) AS since,
        l.failures >= %(in_a_row)s AND split_part(l.last_error, ':', 1) = ANY(%(trouble)s)
            AND l.last_error_at > greatest(%(since)s, coalesce(f.moment, '-infinity')) AS fails
    FROM marketplaces_lane l
    JOIN marketplaces_connection c ON c.id = l.connection_id AND c.status = 'active'
    JOIN marketplaces_marketplace m ON m.key = c.marketplace_id AND m.is_enabled
    JOIN hub_seller s ON s.id = c.seller_id AND s.is_active
    LEFT JOIN fresh f ON f.marketplace_id = c.marketplace_id
), accounts AS (
    SELECT marketplace_id, id, seller_id,
        coalesce(min(failing_since) FILTER (WHERE fails) > coalesce(max(answered_at), '-infinity'), false)
            AS fails,
        mode() WITHIN GROUP (ORDER BY problem) FILTER (WHERE fails) AS problem
    FROM lanes WHERE fails OR answered_at > since GROUP BY 1, 2, 3
)
SELECT marketplace_id, count(*), count(*) FILTER (WHERE fails),
    count(DISTINCT seller_id) FILTER (WHERE fails),
    coalesce(mode() WITHIN GROUP (ORDER BY problem) FILTER (WHERE fails), '')
FROM accounts GROUP BY 1
"""


def calls(now: datetime, seconds: int) -> dict[str, Calls]:
    """Return, by marketplace, who called within the last so many seconds and who got no answer."""
    values: dict[str, Any] = {
        "since": now - timedelta(seconds=seconds),
        "trouble": list(TROUBLE),
        "in_a_row": IN_A_ROW,
    }
    with database.cursor() as cursor:
        cursor.execute(_CALLS, values)
        return {key: Calls(*figures) for key, *figures in cursor.fetchall()}


@dataclass(slots=True)
class Work:
    """What a marketplace's accounts have to do, and what their lanes are at."""

    due: Counter[str] = field(default_factory=Counter)
    """Sync rows whose time has come, by facet."""
    oldest_due: dict[str, float] = field(default_factory=dict)
    """Seconds since the oldest of them became due, by facet."""
    lanes: Counter[str] = field(default_factory=Counter)
    """Lanes by what they are at, one of `LANE_STATES`."""
    failures: int = 0
    """Failures in a row, of all lanes together."""

    @property
    def total_due(self) -> int:
        """Everything that waits to be sent."""
        return self.due.total()

    @property
    def longest(self) -> float:
        """Seconds the oldest of it has waited."""
        return max(self.oldest_due.values(), default=0.0)


_DUE = """
SELECT c.marketplace_id, s.facet, count(*), extract(epoch FROM now() - min(s.due_at))
FROM marketplaces_sync s JOIN marketplaces_connection c ON c.id = s.connection_id
WHERE s.due_at <= now() AND s.submission_id IS NULL GROUP BY 1, 2
"""
_LANES = """
SELECT c.marketplace_id,
    CASE WHEN l.lease_until > now() THEN 'running'
         WHEN NOT (c.status = 'active' AND m.is_enabled AND s.is_active) THEN 'stopped'
         WHEN m.paused_until > now() THEN 'paused'
         WHEN l.failures > 0 THEN 'backing_off'
         ELSE 'ready' END,
    count(*), sum(l.failures)
FROM marketplaces_lane l
JOIN marketplaces_connection c ON c.id = l.connection_id
JOIN marketplaces_marketplace m ON m.key = c.marketplace_id
JOIN hub_seller s ON s.id = c.seller_id
GROUP BY 1, 2
"""
LANE_STATES = ("running", "ready", "backing_off", "paused", "stopped")


def work() -> dict[str, Work]:
    """Return what is due and what the lanes are at, by marketplace."""
    found: dict[str, Work] = {}
    with database.cursor() as cursor:
        cursor.execute(_DUE)
        for key, facet, count, oldest in cursor.fetchall():
            one = found.setdefault(key, Work())
            one.due[facet], one.oldest_due[facet] = count, float(oldest)
        cursor.execute(_LANES)
        for key, state, count, failures in cursor.fetchall():
            one = found.setdefault(key, Work())
            one.lanes[state] = count
            one.failures += int(failures)
    return found
