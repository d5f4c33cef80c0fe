"""The queue over HTTP, beyond SkyHub's two calls."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from marketplaces.models import Connection
from orders import services
from orders.models import Order, QueueEntry
from tests.orders.make import remote_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def orders(connection: Connection) -> list[str]:
    services.import_orders(connection, [remote_order(f"P{number}") for number in range(3)])
    return list(Order.objects.order_by("id").values_list("code", flat=True))


def call(client: APIClient, path: str, body: Any, status: int = 200) -> Any:
    answer = client.post(f"/queues/orders/{path}", body, format="json")
    assert answer.status_code == status, answer.content
    return answer.json()


def let_time_pass() -> None:
    QueueEntry.objects.filter(hidden_until__isnull=False).update(hidden_until=timezone.now())


def test_a_lease_gives_receipts_beside_unchanged_orders(erp: APIClient, orders: list[str]) -> None:
    answer = call(erp, "lease", {"limit": 2, "hide_seconds": 600})
    assert [one["code"] for one in answer["orders"]] == orders[:2]
    assert list(answer["receipts"]) == orders[:2]
    assert answer["orders"][0] == erp.get(f"/orders/{orders[0]}").json()
    hidden = QueueEntry.objects.filter(hidden_until__gt=timezone.now() + timedelta(seconds=590))
    assert hidden.count() == 2


@pytest.mark.parametrize(
    "body", [{"hide_seconds": 9}, {"hide_seconds": 43_201}, {"limit": 101}, {"limit": 0}]
)
def test_limits_of_a_lease(erp: APIClient, orders: list[str], body: dict[str, int]) -> None:
    assert "error" in call(erp, "lease", body, 422)
    assert not QueueEntry.objects.exclude(offers=0).exists()


def test_a_late_batch_takes_nothing_of_the_second_consumer(erp: APIClient, orders: list[str]) -> None:
    first = call(erp, "lease", {"limit": 3})["receipts"]
    let_time_pass()
    second = call(erp, "lease", {"limit": 2})["receipts"]
    late = {"items": [{"code": code, "receipt": receipt} for code, receipt in first.items()]}
    assert call(erp, "acknowledge", late) == {"unknown": [], "late": sorted(second)}
    in_time = {"items": [{"code": code, "receipt": receipt} for code, receipt in second.items()]}
    assert call(erp, "acknowledge", in_time) == {"unknown": [], "late": []}
    assert erp.get("/queues/orders/summary").json()["hidden"] == 0


def test_the_single_calls_carry_the_receipt_in_a_header(erp: APIClient, orders: list[str]) -> None:
    first = erp.get("/queues/orders")
    let_time_pass()
    second = erp.get("/queues/orders")
    path = f"/queues/orders/{orders[0]}"
    assert erp.delete(path, headers={"X-Hub-Receipt": first["X-Hub-Receipt"]}).status_code == 422
    assert erp.delete(path, headers={"X-Hub-Receipt": second["X-Hub-Receipt"]}).status_code == 204
    assert erp.delete(path, headers={"X-Hub-Receipt": "nonsense"}).status_code == 422
    assert Order.objects.get(code=orders[0]).sync_status == "SYNCED"


def test_extending_takes_codes_or_items(erp: APIClient, orders: list[str]) -> None:
    receipts = call(erp, "lease", {"limit": 2, "hide_seconds": 10})["receipts"]
    items = [{"code": orders[0], "receipt": receipts[orders[0]]}, {"code": orders[2]}]
    assert call(erp, "extend", {"items": items, "hide_seconds": 900})["late"] == [orders[2]]
    call(erp, "extend", {"codes": [orders[1]], "hide_seconds": 900})
    later = timezone.now() + timedelta(seconds=890)
    assert QueueEntry.objects.filter(hidden_until__gt=later).count() == 2
    assert "hide_seconds" in call(erp, "extend", {"codes": orders}, 400)["error"]


def test_failures_park_and_replaying_brings_back(erp: APIClient, orders: list[str]) -> None:
    failure = {"failures": [{"code": orders[0], "reason": "CPF inválido"}, {"code": "Nada-1", "reason": "x"}]}
    for _time in range(5):
        assert call(erp, "failures", failure) == {"unknown": ["Nada-1"], "late": []}
    assert erp.get("/queues/orders/summary").json()["parked"] == 1
    assert erp.get(f"/orders/{orders[0]}").json()["sync_status"] == "ERROR"
    assert [one["code"] for one in call(erp, "lease", {})["orders"]] == orders[1:]
    assert call(erp, "replay", {"codes": [orders[0], "Nada-1"]}) == {"replayed": 1, "unknown": ["Nada-1"]}
    assert [one["code"] for one in call(erp, "lease", {})["orders"]] == orders[:1]


def test_replaying_since_a_day(erp: APIClient, orders: list[str]) -> None:
    call(erp, "acknowledge", {"codes": orders})
    tomorrow = (timezone.localtime() + timedelta(days=1)).date().isoformat()
    assert call(erp, "replay", {"since": tomorrow}) == {"replayed": 0, "unknown": []}
    assert call(erp, "replay", {"since": timezone.localtime().date().isoformat()})["replayed"] == 3
    assert len(call(erp, "lease", {})["orders"]) == 3
    call(erp, "replay", {}, 400)
    call(erp, "replay", {"codes": orders, "since": tomorrow}, 422)
    call(erp, "replay", {"since": "ontem"}, 422)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("failures", {"failures": [{"code": "A"}]}),
        ("failures", {"failures": [{"code": "A", "reason": " "}]}),
        ("failures", {"failures": ["A"]}),
        ("failures", {"failures": [{"reason": "x"}]}),
        ("acknowledge", {"items": [{"code": "A", "receipt": "x"}]}),
        ("acknowledge", {"items": [{"code": "A", "receipt": 5}]}),
        ("acknowledge", {"codes": [{}]}),
        ("extend", {"codes": "A", "hide_seconds": 60}),
        ("replay", {"codes": [None]}),
    ],
)
def test_wrong_values_are_refused_in_a_sentence(erp: APIClient, path: str, body: Any) -> None:
    assert call(erp, path, body, 422)["error"]


def test_the_summary_of_a_queue(erp: APIClient, stranger: APIClient, orders: list[str]) -> None:
    QueueEntry.objects.update(waiting_since=timezone.now() - timedelta(seconds=90))
    answer = erp.get("/queues/orders/summary").json()
    assert (answer["waiting"], answer["hidden"], answer["parked"]) == (3, 0, 0)
    assert 90 <= answer["oldest_age_seconds"] < 100
    assert stranger.get("/queues/orders/summary").json() == {
        "waiting": 0,
        "hidden": 0,
        "parked": 0,
        "oldest_waiting_at": None,
        "oldest_age_seconds": None,
    }


def test_strangers_receive_unknown(erp: APIClient, stranger: APIClient, orders: list[str]) -> None:
    receipts = call(erp, "lease", {})["receipts"]
    items = [{"code": code, "receipt": receipts[code], "reason": "x"} for code in orders]
    expected = {"unknown": sorted(orders), "late": []}
    assert call(stranger, "acknowledge", {"items": items}) == expected
    assert call(stranger, "extend", {"items": items, "hide_seconds": 60}) == expected
    assert call(stranger, "failures", {"failures": items}) == expected
    assert call(stranger, "replay", {"codes": orders}) == {"replayed": 0, "unknown": sorted(orders)}
    assert uuid.UUID(receipts[orders[0]]) == QueueEntry.objects.get(order__code=orders[0]).receipt
