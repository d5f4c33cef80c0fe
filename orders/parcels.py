"""Parcels: which of the marketplace's deliveries hold what the ERP put into one of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from orders import notices
from orders.models import Notice, Order, OrderItem, Shipment

Items = list[dict[str, Any]]
"""``{"sku", "qty"}`` of each."""


def share(order: Order, row: Shipment) -> list[tuple[str, Items]]:
    """Share a parcel among the marketplace's deliveries: each delivery concerned, with its items.

    A delivery gets no more units than it holds and no other parcel has, first those that were told of
    this parcel before. What is more than was bought goes to the first that holds the SKU.
    """
    ids = [one["remote_id"] for one in order.deliveries]
    if len(ids) < 2:
        return [(ids[0] if ids else "", row.items)]
    told = {
        (one["code"], one["delivery_id"]): one["items"]
        for one in notices.heard(order, Notice.Action.SHIPMENT).values_list("payload", flat=True)
    }
    mine = {delivery for code, delivery in told if code == row.code}
    others = [(delivery, items) for (code, delivery), items in told.items() if code != row.code]
    if not row.items:
        gone = {delivery for delivery, _items in others}
        return [(one, []) for one in ids if one not in gone] or [(one, []) for one in ids]
    lines = sorted(order.items.all(), key=lambda line: line.delivery_id not in mine)
    left = _left(lines, others)
    shares: dict[str, Items] = {}
    for item in row.items:
        homes = _holding(lines, item["sku"])
        units, rest = _take(homes, left, item["qty"])
        if rest and homes:
            units[homes[0].delivery_id] += rest
        for delivery, quantity in units.items():
            shares.setdefault(delivery, []).append({"sku": item["sku"], "qty": quantity})
    return list(shares.items())


def _left(lines: list[OrderItem], others: Iterable[tuple[str, Items]]) -> dict[int, int]:
    """Return how many units of each line no other parcel has; one without items has all of its delivery."""
    left = {line.pk: line.quantity for line in lines}
    for delivery, items in others:
        here = [line for line in lines if delivery in ("", line.delivery_id)]
        if not items:
            left.update((line.pk, 0) for line in here)
        for item in items:
            _take(_holding(here, item["sku"]), left, item["qty"])
    return left


def _holding(lines: Iterable[OrderItem], sku: str) -> list[OrderItem]:
    """Return the lines of a SKU, or of the product it names."""
    return [line for line in lines if sku in (line.sku, line.product_sku)]


def _take(lines: Iterable[OrderItem], left: dict[int, int], wanted: int) -> tuple[Counter[str], int]:
    """Take units from lines as far as they go; return how many of each delivery, and how many are missing."""
    units: Counter[str] = Counter()
    for line in lines:
        taken = min(left[line.pk], wanted)
        if taken:
            left[line.pk] -= taken
            wanted -= taken
            units[line.delivery_id] += taken
    return units, wanted
