"""GET /products: pages, the cursor, filters."""

from __future__ import annotations

from typing import Any

import pytest

from catalog.models import Product
from tests.api.erp import Erp
from tests.make import make_parent, make_product, make_seller, make_variation

pytestmark = pytest.mark.django_db


@pytest.fixture
def erp() -> Erp:
    return Erp(make_seller("Ana"))


def many(erp: Erp, count: int) -> None:
    """Products whose variations do not matter."""
    Product.objects.bulk_create(
        Product(seller=erp.seller, sku=f"P{number:04}", name="Caneca") for number in range(count)
    )


def skus(data: Any) -> list[str]:
    return [product["sku"] for product in data["products"]]


def walk(erp: Erp, url: str) -> list[str]:
    found: list[str] = []
    while url:
        data = erp.get(url).json()
        found += skus(data)
        url = data["next"]
    return found


def test_without_a_page_there_are_25_and_a_cursor(erp: Erp) -> None:
    many(erp, 60)
    data = erp.get("/products").json()
    assert (len(data["products"]), data["total"]) == (25, 60)
    assert data["next"].startswith("http://testserver/products?cursor=")


def test_the_cursor_gives_each_product_once_even_while_new_ones_come(erp: Erp) -> None:
    many(erp, 60)
    first = erp.get("/products?cursor=").json()
    make_product(erp.seller, "NEW")
    rest = walk(erp, first["next"])
    assert skus(first) + rest == [f"P{number:04}" for number in range(60)] + ["NEW"]


def test_filters_stay_inside_the_cursor(erp: Erp) -> None:
    many(erp, 60)
    Product.objects.filter(sku__gte="P0040").update(status="disabled")
    assert len(walk(erp, "/products?filters[status]=enabled")) == 40


@pytest.mark.parametrize(
    ("query", "rows"), [("per_page=7", 7), ("per_page=500", 100), ("page=2", 10), ("page=1&per_page=", 100)]
)
def test_pages_hold_up_to_100_and_more_is_silently_cut(erp: Erp, query: str, rows: int) -> None:
    many(erp, 110)
    data = erp.get(f"/products?{query}").json()
    assert (len(data["products"]), data["total"]) == (rows, 110)


def test_a_page_beyond_the_end_is_empty(erp: Erp) -> None:
    many(erp, 3)
    assert erp.get("/products?page=9").json() == {"products": [], "total": 3, "next": None}


@pytest.mark.parametrize(
    "query",
    [
        "page=101",
        "page=10001&per_page=1",
        "page=99999999999999999999999",
        "page=0",
        "page=-1",
        "page=x",
        "per_page=0",
        "per_page=1.5",
        "cursor=forged",
        "cursor=eyJhZnRlciI6MX0:1:1",
        "status=ativo",
        "filters[qty_from]=x",
        "qty_to=-1",
        "name=%00",
        "sku=%00",
    ],
)
def test_a_list_that_cannot_be_given_is_a_400(erp: Erp, query: str) -> None:
    answer = erp.get(f"/products?{query}")
    assert answer.status_code == 400
    assert isinstance(answer.json()["error"], str)


def test_the_last_page_that_may_be_asked_for_ends_at_row_10000(erp: Erp) -> None:
    assert erp.get("/products?page=100&per_page=100").status_code == 200


def test_a_cursor_of_another_hub_or_seller_shows_nothing_of_ours(erp: Erp) -> None:
    many(erp, 30)
    following = erp.get("/products").json()["next"]
    assert Erp(make_seller("Beto")).get(following).json()["products"] == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=disabled", ["OFF"]),
        ("filters[status]=disabled", ["OFF"]),
        ("filters%5Bstatus%5D=enabled", ["CUP", "SHIRT"]),
        ("sku=CUP", ["CUP"]),
        ("filters[sku]=cup", []),
        ("name=canec", ["CUP"]),
        ("filters[name]=CANEC", ["CUP"]),
        ("qty_from=10", ["SHIRT"]),
        ("filters[qty_to]=5", ["CUP", "OFF"]),
        ("qty_from=5&qty_to=5", ["CUP"]),
        ("categories=C1", ["CUP"]),
        ("categories=C1,C2", ["CUP", "SHIRT"]),
        ("filters[categories][]=C1&filters[categories][]=C2", ["CUP", "SHIRT"]),
        ("filters[qty_from]=&filters[status]=&name=", ["CUP", "OFF", "SHIRT"]),
        ("filters[unknown]=1&foo=bar", ["CUP", "OFF", "SHIRT"]),
    ],
)
def test_filters_narrow_the_list_in_both_spellings(erp: Erp, query: str, expected: list[str]) -> None:
    make_product(erp.seller, "CUP", qty=5, name="Caneca azul", category_codes=["C1"])
    make_product(erp.seller, "OFF", qty=0, name="Copo", status="disabled")
    shirt = make_parent(erp.seller, "SHIRT", name="Camiseta", category_codes=["C2"])
    make_variation(shirt, qty=6)
    make_variation(shirt, qty=6)
    data = erp.get(f"/products?{query}").json()
    assert skus(data) == expected
    assert data["total"] == len(expected)


def test_a_page_of_products_costs_as_many_queries_as_one_product(
    erp: Erp, django_assert_num_queries: Any
) -> None:
    for number in range(5):
        make_product(erp.seller, category_codes=[f"C{number}"])
    erp.get("/products")
    with django_assert_num_queries(5):  # key and member, products, variations, categories, associations
        erp.get("/products")
