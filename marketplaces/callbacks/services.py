"""Telling ERPs what happened, and keeping the addresses to tell it to.

What is announced is written down in the caller's transaction: it is told if, and only if, it happened.
Two things that happen to one order, load or listing are written in their order, because whoever
changes it holds its row.
"""

from __future__ import annotations

import json
import secrets
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.postgres.functions import TransactionNow
from django.db import connection as database
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from hub.models import Seller, User
from hub.refusals import Refusal
from hub.vault import SealBroken
from marketplaces.callbacks.models import Delivery, Event, Subscription
from marketplaces.models import Connection, Issue, Listing, Load, LoadItem

MOST_SUBSCRIPTIONS = 20
ISSUES_PER_CALL = 100
OLD_SECRET_IS_VALID = timedelta(hours=24)
"""After a new secret was made: as long the ERP has to learn it."""
SUBSCRIBABLE = tuple(one.value for one in Event if one is not Event.PING)

# The dispatcher listens on "hub" (engine.CHANNEL); the notification goes out with the commit.
_ANNOUNCE = """
WITH told AS (
    INSERT INTO marketplaces_delivery (seller_id, subscription_id, event, data, created_at, waiting_since)
    SELECT s.seller_id, s.id, %(event)s, p.data, %(now)s, %(now)s
    FROM marketplaces_subscription s,
         jsonb_array_elements(%(payloads)s::jsonb) WITH ORDINALITY AS p (data, place)
    WHERE s.seller_id = %(seller)s AND s.is_active AND %(event)s = ANY (s.events)
    ORDER BY p.place, s.id
    RETURNING id
)
SELECT pg_notify('hub', 'webhooks') FROM (SELECT id FROM told LIMIT 1) AS any_of_them
"""


def announce(seller_id: int, event: Event, payloads: Sequence[dict[str, Any]]) -> None:
    """Owe each of these to everybody who wants to hear of it, in this order: one statement."""
    if payloads:
        with database.cursor() as cursor:
            values: dict[str, Any] = {
                "seller": seller_id,
                "event": event.value,
                "payloads": json.dumps(payloads),
                "now": timezone.now(),
            }
            cursor.execute(_ANNOUNCE, values)


def is_heard(seller_id: int, *events: Event) -> bool:
    """Say whether anybody wants to hear of such events, before anything is read for them."""
    wanted = Subscription.objects.filter(
        seller_id=seller_id, is_active=True, events__overlap=[one.value for one in events]
    )
    return wanted.exists()


def connection_lost(connection: Connection) -> None:
    """Tell that a marketplace refuses an account's credentials."""
    data = {"connection": connection.name, "marketplace": connection.marketplace_id}
    announce(connection.seller_id, Event.CONNECTION_LOST, [data])


def loads_finished(load_ids: Collection[int]) -> None:
    """Tell that loads have all their results."""
    if not load_ids:
        return
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    rows = LoadItem.objects.filter(load_id__in=load_ids).order_by()
    for load_id, state, count in rows.values_list("load_id", "state").annotate(n=Count("id")):
        counts[load_id][state] = count
    for load in Load.objects.filter(pk__in=load_ids).select_related("connection").order_by("pk"):
        data = {
            "number": load.number,
            "connection": load.connection.name,
            "action": load.action,
            "total": load.total,
            "items": counts[load.pk],
        }
        announce(load.seller_id, Event.LOAD_FINISHED, [data])


def issues_changed(listing_ids: Collection[int], facet: str, since: datetime) -> None:
    """Tell which issues of these listings of one seller were opened and closed since, in this transaction.

    A cause closed and opened again, because the same refusal came back, is neither.
    """
    first = Listing.objects.filter(pk__in=list(listing_ids)[:1]).values_list("seller_id", flat=True).first()
    if first is None or not is_heard(first, Event.ISSUE_OPENED, Event.ISSUE_CLOSED):
        return
    rows = Issue.objects.filter(listing_id__in=listing_ids, facet=facet)
    _tell_issues(first, rows.filter(Q(created_at__gte=since) | Q(closed_at__gte=since)))


def issues_resent(load: Load) -> None:
    """Tell which issues this very transaction closed because their listings are sent again."""
    if is_heard(load.seller_id, Event.ISSUE_CLOSED):
        rows = Issue.objects.filter(listing__load=load, closed_because=Issue.Closed.RESENT)
        _tell_issues(load.seller_id, rows.filter(closed_at=TransactionNow()))


def _tell_issues(seller_id: int, rows: QuerySet[Issue]) -> None:
    opened: dict[tuple[Any, ...], dict[str, Any]] = {}
    closed: dict[tuple[Any, ...], dict[str, Any]] = {}
    for issue in rows.select_related("connection", "listing__variation", "load").order_by("id"):
        key = (issue.listing_id, issue.kind, issue.code, issue.field)
        data = {
            "sku": issue.listing.variation.sku,
            "connection": issue.connection.name,
            "load": issue.load.number if issue.load else None,
            "facet": issue.facet,
            "code": issue.kind,
            "field": issue.field,
        }
        if issue.closed_at is None:
            opened[key] = data
        else:
            closed[key] = {**data, "because": issue.closed_because}
    for event, found, other in (
        (Event.ISSUE_CLOSED, closed, opened),
        (Event.ISSUE_OPENED, opened, closed),
    ):
        news = [data for key, data in found.items() if key not in other]
        announce(seller_id, event, [{"issues": some} for some in in_parts(news, ISSUES_PER_CALL)])


def in_parts(rows: Sequence[dict[str, Any]], size: int) -> list[list[dict[str, Any]]]:
    """Cut a list into lists of at most `size`."""
    return [list(rows[start : start + size]) for start in range(0, len(rows), size)]


def subscribe(
    seller: Seller, *, url: str, events: Sequence[str], is_active: bool = True, by: User | None = None
) -> tuple[Subscription, str]:
    """Add an address and return it with its secret, which is shown once; raises Refusal."""
    url, wanted = _address(url), _events(events)
    secret = _new_secret()
    with transaction.atomic():
        Seller.objects.select_for_update(no_key=True).only("pk").get(pk=seller.pk)
        if Subscription.objects.filter(seller_id=seller.pk).count() >= MOST_SUBSCRIPTIONS:
            raise Refusal(_("At most %(limit)s webhooks can be kept.") % {"limit": MOST_SUBSCRIPTIONS})
        row = Subscription(seller=seller, url=url, events=wanted, is_active=is_active, created_by=by)
        row.seal_secret(secret)
        row.save()
    return row, secret


def rotate_secret(subscription: Subscription) -> tuple[str, datetime]:
    """Make a new secret and return it, with the time until which calls carry the old signature, too.

    Raises Refusal where the old one cannot be read.
    """
    secret, old_until = _new_secret(), timezone.now() + OLD_SECRET_IS_VALID
    with transaction.atomic():
        row = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
        try:
            row.seal_secret(secret, old_until=old_until)
        except SealBroken:
            raise Refusal(_("The secret cannot be read. Delete this webhook and add it again.")) from None
        row.save(update_fields=["sealed_secret"])
    return secret, old_until


def _new_secret() -> str:
    return f"whsec_{secrets.token_urlsafe(32)}"


def change(
    subscription: Subscription,
    *,
    url: str | None = None,
    events: Sequence[str] | None = None,
    is_active: bool | None = None,
) -> None:
    """Change an address, what it hears of, or whether it is called; what waits is then tried at once."""
    if url is not None:
        subscription.url = _address(url)
    if events is not None:
        subscription.events = _events(events)
    if is_active is not None:
        subscription.is_active = is_active
    subscription.run_at = timezone.now()
    subscription.failures, subscription.failing_since = 0, None
    with transaction.atomic():
        subscription.save(update_fields=["url", "events", "is_active", "run_at", "failures", "failing_since"])
        Delivery.objects.filter(
            subscription=subscription, state=Delivery.State.WAITING, run_at__isnull=False
        ).update(run_at=None)
        wake()


def ping(subscription: Subscription) -> Delivery:
    """Owe a test call, which waits for nothing else; it is tried once."""
    if not subscription.is_active:
        raise Refusal(_("This webhook is switched off."))
    with transaction.atomic():
        delivery = Delivery.objects.create(
            seller_id=subscription.seller_id, subscription=subscription, event=Event.PING, data={}
        )
        _run_now(subscription)
    delivery.refresh_from_db()
    return delivery


def replay(delivery: Delivery) -> None:
    """Owe a call again, at once and under the same id, whatever became of it."""
    with transaction.atomic():
        Delivery.objects.filter(pk=delivery.pk).update(
            state=Delivery.State.WAITING,
            waiting_since=timezone.now(),
            run_at=None,
            delivered_at=None,
            attempts=0,
        )
        _run_now(delivery.subscription)


def skip(delivery: Delivery) -> None:
    """Do not make a call that waits, so that what happened later goes on at once; raises Refusal."""
    with transaction.atomic():
        waiting = Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.WAITING)
        if not waiting.update(state=Delivery.State.SKIPPED, run_at=None):
            raise Refusal(_("Only a call that waits can be skipped."))
        _run_now(delivery.subscription)


def _run_now(subscription: Subscription) -> None:
    Subscription.objects.filter(pk=subscription.pk).update(run_at=timezone.now())
    wake()


def wake() -> None:
    """Let the dispatchers look, at commit."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_notify('hub', 'webhooks')")


def _address(url: str) -> str:
    url = url.strip()
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_whole = False
    if not is_whole or parts.scheme not in ("http", "https") or "@" in parts.netloc or not url.isprintable():
        raise Refusal(_("%(field)s: send an address such as https://erp.example.com/hub.") % {"field": "url"})
    if parts.scheme == "http" and not settings.HUB_ALLOW_PRIVATE_ADDRESSES:
        raise Refusal(_("%(field)s: only https addresses are called.") % {"field": "url"})
    if len(url) > 500 or " " in url:
        raise Refusal(_("%(field)s: at most %(limit)s characters fit.") % {"field": "url", "limit": 500})
    return url


def _events(events: Sequence[str]) -> list[str]:
    wanted = list(dict.fromkeys(events))
    unknown = [one for one in wanted if one not in SUBSCRIBABLE]
    if unknown or not wanted:
        raise Refusal(
            _("%(field)s: send one or more of %(known)s.")
            % {"field": "events", "known": ", ".join(SUBSCRIBABLE)}
        )
    return wanted
