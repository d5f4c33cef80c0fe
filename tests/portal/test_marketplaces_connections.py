"""Opening an account, its page, its switches: the owner does, the others look."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from hub.models import User
from marketplaces import services
from marketplaces.models import Connection, Listing, Marketplace, PriceRules
from marketplaces.pricing import Rules
from marketplaces.simulators.sandbox import SandboxSimulator
from tests.marketplaces.shop import Shop

NEW = reverse("portal:connection_new", args=["sandbox"])
LIST = reverse("portal:marketplaces_connection_changelist")


def page_of(connection: Connection) -> str:
    return reverse("portal:marketplaces_connection_change", args=[connection.pk])


def credentials(sandbox: SandboxSimulator, name: str = "Filial") -> dict[str, str]:
    account = sandbox.create_account(name)
    return {
        "name": name,
        "credential_api_key": account["api_key"],
        "credential_webhook_secret": account["webhook_secret"],
    }


def test_the_form_asks_what_the_marketplace_needs_and_hides_the_secrets(dora: Client) -> None:
    form = dora.get(NEW).context["form"]
    assert list(form.fields) == [
        "name",
        "credential_api_key",
        "credential_webhook_secret",
        "most_drop",
    ]
    assert form.fields["credential_api_key"].widget.input_type == "password"


def test_good_credentials_open_an_account_and_lead_to_its_mapping(
    dora: Client, stall: Shop, sandbox: SandboxSimulator
) -> None:
    response = dora.post(NEW, credentials(sandbox))
    connection = Connection.objects.get(seller=stall.seller, name="Filial")
    assert response["Location"] == reverse("portal:mapping", args=[connection.pk])
    assert connection.lanes.count() == 7


def test_whoever_connects_an_account_is_offered_a_guard_against_slips(
    dora: Client, stall: Shop, sandbox: SandboxSimulator
) -> None:
    assert dora.get(NEW).context["form"]["most_drop"].initial == 50
    dora.post(NEW, {**credentials(sandbox, "Guarded"), "most_drop": "40"})
    dora.post(NEW, {**credentials(sandbox, "Trusting"), "most_drop": ""})

    guarded = PriceRules.objects.get(connection__name="Guarded")
    assert (guarded.number, guarded.said, guarded.saved_by) == (
        1,
        Rules(most_drop=Decimal(40)),
        User.objects.get(pk=dora.session["_auth_user_id"]),
    )
    assert not PriceRules.objects.filter(connection__name="Trusting").exists()


@pytest.mark.parametrize("percent", ["0", "100", "-5", "abc", "9" * 400])
def test_a_guard_that_would_hold_everything_or_nothing_opens_no_account(
    dora: Client, stall: Shop, sandbox: SandboxSimulator, percent: str
) -> None:
    response = dora.post(NEW, {**credentials(sandbox), "most_drop": percent})
    assert response.status_code == 400
    assert Connection.objects.filter(seller=stall.seller).count() == 1


def test_credentials_the_marketplace_refuses_are_told_and_not_kept(dora: Client, stall: Shop) -> None:
    response = dora.post(NEW, {"name": "Filial", "credential_api_key": "top-secret-typo"})
    assert response.status_code == 400
    assert "recusa" in response.content.decode()
    assert "top-secret-typo" not in response.content.decode()
    assert Connection.objects.filter(seller=stall.seller).count() == 1


def test_a_marketplace_that_does_not_answer_is_told_in_words(dora: Client, stall: Shop) -> None:
    marketplace = stall.connection.marketplace
    marketplace.base_url = "http://127.0.0.1:9"
    marketplace.save()
    response = dora.post(NEW, {"name": "Filial", "credential_api_key": "any"})
    assert response.status_code == 400
    assert Connection.objects.filter(seller=stall.seller).count() == 1


@pytest.mark.parametrize("key", ["chave-☃", "key\u200b", "key\r\nX-Other: 1"])
def test_credentials_no_header_can_carry_are_refused_in_words(dora: Client, stall: Shop, key: str) -> None:
    response = dora.post(NEW, {"name": "Filial", "credential_api_key": key})
    assert response.status_code == 400
    assert "recusa" in response.content.decode()


def test_a_name_that_orders_could_not_carry_in_their_addresses_is_refused(
    dora: Client, stall: Shop, sandbox: SandboxSimulator
) -> None:
    response = dora.post(NEW, credentials(sandbox, "Filial/SP"))
    assert response.status_code == 400
    assert "barra" in response.content.decode()


def test_missing_fields_name_taken_and_account_taken_are_told(
    dora: Client, stall: Shop, sandbox: SandboxSimulator
) -> None:
    assert dora.post(NEW, {"name": "Filial"}).status_code == 400
    assert dora.post(NEW, {**credentials(sandbox), "name": "Sandbox"}).status_code == 400
    taken = {"name": "Outra", "credential_api_key": stall.account["api_key"]}
    assert dora.post(NEW, taken).status_code == 400
    assert Connection.objects.filter(seller=stall.seller).count() == 1


def test_a_marketplace_staff_switched_off_or_nobody_knows_is_not_there(dora: Client, stall: Shop) -> None:
    assert dora.get(reverse("portal:connection_new", args=["nowhere"])).status_code == 404
    marketplace = stall.connection.marketplace
    marketplace.is_enabled = False
    marketplace.save()
    assert dora.get(NEW).status_code == 404


def test_the_list_shows_listings_by_state_and_what_waits(dora: Client, stall: Shop) -> None:
    stall.sell("PANELA-1")
    stall.sell("PANELA-2", ean="123")
    stall.connect()
    (card,) = dora.get(LIST).context["cards"]
    assert {state: count for state, _label, count in card["states"]} == {"connected": 1, "error": 1}
    assert card["health"].total_due == 0
    assert card["problem"] == ""


def test_one_is_counted_as_one(dora: Client, stall: Shop) -> None:
    stall.sell("PANELA-1")
    load = stall.connect()
    assert '<span class="hub-num">1</span> conectado<' in dora.get(LIST).content.decode()
    loads = dora.get(reverse("portal:marketplaces_load_changelist")).content.decode()
    assert f"1 pronto, 0 com erro, de {load.total}" in loads
    stall.sell("PANELA-2")
    stall.connect()
    assert '<span class="hub-num">2</span> conectados<' in dora.get(LIST).content.decode()


def test_an_account_that_is_not_there_is_told_in_good_portuguese(dora: Client, stall: Shop) -> None:
    page = dora.get(reverse("portal:marketplaces_connection_change", args=[0]), follow=True)
    assert "Não há conta conectada com o ID “0”." in page.content.decode()


def test_the_page_says_a_problem_in_plain_words(dora: Client, stall: Shop) -> None:
    Connection.objects.filter(pk=stall.connection.pk).update(last_error="Unavailable: 503 from upstream")
    page = dora.get(page_of(stall.connection)).content.decode()
    assert "503 from upstream" not in page
    assert "não responde" in page


def test_an_owner_sets_the_switches(dora: Client, stall: Shop) -> None:
    dora.post(
        reverse("portal:connection_switches", args=[stall.connection.pk]),
        {
            "sync_stock": "on",
            "auto_reconnect": "on",
            "sync_content": "on",
            "orders_since": "2026-01-02T03:04",
        },
    )
    stall.connection.refresh_from_db()
    after = stall.connection
    assert (after.sync_stock, after.sync_price, after.auto_reconnect, after.sync_content) == (
        True,
        False,
        True,
        True,
    )
    assert after.orders_since is not None
    assert after.orders_since.isoformat() == "2026-01-02T06:04:00+00:00"


def test_switching_content_on_makes_it_follow_for_the_listings_there(dora: Client, stall: Shop) -> None:
    stall.sell("PANELA-1")
    stall.connect()
    assert not stall.sync("PANELA-1", "content").follows
    dora.post(reverse("portal:connection_switches", args=[stall.connection.pk]), {"sync_content": "on"})
    assert stall.sync("PANELA-1", "content").follows


def test_a_date_that_is_none_is_told(dora: Client, stall: Shop) -> None:
    address = reverse("portal:connection_switches", args=[stall.connection.pk])
    response = dora.post(address, {"sync_stock": "on", "orders_since": "amanhã"})
    assert response.status_code == 400
    assert [message.level_tag for message in response.context["messages"]] == ["error"]


@pytest.mark.parametrize("moment", ["9999-12-31T23:59", "2100-01-02T00:00", "1999-12-31T00:00"])
def test_a_date_outside_this_century_is_told_and_not_kept(dora: Client, stall: Shop, moment: str) -> None:
    address = reverse("portal:connection_switches", args=[stall.connection.pk])
    page = dora.post(address, {"sync_stock": "on", "orders_since": moment}, follow=True)
    assert "Digite uma data entre 01/01/2000 e 31/12/2099." in page.content.decode()
    assert dora.get(LIST).status_code == 200
    stall.connection.refresh_from_db()
    assert stall.connection.orders_since is None


def test_orders_since_a_moment_to_come_is_refused_because_none_would_be_taken(
    dora: Client, stall: Shop
) -> None:
    tomorrow = timezone.localtime() + timedelta(days=1)
    address = reverse("portal:connection_switches", args=[stall.connection.pk])
    page = dora.post(address, {"orders_since": f"{tomorrow:%Y-%m-%dT%H:%M}"}, follow=True)
    assert "nenhum pedido seria recebido" in page.content.decode()
    stall.connection.refresh_from_db()
    assert stall.connection.orders_since is None


def test_what_was_typed_stays_on_the_page_where_something_of_it_is_wrong(dora: Client, stall: Shop) -> None:
    buffers = reverse("portal:connection_stock", args=[stall.connection.pk])
    page = dora.post(buffers, {"hold_stock": "on", "stock_reserve": "7", "stock_percentage": "101"})
    assert page.status_code == 400
    assert {
        name: page.context["buffers"][name].value() for name in ("stock_reserve", "stock_percentage")
    } == {
        "stock_reserve": "7",
        "stock_percentage": "101",
    }
    assert page.context["buffers"].errors.keys() == {"stock_percentage"}
    assert "mk-main" in page.content.decode()

    switches = reverse("portal:connection_switches", args=[stall.connection.pk])
    page = dora.post(switches, {"sync_stock": "on", "readback_hours": "12", "orders_since": "amanhã"})
    assert page.status_code == 400
    typed = page.context["switches"]
    assert (typed["readback_hours"].value(), typed["orders_since"].value()) == ("12", "amanhã")
    assert (typed["sync_stock"].value(), typed["sync_price"].value()) == (True, False)

    before = stall.connection
    after = Connection.objects.get(pk=before.pk)
    assert (after.stock_reserve, after.readback_hours, after.sync_price) == (0, None, True)
    for address in (buffers, switches):
        assert dora.get(address)["Location"] == page_of(before), "as after a reload of the error's page"


def test_the_inputs_of_the_buffers_know_their_bounds(dora: Client, stall: Shop) -> None:
    form = dora.get(page_of(stall.connection)).context["buffers"]
    bounds = {
        field.name: (field.field.widget.attrs.get("min"), field.field.widget.attrs.get("max"))
        for field in form
    }
    assert bounds["stock_reserve"] == ("0", "99999999")
    assert bounds["stock_percentage"] == ("1", "100")
    assert bounds["stock_most"] == ("1", "99999999")


def test_pausing_and_resuming(dora: Client, stall: Shop) -> None:
    address = reverse("portal:connection_pause", args=[stall.connection.pk])
    dora.post(address, {"paused": "1"})
    stall.connection.refresh_from_db()
    assert stall.connection.status == Connection.Status.PAUSED
    dora.post(address, {"paused": "0"})
    stall.connection.refresh_from_db()
    assert stall.connection.status == Connection.Status.ACTIVE


def test_new_credentials_must_be_of_the_same_account(
    dora: Client, stall: Shop, sandbox: SandboxSimulator
) -> None:
    address = reverse("portal:connection_credentials", args=[stall.connection.pk])
    Connection.objects.filter(pk=stall.connection.pk).update(status=Connection.Status.NEEDS_CREDENTIALS)
    assert dora.post(address, credentials(sandbox, "Outra conta")).status_code == 400
    stall.connection.refresh_from_db()
    assert stall.connection.status == Connection.Status.NEEDS_CREDENTIALS
    same = {"credential_api_key": stall.account["api_key"]}
    assert dora.post(address, same)["Location"] == page_of(stall.connection)
    stall.connection.refresh_from_db()
    assert stall.connection.status == Connection.Status.ACTIVE


def test_what_fails_can_be_tried_at_once(otto: Client, stall: Shop) -> None:
    lanes = stall.connection.lanes.filter(kind="stock")
    lanes.update(failures=4, run_at=timezone.now() + timedelta(minutes=5), last_error="Unavailable: 503")
    address = reverse("portal:connection_try", args=[stall.connection.pk])
    assert address in otto.get(page_of(stall.connection)).content.decode()
    otto.post(address)
    lane = lanes.get()
    assert (lane.failures, lane.last_error) == (0, "")
    assert lane.run_at <= timezone.now()
    assert address not in otto.get(page_of(stall.connection)).content.decode()


def test_the_next_try_is_never_told_as_past_nor_within_a_pause(otto: Client, stall: Shop) -> None:
    stall.connection.lanes.filter(kind="stock").update(failures=4, run_at=timezone.now())
    assert "próxima tentativa a qualquer momento" in otto.get(page_of(stall.connection)).content.decode()
    Marketplace.objects.update(paused_until=timezone.now() + timedelta(minutes=1))
    assert "próxima tentativa quando a pausa terminar" in otto.get(page_of(stall.connection)).content.decode()


def test_nobody_is_told_that_a_paused_marketplace_is_tried_now(otto: Client, stall: Shop) -> None:
    Marketplace.objects.update(paused_until=timezone.now() + timedelta(minutes=1))
    page = otto.post(reverse("portal:connection_try", args=[stall.connection.pk]), follow=True)
    assert "tentamos assim que a pausa terminar" in page.content.decode()


def test_no_page_shows_the_credentials(dora: Client, stall: Shop) -> None:
    stall.sell("PANELA-1")
    stall.connect()
    newest = stall.connection.exchanges.first()
    assert newest is not None
    listing = Listing.objects.get()
    for address in (
        LIST,
        page_of(stall.connection),
        reverse("portal:connection_credentials", args=[stall.connection.pk]),
        reverse("portal:marketplaces_listing_change", args=[listing.pk]),
        reverse("portal:marketplaces_exchange_changelist"),
        reverse("portal:marketplaces_exchange_change", args=[newest.pk]),
    ):
        page = dora.get(address).content.decode()
        assert stall.account["api_key"] not in page, address
        assert stall.account["webhook_secret"] not in page, address


@pytest.mark.parametrize("who", ["otto", "vera"])
def test_only_owners_manage_accounts(who: str, request: pytest.FixtureRequest, stall: Shop) -> None:
    client: Client = request.getfixturevalue(who)
    pk = stall.connection.pk
    assert client.get(LIST).status_code == 200
    assert client.get(page_of(stall.connection)).status_code == 200
    assert client.get(NEW).status_code == 403
    assert client.post(NEW, {"name": "x"}).status_code == 403
    if who == "vera":
        assert client.post(reverse("portal:connection_try", args=[pk])).status_code == 403
    for name in ("connection_switches", "connection_pause", "connection_credentials"):
        assert client.post(reverse(f"portal:{name}", args=[pk]), {"paused": "1"}).status_code == 403
    stall.connection.refresh_from_db()
    assert stall.connection.status == Connection.Status.ACTIVE


def test_an_account_without_any_product_page_still_opens(dora: Client, stall: Shop) -> None:
    services.set_paused(connection=stall.connection, paused=True)
    assert dora.get(page_of(stall.connection)).status_code == 200
    assert dora.get(reverse("portal:mapping_progress", args=[stall.connection.pk])).status_code == 200
