"""The API log: what each seller's integrations asked and were told, written beside the calls.

A call only leaves its facts in a buffer; a thread of the process cleans them of secrets and writes them in
one COPY, every second or every 200 calls. The log is a help, not a ledger: when the buffer is full, calls
are left out and counted. Whoever shows a key or an e-mail that does not open the door is logged for the
seller it belongs to, without bodies; a stranger is not logged at all.
"""

from __future__ import annotations

import logging
import re
import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.util import Finalize
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from hub import cleaning, correlation
from hub.api.endpoints import endpoint_of
from hub.api.masking import query_without_secrets, without_key, without_secrets
from hub.models import ApiCall, ApiKey, Membership, Seller
from hub.texts import storable

log = logging.getLogger(__name__)
lines = logging.getLogger("hub.calls")
"""A line per call, where the log is JSON."""

KEPT_BYTES = 4096
"""Of each body."""
KEPT_BYTES_OF_TESTS = 128 * 1024
"""Of each body of a test account: its developer, and the homologation, need the whole of it."""
MOST_WAITING = 2_000
MOST_WAITING_BYTES = 20 * 1024 * 1024
"""Calls, and bytes of bodies, in the buffer of one process."""
BATCH = 200
EVERY_SECONDS = 1.0
TURNED_AWAY = (401, 429)
MOST_TURNED_AWAY = 10
"""Of calls turned away at the door so many are kept per seller and flush: more tell nobody anything."""
_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_READABLE = ("json", "text/", "xml")
_COLUMNS = (
    *(
        "seller_id",
        "called_at",
        "key_prefix",
        "turned_away",
        "method",
        "path",
        "query",
        "endpoint",
        "subject",
    ),
    *("status", "milliseconds", "request_id", "user_agent", "request_body", "request_size"),
    *("response_body", "response_size"),
)
_COPY = f"COPY {ApiCall._meta.db_table} ({', '.join(_COLUMNS)}) FROM STDIN"
_BODY = "hub_noted_body"
_TURNED_AWAY = "hub_turned_away"


@dataclass(slots=True)
class Call:
    """The facts of one call, as they came; `secret` is only held to be removed from the rest.

    `seller_id` is 0 where nobody has proven to speak for a seller.
    """

    called_at: datetime
    seconds: float
    seller_id: int
    prefix: str
    email: str
    secret: str
    method: str
    path: str
    query: str
    endpoint: str
    subject: str
    status: int
    request_id: str
    user_agent: str
    request_body: bytes = b""
    request_size: int = 0
    response_body: bytes = b""
    response_size: int = 0
    turned_away: str = ""
    most_kept: int = KEPT_BYTES
    """Bytes of each body that the log keeps."""

    @property
    def weight(self) -> int:
        """Bytes its bodies take in the buffer."""
        return len(self.request_body) + len(self.response_body)


class Recorder:
    """A bounded buffer of calls and the thread that writes them."""

    def __init__(
        self,
        write: Callable[[list[Call]], None],
        *,
        most: int = MOST_WAITING,
        batch: int = BATCH,
        every: float = EVERY_SECONDS,
    ) -> None:
        self.lost = 0
        self._write = write
        self._most, self._batch, self._every = most, batch, every
        self._weight = 0
        self._calls: deque[Call] = deque()
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._told = 0

    def add(self, call: Call) -> None:
        """Take a call, or count it as lost when the buffer is full."""
        with self._lock:
            if len(self._calls) >= self._most or self._weight > MOST_WAITING_BYTES:
                self.lost += 1
                return
            self._calls.append(call)
            self._weight += call.weight
            if len(self._calls) >= self._batch or self._weight > MOST_WAITING_BYTES // 2:
                self._wake.set()
            # Started by the first call, hence after a web server has forked; a fork leaves threads behind.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="api log", daemon=True)
                self._thread.start()
                # Servers that run workers with multiprocessing end them without atexit; this is called
                # either way, also after a SIGTERM that the server answers by ending in order.
                Finalize(self, self.flush, exitpriority=10)

    def flush(self) -> None:
        """Write what waits. What cannot be written now waits on; what never can is counted as lost."""
        with self._writing:
            with self._lock:
                calls = list(self._calls)
                self._calls.clear()
                self._weight = 0
            try:
                if calls:
                    self._write(calls)
            except (OperationalError, InterfaceError):
                self._put_back(calls)
            except Exception:
                log.exception("API calls could not be written down")
                self.lost += len(calls)
            if self.lost > self._told:
                log.warning("%d API calls are missing from the log", self.lost - self._told)
                self._told = self.lost

    def _put_back(self, calls: list[Call]) -> None:
        with self._lock:
            room = max(0, self._most - len(self._calls))
            kept = calls[len(calls) - room :] if room else []
            self.lost += len(calls) - len(kept)
            self._calls.extendleft(reversed(kept))
            self._weight += sum(call.weight for call in kept)

    def _run(self) -> None:
        while True:
            self._wake.wait(self._every)
            self._wake.clear()
            close_old_connections()
            self.flush()


def write(calls: list[Call]) -> None:
    """Write calls in one COPY, those of unproven callers under the seller their key or e-mail names."""
    rows = [_row(call) for call in _worth_keeping(_with_seller(calls))]
    if rows:
        # Django's cursors pass `copy` on as it is; its errors must be Django's for `flush` to know them.
        wrapped: Any = connection.wrap_database_errors
        with wrapped, connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            for row in rows:
                copy.write_row(row)


recorder = Recorder(write)


class CallLog:
    """Gives every answer its number, and hands what integrations call to the recorder."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        called_at, began = timezone.now(), time.perf_counter()
        asked = request.META.get("HTTP_X_REQUEST_ID", "")
        number = asked if _NUMBER.fullmatch(asked) else secrets.token_hex(16)
        with correlation.under(number):
            response = self.get_response(request)
            response["X-Request-Id"] = number
            seconds = time.perf_counter() - began
            if lines.isEnabledFor(logging.INFO):
                _tell(request, response, seconds)
        if settings.HUB_API_LOG and _speaks_api(request):
            recorder.add(_facts(request, response, called_at, seconds, number))
        return response


def _tell(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    """Write one line of the program's own log; never an address as it was called, which may hold a secret."""
    key, match = getattr(request, "auth", None), request.resolver_match
    facts: dict[str, Any] = {
        "method": request.method,
        "endpoint": endpoint_of(match.route) if match else "",
        "status": response.status_code,
        "milliseconds": round(seconds * 1000),
    }
    if isinstance(key, ApiKey):
        facts["seller"] = key.seller_id
        facts["subject"] = str(next(iter(match.kwargs.values()), "")) if match else ""
    lines.info("call answered", extra=facts)


def most_kept(seller: Seller) -> int:
    """Return how many bytes of each body the log keeps for a seller."""
    return KEPT_BYTES_OF_TESTS if seller.is_test else KEPT_BYTES


def note_body(request: Any, body: bytes) -> None:
    """Keep the beginning of a body while it is read: later nobody can read it again."""
    key = getattr(request, "auth", None)
    most = most_kept(key.seller) if isinstance(key, ApiKey) else KEPT_BYTES
    setattr(getattr(request, "_request", request), _BODY, (body[:most], len(body)))


def note_turned_away(request: Any, reason: ApiCall.TurnedAway) -> None:
    """Keep why a caller was not let in."""
    setattr(getattr(request, "_request", request), _TURNED_AWAY, reason.value)


def _speaks_api(request: HttpRequest) -> bool:
    return isinstance(getattr(request, "auth", None), ApiKey) or any(
        request.META.get(name) for name in ("HTTP_X_API_KEY", "HTTP_X_USER_TOKEN", "HTTP_X_USER_EMAIL")
    )


def _facts(
    request: HttpRequest, response: HttpResponseBase, called_at: datetime, seconds: float, number: str
) -> Call:
    # Not request.headers, which is all of them written anew for each call.
    headers, match = request.META, request.resolver_match
    key = getattr(request, "auth", None)
    secret = (headers.get("HTTP_X_API_KEY") or headers.get("HTTP_X_USER_TOKEN") or "").strip()
    call = Call(
        called_at=called_at,
        seconds=seconds,
        seller_id=key.seller_id if isinstance(key, ApiKey) else 0,
        prefix=key.prefix if isinstance(key, ApiKey) else secret[: ApiKey.PREFIX_LENGTH],
        email=headers.get("HTTP_X_USER_EMAIL", "").strip().lower(),
        secret=secret,
        method=request.method or "",
        path=request.path,
        query=headers.get("QUERY_STRING", ""),
        endpoint=endpoint_of(match.route) if match else "",
        subject=str(next(iter(match.kwargs.values()), "")) if match else "",
        status=response.status_code,
        request_id=number,
        user_agent=headers.get("HTTP_USER_AGENT", ""),
        turned_away=getattr(request, _TURNED_AWAY, ""),
    )
    if not isinstance(key, ApiKey):
        return call
    call.most_kept = most_kept(key.seller)
    call.request_body, call.request_size = getattr(request, _BODY, (b"", _length(request)))
    if isinstance(response, HttpResponse):
        call.response_size = len(response.content)
        if any(kind in response.headers.get("Content-Type", "") for kind in _READABLE):
            call.response_body = response.content[: call.most_kept]
    return call


def _length(request: HttpRequest) -> int:
    given = request.META.get("CONTENT_LENGTH") or ""
    return min(int(given[:12]), 2**31 - 1) if given.isascii() and given.isdecimal() else 0


def _with_seller(calls: list[Call]) -> list[Call]:
    """Find out whom unproven callers meant; those who mean nobody are left out."""
    unproven = [call for call in calls if not call.seller_id]
    if not unproven:
        return calls
    prefixes, emails = (
        {storable(call.prefix) for call in unproven},
        {storable(call.email) for call in unproven},
    )
    of_key = dict(ApiKey.objects.filter(prefix__in=prefixes - {""}).values_list("prefix", "seller_id"))
    of_person: dict[str, set[int]] = {}
    people = Membership.objects.annotate(email=Lower("user__email")).filter(email__in=emails - {""})
    for email, seller_id in people.values_list("email", "seller_id"):
        of_person.setdefault(email, set()).add(seller_id)
    for call in unproven:
        call.seller_id = of_key.get(storable(call.prefix), 0)
        if not call.seller_id:
            # What is no key's beginning may be anything, a password too.
            call.prefix = ""
            # A person of several sellers says nothing about which of them was meant.
            meant = of_person.get(storable(call.email), set())
            call.seller_id = next(iter(meant)) if len(meant) == 1 else 0
    return [call for call in calls if call.seller_id]


def _worth_keeping(calls: Iterable[Call]) -> Iterable[Call]:
    turned_away: Counter[int] = Counter()
    for call in calls:
        turned_away[call.seller_id] += call.status in TURNED_AWAY
        if call.status not in TURNED_AWAY or turned_away[call.seller_id] <= MOST_TURNED_AWAY:
            yield call


def _row(call: Call) -> tuple[Any, ...]:
    """Return a call's row in the order of _COLUMNS."""

    def told(text: str, most: int) -> str:
        return storable(without_key(text, call.secret))[:most]

    return (
        call.seller_id,
        call.called_at,
        storable(call.prefix),
        call.turned_away,
        told(call.method, 10),
        told(call.path, 1_000),
        told(query_without_secrets(call.query), 2_000),
        call.endpoint,
        told(call.subject, 200),
        call.status,
        round(call.seconds * 1000),
        told(call.request_id, 64),
        told(without_secrets(call.user_agent), 200),
        told(without_secrets(_text(call.request_body, call.most_kept)), call.most_kept),
        call.request_size,
        told(without_secrets(_text(call.response_body, call.most_kept)), call.most_kept),
        call.response_size,
    )


def _text(body: bytes, most: int) -> str:
    # A cut may fall inside a letter: its half is left out.
    text = body.decode(errors="replace")
    return text.rstrip("\ufffd") if len(body) == most else text


def forget_old_calls() -> int:
    """Delete calls older than HUB_API_LOG_DAYS days; what a round leaves waits for the next."""
    border = timezone.now() - timedelta(days=settings.HUB_API_LOG_DAYS)
    return cleaning.forget(ApiCall.objects.filter(called_at__lt=border).order_by("called_at", "id"))
