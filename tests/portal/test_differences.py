"""The pages of synchronisation and differences, and freezing on a listing's page."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from marketplaces import engine, price_rules, services
from marketplaces.models import Connection, Exchange, HeldPrice, Lag, Lane, Listing, Load, Passage, Sync
from marketplaces.pricing import Rule, Rules
from tests.marketplaces.shop import Shop, change_product, set_qty

SYNC = reverse("portal:sync")
DIFFERENCES = reverse("portal:differences")
HEAL = reverse("portal:differences_heal")

pytestmark = pytest.mark.django_db(transaction=True)


def drifted(stall: Shop, sku: str, **values: Any) -> None:
    """Somebody changes a listing at the marketplace, and the read-back sees it."""
    stall.sandbox.set_listing(stall.account["account_id"], sku, **values)
    now = timezone.now()
    Sync.objects.filter(connection=stall.connection, look_at__isnull=False).update(look_at=now)
    Lane.objects.filter(connection=stall.connection, kind="observe").update(run_at=now)
    engine.run(Lane.objects.get(connection=stall.connection, kind="observe").pk)


@pytest.fixture
def listed(stall: Shop) -> None:
    """Three listings on an account that does not heal by itself."""
    for sku in ("PANELA-1", "PANELA-2", "PANELA-3"):
        stall.sell(sku)
    stall.connect()
    services.set_switches(connection=stall.connection, auto_heal=False)


def freeze(client: Client, listing: Listing, facet: str, frozen: str = "1") -> int:
    address = reverse("portal:listing_freeze", args=[listing.pk, facet])
    return client.post(address, {"frozen": frozen}).status_code


def skus(client: Client, **query: Any) -> list[str]:
    context = client.get(DIFFERENCES, query).context
    return [getattr(row, "variation", None) or row["listing"].variation for row in context["rows"]]


def test_a_look_that_is_late_comes_at_any_moment(otto: Client, stall: Shop) -> None:
    stall.sell("PANELA-1")
    stall.connect()
    Sync.objects.update(look_at=timezone.now() - timedelta(seconds=7))
    assert "próxima: a qualquer momento" in otto.get(SYNC).content.decode()


def test_the_lag_is_shown_against_its_target(otto: Client, stall: Shop, listed: None) -> None:
    set_qty(stall.listing("PANELA-1").variation, 3)
    stall.settle()

    (card,) = otto.get(SYNC).context["cards"]
    stock, _price, content = (lag for lag, _label in card["lags"])
    assert (stock.facet, stock.samples, stock.is_met) == ("stock", 1, True)
    assert content.samples == 3

    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    Lag.objects.create(
        connection=stall.connection, facet="price", hour=hour, bucket=20, samples=9, longest=250.0
    )
    page = otto.get(SYNC, {"on": stall.connection.pk, "hours": "720"})
    assert "fora da meta" in page.content.decode()
    assert "4,2 min" in page.content.decode()


def test_after_a_first_publication_nothing_counts_yet_and_the_page_does_not_deny_what_was_sent(
    otto: Client, stall: Shop, listed: None
) -> None:
    page = otto.get(SYNC).content.decode()
    assert page.count("nada que conte ainda") == 2
    assert "nada enviado" not in page


@pytest.mark.parametrize(
    ("ask", "counts"),
    [
        (lambda stall: set_qty(stall.listing("PANELA-1").variation, 3), True),
        (lambda stall: Connection.objects.update(stock_reserve=2), True),
        (
            lambda stall: price_rules.save(
                connection=stall.connection, rules=Rules(Rule(Decimal(10))), based_on=0
            ),
            False,
        ),
    ],
)
def test_what_the_page_says_is_counted_is_counted(
    otto: Client, stall: Shop, listed: None, ask: Any, counts: bool
) -> None:
    ask(stall)
    stall.settle()
    (card,) = otto.get(SYNC).context["cards"]
    assert any(lag.samples for lag, _label in card["lags"] if lag.facet != "content") is counts


@pytest.mark.parametrize("query", [{"on": "x"}, {"on": "9" * 30}, {"hours": "7"}, {"hours": "'"}])
def test_a_strange_question_about_the_lag_is_answered_as_usual(
    otto: Client, stall: Shop, query: dict[str, str]
) -> None:
    response = otto.get(SYNC, query)
    assert response.status_code == 200
    assert response.context["hours"] == "24"


def test_differences_are_listed_by_cause_and_healed_one_by_one_or_all(
    otto: Client, stall: Shop, listed: None
) -> None:
    for sku in ("PANELA-1", "PANELA-2", "PANELA-3"):
        drifted(stall, sku, price="99.00")
    assert len(skus(otto)) == 3
    tabs = {key: count for key, _title, count, _more in otto.get(DIFFERENCES).context["tabs"]}
    assert tabs == {
        "outside": 3,
        "superseded": 0,
        "never_sent": 0,
        "refused": 0,
        "held": 0,
        "gone": 0,
        "frozen": 0,
    }

    one = {"cause": "outside", "listing": stall.listing("PANELA-1").pk, "facet": "price"}
    otto.post(HEAL, one)
    stall.settle()
    assert [stall.shown(f"PANELA-{number}")["price"] for number in (1, 2)] == ["129.90", "99.00"]

    otto.post(HEAL, {"cause": "outside", "on": stall.connection.pk})
    stall.settle()
    assert stall.shown("PANELA-2")["price"] == "129.90"
    assert skus(otto) == []
    page = otto.post(HEAL, {"cause": "outside"}, follow=True).content.decode()
    assert "Não havia mais nada a enviar." in page


def test_healing_with_the_switch_off_says_that_it_is_off(otto: Client, stall: Shop, listed: None) -> None:
    services.set_switches(connection=stall.connection, sync_price=False)
    drifted(stall, "PANELA-1", price="99.00")

    page = otto.post(HEAL, {"cause": "outside", "next": DIFFERENCES}, follow=True).content.decode()

    assert "a chave de preço ou de estoque está desligada: Sandbox" in page
    assert "sendo enviado" not in page
    assert "Não havia mais nada a enviar." not in page
    assert "desligado na conta" in page
    assert "a caminho" not in page
    stall.settle()
    assert stall.shown("PANELA-1")["price"] == "99.00"


def test_a_frozen_price_is_listed_stays_and_is_released(otto: Client, stall: Shop, listed: None) -> None:
    listing = stall.listing("PANELA-1")
    assert freeze(otto, listing, "price") == 302
    change_product(listing.variation, price="150.00")
    stall.settle()
    assert stall.shown("PANELA-1")["price"] == "129.90"
    assert [one.sku for one in skus(otto)] == ["PANELA-1"]
    page = otto.get(reverse("portal:marketplaces_listing_change", args=[listing.pk])).content.decode()
    assert "Congelado por você" in page
    assert Passage.objects.get(listing=listing, outcome="frozen").cause == "otto@example.com"
    assert "otto@example.com</td>" in page
    assert "?q=otto" not in page, "a person is no call of the ERP"

    freeze(otto, listing, "price", "0")
    stall.settle()
    assert stall.shown("PANELA-1")["price"] == "150.00"


def test_what_stands_there_is_what_was_confirmed_since_the_last_look(
    otto: Client, stall: Shop, listed: None
) -> None:
    drifted(stall, "PANELA-2")
    listing = stall.listing("PANELA-1")
    change_product(listing.variation, price="150.00")
    stall.settle()
    freeze(otto, listing, "price")

    (row,) = otto.get(DIFFERENCES, {"cause": "frozen"}).context["rows"]
    assert row["sync"].seen_value == "129.90/129.90"
    assert "150,00" in row["shown"]
    page = otto.get(DIFFERENCES, {"cause": "frozen"}).content.decode()
    assert "confirmado" in page


def test_a_listing_names_the_conversations_about_it_and_about_nothing_else(
    otto: Client, stall: Shop, listed: None
) -> None:
    here: dict[str, Any] = {"seller": stall.seller, "connection": stall.connection, "lane": "content"}
    here |= {"method": "POST", "status": 202, "milliseconds": 9, "started_at": timezone.now()}
    long = Exchange.objects.create(**here, url="/v1/loads", request_body="[…", skus=["PANELA-0", "PANELA-1"])
    other = Exchange.objects.create(**here, url="/v1/x", request_body="PANELA-10", skus=["PANELA-10"])

    address = reverse("portal:marketplaces_listing_change", args=[stall.listing("PANELA-1").pk])
    named = otto.get(address).context["exchanges"]

    assert long in named
    assert other not in named


@pytest.fixture
def unpriced(stall: Shop, listed: None) -> Listing:
    """PANELA-1, of whose price by the ERP's slip the rules leave nothing."""
    rules = Rules(Rule(fixed=Decimal("-3.50")))
    price_rules.save(connection=stall.connection, rules=rules, based_on=0)
    stall.settle()
    change_product(stall.listing("PANELA-1").variation, price="1.00")
    stall.settle()
    return stall.listing("PANELA-1")


def test_a_price_our_own_check_refused_is_not_blamed_on_the_marketplace(
    otto: Client, stall: Shop, unpriced: Listing
) -> None:
    rules = reverse("portal:price_rules", args=[stall.connection.pk])
    for address in (
        f"{DIFFERENCES}?cause=refused",
        reverse("portal:marketplaces_listing_change", args=[unpriced.pk]),
        reverse("portal:catalog_product_change", args=[unpriced.variation.product_id]),
    ):
        page = otto.get(address).content.decode()
        assert "Não enviado: nossa conferência recusou" in page, address
        assert "A sua regra de preço não deixa nada do preço" in page, address
        assert "O preço do ERP é R$ 1,00." in page, address
        assert f'href="{rules}"' in page, address
        assert "Recusados pelo marketplace" not in page, address
        assert "Corrigir aqui, no mapeamento" not in page, address

    page = otto.get(DIFFERENCES, {"cause": "refused"}).content.decode()
    assert "Tentar de novo" not in page
    assert "Tentar tudo de novo" not in page


def test_an_error_of_the_price_rules_leads_to_them(otto: Client, stall: Shop, unpriced: Listing) -> None:
    page = otto.get(reverse("portal:errors")).content.decode()
    assert "Corrigir aqui, nas regras de preço" in page
    assert f'href="{reverse("portal:price_rules", args=[stall.connection.pk])}"' in page
    assert "R$ 1,00" in page
    assert "1.00" not in page
    otto.cookies["hub_language"] = "en"
    assert "The ERP&#x27;s price is R$ 1.00." in otto.get(reverse("portal:errors")).content.decode()


def test_a_price_the_marketplace_refused_tells_its_reason_and_may_be_tried_again(
    otto: Client, stall: Shop, listed: None
) -> None:
    change_product(stall.listing("PANELA-1").variation, price="0.10")
    stall.settle()
    (issue,) = stall.issues("PANELA-1")
    page = otto.get(DIFFERENCES, {"cause": "refused"}).content.decode()
    assert issue.code in page
    assert "O marketplace recusou" in page
    assert "Tentar de novo" in page
    assert "Não enviado" not in page


def test_a_rejected_price_is_told_as_rejected_by_whom_and_may_be_approved_after_all(
    otto: Client, stall: Shop, listed: None
) -> None:
    price_rules.save(connection=stall.connection, rules=Rules(most_drop=Decimal(30)), based_on=0)
    change_product(stall.listing("PANELA-1").variation, price="1.00")
    change_product(stall.listing("PANELA-2").variation, price="2.00")
    stall.settle()
    here = {"next": f"{DIFFERENCES}?cause=held"}
    first, second = HeldPrice.objects.order_by("price")
    page = otto.get(here["next"]).content.decode()
    assert page.count("Retido: varia demais") == 2

    page = otto.post(reverse("portal:held_decide", args=[first.pk, "reject"]), here, follow=True)
    rows = {row["listing"].variation.sku: row["hold"].state for row in page.context["rows"]}
    assert rows == {"PANELA-1": "rejected", "PANELA-2": "open"}
    assert "até o ERP enviar outro, ou até você aprovar este mesmo assim" in page.content.decode()
    assert "otto@example.com" in page.content.decode()
    assert page.content.decode().count("Retido: varia demais") == 1

    otto.post(reverse("portal:held_decide", args=[first.pk, "approve"]), here)
    otto.post(reverse("portal:held_decide", args=[second.pk, "approve"]), here)
    stall.settle()
    assert [stall.shown(f"PANELA-{number}")["price"] for number in (1, 2)] == ["1.00", "2.00"]
    assert skus(otto, cause="held") == []


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("pt-br", "2 valores anteriores não foram enviados: um mais novo chegou antes"),
        ("en", "2 earlier values were not sent: a newer one came first"),
    ],
)
def test_a_values_way_tells_how_many_were_not_sent_before_it_and_why(
    otto: Client, stall: Shop, listed: None, language: str, words: str
) -> None:
    otto.cookies["hub_language"] = language
    listing = stall.listing("PANELA-1")
    for price in ("131.00", "132.00", "133.00"):
        change_product(listing.variation, price=price)
    stall.settle()
    page = otto.get(reverse("portal:marketplaces_listing_change", args=[listing.pk])).content.decode()
    assert words in page


def test_a_vanished_listing_comes_with_its_choice(otto: Client, stall: Shop, listed: None) -> None:
    drifted(stall, "PANELA-1", state="absent")
    drifted(stall, "PANELA-2", state="withdrawn")
    assert [one.sku for one in skus(otto, cause="gone")] == ["PANELA-1", "PANELA-2"]

    def choose(sku: str, choice: str) -> None:
        otto.post(reverse("portal:listing_gone", args=[stall.listing(sku).pk]), {"choice": choice})

    choose("PANELA-1", "publish")
    stall.settle()
    choose("PANELA-2", "accept")
    choose("PANELA-3", "publish")

    assert stall.shown("PANELA-1")["state"] == "live"
    assert stall.listing("PANELA-2").state == Listing.State.DISCONNECTED
    assert skus(otto, cause="gone") == []
    assert Load.objects.count() == 2


def test_a_viewer_looks_and_changes_nothing(vera: Client, stall: Shop, listed: None) -> None:
    drifted(stall, "PANELA-1", price="99.00")
    listing = stall.listing("PANELA-1")
    page = vera.get(DIFFERENCES).content.decode()
    assert "PANELA-1" in page
    assert HEAL not in page
    assert vera.post(HEAL, {"cause": "outside"}).status_code == 403
    assert freeze(vera, listing, "price") == 403
    assert vera.post(reverse("portal:listing_gone", args=[listing.pk])).status_code == 403
    assert stall.sync("PANELA-1", "price").due_at is None


def test_a_stranger_reaches_nothing(stranger: Client, stall: Shop, listed: None) -> None:
    drifted(stall, "PANELA-1", price="99.00")
    listing = stall.listing("PANELA-1")

    assert freeze(stranger, listing, "price") == 404
    said = {"cause": "outside", "listing": listing.pk, "facet": "price", "on": stall.connection.pk}
    assert stranger.post(HEAL, said).status_code == 404
    stranger.post(HEAL, {"cause": "outside", "on": stall.connection.pk})
    assert stall.sync("PANELA-1", "price").due_at is None
    assert stranger.get(SYNC, {"on": stall.connection.pk}).context["cards"] == []
    assert skus(stranger) == []


@pytest.mark.parametrize(
    "said", [{}, {"cause": "frozen"}, {"cause": "outside", "listing": "x"}, {"cause": "'", "on": "9" * 40}]
)
def test_a_strange_wish_to_heal_does_nothing(
    otto: Client, stall: Shop, listed: None, said: dict[str, str]
) -> None:
    drifted(stall, "PANELA-1", price="99.00")
    assert otto.post(HEAL, said).status_code in (302, 404)
    assert stall.sync("PANELA-1", "price").due_at is None
    assert freeze(otto, stall.listing("PANELA-1"), "nonsense") == 302


def test_the_owner_sets_healing_and_the_round(dora: Client, stall: Shop) -> None:
    address = reverse("portal:connection_switches", args=[stall.connection.pk])

    dora.post(address, {"sync_stock": "on", "auto_reconnect": "on", "readback_hours": "6"})
    stall.connection.refresh_from_db()
    assert (stall.connection.auto_heal, stall.connection.auto_reconnect) == (False, True)
    assert stall.connection.readback_period.total_seconds() == 6 * 3600

    dora.post(address, {"auto_heal": "on", "readback_hours": "0"})
    assert Connection.objects.get(pk=stall.connection.pk).readback_hours == 6
    dora.post(address, {"auto_heal": "on", "readback_hours": ""})
    assert Connection.objects.get(pk=stall.connection.pk).readback_period.total_seconds() == 24 * 3600
