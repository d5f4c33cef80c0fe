"""Held stock: what is sold and not in the ERP's quantity yet, for how long, and letting it go by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import action, display

from hub import tenancy
from hub.panels import Panel, PanelPage, panel
from hub.portal import ScopedRelatedFilter, SellerAdmin, portal_site
from marketplaces import stock
from marketplaces.admin.pages import back, mine
from marketplaces.models import Hold, Listing

MOST_OF_ONE = 100
"""Holds of one listing that its page shows."""


class AgeFilter(DropdownFilter):
    """Holds by how long they last already."""

    title = gettext_lazy("age")
    parameter_name = "age"
    AGES = {
        "hour": (gettext_lazy("Over an hour"), timedelta(hours=1)),
        "day": (gettext_lazy("Over a day"), timedelta(days=1)),
        "three_days": (gettext_lazy("Over three days"), timedelta(days=3)),
        "week": (gettext_lazy("Over a week"), timedelta(days=7)),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The ages."""
        return [(key, label) for key, (label, _age) in self.AGES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Hold]) -> QuerySet[Hold]:
        """Those that began before."""
        chosen = self.AGES.get(self.value() or "")
        return queryset.filter(created_at__lt=timezone.now() - chosen[1]) if chosen else queryset


class OverFilter(DropdownFilter):
    """What is held now, unless those that are over are asked for."""

    title = gettext_lazy("hold")
    parameter_name = "hold"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The two kinds that are over."""
        return [("over", pgettext_lazy("held stock", "Over")), ("let_go", gettext_lazy("Let go by hand"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Hold]) -> QuerySet[Hold]:
        """Held now, over, or let go by a person."""
        match self.value():
            case "over":
                return queryset.filter(held=0)
            case "let_go":
                return queryset.filter(released_at__isnull=False)
            case _:
                return queryset.filter(held__gt=0)


class HoldAdmin(PanelPage, SellerAdmin):
    """What the seller's orders hold."""

    list_display = ("show_sku", "show_held", "order_code", "connection", "show_why", "created_at")
    list_display_links = ("show_sku",)
    list_filter = (OverFilter, AgeFilter, ("connection", ScopedRelatedFilter))
    list_tabs = (
        (gettext_lazy("Held now"), ""),
        (gettext_lazy("Over a day"), "age=day"),
        (pgettext_lazy("held stock", "Over"), "hold=over"),
        (gettext_lazy("Let go by hand"), "hold=let_go"),
    )
    list_select_related = ("variation__product", "connection", "released_by")
    search_fields = ("order_code",)
    search_help_text = gettext_lazy("SKU or order code")
    ordering = ("-id",)
    sortable_by = ()
    actions = ("let_go",)

    class Media:
        css = {"all": ("hub/marketplaces.css",)}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Look for a whole SKU or the beginning of an order's code, both by index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        seller_id = tenancy.actor(request).seller.pk
        of_sku = queryset.filter(variation__seller_id=seller_id, variation__sku=term)
        return of_sku | queryset.filter(order_code__startswith=term), False

    @display(description=gettext_lazy("SKU"))
    def show_sku(self, hold: Hold) -> SafeString:
        """The SKU and what it is."""
        return format_html(
            '<span class="hub-two"><span><strong>{}</strong><span class="hub-muted">{}</span></span></span>',
            hold.variation.sku,
            hold.variation.product.name[:80],
        )

    @display(description=gettext_lazy("units held"))
    def show_held(self, hold: Hold) -> SafeString:
        """How many of the units sold."""
        return format_html('<span class="hub-num">{}</span>', hold.held or "–")

    @display(description=gettext_lazy("why"))
    def show_why(self, hold: Hold) -> SafeString:
        """What ends it, or what ended it."""
        return format_html('<span class="mk-badge mk-{}">{}</span>', *why(hold))

    @action(description=gettext_lazy("Let go"), permissions=["operate"])
    def let_go(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Offer the units again, although the ERP has not accounted for them."""
        tell(request, stock.release(holds=queryset, by=tenancy.actor(request).user))

    def panels(self, request: HttpRequest, obj: Hold) -> list[Panel]:
        """All that is known of one hold."""
        context = {
            "holds": [with_reason(obj)],
            "is_alone": True,
            "may_operate": tenancy.may(request, "operate"),
        }
        return [panel(request, _("Held stock"), "portal/marketplaces/holds.html", context)]


def why(hold: Hold) -> tuple[str, str]:
    """Say, with its colour, what a hold waits for or what ended it."""
    if hold.held:
        if hold.taken >= hold.quantity:
            return "warning", _("The ERP has the order; its next quantity ends the hold")
        if hold.given >= hold.quantity:
            return "info", _("The ERP is taking the order")
        return "info", _("The ERP has not taken the order yet")
    if not hold.quantity:
        return "quiet", _("The order was canceled")
    if hold.released >= hold.quantity:
        who = str(hold.released_by) if hold.released_by else _("somebody")
        return "quiet", _("Let go by %(who)s") % {"who": who}
    return "success", _("The ERP's quantity accounts for it")


def with_reason(hold: Hold) -> tuple[Hold, str, str]:
    """Return a hold with the colour and the words of its reason."""
    return hold, *why(hold)


def of_listing(listing: Listing) -> list[tuple[Hold, str, str]]:
    """Return what is held of a listing's variation, the oldest first."""
    rows = Hold.objects.filter(seller_id=listing.seller_id, variation_id=listing.variation_id, held__gt=0)
    rows = rows.select_related("connection").order_by("id")[:MOST_OF_ONE]
    return [with_reason(one) for one in rows]


def tell(request: HttpRequest, count: int) -> None:
    """Say how much was let go."""
    if count:
        said = ngettext("%(count)s hold was let go.", "%(count)s holds were let go.", count)
        messages.success(request, said % {"count": count})
    else:
        messages.info(request, _("Nothing is held there any more."))


@portal_site.page("stock/<int:hold_id>/release/", "hold_release", needs="operate")
@require_POST
def release(request: HttpRequest, hold_id: int) -> HttpResponse:
    """Let go what one order holds of one SKU."""
    hold = mine(Hold.objects.all(), request, hold_id)
    tell(request, stock.release(holds=Hold.objects.filter(pk=hold.pk), by=tenancy.actor(request).user))
    return back(request, "marketplaces_hold_change", hold_id)


portal_site.register(Hold, HoldAdmin)
portal_site.menu(
    "marketplaces", gettext_lazy("Holds"), "inventory_2", "marketplaces_hold_changelist", order=25
)
