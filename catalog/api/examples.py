"""The catalogue's calls in life: a mug, and a T-shirt in two sizes."""

from __future__ import annotations

from typing import Any

from catalog.services import IN_USE
from hub.api.examples import NOWHERE, Example, missing, said

MUG: dict[str, Any] = {
    "sku": "CANECA-1",
    "name": "Caneca azul 300 ml",
    "description": "<p>Caneca de porcelana, vai ao micro-ondas.</p>",
    "status": "enabled",
    "qty": 10,
    "price": 39.9,
    "promotional_price": 34.9,
    "cost": 12.5,
    "weight": 0.35,
    "height": 10,
    "width": 12,
    "length": 12,
    "brand": "Oca",
    "ean": "7891000315507",
    "nbm": "69120000",
    "crossdocking": 1,
    "categories": [{"code": "CANECAS", "name": "Casa > Cozinha > Canecas"}],
    "images": ["https://img.example.com/caneca-azul.jpg"],
    "specifications": [{"key": "Cor", "value": "Azul"}],
}
SHIRT: dict[str, Any] = {
    "sku": "CAMISETA-1",
    "name": "Camiseta básica",
    "status": "enabled",
    "price": 49.9,
    "brand": "Oca",
    "images": ["https://img.example.com/camiseta.jpg"],
    "variation_attributes": ["Tamanho"],
    "variations": [
        {"sku": "CAMISETA-1-P", "qty": 5, "specifications": [{"key": "Tamanho", "value": "P"}]},
        {"sku": "CAMISETA-1-M", "qty": 8, "specifications": [{"key": "Tamanho", "value": "M"}]},
    ],
}
MUG_SHOWN = {
    **MUG,
    "removed": False,
    "condition_type": None,
    "variations": [],
    "variation_attributes": [],
    "associations": [{"platform": "Sandbox", "status": "linked"}],
}
NEW_VARIATION = {
    "sku": "CAMISETA-1-G",
    "qty": 3,
    "ean": "7891000315514",
    "specifications": [{"key": "Tamanho", "value": "G"}],
}
VARIATION_SHOWN = {
    "sku": "CAMISETA-1-P",
    "qty": 5,
    "ean": None,
    "images": [],
    "specifications": [{"key": "Tamanho", "value": "P"}],
    **dict.fromkeys(("price", "promotional_price", "weight", "height", "width", "length", "crossdocking")),
}
STORE = {
    "code": "CD-SP",
    "name": "Depósito São Paulo",
    "address": {
        "full_name": "Loja da Ana",
        "street": "Avenida Paulista",
        "number": "1000",
        "neighborhood": "Bela Vista",
        "city": "São Paulo",
        "region": "SP",
        "postcode": "01310100",
    },
}
STORE_SHOWN = {**STORE, "default": False}
STORES = [{"code": "98", "name": "Loja padrão", "address": {}, "default": True}, STORE_SHOWN]
MORE = "https://hub.example.com/products?cursor=eyJhZnRlciI6MTAwfQ"

VERDICT = {
    "connection": "Sandbox",
    "ready": False,
    "issues": [
        {
            "code": "category_unmapped",
            "field": "category",
            "message": "A categoria ainda não tem equivalente no marketplace",
            "fix": "Escolha uma para “CANECAS” no mapeamento de categorias da conta conectada.",
            "who": "seller",
            "value": "CANECAS",
        }
    ],
}

NO_PRODUCT = said("There is no product with the SKU %(sku)s.", sku=NOWHERE)
NO_VARIATION = said("There is no variation with the SKU %(sku)s.", sku=NOWHERE)
NO_CATEGORY = said("There is no category with the code %(code)s.", code=NOWHERE)
NO_ATTRIBUTE = said("There is no attribute with the name %(name)s.", name=NOWHERE)
NO_STORE = said("There is no store with the code %(code)s.", code=NOWHERE)
EMPTY_NAME = said("%(field)s: must not be empty.", field="name")
NEGATIVE_QTY = said("%(field)s: send a number from zero up.", field="qty")
TOO_MANY = said("At most %(limit)s items fit in one call; nothing was written.", limit=1000)


EXAMPLES = {
    "products_list": Example(
        query={"status": "enabled"},
        answer={"products": [MUG_SHOWN], "total": 213, "next": MORE},
    ),
    "products_create": Example(
        bodies={"A simple product": {"product": MUG}, "A product with variations": {"product": SHIRT}},
        errors={400: missing("sku"), 422: NEGATIVE_QTY},
    ),
    "products_get": Example(path={"sku": "CANECA-1"}, answer=MUG_SHOWN, errors={404: NO_PRODUCT}),
    "products_update": Example(
        path={"sku": "CANECA-1"},
        bodies={
            "Stock": {"product": {"qty": 7}},
            "Prices": {"product": {"price": 42.9, "promotional_price": 36.9}},
            "Off sale": {"product": {"status": "disabled"}},
        },
        errors={400: missing("product"), 404: NO_PRODUCT, 422: NEGATIVE_QTY},
    ),
    "products_delete": Example(
        path={"sku": "CANECA-2"},
        errors={
            404: NO_PRODUCT,
            422: IN_USE,
        },
    ),
    "products_variations_create": Example(
        path={"sku": "CAMISETA-1"},
        bodies={"One more size": {"variation": NEW_VARIATION}},
        errors={400: missing("sku"), 404: NO_PRODUCT, 422: NEGATIVE_QTY},
    ),
    "variations_get": Example(
        path={"sku": "CAMISETA-1-P"},
        answer={"variation": VARIATION_SHOWN, "product": {"sku": "CAMISETA-1"}},
        errors={404: NO_VARIATION},
    ),
    "variations_update": Example(
        path={"sku": "CAMISETA-1-P"},
        bodies={
            "Stock": {"variation": {"qty": 4}},
            "A price of its own": {"variation": {"price": 54.9, "promotional_price": None}},
        },
        errors={400: missing("variation"), 404: NO_VARIATION, 422: NEGATIVE_QTY},
    ),
    "variations_delete": Example(
        path={"sku": "CAMISETA-1-M"},
        errors={
            404: NO_VARIATION,
            422: IN_USE,
        },
    ),
    "bulk_products": Example(
        bodies={"Two products": {"products": [MUG, SHIRT]}},
        answer={
            "summary": {"received": 2, "created": 1, "updated": 0, "unchanged": 0, "failed": 1},
            "results": [
                {"index": 0, "sku": "CANECA-1", "status": "created", "connections": [VERDICT]},
                {"index": 1, "sku": None, "status": "error", "error": "Campos obrigatórios: sku"},
            ],
        },
        errors={400: missing("products"), 422: TOO_MANY},
    ),
    "bulk_stock": Example(
        bodies={"Two SKUs": {"items": [{"sku": "CANECA-1", "qty": 7}, {"sku": "CAMISETA-1-P", "qty": 0}]}},
        answer={
            "summary": {"received": 2, "created": 0, "updated": 1, "unchanged": 1, "failed": 0},
            "results": [
                {"index": 0, "sku": "CANECA-1", "status": "updated"},
                {"index": 1, "sku": "CAMISETA-1-P", "status": "unchanged"},
            ],
        },
        errors={400: missing("items"), 422: TOO_MANY},
    ),
    "bulk_prices": Example(
        bodies={"One SKU": {"items": [{"sku": "CANECA-1", "price": 42.9, "promotional_price": 36.9}]}},
        answer={
            "summary": {"received": 1, "created": 0, "updated": 1, "unchanged": 0, "failed": 0},
            "results": [{"index": 0, "sku": "CANECA-1", "status": "updated"}],
        },
        errors={400: missing("items"), 422: TOO_MANY},
    ),
    "categories_list": Example(answer=MUG["categories"]),
    "categories_create": Example(
        bodies={"A path": {"category": {"code": "COPOS", "name": "Casa > Cozinha > Copos"}}},
        errors={400: missing("code", "name"), 422: EMPTY_NAME},
    ),
    "categories_get": Example(
        path={"code": "CANECAS"}, answer=MUG["categories"][0], errors={404: NO_CATEGORY}
    ),
    "categories_update": Example(
        path={"code": "CANECAS"},
        bodies={"A new name": {"category": {"name": "Casa > Mesa > Canecas"}}},
        errors={400: missing("name"), 404: NO_CATEGORY, 422: EMPTY_NAME},
    ),
    "categories_delete": Example(
        path={"code": "OUTLET"},
        errors={
            404: NO_CATEGORY,
            422: said("Products use the category %(code)s; move them first.", code="OUTLET"),
        },
    ),
    "attributes_list": Example(answer=[{"name": "Tamanho", "label": "Tamanho", "options": ["P", "M"]}]),
    "attributes_create": Example(
        bodies={"With options": {"attribute": {"name": "Cor", "label": "Cor", "options": ["Azul", "Verde"]}}},
        errors={400: missing("name"), 422: EMPTY_NAME},
    ),
    "attributes_get": Example(
        path={"name": "Tamanho"},
        answer={"name": "Tamanho", "label": "Tamanho", "options": ["P", "M"]},
        errors={404: NO_ATTRIBUTE},
    ),
    "attributes_update": Example(
        path={"name": "Tamanho"},
        bodies={"One more option": {"attribute": {"options": ["P", "M", "G"]}}},
        errors={
            400: missing("attribute"),
            404: NO_ATTRIBUTE,
            422: said("%(field)s: send a list.", field="options"),
        },
    ),
    "stores_list": Example(answer={"stores": STORES}),
    "stores_create": Example(
        bodies={"A warehouse": {"store": STORE}},
        answer=STORE_SHOWN,
        errors={400: missing("code", "name"), 422: EMPTY_NAME},
    ),
    "stores_skus_list": Example(
        path={"code": "CD-SP"},
        answer={"skus": [{"code": "CANECA-1", "qty": 40, "cross_docking": 1}], "total": 1},
        errors={404: NO_STORE},
    ),
    "stores_skus_set": Example(
        path={"code": "CD-SP"},
        bodies={"Stock of a SKU": {"sku": {"code": "CANECA-1", "qty": 25, "cross_docking": 2}}},
        errors={400: missing("qty"), 404: NO_STORE, 422: NEGATIVE_QTY},
    ),
}
