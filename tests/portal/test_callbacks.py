"""Webhooks on the portal: an owner adds one, everybody sees how it does, operators try and repeat."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from hub.models import Seller
from marketplaces.callbacks import deliver, services
from marketplaces.callbacks.models import Event
from marketplaces.models import Delivery, Subscription
from tests.receiver import Receiver, listening

LIST = reverse("portal:webhooks")
NEW = reverse("portal:webhook_new")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as receiver:
        yield receiver


@pytest.fixture
def hook(shop: Seller, receiver: Receiver) -> Subscription:
    return services.subscribe(shop, url=receiver.url, events=["order.created"])[0]


def page(client: Client, name: str, *args: int) -> str:
    response = client.get(reverse(f"portal:{name}", args=args))
    assert response.status_code == 200
    return response.content.decode()


def tell(hook: Subscription, code: str = "Lojas-1") -> Delivery:
    services.announce(hook.seller_id, Event.ORDER_CREATED, [{"code": code}])
    deliver.run([hook.pk])
    return Delivery.objects.order_by("id").last()


def test_an_owner_adds_a_webhook_and_sees_its_secret_once(ana: Client, receiver: Receiver) -> None:
    assert 'name="events"' in page(ana, "webhook_new")
    values = {"url": receiver.url, "events": ["order.created", "load.finished"], "is_active": "on"}
    shown = ana.post(NEW, values).content.decode()
    hook = Subscription.objects.get()
    assert (hook.events, hook.is_active, hook.created_by.email) == (
        ["order.created", "load.finished"],
        True,
        "ana@example.com",
    )
    (secret,) = hook.secrets(timezone.now())
    assert secret in shown
    for text in (page(ana, "webhooks"), page(ana, "webhook", hook.pk), page(ana, "webhook_edit", hook.pk)):
        assert receiver.url in text
        assert secret not in text


@pytest.mark.parametrize("change", [{"url": "ftp://x"}, {"url": ""}, {"events": []}, {"events": ["ping"]}])
def test_what_cannot_be_is_said_on_the_form(ana: Client, change: dict[str, object]) -> None:
    answer = ana.post(NEW, {"url": "https://erp.example.com", "events": ["order.created"], **change})
    assert answer.status_code == 400
    assert not Subscription.objects.exists()


def test_an_owner_changes_and_deletes_it(ana: Client, hook: Subscription) -> None:
    address = reverse("portal:webhook_edit", args=[hook.pk])
    ana.post(address, {"url": "https://erp.example.com/new", "events": ["issue.opened"]})
    hook.refresh_from_db()
    assert (hook.url, hook.events, hook.is_active) == (
        "https://erp.example.com/new",
        ["issue.opened"],
        False,
    )
    ana.post(reverse("portal:webhook_delete", args=[hook.pk]))
    assert not Subscription.objects.exists()


def test_an_operator_sends_a_test_call_and_sees_the_result(
    oscar: Client, hook: Subscription, receiver: Receiver
) -> None:
    receiver.answer = b'{"hello": "<hub>"}'
    oscar.post(reverse("portal:webhook_test", args=[hook.pk]))
    assert "hx-get" in page(oscar, "webhook", hook.pk)
    deliver.run([hook.pk])
    assert receiver.events == ["ping"]
    log = page(oscar, "webhook_log", hook.pk)
    assert "hx-get" not in log
    assert ">200<" in log
    call = page(oscar, "webhook_call", Delivery.objects.get().pk)
    assert "&lt;hub&gt;" in call
    assert receiver.ids[0] in call


def test_a_failing_webhook_says_so_in_plain_words(
    carla: Client, hook: Subscription, receiver: Receiver
) -> None:
    receiver.statuses = [500]
    tell(hook)
    for text in (page(carla, "webhooks"), page(carla, "webhook", hook.pk)):
        assert '<strong class="text-red-700' in text
        assert re.search(r"\b500\b", text)
    Subscription.objects.update(run_at=timezone.now() - timedelta(seconds=1))
    deliver.run([hook.pk])
    assert '<strong class="text-red-700' not in page(carla, "webhooks")


def test_an_operator_has_a_call_made_again(oscar: Client, hook: Subscription, receiver: Receiver) -> None:
    delivery = tell(hook, "Lojas-77")
    assert "Lojas-77" in page(oscar, "webhook_call", delivery.pk)
    oscar.post(reverse("portal:webhook_replay", args=[delivery.pk]))
    deliver.run([hook.pk])
    assert receiver.ids == [str(delivery.public_id)] * 2


def test_an_operator_skips_a_call_that_cannot_be_taken(
    oscar: Client, hook: Subscription, receiver: Receiver
) -> None:
    receiver.refused, receiver.refusal = {"Lojas-77"}, 422
    delivery = tell(hook, "Lojas-77")
    address = reverse("portal:webhook_skip", args=[delivery.pk])
    for text in (page(oscar, "webhook", hook.pk), page(oscar, "webhook_call", delivery.pk)):
        assert f'"{address}"' in text
    oscar.post(address)
    delivery.refresh_from_db()
    assert delivery.state == "skipped"
    assert f'"{address}"' not in page(oscar, "webhook", hook.pk)
    assert "/calls/" in oscar.get(reverse("portal:webhook", args=[hook.pk]), {"state": "skipped"}).text
    assert "/calls/" not in oscar.get(reverse("portal:webhook", args=[hook.pk]), {"state": "waiting"}).text
    assert oscar.post(address, follow=True).status_code == 200, "too late is said on the page"


def test_an_owner_makes_a_new_secret_and_sees_it_once(ana: Client, hook: Subscription) -> None:
    shown = ana.post(reverse("portal:webhook_secret", args=[hook.pk])).content.decode()
    hook.refresh_from_db()
    new, old = hook.secrets(timezone.now())
    assert new in shown
    for text in (shown, page(ana, "webhook", hook.pk)):
        assert old not in text
    assert new not in page(ana, "webhook", hook.pk)


def test_an_address_that_is_gone_is_said_to_be(ana: Client, hook: Subscription, receiver: Receiver) -> None:
    receiver.statuses = [410]
    tell(hook)
    assert re.search(r"\b410\b", page(ana, "webhooks"))
    hook.refresh_from_db()
    assert not hook.is_active


def test_the_log_has_pages(ana: Client, hook: Subscription) -> None:
    services.announce(hook.seller_id, Event.ORDER_CREATED, [{"code": f"{one}"} for one in range(31)])
    Delivery.objects.update(state="given_up")
    assert page(ana, "webhook", hook.pk).count("/portal/webhooks/calls/") == 60
    second = ana.get(reverse("portal:webhook", args=[hook.pk]), {"page": "2"}).content.decode()
    assert second.count("/portal/webhooks/calls/") == 2


def test_operators_and_viewers_keep_to_their_rights(
    oscar: Client, carla: Client, hook: Subscription, receiver: Receiver
) -> None:
    delivery = tell(hook)
    managing = [
        NEW,
        reverse("portal:webhook_edit", args=[hook.pk]),
        reverse("portal:webhook_delete", args=[hook.pk]),
        reverse("portal:webhook_secret", args=[hook.pk]),
    ]
    operating = [
        reverse("portal:webhook_test", args=[hook.pk]),
        reverse("portal:webhook_replay", args=[delivery.pk]),
        reverse("portal:webhook_skip", args=[delivery.pk]),
    ]
    for client, closed in ((oscar, managing), (carla, managing + operating)):
        shown = page(client, "webhook", hook.pk) + page(client, "webhooks")
        for address in closed:
            assert client.post(address, {"url": receiver.url, "events": "order.created"}).status_code == 403
            assert f'"{address}"' not in shown
    assert (Subscription.objects.count(), Delivery.objects.count()) == (1, 1)


def test_a_stranger_finds_nothing(stranger: Client, hook: Subscription, receiver: Receiver) -> None:
    delivery = tell(hook)
    assert receiver.url not in page(stranger, "webhooks")
    for name, pk in (("webhook", hook.pk), ("webhook_log", hook.pk), ("webhook_call", delivery.pk)):
        assert stranger.get(reverse(f"portal:{name}", args=[pk])).status_code == 404
    for name, pk in (
        ("webhook_edit", hook.pk),
        ("webhook_delete", hook.pk),
        ("webhook_test", hook.pk),
        ("webhook_replay", delivery.pk),
        ("webhook_skip", delivery.pk),
        ("webhook_secret", hook.pk),
    ):
        assert stranger.post(reverse(f"portal:{name}", args=[pk])).status_code == 404
    assert Delivery.objects.get().state == "delivered"
