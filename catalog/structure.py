"""What a change of products means for the SKUs that exist: create, update, convert, or refuse.

Reads once for the whole call, under the seller's lock; decides in memory; writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext as _

from catalog import writes
from catalog.incoming import ProductChange
from hub.refusals import Incomplete, Refusal, Unknown, required_fields


class Mode(StrEnum):
    """What the caller allows."""

    UPSERT = "upsert"
    CREATE = "create"
    UPDATE = "update"


@dataclass(slots=True)
class Plan:
    """What is to be written for one product."""

    change: ProductChange
    product_id: int | None
    children: list[int] = field(default_factory=list)
    """Ids of the variations the product has now."""
    new: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Variations to insert: sku -> columns."""
    known: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    """Variations to update: id -> columns that were sent."""
    drops: int | None = None
    """The simple product's own variation, when real ones replace it."""


class Planner:
    """Knows the SKUs a call touches, and remembers those the call itself claims."""

    def __init__(self, seller_id: int, changes: Iterable[ProductChange], mode: Mode) -> None:
        changes = list(changes)
        skus = {change.sku for change in changes}
        skus.update(variation.sku for change in changes for variation in change.variations)
        self._mode = mode
        self._products: dict[str, int | None] = dict(writes.find_products(seller_id, skus))
        wanted = [pk for change in changes if (pk := self._products.get(change.sku)) is not None]
        self._owner: dict[str, str] = {}
        self._children: dict[str, dict[str, int]] = {}
        for child in writes.find_children(seller_id, skus, wanted):
            self._owner[child.sku] = child.product_sku
            self._children.setdefault(child.product_sku, {})[child.sku] = child.id

    def plan(self, change: ProductChange) -> Plan:
        """Decide about one product and claim its SKUs; raises Refusal, Incomplete or Unknown."""
        exists = change.sku in self._products
        self._check_product(change, exists=exists)
        self._check_variations(change)
        children = self._children.get(change.sku, {}) if exists else {}
        plan = Plan(change, self._products.get(change.sku), list(children.values()))
        own = children.get(change.sku)
        if change.variations:
            plan.drops = own
            for variation in change.variations:
                if variation.sku in children:
                    plan.known[children[variation.sku]] = variation.fields
                else:
                    plan.new[variation.sku] = variation.fields
        elif own is not None:
            if change.qty is not None:
                plan.known[own] = {"qty": change.qty}
        elif not children:
            plan.new[change.sku] = {"qty": change.qty or 0}
        self._products.setdefault(change.sku, None)
        self._owner.update((variation.sku, change.sku) for variation in change.variations)
        return plan

    def _check_product(self, change: ProductChange, *, exists: bool) -> None:
        if exists:
            if self._mode is Mode.CREATE:
                raise Refusal(_("The SKU %(sku)s exists already.") % {"sku": change.sku})
            return
        if self._mode is Mode.UPDATE:
            raise Unknown(_("There is no product with the SKU %(sku)s.") % {"sku": change.sku})
        owner = self._owner.get(change.sku)
        if owner is not None:
            raise Refusal(
                _("The SKU %(sku)s is a variation of the product %(owner)s already.")
                % {"sku": change.sku, "owner": owner}
            )
        if not str(change.fields.get("name", "")).strip():
            raise Incomplete(required_fields(["name"]))

    def _check_variations(self, change: ProductChange) -> None:
        for variation in change.variations:
            if variation.sku == change.sku:
                raise Refusal(
                    _("%(sku)s: a variation cannot have the SKU of its product.") % {"sku": variation.sku}
                )
            if variation.sku in self._products:
                raise Refusal(
                    _("The SKU %(sku)s is a product already; it cannot be a variation too.")
                    % {"sku": variation.sku}
                )
            owner = self._owner.get(variation.sku)
            if owner not in (None, change.sku):
                raise Refusal(
                    _("The SKU %(sku)s is a variation of the product %(owner)s already.")
                    % {"sku": variation.sku, "owner": owner}
                )
