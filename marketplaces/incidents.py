"""When a marketplace itself is in trouble: noticing it, pausing, trying again, coming back gently.

One seller's failures never pause a marketplace; the same failure of many accounts of several sellers does.
While an incident is open its pause is renewed again and again, so a hub whose watch died goes on by itself.
Every `canary` seconds one of the lanes that failed is let through. Its success ends the pause; the other
lanes come back one after the other, order updates and stock first; and only after a quiet while is the
incident over, so that a marketplace that comes and goes stays one incident.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection as database
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from hub.models import User
from marketplaces import engine, pulse
from marketplaces.models import Connection, Incident, Lane, Marketplace, Sync

logger = logging.getLogger(__name__)

PAUSE = timedelta(seconds=60)
"""How long a pause lasts that nobody renews."""
LOOK_EVERY = 2.0
"""Seconds between two looks of the watch."""
REMEMBERED = timedelta(hours=1)
MOST_DOUBLINGS = 3
"""Each incident within the hour before doubles the quiet time after the next, this often at most."""
WATCH_LOCK = 6_140_009


def rule(name: str) -> int:
    """Return one of the numbers of HUB_INCIDENTS."""
    return int(settings.HUB_INCIDENTS[name])


def watch(now: datetime) -> None:
    """Open, follow and close incidents; of several dispatchers one does it at a time."""
    with transaction.atomic():
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [WATCH_LOCK])
            if not cursor.fetchone()[0]:
                return
        mine = Incident.objects.open().select_for_update(of=("self",)).select_related("marketplace", "canary")
        followed = {incident.marketplace_id: incident for incident in mine}
        if not followed and not _anything_fails(now):
            return
        calls = pulse.calls(now, rule("seconds"))
        for incident in followed.values():
            _follow(incident, now, calls.get(incident.marketplace_id, pulse.Calls()))
        for key, seen in calls.items():
            if key not in followed and is_trouble(seen):
                _open(key, now, seen)


def _anything_fails(now: datetime) -> bool:
    """Tell cheaply, on a day like any other, that there is nothing to look into."""
    since = now - timedelta(seconds=rule("seconds"))
    failing = Lane.objects.filter(failures__gt=0, last_error_at__gt=since)
    return 0 < rule("connections") <= failing.count()


def is_trouble(seen: pulse.Calls) -> bool:
    """Tell whether so many accounts get no answer that the marketplace, not they, must be at fault."""
    return (
        0 < rule("connections") <= seen.failing
        and seen.sellers >= rule("sellers")
        and seen.percent >= rule("percent")
    )


def _open(key: str, now: datetime, seen: pulse.Calls) -> None:
    incident = Incident(
        marketplace_id=key,
        opened_at=now,
        problem=seen.problem,
        connections=seen.failing,
        sellers=seen.sellers,
        calling=seen.calling,
    )
    _renew_pause(incident, now)
    incident.save()
    logger.warning(
        "%s is in trouble: %d of %d accounts get no answer (%s); paused",
        key,
        seen.failing,
        seen.calling,
        seen.problem,
    )


def _follow(incident: Incident, now: datetime, seen: pulse.Calls) -> None:
    if incident.is_by_hand:
        _renew_pause(incident, now)
    elif incident.recovered_at is None:
        if _canary_came_back(incident):
            _recover(incident, now)
        else:
            is_ours = _renew_pause(incident, now)
            following = (incident.canary_at or incident.opened_at) + timedelta(seconds=rule("canary"))
            if is_ours and now >= following:
                _send_canary(incident, now)
    elif is_trouble(seen):
        logger.warning("%s failed again while coming back; paused", incident.marketplace_id)
        incident.recovered_at, incident.relapses = None, incident.relapses + 1
        incident.canary, incident.canary_at = None, now
        _renew_pause(incident, now)
    elif now >= incident.recovered_at + _quiet(incident, now):
        logger.warning("%s works again after %s", incident.marketplace_id, incident.duration)
        incident.closed_at = now
    incident.save()


def _renew_pause(incident: Incident, now: datetime) -> bool:
    """Pause the marketplace a little longer; False where a longer pause of staff's is in force."""
    until = now + PAUSE
    shorter = Q(paused_until__isnull=True) | Q(paused_until__lt=until)
    is_ours = bool(Marketplace.objects.filter(shorter, pk=incident.marketplace_id).update(paused_until=until))
    if is_ours:
        incident.paused_until = until
    return is_ours


def _end_pause(incident: Incident, now: datetime) -> None:
    """Let the lanes run again, spread over a while, the urgent kinds early in it."""
    mine = Marketplace.objects.filter(pk=incident.marketplace_id, paused_until=incident.paused_until)
    if incident.paused_until is None or not mine.update(paused_until=None):
        return
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE marketplaces_lane l SET canary_until = NULL, queued_at = NULL, "
            "run_at = %(now)s + random() * make_interval(secs => %(ramp)s::float8 "
            "* array_position(%(kinds)s::text[], l.kind::text) / cardinality(%(kinds)s::text[])) "
            "FROM marketplaces_connection c WHERE c.id = l.connection_id "
            "AND c.marketplace_id = %(marketplace)s AND l.lease_until IS NULL "
            "AND (l.failures > 0 OR l.run_at < %(now)s)",
            {
                "now": now,
                "ramp": rule("ramp"),
                "kinds": list(Lane.Kind.values),
                "marketplace": incident.marketplace_id,
            },
        )


def _canary_came_back(incident: Incident) -> bool:
    lane, sent = incident.canary, incident.canary_at
    return bool(lane and sent and lane.answered_at and lane.answered_at > sent)


def _send_canary(incident: Incident, now: datetime) -> None:
    """Let one of the lanes that failed through for one run, each time another one.

    A lane that never failed proves nothing: it may use what still works there. Whether a lane failed is told
    by its stamps, because a person's "try again" forgets its count. Where no account that failed is left
    (paused, closed, without credentials), another account's orders find out: a pause must not outlive them.
    """
    work = Sync.objects.filter(
        connection_id=OuterRef("connection_id"), facet=OuterRef("kind"), due_at__isnull=False
    )
    mine = Lane.objects.filter(
        connection__in=Connection.objects.working().filter(marketplace=incident.marketplace_id),
        lease_until__isnull=True,
    )
    failed = mine.filter(
        Q(answered_at__isnull=True) | Q(answered_at__lt=F("last_error_at")),
        last_error_at__gte=incident.opened_at - timedelta(seconds=rule("seconds")),
    ).filter(~Q(kind__in=Lane.FACETS) | Exists(work))
    turn = (F("canary_until").asc(nulls_first=True), "-failures", "pk")
    others = mine.filter(kind=Lane.Kind.ORDERS, connection__sync_orders=True)
    lane = failed.order_by(*turn).first() or others.order_by(*turn).first()
    incident.canary, incident.canary_at = lane, now
    if lane is None:
        return
    incident.canaries += 1
    Lane.objects.filter(pk=lane.pk).update(canary_until=now + engine.LEASE, run_at=now, queued_at=None)
    engine.wake(lane.connection_id, lane.kind)


def _recover(incident: Incident, now: datetime) -> None:
    logger.warning("%s answers again; its lanes come back", incident.marketplace_id)
    incident.recovered_at = now
    _end_pause(incident, now)


def _quiet(incident: Incident, now: datetime) -> timedelta:
    earlier = Incident.objects.filter(
        marketplace=incident.marketplace_id, closed_at__gt=now - REMEMBERED, is_by_hand=False
    ).count()
    base = max(rule("quiet"), rule("ramp"))
    return timedelta(seconds=base * 2 ** min(MOST_DOUBLINGS, earlier + incident.relapses))


# --- by hand ----------------------------------------------------------------------------------


def open_by_hand(marketplace: Marketplace, by: User) -> bool:
    """Pause a marketplace until staff says otherwise; False when it has an open incident already."""
    now = timezone.now()
    with transaction.atomic():
        Marketplace.objects.select_for_update().get(pk=marketplace.pk)
        if Incident.objects.open().filter(marketplace=marketplace).exists():
            return False
        incident = Incident(marketplace=marketplace, opened_at=now, opened_by=by, is_by_hand=True)
        _renew_pause(incident, now)
        incident.save()
    return True


def close_by_hand(incident: Incident, by: User) -> bool:
    """End an incident and its pause now; False when it is over already."""
    now = timezone.now()
    with transaction.atomic():
        fresh = Incident.objects.open().select_for_update().filter(pk=incident.pk).first()
        if fresh is None:
            return False
        if fresh.recovered_at is None:
            _end_pause(fresh, now)
        fresh.closed_at, fresh.closed_by = now, by
        fresh.save()
    return True


def mute(incident: Incident, *, muted: bool) -> None:
    """Tell sellers of it no more, or again; the pause and the canaries go on."""
    Incident.objects.filter(pk=incident.pk).update(muted_at=timezone.now() if muted else None)


def of_seller(seller_id: int) -> list[Incident]:
    """The open incidents a seller is told of: of marketplaces where it has an account."""
    accounts = Connection.objects.filter(seller_id=seller_id, marketplace=OuterRef("marketplace"))
    shown = Incident.objects.open().filter(Exists(accounts), muted_at__isnull=True)
    return list(shown.select_related("marketplace").order_by("id"))


def sells_elsewhere(seller_id: int) -> bool:
    """Tell whether a seller has a working account at a marketplace that is in no trouble."""
    troubled = Incident.objects.open().values("marketplace")
    mine = Connection.objects.working().filter(seller_id=seller_id)
    return mine.exclude(marketplace__in=troubled).exists()
