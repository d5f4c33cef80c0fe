"""The orders' figures for Prometheus (`hub.metrics`): how full and how old the ERPs' queues are."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection as database
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

_QUEUE = """
SELECT coalesce(c.marketplace_id, ''),
    count(*) FILTER (WHERE q.hidden_until IS NULL OR q.hidden_until <= now()),
    count(*) FILTER (WHERE q.hidden_until > now()), extract(epoch FROM now() - min(q.waiting_since))
FROM orders_queueentry q JOIN orders_order o ON o.id = q.order_id
LEFT JOIN marketplaces_connection c ON c.id = o.connection_id
WHERE q.version > q.acknowledged_version AND q.parked_at IS NULL GROUP BY 1
"""
_PARKED = """
SELECT coalesce(c.marketplace_id, ''), count(*)
FROM orders_queueentry q JOIN orders_order o ON o.id = q.order_id
LEFT JOIN marketplaces_connection c ON c.id = o.connection_id
WHERE q.parked_at IS NOT NULL GROUP BY 1
"""


def all_figures() -> Iterator[Metric]:
    """How full the ERPs' queues are and how old, by the marketplace the orders came from."""
    queue = GaugeMetricFamily(
        "hub_order_queue", "Orders the ERPs have not taken.", labels=["marketplace", "state"]
    )
    oldest = GaugeMetricFamily(
        "hub_order_queue_oldest_seconds", "How long the oldest waits.", labels=["marketplace"]
    )
    with database.cursor() as cursor:
        cursor.execute(_QUEUE)
        for key, waiting, hidden, age in cursor.fetchall():
            queue.add_metric([key, "waiting"], waiting)
            queue.add_metric([key, "hidden"], hidden)
            oldest.add_metric([key], float(age))
        cursor.execute(_PARKED)
        for key, parked in cursor.fetchall():
            queue.add_metric([key, "parked"], parked)
    yield from (queue, oldest)
