"""The seller's stores, and what each of them has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from catalog import services, values
from catalog.incoming import VariationChange
from catalog.models import Store, StoreStock
from hub.refusals import Incomplete, Refusal, Unknown, required_fields

ADDRESS = (
    "full_name",
    "street",
    "number",
    "complement",
    "reference",
    "neighborhood",
    "city",
    "region",
    "postcode",
    "phone",
)
"""The parts of a store's address, named as in orders."""
CODE_LENGTH = 50
MOST = 200
"""Stores of one seller; nobody has so many warehouses."""


def of_seller(seller_id: int) -> list[Store]:
    """Return the seller's stores, the default one first; it exists in every account, stored or not."""
    rows = list(Store.objects.filter(seller_id=seller_id))
    default = [one for one in rows if one.code == Store.DEFAULT]
    others = [one for one in rows if one.code != Store.DEFAULT]
    return (default or [default_store(seller_id)]) + others


def default_store(seller_id: int) -> Store:
    """Return the default store; unsaved where the seller never described it."""
    found = Store.objects.filter(seller_id=seller_id, code=Store.DEFAULT).first()
    return found or Store(seller_id=seller_id, code=Store.DEFAULT, name=_("Default store"))


def find(seller_id: int, code: str) -> Store:
    """Return a store; raises Unknown."""
    if code == Store.DEFAULT:
        return default_store(seller_id)
    found = Store.objects.filter(seller_id=seller_id, code=code).first()
    if found is None:
        raise Unknown(_("There is no store with the code %(code)s.") % {"code": code})
    return found


def save(seller_id: int, said: Mapping[str, Any]) -> Store:
    """Create a store, or change a known one; raises Incomplete or Refusal."""
    missing = [name for name in ("code", "name") if said.get(name) in (None, "")]
    if missing:
        raise Incomplete(required_fields(missing))
    code = values.code("code", said["code"], CODE_LENGTH)
    changes: dict[str, Any] = {"name": values.code("name", said["name"], 150), "updated_at": timezone.now()}
    if (address := said.get("address")) is not None:
        changes["address"] = _address(address)
    mine = Store.objects.filter(seller_id=seller_id)
    if not mine.filter(code=code).exists() and mine.count() >= MOST:
        raise Refusal(_("An account has at most %(limit)s stores.") % {"limit": MOST})
    return Store.objects.update_or_create(seller_id=seller_id, code=code, defaults=changes)[0]


def _address(said: Any) -> dict[str, str]:
    if not isinstance(said, dict):
        raise Refusal(_("%(field)s: send an object.") % {"field": "address"})
    read = values.text(255).read
    parts = {name: read(f"address.{name}", said.get(name)).strip() for name in ADDRESS}
    return {name: part for name, part in parts.items() if part}


def set_stock(seller_id: int, code: str, said: Mapping[str, Any]) -> None:
    """Set what a store has of a SKU; in the default store that is what is on sale.

    Raises Unknown for a store or SKU the seller does not have, Incomplete, Refusal.
    """
    store = find(seller_id, code)
    sku = said.get("code") or said.get("sku")
    if sku in (None, ""):
        raise Incomplete(required_fields(["code"]))
    changes = {}
    if said.get("qty") not in (None, ""):
        changes["qty"] = values.quantity("qty", said["qty"])
    days = said.get("cross_docking", said.get("crossdocking"))
    if days not in (None, ""):
        changes["crossdocking"] = values.DAYS.read("cross_docking", days)
    if not changes:
        raise Incomplete(required_fields(["qty"]))
    change = VariationChange(values.code("code", sku, 100), changes)
    if store.code == Store.DEFAULT:
        services.save_variation(seller_id, change)
        return
    variation = services.find_variation(seller_id, change.sku)
    StoreStock.objects.update_or_create(
        store=store,
        variation_id=variation.id,
        defaults={"seller_id": seller_id, "updated_at": timezone.now(), **changes},
    )
