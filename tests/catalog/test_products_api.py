"""/products as SkyHub's clients use it."""

from __future__ import annotations

from typing import Any

import pytest

from catalog.models import Product, Variation
from tests.api.erp import Erp
from tests.make import make_seller

pytestmark = pytest.mark.django_db

LAMP = {
    "sku": "LAMP",
    "name": "Luminária de mesa",
    "description": "<p>LED</p>",
    "status": "enabled",
    "qty": 7,
    "price": 120.0,
    "promotional_price": 99.9,
    "cost": 60,
    "weight": 1.25,
    "height": 40,
    "width": 20,
    "length": 20,
    "brand": "Lumi",
    "ean": "7891000315507",
    "nbm": "94052000",
    "crossdocking": 2,
    "categories": [{"code": "C1", "name": "Casa > Iluminação"}],
    "images": ["https://img.example.com/lamp.jpg"],
    "specifications": [{"key": "Voltagem", "value": "Bivolt"}],
}


@pytest.fixture
def erp() -> Erp:
    return Erp(make_seller("Ana"))


def test_a_posted_product_is_read_back_as_it_was_sent(erp: Erp) -> None:
    answer = erp.post("/products", {"product": LAMP})
    assert (answer.status_code, answer.content) == (201, b"")
    assert answer["Content-Type"] == "application/json"

    assert erp.get("/products/LAMP").json() == {
        **LAMP,
        "removed": False,
        "condition_type": None,
        "variations": [],
        "variation_attributes": [],
        "associations": [],
    }


def shown(erp: Erp, sku: str) -> dict[str, Any]:
    """The product as the API shows it."""
    answer = erp.get(f"/products/{sku}")
    assert answer.status_code == 200
    data: dict[str, Any] = answer.json()
    return data


def test_a_product_with_variations_is_read_back_with_them(erp: Erp) -> None:
    shirt = {
        "sku": "SHIRT",
        "name": "Camiseta",
        "price": 50,
        "variation_attributes": ["Cor", "Tamanho"],
        "variations": [
            {"sku": "SHIRT-P", "qty": 3, "ean": "789", "specifications": [{"key": "Tamanho", "value": "P"}]},
            {"sku": "SHIRT-M", "qty": "4", "price": "55.50", "images": ["https://i.example.com/m.jpg"]},
        ],
    }
    assert erp.post("/products", {"product": shirt}).status_code == 201

    product = shown(erp, "SHIRT")
    small, medium = product["variations"]
    assert product["qty"] == 7
    assert product["variation_attributes"] == ["Cor", "Tamanho"]
    assert (small["sku"], small["qty"], small["ean"], small["price"]) == ("SHIRT-P", 3, "789", None)
    assert (medium["qty"], medium["price"]) == (4, 55.5)
    assert medium["images"] == ["https://i.example.com/m.jpg"]
    assert Variation.objects.count() == 2


def test_a_put_changes_only_what_it_names(erp: Erp) -> None:
    erp.post("/products", {"product": LAMP})
    answer = erp.put("/products/LAMP", {"product": {"name": "Luminária", "weight": "0.490000"}})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer["Content-Type"] == "application/json"
    assert shown(erp, "LAMP") == {
        **LAMP,
        "name": "Luminária",
        "weight": 0.49,
        "removed": False,
        "condition_type": None,
        "variations": [],
        "variation_attributes": [],
        "associations": [],
    }


@pytest.mark.parametrize("body", [{"product": {"qty": 3.0, "price": "12.90"}}, {"qty": "3", "price": 12.9}])
def test_stock_and_price_alone_are_put_wrapped_or_bare(erp: Erp, body: Any) -> None:
    erp.post("/products", {"product": LAMP})
    assert erp.put("/products/LAMP", body).status_code == 204
    product = shown(erp, "LAMP")
    assert (product["qty"], product["price"], product["promotional_price"]) == (3, 12.9, 99.9)


def test_null_clears_a_field_and_absence_leaves_it(erp: Erp) -> None:
    erp.post("/products", {"product": LAMP})
    cleared = {"promotional_price": None, "brand": None, "images": None, "weight": None, "crossdocking": None}
    assert erp.put("/products/LAMP", {"product": {**cleared, "qty": None}}).status_code == 204
    product = shown(erp, "LAMP")
    assert product["promotional_price"] is None
    assert product["brand"] == ""
    assert product["images"] == []
    assert product["weight"] is None
    assert product["crossdocking"] is None
    assert product["qty"] == 7
    assert product["price"] == 120


def test_the_php_sdk_sends_all_fifteen_scalars_with_its_defaults(erp: Erp) -> None:
    erp.post("/products", {"product": LAMP})
    everything = {
        "sku": "LAMP", "name": "", "description": "", "status": "disabled", "qty": 0, "price": 0,
        "promotional_price": 0, "cost": 0, "weight": 0, "height": 0, "width": 0, "length": 0,
        "brand": "", "ean": "", "nbm": "",
    }  # fmt: skip
    assert erp.put("/products/LAMP", {"product": everything}).status_code == 204
    product = shown(erp, "LAMP")
    assert (product["name"], product["status"], product["price"], product["qty"]) == ("", "disabled", 0, 0)


def test_a_post_of_a_known_sku_updates_it_unless_the_seller_forbids(erp: Erp) -> None:
    erp.post("/products", {"product": LAMP})
    assert erp.post("/products", {"product": {"sku": "LAMP", "qty": 1}}).status_code == 201
    assert shown(erp, "LAMP")["qty"] == 1

    erp.seller.strict_create = True
    erp.seller.save()
    answer = erp.post("/products", {"product": {"sku": "LAMP", "qty": 2}})
    assert answer.status_code == 422
    assert "LAMP" in answer.json()["error"]
    assert shown(erp, "LAMP")["qty"] == 1


@pytest.mark.parametrize(
    ("specification", "field", "value"),
    [
        ({"key": "CrossDocking", "value": "5"}, "crossdocking", 5),
        ({"key": "price", "value": "10.50"}, "price", 10.5),
        ({"key": "promotional_price", "value": 9}, "promotional_price", 9),
    ],
)
def test_special_specifications_feed_the_field_that_is_absent(
    erp: Erp, specification: Any, field: str, value: Any
) -> None:
    product = {"sku": "A", "name": "A", "specifications": [specification]}
    erp.post("/products", {"product": product})
    assert shown(erp, "A")[field] == value
    erp.post("/products", {"product": {**product, field: 1}})
    assert shown(erp, "A")[field] == 1


def test_a_price_per_variation_may_come_as_a_specification(erp: Erp) -> None:
    variation = {"sku": "A-1", "specifications": [{"key": "promotional_price", "value": "19.90"}]}
    erp.post("/products", {"product": {"sku": "A", "name": "A", "price": 30, "variations": [variation]}})
    (shown_variation,) = shown(erp, "A")["variations"]
    assert (shown_variation["price"], shown_variation["promotional_price"]) == (None, 19.9)


@pytest.mark.parametrize("sku", ["COM ESPACO", "A/B", "ção-é", "100%", "a+b", "x?y#z", "日本", "../up"])
def test_any_sensible_sku_can_be_addressed(erp: Erp, sku: str) -> None:
    from urllib.parse import quote

    assert erp.post("/products", {"product": {"sku": sku, "name": "X", "qty": 1}}).status_code == 201
    path = f"/products/{quote(sku, safe='')}"
    assert erp.get(path).json()["sku"] == sku
    assert erp.put(path + "/", {"product": {"qty": 5}}).status_code == 204
    assert erp.get(path + "/").json()["qty"] == 5
    assert erp.delete(path).status_code == 204
    assert erp.get(path).status_code == 404


@pytest.mark.parametrize(
    ("product", "named"),
    [
        ({"name": "X"}, "sku"),
        ({"sku": "", "name": "X"}, "sku"),
        ({"sku": "A"}, "name"),
        ({"sku": "A", "name": "  "}, "name"),
    ],
)
def test_what_is_missing_is_named_with_400(erp: Erp, product: Any, named: str) -> None:
    answer = erp.post("/products", {"product": product})
    assert answer.status_code == 400
    assert named in answer.json()["error"]
    assert not Product.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("price", -1),
        ("price", "12,90"),
        ("price", "1.234,56"),
        ("price", "abc"),
        ("price", True),
        ("price", {}),
        ("price", 100_000_000),
        ("price", 123456789012345678901234567890),
        ("price", "9" * 400),
        ("price", "nan"),
        ("price", "Infinity"),
        ("qty", -1),
        ("qty", 1.5),
        ("qty", "muitos"),
        ("qty", 2**31),
        ("qty", 10**30),
        ("qty", [1]),
        ("weight", -0.001),
        ("weight", 10_000_000),
        ("crossdocking", 1.5),
        ("status", "ativo"),
        ("name", ["X"]),
        ("name", "x" * 2_001),
        ("name", "nul\x00"),
        ("ean", "9" * 31),
        ("brand", "b" * 256),
        ("sku", "s" * 101),
        ("sku", "a\nb"),
        ("sku", "   "),
        ("sku", {"a": 1}),
        ("images", "https://one.example.com"),
        ("images", ["javascript:alert(1)"]),
        ("images", [{"url": "https://a.example.com"}]),
        ("categories", "C1"),
        ("categories", [{"name": "without a code"}]),
        ("categories", [["C1"]]),
        ("specifications", [1]),
        ("specifications", [{"value": "without a key"}]),
        ("specifications", [{"key": "price", "value": "12,90"}]),
        ("specifications", [{"key": "k", "value": {"a": 1}}]),
        ("variations", [1]),
        ("variations", {"a": 1}),
        ("variations", [{"qty": 1}]),
        ("variations", [{"sku": "V", "qty": -1}]),
        ("variations", [{"sku": "V"}, {"sku": "V"}]),
        ("variations", [{"sku": "A"}]),
    ],
)
def test_a_bad_value_is_a_422_that_names_the_field_and_writes_nothing(
    erp: Erp, field: str, value: Any
) -> None:
    answer = erp.post("/products", {"product": {"sku": "A", "name": "A", "qty": 1, field: value}})
    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/json"
    error = answer.json()["error"]
    assert isinstance(error, str)
    assert error
    assert field in error or "V" in error or "A:" in error or "NUL" in error
    assert not Product.objects.exists()


def test_all_faults_of_a_product_are_told_at_once(erp: Erp) -> None:
    bad = {"sku": "A", "name": "A", "price": -1, "weight": "x", "variations": [{"sku": "V", "qty": "?"}]}
    error = erp.post("/products", {"product": bad}).json()["error"]
    assert "price:" in error
    assert "weight:" in error
    assert "variations[0].qty:" in error


def test_unknown_fields_are_named_in_a_header_and_do_no_harm(erp: Erp) -> None:
    product = {"sku": "A", "name": "A", "colour": "red", "é\r\nX": 1, "variations": [{"sku": "V", "x": 1}]}
    answer = erp.post("/products", {"product": product})
    assert answer.status_code == 201
    names = answer["X-Hub-Ignored-Fields"].split(", ")
    assert names == ["colour", "%C3%A9%0D%0AX", "variations[0].x"]
    assert "X-Hub-Ignored-Fields" not in erp.put("/products/A", {"product": {"name": "B", "removed": True}})


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ([], 400),
        (None, 400),
        (b"", 400),
        ({"product": {}}, 204),
        ({"product": [{"name": "Luminária"}]}, 204),
        ({"product": []}, 400),
        ({"product": None}, 400),
        ({"product": [[]]}, 400),
        ({"product": 5}, 400),
        ({"produto": {"qty": 1}}, 400),
        ({"product": [1, 2]}, 400),
        ({"product": "text"}, 400),
        ("text", 400),
        (5, 400),
    ],
)
def test_bodies_of_other_shapes_are_refused_with_a_sentence(erp: Erp, body: Any, status: int) -> None:
    erp.post("/products", {"product": LAMP})
    answer = erp.put("/products/LAMP", body if body is not None else b"null")
    assert answer.status_code == status
    if status == 400:
        assert isinstance(answer.json()["error"], str)
    assert shown(erp, "LAMP")["qty"] == 7


def test_a_sku_cannot_be_changed(erp: Erp) -> None:
    erp.post("/products", {"product": LAMP})
    assert erp.put("/products/LAMP", {"product": {"sku": "OTHER", "qty": 1}}).status_code == 422


def test_an_unknown_product_is_a_404_for_every_method(erp: Erp) -> None:
    for answer in (
        erp.get("/products/NONE"),
        erp.put("/products/NONE", {"product": {"qty": 1}}),
        erp.put("/products/NONE", {"product": {"price": 1}}),
        erp.put("/products/NONE", {"product": {"name": "X"}}),
        erp.put("/products/NONE", {"product": {}}),
        erp.delete("/products/NONE"),
        erp.post("/products/NONE/variations", {"variation": {"sku": "V"}}),
    ):
        assert answer.status_code == 404
        assert "NONE" in answer.json()["error"]


def test_another_sellers_product_is_as_good_as_none(erp: Erp) -> None:
    erp.post("/products", {"product": LAMP})
    stranger = Erp(make_seller("Beto"))
    assert stranger.get("/products").json() == {"products": [], "total": 0, "next": None}
    assert stranger.get("/products/LAMP").status_code == 404
    assert stranger.put("/products/LAMP", {"product": {"qty": 0}}).status_code == 404
    assert stranger.put("/products/LAMP", {"product": {"name": "Mine"}}).status_code == 404
    assert stranger.delete("/products/LAMP").status_code == 404
    assert stranger.post("/products/LAMP/variations", {"variation": {"sku": "V"}}).status_code == 404
    assert shown(erp, "LAMP")["qty"] == 7

    assert stranger.post("/products", {"product": {**LAMP, "qty": 1}}).status_code == 201
    assert shown(erp, "LAMP")["qty"] == 7


def test_a_sku_is_never_a_product_and_another_products_variation(erp: Erp) -> None:
    erp.post("/products", {"product": {"sku": "P", "name": "P", "variations": [{"sku": "V"}]}})
    erp.post("/products", {"product": {"sku": "Q", "name": "Q"}})

    refused = [
        erp.post("/products", {"product": {"sku": "V", "name": "V"}}),
        erp.post("/products", {"product": {"sku": "R", "name": "R", "variations": [{"sku": "V"}]}}),
        erp.post("/products/P/variations", {"variation": {"sku": "Q"}}),
        erp.post("/products/Q/variations", {"variation": {"sku": "V"}}),
        erp.post("/products/Q/variations", {"variation": {"sku": "Q"}}),
    ]
    assert [answer.status_code for answer in refused] == [422] * 5
    assert erp.get("/products/V").status_code == 404
    assert erp.put("/products/V", {"product": {"qty": 9}}).status_code == 404
    assert erp.get("/variations/V").json()["variation"]["qty"] == 0
    assert sorted(Variation.objects.values_list("sku", flat=True)) == ["Q", "V"]


def test_categories_in_products_are_created_and_renamed_on_the_fly(erp: Erp) -> None:
    erp.post("/products", {"product": {"sku": "A", "name": "A", "categories": [{"code": 7, "name": "Casa"}]}})
    assert erp.get("/categories").json() == [{"code": "7", "name": "Casa"}]
    erp.put("/products/A", {"product": {"categories": [{"code": "7", "name": "Casa > Sala"}, {"code": "8"}]}})
    assert shown(erp, "A")["categories"] == [
        {"code": "7", "name": "Casa > Sala"},
        {"code": "8", "name": "8"},
    ]
    erp.put("/products/A", {"product": {"categories": [{"code": "7"}]}})
    assert shown(erp, "A")["categories"] == [{"code": "7", "name": "Casa > Sala"}]


def test_a_parents_own_quantity_means_nothing(erp: Erp) -> None:
    erp.post(
        "/products", {"product": {"sku": "P", "name": "P", "qty": 99, "variations": [{"sku": "V", "qty": 2}]}}
    )
    assert erp.put("/products/P", {"product": {"qty": 50}}).status_code == 204
    assert shown(erp, "P")["qty"] == 2


def test_deleting_a_product_takes_its_variations_along(erp: Erp) -> None:
    erp.post("/products", {"product": {"sku": "P", "name": "P", "variations": [{"sku": "V"}, {"sku": "W"}]}})
    assert erp.delete("/products/P", []).status_code == 204
    assert erp.get("/products/P").status_code == 404
    assert erp.get("/variations/V").status_code == 404
    assert not Variation.objects.exists()


def test_php_arrays_with_gaps_are_lists(erp: Erp) -> None:
    erp.post(
        "/products", {"product": {"sku": "A", "name": "A", "images": {"0": "https://i.example.com/1.jpg"}}}
    )
    assert shown(erp, "A")["images"] == ["https://i.example.com/1.jpg"]


@pytest.mark.parametrize("sku", [".", ".."])
def test_a_sku_that_no_address_can_hold_is_refused(erp: Erp, sku: str) -> None:
    answer = erp.post("/products", {"product": {"sku": sku, "name": "Ponto", "qty": 1, "price": 1}})
    assert answer.status_code == 422
    assert "sku" in answer.json()["error"]
