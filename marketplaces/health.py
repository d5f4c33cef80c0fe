"""How connections are doing: their listings by state, what is due, and their lanes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, Min
from django.utils import timezone

from marketplaces.models import Connection, Lane, Listing, Sync


@dataclass(slots=True)
class Health:
    """One connection's numbers at this moment."""

    connection: Connection
    listings: Counter[str] = field(default_factory=Counter)
    """Listings by state."""
    due: Counter[str] = field(default_factory=Counter)
    """Sync rows whose time has come, by facet."""
    oldest_due_at: datetime | None = None
    lanes: list[Lane] = field(default_factory=list)

    @property
    def total(self) -> int:
        """All listings, whatever their state."""
        return self.listings.total()

    @property
    def total_due(self) -> int:
        """Everything that waits to be sent."""
        return self.due.total()

    @property
    def failing(self) -> list[Lane]:
        """Lanes whose last run failed."""
        return [lane for lane in self.lanes if lane.failures]


def of(connections: Sequence[Connection]) -> list[Health]:
    """Return the health of each connection, in order: three statements for any number."""
    found = {one.pk: Health(one) for one in connections}
    now = timezone.now()
    listings = Listing.objects.filter(connection_id__in=found).order_by()
    for connection_id, state, count in listings.values_list("connection_id", "state").annotate(n=Count("id")):
        found[connection_id].listings[state] = count
    due = Sync.objects.filter(connection_id__in=found, due_at__lte=now, submission__isnull=True)
    for connection_id, facet, count, oldest in due.values_list("connection_id", "facet").annotate(
        n=Count("listing_id"), oldest=Min("due_at")
    ):
        health = found[connection_id]
        health.due[facet] = count
        health.oldest_due_at = min(oldest, health.oldest_due_at or oldest)
    lanes: dict[int, list[Lane]] = defaultdict(list)
    for lane in Lane.objects.filter(connection_id__in=found):
        lanes[lane.connection_id].append(lane)
    order = list(Lane.Kind.values)
    for pk, health in found.items():
        health.lanes = sorted(lanes[pk], key=lambda lane: order.index(lane.kind))
    return list(found.values())
