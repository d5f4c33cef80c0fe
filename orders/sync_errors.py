"""/sync_errors of orders: what the marketplace refused to hear; and the categories of all errors."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hub.api.schema import errors, in_path
from hub.api.shapes import many
from hub.api.views import SellerView, done
from hub.refusals import Unknown
from marketplaces.api import sync_errors
from marketplaces.api.sync_errors import ORDERS, Told, asked, ignoring_call, listing_call
from orders.models import Notice, Order

CATEGORY = "sync_order_skyhub_to_mtkp"
"""The one category of orders: what should have reached the marketplace. The name is SkyHub's."""


def refused(seller_id: int) -> QuerySet[Notice]:
    """What marketplaces refused to hear of the seller's orders, unless the ERP has put it aside."""
    return Notice.objects.filter(
        connection__seller_id=seller_id, state=Notice.State.REFUSED, ignored_at__isnull=True
    )


def error_code(action: str) -> str:
    """Return the code of a refused step."""
    return f"{action}_refused"


def _category_json() -> dict[str, Any]:
    return {
        "code": CATEGORY,
        "entity_type": ORDERS,
        "error_types": [
            sync_errors.error_type(
                error_code(action),
                _("The marketplace refused it: %(action)s") % {"action": label},
                _("Read the marketplace's words, correct it in the ERP and send it again."),
            )
            for action, label in Notice.Action.choices
        ],
    }


class CategoriesView(SellerView):
    """Where errors arise, and which kinds there are."""

    @extend_schema(
        operation_id="sync_errors_categories",
        summary="List the categories of errors",
        description="Two for each marketplace the account sells at (connection, production), one for orders.",
        responses={200: many(sync_errors.CATEGORY), **errors()},
    )
    def get(self, request: Request) -> Response:
        """List the categories, each with the kinds of error open in it."""
        known = sync_errors.categories(self.seller_id).values()
        products = [sync_errors.category_json(self.seller_id, one) for one in known]
        return Response([*products, _category_json()])


class CategoryView(SellerView):
    """One category of errors."""

    @extend_schema(
        operation_id="sync_errors_category",
        summary="Show a category of errors",
        parameters=[in_path("code", "The category's code.")],
        responses={200: sync_errors.CATEGORY, **errors(404)},
    )
    def get(self, request: Request, code: str) -> Response:
        """Describe one category."""
        if code == CATEGORY:
            return Response(_category_json())
        found = sync_errors.categories(self.seller_id).get(code)
        if found is None:
            raise Unknown(_("There is no error category “%(code)s”.") % {"code": code})
        return Response(sync_errors.category_json(self.seller_id, found))


class OrderErrorsView(SellerView):
    """Which orders the marketplace did not take news of."""

    @listing_call(ORDERS)
    def get(self, request: Request) -> Response:
        """List orders with what was refused of them."""
        rows = refused(self.seller_id)
        if asked(request, "error_category_code") not in ("", CATEGORY):
            rows = rows.none()
        found = Order.objects.filter(seller_id=self.seller_id, pk__in=rows.values("order"))
        if code := asked(request, "entity_id"):
            found = found.filter(code=code)
        page = dict(found.order_by("id").values_list("id", "code")[sync_errors.page_of(request)])
        told: dict[str, list[Told]] = {code: [] for code in page.values()}
        for notice in rows.filter(order__in=page).order_by("id"):
            message = f"{notice.get_action_display()}: {notice.error}"
            told[page[notice.order_id]].append(
                Told(CATEGORY, error_code(notice.action), message, notice.refused_at or notice.due_at)
            )
        return Response(sync_errors.page_json(told))

    @ignoring_call(ORDERS)
    def patch(self, request: Request) -> HttpResponse:
        """Put errors aside."""
        unwanted = sync_errors.to_ignore(request.data)
        for one in unwanted:
            if one.category != CATEGORY:
                raise sync_errors.unknown_category(one.category)
        rows = refused(self.seller_id).filter(order__code__in={one.entity_id for one in unwanted})
        ids = [
            notice.pk
            for notice in rows.select_related("order")
            if sync_errors.chosen(unwanted, notice.order.code, CATEGORY, error_code(notice.action))
        ]
        Notice.objects.filter(pk__in=ids).update(ignored_at=timezone.now())
        return done(204)
