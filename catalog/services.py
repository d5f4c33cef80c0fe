"""What an ERP can do to the catalogue. Bulk first: one item is a list of one.

Every item of a bulk call stands alone: the good ones land, the bad ones say why. The services take
items as they came from JSON, or a `Refusal` in the place of one that could not even be decoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from catalog import extensions, values, writes
from catalog.incoming import (
    PRICE_FIELDS,
    PRODUCT_FIELDS,
    SKU_LENGTH,
    ProductChange,
    VariationChange,
    read_product,
    strict_faults,
)
from catalog.models import Product, Variation
from catalog.structure import Mode, Plan, Planner
from catalog.writes import PRODUCTS, VARIATIONS, Child
from hub.refusals import Incomplete, Refusal, Unknown, required_fields
from hub.transactions import begin_again, repeat

# SkyHub's own sentence, to the letter (EN page "deleting items", 2019): clients look for it.
IN_USE = "Variação possui alguma associação. Remova as associações e tente novamente."
MOST_NAMED = 5


class Status(StrEnum):
    """What became of one item."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    ERROR = "error"


@dataclass(slots=True)
class Result:
    """What became of the item at `index`."""

    index: int
    sku: str | None
    status: Status
    error: Refusal | None = None
    variation_ids: list[int] = field(default_factory=list)


def upsert_products(seller_id: int, items: Sequence[Any]) -> list[Result]:
    """Create or update products with their variations, strictly read; one result per item, in order."""
    results, changes = _read_items(items, lambda item: read_product(item, strict=True))
    results.update(_apply(seller_id, changes, Mode.UPSERT))
    return [results[index] for index in range(len(items))]


def save_product(seller_id: int, change: ProductChange, mode: Mode) -> Result:
    """Create or update one product; raises Refusal, Incomplete or Unknown."""
    if mode is Mode.UPDATE and change.is_terms_only:
        if change.fields:
            return _save_terms(seller_id, change)
        if change.qty is not None:
            return _save_stock(seller_id, change.sku, change.qty)
    (result,) = _apply(seller_id, {0: change}, mode).values()
    if result.error:
        raise result.error
    return result


@repeat
def _save_stock(seller_id: int, sku: str, qty: int) -> Result:
    """Write the quantity of one product: the call ERPs make all day, in one statement."""
    found = writes.set_one_stock(seller_id, sku, qty, simple_only=True)
    if not found:
        # A parent's own quantity means nothing: it is the sum of its variations'.
        _product_id(seller_id, sku)
    changed = bool(found and found[1])
    return Result(0, sku, Status.UPDATED if changed else Status.UNCHANGED)


@begin_again
def _save_terms(seller_id: int, change: ProductChange) -> Result:
    """Write prices, and quantity if sent, of one product."""
    # Products before variations, as everywhere: two calls must not wait for each other in a circle.
    pk = _product_id(seller_id, change.sku)
    changed = bool(writes.update(PRODUCTS, seller_id, {pk: change.fields}))
    if change.qty is not None:
        changed |= _save_stock(seller_id, change.sku, change.qty).status is Status.UPDATED
    return Result(0, change.sku, Status.UPDATED if changed else Status.UNCHANGED)


def _product_id(seller_id: int, sku: str) -> int:
    try:
        return writes.find_products(seller_id, [sku])[sku]
    except KeyError:
        raise Unknown(_("There is no product with the SKU %(sku)s.") % {"sku": sku}) from None


def save_variation(seller_id: int, change: VariationChange) -> None:
    """Update one variation; of a simple product's SKU, the product. Raises Unknown."""
    if set(change.fields) != {"qty"}:
        _save_variation(seller_id, change)
    elif not repeat(writes.set_one_stock)(seller_id, change.sku, change.fields["qty"]):
        raise _no_variation(change.sku)


@begin_again
def _save_variation(seller_id: int, change: VariationChange) -> None:
    child = find_variation(seller_id, change.sku)
    if not child.is_own:
        writes.update(VARIATIONS, seller_id, {child.id: change.fields})
        return
    # A simple product's prices and sizes are its own; its only variation keeps none.
    fields = {name: value for name, value in change.fields.items() if name in PRODUCT_FIELDS}
    writes.update(PRODUCTS, seller_id, {child.product_id: fields})
    if "qty" in change.fields:
        writes.update(VARIATIONS, seller_id, {child.id: {"qty": change.fields["qty"]}})


def find_variation(seller_id: int, sku: str) -> Child:
    """Return the variation with this SKU; raises Unknown."""
    found = writes.find_children(seller_id, [sku])
    if not found:
        raise _no_variation(sku)
    return found[0]


def _no_variation(sku: str) -> Unknown:
    return Unknown(_("There is no variation with the SKU %(sku)s.") % {"sku": sku})


@begin_again
def delete_product(seller_id: int, sku: str) -> None:
    """Delete a product and its variations; raises Unknown, or Refusal while one is on sale."""
    writes.lock_structure(seller_id)
    pk = _product_id(seller_id, sku)
    _remove(seller_id, [child.id for child in writes.find_children(seller_id, [], [pk])])
    Product.objects.filter(seller_id=seller_id, pk=pk).delete()


@begin_again
def delete_variation(seller_id: int, sku: str) -> None:
    """Delete one variation; raises Unknown, or Refusal while it is on sale.

    With its last variation gone a product is simple again, with nothing in stock.
    """
    writes.lock_structure(seller_id)
    child = find_variation(seller_id, sku)
    if child.is_own:
        raise Refusal(_("%(sku)s is a simple product; delete the product.") % {"sku": sku})
    _remove(seller_id, [child.id])
    if not writes.find_children(seller_id, [], [child.product_id]):
        writes.insert(VARIATIONS, seller_id, [{"sku": child.product_sku, "product_id": child.product_id}])


def _remove(seller_id: int, variation_ids: Sequence[int]) -> None:
    if extensions.in_use(seller_id, variation_ids):
        raise Refusal(IN_USE)
    extensions.forget(seller_id, variation_ids)
    try:
        Variation.objects.filter(seller_id=seller_id, pk__in=variation_ids).delete()
    except ProtectedError:
        raise Refusal(IN_USE) from None


@begin_again
def set_stock(seller_id: int, items: Sequence[Any]) -> list[Result]:
    """Set quantities by sellable SKU: `{"sku", "qty"}`; one result per item, in order."""
    results, levels = _read_items(items, _read_stock)
    found = writes.set_stock(seller_id, dict(levels.values()))
    missing = _why_not_sellable(seller_id, [sku for sku, _qty in levels.values() if sku not in found])
    for index, (sku, _qty) in levels.items():
        if sku in found:
            pk, changed = found[sku]
            results[index] = Result(
                index, sku, Status.UPDATED if changed else Status.UNCHANGED, variation_ids=[pk]
            )
        else:
            results[index] = Result(index, sku, Status.ERROR, missing[sku])
    return [results[index] for index in range(len(items))]


@begin_again
def set_prices(seller_id: int, items: Sequence[Any]) -> list[Result]:
    """Set prices: `{"sku", "price", "promotional_price"?, "cost"?}`; one result per item, in order.

    A product's SKU sets what its variations inherit; a variation's SKU sets that variation's own.
    """
    results, prices = _read_items(items, _read_prices)
    products = writes.find_products(seller_id, (sku for sku, _fields in prices.values()))
    rest = [sku for sku, _fields in prices.values() if sku not in products]
    children = {child.sku: child.id for child in writes.find_children(seller_id, rest)} if rest else {}
    of_products: dict[int, Mapping[str, Any]] = {}
    of_variations: dict[int, Mapping[str, Any]] = {}
    for index, (sku, fields) in prices.items():
        results[index] = Result(index, sku, Status.UNCHANGED)
        if sku in products:
            of_products[products[sku]] = fields
        elif sku not in children:
            results[index] = Result(index, sku, Status.ERROR, _no_sku(sku))
        elif "cost" in fields:
            fault = Refusal(_("%(field)s: the cost belongs to the product.") % {"field": "cost"})
            results[index] = Result(index, sku, Status.ERROR, fault)
        else:
            of_variations[children[sku]] = fields
    moved_products = writes.update(PRODUCTS, seller_id, of_products)
    moved_variations = writes.update(VARIATIONS, seller_id, of_variations)
    for index, (sku, _fields) in prices.items():
        if products.get(sku) in moved_products or children.get(sku) in moved_variations:
            results[index].status = Status.UPDATED
    return [results[index] for index in range(len(items))]


def _read_stock(item: Mapping[str, Any]) -> tuple[str, int]:
    sku = _sku_of(item)
    if len(item) > 2 or "qty" not in item:
        faults = strict_faults({}, [name for name in item if name not in ("sku", "qty")])
        if faults:
            raise Refusal(" ".join(faults))
        if "qty" not in item:
            raise Incomplete(required_fields(["qty"]))
    return sku, values.quantity("qty", item["qty"])


def _read_prices(item: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    sku = _sku_of(item)
    if "price" not in item:
        raise Incomplete(required_fields(["price"]))
    fields = {name: PRODUCT_FIELDS[name].read(name, item[name]) for name in PRICE_FIELDS if name in item}
    faults = strict_faults(fields, [name for name in item if name not in ("sku", *PRICE_FIELDS)])
    if faults:
        raise Refusal(" ".join(faults))
    return sku, fields


def _sku_of(item: Mapping[str, Any]) -> str:
    if item.get("sku") in (None, ""):
        raise Incomplete(required_fields(["sku"]))
    return values.code("sku", item["sku"], SKU_LENGTH)


def _why_not_sellable(seller_id: int, skus: list[str]) -> dict[str, Refusal]:
    """Say of each SKU that has no stock of its own whether it is a parent or not there at all."""
    if not skus:
        return {}
    products = writes.find_products(seller_id, skus)
    named: dict[int, list[str]] = {}
    for child in writes.find_children(seller_id, [], products.values()):
        named.setdefault(child.product_id, []).append(child.sku)
    reasons: dict[str, Refusal] = {}
    for sku in skus:
        if sku not in products:
            reasons[sku] = _no_sku(sku)
            continue
        children = sorted(named.get(products[sku], []))
        shown = ", ".join(children[:MOST_NAMED]) + (", …" if len(children) > MOST_NAMED else "")
        reasons[sku] = Refusal(
            _("%(sku)s has variations; send the stock of each: %(variations)s.")
            % {"sku": sku, "variations": shown}
        )
    return reasons


def _no_sku(sku: str) -> Unknown:
    return Unknown(_("There is no product or variation with the SKU %(sku)s.") % {"sku": sku})


def _read_items(items: Sequence[Any], read: Any) -> tuple[dict[int, Result], dict[int, Any]]:
    """Read each item; return the results of those that cannot be read, and what the others say.

    A SKU given twice lands once, the first time; the later ones are errors that name the first.
    """
    results: dict[int, Result] = {}
    found: dict[int, Any] = {}
    first: dict[str, int] = {}
    for index, item in enumerate(items):
        try:
            if not isinstance(item, dict):
                raise item if isinstance(item, Refusal) else Refusal(_("An item must be an object."))
            said = read(item)
            sku = said.sku if isinstance(said, ProductChange) else said[0]
            if sku in first:
                raise Refusal(
                    _("The SKU %(sku)s was already sent in this call, at index %(index)s.")
                    % {"sku": sku, "index": first[sku]}
                )
            first[sku] = index
            found[index] = said
        except Refusal as refusal:
            results[index] = Result(index, _said_sku(item), Status.ERROR, refusal)
    return results, found


def _said_sku(item: Any) -> str | None:
    sku = item.get("sku") if isinstance(item, dict) else None
    return str(sku)[:SKU_LENGTH] if isinstance(sku, (str, int)) else None


@begin_again
def _apply(seller_id: int, changes: Mapping[int, ProductChange], mode: Mode) -> dict[int, Result]:
    """Write products and variations in one transaction; what breaks a rule becomes its item's error."""
    if not changes:
        return {}
    writes.lock_structure(seller_id)
    planner = Planner(seller_id, changes.values(), mode)
    results: dict[int, Result] = {}
    plans: dict[int, Plan] = {}
    for index, change in changes.items():
        try:
            plans[index] = planner.plan(change)
        except Refusal as refusal:
            results[index] = Result(index, change.sku, Status.ERROR, refusal)
    # A simple product that gets variations loses its own; not while that one is on sale.
    used = extensions.in_use(seller_id, [plan.drops for plan in plans.values() if plan.drops])
    for index in [index for index, plan in plans.items() if plan.drops in used]:
        results[index] = Result(index, plans.pop(index).change.sku, Status.ERROR, Refusal(IN_USE))
    results.update(_write(seller_id, plans))
    return results


def _write(seller_id: int, plans: Mapping[int, Plan]) -> dict[int, Result]:
    names: dict[str, str | None] = {}
    for plan in plans.values():
        for code, name in plan.change.categories.items():
            names[code] = name or names.get(code)
    writes.upsert_categories(seller_id, names)
    born = [plan.change for plan in plans.values() if plan.product_id is None]
    created = writes.insert(PRODUCTS, seller_id, [{"sku": one.sku, **one.fields} for one in born])
    moved = writes.update(
        PRODUCTS,
        seller_id,
        {plan.product_id: plan.change.fields for plan in plans.values() if plan.product_id is not None},
    )
    drops = [plan.drops for plan in plans.values() if plan.drops]
    if drops:
        _remove(seller_id, drops)
    added = writes.insert(
        VARIATIONS,
        seller_id,
        [
            {"sku": sku, "product_id": plan.product_id or created[plan.change.sku], **fields}
            for plan in plans.values()
            for sku, fields in plan.new.items()
        ],
    )
    touched = writes.update(
        VARIATIONS, seller_id, {pk: fields for plan in plans.values() for pk, fields in plan.known.items()}
    )
    return {
        index: Result(index, plan.change.sku, _status(plan, moved, touched), variation_ids=_ids(plan, added))
        for index, plan in plans.items()
    }


def _status(plan: Plan, moved: set[int], touched: set[int]) -> Status:
    if plan.product_id is None:
        return Status.CREATED
    if plan.new or plan.drops or plan.product_id in moved or not touched.isdisjoint(plan.known):
        return Status.UPDATED
    return Status.UNCHANGED


def _ids(plan: Plan, added: Mapping[str, int]) -> list[int]:
    kept: Iterable[int] = (pk for pk in plan.children if pk != plan.drops)
    return [*kept, *(added[sku] for sku in plan.new)]
