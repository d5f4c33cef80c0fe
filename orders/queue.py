"""The ERP's queue: one entry per order, offered to one consumer at a time, kept until acknowledged.

Lock order is order first, entry second; `offer` locks entries only and skips those in use.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Case, DateTimeField, F, Q, Value, When
from django.utils import timezone
from django.utils.translation import gettext as _

from hub.models import Seller
from hub.refusals import Unknown
from orders.models import Order, QueueEntry


def put(seller_id: int, order_ids: Collection[int], now: datetime) -> None:
    """Let the ERP hear of these orders (again); the caller holds their row locks, in a transaction.

    An order the ERP holds at this moment stays hidden, so that its DELETE means what it was given;
    the newer version becomes visible with that DELETE, or when the hiding time is over.
    """
    if not order_ids:
        return
    taken = Q(version=F("acknowledged_version"))
    entries = QueueEntry.objects.filter(order_id__in=order_ids)
    entries.update(
        waiting_since=Case(When(taken, then=Value(now)), default=F("waiting_since")),
        hidden_until=Case(
            When(taken, then=Value(None)), default=F("hidden_until"), output_field=DateTimeField()
        ),
        version=F("version") + 1,
    )
    known = set(entries.values_list("order_id", flat=True))
    QueueEntry.objects.bulk_create(
        [
            QueueEntry(order_id=order_id, seller_id=seller_id, waiting_since=now)
            for order_id in order_ids
            if order_id not in known
        ]
    )
    Order.objects.filter(pk__in=order_ids).exclude(sync_status=Order.SyncStatus.NOT_SYNCED).update(
        sync_status=Order.SyncStatus.NOT_SYNCED
    )


def put_again(seller: Seller, code: str) -> None:
    """Offer one order to the ERP once more, from its current state; raises Unknown."""
    with transaction.atomic():
        order = _locked(seller, code)
        put(seller.pk, [order.pk], timezone.now())


def offer(seller: Seller, limit: int = 1, hide: int | None = None) -> list[Order]:
    """Give out up to `limit` waiting orders, oldest first, and hide them for `hide` seconds.

    No two consumers get the same entry. An order not acknowledged in time is offered again.
    """
    seconds = settings.HUB_QUEUE_HIDE_SECONDS if hide is None else hide
    now = timezone.now()
    with transaction.atomic():
        entries = list(
            QueueEntry.objects.select_for_update(skip_locked=True)
            .filter(seller_id=seller.pk, version__gt=F("acknowledged_version"))
            .filter(Q(hidden_until__isnull=True) | Q(hidden_until__lte=now))
            .order_by("waiting_since", "order_id")
            .values_list("order_id", flat=True)[:limit]
        )
        if not entries:
            return []
        QueueEntry.objects.filter(order_id__in=entries).update(
            offered_version=F("version"),
            hidden_until=now + timedelta(seconds=seconds),
            offers=F("offers") + 1,
        )
        found = Order.objects.for_wire().in_bulk(entries)
    return [found[order_id] for order_id in entries]


def acknowledge(seller: Seller, code: str, *, current: bool = False) -> bool:
    """Take note that the ERP has an order; raises Unknown. False when there was nothing to take.

    Only the version last offered is taken: a change that came meanwhile stays in the queue and is
    visible at once. Repeating an acknowledgement is harmless for the same reason. An entry never
    offered is taken as it stands, for ERPs that find their orders in GET /orders and then tidy the
    queue. With `current` (PUT .../exported) the current version is taken whatever was offered.
    """
    with transaction.atomic():
        order = _locked(seller, code)
        entry = QueueEntry.objects.select_for_update().filter(order_id=order.pk).first()
        if entry is None:
            return False
        taken = entry.version if current or not entry.offered_version else entry.offered_version
        if taken <= entry.acknowledged_version:
            return False
        entry.acknowledged_version = taken
        entry.offered_version = max(entry.offered_version, taken)
        entry.hidden_until = None
        entry.save(update_fields=["acknowledged_version", "offered_version", "hidden_until"])
        now = timezone.now()
        order.exported_at = now
        order.first_exported_at = order.first_exported_at or now
        if taken == entry.version:
            order.sync_status = Order.SyncStatus.SYNCED
        order.save(update_fields=["exported_at", "first_exported_at", "sync_status"])
        return True


def acknowledge_many(seller: Seller, codes: Collection[str]) -> list[str]:
    """Acknowledge a batch of leased orders; return the codes the seller does not have."""
    unknown = []
    # In one fixed order, so that two consumers with overlapping batches cannot lock each other out.
    for code in sorted(set(codes)):
        try:
            acknowledge(seller, code)
        except Unknown:
            unknown.append(code)
    return unknown


def _locked(seller: Seller, code: str) -> Order:
    order = Order.objects.select_for_update(no_key=True).filter(seller_id=seller.pk, code=code).first()
    if order is None:
        raise Unknown(_("Order %(code)s was not found.") % {"code": code})
    return order
