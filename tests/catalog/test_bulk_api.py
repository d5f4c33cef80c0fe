"""/bulk/products, /bulk/stock, /bulk/prices: every good item lands, every bad one says why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.db import connection

from catalog import extensions
from catalog.models import Category, Product, Variation
from catalog.services import IN_USE
from tests.api.erp import Erp
from tests.make import make_parent, make_product, make_seller, make_variation

pytestmark = pytest.mark.django_db

PATHS = ["/bulk/products", "/bulk/stock", "/bulk/prices"]


@pytest.fixture
def erp() -> Erp:
    return Erp(make_seller("Ana"))


def key_of(path: str) -> str:
    return "products" if path == "/bulk/products" else "items"


def send(erp: Erp, path: str, items: Any, query: str = "") -> Any:
    """The report of a bulk call that must be understood."""
    answer = erp.put(path + query, {key_of(path): items})
    assert answer.status_code == 200, answer.content
    return answer.json()


def statuses(report: Any) -> list[str]:
    return [result["status"] for result in report["results"]]


def test_a_thousand_products_with_one_bad_among_them(erp: Erp) -> None:
    items: list[Any] = [
        {"sku": f"P{number:04}", "name": f"Produto {number}", "price": 10 + number, "qty": number}
        for number in range(1_000)
    ]
    items[500]["price"] = "12,90"
    report = send(erp, "/bulk/products", items)
    assert report["summary"] == {"received": 1000, "created": 999, "updated": 0, "unchanged": 0, "failed": 1}
    assert report["results"][500]["status"] == "error"
    assert "price" in report["results"][500]["error"]
    assert [result["index"] for result in report["results"]] == list(range(1_000))
    assert Product.objects.count() == 999
    assert Variation.objects.get(sku="P0999").qty == 999
    assert not Product.objects.filter(sku="P0500").exists()


@pytest.mark.parametrize("path", PATHS)
def test_one_more_than_a_thousand_is_refused_as_a_whole(erp: Erp, path: str) -> None:
    make_product(erp.seller, "P0", qty=1, price="1.00")
    items = [{"sku": f"P{number}", "name": "X", "qty": 5, "price": 5} for number in range(1_001)]
    answer = erp.put(path, {key_of(path): items})
    assert answer.status_code == 422
    assert "1000" in answer.json()["error"].replace(".", "").replace(",", "")
    assert Product.objects.count() == 1
    assert Variation.objects.get().qty == 1
    assert str(Product.objects.get().price) == "1.00"


@pytest.mark.parametrize("path", PATHS)
def test_an_empty_list_is_an_empty_report(erp: Erp, path: str) -> None:
    assert send(erp, path, [])["summary"]["received"] == 0


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"null", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b'{"products": {}, "items": {}}', 400),
        (b'{"products": null, "items": null}', 400),
        (b'{"products": [}', 400),
        (b"[" * 100_000, 400),
        (b'{"products": ["\xe7"], "items": ["\xe7"]}', 415),
    ],
)
def test_a_body_that_is_no_list_of_items_is_refused(erp: Erp, path: str, body: bytes, status: int) -> None:
    answer = erp.put(path, body)
    assert answer.status_code == status
    assert isinstance(answer.json()["error"], str)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "bad",
    [
        b"null",
        b"7",
        b"[]",
        b'"A"',
        b"{}",
        b'{"qty": 1, "price": 1, "name": "X"}',
        b'{"sku": null, "qty": 1, "price": 1, "name": "X"}',
        b'{"sku": "", "qty": 1, "price": 1, "name": "X"}',
        b'{"sku": {"a": 1}, "qty": 1, "price": 1, "name": "X"}',
        b'{"sku": "N\\u0000", "qty": 1, "price": 1, "name": "X"}',
        b'{"sku": "\\ud800", "qty": 1, "price": 1, "name": "X"}',
        b'{"sku": "N", "qty": -1, "price": -1, "name": "X"}',
        b'{"sku": "N", "qty": 1e400, "price": 1e400, "name": "X"}',
        b'{"sku": "N", "qty": 123456789012345678901234567890, "price": 99999999999999999999, "name": "X"}',
        b'{"sku": "N", "qty": true, "price": true, "name": "X"}',
        b'{"sku": "N", "qty": "1,5", "price": "1,5", "name": "X"}',
        b'{"sku": "N", "qty": [1], "price": [1], "name": "X"}',
        b'{"sku": "N", "qty": "nan", "price": "nan", "name": "X"}',
        b'{"sku": "N", "qty": 1.5, "price": 0, "name": "X"}',
        b'{"sku": "N", "qty": 1.5, "price": null, "name": "X"}',
        b'{"sku": "N", "qty": 1, "price": 1, "name": "X", "colour": "red"}',
        b"[" * 60 + b"]" * 60,
    ],
)
def test_one_bad_item_costs_only_itself(erp: Erp, path: str, bad: bytes) -> None:
    make_product(erp.seller, "A", qty=1)
    make_product(erp.seller, "B", qty=1)
    name = key_of(path)

    def good(sku: str) -> bytes:
        fields = {"/bulk/stock": {"qty": 5}, "/bulk/prices": {"price": 5}, "/bulk/products": {"brand": "New"}}
        return json.dumps({"sku": sku, **fields[path]}).encode()

    body = b'{"%s": [%s, %s, %s]}' % (name.encode(), good("A"), bad, good("B"))
    answer = erp.put(path, body)
    assert answer.status_code == 200
    report = answer.json()
    assert statuses(report) == ["updated", "error", "updated"]
    assert report["results"][1]["error"]
    assert Product.objects.count() == 2


@pytest.mark.parametrize("path", PATHS)
def test_of_a_sku_sent_twice_the_first_lands_and_the_later_ones_name_it(erp: Erp, path: str) -> None:
    make_product(erp.seller, "A", qty=1, price="1.00", brand="Old")
    make_product(erp.seller, "B")
    fields = {"/bulk/stock": "qty", "/bulk/prices": "price", "/bulk/products": "brand"}
    values: list[Any] = ["B1", "A1", "A2"] if path == "/bulk/products" else [11, 12, 13]
    items = [{"sku": sku, fields[path]: value} for sku, value in zip("BAA", values, strict=True)]
    report = send(erp, path, items)
    assert statuses(report) == ["updated", "updated", "error"]
    assert "A" in report["results"][2]["error"]
    assert "1" in report["results"][2]["error"]
    product, variation = Product.objects.get(sku="A"), Variation.objects.get(sku="A")
    assert values[1] in (product.brand, product.price, variation.qty)


def test_products_are_created_updated_or_left_alone(erp: Erp) -> None:
    lamp = {
        "sku": "LAMP",
        "name": "Luminária",
        "price": 12.9,
        "qty": 3,
        "images": ["https://i.example.com/1"],
    }
    shirt = {
        "sku": "SHIRT",
        "name": "Camiseta",
        "categories": [{"code": "R", "name": "Roupa"}],
        "variations": [{"sku": "SHIRT-P", "qty": 1}, {"sku": "SHIRT-M", "qty": 2}],
    }
    assert statuses(send(erp, "/bulk/products", [lamp, shirt])) == ["created", "created"]
    assert statuses(send(erp, "/bulk/products", [lamp, shirt])) == ["unchanged", "unchanged"]
    assert Category.objects.get().name == "Roupa"

    report = send(
        erp,
        "/bulk/products",
        [{"sku": "LAMP", "qty": 4}, {"sku": "SHIRT", "variations": [{"sku": "SHIRT-M", "qty": 5}]}],
    )
    assert statuses(report) == ["updated", "updated"]
    assert dict(Variation.objects.values_list("sku", "qty")) == {"LAMP": 4, "SHIRT-P": 1, "SHIRT-M": 5}
    assert Product.objects.get(sku="LAMP").name == "Luminária"


def test_what_is_unchanged_is_not_written(erp: Erp) -> None:
    product = make_product(erp.seller, "A", qty=5, price="9.90", weight="1.500", description="long")
    before = (product.updated_at, Variation.objects.get().updated_at)
    same = {"sku": "A", "qty": 5, "price": 9.9, "weight": "1.5", "description": "long"}
    assert statuses(send(erp, "/bulk/products", [same])) == ["unchanged"]
    assert statuses(send(erp, "/bulk/stock", [{"sku": "A", "qty": 5}])) == ["unchanged"]
    assert statuses(send(erp, "/bulk/prices", [{"sku": "A", "price": "9.90"}])) == ["unchanged"]
    product.refresh_from_db()
    assert (product.updated_at, Variation.objects.get().updated_at) == before


def test_stock_goes_to_sellable_skus_and_a_parent_names_its_variations(erp: Erp) -> None:
    make_product(erp.seller, "SIMPLE", qty=1)
    parent = make_parent(erp.seller, "PARENT")
    make_variation(parent, "V1", qty=1)
    make_variation(parent, "V2", qty=1)
    report = send(
        erp,
        "/bulk/stock",
        [{"sku": sku, "qty": 9} for sku in ("SIMPLE", "V1", "PARENT", "NONE")],
    )
    assert statuses(report) == ["updated", "updated", "error", "error"]
    assert "V1, V2" in report["results"][2]["error"]
    assert "NONE" in report["results"][3]["error"]
    assert report["summary"] == {"received": 4, "created": 0, "updated": 2, "unchanged": 0, "failed": 2}
    assert dict(Variation.objects.values_list("sku", "qty")) == {"SIMPLE": 9, "V1": 9, "V2": 1}


def test_prices_go_to_the_product_or_to_the_variation_itself(erp: Erp) -> None:
    make_product(erp.seller, "SIMPLE", promotional_price="5.00")
    make_variation(make_parent(erp.seller, "PARENT"), "V1")
    report = send(
        erp,
        "/bulk/prices",
        [
            {"sku": "SIMPLE", "price": 10, "promotional_price": None, "cost": 3},
            {"sku": "PARENT", "price": "20.50", "promotional_price": 19},
            {"sku": "V1", "price": 30},
            {"sku": "NONE", "price": 1},
        ],
    )
    assert statuses(report) == ["updated", "updated", "updated", "error"]
    simple, parent = Product.objects.get(sku="SIMPLE"), Product.objects.get(sku="PARENT")
    assert (str(simple.price), simple.promotional_price, str(simple.cost)) == ("10.00", None, "3.00")
    assert (str(parent.price), str(parent.promotional_price)) == ("20.50", "19.00")
    assert str(Variation.objects.get(sku="V1").price) == "30.00"
    assert Variation.objects.get(sku="SIMPLE").price is None


def test_a_cost_belongs_to_the_product(erp: Erp) -> None:
    make_variation(make_parent(erp.seller, "PARENT"), "V1")
    (result,) = send(erp, "/bulk/prices", [{"sku": "V1", "price": 1, "cost": 1}])["results"]
    assert result["status"] == "error"
    assert "cost" in result["error"]


def test_skus_claimed_in_one_call_do_not_clash(erp: Erp) -> None:
    report = send(
        erp,
        "/bulk/products",
        [
            {"sku": "P", "name": "P", "variations": [{"sku": "V"}]},
            {"sku": "V", "name": "V"},
            {"sku": "Q", "name": "Q", "variations": [{"sku": "V"}]},
            {"sku": "R", "name": "R", "variations": [{"sku": "P"}]},
            {"sku": "S", "name": "S"},
        ],
    )
    assert statuses(report) == ["created", "error", "error", "error", "created"]
    assert sorted(Product.objects.values_list("sku", flat=True)) == ["P", "S"]
    assert sorted(Variation.objects.values_list("sku", flat=True)) == ["S", "V"]


def test_a_listed_simple_product_is_not_converted_while_others_are(erp: Erp) -> None:
    kept = make_product(erp.seller, "KEPT")
    make_product(erp.seller, "FREE")
    listed = Variation.objects.get(product=kept).pk

    def in_use(seller_id: int, variation_ids: Sequence[int]) -> set[int]:
        return {listed} & set(variation_ids)

    extensions.IN_USE.append(in_use)
    try:
        report = send(
            erp,
            "/bulk/products",
            [{"sku": sku, "variations": [{"sku": f"{sku}-1", "qty": 1}]} for sku in ("KEPT", "FREE")],
        )
    finally:
        extensions.IN_USE.remove(in_use)
    assert statuses(report) == ["error", "updated"]
    assert report["results"][0]["error"] == IN_USE
    assert sorted(Variation.objects.values_list("sku", flat=True)) == ["FREE-1", "KEPT"]


@pytest.mark.parametrize("path", PATHS)
def test_a_stranger_changes_nothing_of_ours(erp: Erp, path: str) -> None:
    make_product(erp.seller, "A", qty=1, price="1.00")
    stranger = Erp(make_seller("Beto"))
    items = [{"sku": "A", "qty": 9} if path != "/bulk/prices" else {"sku": "A", "price": 9}]
    assert statuses(send(stranger, path, items)) == ["error"]
    assert Variation.objects.get().qty == 1
    assert str(Product.objects.get().price) == "1.00"


@pytest.fixture
def verdicts() -> Iterator[list[dict[str, Any]]]:
    """What some app above says of every variation."""
    said = [{"connection": "Sandbox", "ready": False, "issues": [{"field": "ean"}]}]

    def check(seller_id: int, variation_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
        return dict.fromkeys(variation_ids, said)

    extensions.PRECHECKS.append(check)
    yield said
    extensions.PRECHECKS.remove(check)


def test_the_answer_tells_what_each_connection_would_say(erp: Erp, verdicts: Any) -> None:
    item = {"sku": "A", "name": "A"}
    created, bad = send(erp, "/bulk/products", [item, {"sku": "B"}])["results"]
    assert created["connections"] == verdicts
    assert "connections" not in bad
    (unchanged,) = send(erp, "/bulk/products", [item])["results"]
    assert (unchanged["status"], unchanged["connections"]) == ("unchanged", verdicts)
    (quiet,) = send(erp, "/bulk/products", [item], "?precheck=no")["results"]
    assert "connections" not in quiet


def test_a_bulk_call_costs_the_same_few_statements_however_long(
    erp: Erp, django_assert_max_num_queries: Any
) -> None:
    items = [{"sku": f"P{number}", "name": "X", "qty": 1, "price": 2} for number in range(300)]
    erp.get("/categories")
    with django_assert_max_num_queries(12):
        send(erp, "/bulk/products", items, "?precheck=no")
    with django_assert_max_num_queries(6):
        send(erp, "/bulk/stock", [{"sku": f"P{number}", "qty": 2} for number in range(300)])


def test_a_text_nobody_sent_is_not_written_anew(erp: Erp) -> None:
    product = make_product(erp.seller, "A", description="x" * 5)

    def stored() -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_column_toast_chunk_id(description) FROM catalog_product")
            return cursor.fetchone()[0]

    import random

    letters = random.Random(1)
    Product.objects.filter(pk=product.pk).update(
        description="".join(chr(letters.randrange(33, 10_000)) for _ in range(20_000))
    )
    before = stored()
    assert before is not None
    send(erp, "/bulk/prices", [{"sku": "A", "price": 77}])
    assert stored() == before
