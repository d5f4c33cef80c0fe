"""What of a marketplace's order can be kept, and what of that can be shown again in every zone and format."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from math import isfinite
from typing import Any

from django.utils.translation import gettext as _

from hub.texts import LOST, storable
from marketplaces.contract import RemoteOrder

_ID_LIMIT = 100
_DEEPEST = 50
"""Lists and objects in one another: more than any marketplace means."""
_YEARS = range(1900, 9990)
"""Outside these years a time cannot be written in every zone."""
_UNITS = range(2**31)
_MOST = Decimal(10) ** 10
"""BRL: amounts from here on cannot be kept."""


class Unstorable(ValueError):
    """An order that cannot be kept as an order; says why, for the seller."""


def check(remote: RemoteOrder) -> None:
    """Raise Unstorable for an order that could not be kept, or not be shown again."""
    if remote.remote_id != remote_id(remote.remote_id, remote.raw):
        raise Unstorable(_("its code is missing, too long, or has signs no text can have"))
    for at in _times(remote):
        if at is not None and at.year not in _YEARS:
            raise Unstorable(_("it has a date of the year %(year)s") % {"year": at.year})
    for amount in _amounts(remote):
        if not (amount.is_finite() and abs(amount) < _MOST):
            raise Unstorable(_("it has an amount nobody can pay: %(amount)s") % {"amount": str(amount)[:40]})
    for item in remote.items:
        if item.quantity not in _UNITS:
            raise Unstorable(_("it has a quantity of %(units)s") % {"units": str(item.quantity)[:40]})


def _times(remote: RemoteOrder) -> Iterator[datetime | None]:
    yield from (remote.placed_at, remote.updated_at)
    for payment in remote.payments:
        yield payment.transaction_at
    for delivery in remote.deliveries:
        yield from (delivery.estimated_at, delivery.dispatch_by)


def _amounts(remote: RemoteOrder) -> Iterator[Decimal]:
    yield from (remote.total, remote.shipping_cost, remote.discount, remote.interest)
    for item in remote.items:
        yield from (item.price, item.list_price, item.shipping_cost, item.sale_fee)
    for payment in remote.payments:
        yield payment.value


def remote_id(said: str, raw: Any) -> str:
    """Return an order's id as it can be kept: one that is missing, or cannot be, gets its own ending."""
    text = storable(said).replace(LOST, "")
    if text and text == said and len(text) <= _ID_LIMIT:
        return text
    whole = said or json.dumps(jsonable(raw), sort_keys=True)
    ending = sha256(whole.encode(errors="backslashreplace")).hexdigest()[:16]
    return f"{text[: _ID_LIMIT - 17]}~{ending}"


def jsonable(value: Any, depth: int = 0) -> Any:
    """Return a value as JSON can keep it: amounts and times as texts, texts cleaned, no bottomless nests."""
    if isinstance(value, str):
        return storable(value)
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if not isinstance(value, Mapping | Sequence):
        return storable(str(value))
    if depth == _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {storable(str(name)): jsonable(one, depth + 1) for name, one in value.items()}
    return [jsonable(one, depth + 1) for one in value]
