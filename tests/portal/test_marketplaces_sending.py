"""From the product list to a load: what is previewed is what is sent, however many."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import connection
from django.test import Client
from django.urls import reverse

from catalog.models import Product, Variation
from marketplaces import services
from marketplaces.models import Connection, Listing, Load
from tests import make
from tests.marketplaces.shop import Shop, change_product

LIST = reverse("portal:catalog_product_changelist")
LISTINGS = reverse("portal:marketplaces_listing_changelist")


def choose(
    client: Client,
    action: str,
    chosen: list[Any],
    *,
    across: bool = False,
    send_to: list[Connection] | None = None,
    query: str = "",
    page: str = LIST,
) -> Any:
    form: dict[str, Any] = {
        "action": action,
        ACTION_CHECKBOX_NAME: [one.pk for one in chosen],
        "select_across": "1" if across else "0",
    }
    if send_to is None:
        form["index"] = "0"
    else:
        form.update(send="1", connection=[one.pk for one in send_to])
    return client.post(page + query, form)


def test_connect_shows_what_would_be_sent_and_sends_nothing_yet(otto: Client, stall: Shop) -> None:
    stall.sell("PANELA-1")
    stall.sell("PANELA-2", ean="123")
    page = choose(otto, "connect", list(Product.objects.all()))
    (preview,) = page.context["previews"]
    assert (preview.total, preview.checked, preview.passed) == (2, 2, 1)
    assert [count for _hint, count in preview.causes] == [1]
    assert not Load.objects.exists()


def test_connect_sends_every_variation_and_leads_to_the_load(otto: Client, stall: Shop) -> None:
    stall.sell("PANELA-1")
    parent = make.make_parent(stall.seller, "CAMISA")
    make.make_variation(parent, "CAMISA-P")
    make.make_variation(parent, "CAMISA-M")
    response = choose(otto, "connect", list(Product.objects.all()), send_to=[stall.connection])
    load = Load.objects.get()
    assert response["Location"] == reverse("portal:marketplaces_load_change", args=[load.pk])
    assert (load.action, load.origin, load.total) == ("connect", "portal", 3)
    assert load.created_by is not None
    assert load.created_by.email == "otto@example.com"


def test_one_load_for_each_account_chosen(otto: Client, stall: Shop, sandbox: Any) -> None:
    account = sandbox.create_account("Filial")
    second = services.open_connection(
        seller=stall.seller,
        marketplace=stall.connection.marketplace,
        name="Filial",
        credentials={"api_key": account["api_key"], "webhook_secret": ""},
    )
    stall.sell("PANELA-1")
    response = choose(otto, "connect", list(Product.objects.all()), send_to=[stall.connection, second])
    assert response["Location"] == reverse("portal:marketplaces_load_changelist")
    assert {load.connection for load in Load.objects.all()} == {stall.connection, second}


def test_reconnect_and_disconnect_take_the_listings_of_the_products(otto: Client, stall: Shop) -> None:
    for sku in ("PANELA-1", "PANELA-2", "PANELA-3"):
        stall.sell(sku)
    stall.connect("PANELA-1", "PANELA-2")
    products = list(Product.objects.all())
    preview = choose(otto, "disconnect", products).context["previews"][0]
    assert preview.total == 2
    choose(otto, "disconnect", [products[-1]], send_to=[stall.connection])
    stall.settle()
    choose(otto, "reconnect", products, send_to=[stall.connection])
    assert [load.total for load in Load.objects.order_by("id")] == [2, 1, 2]


def test_associate_links_to_what_is_there(otto: Client, stall: Shop) -> None:
    stall.sell("PANELA-1")
    choose(otto, "associate", list(Product.objects.all()), send_to=[stall.connection])
    assert Load.objects.get().action == Load.Action.ASSOCIATE


def test_without_an_account_chosen_nothing_is_sent(otto: Client, stall: Shop) -> None:
    stall.sell("PANELA-1")
    page = choose(otto, "connect", list(Product.objects.all()), send_to=[])
    assert page.status_code == 200
    assert not Load.objects.exists()


@pytest.mark.parametrize("account", ["x", "999999", "-1", "'", "1e9"])
def test_an_account_that_is_none_sends_nothing(otto: Client, stall: Shop, account: str) -> None:
    product = stall.sell("PANELA-1").product
    form = {"action": "connect", ACTION_CHECKBOX_NAME: product.pk, "send": "1", "connection": account}
    assert otto.post(LIST, form).status_code == 200
    assert not Load.objects.exists()


def test_without_any_account_the_seller_is_told_where_to_begin(ana: Client, shop: Any) -> None:
    product = make.make_product(shop, "SKU")
    response = choose(ana, "connect", [product])
    assert response["Location"] == reverse("portal:marketplaces_connection_changelist")


def test_a_viewer_is_offered_no_action(vera: Client, stall: Shop) -> None:
    product = stall.sell("PANELA-1").product
    choose(vera, "connect", [product], send_to=[stall.connection])
    assert not Load.objects.exists()
    page = vera.get(LIST)
    form = page.context["action_form"]
    assert form is None or [name for name, _label in form.fields["action"].choices if name] == []


def test_the_list_shows_each_products_worst_state_and_filters_by_it(otto: Client, stall: Shop) -> None:
    stall.sell("PANELA-1")
    stall.sell("PANELA-2", ean="123")
    stall.sell("PANELA-3")
    stall.connect("PANELA-1", "PANELA-2")

    def found(**query: Any) -> set[str]:
        response = otto.get(LIST, query)
        assert response.status_code == 200, query
        return {product.sku for product in response.context["cl"].result_list}

    here = stall.connection.pk
    assert found(listing="connected") == {"PANELA-1"}
    assert found(listing="error", on=here) == {"PANELA-2"}
    assert found(listing="none", on=here) == {"PANELA-3"}
    assert found(on=here) == {"PANELA-1", "PANELA-2"}
    assert found(listing="corrected") == set()
    assert found(listing="none", on=999_999) == {"PANELA-1", "PANELA-2", "PANELA-3"}
    assert "mk-danger" in otto.get(LIST, {"listing": "error"}).content.decode()
    for nonsense in ("x", "9" * 40, ""):
        assert otto.get(LIST, {"on": nonsense, "listing": nonsense}, follow=True).status_code == 200


def test_all_that_match_a_filter_are_sent_and_nothing_else(otto: Client, stall: Shop) -> None:
    for number in range(60):
        stall.sell(f"PANELA-{number:02d}", brand="Panex" if number < 55 else "Outra")
    first = list(Product.objects.order_by("-id")[:1])
    query = "?brand=panex"
    page = choose(otto, "connect", first, across=True, query=query)
    assert page.context["previews"][0].total == 55
    choose(otto, "connect", first, across=True, query=query, send_to=[stall.connection])
    assert Load.objects.get().total == 55
    assert not Listing.objects.filter(variation__product__brand="Outra").exists()


def test_five_thousand_products_are_on_their_way_within_seconds(otto: Client, stall: Shop) -> None:
    count = 5_000
    Product.objects.bulk_create(
        [
            Product(
                seller=stall.seller, sku=f"P{n}", name=f"Produto {n}", price="10", category_codes=["PANELAS"]
            )
            for n in range(count)
        ]
    )
    ids = dict(Product.objects.values_list("sku", "pk"))
    Variation.objects.bulk_create(
        [Variation(seller=stall.seller, product_id=pk, sku=sku, qty=1) for sku, pk in ids.items()]
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # what hub.statistics does; it cannot see into this test's transaction
    one = list(Product.objects.all()[:1])
    started = time.monotonic()
    page = choose(otto, "connect", one, across=True)
    assert page.context["previews"][0].total == count
    choose(otto, "connect", one, across=True, send_to=[stall.connection])
    assert Load.objects.get().total == count
    load_page = otto.get(reverse("portal:marketplaces_load_change", args=[Load.objects.get().pk]))
    assert load_page.status_code == 200
    assert time.monotonic() - started < 10


def test_the_product_page_shows_every_account_and_what_our_check_says(otto: Client, stall: Shop) -> None:
    good, bad = stall.sell("PANELA-1"), stall.sell("PANELA-2", ean="123")
    stall.connect("PANELA-1")
    shown = otto.get(reverse("portal:catalog_product_change", args=[good.product_id])).content.decode()
    assert "Sandbox" in shown
    assert reverse("portal:listing_send", args=[stall.listing("PANELA-1").pk, "price"]) in shown
    other = otto.get(reverse("portal:catalog_product_change", args=[bad.product_id])).content.decode()
    assert "123" in other
    assert 'value="connect"' in other


def test_price_and_stock_are_sent_again_on_request(otto: Client, stall: Shop) -> None:
    stall.sell("PANELA-1")
    stall.connect()
    before = stall.sync("PANELA-1", "price").wanted_version
    otto.post(reverse("portal:listing_send", args=[stall.listing("PANELA-1").pk, "price"]))
    assert stall.sync("PANELA-1", "price").wanted_version == before + 1
    assert stall.sync("PANELA-1", "price").due_at is not None


def test_what_a_switch_keeps_back_is_not_told_as_on_its_way(otto: Client, stall: Shop) -> None:
    variation = stall.sell("PANELA-1")
    stall.connect()
    services.set_switches(connection=stall.connection, sync_price=False)
    change_product(variation, price="140.00")
    listing = stall.listing("PANELA-1")
    assert stall.sync("PANELA-1", "price").due_at is not None
    for page in (
        reverse("portal:marketplaces_listing_change", args=[listing.pk]),
        reverse("portal:catalog_product_change", args=[variation.product_id]),
    ):
        shown = otto.get(page).content.decode()
        assert "desligado na conta" in shown
        assert "a caminho" not in shown
    response = otto.post(reverse("portal:listing_send", args=[listing.pk, "price"]), follow=True)
    assert [message.level_tag for message in response.context["messages"]] == ["warning"]

    services.set_switches(connection=stall.connection, sync_price=True)
    assert (
        "a caminho"
        in otto.get(reverse("portal:marketplaces_listing_change", args=[listing.pk])).content.decode()
    )


def test_only_what_is_on_sale_is_sent_again(otto: Client, stall: Shop) -> None:
    stall.sell("PANELA-1", ean="123")
    stall.connect()
    address = reverse("portal:listing_send", args=[stall.listing("PANELA-1").pk, "price"])
    response = otto.post(address, follow=True)
    assert [message.level_tag for message in response.context["messages"]] == ["error"]
    assert otto.post(address.replace("price", "wizardry"), follow=True).status_code == 200


def test_listings_can_be_chosen_too(otto: Client, stall: Shop) -> None:
    stall.sell("PANELA-1")
    stall.sell("PANELA-2")
    stall.connect()
    chosen = [stall.listing("PANELA-1")]
    assert choose(otto, "disconnect", chosen, page=LISTINGS).context["previews"][0].total == 1
    choose(otto, "disconnect", chosen, page=LISTINGS, send_to=[stall.connection])
    stall.settle()
    assert stall.listing("PANELA-1").state == Listing.State.DISCONNECTED
    assert stall.listing("PANELA-2").state == Listing.State.CONNECTED
