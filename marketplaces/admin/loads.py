"""Loads (cargas): the list, the live page of one, sending again what was corrected, and the errors as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from hub import tenancy
from hub.portal import ScopedRelatedFilter, SellerAdmin, portal_site
from marketplaces import causes, hints, services, showing
from marketplaces.admin import csv_file
from marketplaces.admin.pages import RowPage, mine, number, to
from marketplaces.models import Issue, Load, LoadItem

FOLDER = "portal/marketplaces"
PER_PAGE = 50
STOP_POLLING = 286
"""htmx's own status: swap, and poll no more."""


def counts_of(loads: list[Load]) -> dict[int, dict[str, int]]:
    """Return how many items of each load are in each state, from the index alone."""
    found: dict[int, dict[str, int]] = {load.pk: {} for load in loads}
    rows = LoadItem.objects.filter(load__in=loads).order_by().values_list("load_id", "state")
    for load_id, state, count in rows.annotate(n=Count("id")):
        found[load_id][state] = count
    return found


def bar(counts: Mapping[str, int], total: int) -> list[tuple[str, float]]:
    """Return the coloured parts of a load's progress bar, in per cent."""
    parts = (LoadItem.State.DONE, LoadItem.State.CATALOGUING, LoadItem.State.ERROR, LoadItem.State.REPLACED)
    return [(showing.TONES[state], 100 * counts.get(state, 0) / total) for state in parts if total]


class LoadAdmin(RowPage, SellerAdmin):
    """The seller's loads, newest first."""

    change_form_template = f"{FOLDER}/load.html"
    list_display = (
        "show_number",
        "show_action",
        "connection",
        "show_state",
        "show_progress",
        "show_by",
        "created_at",
    )
    list_display_links = ("show_number",)
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("action", ChoicesDropdownFilter),
        ("connection", ScopedRelatedFilter),
    )
    list_select_related = ("connection", "created_by")
    search_fields = ("number",)
    search_help_text = gettext_lazy("Number")
    ordering = ("-id",)
    sortable_by = ()

    class Media:
        css = {"all": ("hub/marketplaces.css",)}

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Count the items of the page's loads at once."""
        changelist = super().get_changelist_instance(request)
        shown = list(changelist.result_list)
        counts = counts_of(shown)
        for load in shown:
            load.counts = counts[load.pk]
        changelist.result_list = shown
        return changelist

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find a load by its number; words find nothing."""
        term = search_term.strip().lstrip("#")
        if not term:
            return queryset, False
        is_number = term.isascii() and term.isdecimal() and len(term) < 9
        return (queryset.filter(number=int(term)) if is_number else queryset.none()), False

    @display(description=gettext_lazy("load"))
    def show_number(self, load: Load) -> str:
        """What people call it."""
        return str(load)

    @display(description=gettext_lazy("action"))
    def show_action(self, load: Load) -> str:
        """What was asked for."""
        return load.get_action_display()

    @display(description=gettext_lazy("state"))
    def show_state(self, load: Load) -> SafeString:
        """Whether it still runs."""
        return showing.badge(load.state, load.get_state_display())

    @display(description=gettext_lazy("result"))
    def show_progress(self, load: Any) -> SafeString:
        """A bar and the two numbers that matter."""
        done = load.counts.get(LoadItem.State.DONE, 0)
        said = ngettext(
            "%(done)s done, %(errors)s with errors, of %(total)s",
            "%(done)s done, %(errors)s with errors, of %(total)s",
            done,
        )
        numbers = {
            "done": done,
            "errors": load.counts.get(LoadItem.State.ERROR, 0),
            "total": load.total,
        }
        return SafeString(
            _row_of_bar(bar(load.counts, load.total))
            + format_html('<span class="hub-muted hub-num">{}</span>', said % numbers)
        )

    @display(description=gettext_lazy("by"))
    def show_by(self, load: Load) -> str:
        """Who, or what."""
        return _by(load)

    def page(self, request: HttpRequest, obj: Load) -> Mapping[str, Any]:
        """The whole result."""
        return {"title": str(obj), "by": _by(obj), **_live(request, obj)}


def _by(load: Load) -> str:
    if load.origin == Load.Origin.PORTAL and load.created_by:
        return load.created_by.get_full_name()
    return str(load.get_origin_display())


def _row_of_bar(parts: list[tuple[str, float]]) -> str:
    spans = "".join(
        format_html('<span class="mk-{}" style="width:{}%"></span>', tone, f"{share:.2f}")
        for tone, share in parts
    )
    return f'<div class="mk-bar mk-bar-small">{spans}</div>'


def _live(request: HttpRequest, load: Load) -> dict[str, Any]:
    """What changes while a load runs: counters, causes, and a page of its items."""
    counts = counts_of([load])[load.pk]
    state = request.GET.get("state", "")
    cause = request.GET.get("cause", "")
    search = request.GET.get("q", "").strip()[:100]
    page = number(request, "page")
    # The numbers first: with its joins, the query would sort whole rows of all items.
    found = _items(load, state, cause, search).order_by("id").values_list("pk", flat=True)
    wanted = list(found[(page - 1) * PER_PAGE : page * PER_PAGE + 1])
    shown = list(
        LoadItem.objects.filter(pk__in=wanted).select_related("listing__variation__product").order_by("id")
    )
    ids = [one.listing_id for one in shown if one.listing_id]
    reasons: dict[int, list[tuple[Issue, hints.Hint]]] = {}
    for issue in Issue.objects.filter(load=load, listing_id__in=ids).order_by("id"):
        words_of = hints.hint(issue.kind, issue.field, issue.params)
        reasons.setdefault(issue.listing_id, []).append((issue, words_of))
    corrected = services.corrected(load).count() if counts.get(LoadItem.State.ERROR) else 0
    finished = sum(count for item_state, count in counts.items() if item_state not in LoadItem.OPEN)
    keep = {key: value for key, value in (("state", state), ("cause", cause), ("q", search)) if value}
    return {
        "load": load,
        "tiles": [
            (value, label, counts.get(value, 0))
            for value, label in LoadItem.State.choices
            if counts.get(value) or value in (LoadItem.State.DONE, LoadItem.State.ERROR)
        ],
        "parts": bar(counts, load.total),
        "finished": finished,
        "errors": counts.get(LoadItem.State.ERROR, 0),
        "is_running": load.state != Load.State.DONE,
        "causes": causes.by_cause(Issue.objects.filter(load=load), limit=50)
        if counts.get(LoadItem.State.ERROR)
        else [],
        "corrected": corrected,
        "items": [(one, reasons.get(one.listing_id or 0, [])) for one in shown[:PER_PAGE]],
        "state": state,
        "cause": cause,
        "q": search,
        "page": page,
        "previous_page": page - 1,
        "next_page": page + 1 if len(shown) > PER_PAGE else 0,
        "kept": urlencode(keep),
        "kept_all": urlencode({**keep, "page": page}),
        "may_operate": tenancy.may(request, "operate"),
    }


def _items(load: Load, state: str, cause: str, search: str) -> QuerySet[LoadItem]:
    items = LoadItem.objects.filter(load=load)
    if state:
        items = items.filter(state=state)
    if cause:
        told = causes.with_cause(Issue.objects.filter(load=load, listing=OuterRef("listing")), cause)
        items = items.filter(Exists(told))
    return items.filter(sku__icontains=search) if search else items


@portal_site.page("loads/<int:pk>/live/", "load_live")
@require_GET
def live(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer the changing part of a load's page; 286 tells htmx that nothing will change any more."""
    load = mine(Load.objects.select_related("connection"), request, pk)
    context = _live(request, load)
    status = 200 if context["is_running"] else STOP_POLLING
    return render(request, f"{FOLDER}/load_live.html", context, status=status)


@portal_site.page("loads/<int:pk>/reconnect/", "load_reconnect", needs="operate")
@require_POST
def reconnect(request: HttpRequest, pk: int) -> HttpResponse:
    """Send the corrected listings of a load again, or all that were refused, in a new load."""
    load = mine(Load.objects.select_related("connection__marketplace", "connection__seller"), request, pk)
    is_all = request.POST.get("what") == "all"
    listings = services.refused(load) if is_all else services.corrected(load)
    try:
        new = services.start_load(
            connection=load.connection,
            action=Load.Action.RECONNECT,
            listings=listings,
            by=tenancy.actor(request).user,
        )
    except services.NotPossible as reason:
        messages.error(request, str(reason))
        return to("marketplaces_load_change", load.pk)
    said = ngettext("%(count)s listing is sent again.", "%(count)s listings are sent again.", new.total)
    messages.success(request, said % {"count": new.total})
    return to("marketplaces_load_change", new.pk)


@portal_site.page("loads/<int:pk>/errors.csv", "load_errors")
@require_GET
def errors_csv(request: HttpRequest, pk: int) -> Any:
    """Stream the errors of a load, one line per reason."""
    load = mine(Load.objects.all(), request, pk)
    issues = Issue.objects.filter(load=load).select_related("listing__variation__product").order_by("id")
    return csv_file.stream(f"carga-{load.number}-erros.csv", csv_file.ISSUE_HEADER, _lines(issues))


def _lines(issues: QuerySet[Issue]) -> Iterator[tuple[Any, ...]]:
    for issue in issues.iterator(chunk_size=1000):
        yield csv_file.issue_line(issue)


portal_site.register(Load, LoadAdmin)
portal_site.menu(
    "marketplaces", gettext_lazy("Loads"), "local_shipping", "marketplaces_load_changelist", order=30
)
