"""What goes with content: the quantity of this moment, the price in force, and what is frozen there.

Until a price of its own was confirmed, what a listing costs is what its publication carried. That is written
down before the call, because the answer may come days later or never, and the guard must know it by then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection as database

from hub.transactions import begin_again
from marketplaces import held, ledger
from marketplaces.contract import ContentItem, Facet
from marketplaces.models import Sync
from marketplaces.pricing import Price, Rules


def as_sent(
    rules: Rules, items: Mapping[int, ContentItem], sent_before: Mapping[int, datetime | None]
) -> dict[int, dict[str, Any]]:
    """Return the quantity and the price these listings' content goes out with, where not those it says.

    New prices go the price lane's way: otherwise a reconnect would publish a price that waits for
    approval, or cut one by more than the marketplace takes at once. One whose answer was lost has gone
    that way and may be in force: the one before would be older than what stands there. Where none was
    confirmed yet, or what was off sale comes back, a price the guard holds stays here, and the newest that
    may stand there, or the one it was sold at last, goes out; of what is frozen then what was seen there
    since content went out last (`sent_before`), or else that price too.
    """
    found: dict[int, dict[str, Any]] = {
        listing_id: {"quantity": quantity} for listing_id, quantity in ledger.offered(list(items)).items()
    }
    rows = list(Sync.objects.filter(listing_id__in=items).exclude(facet=Facet.CONTENT.value))
    waiting = _waiting(rules, rows, items)
    for row in rows:
        terms = found.setdefault(row.listing_id, {})
        # What was never answered may be in force, and is the newer of the two.
        unanswered = bool(row.sent_value) and row.sent_version > max(
            row.confirmed_version, row.refused_version
        )
        frozen = row.frozen_at is not None
        if not row.confirmed_value:
            before = sent_before[row.listing_id]
            is_newer = unanswered and row.sent_at and (before is None or row.sent_at > before)
            newest = row.sent_value if is_newer else row.carried_value or row.agreed_value
            seen = row.seen_value if frozen and row.seen_at and before and row.seen_at > before else ""
            stays = frozen or row.listing_id in waiting
            if stays and row.facet == Facet.PRICE.value and (price := Price.read(seen or newest)):
                terms |= {"price": price.price, "list_price": price.list_price}
            elif row.facet == Facet.STOCK.value and seen:
                terms["quantity"] = int(seen)
            continue
        # So may be one that was replaced by what was not taken: what was seen before that is older.
        in_doubt = unanswered or row.doubted_version > row.confirmed_version
        last_at = max(filter(None, (row.confirmed_at, row.sent_at if in_doubt else None)), default=None)
        is_seen = row.seen_at and last_at and row.seen_at > last_at
        said = row.sent_value if unanswered else row.confirmed_value
        text = row.seen_value if frozen and is_seen else said
        if row.facet == Facet.PRICE.value and (price := Price.read(text)):
            terms |= {"price": price.price, "list_price": price.list_price}
        elif row.facet == Facet.STOCK.value and frozen:
            terms["quantity"] = int(text)
    return found


def _waiting(rules: Rules, rows: Sequence[Sync], items: Mapping[int, ContentItem]) -> set[int]:
    """Return the listings without a confirmed price whose wanted one moves too far.

    One that was approved goes the price lane's way as well; what is refused there is left to the content.
    """
    far: dict[int, tuple[Sync, Price]] = {}
    for row in rows:
        if row.facet == Facet.PRICE.value and not row.confirmed_value:
            wanted = Price(items[row.listing_id].price, items[row.listing_id].list_price)
            if rules.holds(Price.read(row.agreed_value or row.carried_value), wanted):
                far[row.listing_id] = row, wanted
    holds = held.newest(list(far)) if far else {}
    return {
        listing_id
        for listing_id, (row, wanted) in far.items()
        if not (
            (hold := holds.get(listing_id))
            and held.is_approved(hold, row.confirmed_version, wanted)
            and hold.version < row.refused_version
        )
    }


_CARRY = """
UPDATE marketplaces_sync s SET carried_value = d.value
FROM jsonb_to_recordset(%s::jsonb) AS d(listing_id bigint, value text)
WHERE s.listing_id = d.listing_id AND s.facet = 'price' AND s.confirmed_value = ''
    AND s.carried_value <> d.value
"""


@begin_again
def carry(items: Mapping[int, ContentItem]) -> None:
    """Write down the prices that are about to go out with content, where none is known to be in force."""
    rows = [
        {"listing_id": listing_id, "value": Price(item.price, item.list_price).text}
        for listing_id, item in sorted(items.items())
    ]
    with database.cursor() as cursor:
        cursor.execute(_CARRY, [msgspec.json.encode(rows).decode()])


@begin_again
def settle(taken: Sequence[int], refused: Sequence[int] = ()) -> None:
    """The marketplace took these publications, and so their prices; what it refused was never in force."""
    if taken or refused:
        with database.cursor() as cursor:
            cursor.execute(
                "UPDATE marketplaces_sync s SET carried_value = '', agreed_value = "
                "CASE WHEN s.listing_id = ANY(%s) THEN s.carried_value ELSE s.agreed_value END "
                "WHERE s.facet = 'price' AND s.carried_value <> '' AND s.listing_id = ANY(%s)",
                [sorted(taken), sorted({*taken, *refused})],
            )
