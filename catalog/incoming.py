"""Turn what the ERP sends into changes: which fields of which SKU, and nothing that was not sent. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from catalog import values
from catalog.values import DAYS, IMAGES, QTY, SPECIFICATIONS, STATUS, Field, money, size, text, texts
from hub.refusals import Incomplete, Refusal, required_fields

SKU_LENGTH = 100
CODE_LENGTH = 255
MAX_VARIATIONS = 500

SIZES = {
    "weight": size("kg"),
    "height": size("cm"),
    "width": size("cm"),
    "length": size("cm"),
    "crossdocking": DAYS,
}
PRODUCT_FIELDS: dict[str, Field] = {
    "name": text(2_000),
    "description": text(200_000, "HTML is allowed."),
    "status": STATUS,
    "brand": text(255),
    "ean": text(30),
    "nbm": text(20, "NCM."),
    "price": money("The price before promotion, BRL."),
    "promotional_price": money("The price shoppers pay, BRL."),
    "cost": money("BRL."),
    **SIZES,
    "images": IMAGES,
    "specifications": SPECIFICATIONS,
    "variation_attributes": texts(255),
}
VARIATION_FIELDS: dict[str, Field] = {
    "qty": QTY,
    "ean": text(30),
    "price": money("BRL; null means as the product says."),
    "promotional_price": money("BRL; null means as the product says."),
    **SIZES,
    "images": IMAGES,
    "specifications": SPECIFICATIONS,
}
PRICE_FIELDS = ("price", "promotional_price", "cost")
# Ours to say, and sent back by clients that read a product, change it and write it.
READ_ONLY = {"removed", "associations", "condition_type"}
KNOWN = {*PRODUCT_FIELDS, *READ_ONLY, "sku", "qty", "categories", "variations"}
KNOWN_OF_VARIATION = {*VARIATION_FIELDS, "sku"}
# Nothing is not a quantity, nor a status: said empty, these fields count as not sent.
NEVER_EMPTY = {"qty", "status"}
# Before March 2025 these root fields travelled as specifications, and many clients still send them so.
SPECIAL_KEYS = {"crossdocking": "crossdocking", "price": "price", "promotional_price": "promotional_price"}


@dataclass(frozen=True, slots=True)
class VariationChange:
    """What the ERP says of one variation: column -> value, only what it sent."""

    sku: str
    fields: Mapping[str, Any]
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProductChange:
    """What the ERP says of one product: column -> value, only what it sent.

    `categories` maps code to name, None where only the code was sent.
    """

    sku: str
    fields: Mapping[str, Any]
    qty: int | None = None
    categories: Mapping[str, str | None] = field(default_factory=dict)
    variations: tuple[VariationChange, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def is_terms_only(self) -> bool:
        """True for the commonest call: nothing but quantity and prices."""
        return not self.variations and all(name in PRICE_FIELDS for name in self.fields)


def read_product(data: Mapping[str, Any], *, sku: str | None = None, strict: bool = False) -> ProductChange:
    """Read one product; `sku` is the one in the address, `strict` refuses unknown fields and zero prices.

    Raises Refusal with every fault in one text, or Incomplete without a SKU.
    """
    sku = _sku(data, sku)
    faults: list[str] = []
    fields = _read(PRODUCT_FIELDS, data, "", faults)
    _read_special(fields, faults)
    qty: int | None = None
    categories: dict[str, str | None] = {}
    variations: list[VariationChange] = []
    ignored = [name for name in data if name not in KNOWN]
    try:
        if data.get("qty") not in (None, ""):
            qty = values.quantity("qty", data["qty"])
    except Refusal as fault:
        faults.append(str(fault))
    try:
        if "categories" in data:
            categories = _categories(data["categories"])
            fields["category_codes"] = list(categories)
    except Refusal as fault:
        faults.append(str(fault))
    try:
        for index, entry in enumerate(_variations(data.get("variations"))):
            change = _variation(entry, f"variations[{index}].", faults)
            variations.append(change)
            ignored.extend(f"variations[{index}].{name}" for name in change.ignored)
    except Refusal as fault:
        faults.append(str(fault))
    if strict:
        faults.extend(strict_faults(fields, ignored))
    if faults:
        raise Refusal(" ".join(faults))
    _refuse_repeated([change.sku for change in variations])
    return ProductChange(sku, fields, qty, categories, tuple(variations), tuple(ignored))


def read_variation(data: Mapping[str, Any], *, sku: str | None = None) -> VariationChange:
    """Read one variation; raises Refusal with every fault in one text, or Incomplete without a SKU."""
    faults: list[str] = []
    change = _variation({**data, "sku": _sku(data, sku)}, "", faults)
    if faults:
        raise Refusal(" ".join(faults))
    return change


def strict_faults(fields: Mapping[str, Any], unknown: Collection[str]) -> list[str]:
    """Return what only the bulk calls refuse."""
    faults = []
    if unknown:
        faults.append(_("Unknown fields: %(fields)s.") % {"fields": ", ".join(unknown)})
    if "price" in fields and not fields["price"]:
        # The rule of March 2025; single calls let it pass, because the PHP SDK sends 0 for "not given".
        faults.append(_("%(field)s: must be more than zero.") % {"field": "price"})
    return faults


def _sku(data: Mapping[str, Any], in_address: str | None) -> str:
    if in_address is None:
        if data.get("sku") in (None, ""):
            raise Incomplete(required_fields(["sku"]))
        return values.code("sku", data["sku"], SKU_LENGTH)
    wanted = values.code("sku", in_address, SKU_LENGTH)
    said = data.get("sku")
    if said not in (None, "") and values.code("sku", said, SKU_LENGTH) != wanted:
        raise Refusal(_("A SKU cannot be changed; send the product again under the new one."))
    return wanted


def _read(
    known: Mapping[str, Field], data: Mapping[str, Any], prefix: str, faults: list[str]
) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in data.items():
        reader = known.get(name)
        if reader is None or (name in NEVER_EMPTY and value in (None, "")):
            continue
        try:
            fields[name] = reader.read(prefix + name, value)
        except Refusal as fault:
            faults.append(str(fault))
    return fields


def _read_special(fields: dict[str, Any], faults: list[str], prefix: str = "") -> None:
    """Let the special specification keys feed the root fields that were not sent."""
    for one in fields.get("specifications", ()):
        name = SPECIAL_KEYS.get(one["key"].lower())
        if name and fields.get(name) is None and one["value"]:
            try:
                reader = VARIATION_FIELDS[name]
                fields[name] = reader.read(f"{prefix}specifications.{one['key']}", one["value"])
            except Refusal as fault:
                faults.append(str(fault))


def _variations(value: Any) -> list[Any]:
    found = values.items("variations", value)
    if len(found) > MAX_VARIATIONS:
        raise Refusal(
            _("%(field)s: at most %(limit)s entries.") % {"field": "variations", "limit": MAX_VARIATIONS}
        )
    return found


def _variation(data: Any, prefix: str, faults: list[str]) -> VariationChange:
    if not isinstance(data, dict):
        raise Refusal(_("%(field)s: send an object.") % {"field": prefix.rstrip(".")})
    sku = ""
    try:
        sku = values.code(f"{prefix}sku", data.get("sku"), SKU_LENGTH)
    except Refusal as fault:
        faults.append(str(fault))
    fields = _read(VARIATION_FIELDS, data, prefix, faults)
    _read_special(fields, faults, prefix)
    return VariationChange(sku, fields, tuple(name for name in data if name not in KNOWN_OF_VARIATION))


def _refuse_repeated(skus: list[str]) -> None:
    seen: set[str] = set()
    for sku in skus:
        if sku in seen:
            raise Refusal(_("The SKU %(sku)s appears twice among the variations.") % {"sku": sku})
        seen.add(sku)


def _categories(value: Any) -> dict[str, str | None]:
    """Read `[{"code", "name"}]`; a bare text is a code."""
    found: dict[str, str | None] = {}
    for index, entry in enumerate(values.items("categories", value)):
        here = f"categories[{index}]"
        if not isinstance(entry, dict):
            entry = {"code": entry}
        if not entry:
            continue
        name = text(2_000).read(f"{here}.name", entry.get("name")).strip()
        found[values.code(f"{here}.code", entry.get("code"), CODE_LENGTH)] = name or None
    return found
