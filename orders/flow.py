"""The life of an order: the types a status can have, the standard statuses, and which step may follow which.

Plain rules, no database. The standard codes and labels are those every SkyHub account started with
(SkyHub documentation, "Status de pedidos"), because ERPs have them in their settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from marketplaces.contract import OrderStatus

NEW = OrderStatus.NEW.value
APPROVED = OrderStatus.APPROVED.value
INVOICED = OrderStatus.INVOICED.value
SHIPPED = OrderStatus.SHIPPED.value
DELIVERED = OrderStatus.DELIVERED.value
SHIPMENT_EXCEPTION = OrderStatus.SHIPMENT_EXCEPTION.value
CANCELED = OrderStatus.CANCELED.value

STATUS_TYPES = (
    NEW,
    APPROVED,
    INVOICED,
    SHIPPED,
    DELIVERED,
    SHIPMENT_EXCEPTION,
    CANCELED,
    "WAITING_PAYMENT",
    "PAYMENT_OVERDUE",
)
"""Every type a status can be bound to. No order of the hub moves to the last two by itself."""


class Standard(NamedTuple):
    """A status every account has."""

    code: str
    label: str
    type: str


STANDARD = (
    Standard("book_product", "Pagamento Pendente (SkyHub)", NEW),
    Standard("payment_received", "Aprovado (SkyHub)", APPROVED),
    Standard("order_invoiced", "Pagamento Faturado (SkyHub)", INVOICED),
    Standard("order_shipped", "Pedido Enviado (SkyHub)", SHIPPED),
    Standard("complete", "Completo (entregue) (SkyHub)", DELIVERED),
    Standard("shipment_exception", "Exceção de Entrega (SkyHub)", SHIPMENT_EXCEPTION),
    Standard("order_canceled", "Cancelado (SkyHub)", CANCELED),
)
STANDARD_CODE: Mapping[str, str] = {one.type: one.code for one in STANDARD}
"""The standard status code of each type."""

ALLOWED: Mapping[str, frozenset[str]] = {
    NEW: frozenset({APPROVED, CANCELED}),
    # Straight to shipped only where an invoice is stored already; `services.ship` looks.
    APPROVED: frozenset({INVOICED, SHIPPED, CANCELED}),
    INVOICED: frozenset({SHIPPED, CANCELED}),
    SHIPPED: frozenset({SHIPMENT_EXCEPTION, DELIVERED}),
    SHIPMENT_EXCEPTION: frozenset({SHIPPED, DELIVERED, CANCELED}),
    DELIVERED: frozenset(),
    CANCELED: frozenset(),
}
"""The steps the seller may make (NEW to APPROVED only in a test account)."""

_PROGRESS = (NEW, APPROVED, INVOICED, SHIPPED, SHIPMENT_EXCEPTION, DELIVERED)


def may_move(current: str, to: str) -> bool:
    """Say whether the seller may make this step; staying where one is is always fine."""
    return current == to or to in ALLOWED.get(current, frozenset())


def after_marketplace(current: str, told: str, told_before: str) -> str:
    """Return the status type an order has after its marketplace said `told` (`told_before` the last time).

    A cancellation wins over everything but a delivery. Otherwise an order only moves on: what the
    seller did here (invoiced, shipped) stays while the marketplace has not heard of it yet. The one
    way back is an exception the marketplace itself reported and then took back.
    """
    if current in (CANCELED, DELIVERED):
        return current
    if told == CANCELED:
        return CANCELED
    if (current, told_before, told) == (SHIPMENT_EXCEPTION, SHIPMENT_EXCEPTION, SHIPPED):
        return SHIPPED
    return told if _PROGRESS.index(told) > _PROGRESS.index(current) else current


def interests_erp(before: str, now: str, *, carrier_owns_status: bool) -> bool:
    """Say whether the ERP must hear that the marketplace moved an order from one status to another.

    A marketplace tells its newest state only: an order that is no longer new was paid, whatever it is now.
    """
    return (
        now in (NEW, APPROVED, CANCELED)
        or before == NEW
        or (carrier_owns_status and now in (SHIPPED, SHIPMENT_EXCEPTION, DELIVERED))
    )
