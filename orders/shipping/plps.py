"""Grouping orders for the marketplace's carrier, and asking it to come.

Lock order is orders first, lists second. The codes here are remote codes (an order's code after its
channel), as SkyHub had it; the whole code is understood as well.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from hub.models import Seller
from hub.refusals import Refusal, Unknown
from hub.row_number import row_number
from orders import flow
from orders.models import Order, OrderEvent, OrderQuerySet
from orders.shipping.models import Plp, PlpOrder

MOST_ORDERS = 25
"""Orders of one list (SkyHub documentation, "Shipments", 2019)."""
GROUPABLE = (flow.APPROVED, flow.INVOICED)
_ENDINGS = {
    "entregadirect": Plp.Type.DIRECT,
    "entregacorreios": Plp.Type.CORREIOS,
    "entrega": Plp.Type.CORREIOS,
}
"""How an order's `calculation_type` ends where the marketplace's carrier ships, such as
b2wentregacorreios; an adapter that says no more than "entrega" has its parcels posted."""


class Grouped(Refusal):
    """An order was in another list; it has been taken out, so that the next try succeeds."""


def type_of(order: Order) -> str:
    """Return which carrier takes an order; empty where the seller ships it."""
    said = order.calculation_type.lower()
    return next((str(kind) for ending, kind in _ENDINGS.items() if said.endswith(ending)), "")


def shipped_by_carrier(seller_id: int) -> OrderQuerySet:
    """The seller's orders that the marketplace's carrier takes."""
    endings = Q()
    for ending in _ENDINGS:
        endings |= Q(calculation_type__iendswith=ending)
    return Order.objects.filter(endings, seller_id=seller_id).exclude(calculation_type="")


def to_group(seller_id: int) -> OrderQuerySet:
    """Orders ready to be grouped that are in no list yet."""
    return shipped_by_carrier(seller_id).filter(status_type__in=GROUPABLE, plp_entry__isnull=True)


def collectable(seller_id: int, *, requested: bool) -> OrderQuerySet:
    """Orders in lists of the carrier that picks up, whose pick-up was requested, or was not yet."""
    return Order.objects.filter(
        seller_id=seller_id,
        status_type__in=GROUPABLE,
        plp_entry__plp__type=Plp.Type.DIRECT,
        plp_entry__pickup_requested_at__isnull=not requested,
    )


def group(seller: Seller, codes: Sequence[str]) -> Plp:
    """Put orders of one carrier into a new list.

    Raises Unknown or Refusal. Where an order is in a list already, Grouped: nothing is grouped, the
    order leaves its list, and the same call made again succeeds (so did SkyHub's).
    """
    wanted = list(dict.fromkeys(codes))
    if not 1 <= len(wanted) <= MOST_ORDERS:
        raise Refusal(_("A list takes 1 to %(limit)s orders.") % {"limit": MOST_ORDERS})
    with transaction.atomic():
        orders = _locked(seller, wanted)
        carriers = {_carrier(order) for order in orders}
        if len(carriers) > 1:
            raise Refusal(_("A list takes orders of one carrier: CORREIOS or DIRECT, not both."))
        entries = list(PlpOrder.objects.filter(order__in=orders).select_related("order"))
        if not entries:
            plp = Plp.objects.create(seller=seller, type=carriers.pop())
            PlpOrder.objects.bulk_create([PlpOrder(order=one, plp=plp, seller=seller) for one in orders])
            _note(orders, _("Grouped into PLP %(number)s.") % {"number": plp.pk})
            return plp
        _take_out(entries)
    # Outside the transaction: the orders stay out of their lists.
    names = ", ".join(f"{one.order.remote_id} (PLP {one.plp_id})" for one in entries)
    raise Grouped(
        _("These orders were in a list and have been taken out of it; try again: %(orders)s.")
        % {"orders": names}
    )


def ungroup(seller: Seller, plp: Plp) -> None:
    """Dissolve a list; raises Refusal once one of its parcels is on its way."""
    with transaction.atomic():
        entries = _entries_locked(seller, plp_id=plp.pk)
        _refuse_shipped(entries)
        _take_out(entries)
        Plp.objects.filter(seller_id=seller.pk, pk=plp.pk).delete()


def take_out(seller: Seller, code: str) -> int:
    """Take one order out of its list, whose number is returned; raises Unknown or Refusal."""
    with transaction.atomic():
        (order,) = _locked(seller, [code])
        entries = list(PlpOrder.objects.filter(order=order).select_related("order"))
        if not entries:
            raise Unknown(_("Order %(code)s is in no list.") % {"code": code})
        _refuse_shipped(entries)
        _take_out(entries)
    return entries[0].plp_id


def request_pickup(seller: Seller, codes: Sequence[str]) -> None:
    """Ask the carrier to pick these orders up; repeating it changes nothing. Raises Unknown or Refusal."""
    with transaction.atomic():
        orders = _locked(seller, list(dict.fromkeys(codes)))
        entries = {one.order_id: one for one in PlpOrder.objects.filter(order__in=orders, plp__type="DIRECT")}
        missing = [one.remote_id for one in orders if one.pk not in entries]
        if missing:
            raise Refusal(
                _("Only orders in a list of type DIRECT are picked up: %(orders)s.")
                % {"orders": ", ".join(missing)}
            )
        new = [one for one in orders if entries[one.pk].pickup_requested_at is None]
        PlpOrder.objects.filter(order__in=new).update(pickup_requested_at=timezone.now())
        _note(new, _("Pick-up by the carrier requested."))


def find(seller_id: int, number: str) -> Plp:
    """Return a list by its number; raises Unknown."""
    found = Plp.objects.filter(seller_id=seller_id, pk=row_number(number)).first()
    if found is None:
        raise Unknown(_("There is no PLP with the number %(number)s.") % {"number": number})
    return found


def _locked(seller: Seller, codes: Sequence[str]) -> list[Order]:
    """Lock the orders these codes name, in the codes' order; raises Unknown or Refusal."""
    rows = list(
        Order.objects.select_for_update(no_key=True)
        .filter(Q(remote_id__in=codes) | Q(code__in=codes), seller_id=seller.pk)
        .order_by("pk")
    )
    found: list[Order] = []
    missing = []
    for code in codes:
        named = [one for one in rows if one.code == code] or [one for one in rows if one.remote_id == code]
        if len(named) > 1:
            raise Refusal(
                _("Several orders have the code %(code)s; send the whole code, with its channel.")
                % {"code": code}
            )
        if named:
            found += named
        else:
            missing.append(code)
    if missing:
        raise Unknown(_("Orders not found: %(codes)s.") % {"codes": ", ".join(missing)})
    return list({one.pk: one for one in found}.values())


def _entries_locked(seller: Seller, plp_id: int) -> list[PlpOrder]:
    ids = PlpOrder.objects.filter(seller_id=seller.pk, plp_id=plp_id).values("order_id")
    list(Order.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk"))
    return list(PlpOrder.objects.filter(seller_id=seller.pk, plp_id=plp_id).select_related("order"))


def _carrier(order: Order) -> str:
    carrier = type_of(order)
    if not carrier:
        raise Refusal(
            _("Order %(code)s is shipped by the seller, not by the marketplace's carrier.")
            % {"code": order.remote_id}
        )
    if order.status_type not in GROUPABLE:
        raise Refusal(
            _("Order %(code)s is in status %(is)s; only approved and invoiced orders can be grouped.")
            % {"code": order.remote_id, "is": order.status_type}
        )
    return carrier


def _refuse_shipped(entries: Sequence[PlpOrder]) -> None:
    gone = [one.order.remote_id for one in entries if one.order.shipped_at is not None]
    if gone:
        raise Refusal(_("These parcels are on their way already: %(orders)s.") % {"orders": ", ".join(gone)})


def _take_out(entries: Sequence[PlpOrder]) -> None:
    PlpOrder.objects.filter(pk__in=[one.pk for one in entries]).delete()
    Plp.objects.filter(pk__in={one.plp_id for one in entries}, entries__isnull=True).delete()
    for one in entries:
        _note([one.order], _("Taken out of PLP %(number)s.") % {"number": one.plp_id})


def _note(orders: Sequence[Order], note: str) -> None:
    OrderEvent.objects.bulk_create(
        [OrderEvent(order=one, source=OrderEvent.Source.ERP, note=note) for one in orders]
    )
