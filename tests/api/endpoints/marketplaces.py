"""/connections, /listings, /loads, /issues, the products' pages, Rehub, catalogue errors and webhooks."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from marketplaces.callbacks.models import Delivery, Subscription
from marketplaces.models import Connection, Issue, Load
from tests.api.endpoints.row import ADDRESS_ONLY, NO_ID, NO_INPUT, NOTHING, Call, Row

NO_ERRORS = {"errors_qty": 0, "data": []}
LINK = "link_sandbox_products"


def lamps_page(said: Any, ids: Any) -> bool:
    """The one page of the one listing."""
    return [one["url"] for one in said["urls"]] == ["https://shop.example/lamp"]


def newest_load(action: str) -> Any:
    """The seller's second load is of this kind."""
    return lambda ana, ids: Load.objects.get(seller=ana, number=2).action == action


ROWS = [
    Row(
        "GET /connections",
        Call(200, shows=lambda said, ids: [one["name"] for one in said["connections"]] == ["Lojas Sandbox"]),
        bad=NO_INPUT,
        unknown=NO_ID,
        stranger=Call(200, shows={"connections": []}),
    ),
    Row(
        "GET /connections/{name}",
        Call(200, shows=lambda said, ids: said["listings"]["waiting"] == 1),
        path="/connections/{connection}",
        bad=ADDRESS_ONLY,
    ),
    Row(
        "PUT /connections/{name}",
        Call(
            200,
            {"connection": {"paused": True, "sync": {"price": False}}},
            shows=lambda said, ids: (said["status"], said["sync"]["price"]) == ("paused", False),
            then=lambda ana, ids: Connection.objects.get(seller=ana).status == Connection.Status.PAUSED,
        ),
        path="/connections/{connection}",
        bad=Call(422, {"connection": {"paused": "perhaps"}}),
    ),
    Row(
        "POST /connections/{name}/try",
        Call(202, NOTHING, then=lambda ana, ids: not Connection.objects.get(seller=ana).last_error),
        path="/connections/{connection}/try",
        bad=ADDRESS_ONLY,
    ),
    Row(
        "POST /listings/send",
        Call(
            202,
            lambda ids: {"connection": ids["connection"], "skus": [ids["product"]]},
            # It is on its way to be published, so there is nothing to send again yet.
            shows=lambda said, ids: said == {"listings": 0, "unknown_skus": ["LAMP"]},
        ),
        bad=Call(400, {"connection": "Lojas Sandbox", "skus": ["LAMP"], "facets": ["taste"]}),
    ),
    Row(
        "GET /listings",
        Call(200, shows=lambda said, ids: [one["sku"] for one in said["listings"]] == ["LAMP"]),
        bad=Call(400, path="/listings?state=lost"),
        unknown=Call(200, path="/listings?sku={product}", shows={"listings": [], "next": None}),
        stranger=Call(200, shows={"listings": [], "next": None}),
    ),
    Row(
        "GET /listings/history",
        Call(
            200,
            shows=lambda said, ids: (
                [(one["sku"], one["price"]) for one in said["listings"]] == [("LAMP", [])]
            ),
        ),
        bad=Call(400, path="/listings/history?drift=lost"),
        unknown=Call(200, path="/listings/history?sku={product}", shows={"listings": [], "next": None}),
        stranger=Call(200, shows={"listings": [], "next": None}),
    ),
    Row(
        "GET /listings/lag",
        Call(
            200,
            shows=lambda said, ids: (
                [(one["connection"], one["facet"], one["samples"]) for one in said["lag"]]
                == [(ids["connection"], facet, 0) for facet in ("stock", "price", "content")]
            ),
        ),
        bad=Call(400, path="/listings/lag?hours=0"),
        unknown=Call(404, path="/listings/lag?connection={connection}"),
        stranger=Call(200, shows=lambda said, ids: said["lag"] == []),
    ),
    Row(
        "POST /listings/heal",
        Call(
            202,
            lambda ids: {"connection": ids["connection"], "skus": ["LAMP", "GHOST"]},
            # Nothing is known to differ.
            shows=lambda said, ids: said == {"healed": 0, "unknown_skus": ["GHOST"]},
        ),
        bad=Call(400, {"connection": "Lojas Sandbox", "all": True, "causes": ["frozen"]}),
    ),
    Row(
        "GET /loads",
        Call(200, shows=lambda said, ids: [one["number"] for one in said["loads"]] == [1]),
        bad=Call(400, path="/loads?cursor=x"),
        unknown=Call(200, path="/loads?connection={connection}", shows={"loads": [], "next": None}),
        stranger=Call(200, shows={"loads": [], "next": None}),
    ),
    Row(
        "POST /loads",
        Call(
            201,
            lambda ids: {"load": {"connection": ids["connection"], "action": "connect", "skus": ["SPARE"]}},
            shows=lambda said, ids: (said["number"], said["total"]) == (2, 1),
            then=newest_load("connect"),
        ),
        bad=Call(400, {"load": {"connection": "Lojas Sandbox", "action": "sell", "all": True}}),
    ),
    Row(
        "POST /loads/check",
        Call(
            200,
            lambda ids: {"connection": ids["connection"], "skus": ["SPARE"]},
            shows=lambda said, ids: (said["not_ready"], said["items"][0]["sku"]) == (1, "SPARE"),
        ),
        bad=Call(400, {"connection": "Lojas Sandbox"}),
    ),
    Row(
        "GET /loads/{number}",
        Call(200, shows=lambda said, ids: said["total"] == 1),
        path="/loads/{load}",
        bad=ADDRESS_ONLY,
    ),
    Row(
        "GET /loads/{number}/items",
        Call(200, shows=lambda said, ids: [one["sku"] for one in said["items"]] == ["LAMP"]),
        path="/loads/{load}/items",
        bad=Call(400, path="/loads/{load}/items?state=lost"),
    ),
    Row(
        "GET /issues",
        Call(200, shows=lambda said, ids: [one["field"] for one in said["issues"]] == ["brand"]),
        bad=Call(400, path="/issues?state=lost"),
        unknown=Call(200, path="/issues?sku={product}", shows={"issues": [], "next": None}),
        stranger=Call(200, shows={"issues": [], "next": None}),
    ),
    Row(
        "GET /issues/causes",
        Call(200, shows=lambda said, ids: [one["example_skus"] for one in said["causes"]] == [["LAMP"]]),
        bad="Its one filter takes any text.",
        unknown=Call(200, path="/issues/causes?connection={connection}", shows={"causes": []}),
        stranger=Call(200, shows={"causes": []}),
    ),
    Row(
        "POST /issues/put_aside",
        Call(
            200,
            lambda ids: {"code": "required", "connection": ids["connection"], "skus": ["LAMP"]},
            shows={"issues": 1},
            then=lambda ana, ids: Issue.objects.get(seller=ana).ignored_at,
        ),
        bad=Call(400, {"skus": ["LAMP"]}),
    ),
    Row(
        "POST /issues/bring_back",
        Call(200, lambda ids: {"code": "required", "connection": ids["connection"]}, shows={"issues": 0}),
        bad=Call(400, {}),
    ),
    *(
        Row(
            f"GET {address}",
            Call(200, shows=lamps_page),
            bad=Call(400, path=f"{address}?per_page=0"),
            unknown=NO_ID,
            stranger=Call(200, shows={"urls": [], "next": None}),
        )
        for address in ("/products/urls", "/products//urls")
    ),
    Row(
        "GET /products/urls/{marketplace}",
        Call(200, shows=lamps_page),
        path="/products/urls/{connection}",
        bad=Call(400, path="/products/urls/{connection}?cursor=x"),
    ),
    Row(
        "GET /urls/products/{sku}",
        Call(200, shows=lamps_page),
        path="/urls/products/{product}",
        bad=ADDRESS_ONLY,
    ),
    Row(
        "POST /auth",
        Call(
            200,
            lambda ids: {"user_email": ids["email"], "api_key": ids["key"]},
            shows=lambda said, ids: len(said["token"]) > 60,
        ),
        bad=Call(400, {"user_email": "ana@example.com"}),
        unknown=Call(401),
        stranger=Call(401, lambda ids: {"user_email": ids["email"], "api_key": ids["strangers_key"]}),
        without_key="The door itself: the key stands in its body.",
    ),
    Row(
        "POST /rehub/product_actions",
        Call(
            201,
            lambda ids: {"skus": ["LAMP"], "sale_system": ids["connection"], "type": "link"},
            shows={"id": "2", "unknown_skus": []},
            then=newest_load("reconnect"),
        ),
        bad=Call(400, {"skus": ["LAMP"], "sale_system": "Lojas Sandbox", "type": "sell"}),
    ),
    Row(
        "GET /sync_errors/products",
        Call(
            200,
            shows=lambda said, ids: (
                [(one["entity_id"], one["categories"][0]["error_category_code"]) for one in said["data"]]
                == [("LAMP", LINK)]
            ),
        ),
        bad=Call(400, path="/sync_errors/products?offset=-50"),
        unknown=Call(200, path="/sync_errors/products?entity_id={product}", shows=NO_ERRORS),
        stranger=Call(200, shows=NO_ERRORS),
    ),
    Row(
        "PATCH /sync_errors/products",
        Call(
            204,
            lambda ids: {"errors": [{"entity_id": ids["product"], "error_category_code": LINK}]},
            then=lambda ana, ids: Issue.objects.get(seller=ana).ignored_at,
        ),
        bad=Call(400, {"errors": []}),
        # What is not open any more is passed over.
        unknown=Call(204),
        # Who sells nowhere has no such category.
        stranger=Call(422),
    ),
    Row(
        "GET /webhooks",
        Call(200, shows=lambda said, ids: [one["id"] for one in said["webhooks"]] == [ids["webhook"]]),
        bad=NO_INPUT,
        unknown=NO_ID,
        stranger=Call(200, shows={"webhooks": []}),
    ),
    Row(
        "POST /webhooks",
        Call(
            201,
            {"webhook": {"url": "http://127.0.0.1:9/new", "events": ["load.finished"]}},
            shows=lambda said, ids: said["secret"].startswith("whsec_"),
            then=lambda ana, ids: Subscription.objects.filter(seller=ana, url__endswith="/new").exists(),
        ),
        bad=Call(422, {"webhook": {"url": "http://127.0.0.1:9/new", "events": ["order.eaten"]}}),
        unknown="Names nothing that could be missing.",
        stranger=Call(201),
    ),
    Row(
        "PUT /webhooks/{id}",
        Call(
            200,
            {"webhook": {"active": False}},
            shows=lambda said, ids: said["active"] is False,
            then=lambda ana, ids: not Subscription.objects.get(seller=ana).is_active,
        ),
        path="/webhooks/{webhook}",
        bad=Call(422, {"webhook": {"active": "perhaps"}}),
    ),
    Row(
        "DELETE /webhooks/{id}",
        Call(204, then=lambda ana, ids: not Subscription.objects.filter(seller=ana).exists()),
        path="/webhooks/{webhook}",
        bad=ADDRESS_ONLY,
    ),
    Row(
        "POST /webhooks/{id}/test",
        Call(
            202,
            NOTHING,
            shows=lambda said, ids: said["event"] == "ping",
            then=lambda ana, ids: Delivery.objects.filter(seller=ana, event="ping").exists(),
        ),
        path="/webhooks/{webhook}/test",
        bad=ADDRESS_ONLY,
    ),
    Row(
        "POST /webhooks/{id}/secret",
        Call(
            200,
            NOTHING,
            shows=lambda said, ids: said["secret"].startswith("whsec_") and said["old_secret_until"],
            then=lambda ana, ids: len(Subscription.objects.get(seller=ana).secrets(timezone.now())) == 2,
        ),
        path="/webhooks/{webhook}/secret",
        bad=ADDRESS_ONLY,
    ),
    Row(
        "GET /webhooks/{id}/deliveries",
        Call(200, shows=lambda said, ids: ids["delivery"] in {one["id"] for one in said["deliveries"]}),
        path="/webhooks/{webhook}/deliveries",
        bad=Call(400, path="/webhooks/{webhook}/deliveries?state=lost"),
    ),
    Row(
        "POST /webhooks/{id}/deliveries/{delivery_id}/replay",
        Call(
            202,
            NOTHING,
            shows=lambda said, ids: (said["id"], said["state"]) == (ids["delivery"], "waiting"),
            then=lambda ana, ids: Delivery.objects.get(public_id=ids["delivery"]).state == "waiting",
        ),
        path="/webhooks/{webhook}/deliveries/{delivery}/replay",
        bad=ADDRESS_ONLY,
    ),
    Row(
        "POST /webhooks/{id}/deliveries/{delivery_id}/skip",
        Call(
            200,
            NOTHING,
            shows=lambda said, ids: said["id"] == ids["waiting_delivery"],
            then=lambda ana, ids: Delivery.objects.get(public_id=ids["waiting_delivery"]).state == "skipped",
        ),
        path="/webhooks/{webhook}/deliveries/{waiting_delivery}/skip",
        bad=Call(422, path="/webhooks/{webhook}/deliveries/{delivery}/skip"),
    ),
]
