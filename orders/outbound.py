"""Lane "fulfilment": tell the marketplace what the seller did with its orders, in the order it was done."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from hub.transactions import begin_again
from marketplaces.contract import (
    CredentialsRejected,
    FulfilmentSink,
    Refused,
    Throttled,
    Unavailable,
)
from marketplaces.engine import SliceOver, Turn
from orders import notices
from orders.models import Notice, Order, OrderEvent
from orders.services.seller import cancel_refused

logger = logging.getLogger(__name__)
IDLE = timedelta(seconds=30)
"""The next look when nothing waits; a new notice nudges the lane anyway."""
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=15)
FAILURES_IN_A_ROW = 3
"""So many orders failing one after the other are the marketplace's trouble, not the orders'."""


def tell_marketplace(turn: Turn) -> timedelta:
    """Tell what waits, untried and oldest first; a notice waits only for earlier ones of its own order."""
    sink = turn.adapter
    failures = 0
    while turn.has_time():
        now = timezone.now()
        notice = _next(turn.connection.pk, now)
        if notice is None:
            return _pause(turn.connection.pk, now)
        try:
            if not isinstance(sink, FulfilmentSink):
                raise Refused(_("This marketplace takes no reports about orders; report it there."))
            turn.call(lambda target=sink, one=notice: notices.tell(target, one))  # type: ignore[misc]
        except Refused as refusal:
            _refused(notice, refusal)
        except (SliceOver, Throttled):
            raise
        except (CredentialsRejected, Unavailable) as error:
            # Set aside: it may be this order the marketplace forbids or chokes on, and others wait.
            _set_aside(notice, error, now)
            raise
        except Exception as error:
            logger.exception("notice %s (%s) failed", notice.pk, notice.action)
            _set_aside(notice, error, now)
            failures += 1
            if failures == FAILURES_IN_A_ROW:
                raise
        else:
            failures = 0
            _told(notice)
    return timedelta(0)


def _next(connection_id: int, now: datetime) -> Notice | None:
    earlier = Notice.objects.filter(
        order_id=OuterRef("order_id"), state=Notice.State.WAITING, pk__lt=OuterRef("pk")
    )
    return (
        Notice.objects.filter(connection_id=connection_id, state=Notice.State.WAITING, due_at__lte=now)
        .exclude(Exists(earlier))
        .select_related("order")
        # What failed before comes after what was never tried: an order that always fails starves nobody.
        .order_by("attempts", "pk")
        .first()
    )


def _pause(connection_id: int, now: datetime) -> timedelta:
    waiting = Notice.objects.filter(connection_id=connection_id, state=Notice.State.WAITING)
    soonest = waiting.filter(due_at__gt=now).order_by("due_at").values_list("due_at", flat=True).first()
    return min(IDLE, soonest - now) if soonest else IDLE


def _told(notice: Notice) -> None:
    with transaction.atomic():
        mine = Notice.objects.filter(pk=notice.pk, state=Notice.State.WAITING)
        if mine.update(state=Notice.State.DONE, told_at=timezone.now(), error="", attempts=F("attempts") + 1):
            said = _("The marketplace was told: %(action)s.") % {"action": notice.get_action_display()}
            OrderEvent.objects.create(order_id=notice.order_id, source=OrderEvent.Source.HUB, note=said)


@begin_again
def _refused(notice: Notice, refusal: Refused) -> None:
    """Keep the marketplace's words; later notices of the order go on, and the ERP may send again."""
    words = str(refusal)[:2000]
    order = Order.objects.select_for_update(no_key=True).get(pk=notice.order_id)
    mine = Notice.objects.filter(pk=notice.pk, state=Notice.State.WAITING)
    refused = {"state": Notice.State.REFUSED, "refused_at": timezone.now(), "error": words}
    if not mine.update(**refused, attempts=F("attempts") + 1):
        return
    OrderEvent.objects.create(
        order=order,
        source=OrderEvent.Source.MARKETPLACE,
        note=_("Refused: %(action)s. The marketplace said: %(words)s")
        % {"action": notice.get_action_display(), "words": words},
    )
    if notice.action == Notice.Action.CANCEL:
        cancel_refused(order)


def _set_aside(notice: Notice, error: Exception, now: datetime) -> None:
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(notice.attempts, 12))
    Notice.objects.filter(pk=notice.pk, state=Notice.State.WAITING).update(
        attempts=F("attempts") + 1, due_at=now + pause, error=f"{type(error).__name__}: {error}"[:2000]
    )
