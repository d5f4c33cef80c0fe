"""/freights: ask for a quote, read the history, keep the contingency table."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import values
from hub.api.paging import MAX_PER_PAGE, page_of
from hub.api.parsing import unwrap
from hub.api.schema import errors, nothing
from hub.api.views import SellerView, done
from hub.refusals import Incomplete, required_fields
from orders import wire
from orders.filters import chosen
from orders.freight import quotes, rates
from orders.freight.models import FreightQuote, FreightRate

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer"}
PAGING = [
    OpenApiParameter("page", int, description="From 1; only the first 10,000 rows."),
    OpenApiParameter("per_page", int, description=f"At most {MAX_PER_PAGE}; more is cut."),
]
ID = OpenApiParameter("number", str, OpenApiParameter.PATH, description="The line's id.")


def _object(properties: Schema, *required: str) -> Schema:
    return {"type": "object", "properties": properties, **({"required": list(required)} if required else {})}


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


METRES = {**NUMBER, "description": "Metres; as the catalogue says when left out."}
VOLUME = _object(
    {
        "sku": TEXT,
        "quantity": COUNT,
        "price": {**NUMBER, "description": "BRL; as the catalogue says when left out."},
        "height": METRES,
        "length": METRES,
        "width": METRES,
        "weight": {**NUMBER, "description": "kg; as the catalogue says when left out."},
    },
    "sku",
)
OFFER = _object(
    {
        "shippingCost": NUMBER,
        "deliveryTime": _object(dict.fromkeys(("total", "transit", "expedition"), COUNT)),
        "shippingMethodId": TEXT,
        "shippingMethodName": TEXT,
        "shippingMethodDisplayName": TEXT,
    }
)
SOURCE: Schema = {"type": "string", "enum": list(FreightQuote.Source.values)}
KEPT = _object(
    {
        "id": COUNT,
        "sale_system": {**TEXT, "nullable": True},
        "created_at": {"type": "string", "format": "date-time"},
        "destination_zip": TEXT,
        "volumes": _list(VOLUME),
        "source": SOURCE,
        "problem": {**TEXT, "nullable": True},
        "milliseconds": COUNT,
        "shipping_quotes": _list(OFFER),
    }
)
RATE_FIELDS: Schema = {
    "name": TEXT,
    "zip_from": {**TEXT, "description": "8 digits."},
    "zip_to": {**TEXT, "description": "8 digits."},
    "weight_from": {**NUMBER, "description": "kg"},
    "weight_to": {**NUMBER, "description": "kg"},
    "cost": {**NUMBER, "description": "BRL"},
    "days": {**COUNT, "description": "In transit; the products' crossdocking days come on top."},
}
RATE_SHOWN = _object({"id": COUNT, **RATE_FIELDS})


class QuoteView(SellerView):
    """A quote."""

    @extend_schema(
        operation_id="freights_quote",
        summary="Quote freight",
        description=(
            "The seller's own address is asked and has 800 ms; else the contingency table counts. "
            "Cheapest first, then fastest. A zip that is not served is a 404."
        ),
        request={
            "application/json": _object(
                {"destinationZip": COUNT, "volumes": _list(VOLUME), "saleSystem": TEXT},
                "destinationZip",
                "volumes",
            )
        },
        responses={
            200: _object({"shippingQuotes": _list(OFFER), "source": SOURCE}),
            **errors(400, 404, 422),
        },
    )
    def post(self, request: Request) -> Response:
        """Quote."""
        said = request.data if isinstance(request.data, dict) else {}
        zip_said = said.get("destinationZip", said.get("destination_zip"))
        if zip_said in (None, ""):
            raise Incomplete(required_fields(["destinationZip"]))
        channel = said.get("saleSystem") or said.get("sale_system")
        row = quotes.quote(
            self.seller,
            quotes.read_zip("destinationZip", zip_said),
            quotes.read_volumes(self.seller_id, said.get("volumes")),
            values.text(80).read("saleSystem", channel).strip(),
        )
        return Response({"shippingQuotes": row.offers, "source": row.source})


class FreightsView(SellerView):
    """The quotes given so far."""

    @extend_schema(
        operation_id="freights_list",
        summary="List freight quotes, newest first",
        parameters=[
            *PAGING,
            OpenApiParameter("filters[sale_systems]", str, description="A channel; may be repeated."),
        ],
        responses={200: _object({"freights": _list(KEPT), "total": COUNT}), **errors(400)},
    )
    def get(self, request: Request) -> Response:
        """List quotes with what was asked and answered."""
        page = page_of(request.query_params)
        rows = FreightQuote.objects.filter(seller_id=self.seller_id)
        if channels := chosen(request.query_params, "sale_systems", "sale_system"):
            rows = rows.filter(sale_system__in=channels)
        shown = [
            {
                "id": one.pk,
                "sale_system": one.sale_system or None,
                "created_at": wire.moment(one.created_at),
                "destination_zip": f"{one.zip:08d}",
                "volumes": one.volumes,
                "source": one.source,
                "problem": one.problem or None,
                "milliseconds": one.milliseconds,
                "shipping_quotes": one.offers,
            }
            for one in rows.order_by("-id")[page.rows]
        ]
        return Response({"freights": shown, "total": rows.count()})


def _shown(rate: FreightRate) -> dict[str, Any]:
    return {
        "id": rate.pk,
        "name": rate.name,
        "zip_from": f"{rate.zip_from:08d}",
        "zip_to": f"{rate.zip_to:08d}",
        "weight_from": float(rate.weight_from),
        "weight_to": float(rate.weight_to),
        "cost": float(rate.cost),
        "days": rate.days,
    }


class RatesView(SellerView):
    """The contingency table."""

    @extend_schema(
        operation_id="freights_contingency_list",
        summary="List the contingency table",
        parameters=PAGING,
        responses={200: _object({"rates": _list(RATE_SHOWN), "total": COUNT}), **errors(400)},
    )
    def get(self, request: Request) -> Response:
        """List lines by zip and weight."""
        page = page_of(request.query_params)
        rows = FreightRate.objects.filter(seller_id=self.seller_id)
        return Response({"rates": [_shown(one) for one in rows[page.rows]], "total": rows.count()})

    @extend_schema(
        operation_id="freights_contingency_create",
        summary="Add a line to the contingency table",
        request={
            "application/json": _object(
                {"rate": _object(RATE_FIELDS, *sorted(set(RATE_FIELDS) - rates.OPTIONAL))}, "rate"
            )
        },
        responses={201: RATE_SHOWN, **errors(400, 422)},
    )
    def post(self, request: Request) -> Response:
        """Add a line."""
        said = unwrap(request.data, "rate", bare=tuple(rates.READERS))
        return Response(_shown(rates.create(self.seller_id, said)), status=201)


class RateView(SellerView):
    """One line of the contingency table."""

    @extend_schema(
        operation_id="freights_contingency_update",
        summary="Change a line of the contingency table",
        parameters=[ID],
        request={"application/json": _object({"rate": _object(RATE_FIELDS)}, "rate")},
        responses={**nothing(204), **errors(400, 404, 422)},
    )
    def put(self, request: Request, number: str) -> HttpResponse:
        """Change only the fields that are sent."""
        rate = rates.find(self.seller_id, number)
        rates.change(rate, unwrap(request.data, "rate", bare=tuple(rates.READERS)))
        return done(204)

    @extend_schema(
        operation_id="freights_contingency_delete",
        summary="Remove a line of the contingency table",
        parameters=[ID],
        responses={**nothing(204), **errors(404)},
    )
    def delete(self, request: Request, number: str) -> HttpResponse:
        """Remove a line."""
        rates.find(self.seller_id, number).delete()
        return done(204)
