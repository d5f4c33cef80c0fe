"""How long values take from received to confirmed: recorded per batch, read as p50, p95 and maximum.

A histogram per connection, facet and hour (`Lag`): a question over any period reads a few hundred rows,
whether a thousand listings stand behind them or a million.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Max, Sum
from django.utils import timezone

from marketplaces.contract import Facet
from marketplaces.models import Connection, Lag, Marketplace

BOUNDS = (
    *(0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 7.5, 10, 15, 20, 30, 45),
    *(60, 90, 120, 180, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400),
)
"""Upper ends of the buckets in seconds; the last bucket is open."""

USUAL_HOURS, MOST_HOURS = 24, 30 * 24
"""The period people and programs ask about when they name none, and the longest one."""

_ARRAY = "ARRAY[" + ", ".join(map(str, BOUNDS)) + "]::float8[]"

# The end of a statement whose `ended` holds what was just confirmed. Counted is what the catalogue, an order
# or the seller's settings (or, for content, a load) asked for and what was really sent; a healed or repeated
# value came in long before, and a step is not yet what was asked for.
RECORD = f"""INSERT INTO marketplaces_lag AS old (connection_id, facet, hour, bucket, samples, longest)
SELECT t.connection_id, t.facet, date_trunc('hour', now(), 'UTC'),
    width_bucket(t.seconds, {_ARRAY}), count(*), max(t.seconds)
FROM (
    SELECT e.*, greatest(0, extract(epoch FROM clock_timestamp() - e.received_at))::float8 AS seconds
    FROM ended e WHERE e.was_sent AND NOT e.was_step AND e.received_at IS NOT NULL AND e.version > e.confirmed
        AND (e.why IN ('', 'order', 'buffer', 'category')
             OR e.facet = 'content' AND starts_with(e.why, 'load:'))
) t GROUP BY 1, 2, 3, 4 ORDER BY 4
ON CONFLICT (connection_id, facet, hour, bucket) DO UPDATE
    SET samples = old.samples + excluded.samples, longest = greatest(old.longest, excluded.longest)"""  # noqa: S608 - constants


@dataclass(slots=True, kw_only=True)
class Spread:
    """How long some values took, as a histogram."""

    buckets: dict[int, tuple[int, float]] = field(default_factory=dict)
    """Bucket -> (samples, the slowest of them)."""

    @property
    def samples(self) -> int:
        """How many values were counted."""
        return sum(samples for samples, _longest in self.buckets.values())

    @property
    def longest(self) -> float | None:
        """The slowest, exactly."""
        return max((longest for _samples, longest in self.buckets.values()), default=None)

    @property
    def p50(self) -> float | None:
        """Half of the values were not slower."""
        return self.quantile(0.5)

    @property
    def p95(self) -> float | None:
        """95 of 100 values were not slower."""
        return self.quantile(0.95)

    def quantile(self, part: float) -> float | None:
        """Return the time a part of the values did not exceed, taking a bucket's values as evenly spread."""
        wanted = part * self.samples
        passed = 0
        for bucket in sorted(self.buckets):
            samples, longest = self.buckets[bucket]
            if passed + samples >= wanted:
                low = BOUNDS[bucket - 1] if bucket else 0.0
                high = min(longest, BOUNDS[bucket]) if bucket < len(BOUNDS) else longest
                return low + (max(high, low) - low) * (wanted - passed) / samples
            passed += samples
        return None

    def share_within(self, limit: float) -> float | None:
        """Return the part of the values that took no longer than the limit, 0 to 1; None of no values."""
        within = 0.0
        for bucket, (samples, longest) in self.buckets.items():
            low = BOUNDS[bucket - 1] if bucket else 0.0
            high = min(longest, BOUNDS[bucket]) if bucket < len(BOUNDS) else longest
            if high <= limit:
                within += samples
            elif low < limit:
                within += samples * (limit - low) / (high - low)
        return within / self.samples if self.buckets else None


@dataclass(slots=True)
class LagOf(Spread):
    """One connection's lag of one facet over a period."""

    connection: Connection
    facet: Facet
    target: float
    """Within which 95 of 100 values should arrive, in seconds."""

    @property
    def is_met(self) -> bool | None:
        """Whether the target was kept; None when nothing was counted."""
        found = self.p95
        return None if found is None else found <= self.target

    @property
    def within_target(self) -> float | None:
        """The part of the values that arrived within the target, 0 to 1; None when nothing was counted."""
        return self.share_within(self.target)


def since(hours: int) -> datetime:
    """Return when a period of so many hours until now began: whole hours are kept, the first one counts."""
    return (timezone.now() - timedelta(hours=hours)).replace(minute=0, second=0, microsecond=0)


def target(marketplace: Marketplace, facet: Facet) -> float:
    """Return the target of a facet in seconds: the marketplace's own for price and stock, else the hub's."""
    if facet is not Facet.CONTENT and marketplace.lag_target_seconds:
        return float(marketplace.lag_target_seconds)
    return float(settings.HUB_LAG_TARGETS[facet.value])


def of(connections: Sequence[Connection], began_at: datetime) -> list[LagOf]:
    """Return the lag of each connection (marketplace loaded) and facet since a moment: one statement."""
    found: dict[tuple[int, str], dict[int, tuple[int, float]]] = defaultdict(dict)
    rows = Lag.objects.filter(connection__in=connections, hour__gte=began_at).order_by()
    for connection_id, facet, bucket, samples, longest in rows.values_list(
        "connection_id", "facet", "bucket"
    ).annotate(n=Sum("samples"), slowest=Max("longest")):
        found[connection_id, facet][bucket] = (samples, longest)
    return [
        LagOf(one, facet, target(one.marketplace, facet), buckets=found[one.pk, facet.value])
        for one in connections
        for facet in (Facet.STOCK, Facet.PRICE, Facet.CONTENT)
    ]


def by_marketplace(began_at: datetime) -> dict[tuple[str, str], Spread]:
    """Return the lag of all accounts of each marketplace, by its key and the facet, since a moment."""
    found: dict[tuple[str, str], Spread] = defaultdict(Spread)
    rows = Lag.objects.filter(hour__gte=began_at).order_by()
    for key, facet, bucket, samples, longest in rows.values_list(
        "connection__marketplace_id", "facet", "bucket"
    ).annotate(n=Sum("samples"), slowest=Max("longest")):
        found[key, facet].buckets[bucket] = (samples, longest)
    return found
