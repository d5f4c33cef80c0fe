"""Prices the guard keeps back until a person has looked: kept, overtaken, approved, rejected.

In the ledger a held price counts as refused at its version, so nothing is sent until something newer is
wanted; approving wants it anew, and the decision is remembered for as long as it is about that figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection as database
from django.db.models import QuerySet
from django.utils import timezone

from hub.models import User
from hub.transactions import begin_again
from marketplaces import engine, ledger, pricing
from marketplaces.models import HeldPrice, Lane, Sync
from marketplaces.pricing import Price

State = HeldPrice.State


@dataclass(frozen=True, slots=True)
class Kept:
    """One price that is not sent, and what it is compared with."""

    listing_id: int
    version: int
    was: Price
    wanted: Price
    hold: HeldPrice | None = None
    """What was held before, where that is about this very figure."""


def newest(listing_ids: Sequence[int]) -> Mapping[int, HeldPrice]:
    """Return the last thing held on each of these listings, whatever became of it."""
    rows = HeldPrice.objects.filter(listing_id__in=listing_ids).order_by("listing_id", "-id")
    return {one.listing_id: one for one in rows.distinct("listing_id")}


def stands(hold: HeldPrice | None, confirmed_version: int, wanted: Price) -> bool:
    """Tell whether a hold is about this very figure and nothing took its place, or was confirmed, since."""
    return (
        hold is not None
        and hold.state != State.REPLACED
        and hold.value == wanted
        and hold.version > confirmed_version
    )


def is_approved(hold: HeldPrice | None, confirmed_version: int, wanted: Price) -> bool:
    """Tell whether somebody let just this figure go out."""
    return hold is not None and hold.state == State.APPROVED and stands(hold, confirmed_version, wanted)


def standing(syncs: Iterable[Sync]) -> dict[int, HeldPrice]:
    """Return, by listing, what keeps these price rows from being sent: open holds and rejected ones."""
    kept = {one.listing_id: one for one in syncs if one.refused_version == one.wanted_version}
    return {
        listing_id: hold
        for listing_id, hold in newest(list(kept)).items()
        if hold.state in (State.OPEN, State.REJECTED) and hold.version == kept[listing_id].wanted_version
    }


@begin_again
def keep_back(seller_id: int, connection_id: int, kept: Iterable[Kept]) -> None:
    """Write these prices down as held; a hold that stands only moves on to the newest version."""
    rows = sorted(kept, key=lambda one: one.listing_id)
    if not rows:
        return
    ledger.keep_back([(one.listing_id, one.version, one.wanted.text) for one in rows])
    standing: list[HeldPrice] = []
    fresh: list[Kept] = []
    for one in rows:
        if one.hold is None:
            fresh.append(one)
        else:
            one.hold.version = one.version
            standing.append(one.hold)
    HeldPrice.objects.bulk_update(standing, ["version"])
    overtake([one.listing_id for one in fresh])
    HeldPrice.objects.bulk_create(
        HeldPrice(
            seller_id=seller_id,
            connection_id=connection_id,
            listing_id=one.listing_id,
            version=one.version,
            was=one.was.price,
            price=one.wanted.price,
            list_price=one.wanted.list_price,
            percent=pricing.change(one.was.price, one.wanted.price),
        )
        for one in fresh
    )


def overtake(listing_ids: Sequence[int]) -> None:
    """Close what is open on these listings: another price took its place, or they are off sale."""
    if listing_ids:
        HeldPrice.objects.filter(listing_id__in=listing_ids, state=State.OPEN).update(
            state=State.REPLACED, decided_at=timezone.now()
        )


# Only what is still wanted can be decided on: a figure that came meanwhile is weighed by itself.
_DECIDE = """
UPDATE marketplaces_heldprice h SET state = %s, decided_at = now(), decided_by_id = %s
FROM marketplaces_sync s
WHERE h.id = ANY(%s) AND h.seller_id = %s AND h.state = ANY(%s)
  AND s.listing_id = h.listing_id AND s.facet = 'price' AND s.wanted_version = h.version
RETURNING h.listing_id, h.connection_id
"""

# What is frozen waits on: the approval is remembered, and the price goes out when it is released.
_SEND = """
UPDATE marketplaces_sync SET wanted_version = wanted_version + 1, failures = 0,
    why = 'approved', why_version = wanted_version + 1,
    due_at = CASE WHEN frozen_at IS NULL THEN now() END,
    drift = CASE WHEN drift = 'held' THEN '' ELSE drift END
WHERE facet = 'price' AND listing_id = ANY(%s)
"""


def _decide(
    seller_id: int, holds: QuerySet[Any], state: str, before: Sequence[str], by: User | None
) -> list[tuple[int, int]]:
    ids = sorted(holds.order_by().values_list("pk", flat=True))
    with database.cursor() as cursor:
        cursor.execute(_DECIDE, [state, by.pk if by else None, ids, seller_id, list(before)])
        return [(int(listing), int(connection)) for listing, connection in cursor.fetchall()]


@begin_again
def approve(seller_id: int, holds: QuerySet[Any], by: User | None) -> int:
    """Let these prices go out, also ones rejected before; returns how many were still wanted."""
    decided = _decide(seller_id, holds, State.APPROVED, [State.OPEN, State.REJECTED], by)
    with database.cursor() as cursor:
        cursor.execute(_SEND, [sorted(listing for listing, _connection in decided)])
    for connection_id in {connection for _listing, connection in decided}:
        engine.wake(connection_id, Lane.Kind.PRICE)
    return len(decided)


@begin_again
def reject(seller_id: int, holds: QuerySet[Any], by: User | None) -> int:
    """Keep the prices that are there until the ERP sends others; returns how many were still open."""
    return len(_decide(seller_id, holds, State.REJECTED, [State.OPEN], by))
