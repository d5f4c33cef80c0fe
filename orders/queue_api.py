"""The queue over HTTP: SkyHub's two calls, and what a careful ERP needs beyond them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import values
from hub.api.schema import errors, nothing
from hub.api.views import SellerView, done
from hub.refusals import Incomplete, Refusal, required_fields
from orders import payloads, queue, schema, wire
from orders.api import CODE, StepView

LEASE_LIMIT = 100
SHORTEST_HIDE, LONGEST_HIDE = 10, 43_200
"""Seconds an order can be kept from other consumers: long enough for a call, at most half a day."""
REASON = values.text(1000)
RECEIPT_HEADER = "X-Hub-Receipt"


class QueueView(SellerView):
    """The head of the queue."""

    # A HEAD would hide an order from everybody and show it to nobody.
    http_method_names = ["get", "options"]

    @extend_schema(
        operation_id="queue_take",
        summary="Take the oldest waiting order",
        description="The order is then hidden for 5 minutes; delete it from the queue once you have it.",
        parameters=[
            OpenApiParameter(
                RECEIPT_HEADER,
                UUID,
                OpenApiParameter.HEADER,
                description="Proves, when it is acknowledged, that it was this offer.",
                response=[200],
            )
        ],
        responses={
            200: schema.OrderSchema,
            204: OpenApiResponse(description="Nothing waits."),
            **errors(),
        },
    )
    def get(self, request: Request) -> HttpResponse:
        leased = queue.lease(self.seller)
        if not leased:
            return done(204)
        headers = {RECEIPT_HEADER: leased[0].receipt}
        return Response(wire.order_json(leased[0].order), headers=headers)


class EntryView(SellerView):
    @extend_schema(
        operation_id="queue_acknowledge",
        summary="Acknowledge an order taken from the queue",
        description="A change that came after you took the order stays in the queue.",
        parameters=[
            CODE,
            OpenApiParameter(
                RECEIPT_HEADER,
                str,
                OpenApiParameter.HEADER,
                description="As it came with the order: then an order offered again since is a 422.",
            ),
        ],
        responses={**nothing(204), **errors(404, 422)},
    )
    def delete(self, request: Request, code: str) -> HttpResponse:
        receipt = _receipt(RECEIPT_HEADER, request.headers.get(RECEIPT_HEADER))
        queue.acknowledge(self.seller, code, receipt=receipt)
        return done(204)


class LeaseView(StepView):
    @extend_schema(
        operation_id="queue_lease",
        summary="Take several waiting orders at once",
        request=schema.LeaseBody,
        responses={200: schema.LeasedSchema, **errors(400, 422)},
    )
    def post(self, request: Request) -> Response:
        body = self.body()
        limit = values.whole("limit", body.get("limit"), LEASE_LIMIT)
        if limit == 0:
            raise Refusal(_("%(field)s: send a whole number from 1.") % {"field": "limit"})
        leased = queue.lease(self.seller, limit or LEASE_LIMIT, _hide_seconds(body))
        orders = [one.order for one in leased]
        return Response(
            {
                "orders": wire.orders_json(orders, self.seller_id) if orders else [],
                "receipts": {one.order.code: one.receipt for one in leased},
            }
        )


class AcknowledgeView(StepView):
    @extend_schema(
        operation_id="queue_acknowledge_many",
        summary="Acknowledge several orders at once",
        request=schema.HeldBody,
        responses={200: schema.AnsweredSchema, **errors(400, 422)},
    )
    def post(self, request: Request) -> Response:
        return _answer(queue.acknowledge_many(self.seller, _held(self.body())))


class ExtendView(StepView):
    @extend_schema(
        operation_id="queue_extend",
        summary="Keep orders hidden for longer",
        description="For orders taken and not acknowledged yet; the time counts from now.",
        request=schema.ExtendBody,
        responses={200: schema.AnsweredSchema, **errors(400, 422)},
    )
    def post(self, request: Request) -> Response:
        body = self.body()
        seconds = _hide_seconds(body)
        if seconds is None:
            raise Incomplete(required_fields(["hide_seconds"]))
        return _answer(queue.extend_many(self.seller, _held(body), seconds))


class FailuresView(StepView):
    @extend_schema(
        operation_id="queue_report_failures",
        summary="Report orders the ERP could not take",
        description=(
            "Each is offered again after 1 minute, 5 minutes, 30 minutes and 2 hours; the fifth report "
            "parks it (sync_status ERROR) until it is replayed. The reason is shown to the seller."
        ),
        request=schema.FailuresBody,
        responses={200: schema.AnsweredSchema, **errors(400, 422)},
    )
    def post(self, request: Request) -> Response:
        body = self.body()
        name = "items" if "items" in body else "failures"
        if name not in body:
            raise Incomplete(required_fields(["failures"]))
        items = [_item(name, one, with_reason=True) for one in values.items(name, body[name])]
        return _answer(queue.fail_many(self.seller, items))


class ReplayView(StepView):
    @extend_schema(
        operation_id="queue_replay",
        summary="Put orders into the queue again",
        description=(
            "By their codes, parked ones too; or all that came in, changed, were taken or parked since a "
            "moment, as after an ERP was set back to a backup."
        ),
        request=schema.REPLAY,
        responses={200: schema.ReplayedSchema, **errors(400, 422)},
    )
    def post(self, request: Request) -> Response:
        body = self.body()
        if body.get("since") and body.get("codes"):
            raise Refusal(_("Send codes or since, not both."))
        if since := payloads.moment("since", body.get("since")):
            return Response({"replayed": queue.replay_since(self.seller, since), "unknown": []})
        if "codes" not in body:
            raise Incomplete(required_fields(["codes"]))
        codes = {values.code("codes", one, 200) for one in values.items("codes", body["codes"])}
        unknown = queue.replay(self.seller, codes)
        return Response({"replayed": len(codes) - len(unknown), "unknown": unknown})


class SummaryView(SellerView):
    @extend_schema(
        operation_id="queue_summary",
        summary="Count the queue",
        responses={200: schema.SummarySchema, **errors()},
    )
    def get(self, request: Request) -> Response:
        now = timezone.now()
        found = queue.summary(self.seller, now)
        oldest = found.oldest_waiting_at
        return Response(
            {
                "waiting": found.waiting,
                "hidden": found.hidden,
                "parked": found.parked,
                "oldest_waiting_at": oldest and timezone.localtime(oldest).isoformat(timespec="seconds"),
                "oldest_age_seconds": oldest and max(0, int((now - oldest).total_seconds())),
            }
        )


def _answer(answered: queue.Answered) -> Response:
    return Response({"unknown": answered.unknown, "late": answered.late})


def _held(body: dict[str, Any]) -> list[queue.Item]:
    """Read `codes`, or `items` with receipts."""
    if "items" in body:
        return [_item("items", one) for one in values.items("items", body["items"])]
    codes = values.items("codes", body.get("codes"))
    if not all(isinstance(code, str) for code in codes):
        raise Refusal(_("%(field)s: send a text.") % {"field": "codes"})
    return [queue.Item(code) for code in codes]


def _item(name: str, said: Any, *, with_reason: bool = False) -> queue.Item:
    if not isinstance(said, dict):
        raise Refusal(_("%(field)s: send an object.") % {"field": name})
    reason = REASON.read(f"{name}.reason", said.get("reason")).strip() if with_reason else ""
    if with_reason and not reason:
        raise Refusal(_("%(field)s: must not be empty.") % {"field": f"{name}.reason"})
    code = values.code(f"{name}.code", said.get("code"), 200)
    return queue.Item(code, _receipt(f"{name}.receipt", said.get("receipt")), reason)


def _receipt(name: str, said: Any) -> UUID | None:
    if said is None or said == "":
        return None
    try:
        return UUID(said)
    except (ValueError, TypeError, AttributeError):
        raise Refusal(_("%(field)s: this is no receipt of ours.") % {"field": name}) from None


def _hide_seconds(body: dict[str, Any]) -> int | None:
    seconds = values.whole("hide_seconds", body.get("hide_seconds"), LONGEST_HIDE)
    if seconds is not None and seconds < SHORTEST_HIDE:
        raise Refusal(
            _("%(field)s: send a whole number from %(least)s to %(most)s.")
            % {"field": "hide_seconds", "least": SHORTEST_HIDE, "most": LONGEST_HIDE}
        )
    return seconds
