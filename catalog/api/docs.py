"""The bodies of the catalogue's calls, for the API's own description; built from what reads them."""

from __future__ import annotations

from typing import Any

from catalog.incoming import PRODUCT_FIELDS, VARIATION_FIELDS
from catalog.values import QTY

Schema = dict[str, Any]

SKU: Schema = {"type": "string", "maxLength": 100}
CATEGORY: Schema = {
    "type": "object",
    "properties": {
        "code": {"type": "string", "maxLength": 255},
        "name": {"type": "string", "description": "The whole path, joined by >."},
    },
    "required": ["code", "name"],
}
ATTRIBUTE: Schema = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 255},
        "label": {"type": "string", "maxLength": 255},
        "options": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["name"],
}
ATTRIBUTE_CHANGE: Schema = {"type": "object", "properties": ATTRIBUTE["properties"]}
ASSOCIATION: Schema = {
    "type": "object",
    "properties": {"platform": {"type": "string"}, "status": {"type": "string"}},
}


def _object(fields: dict[str, Schema], *required: str) -> Schema:
    return {"type": "object", "properties": fields, **({"required": list(required)} if required else {})}


def _fields(known: Any) -> dict[str, Schema]:
    return {name: field.schema for name, field in known.items()}


VARIATION = _object({"sku": SKU, **_fields(VARIATION_FIELDS)}, "sku")
VARIATION_CHANGE = _object(_fields(VARIATION_FIELDS))
_PRODUCT_FIELDS = {
    **_fields(PRODUCT_FIELDS),
    "qty": QTY.schema,
    "categories": {"type": "array", "items": CATEGORY},
    "variations": {"type": "array", "items": VARIATION},
}
PRODUCT = _object({"sku": SKU, **_PRODUCT_FIELDS}, "sku", "name")
PRODUCT_CHANGE = _object(_PRODUCT_FIELDS)
PRODUCT_ITEM = _object({"sku": SKU, **_PRODUCT_FIELDS}, "sku")
PRODUCT_SHOWN = _object(
    {
        "sku": SKU,
        **_PRODUCT_FIELDS,
        "removed": {"type": "boolean"},
        "condition_type": {"type": "string", "nullable": True},
        "associations": {"type": "array", "items": ASSOCIATION},
    }
)
PRODUCT_PAGE = _object(
    {
        "products": {"type": "array", "items": PRODUCT_SHOWN},
        "total": {"type": "integer"},
        "next": {"type": "string", "nullable": True, "description": "The next page's whole address."},
    }
)
VARIATION_SHOWN = _object({"variation": VARIATION, "product": _object({"sku": SKU})})
STOCK_ITEM = _object({"sku": SKU, "qty": QTY.schema}, "sku", "qty")
PRICE_ITEM = _object(
    {"sku": SKU, **{name: PRODUCT_FIELDS[name].schema for name in ("price", "promotional_price", "cost")}},
    "sku",
    "price",
)
VERDICT = _object(
    {
        "connection": {},
        "sku": SKU,
        "ready": {"type": "boolean"},
        "issues": {"type": "array", "items": {"type": "object"}},
    }
)
REPORT = _object(
    {
        "summary": _object(
            {name: {"type": "integer"} for name in ("received", "created", "updated", "unchanged", "failed")}
        ),
        "results": {
            "type": "array",
            "items": _object(
                {
                    "index": {"type": "integer"},
                    "sku": {"type": "string", "nullable": True},
                    "status": {"type": "string", "enum": ["created", "updated", "unchanged", "error"]},
                    "error": {"type": "string"},
                    "connections": {"type": "array", "items": VERDICT},
                },
                "index",
                "sku",
                "status",
            ),
        },
    }
)


def wrapped(name: str, schema: Schema) -> dict[str, Schema]:
    """Describe a body such as `{"product": {...}}`."""
    return {"application/json": _object({name: schema}, name)}


def listed(name: str, schema: Schema) -> dict[str, Schema]:
    """Describe a bulk body such as `{"items": [...]}`."""
    return {"application/json": _object({name: {"type": "array", "items": schema, "maxItems": 1000}}, name)}
