"""How long values take to reach the marketplaces, how far the read-back is, and what differs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from hub import tenancy
from hub.counting import capped_words
from hub.portal import portal_site
from marketplaces import drift, health, lag, showing
from marketplaces.admin.pages import account_of
from marketplaces.models import Connection, Sync

PERIODS = (
    ("1", gettext_lazy("Last hour")),
    ("24", gettext_lazy("Last 24 hours")),
    ("168", gettext_lazy("Last 7 days")),
    (str(lag.MOST_HOURS), gettext_lazy("Last 30 days")),
)
USUAL = str(lag.USUAL_HOURS)


@portal_site.page("sync/", "sync")
@require_GET
def synchronisation(request: HttpRequest) -> HttpResponse:
    """Show each account's lag per facet against its target, over a period."""
    seller = tenancy.actor(request).seller
    chosen = account_of(request, seller)
    asked = request.GET.get("hours", USUAL)
    hours = asked if asked in dict(PERIODS) else USUAL
    accounts = list(
        Connection.objects.filter(seller_id=seller.pk).select_related("marketplace").order_by("name", "id")
    )
    shown = [one for one in accounts if chosen is None or one == chosen]
    lags = lag.of(shown, lag.since(int(hours)))
    context = {
        "title": _("Synchronisation"),
        "cards": [
            {
                **_card(numbers),
                "lags": [
                    (one, showing.FACETS[one.facet]) for one in lags if one.connection == numbers.connection
                ],
            }
            for numbers in health.of(shown)
        ],
        "periods": PERIODS,
        "hours": hours,
        "accounts": accounts,
        "account": chosen,
    }
    return portal_site.render(request, "portal/marketplaces/sync.html", context)


def _card(numbers: health.Health) -> dict[str, Any]:
    connection = numbers.connection
    looks = Sync.objects.filter(connection=connection, look_at__isnull=False).order_by("look_at")
    return {
        "connection": connection,
        "health": numbers,
        "differences": capped_words(drift.rows([connection]).exclude(drift=Sync.Drift.FROZEN)),
        "frozen": capped_words(drift.rows([connection], Sync.Drift.FROZEN)),
        "gone": capped_words(drift.gone(connection.seller_id, [connection])),
        "next_look_at": looks.values_list("look_at", flat=True).first(),
        "period": round(connection.readback_period.total_seconds() / 3600),
    }


portal_site.menu("marketplaces", gettext_lazy("Synchronisation"), "speed", "sync", order=42)
