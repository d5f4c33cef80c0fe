"""The bodies of the catalogue's calls, for the API's own description; built from what reads them."""

from __future__ import annotations

from typing import Any

from catalog.incoming import PRODUCT_FIELDS, VARIATION_FIELDS
from catalog.services import Status
from catalog.values import QTY
from hub.api.shapes import (
    COUNT,
    FLAG,
    MAYBE,
    NEXT,
    NUMBER,
    TEXT,
    Schema,
    json_body,
    many,
    named,
    taken,
    told,
    word,
)

SKU: Schema = {**TEXT, "minLength": 1, "maxLength": 100}
CATEGORY = named(
    "Category",
    told(
        code={**TEXT, "minLength": 1, "maxLength": 255},
        name={**TEXT, "minLength": 1, "maxLength": 2_000, "description": "The whole path, joined by >."},
    ),
)
_OF_PRODUCT: Schema = {
    **taken("code", **{**CATEGORY["properties"], "name": {**TEXT, "maxLength": 2_000, "nullable": True}}),
    "description": "A category that is new is made; one without a name is called by its code.",
}
CATEGORY_CHANGE = named("CategoryChange", told(name={**TEXT, "minLength": 1, "maxLength": 2_000}))
_ATTRIBUTE: dict[str, Schema] = {
    "label": {**TEXT, "maxLength": 255, "description": "What people read."},
    "options": {**many({**TEXT, "maxLength": 1_000}), "description": "The values it can have."},
}
_NAME: Schema = {**TEXT, "minLength": 1, "maxLength": 255}
ATTRIBUTE = named("NewAttribute", taken("name", name=_NAME, **_ATTRIBUTE))
ATTRIBUTE_CHANGE = named("AttributeChange", taken(**_ATTRIBUTE))
ATTRIBUTE_SHOWN = named("Attribute", told(name=_NAME, **_ATTRIBUTE))
ASSOCIATION = named(
    "Association",
    told(
        platform={**TEXT, "description": "The connection's name."},
        status=word("linked", "waiting", "error", "unlinked"),
    ),
)


def _fields(known: Any) -> dict[str, Schema]:
    return {name: field.schema for name, field in known.items()}


VARIATION = named("NewVariation", taken("sku", sku=SKU, **_fields(VARIATION_FIELDS)))
VARIATION_CHANGE = named("VariationChange", taken(**_fields(VARIATION_FIELDS)))
_VARIATION_SHOWN = named("Variation", told(sku=SKU, **_fields(VARIATION_FIELDS)))
_PRODUCT_FIELDS = {
    **_fields(PRODUCT_FIELDS),
    "qty": {**QTY.schema, "description": "Of a simple product; else the sum of its variations."},
    "categories": many(CATEGORY),
}
_PRODUCT_SENT = {
    **_PRODUCT_FIELDS,
    "categories": many(named("ProductCategory", _OF_PRODUCT)),
    "variations": many(VARIATION),
}
_NAME_OF_NEW: Schema = {**PRODUCT_FIELDS["name"].schema, "description": "Needed while the SKU is new."}
PRODUCT = named("NewProduct", taken("sku", **{"sku": SKU, **_PRODUCT_SENT, "name": _NAME_OF_NEW}))
PRODUCT_CHANGE = named("ProductChange", taken(**_PRODUCT_SENT))
PRODUCT_ITEM = named("BulkProduct", {**PRODUCT, "additionalProperties": False})
PRODUCT_SHOWN = named(
    "Product",
    told(
        sku=SKU,
        **_PRODUCT_FIELDS,
        variations=many(_VARIATION_SHOWN),
        removed=FLAG,
        condition_type=MAYBE,
        associations={**many(ASSOCIATION), "description": "Where it is published; empty where nowhere."},
    ),
)
FILTERS: dict[str, Schema] = {
    "sku": {**TEXT, "description": "Exactly this SKU."},
    "name": {**TEXT, "description": "A part of the name."},
    "status": PRODUCT_FIELDS["status"].schema,
    "qty_from": QTY.schema,
    "qty_to": QTY.schema,
    "categories": {**TEXT, "description": "Category codes, separated by commas."},
}
PRODUCT_PAGE = told(products=many(PRODUCT_SHOWN), total=COUNT, next=NEXT)
VARIATION_SHOWN = told(variation=_VARIATION_SHOWN, product=told(sku=SKU))
STOCK_ITEM = named(
    "BulkStock", {**taken("sku", "qty", sku=SKU, qty=QTY.schema), "additionalProperties": False}
)
_PRICES = {name: PRODUCT_FIELDS[name].schema for name in ("price", "promotional_price", "cost")}
PRICE_ITEM = named("BulkPrice", {**taken("sku", "price", sku=SKU, **_PRICES), "additionalProperties": False})
FAULT = named(
    "Fault",
    {
        **taken(
            "code",
            "field",
            "message",
            "fix",
            "who",
            code={**TEXT, "description": "Ours, from a closed list."},
            field=TEXT,
            message=TEXT,
            fix={**TEXT, "description": "The way out."},
            who=word("erp", "seller", "marketplace"),
            allowed={**many(TEXT), "description": "The values it can have, where there is a list."},
            label={**TEXT, "description": "The key of the specification that is meant."},
            value={"description": "What was sent."},
            **dict.fromkeys(("limit", "minimum", "maximum"), NUMBER),
            marketplace_code=TEXT,
            marketplace_message=TEXT,
        ),
    },
)
VERDICT = named(
    "Verdict",
    told(
        connection={**TEXT, "description": "The connection's name."},
        ready={**FLAG, "description": "It would take the product as it stands."},
        issues=many(FAULT),
    ),
)
_SUMMARY = ("received", "created", "updated", "unchanged", "failed")
REPORT = named(
    "BulkReport",
    told(
        summary=told(**dict.fromkeys(_SUMMARY, COUNT)),
        results=many(
            taken(
                "index",
                "sku",
                "status",
                index=COUNT,
                sku=MAYBE,
                status=word(*(str(one.value) for one in Status)),
                error=TEXT,
                connections=many(VERDICT),
            )
        ),
    ),
)


def wrapped(name: str, schema: Schema) -> dict[str, Schema]:
    """Describe a body such as `{"product": {...}}`."""
    return json_body(told(**{name: schema}))


def listed(name: str, schema: Schema) -> dict[str, Schema]:
    """Describe a bulk body such as `{"items": [...]}`."""
    return json_body(told(**{name: {**many(schema), "maxItems": 1000}}))
