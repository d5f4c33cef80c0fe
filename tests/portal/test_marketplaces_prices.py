"""Price rules and held prices on the portal: operators change and decide, viewers look."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import Product
from marketplaces import price_rules
from marketplaces.models import HeldPrice, PriceRules
from marketplaces.pricing import Ending, Offer, Rule, Rules
from tests import make
from tests.marketplaces.shop import Shop

pytestmark = pytest.mark.django_db(transaction=True)

HELD = reverse("portal:marketplaces_heldprice_changelist")
START = reverse("portal:index")


def page(stall: Shop, name: str = "price_rules", *more: Any) -> str:
    return reverse(f"portal:{name}", args=[stall.connection.pk, *more])


def filled(*exceptions: dict[str, str], **base: str) -> dict[str, str]:
    """What the browser sends: the base, and a row per exception."""
    rows = {
        f"exceptions-{place}-{name}": value
        for place, row in enumerate(exceptions)
        for name, value in row.items()
    }
    return {
        **base,
        "exceptions-TOTAL_FORMS": str(len(exceptions)),
        "exceptions-INITIAL_FORMS": "0",
        **rows,
    }


def proposal(client: Client, stall: Shop, *exceptions: dict[str, str], **base: str) -> str:
    response = client.post(page(stall, "price_rules_preview"), filled(*exceptions, **base))
    assert response.status_code == 200, response.context["base"].errors
    return str(response.context["proposal"])


def hold_one(stall: Shop, sku: str = "PAN-1") -> HeldPrice:
    """Have the guard keep a slip of the ERP's back."""
    stall.sell(sku, price="100.00")
    stall.connect()
    price_rules.save(connection=stall.connection, rules=Rules(most_drop=Decimal(30)), based_on=0)
    Product.objects.filter(seller=stall.seller, sku=sku).update(price="1.00")
    stall.settle()
    return HeldPrice.objects.get()


# --- rules ------------------------------------------------------------------------------------


def test_an_operator_sees_what_would_change_and_only_then_saves(otto: Client, stall: Shop) -> None:
    stall.sell("PAN-1", price="100.00", cost="130.00")
    stall.connect()

    seen = otto.post(
        page(stall, "price_rules_preview"),
        filled(
            {"scope": "sku", "key": "PAN-1", "percent": "20,5"}, percent="10", ending="90", most_drop="30"
        ),
    )
    assert seen.status_code == 200
    found = seen.context["found"]
    assert (found.changed, found.below_cost, found.rises) == (1, 1, 1)
    assert "R$ 120,50" in seen.content.decode()
    assert not PriceRules.objects.exists()

    saved = otto.post(page(stall, "price_rules_save"), {"proposal": seen.context["proposal"]}, follow=True)
    version = PriceRules.objects.get()
    assert version.said == Rules(
        base=Rule(Decimal(10), ending=Ending.NINETY),
        skus={"PAN-1": Rule(Decimal("20.50"))},
        most_drop=Decimal(30),
    )
    assert version.saved_by is not None
    assert version.saved_by.email == "otto@example.com"
    assert "Versão 1" in saved.content.decode() or "versão 1" in saved.content.decode()
    stall.settle()
    assert stall.shown("PAN-1")["price"] == "120.50"


@pytest.mark.parametrize("language", ["en", "pt-br"])
@pytest.mark.parametrize("typed", ["12,5", "12.5"])
def test_a_comma_and_a_point_mean_the_same_in_both_languages(
    otto: Client, stall: Shop, language: str, typed: str
) -> None:
    otto.cookies["hub_language"] = language
    stall.sell("PAN-1", price="100.00")

    seen = otto.post(page(stall, "price_rules_preview"), filled(percent=typed))

    (line,) = seen.context["found"].sample
    assert line.after.price == Decimal("112.50")


def test_the_form_shows_the_rules_in_force(otto: Client, stall: Shop) -> None:
    rules = Rules(Rule(Decimal("12.5"), offer=Offer.FULL), categories={"PANELAS": Rule(fixed=Decimal(3))})
    price_rules.save(connection=stall.connection, rules=rules, based_on=0)
    shown = otto.get(page(stall))
    assert shown.context["base"]["percent"].value() == Decimal("12.5")
    assert shown.context["exceptions"].forms[0]["key"].value() == "PANELAS"
    assert len(shown.context["exceptions"].forms) == 3
    assert "v1" in shown.content.decode()


def test_another_empty_row_keeps_what_was_filled_in(otto: Client, stall: Shop) -> None:
    sent = {**filled({"scope": "sku", "key": "NEW"}, percent="7"), "more": "1"}
    shown = otto.post(page(stall, "price_rules_preview"), sent)
    assert shown.status_code == 200
    assert len(shown.context["exceptions"].forms) == 3
    assert shown.context["base"]["percent"].value() == "7"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"scope": "sku", "key": "NOBODY"}, "nada com este código"),
        ({"scope": "category", "key": "PAN-1"}, "nada com este código"),
        ({"scope": "sku", "key": "PAN-1", "percent": "muito"}, "Informe um número"),
    ],
)
def test_a_row_that_means_nothing_is_told_beside_it(
    otto: Client, stall: Shop, row: dict[str, str], message: str
) -> None:
    stall.sell("PAN-1")
    answer = otto.post(page(stall, "price_rules_preview"), filled(row))
    assert answer.status_code == 400
    assert message in answer.content.decode()


@pytest.mark.parametrize("said", [{"percent": "25"}, {"fixed": "-3"}, {"percent": "0"}, {"ending": "90"}])
def test_a_new_row_that_says_something_of_no_code_is_told_so_and_kept(
    otto: Client, stall: Shop, said: dict[str, str]
) -> None:
    blank = {
        "scope": "category",
        "key": "",
        "percent": "",
        "fixed": "",
        "ending": "none",
        "offer": "from_for",
    }
    answer = otto.post(page(stall, "price_rules_preview"), filled({**blank, **said}, blank, percent="5"))

    assert answer.status_code == 400
    assert answer.content.decode().count("falta o código") == 1
    ((name, typed),) = said.items()
    assert answer.context["exceptions"].forms[0][name].value() == typed
    assert "proposal" not in answer.context


def test_a_row_whose_code_was_emptied_is_taken_out(otto: Client, stall: Shop) -> None:
    rules = Rules(categories={"PANELAS": Rule(fixed=Decimal(3))})
    price_rules.save(connection=stall.connection, rules=rules, based_on=0)
    sent = filled({"scope": "category", "key": "", "fixed": "3,00"}, percent="5")

    seen = otto.post(page(stall, "price_rules_preview"), {**sent, "exceptions-INITIAL_FORMS": "1"})
    otto.post(page(stall, "price_rules_save"), {"proposal": seen.context["proposal"]})

    assert price_rules.current(stall.connection.pk) == (2, Rules(Rule(Decimal(5))))


def test_another_sellers_sku_is_nobodys(otto: Client, stall: Shop) -> None:
    make.make_product(make.make_seller("Beto"), "DELE")
    answer = otto.post(page(stall, "price_rules_preview"), filled({"scope": "sku", "key": "DELE"}))
    assert answer.status_code == 400


def test_the_same_thing_twice_and_numbers_out_of_range_are_refused(otto: Client, stall: Shop) -> None:
    stall.sell("PAN-1")
    row = {"scope": "sku", "key": "PAN-1", "percent": "5"}
    assert otto.post(page(stall, "price_rules_preview"), filled(row, row)).status_code == 400
    answer = otto.post(page(stall, "price_rules_preview"), filled(percent="-100"))
    assert answer.status_code == 400
    assert "acima de -100" in answer.content.decode()


def test_rules_that_leave_nothing_are_shown_and_cannot_be_saved(otto: Client, stall: Shop) -> None:
    stall.sell("PAN-1", price="5.00")
    stall.connect()
    seen = otto.post(page(stall, "price_rules_preview"), filled(fixed="-10"))
    assert "disabled" in seen.content.decode()
    otto.post(page(stall, "price_rules_save"), {"proposal": seen.context["proposal"]})
    assert not PriceRules.objects.exists()


def test_a_price_nothing_is_left_of_already_is_named_and_a_change_can_be_saved(
    otto: Client, stall: Shop
) -> None:
    stall.sell("PAN-1", price="10.00")
    stall.connect()
    price_rules.save(connection=stall.connection, rules=Rules(Rule(fixed=Decimal(-5))), based_on=0)
    Product.objects.filter(seller=stall.seller, sku="PAN-1").update(price="1.00")

    seen = otto.post(page(stall, "price_rules_preview"), filled(fixed="-6"))
    shown = seen.content.decode()
    assert "já não deixam nada do preço de 1 SKU" in shown
    assert "não podem ser salvas" not in shown
    assert "disabled" not in shown

    otto.post(page(stall, "price_rules_save"), {"proposal": seen.context["proposal"]})
    assert price_rules.current(stall.connection.pk)[0] == 2


def test_going_back_to_rules_that_leave_nothing_of_a_price_warns_and_is_possible(
    otto: Client, stall: Shop
) -> None:
    stall.sell("PAN-1", price="10.00")
    stall.connect()
    for number, rules in enumerate((Rules(Rule(fixed=Decimal(-5))), Rules())):
        price_rules.save(connection=stall.connection, rules=rules, based_on=number)
    Product.objects.filter(seller=stall.seller, sku="PAN-1").update(price="1.00")

    seen = otto.post(page(stall, "price_rules_back", 1))
    shown = seen.content.decode()
    assert "Voltar não deixa nada do preço de 1 SKU" in shown
    assert "disabled" not in shown

    otto.post(page(stall, "price_rules_save"), {"proposal": seen.context["proposal"]})
    assert PriceRules.objects.filter(number=3, same_as=1).exists()


def test_going_back_shows_what_would_change_and_makes_a_new_version(otto: Client, stall: Shop) -> None:
    stall.sell("PAN-1", price="100.00")
    stall.connect()
    for percent in ("10", "20"):
        otto.post(page(stall, "price_rules_save"), {"proposal": proposal(otto, stall, percent=percent)})
    stall.settle()

    seen = otto.post(page(stall, "price_rules_back", 1))
    assert seen.context["found"].drops == 1
    otto.post(page(stall, "price_rules_save"), {"proposal": seen.context["proposal"]})
    stall.settle()

    newest = PriceRules.objects.first()
    assert newest is not None
    assert (newest.number, newest.same_as) == (3, 1)
    assert stall.shown("PAN-1")["price"] == "110.00"
    assert otto.post(page(stall, "price_rules_back", 9)).status_code == 404


def test_a_preview_somebody_overtook_is_not_saved(otto: Client, stall: Shop) -> None:
    old = proposal(otto, stall, percent="10")
    price_rules.save(connection=stall.connection, rules=Rules(Rule(Decimal(5))), based_on=0)
    otto.post(page(stall, "price_rules_save"), {"proposal": old})
    assert PriceRules.objects.count() == 1


def test_a_second_click_on_save_is_answered_as_the_first(otto: Client, stall: Shop) -> None:
    stall.sell("PAN-1", price="100.00")
    stall.connect()
    twice = {"proposal": proposal(otto, stall, percent="10")}
    for _click in range(2):
        answer = otto.post(page(stall, "price_rules_save"), twice, follow=True)
        assert [str(one) for one in answer.context["messages"]] == [
            "A versão 1 está em vigor; 1 anúncio muda de preço."
        ]
    assert PriceRules.objects.count() == 1


def test_saving_the_same_as_a_colleague_is_no_second_click(otto: Client, dora: Client, stall: Shop) -> None:
    mine = {"proposal": proposal(otto, stall, percent="10")}
    dora.post(page(stall, "price_rules_save"), {"proposal": proposal(dora, stall, percent="10")})
    answer = otto.post(page(stall, "price_rules_save"), mine, follow=True)
    assert "Alguém salvou a versão 1" in answer.content.decode()


@pytest.mark.parametrize("sent", ["", "nonsense", "a:b:c"])
def test_a_proposal_nobody_was_shown_saves_nothing(otto: Client, stall: Shop, sent: str) -> None:
    assert otto.post(page(stall, "price_rules_save"), {"proposal": sent}).status_code == 302
    assert not PriceRules.objects.exists()


def test_a_preview_for_one_account_does_not_fit_another(otto: Client, stall: Shop, stranger: Client) -> None:
    assert stranger.get(page(stall)).status_code == 404
    assert stranger.post(page(stall, "price_rules_preview"), filled()).status_code == 404
    answer = stranger.post(page(stall, "price_rules_save"), {"proposal": proposal(otto, stall, percent="1")})
    assert answer.status_code == 404
    assert not PriceRules.objects.exists()


def test_a_viewer_looks_at_rules_and_changes_none(vera: Client, stall: Shop) -> None:
    shown = vera.get(page(stall))
    assert shown.status_code == 200
    assert "disabled" in shown.content.decode()
    for name in ("price_rules_preview", "price_rules_save"):
        assert vera.post(page(stall, name), filled()).status_code == 403
    assert vera.post(page(stall, "price_rules_back", 1)).status_code == 403


# --- held prices ------------------------------------------------------------------------------


def test_held_prices_are_counted_on_the_start_page_and_listed(dora: Client, stall: Shop) -> None:
    assert not [card for card in dora.get(START).context["cards"] if HELD in card.link]
    hold_one(stall)
    (card,) = [card for card in dora.get(START).context["cards"] if HELD in card.link]
    assert card.value == "1"
    listed = dora.get(card.link).content.decode()
    assert "PAN-1" in listed
    assert "-99,00 %" in listed
    assert reverse("portal:marketplaces_listing_change", args=[stall.listing("PAN-1").pk]) in listed


@pytest.mark.parametrize(("action", "price"), [("approve", "1.00"), ("reject", "100.00")])
def test_an_operator_decides_on_all_that_wait_at_once(
    otto: Client, stall: Shop, action: str, price: str
) -> None:
    hold = hold_one(stall)
    sent = {"action": action, "select_across": "1", "index": "0", "_selected_action": str(hold.pk)}
    otto.post(f"{HELD}?state__exact=open", sent, follow=True)
    stall.settle()
    hold.refresh_from_db()
    assert hold.state == {"approve": "approved", "reject": "rejected"}[action]
    assert hold.decided_by is not None
    assert hold.decided_by.email == "otto@example.com"
    assert stall.shown("PAN-1")["price"] == price


def test_a_tick_that_names_no_row_is_no_error_of_ours(otto: Client, stall: Shop) -> None:
    hold_one(stall)
    assert otto.post(HELD, {"action": "approve", "_selected_action": ["x"]}).status_code == 400
    assert HeldPrice.objects.get().state == HeldPrice.State.OPEN


def test_a_viewer_sees_held_prices_and_decides_nothing(vera: Client, stall: Shop) -> None:
    hold = hold_one(stall)
    assert "PAN-1" in vera.get(HELD).content.decode()
    vera.post(HELD, {"action": "approve", "index": "0", "_selected_action": str(hold.pk)})
    assert vera.post(reverse("portal:held_decide", args=[hold.pk, "approve"])).status_code == 403
    hold.refresh_from_db()
    assert hold.state == HeldPrice.State.OPEN


def test_the_listings_page_tells_the_way_of_a_price_and_lets_decide(otto: Client, stall: Shop) -> None:
    hold = hold_one(stall)
    address = reverse("portal:marketplaces_listing_change", args=[stall.listing("PAN-1").pk])
    shown = otto.get(address).content.decode()
    assert "regras v1" in shown
    assert "Aguardando aprovação" in shown
    assert "Preço lá: R$ 100,00. Preço retido: R$ 1,00" in shown

    otto.post(reverse("portal:held_decide", args=[hold.pk, "reject"]))
    shown = otto.get(address).content.decode()
    assert "Rejeitado" in shown
    otto.post(reverse("portal:held_decide", args=[hold.pk, "approve"]))
    stall.settle()
    assert stall.shown("PAN-1")["price"] == "1.00"
    assert "Aguardando aprovação" not in otto.get(address).content.decode()
    assert otto.post(reverse("portal:held_decide", args=[hold.pk, "forget"])).status_code == 404


def test_the_products_page_tells_that_a_price_is_held(dora: Client, stall: Shop) -> None:
    hold_one(stall)
    product = Product.objects.get(sku="PAN-1")
    shown = dora.get(reverse("portal:catalog_product_change", args=[product.pk])).content.decode()
    assert "Aguardando aprovação" in shown


def test_a_stranger_decides_nothing(stranger: Client, stall: Shop) -> None:
    hold = hold_one(stall)
    assert stranger.post(reverse("portal:held_decide", args=[hold.pk, "approve"])).status_code == 404
    assert "PAN-1" not in stranger.get(HELD).content.decode()


def test_the_api_tells_the_rules_price_and_that_it_is_held(stall: Shop, client: Client) -> None:
    hold = hold_one(stall)
    headers = make.make_api_headers(stall.seller)

    def price() -> dict[str, Any]:
        answer = client.get("/listings?sku=PAN-1", headers=headers)
        return dict(answer.json()["listings"][0]["price"])

    shown = price()
    assert (shown["state"], shown["wanted"], shown["confirmed"]) == ("held", "1.00/1.00", "100.00/100.00")
    assert shown["rules_version"] == 1
    assert client.get("/products/PAN-1", headers=headers).json()["price"] == 1.0

    price_rules.save(
        connection=stall.connection, rules=Rules(Rule(fixed=Decimal(2)), most_drop=Decimal(30)), based_on=1
    )
    stall.settle()
    assert price()["wanted"] == "3.00/3.00"
    HeldPrice.objects.filter(listing=hold.listing, state="open").update(
        state="rejected", decided_at=hold.created_at
    )
    assert price()["state"] == "rejected"


def test_the_preview_compares_with_what_shoppers_pay_not_with_a_slip_that_is_held(
    otto: Client, stall: Shop
) -> None:
    hold_one(stall)
    seen = otto.post(page(stall, "price_rules_preview"), filled(percent="10", most_drop="30"))
    found = seen.context["found"]
    (line,) = found.sample
    assert (line.today.price, line.after.price) == (Decimal("100.00"), Decimal("1.10"))
    assert (found.changed, found.now, found.held) == (1, 0, 1)


def test_the_menu_opens_the_prices_that_wait(otto: Client, stall: Shop) -> None:
    hold_one(stall)
    assert f"{HELD}?state__exact=open" in otto.get(reverse("portal:account_members")).content.decode()
