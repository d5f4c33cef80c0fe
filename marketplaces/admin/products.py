"""The seller's products with their listings: states, actions, the marketplaces' part of a product's page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import action, display

from catalog.admin import ProductAdmin
from catalog.models import Product, Variation
from hub import tenancy
from hub.panels import Panel, panel
from hub.portal import portal_site
from hub.row_number import row_number
from marketplaces import held, hints, services, showing, stock
from marketplaces.admin import sending
from marketplaces.admin.pages import back, mine
from marketplaces.contract import ContentPublisher, Facet, Matcher
from marketplaces.desired import Translator, Wanted, wanted
from marketplaces.models import Connection, HeldPrice, Issue, Listing, Load, Sync

ACCOUNT, STATE = "on", "listing"
MOST_CHECKED = 60
"""SKUs of one product our check is asked about on its page."""
ORDER = (
    Listing.State.ERROR,
    Listing.State.WAITING,
    Listing.State.PROCESSING,
    Listing.State.CATALOGUING,
    Listing.State.CONNECTED,
    Listing.State.DISCONNECTED,
)
"""The state that speaks for a product with several variations: the first of these that occurs."""


class AccountFilter(DropdownFilter):
    """Which connected account the state below is about."""

    title = _("connected account")
    parameter_name = ACCOUNT

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The seller's accounts."""
        rows = Connection.objects.filter(seller_id=tenancy.actor(request).seller.pk)
        return [(str(pk), name) for pk, name in rows.values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """On its own: products with a listing on the account."""
        if not self.value() or request.GET.get(STATE):
            return queryset
        return queryset.filter(Exists(_listings(request)))


class StateFilter(DropdownFilter):
    """Products by how they stand on the account chosen above, or on any."""

    title = _("listing")
    parameter_name = STATE

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Not listed, every state, and those ready to be reconnected."""
        states = [(state, label) for state, label in Listing.State.choices]
        return [("none", _("Not listed")), *states, ("corrected", _("Error, corrected since"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """One semi-join, or one anti-join."""
        wanted = self.value()
        if not wanted:
            return queryset
        listings = _listings(request)
        if wanted == "none":
            return queryset.filter(~Exists(listings.exclude(state=Listing.State.DISCONNECTED)))
        if wanted == "corrected":
            return queryset.filter(
                Exists(listings.filter(state=Listing.State.ERROR, corrected_at__isnull=False))
            )
        return queryset.filter(Exists(listings.filter(state=wanted)))


def _listings(request: HttpRequest) -> QuerySet[Listing]:
    listings = Listing.objects.filter(
        seller_id=tenancy.actor(request).seller.pk, variation__product=OuterRef("pk")
    )
    account = row_number(request.GET.get(ACCOUNT, ""))
    return listings.filter(connection=account) if account else listings


class ListedProductAdmin(ProductAdmin):
    """The seller's products, with where each is listed and what can be done about it."""

    list_display: Any = (
        "show_product",
        "show_price",
        "show_stock",
        "show_variations",
        "show_listings",
        "show_status",
        "updated_at",
    )
    list_filter: Any = (AccountFilter, StateFilter, *ProductAdmin.list_filter)
    actions = ("connect", "associate", "reconnect", "disconnect")

    class Media:
        css = {"all": ("hub/marketplaces.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Bring the listings of the page's variations along."""
        listings = Listing.objects.filter(seller_id=tenancy.actor(request).seller.pk).only(
            "id", "variation_id", "connection__name", "state"
        )
        return (
            super()
            .get_queryset(request)
            .prefetch_related(
                Prefetch(
                    "listed_variations__listings", listings.select_related("connection"), to_attr="listed"
                )
            )
        )

    @display(description=_("marketplaces"))
    def show_listings(self, product: Any) -> SafeString | str:
        """One badge per account: the state of its variations, the worst when they differ."""
        states: dict[str, list[str]] = {}
        for variation in product.listed_variations:
            for listing in variation.listed:
                states.setdefault(listing.connection.name, []).append(listing.state)
        if not states:
            return "–"
        badges = []
        for name, found in sorted(states.items()):
            worst = next(state for state in ORDER if state in found)
            label = Listing.State(worst).label
            number = f" {found.count(worst)}/{len(found)}" if len(set(found)) > 1 else ""
            badges.append((showing.badge(worst, f"{name} · {label}{number}"),))
        return format_html_join(" ", "{}", badges)

    @action(description=_("Connect…"), permissions=["operate"])
    def connect(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """Publish the chosen products."""
        return sending.of_products(request, Load.Action.CONNECT, queryset)

    @action(description=_("Associate…"), permissions=["operate"])
    def associate(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """Link the chosen products to entries that exist at the marketplace."""
        return sending.of_products(request, Load.Action.ASSOCIATE, queryset)

    @action(description=_("Reconnect…"), permissions=["operate"])
    def reconnect(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """Send the chosen products' listings again."""
        return sending.of_products(request, Load.Action.RECONNECT, queryset)

    @action(description=_("Disconnect…"), permissions=["operate"])
    def disconnect(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """Take the chosen products off sale."""
        return sending.of_products(request, Load.Action.DISCONNECT, queryset)

    def panels(self, request: HttpRequest, obj: Product) -> list[Panel]:
        """Put where it is sold before what the ERP said."""
        context = {"product": obj, "places": places(obj), "may_operate": tenancy.may(request, "operate")}
        where = panel(request, _("Marketplaces"), "portal/marketplaces/product.html", context)
        return [where, *super().panels(request, obj)]


@dataclass(slots=True)
class Line:
    """One variation on one account, listed there or not."""

    variation: Variation
    listing: Listing | None
    wanted: dict[str, str]
    """The values that should be there, by facet, as people read them."""
    offer: stock.Offer
    syncs: dict[str, Sync]
    hold: HeldPrice | None
    """The price that is kept back, if one is."""
    hints: list[tuple[hints.Hint, str]]
    """What is wrong: (our words, the marketplace's own)."""
    refusals: dict[str, SafeString | str]
    """Who refused the wanted value, by facet, as a badge."""
    is_ready: bool | None
    """What our check says now; None where it was not asked."""


@dataclass(slots=True)
class Place:
    """One account, with every variation of the product."""

    connection: Connection
    lines: list[Line]
    can_associate: bool

    @property
    def listed(self) -> int:
        """How many variations are on the account, on sale or on their way."""
        gone = Listing.State.DISCONNECTED
        return sum(1 for one in self.lines if one.listing is not None and one.listing.state != gone)

    @property
    def failed(self) -> int:
        """How many were refused."""
        error = Listing.State.ERROR
        return sum(1 for one in self.lines if one.listing is not None and one.listing.state == error)


def places(product: Product) -> list[Place]:
    """Describe a product on every account of its seller."""
    variations = list(product.variations.select_related("product"))
    listings = {
        (one.connection_id, one.variation_id): one
        for one in Listing.objects.filter(seller_id=product.seller_id, variation__in=variations)
    }
    by_id = {one.pk: one for one in listings.values()}
    syncs: dict[int, dict[str, Sync]] = {}
    for sync in Sync.objects.filter(listing_id__in=by_id):
        syncs.setdefault(sync.listing_id, {})[sync.facet] = sync
    holds = held.standing([own[Facet.PRICE] for own in syncs.values() if Facet.PRICE in own])
    said: dict[int, list[Issue]] = {}
    for issue in Issue.objects.filter(listing_id__in=by_id, closed_at__isnull=True):
        said.setdefault(issue.listing_id, []).append(issue)
    connections = list(Connection.objects.filter(seller_id=product.seller_id).select_related("marketplace"))
    due = wanted(product.seller_id, [(one.pk, variation) for one in connections for variation in variations])
    found = []
    for connection in connections:
        description = connection.marketplace.description
        if not description.offers(ContentPublisher):
            continue
        translator = Translator(connection)
        lines = []
        for place, variation in enumerate(variations):
            listing = listings.get((connection.pk, variation.pk))
            own = syncs.get(listing.pk, {}) if listing else {}
            wrong = [
                (hints.hint(one.kind, one.field, one.params), f"{one.code} {one.message}".strip())
                for one in (said.get(listing.pk, []) if listing else [])
            ]
            hold = holds.get(listing.pk) if listing else None
            is_ready: bool | None = None
            if place < MOST_CHECKED and (listing is None or listing.state != Listing.State.CONNECTED):
                issues = translator.draft(variation).issues
                is_ready = not issues
                if not wrong:
                    wrong = [(hints.hint(one.kind, one.field, one.params), "") for one in issues]
            there = due[connection.pk, variation.pk]
            refusals = {
                facet: showing.refusal(sync, said.get(sync.listing_id, [])) for facet, sync in own.items()
            }
            values = for_people(there)
            lines.append(Line(variation, listing, values, there.offer, own, hold, wrong, refusals, is_ready))
        found.append(Place(connection, lines, description.offers(Matcher)))
    return found


def for_people(there: Wanted) -> dict[str, str]:
    """Return the price and quantity that should be at a marketplace now, as people read them."""
    return {facet: showing.synced(facet, there.value(facet)) for facet in (Facet.PRICE, Facet.STOCK)}


@portal_site.page("listings/<int:pk>/send/<str:facet>/", "listing_send", needs="operate")
@require_POST
def send_now(request: HttpRequest, pk: int, facet: str) -> HttpResponse:
    """Send the price or the stock of one listing again."""
    listing = mine(Listing.objects.select_related("connection"), request, pk)
    if facet not in (Facet.PRICE, Facet.STOCK) or listing.state not in (
        Listing.State.CONNECTED,
        Listing.State.CATALOGUING,
    ):
        messages.error(request, _("Only listings on sale can be sent price and stock."))
    elif facet in listing.connection.switched_off:
        messages.warning(request, showing.KEPT_BACK % {"accounts": listing.connection.name})
    else:
        services.retry_facet(listing=listing, facet=facet)
        messages.success(request, _("It is being sent."))
    return back(request, "marketplaces_listing_change", pk)


portal_site.unregister(Product)
portal_site.register(Product, ListedProductAdmin)
