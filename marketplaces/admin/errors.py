"""Catalogue errors (erros de catálogo): everything refused, over all loads, grouped by cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from hub import tenancy
from hub.models import Seller
from hub.panels import brl
from hub.portal import portal_site
from marketplaces import causes, hints, services
from marketplaces.admin import csv_file
from marketplaces.admin.pages import account_of, to
from marketplaces.models import Connection, Issue, Listing, Load

FOLDER = "portal/marketplaces"
MOST = 200
ASIDE = "aside"


def _open(seller: Seller, connection: int | None, *, aside: bool = False) -> QuerySet[Issue]:
    issues = Issue.objects.filter(seller_id=seller.pk, closed_at__isnull=True, ignored_at__isnull=not aside)
    return issues if connection is None else issues.filter(connection=connection)


def _ready(seller: Seller, connection: int | None) -> QuerySet[Issue]:
    """Issues the ERP has corrected on listings that now only wait to be sent again."""
    issues = Issue.objects.filter(
        seller_id=seller.pk,
        listing__seller_id=seller.pk,
        listing__state=Listing.State.ERROR,
        listing__corrected_at__isnull=False,
        closed_because=Issue.Closed.CORRECTED,
        closed_at__gte=F("listing__state_at"),
    )
    return issues if connection is None else issues.filter(connection=connection)


@portal_site.page("errors/", "errors")
@require_GET
def errors(request: HttpRequest) -> HttpResponse:
    """Show each cause once: how many listings, who mends it, and what is held back by it."""
    seller = tenancy.actor(request).seller
    account = account_of(request, seller)
    on = account.pk if account else None
    fixer = request.GET.get("who", "")
    aside = causes.by_cause(_open(seller, on, aside=True), limit=MOST, with_stake=True)
    found = causes.by_cause(_open(seller, on), limit=MOST, with_stake=True)
    ready = {one.key: one for one in causes.by_cause(_ready(seller, on), limit=MOST)}
    known = {one.key for one in found}
    found += [one for key, one in ready.items() if key not in known]
    by_fixer = Counter(one.fixer for one in found)
    shown = aside if fixer == ASIDE else [one for one in found if fixer in ("", one.fixer)]
    if request.GET.get("sort") == "stake":
        shown.sort(key=lambda one: -(one.stake or Decimal(0)))
    context = {
        "title": _("Catalogue errors"),
        "rows": [(one, ready[one.key].listings if one.key in ready else 0) for one in shown],
        "tabs": [
            ("", _("All"), len(found)),
            *((key, label, by_fixer[key]) for key, label in hints.FIXERS.items()),
            *([(ASIDE, _("Put aside"), len(aside))] if aside or fixer == ASIDE else []),
        ],
        "is_aside": fixer == ASIDE,
        "may_hide": True,
        "who": fixer,
        "sort": request.GET.get("sort", ""),
        "accounts": Connection.objects.filter(seller_id=seller.pk),
        "account": account,
        "listings": _open(seller, on).values("listing_id").distinct().count(),
        "stake": brl(_stake(seller, on)),
        "ready": _corrected(seller, on).count(),
        "may_operate": tenancy.may(request, "operate"),
    }
    return portal_site.render(request, f"{FOLDER}/errors.html", context)


def _stake(seller: Seller, connection: int | None) -> Decimal:
    """Each listing once, however many errors it has."""
    refused = _open(seller, connection).values("listing_id")
    return causes.worth(Listing.objects.filter(seller_id=seller.pk, pk__in=refused))


def _corrected(seller: Seller, connection: int | None, cause: str = "") -> QuerySet[Listing]:
    listings = Listing.objects.filter(
        seller_id=seller.pk, state=Listing.State.ERROR, corrected_at__isnull=False
    )
    if connection is not None:
        listings = listings.filter(connection=connection)
    if cause:
        told = causes.with_cause(_ready(seller, connection), cause)
        listings = listings.filter(pk__in=told.values("listing_id"))
    return listings


@portal_site.page("errors/reconnect/", "errors_reconnect", needs="operate")
@require_POST
def reconnect(request: HttpRequest) -> HttpResponse:
    """Send again what was corrected, of one cause or of all: one load per account."""
    who = tenancy.actor(request)
    account = account_of(request, who.seller)
    listings = _corrected(who.seller, account.pk if account else None, request.POST.get("cause", ""))
    loads: list[Load] = []
    accounts = Connection.objects.filter(
        seller_id=who.seller.pk, pk__in=listings.values("connection_id")
    ).select_related("marketplace", "seller")
    for connection in accounts:
        try:
            loads.append(
                services.start_load(
                    connection=connection, action=Load.Action.RECONNECT, listings=listings, by=who.user
                )
            )
        except services.NotPossible as reason:
            messages.error(request, f"{connection.name}: {reason}")
    if not loads:
        messages.info(request, _("Nothing is waiting to be reconnected."))
        return to("errors")
    total = sum(load.total for load in loads)
    said = ngettext("%(count)s listing is sent again.", "%(count)s listings are sent again.", total)
    messages.success(request, said % {"count": total})
    return (
        to("marketplaces_load_change", loads[0].pk) if len(loads) == 1 else to("marketplaces_load_changelist")
    )


@portal_site.page("errors/put-aside/", "errors_put_aside", needs="operate")
@require_POST
def put_aside(request: HttpRequest) -> HttpResponse:
    """Hide the open errors of one cause from the list, or bring them back; what is told anew shows again."""
    seller = tenancy.actor(request).seller
    account = account_of(request, seller)
    back = request.POST.get("back") == "1"
    issues = _open(seller, account.pk if account else None, aside=back)
    chosen = causes.with_cause(issues, request.POST.get("cause", ""))
    count = chosen.update(ignored_at=None if back else timezone.now())
    if back:
        said = ngettext("%(count)s error is back.", "%(count)s errors are back.", count)
    else:
        said = ngettext("%(count)s error was put aside.", "%(count)s errors were put aside.", count)
    messages.success(request, said % {"count": count})
    return to("errors")


@portal_site.page("errors/open.csv", "errors_csv")
@require_GET
def open_errors_csv(request: HttpRequest) -> Any:
    """Stream every open error, one line per reason."""
    seller = tenancy.actor(request).seller
    account = account_of(request, seller)
    issues = _open(seller, account.pk if account else None).select_related("listing__variation__product")
    return csv_file.stream("erros-de-catalogo.csv", csv_file.ISSUE_HEADER, _lines(issues.order_by("id")))


def _lines(issues: QuerySet[Issue]) -> Iterator[tuple[Any, ...]]:
    for issue in issues.iterator(chunk_size=1000):
        yield csv_file.issue_line(issue)


portal_site.menu("marketplaces", gettext_lazy("Catalogue errors"), "error", "errors", order=40)
