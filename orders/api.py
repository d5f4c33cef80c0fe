"""The order API, wire-compatible with SkyHub's: orders, the steps a seller makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpResponse, QueryDict
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from hub.api.errors import Malformed
from hub.api.paging import page_of
from hub.api.parsing import JSONBodyParser, unwrap
from hub.api.schema import errors, in_path, nothing
from hub.api.shapes import PAGING
from hub.api.views import REHEARSE, SellerView, done
from hub.refusals import Refusal, Unknown
from marketplaces.contract import InvoiceNote
from orders import payloads, queue, schema, services, wire
from orders.errors import ForTestAccounts
from orders.filters import orders_asked_for
from orders.models import Order

CODE = in_path("code", "The order's code, blanks as %20.")
REHEARSED = OpenApiParameter(
    REHEARSE,
    str,
    OpenApiParameter.HEADER,
    description="With `production`, a test account is answered as a production account would be: 403.",
)


def _filter(name: str, about: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, description=about)


class OrdersView(SellerView):
    """The list of orders; and, for test accounts, a way to make one."""

    @extend_schema(
        operation_id="orders_list",
        summary="List orders, newest first",
        description="To take orders in, use the queue: the list may be changing under your pages.",
        parameters=[
            *PAGING,
            _filter("filters[statuses][]", "A status code or type; may be repeated."),
            _filter("filters[sale_system]", "A channel; may be repeated."),
            _filter("filters[sync_status][]", "SYNCED, NOT_SYNCED or ERROR; may be repeated."),
            _filter("filters[start_date]", "First day, dd/mm/yyyy or ISO 8601."),
            _filter("filters[end_date]", "Last day, dd/mm/yyyy or ISO 8601."),
        ],
        responses={200: schema.OrderListSchema, **errors(400, 422)},
    )
    def get(self, request: Request) -> Response:
        page = page_of(request.query_params)
        found = orders_asked_for(self.seller, request.query_params)
        orders = found.for_wire().order_by("-id")[page.rows]
        return Response({"total": found.count(), "orders": wire.orders_json(orders, self.seller_id)})

    @extend_schema(
        operation_id="orders_create",
        summary="Make a test order",
        description="Only for test accounts. Prices not given are the catalogue's.",
        parameters=[REHEARSED],
        request=schema.NewTestOrderBody,
        responses={**nothing(201), **errors(400, 403, 422)},
    )
    def post(self, request: Request) -> HttpResponse:
        wanted = unwrap(request.data, "order", bare=("channel", "items"))
        if not self.is_test_account:
            raise PermissionDenied(_("Only test accounts can create orders over the API."))
        services.create_test_order(self.seller, payloads.to_test_order(wanted))
        return done(201)


class OrderView(SellerView):
    """One order."""

    @extend_schema(
        operation_id="orders_get",
        summary="Show an order",
        parameters=[CODE],
        responses={200: schema.OrderSchema, **errors(404)},
    )
    def get(self, request: Request, code: str) -> Response:
        order = Order.objects.for_wire().filter(seller_id=self.seller_id, code=code).first()
        if order is None:
            raise Unknown(_("Order %(code)s was not found.") % {"code": code})
        return Response(wire.order_json(order))


def answered(call: str) -> dict[int, OpenApiResponse]:
    """Describe the answer to a call that moves an order, as this hub is set."""
    return nothing(settings.HUB_STEP_STATUS[call])


def step(call: str, operation_id: str, summary: str, body: Any) -> Any:
    """Describe a call that moves an order."""
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        description="Repeating the call changes nothing. A step the order's status forbids is a 422.",
        parameters=[CODE],
        request=body,
        responses={**answered(call), **errors(400, 404, 422)},
    )


class StepView(SellerView):
    """A call that moves an order; its body may be empty, `[]` or null."""

    call = ""
    """The call's name, the last word of its address."""

    def moved(self) -> HttpResponse:
        """Answer that the order stands where the call wants it."""
        return done(settings.HUB_STEP_STATUS[self.call])

    def body(self) -> dict[str, Any]:
        """The body as an object."""
        data = self.request.data
        if data is None or data == []:
            return {}
        if not isinstance(data, dict):
            raise Malformed(_("Send a JSON object."))
        return data


class ApprovalView(StepView):
    call = "approval"

    @extend_schema(
        operation_id="orders_approve",
        summary="Approve a test order",
        parameters=[CODE, REHEARSED],
        request=schema.StatusBody,
        responses={**answered(call), **errors(400, 403, 404, 422)},
    )
    def post(self, request: Request, code: str) -> HttpResponse:
        if not self.is_test_account:
            raise PermissionDenied(_("Only a test account's own orders can be approved over the API."))
        try:
            services.approve(self.seller, code, status_code=payloads.to_status(self.body()))
        except ForTestAccounts as refusal:
            raise PermissionDenied(str(refusal)) from None
        return self.moved()


class InvoiceView(StepView):
    """The NF-e's key as JSON, or its whole XML as a form with a file."""

    call = "invoice"
    parser_classes = [MultiPartParser, JSONBodyParser]

    @step(
        call,
        "orders_invoice",
        "Invoice an order",
        {"application/json": schema.InvoiceBody, "multipart/form-data": schema.InvoiceForm},
    )
    def post(self, request: Request, code: str) -> HttpResponse:
        # An empty body is called a form by curl and PHP; only one in parts brings a file.
        in_parts = request.content_type.startswith(MultiPartParser.media_type)
        if in_parts and isinstance(request.data, QueryDict):
            body: Mapping[str, Any] = request.data
            invoice: InvoiceNote | None = payloads.to_invoice_file(body)
        else:
            body = self.body()
            invoice = payloads.to_invoice(body)
        services.invoice(self.seller, code, invoice=invoice, status_code=payloads.to_status(body))
        return self.moved()


class ShipmentsView(StepView):
    call = "shipments"

    @step(call, "orders_ship", "Hand an order over to the carrier", schema.ShipmentBody)
    def post(self, request: Request, code: str) -> HttpResponse:
        body = self.body()
        services.ship(
            self.seller, code, shipment=payloads.to_shipment(body), status_code=payloads.to_status(body)
        )
        return self.moved()


class DeliveryView(StepView):
    call = "delivery"

    @step(call, "orders_deliver", "Report an order as delivered", schema.DeliveryBody)
    def post(self, request: Request, code: str) -> HttpResponse:
        body = self.body()
        services.deliver(
            self.seller,
            code,
            delivered_at=payloads.to_delivered_at(body),
            status_code=payloads.to_status(body),
        )
        return self.moved()


class CancelView(StepView):
    call = "cancel"

    @step(call, "orders_cancel", "Cancel an order", schema.CancelBody)
    def post(self, request: Request, code: str) -> HttpResponse:
        body = self.body()
        services.cancel(
            self.seller, code, reason=payloads.to_reason(body), status_code=payloads.to_status(body)
        )
        return self.moved()


class ShipmentExceptionView(StepView):
    call = "shipment_exception"

    @step(call, "orders_shipment_exception", "Report that a delivery failed", schema.ExceptionBody)
    def post(self, request: Request, code: str) -> HttpResponse:
        body = self.body()
        occurred_at, observation = payloads.to_exception(body)
        services.shipment_exception(
            self.seller,
            code,
            occurred_at=occurred_at,
            observation=observation,
            status_code=payloads.to_status(body),
        )
        return self.moved()


class ExportedView(StepView):
    @extend_schema(
        operation_id="orders_exported",
        summary="Mark an order as taken by the ERP, or as not taken",
        description="The older form of the queue's acknowledgement: takes the order's current state.",
        parameters=[CODE],
        request=schema.ExportedBody,
        responses={**nothing(204), **errors(404, 422)},
    )
    def put(self, request: Request, code: str) -> HttpResponse:
        exported = self.body().get("exported", True)
        if not isinstance(exported, bool):
            raise Refusal(_("%(field)s: send true or false.") % {"field": "exported"})
        if exported:
            queue.acknowledge(self.seller, code, current=True)
        else:
            queue.put_again(self.seller, code)
        return done(204)
