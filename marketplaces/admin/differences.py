"""What the marketplaces show otherwise than the catalogue says: the list by cause, and what can be done."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from hub import tenancy
from hub.counting import CAP, capped
from hub.portal import portal_site
from hub.row_number import row_number
from marketplaces import drift, held, hints, services, showing
from marketplaces.admin.pages import account_of, back, mine, number, to
from marketplaces.admin.products import for_people
from marketplaces.contract import Facet
from marketplaces.desired import Wanted, wanted
from marketplaces.models import Connection, Issue, Listing, Sync

FOLDER = "portal/marketplaces"
PER_PAGE = 50
CAUSES: tuple[tuple[str, Any, Any], ...] = (
    (
        Sync.Drift.OUTSIDE,
        gettext_lazy("Changed there"),
        gettext_lazy("The marketplace confirmed our value and shows another one now."),
    ),
    (
        Sync.Drift.SUPERSEDED,
        gettext_lazy("Newer value waits"),
        gettext_lazy("The marketplace shows an older value of ours; the newer one has not arrived yet."),
    ),
    (
        Sync.Drift.NEVER_SENT,
        gettext_lazy("Never sent"),
        gettext_lazy(
            "Nothing of ours has gone out yet, for example because the switch of the account is off."
        ),
    ),
    (
        Sync.Drift.REFUSED,
        gettext_lazy("Refused"),
        gettext_lazy(
            "The marketplace did not take our value, or our own check did not send it: the reason stands "
            "beside each. Correct it, or try again what the marketplace refused."
        ),
    ),
    (
        Sync.Drift.HELD,
        gettext_lazy("Held"),
        gettext_lazy(
            "The price moves too far from the one there: what waits is sent once you approve it, what was "
            "rejected stays as it is until the ERP sends another price."
        ),
    ),
    (
        drift.GONE,
        gettext_lazy("Gone there"),
        gettext_lazy("The marketplace no longer sells it. Publish it again, or let it be off sale."),
    ),
    (
        Sync.Drift.FROZEN,
        gettext_lazy("Frozen"),
        gettext_lazy("You asked to leave it as it is there. Released, it follows the catalogue again."),
    ),
)


@portal_site.page("differences/", "differences")
@require_GET
def differences(request: HttpRequest) -> HttpResponse:
    """List the differences of one cause, on one account or on all."""
    seller = tenancy.actor(request).seller
    chosen = account_of(request, seller)
    accounts = list(Connection.objects.filter(seller_id=seller.pk).order_by("name", "id"))
    shown = [one for one in accounts if chosen is None or one == chosen]
    counts = {cause: capped(drift.rows(shown, cause)) for cause in Sync.Drift.values}
    counts[drift.GONE] = capped(drift.gone(seller.pk, shown))
    asked = request.GET.get("cause", "")
    fullest = next((cause for cause, *_words in CAUSES if counts[cause]), Sync.Drift.OUTSIDE)
    cause = asked if asked in counts else str(fullest)
    page = number(request, "p")
    start = (page - 1) * PER_PAGE
    rows: list[Any]
    if cause == drift.GONE:
        vanished = drift.gone(seller.pk, shown).select_related("variation__product", "connection")
        rows = list(vanished.order_by("pk")[start : start + PER_PAGE + 1])
    else:
        differing = drift.rows(shown, cause).select_related(
            "listing__variation__product", "listing__connection"
        )
        ordered = differing.order_by("connection_id", "listing_id", "facet")
        found = list(ordered[start : start + PER_PAGE + 1])
        places = [(one.connection_id, one.listing.variation) for one in found]
        due = wanted(seller.pk, places)
        said = _reasons(found) if cause == Sync.Drift.REFUSED else {}
        holds = held.standing(found) if cause == Sync.Drift.HELD else {}
        prefetch_related_objects(list(holds.values()), "decided_by")
        rows = [
            {
                **_row(one, due[one.connection_id, one.listing.variation_id], said.get(one.listing_id, [])),
                "hold": holds.get(one.listing_id),
            }
            for one in found
        ]
    context = {
        "title": _("Differences"),
        "tabs": [(key, title, min(counts[key], CAP), counts[key] > CAP) for key, title, _words in CAUSES],
        "cause": cause,
        "words": next(words for key, _title, words in CAUSES if key == cause),
        "rows": rows[:PER_PAGE],
        "page": page,
        "has_more": len(rows) > PER_PAGE,
        "accounts": accounts,
        "account": chosen,
        "heals": cause in drift.HEALED,
        "heals_all": cause in drift.HEALED and not all(one["was_kept_here"] for one in rows),
        "may_operate": tenancy.may(request, "operate"),
    }
    return portal_site.render(request, f"{FOLDER}/differences.html", context)


def _reasons(refused: list[Sync]) -> dict[int, list[Issue]]:
    """Return the open errors of the listings of these rows."""
    said: dict[int, list[Issue]] = {}
    ids = [one.listing_id for one in refused]
    for issue in Issue.objects.filter(listing_id__in=ids, closed_at__isnull=True).order_by("id"):
        said.setdefault(issue.listing_id, []).append(issue)
    return said


def _row(sync: Sync, there: Wanted, open_issues: list[Issue]) -> dict[str, Any]:
    said = [one for one in open_issues if one.facet == sync.facet]
    return {
        "sync": sync,
        "listing": sync.listing,
        "label": showing.FACETS[Facet(sync.facet)],
        "is_off": sync.facet in sync.listing.connection.switched_off,
        "wanted": for_people(there).get(sync.facet, ""),
        "shown": showing.synced(sync.facet, sync.there),
        "refusal": showing.refusal(sync, said) if said else "",
        "reasons": [
            (hints.hint(one.kind, one.field, one.params), f"{one.code} {one.message}".strip()) for one in said
        ],
        "was_kept_here": bool(said) and all(one.was_kept_here for one in said),
    }


@portal_site.page("differences/heal/", "differences_heal", needs="operate")
@require_POST
def heal(request: HttpRequest) -> HttpResponse:
    """Send what the marketplace should show: of one listing, or everything of one cause."""
    seller = tenancy.actor(request).seller
    cause = request.POST.get("cause", "")
    chosen = account_of(request, seller)
    ids: list[int] | None = None
    facets = [Facet.PRICE.value, Facet.STOCK.value]
    if one := request.POST.get("listing", ""):
        listing = mine(Listing.objects.all(), request, row_number(one))
        ids, facets = [listing.pk], [facet for facet in facets if facet == request.POST.get("facet")]
    healed = 0
    kept: list[str] = []
    accounts = Connection.objects.filter(seller_id=seller.pk).select_related("marketplace")
    for connection in accounts:
        if chosen is None or connection == chosen:
            healed += drift.heal(connection=connection, listing_ids=ids, facets=facets, causes=[cause])
            if drift.kept_back(connection, cause, facets, ids):
                kept.append(connection.name)
    if healed:
        said = ngettext("%(count)s value is being sent.", "%(count)s values are being sent.", healed)
        messages.success(request, said % {"count": healed})
    if kept:
        messages.warning(request, showing.KEPT_BACK % {"accounts": ", ".join(kept)})
    elif not healed:
        messages.warning(request, _("There was nothing left to send."))
    return back(request, "differences")


@portal_site.page("listings/<int:pk>/freeze/<str:facet>/", "listing_freeze", needs="operate")
@require_POST
def set_frozen(request: HttpRequest, pk: int, facet: str) -> HttpResponse:
    """Leave one facet of a listing alone at the marketplace, or let it follow again."""
    who = tenancy.actor(request)
    listing = mine(Listing.objects.all(), request, pk)
    frozen = request.POST.get("frozen") == "1"
    if facet in list(Facet):
        by = who.user.get_full_name()
        changed = drift.set_frozen(
            seller_id=who.seller.pk, listings=[listing], facets=[facet], frozen=frozen, by=by
        )
        if changed:
            said = (
                _("Frozen: nothing of it is sent until you release it.") if frozen else _("It follows again.")
            )
            messages.success(request, said)
        else:
            messages.error(request, _("That is not possible now."))
    return back(request, "marketplaces_listing_change", pk)


@portal_site.page("listings/<int:pk>/gone/", "listing_gone", needs="operate")
@require_POST
def decide_about_gone(request: HttpRequest, pk: int) -> HttpResponse:
    """Publish a listing that vanished at the marketplace again, or take it as off sale."""
    who = tenancy.actor(request)
    listing = mine(Listing.objects.select_related("connection__marketplace"), request, pk)
    chosen = Listing.objects.filter(pk=listing.pk)
    if request.POST.get("choice") == "accept":
        if drift.accept_gone(connection=listing.connection, listings=chosen):
            messages.success(request, _("It counts as disconnected now."))
        else:
            messages.error(request, _("That is not possible now."))
        return back(request, "marketplaces_listing_change", pk)
    connection = get_object_or_404(
        Connection.objects.select_related("marketplace", "seller"), pk=listing.connection_id
    )
    try:
        load = drift.publish_gone_again(connection=connection, listings=chosen, by=who.user)
    except services.NotPossible as reason:
        messages.error(request, str(reason))
        return back(request, "marketplaces_listing_change", pk)
    return to("marketplaces_load_change", load.pk)


portal_site.menu("marketplaces", gettext_lazy("Differences"), "difference", "differences", order=44)
