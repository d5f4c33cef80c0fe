"""Which products: SkyHub's filters, in both spellings (`status=` and `filters[status]=`)."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import IntegerField, OuterRef, QuerySet, Subquery, Sum
from django.http import QueryDict

from catalog.models import MAX_QUANTITY, Product, Variation
from hub.api.errors import Malformed, sentence

QTY = Subquery(
    Variation.objects.filter(seller_id=OuterRef("seller_id"), product_id=OuterRef("pk"))
    .order_by()
    .values("product_id")
    .annotate(total=Sum("qty"))
    .values("total"),
    output_field=IntegerField(),
)


class ProductFilter(django_filters.FilterSet):
    """The filters of GET /products; an empty value filters nothing."""

    sku = django_filters.CharFilter(help_text="Exactly this SKU.")
    name = django_filters.CharFilter(lookup_expr="icontains", help_text="A part of the name.")
    status = django_filters.ChoiceFilter(choices=Product.Status.choices)
    qty_from = django_filters.NumberFilter(method="with_qty", min_value=0, max_value=MAX_QUANTITY)
    qty_to = django_filters.NumberFilter(method="with_qty", min_value=0, max_value=MAX_QUANTITY)
    categories = django_filters.CharFilter(
        method="in_categories", help_text="Category codes, separated by commas."
    )

    class Meta:
        model = Product
        fields: list[str] = []

    def with_qty(self, queryset: QuerySet[Product], name: str, value: Any) -> QuerySet[Product]:
        """Compare the sum of the variations' quantities."""
        lookup = "total_qty__gte" if name == "qty_from" else "total_qty__lte"
        return queryset.alias(total_qty=QTY).filter(**{lookup: value})

    def in_categories(self, queryset: QuerySet[Product], name: str, value: str) -> QuerySet[Product]:
        """Products of any of these categories."""
        codes = [code.strip() for code in value.split(",") if code.strip()]
        return queryset.filter(category_codes__overlap=codes) if codes else queryset


NAMES = tuple(ProductFilter.base_filters)


def said(params: QueryDict) -> dict[str, str]:
    """Return the filters a query names, in either spelling; unknown ones count for nothing."""
    found: dict[str, str] = {}
    for name in NAMES:
        values = [*params.getlist(f"filters[{name}]"), *params.getlist(f"filters[{name}][]")]
        values += [*params.getlist(name), *params.getlist(f"{name}[]")]
        text = ",".join(value for value in values if value.strip()) if name == "categories" else ""
        text = text or next((value for value in reversed(values) if value.strip()), "")
        if text:
            found[name] = text
    return found


def filtered(queryset: QuerySet[Product], filters: dict[str, str]) -> QuerySet[Product]:
    """Narrow products down; raises Malformed (400) for a value no filter understands."""
    chosen = ProductFilter(filters, queryset=queryset)
    if not chosen.is_valid():
        raise Malformed(sentence(chosen.errors))
    narrowed: QuerySet[Product] = chosen.qs
    return narrowed
