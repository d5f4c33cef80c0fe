"""Listings (anúncios): the list with tabs by state, and one listing's life."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Min, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import action, display

from catalog.models import Variation
from hub import tenancy
from hub.counting import CAP, capped
from hub.portal import ScopedRelatedFilter, SellerAdmin, portal_site
from hub.row_number import row_number
from marketplaces import causes, held, hints, price_rules, showing
from marketplaces.admin import holds, sending
from marketplaces.admin.pages import RowPage
from marketplaces.admin.products import for_people
from marketplaces.contract import Facet
from marketplaces.desired import Translator, said_price, wanted
from marketplaces.models import Exchange, Issue, Listing, ListingEvent, Load, Passage, Sync
from marketplaces.pricing import Rules

FOLDER = "portal/marketplaces"
KEPT = ("connection__id__exact", "cause", "corrected", "q")
"""What stays in the address when another tab is chosen."""


class CauseFilter(DropdownFilter):
    """Listings refused for one cause."""

    title = _("cause")
    parameter_name = "cause"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The seller's open causes."""
        rows = Issue.objects.filter(seller_id=tenancy.actor(request).seller.pk, closed_at__isnull=True)
        kinds = rows.order_by().values_list("kind", "field", "code").annotate(sample=Min("id"))[:100]
        samples = Issue.objects.in_bulk([sample for *_cause, sample in kinds])
        found: dict[str, str] = {}
        for kind, field, code, sample in kinds:
            words = hints.hint(kind, field, samples[sample].params if sample in samples else {})
            found[causes.SEPARATOR.join((kind, field, code))] = " · ".join(filter(None, (words.title, code)))
        return list(found.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Listings with an open issue of that cause."""
        wanted = self.value()
        if not wanted:
            return queryset
        rows = Issue.objects.filter(seller_id=tenancy.actor(request).seller.pk, closed_at__isnull=True)
        return queryset.filter(pk__in=causes.with_cause(rows, wanted).values("listing_id"))


class CorrectedFilter(DropdownFilter):
    """Refused listings whose errors the ERP has corrected since, or has not."""

    title = _("corrected")
    parameter_name = "corrected"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The two answers."""
        return [("yes", _("Corrected, ready to reconnect")), ("no", _("Not corrected yet"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Only refused listings can be corrected."""
        if self.value() not in ("yes", "no"):
            return queryset
        return queryset.filter(state=Listing.State.ERROR, corrected_at__isnull=self.value() == "no")


class ListingAdmin(RowPage, SellerAdmin):
    """The seller's listings on all accounts."""

    change_form_template = f"{FOLDER}/listing.html"
    list_before_template = f"{FOLDER}/listing_tabs.html"
    list_display = ("show_listing", "connection", "show_state", "show_why", "show_remote", "state_at")
    list_display_links = ("show_listing",)
    list_filter = (
        ("connection", ScopedRelatedFilter),
        ("state", ChoicesDropdownFilter),
        CauseFilter,
        CorrectedFilter,
    )
    list_select_related = ("connection", "variation__product")
    search_fields = ("variation__sku",)
    search_help_text = _("SKU")
    ordering = ("-id",)
    sortable_by = ()
    actions = ("reconnect", "disconnect")

    class Media:
        css = {"all": ("hub/marketplaces.css",)}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Look for the beginning of a SKU or for the marketplace's own code, both by index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        seller_id = tenancy.actor(request).seller.pk
        found = queryset.filter(variation__seller_id=seller_id, variation__sku__startswith=term)
        return found | queryset.filter(remote_id=term), False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Add the tabs."""
        return super().changelist_view(request, {"tabs": self._tabs(request), **(extra_context or {})})

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Bring the open issues of the page's listings along."""
        changelist = super().get_changelist_instance(request)
        shown = list(changelist.result_list)
        said: dict[int, list[str]] = {}
        ids = [one.pk for one in shown]
        for issue in Issue.objects.filter(listing_id__in=ids, closed_at__isnull=True).order_by("id"):
            title = hints.hint(issue.kind, issue.field, issue.params).title
            if title not in said.setdefault(issue.listing_id, []):
                said[issue.listing_id].append(title)
        for listing in shown:
            listing.said = said.get(listing.pk, [])
        changelist.result_list = shown
        return changelist

    def _tabs(self, request: HttpRequest) -> list[dict[str, Any]]:
        rows = Listing.objects.filter(seller_id=tenancy.actor(request).seller.pk)
        if account := row_number(request.GET.get("connection__id__exact", "")):
            rows = rows.filter(connection=account)
        chosen = request.GET.get("state__exact", "")
        kept = request.GET.copy()
        for name in list(kept):
            if name not in KEPT:
                del kept[name]
        tabs = []
        for state, label in (("", _("All")), *Listing.State.choices):
            query = kept.copy()
            if state:
                query["state__exact"] = state
            count = capped(rows.filter(state=state) if state else rows)
            tabs.append(
                {
                    "title": label,
                    "query": query.urlencode(),
                    "count": min(count, CAP),
                    "is_more": count > CAP,
                    "is_current": chosen == state,
                }
            )
        return tabs

    @display(description=_("SKU"))
    def show_listing(self, listing: Listing) -> SafeString:
        """The SKU and what it is."""
        return format_html(
            '<span class="hub-two"><span><strong>{}</strong><span class="hub-muted">{}</span></span></span>',
            listing.variation.sku,
            listing.variation.product.name[:80],
        )

    @display(description=_("state"))
    def show_state(self, listing: Listing) -> SafeString:
        """How it stands."""
        badge = showing.badge(listing.state, listing.get_state_display())
        if not listing.corrected_at:
            return badge
        return format_html('{} <span class="mk-badge mk-success">{}</span>', badge, _("corrected"))

    @display(description=_("what is wrong"))
    def show_why(self, listing: Any) -> str:
        """The first causes."""
        return " · ".join(listing.said[:3]) + ("…" if len(listing.said) > 3 else "") or "–"

    @display(description=_("at the marketplace"))
    def show_remote(self, listing: Listing) -> SafeString | str:
        """Its code there, with a link where there is a page."""
        if listing.url:
            return format_html(
                '<a class="mk-link" href="{}" target="_blank" rel="noreferrer noopener">{}</a>',
                listing.url,
                listing.remote_id or _("see it"),
            )
        return listing.remote_id or "–"

    @action(description=_("Reconnect…"), permissions=["operate"])
    def reconnect(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """Send the chosen listings again."""
        return sending.of_listings(request, Load.Action.RECONNECT, queryset)

    @action(description=_("Disconnect…"), permissions=["operate"])
    def disconnect(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """Take the chosen listings off sale."""
        return sending.of_listings(request, Load.Action.DISCONNECT, queryset)

    def page(self, request: HttpRequest, obj: Listing) -> Mapping[str, Any]:
        """A listing's life."""
        variation = obj.variation
        syncs = {one.facet: one for one in Sync.objects.filter(listing=obj)}
        number, rules = price_rules.current(obj.connection_id)
        there = wanted(obj.seller_id, [(obj.connection_id, variation)])[obj.connection_id, variation.pk]
        values = for_people(there)
        issues = list(Issue.objects.filter(listing=obj).order_by("-id")[:200])
        draft = Translator(obj.connection).draft(variation)
        return {
            "title": variation.sku,
            "listing": obj,
            "syncs": [
                (
                    facet,
                    showing.FACETS[facet],
                    syncs[facet],
                    values.get(facet, ""),
                    showing.refusal(syncs[facet], (one for one in issues if one.closed_at is None)),
                )
                for facet in Facet
                if facet in syncs
            ],
            "offer": there.offer,
            "holds": holds.of_listing(obj),
            "ways": _ways(obj, issues),
            "may_freeze": obj.state != Listing.State.DISCONNECTED,
            "events": ListingEvent.objects.filter(listing=obj).select_related("load").order_by("-id")[:100],
            "open_issues": [_with_words(one) for one in issues if one.closed_at is None],
            "closed_issues": [_with_words(one) for one in issues if one.closed_at is not None],
            "verdict": [hints.hint(one.kind, one.field, one.params) for one in draft.issues],
            "price": _price(variation, number, rules),
            "hold": held.standing([syncs[Facet.PRICE]]).get(obj.pk) if Facet.PRICE in syncs else None,
            "exchanges": _exchanges(obj),
            "may_operate": tenancy.may(request, "operate"),
        }


def _price(variation: Variation, number: int, rules: Rules) -> dict[str, Any]:
    """Say how the ERP's figure becomes what is published."""
    product = variation.product
    scope, key, rule = rules.rule_of(variation.sku, product.sku, product.category_codes)
    said = said_price(variation, product)
    return {
        "said": said,
        "number": number,
        "scope": scope,
        "key": key,
        "words": showing.rule(rule),
        "published": rule.apply(said),
    }


def _ways(listing: Listing, issues: list[Issue]) -> list[tuple[Any, list[tuple[Passage, list[str]]]]]:
    """Return what is kept of each facet's values, newest first, the refused ones with their reasons."""
    reasons: dict[tuple[str, int], list[str]] = {}
    for issue in issues:
        title = hints.hint(issue.kind, issue.field, issue.params).title
        reasons.setdefault((issue.facet, issue.version), []).append(
            f"{title} {issue.code} {issue.message}".strip()
        )
    kept: dict[str, list[tuple[Passage, list[str]]]] = {}
    for one in Passage.objects.filter(listing=listing).order_by("-settled_at", "-version"):
        said = reasons.get((one.facet, one.version), []) if one.outcome == Passage.Outcome.REFUSED else []
        kept.setdefault(one.facet, []).append((one, list(dict.fromkeys(said))))
    return [(showing.FACETS[facet], kept[facet]) for facet in Facet if facet in kept]


def _with_words(issue: Issue) -> tuple[Issue, hints.Hint]:
    return issue, hints.hint(issue.kind, issue.field, issue.params)


def _exchanges(listing: Listing) -> list[Exchange]:
    """Return the account's newest exchanges about the SKU; what is kept of a long body need not name it."""
    about = Exchange.objects.filter(
        seller_id=listing.seller_id,
        connection=listing.connection_id,
        skus__contains=[listing.variation.sku],
    )
    return list(about.order_by("-id").defer("request_body", "response_body")[:8])


portal_site.register(Listing, ListingAdmin)
portal_site.menu("marketplaces", _("Listings"), "storefront", "marketplaces_listing_changelist", order=20)
