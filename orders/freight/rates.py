"""The contingency table as an ERP writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from catalog import values
from hub.refusals import Incomplete, Refusal, Unknown, required_fields
from hub.row_number import row_number
from orders.freight.models import LAST_ZIP, FreightRate
from orders.freight.quotes import MOST_DAYS

MOST = 50_000
"""Lines of one seller's table; the carriers' own tables have some thousands."""


def _zip(name: str, said: Any) -> int | None:
    plain = said.replace("-", "").replace(".", "") if isinstance(said, str) else said
    return values.whole(name, plain, LAST_ZIP)


def _decimal(field: values.Field, places: int) -> Callable[[str, Any], Decimal | None]:
    def decimal(name: str, said: Any) -> Decimal | None:
        found = field.read(name, said)
        return None if found is None else round(Decimal(str(found)), places)

    return decimal


READERS: dict[str, Callable[[str, Any], Any]] = {
    "name": lambda name, said: values.code(name, said, 80),
    "zip_from": _zip,
    "zip_to": _zip,
    "weight_from": _decimal(values.size("kg"), 3),
    "weight_to": _decimal(values.size("kg"), 3),
    "cost": _decimal(values.money("BRL"), 2),
    "days": lambda name, said: values.whole(name, said, MOST_DAYS),
}
OPTIONAL = {"weight_from"}


def create(seller_id: int, said: Mapping[str, Any]) -> FreightRate:
    """Add a line; raises Incomplete or Refusal."""
    missing = [name for name in READERS if name not in OPTIONAL and said.get(name) in (None, "")]
    if missing:
        raise Incomplete(required_fields(missing))
    if FreightRate.objects.filter(seller_id=seller_id).count() >= MOST:
        raise Refusal(_("The table has at most %(limit)s lines.") % {"limit": MOST})
    rate = FreightRate(seller_id=seller_id)
    _fill(rate, said)
    rate.save()
    return rate


def change(rate: FreightRate, said: Mapping[str, Any]) -> None:
    """Change the fields that are said; raises Refusal."""
    _fill(rate, said)
    rate.save()


def find(seller_id: int, number: str) -> FreightRate:
    """Return a line; raises Unknown."""
    found = FreightRate.objects.filter(seller_id=seller_id, pk=row_number(number)).first()
    if found is None:
        raise Unknown(_("There is no freight rate with the id %(number)s.") % {"number": number})
    return found


def _fill(rate: FreightRate, said: Mapping[str, Any]) -> None:
    for name, read in READERS.items():
        if said.get(name) in (None, ""):
            continue
        setattr(rate, name, read(name, said[name]))
    if rate.zip_from > rate.zip_to:
        raise Refusal(_("The first zip comes after the last one."))
    if rate.weight_from > rate.weight_to:
        raise Refusal(_("The lower weight is above the higher one."))
