"""Making the calls: lease some subscriptions, call them side by side, write down each answer.

Rows are the truth: a call is owed until its row says delivered or given up. A worker that dies between
the answer and its record leaves the row waiting, so the call is made again (at least once); the ERP
knows it by X-Hub-Delivery. Only HTTP runs in threads; all rows are read and written by the worker's own.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django_q.tasks import async_task

from hub.vault import SealBroken
from marketplaces.callbacks.models import Delivery, Event, Subscription
from marketplaces.callbacks.services import wake
from marketplaces.contract import MarketplaceError
from marketplaces.http import ApiClient

logger = logging.getLogger(__name__)

TOGETHER = 16
"""How many subscriptions one worker serves side by side: a dead ERP holds up a thread, not the others."""
DEADLINE = 8.0
"""Seconds a call may take; a stall at its very end may double it (see ApiClient)."""
SLICE = timedelta(seconds=6)
"""For how long a worker starts further calls."""
LEASE = timedelta(seconds=30)
"""After this a dead worker's subscriptions are free again; longer than a slice and its last calls."""
ASK_AGAIN = timedelta(seconds=15)
PAUSES = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
)
LONGEST_PAUSE = timedelta(hours=12)
GIVE_UP_AFTER = timedelta(days=3)
TRIMMED_ANSWER = 2000


@dataclass(frozen=True, slots=True)
class Result:
    """How one call went; status 0 means no answer."""

    status: int
    answer: str
    error: str
    milliseconds: int

    @property
    def is_delivered(self) -> bool:
        """Any 2xx."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Call:
    """Everything a thread needs to make one call."""

    url: str
    headers: dict[str, str]
    body: bytes
    secret: str

    def make(self) -> Result:
        """Call through the one door; failures are results, too."""
        parts = urlsplit(self.url)
        base = f"{parts.scheme}://{parts.netloc}"
        client = ApiClient(
            base,
            self.headers,
            secrets=[self.secret],
            deadline=DEADLINE,
            allow_private=settings.HUB_ALLOW_PRIVATE_ADDRESSES,
        )
        clock = time.monotonic()
        try:
            answer = client.send("POST", self.url[len(base) :], content=self.body)
        except MarketplaceError as error:
            return Result(0, "", str(error)[:500], int((time.monotonic() - clock) * 1000))
        except Exception as error:
            # A seller's address can be odd in ways no library foresaw; its own row must say so.
            logger.exception("a webhook could not be called")
            return Result(0, "", type(error).__name__, int((time.monotonic() - clock) * 1000))
        text = answer.body[: TRIMMED_ANSWER * 4].decode("utf-8", "replace").replace("\x00", "")
        text = text.replace(self.secret, "***")[:TRIMMED_ANSWER]
        return Result(answer.status, text, "", int((time.monotonic() - clock) * 1000))


def signature(secret: str, at: int, body: bytes) -> str:
    """Return the X-Hub-Signature of a body sent at a moment (seconds since 1970)."""
    signed = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={signed}"


def ask(now: datetime) -> int:
    """Ask for workers for the subscriptions that are due; several dispatchers may do this at once."""
    unasked = Q(queued_at__isnull=True) | Q(queued_at__lt=now - ASK_AGAIN)
    if not Subscription.objects.due(now).filter(unasked).exists():
        return 0
    with transaction.atomic():
        ids = list(
            Subscription.objects.due(now)
            .filter(unasked)
            .order_by("run_at")
            .select_for_update(skip_locked=True, no_key=True, of=("self",))
            .values_list("pk", flat=True)
        )
        Subscription.objects.filter(pk__in=ids).update(queued_at=now)
        for start in range(0, len(ids), TOGETHER):
            async_task("marketplaces.tasks.deliver", ids[start : start + TOGETHER])
    return len(ids)


def run(ids: Sequence[int]) -> int:
    """Lease these subscriptions and make their calls for one slice; returns how many calls were made."""
    token = uuid.uuid4()
    leased = _claim(ids, token, timezone.now())
    if not leased:
        return 0
    clock, made = time.monotonic(), 0
    flights: dict[Future[Result], tuple[Subscription, Delivery]] = {}

    with ThreadPoolExecutor(max_workers=len(leased), thread_name_prefix="webhook") as pool:

        def start(subscription: Subscription) -> None:
            delivery = head(subscription)
            has_time = time.monotonic() - clock < SLICE.total_seconds()
            if delivery is None or not has_time:
                _release(subscription, token, owes_more=delivery is not None)
                return
            try:
                call = _prepare(subscription, delivery)
            except SealBroken as error:
                record(subscription, delivery, Result(0, "", str(error), 0), token)
                return
            flights[pool.submit(call.make)] = (subscription, delivery)

        for subscription in leased:
            start(subscription)
        while flights:
            landed, _still = wait(flights, return_when=FIRST_COMPLETED)
            for flight in landed:
                subscription, delivery = flights.pop(flight)
                made += 1
                if record(subscription, delivery, flight.result(), token):
                    start(subscription)
    return made


def head(subscription: Subscription) -> Delivery | None:
    """The next call of a subscription: a test, else the oldest one waiting."""
    waiting = Delivery.objects.filter(subscription=subscription, state=Delivery.State.WAITING).order_by("id")
    return waiting.filter(event=Event.PING).first() or waiting.first()


def pause_after(failures: int) -> timedelta:
    """How long a subscription rests after so many failures in a row."""
    return PAUSES[failures - 1] if failures <= len(PAUSES) else LONGEST_PAUSE


def record(subscription: Subscription, delivery: Delivery, result: Result, token: uuid.UUID) -> bool:
    """Write down how a call went; True when the next one may follow at once.

    Nothing is written when the lease was lost meanwhile: whoever has it now makes the call again.
    """
    now = timezone.now()
    with transaction.atomic():
        row = (
            Subscription.objects.select_for_update(no_key=True)
            .filter(pk=subscription.pk, lease_token=token)
            .first()
        )
        if row is None:
            return False
        mine = Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.WAITING)
        told = {
            "attempts": F("attempts") + 1,
            "tried_at": now,
            "status": result.status or None,
            "answer": result.answer,
            "error": result.error,
            "milliseconds": result.milliseconds,
        }
        if result.is_delivered:
            mine.update(**told, state=Delivery.State.DELIVERED, delivered_at=now)
            if row.failures:
                Subscription.objects.filter(pk=row.pk).update(failures=0, failing_since=None)
            return True
        if delivery.event == Event.PING:
            mine.update(**told, state=Delivery.State.GIVEN_UP)
            failures = row.failures
        else:
            mine.update(**told)
            failures = min(row.failures + 1, 30_000)
            # What waited behind it for as long would only knock at the same closed door.
            Delivery.objects.filter(
                subscription=row, state=Delivery.State.WAITING, waiting_since__lte=now - GIVE_UP_AFTER
            ).update(state=Delivery.State.GIVEN_UP)
        run_at = now + pause_after(failures) if failures else now
        last_try = delivery.waiting_since + GIVE_UP_AFTER
        Subscription.objects.filter(pk=row.pk).update(
            failures=failures,
            failing_since=(row.failing_since or now) if failures else None,
            run_at=min(run_at, last_try) if last_try > now else run_at,
            lease_until=None,
            lease_token=None,
        )
        if not failures:
            wake()
        return False


def forget_old(border: datetime) -> int:
    """Delete calls that were over before this moment, in small bites; returns how many."""
    over = Delivery.objects.filter(created_at__lt=border).exclude(state=Delivery.State.WAITING)
    gone = 0
    while ids := list(over.order_by("created_at").values_list("pk", flat=True)[:5000]):
        Delivery.objects.filter(pk__in=ids).delete()
        gone += len(ids)
    return gone


def _claim(ids: Sequence[int], token: uuid.UUID, now: datetime) -> list[Subscription]:
    with transaction.atomic():
        Subscription.objects.filter(pk__in=ids).update(queued_at=None)
        found = list(
            Subscription.objects.due(now)
            .filter(pk__in=ids)
            .select_for_update(skip_locked=True, no_key=True, of=("self",))
        )
        mine = Subscription.objects.filter(pk__in=[one.pk for one in found])
        mine.update(lease_until=now + LEASE, lease_token=token)
    return found


def _release(subscription: Subscription, token: uuid.UUID, *, owes_more: bool) -> None:
    with transaction.atomic():
        mine = Subscription.objects.filter(pk=subscription.pk, lease_token=token)
        # Written down while we looked: its own notification came to a leased subscription.
        if mine.update(lease_until=None, lease_token=None) and (owes_more or head(subscription)):
            wake()


def _prepare(subscription: Subscription, delivery: Delivery) -> Call:
    body = json.dumps(delivery.body, ensure_ascii=False).encode()
    at = int(time.time())
    secret = subscription.secret
    headers = {
        "Content-Type": "application/json",
        "X-Hub-Event": delivery.event,
        "X-Hub-Delivery": str(delivery.public_id),
        "X-Hub-Signature": signature(secret, at, body),
    }
    return Call(subscription.url, headers, body, secret)
