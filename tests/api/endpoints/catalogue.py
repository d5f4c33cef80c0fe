"""/products, /variations, /categories, /attributes, /stores and the bulk calls."""

from __future__ import annotations

from typing import Any

from catalog.models import Attribute, Category, Product, Store, StoreStock, Variation
from tests.api.endpoints.row import ADDRESS_ONLY, NO_ID, NO_INPUT, Call, Row

SAVED_UNDER_ITS_OWN = "What nobody has is made."


def one_failed(answer: Any, ids: Any) -> bool:
    """A bulk call took none of its one item."""
    return bool(answer["summary"]["failed"] == 1 and answer["results"][0]["error"])


ROWS = [
    Row(
        "GET /products",
        Call(
            200,
            shows=lambda said, ids: [one["sku"] for one in said["products"]] == ["LAMP", "SPARE", "SHIRT"],
        ),
        bad=Call(400, path="/products?page=last"),
        unknown=Call(200, path="/products?sku={product}", shows={"products": [], "total": 0, "next": None}),
        stranger=Call(200, shows={"products": [], "total": 0, "next": None}),
    ),
    Row(
        "POST /products",
        Call(
            201,
            {"product": {"sku": "LAMP", "name": "Luminária nova"}},
            then=lambda ana, ids: Product.objects.get(seller=ana, sku="LAMP").name == "Luminária nova",
        ),
        bad=Call(400, {"product": {"sku": "NEW"}}),
        unknown=SAVED_UNDER_ITS_OWN,
        stranger=Call(201),
    ),
    Row(
        "GET /products/{sku}",
        Call(200, shows=lambda said, ids: (said["sku"], said["qty"]) == ("LAMP", 5)),
        path="/products/{product}",
        bad=ADDRESS_ONLY,
    ),
    Row(
        "PUT /products/{sku}",
        Call(
            204,
            {"product": {"qty": 3}},
            then=lambda ana, ids: Variation.objects.get(seller=ana, sku="LAMP").qty == 3,
        ),
        path="/products/{product}",
        bad=Call(422, {"product": {"qty": "many"}}),
    ),
    Row(
        "DELETE /products/{sku}",
        Call(204, then=lambda ana, ids: not Product.objects.filter(seller=ana, sku="SPARE").exists()),
        path="/products/{spare}",
        bad=Call(422, path="/products/{product}"),  # it is on sale
    ),
    Row(
        "POST /products/{sku}/variations",
        Call(
            201,
            {"variation": {"sku": "SHIRT-G", "qty": 1}},
            then=lambda ana, ids: Variation.objects.get(seller=ana, sku="SHIRT-G").product.sku == "SHIRT",
        ),
        path="/products/{parent}/variations",
        bad=Call(400, {"variation": {"qty": 1}}),
    ),
    Row(
        "GET /variations/{sku}",
        Call(200, shows=lambda said, ids: said["product"] == {"sku": "SHIRT"}),
        path="/variations/{variation}",
        bad=ADDRESS_ONLY,
    ),
    Row(
        "PUT /variations/{sku}",
        Call(
            204,
            {"variation": {"qty": "3.0"}},
            then=lambda ana, ids: Variation.objects.get(seller=ana, sku="SHIRT-P").qty == 3,
        ),
        path="/variations/{variation}",
        bad=Call(422, {"variation": {"price": -1}}),
    ),
    Row(
        "DELETE /variations/{sku}",
        Call(204, then=lambda ana, ids: not Variation.objects.filter(seller=ana, sku="SHIRT-P").exists()),
        path="/variations/{variation}",
        bad=Call(422, path="/variations/{spare}"),  # a simple product's own
    ),
    Row(
        "GET /categories",
        Call(200, shows=lambda said, ids: {one["code"] for one in said} == {"FREE", "USED"}),
        bad=NO_INPUT,
        unknown=NO_ID,
        stranger=Call(200, shows=[]),
    ),
    Row(
        "POST /categories",
        Call(
            201,
            {"category": {"code": "FREE", "name": "Casa > Outra"}},
            then=lambda ana, ids: Category.objects.get(seller=ana, code="FREE").name == "Casa > Outra",
        ),
        bad=Call(400, {"category": {"code": "NEW"}}),
        unknown=SAVED_UNDER_ITS_OWN,
        stranger=Call(201),
    ),
    Row(
        "GET /categories/{code}",
        Call(200, shows={"code": "FREE", "name": "Casa > Livre"}),
        path="/categories/{category}",
        bad=ADDRESS_ONLY,
    ),
    Row(
        "PUT /categories/{code}",
        Call(
            204,
            {"category": {"name": "Casa > Nova"}},
            then=lambda ana, ids: Category.objects.get(seller=ana, code="FREE").name == "Casa > Nova",
        ),
        path="/categories/{category}",
        bad=Call(422, {"category": {"name": ["Casa"]}}),
    ),
    Row(
        "DELETE /categories/{code}",
        Call(204, then=lambda ana, ids: not Category.objects.filter(seller=ana, code="FREE").exists()),
        path="/categories/{category}",
        bad=Call(422, path="/categories/{used}"),
    ),
    Row(
        "GET /attributes",
        Call(200, shows=[{"name": "cor", "label": "Cor", "options": ["Azul"]}]),
        bad=NO_INPUT,
        unknown=NO_ID,
        stranger=Call(200, shows=[]),
    ),
    Row(
        "POST /attributes",
        Call(
            201,
            {"attribute": {"name": "cor", "label": "Cor", "options": ["Verde"]}},
            then=lambda ana, ids: Attribute.objects.get(seller=ana, name="cor").options == ["Verde"],
        ),
        bad=Call(400, {"attribute": {"label": "Cor"}}),
        unknown=SAVED_UNDER_ITS_OWN,
        stranger=Call(201),
    ),
    Row(
        "GET /attributes/{name}",
        Call(200, shows=lambda said, ids: said["label"] == "Cor"),
        path="/attributes/{attribute}",
        bad=ADDRESS_ONLY,
    ),
    Row(
        "PUT /attributes/{name}",
        Call(
            204,
            {"attribute": {"label": "Coloração"}},
            then=lambda ana, ids: Attribute.objects.get(seller=ana, name="cor").label == "Coloração",
        ),
        path="/attributes/{attribute}",
        bad=Call(422, {"attribute": {"options": "Azul"}}),
    ),
    *(
        row
        for base in ("/stores", "/rehub/stores")
        for row in (
            Row(
                f"GET {base}",
                Call(200, shows=lambda said, ids: [one["code"] for one in said["stores"]] == ["98", "7"]),
                bad=NO_INPUT,
                unknown=NO_ID,
                stranger=Call(200, shows=lambda said, ids: [one["code"] for one in said["stores"]] == ["98"]),
            ),
            Row(
                f"POST {base}",
                Call(
                    201,
                    {"store": {"code": "7", "name": "Barueri"}},
                    shows={"code": "7", "name": "Barueri", "address": {}, "default": False},
                    then=lambda ana, ids: Store.objects.get(seller=ana, code="7").name == "Barueri",
                ),
                bad=Call(400, {"store": {"code": "7"}}),
                unknown=SAVED_UNDER_ITS_OWN,
                stranger=Call(201),
            ),
        )
    ),
    Row(
        "GET /stores/{code}/skus",
        Call(200, shows={"skus": [{"code": "LAMP", "qty": 2, "cross_docking": None}], "total": 1}),
        path="/stores/{store}/skus",
        bad=Call(400, path="/stores/{store}/skus?page=0"),
    ),
    Row(
        "POST /stores/{code}/skus",
        Call(
            201,
            {"sku": {"code": "LAMP", "qty": 4}},
            then=lambda ana, ids: StoreStock.objects.get(seller=ana).qty == 4,
        ),
        path="/stores/{store}/skus",
        bad=Call(422, {"sku": {"code": "LAMP", "qty": -1}}),
    ),
    Row(
        "PUT /bulk/products",
        Call(
            200,
            {"products": [{"sku": "LAMP", "name": "Luminária nova"}]},
            shows=lambda said, ids: said["summary"]["updated"] == 1,
            then=lambda ana, ids: Product.objects.get(seller=ana, sku="LAMP").name == "Luminária nova",
        ),
        bad=Call(400, {"product": {}}),
        unknown=SAVED_UNDER_ITS_OWN,
        stranger=Call(200, shows=lambda said, ids: said["summary"]["created"] == 1),
    ),
    Row(
        "PUT /bulk/stock",
        Call(
            200,
            lambda ids: {"items": [{"sku": ids["product"], "qty": 3}]},
            shows=lambda said, ids: said["summary"]["updated"] == 1,
            then=lambda ana, ids: Variation.objects.get(seller=ana, sku="LAMP").qty == 3,
        ),
        bad=Call(400, {"items": {}}),
        unknown=Call(200, shows=one_failed),
        stranger=Call(200, shows=one_failed),
    ),
    Row(
        "PUT /bulk/prices",
        Call(
            200,
            lambda ids: {"items": [{"sku": ids["product"], "price": 7.5}]},
            shows=lambda said, ids: said["summary"]["updated"] == 1,
            then=lambda ana, ids: Product.objects.get(seller=ana, sku="LAMP").price == 7.5,
        ),
        bad=Call(400, b"{"),
        unknown=Call(200, shows=one_failed),
        stranger=Call(200, shows=one_failed),
    ),
]
