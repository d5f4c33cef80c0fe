"""The catalogue's addresses: no slash at the end, though one is accepted.

SKUs and codes may hold blanks, slashes (percent-encoded) and any letter, hence `.+?`.
"""

from __future__ import annotations

from django.urls import re_path

from catalog.api.bulk import BulkPricesView, BulkProductsView, BulkStockView
from catalog.api.products import ProductsView, ProductVariationsView, ProductView, VariationView
from catalog.api.stores import StoreSkusView, StoresView
from catalog.api.vocabulary import AttributesView, AttributeView, CategoriesView, CategoryView

urlpatterns = [
    re_path(r"^products/?$", ProductsView.as_view()),
    re_path(r"^products/(?P<sku>.+?)/variations/?$", ProductVariationsView.as_view()),
    re_path(r"^products/(?P<sku>.+?)/?$", ProductView.as_view()),
    re_path(r"^variations/(?P<sku>.+?)/?$", VariationView.as_view()),
    re_path(r"^categories/?$", CategoriesView.as_view()),
    re_path(r"^categories/(?P<code>.+?)/?$", CategoryView.as_view()),
    re_path(r"^attributes/?$", AttributesView.as_view()),
    re_path(r"^attributes/(?P<name>.+?)/?$", AttributeView.as_view()),
    re_path(r"^stores/?$", StoresView.as_view()),
    re_path(r"^stores/(?P<code>.+?)/skus/?$", StoreSkusView.as_view()),
    re_path(r"^bulk/products/?$", BulkProductsView.as_view()),
    re_path(r"^bulk/stock/?$", BulkStockView.as_view()),
    re_path(r"^bulk/prices/?$", BulkPricesView.as_view()),
]
