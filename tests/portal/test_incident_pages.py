"""An incident as people meet it: sellers with an account there in a banner, staff on a page of its own."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from hub.models import User
from marketplaces.models import Connection, Exchange, Incident, Lane, Marketplace
from tests.marketplaces.shop import Shop
from tests.portal.conftest import sign_in

PAGES = (
    "portal:index",
    "portal:catalog_product_changelist",
    "portal:marketplaces_listing_changelist",
    "portal:orders_order_changelist",
    "portal:hub_apicall_changelist",
)
LIST = "/admin/marketplaces/incident/"
TROUBLE = "Sandbox está com problemas desde"


@pytest.fixture
def incident(stall: Shop) -> Incident:
    marketplace = stall.connection.marketplace
    since = timezone.now() - timedelta(minutes=65)
    return Incident.objects.create(
        marketplace=marketplace, opened_at=since, problem="Unavailable", connections=4, sellers=3, calling=5
    )


def page(client: Client, name: str = "portal:index") -> str:
    return client.get(reverse(name), follow=True).content.decode()


def act(client: Client, action: str, *rows: Incident | Marketplace, to: str = LIST) -> int:
    form = {"action": action, "index": "0", ACTION_CHECKBOX_NAME: [row.pk for row in rows]}
    return client.post(to, form).status_code


def test_every_page_tells_sellers_with_an_account_there_and_nobody_else(
    incident: Incident, dora: Client, vera: Client, stranger: Client
) -> None:
    for name in PAGES:
        assert TROUBLE in page(dora, name), name
        assert TROUBLE not in page(stranger, name), name
    told = page(vera)
    assert "Nada se perde" in told
    assert "Unavailable" not in told


def test_a_seller_without_an_account_at_the_troubled_marketplace_hears_nothing(
    incident: Incident, stall: Shop, dora: Client
) -> None:
    Connection.objects.filter(pk=stall.connection.pk).delete()
    assert TROUBLE not in page(dora)


def test_only_a_seller_who_sells_elsewhere_is_told_that_it_goes_on_there(
    incident: Incident, stall: Shop, dora: Client
) -> None:
    goes_on = "Seus outros marketplaces seguem normalmente."
    assert goes_on not in page(dora)
    elsewhere = Marketplace.objects.create(key="elsewhere", name="Outro")
    other = Connection.objects.create(seller=stall.seller, marketplace=elsewhere, name="Outro")
    assert goes_on in page(dora)
    Incident.objects.create(marketplace=elsewhere)
    assert goes_on not in page(dora)
    Incident.objects.filter(marketplace=elsewhere).delete()
    Connection.objects.filter(pk=other.pk).update(status=Connection.Status.PAUSED)
    assert goes_on not in page(dora)


def test_the_banner_speaks_english(incident: Incident, dora: Client) -> None:
    dora.cookies["hub_language"] = "en"
    assert "Sandbox is in trouble since" in page(dora)
    assert "Nothing is lost" in page(dora)


def test_it_says_when_the_marketplace_comes_back_and_then_goes(incident: Incident, dora: Client) -> None:
    Incident.objects.update(recovered_at=timezone.now())
    assert "Sandbox voltou a responder." in page(dora)
    assert TROUBLE not in page(dora)
    Incident.objects.update(closed_at=timezone.now())
    assert "voltou a responder" not in page(dora)


def test_staff_mutes_and_unmutes(incident: Incident, dora: Client, staff: Client) -> None:
    assert act(staff, "mute", incident) == 302
    assert TROUBLE not in page(dora)
    assert act(staff, "unmute", incident) == 302
    assert TROUBLE in page(dora)


def test_staff_opens_and_closes_by_hand(stall: Shop, dora: Client, staff: Client) -> None:
    marketplace = stall.connection.marketplace
    assert act(staff, "open_incident", marketplace, to="/admin/marketplaces/marketplace/") == 302
    assert TROUBLE in page(dora)
    incident = Incident.objects.get()
    assert str(incident.opened_by) == "staff@example.com"
    assert act(staff, "close", incident) == 302
    assert TROUBLE not in page(dora)
    marketplace.refresh_from_db()
    assert marketplace.paused_until is None


def test_the_staffs_page_shows_how_marketplaces_fare_and_the_history(
    incident: Incident, stall: Shop, staff: Client
) -> None:
    now = timezone.now()
    failing = {"failures": 3, "failing_since": now, "last_error_at": now, "last_error": "Unavailable: 503"}
    Lane.objects.filter(kind="orders").update(**failing)
    shown = staff.get(LIST).content.decode()
    assert "Filas de trabalho e incidentes" in shown
    assert "1 / 1" in shown
    assert "1 h 05 min" in shown
    assert "sem resposta: 4 de 5 contas, de 3 lojistas" in shown
    assert stall.seller.name not in shown
    assert "Hub" in staff.get(f"{LIST}{incident.pk}/change/").content.decode()
    for query in ("?open=yes", "?open=no", "?open=x", "?marketplace__key__exact=sandbox"):
        assert staff.get(LIST + query).status_code == 200, query


def test_who_may_only_look_cannot_act(incident: Incident, db: None) -> None:
    looker = User.objects.create_user("looker@example.com", is_staff=True)
    from django.contrib.auth.models import Permission

    looker.user_permissions.set(Permission.objects.filter(codename="view_incident"))
    client = sign_in(looker)
    assert client.get(LIST).status_code == 200
    act(client, "close", incident)
    incident.refresh_from_db()
    assert incident.closed_at is None


def test_conversations_are_found_by_sku_call_lane_answer_and_period(
    stall: Shop, dora: Client, stranger: Client, staff: Client
) -> None:
    ours = {"seller": stall.seller, "connection": stall.connection, "method": "PUT", "url": "http://x/"}
    now = timezone.now()
    old = Exchange.objects.create(
        **ours, lane="stock", status=503, started_at=now - timedelta(days=2), milliseconds=1, skus=["PAN-1"]
    )
    new = Exchange.objects.create(
        **ours,
        lane="price",
        status=200,
        started_at=now,
        milliseconds=1,
        skus=["PAN-1", "PAN-2"],
        causes=["c-1"],
    )
    searches = {
        "q=PAN-1": {old, new},
        "q=PAN-2": {new},
        "q=c-1": {new},
        "q=PAN": set(),
        "q=PAN-1&lane=stock": {old},
        "q=PAN-1&answer=failed": {old},
        "q=PAN-1&period=24h": {new},
    }
    for query, wanted in searches.items():
        for client, site in ((dora, "portal"), (staff, "admin")):
            address = reverse(f"{site}:marketplaces_exchange_changelist") + f"?{query}"
            assert set(client.get(address).context["cl"].result_list) == wanted, (site, query)
        others = stranger.get(reverse("portal:marketplaces_exchange_changelist") + f"?{query}")
        assert set(others.context["cl"].result_list) == set(), query
