"""/webhooks over HTTP: an ERP adds an address, tries it out and reads how the calls went."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from marketplaces.callbacks import deliver, services
from marketplaces.callbacks.models import Event
from marketplaces.models import Delivery, Subscription
from tests import make
from tests.api.erp import Erp
from tests.receiver import Receiver, listening

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as receiver:
        yield receiver


@pytest.fixture
def erp(db: None) -> Erp:
    return Erp(make.make_seller("Ana"))


@pytest.fixture
def stranger(db: None) -> Erp:
    return Erp(make.make_seller("Beto"))


@pytest.fixture
def hook(erp: Erp, receiver: Receiver) -> dict[str, Any]:
    answer = erp.post("/webhooks", {"webhook": {"url": receiver.url, "events": ["order.created"]}})
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def call(hook: dict[str, Any]) -> None:
    deliver.run([Subscription.objects.get(public_id=hook["id"]).pk])


def test_the_secret_is_shown_once(erp: Erp, hook: dict[str, Any]) -> None:
    secret = hook.pop("secret")
    assert len(secret) > 40
    answer = erp.get("/webhooks")
    assert answer.json() == {"webhooks": [hook]}
    assert secret not in answer.content.decode()
    assert (hook["active"], hook["failures"], hook["next_try_at"]) == (True, 0, None)


def test_a_webhook_is_changed_and_deleted(erp: Erp, hook: dict[str, Any]) -> None:
    path = f"/webhooks/{hook['id']}"
    answer = erp.put(path, {"webhook": {"events": ["load.finished"], "active": False}})
    assert answer.status_code == 200
    assert (answer.json()["events"], answer.json()["active"]) == (["load.finished"], False)
    assert answer.json()["url"] == hook["url"]
    assert erp.post(f"{path}/test", None).status_code == 422, "switched off"
    assert erp.delete(path).status_code == 204
    assert erp.get("/webhooks").json() == {"webhooks": []}
    assert erp.put(path, {"active": True}).status_code == 404


def test_a_test_call_is_made_and_read(erp: Erp, hook: dict[str, Any], receiver: Receiver) -> None:
    receiver.statuses, receiver.answer = [503], b"maintenance"
    started = erp.post(f"/webhooks/{hook['id']}/test", None)
    assert (started.status_code, started.json()["state"]) == (202, "waiting")
    call(hook)
    assert receiver.heard[0].is_signed_with(hook["secret"])
    assert receiver.heard[0].told["event"] == "ping"
    (one,) = erp.get(f"/webhooks/{hook['id']}/deliveries").json()["deliveries"]
    assert one["id"] == started.json()["id"] == receiver.ids[0]
    assert (one["event"], one["state"], one["status"], one["answer"], one["attempts"]) == (
        "ping",
        "given_up",
        503,
        "maintenance",
        1,
    )
    assert one["body"] == receiver.heard[0].told


def test_calls_are_walked_filtered_and_replayed(erp: Erp, hook: dict[str, Any], receiver: Receiver) -> None:
    services.announce(erp.seller.pk, Event.ORDER_CREATED, [{"code": f"A-{one}"} for one in range(3)])
    call(hook)
    path = f"/webhooks/{hook['id']}/deliveries"
    first = erp.get(f"{path}?per_page=2").json()
    assert [one["body"]["data"]["code"] for one in first["deliveries"]] == ["A-2", "A-1"]
    rest = erp.get(first["next"].partition("testserver")[2]).json()
    assert [one["body"]["data"]["code"] for one in rest["deliveries"]] == ["A-0"]
    assert erp.get(f"{path}?state=waiting").json()["deliveries"] == []
    assert erp.get(f"{path}?state=nonsense").status_code == 400
    answer = erp.post(f"{path}/{rest['deliveries'][0]['id']}/replay", None)
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    call(hook)
    assert [one.told["data"]["code"] for one in receiver.heard] == ["A-0", "A-1", "A-2", "A-0"]


def test_a_call_that_cannot_be_taken_is_seen_aside_and_skipped(
    erp: Erp, hook: dict[str, Any], receiver: Receiver
) -> None:
    receiver.refused, receiver.refusal = {"A-0"}, 422
    services.announce(erp.seller.pk, Event.ORDER_CREATED, [{"code": "A-0"}, {"code": "A-1"}])
    call(hook)
    path = f"/webhooks/{hook['id']}/deliveries"
    taken, aside = erp.get(path).json()["deliveries"]
    assert (taken["state"], taken["stepped_aside_until"]) == ("delivered", None)
    assert (aside["state"], aside["status"]) == ("waiting", 422)
    assert aside["stepped_aside_until"]
    answer = erp.post(f"{path}/{aside['id']}/skip", None)
    assert (answer.status_code, answer.json()["state"]) == (200, "skipped")
    assert erp.get(f"{path}?state=skipped").json()["deliveries"] == [answer.json()]
    assert erp.post(f"{path}/{aside['id']}/skip", None).status_code == 422


def test_a_new_secret_is_shown_once_and_the_old_one_goes_on_for_a_day(
    erp: Erp, hook: dict[str, Any], receiver: Receiver
) -> None:
    answer = erp.post(f"/webhooks/{hook['id']}/secret", None)
    assert (answer.status_code, sorted(answer.json())) == (200, ["old_secret_until", "secret"])
    new = answer.json()["secret"]
    assert new != hook["secret"]
    assert new not in erp.get("/webhooks").content.decode()
    erp.post(f"/webhooks/{hook['id']}/test", None)
    call(hook)
    assert receiver.heard[0].is_signed_with(new)
    assert receiver.heard[0].is_signed_with(hook["secret"])


def test_a_failing_webhook_says_so(erp: Erp, hook: dict[str, Any], receiver: Receiver) -> None:
    receiver.statuses = [500]
    services.announce(erp.seller.pk, Event.ORDER_CREATED, [{"code": "A-1"}])
    call(hook)
    (shown,) = erp.get("/webhooks").json()["webhooks"]
    assert shown["failures"] == 1
    assert shown["failing_since"]
    assert shown["next_try_at"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"url": "https://erp.example.com"}, 400),
        ({"events": ["order.created"]}, 400),
        ({"url": "erp.example.com", "events": ["order.created"]}, 422),
        ({"url": "file:///etc/passwd", "events": ["order.created"]}, 422),
        ({"url": "https://erp.example.com/\n", "events": ["order.created"], "active": 1}, 422),
        ({"url": "https://erp.example.com/" + "x" * 500, "events": ["order.created"]}, 422),
        ({"url": "https://erp.example.com", "events": ["order.eaten"]}, 422),
        ({"url": "https://erp.example.com", "events": ["ping"]}, 422),
        ({"url": "https://erp.example.com", "events": [{}]}, 422),
        ({"url": "https://erp.example.com", "events": "order.created"}, 422),
        ({"url": 5, "events": ["order.created"]}, 422),
        ({"url": "https://erp.example.com", "events": ["order.created"], "active": "yes"}, 422),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(erp: Erp, body: Any, status: int) -> None:
    answer = erp.post("/webhooks", body)
    assert (answer.status_code, list(answer.json())) == (status, ["error"]), answer.content
    assert not Subscription.objects.exists()


def test_a_seller_keeps_at_most_twenty(erp: Erp) -> None:
    wanted = {"url": "https://erp.example.com/hub", "events": ["order.created"]}
    statuses = [erp.post("/webhooks", wanted).status_code for _one in range(21)]
    assert statuses == [201] * 20 + [422]


def test_a_stranger_reaches_nothing(
    erp: Erp, stranger: Erp, hook: dict[str, Any], receiver: Receiver
) -> None:
    delivery = services.ping(Subscription.objects.get())
    path = f"/webhooks/{hook['id']}"
    replay = f"{path}/deliveries/{delivery.public_id}/replay"
    for answer in (
        stranger.put(path, {"active": False}),
        stranger.delete(path),
        stranger.post(f"{path}/test", None),
        stranger.get(f"{path}/deliveries"),
        stranger.post(replay, None),
        stranger.post(f"{path}/deliveries/{delivery.public_id}/skip", None),
        stranger.post(f"{path}/secret", None),
        erp.post(f"{path}/deliveries/{uuid.uuid4()}/skip", None),
        erp.get(f"/webhooks/{uuid.uuid4()}/deliveries"),
        erp.post(f"{path}/deliveries/{uuid.uuid4()}/replay", None),
        erp.get("/webhooks/nonsense/deliveries"),
    ):
        assert answer.status_code == 404
    assert stranger.get("/webhooks").json() == {"webhooks": []}
    assert Subscription.objects.get().is_active
    assert Delivery.objects.count() == 1
