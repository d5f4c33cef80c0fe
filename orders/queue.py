"""The ERP's queue: one entry per order, offered to one consumer at a time, kept until acknowledged.

Nothing in it ever expires. What the ERP reports as impossible to take is offered again after growing
pauses, then parked until somebody puts it back. Lock order is order first, entry second, what the order
holds of the stock third; `lease` locks no orders and skips the entries in use.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Count, DateTimeField, F, Min, Q, Value, When
from django.utils import timezone
from django.utils.translation import gettext as _

from hub import statements
from hub.models import Seller
from hub.refusals import Refusal, Unknown
from hub.transactions import begin_again, repeat
from orders import loading, news
from orders.models import Order, OrderEvent, QueueEntry

FAILURE_PAUSES = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
)
"""How long an order rests after each report that it could not be taken; after one more it is parked."""
REPLAY_BATCH = 500
# The oldest waiting orders nobody else is taking at this moment, and the receipts that name this offer.
_TAKE = """
WITH chosen AS MATERIALIZED (
    SELECT order_id, waiting_since FROM orders_queueentry
    WHERE seller_id = %(seller)s::bigint AND version > acknowledged_version AND parked_at IS NULL
      AND (hidden_until IS NULL OR hidden_until <= %(now)s::timestamptz)
    ORDER BY waiting_since, order_id LIMIT %(limit)s::int FOR UPDATE SKIP LOCKED
), offered AS (
    UPDATE orders_queueentry q SET offered_version = q.version, offers = q.offers + 1,
        hidden_until = %(until)s::timestamptz, receipt = gen_random_uuid()
    FROM chosen WHERE q.order_id = chosen.order_id RETURNING q.order_id, q.receipt
)
SELECT order_id, offered.receipt FROM offered JOIN chosen USING (order_id) ORDER BY waiting_since, order_id
"""
# What is taken: the version last offered; of an entry never offered, and with `current`, the newest.
_ACKNOWLEDGE = """
WITH held AS MATERIALIZED (
    SELECT o.id, o.code, said.receipt
    FROM unnest(%(codes)s::text[], %(receipts)s::uuid[]) AS said(code, receipt)
    JOIN orders_order o ON o.seller_id = %(seller)s::bigint AND o.code = said.code
    ORDER BY o.id FOR NO KEY UPDATE OF o
), entry AS MATERIALIZED (
    SELECT q.order_id, q.version, q.acknowledged_version,
           held.receipt IS NULL OR held.receipt IS NOT DISTINCT FROM q.receipt AS is_last_offer,
           CASE WHEN %(current)s::boolean OR q.offered_version = 0 THEN q.version ELSE q.offered_version END
           AS taken
    FROM held JOIN orders_queueentry q ON q.order_id = held.id ORDER BY q.order_id FOR UPDATE OF q
), took AS (
    UPDATE orders_queueentry q SET acknowledged_version = e.taken,
        offered_version = greatest(q.offered_version, e.taken), hidden_until = NULL,
        failures = 0, failure = '', failed_at = NULL, parked_at = NULL
    FROM entry e WHERE q.order_id = e.order_id AND e.is_last_offer AND e.taken > e.acknowledged_version
    RETURNING q.order_id, e.taken = e.version AS is_newest
), noted AS (
    UPDATE orders_order o SET exported_at = %(now)s::timestamptz,
        first_exported_at = coalesce(o.first_exported_at, %(now)s::timestamptz),
        sync_status = CASE WHEN took.is_newest THEN 'SYNCED' ELSE 'NOT_SYNCED' END
    FROM took WHERE o.id = took.order_id RETURNING o.id
)
SELECT held.code, held.receipt IS NOT NULL AND entry.is_last_offer IS NOT TRUE, noted.id IS NOT NULL
FROM held LEFT JOIN entry ON entry.order_id = held.id LEFT JOIN noted ON noted.id = held.id ORDER BY held.code
"""


class TooLate(Refusal):
    """The receipt is of an earlier offer: somebody else may hold the order by now."""


@dataclass(frozen=True, slots=True)
class Leased:
    """An order given out, with the receipt that names this very offer."""

    order: Order
    receipt: str


@dataclass(frozen=True, slots=True)
class Item:
    """What an ERP says it has (or could not take): an order's code and, if it likes, the receipt it got."""

    code: str
    receipt: UUID | None = None
    reason: str = ""


@dataclass(slots=True)
class Answered:
    """What could not be done of a batch."""

    unknown: list[str]
    """Codes the seller does not have."""
    late: list[str]
    """Codes whose receipt is of an earlier offer, or that are not held any more."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A seller's queue at a glance."""

    waiting: int
    """To be had now."""
    hidden: int
    """Given out and not acknowledged yet, or resting after a failure."""
    parked: int
    oldest_waiting_at: datetime | None
    """Since when the oldest order waits that the ERP has not taken, hidden ones included."""


def lock(order_ids: Collection[int]) -> None:
    """Lock the entries of orders about to change, before the triggers lock what they hold of the stock."""
    if order_ids:
        entries = QueueEntry.objects.select_for_update(no_key=True).filter(order_id__in=order_ids)
        list(entries.order_by("order_id").values_list("order_id"))


def put(seller_id: int, order_ids: Collection[int], now: datetime) -> None:
    """Let the ERP hear of these orders (again); the caller holds their row locks, in a transaction.

    An order the ERP holds at this moment stays hidden, so that its DELETE means what it was given;
    the newer version becomes visible with that DELETE, or when the hiding time is over. One that
    rests after a failure is visible at once, for the change may be the cure. A parked one stays so.
    """
    if not order_ids:
        return
    taken = Q(version=F("acknowledged_version"))
    rests = Q(failures__gt=0, receipt__isnull=True)
    entries = QueueEntry.objects.filter(order_id__in=order_ids)
    entries.update(
        waiting_since=Case(When(taken, then=Value(now)), default=F("waiting_since")),
        hidden_until=Case(
            When(taken | rests, then=Value(None)), default=F("hidden_until"), output_field=DateTimeField()
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
    heard = Order.objects.filter(pk__in=order_ids, queue_entry__parked_at__isnull=True)
    heard.exclude(sync_status=Order.SyncStatus.NOT_SYNCED).update(sync_status=Order.SyncStatus.NOT_SYNCED)


@begin_again
def lease(seller: Seller, limit: int = 1, hide: int | None = None) -> list[Leased]:
    """Give out up to `limit` waiting orders, oldest first, and hide them for `hide` seconds.

    No two consumers get the same entry. An order not acknowledged in time is offered again.
    """
    seconds = settings.HUB_QUEUE_HIDE_SECONDS if hide is None else hide
    now = timezone.now()
    values = {
        "seller": seller.pk,
        "limit": limit,
        "now": now,
        "until": now + timedelta(seconds=seconds),
    }
    # The orders are read by a second statement, which sees what the offered versions mean: a change that
    # comes meanwhile waits for our locks, and is a version of its own.
    receipts = dict(statements.run(_TAKE, values))
    found = loading.for_wire(list(receipts)) if receipts else {}
    return [Leased(found[order_id], str(receipt)) for order_id, receipt in receipts.items()]


def offer(seller: Seller, limit: int = 1, hide: int | None = None) -> list[Order]:
    """Give out orders as `lease` does, to a consumer that keeps no receipts."""
    return [one.order for one in lease(seller, limit, hide)]


def acknowledge(seller: Seller, code: str, *, receipt: UUID | None = None, current: bool = False) -> bool:
    """Take note that the ERP has an order; raises Unknown. False when there was nothing to take.

    Only the version last offered is taken: a change that came meanwhile stays in the queue and is
    visible at once. Repeating an acknowledgement is harmless for the same reason. An entry never
    offered is taken as it stands, for ERPs that find their orders in GET /orders and then tidy the
    queue. With `current` (PUT .../exported) the current version is taken whatever was offered. With
    a receipt nothing is taken that was offered again since; raises TooLate.
    """
    rows = _acknowledge(seller, [Item(code, receipt)], current=current)
    if not rows:
        raise _unknown(code)
    ((_code, is_late, is_taken),) = rows
    if is_late:
        raise _too_late(code)
    return is_taken


def acknowledge_many(seller: Seller, items: Collection[Item]) -> Answered:
    """Acknowledge a batch as `acknowledge` does, in one statement however many there are."""
    last = {item.code: item for item in items}
    rows = _acknowledge(seller, list(last.values()))
    known = {code for code, _is_late, _is_taken in rows}
    return Answered(
        unknown=sorted(last.keys() - known), late=[code for code, is_late, _is_taken in rows if is_late]
    )


@repeat
def _acknowledge(
    seller: Seller, items: Sequence[Item], *, current: bool = False
) -> list[tuple[str, bool, bool]]:
    """Acknowledge; returns of each known code whether it was too late, and whether it was taken."""
    values = {
        "seller": seller.pk,
        "codes": [one.code for one in items],
        "receipts": [one.receipt for one in items],
        "current": current,
        "now": timezone.now(),
    }
    return [(code, is_late, is_taken) for code, is_late, is_taken in statements.run(_ACKNOWLEDGE, values)]


def extend(seller: Seller, code: str, *, seconds: int, receipt: UUID | None = None) -> None:
    """Hide an order the ERP holds for `seconds` more, from now; raises Unknown, TooLate."""
    with _entry(seller, code, receipt) as (_order, entry):
        if entry is None or entry.parked_at or entry.offered_version <= entry.acknowledged_version:
            raise TooLate(_("Order %(code)s is not held any more.") % {"code": code})
        entry.hidden_until = timezone.now() + timedelta(seconds=seconds)
        entry.save(update_fields=["hidden_until"])


def fail(seller: Seller, code: str, *, reason: str, receipt: UUID | None = None) -> None:
    """Keep why the ERP could not take an order and offer it again after a pause, or park it.

    Raises Unknown; TooLate where it is not waiting, or was offered again since.
    """
    with _entry(seller, code, receipt) as (order, entry):
        if entry is None or entry.version <= entry.acknowledged_version:
            raise TooLate(_("Order %(code)s is not held any more.") % {"code": code})
        now = timezone.now()
        entry.failures = min(entry.failures + 1, 30_000)
        entry.failure, entry.failed_at = reason, now
        # Telling the same failure twice, because the first answer was lost, counts once.
        entry.receipt = None
        notes = [_("The ERP could not take the order: %(reason)s") % {"reason": reason}]
        if entry.failures <= len(FAILURE_PAUSES):
            entry.hidden_until = now + FAILURE_PAUSES[entry.failures - 1]
        elif entry.parked_at is None:
            entry.hidden_until, entry.parked_at = None, now
            order.sync_status = Order.SyncStatus.ERROR
            order.save(update_fields=["sync_status"])
            news.parked(order)
            notes.append(_("Parked: the order is not offered until somebody puts it into the queue again."))
        entry.save()
        OrderEvent.objects.bulk_create(
            OrderEvent(order=order, at=now, source=OrderEvent.Source.ERP, note=note) for note in notes
        )


def replay(seller: Seller, codes: Collection[str]) -> list[str]:
    """Put orders into the queue again, parked ones too; return the codes the seller does not have."""
    found = Order.objects.filter(seller_id=seller.pk, code__in=codes)
    known = dict(found.values_list("code", "pk"))
    _put_back(seller, list(known.values()))
    return sorted(set(codes) - known.keys())


def replay_since(seller: Seller, since: datetime) -> int:
    """Put everything back that came in, changed, was taken or parked since then.

    For an ERP that was set back to a backup. Returns how many orders; what could not be read when it
    came in was never in the queue and stays out.
    """
    touched = Q(imported_at__gte=since) | Q(updated_at__gte=since) | Q(exported_at__gte=since)
    mine = Order.objects.filter(seller_id=seller.pk, queue_entry__isnull=False)
    ids = list(mine.filter(touched | Q(queue_entry__parked_at__gte=since)).values_list("pk", flat=True))
    _put_back(seller, ids)
    return len(ids)


def replay_parked(seller: Seller) -> int:
    """Put every parked order back; returns how many."""
    ids = list(QueueEntry.objects.parked().filter(seller_id=seller.pk).values_list("order_id", flat=True))
    _put_back(seller, ids)
    return len(ids)


def put_again(seller: Seller, code: str) -> None:
    """Offer one order to the ERP once more, from its current state; raises Unknown."""
    if replay(seller, [code]):
        raise _unknown(code)


def _put_back(seller: Seller, order_ids: Sequence[int]) -> None:
    ids = sorted(order_ids)
    for start in range(0, len(ids), REPLAY_BATCH):
        _put_some_back(seller, ids[start : start + REPLAY_BATCH])


@begin_again
def _put_some_back(seller: Seller, order_ids: Sequence[int]) -> None:
    orders = list(
        Order.objects.select_for_update(no_key=True)
        .filter(pk__in=order_ids)
        .order_by("pk")
        .only("pk", "seller_id", "code", "channel", "status_code", "status_type")
    )
    locked = [one.pk for one in orders]
    # One that a consumer holds at this moment, after earlier failures, stays as it is.
    resting = QueueEntry.objects.filter(order_id__in=locked, failures__gt=0, receipt__isnull=True)
    resting.update(failures=0, failure="", failed_at=None, parked_at=None, hidden_until=None)
    put(seller.pk, locked, timezone.now())
    news.changed(orders)


def extend_many(seller: Seller, items: Collection[Item], seconds: int) -> Answered:
    """Hide a batch for longer."""
    return _each(items, lambda one: extend(seller, one.code, seconds=seconds, receipt=one.receipt))


def fail_many(seller: Seller, items: Collection[Item]) -> Answered:
    """Keep a batch of failures."""
    return _each(items, lambda one: fail(seller, one.code, reason=one.reason, receipt=one.receipt))


def summary(seller: Seller, now: datetime) -> Summary:
    """Count a seller's queue."""
    mine = QueueEntry.objects.filter(seller_id=seller.pk)
    hidden = Q(hidden_until__gt=now)
    found = mine.waiting().aggregate(
        all=Count("pk"), hidden=Count("pk", filter=hidden), oldest=Min("waiting_since")
    )
    return Summary(
        waiting=found["all"] - found["hidden"],
        hidden=found["hidden"],
        parked=mine.parked().count(),
        oldest_waiting_at=found["oldest"],
    )


def _each(items: Collection[Item], work: Callable[[Item], object]) -> Answered:
    answered = Answered([], [])
    # In one fixed order, so that two consumers with overlapping batches cannot lock each other out.
    for one in sorted({item.code: item for item in items}.values(), key=lambda item: item.code):
        try:
            work(one)
        except Unknown:
            answered.unknown.append(one.code)
        except TooLate:
            answered.late.append(one.code)
    return answered


@contextmanager
def _entry(seller: Seller, code: str, receipt: UUID | None) -> Iterator[tuple[Order, QueueEntry | None]]:
    """Lock an order and its entry for a change; raises Unknown, TooLate for an older offer's receipt."""
    with transaction.atomic():
        order = Order.objects.select_for_update(no_key=True).filter(seller_id=seller.pk, code=code).first()
        if order is None:
            raise _unknown(code)
        entry = QueueEntry.objects.select_for_update().filter(order_id=order.pk).first()
        if receipt is not None and (entry is None or entry.receipt != receipt):
            raise _too_late(code)
        yield order, entry


def _too_late(code: str) -> TooLate:
    return TooLate(_("Order %(code)s was offered again: this receipt is too old.") % {"code": code})


def _unknown(code: str) -> Unknown:
    return Unknown(_("Order %(code)s was not found.") % {"code": code})
