"""The form of request bodies: which fields there are and what they hold. All else is refused with 400."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from marketplaces.simulators.kit import Problem
from marketplaces.simulators.sandbox.rules import to_decimal

KIND_NAMES = {
    "text": "um texto",
    "number": "um número",
    "integer": "um número inteiro",
    "boolean": "verdadeiro ou falso",
    "texts": "uma lista de textos",
    "map": "um objeto de textos",
    "object": "um objeto",
    "objects": "uma lista de objetos",
}


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53


_FITS: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "number": lambda value: to_decimal(value) is not None,
    "integer": _is_integer,
    "boolean": lambda value: isinstance(value, bool),
    "texts": lambda value: isinstance(value, list) and all(isinstance(one, str) for one in value),
    "map": lambda value: isinstance(value, dict) and all(isinstance(one, str) for one in value.values()),
    "object": lambda value: isinstance(value, dict),
    "objects": lambda value: isinstance(value, list) and all(isinstance(one, dict) for one in value),
}

ITEM = {
    "sku": "text!",
    "parent_sku": "text",
    "title": "text",
    "description": "text",
    "brand": "text",
    "gtin": "text",
    "ncm": "text",
    "category_id": "text",
    "catalogue_id": "text",
    "attributes": "map",
    "images": "texts",
    "weight_kg": "number",
    "height_cm": "number",
    "width_cm": "number",
    "length_cm": "number",
    "price": "number",
    "list_price": "number",
    "quantity": "integer!",
}
PRICE = {"sku": "text!", "price": "number!", "list_price": "number"}
STOCK = {"sku": "text!", "quantity": "integer!"}
QUERY = {"sku": "text!", "gtin": "text", "title": "text"}
NOTES: dict[str, dict[str, str]] = {
    "accept": {},
    "invoice": {
        "key": "text!",
        "issued_at": "text!",
        "number": "text",
        "line": "text",
        "volumes": "integer",
    },
    "shipment": {
        "code": "text!",
        "shipped_at": "text!",
        "tracking_code": "text",
        "carrier": "text",
        "method": "text",
        "url": "text",
        "delivery_id": "text",
        "items": "objects",
    },
    "delivery": {"delivered_at": "text!"},
    "cancel": {"reason": "text!"},
}


def fields(value: Any, spec: Mapping[str, str], where: str = "") -> dict[str, Any]:
    """Return an object whose fields are all known and of their kind; null counts as absent.

    A kind ending in ``!`` must be there. Raises Problem 400, naming the field.
    """
    if not isinstance(value, dict):
        raise Problem(400, "SBX-FIELD-TYPE", f"{where or 'O corpo'} deve ser um objeto.")
    place = f" ({where})" if where else ""
    for name, one in value.items():
        kind = spec.get(name)
        if kind is None:
            raise Problem(400, "SBX-FIELD-UNKNOWN", f"Campo desconhecido{place}: {name[:60]}.")
        if one is not None and not _FITS[kind.rstrip("!")](one):
            said = f"O campo {name}{place} deve ser {KIND_NAMES[kind.rstrip('!')]}."
            raise Problem(400, "SBX-FIELD-TYPE", said)
    for name, kind in spec.items():
        if kind.endswith("!") and (value.get(name) is None or value[name] == ""):
            raise Problem(400, "SBX-FIELD-REQUIRED", f"Falta o campo {name}{place}.")
    return value


def batch(
    value: Any, name: str, most: int, spec: Mapping[str, str], *, may_be_empty: bool = False
) -> list[dict[str, Any]]:
    """Return the items of a batch, each with a SKU of its own; raises Problem 400."""
    body = fields(value, {name: "objects!"})
    items: list[dict[str, Any]] = body[name]
    if len(items) > most or (not items and not may_be_empty):
        raise Problem(400, "SBX-BATCH-SIZE", f"{name} deve ter de {0 if may_be_empty else 1} a {most} itens.")
    for place, item in enumerate(items):
        fields(item, spec, f"{name}[{place}]")
    refuse_repeats([item["sku"] for item in items])
    return items


def skus(value: Any, most: int) -> list[str]:
    """Return the SKUs a body asks about; raises Problem 400."""
    wanted: list[str] = fields(value, {"skus": "texts!"})["skus"]
    if len(wanted) > most:
        raise Problem(400, "SBX-BATCH-SIZE", f"skus deve ter no máximo {most} itens.")
    refuse_repeats(wanted)
    return wanted


def refuse_repeats(wanted: list[str]) -> None:
    if len(set(wanted)) != len(wanted):
        raise Problem(400, "SBX-SKU-REPEATED", "O mesmo SKU (sku) aparece mais de uma vez na chamada.")


def whole(text: str, name: str, default: int, most: int) -> int:
    """Return a number of the query string between 0 and `most`; raises Problem 400."""
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise Problem(400, "SBX-FIELD-TYPE", f"O parâmetro {name} deve ser um número inteiro.")
    return min(int(text), most)


def as_float(value: Any) -> float:
    number = to_decimal(value)
    return float(number if number is not None else Decimal(0))


def is_number(value: Any) -> bool:
    """Say whether a JSON value is a number and not text that looks like one."""
    return not isinstance(value, str) and to_decimal(value) is not None
