"""The marketplaces' figures for Prometheus (`hub.metrics`)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db import connection as database
from django.utils import timezone
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
)

from marketplaces import incidents, lag, pulse
from marketplaces.models import Incident, Marketplace

RECENT = "5 minutes"


def all_figures() -> Iterator[Metric]:
    """Work, calls and incidents, by marketplace."""
    yield from _work()
    yield from _lag()
    yield from _calls()
    yield from _incidents()


def _work() -> Iterator[Metric]:
    due = GaugeMetricFamily("hub_due_rows", "Values that wait to be sent.", labels=["marketplace", "facet"])
    oldest = GaugeMetricFamily(
        "hub_oldest_due_seconds", "How long the oldest of them waits.", labels=["marketplace", "facet"]
    )
    lanes = GaugeMetricFamily("hub_lanes", "Lanes by what they are at.", labels=["marketplace", "state"])
    failures = GaugeMetricFamily(
        "hub_lane_failures", "Failures in a row, of all lanes together.", labels=["marketplace"]
    )
    for key, work in pulse.work().items():
        for facet, count in work.due.items():
            due.add_metric([key, facet], count)
            oldest.add_metric([key, facet], work.oldest_due[facet])
        for state in pulse.LANE_STATES:
            lanes.add_metric([key, state], work.lanes[state])
        failures.add_metric([key], work.failures)
    yield from (due, oldest, lanes, failures)


def _lag() -> Iterator[Metric]:
    seconds = GaugeMetricFamily(
        "hub_confirm_seconds",
        "From a value's arrival to the marketplace's confirmation, of this hour and the one before.",
        labels=["marketplace", "facet", "quantile"],
    )
    since = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    for (key, facet), spread in lag.by_marketplace(since).items():
        for quantile, value in (("0.5", spread.p50), ("0.95", spread.p95), ("1", spread.longest)):
            if value is not None:
                seconds.add_metric([key, facet, quantile], value)
    yield seconds


_RECENT = """
SELECT c.marketplace_id, CASE WHEN e.status = 0 THEN 'none' WHEN e.status < 400 THEN 'ok'
    WHEN e.status < 500 THEN 'refused' ELSE 'failed' END, count(*)
FROM marketplaces_exchange e JOIN marketplaces_connection c ON c.id = e.connection_id
WHERE e.started_at > now() - %s::interval GROUP BY 1, 2
"""


def _calls() -> Iterator[Metric]:
    recent = GaugeMetricFamily(
        "hub_recent_calls",
        "Calls to the marketplace within the last five minutes.",
        labels=["marketplace", "answer"],
    )
    accounts = GaugeMetricFamily(
        "hub_accounts",
        "Accounts that called lately, and those without answers.",
        labels=["marketplace", "state"],
    )
    with database.cursor() as cursor:
        cursor.execute(_RECENT, [RECENT])
        for key, answer, count in cursor.fetchall():
            recent.add_metric([key, answer], count)
    for key, calls in pulse.calls(timezone.now(), incidents.rule("seconds")).items():
        accounts.add_metric([key, "calling"], calls.calling)
        accounts.add_metric([key, "failing"], calls.failing)
    yield from (recent, accounts)


def _incidents() -> Iterator[Metric]:
    is_open = GaugeMetricFamily("hub_incident_open", "1 while an incident is open.", labels=["marketplace"])
    seconds = GaugeMetricFamily(
        "hub_incident_seconds", "How long the marketplace has been away.", labels=["marketplace"]
    )
    paused = GaugeMetricFamily("hub_marketplace_paused", "1 while no lane runs.", labels=["marketplace"])
    total = CounterMetricFamily("hub_incidents", "Incidents there have been.", labels=["marketplace"])
    now = timezone.now()
    open_now = {one.marketplace_id: one for one in Incident.objects.open()}
    with database.cursor() as cursor:
        cursor.execute("SELECT marketplace_id, count(*) FROM marketplaces_incident GROUP BY 1")
        ever = dict(cursor.fetchall())
    for marketplace in Marketplace.objects.all():
        incident = open_now.get(marketplace.key)
        is_open.add_metric([marketplace.key], int(incident is not None))
        if incident is not None:
            seconds.add_metric([marketplace.key], incident.duration.total_seconds())
        is_paused = marketplace.paused_until is not None and marketplace.paused_until > now
        paused.add_metric([marketplace.key], int(is_paused))
        total.add_metric([marketplace.key], ever.get(marketplace.key, 0))
    yield from (is_open, seconds, paused, total)
