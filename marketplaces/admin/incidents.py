"""Marketplaces in trouble: what staff sees and does, and what sellers are told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter, RelatedDropdownFilter
from unfold.decorators import action, display

from hub.models import Seller, User
from hub.portal import Banner, portal_site
from hub.staff import ReadOnlyStaffAdmin
from marketplaces import incidents, pulse, showing
from marketplaces.models import Incident, Marketplace


class OverFilter(DropdownFilter):
    """Incidents that are open, or over."""

    title = _("open")
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The two answers."""
        return [("yes", _("Open")), ("no", _("Over"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """By the closing time."""
        if self.value() not in ("yes", "no"):
            return queryset
        return queryset.filter(closed_at__isnull=self.value() == "yes")


@admin.register(Incident)
class IncidentStaffAdmin(ReadOnlyStaffAdmin):
    """How marketplaces fare now, and when they did not."""

    list_before_template = "admin/marketplaces/pulse.html"
    list_display = (
        "marketplace",
        "show_state",
        "opened_at",
        "show_duration",
        "show_problem",
        "show_tries",
        "show_by",
        "show_muted",
    )
    list_filter = (OverFilter, ("marketplace", RelatedDropdownFilter))
    list_select_related = ("marketplace", "opened_by", "closed_by")
    fields = (
        "marketplace",
        "opened_at",
        "show_opened_by",
        "is_by_hand",
        "show_problem",
        "canaries",
        "canary_at",
        "relapses",
        "recovered_at",
        "closed_at",
        "show_closed_by",
        "show_duration",
        "muted_at",
    )
    readonly_fields = ("show_problem", "show_duration", "show_opened_by", "show_closed_by")
    ordering = ("-id",)
    sortable_by = ()
    actions = ("close", "mute", "unmute")

    class Media:
        css = {"all": ("hub/marketplaces.css",)}

    def has_repair_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Those who may change marketplaces."""
        return request.user.has_perm("marketplaces.change_marketplace")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Put how every marketplace fares now above the history."""
        work, calls = pulse.work(), pulse.calls(timezone.now(), incidents.rule("seconds"))
        open_now = {one.marketplace_id: one for one in Incident.objects.open()}
        rows = [
            {
                "marketplace": marketplace,
                "work": work.get(marketplace.key, pulse.Work()),
                "calls": calls.get(marketplace.key, pulse.Calls()),
                "incident": open_now.get(marketplace.key),
                "state": self.show_state(open_now[marketplace.key]) if marketplace.key in open_now else "",
                "paused": marketplace.paused_until if _is_paused(marketplace) else None,
            }
            for marketplace in Marketplace.objects.filter(is_enabled=True)
        ]
        told = {
            "title": _("Lanes and incidents"),
            "rows": rows,
            "may_repair": self.has_repair_permission(request),
        }
        response: HttpResponse = super().changelist_view(request, {**told, **(extra_context or {})})
        return response

    @display(description=_("state"))
    def show_state(self, incident: Incident) -> SafeString:
        """Where it stands, in its colour."""
        return showing.badge(incident.state, Incident.State(incident.state).label)

    @display(description=_("lasted"))
    def show_duration(self, incident: Incident) -> str:
        """How long the marketplace was away."""
        return lasted(incident.duration)

    @display(description=_("problem"))
    def show_problem(self, incident: Incident) -> str:
        """What the calls met, and how many accounts met it."""
        if incident.is_by_hand:
            return gettext("Paused by hand")
        return gettext("%(problem)s: %(failing)s of %(calling)s accounts, of %(sellers)s sellers") % {
            "problem": showing.TROUBLES.get(incident.problem, incident.problem),
            "failing": incident.connections,
            "calling": incident.calling,
            "sellers": incident.sellers,
        }

    @display(description=_("canaries · relapses"))
    def show_tries(self, incident: Incident) -> str:
        """How often it was tried, and failed again while coming back."""
        return f"{incident.canaries} · {incident.relapses}"

    @display(description=_("opened · closed by"))
    def show_by(self, incident: Incident) -> str:
        """Persons, or the hub itself."""
        return f"{self.show_opened_by(incident)} · {self.show_closed_by(incident)}"

    @display(description=_("opened by"))
    def show_opened_by(self, incident: Incident) -> str:
        """A person, or the hub itself."""
        return str(incident.opened_by or "Hub")

    @display(description=_("closed by"))
    def show_closed_by(self, incident: Incident) -> str:
        """A person, or the hub itself; a dash while it is open."""
        return str(incident.closed_by or "Hub") if incident.closed_at else "–"

    @display(description=_("sellers are told"), boolean=True)
    def show_muted(self, incident: Incident) -> bool:
        """Whether the banner is shown while it is open."""
        return incident.muted_at is None

    @action(description=_("Close, and let the lanes run"), permissions=["repair"])
    def close(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """End the chosen ones now."""
        by = cast(User, request.user)
        count = sum(incidents.close_by_hand(incident, by) for incident in queryset)
        said = ngettext("%(count)s incident was closed.", "%(count)s incidents were closed.", count)
        self.message_user(request, said % {"count": count}, messages.SUCCESS)

    @action(description=_("Mute: tell sellers nothing"), permissions=["repair"])
    def mute(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Hide the banner; the pause goes on."""
        for incident in queryset:
            incidents.mute(incident, muted=True)
        self.message_user(request, gettext("Sellers are not told of it."), messages.SUCCESS)

    @action(description=_("Tell sellers again"), permissions=["repair"])
    def unmute(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Show the banner."""
        for incident in queryset:
            incidents.mute(incident, muted=False)
        self.message_user(request, gettext("Sellers are told of it."), messages.SUCCESS)


def _is_paused(marketplace: Marketplace) -> bool:
    return marketplace.paused_until is not None and marketplace.paused_until > timezone.now()


def lasted(duration: timedelta) -> str:
    """Write a length of time as people say it: "2 h 05 min", "3 min 20 s"."""
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"


@portal_site.banner
def troubled(seller: Seller) -> list[Banner]:
    """What every page tells the sellers of a marketplace in trouble: since when, and that nothing is lost."""
    return [_banner(incident, seller) for incident in incidents.of_seller(seller.pk)]


def _banner(incident: Incident, seller: Seller) -> Banner:
    title, text = showing.incident(incident)
    if incident.recovered_at:
        return Banner(title, text, tone="info", icon="trending_up")
    if incidents.sells_elsewhere(seller.pk):
        text = f"{text} {gettext('Your other marketplaces go on as always.')}"
    return Banner(title, text)
