"""Driving the engine in tests: what dispatcher and workers do, in this process, until nothing is due."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.utils import timezone

from marketplaces import engine
from marketplaces.models import Connection, Lane


def turn(connection: Connection | None = None) -> int:
    """Run every lane that is due now once; returns how many ran."""
    lanes = engine.due_lanes(timezone.now())
    if connection is not None:
        mine = set(Lane.objects.filter(connection=connection).values_list("pk", flat=True))
        lanes = [one for one in lanes if one in mine]
    return sum(engine.run(lane) for lane in lanes)


def run_until(done: Callable[[], bool], *, seconds: float = 20) -> None:
    """Turn until a condition holds; fails when it does not within the time."""
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, "the engine did not get there in time"
        if not turn():
            time.sleep(0.01)


def settle(connection: Connection, *, seconds: float = 20) -> None:
    """Turn until no listing of the connection is on its way and nothing is due."""
    from marketplaces.models import Listing, Submission, Sync

    moving = Listing.objects.filter(
        connection=connection,
        state__in=(Listing.State.WAITING, Listing.State.PROCESSING, Listing.State.CATALOGUING),
    )
    open_submissions = Submission.objects.filter(connection=connection, state=Submission.State.SENT)
    due = Sync.objects.filter(connection=connection, due_at__isnull=False)
    run_until(lambda: not (moving.exists() or open_submissions.exists() or due.exists()), seconds=seconds)
