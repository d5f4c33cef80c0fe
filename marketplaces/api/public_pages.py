"""/products/urls and /urls/products: where shoppers find the products, as far as marketplaces told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.models import Variation
from hub.api.schema import errors, in_path
from hub.api.shapes import NEXT, TEXT, WALK, many, named, told
from hub.refusals import Unknown
from marketplaces.api import docs
from marketplaces.api.views import WalkedView
from marketplaces.models import Listing

URLS = many(
    named(
        "ProductUrl",
        told(
            sku=docs.SKU,
            product_sku=TEXT,
            platform={**TEXT, "description": "The marketplace's key."},
            sale_system=docs.NAME,
            url={**TEXT, "format": "uri"},
        ),
    )
)
PAGES = told(urls=URLS, next=NEXT)


def known_pages(seller_id: int) -> QuerySet[Listing]:
    """The seller's listings whose page at the marketplace is known."""
    return (
        Listing.objects.filter(seller_id=seller_id)
        .exclude(url="")
        .select_related("variation__product", "connection")
    )


def shown(rows: Sequence[Listing]) -> list[dict[str, Any]]:
    """Describe pages."""
    return [
        {
            "sku": one.variation.sku,
            "product_sku": one.variation.product.sku,
            "platform": one.connection.marketplace_id,
            "sale_system": one.connection.name,
            "url": one.url,
        }
        for one in rows
    ]


class PublicPagesView(WalkedView):
    """Every product's pages."""

    @extend_schema(
        operation_id="products_urls",
        summary="List the products' pages at the marketplaces",
        parameters=WALK,
        responses={200: PAGES, **errors(400)},
    )
    def get(self, request: Request) -> Response:
        """List pages, newest listing first."""
        return self.walk(request, "urls", lambda given: known_pages(self.seller_id), shown)


@extend_schema_view(get=extend_schema(exclude=True))
class DoubledSlashView(PublicPagesView):
    """The address as dilowagner/skyhub-client writes it."""


class MarketplacePagesView(WalkedView):
    """Every product's page at one marketplace."""

    @extend_schema(
        operation_id="products_urls_of_marketplace",
        summary="List the products' pages at one marketplace",
        parameters=[in_path("marketplace", "A connection's name, or a marketplace's key or name."), *WALK],
        responses={200: PAGES, **errors(400, 404)},
    )
    def get(self, request: Request, marketplace: str) -> Response:
        """List pages, newest listing first."""
        mine = self.seller.connections.filter(
            Q(name__iexact=marketplace)
            | Q(marketplace__key__iexact=marketplace)
            | Q(marketplace__name__iexact=marketplace)
        )
        if not mine.exists():
            raise Unknown(_("There is no connection named “%(name)s”.") % {"name": marketplace})
        rows = known_pages(self.seller_id).filter(connection__in=mine)
        return self.walk(request, "urls", lambda given: rows, shown)


class ProductPagesView(WalkedView):
    """One product's pages."""

    @extend_schema(
        operation_id="urls_of_product",
        summary="List one product's pages at the marketplaces",
        parameters=[in_path("sku", "A product's or a variation's SKU.")],
        responses={200: told(urls=URLS), **errors(404)},
    )
    def get(self, request: Request, sku: str) -> Response:
        """List the pages of a product with all its variations, or of one variation."""
        meant = Variation.objects.filter(seller_id=self.seller_id).filter(Q(sku=sku) | Q(product__sku=sku))
        if not meant.exists():
            raise Unknown(_("There is no product with the SKU %(sku)s.") % {"sku": sku})
        rows = known_pages(self.seller_id).filter(variation__in=meant).order_by("id")
        return Response({"urls": shown(list(rows[:1000]))})
