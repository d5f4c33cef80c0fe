"""The webhooks' door: a checked hint lets a lane look sooner, and nothing else happens."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from marketplaces.models import Connection, Lane
from marketplaces.simulators.sandbox import SandboxSimulator
from marketplaces.simulators.sandbox.webhooks import sign
from orders.models import Order
from tests.marketplaces.shop import FAST, Shop, open_shop

pytestmark = pytest.mark.django_db
LATER = timedelta(hours=1)


@pytest.fixture
def sandbox() -> Iterator[SandboxSimulator]:
    with SandboxSimulator(settings=FAST) as simulator:
        yield simulator


@pytest.fixture
def shop(sandbox: SandboxSimulator, db: None) -> Shop:
    shop = open_shop(sandbox, "Ana")
    Lane.objects.update(run_at=timezone.now() + LATER)
    return shop


def ring(shop: Shop, event: str = "order.created", **changes: Any) -> Any:
    """Call the door as the sandbox does; `changes` spoil something."""
    body = changes.get("body", json.dumps({"event": event, "ids": ["SBX-P1"]}).encode())
    secret = changes.get("secret", shop.account["webhook_secret"])
    signature = changes.get("signature", sign(secret, int(time.time()), body))
    return Client().post(
        f"/hooks/{changes.get('public_id', shop.connection.public_id)}",
        body,
        content_type="application/json",
        headers={"X-Sandbox-Signature": signature},
    )


def awake(shop: Shop) -> set[str]:
    due = Lane.objects.filter(connection=shop.connection, run_at__lte=timezone.now())
    return set(due.values_list("kind", flat=True))


@pytest.mark.parametrize(
    ("event", "lanes"),
    [
        ("order.created", {"orders"}),
        ("order.changed", {"orders"}),
        ("listing.changed", {"observe"}),
        ("something.new", set()),
    ],
)
def test_a_hint_wakes_the_lane_it_is_about(shop: Shop, event: str, lanes: set[str]) -> None:
    answer = ring(shop, event)
    assert answer.status_code == 200
    assert awake(shop) == lanes
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"secret": "whsec_guess"}, 401),
        ({"signature": ""}, 401),
        ({"signature": "t=1,v1=00"}, 401),
        ({"body": b"no json"}, 400),
        ({"body": b"[]"}, 400),
        ({"body": b"x" * 300_000}, 413),
        ({"public_id": uuid.uuid4()}, 404),
        ({"public_id": "no-uuid"}, 404),
    ],
)
def test_what_is_wrong_is_refused_and_wakes_nobody(shop: Shop, changes: dict[str, Any], status: int) -> None:
    answer = ring(shop, **changes)
    assert answer.status_code == status
    assert isinstance(answer.json()["error"], str)
    assert awake(shop) == set()


def test_a_stranger_s_secret_does_not_open_the_door(shop: Shop, sandbox: SandboxSimulator) -> None:
    stranger = sandbox.create_account("Beto")
    assert ring(shop, secret=stranger["webhook_secret"]).status_code == 401


def test_a_paused_connection_answers_so_that_the_marketplace_goes_on_calling(shop: Shop) -> None:
    Connection.objects.update(status="paused")
    assert ring(shop).status_code == 200


@pytest.mark.parametrize("length", ["²", "x", "-1", "9" * 5000], ids=len)
def test_a_length_that_is_no_number_is_refused(shop: Shop, length: str) -> None:
    answer = Client().post(
        f"/hooks/{shop.connection.public_id}", b"{}", content_type="application/json", CONTENT_LENGTH=length
    )
    assert answer.status_code in (400, 413)


def test_only_post_rings(shop: Shop) -> None:
    assert Client().get(f"/hooks/{shop.connection.public_id}").status_code == 405


def test_the_door_needs_no_csrf_token(shop: Shop) -> None:
    body = json.dumps({"event": "order.created", "ids": []}).encode()
    answer = Client(enforce_csrf_checks=True).post(
        f"/hooks/{shop.connection.public_id}",
        body,
        content_type="application/json",
        headers={"X-Sandbox-Signature": sign(shop.account["webhook_secret"], int(time.time()), body)},
    )
    assert answer.status_code == 200
