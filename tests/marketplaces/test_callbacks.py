"""Webhooks to the ERP: signed, in order, repeated until taken, and never lost with the worker."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from unittest import mock
from urllib.parse import quote

import pytest
from django.core.management import call_command
from django.db import connection as database
from django.db import transaction
from django.utils import timezone
from django_q.models import OrmQ

from hub.models import Seller
from hub.refusals import Refusal
from marketplaces import engine, states
from marketplaces.callbacks import deliver, services
from marketplaces.callbacks.models import Event
from marketplaces.contract import Facet, IssueKind
from marketplaces.contract import Issue as Said
from marketplaces.models import Connection, Delivery, Issue, Lane, Subscription
from orders import queue
from orders import services as order_services
from orders.models import Order
from tests import make
from tests.marketplaces.shop import Shop
from tests.orders import make as orders
from tests.processes import PROJECT
from tests.receiver import Receiver, listening

pytestmark = pytest.mark.django_db
EVERYTHING = list(services.SUBSCRIBABLE)


@pytest.fixture
def erp() -> Iterator[Receiver]:
    with listening() as receiver:
        yield receiver


@pytest.fixture
def ana(db: None) -> Seller:
    return make.make_seller("Ana")


@pytest.fixture
def hook(ana: Seller, erp: Receiver) -> Subscription:
    return services.subscribe(ana, url=erp.url, events=EVERYTHING)[0]


class Clock:
    """What timezone.now answers."""

    def __init__(self) -> None:
        self.at = timezone.now()

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock()
    with mock.patch("django.utils.timezone.now", clock):
        yield clock


def tell(seller: Seller, *codes: str, event: Event = Event.ORDER_CREATED) -> None:
    services.announce(seller.pk, event, [{"code": code} for code in codes])


def turn() -> int:
    """What dispatcher and worker do."""
    due = Subscription.objects.due(timezone.now()).values_list("pk", flat=True)
    return deliver.run(list(due))


def codes(erp: Receiver) -> list[str]:
    return [one.told["data"]["code"] for one in erp.heard]


def test_a_call_says_what_happened_and_is_signed(ana: Seller, erp: Receiver) -> None:
    _hook, secret = services.subscribe(ana, url=f"{erp.url}/?from=hub", events=["order.created"])
    tell(ana, "Lojas São-1")
    assert turn() == 1
    (heard,) = erp.heard
    delivery = Delivery.objects.get()
    assert heard.path == "/hub/?from=hub"
    assert heard.is_signed_with(secret)
    assert not heard.is_signed_with(secret + "x")
    assert heard.headers["X-Hub-Event"] == "order.created"
    assert heard.headers["Content-Type"] == "application/json"
    assert heard.headers["X-Hub-Delivery"] == str(delivery.public_id)
    told = heard.told
    assert datetime.fromisoformat(told.pop("at")) - delivery.created_at < timedelta(seconds=1)
    assert told == {
        "event": "order.created",
        "id": str(delivery.public_id),
        "seller": ana.pk,
        "data": {"code": "Lojas São-1"},
    }
    assert (delivery.state, delivery.attempts, delivery.status, delivery.answer) == (
        "delivered",
        1,
        200,
        "ok",
    )
    assert turn() == 0


def test_only_who_asked_hears(ana: Seller, hook: Subscription, erp: Receiver) -> None:
    services.subscribe(ana, url=erp.url, events=["issue.opened"])
    off, _secret = services.subscribe(ana, url=erp.url, events=EVERYTHING, is_active=False)
    services.subscribe(make.make_seller("Beto"), url=erp.url, events=EVERYTHING)
    tell(ana, "A")
    assert list(Delivery.objects.values_list("subscription", flat=True)) == [hook.pk]
    assert off.pk != hook.pk


def test_announcing_is_one_statement_however_many(
    ana: Seller, hook: Subscription, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        tell(ana, *(str(number) for number in range(1000)))
    assert Delivery.objects.count() == 1000
    with django_assert_num_queries(1):
        tell(Seller(pk=0), "A")


def test_what_is_rolled_back_is_not_told(ana: Seller, hook: Subscription, erp: Receiver) -> None:
    with transaction.atomic():
        tell(ana, "A")
        transaction.set_rollback(True)
    assert turn() == 0


def test_while_the_erp_is_away_everything_waits_in_order(
    ana: Seller, hook: Subscription, erp: Receiver, clock: Clock
) -> None:
    tell(ana, "A", "B")
    erp.statuses = [503, 429, 401, 502]
    for pause in (0, 10, 60, 300):
        clock.at += timedelta(seconds=pause - 1)
        assert pause == 0 or turn() == 0
        clock.at += timedelta(seconds=1)
        assert turn() == 1
    hook.refresh_from_db()
    assert (hook.failures, Delivery.objects.first().attempts) == (4, 0)
    tell(ana, "C")
    clock.at += timedelta(minutes=30)
    assert turn() == 3
    assert codes(erp) == ["A", "A", "A", "A", "A", "B", "C"]
    assert len(set(erp.ids)) == 3
    hook.refresh_from_db()
    assert (hook.failures, hook.failing_since) == (0, None)


def test_an_erp_that_asks_for_a_pause_gets_it(
    ana: Seller, hook: Subscription, erp: Receiver, clock: Clock
) -> None:
    tell(ana, "A")
    erp.statuses, erp.headers = [429], {"Retry-After": "3600"}
    turn()
    clock.at += timedelta(minutes=59)
    assert turn() == 0
    clock.at += timedelta(minutes=1)
    assert turn() == 1


@pytest.mark.parametrize("said", ["inf", "1e300", "4102444800"])
def test_an_erp_that_asks_for_an_eternity_is_called_again_within_the_hour(
    ana: Seller, hook: Subscription, erp: Receiver, clock: Clock, said: str
) -> None:
    tell(ana, "A")
    erp.statuses, erp.headers = [429], {"Retry-After": said}
    assert turn() == 1
    assert Delivery.objects.get().status == 429
    clock.at += timedelta(hours=1)
    assert turn() == 1
    assert Delivery.objects.get().state == "delivered"


@pytest.mark.parametrize("address", ["http://[::1/hub", "http://[v1.x]/hub", "https://erp.example:port/hub"])
def test_an_address_no_library_can_take_apart_fails_alone(
    ana: Seller, hook: Subscription, erp: Receiver, address: str
) -> None:
    odd, _secret = services.subscribe(make.make_seller("Bia"), url=erp.url, events=EVERYTHING)
    Subscription.objects.filter(pk=odd.pk).update(url=address)
    tell(odd.seller, "ODD")
    tell(ana, "A")
    erp.before_answer = lambda: time.sleep(0.2)

    assert turn() == 2

    assert Delivery.objects.get(subscription=hook).state == "delivered"
    failed = Delivery.objects.get(subscription=odd)
    assert (failed.state, failed.attempts, failed.status) == ("waiting", 1, None)
    assert failed.error
    odd.refresh_from_db()
    assert (odd.failures, odd.lease_until) == (1, None)


def test_an_answer_that_cannot_be_written_down_costs_the_others_nothing(
    ana: Seller, hook: Subscription, erp: Receiver
) -> None:
    odd, _secret = services.subscribe(make.make_seller("Bia"), url=erp.url, events=EVERYTHING)
    tell(odd.seller, "ODD")
    tell(ana, "A", "B")
    with database.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(
            "ALTER TABLE marketplaces_delivery ADD CONSTRAINT unwritable"
            f" CHECK (subscription_id <> {odd.pk} OR attempts = 0)"
        )

    assert turn() == 3

    assert {one.state for one in Delivery.objects.filter(subscription=hook)} == {"delivered"}
    assert Delivery.objects.get(subscription=odd).state == "waiting", "it is called again after its lease"


def test_a_call_the_erp_fails_at_holds_up_the_others_for_three_tries_only(
    ana: Seller, hook: Subscription, erp: Receiver, clock: Clock
) -> None:
    erp.refused = {"POISON"}
    tell(ana, "POISON", "B", "C")
    for pause in (0, 10, 60):
        clock.at += timedelta(seconds=pause)
        turn()
    assert codes(erp)[:5] == ["POISON", "POISON", "POISON", "B", "POISON"]
    assert codes(erp)[5:] == ["C"], "once more, as the ERP took something again; then on its own"
    hook.refresh_from_db()
    assert (hook.failures, hook.failing_since) == (0, None)
    tell(ana, "D")
    assert turn() == 1, "what is new does not wait for it"
    erp.refused = set()
    clock.at += timedelta(minutes=30)
    assert turn() == 1
    assert codes(erp)[-2:] == ["D", "POISON"]
    assert set(Delivery.objects.values_list("state", "run_at")) == {("delivered", None)}


def test_several_calls_the_erp_fails_at_do_not_hold_up_each_other(
    ana: Seller, hook: Subscription, erp: Receiver, clock: Clock
) -> None:
    erp.refused = {"A", "B", "C"}
    tell(ana, "A", "B", "C", "GOOD")
    for _turn in range(12):
        clock.at += timedelta(minutes=1)
        turn()
    assert "GOOD" in codes(erp)
    assert Delivery.objects.filter(state="waiting", run_at__isnull=False).count() == 3


@pytest.mark.parametrize("status", [400, 409, 413, 415, 422])
def test_a_refused_call_steps_aside_at_once_and_is_repeated_all_the_same(
    ana: Seller, hook: Subscription, erp: Receiver, clock: Clock, status: int
) -> None:
    erp.refused, erp.refusal = {"A"}, status
    tell(ana, "A", "B")
    turn()
    assert codes(erp)[:2] == ["A", "B"]
    erp.refused = set()
    clock.at += timedelta(minutes=1)
    turn()
    assert codes(erp)[-1] == "A"
    assert Delivery.objects.filter(state="delivered").count() == 2


def test_a_refused_call_is_given_up_after_three_days(
    ana: Seller, hook: Subscription, erp: Receiver, clock: Clock
) -> None:
    erp.refused = {"A"}
    tell(ana, "A")
    started = clock.at
    while Delivery.objects.filter(state="waiting").exists():
        clock.at += timedelta(minutes=10)
        turn()
        assert clock.at - started < timedelta(days=4)
    assert len(erp.heard) == 13
    assert Delivery.objects.get().state == "given_up"


def test_an_address_that_is_gone_is_not_called_any_more(
    ana: Seller, hook: Subscription, erp: Receiver, clock: Clock
) -> None:
    tell(ana, "A", "B")
    erp.statuses = [410]
    assert turn() == 1
    hook.refresh_from_db()
    assert not hook.is_active
    clock.at += timedelta(days=1)
    assert turn() == 0
    services.change(hook, is_active=True)
    assert turn() == 2
    assert codes(erp) == ["A", "A", "B"]


def test_a_skipped_call_lets_the_next_one_go_at_once(
    ana: Seller, hook: Subscription, erp: Receiver, clock: Clock
) -> None:
    tell(ana, "A", "B")
    erp.statuses = [503]
    turn()
    first = Delivery.objects.order_by("id")[0]
    services.skip(first)
    assert turn() == 1
    assert codes(erp) == ["A", "B"]
    first.refresh_from_db()
    assert (first.state, first.status) == ("skipped", 503)
    with pytest.raises(Refusal):
        services.skip(first)
    services.replay(first)
    turn()
    assert codes(erp) == ["A", "B", "A"]


def test_a_call_skipped_while_it_is_made_does_not_hold_up_the_next(
    ana: Seller, hook: Subscription, erp: Receiver
) -> None:
    tell(ana, "A", "B")
    first = Delivery.objects.order_by("id")[0]
    token = uuid.uuid4()
    Subscription.objects.update(lease_token=token, lease_until=timezone.now())
    services.skip(first)
    assert deliver.record(hook, first, deliver.Result(503, "", "", 1), token)
    first.refresh_from_db()
    assert (first.state, first.attempts) == ("skipped", 0)


def test_the_pauses_of_three_days() -> None:
    pauses = [deliver.pause_after(failures).total_seconds() for failures in range(1, 9)]
    assert pauses == [10, 60, 300, 1800, 7200, 21_600, 43_200, 43_200]


def test_after_three_days_it_is_given_up_with_all_that_waited_as_long(
    ana: Seller, hook: Subscription, erp: Receiver, clock: Clock
) -> None:
    tell(ana, "A", "B")
    started = clock.at
    erp.statuses = [503] * 50
    tries = 0
    while Delivery.objects.filter(state="waiting").exists():
        hook.refresh_from_db()
        clock.at = max(clock.at, hook.run_at)
        tries += turn()
        assert clock.at - started < timedelta(days=4)
    assert clock.at - started == timedelta(days=3)
    assert tries == len(erp.heard) == 13
    assert set(codes(erp)) == {"A"}
    assert list(Delivery.objects.order_by("id").values_list("state", "attempts")) == [
        ("given_up", 13),
        ("given_up", 0),
    ]
    tell(ana, "C")
    erp.statuses = []
    clock.at += timedelta(hours=12)
    assert turn() == 1
    assert codes(erp)[-1] == "C"


def test_a_dead_erp_holds_up_no_other(ana: Seller, hook: Subscription, erp: Receiver) -> None:
    release = threading.Event()
    with listening() as stuck:
        stuck.before_answer = lambda: release.wait(20)
        services.subscribe(make.make_seller("Beto"), url=stuck.url, events=EVERYTHING)
        tell(Subscription.objects.last().seller, "X")
        tell(ana, *(str(number) for number in range(20)))
        arrived: list[float] = []
        erp.before_answer = lambda: (arrived.append(time.monotonic()), len(arrived) == 20 and release.set())
        assert turn() == 21
    assert len(arrived) == 20


def test_a_slow_answer_ends_at_the_deadline(
    ana: Seller, hook: Subscription, erp: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "DEADLINE", 0.3)
    erp.before_answer = lambda: time.sleep(1)
    tell(ana, "A")
    assert turn() == 1
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.status) == ("waiting", None)
    assert "Timeout" in delivery.error
    assert 250 <= (delivery.milliseconds or 0) < 1000


def test_nobody_listening_is_a_failure_in_words(ana: Seller, hook: Subscription) -> None:
    services.change(hook, url="http://127.0.0.1:9/hub")
    tell(ana, "A")
    assert turn() == 1
    assert Delivery.objects.get().error


def test_private_addresses_are_refused_when_the_setting_is_off(
    ana: Seller, hook: Subscription, erp: Receiver, settings: Any
) -> None:
    tell(ana, "A")
    settings.HUB_ALLOW_PRIVATE_ADDRESSES = False
    assert turn() == 1
    assert erp.heard == []
    assert "private" in Delivery.objects.get().error
    with pytest.raises(Refusal):
        services.subscribe(ana, url="http://erp.example.com/hub", events=EVERYTHING)
    assert services.subscribe(ana, url="https://erp.example.com/hub", events=EVERYTHING)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "erp.example.com",
        "ftp://erp.example.com",
        "https://",
        "https://a:b@c/",
        "https://:b@c/",
        "https://x:99999/",
    ],
)
def test_addresses_that_cannot_be_called_are_refused(ana: Seller, url: str) -> None:
    with pytest.raises(Refusal):
        services.subscribe(ana, url=url, events=EVERYTHING)


def test_the_secret_is_stored_sealed_and_cut_from_answers(ana: Seller, erp: Receiver) -> None:
    _hook, secret = services.subscribe(ana, url=erp.url, events=EVERYTHING)
    with database.cursor() as cursor:
        cursor.execute("SELECT s::text FROM marketplaces_subscription s")
        assert secret not in cursor.fetchone()[0]
    erp.answer = f"your secret is {secret}".encode()
    tell(ana, "A")
    turn()
    assert secret not in Delivery.objects.get().answer
    assert Subscription.objects.get().secrets(timezone.now()) == [secret]


def test_for_a_day_after_a_new_secret_calls_are_signed_with_both(
    ana: Seller, hook: Subscription, erp: Receiver, clock: Clock
) -> None:
    (old,) = hook.secrets(clock.at)
    new, old_until = services.rotate_secret(hook)
    assert old_until == clock.at + timedelta(days=1)
    erp.answer = f"{old} {new}".encode()
    tell(ana, "A")
    turn()
    assert [erp.heard[0].is_signed_with(one) for one in (old, new)] == [True, True]
    assert Delivery.objects.get().answer == "*** ***"
    clock.at += timedelta(days=1)
    tell(ana, "B")
    turn()
    assert [erp.heard[1].is_signed_with(one) for one in (old, new)] == [False, True]


def test_of_three_secrets_the_last_two_are_valid(ana: Seller) -> None:
    hook, _first = services.subscribe(ana, url="https://erp.example.com", events=EVERYTHING)
    second, third = (services.rotate_secret(hook)[0] for _time in range(2))
    hook.refresh_from_db()
    assert hook.secrets(timezone.now()) == [third, second]


def test_the_secret_moves_to_a_new_key(ana: Seller, settings: Any) -> None:
    hook, secret = services.subscribe(ana, url="https://erp.example.com", events=EVERYTHING)
    new = base64.urlsafe_b64encode(os.urandom(32)).decode()
    settings.CREDENTIAL_KEYS = [new, *settings.CREDENTIAL_KEYS]
    newer, _until = services.rotate_secret(hook)
    call_command("rotate_keys")
    settings.CREDENTIAL_KEYS = [new]
    assert Subscription.objects.get().secrets(timezone.now()) == [newer, secret]


def test_without_its_key_nothing_is_sent_and_the_reason_is_kept(
    ana: Seller, hook: Subscription, erp: Receiver, settings: Any
) -> None:
    tell(ana, "A")
    settings.CREDENTIAL_KEYS = [base64.urlsafe_b64encode(os.urandom(32)).decode()]
    assert turn() == 0
    delivery = Delivery.objects.get()
    assert (erp.heard, delivery.state, delivery.attempts) == ([], "waiting", 1)
    assert "HUB_CREDENTIAL_KEYS" in delivery.error


def test_a_test_call_waits_for_nothing_and_is_tried_once(
    ana: Seller, hook: Subscription, erp: Receiver, clock: Clock
) -> None:
    tell(ana, "A")
    erp.statuses = [500, 500]
    turn()
    ping = services.ping(hook)
    turn()
    ping.refresh_from_db()
    assert (ping.state, ping.attempts, ping.status) == ("given_up", 1, 500)
    assert turn() == 0, "a failed test must not repeat what rests"
    services.ping(hook)
    turn()
    assert erp.events == ["order.created", "ping", "ping", "order.created"]


def test_a_call_is_made_again_on_demand_under_the_same_id(
    ana: Seller, hook: Subscription, erp: Receiver, clock: Clock
) -> None:
    tell(ana, "A", "B")
    turn()
    clock.at += timedelta(days=30)
    services.replay(Delivery.objects.order_by("id")[0])
    erp.statuses = [500]
    turn()
    assert Delivery.objects.order_by("id")[0].state == "waiting", "the three days begin anew"
    clock.at += timedelta(seconds=10)
    turn()
    assert erp.ids[0] == erp.ids[2] == erp.ids[3]
    assert Delivery.objects.filter(state="delivered").count() == 2


def test_a_changed_address_is_tried_at_once(ana: Seller, hook: Subscription, erp: Receiver) -> None:
    services.change(hook, url="http://127.0.0.1:9/")
    tell(ana, "A")
    turn()
    services.change(hook, url=erp.url)
    assert turn() == 1
    assert codes(erp) == ["A"]


def test_a_paused_webhook_is_not_called_and_hears_nothing_new(
    ana: Seller, hook: Subscription, erp: Receiver
) -> None:
    tell(ana, "A")
    services.change(hook, is_active=False)
    tell(ana, "B")
    assert turn() == 0
    services.change(hook, is_active=True)
    turn()
    assert codes(erp) == ["A"]
    services.change(hook, is_active=False)
    with pytest.raises(Refusal):
        services.ping(hook)


def test_the_dispatcher_asks_once_for_what_is_due(ana: Seller, hook: Subscription, erp: Receiver) -> None:
    tell(ana, "A")
    assert engine.dispatch(timezone.now()) == 1
    assert engine.dispatch(timezone.now()) == 0
    assert OrmQ.objects.count() == 1
    assert OrmQ.objects.get().func() == "marketplaces.tasks.deliver"
    OrmQ.objects.all().delete()
    assert engine.dispatch(timezone.now() + timedelta(seconds=16)) == 1, "a lost task is asked for again"


def test_old_calls_are_forgotten_and_waiting_ones_never(
    ana: Seller, hook: Subscription, erp: Receiver
) -> None:
    tell(ana, "A")
    turn()
    tell(ana, "B")
    Delivery.objects.update(created_at=timezone.now() - timedelta(days=400))
    assert deliver.forget_old(timezone.now() - timedelta(days=14)) == 1
    assert Delivery.objects.get().data == {"code": "B"}


# --- what is told ----------------------------------------------------------------------------------


def told(event: str) -> list[Any]:
    return list(Delivery.objects.filter(event=event).order_by("id").values_list("data", flat=True))


def test_orders_are_told_when_they_come_change_and_are_parked(ana: Seller, hook: Subscription) -> None:
    account = orders.make_connection(ana)
    order_services.import_orders(account, [orders.remote_order("A"), orders.remote_order("B")])
    order_services.import_orders(account, [orders.remote_order("A", "APPROVED", minutes=1)])
    order_services.import_orders(account, [orders.remote_order("A", "APPROVED", minutes=2)])
    first = Order.objects.get(remote_id="A")
    order_services.invoice(ana, first.code, invoice=orders.invoice_note())
    for _time in range(5):
        queue.fail(ana, first.code, reason="CPF 787.323.716-83 inválido")
    assert [one["code"][-1] for one in told("order.created")] == ["A", "B"]
    assert [one["status_type"] for one in told("order.changed")] == ["APPROVED", "INVOICED"]
    (parked,) = told("order.parked")
    assert parked == {
        "code": first.code,
        "channel": "Lojas Sandbox",
        "status": "order_invoiced",
        "status_type": "INVOICED",
    }
    everything = str(list(Delivery.objects.values_list("data", flat=True)))
    assert "Bia" not in everything
    assert "787" not in everything
    queue.replay(ana, [first.code])
    assert len(told("order.changed")) == 3


def test_a_finished_load_is_told_once_with_its_counts(shop: Shop, erp: Receiver) -> None:
    services.subscribe(shop.seller, url=erp.url, events=["load.finished", "issue.opened", "issue.closed"])
    shop.sell("GOOD")
    shop.sell("BAD", ean="")
    shop.connect()
    states.finish_loads(shop.connection.pk)
    assert told("load.finished") == [
        {
            "number": 1,
            "connection": "Sandbox",
            "action": "connect",
            "total": 2,
            "items": {"done": 1, "error": 1},
        }
    ]
    opened = [one for part in told("issue.opened") for one in part["issues"]]
    assert {one["sku"] for one in opened} == {"BAD"}
    assert opened[0]["connection"] == "Sandbox"
    shop.send_again("BAD")
    closed = [one for part in told("issue.closed") for one in part["issues"]]
    assert [(one["sku"], one["because"]) for one in closed] == [("BAD", "resent")]
    assert len([one for part in told("issue.opened") for one in part["issues"]]) == 2
    states.open_issues(
        shop.seller.pk,
        shop.connection.pk,
        Facet.CONTENT,
        Issue.Origin.CHECK,
        [states.Refusal(shop.listing("BAD").pk, None, 2, (Said(IssueKind.GTIN_MISSING, field="ean"),))],
    )
    assert len(told("issue.opened")) == 2, "the same cause again is no news"


def test_issues_are_told_in_parts_of_a_hundred(shop: Shop, erp: Receiver) -> None:
    services.subscribe(shop.seller, url=erp.url, events=["issue.opened", "issue.closed"])
    for number in range(3):
        shop.sell(f"S{number}")
    shop.connect()
    listings = [shop.listing(f"S{number}").pk for number in range(3)]
    causes = tuple(Said(IssueKind.OTHER, code=f"C{number}") for number in range(50))
    refusals = [states.Refusal(pk, None, 1, causes) for pk in listings]
    with transaction.atomic():
        states.open_issues(
            shop.seller.pk, shop.connection.pk, Facet.STOCK, Issue.Origin.MARKETPLACE, refusals
        )
    assert [len(one["issues"]) for one in told("issue.opened")] == [100, 50]
    states.close_issues(listings, Facet.STOCK, Issue.Closed.ACCEPTED)
    states.close_issues(listings, Facet.STOCK, Issue.Closed.ACCEPTED)
    closed = [one for part in told("issue.closed") for one in part["issues"]]
    assert len(closed) == 150
    assert {one["because"] for one in closed} == {Issue.Closed.ACCEPTED}


def test_a_lost_connection_is_told_once(shop: Shop, erp: Receiver) -> None:
    services.subscribe(shop.seller, url=erp.url, events=["connection.lost"])
    shop.sandbox.revoke(shop.account["account_id"])
    for lane in Lane.objects.filter(connection=shop.connection):
        lane.run_at = timezone.now()
        lane.save(update_fields=["run_at"])
        engine.run(lane.pk)
    shop.connection.refresh_from_db()
    assert shop.connection.status == Connection.Status.NEEDS_CREDENTIALS
    assert told("connection.lost") == [{"connection": "Sandbox", "marketplace": "sandbox"}]


# --- kill -9 ---------------------------------------------------------------------------------------


def address_of_the_database() -> str:
    facts = database.settings_dict
    person = quote(facts["USER"]) + (":" + quote(facts["PASSWORD"]) if facts["PASSWORD"] else "")
    port = f"&port={facts['PORT']}" if facts["PORT"] else ""
    return f"postgresql://{person}@/{quote(facts['NAME'])}?host={quote(facts['HOST'], safe='')}{port}"


def somebody_waits_for_a_lock() -> bool:
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_between_the_answer_and_its_record_leaves_the_call_to_be_made_again(
    erp: Receiver,
) -> None:
    seller = make.make_seller("Ana")
    hook, _secret = services.subscribe(seller, url=erp.url, events=EVERYTHING)
    tell(seller, "A")
    came, go_on = threading.Event(), threading.Event()
    erp.before_answer = lambda: (came.set(), go_on.wait(20))
    command = f"from marketplaces.callbacks import deliver; deliver.run([{hook.pk}])"
    worker = subprocess.Popen(
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", command],
        cwd=PROJECT,
        env={**os.environ, "DATABASE_URL": address_of_the_database()},
    )
    try:
        assert came.wait(30)
        with transaction.atomic():
            # The worker gets its answer, and cannot write it down.
            Subscription.objects.select_for_update().get(pk=hook.pk)
            go_on.set()
            until = time.monotonic() + 20
            while not somebody_waits_for_a_lock():
                assert time.monotonic() < until
                time.sleep(0.02)
            worker.kill()
            worker.wait()
    finally:
        worker.kill()
        worker.wait()
    assert Delivery.objects.get().state == "waiting"
    assert turn() == 0, "the dead worker's lease holds"
    later = timezone.now() + timedelta(seconds=31)
    with mock.patch("django.utils.timezone.now", return_value=later):
        assert turn() == 1
    assert (len(erp.heard), len(set(erp.ids))) == (2, 1)
    assert Delivery.objects.get().state == "delivered"
