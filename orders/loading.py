"""Orders that were just taken from the queue, with everything their JSON shows.

As `Order.objects.for_wire()`, but by prepared statements and without what is not shown: four consumers that
empty a queue do little else than this.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from hub import statements
from hub.statements import Columns, Reading
from orders.models import Invoice, Order, OrderItem, Shipment

_ORDER = Columns(Order, without=("raw",))
_OF_ORDERS = "WHERE t.order_id = ANY(%(ids)s::bigint[]) ORDER BY "
_PARTS: tuple[tuple[str, Reading[Any]], ...] = (
    ("items", Reading(OrderItem, _OF_ORDERS + "t.position, t.id")),
    ("invoices", Reading(Invoice, _OF_ORDERS + "t.id")),
    ("shipments", Reading(Shipment, _OF_ORDERS + "t.id")),
)


def for_wire(ids: Sequence[int]) -> dict[int, Order]:
    """Return these orders by id."""
    found: dict[int, Order] = {}
    has = {"items": True, "invoices": False, "shipments": False}
    for *said, has_invoice, has_shipment in statements.run(_statement(), {"ids": list(ids)}):
        if order := _ORDER.row(said):
            found[order.pk] = order
        has["invoices"] |= has_invoice
        has["shipments"] |= has_shipment
    for name, reading in _PARTS:
        parts: dict[int, list[Any]] = defaultdict(list)
        # Most orders in the queue have no invoice yet.
        for part in reading.read(ids=list(ids)) if has[name] else ():
            parts[part.order_id].append(part)
        for order in found.values():
            _keep(order, name, parts[order.pk])
    return found


@cache
def _statement() -> str:
    return f"""
        SELECT {_ORDER.of("t")}, EXISTS (SELECT FROM orders_invoice i WHERE i.order_id = t.id),
               EXISTS (SELECT FROM orders_shipment s WHERE s.order_id = t.id)
        FROM orders_order t WHERE t.id = ANY(%(ids)s::bigint[])
    """  # noqa: S608  (our own columns)


def _keep(order: Any, name: str, parts: Iterable[Any]) -> None:
    """Let `order.<name>.all()` be these, as after `prefetch_related`."""
    rows = getattr(order, name).get_queryset()
    rows._result_cache = list(parts)
    rows._prefetch_done = True
    order.__dict__.setdefault("_prefetched_objects_cache", {})[name] = rows
