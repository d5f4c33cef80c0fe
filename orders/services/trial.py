"""A test account's own orders, made over the API to try an integration without a marketplace."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from catalog.models import Variation
from hub.models import Seller
from hub.refusals import Refusal
from marketplaces.contract import Customer
from orders import flow, news, queue, statuses
from orders.errors import ForTestAccounts
from orders.models import Order, OrderEvent, OrderItem
from orders.services.incoming import public_code, stamp
from orders.storable import jsonable


@dataclass(frozen=True, slots=True)
class TestItem:
    """One line of a test order; prices not given are the catalogue's."""

    __test__ = False

    sku: str
    quantity: int
    original_price: Decimal | None = None
    special_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class TestOrder:
    """What a test account wants in its order; amounts in BRL."""

    __test__ = False

    channel: str
    items: Sequence[TestItem]
    customer: Customer = field(default_factory=Customer)
    billing_address: Mapping[str, str] = field(default_factory=dict)
    shipping_address: Mapping[str, str] = field(default_factory=dict)
    payments: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    shipping_method: str = ""
    shipping_carrier: str = ""
    calculation_type: str = ""
    estimated_delivery: datetime | None = None
    shipping_cost: Decimal = Decimal(0)
    interest: Decimal = Decimal(0)
    discount: Decimal = Decimal(0)
    status_code: str = ""


def create_test_order(seller: Seller, wanted: TestOrder) -> Order:
    """Make an order of a test account and put it into the queue.

    Raises ForTestAccounts for a production account, Refusal for a SKU the catalogue does not have.
    The seller ships it: no carrier will, whatever the calculation type says.
    """
    if not seller.is_test:
        raise ForTestAccounts(_("Only test accounts can create orders over the API."))
    code = wanted.status_code
    status = statuses.find(seller.pk, code) if code else statuses.standard(seller.pk, flow.NEW)
    lines = _lines(seller, wanted.items)
    goods = sum((line.special_price * line.quantity for line in lines), Decimal(0))
    now = timezone.now()
    with transaction.atomic():
        # One at a time per account: the clock then gives each order a code of its own.
        Seller.objects.select_for_update(no_key=True).only("pk").get(pk=seller.pk)
        remote_id = _free_remote_id(seller, wanted.channel)
        order = Order(
            seller=seller,
            channel=wanted.channel,
            remote_id=remote_id,
            code=public_code(wanted.channel, remote_id),
            status_code=status.code,
            status_type=status.type,
            placed_at=now,
            total=goods + wanted.shipping_cost + wanted.interest - wanted.discount,
            shipping_cost=wanted.shipping_cost,
            discount=wanted.discount,
            interest=wanted.interest,
            shipping_method=wanted.shipping_method[:150],
            shipping_carrier=wanted.shipping_carrier[:150],
            calculation_type=wanted.calculation_type[:100],
            estimated_delivery=wanted.estimated_delivery,
            customer_name=wanted.customer.name[:255],
            customer=jsonable(asdict(wanted.customer)),
            billing_address=jsonable(wanted.billing_address),
            shipping_address=jsonable(wanted.shipping_address),
            payments=jsonable(wanted.payments),
        )
        stamp(order, now)
        order.save()
        for line in lines:
            line.order = order
        OrderItem.objects.bulk_create(lines)
        OrderEvent.objects.create(
            order=order,
            source=OrderEvent.Source.ERP,
            status_type=order.status_type,
            note=_("Test order made over the API."),
        )
        queue.put(seller.pk, [order.pk], now)
        news.created([order])
    return order


def _free_remote_id(seller: Seller, channel: str) -> str:
    """Return the milliseconds of now, as the codes of test orders have always been made."""
    stamp_ms = time.time_ns() // 1_000_000
    while Order.objects.filter(seller_id=seller.pk, code=public_code(channel, str(stamp_ms))).exists():
        stamp_ms += 1
    return str(stamp_ms)


def _lines(seller: Seller, items: Sequence[TestItem]) -> list[OrderItem]:
    known = {
        one.sku: one
        for one in Variation.objects.filter(seller_id=seller.pk, sku__in=[item.sku for item in items])
        .select_related("product")
        .with_effective_values()
    }
    lines = []
    for place, item in enumerate(items):
        variation: Any = known.get(item.sku)
        if variation is None:
            raise Refusal(_("The SKU %(sku)s is not in this account's catalogue.") % {"sku": item.sku})
        full = variation.effective_price or variation.effective_promotional_price or Decimal(0)
        paid = variation.effective_promotional_price or full
        lines.append(
            OrderItem(
                position=place,
                sku=variation.sku,
                product_sku=variation.product.sku,
                name=variation.product.name,
                quantity=item.quantity,
                original_price=full if item.original_price is None else item.original_price,
                special_price=paid if item.special_price is None else item.special_price,
            )
        )
    return lines
