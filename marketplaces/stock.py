"""What connections offer of the ERP's quantity: the sum as people read it, the buffers, the holds.

The sum itself is the view `marketplaces_offer`; what keeps it in step are triggers (migration 0007).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection as database
from django.db.models import F, QuerySet
from django.utils import timezone

from hub.models import User
from hub.transactions import begin_again
from marketplaces.models import Connection, Hold

BUFFERS = ("hold_stock", "stock_reserve", "stock_percentage", "stock_most")
"""What decides how much of the ERP's quantity a connection offers."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What one connection offers of one variation, and why."""

    erp: int
    """The ERP's own figure."""
    held: int
    """Sold, and not accounted for in the ERP's figure yet."""
    reserved: int
    """Kept back by the connection's buffers."""
    published: int
    """What is left; nothing of a disabled product."""

    @property
    def is_plain(self) -> bool:
        """True where the ERP's figure is offered as it is."""
        return self.erp == self.published


def offers(seller_id: int, variation_ids: Collection[int]) -> dict[tuple[int, int], Offer]:
    """Return what each of the seller's connections offers of these variations, listed there or not.

    The keys are (connection id, variation id).
    """
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT connection_id, variation_id, erp, held, reserved, published FROM marketplaces_offer "
            "WHERE seller_id = %s AND variation_id = ANY(%s)",
            [seller_id, list(variation_ids)],
        )
        return {(row[0], row[1]): Offer(*map(int, row[2:])) for row in cursor.fetchall()}


def set_buffers(*, connection: Connection) -> None:
    """Save how much of the ERP's quantity a connection offers; the listings this changes are sent."""
    connection.save(update_fields=BUFFERS)


@begin_again
def release(*, holds: QuerySet[Hold], by: User) -> int:
    """Let go what these orders hold, and note who did it; returns how many holds there were."""
    return holds.filter(held__gt=0).update(released=F("quantity"), released_at=timezone.now(), released_by=by)
