"""Prices the guard keeps back, on the portal: the list, and the decision on one or many."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from hub import tenancy
from hub.portal import ScopedRelatedFilter, SellerAdmin, portal_site
from marketplaces import held, showing
from marketplaces.admin.pages import back, mine
from marketplaces.contract import Facet
from marketplaces.models import HeldPrice
from marketplaces.pricing import Price

DECISIONS = {"approve": held.approve, "reject": held.reject}


class HeldPriceAdmin(SellerAdmin):
    """Every price that was held; the menu opens those that wait."""

    list_display = ("show_listing", "connection", "show_was", "show_price", "show_percent", "show_state")
    list_display_links = None
    list_filter = (("connection", ScopedRelatedFilter), ("state", ChoicesDropdownFilter))
    list_tabs = (
        (gettext_lazy("Waiting"), "state__exact=open"),
        (gettext_lazy("Approved"), "state__exact=approved"),
        (gettext_lazy("Rejected"), "state__exact=rejected"),
        (gettext_lazy("All"), ""),
    )
    list_select_related = ("connection", "listing__variation__product", "decided_by")
    search_fields = ("listing__variation__sku",)
    search_help_text = gettext_lazy("SKU")
    ordering = ("-id",)
    sortable_by = ()
    actions = ("approve", "reject")
    fields = ("connection", "was", "price", "list_price", "percent", "state", "created_at", "decided_at")

    class Media:
        css = {"all": ("hub/marketplaces.css",)}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Look for the beginning of a SKU, by index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        seller_id = tenancy.actor(request).seller.pk
        variations = queryset.filter(listing__variation__seller_id=seller_id)
        return variations.filter(listing__variation__sku__startswith=term), False

    @display(description=gettext_lazy("SKU"))
    def show_listing(self, hold: HeldPrice) -> SafeString:
        """The SKU and what it is, with the way to its listing."""
        return format_html(
            '<span class="hub-two"><span><strong><a class="mk-link" href="{}">{}</a></strong>'
            '<span class="hub-muted">{}</span></span></span>',
            reverse("portal:marketplaces_listing_change", args=[hold.listing_id]),
            hold.listing.variation.sku,
            hold.listing.variation.product.name[:80],
        )

    @display(description=gettext_lazy("price there"))
    def show_was(self, hold: HeldPrice) -> SafeString:
        """What shoppers pay now."""
        return _price(Price(hold.was, hold.was))

    @display(description=gettext_lazy("held price"))
    def show_price(self, hold: HeldPrice) -> SafeString:
        """What the ERP and the rules want."""
        return _price(hold.value)

    @display(description=gettext_lazy("change"))
    def show_percent(self, hold: HeldPrice) -> SafeString:
        """By how many per cent."""
        return format_html('<span class="hub-num">{} %</span>', number_format(hold.percent, 2))

    @display(description=gettext_lazy("state"))
    def show_state(self, hold: HeldPrice) -> SafeString:
        """What became of it, when, and by whom."""
        return format_html(
            '<span>{}<br><span class="hub-muted">{} {}</span></span>',
            showing.badge(hold.state, hold.get_state_display()),
            showing.since(hold.decided_at or hold.created_at),
            hold.decided_by or "",
        )

    @action(description=gettext_lazy("Approve: send these prices"), permissions=["operate"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Let the chosen prices go out."""
        _decide(request, "approve", queryset)

    @action(description=gettext_lazy("Reject: keep the prices there"), permissions=["operate"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Keep the prices the marketplace has."""
        _decide(request, "reject", queryset)


def _price(price: Price) -> SafeString:
    return format_html('<span class="hub-num">{}</span>', showing.synced(Facet.PRICE, price.text))


def _decide(request: HttpRequest, decision: str, holds: QuerySet[Any]) -> None:
    who = tenancy.actor(request)
    count = DECISIONS[decision](who.seller.pk, holds, who.user)
    if not count:
        messages.warning(request, _("None of these prices waits any more."))
        return
    said = (
        ngettext("%(count)s price is being sent.", "%(count)s prices are being sent.", count)
        if decision == "approve"
        else ngettext("%(count)s price stays as it is.", "%(count)s prices stay as they are.", count)
    )
    messages.success(request, said % {"count": count})


@portal_site.page("held/<int:pk>/<str:decision>/", "held_decide", needs="operate")
@require_POST
def decide(request: HttpRequest, pk: int, decision: str) -> HttpResponse:
    """Approve or reject one price, from its listing's page."""
    if decision not in DECISIONS:
        raise Http404
    hold = mine(HeldPrice.objects.all(), request, pk)
    _decide(request, decision, HeldPrice.objects.filter(pk=hold.pk))
    return back(request, "marketplaces_listing_change", hold.listing_id)


portal_site.register(HeldPrice, HeldPriceAdmin)
portal_site.menu(
    "marketplaces",
    gettext_lazy("Held prices"),
    "price_check",
    "marketplaces_heldprice_changelist",
    order=25,
    query="state__exact=open",
    shown=lambda request: HeldPrice.objects.filter(seller_id=tenancy.actor(request).seller.pk).exists(),
)
