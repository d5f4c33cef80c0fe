"""/products/{sku}/variations and /variations/{sku}."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from catalog import extensions
from catalog.models import Product, Variation
from catalog.services import IN_USE
from tests.api.erp import Erp
from tests.make import make_parent, make_product, make_seller, make_variation

pytestmark = pytest.mark.django_db


@pytest.fixture
def erp() -> Erp:
    return Erp(make_seller("Ana"))


@pytest.fixture
def on_sale(erp: Erp) -> Iterator[set[str]]:
    """SKUs that some app above the catalogue says are on sale."""
    skus: set[str] = set()

    def listed(seller_id: int, variation_ids: Sequence[int]) -> set[int]:
        rows = Variation.objects.filter(seller_id=seller_id, pk__in=variation_ids, sku__in=skus)
        return set(rows.values_list("pk", flat=True))

    extensions.IN_USE.append(listed)
    yield skus
    extensions.IN_USE.remove(listed)


def test_a_variation_is_added_to_a_product_and_read_back(erp: Erp) -> None:
    make_variation(make_parent(erp.seller, "P"), "P-1")
    body = {"variation": {"sku": "P-2", "qty": 4, "ean": 7891000315507, "weight": "0.5"}}
    answer = erp.post("/products/P/variations", body)
    assert (answer.status_code, answer.content) == (201, b"")
    assert erp.get("/variations/P-2").json() == {
        "variation": {
            "sku": "P-2",
            "qty": 4,
            "ean": "7891000315507",
            "images": [],
            "specifications": [],
            "price": None,
            "promotional_price": None,
            "weight": 0.5,
            "height": None,
            "width": None,
            "length": None,
            "crossdocking": None,
        },
        "product": {"sku": "P"},
    }


def test_a_simple_product_that_gets_variations_loses_its_own(erp: Erp) -> None:
    make_product(erp.seller, "P", qty=9)
    assert erp.post("/products/P/variations", {"variation": {"sku": "P-1", "qty": 2}}).status_code == 201
    assert list(Variation.objects.values_list("sku", "qty")) == [("P-1", 2)]
    assert erp.get("/products/P").json()["qty"] == 2


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/products/P/variations", {"variation": {"sku": "P-1"}}),
        ("POST", "/products", {"product": {"sku": "P", "variations": [{"sku": "P-1"}]}}),
        ("DELETE", "/products/P", None),
    ],
)
def test_what_is_on_sale_does_not_disappear(
    erp: Erp, on_sale: set[str], method: str, path: str, body: Any
) -> None:
    make_product(erp.seller, "P", qty=9)
    on_sale.add("P")
    answer = erp.send(method, path, body)
    assert answer.status_code == 422
    assert answer.json() == {"error": IN_USE}
    assert list(Variation.objects.values_list("sku", "qty")) == [("P", 9)]


def test_a_variation_on_sale_is_not_deleted(erp: Erp, on_sale: set[str]) -> None:
    parent = make_parent(erp.seller, "P")
    make_variation(parent, "P-1")
    make_variation(parent, "P-2")
    on_sale.add("P-1")
    assert erp.delete("/variations/P-1").json() == {"error": IN_USE}
    assert erp.delete("/variations/P-2").status_code == 204
    assert erp.get("/variations/P-2").status_code == 404
    assert erp.get("/variations/P-1").status_code == 200


def test_without_its_last_variation_a_product_is_simple_again(erp: Erp) -> None:
    make_variation(make_parent(erp.seller, "P"), "P-1")
    assert erp.delete("/variations/P-1").status_code == 204
    assert list(Variation.objects.values_list("sku", "qty")) == [("P", 0)]
    assert erp.put("/products/P", {"product": {"qty": 3}}).status_code == 204
    assert erp.get("/products/P").json()["qty"] == 3


def test_a_simple_products_own_variation_goes_only_with_the_product(erp: Erp) -> None:
    make_product(erp.seller, "P")
    assert erp.delete("/variations/P").status_code == 422
    assert erp.get("/products/P").status_code == 200


@pytest.mark.parametrize("body", [{"variation": {"qty": 8}}, {"qty": "8"}])
def test_stock_is_put_on_a_variation_in_one_query(
    erp: Erp, body: Any, django_assert_num_queries: Any
) -> None:
    make_variation(make_parent(erp.seller, "P"), "P-1", qty=1)
    erp.get("/variations/P-1")
    with django_assert_num_queries(2):  # key and member, stock
        assert erp.put("/variations/P-1", body).status_code == 204
    assert Variation.objects.get().qty == 8


def test_only_what_is_sent_of_a_variation_changes(erp: Erp) -> None:
    make_variation(make_parent(erp.seller, "P"), "P-1", qty=5, price="10.00", ean="1")
    assert (
        erp.put("/variations/P-1", {"variation": {"promotional_price": 8.5, "ean": None}}).status_code == 204
    )
    row = Variation.objects.get()
    assert (row.qty, str(row.price), str(row.promotional_price), row.ean) == (5, "10.00", "8.50", "")
    erp.put("/variations/P-1", {"variation": {"price": None}})
    row.refresh_from_db()
    assert row.price is None


def test_a_simple_products_sku_reaches_the_product(erp: Erp) -> None:
    make_product(erp.seller, "P", qty=1, price="10.00")
    body = {"variation": {"qty": 2, "price": 11, "weight": 3}}
    assert erp.put("/variations/P", body).status_code == 204
    product, variation = Product.objects.get(), Variation.objects.get()
    assert (str(product.price), str(product.weight), variation.qty) == ("11.00", "3.000", 2)
    assert (variation.price, variation.weight) == (None, None)


@pytest.mark.parametrize(
    "fields", [{"qty": -1}, {"qty": "x"}, {"price": "1,5"}, {"images": "x"}, {"sku": "OTHER"}]
)
def test_a_bad_value_in_a_variation_is_a_422(erp: Erp, fields: Any) -> None:
    make_variation(make_parent(erp.seller, "P"), "P-1", qty=5)
    answer = erp.put("/variations/P-1", {"variation": fields})
    assert answer.status_code == 422
    assert isinstance(answer.json()["error"], str)
    assert Variation.objects.get().qty == 5


def test_an_unknown_or_foreign_variation_is_a_404(erp: Erp) -> None:
    make_variation(make_parent(erp.seller, "P"), "P-1", qty=5)
    stranger = Erp(make_seller("Beto"))
    for who, sku in ((erp, "NONE"), (stranger, "P-1")):
        for answer in (
            who.get(f"/variations/{sku}"),
            who.put(f"/variations/{sku}", {"variation": {"qty": 0}}),
            who.put(f"/variations/{sku}", {"variation": {"price": 1}}),
            who.delete(f"/variations/{sku}"),
        ):
            assert answer.status_code == 404
            assert sku in answer.json()["error"]
    assert Variation.objects.get().qty == 5


def test_a_new_variation_needs_a_sku(erp: Erp) -> None:
    make_product(erp.seller, "P")
    answer = erp.post("/products/P/variations", {"variation": {"qty": 1}})
    assert answer.status_code == 400
    assert "sku" in answer.json()["error"]


def test_unknown_fields_of_a_variation_are_named_in_a_header(erp: Erp) -> None:
    make_variation(make_parent(erp.seller, "P"), "P-1")
    answer = erp.put("/variations/P-1", {"variation": {"qty": 1, "name": "?"}})
    assert answer["X-Hub-Ignored-Fields"] == "name"
