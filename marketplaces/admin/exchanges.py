"""What was said to the marketplaces and what they answered, read-only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from hub.api_log_pages import LEADS_ON, PeriodFilter
from hub.portal import ScopedRelatedFilter, SellerAdmin, portal_site
from marketplaces.admin.pages import RowPage
from marketplaces.models import Exchange, Lane

FOLDER = "portal/marketplaces"


class AnswerFilter(DropdownFilter):
    """Exchanges by the class of their status."""

    title = _("answer")
    parameter_name = "answer"
    CLASSES: Mapping[str, tuple[Any, tuple[int, int]]] = {
        "ok": (_("Done (2xx, 3xx)"), (100, 399)),
        "refused": (_("Refused (4xx)"), (400, 499)),
        "failed": (_("Failed there (5xx)"), (500, 599)),
        "none": (_("No answer"), (0, 0)),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The classes."""
        return [(key, label) for key, (label, _range) in self.CLASSES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """A range of statuses."""
        known = self.CLASSES.get(self.value() or "")
        return queryset.filter(status__range=known[1]) if known else queryset


class LaneFilter(DropdownFilter):
    """Exchanges by what they were about."""

    title = _("about")
    parameter_name = "lane"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The lanes."""
        return list(Lane.Kind.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """One lane."""
        return queryset.filter(lane=self.value()) if self.value() else queryset


class WhenFilter(PeriodFilter):
    """Exchanges since a while ago."""

    column = "started_at"


class ExchangeColumns(RowPage):
    """Columns, search and page both sites show."""

    change_form_template = f"{FOLDER}/exchange.html"
    search_fields = ("skus", "causes")
    search_help_text = _("SKU, or number of the ERP's call (X-Request-Id)")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Look for one SKU or one call, by index."""
        term = search_term.strip()
        if term:
            queryset = queryset.filter(Q(skus__contains=[term]) | Q(causes__contains=[term]))
        return queryset, False

    @display(description=_("request"))
    def show_request(self, exchange: Exchange) -> SafeString:
        """Method and address."""
        return format_html('<span class="mk-code">{} {}</span>', exchange.method, exchange.url[:120])

    @display(description=_("about"))
    def show_lane(self, exchange: Exchange) -> str:
        """Which work it was for."""
        return str(dict(Lane.Kind.choices).get(exchange.lane, exchange.lane))

    @display(description=_("answer"))
    def show_status(self, exchange: Exchange) -> SafeString:
        """Its status in its colour."""
        return SafeString(render_to_string(f"{FOLDER}/exchange_status.html", {"exchange": exchange}))

    def page(self, request: HttpRequest, obj: Exchange) -> Mapping[str, Any]:
        """The whole conversation."""
        return {
            "title": f"{obj.method} {obj.status or ''}".strip(),
            "exchange": obj,
            "lane": self.show_lane(obj),
            "calls": f"{self.admin_site.name}:hub_apicall_changelist",  # type: ignore[attr-defined]
            "sent": pretty(obj.request_body),
            "answered": pretty(obj.response_body),
        }


def pretty(body: str) -> str:
    """Return JSON indented, anything else as it is."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body


class ExchangeAdmin(ExchangeColumns, SellerAdmin):
    """The seller's exchanges, newest first."""

    list_display = ("show_request", "show_status", "connection", "show_lane", "milliseconds", "started_at")
    list_display_links = ("show_request",)
    list_filter = (("connection", ScopedRelatedFilter), AnswerFilter, LaneFilter, WhenFilter)
    list_select_related = ("connection",)
    ordering = ("-id",)
    sortable_by = ()

    class Media:
        css = {"all": ("hub/marketplaces.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The list needs no bodies; the page reads them when it shows them."""
        return super().get_queryset(request).defer("request_body", "response_body")


portal_site.register(Exchange, ExchangeAdmin)
portal_site.menu("marketplaces", _("Conversations"), "forum", "marketplaces_exchange_changelist", order=50)
LEADS_ON.append((_("Conversations it led to"), "marketplaces_exchange_changelist"))
