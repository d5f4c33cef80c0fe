"""/sync_errors: open catalogue errors as SkyHub told them, one entry per SKU.

Reading and hiding are shared with the errors of orders, which `orders.sync_errors` tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any, NamedTuple

from django.db.models import Max, Q, QuerySet
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import values
from catalog.models import Variation
from hub.api.errors import Malformed, Unprocessable
from hub.api.paging import DEEPEST_ROW
from hub.api.schema import errors, nothing
from hub.api.shapes import COUNT, MOMENT, TEXT, Schema, json_body, many, named, some, taken, told, word
from hub.api.times import moment
from hub.api.views import SellerView, done
from hub.refusals import Incomplete, Refusal, required_fields
from marketplaces import hints
from marketplaces.contract import Facet, IssueKind
from marketplaces.models import Connection, Issue

PAGE = 50
"""Entities of a page: clients step their `offset` by it and stop at a page with fewer."""
PRODUCTS, ORDERS = "products", "orders"
NAMES_ITS_FIELD = frozenset(
    (
        IssueKind.TOO_SHORT,
        IssueKind.TOO_LONG,
        IssueKind.NOT_ALLOWED,
        IssueKind.NOT_A_NUMBER,
        IssueKind.OUT_OF_RANGE,
        IssueKind.WRONG_UNIT,
    )
)
"""Causes that say little without their field, which therefore is part of their code."""


class Category(NamedTuple):
    """Where in a product's way to one marketplace an error arose."""

    code: str
    marketplace: str
    facets: tuple[str, ...]


class Told(NamedTuple):
    """One error of one entity."""

    category: str
    code: str
    message: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Unwanted:
    """Errors not to be shown again until they are told again; an empty code means all of the category."""

    entity_id: str
    category: str
    code: str


def categories(seller_id: int) -> dict[str, Category]:
    """Return the seller's product categories by code: two for each marketplace it has an account at."""
    keys = (
        Connection.objects.filter(seller_id=seller_id)
        .order_by("marketplace_id")
        .values_list("marketplace_id", flat=True)
        .distinct()
    )
    found = []
    for key in keys:
        found.append(Category(f"link_{key}_products", key, (Facet.CONTENT.value,)))
        found.append(Category(f"{key}_products_production", key, (Facet.PRICE.value, Facet.STOCK.value)))
    return {one.code: one for one in found}


def open_issues(seller_id: int) -> QuerySet[Issue]:
    """The seller's open catalogue errors that the ERP has not put aside."""
    return Issue.objects.filter(seller_id=seller_id, closed_at__isnull=True, ignored_at__isnull=True)


def in_category(category: Category) -> Q:
    """Narrow issues to one category."""
    return Q(connection__marketplace_id=category.marketplace, facet__in=category.facets)


def error_code(kind: str, field: str, code: str) -> str:
    """Return an error's code: the marketplace's own, else SkyHub's where it had one, else ours."""
    if code:
        return code
    if kind == IssueKind.GTIN_MISSING:
        return "ean_null"
    if kind == IssueKind.GTIN_INVALID:
        return "invalid_ean"
    if kind == IssueKind.REQUIRED:
        return f"empty_{field}"
    return f"{kind}_{field}" if kind in NAMES_ITS_FIELD and field else kind


def error_types(issues: QuerySet[Issue]) -> list[dict[str, str]]:
    """Describe each kind of error among these issues once."""
    groups = list(
        issues.order_by()
        .values("kind", "field", "code")
        .annotate(sample=Max("id"))
        .order_by("kind", "field", "code")[:1000]
    )
    samples = Issue.objects.in_bulk([one["sample"] for one in groups])
    found: dict[str, dict[str, str]] = {}
    for group in groups:
        sample = samples.get(group["sample"])
        # One listing's value is no part of a description of the kind.
        params = {**sample.params, "value": "…"} if sample else {}
        words = hints.hint(group["kind"], group["field"], params)
        code = error_code(group["kind"], group["field"], group["code"])
        found.setdefault(code, error_type(code, words.title, words.fix))
    return list(found.values())


def error_type(code: str, name: str, fix: str) -> dict[str, str]:
    """Describe a kind of error; the way out is HTML, as in SkyHub."""
    return {"code": code, "name": name, "solution": f"<p>{escape(fix)}</p>"}


def category_json(seller_id: int, category: Category) -> dict[str, Any]:
    """Describe a category of product errors, with the kinds of error open in it."""
    return {
        "code": category.code,
        "entity_type": PRODUCTS,
        "error_types": error_types(open_issues(seller_id).filter(in_category(category))),
    }


def page_json(told: Mapping[str, Iterable[Told]], *extra: str) -> dict[str, Any]:
    """Return one page of errors by entity; `extra` are further names its id goes by."""
    data = []
    for entity_id, said in told.items():
        by_category: dict[str, list[dict[str, Any]]] = {}
        for one in said:
            by_category.setdefault(one.category, []).append(
                {"error_code": one.code, "message": one.message, "last_occurrence": moment(one.at)}
            )
        listed = [{"error_category_code": code, "errors": found} for code, found in by_category.items()]
        data.append({"entity_id": entity_id, **dict.fromkeys(extra, entity_id), "categories": listed})
    return {"errors_qty": len(data), "data": data}


def page_of(request: Request) -> slice:
    """Read `offset`, the number of entities to pass over; raises Malformed (400)."""
    said = request.query_params.get("offset", "").strip() or "0"
    if not (said.isascii() and said.isdigit()):
        raise Malformed(_("%(name)s must be a whole number from zero up.") % {"name": "offset"})
    start = int(said[:12])
    if start + PAGE > DEEPEST_ROW:
        raise Malformed(
            _("Only the first %(rows)s rows can be paged; narrow the filters.") % {"rows": DEEPEST_ROW}
        )
    return slice(start, start + PAGE)


def asked(request: Request, name: str) -> str:
    """Read a filter; no row has a NUL in it."""
    return request.query_params.get(name, "").replace("\x00", "").strip()


def to_ignore(data: Any) -> list[Unwanted]:
    """Read which errors to put aside; raises Incomplete (400) or Refusal (422)."""
    said = data.get("errors") if isinstance(data, dict) else data
    entries = values.items("errors", said)
    if not entries:
        raise Incomplete(required_fields(["errors"]))
    found = []
    for place, entry in enumerate(entries):
        here = f"errors[{place}]"
        if not isinstance(entry, dict):
            raise Refusal(_('%(field)s: send objects such as {"entity_id": ...}.') % {"field": here})
        found.append(
            Unwanted(
                values.code(f"{here}.entity_id", entry.get("entity_id") or entry.get("sku"), 200),
                values.code(f"{here}.error_category_code", entry.get("error_category_code"), 100),
                values.text(300).read(f"{here}.error_code", entry.get("error_code")).strip(),
            )
        )
    return found


def chosen(unwanted: Sequence[Unwanted], entity_id: str, category: str, code: str) -> bool:
    """Say whether an error is among those to put aside."""
    return any(
        one.entity_id == entity_id and one.category == category and one.code in ("", code) for one in unwanted
    )


def unknown_category(code: str) -> Unprocessable:
    """Say that errors were to be put aside in a category that does not exist."""
    return Unprocessable(_("There is no error category “%(code)s”.") % {"code": code})


_FOUND = named("SyncError", told(error_code=TEXT, message=TEXT, last_occurrence=MOMENT))
_IN_CATEGORY = told(error_category_code=TEXT, errors=many(_FOUND))
_ENTITY: dict[str, Schema] = {"entity_id": TEXT, "categories": many(_IN_CATEGORY)}
_QTY: Schema = {**COUNT, "description": f"Entries of this page; {PAGE} when it is full."}
ERROR_PAGES = {
    PRODUCTS: told(errors_qty=_QTY, data=many(named("ProductInError", told(sku=TEXT, **_ENTITY)))),
    ORDERS: told(errors_qty=_QTY, data=many(named("OrderInError", told(**_ENTITY)))),
}
IGNORE = json_body(
    told(
        errors=some(
            named(
                "IgnoredError",
                taken(
                    "entity_id",
                    "error_category_code",
                    entity_id={**TEXT, "minLength": 1, "maxLength": 200, "description": "SKU or order code."},
                    error_category_code={**TEXT, "minLength": 1, "maxLength": 100},
                    error_code={**TEXT, "maxLength": 300, "description": "Left out: all of the category."},
                ),
            )
        )
    )
)
CATEGORY = named(
    "ErrorCategory",
    told(
        code=TEXT,
        entity_type=word(PRODUCTS, ORDERS),
        error_types=many(
            named("ErrorType", told(code=TEXT, name=TEXT, solution={**TEXT, "description": "HTML."}))
        ),
    ),
)
FILTERS = [
    OpenApiParameter("error_category_code", str, description="From the categories."),
    OpenApiParameter("entity_id", str, description="A SKU, or an order's code."),
    OpenApiParameter(
        "offset",
        {**COUNT, "maximum": DEEPEST_ROW - PAGE},
        description=f"Entries to pass over, in steps of {PAGE}.",
    ),
]


def listing_call(what: str) -> Callable[..., Any]:
    """Describe a GET of errors."""
    return extend_schema(
        operation_id=f"sync_errors_{what}",
        summary=f"List open errors of {what}",
        parameters=FILTERS,
        responses={200: ERROR_PAGES[what], **errors(400)},
    )


def ignoring_call(what: str) -> Callable[..., Any]:
    """Describe a PATCH of errors."""
    return extend_schema(
        operation_id=f"sync_errors_{what}_ignore",
        summary=f"Put errors of {what} aside",
        description=(
            "They are not shown again until the marketplace, or our check, tells them again. Errors that "
            "are not open any more are passed over."
        ),
        request=IGNORE,
        responses={**nothing(204), **errors(400, 422)},
    )


class ProductErrorsView(SellerView):
    """Why products are not on sale, or not at their price or stock."""

    @listing_call(PRODUCTS)
    def get(self, request: Request) -> Response:
        """List SKUs with their open errors."""
        rows = self._told_of(asked(request, "error_category_code"))
        found = Variation.objects.filter(seller_id=self.seller_id, pk__in=rows.values("listing__variation"))
        if sku := asked(request, "entity_id"):
            found = found.filter(Q(sku=sku) | Q(product__sku=sku))
        page = dict(found.order_by("id").values_list("id", "sku")[page_of(request)])
        told: dict[str, list[Told]] = {sku: [] for sku in page.values()}
        codes = _codes(categories(self.seller_id))
        for issue in (
            rows.filter(listing__variation__in=page).select_related("listing", "connection").order_by("id")
        ):
            told[page[issue.listing.variation_id]].append(_told(issue, codes))
        return Response(page_json(told, "sku"))

    def _told_of(self, category: str) -> QuerySet[Issue]:
        rows = open_issues(self.seller_id)
        if not category:
            return rows
        known = categories(self.seller_id).get(category)
        return rows.filter(in_category(known)) if known else rows.none()

    @ignoring_call(PRODUCTS)
    def patch(self, request: Request) -> HttpResponse:
        """Put errors aside."""
        unwanted = to_ignore(request.data)
        known = categories(self.seller_id)
        for one in unwanted:
            if one.category not in known:
                raise unknown_category(one.category)
        codes = _codes(known)
        rows = open_issues(self.seller_id).filter(
            listing__variation__sku__in={one.entity_id for one in unwanted}
        )
        ids = [
            issue.pk
            for issue in rows.select_related("listing__variation", "connection")
            if chosen(unwanted, issue.listing.variation.sku, *_told(issue, codes)[:2])
        ]
        Issue.objects.filter(pk__in=ids).update(ignored_at=timezone.now())
        return done(204)


def _codes(known: Mapping[str, Category]) -> dict[tuple[str, str], str]:
    return {(one.marketplace, facet): one.code for one in known.values() for facet in one.facets}


def _told(issue: Issue, codes: Mapping[tuple[str, str], str]) -> Told:
    words = hints.hint(issue.kind, issue.field, issue.params)
    return Told(
        codes[issue.connection.marketplace_id, issue.facet],
        error_code(issue.kind, issue.field, issue.code),
        f"{words.title}: {issue.message}" if issue.message else f"{words.title}. {words.fix}",
        issue.created_at,
    )
