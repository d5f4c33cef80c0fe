"""A marketplace in trouble: many sellers' failures pause it, a canary brings it back, one seller's do not."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.db.models import F
from django.utils import timezone

from hub.models import User
from marketplaces import engine, incidents, services
from marketplaces.models import Connection, Incident, Lane, Marketplace
from marketplaces.simulators.sandbox import SandboxSimulator
from tests import engine as turns
from tests.make import make_user
from tests.marketplaces.shop import Shop, open_shop, set_qty

pytestmark = pytest.mark.django_db(transaction=True)
NAMES = ("Ana", "Bia", "Caio")


@pytest.fixture(autouse=True)
def rules(settings: Any) -> dict[str, int]:
    """Three accounts of two sellers; the way back takes twenty seconds and a quiet half minute."""
    settings.HUB_INCIDENTS = {**settings.HUB_INCIDENTS, "canary": 10, "ramp": 20, "quiet": 30}
    found: dict[str, int] = settings.HUB_INCIDENTS
    return found


@pytest.fixture
def shops(sandbox: SandboxSimulator) -> list[Shop]:
    return [open_shop(sandbox, name) for name in NAMES]


@pytest.fixture
def staff() -> User:
    return make_user(is_staff=True)


def break_down(sandbox: SandboxSimulator, **fault: Any) -> None:
    sandbox.add_fault(**{"match": "/v1", "kind": "status", "status": 503, "times": 10_000, **fault})


def call(*shops: Shop, kind: str = "orders", times: int = 2) -> None:
    """Let a lane of each shop run so many times, as it would after its back-off."""
    for shop in shops:
        lane = Lane.objects.get(connection=shop.connection, kind=kind)
        for _time in range(times):
            Lane.objects.filter(pk=lane.pk).update(run_at=timezone.now())
            assert engine.run(lane.pk)


def pass_time(count: float) -> None:
    """Everything that happened was so many seconds longer ago, and what is to come is nearer."""
    moments = {
        Incident: ("opened_at", "canary_at", "recovered_at", "closed_at", "paused_until"),
        Marketplace: ("paused_until",),
        Lane: ("run_at", "answered_at", "last_error_at", "failing_since", "canary_until"),
    }
    for model, fields in moments.items():
        model.objects.update(**{field: F(field) - timedelta(seconds=count) for field in fields})  # type: ignore[attr-defined]


def watch(after: float = 0) -> None:
    pass_time(after)
    incidents.watch(timezone.now())


def the_incident() -> Incident:
    return Incident.objects.get()


def the_canary() -> int:
    """The one lane that may run, which then runs."""
    (lane,) = engine.due_lanes(timezone.now())
    assert engine.run(lane)
    return lane


def paused_until() -> Any:
    return Marketplace.objects.get(key="sandbox").paused_until


def test_failures_of_many_sellers_pause_the_marketplace_until_a_canary_comes_back(
    sandbox: SandboxSimulator, shops: list[Shop]
) -> None:
    pan = shops[0].sell("PAN-1")
    shops[0].connect()
    break_down(sandbox)
    call(*shops)
    watch()

    incident = the_incident()
    assert (incident.state, incident.problem) == ("paused", "Unavailable")
    assert (incident.connections, incident.sellers, incident.calling) == (3, 3, 3)
    set_qty(pan, 3)
    Lane.objects.update(run_at=timezone.now())
    assert engine.due_lanes(timezone.now()) == []

    watch(after=11)
    first = the_canary()
    Lane.objects.update(run_at=timezone.now())
    assert engine.due_lanes(timezone.now()) == [], "a canary is one run"
    watch(after=1)
    assert the_incident().state == "paused"
    assert engine.due_lanes(timezone.now()) == [], "and the next one goes out when its time has come"

    sandbox.clear_faults()
    watch(after=10)
    second = the_canary()
    assert second != first
    watch(after=2)
    incident = the_incident()
    assert (incident.state, incident.canaries) == ("recovering", 2)
    assert paused_until() is None

    turns.settle(shops[0].connection, seconds=40)
    assert shops[0].shown("PAN-1")["quantity"] == 3
    watch(after=29 - 20)
    assert the_incident().state == "recovering", "only when it was quiet for a while"
    watch(after=31)
    incident = the_incident()
    assert incident.state == "closed"
    assert 24 <= incident.duration.total_seconds() < 40


def test_sellers_who_press_try_again_meanwhile_do_not_keep_the_marketplace_paused(
    sandbox: SandboxSimulator, shops: list[Shop]
) -> None:
    break_down(sandbox)
    call(*shops)
    watch()
    for shop in shops:
        services.forget_connection_errors(shop.connection)
    assert engine.due_lanes(timezone.now()) == [], "the pause holds"

    sandbox.clear_faults()
    watch(after=11)
    the_canary()
    watch(after=1)
    assert the_incident().state == "recovering"


def test_where_no_account_that_failed_is_left_another_one_finds_out(
    sandbox: SandboxSimulator, shops: list[Shop]
) -> None:
    dora = open_shop(sandbox, "Dora")
    break_down(sandbox)
    call(*shops)
    watch()
    for shop in shops:
        services.set_paused(connection=shop.connection, paused=True)

    watch(after=11)
    assert Lane.objects.get(pk=the_canary()).connection == dora.connection
    watch(after=1)
    assert the_incident().state == "paused"
    sandbox.clear_faults()
    watch(after=11)
    the_canary()
    watch(after=1)
    assert the_incident().state == "recovering"


def test_lanes_come_back_one_after_the_other_and_the_urgent_ones_early(
    sandbox: SandboxSimulator, shops: list[Shop]
) -> None:
    break_down(sandbox)
    call(*shops)
    watch()
    sandbox.clear_faults()
    watch(after=11)
    the_canary()
    Lane.objects.update(run_at=timezone.now() - timedelta(seconds=5))
    then = timezone.now()
    incidents.watch(then)

    waits: dict[str, list[float]] = {}
    for lane in Lane.objects.exclude(pk=the_incident().canary_id):
        waits.setdefault(lane.kind, []).append((lane.run_at - then).total_seconds())
    everything = [wait for each in waits.values() for wait in each]
    assert len(set(everything)) == len(everything), "no two start at the same moment"
    assert all(0 <= wait <= 20 for wait in everything)
    assert max(waits["fulfilment"]) <= 20 / 7
    assert max(waits["stock"]) <= 2 * 20 / 7


def test_one_sellers_accounts_do_not_pause_a_marketplace(
    sandbox: SandboxSimulator, shops: list[Shop], settings: Any
) -> None:
    ana, *others = shops
    for number in (2, 3):
        account = sandbox.create_account(f"Ana {number}")
        services.open_connection(
            seller=ana.seller,
            marketplace=ana.connection.marketplace,
            name=f"Sandbox {number}",
            credentials={"api_key": account["api_key"], "webhook_secret": account["webhook_secret"]},
        )
    call(*others, times=1)
    break_down(sandbox)
    for lane in Lane.objects.filter(connection__seller=ana.seller, kind="orders"):
        for _time in range(2):
            Lane.objects.filter(pk=lane.pk).update(run_at=timezone.now())
            engine.run(lane.pk)

    watch()

    assert Lane.objects.filter(failures=2).count() == 3
    assert not Incident.objects.exists()
    assert paused_until() is None


def test_refused_credentials_of_everybody_do_not_pause_a_marketplace(
    sandbox: SandboxSimulator, shops: list[Shop]
) -> None:
    for shop in shops:
        sandbox.revoke(shop.account["account_id"])
    call(*shops, times=1)
    watch()
    assert Connection.objects.filter(status="needs_credentials").count() == 3
    assert not Incident.objects.exists()


def test_a_minority_does_not_pause_a_marketplace(
    sandbox: SandboxSimulator, shops: list[Shop], rules: dict[str, int]
) -> None:
    rules.update(connections=1, sellers=1)
    call(*shops[1:], times=1)
    break_down(sandbox)
    call(shops[0])
    watch()
    assert not Incident.objects.exists()
    call(shops[1])
    watch()
    assert the_incident().connections == 2


def test_one_failure_each_is_nothing(sandbox: SandboxSimulator, shops: list[Shop]) -> None:
    break_down(sandbox)
    call(*shops, times=1)
    watch()
    assert not Incident.objects.exists()


def test_an_answer_nobody_understands_counts_like_none(sandbox: SandboxSimulator, shops: list[Shop]) -> None:
    break_down(sandbox, kind="html", status=200)
    call(*shops)
    watch()
    assert the_incident().problem == "UnexpectedAnswer"


def test_one_broken_address_beside_others_that_work_pauses_nothing(
    sandbox: SandboxSimulator, shops: list[Shop]
) -> None:
    pans = [shop.sell("PAN-1") for shop in shops]
    for shop in shops:
        shop.connect()
    break_down(sandbox, match="/v1/orders")
    call(*shops)
    for shop, pan in zip(shops, pans, strict=True):
        set_qty(pan, 2)
        call(shop, kind="stock", times=1)
    watch()
    assert not Incident.objects.exists()


def test_a_marketplace_that_comes_and_goes_stays_one_incident(
    sandbox: SandboxSimulator, shops: list[Shop]
) -> None:
    break_down(sandbox)
    call(*shops)
    watch()
    sandbox.clear_faults()
    watch(after=11)
    the_canary()
    watch(after=1)
    assert the_incident().state == "recovering"
    break_down(sandbox)
    call(*shops)
    watch(after=1)

    incident = the_incident()
    assert (incident.state, incident.relapses) == ("paused", 1)
    assert paused_until() is not None
    sandbox.clear_faults()
    watch(after=11)
    the_canary()
    watch(after=1)
    watch(after=31)
    assert the_incident().state == "recovering", "after a relapse it must be quiet for longer"
    watch(after=30)
    assert the_incident().state == "closed"


def test_a_pause_nobody_renews_ends_by_itself(sandbox: SandboxSimulator, shops: list[Shop]) -> None:
    break_down(sandbox)
    call(*shops)
    now = timezone.now()
    incidents.watch(now)
    assert paused_until() == now + incidents.PAUSE
    then = now + timedelta(seconds=5)
    incidents.watch(then)
    assert paused_until() == then + incidents.PAUSE


def test_a_longer_pause_of_staffs_outlives_the_incident(
    sandbox: SandboxSimulator, shops: list[Shop], staff: User
) -> None:
    until = timezone.now() + timedelta(days=3)
    break_down(sandbox)
    call(*shops)
    Marketplace.objects.update(paused_until=until)
    watch()
    incidents.watch(timezone.now() + timedelta(seconds=11))
    Lane.objects.update(run_at=timezone.now())
    assert engine.due_lanes(timezone.now()) == [], "no canary while staff wants silence"
    assert incidents.close_by_hand(the_incident(), staff)
    assert paused_until() == until


def test_what_staff_opened_only_staff_closes(
    sandbox: SandboxSimulator, shops: list[Shop], staff: User
) -> None:
    marketplace = shops[0].connection.marketplace
    assert incidents.open_by_hand(marketplace, staff)
    assert not incidents.open_by_hand(marketplace, staff), "one at a time"
    Lane.objects.update(run_at=timezone.now())
    for _minute in range(4):
        watch(after=60)
        assert engine.due_lanes(timezone.now()) == []
    incident = the_incident()
    assert (incident.state, incident.canaries, incident.opened_by) == ("paused", 0, staff)

    assert incidents.close_by_hand(incident, staff)
    assert not incidents.close_by_hand(incident, staff)
    assert the_incident().closed_by == staff
    assert paused_until() is None


def test_failures_from_before_the_end_open_nothing_anew(
    sandbox: SandboxSimulator, shops: list[Shop], staff: User
) -> None:
    break_down(sandbox)
    call(*shops)
    watch()
    incidents.close_by_hand(the_incident(), staff)
    watch()
    assert Incident.objects.count() == 1
    call(*shops, times=1)
    watch()
    assert Incident.objects.open().count() == 1


def test_switched_off_it_leaves_marketplaces_alone(
    sandbox: SandboxSimulator, shops: list[Shop], rules: dict[str, int]
) -> None:
    rules["connections"] = 0
    break_down(sandbox)
    call(*shops)
    watch()
    assert not Incident.objects.exists()


def test_several_dispatchers_open_one_incident(sandbox: SandboxSimulator, shops: list[Shop]) -> None:
    break_down(sandbox)
    call(*shops)

    def look() -> None:
        try:
            watch()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Incident.objects.count() == 1
