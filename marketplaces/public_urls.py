"""Addresses under /products that are no product's: where a seller's goods are on sale."""

from __future__ import annotations

from django.urls import re_path

from marketplaces.api import public_pages

urlpatterns = [
    # SkyHub's own address; it hides a product with the SKU "urls".
    re_path(r"^products/urls/?$", public_pages.PublicPagesView.as_view()),
    re_path(r"^products//urls/?$", public_pages.DoubledSlashView.as_view()),
    re_path(r"^products/urls/(?P<marketplace>[^/]+)/?$", public_pages.MarketplacePagesView.as_view()),
]
