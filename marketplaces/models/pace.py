"""How fast marketplaces may be called: a row per limit, moved on by every call of every worker.

A row is a generic cell rate: each call moves `next_at` on by one interval, and a call that would start
before its slot waits. Taking a slot is one statement, so several workers never share one. Where a more
important lane of the same limit has work, others only get a slot that it has let pass: order updates, orders
and stock use the limit before prices, prices before content, and what they leave over is used by the others.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connection as database
from django.db import models
from django.utils import timezone

from hub import statements
from marketplaces.models.account import Connection, Lane, Marketplace

RANKS: dict[str, int] = {
    Lane.Kind.FULFILMENT: 0,
    Lane.Kind.STOCK: 0,
    Lane.Kind.ORDERS: 0,
    Lane.Kind.PRICE: 1,
    Lane.Kind.SUBMISSIONS: 2,
    Lane.Kind.CONTENT: 2,
    Lane.Kind.OBSERVE: 3,
}
"""Who uses a limit first where it is not enough for all."""
ASKED_LATELY = 20
"""Seconds for which a lane that was asked for, and that no worker has taken, counts as wanting slots."""
COMING_BACK = 1
"""The same of a lane that made room for another until its slot comes, and that nobody has asked for yet."""
UNUSED = timedelta(minutes=1)
"""How long nobody had made a call before the first one."""
LONGEST_MADE_UP = 0.2
"""Seconds of a missed slot that the next one comes earlier for."""
LET_PASS = 0.8
"""The part of an interval for which a free slot is kept for whoever is more important. Where intervals are
short, what was missed is made up for, so nothing is lost by it."""
LONGEST_KEPT = 0.5
"""And the same in seconds at most."""

# What was just missed is made up for: an interval at most, or less than that where intervals are long. A
# marketplace that allows few calls allows no burst of them either, and calls may be late on their way, too.
_NEXT = """greatest({row}.next_at, clock_timestamp() - make_interval(secs => %(made_up)s::float8))
    + make_interval(secs => %(interval)s::float8)"""
_IMPORTANT = """SELECT FROM marketplaces_lane l JOIN marketplaces_connection c ON c.id = l.connection_id
    WHERE {scope} AND l.kind = ANY(%(before)s::text[])"""
# Two questions, for each has an index of its own.
_MAY = f"""{{row}}.next_at <= clock_timestamp() + make_interval(secs => %(longest)s::float8)
AND ({{row}}.next_at <= clock_timestamp() - make_interval(secs => %(kept)s::float8) OR NOT EXISTS (
    {_IMPORTANT} AND (l.lease_until IS NOT NULL OR l.queued_at IS NOT NULL)
    AND (l.lease_until > now() OR l.queued_at > now() - make_interval(secs => %(asked)s::float8))
) AND NOT EXISTS (
    {_IMPORTANT} AND l.run_at > now() - make_interval(secs => %(back)s::float8)
    AND l.run_at <= greatest({{row}}.next_at, now())
    AND (l.kind <> ALL(%(facets)s::text[]) OR EXISTS (
        SELECT FROM marketplaces_sync s WHERE s.connection_id = l.connection_id AND s.facet = l.kind
        AND s.due_at <= now() AND s.submission_id IS NULL
    ))
))"""
_WAIT = "extract(epoch FROM {row}.next_at - clock_timestamp()) - %(interval)s::float8"

_OWN = f"""
UPDATE marketplaces_pace p SET next_at = {_NEXT.format(row="p")}
WHERE p.connection_id = %(key)s::bigint AND {_MAY.format(row="p", scope="c.id = %(key)s::bigint")}
RETURNING {_WAIT.format(row="p")}
"""  # noqa: S608 - constants
_SHARED = f"""
UPDATE marketplaces_sharedpace p SET next_at = {_NEXT.format(row="p")}
WHERE p.marketplace_id = %(key)s::text AND {_MAY.format(row="p", scope="c.marketplace_id = %(key)s::text")}
RETURNING {_WAIT.format(row="p")}
"""  # noqa: S608 - constants


def _take(statement: str, key: int | str, rate: float, longest: float, kind: str) -> float | None:
    rank = RANKS.get(kind, 0)
    values: dict[str, Any] = {
        "key": key,
        "interval": 1 / rate,
        "longest": longest,
        "before": [str(one) for one, its in RANKS.items() if its < rank],
        "facets": [str(one) for one in Lane.FACETS],
        "asked": ASKED_LATELY,
        "back": COMING_BACK,
        "made_up": min(1 / rate, LONGEST_MADE_UP),
        "kept": min(LET_PASS / rate, LONGEST_KEPT),
    }
    taken = statements.run(statement, values)
    return max(0.0, float(taken[0][0])) if taken else None


def _free_in(rows: models.QuerySet[Any]) -> float:
    next_at = rows.values_list("next_at", flat=True).first()
    return max(0.0, (next_at - timezone.now()).total_seconds()) if next_at else 0.0


class Pace(models.Model):
    """What a marketplace lets one account do: the one owner of a connection's limit."""

    connection = models.OneToOneField(Connection, models.CASCADE, primary_key=True, related_name="+")
    next_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.connection_id}: {self.next_at}"

    @classmethod
    def reserve(cls, connection: Connection, longest: float, kind: str = "") -> float | None:
        """Take the next slot for a lane of this kind and return how many seconds to wait for it.

        None, and no slot taken, when the wait would be longer than `longest` seconds, or when a more
        important lane wants the slots that are left.
        """
        return _take(_OWN, connection.pk, float(connection.marketplace.pace), longest, kind)

    @classmethod
    def free_in(cls, connection: Connection) -> float:
        """Seconds until the next slot nobody has taken."""
        return _free_in(cls.objects.filter(connection=connection))

    @classmethod
    def hold(cls, connection: Connection, seconds: float) -> None:
        """Let no lane of the connection call for so long: the marketplace said so."""
        with database.cursor() as cursor:
            cursor.execute(
                "UPDATE marketplaces_pace SET next_at = "
                "greatest(next_at, clock_timestamp() + make_interval(secs => %s)) WHERE connection_id = %s",
                [seconds, connection.pk],
            )


class SharedPace(models.Model):
    """What a marketplace lets all accounts of this hub do together, where it counts them together."""

    marketplace = models.OneToOneField(Marketplace, models.CASCADE, primary_key=True, related_name="+")
    next_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.marketplace_id}: {self.next_at}"

    @classmethod
    def reserve(cls, marketplace: Marketplace, longest: float, kind: str = "") -> float | None:
        """Do as `Pace.reserve`, among the lanes of all accounts there; 0 where there is no such limit."""
        if marketplace.shared_pace is None:
            return 0.0
        rate = float(marketplace.shared_pace)
        wait = _take(_SHARED, marketplace.pk, rate, longest, kind)
        if wait is not None or cls.objects.filter(marketplace=marketplace).exists():
            return wait
        # The first call of all: whoever makes the row, all go on from it.
        unused = SharedPace(marketplace=marketplace, next_at=timezone.now() - UNUSED)
        SharedPace.objects.bulk_create([unused], ignore_conflicts=True)
        return _take(_SHARED, marketplace.pk, rate, longest, kind)

    @classmethod
    def free_in(cls, marketplace: Marketplace) -> float:
        """Seconds until the next slot nobody has taken."""
        return _free_in(cls.objects.filter(marketplace=marketplace))
