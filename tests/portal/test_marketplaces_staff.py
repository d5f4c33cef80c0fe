"""The staff's screens: health at a glance, repairs by action, and never a credential."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from hub.models import Seller, User
from marketplaces.models import (
    Connection,
    Exchange,
    Issue,
    Lane,
    Listing,
    Load,
    Marketplace,
    Submission,
    Sync,
)
from tests.marketplaces.shop import Shop
from tests.portal.conftest import sign_in

NEVER = datetime(2030, 12, 31, 13, tzinfo=UTC)
MODELS = (Marketplace, Connection, Lane, Submission, Load, Issue, Exchange)


def list_of(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def page_of(row: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def act(client: Client, model: Any, action: str, *rows: Any) -> None:
    form = {"action": action, "index": "0", ACTION_CHECKBOX_NAME: [row.pk for row in rows]}
    assert client.post(list_of(model), form).status_code == 302


@pytest.fixture
def busy(stall: Shop) -> Shop:
    """A stall with a listing on sale and one that was refused."""
    stall.sell("PANELA-1")
    stall.sell("PANELA-2", ean="123")
    stall.connect()
    return stall


def test_every_list_and_page_opens_and_shows_no_credential(staff: Client, busy: Shop) -> None:
    for model in MODELS:
        row = model.objects.order_by("pk").first()
        for address in (list_of(model), page_of(row)):
            response = staff.get(address)
            assert response.status_code == 200, address
            page = response.content.decode()
            assert busy.account["api_key"] not in page, address
            assert busy.account["webhook_secret"] not in page, address
            assert "sealed" not in page, address


def test_filters_answer_and_nonsense_is_no_error(staff: Client, busy: Shop) -> None:
    for model in MODELS:
        for query in (
            {"health": "failing"},
            {"health": "due"},
            {"health": "held"},
            {"health": "x"},
            {"open": "yes"},
            {"open": "x"},
            {"kind": "gtin_invalid"},
            {"answer": "ok"},
            {"lane": "x"},
        ):
            assert staff.get(list_of(model), query, follow=True).status_code == 200, (model, query)


def test_machine_rows_are_written_by_nobody(staff: Client, busy: Shop) -> None:
    for model in MODELS[1:]:
        row = model.objects.order_by("pk").first()
        assert staff.post(page_of(row), {"name": "x"}).status_code == 403
        add = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")
        assert staff.get(add).status_code == 403


def test_staff_slows_pauses_and_switches_a_marketplace_off(staff: Client, busy: Shop) -> None:
    marketplace = busy.connection.marketplace
    form = {
        "name": "Sandbox",
        "base_url": marketplace.base_url,
        "calls_per_second": "2.5",
        "paused_until_0": "31/12/2030",
        "paused_until_1": "10:00:00",
        "readback_hours": "12",
        "lag_target_seconds": "20",
    }
    response = staff.post(page_of(marketplace), form)
    assert response.status_code == 302, response.context["adminform"].form.errors
    marketplace.refresh_from_db()
    assert not marketplace.is_enabled
    assert marketplace.paused_until is not None
    assert str(marketplace.pace) == "2.50"
    assert (marketplace.readback_hours, marketplace.lag_target_seconds) == (12, 20)


def test_failing_lanes_are_found_reset_and_run(staff: Client, busy: Shop) -> None:
    lane = Lane.objects.get(connection=busy.connection, kind=Lane.Kind.STOCK)
    later = timezone.now() + timedelta(hours=1)
    Lane.objects.filter(pk=lane.pk).update(failures=7, run_at=later, last_error="Unavailable: 503")
    found = staff.get(list_of(Lane), {"health": "failing"}).context["cl"].result_list
    assert [one.pk for one in found] == [lane.pk]
    act(staff, Lane, "run_now", lane)
    lane.refresh_from_db()
    assert lane.run_at <= timezone.now()
    act(staff, Lane, "reset_failures", lane)
    lane.refresh_from_db()
    assert (lane.failures, lane.last_error) == (0, "")


def test_a_lane_tells_its_oldest_due_row_and_only_rows_that_are_due(staff: Client, busy: Shop) -> None:
    now = timezone.now()
    Sync.objects.filter(connection=busy.connection, facet="price").update(due_at=now - timedelta(hours=3))
    Sync.objects.filter(connection=busy.connection, facet="stock").update(due_at=now + timedelta(hours=3))
    shown = {one.kind: one.oldest_due_at for one in staff.get(list_of(Lane)).context["cl"].result_list}
    assert shown["price"] == now - timedelta(hours=3)
    assert {kind for kind, oldest in shown.items() if oldest} == {"price"}
    assert "3 horas atrás" in staff.get(list_of(Lane)).content.decode().replace("\xa0", " ")


def test_a_page_of_lanes_asks_for_their_oldest_rows_in_one_statement(staff: Client, busy: Shop) -> None:
    with CaptureQueriesContext(connection) as asked:
        staff.get(list_of(Lane))
    about = [one["sql"] for one in asked if "marketplaces_sync" in one["sql"]]
    assert len(about) == 1
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute("EXPLAIN " + about[0])
        plan = "\n".join(line for (line,) in cursor.fetchall())
        cursor.execute("RESET enable_seqscan")
    assert "marketplaces_sync_due_first" in plan


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: Marketplace.objects.update(is_enabled=False), "marketplace desligado"),
        (lambda one: Marketplace.objects.update(paused_until=NEVER), "marketplace pausado até 31/12/2030"),
        (lambda one: Connection.objects.update(status="paused"), "conta pausada"),
        (lambda one: Connection.objects.update(status="needs_credentials"), "conta sem credenciais válidas"),
        (lambda one: Seller.objects.update(is_active=False), "lojista desligado"),
        (lambda one: Connection.objects.update(sync_price=False), "desligado na conta"),
    ],
)
def test_a_lane_that_stands_still_tells_why(staff: Client, busy: Shop, change: Any, words: str) -> None:
    assert words not in staff.get(list_of(Lane)).content.decode()
    change(busy)
    page = staff.get(list_of(Lane), {"kind__exact": "price"}).content.decode()
    assert words in page


def test_a_connection_runs_again_at_once_and_can_be_paused(staff: Client, busy: Shop) -> None:
    later = timezone.now() + timedelta(hours=1)
    Lane.objects.filter(connection=busy.connection).update(failures=3, run_at=later)
    act(staff, Connection, "try_again", busy.connection)
    assert not Lane.objects.filter(connection=busy.connection, failures__gt=0).exists()
    assert not Lane.objects.filter(connection=busy.connection, run_at__gt=timezone.now()).exists()
    act(staff, Connection, "pause", busy.connection)
    busy.connection.refresh_from_db()
    assert busy.connection.status == Connection.Status.PAUSED
    act(staff, Connection, "resume", busy.connection)
    busy.connection.refresh_from_db()
    assert busy.connection.status == Connection.Status.ACTIVE


def test_refused_work_is_tried_again(staff: Client, busy: Shop) -> None:
    issue = Issue.objects.get(closed_at__isnull=True)
    act(staff, Issue, "try_again", issue)
    load = Load.objects.latest("id")
    assert (load.action, load.origin, load.total) == ("reconnect", "automatic", 1)


def test_a_refused_quantity_is_sent_again(staff: Client, stall: Shop) -> None:
    stall.sell("PANELA-METADE")
    stall.connect()
    issue = Issue.objects.get(facet="stock", closed_at__isnull=True)
    before = stall.sync("PANELA-METADE", "stock").wanted_version
    act(staff, Issue, "try_again", issue)
    assert stall.sync("PANELA-METADE", "stock").wanted_version == before + 1
    assert stall.listing("PANELA-METADE").state == Listing.State.CONNECTED


def test_staff_who_may_only_look_can_repair_nothing(busy: Shop) -> None:
    from django.contrib.auth.models import Permission

    person = User.objects.create_user("olha@example.com", is_staff=True)
    person.user_permissions.set(
        Permission.objects.filter(content_type__app_label="marketplaces", codename__startswith="view_")
    )
    client = sign_in(person)
    assert client.get(list_of(Lane)).status_code == 200
    lane = Lane.objects.filter(connection=busy.connection).order_by("pk").first()
    assert lane is not None
    Lane.objects.filter(pk=lane.pk).update(failures=7)
    client.post(list_of(Lane), {"action": "reset_failures", "index": "0", ACTION_CHECKBOX_NAME: lane.pk})
    lane.refresh_from_db()
    assert lane.failures == 7


def test_the_staff_site_keeps_sellers_out(dora: Client, busy: Shop) -> None:
    for model in MODELS:
        assert model in admin.site._registry
        assert dora.get(list_of(model)).status_code == 302


def test_a_pause_beyond_this_century_is_told_and_not_kept(staff: Client, stall: Shop) -> None:
    marketplace = stall.connection.marketplace
    form = {
        "name": "Sandbox",
        "is_enabled": "on",
        "paused_until_0": "31/12/9999",
        "paused_until_1": "23:59",
        "readback_hours": "24",
    }
    page = staff.post(page_of(marketplace), form)
    assert page.status_code == 200
    assert "Digite uma data entre 01/01/2000 e 31/12/2099." in page.content.decode()
    assert staff.get(list_of(Marketplace)).status_code == 200
    marketplace.refresh_from_db()
    assert marketplace.paused_until is None
