"""Telling the ERP's webhooks about orders: codes and states, never a person's data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marketplaces.callbacks.models import Event
from marketplaces.callbacks.services import announce
from orders.models import Order


def created(orders: Sequence[Order]) -> None:
    """Tell that these orders of one seller came in."""
    _tell(Event.ORDER_CREATED, orders)


def changed(orders: Sequence[Order]) -> None:
    """Tell that these orders of one seller are in another status, or wait for the ERP again."""
    _tell(Event.ORDER_CHANGED, orders)


def parked(order: Order) -> None:
    """Tell that an order is no longer offered to the ERP, which could not take it."""
    _tell(Event.ORDER_PARKED, [order])


def _tell(event: Event, orders: Sequence[Order]) -> None:
    if orders:
        announce(orders[0].seller_id, event, [_of(one) for one in orders])


def _of(order: Order) -> dict[str, Any]:
    return {
        "code": order.code,
        "channel": order.channel,
        "status": order.status_code,
        "status_type": order.status_type,
    }
