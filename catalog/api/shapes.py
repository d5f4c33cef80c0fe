"""Rows as the API shows them. Numbers are JSON numbers, whatever the column's type."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from catalog import extensions
from catalog.models import Attribute, Category, Product, Variation

NUMBERS = ("price", "promotional_price", "weight", "height", "width", "length")


def number(value: Decimal | None) -> float | int | None:
    """Return a JSON number; whole ones without a point."""
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)


def variation(row: Variation) -> dict[str, Any]:
    """Show a variation as the ERP sent it: null where it takes the product's value."""
    return {
        "sku": row.sku,
        "qty": row.qty,
        "ean": row.ean or None,
        "images": row.images,
        "specifications": row.specifications,
        **{name: number(getattr(row, name)) for name in NUMBERS},
        "crossdocking": row.crossdocking,
    }


def products(seller_id: int, rows: Sequence[Product]) -> list[dict[str, Any]]:
    """Show products with everything that belongs to them, in three queries however many there are."""
    ids = [row.pk for row in rows]
    children: dict[int, list[Variation]] = {}
    for child in Variation.objects.filter(seller_id=seller_id, product_id__in=ids).order_by("id"):
        children.setdefault(child.product_id, []).append(child)
    codes = {code for row in rows for code in row.category_codes}
    names = dict(
        Category.objects.filter(seller_id=seller_id, code__in=codes).values_list("code", "name")
        if codes
        else ()
    )
    associated = extensions.associations(seller_id, ids)
    return [_product(row, children.get(row.pk, []), names, associated.get(row.pk, [])) for row in rows]


def _product(
    row: Product, children: list[Variation], names: dict[str, str], associations: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "sku": row.sku,
        "name": row.name,
        "description": row.description,
        "status": row.status,
        "removed": False,
        "qty": sum(child.qty for child in children),
        **{name: number(getattr(row, name)) for name in (*NUMBERS, "cost")},
        "brand": row.brand,
        "ean": row.ean or None,
        "nbm": row.nbm or None,
        "condition_type": None,
        "crossdocking": row.crossdocking,
        "categories": [{"code": code, "name": names.get(code, code)} for code in row.category_codes],
        "images": row.images,
        "specifications": row.specifications,
        "variations": [variation(child) for child in children if child.sku != row.sku],
        "variation_attributes": row.variation_attributes,
        "associations": associations,
    }


def categories(rows: Iterable[Category]) -> list[dict[str, str]]:
    """Show categories."""
    return [{"code": row.code, "name": row.name} for row in rows]


def attribute(row: Attribute) -> dict[str, Any]:
    """Show an attribute."""
    return {"name": row.name, "label": row.label, "options": row.options}
