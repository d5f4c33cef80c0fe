"""The mapping pages: the seller's categories and attributes in a marketplace's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from catalog.models import Category
from hub import tenancy
from hub.portal import portal_site
from hub.row_number import row_number
from marketplaces import mapping
from marketplaces.admin.pages import back, mine, number
from marketplaces.contract import MarketplaceError, TaxonomySource
from marketplaces.desired import FIELDS
from marketplaces.hints import FIELDS as FIELD_NAMES
from marketplaces.models import AttributeMap, CategoryMap, Connection, RemoteCategory

FOLDER = "portal/marketplaces"
PER_PAGE = 40


def _connection(request: HttpRequest, pk: int) -> Connection:
    connection = mine(Connection.objects.select_related("marketplace", "seller"), request, pk)
    if not connection.marketplace.description.offers(TaxonomySource):
        raise Http404
    return connection


def _progress(connection: Connection) -> dict[str, Any]:
    mapped, unmapped = mapping.category_counts(connection)
    return {"connection": connection, "mapped": mapped, "unmapped": unmapped, "categories": mapped + unmapped}


@portal_site.page("marketplaces/<int:pk>/mapping/progress/", "mapping_progress")
@require_GET
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer how many categories are mapped, as a piece of a page."""
    return render(request, f"{FOLDER}/mapping_progress.html", _progress(_connection(request, pk)))


@portal_site.page("marketplaces/<int:pk>/mapping/", "mapping")
@require_GET
def categories(request: HttpRequest, pk: int) -> HttpResponse:
    """List the seller's categories, most products first, with what they are at the marketplace."""
    connection = _connection(request, pk)
    only_unmapped = request.GET.get("show") == "unmapped"
    search = request.GET.get("q", "").strip()[:200]
    page = number(request, "page")
    rows = mapping.category_rows(
        connection,
        only_unmapped=only_unmapped,
        search=search,
        limit=PER_PAGE + 1,
        offset=(page - 1) * PER_PAGE,
    )
    context = {
        "title": _("Categories at %(name)s") % {"name": connection.name},
        **_progress(connection),
        "rows": rows[:PER_PAGE],
        "only_unmapped": only_unmapped,
        "q": search,
        "page": page,
        "previous_page": page - 1,
        "next_page": page + 1 if len(rows) > PER_PAGE else 0,
        "good": round(mapping.GOOD * 100),
    }
    return portal_site.render(request, f"{FOLDER}/mapping.html", context)


@portal_site.page("marketplaces/<int:pk>/mapping/search/", "mapping_search")
@require_GET
def search_remote(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer the marketplace's leaves that match, as the options of a select."""
    connection = _connection(request, pk)
    found = mapping.search_remote(connection.marketplace, request.GET.get("q", "").strip()[:200])
    return render(request, f"{FOLDER}/mapping_options.html", {"found": found})


@portal_site.page("marketplaces/<int:pk>/mapping/<int:category>/", "mapping_set", needs="operate")
@require_POST
def set_category(request: HttpRequest, pk: int, category: int) -> HttpResponse:
    """Map one category, or take its mapping away; answers the row alone when the page asked for a piece."""
    connection = _connection(request, pk)
    row = mine(Category.objects.all(), request, category)
    chosen = request.POST.get("remote", "")
    leaves = RemoteCategory.objects.filter(marketplace=connection.marketplace_id, is_leaf=True)
    remote = leaves.filter(pk=row_number(chosen)).first() if chosen else None
    if chosen and remote is None:
        raise Http404
    mapping.map_categories(connection, {row.pk: remote.pk if remote else None})
    if not request.headers.get("HX-Request"):
        messages.success(request, _("Saved."))
        return back(request, "mapping", pk)
    context = {
        **_progress(connection),
        "row": _row(connection, row),
        "is_saved": True,
        "may_operate": True,
    }
    return render(request, f"{FOLDER}/mapping_saved.html", context)


def _row(connection: Connection, category: Category) -> mapping.CategoryRow:
    mapped = (
        CategoryMap.objects.filter(connection=connection, category=category)
        .select_related("remote_category")
        .first()
    )
    products = category.seller.products.filter(category_codes__contains=[category.code])[:10_000].count()
    suggestions = [] if mapped else mapping.suggest(connection, [category]).get(category.pk, [])
    return mapping.CategoryRow(category, products, mapped.remote_category if mapped else None, suggestions)


@portal_site.page("marketplaces/<int:pk>/mapping/accept/", "mapping_accept", needs="operate")
@require_POST
def accept(request: HttpRequest, pk: int) -> HttpResponse:
    """Map everything whose suggestion is as good as certain."""
    count = mapping.accept_suggestions(_connection(request, pk))
    said = ngettext("%(count)s category was mapped.", "%(count)s categories were mapped.", count)
    messages.success(request, said % {"count": count})
    return back(request, "mapping", pk)


# --- attributes -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """An attribute row with what its form needs."""

    row: mapping.AttributeRow
    place: int
    pairs: list[tuple[str, str]]
    """The seller's words that need a translation, with the one chosen."""

    @property
    def is_short(self) -> bool:
        """True where a required attribute is missing from some products, or has words not accepted."""
        missing = self.row.rule.is_required and self.row.found < self.row.products
        return missing or any(not there for _word, there in self.pairs)


def _remote(connection: Connection, pk: int) -> RemoteCategory:
    found = RemoteCategory.objects.filter(pk=pk, marketplace=connection.marketplace_id).first()
    if found is None:
        raise Http404
    return found


def _shown(row: mapping.AttributeRow, place: int) -> Shown:
    words = [*row.translations, *(word for word in row.unknown_values if word not in row.translations)]
    return Shown(row, place, [(word, row.translations.get(word, "")) for word in words])


def _attribute_context(connection: Connection, remote: RemoteCategory) -> dict[str, Any]:
    return {
        "connection": connection,
        "remote": remote,
        "keys": mapping.specification_keys(connection, remote),
        "fields": [(name, FIELD_NAMES.get(name, name.upper())) for name in FIELDS],
    }


@portal_site.page("marketplaces/<int:pk>/attributes/<int:remote>/", "mapping_attributes")
@require_GET
def attributes(request: HttpRequest, pk: int, remote: int) -> HttpResponse:
    """List what the marketplace asks of products in one category, and where each answer comes from."""
    connection = _connection(request, pk)
    category = _remote(connection, remote)
    context = {"title": category.name, **_attribute_context(connection, category)}
    try:
        rows = mapping.attribute_rows(connection, category)
    except MarketplaceError:
        context["failed"] = True
        rows = []
    context["rows"] = [_shown(row, place) for place, row in enumerate(rows)]
    context["short"] = sum(one.is_short for one in context["rows"])
    return portal_site.render(request, f"{FOLDER}/mapping_attributes.html", context)


@portal_site.page("marketplaces/<int:pk>/attributes/<int:remote>/set/", "mapping_attribute", needs="operate")
@require_POST
def set_attribute(request: HttpRequest, pk: int, remote: int) -> HttpResponse:
    """Say where one attribute comes from, and translate its words."""
    connection = _connection(request, pk)
    category = _remote(connection, remote)
    attribute_id = request.POST.get("attribute", "")
    source, _sep, value = request.POST.get("source", "").partition(":")
    if source == AttributeMap.Source.CONSTANT:
        value = request.POST.get("constant", "").strip()
    words, there = request.POST.getlist("word"), request.POST.getlist("there")
    if (
        source not in ("", *AttributeMap.Source.values)
        or (source == AttributeMap.Source.FIELD and value not in FIELDS)
        or len(words) != len(there)
    ):
        raise Http404
    try:
        rules = {rule.remote_id: rule for rule in mapping.schema_rules(connection, category)}
        if attribute_id not in rules:
            raise Http404
        allowed = set(rules[attribute_id].allowed)
        translations = {
            word: to for word, to in zip(words, there, strict=True) if not allowed or to in allowed
        }
        mapping.map_attribute(
            connection,
            category,
            attribute_id,
            source=source if value or not source else "",
            value=value,
            translations=translations,
        )
        rows = mapping.attribute_rows(connection, category)
    except MarketplaceError:
        said = _("The marketplace did not answer. Try again in a few minutes.")
        if request.headers.get("HX-Request"):
            # Into the row, above its form: what was typed stays.
            note = format_html('<div class="mk-note mk-danger" role="alert">{}</div>', said)
            return HttpResponse(note, headers={"HX-Reswap": "afterbegin"})
        messages.error(request, said)
        return back(request, "mapping_attributes", pk, remote)
    if not request.headers.get("HX-Request"):
        messages.success(request, _("Saved."))
        return back(request, "mapping_attributes", pk, remote)
    place = next(index for index, row in enumerate(rows) if row.rule.remote_id == attribute_id)
    context = {
        **_attribute_context(connection, category),
        "one": _shown(rows[place], place),
        "is_saved": True,
        "may_operate": tenancy.may(request, "operate"),
    }
    return render(request, f"{FOLDER}/mapping_attribute.html", context)
