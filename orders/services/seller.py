"""What the seller does with an order: accept, invoice, ship, deliver, cancel.

Each moves the status, keeps the data and notes down what the marketplace must be told, in one
transaction. Repeating a call changes nothing. All raise `Unknown` or `Refusal`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from hub.models import Seller
from hub.refusals import Refusal, Unknown
from hub.transactions import begin_again
from marketplaces.contract import InvoiceNote, ShipmentNote
from orders import flow, news, nfe, notices, parcels, queue, statuses
from orders.errors import ForTestAccounts
from orders.models import Invoice, Notice, Order, OrderEvent, Shipment, Status
from orders.services.incoming import stamp

Source = OrderEvent.Source
URL_LIMIT = 200
_TIMES = ("approved_at", "shipped_at", "delivered_at", "canceled_at", "updated_at")


def accept(seller: Seller, code: str, *, source: Source = Source.ERP) -> Order:
    """Tell the marketplace that we take an order, where the connection does not do so by itself."""
    with _order(seller, code) as order:
        if order.status_type != flow.NEW:
            raise Refusal(_not_in(order, flow.NEW))
        told = Notice.objects.filter(order=order, action=Notice.Action.ACCEPT)
        if not told.exclude(state=Notice.State.REFUSED).exists():
            notices.make(order, Notice.Action.ACCEPT, {})
            _note(order, source, _("The order was accepted."))
    return order


def invoice(
    seller: Seller,
    code: str,
    *,
    invoice: InvoiceNote | None = None,
    status_code: str = "",
    source: Source = Source.ERP,
) -> Order:
    """Keep an invoice and move the order to invoiced.

    Without a status (or with that of an approved order, as some ERPs send) the order moves only
    where the account's "auto advance" is on.
    """
    with _order(seller, code) as order:
        to = _wanted(seller, status_code, flow.INVOICED, also=(flow.NEW, flow.APPROVED))
        if order.status_type in (flow.NEW, flow.CANCELED):
            raise Refusal(_not_in(order, flow.APPROVED))
        if invoice is not None:
            row = _keep_invoice(order, invoice, source)
            notices.make(order, Notice.Action.INVOICE, notices.of_invoice(row, invoice.xml))
        elif not order.invoices.exists():
            raise Refusal(_("The invoice's key (invoice.key) is missing."))
        asked = bool(status_code) and to.type == flow.INVOICED
        if asked or (seller.auto_advance and order.status_type == flow.APPROVED):
            _move(order, to if asked else statuses.standard(seller.pk, flow.INVOICED), source)
    return order


def _keep_invoice(order: Order, note: InvoiceNote, source: Source) -> Invoice:
    problem = nfe.problem_of(note.key)
    # Homologation scripts invoice test orders with placeholders such as 44 nines (gpupo/submarino-sdk,
    # RunCommand.php, 2019); nobody is told of those orders.
    if problem and not (order.connection_id is None and nfe.is_made_up(note.key)):
        raise Refusal(problem)
    units = sum(order.items.values_list("quantity", flat=True))
    if note.volumes > max(units, 1):
        raise Refusal(
            _("volume_qty (%(volumes)s) is more than the %(units)s units of the order.")
            % {"volumes": note.volumes, "units": units}
        )
    row, is_new = Invoice.objects.get_or_create(
        order=order,
        key=note.key,
        defaults={
            "number": note.number or nfe.number_of(note.key),
            "line": note.line or nfe.series_of(note.key),
            "issued_at": note.issued_at,
            "volumes": note.volumes,
        },
    )
    if is_new:
        _note(order, source, _("Invoice %(number)s, key %(key)s.") % {"number": row.number, "key": row.key})
    return row


def ship(
    seller: Seller,
    code: str,
    *,
    shipment: ShipmentNote | None = None,
    status_code: str = "",
    source: Source = Source.ERP,
) -> Order:
    """Keep a parcel with its tracking and move the order to shipped; several parcels may follow each other.

    Without a status the order moves only where the account's "auto advance" is on and there is a parcel.
    """
    with _order(seller, code) as order:
        to = _wanted(seller, status_code, flow.SHIPPED)
        if order.carrier_owns_status:
            _leave_to_carrier(order, to.type)
            return order
        if order.status_type in (flow.NEW, flow.CANCELED):
            raise Refusal(_not_in(order, flow.INVOICED))
        if shipment is None and not status_code:
            raise Refusal(_("Send the shipment, the status, or both."))
        moves = bool(status_code) or (
            seller.auto_advance and order.status_type in (flow.APPROVED, flow.INVOICED)
        )
        if moves and order.status_type == flow.APPROVED:
            _check_shortcut(order, shipment)
        row = _keep_shipment(order, shipment, source) if shipment is not None else None
        if moves:
            _move(order, to, source, at=shipment.shipped_at if shipment else None)
        if row is None:
            if order.shipments.exists():
                return order
            row = Shipment(order=order, code=order.remote_id, shipped_at=order.shipped_at or timezone.now())
        for delivery_id, items in parcels.share(order, row):
            notices.make(order, Notice.Action.SHIPMENT, notices.of_shipment(row, delivery_id, items))
    return order


def _check_shortcut(order: Order, shipment: ShipmentNote | None) -> None:
    if not order.invoices.exists():
        raise Refusal(_("Order %(code)s must be invoiced before it is shipped.") % {"code": order.code})
    if shipment is None or not shipment.tracking_code:
        raise Refusal(_("An order that is not marked as invoiced can only be shipped with tracking."))


def _keep_shipment(order: Order, note: ShipmentNote, source: Source) -> Shipment:
    if len(note.url) > URL_LIMIT:
        raise Refusal(_("The tracking URL may have at most %(limit)s characters.") % {"limit": URL_LIMIT})
    _check_items(order, note)
    tracking = {
        "tracking_code": note.tracking_code,
        "carrier": note.carrier,
        "method": note.method,
        "url": note.url,
        "items": [{"sku": sku, "qty": quantity} for sku, quantity in note.items],
    }
    code = note.code or note.tracking_code or order.code[:100]
    row, is_new = Shipment.objects.get_or_create(
        order=order, code=code, defaults={**tracking, "shipped_at": note.shipped_at}
    )
    if is_new:
        _note(
            order,
            source,
            _("Parcel %(code)s, tracking %(tracking)s.")
            % {"code": row.code, "tracking": row.tracking_code or "–"},
        )
    elif any(getattr(row, name) != value for name, value in tracking.items()):
        for name, value in tracking.items():
            setattr(row, name, value)
        row.save(update_fields=list(tracking))
        _note(order, source, _("The tracking of parcel %(code)s was corrected.") % {"code": row.code})
    return row


def _check_items(order: Order, note: ShipmentNote) -> None:
    bought: Counter[str] = Counter()
    for item in order.items.all():
        for sku in {item.sku, item.product_sku}:
            bought[sku] += item.quantity
    for sku, quantity in note.items:
        if quantity > bought[sku]:
            raise Refusal(
                _("The parcel has %(sent)s units of %(sku)s; the order has %(bought)s.")
                % {"sent": quantity, "sku": sku, "bought": bought[sku]}
            )


def deliver(
    seller: Seller,
    code: str,
    *,
    delivered_at: datetime | None = None,
    status_code: str = "",
    source: Source = Source.ERP,
) -> Order:
    """Note that the shopper has the order."""
    with _order(seller, code) as order:
        to = _wanted(seller, status_code, flow.DELIVERED)
        if order.carrier_owns_status:
            _leave_to_carrier(order, to.type)
            return order
        _move(order, to, source, at=delivered_at)
        if order.delivered_at is not None and order.remote_status != flow.DELIVERED:
            words = {"delivered_at": order.delivered_at.isoformat()}
            notices.make(order, Notice.Action.DELIVERY, words)
    return order


@begin_again
def cancel(
    seller: Seller, code: str, *, reason: str = "", status_code: str = "", source: Source = Source.ERP
) -> Order:
    """Cancel an order the seller cannot or need not fulfil."""
    with _order(seller, code) as order:
        to = _wanted(seller, status_code, flow.CANCELED)
        names = ("status_code", "status_type", "remote_status")
        before = {name: getattr(order, name) for name in names}
        if order.status_type != flow.CANCELED:
            _move(order, to, source)
            words = {"reason": reason or _("Canceled by the seller"), "before": before}
            notices.make(order, Notice.Action.CANCEL, words)
    return order


def cancel_refused(order: Order) -> None:
    """Bring an order back to life whose cancellation the marketplace refused, and tell the ERP.

    It goes on where it was here, or where the marketplace has brought it meanwhile. The caller holds the
    order's row lock.
    """
    last = order.notices.filter(action=Notice.Action.CANCEL).order_by("-id").first()
    if last is None or order.status_type != flow.CANCELED or order.remote_status == flow.CANCELED:
        return
    queue.lock([order.pk])
    before = last.payload["before"]
    order.status_code, order.status_type = before["status_code"], before["status_type"]
    # One that could never be read has no status there; its cancellation may be older than `remote_status`.
    told = order.remote_status or order.status_type
    after = flow.after_marketplace(order.status_type, told, before.get("remote_status", told))
    if after != order.status_type:
        order.status_code, order.status_type = flow.STANDARD_CODE[after], after
    order.canceled_at = None
    order.updated_at = timezone.now()
    stamp(order, order.remote_updated_at or order.updated_at)
    order.save(update_fields=["status_code", "status_type", *_TIMES])
    note = _("The cancellation was refused: the order goes on.")
    _note(order, Source.MARKETPLACE, note, order.status_type)
    queue.put(order.seller_id, [order.pk], order.updated_at)
    news.changed([order])


def shipment_exception(
    seller: Seller,
    code: str,
    *,
    occurred_at: datetime,
    observation: str = "",
    status_code: str = "",
    source: Source = Source.ERP,
) -> Order:
    """Note that a parcel could not be delivered."""
    with _order(seller, code) as order:
        to = _wanted(seller, status_code, flow.SHIPMENT_EXCEPTION)
        _move(order, to, source)
        told = {"occurrence_date": occurred_at.isoformat(), "observation": observation}
        if order.shipment_exception != told:
            order.shipment_exception = told
            order.save(update_fields=["shipment_exception"])
            if observation:
                _note(order, source, observation)
    return order


def approve(seller: Seller, code: str, *, status_code: str = "") -> Order:
    """Let a test account's own order be paid; raises ForTestAccounts for any other."""
    with _order(seller, code) as order:
        if not seller.is_test or order.connection_id is not None:
            raise ForTestAccounts(_("Only a test account's own orders can be approved over the API."))
        to = _wanted(seller, status_code, flow.APPROVED)
        if _move(order, to, Source.MARKETPLACE):
            queue.put(seller.pk, [order.pk], order.updated_at)
    return order


@contextmanager
def _order(seller: Seller, code: str) -> Iterator[Order]:
    """Lock one of the seller's orders for a change."""
    with transaction.atomic():
        order = Order.objects.select_for_update(no_key=True).filter(seller_id=seller.pk, code=code).first()
        if order is None:
            raise Unknown(_("Order %(code)s was not found.") % {"code": code})
        yield order


def _wanted(seller: Seller, status_code: str, default: str, also: tuple[str, ...] = ()) -> Status:
    """Return the status a call asks for; it must be of the call's own type (or of one in `also`)."""
    if not status_code:
        return statuses.standard(seller.pk, default)
    status = statuses.find(seller.pk, status_code)
    if status.type != default and status.type not in also:
        raise Refusal(
            _("The status “%(code)s” is of type %(is)s; this call takes statuses of type %(wanted)s.")
            % {"code": status_code, "is": status.type, "wanted": default}
        )
    return status


def _move(order: Order, to: Status, source: Source, *, at: datetime | None = None) -> bool:
    """Move an order to a status; False when it has it already. Raises Refusal for a wrong step."""
    if (order.status_code, order.status_type) == (to.code, to.type):
        return False
    if not flow.may_move(order.status_type, to.type):
        raise Refusal(
            _("Order %(code)s is in status %(is)s and cannot go to %(to)s.")
            % {"code": order.code, "is": order.status_type, "to": to.type}
        )
    order.status_code, order.status_type = to.code, to.type
    order.updated_at = timezone.now()
    stamp(order, at or order.updated_at)
    order.save(update_fields=["status_code", "status_type", *_TIMES])
    _note(order, source, status_type=to.type)
    news.changed([order])
    return True


def _leave_to_carrier(order: Order, status_type: str) -> None:
    if order.status_type != status_type:
        raise Refusal(
            _("The marketplace's carrier reports the shipping of order %(code)s, not the seller.")
            % {"code": order.code}
        )


def _not_in(order: Order, wanted: str) -> str:
    return _("Order %(code)s is in status %(is)s; this call needs %(wanted)s.") % {
        "code": order.code,
        "is": order.status_type,
        "wanted": wanted,
    }


def _note(order: Order, source: Source, note: str = "", status_type: str = "") -> None:
    OrderEvent.objects.create(order=order, source=source, note=note, status_type=status_type)
