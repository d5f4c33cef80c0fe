"""Which orders a list asks for: SkyHub's `filters[...]`, with and without brackets."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

from django.db.models import Q
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _

from hub.models import Seller
from hub.refusals import Refusal
from orders import payloads
from orders.models import Order, OrderQuerySet

MANY = 100


def orders_asked_for(seller: Seller, params: QueryDict) -> OrderQuerySet:
    """Return the seller's orders that pass the query string's filters; empty values filter nothing."""
    found = Order.objects.filter(seller_id=seller.pk)
    if statuses := chosen(params, "statuses", "status"):
        found = found.filter(Q(status_code__in=statuses) | Q(status_type__in=statuses))
    if channels := chosen(params, "sale_system", "sale_systems"):
        found = found.filter(channel__in=channels)
    if sync := chosen(params, "sync_status"):
        unknown = [one for one in sync if one not in Order.SyncStatus.values]
        if unknown:
            known = ", ".join(Order.SyncStatus.values)
            raise Refusal(_("%(field)s: send one of %(known)s.") % {"field": "sync_status", "known": known})
        found = found.filter(sync_status__in=sync)
    if start := _bound(params, "start_date", last=False):
        found = found.filter(placed_at__gte=start)
    if end := _bound(params, "end_date", last=True):
        found = found.filter(placed_at__lt=end)
    return found


def chosen(params: QueryDict, *names: str) -> list[str]:
    """Collect a filter's values: `filters[x]=`, `filters[x][]=`, `filters[x][0]=`, `x=`, `x[]=`, repeated."""
    alternatives = "|".join(map(re.escape, names))
    key = re.compile(rf"(?:filters\[(?:{alternatives})\]|(?:{alternatives}))(?:\[\d*\])?")
    found = [value.strip() for name, many in params.lists() if key.fullmatch(name) for value in many]
    return [value.replace("\x00", "") for value in found if value][:MANY]


def _bound(params: QueryDict, name: str, *, last: bool) -> datetime | None:
    """Return where a span of days begins or ends; a day without a time counts whole."""
    said = chosen(params, name)
    if not said:
        return None
    at = payloads.moment(name, said[0])
    if at is None or not last:
        return at
    local = timezone.localtime(at)
    return at + (timedelta(days=1) if local.time() == time() else timedelta(microseconds=1))
