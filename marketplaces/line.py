"""The line in front of the workers: which lane that was asked for is next, and who gives way to whom.

A task wakes some worker; which lane it runs is decided when it has the time. Order updates and quantities
that fell to nothing are urgent: they go before everything else, and a lane that is being worked on makes room
for them after the call it is making. The others go by how long they have waited, urgent kinds with a head
start, so that nobody starves.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import (
    Case,
    DateTimeField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    Min,
    OuterRef,
    Q,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.utils import timezone

from marketplaces.models import Lane, Sync
from marketplaces.models.pace import RANKS

HEAD_STARTS = {
    Lane.Kind.STOCK: 60,
    Lane.Kind.ORDERS: 55,
    Lane.Kind.PRICE: 30,
    Lane.Kind.SUBMISSIONS: 30,
    Lane.Kind.CONTENT: 15,
}
"""How many seconds longer a read-back must have waited to go before a lane of this kind."""
MOMENT = timedelta(milliseconds=200)
"""A worker with nothing to do would have taken a lane by then."""
PATIENCE = timedelta(seconds=60)
"""Some lane is run within this time, however long the line is: a turn takes 23 s at most."""


def _is_urgent(now: datetime) -> Q:
    zeros = Sync.objects.filter(
        connection_id=OuterRef("connection_id"), to_zero=True, due_at__lte=now, submission__isnull=True
    )
    return Q(kind=Lane.Kind.FULFILMENT) | Q(Q(kind=Lane.Kind.STOCK), Exists(zeros))


def _place() -> Combinable:
    head_start = Case(
        *(When(kind=kind, then=Value(timedelta(seconds=lead))) for kind, lead in HEAD_STARTS.items()),
        default=Value(timedelta(0)),
        output_field=DurationField(),
    )
    return ExpressionWrapper(F("queued_at") - head_start, output_field=DateTimeField())


def take(now: datetime, lease: timedelta) -> Lane | None:
    """Lease the lane whose turn it is; None when nobody waits."""
    urgency = Case(When(_is_urgent(now), then=Value(0)), default=Value(1))
    line = Lane.objects.runnable(now).filter(queued_at__isnull=False)
    return line.order_by(urgency, _place(), "pk").claim_first(now, lease)


def standstill() -> timedelta | None:
    """For how long a lane that was asked for has waited while not one was run; None while work goes on.

    Processes that live may still work nothing off: every turn fails before it begins, or hangs. Facet lanes
    are left out, as theirs is the time of the last turn, and so is every lane that may not run.
    """
    now = timezone.now()
    asked = Lane.objects.runnable(now).filter(queued_at__isnull=False).exclude(kind__in=Lane.FACETS)
    since = asked.aggregate(first=Min("run_at"))["first"]
    if since is None or now - since <= PATIENCE:
        return None
    lately = now - PATIENCE
    works = Lane.objects.filter(
        Q(lease_until__gt=now)
        | Q(last_ok_at__gt=lately)
        | Q(last_error_at__gt=lately)
        | Q(answered_at__gt=lately)
    )
    return None if works.exists() else now - since


def someone_waits(now: datetime, *, urgent: bool, instead_of: Lane | None = None) -> bool:
    """Tell whether a lane waits although every worker has had the time to take it; or an urgent one.

    To let a worker go where the marketplace makes it wait helps nobody who would wait for the same slots and
    is no more important: such lanes do not count `instead_of` one.
    """
    line = Lane.objects.runnable(now).filter(queued_at__lt=now - MOMENT)
    if instead_of is not None:
        rank = RANKS[instead_of.kind]
        lesser = [kind for kind, its in RANKS.items() if its >= rank]
        line = line.exclude(connection_id=instead_of.connection_id, kind__in=lesser)
    return line.filter(_is_urgent(now)).exists() if urgent else line.exists()
