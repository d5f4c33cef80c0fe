"""Connections, listings, loads and errors in life: the mug is on sale, the T-shirt was refused."""

from __future__ import annotations

from typing import Any

from catalog.api import examples as catalogue
from hub.api.examples import NOWHERE, Example, missing, said
from marketplaces.api.views import MOST_CHECKED, MOST_SKUS, WAYS
from marketplaces.lag import MOST_HOURS

STARTED_AT, SENT_AT, DONE_AT = (
    "2026-03-02T10:30:00-03:00",
    "2026-03-02T10:30:04-03:00",
    "2026-03-02T10:31:20-03:00",
)
NO_CONNECTION = said("There is no connection named “%(name)s”.", name=NOWHERE)
NO_LOAD = said("There is no load with the number %(number)s.", number=99)
NO_PRODUCT = said("There is no product with the SKU %(sku)s.", sku=NOWHERE)
NO_CATEGORY = said("There is no error category “%(code)s”.", code=NOWHERE)
TOO_MANY_SKUS = said("skus must be a list of at most %(limit)s SKUs.", limit=MOST_SKUS)
NOT_A_FLAG = said("%(field)s: send true or false.", field="paused")
NOT_A_PERIOD = said(
    "%(name)s must be a whole number from %(minimum)s to %(maximum)s.",
    name="hours",
    minimum=1,
    maximum=MOST_HOURS,
)
NOT_A_STATE = said(
    "%(name)s must be one of: %(allowed)s.",
    name="state",
    allowed="waiting, processing, cataloguing, connected, error, disconnected",
)

FAULT = {
    "code": "gtin_missing",
    "field": "ean",
    "message": "Falta o código de barras (GTIN/EAN)",
    "fix": "Preencha o EAN no ERP; é o número embaixo do código de barras da embalagem.",
    "who": "erp",
}
ISSUE: dict[str, Any] = {
    **FAULT,
    "facet": "content",
    "said_by": "marketplace",
    "marketplace_code": "ERR-GTIN",
    "marketplace_message": "O GTIN é obrigatório nesta categoria.",
    "allowed": None,
    "times": 1,
    "first_seen_at": DONE_AT,
    "last_seen_at": DONE_AT,
    "closed_at": None,
    "closed_because": None,
}
COUNTS = {"waiting": 0, "processing": 0, "cataloguing": 0, "connected": 1, "error": 1, "disconnected": 0}
CONNECTION: dict[str, Any] = {
    "name": "Sandbox",
    "marketplace": "sandbox",
    "account": "loja-1",
    "status": "active",
    "incident": None,
    "marketplace_paused_until": None,
    "sync": {
        "stock": True,
        "price": True,
        "orders": True,
        "accept": True,
        "content": False,
        "reconnect": False,
        "heal": True,
    },
    "stock": {"hold": True, "reserve": 0, "percentage": 100, "most": None},
    "listings": COUNTS,
    "last_answer_at": DONE_AT,
    "last_problem": None,
    "last_problem_at": None,
}


def _facet(value: str) -> dict[str, Any]:
    return {
        "state": "confirmed",
        "wanted": value,
        "sent": value,
        "confirmed": value,
        "seen": value,
        "received_at": STARTED_AT,
        "queued_at": SENT_AT,
        "sent_at": SENT_AT,
        "confirmed_at": DONE_AT,
        "seen_at": DONE_AT,
        "superseded": 0,
        "why": "catalogue",
        "drift": None,
        "frozen_at": None,
    }


WAY = {
    "value": "7",
    "outcome": "confirmed",
    "why": "catalogue",
    "by": "5f3b9c1e7a0d4e2f8b6a1c3d5e7f9a0b",
    "superseded": 1,
    "received_at": STARTED_AT,
    "queued_at": SENT_AT,
    "sent_at": SENT_AT,
    "settled_at": DONE_AT,
    "seen_at": DONE_AT,
}


def _lag(facet: str, target: float, **found: Any) -> dict[str, Any]:
    return {"connection": "Sandbox", "facet": facet, "target": target, **found}


LISTING: dict[str, Any] = {
    "sku": "CANECA-1",
    "product_sku": "CANECA-1",
    "connection": "Sandbox",
    "state": "connected",
    "state_at": DONE_AT,
    "mode": "connect",
    "code": "MLS-90001",
    "url": "https://sandbox.example.com/p/90001",
    "load": 12,
    "corrected_at": None,
    "gone": None,
    "gone_at": None,
    "quantity": {"erp": 12, "held": 2, "reserved": 0, "published": 10},
    "content": None,
    "price": {**_facet("38.39/43.89"), "rules_version": 3},
    "stock": _facet("10"),
    "issues": [],
}
LOAD: dict[str, Any] = {
    "number": 12,
    "action": "connect",
    "connection": "Sandbox",
    "started_by": "api",
    "state": "done",
    "total": 2,
    "items": {"waiting": 0, "processing": 0, "cataloguing": 0, "done": 1, "error": 1, "replaced": 0},
    "created_at": STARTED_AT,
    "first_sent_at": SENT_AT,
    "finished_at": DONE_AT,
}
STARTED = {
    **LOAD,
    "number": 13,
    "state": "queued",
    "items": {**LOAD["items"], "waiting": 2, "done": 0, "error": 0},
    "first_sent_at": None,
    "finished_at": None,
    "unknown_skus": [NOWHERE],
}
URLS = [
    {
        "sku": "CANECA-1",
        "product_sku": "CANECA-1",
        "platform": "sandbox",
        "sale_system": "Sandbox",
        "url": "https://sandbox.example.com/p/90001",
    }
]
CATEGORY = {
    "code": "link_sandbox_products",
    "entity_type": "products",
    "error_types": [
        {
            "code": "ean_null",
            "name": "Falta o código de barras (GTIN/EAN)",
            "solution": "<p>Preencha o EAN no ERP; é o número embaixo do código de barras da embalagem.</p>",
        }
    ],
}
TOLD = {
    "entity_id": "CAMISETA-1-P",
    "categories": [
        {
            "error_category_code": "link_sandbox_products",
            "errors": [
                {
                    "error_code": "ERR-GTIN",
                    "message": "Falta o código de barras (GTIN/EAN): O GTIN é obrigatório nesta categoria.",
                    "last_occurrence": DONE_AT,
                }
            ],
        }
    ],
}
IGNORED = {"entity_id": "CAMISETA-1-P", "error_category_code": "link_sandbox_products"}
CHOSEN = {
    "A cause": {"issues": {"code": "gtin_missing"}},
    "A cause of some products": {
        "issues": {
            "code": "gtin_missing",
            "field": "ean",
            "marketplace_code": "ERR-GTIN",
            "connection": "Sandbox",
            "skus": ["CAMISETA-1-P"],
        }
    },
}

EXAMPLES = {
    "connections_list": Example(answer={"connections": [CONNECTION]}),
    "connections_get": Example(path={"name": "Sandbox"}, answer=CONNECTION, errors={404: NO_CONNECTION}),
    "connections_change": Example(
        path={"name": "Sandbox"},
        bodies={
            "Pause it": {"connection": {"paused": True}},
            "Resume it; the ERP publishes by itself": {
                "connection": {"paused": False, "sync": {"content": False, "reconnect": False}}
            },
            "Keep two units back": {"connection": {"stock": {"reserve": 2, "percentage": 100}}},
        },
        answer={**CONNECTION, "status": "paused"},
        errors={400: missing("connection"), 404: NO_CONNECTION, 422: NOT_A_FLAG},
    ),
    "connections_try": Example(path={"name": "Sandbox"}, answer=CONNECTION, errors={404: NO_CONNECTION}),
    "listings_list": Example(
        query={"connection": "Sandbox", "state": "connected", "sku": "CANECA-1"},
        answer={"listings": [LISTING], "next": None},
        errors={400: NOT_A_STATE},
    ),
    "listings_send": Example(
        bodies={
            "Price and stock": {"listings": {"connection": "Sandbox", "skus": ["CANECA-1", "CAMISETA-1"]}},
            "Stock only": {"listings": {"connection": "Sandbox", "skus": ["CANECA-1"], "facets": ["stock"]}},
        },
        answer={"listings": 1, "unknown_skus": ["CAMISETA-1"]},
        errors={400: missing("connection", "skus"), 404: NO_CONNECTION, 422: TOO_MANY_SKUS},
    ),
    "listings_history": Example(
        query={"sku": "CANECA-1"},
        answer={
            "listings": [
                {
                    "sku": "CANECA-1",
                    "product_sku": "CANECA-1",
                    "connection": "Sandbox",
                    "content": [],
                    "price": [],
                    "stock": [WAY],
                }
            ],
            "next": None,
        },
        errors={400: NOT_A_STATE},
    ),
    "listings_lag": Example(
        query={"connection": "Sandbox", "hours": "24"},
        answer={
            "hours": 24,
            "since": "2026-03-01T10:00:00-03:00",
            "lag": [
                _lag("stock", 30.0, samples=1840, p50=0.412, p95=1.87, max=41.3, within_target=0.9989),
                _lag("price", 60.0, samples=212, p50=0.655, p95=2.4, max=9.108, within_target=1.0),
                _lag("content", 1800.0, samples=0, p50=None, p95=None, max=None, within_target=None),
            ],
        },
        errors={400: NOT_A_PERIOD, 404: NO_CONNECTION},
    ),
    "listings_heal": Example(
        bodies={
            "Whatever differs": {"heal": {"connection": "Sandbox", "all": True}},
            "The stock of one product": {
                "heal": {"connection": "Sandbox", "skus": ["CANECA-1", NOWHERE], "facets": ["stock"]}
            },
        },
        answer={"healed": 1, "unknown_skus": [NOWHERE]},
        errors={400: missing("connection"), 404: NO_CONNECTION, 422: said("Send one of: skus, all.")},
    ),
    "loads_list": Example(query={"state": "done"}, answer={"loads": [LOAD], "next": None}),
    "loads_create": Example(
        bodies={
            "Connect some products": {
                "load": {"connection": "Sandbox", "action": "connect", "skus": ["CAMISETA-1", NOWHERE]}
            },
            "Connect everything": {"load": {"connection": "Sandbox", "action": "connect", "all": True}},
            "Take a product off sale": {
                "load": {"connection": "Sandbox", "action": "disconnect", "skus": ["CANECA-1"]}
            },
            "Send the corrected ones of a load again": {
                "load": {"connection": "Sandbox", "action": "reconnect", "corrected_of": 12}
            },
            "Send all corrected ones again": {
                "load": {"connection": "Sandbox", "action": "reconnect", "corrected": True}
            },
            "Send all that was refused in a load again": {
                "load": {"connection": "Sandbox", "action": "reconnect", "refused_of": 12}
            },
        },
        answer=STARTED,
        errors={
            400: missing("connection", "action"),
            404: NO_CONNECTION,
            422: said("Send one of: %(ways)s.", ways=", ".join(WAYS)),
        },
    ),
    "loads_check": Example(
        bodies={"Some products": {"load": {"connection": "Sandbox", "skus": ["CANECA-2", "CAMISETA-1"]}}},
        answer={
            "connection": "Sandbox",
            "ready": 1,
            "not_ready": 2,
            "unknown_skus": [],
            "items": [
                {"sku": "CANECA-2", "ready": True, "issues": []},
                {"sku": "CAMISETA-1-P", "ready": False, "issues": [FAULT]},
                {"sku": "CAMISETA-1-M", "ready": False, "issues": [FAULT]},
            ],
        },
        errors={
            400: missing("connection", "skus"),
            404: NO_CONNECTION,
            422: said("At most %(limit)s variations can be checked at once.", limit=MOST_CHECKED),
        },
    ),
    "loads_get": Example(path={"number": "12"}, answer=LOAD, errors={404: NO_LOAD}),
    "loads_items": Example(
        path={"number": "12"},
        query={"state": "error"},
        answer={
            "items": [
                {"sku": "CAMISETA-1-P", "state": "error", "updated_at": DONE_AT, "issues": [ISSUE]},
            ],
            "next": None,
        },
        errors={404: NO_LOAD},
    ),
    "issues_list": Example(
        query={"code": "gtin_missing"},
        answer={"issues": [{"sku": "CAMISETA-1-P", "connection": "Sandbox", **ISSUE}], "next": None},
    ),
    "issues_causes": Example(
        query={"connection": "Sandbox"},
        answer={
            "causes": [
                {
                    **FAULT,
                    "marketplace_code": "ERR-GTIN",
                    "listings": 17,
                    "example_skus": ["CAMISETA-1-P", "CAMISETA-1-M"],
                }
            ]
        },
    ),
    "issues_put_aside": Example(
        bodies=CHOSEN,
        answer={"issues": 17},
        errors={400: missing("code"), 404: NO_CONNECTION, 422: TOO_MANY_SKUS},
    ),
    "issues_bring_back": Example(
        bodies=CHOSEN,
        answer={"issues": 17},
        errors={400: missing("code"), 404: NO_CONNECTION, 422: TOO_MANY_SKUS},
    ),
    "products_urls": Example(answer={"urls": URLS, "next": None}),
    "products_urls_of_marketplace": Example(
        path={"marketplace": "sandbox"}, answer={"urls": URLS, "next": None}, errors={404: NO_CONNECTION}
    ),
    "urls_of_product": Example(path={"sku": "CANECA-1"}, answer={"urls": URLS}, errors={404: NO_PRODUCT}),
    "auth": Example(
        bodies={
            "An account": {
                "user_email": "dona@loja.example.com",
                "api_key": "hub_3f9c1e7a_a-secret-shown-once",
            }
        },
        answer={"token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"},
        errors={400: missing("user_email", "api_key"), 422: said("%(field)s: send a text.", field="api_key")},
    ),
    "rehub_product_actions": Example(
        bodies={
            "Connect": {"skus": ["CAMISETA-1"], "sale_system": "Sandbox", "type": "link"},
            "Disconnect": {"skus": ["CANECA-1"], "sale_system": "Sandbox", "type": "unlink"},
        },
        answer={"id": "13", "unknown_skus": []},
        errors={
            400: missing("skus", "sale_system", "type"),
            404: NO_CONNECTION,
            422: TOO_MANY_SKUS,
        },
    ),
    "rehub_stores_list": catalogue.EXAMPLES["stores_list"],
    "rehub_stores_create": catalogue.EXAMPLES["stores_create"],
    "sync_errors_products": Example(
        query={"error_category_code": "link_sandbox_products", "offset": "0"},
        answer={"errors_qty": 1, "data": [{"sku": "CAMISETA-1-P", **TOLD}]},
        errors={400: said("%(name)s must be a whole number from zero up.", name="offset")},
    ),
    "sync_errors_products_ignore": Example(
        bodies={"All of a category": {"errors": [IGNORED]}},
        errors={400: missing("errors"), 422: NO_CATEGORY},
    ),
}
