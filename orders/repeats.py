"""Second attempts a person asks for: tell a marketplace again, offer an order to the ERP again."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from hub.models import Seller
from hub.refusals import Refusal, Unknown
from marketplaces import engine
from marketplaces.models import Lane
from orders.models import Notice, OrderEvent


@transaction.atomic
def tell_again(seller: Seller, notice_id: int) -> Notice:
    """Let a refused notice be told once more, in its order's turn; raises Unknown or Refusal."""
    notice = (
        Notice.objects.select_for_update(of=("self",))
        .filter(pk=notice_id, order__seller_id=seller.pk)
        .first()
    )
    if notice is None:
        raise Unknown(_("There is no such notice."))
    if notice.action == Notice.Action.CANCEL:
        # A refused cancellation brought the order back to life; the ERP cancels it anew.
        raise Refusal(_("Cancel the order again in the ERP: it went on after the refusal."))
    if notice.state != Notice.State.REFUSED:
        raise Refusal(_("Only what was refused can be repeated."))
    notice.state, notice.due_at, notice.ignored_at = Notice.State.WAITING, timezone.now(), None
    notice.save(update_fields=["state", "due_at", "ignored_at"])
    OrderEvent.objects.create(
        order_id=notice.order_id,
        source=OrderEvent.Source.PORTAL,
        note=_("Will be told again: %(action)s.") % {"action": notice.get_action_display()},
    )
    engine.nudge(notice.connection_id, Lane.Kind.FULFILMENT.value)
    return notice
