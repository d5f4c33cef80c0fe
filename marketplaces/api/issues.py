"""/issues: catalogue errors, one by one and by cause, and putting them aside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import values
from hub.api.parsing import unwrap
from hub.api.schema import errors
from hub.api.shapes import WALK
from hub.refusals import Incomplete, required_fields
from marketplaces.api import docs, shapes
from marketplaces.api.views import OF_CONNECTION, WalkedView, one_of, to_skus
from marketplaces.causes import by_cause
from marketplaces.models import Issue

OPEN, ASIDE, CLOSED = STATES = ("open", "aside", "closed")


def issues_of(seller_id: int, given: dict[str, str]) -> QuerySet[Issue]:
    """The seller's issues: open ones, unless those put aside or closed are asked for."""
    rows = Issue.objects.filter(seller_id=seller_id)
    state = one_of("state", given.get("state", OPEN), STATES)
    rows = rows.filter(closed_at__isnull=state != CLOSED)
    if state != CLOSED:
        rows = rows.filter(ignored_at__isnull=state == OPEN)
    if "connection" in given:
        rows = rows.filter(connection__name=given["connection"])
    if "code" in given:
        rows = rows.filter(kind=given["code"])
    if "sku" in given:
        rows = rows.filter(listing__variation__sku=given["sku"])
    return rows


class IssuesView(WalkedView):
    """Catalogue errors, one by one."""

    filters = ("connection", "state", "code", "sku")

    @extend_schema(
        operation_id="issues_list",
        summary="List catalogue errors",
        parameters=[
            OF_CONNECTION,
            OpenApiParameter("state", str, enum=STATES, description="Open by default."),
            OpenApiParameter("code", str, description="The cause, such as gtin_invalid."),
            OpenApiParameter("sku", str, description="A variation's SKU."),
            *WALK,
        ],
        responses={200: docs.ISSUE_PAGE, **errors(400)},
    )
    def get(self, request: Request) -> Response:
        """List catalogue errors, newest first."""

        def narrow(given: dict[str, str]) -> QuerySet[Issue]:
            return issues_of(self.seller_id, given).select_related("connection", "listing__variation")

        return self.walk(request, "issues", narrow, self._show)

    @staticmethod
    def _show(page: Sequence[Issue]) -> list[dict[str, Any]]:
        return [
            {"sku": one.listing.variation.sku, "connection": one.connection.name, **shapes.issue(one)}
            for one in page
        ]


class CausesView(WalkedView):
    """Catalogue errors grouped by cause."""

    @extend_schema(
        operation_id="issues_causes",
        summary="Count open catalogue errors by cause",
        parameters=[OF_CONNECTION],
        responses={200: docs.CAUSES, **errors()},
    )
    def get(self, request: Request) -> Response:
        """Count open errors by cause, the most frequent first, at most a hundred causes."""
        name = request.query_params.get("connection", "").replace("\x00", "").strip()
        causes = by_cause(issues_of(self.seller_id, {"connection": name} if name else {}))
        return Response(
            {
                "causes": [
                    {
                        "code": one.kind,
                        "field": one.field,
                        "marketplace_code": one.code or None,
                        "message": one.title,
                        "fix": one.fix,
                        "who": one.fixer,
                        "listings": one.listings,
                        "example_skus": [sample.sku for sample in one.samples],
                    }
                    for one in causes
                ]
            }
        )


class PutAsideView(WalkedView):
    """Hiding errors nobody wants to mend."""

    is_back = False

    @extend_schema(
        operation_id="issues_put_aside",
        summary="Put errors of one cause aside",
        description=(
            "They are not listed as open any more until the marketplace, or our check, tells them again. "
            "`field`, `marketplace_code`, `connection` and `skus` narrow it down."
        ),
        request=docs.CHOSEN_ISSUES,
        responses={200: docs.HOW_MANY, **errors(400, 404, 422)},
    )
    def post(self, request: Request) -> Response:
        """Put aside, or bring back."""
        said = unwrap(request.data, "issues", bare=("code",))
        if not said.get("code"):
            raise Incomplete(required_fields(["code"]))
        given = {"state": ASIDE if self.is_back else OPEN, "code": values.code("code", said["code"], 40)}
        if said.get("connection"):
            given["connection"] = self.connection(values.code("connection", said["connection"], 80)).name
        rows = issues_of(self.seller_id, given)
        for word, column in (("field", "field"), ("marketplace_code", "code")):
            if said.get(word) is not None:
                rows = rows.filter(**{column: values.text(300).read(word, said[word])})
        if said.get("skus"):
            rows = rows.filter(listing__variation__sku__in=to_skus(said["skus"]))
        return Response({"issues": rows.update(ignored_at=None if self.is_back else timezone.now())})


class BringBackView(PutAsideView):
    """Showing them again."""

    is_back = True

    @extend_schema(
        operation_id="issues_bring_back",
        summary="Bring errors back that were put aside",
        request=docs.CHOSEN_ISSUES,
        responses={200: docs.HOW_MANY, **errors(400, 404, 422)},
    )
    def post(self, request: Request) -> Response:
        """Bring back."""
        return super().post(request)
