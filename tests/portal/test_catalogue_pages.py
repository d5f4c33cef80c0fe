"""The catalogue in the portal: found quickly, shown whole, changed by nobody."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import Attribute, Product
from hub.counting import CappedPaginator, capped_words
from hub.models import Seller
from tests import make

LIST = reverse("portal:catalog_product_changelist")


def listed(client: Client, **query: Any) -> set[str]:
    response = client.get(LIST, query)
    assert response.status_code == 200
    return {product.sku for product in response.context["cl"].result_list}


@pytest.fixture
def products(shop: Seller) -> None:
    make.make_category(shop, "CAF", "Casa > Cafeteiras")
    make.make_product(
        shop, "CAF-1", qty=0, name="Cafeteira térmica azul", brand="Mondial", category_codes=["CAF"]
    )
    make.make_product(shop, "PAN-1", name="Panela de pressão", ean="7891234567895", status="disabled")
    shirt = make.make_parent(shop, "CAMISA", name="Camisa polo")
    make.make_variation(shirt, "CAMISA-P", qty=3, ean="7890000000017")
    make.make_variation(shirt, "CAMISA-M", qty=4)


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("cafeteira", {"CAF-1"}),
        ("térmica azul", {"CAF-1"}),
        ("caf-1", {"CAF-1"}),
        ("camisa-p", {"CAMISA"}),
        ("CAMISA-M", {"CAMISA"}),
        ("7890000000017", {"CAMISA"}),
        ("7891234567895", {"PAN-1"}),
        ("nada disso", set()),
        ("%", set()),
    ],
)
def test_search_finds_names_skus_and_barcodes(
    ana: Client, products: None, term: str, found: set[str]
) -> None:
    assert listed(ana, q=term) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"stock": "no"}, {"CAF-1"}),
        ({"stock": "yes"}, {"PAN-1", "CAMISA"}),
        ({"category": "CAF"}, {"CAF-1"}),
        ({"brand": "MONDIAL"}, {"CAF-1"}),
        ({"status__exact": "disabled"}, {"PAN-1"}),
        ({"status__exact": "enabled", "stock": "yes"}, {"CAMISA"}),
    ],
)
def test_filters(ana: Client, products: None, query: dict[str, str], found: set[str]) -> None:
    assert listed(ana, **query) == found


def test_the_list_adds_up_the_variations(ana: Client, products: None) -> None:
    page = ana.get(LIST, {"q": "camisa"}).content.decode()
    assert '<span class="hub-num">7</span>' in page


def test_the_list_costs_the_same_for_one_product_and_for_fifty(
    ana: Client, shop: Seller, django_assert_max_num_queries: Any
) -> None:
    for number in range(50):
        make.make_product(shop, f"SKU-{number}")
    with django_assert_max_num_queries(14):
        ana.get(LIST)


def test_the_page_of_a_product_shows_what_the_erp_said(ana: Client, shop: Seller) -> None:
    make.make_category(shop, "CAF", "Casa > Cafeteiras")
    product = make.make_product(
        shop,
        "CAF-1",
        name="Cafeteira <b>elétrica</b>",
        price="1234.50",
        promotional_price="999.90",
        weight="30.000",
        category_codes=["CAF", "SUMIU"],
        description="<p>Faz café</p><script>alert(1)</script>",
        specifications=[{"key": "Voltagem", "value": "110V"}, {"key": "Cor", "value": None}],
        images=["https://img.example.com/1.jpg"],
    )
    page = ana.get(reverse("portal:catalog_product_change", args=[product.pk])).content.decode()
    for expected in (
        "R$ 1.234,50",
        "R$ 999,90",
        "30 kg",
        "Casa &gt; Cafeteiras",
        "SUMIU",
        "Faz café",
        "Voltagem",
        "https://img.example.com/1.jpg",
        "Cafeteira &lt;b&gt;elétrica&lt;/b&gt;",
    ):
        assert expected in page
    assert "<script>alert" not in page
    assert "R$ 1,234.50" not in page


def test_nobody_changes_the_catalogue_in_the_portal(ana: Client, products: None) -> None:
    product = Product.objects.get(sku="CAF-1")
    before = Product.objects.filter(pk=product.pk).values().get()
    change = reverse("portal:catalog_product_change", args=[product.pk])
    assert ana.post(change, {"name": "x", "sku": "x", "status": "disabled"}).status_code == 403
    assert ana.get(reverse("portal:catalog_product_add")).status_code == 403
    assert ana.post(reverse("portal:catalog_product_delete", args=[product.pk])).status_code == 403
    assert Product.objects.filter(pk=product.pk).values().get() == before


def test_an_address_filters_only_by_what_the_list_offers(ana: Client, products: None) -> None:
    assert ana.get(LIST, {"cost__gte": "1"}).status_code == 400
    assert ana.get(LIST, {"category_codes": "x"}).status_code == 400


def test_categories_and_attributes_are_listed(ana: Client, shop: Seller) -> None:
    make.make_category(shop, "CAF", "Casa > Cafeteiras")
    Attribute.objects.create(seller=shop, name="voltagem", options=[f"{n}V" for n in range(20)])
    assert "Cafeteiras" in ana.get(reverse("portal:catalog_category_changelist")).content.decode()
    assert "0V, 1V" in ana.get(reverse("portal:catalog_attribute_changelist")).content.decode()


class Tight(CappedPaginator):
    cap = 100


def test_counts_are_exact_while_small_and_estimated_beyond(shop: Seller) -> None:
    rows = Product.objects.filter(seller=shop)
    assert Tight(rows, 50).count == 0
    Product.objects.bulk_create([Product(seller=shop, sku=f"S{number}", name="x") for number in range(300)])
    assert CappedPaginator(rows, 50).count == 300
    assert 100 < Tight(rows.order_by("id"), 50).count < 3000
    assert capped_words(rows, 100) == "100+"
    assert capped_words(rows) == "300"
    assert CappedPaginator([1, 2, 3], 2).count == 3


def test_staff_sees_every_sellers_products(staff: Client, products: None) -> None:
    product = Product.objects.get(sku="CAF-1")
    assert "Loja da Ana" in staff.get("/admin/catalog/product/").content.decode()
    assert staff.get(f"/admin/catalog/product/{product.pk}/change/").status_code == 200
