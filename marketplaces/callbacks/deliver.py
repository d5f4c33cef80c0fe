"""Making the calls: lease some subscriptions, call them side by side, write down each answer.

Rows are the truth: a call is owed until its row says delivered, given up or skipped. A worker that dies
between the answer and its record leaves the row waiting, so the call is made again (at least once); the
ERP knows it by X-Hub-Delivery. Only HTTP runs in threads; all rows are read and written by the worker's own.
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
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import F, Q
from django.utils import timezone
from django_q.tasks import async_task

from hub.texts import storable
from hub.vault import SealBroken
from marketplaces.callbacks.models import Delivery, Event, Subscription
from marketplaces.callbacks.services import wake
from marketplaces.contract import MarketplaceError
from marketplaces.http import ApiClient, retry_after

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
PATIENCE = 3
"""After so many tries a call that gets an answer steps aside: it is this one the ERP cannot take."""
REFUSALS = frozenset((400, 409, 413, 415, 422))
"""Answers to this very call, read and understood: it steps aside at once."""
TROUBLES = frozenset((0, 401, 403, 405, 429, 502, 503, 504))
"""No answer, or one that says nothing of this call: everything waits, in order, until the ERP is back."""
GONE = 410
"""The ERP wants no more calls at this address: the webhook is switched off (Standard Webhooks)."""
GIVE_UP_AFTER = timedelta(days=3)
TRIMMED_ANSWER = 2000


@dataclass(frozen=True, slots=True)
class Result:
    """How one call went; status 0 means no answer."""

    status: int
    answer: str
    error: str
    milliseconds: int
    retry_after: timedelta = timedelta()
    """How long the ERP asked to be left alone."""

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
    secrets: Sequence[str]

    def make(self) -> Result:
        """Call through the one door; failures are results, too."""
        clock = time.monotonic()
        try:
            return self._made(clock)
        except MarketplaceError as error:
            return _failed(str(error), clock)
        except Exception as error:
            # A seller's address can be odd in ways no library foresaw; its own row must say so.
            logger.exception("a webhook could not be called")
            return _failed(type(error).__name__, clock)

    def _made(self, clock: float) -> Result:
        parts = urlsplit(self.url)
        base = f"{parts.scheme}://{parts.netloc}"
        client = ApiClient(
            base,
            self.headers,
            secrets=self.secrets,
            deadline=DEADLINE,
            allow_private=settings.HUB_ALLOW_PRIVATE_ADDRESSES,
        )
        answer = client.send("POST", self.url[len(base) :], content=self.body)
        text = storable(answer.body[: TRIMMED_ANSWER * 4].decode("utf-8", "replace"))
        for secret in self.secrets:
            text = text.replace(secret, "***")
        asked = retry_after(answer.headers) if answer.status in (429, 503) else None
        return Result(answer.status, text[:TRIMMED_ANSWER], "", _since(clock), asked or timedelta())


def _failed(why: str, clock: float) -> Result:
    return Result(0, "", storable(why)[:500], _since(clock))


def _since(clock: float) -> int:
    return int((time.monotonic() - clock) * 1000)


def signature(secrets: Sequence[str], at: int, body: bytes) -> str:
    """Return the X-Hub-Signature of a body sent at a moment (seconds since 1970), one v1 for each secret."""
    signed = (hmac.new(one.encode(), b"%d." % at + body, hashlib.sha256).hexdigest() for one in secrets)
    return ",".join([f"t={at}", *(f"v1={one}" for one in signed)])


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
    # What goes wrong with one call is written down for that call: the others are other sellers'.
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
                record(subscription, delivery, _failed(str(error), time.monotonic()), token)
                return
            except Exception as error:
                logger.exception("webhook %s: a call could not be written", subscription.pk)
                record(subscription, delivery, _failed(type(error).__name__, time.monotonic()), token)
                return
            flights[pool.submit(call.make)] = (subscription, delivery)

        for subscription in leased:
            start(subscription)
        while flights:
            landed, _still = wait(flights, return_when=FIRST_COMPLETED)
            for flight in landed:
                subscription, delivery = flights.pop(flight)
                made += 1
                try:
                    goes_on = record(subscription, delivery, flight.result(), token)
                except DatabaseError:
                    # Nothing is known of it then: its lease runs out, and the call is made again.
                    logger.exception("webhook %s: an answer could not be written down", subscription.pk)
                    continue
                if goes_on:
                    start(subscription)
    return made


def head(subscription: Subscription) -> Delivery | None:
    """The next call of a subscription: a test, else the oldest one whose time has come."""
    waiting = Delivery.objects.callable(timezone.now()).filter(subscription=subscription).order_by("id")
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
        told = {
            "attempts": F("attempts") + 1,
            "tried_at": now,
            "status": result.status or None,
            "answer": result.answer,
            "error": result.error,
            "milliseconds": result.milliseconds,
        }
        mine = Delivery.objects.filter(pk=delivery.pk)
        if result.is_delivered:
            mine.update(**told, state=Delivery.State.DELIVERED, delivered_at=now, run_at=None)
            _is_well_again(row, now)
            return True
        if delivery.event == Event.PING:
            mine.update(**told, state=Delivery.State.GIVEN_UP)
            _rest(row, now + pause_after(row.failures) if row.failures else now)
            return False
        waiting = mine.filter(state=Delivery.State.WAITING)
        if not waiting.update(**told):
            return True  # skipped meanwhile
        _give_up_old(row, now)
        if result.status == GONE:
            _rest(row, now, is_active=False)
            return False
        if _steps_aside(delivery, result):
            waiting.update(run_at=_next_try(delivery, now, pause_after(delivery.attempts + 1)))
            if delivery.run_at is None:
                since = row.failing_since or now
                Subscription.objects.filter(pk=row.pk).update(failures=0, failing_since=since)
            return True
        failures = min(row.failures + 1, 30_000)
        pause = max(pause_after(failures), result.retry_after)
        run_at = _next_try(delivery, now, pause)
        _rest(row, run_at, failures=failures, failing_since=row.failing_since or now)
        return False


def _steps_aside(delivery: Delivery, result: Result) -> bool:
    if result.status in TROUBLES:
        return False
    return result.status in REFUSALS or delivery.run_at is not None or delivery.attempts + 1 >= PATIENCE


def _next_try(delivery: Delivery, now: datetime, pause: timedelta) -> datetime:
    """When a call is tried again: the last time just before it would be given up."""
    last_try = delivery.waiting_since + GIVE_UP_AFTER
    return min(now + pause, last_try) if last_try > now else now + pause


def _is_well_again(row: Subscription, now: datetime) -> None:
    """After trouble: what stepped aside meanwhile may have been refused for the same reason."""
    if row.failing_since is None:
        return
    Subscription.objects.filter(pk=row.pk).update(failures=0, failing_since=None)
    Delivery.objects.filter(subscription=row, state=Delivery.State.WAITING, run_at__isnull=False).update(
        run_at=now
    )


def _give_up_old(row: Subscription, now: datetime) -> None:
    """Give up what has waited for too long: it would only knock at the same closed door."""
    Delivery.objects.filter(
        subscription=row, state=Delivery.State.WAITING, waiting_since__lte=now - GIVE_UP_AFTER
    ).update(state=Delivery.State.GIVEN_UP, run_at=None)


def _rest(row: Subscription, run_at: datetime, **changes: Any) -> None:
    """Give the lease back; the subscription is not called before this moment."""
    Subscription.objects.filter(pk=row.pk).update(
        run_at=run_at, lease_until=None, lease_token=None, **changes
    )
    if run_at <= timezone.now():
        wake()


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
    secrets = subscription.secrets(timezone.now())
    headers = {
        "Content-Type": "application/json",
        "X-Hub-Event": delivery.event,
        "X-Hub-Delivery": str(delivery.public_id),
        "X-Hub-Signature": signature(secrets, at, body),
    }
    return Call(subscription.url, headers, body, secrets)
