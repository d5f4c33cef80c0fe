"""/products and /variations, wire-compatible with SkyHub."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import services
from catalog.api import docs, filters, shapes
from catalog.incoming import KNOWN, KNOWN_OF_VARIATION, ProductChange, read_product, read_variation
from catalog.models import Product, Variation
from catalog.structure import Mode
from hub.api.paging import MAX_PER_PAGE, open_cursor, page_of, seal_cursor
from hub.api.parsing import unwrap
from hub.api.schema import errors, in_path, nothing
from hub.api.shapes import PAGING, WALK
from hub.api.views import SellerView, done
from hub.refusals import Unknown

CURSOR = "products"
CURSOR_PAGE = 25
"""Rows of a page when neither page nor per_page is given (PT product query page)."""
SKU = in_path("sku", "The product's SKU.")
VARIATION_SKU = in_path("sku", "The variation's SKU.")
IGNORED = OpenApiParameter(
    "X-Hub-Ignored-Fields",
    str,
    OpenApiParameter.HEADER,
    description="Fields sent in vain, because the hub does not know them; only where there are some.",
    response=[201, 204],
)
LISTING = [
    *PAGING,
    WALK[1],
    *(
        OpenApiParameter(name, docs.FILTERS[name], description=f"Also `filters[{name}]`.")
        for name in filters.NAMES
    ),
]


class ProductsView(SellerView):
    """The seller's products."""

    @extend_schema(
        operation_id="products_list",
        summary="List products",
        parameters=LISTING,
        responses={200: docs.PRODUCT_PAGE, **errors(400)},
    )
    def get(self, request: Request) -> Response:
        """List products, oldest first, with `next` to walk them all."""
        params = request.query_params
        rows: QuerySet[Product] = Product.objects.filter(seller_id=self.seller_id).order_by("id")
        if params.get("cursor"):
            return self._walk(rows, open_cursor(CURSOR, params["cursor"]))
        chosen = filters.said(request._request.GET)
        narrowed = filters.filtered(rows, chosen)
        paged = any(params.get(name, "").strip() for name in ("page", "per_page"))
        page = page_of(params, default=MAX_PER_PAGE if paged else CURSOR_PAGE)
        found = list(narrowed[page.rows])
        full = len(found) == page.size
        # The first, half-empty page is the whole list; only a full one needs a count.
        total = narrowed.count() if full or page.number > 1 else len(found)
        return self._answer(found, total, page.size, chosen, more=full and page.number * page.size < total)

    def _walk(self, rows: QuerySet[Product], state: dict[str, Any]) -> Response:
        narrowed = filters.filtered(rows, state["filters"])
        found = list(narrowed.filter(id__gt=state["after"])[: state["size"] + 1])
        size = state["size"]
        return self._answer(found[:size], state["total"], size, state["filters"], more=len(found) > size)

    def _answer(
        self, rows: list[Product], total: int, size: int, chosen: dict[str, str], *, more: bool
    ) -> Response:
        following = None
        if more:
            # The count of the first page travels along: it costs more than the page itself.
            state = {"after": rows[-1].pk, "size": size, "filters": chosen, "total": total}
            cursor = seal_cursor(CURSOR, state)
            following = self.request.build_absolute_uri(f"{self.request.path}?cursor={cursor}")
        shown = shapes.products(self.seller_id, rows)
        return Response({"products": shown, "total": total, "next": following})

    @extend_schema(
        operation_id="products_create",
        summary="Create or update a product",
        parameters=[IGNORED],
        request=docs.wrapped("product", docs.PRODUCT),
        responses={**nothing(201), **errors(400, 422)},
    )
    def post(self, request: Request) -> HttpResponse:
        """Create a product; a known SKU is updated, unless the seller refuses that."""
        change = read_product(unwrap(request.data, "product"))
        services.save_product(
            self.seller_id, change, Mode.CREATE if self.seller.strict_create else Mode.UPSERT
        )
        return done(201, change.ignored)


class ProductView(SellerView):
    """One product."""

    @extend_schema(
        operation_id="products_get",
        summary="Show a product",
        parameters=[SKU],
        responses={200: docs.PRODUCT_SHOWN, **errors(404)},
    )
    def get(self, request: Request, sku: str) -> Response:
        """Show a product with its variations and where it is published."""
        row = Product.objects.filter(seller_id=self.seller_id, sku=sku.strip()).first()
        if row is None:
            raise Unknown(_("There is no product with the SKU %(sku)s.") % {"sku": sku})
        return Response(shapes.products(self.seller_id, [row])[0])

    @extend_schema(
        operation_id="products_update",
        summary="Change a product",
        parameters=[SKU, IGNORED],
        request=docs.wrapped("product", docs.PRODUCT_CHANGE),
        responses={**nothing(204), **errors(400, 404, 422)},
    )
    def put(self, request: Request, sku: str) -> HttpResponse:
        """Change only the fields that are sent."""
        change = read_product(unwrap(request.data, "product", bare=KNOWN), sku=sku)
        services.save_product(self.seller_id, change, Mode.UPDATE)
        return done(204, change.ignored)

    @extend_schema(
        operation_id="products_delete",
        summary="Delete a product",
        parameters=[SKU],
        request=None,
        responses={**nothing(204), **errors(404, 422)},
    )
    def delete(self, request: Request, sku: str) -> HttpResponse:
        """Delete a product and its variations; refused while one of them is on sale."""
        services.delete_product(self.seller_id, sku.strip())
        return done(204)


class ProductVariationsView(SellerView):
    """The variations of one product."""

    @extend_schema(
        operation_id="products_variations_create",
        summary="Add a variation to a product",
        parameters=[SKU, IGNORED],
        request=docs.wrapped("variation", docs.VARIATION),
        responses={**nothing(201), **errors(400, 404, 422)},
    )
    def post(self, request: Request, sku: str) -> HttpResponse:
        """Add a variation, or update it; a simple product becomes one with variations."""
        variation = read_variation(unwrap(request.data, "variation"))
        change = ProductChange(sku.strip(), {}, variations=(variation,))
        services.save_product(self.seller_id, change, Mode.UPDATE)
        return done(201, variation.ignored)


class VariationView(SellerView):
    """One sellable SKU."""

    @extend_schema(
        operation_id="variations_get",
        summary="Show a variation",
        parameters=[VARIATION_SKU],
        responses={200: docs.VARIATION_SHOWN, **errors(404)},
    )
    def get(self, request: Request, sku: str) -> Response:
        """Show a variation and the SKU of its product."""
        row = (
            Variation.objects.filter(seller_id=self.seller_id, sku=sku.strip())
            .select_related("product")
            .first()
        )
        if row is None:
            raise Unknown(_("There is no variation with the SKU %(sku)s.") % {"sku": sku})
        return Response({"variation": shapes.variation(row), "product": {"sku": row.product.sku}})

    @extend_schema(
        operation_id="variations_update",
        summary="Change a variation",
        parameters=[VARIATION_SKU, IGNORED],
        request=docs.wrapped("variation", docs.VARIATION_CHANGE),
        responses={**nothing(204), **errors(400, 404, 422)},
    )
    def put(self, request: Request, sku: str) -> HttpResponse:
        """Change only the fields that are sent: the way to keep stock and price up to date."""
        change = read_variation(unwrap(request.data, "variation", bare=KNOWN_OF_VARIATION), sku=sku)
        services.save_variation(self.seller_id, change)
        return done(204, change.ignored)

    @extend_schema(
        operation_id="variations_delete",
        summary="Delete a variation",
        parameters=[VARIATION_SKU],
        request=None,
        responses={**nothing(204), **errors(404, 422)},
    )
    def delete(self, request: Request, sku: str) -> HttpResponse:
        """Delete a variation; refused while it is on sale."""
        services.delete_variation(self.seller_id, sku.strip())
        return done(204)
