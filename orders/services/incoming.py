"""Taking orders from a marketplace: each one once, whole, and never back to an older state."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from itertools import chain, count
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from catalog.models import Variation
from hub import texts
from hub.transactions import begin_again
from marketplaces import engine
from marketplaces.contract import RemoteItem, RemoteOrder
from marketplaces.models import Connection, Lane
from orders import flow, news, queue, storable
from orders.models import Notice, Order, OrderEvent, OrderItem
from orders.storable import jsonable


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one order of a page."""

    order: Order
    created: bool
    changed: bool
    """True where the order's status or data are newer than before; false for a repetition."""


@dataclass(slots=True)
class _Taken:
    """One order while it is being taken."""

    remote: RemoteOrder
    order: Order
    is_new: bool
    status_before: str


def import_order(connection: Connection, remote: RemoteOrder) -> Imported:
    """Take one order; see `import_orders`. It is always taken, whenever it was placed."""
    return _take(connection, [remote])[0]


def import_orders(connection: Connection, remotes: Sequence[RemoteOrder]) -> list[Imported]:
    """Take a page of orders in one transaction and return what became of each (repetitions once).

    Orders placed before the connection's `orders_since` are left out unless they are known already.
    """
    return _take(connection, remotes, since=connection.orders_since)


@begin_again
def _take(
    connection: Connection, remotes: Sequence[RemoteOrder], since: datetime | None = None
) -> list[Imported]:
    newest: dict[str, RemoteOrder] = {}
    for remote in remotes:
        storable.check(remote)
        known = newest.get(remote.remote_id)
        if known is None or remote.updated_at >= known.updated_at:
            newest[remote.remote_id] = remote
    now = timezone.now()
    # One import at a time per connection: what is not found below cannot appear meanwhile.
    Connection.objects.select_for_update(no_key=True).only("pk").get(pk=connection.pk)
    found = {
        order.remote_id: order
        for order in Order.objects.select_for_update(no_key=True)
        .filter(connection_id=connection.pk, remote_id__in=newest)
        .order_by("id")
    }
    result, taken = [], []
    fresh = {
        remote_id: remote
        for remote_id, remote in newest.items()
        if remote_id not in found and (since is None or remote.placed_at >= since)
    }
    codes = _codes_for(connection, fresh)
    for remote_id, remote in newest.items():
        known_order = found.get(remote_id)
        if known_order is not None:
            if _is_news(known_order, remote):
                taken.append(_update(connection, known_order, remote, now))
                result.append(Imported(known_order, created=False, changed=True))
            else:
                result.append(Imported(known_order, created=False, changed=False))
        elif remote_id in fresh:
            one = _build(connection, remote, codes[remote_id], now)
            taken.append(one)
            result.append(Imported(one.order, created=True, changed=True))
    _write(connection, taken, now)
    return result


def _is_news(order: Order, remote: RemoteOrder) -> bool:
    """Say whether a marketplace's state is newer than the one we hold; at the same time, only progress is."""
    if order.remote_updated_at is None or remote.updated_at > order.remote_updated_at:
        return True
    told = remote.status.value
    moved = flow.after_marketplace(order.status_type, told, order.remote_status) != order.status_type
    return remote.updated_at == order.remote_updated_at and moved


def _codes_for(connection: Connection, fresh: Iterable[str]) -> dict[str, str]:
    """Return the public code of each new order: channel and remote code, made unique where it is taken.

    It can be taken where two channels' names differ by a hyphenated ending, where a connection got the
    name another one had, and where two remote codes differ by what no code may hold.
    """
    nameless = {remote_id: public_code(connection.name, remote_id) for remote_id in fresh}
    endings = chain(("", f"-{connection.pk}"), (f"-{connection.pk}-{number}" for number in count(2)))
    codes: dict[str, str] = {}
    while nameless:
        ending = next(endings)
        wanted = {remote_id: code + ending for remote_id, code in nameless.items()}
        orders = Order.objects.filter(seller_id=connection.seller_id, code__in=wanted.values())
        held = set(orders.values_list("code", flat=True))
        for remote_id, code in wanted.items():
            if code not in held:
                held.add(code)
                codes[remote_id] = code
                del nameless[remote_id]
    return codes


def _build(connection: Connection, remote: RemoteOrder, code: str, now: datetime) -> _Taken:
    order = Order(
        seller_id=connection.seller_id,
        connection_id=connection.pk,
        channel=connection.name,
        remote_id=remote.remote_id,
        code=code,
        imported_at=now,
        status_type=remote.status.value,
        status_code=flow.STANDARD_CODE[remote.status.value],
    )
    _fill(connection, order, remote, now)
    return _Taken(remote, order, is_new=True, status_before="")


def _update(connection: Connection, order: Order, remote: RemoteOrder, now: datetime) -> _Taken:
    before = order.status_type
    after = flow.after_marketplace(before, remote.status.value, order.remote_status)
    if after != before:
        order.status_type, order.status_code = after, flow.STANDARD_CODE[after]
    _fill(connection, order, remote, now)
    return _Taken(remote, order, is_new=False, status_before=before)


def _fill(connection: Connection, order: Order, remote: RemoteOrder, now: datetime) -> None:
    """Write what the marketplace says into an order; its status is set already."""
    deliveries = remote.deliveries
    order.placed_at = remote.placed_at
    order.updated_at = now
    order.total, order.shipping_cost = remote.total, remote.shipping_cost
    order.discount, order.interest = remote.discount, remote.interest
    order.shipping_method = texts.storable(deliveries[0].method)[:150] if deliveries else ""
    order.shipping_carrier = texts.storable(deliveries[0].carrier)[:150] if deliveries else ""
    order.dispatch_by = min((one.dispatch_by for one in deliveries if one.dispatch_by), default=None)
    order.estimated_delivery = max((one.estimated_at for one in deliveries if one.estimated_at), default=None)
    order.carrier_owns_status = bool(deliveries) and all(one.carrier_owns_status for one in deliveries)
    # An ERP tells by this field that it must not ship by itself (as "b2wentregacorreios" once said).
    order.calculation_type = f"{connection.marketplace_id}entrega" if order.carrier_owns_status else ""
    order.customer_name = texts.storable(remote.customer.name)[:255]
    order.customer = jsonable(asdict(remote.customer))
    order.billing_address = jsonable(asdict(remote.billing_address))
    order.shipping_address = jsonable(asdict(remote.shipping_address))
    order.payments = jsonable([asdict(one) for one in remote.payments])
    order.deliveries = jsonable([asdict(one) for one in deliveries])
    order.remote_status, order.remote_updated_at = remote.status.value, remote.updated_at
    order.raw = jsonable(remote.raw)
    stamp(order, remote.updated_at)


def stamp(order: Order, at: datetime) -> None:
    """Note when the order came to its status, unless that is known already."""
    if order.status_type == flow.CANCELED:
        order.canceled_at = order.canceled_at or at
    elif order.status_type != flow.NEW:
        order.approved_at = order.approved_at or at
        if order.status_type in (flow.SHIPPED, flow.SHIPMENT_EXCEPTION, flow.DELIVERED):
            order.shipped_at = order.shipped_at or at
        if order.status_type == flow.DELIVERED:
            order.delivered_at = order.delivered_at or at


_FIXED = {"id", "seller", "connection", "channel", "remote_id", "code", "imported_at", "sync_status"}
_FIXED |= {"exported_at", "first_exported_at", "shipment_exception"}
_CHANGEABLE = [one.name for one in Order._meta.concrete_fields if one.name not in _FIXED]


def _write(connection: Connection, taken: list[_Taken], now: datetime) -> None:
    if not taken:
        return
    queue.lock([one.order.pk for one in taken if not one.is_new])
    Order.objects.bulk_create([one.order for one in taken if one.is_new])
    for one in taken:
        if not one.is_new:
            one.order.save(update_fields=_CHANGEABLE)
    products = _products_of(connection.seller_id, taken)
    resold = _write_items(taken, products)
    OrderEvent.objects.bulk_create(
        [event for one in taken for event in _events_of(one, products, now)], batch_size=1000
    )
    heard = [one.order.pk for one in taken if _interests_erp(one) or one.order.pk in resold]
    queue.put(connection.seller_id, heard, now)
    news.created([one.order for one in taken if one.is_new])
    news.changed(
        [one.order for one in taken if not one.is_new and one.status_before != one.order.status_type]
    )
    _accept(connection, taken)


def _interests_erp(one: _Taken) -> bool:
    """Whatever the ERP was never offered, and then the marketplace's moves it must know of."""
    if one.is_new or one.order.sync_status == Order.SyncStatus.ERROR:
        return True
    return one.status_before != one.order.status_type and flow.interests_erp(
        one.status_before, one.order.status_type, carrier_owns_status=one.order.carrier_owns_status
    )


def _products_of(seller_id: int, taken: list[_Taken]) -> dict[str, str]:
    """Return the product's SKU of every sold SKU the catalogue knows."""
    skus = {texts.storable(item.sku) for one in taken for item in one.remote.items}
    return dict(
        Variation.objects.filter(seller_id=seller_id, sku__in=skus).values_list("sku", "product__sku")
    )


def _write_items(taken: list[_Taken], products: Mapping[str, str]) -> set[int]:
    """Write the items that differ; return the known orders that now take other units than before.

    Triggers keep the holds in step, before the queue is told: see `orders_hold`.
    """
    known: dict[int, list[OrderItem]] = defaultdict(list)
    for row in OrderItem.objects.filter(order_id__in=[one.order.pk for one in taken if not one.is_new]):
        known[row.order_id].append(row)
    new: list[OrderItem] = []
    gone: list[int] = []
    resold: set[int] = set()
    for one in taken:
        wanted = [_item(one.order, place, item, products) for place, item in enumerate(one.remote.items)]
        held = known[one.order.pk]
        if [_essence(row) for row in held] != [_essence(row) for row in wanted]:
            gone += [row.pk for row in held]
            new += wanted
            if not one.is_new and _units(held) != _units(wanted):
                resold.add(one.order.pk)
    if gone:
        OrderItem.objects.filter(pk__in=gone).delete()
    OrderItem.objects.bulk_create(new, batch_size=1000)
    return resold


def _units(rows: Iterable[OrderItem]) -> Counter[str]:
    units: Counter[str] = Counter()
    for row in rows:
        units[row.sku] += row.quantity
    return units


def _item(order: Order, place: int, item: RemoteItem, products: Mapping[str, str]) -> OrderItem:
    sku = texts.storable(item.sku)
    return OrderItem(
        order=order,
        position=place,
        remote_id=texts.storable(item.remote_id)[:100],
        sku=sku[:100],
        product_sku=products.get(sku, sku)[:100],
        name=texts.storable(item.name),
        quantity=item.quantity,
        original_price=item.list_price,
        special_price=item.price,
        shipping_cost=item.shipping_cost,
        sale_fee=item.sale_fee,
        delivery_id=texts.storable(item.delivery_id)[:100],
    )


def _essence(row: OrderItem) -> tuple[Any, ...]:
    amounts = (row.original_price, row.special_price, row.shipping_cost, row.sale_fee)
    texts = (row.position, row.remote_id, row.sku, row.product_sku, row.name, row.quantity, row.delivery_id)
    return texts + tuple(Decimal(one).quantize(Decimal("0.01")) for one in amounts)


def _events_of(one: _Taken, products: Mapping[str, str], now: datetime) -> Iterable[OrderEvent]:
    order = one.order
    said = OrderEvent.Source.MARKETPLACE
    if one.is_new:
        yield OrderEvent(
            order=order, at=now, source=said, status_type=order.status_type, note=_("The order came in.")
        )
        unknown = sorted({texts.storable(item.sku) for item in one.remote.items} - products.keys())
        if unknown:
            note = _("The catalogue does not have these SKUs: %(skus)s. The order was taken all the same.")
            yield OrderEvent(
                order=order, at=now, source=OrderEvent.Source.HUB, note=note % {"skus": ", ".join(unknown)}
            )
    elif one.status_before != order.status_type:
        yield OrderEvent(order=order, at=now, source=said, status_type=order.status_type)


def _accept(connection: Connection, taken: list[_Taken]) -> None:
    """Tell the marketplace that we take the orders that wait for it, each order once."""
    if not connection.accept_orders:
        return
    open_orders = {
        one.order.pk: one.order
        for one in taken
        if one.remote.needs_acceptance and one.order.status_type == flow.NEW
    }
    if not open_orders:
        return
    told = Notice.objects.filter(order_id__in=open_orders, action=Notice.Action.ACCEPT)
    for order_id in told.values_list("order_id", flat=True):
        open_orders.pop(order_id, None)
    if open_orders:
        Notice.objects.bulk_create(
            [
                Notice(order=order, connection_id=connection.pk, action=Notice.Action.ACCEPT)
                for order in open_orders.values()
            ]
        )
        engine.nudge(connection.pk, Lane.Kind.FULFILMENT.value)


@begin_again
def keep_raw(connection: Connection, remote_id: str, raw: Mapping[str, Any], problem: str) -> Order | None:
    """Keep an order that could not be taken, so that a person sees it; None when it is kept already.

    It is not offered to the ERP. Its next change at the marketplace is tried again as a whole.
    """
    remote_id = storable.remote_id(remote_id, raw)
    note = _("The order could not be read and was kept as it came: %(problem)s") % {
        "problem": texts.storable(problem)
    }
    Connection.objects.select_for_update(no_key=True).only("pk").get(pk=connection.pk)
    order = Order.objects.filter(connection_id=connection.pk, remote_id=remote_id).first()
    if order is None:
        order = Order.objects.create(
            seller_id=connection.seller_id,
            connection_id=connection.pk,
            channel=connection.name,
            remote_id=remote_id,
            code=_codes_for(connection, [remote_id])[remote_id],
            status_type=flow.NEW,
            status_code=flow.STANDARD_CODE[flow.NEW],
            sync_status=Order.SyncStatus.ERROR,
            placed_at=timezone.now(),
            raw=jsonable(raw),
        )
    elif order.events.filter(note=note).exists():
        return None
    elif order.remote_updated_at is None:
        order.updated_at = timezone.now()
        order.save(update_fields=["updated_at"])
    OrderEvent.objects.create(order=order, source=OrderEvent.Source.HUB, note=note)
    return order


def public_code(channel: str, remote_id: str) -> str:
    """Return an order's code; it stands in the API's paths, so it holds no slash."""
    return texts.storable(f"{channel}-{remote_id}")[:180].replace("/", "-")
