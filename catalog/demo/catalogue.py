"""Reads the demo seller's catalogue that ships with the product.

`catalogue.json` holds the products in the wire format an ERP sends (the content of the
``product`` key: prices in BRL, weight in kg, lengths in cm), and beside them the mistakes that
were put into some of them on purpose, each with the partial product that corrects it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import NotRequired, TypedDict


class WireCategory(TypedDict):
    code: str
    name: str


class WireSpecification(TypedDict):
    key: str
    value: str


class WireVariation(TypedDict):
    """A sellable SKU of a product; what it leaves out is the product's."""

    sku: str
    qty: int
    ean: str
    images: list[str]
    specifications: list[WireSpecification]
    price: NotRequired[float]
    promotional_price: NotRequired[float]


class WireProduct(TypedDict, total=False):
    """A product as an ERP sends it. As an update it holds the changed fields only."""

    sku: str
    name: str
    description: str
    status: str
    qty: int
    price: float
    promotional_price: float
    cost: float
    weight: float | None
    height: float | None
    width: float | None
    length: float | None
    brand: str
    ean: str
    nbm: str
    categories: list[WireCategory]
    images: list[str]
    specifications: list[WireSpecification]
    variations: list[WireVariation]
    variation_attributes: list[str]


class DemoFault(TypedDict):
    """One mistake in a demo product.

    `fix` is the update the ERP would send to correct it; None where nothing can correct it, as
    the product may not be sold at all.
    """

    fault: str
    fix: WireProduct | None


@dataclass(frozen=True, slots=True)
class DemoCatalogue:
    """The demo seller's products, and the mistakes among them by product SKU."""

    products: tuple[WireProduct, ...]
    faults: Mapping[str, tuple[DemoFault, ...]]


def load() -> DemoCatalogue:
    """Read the shipped catalogue, products in the order of the file."""
    content = json.loads(files(__package__).joinpath("catalogue.json").read_text(encoding="utf-8"))
    return DemoCatalogue(
        products=tuple(content["products"]),
        faults={sku: tuple(faults) for sku, faults in content["faults"].items()},
    )


def fixes() -> list[tuple[str, WireProduct]]:
    """Tell the updates that correct the catalogue: (product SKU, changed fields), one for each mistake."""
    return [
        (sku, fault["fix"])
        for sku, faults in load().faults.items()
        for fault in faults
        if fault["fix"] is not None
    ]
