"""The API log as sellers and staff read it: what an integration asked, and what it was told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import DropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from hub import tenancy
from hub.api.endpoints import endpoint_of, endpoints_of
from hub.api.limits import METHODS
from hub.api.log import KEPT_BYTES, most_kept
from hub.api.views import SellerView
from hub.models import ApiCall, ApiKey
from hub.panels import Panel, PanelPage, panel
from hub.portal import SellerAdmin, portal_site
from hub.staff import ReadOnlyStaffAdmin

Calls = QuerySet[ApiCall]

RESULTS: Mapping[str, tuple[Any, tuple[int, int]]] = {
    "done": (gettext_lazy("Done (2xx, 3xx)"), (100, 399)),
    "errors": (gettext_lazy("All errors"), (400, 599)),
    "refused": (gettext_lazy("Refused (4xx)"), (400, 499)),
    "keys": (gettext_lazy("Wrong or missing key (401)"), (401, 401)),
    "limited": (gettext_lazy("Too many calls (429)"), (429, 429)),
    "failed": (gettext_lazy("Failed on our side (5xx)"), (500, 599)),
}
PERIODS: Mapping[str, tuple[Any, timedelta]] = {
    "15m": (gettext_lazy("Last 15 minutes"), timedelta(minutes=15)),
    "1h": (gettext_lazy("Last hour"), timedelta(hours=1)),
    "24h": (gettext_lazy("Last 24 hours"), timedelta(hours=24)),
    "7d": (gettext_lazy("Last 7 days"), timedelta(days=7)),
}
CUT_BYTES = KEPT_BYTES - 3
"""A body that was cut is at least this long: the half of a letter may be missing."""
LEADS_ON: list[tuple[Any, str]] = []
"""Lists of other apps that can be searched by a call's number: title and url name."""
ELSEWHERE = "-"
"""In the filter by endpoint: addresses the API does not have."""


class ResultFilter(DropdownFilter):
    """Calls by the class of their answer."""

    title = gettext_lazy("answer")
    parameter_name = "result"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The classes."""
        return [(key, label) for key, (label, _range) in RESULTS.items()]

    def queryset(self, request: HttpRequest, queryset: Calls) -> Calls:
        """A range of statuses."""
        known = RESULTS.get(self.value() or "")
        return queryset.filter(status__range=known[1]) if known else queryset


class PeriodFilter(DropdownFilter):
    """Calls (or other rows, by their own column) since a while ago."""

    title = gettext_lazy("period")
    parameter_name = "period"
    column = "called_at"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The periods."""
        return [(key, label) for key, (label, _length) in PERIODS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those since then."""
        known = PERIODS.get(self.value() or "")
        return queryset.filter(**{f"{self.column}__gte": timezone.now() - known[1]}) if known else queryset


class MethodFilter(DropdownFilter):
    """Calls by their HTTP method."""

    title = gettext_lazy("method")
    parameter_name = "method"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The methods the API has."""
        return [(method, method) for method in sorted(METHODS)]

    def queryset(self, request: HttpRequest, queryset: Calls) -> Calls:
        """One method."""
        return queryset.filter(method=self.value()) if self.value() else queryset


class EndpointFilter(DropdownFilter):
    """Calls by what of the API they were for."""

    title = gettext_lazy("endpoint")
    parameter_name = "endpoint"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Every endpoint there is, whether called or not: nobody reads a million rows for a list."""
        known = [(endpoint, endpoint) for endpoint in endpoints_of(SellerView)]
        return [*known, (ELSEWHERE, _("Addresses the API does not have"))]

    def queryset(self, request: HttpRequest, queryset: Calls) -> Calls:
        """One endpoint."""
        if not self.value():
            return queryset
        return queryset.filter(endpoint="" if self.value() == ELSEWHERE else self.value())


class KeyFilter(DropdownFilter):
    """Calls by the key that signed them."""

    title = gettext_lazy("key")
    parameter_name = "key"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The seller's keys, revoked ones too."""
        keys = ApiKey.objects.filter(seller_id=tenancy.actor(request).seller.pk)
        return [(key.prefix, str(key)) for key in keys[:200]]

    def queryset(self, request: HttpRequest, queryset: Calls) -> Calls:
        """One key."""
        return queryset.filter(key_prefix=self.value()) if self.value() else queryset


def search(calls: Calls, term: str) -> Calls:
    """Find calls by their number, by a SKU or code (its beginning will do), or by an address pasted whole."""
    if not term.startswith("/"):
        return calls.filter(Q(subject__startswith=term) | Q(request_id=term))
    path = term.partition("?")[0]
    try:
        match = resolve(path)
    except Resolver404:
        return calls.filter(endpoint="", path__startswith=path)
    found = calls.filter(endpoint=endpoint_of(match.route))
    return found.filter(subject=next(iter(match.kwargs.values()))) if match.kwargs else found


class CallColumns(PanelPage):
    """Columns, search and page both sites show."""

    search_fields = ("subject", "request_id")
    search_help_text = gettext_lazy("Address, SKU, order code or number of the call")
    ordering = ("-called_at", "-id")
    sortable_by = ()
    list_display_links = ("show_request",)

    def get_queryset(self, request: HttpRequest) -> Calls:
        """The list needs no bodies; the page reads them when it shows them."""
        rows: Calls = super().get_queryset(request)  # type: ignore[misc]
        return rows.defer("request_body", "response_body")

    def get_search_results(
        self, request: HttpRequest, queryset: Calls, search_term: str
    ) -> tuple[Calls, bool]:
        """Search by indexes only."""
        term = search_term.strip()
        return (search(queryset, term) if term else queryset), False

    @display(description=gettext_lazy("when"))
    def show_time(self, call: ApiCall) -> str:
        """To the second."""
        return moment(call)

    @display(description=gettext_lazy("request"))
    def show_request(self, call: ApiCall) -> SafeString:
        """Method and address."""
        path = call.path if len(call.path) <= 100 else call.path[:99] + "…"
        return format_html('<span class="hub-inline-code">{} {}</span>', call.method, path)

    @display(
        description=gettext_lazy("answer"), label={"good": "success", "bad": "warning", "ours": "danger"}
    )
    def show_status(self, call: ApiCall) -> tuple[str, str]:
        """The status in its colour."""
        kind = "good" if call.status < 400 else "bad" if call.status < 500 else "ours"
        return kind, str(call.status)

    @display(description=gettext_lazy("took"))
    def show_milliseconds(self, call: ApiCall) -> SafeString:
        """How long the hub took."""
        return format_html('<span class="hub-num">{} ms</span>', call.milliseconds)

    @display(description=gettext_lazy("key"))
    def show_key(self, call: ApiCall) -> str:
        """The key's beginning."""
        return f"{call.key_prefix}…" if call.key_prefix else "–"

    def panels(self, request: HttpRequest, obj: ApiCall) -> list[Panel]:
        """The call, what came with it, and what went back."""
        key = ApiKey.objects.filter(seller_id=obj.seller_id, prefix=obj.key_prefix).first()
        sent = {"text": pretty(obj.request_body), "size": obj.request_size}
        told = {"text": pretty(obj.response_body), "size": obj.response_size}
        most = most_kept(obj.seller)
        return [
            panel(
                request,
                f"{obj.method} {obj.path}",
                "portal/api_log/call.html",
                {"call": obj, "moment": moment(obj), "key": key, "leads_on": self._leads_on(obj)},
            ),
            panel(request, _("What the integration sent"), "portal/api_log/body.html", _cut(sent, most)),
            panel(request, _("What the hub answered"), "portal/api_log/body.html", _cut(told, most)),
        ]

    def _leads_on(self, call: ApiCall) -> list[tuple[Any, str]]:
        site = self.admin_site.name  # type: ignore[attr-defined]
        query = urlencode({"q": call.request_id})
        return [(title, f"{reverse(f'{site}:{name}')}?{query}") for title, name in LEADS_ON]


def _cut(body: dict[str, Any], most: int) -> dict[str, Any]:
    return {**body, "is_cut": body["size"] > most}


def moment(call: ApiCall) -> str:
    """Write when the call came, to the second."""
    local = timezone.localtime(call.called_at)
    return f"{date_format(local, 'SHORT_DATE_FORMAT')} {local:%H:%M:%S}"


def pretty(body: str) -> str:
    """Return JSON indented, also the beginning of some; anything else as it is."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return indented(body) if len(body.encode()) >= CUT_BYTES and body[0] in "{[" else body


def indented(text: str) -> str:
    """Indent JSON whose end is missing, one bracket and comma after the other."""
    parts: list[str] = []
    depth, is_inside, is_escaped = 0, False, False
    for letter in text:
        if is_inside or letter == '"':
            parts.append(letter)
            is_inside = is_escaped or not (is_inside and letter == '"')
            is_escaped = letter == "\\" and not is_escaped
        elif letter in "{[,":
            depth += letter != ","
            parts.append(letter + "\n" + "  " * depth)
        elif letter in "}]":
            depth = max(0, depth - 1)
            parts.append("\n" + "  " * depth + letter)
        elif not letter.isspace():
            parts.append(": " if letter == ":" else letter)
    return "".join(parts)


class ApiCallAdmin(CallColumns, SellerAdmin):
    """The seller's log, newest first."""

    list_display = ("show_request", "show_status", "show_milliseconds", "show_key", "show_time")
    list_filter = (ResultFilter, PeriodFilter, MethodFilter, EndpointFilter, KeyFilter)
    list_tabs = ((gettext_lazy("All calls"), ""), (gettext_lazy("Only errors"), "result=errors"))


class ApiCallStaffAdmin(CallColumns, ReadOnlyStaffAdmin):
    """Every seller's log."""

    list_display = ("show_request", "seller", "show_status", "show_milliseconds", "show_key", "show_time")
    list_filter = (
        ("seller", RelatedDropdownFilter),
        ResultFilter,
        PeriodFilter,
        MethodFilter,
        EndpointFilter,
    )
    list_select_related = ("seller",)


portal_site.register(ApiCall, ApiCallAdmin)
portal_site.menu("account", gettext_lazy("API calls"), "history", "hub_apicall_changelist", order=15)
admin.site.register(ApiCall, ApiCallStaffAdmin)
