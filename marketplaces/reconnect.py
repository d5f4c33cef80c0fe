"""Refused listings after a change in the ERP: errors close by themselves, and what passes may go out again.

Where the seller opted in, the corrected listings are collected for some seconds and reconnected in one
automatic load. It never goes round in circles: data the marketplace has refused are not sent again by
themselves, and a listing gets so many automatic tries a day.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import Count, QuerySet
from django.utils import timezone

from hub.transactions import begin_again
from marketplaces import ledger, services, states
from marketplaces.contract import Facet, IssueKind
from marketplaces.contract import Issue as Said
from marketplaces.ledger import Due
from marketplaces.models import Connection, Issue, Listing, Load, LoadItem, Sync
from marketplaces.states import Refusal

logger = logging.getLogger(__name__)

COLLECT = timedelta(seconds=10)
"""How long corrected listings are gathered before they go out together."""
TRIES = 3
"""Automatic loads of one day in which a listing may be refused; then a person must press the button."""
TERMS = frozenset({"price", "list_price", "quantity"})
"""Fields the fingerprint of the content leaves out."""


def refused_there(fingerprints: Mapping[int, str]) -> dict[int, list[Issue]]:
    """Return what the marketplace said of listings whose data are still the very ones it refused.

    `fingerprints` are those of the data as they are now, by listing. What was said of a price is left
    out: the fingerprint does not tell whether the price has changed.
    """
    sent: dict[int, datetime] = {
        listing_id: sent_at
        for listing_id, value, sent_at in Sync.objects.filter(
            listing_id__in=fingerprints, facet=Facet.CONTENT.value, sent_at__isnull=False
        ).values_list("listing_id", "sent_value", "sent_at")
        if sent_at is not None and value == fingerprints[listing_id]
    }
    said: dict[int, list[Issue]] = defaultdict(list)
    for issue in Issue.objects.filter(
        listing_id__in=sent,
        facet=Facet.CONTENT.value,
        origin=Issue.Origin.MARKETPLACE,
        closed_because__in=("", Issue.Closed.CORRECTED),
    ).order_by("id"):
        if issue.created_at >= sent[issue.listing_id]:
            said[issue.listing_id].append(issue)
    return {
        listing_id: issues
        for listing_id, issues in said.items()
        if not any(issue.field in TERMS for issue in issues)
    }


@begin_again
def settle_check(
    connection: Connection,
    dues: Sequence[Due],
    still: Sequence[Refusal],
    untouched: Mapping[int, Sequence[Issue]],
) -> None:
    """Write down what our repeated check said; `untouched` have the very data the marketplace refused."""
    states.recheck(connection.seller_id, connection.pk, still, untouched.keys())
    _stand_again(connection, untouched)
    wrong = {one.listing_id for one in still} | untouched.keys()
    corrected = [due for due in dues if due.listing_id not in wrong]
    ids = [due.listing_id for due in corrected]
    states.close_issues(ids, Facet.CONTENT, Issue.Closed.CORRECTED)
    Listing.objects.filter(pk__in=wrong).update(corrected_at=None)
    Listing.objects.filter(pk__in=ids, corrected_at__isnull=True).update(corrected_at=timezone.now())
    tired = set(_tired(connection).filter(listing_id__in=ids)) if connection.auto_reconnect else set()
    going = [due for due in corrected if connection.auto_reconnect and due.listing_id not in tired]
    gone = {due.listing_id for due in going}
    ledger.clear(
        Facet.CONTENT, [(due.listing_id, due.version, "") for due in dues if due.listing_id not in gone]
    )
    if going and not _go(connection, gone, timezone.now()):
        ledger.wait(Facet.CONTENT, [(due.listing_id, due.version, "") for due in going], COLLECT)


def _stand_again(connection: Connection, untouched: Mapping[int, Sequence[Issue]]) -> None:
    """Tell again what had closed as corrected: the data came back to what was refused."""
    back = [
        Refusal(
            listing_id,
            None,
            issues[-1].version,
            tuple(Said(IssueKind(one.kind), one.field, one.code, one.message, one.params) for one in issues),
        )
        for listing_id, issues in untouched.items()
        if all(one.closed_at is not None for one in issues)
    ]
    states.open_issues(connection.seller_id, connection.pk, Facet.CONTENT, Issue.Origin.MARKETPLACE, back)


def _tired(connection: Connection) -> QuerySet[LoadItem, int]:
    """The listings that were refused in enough automatic loads of the last day."""
    today = Load.objects.filter(
        connection=connection,
        origin=Load.Origin.AUTOMATIC,
        created_at__gte=timezone.now() - timedelta(days=1),
    )
    refused = LoadItem.objects.filter(load__in=today, state=LoadItem.State.ERROR).order_by()
    often = refused.values("listing_id").annotate(tries=Count("id")).filter(tries__gte=TRIES)
    return often.values_list("listing_id", flat=True)


def _go(connection: Connection, ids: Collection[int], now: datetime) -> bool:
    """Start the automatic load when one of these has waited long enough; everything corrected goes along."""
    waiting = Listing.objects.filter(
        seller_id=connection.seller_id,
        connection=connection,
        state=Listing.State.ERROR,
        intent=Listing.Intent.LISTED,
        corrected_at__isnull=False,
    )
    if not waiting.filter(pk__in=ids, corrected_at__lte=now - COLLECT).exists():
        return False
    try:
        services.start_load(
            connection=connection,
            action=Load.Action.RECONNECT,
            listings=waiting.exclude(pk__in=list(_tired(connection))),
            origin=Load.Origin.AUTOMATIC,
        )
    except services.NotPossible as reason:
        logger.info("connection %s: nothing reconnects by itself: %s", connection.pk, reason)
        return False
    return True
