"""/shipments/b2w, /freights, /questions and the errors of orders."""

from __future__ import annotations

import re
from typing import Any

from orders.freight.models import FreightQuote, FreightRate
from orders.models import Notice, Question
from orders.shipping.models import Plp, PlpOrder
from tests.api.endpoints.row import ADDRESS_ONLY, NO_ID, NO_INPUT, Call, Row

ORDER_ERRORS = "sync_order_skyhub_to_mtkp"
NO_ERRORS: dict[str, Any] = {"errors_qty": 0, "data": []}
OF_ANY_STATE = "Takes nothing but its address, in any state before the parcel is on its way."

SHIPPING = [
    Row(
        "GET /shipments/b2w",
        Call(200, shows=lambda said, ids: [str(one["id"]) for one in said["plp"]] == [ids["plp"]]),
        bad=Call(400, path="/shipments/b2w?offset=x"),
        unknown=NO_ID,
        stranger=Call(200, shows={"plp": []}),
    ),
    Row(
        "POST /shipments/b2w",
        Call(
            201,
            lambda ids: {"order_remote_codes": [ids["correios"]]},
            shows=lambda said, ids: re.fullmatch(r"Plp \d+ agrupada com sucesso\.", said["message"]),
            then=lambda ana, ids: PlpOrder.objects.get(seller=ana, order__remote_id=ids["correios"]),
        ),
        bad=Call(400, {"order_remote_codes": []}),
    ),
    Row(
        "DELETE /shipments/b2w",
        Call(
            200,
            lambda ids: {"plp_id": ids["plp"]},
            shows=lambda said, ids: ids["plp"] in said["message"],
            then=lambda ana, ids: not Plp.objects.filter(seller=ana).exists(),
        ),
        bad=Call(400, []),
    ),
    Row(
        "DELETE /shipments/b2w/{code}",
        Call(
            200,
            shows=lambda said, ids: ids["plp"] in said["message"],
            then=lambda ana, ids: not PlpOrder.objects.filter(seller=ana).exists(),
        ),
        path="/shipments/b2w/{direct}",
        bad=OF_ANY_STATE,
    ),
    Row(
        "GET /shipments/b2w/to_group",
        Call(200, shows=lambda said, ids: [one["code"] for one in said["orders"]] == [ids["correios"]]),
        bad=Call(400, path="/shipments/b2w/to_group?offset=x"),
        unknown=NO_ID,
        stranger=Call(200, shows={"orders": []}),
    ),
    Row(
        "GET /shipments/b2w/view",
        Call(200, shows=lambda said, ids: str(said["plp"]["id"]) == ids["plp"]),
        path="/shipments/b2w/view?plp_id={plp}",
        bad=Call(400, path="/shipments/b2w/view"),
    ),
    Row(
        "GET /shipments/b2w/collectables",
        Call(200, shows=lambda said, ids: [one["code"] for one in said["orders"]] == [ids["direct"]]),
        bad=Call(400, path="/shipments/b2w/collectables?requested=perhaps"),
        unknown=NO_ID,
        stranger=Call(200, shows={"orders": []}),
    ),
    Row(
        "POST /shipments/b2w/confirm_collection",
        Call(
            201,
            lambda ids: {"order_codes": [ids["direct"]]},
            then=lambda ana, ids: PlpOrder.objects.get(seller=ana).pickup_requested_at,
        ),
        bad=Call(400, {"order_codes": None}),
    ),
]

FREIGHT = [
    Row(
        "GET /freights",
        Call(200, shows=lambda said, ids: [one["source"] for one in said["freights"]] == ["contingency"]),
        bad=Call(400, path="/freights?page=x"),
        unknown=Call(
            200, path="/freights?filters[sale_systems]={connection}", shows={"freights": [], "total": 0}
        ),
        stranger=Call(200, shows={"freights": [], "total": 0}),
    ),
    Row(
        "POST /freights/quote",
        Call(
            200,
            lambda ids: {"destinationZip": "05010-010", "volumes": [{"sku": ids["product"], "quantity": 1}]},
            shows=lambda said, ids: [one["shippingCost"] for one in said["shippingQuotes"]] == [12],
            then=lambda ana, ids: FreightQuote.objects.filter(seller=ana).count() == 2,
        ),
        bad=Call(422, {"destinationZip": "São Paulo", "volumes": [{"sku": "LAMP"}]}),
        unknown=Call(422),
        stranger=Call(422),
    ),
    Row(
        "GET /freights/contingency",
        Call(200, shows=lambda said, ids: [str(one["id"]) for one in said["rates"]] == [ids["rate"]]),
        bad=Call(400, path="/freights/contingency?per_page=x"),
        unknown=NO_ID,
        stranger=Call(200, shows={"rates": [], "total": 0}),
    ),
    Row(
        "POST /freights/contingency",
        Call(
            201,
            {
                "rate": {
                    "name": "Sul",
                    "zip_from": 80_000_000,
                    "zip_to": 99_999_999,
                    "weight_to": 5,
                    "cost": 20,
                    "days": 6,
                }
            },
            shows=lambda said, ids: said["zip_from"] == "80000000",
            then=lambda ana, ids: FreightRate.objects.get(seller=ana, name="Sul").days == 6,
        ),
        bad=Call(400, {"rate": {"name": "Sul"}}),
        unknown=NO_ID,
        stranger=Call(201),
    ),
    Row(
        "PUT /freights/contingency/{number}",
        Call(
            204,
            {"rate": {"cost": 13.5}},
            then=lambda ana, ids: FreightRate.objects.get(seller=ana).cost == 13.5,
        ),
        path="/freights/contingency/{rate}",
        bad=Call(422, {"rate": {"cost": "cheap"}}),
    ),
    Row(
        "DELETE /freights/contingency/{number}",
        Call(204, then=lambda ana, ids: not FreightRate.objects.filter(seller=ana).exists()),
        path="/freights/contingency/{rate}",
        bad=ADDRESS_ONLY,
    ),
]

REST = [
    Row(
        "GET /questions",
        Call(200, shows=lambda said, ids: [one["id"] for one in said["questions"]] == [ids["question"]]),
        bad=Call(400, path="/questions?status=LOST"),
        unknown=NO_ID,
        stranger=Call(200, shows={"questions": [], "next": None}),
    ),
    Row(
        "POST /questions",
        Call(
            201,
            {"question": {"platform": "Sandbox", "text": "Tem em azul?"}},
            shows=lambda said, ids: said["status"] == "UNANSWERED",
            then=lambda ana, ids: Question.objects.filter(seller=ana, text="Tem em azul?").exists(),
        ),
        bad=Call(400, {"question": {"text": "Tem em azul?"}}),
        unknown=NO_ID,
        stranger=Call(201),
    ),
    Row(
        "GET /questions/{number}",
        Call(200, shows=lambda said, ids: said["text"] == "Serve na parede?"),
        path="/questions/{question}",
        bad=ADDRESS_ONLY,
    ),
    Row(
        "DELETE /questions/{number}",
        Call(204, then=lambda ana, ids: not Question.objects.filter(seller=ana).exists()),
        path="/questions/{question}",
        bad=ADDRESS_ONLY,
    ),
    Row(
        "POST /questions/{number}/answer",
        Call(
            201,
            {"answer": {"text": "Serve."}},
            then=lambda ana, ids: Question.objects.get(seller=ana).answer == "Serve.",
        ),
        path="/questions/{question}/answer",
        bad=Call(400, {"answer": {}}),
    ),
    Row(
        "GET /sync_errors/orders",
        Call(200, shows=lambda said, ids: [one["entity_id"] for one in said["data"]] == [ids["invoiced"]]),
        bad=Call(400, path="/sync_errors/orders?offset=x"),
        unknown=Call(200, path="/sync_errors/orders?entity_id={order}", shows=NO_ERRORS),
        stranger=Call(200, shows=NO_ERRORS),
    ),
    Row(
        "PATCH /sync_errors/orders",
        Call(
            204,
            lambda ids: {"errors": [{"entity_id": ids["invoiced"], "error_category_code": ORDER_ERRORS}]},
            then=lambda ana, ids: Notice.objects.get(order__seller=ana, state="refused").ignored_at,
        ),
        bad=Call(422, {"errors": [{"entity_id": "A", "error_category_code": "nonsense"}]}),
        # What is not open any more is passed over.
        unknown=Call(204),
        stranger=Call(204),
    ),
    Row(
        "GET /sync_errors/categories",
        Call(200, shows=lambda said, ids: "link_sandbox_products" in {one["code"] for one in said}),
        bad=NO_INPUT,
        unknown=NO_ID,
        stranger=Call(200, shows=lambda said, ids: [one["code"] for one in said] == [ORDER_ERRORS]),
    ),
    Row(
        "GET /sync_errors/categories/{code}",
        Call(200, shows=lambda said, ids: [one["code"] for one in said["error_types"]] == ["empty_brand"]),
        path="/sync_errors/categories/{errors}",
        bad=ADDRESS_ONLY,
    ),
]

ROWS = [*SHIPPING, *FREIGHT, *REST]
