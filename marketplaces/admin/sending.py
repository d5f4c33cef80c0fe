"""The step between "Connect…" and a load: which accounts, how many SKUs, and what our check says first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalog.models import Variation
from hub import statistics, tenancy
from hub.counting import capped
from hub.portal import portal_site
from marketplaces import hints, services, showing
from marketplaces.admin.pages import to
from marketplaces.contract import ContentPublisher, Matcher
from marketplaces.desired import Translator
from marketplaces.models import Connection, Listing, Load

SAMPLE = 200
"""How many SKUs are checked before sending; the load checks every one of them."""
COUNTED = 100_000
TEMPLATE = "portal/marketplaces/sending.html"

VERBS = {
    Load.Action.CONNECT: (
        gettext_lazy("Connect"),
        gettext_lazy("Publish as new listings. Stock, price and orders then follow by themselves."),
    ),
    Load.Action.ASSOCIATE: (
        gettext_lazy("Associate"),
        gettext_lazy(
            "Link to entries that already exist there, found by GTIN/EAN. Nothing is published anew."
        ),
    ),
    Load.Action.RECONNECT: (
        gettext_lazy("Reconnect"),
        gettext_lazy("Send again with the data the ERP has sent meanwhile."),
    ),
    Load.Action.DISCONNECT: (
        gettext_lazy("Disconnect"),
        gettext_lazy("Take off sale. Stock, price and content no longer follow."),
    ),
}


@dataclass(slots=True)
class Preview:
    """What sending the selection to one account would mean."""

    connection: Connection
    total: int
    """SKUs (or listings) the load would hold."""
    listed: list[tuple[str, Any, int]] = field(default_factory=list)
    """How the SKUs already stand there: (state, label, how many)."""
    checked: int = 0
    passed: int = 0
    causes: list[tuple[hints.Hint, int]] = field(default_factory=list)
    obstacle: str = ""

    @property
    def failed(self) -> int:
        """SKUs of the sample that would be refused by our own check."""
        return self.checked - self.passed


def of_products(request: HttpRequest, action: str, products: QuerySet[Any]) -> HttpResponse:
    """Offer, then do, one action for all variations of the chosen products."""
    seller = tenancy.actor(request).seller
    chosen = products.order_by().prefetch_related(None).values("pk")
    variations = Variation.objects.filter(seller_id=seller.pk, product__in=chosen)
    if action in (Load.Action.CONNECT, Load.Action.ASSOCIATE):
        return _offer_or_send(request, action, variations=variations)
    listings = Listing.objects.filter(seller_id=seller.pk, variation__product__in=chosen)
    return _offer_or_send(request, action, listings=listings)


def of_listings(request: HttpRequest, action: str, listings: QuerySet[Any]) -> HttpResponse:
    """Offer, then do, one action for the chosen listings, whatever accounts they are on."""
    seller = tenancy.actor(request).seller
    chosen = listings.order_by().select_related(None).prefetch_related(None).values("pk")
    return _offer_or_send(
        request, action, listings=Listing.objects.filter(seller_id=seller.pk, pk__in=chosen)
    )


def _offer_or_send(
    request: HttpRequest,
    action: str,
    *,
    variations: QuerySet[Variation] | None = None,
    listings: QuerySet[Listing] | None = None,
) -> HttpResponse:
    seller = tenancy.actor(request).seller
    statistics.refresh("catalog_product", "catalog_variation", "marketplaces_listing")
    connections = list(Connection.objects.filter(seller_id=seller.pk).select_related("marketplace", "seller"))
    if not connections:
        messages.warning(request, _("Connect an account at a marketplace first."))
        return to("marketplaces_connection_changelist")
    if "send" in request.POST:
        wanted = set(request.POST.getlist("connection"))
        chosen = [one for one in connections if str(one.pk) in wanted]
        if not chosen:
            messages.error(request, _("Choose at least one account."))
        else:
            loads = _send(request, action, chosen, variations, listings)
            if loads:
                one_load = len(loads) == 1
                return (
                    to("marketplaces_load_change", loads[0].pk)
                    if one_load
                    else to("marketplaces_load_changelist")
                )
    previews = list(_previews(connections, action, variations, listings))
    possible = [one for one in previews if one.total and not one.obstacle]
    wish = request.POST.get("connection", "")
    verb, explanation = VERBS[Load.Action(action)]
    context = {
        "title": verb,
        "verb": verb,
        "explanation": explanation,
        "action": action,
        "previews": previews,
        "possible": possible,
        "ticked": [
            one.connection.pk for one in possible if len(possible) == 1 or str(one.connection.pk) == wish
        ],
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "select_across": request.POST.get("select_across", "0"),
        "action_name": request.POST.get("action", ""),
        "checkbox": ACTION_CHECKBOX_NAME,
        "is_withdrawal": action == Load.Action.DISCONNECT,
        "counted": COUNTED,
        "sample": SAMPLE,
    }
    return portal_site.render(request, TEMPLATE, context)


def _send(
    request: HttpRequest,
    action: str,
    connections: list[Connection],
    variations: QuerySet[Variation] | None,
    listings: QuerySet[Listing] | None,
) -> list[Load]:
    loads = []
    for connection in connections:
        try:
            load = services.start_load(
                connection=connection,
                action=action,
                variations=variations,
                listings=listings,
                origin=Load.Origin.PORTAL,
                by=tenancy.actor(request).user,
            )
        except services.NotPossible as reason:
            messages.error(request, f"{connection.name}: {reason}")
        else:
            loads.append(load)
            messages.success(
                request,
                _("Load %(number)s: %(total)s items on their way to %(connection)s.")
                % {"number": load.number, "total": load.total, "connection": connection.name},
            )
    return loads


def _previews(
    connections: list[Connection],
    action: str,
    variations: QuerySet[Variation] | None,
    listings: QuerySet[Listing] | None,
) -> Iterator[Preview]:
    sample: list[Variation] = []
    total = 0
    if variations is not None:
        total = capped(variations, COUNTED)
        sample = list(variations.select_related("product").order_by("id")[:SAMPLE])
    for connection in connections:
        if variations is not None:
            there = Listing.objects.filter(connection=connection, variation__in=variations.values("pk"))
            preview = Preview(connection, total, _states(there))
            preview.obstacle = _obstacle(connection, action)
            if action == Load.Action.CONNECT and not preview.obstacle:
                _check(preview, sample)
        elif listings is not None:
            there = listings.filter(connection=connection)
            if action == Load.Action.DISCONNECT:
                there = there.exclude(state=Listing.State.DISCONNECTED)
            states = _states(there)
            preview = Preview(connection, sum(count for _state, _label, count in states), states)
            preview.obstacle = _obstacle(connection, action)
        yield preview


def _states(listings: QuerySet[Listing]) -> list[tuple[str, Any, int]]:
    counts = dict(listings.order_by().values_list("state").annotate(n=Count("id")))
    return showing.by_state(counts)


def _obstacle(connection: Connection, action: str) -> str:
    description = connection.marketplace.description
    if not description.offers(ContentPublisher):
        return _("takes no products")
    if action == Load.Action.ASSOCIATE and not description.offers(Matcher):
        return _("cannot look up existing entries")
    return ""


def _check(preview: Preview, sample: list[Variation]) -> None:
    translator = Translator(preview.connection)
    found: dict[tuple[str, str], hints.Hint] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for variation in sample:
        issues = translator.draft(variation).issues
        preview.passed += not issues
        for key, issue in {(one.kind.value, one.field): one for one in issues}.items():
            counts[key] += 1
            found.setdefault(key, hints.hint(issue.kind, issue.field, issue.params))
    preview.checked = len(sample)
    preview.causes = [(found[key], count) for key, count in counts.most_common(8)]
