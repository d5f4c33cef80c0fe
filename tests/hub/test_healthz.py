"""What load balancers hear: this process lives; the whole hub can work, or what is missing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.utils import timezone

from hub import healthz, heartbeat
from hub.broker import PgBroker
from hub.models import Heartbeat
from marketplaces.models import Connection, Marketplace
from tests import make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer and no beat of an earlier test."""
    monkeypatch.setattr(healthz, "_answer", healthz._Kept())
    monkeypatch.setattr(heartbeat, "_last", {})


def seen(role: str, ago: float = 0) -> None:
    Heartbeat.objects.create(role=role, host="a", seen_at=timezone.now() - timedelta(seconds=ago))


def ready(client: Client) -> tuple[int, dict[str, Any]]:
    answer = client.get("/healthz/ready")
    return answer.status_code, answer.json()


@pytest.fixture
def no_database() -> Iterator[None]:
    """The database is somewhere nobody listens."""
    before = dict(connection.settings_dict)
    connections.close_all()
    connection.settings_dict.update(HOST="127.0.0.1", PORT="9")
    yield
    connections.close_all()
    connection.settings_dict.clear()
    connection.settings_dict.update(before)


def test_a_hub_whose_dispatcher_and_workers_were_seen_is_ready(client: Client) -> None:
    seen("dispatcher", 5)
    seen("workers", 59)
    everything = dict.fromkeys(("database", "migrations", "dispatcher", "workers", "lanes"), "ok")
    assert ready(client) == (200, {"status": "ok", "checks": everything})


@pytest.mark.parametrize("role", ["dispatcher", "workers"])
def test_a_dead_dispatcher_or_cluster_is_told(client: Client, role: str) -> None:
    for one in ("dispatcher", "workers"):
        seen(one, 200 if one == role else 0)
    status, told = ready(client)
    assert (status, told["status"]) == (503, "not ready")
    assert told["checks"][role] == "not seen for 200 s"


def test_one_living_machine_of_several_is_enough(client: Client) -> None:
    seen("dispatcher")
    seen("workers")
    Heartbeat.objects.create(role="workers", host="gone", seen_at=timezone.now() - timedelta(hours=3))
    assert ready(client)[0] == 200


def test_a_hub_that_never_started_its_workers_is_not_ready(client: Client) -> None:
    seen("dispatcher")
    status, told = ready(client)
    assert (status, told["checks"]["workers"]) == (503, "never seen")


def lanes_that_were_asked_for(**stamps: Any) -> None:
    """Two accounts' order lanes that a worker should have run two minutes ago."""
    marketplace, _made = Marketplace.objects.get_or_create(key="sandbox", defaults={"name": "Sandbox"})
    ago = timezone.now() - timedelta(seconds=120)
    for name, more in (("A", {}), ("B", stamps)):
        one = Connection.objects.create(seller=make.make_seller(), marketplace=marketplace, name=name)
        one.lanes.create(kind="orders", run_at=ago, queued_at=timezone.now(), **more)


def test_a_hub_whose_workers_live_but_run_no_lane_is_not_ready(client: Client) -> None:
    seen("dispatcher")
    seen("workers")
    lanes_that_were_asked_for()
    status, told = ready(client)
    assert (status, told["checks"]["workers"]) == (503, "ok")
    assert told["checks"]["lanes"] == "none was run; the first has waited for 120 s"


def test_lanes_may_wait_while_others_are_run(client: Client) -> None:
    seen("dispatcher")
    seen("workers")
    lanes_that_were_asked_for(last_error_at=timezone.now() - timedelta(seconds=30))
    assert ready(client)[0] == 200


def test_lanes_of_a_paused_marketplace_wait_as_they_should(client: Client) -> None:
    seen("dispatcher")
    seen("workers")
    lanes_that_were_asked_for()
    Marketplace.objects.update(paused_until=timezone.now() + timedelta(minutes=1))
    assert ready(client)[0] == 200


def test_a_migration_that_waits_is_told(client: Client) -> None:
    seen("dispatcher")
    seen("workers")
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM django_migrations WHERE id = (SELECT id FROM django_migrations"
            " WHERE app = 'hub' ORDER BY name DESC LIMIT 1) RETURNING *"
        )
        row = cursor.fetchone()
        try:
            assert ready(client) == (
                503,
                {"status": "not ready", "checks": {"database": "ok", "migrations": "1 not applied"}},
            )
        finally:
            cursor.execute("INSERT INTO django_migrations VALUES (%s, %s, %s, %s)", row)


def test_without_a_database_it_lives_but_is_not_ready(client: Client, no_database: None) -> None:
    assert ready(client) == (503, {"status": "not ready", "checks": {"database": "away"}})
    alive = client.get("/healthz")
    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})


def test_asking_again_and_again_costs_nothing(client: Client, django_assert_num_queries: Any) -> None:
    seen("dispatcher")
    seen("workers")
    ready(client)
    with django_assert_num_queries(0):
        for _time in range(20):
            assert ready(client)[0] == 200


@pytest.mark.parametrize("address", ["/healthz", "/healthz/ready"])
def test_nothing_but_looking_is_answered(client: Client, address: str) -> None:
    assert client.post(address).status_code == 405


def test_a_cluster_that_asks_for_work_shows_that_it_lives() -> None:
    broker = PgBroker(list_key="test-queue")
    broker.enqueue("task")
    broker.dequeue()
    assert Heartbeat.objects.get().role == "workers"


def test_beats_are_few_and_forget_machines_that_are_gone(django_assert_num_queries: Any) -> None:
    Heartbeat.objects.create(role="workers", host="gone", seen_at=timezone.now() - timedelta(days=2))
    heartbeat.beat(Heartbeat.Role.WORKERS)
    assert Heartbeat.objects.exclude(host="gone").count() == Heartbeat.objects.count() == 1
    with django_assert_num_queries(0):
        for _time in range(50):
            heartbeat.beat(Heartbeat.Role.WORKERS)
    first = Heartbeat.objects.get().seen_at
    heartbeat._last["workers"] = time.monotonic() - 11
    heartbeat.beat(Heartbeat.Role.WORKERS)
    assert Heartbeat.objects.get().seen_at > first
