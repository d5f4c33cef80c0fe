"""The order as ERPs read it: one JSON object, the same in the list, the single order and the queue.

What is null and what is the empty text follows recorded answers of SkyHub (gpupo/submarino-sdk,
Resources/mockup/orders, 2019): `approved_date` and `shipped_date` are "" until there is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.dateparse import parse_datetime

from marketplaces.contract import Address
from orders import statuses
from orders.models import Invoice, Order, OrderItem, Shipment, Status

BRASILIA = ZoneInfo("America/Sao_Paulo")
_SEFAZ = dict.fromkeys(
    (
        "type_integration",
        "payment_indicator",
        "name_payment",
        "name_card_issuer",
        "id_payment",
        "id_card_issuer",
    )
)
_ADDRESS = tuple(one.name for one in fields(Address))


def order_json(order: Order, known: Mapping[str, Status] | None = None) -> dict[str, Any]:
    """Return one order, loaded with `for_wire()`; `known` are the account's statuses by code."""
    account = statuses.of_seller(order.seller_id) if known is None else known
    status = account.get(order.status_code)
    return {
        "code": order.code,
        "channel": order.channel,
        "placed_at": moment(order.placed_at),
        "updated_at": moment(order.updated_at),
        "imported_at": moment(order.imported_at),
        "exported_at": moment(order.exported_at),
        "first_exported_at": moment(order.first_exported_at),
        "approved_date": moment(order.approved_at) or "",
        "shipped_date": moment(order.shipped_at) or "",
        "delivered_date": moment(order.delivered_at),
        "expedition_limit_date": moment(order.dispatch_by),
        "estimated_delivery": moment(order.estimated_delivery),
        "estimated_delivery_shift": None,
        "total_ordered": number(order.total),
        "interest": number(order.interest),
        "discount": number(order.discount),
        "shipping_cost": number(order.shipping_cost),
        "seller_shipping_cost": None,
        "shipping_method": order.shipping_method or None,
        "shipping_method_id": None,
        "shipping_carrier": order.shipping_carrier,
        "shipping_estimate_id": None,
        "calculation_type": order.calculation_type or None,
        "delivery_contract_type": "",
        "linked_order": None,
        "target_order": None,
        "available_to_sync": True,
        "sync_sale_system": None,
        "sync_status": order.sync_status,
        "tags": [],
        "status": {
            "code": order.status_code,
            "label": status.label if status else order.status_code,
            "type": order.status_type,
        },
        "customer": _customer(order.customer),
        "billing_address": _address(order.billing_address),
        "shipping_address": _address(order.shipping_address),
        "items": [_item(one) for one in order.items.all()],
        "payments": [_payment(one) for one in order.payments],
        "invoices": [_invoice(one) for one in order.invoices.all()],
        "shipments": [_shipment(one) for one in order.shipments.all()],
        "import_info": {
            "ss_name": order.channel,
            "remote_id": order.remote_id if order.connection_id else None,
            "remote_code": order.remote_id,
        },
        "promotions": [],
        "coupon": None,
    }


def orders_json(orders: Iterable[Order], seller_id: int) -> list[dict[str, Any]]:
    """Return several orders of one seller."""
    known = statuses.of_seller(seller_id)
    return [order_json(order, known) for order in orders]


def moment(at: datetime | None) -> str | None:
    """Write a time as ERPs have always got it: ISO 8601, whole seconds, the offset of Brasília."""
    return at.astimezone(BRASILIA).isoformat(timespec="seconds") if at else None


def number(amount: Any) -> float | None:
    """Write an amount as a JSON number; null for what is none."""
    try:
        return float(Decimal(str(amount))) if amount not in (None, "") else None
    except InvalidOperation:
        return None


def _customer(kept: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": kept.get("name") or "",
        "email": kept.get("email") or "",
        "date_of_birth": kept.get("date_of_birth") or None,
        "gender": kept.get("gender") or "",
        "vat_number": kept.get("vat_number") or "",
        "phones": list(kept.get("phones") or ()),
        "state_registration": kept.get("state_registration") or None,
    }


def _address(kept: Mapping[str, Any]) -> dict[str, Any]:
    return {**{name: kept.get(name) or None for name in _ADDRESS}, "detail": kept.get("detail") or None}


def _item(row: OrderItem) -> dict[str, Any]:
    return {
        "id": row.sku,
        "product_id": row.product_sku or row.sku,
        "name": row.name,
        "qty": row.quantity,
        "original_price": number(row.original_price),
        "special_price": number(row.special_price),
        "shipping_cost": number(row.shipping_cost),
        "detail": None,
        "gift_wrap": None,
        "listing_type_id": None,
        "remote_store_id": None,
        "sale_fee": number(row.sale_fee),
        "delivery_line_id": row.delivery_id or None,
        "freight_take_rate_seller": None,
        "freight_take_rate_subsidy_percentage": None,
        "promotions": [],
    }


def _payment(kept: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "method": _method(kept.get("method") or ""),
        "description": kept.get("description") or None,
        "parcels": kept.get("parcels") or 1,
        "value": number(kept.get("value")),
        "status": kept.get("status") or None,
        "transaction_date": moment(parse_datetime(kept.get("transaction_at") or "")),
        "card_issuer": kept.get("card_issuer") or None,
        "autorization_id": kept.get("authorization_id") or None,
        "sefaz": dict(_SEFAZ),
    }


def _method(word: str) -> str:
    """Write a means of payment as ERPs know it (CREDIT_CARD, BOLETO, PIX), or SkyHub's word for none."""
    return word.upper() if word and word != "skyhub_payment" else "skyhub_payment"


def _invoice(row: Invoice) -> dict[str, Any]:
    return {
        "key": row.key,
        "number": row.number or None,
        "line": row.line or None,
        "issue_date": moment(row.issued_at),
        "volume_qty": row.volumes,
    }


def _shipment(row: Shipment) -> dict[str, Any]:
    return {
        "code": row.code,
        "delivered_carrier_date": moment(row.shipped_at),
        "items": [{"sku": one["sku"], "qty": one["qty"]} for one in row.items],
        "tracks": [
            {"code": row.tracking_code, "carrier": row.carrier, "method": row.method, "url": row.url or None}
        ],
    }
