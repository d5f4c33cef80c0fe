"""/freights: ask for a quote, read the history, keep the contingency table."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import values
from hub.api.paging import page_of
from hub.api.parsing import unwrap
from hub.api.schema import errors, nothing
from hub.api.shapes import (
    COUNT,
    MAYBE,
    MOMENT,
    NUMBER,
    PAGING,
    TEXT,
    Schema,
    json_body,
    many,
    named,
    some,
    taken,
    told,
    word,
)
from hub.api.views import SellerView, done
from hub.refusals import Incomplete, required_fields
from orders import wire
from orders.filters import chosen
from orders.freight import quotes, rates
from orders.freight.models import LAST_ZIP, FreightQuote, FreightRate

ID = OpenApiParameter("number", str, OpenApiParameter.PATH, description="The line's id.")


_METRES: Schema = {**NUMBER, "minimum": 0, "description": "Metres; left out: as the catalogue says."}
_VOLUME: dict[str, Schema] = {
    "sku": {**TEXT, "minLength": 1, "maxLength": 100},
    "quantity": {"type": "integer", "minimum": 1, "description": "Left out: one."},
    "price": {**NUMBER, "minimum": 0, "description": "BRL; left out: as the catalogue says."},
    "height": _METRES,
    "length": _METRES,
    "width": _METRES,
    "weight": {**NUMBER, "minimum": 0, "description": "kg; left out: as the catalogue says."},
}
_ASKED = taken(
    "destinationZip",
    "volumes",
    destinationZip={"type": "integer", "minimum": 1, "maximum": LAST_ZIP, "description": "The CEP."},
    volumes=some(named("NewFreightVolume", taken("sku", **_VOLUME)), quotes.MOST_VOLUMES),
    saleSystem={**TEXT, "maxLength": 80, "description": "The channel."},
)
_DAYS = {name: {**COUNT, "description": "Days."} for name in ("total", "transit", "expedition")}
OFFER = named(
    "ShippingQuote",
    told(
        shippingCost={**NUMBER, "description": "BRL."},
        deliveryTime=told(**_DAYS),
        shippingMethodId=TEXT,
        shippingMethodName=TEXT,
        shippingMethodDisplayName=TEXT,
    ),
)
SOURCE = {**word(*FreightQuote.Source.values), "description": "Who answered."}
KEPT = named(
    "FreightQuote",
    told(
        id=COUNT,
        sale_system=MAYBE,
        created_at=MOMENT,
        destination_zip={**TEXT, "description": "8 digits."},
        volumes=many(named("FreightVolume", told(**_VOLUME))),
        source=SOURCE,
        problem={**MAYBE, "description": "Why the seller's own address did not answer."},
        milliseconds=COUNT,
        shipping_quotes=many(OFFER),
    ),
)
_ZIP: Schema = {**TEXT, "pattern": r"^[0-9]{8}$", "description": "8 digits."}
_KG: Schema = {**NUMBER, "minimum": 0, "description": "kg"}
RATE_FIELDS: dict[str, Schema] = {
    "name": {**TEXT, "minLength": 1, "maxLength": 80},
    "zip_from": _ZIP,
    "zip_to": _ZIP,
    "weight_from": _KG,
    "weight_to": _KG,
    "cost": {**NUMBER, "minimum": 0, "description": "BRL"},
    "days": {**COUNT, "maximum": quotes.MOST_DAYS, "description": "In transit; crossdocking comes on top."},
}
RATE_SHOWN = named("FreightRate", told(id=COUNT, **RATE_FIELDS))
NEW_RATE = named("NewFreightRate", taken(*sorted(set(RATE_FIELDS) - rates.OPTIONAL), **RATE_FIELDS))
RATE_CHANGE = named("FreightRateChange", taken(**RATE_FIELDS))


class QuoteView(SellerView):
    """A quote."""

    @extend_schema(
        operation_id="freights_quote",
        summary="Quote freight",
        description=(
            "The seller's own address is asked and has 800 ms; else the contingency table counts. "
            "Cheapest first, then fastest. A zip that is not served is a 404."
        ),
        request=json_body(_ASKED),
        responses={200: told(shippingQuotes=many(OFFER), source=SOURCE), **errors(400, 404, 422)},
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
        responses={200: told(freights=many(KEPT), total=COUNT), **errors(400)},
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
        responses={200: told(rates=many(RATE_SHOWN), total=COUNT), **errors(400)},
    )
    def get(self, request: Request) -> Response:
        """List lines by zip and weight."""
        page = page_of(request.query_params)
        rows = FreightRate.objects.filter(seller_id=self.seller_id)
        return Response({"rates": [_shown(one) for one in rows[page.rows]], "total": rows.count()})

    @extend_schema(
        operation_id="freights_contingency_create",
        summary="Add a line to the contingency table",
        request=json_body(told(rate=NEW_RATE)),
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
        request=json_body(told(rate=RATE_CHANGE)),
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
