"""The seller's own words: categories and attributes the ERP announces one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from catalog import values, writes
from catalog.incoming import CODE_LENGTH
from catalog.models import Attribute, Category, Product
from hub.refusals import Incomplete, Refusal, Unknown, required_fields
from hub.transactions import begin_again

_name = values.text(2_000)
_label = values.text(255)
_options = values.texts(1_000)


@begin_again
def save_category(seller_id: int, data: Mapping[str, Any]) -> None:
    """Create a category or rename a known one; raises Incomplete or Refusal."""
    _need(data, "code", "name")
    code = values.code("code", data["code"], CODE_LENGTH)
    writes.upsert_categories(seller_id, {code: _category_name(data)})


def rename_category(seller_id: int, code: str, data: Mapping[str, Any]) -> None:
    """Rename a category; raises Incomplete, Refusal or Unknown."""
    _need(data, "name")
    renamed = Category.objects.filter(seller_id=seller_id, code=code).update(
        name=_category_name(data), updated_at=timezone.now()
    )
    if not renamed:
        raise _no_category(code)


@begin_again
def delete_category(seller_id: int, code: str) -> None:
    """Delete a category; raises Unknown, or Refusal while a product names it."""
    category = Category.objects.filter(seller_id=seller_id, code=code).first()
    if category is None:
        raise _no_category(code)
    if Product.objects.filter(seller_id=seller_id, category_codes__contains=[code]).exists():
        raise Refusal(_("Products use the category %(code)s; move them first.") % {"code": code})
    category.delete()


def save_attribute(seller_id: int, data: Mapping[str, Any]) -> None:
    """Announce an attribute, or announce it anew; raises Incomplete or Refusal."""
    _need(data, "name")
    name = values.code("name", data["name"], 255)
    row = Attribute(seller_id=seller_id, name=name, **_attribute_fields(data))
    Attribute.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["seller", "name"],
        update_fields=["label", "options", "updated_at"],
    )


def change_attribute(seller_id: int, name: str, data: Mapping[str, Any]) -> None:
    """Change what was sent of an attribute; raises Refusal or Unknown."""
    fields = _attribute_fields(data)
    changed = Attribute.objects.filter(seller_id=seller_id, name=name).update(
        **fields, updated_at=timezone.now()
    )
    if not changed:
        raise Unknown(_("There is no attribute with the name %(name)s.") % {"name": name})


def _attribute_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if "label" in data:
        fields["label"] = _label.read("label", data["label"])
    if "options" in data:
        fields["options"] = _options.read("options", data["options"])
    return fields


def _category_name(data: Mapping[str, Any]) -> str:
    name: str = _name.read("name", data["name"]).strip()
    if not name:
        raise Refusal(_("%(field)s: must not be empty.") % {"field": "name"})
    return name


def _need(data: Mapping[str, Any], *names: str) -> None:
    missing = [name for name in names if data.get(name) in (None, "")]
    if missing:
        raise Incomplete(required_fields(missing))


def _no_category(code: str) -> Unknown:
    return Unknown(_("There is no category with the code %(code)s.") % {"code": code})
