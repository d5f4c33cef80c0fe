"""The staff's screens: marketplaces on and off, accounts' health, lanes, loads, failed work, exchanges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from django.contrib import admin, messages
from django.db import models
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RelatedDropdownFilter
from unfold.decorators import action, display

from hub.models import User
from hub.staff import ReadOnlyStaffAdmin, StaffAdmin
from marketplaces import engine, health, hints, incidents, services, showing
from marketplaces.admin.exchanges import AnswerFilter, ExchangeColumns, LaneFilter, WhenFilter
from marketplaces.admin.pages import RowPage
from marketplaces.contract import Facet, IssueKind
from marketplaces.models import (
    Connection,
    Exchange,
    Issue,
    Lane,
    Listing,
    Load,
    Marketplace,
    Submission,
    Sync,
)

MOST = 1000
"""Rows one repair action takes at a time."""


class Repairing(ReadOnlyStaffAdmin):
    """Machine-owned rows: staff looks, and repairs through actions only."""

    def has_repair_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Those who may change connections."""
        return request.user.has_perm("marketplaces.change_connection")


@admin.register(Marketplace)
class MarketplaceStaffAdmin(StaffAdmin):
    """The places to sell: on or off, where they answer, how fast we call."""

    list_display = ("name", "key", "is_enabled", "show_pace", "paused_until", "show_accounts")
    fields = (
        "key",
        "name",
        "is_enabled",
        "base_url",
        "calls_per_second",
        "calls_per_second_of_all",
        "paused_until",
        "readback_hours",
        "lag_target_seconds",
    )
    actions = ("open_incident",)
    readonly_fields = ("key",)
    formfield_overrides: ClassVar[dict[Any, Any]] = {models.URLField: {"assume_scheme": "https"}}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A marketplace comes with its adapter."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Switch it off instead."""
        return False

    @display(description=_("calls per second"))
    def show_pace(self, marketplace: Marketplace) -> str:
        """What one account may do."""
        return f"{marketplace.pace.normalize():f}"

    @display(description=_("accounts"))
    def show_accounts(self, marketplace: Marketplace) -> int:
        """How many sellers' accounts there are."""
        return marketplace.connections.count()

    @action(description=_("Open an incident: pause and tell sellers"), permissions=["change"])
    def open_incident(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Staff knows of trouble, or of maintenance, before the hub does."""
        by = cast(User, request.user)
        count = sum(incidents.open_by_hand(marketplace, by) for marketplace in queryset)
        said = ngettext("%(count)s marketplace was paused.", "%(count)s marketplaces were paused.", count)
        self.message_user(request, said % {"count": count}, messages.SUCCESS)


@admin.register(Connection)
class ConnectionStaffAdmin(RowPage, Repairing):
    """Sellers' accounts and their health; credentials are never shown."""

    change_form_template = "admin/marketplaces/connection_health.html"
    list_display = (
        "name",
        "seller",
        "marketplace",
        "show_status",
        "show_failing",
        "last_ok_at",
        "last_error",
    )
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("marketplace", RelatedDropdownFilter),
        ("seller", RelatedDropdownFilter),
    )
    list_select_related = ("seller", "marketplace")
    search_fields = ("name", "seller__name", "account_id")
    ordering = ("-id",)
    sortable_by = ()
    actions = ("try_again", "pause", "resume")

    class Media:
        css = {"all": ("hub/marketplaces.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Never even read the sealed credentials."""
        failing = Lane.objects.filter(connection=OuterRef("pk"), failures__gt=0)
        rows: QuerySet[Any] = super().get_queryset(request)
        found: QuerySet[Any] = rows.defer("sealed_credentials").annotate(is_failing=Exists(failing))
        return found

    @display(description=_("status"))
    def show_status(self, connection: Connection) -> SafeString:
        """Its status in its colour."""
        return showing.badge(connection.status, connection.get_status_display())

    @display(description=_("healthy"), boolean=True)
    def show_failing(self, connection: Any) -> bool:
        """Whether all lanes run."""
        return not connection.is_failing

    def page(self, request: HttpRequest, obj: Connection) -> Mapping[str, Any]:
        """Numbers, lanes and the newest problem."""
        (numbers,) = health.of([obj])
        return {
            "title": str(obj),
            "connection": obj,
            "health": numbers,
            "states": [(label, count) for _state, label, count in showing.by_state(numbers.listings)],
            "exchanges": Exchange.objects.filter(connection=obj).defer("request_body", "response_body")[:20],
        }

    @action(description=_("Run all lanes now"), permissions=["repair"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Forget back-offs and failures."""
        for connection in queryset[:MOST]:
            services.forget_connection_errors(connection)
        self.message_user(request, gettext("Their lanes run now."), messages.SUCCESS)

    @action(description=_("Pause"), permissions=["repair"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Stop all traffic."""
        for connection in queryset[:MOST]:
            services.set_paused(connection=connection, paused=True)
        self.message_user(request, gettext("Paused."), messages.SUCCESS)

    @action(description=_("Resume"), permissions=["repair"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Let traffic flow again."""
        for connection in queryset[:MOST]:
            services.set_paused(connection=connection, paused=False)
        self.message_user(request, gettext("They go on."), messages.SUCCESS)


class LaneHealthFilter(DropdownFilter):
    """Lanes that fail, that are due now, or that a worker holds."""

    title = _("health")
    parameter_name = "health"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The three questions."""
        return [("failing", _("Failing")), ("due", _("Due now")), ("held", _("Held by a worker"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """One condition each."""
        now = timezone.now()
        match self.value():
            case "failing":
                return queryset.filter(failures__gt=0)
            case "due":
                return queryset.filter(pk__in=engine.due_lanes(now))
            case "held":
                return queryset.filter(lease_until__gt=now)
        return queryset


@admin.register(Lane)
class LaneStaffAdmin(Repairing):
    """The lanes: what runs, what waits, what stands still, what fails."""

    list_display = (
        "connection",
        "show_kind",
        "show_oldest",
        "show_standstill",
        "run_at",
        "failures",
        "show_lease",
        "last_ok_at",
        "last_error",
    )
    list_filter = (
        LaneHealthFilter,
        ("kind", ChoicesDropdownFilter),
        ("connection__marketplace", RelatedDropdownFilter),
    )
    list_select_related = ("connection__marketplace", "connection__seller")
    search_fields = ("connection__name", "connection__seller__name")
    fields = (
        "connection",
        "kind",
        "run_at",
        "cursor",
        "failures",
        "failing_since",
        "lease_until",
        "last_ok_at",
        "answered_at",
        "last_error",
        "last_error_at",
    )
    ordering = ("-failures", "run_at")
    actions = ("run_now", "reset_failures")

    class Media:
        css = {"all": ("hub/marketplaces.css",)}

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Bring the oldest due row of each lane shown along: one look into an index per row of the page."""
        changelist = super().get_changelist_instance(request)
        shown = list(changelist.result_list)
        due = Sync.objects.filter(
            connection=OuterRef("connection"),
            facet=OuterRef("kind"),
            due_at__lte=timezone.now(),
            submission__isnull=True,
        )
        oldest = Subquery(due.order_by("due_at", "listing").values("due_at")[:1])
        lanes = Lane.objects.filter(pk__in=[one.pk for one in shown], kind__in=Lane.FACETS).order_by()
        found = dict(lanes.annotate(oldest=oldest).values_list("pk", "oldest"))
        for lane in shown:
            lane.oldest_due_at = found.get(lane.pk)
        changelist.result_list = shown
        return changelist

    @display(description=_("kind"), ordering="kind")
    def show_kind(self, lane: Lane) -> str:
        """What it does."""
        return lane.get_kind_display()

    @display(description=_("oldest due row"))
    def show_oldest(self, lane: Any) -> SafeString | str:
        """Since when the oldest of its rows has been due; stock, price and content have rows."""
        return showing.since(lane.oldest_due_at)

    @display(description=_("stands still because"))
    def show_standstill(self, lane: Lane) -> SafeString | str:
        """What keeps it from running, where something does."""
        words = showing.standstill(lane, timezone.now())
        return format_html('<span class="mk-badge mk-warning">{}</span>', words) if words else "–"

    @display(description=_("held by a worker until"), ordering="lease_until")
    def show_lease(self, lane: Lane) -> SafeString | str:
        """Until when a worker has it, if one does."""
        return showing.since(lane.lease_until)

    @action(description=_("Run now"), permissions=["repair"])
    def run_now(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Do not wait for the back-off."""
        lanes = list(queryset.values_list("connection_id", "kind")[:MOST])
        for connection_id, kind in lanes:
            engine.nudge(connection_id, kind)
        said = ngettext("%(count)s lane runs now.", "%(count)s lanes run now.", len(lanes))
        self.message_user(request, said % {"count": len(lanes)}, messages.SUCCESS)

    @action(description=_("Reset failures"), permissions=["repair"])
    def reset_failures(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Start counting, and backing off, anew."""
        count = queryset.order_by().update(failures=0, last_error="")
        said = ngettext("%(count)s lane was reset.", "%(count)s lanes were reset.", count)
        self.message_user(request, said % {"count": count}, messages.SUCCESS)


@admin.register(Submission)
class SubmissionStaffAdmin(ReadOnlyStaffAdmin):
    """Remote batches and whether they were answered."""

    list_display = (
        "remote_id",
        "connection",
        "facet",
        "show_state",
        "items",
        "polls",
        "created_at",
        "finished_at",
    )
    list_filter = (("state", ChoicesDropdownFilter), ("connection__marketplace", RelatedDropdownFilter))
    list_select_related = ("connection",)
    search_fields = ("remote_id",)
    ordering = ("-id",)
    sortable_by = ()

    class Media:
        css = {"all": ("hub/marketplaces.css",)}

    @display(description=_("state"))
    def show_state(self, submission: Submission) -> SafeString:
        """Its state in its colour."""
        return showing.badge(submission.state, submission.get_state_display())


@admin.register(Load)
class LoadStaffAdmin(ReadOnlyStaffAdmin):
    """Every seller's loads."""

    list_display = (
        "__str__",
        "seller",
        "connection",
        "action",
        "origin",
        "show_state",
        "total",
        "created_at",
    )
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("action", ChoicesDropdownFilter),
        ("seller", RelatedDropdownFilter),
    )
    list_select_related = ("seller", "connection")
    ordering = ("-id",)
    sortable_by = ()

    class Media:
        css = {"all": ("hub/marketplaces.css",)}

    @display(description=_("state"))
    def show_state(self, load: Load) -> SafeString:
        """Its state in its colour."""
        return showing.badge(load.state, load.get_state_display())


class OpenFilter(DropdownFilter):
    """Errors that are open, or closed."""

    title = _("open")
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The two answers."""
        return [("yes", _("Open")), ("no", _("Closed"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """By the closing time."""
        if self.value() not in ("yes", "no"):
            return queryset
        return queryset.filter(closed_at__isnull=self.value() == "yes")


class KindFilter(DropdownFilter):
    """Errors of one cause."""

    title = _("cause")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The hub's own causes."""
        return [(kind.value, hints.hint(kind.value, "", {}).title or kind.value) for kind in IssueKind]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """One cause."""
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Issue)
class IssueStaffAdmin(Repairing):
    """Failed work: what was refused or never answered, whoever has to mend it."""

    list_display = ("show_sku", "show_facet", "show_cause", "times", "created_at", "show_open")
    list_filter = (
        OpenFilter,
        KindFilter,
        ("facet", ChoicesDropdownFilter),
        ("origin", ChoicesDropdownFilter),
        ("connection__marketplace", RelatedDropdownFilter),
    )
    list_select_related = ("connection__seller", "listing__variation")
    search_fields = ("code",)
    fields = (
        "listing",
        "facet",
        "origin",
        "kind",
        "field",
        "code",
        "message",
        "params",
        "version",
        "times",
        "first_seen_at",
        "created_at",
        "closed_at",
        "closed_because",
    )
    ordering = ("-id",)
    sortable_by = ()
    actions = ("try_again",)

    @display(description=_("SKU"))
    def show_sku(self, issue: Issue) -> SafeString:
        """What it is about, and whose."""
        return format_html(
            '<strong>{}</strong><br><span class="hub-muted">{} · {}</span>',
            issue.listing.variation.sku,
            issue.connection.name,
            issue.connection.seller.name,
        )

    @display(description=_("what"))
    def show_facet(self, issue: Issue) -> str:
        """Content, price or stock."""
        return str(showing.FACETS.get(issue.facet, issue.facet))

    @display(description=_("cause"))
    def show_cause(self, issue: Issue) -> SafeString:
        """The hub's words, and the marketplace's own."""
        title = hints.hint(issue.kind, issue.field, issue.params).title
        theirs = f"{issue.code} {issue.message}".strip()
        return format_html('{}<br><span class="hub-muted">{}</span>', title, theirs)

    @display(description=_("open"), boolean=True)
    def show_open(self, issue: Issue) -> bool:
        """Whether it still stands."""
        return issue.closed_at is None

    @action(description=_("Try again"), permissions=["repair"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Send the facets concerned again; refused content goes out in one new load per account."""
        chosen = queryset.filter(closed_at__isnull=True).order_by().values_list("pk", flat=True)[:MOST]
        issues = Issue.objects.filter(pk__in=list(chosen))
        terms = issues.filter(facet__in=(Facet.PRICE, Facet.STOCK)).select_related("listing")
        count = 0
        for listing, facet in {(one.listing, one.facet) for one in terms}:
            services.retry_facet(listing=listing, facet=facet)
            count += 1
        content = Listing.objects.filter(
            pk__in=issues.filter(facet=Facet.CONTENT).values("listing_id"), state=Listing.State.ERROR
        )
        accounts = Connection.objects.filter(pk__in=content.values("connection_id"))
        for connection in accounts.select_related("marketplace", "seller"):
            try:
                load = services.start_load(
                    connection=connection,
                    action=Load.Action.RECONNECT,
                    listings=content,
                    origin=Load.Origin.AUTOMATIC,
                )
            except services.NotPossible as reason:
                self.message_user(request, f"{connection}: {reason}", messages.ERROR)
            else:
                count += load.total
        said = ngettext("%(count)s item is sent again.", "%(count)s items are sent again.", count)
        self.message_user(request, said % {"count": count}, messages.SUCCESS)


@display(description=_("seller"))
def _seller_of(exchange: Exchange) -> str:
    """Whose conversation it was."""
    return str(exchange.seller)


@admin.register(Exchange)
class ExchangeStaffAdmin(ExchangeColumns, ReadOnlyStaffAdmin):
    """Every seller's conversations, secrets removed."""

    list_display = (
        "show_request",
        "show_status",
        _seller_of,
        "connection",
        "show_lane",
        "milliseconds",
        "started_at",
    )
    list_display_links = ("show_request",)
    list_filter = (
        AnswerFilter,
        LaneFilter,
        WhenFilter,
        ("connection__marketplace", RelatedDropdownFilter),
        ("seller", RelatedDropdownFilter),
    )
    list_select_related = ("seller", "connection")
    ordering = ("-id",)
    sortable_by = ()

    class Media:
        css = {"all": ("hub/marketplaces.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The list needs no bodies."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.defer("request_body", "response_body")
