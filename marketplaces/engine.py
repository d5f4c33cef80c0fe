"""The engine's turn: lease a lane, run it for a slice, settle it. Rows are the truth, tasks only wake-ups.

What a lane does is its runner's business (`publish`, `observe`, `orders.intake` ...); what an error
means for the lane is decided here, once.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import connection as database
from django.db import transaction
from django.db.models import Case, Exists, IntegerField, OuterRef, Q, Value, When
from django.utils import timezone
from django_q.models import OrmQ
from django_q.tasks import async_task

from hub.texts import storable
from hub.vault import SealBroken
from marketplaces import http, line
from marketplaces.callbacks import services as callbacks
from marketplaces.contract import (
    Adapter,
    CredentialsRejected,
    MarketplaceError,
    Refused,
    Throttled,
    Unavailable,
)
from marketplaces.easing import Easing
from marketplaces.models import Connection, Lane, Pace, SharedPace, Sync
from marketplaces.record import Record

logger = logging.getLogger(__name__)
T = TypeVar("T")

SLICE = timedelta(seconds=6)
"""How long one worker stays with one lane before others get their turn."""
CALL = timedelta(seconds=2 * http.DEADLINE + 1)
"""No call lasts longer than this: twice the HTTP client's deadline, and a margin."""
LEASE = timedelta(seconds=30)
"""After this a dead worker's lane is free again. A call starts only while more than CALL is left."""
ASK_AGAIN = timedelta(seconds=15)
"""A lane asked for and not taken for this long is asked for again: its task was lost."""
QUANTUM = timedelta(seconds=1)
"""After this a lane makes room when another one waits for a worker; for an urgent one at once."""
LOOK_AROUND = 0.1
"""Seconds between two looks at who waits."""
LONGEST_WAIT_FOR_A_SLOT = 2.0
LOOK_FOR_A_SLOT = 0.01
"""Seconds between two looks whether a more important lane has let a slot pass."""
SHORT_WAIT = 0.1
"""A worker waits for a slot this long rather than take up another lane."""
CHANNEL = "hub"
TOGETHER = 0.3
"""Seconds within which calls must be over whose rows are taken and written down together."""
MOST_TOGETHER = 10
"""How many calls these are at most."""
TOO_OLD = 1.0
"""Seconds after which a value that was prepared is not sent any more, but looked up again."""
ANSWERS = (CredentialsRejected, Refused)
"""Errors that are a marketplace's sensible answer: it works, though not for us."""


class SliceOver(Exception):
    """The slice has no time for another call; the lane goes on in the next one."""


@dataclass
class Turn:
    """One worker's slice of one lane."""

    lane: Lane
    adapter: Adapter
    record: Record
    started: float = field(default_factory=time.monotonic)
    pause: timedelta = timedelta(0)
    """How long the lane rests at least, because its marketplace takes no call before."""
    _looked: float = field(default_factory=time.monotonic)
    _makes_room: bool = False
    seconds_a_call: float = TOGETHER
    """Seconds the last call took, the wait for its slot included."""
    easing: Easing = field(init=False)

    def __post_init__(self) -> None:
        self.easing = Easing(self.lane)

    @property
    def connection(self) -> Connection:
        """The connection this lane belongs to, marketplace and seller loaded."""
        return self.lane.connection

    def has_time(self) -> bool:
        """False, and from then on always, when the slice is over or others need the worker more."""
        self._makes_room = self._makes_room or not self._may_go_on()
        return not self._makes_room

    def _may_go_on(self) -> bool:
        spent = time.monotonic() - self.started
        if spent > SLICE.total_seconds():
            return False
        if time.monotonic() - self._looked < LOOK_AROUND:
            return True
        self._looked = time.monotonic()
        now = timezone.now()
        if spent > QUANTUM.total_seconds():
            return not line.someone_waits(now, urgent=False)
        return not (line.someone_waits(now, urgent=True) or self._had_better_pause(now))

    def _had_better_pause(self, now: datetime) -> bool:
        """Tell whether the marketplace makes us wait while another lane could use the worker."""
        wait = Pace.free_in(self.connection)
        if wait < SHORT_WAIT or not line.someone_waits(now, urgent=False, instead_of=self.lane):
            return False
        self.pause = timedelta(seconds=wait)
        return True

    def calls_together(self) -> int:
        """How many calls may be prepared at once without a value growing old before it is sent.

        As many as the limits let out within `TOGETHER` seconds, and as the last one was quick enough for.
        """
        marketplace = self.connection.marketplace
        rates = [float(rate) for rate in (marketplace.pace, marketplace.shared_pace) if rate is not None]
        return max(1, min(MOST_TOGETHER, int(TOGETHER * min(rates)), int(TOGETHER / self.seconds_a_call)))

    def reach(self, size: int) -> int:
        """How many due items to take at once, where a call carries at most `size`."""
        return self.easing.reach(size if self.easing.is_on else size * self.calls_together())

    def call(self, work: Callable[[], T], skus: Sequence[str] = ()) -> T:
        """Wait for the connection's next rate slot, then do one call; contract errors pass through.

        `skus` are what it is about, for the record.
        """
        began = time.monotonic()
        self._wait_for_a_slot()
        if time.monotonic() - self.started > (LEASE - CALL).total_seconds():
            raise SliceOver
        self.record.skus = skus
        try:
            return work()
        except Throttled as error:
            if error.retry_after:
                Pace.hold(self.connection, error.retry_after.total_seconds())
            raise
        finally:
            self.seconds_a_call = max(0.001, time.monotonic() - began)

    def _wait_for_a_slot(self) -> None:
        """Take a slot of the account's own limit, and then one of the limit it shares with others."""
        connection, kind = self.connection, self.lane.kind
        longest = LONGEST_WAIT_FOR_A_SLOT
        self._take(
            lambda: Pace.reserve(connection, longest, kind),
            lambda: Pace.free_in(connection),
        )
        self._take(
            lambda: SharedPace.reserve(connection.marketplace, longest, kind),
            lambda: SharedPace.free_in(connection.marketplace),
        )

    def _take(self, reserve: Callable[[], float | None], free_in: Callable[[], float]) -> None:
        until = time.monotonic() + LONGEST_WAIT_FOR_A_SLOT
        while (wait := reserve()) is None:
            # Too far away, or more important lanes are at it: what they leave over is ours.
            wait = free_in()
            spared = min(wait, LONGEST_WAIT_FOR_A_SLOT)
            is_late = time.monotonic() + spared > until
            if is_late or line.someone_waits(timezone.now(), urgent=False, instead_of=self.lane):
                raise Throttled("our own pace", retry_after=timedelta(seconds=max(wait, SHORT_WAIT)))
            time.sleep(max(spared, LOOK_FOR_A_SLOT))
        if wait:
            time.sleep(wait)

    def save_cursor(self, cursor: str) -> bool:
        """Move the lane's bookmark; False when the lease was lost, and then the worker must stop."""
        mine = Lane.objects.filter(pk=self.lane.pk, lease_token=self.lane.lease_token)
        self.lane.cursor = cursor
        return bool(mine.update(cursor=cursor))

    def note_caught_up(self, at: datetime) -> None:
        """Write down that all orders the marketplace had at a moment have been taken."""
        Lane.objects.filter(pk=self.lane.pk, lease_token=self.lane.lease_token).update(caught_up_at=at)


Runner = Callable[[Turn], timedelta]
RUNNERS: dict[str, Runner] = {}
"""What each kind of lane does: one slice, and the answer is how long to sleep before the next."""


ALSO_DUE: list[Callable[[datetime], int]] = []
"""Who else has work for the workers: each asks for what is due at a moment and says for how much."""


def due_lanes(now: datetime) -> list[int]:
    """Lanes that have something to do now and nobody on it, the most urgent kinds first."""
    work = Sync.objects.filter(
        connection_id=OuterRef("connection_id"),
        facet=OuterRef("kind"),
        due_at__lte=now,
        submission__isnull=True,
    )
    urgency = Case(
        *(When(kind=kind, then=Value(place)) for place, kind in enumerate(Lane.Kind.values)),
        output_field=IntegerField(),
    )
    return list(
        Lane.objects.runnable(now)
        .filter(Q(queued_at__isnull=True) | Q(queued_at__lt=now - ASK_AGAIN))
        .filter(~Q(kind__in=Lane.FACETS) | Exists(work))
        .order_by(urgency, "run_at")
        .values_list("pk", flat=True)
    )


def dispatch(now: datetime) -> int:
    """Ask for a worker for every due lane and all else that is due; several dispatchers may do so at once."""
    others = sum(one(now) for one in ALSO_DUE)
    lanes = due_lanes(now)
    if not lanes:
        return others
    with transaction.atomic():
        mine = dict(
            Lane.objects.select_for_update(skip_locked=True)
            .filter(pk__in=lanes)
            .filter(Q(queued_at__isnull=True) | Q(queued_at__lt=now - ASK_AGAIN))
            .values_list("pk", "queued_at")
        )
        # A lane may be long in line; its task is lost only where there are fewer tasks than lanes.
        old = [pk for pk in lanes if mine.get(pk)]
        lost = old[: max(0, len(old) - OrmQ.objects.count())] if old else []
        asked = [pk for pk in lanes if pk in mine and (mine[pk] is None or pk in lost)]
        Lane.objects.filter(pk__in=asked).update(queued_at=now)
        for _lane in asked:
            async_task("marketplaces.tasks.drain")
    return len(asked) + others


def next_moment(now: datetime, longest: float) -> float:
    """Seconds until the next lane's time comes, `longest` at most."""
    soon = Lane.objects.filter(run_at__gt=now, run_at__lt=now + timedelta(seconds=longest))
    first = soon.order_by("run_at").values_list("run_at", flat=True).first()
    return max(0.0, (first - timezone.now()).total_seconds()) if first else longest


def wake(connection_id: int, kind: str) -> None:
    """Tell the dispatchers, at commit, that a lane has work."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, f"{connection_id}:{kind}"])


def nudge(connection_id: int, kind: str) -> None:
    """Let a lane run at once: pure latency, nothing depends on it."""
    with transaction.atomic():
        Lane.objects.filter(connection_id=connection_id, kind=kind, run_at__gt=timezone.now()).update(
            run_at=timezone.now()
        )
        wake(connection_id, kind)


def run_next() -> bool:
    """Run one slice of the lane whose turn it is; False when nobody waits."""
    lane = line.take(timezone.now(), LEASE)
    return lane is not None and _run(lane)


def run(lane_id: int) -> bool:
    """Lease a lane, run one slice of it, settle it; False when there was nothing to take."""
    lane = Lane.objects.claim(lane_id, timezone.now(), LEASE)
    return lane is not None and _run(lane)


def _run(lane: Lane) -> bool:
    record = Record(lane)
    try:
        connections = Connection.objects.select_related("marketplace", "seller")
        lane.connection = connections.get(pk=lane.connection_id)
        adapter = lane.connection.adapter(record.hear)
        turn = Turn(lane, adapter, record)
        rest = max(RUNNERS[lane.kind](turn), turn.pause)
        if turn.easing.trouble is not None:
            raise turn.easing.trouble
    except SliceOver:
        _rest(lane, timedelta(0), record)
    except Throttled as error:
        _rest(lane, error.retry_after or timedelta(seconds=5), record)
    except CredentialsRejected as error:
        _lost_consent(lane, error)
    except Unavailable as error:
        _back_off(lane, error, first=timedelta(seconds=1), longest=timedelta(minutes=5))
    except SealBroken as error:
        _back_off(lane, error, first=timedelta(minutes=1), longest=timedelta(minutes=15))
    except MarketplaceError as error:
        logger.warning("lane %s: %s: %s", lane, type(error).__name__, error)
        _back_off(lane, error, first=timedelta(seconds=15), longest=timedelta(minutes=15))
    except Exception as error:
        # Named by numbers: what failed may be the reading of the account it is called after.
        logger.exception("lane %s of connection %s failed", lane.kind, lane.connection_id)
        _back_off(lane, error, first=timedelta(seconds=15), longest=timedelta(minutes=15))
    else:
        # Where all it did was in vain, nothing says that the marketplace works, or that it does not.
        in_vain = turn.easing.was_in_vain
        _rest(lane, rest, record, ok=not in_vain, is_answered=not in_vain)
    finally:
        record.save()
    return True


def _rest(
    lane: Lane, pause: timedelta, record: Record, *, ok: bool = False, is_answered: bool = True
) -> None:
    now = timezone.now()
    changes: dict[str, Any] = {}
    if ok:
        changes = {"last_ok_at": now, "failures": 0, "failing_since": None, "last_error": ""}
    if record.exchanges and is_answered:
        changes["answered_at"] = now
    # A nudge that came while the lane ran has set run_at to a moment before now: it must not be
    # slept over, so the new time is written only when nobody asked for the lane meanwhile.
    with transaction.atomic():
        fresh = Lane.objects.select_for_update().filter(pk=lane.pk, lease_token=lane.lease_token).first()
        if fresh is None:
            return
        asked = fresh.run_at != lane.run_at
        Lane.objects.settle(lane, run_at=fresh.run_at if asked else now + pause, **changes)
        if not pause or asked or lane.kind in Lane.FACETS:
            wake(lane.connection_id, lane.kind)
    if ok and (lane.connection.last_ok_at is None or now - lane.connection.last_ok_at > timedelta(seconds=5)):
        Connection.objects.filter(pk=lane.connection_id).update(last_ok_at=now, last_error="")


def _back_off(lane: Lane, error: Exception, *, first: timedelta, longest: timedelta) -> None:
    asked = getattr(error, "retry_after", None)
    spread = random.uniform(0.7, 1.3)  # noqa: S311  (not a secret: keeps failing lanes apart)
    pause = asked or min(longest, first * 2 ** min(lane.failures, 12)) * spread
    now = timezone.now()
    words = storable(f"{type(error).__name__}: {error}")[:500]
    Lane.objects.settle(
        lane,
        run_at=now + pause,
        failures=min(lane.failures + 1, 30_000),
        failing_since=(lane.failing_since if lane.failures else None) or now,
        last_error=words,
        last_error_at=now,
        **({"answered_at": now} if isinstance(error, ANSWERS) else {}),
    )
    Connection.objects.filter(pk=lane.connection_id).update(last_error=words, last_error_at=now)


def _lost_consent(lane: Lane, error: CredentialsRejected) -> None:
    """Stop a connection whose credentials were refused twice; once may be the marketplace's hiccup."""
    try:
        lane.connection.adapter().identify()
    except CredentialsRejected:
        now = timezone.now()
        logger.warning("connection %s: the marketplace refuses its credentials", lane.connection_id)
        with transaction.atomic():
            working = Connection.objects.filter(pk=lane.connection_id, status=Connection.Status.ACTIVE)
            lost = working.update(
                status=Connection.Status.NEEDS_CREDENTIALS,
                last_error=str(error)[:500],
                last_error_at=now,
            )
            if lost:
                callbacks.connection_lost(lane.connection)
            Lane.objects.settle(lane, run_at=now, last_error=str(error)[:500], last_error_at=now)
    except MarketplaceError as second:
        _back_off(lane, second, first=timedelta(seconds=1), longest=timedelta(minutes=5))
    else:
        _back_off(lane, error, first=timedelta(seconds=1), longest=timedelta(minutes=5))
