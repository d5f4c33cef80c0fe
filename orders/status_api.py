"""The account's statuses and channels over the API."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import values
from hub.api.parsing import unwrap
from hub.api.schema import errors, in_path, nothing
from hub.api.shapes import TEXT, many, word
from hub.api.views import SellerView, done
from hub.refusals import Unknown
from marketplaces.models import Connection
from orders import flow, schema, statuses
from orders.models import Order, Status

CODE = in_path("code", "The status code.")


def _json(status: Status) -> dict[str, Any]:
    return {"code": status.code, "label": status.label, "type": status.type}


def _wanted_type(said: Any) -> str:
    return values.code("type", said, 20).upper()


class StatusesView(SellerView):
    @extend_schema(
        operation_id="statuses_list",
        summary="List the account's order statuses",
        responses={200: schema.StatusSchema(many=True), **errors()},
    )
    def get(self, request: Request) -> Response:
        return Response([_json(one) for one in statuses.of_seller(self.seller_id).values()])

    @extend_schema(
        operation_id="statuses_create",
        summary="Add an order status",
        request=schema.NewStatusBody,
        responses={**nothing(201), **errors(400, 422)},
    )
    def post(self, request: Request) -> HttpResponse:
        said = unwrap(request.data, "status", bare=("code", "type"))
        statuses.create(
            self.seller,
            code=values.code("code", said.get("code"), 100),
            label=values.text(150).read("label", said.get("label")).strip(),
            status_type=_wanted_type(said.get("type")),
        )
        return done(201)


class StatusView(SellerView):
    @extend_schema(
        operation_id="statuses_update",
        summary="Change an order status",
        parameters=[CODE],
        request=schema.StatusChangeBody,
        responses={**nothing(204), **errors(400, 404, 422)},
    )
    def put(self, request: Request, code: str) -> HttpResponse:
        said = unwrap(request.data, "status", bare=("label", "type"))
        label = values.text(150).read("label", said.get("label")).strip()
        wanted = _wanted_type(said["type"]) if said.get("type") else None
        if statuses.change(self.seller, code, label=label or None, status_type=wanted) is None:
            raise Unknown(_("There is no status with the code “%(code)s”.") % {"code": code})
        return done(204)

    @extend_schema(
        operation_id="statuses_delete",
        summary="Remove an order status",
        parameters=[CODE],
        responses={**nothing(204), **errors(404, 422)},
    )
    def delete(self, request: Request, code: str) -> HttpResponse:
        if not statuses.delete(self.seller, code):
            raise Unknown(_("There is no status with the code “%(code)s”.") % {"code": code})
        return done(204)


class StatusTypesView(SellerView):
    @extend_schema(
        operation_id="status_types_list",
        summary="List the status types",
        responses={200: many(word(*flow.STATUS_TYPES)), **errors()},
    )
    def get(self, request: Request) -> Response:
        return Response(list(flow.STATUS_TYPES))


class SaleSystemsView(SellerView):
    @extend_schema(
        operation_id="sale_systems_list",
        summary="List the account's channels",
        description="The names of its connections, and of the channels its orders came from.",
        responses={200: many(TEXT), **errors()},
    )
    def get(self, request: Request) -> Response:
        connected = Connection.objects.filter(seller_id=self.seller_id).values_list("name", flat=True)
        sold = Order.objects.filter(seller_id=self.seller_id).order_by().values_list("channel", flat=True)
        return Response(sorted({*connected, *sold.distinct()}))
