"""The figures for Prometheus: true to the database, by marketplace, for who may read them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from hub import metrics
from hub.models import Heartbeat
from marketplaces import engine
from marketplaces.models import Incident, Lane, Sync
from marketplaces.simulators.sandbox import SandboxSimulator
from orders import services
from orders.models import QueueEntry
from tests.marketplaces.shop import FAST, Shop, open_shop, set_qty
from tests.orders.make import remote_order

pytestmark = pytest.mark.django_db(transaction=True)
Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_newest", metrics._Kept())


@pytest.fixture
def sandbox() -> Iterator[SandboxSimulator]:
    with SandboxSimulator(settings=FAST) as simulator:
        yield simulator


@pytest.fixture
def shop(sandbox: SandboxSimulator) -> Shop:
    return open_shop(sandbox, "Ana")


def read() -> Figures:
    """Every figure, as Prometheus itself would read it."""
    text = metrics.page().decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def figure(figures: Figures, name: str, **labels: str) -> float:
    return figures[name, frozenset({"marketplace": "sandbox", **labels}.items())]


def test_what_is_due_and_how_old_it_is(shop: Shop) -> None:
    pan = shop.sell("PAN-1")
    shop.connect()
    set_qty(pan, 3)
    Sync.objects.filter(facet="stock").update(due_at=timezone.now() - timedelta(minutes=2))
    found = read()
    assert figure(found, "hub_due_rows", facet="stock") == 1
    assert 120 <= figure(found, "hub_oldest_due_seconds", facet="stock") < 180


def test_how_long_values_take_to_be_confirmed(shop: Shop) -> None:
    pan = shop.sell("PAN-1")
    shop.connect()
    set_qty(pan, 3)
    Sync.objects.filter(facet="stock").update(received_at=timezone.now() - timedelta(seconds=40))
    shop.settle()
    found = read()
    assert 40 <= figure(found, "hub_confirm_seconds", facet="stock", quantile="1") < 60
    half, most = (
        figure(found, "hub_confirm_seconds", facet="stock", quantile=one) for one in ("0.5", "0.95")
    )
    assert 0 < half <= most < 60


def test_lanes_failures_and_calls(shop: Shop, sandbox: SandboxSimulator) -> None:
    sandbox.add_fault(match="/v1", kind="status", status=503, times=1)
    lane = Lane.objects.get(kind="orders")
    engine.run(lane.pk)
    Lane.objects.filter(kind="stock").update(
        lease_until=timezone.now() + timedelta(minutes=1), lease_token="00000000-0000-4000-8000-000000000000"
    )
    found = read()
    assert figure(found, "hub_lanes", state="backing_off") == 1
    assert figure(found, "hub_lanes", state="running") == 1
    assert figure(found, "hub_lanes", state="ready") == len(Lane.Kind.values) - 2
    assert figure(found, "hub_lane_failures") == 1
    assert figure(found, "hub_recent_calls", answer="failed") == 1
    assert figure(found, "hub_incident_open") == 0


def test_the_age_of_the_erps_queue(shop: Shop) -> None:
    services.import_orders(shop.connection, [remote_order("SBX-1"), remote_order("SBX-2")])
    QueueEntry.objects.update(waiting_since=timezone.now() - timedelta(minutes=1))
    first = QueueEntry.objects.earliest("order_id")
    QueueEntry.objects.filter(pk=first.pk).update(waiting_since=timezone.now() - timedelta(minutes=10))
    found = read()
    assert figure(found, "hub_order_queue", state="waiting") == 2
    assert 600 <= figure(found, "hub_order_queue_oldest_seconds") < 660


def test_incidents_and_signs_of_life(shop: Shop) -> None:
    since = timezone.now() - timedelta(minutes=3)
    Incident.objects.create(marketplace=shop.connection.marketplace, opened_at=since)
    Heartbeat.objects.create(role="workers", host="a", seen_at=timezone.now() - timedelta(seconds=30))
    found = read()
    assert figure(found, "hub_incident_open") == 1
    assert 180 <= figure(found, "hub_incident_seconds") < 240
    assert figure(found, "hub_incidents_total") == 1
    assert 30 <= found["hub_heartbeat_age_seconds", frozenset({("role", "workers")})] < 60


def test_no_figure_tells_a_seller_or_a_secret(shop: Shop) -> None:
    shop.sell("PAN-1")
    shop.connect()
    text = metrics.page().decode()
    for word in ("Ana", "PAN-1", shop.account["api_key"], shop.account["account_id"], "seller"):
        assert word not in text
    labels = {name for _name, pairs in read() for name, _value in pairs}
    assert labels <= {"marketplace", "facet", "quantile", "state", "answer", "role"}


def test_without_a_token_only_this_machine_reads_them(client: Client) -> None:
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="::1").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.7").status_code == 403
    for proxied in ("X-Forwarded-For", "X-Real-IP", "Forwarded"):
        assert client.get("/metrics", headers={proxied: "203.0.113.9"}).status_code == 403


def test_with_a_token_it_is_needed_everywhere(client: Client, settings: Any) -> None:
    settings.HUB_METRICS_TOKEN = "tok-for-prometheus"
    assert client.get("/metrics").status_code == 401
    for wrong in ("tok-for-prometheus", "Bearer tok", "Bearer ", "Bearer çã", "Basic tok-for-prometheus"):
        assert client.get("/metrics", headers={"Authorization": wrong}).status_code == 401
    right = {"Authorization": "Bearer tok-for-prometheus"}
    answer = client.get("/metrics", headers=right, REMOTE_ADDR="10.0.0.7")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")


def test_scraping_cannot_load_the_database(client: Client, django_assert_num_queries: Any) -> None:
    client.get("/metrics")
    with django_assert_num_queries(0):
        for _time in range(20):
            assert client.get("/metrics").status_code == 200
