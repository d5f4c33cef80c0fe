"""`/metrics` for Prometheus: what the whole hub has to do and how it fares, by marketplace.

Every figure is read from the database when it is asked for, so it does not matter which process answers or
how many there are. Labels name marketplaces, never sellers. Apps add their figures to `SOURCES`.
"""

from __future__ import annotations

import hmac
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

log = logging.getLogger(__name__)

KEPT_SECONDS = 10.0
"""Whoever asks more often gets the same figures again: reading them must not become a load of its own."""
LONGEST_MILLISECONDS = 5_000
LOOPBACK = ("127.0.0.1", "::1")
PROXIED = ("X-Forwarded-For", "X-Real-Ip", "Forwarded")

SOURCES: list[Callable[[], Iterable[Metric]]] = []
"""Who has figures; each source is asked inside one short, read-only transaction."""


class _Hub(Collector):
    def collect(self) -> Iterator[Metric]:
        for source in SOURCES:
            yield from source()


class _Kept:
    """The newest page of this process; while one thread reads the figures the others wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._page = b""
        self._until = 0.0

    def get(self) -> bytes:
        with self._lock:
            if time.monotonic() >= self._until:
                self._page = page()
                self._until = time.monotonic() + KEPT_SECONDS
            return self._page


_newest = _Kept()


def page() -> bytes:
    """Read every figure now; raises OperationalError when the database is away or too slow."""
    registry = CollectorRegistry(auto_describe=False)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(LONGEST_MILLISECONDS)])
        registry.register(_Hub())
        return generate_latest(registry)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures, for who has the token; without one set, for this machine only."""
    if refusal := _refusal(request):
        return refusal
    try:
        text = _newest.get()
    except (OperationalError, InterfaceError) as error:
        log.warning("no figures: %s", str(error).partition("\n")[0])
        return JsonResponse({"error": _("The hub is busy with itself; try again in a moment.")}, status=503)
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


def _refusal(request: HttpRequest) -> HttpResponse | None:
    token = settings.HUB_METRICS_TOKEN
    if token:
        given = request.headers.get("Authorization", "").encode()
        if hmac.compare_digest(given, f"Bearer {token}".encode()):
            return None
        refusal = JsonResponse({"error": _("Wrong or missing token.")}, status=401)
        refusal["WWW-Authenticate"] = "Bearer"
        return refusal
    # Behind a proxy on this machine the whole world comes from the loopback address.
    is_near = request.META.get("REMOTE_ADDR") in LOOPBACK
    if is_near and not any(name in request.headers for name in PROXIED):
        return None
    return JsonResponse({"error": _("This is not allowed.")}, status=403)


def own_figures() -> Iterator[Metric]:
    """The hub's own: signs of life, and tasks no worker has taken."""
    seen = GaugeMetricFamily("hub_heartbeat_age_seconds", "Since the last sign of life.", labels=["role"])
    tasks = GaugeMetricFamily("hub_tasks_waiting", "Wake-ups no worker has taken yet.")
    oldest = GaugeMetricFamily("hub_tasks_oldest_seconds", "How long the oldest of them waits.")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT role, extract(epoch FROM now() - max(seen_at)) FROM hub_heartbeat GROUP BY role"
        )
        for role, age in cursor.fetchall():
            seen.add_metric([role], float(age))
        cursor.execute("SELECT count(*), extract(epoch FROM now() - min(lock)) FROM django_q_ormq")
        count, age = cursor.fetchone()
    tasks.add_metric([], count)
    oldest.add_metric([], float(age or 0))
    return iter((seen, tasks, oldest))


SOURCES.append(own_figures)
