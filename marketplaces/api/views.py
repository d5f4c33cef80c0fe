"""/connections, /listings, /loads and /issues: what a seller does in the portal, an ERP does here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import values
from catalog.models import Variation
from hub.api.errors import Malformed
from hub.api.paging import open_cursor, page_of, seal_cursor
from hub.api.parsing import unwrap
from hub.api.schema import errors, in_path
from hub.api.shapes import WALK
from hub.api.views import SellerView
from hub.refusals import Incomplete, Refusal, Unknown, required_fields
from marketplaces import services
from marketplaces.api import docs, shapes
from marketplaces.causes import by_cause
from marketplaces.models import Connection, Issue, Listing, Load, LoadItem

Row = TypeVar("Row", bound=Model)
MOST_SKUS = 10_000
OF_CONNECTION = OpenApiParameter("connection", str, description="The connection's name.")


class WalkedView(SellerView):
    """A list walked by cursor, newest first."""

    filters: tuple[str, ...] = ()

    def walk(
        self,
        request: Request,
        name: str,
        narrow: Callable[[dict[str, str]], QuerySet[Row]],
        show: Callable[[Sequence[Row]], list[dict[str, Any]]],
    ) -> Response:
        """Return one page of `{"<name>": [...], "next": address or null}`."""
        salt = f"{name}.{self.seller_id}.{request.path}"
        if cursor := request.query_params.get("cursor"):
            state = open_cursor(salt, cursor)
        else:
            given = {key: request.query_params.get(key, "").strip() for key in self.filters}
            if any("\x00" in value for value in given.values()):
                raise Malformed(_("A filter holds a character that cannot be stored."))
            state = {
                "filters": {key: value for key, value in given.items() if value},
                "size": page_of(request.query_params).size,
                "before": None,
            }
        rows = narrow(state["filters"]).order_by("-pk")
        if state["before"] is not None:
            rows = rows.filter(pk__lt=state["before"])
        found = list(rows[: state["size"] + 1])
        page, following = found[: state["size"]], None
        if len(found) > len(page):
            sealed = seal_cursor(salt, {**state, "before": page[-1].pk})
            following = request.build_absolute_uri(f"{request.path}?cursor={sealed}")
        return Response({name: show(page), "next": following})

    def connection(self, name: str) -> Connection:
        """Return the seller's connection of this name; raises Unknown."""
        found = (
            Connection.objects.select_related("marketplace", "seller")
            .filter(seller_id=self.seller_id, name=name)
            .first()
        )
        if found is None:
            raise Unknown(_("There is no connection named “%(name)s”.") % {"name": name})
        return found


def one_of(name: str, value: str, allowed: Sequence[str]) -> str:
    """Read a word of a closed list; raises Malformed."""
    if value not in allowed:
        raise Malformed(
            _("%(name)s must be one of: %(allowed)s.") % {"name": name, "allowed": ", ".join(allowed)}
        )
    return value


def to_skus(said: Any) -> list[str]:
    """Read a list of SKUs; raises Refusal."""
    if not isinstance(said, list) or len(said) > MOST_SKUS:
        raise Refusal(_("skus must be a list of at most %(limit)s SKUs.") % {"limit": MOST_SKUS})
    return [values.code("skus", one, 100) for one in said]


def among(variations: QuerySet[Variation], skus: list[str]) -> tuple[QuerySet[Variation], list[str]]:
    """Return the variations these SKUs mean, and the SKUs that mean none."""
    known: set[str] = set()
    ids: list[int] = []
    rows = variations.filter(Q(sku__in=skus) | Q(product__sku__in=skus))
    for pk, sku, product_sku in rows.values_list("pk", "sku", "product__sku"):
        ids.append(pk)
        known.update((sku, product_sku))
    return variations.filter(pk__in=ids), [sku for sku in dict.fromkeys(skus) if sku not in known]


class ConnectionsView(WalkedView):
    """The seller's accounts at marketplaces."""

    @extend_schema(
        operation_id="connections_list",
        summary="List the connections",
        responses={200: docs.CONNECTIONS, **errors()},
    )
    def get(self, request: Request) -> Response:
        """List all connections; a seller has few."""
        rows = list(Connection.objects.filter(seller_id=self.seller_id).order_by("name"))
        return Response({"connections": shapes.connections(rows)})


class ConnectionView(WalkedView):
    """One account at a marketplace."""

    @extend_schema(
        operation_id="connections_get",
        summary="Get one connection",
        parameters=[in_path("name", "The connection's name.")],
        responses={200: docs.CONNECTION, **errors(404)},
    )
    def get(self, request: Request, name: str) -> Response:
        """Describe a connection, how many listings it has in each state and its last problem."""
        return Response(shapes.connections([self.connection(name)])[0])


class ListingsView(WalkedView):
    """What is sold where, and how it stands there."""

    filters = ("connection", "state", "sku")

    @extend_schema(
        operation_id="listings_list",
        summary="List listings",
        parameters=[
            OF_CONNECTION,
            OpenApiParameter("state", str, enum=Listing.State.values),
            OpenApiParameter("sku", str, description="A product's or a variation's SKU."),
            *WALK,
        ],
        responses={200: docs.LISTING_PAGE, **errors(400)},
    )
    def get(self, request: Request) -> Response:
        """List listings, newest first, each with its content, price and stock and its open issues."""
        return self.walk(request, "listings", self._narrow, shapes.listings)

    def _narrow(self, given: dict[str, str]) -> QuerySet[Listing]:
        rows = Listing.objects.filter(seller_id=self.seller_id).select_related(
            "variation__product", "connection", "load"
        )
        if "connection" in given:
            rows = rows.filter(connection__name=given["connection"])
        if "state" in given:
            rows = rows.filter(state=one_of("state", given["state"], Listing.State.values))
        if "sku" in given:
            rows = rows.filter(Q(variation__sku=given["sku"]) | Q(variation__product__sku=given["sku"]))
        return rows


class LoadsView(WalkedView):
    """Numbered sets of listings sent in one action."""

    filters = ("connection", "state")

    @extend_schema(
        operation_id="loads_list",
        summary="List loads",
        parameters=[OF_CONNECTION, OpenApiParameter("state", str, enum=Load.State.values), *WALK],
        responses={200: docs.LOAD_PAGE, **errors(400)},
    )
    def get(self, request: Request) -> Response:
        """List loads, newest first."""
        return self.walk(request, "loads", self._narrow, shapes.loads)

    def _narrow(self, given: dict[str, str]) -> QuerySet[Load]:
        rows = Load.objects.filter(seller_id=self.seller_id).select_related("connection")
        if "connection" in given:
            rows = rows.filter(connection__name=given["connection"])
        if "state" in given:
            rows = rows.filter(state=one_of("state", given["state"], Load.State.values))
        return rows

    @extend_schema(
        operation_id="loads_create",
        summary="Connect, associate, disconnect or reconnect",
        description=(
            "Say what to send in one of three ways: `skus`, `all`, or (reconnect only) `corrected_of`, the "
            "number of an earlier load whose errors were corrected. SKUs that are unknown, or not listed "
            "where a listing is needed, are named in `unknown_skus`; the others are sent."
        ),
        request=docs.NEW_LOAD,
        responses={201: docs.STARTED, **errors(400, 404, 422)},
    )
    def post(self, request: Request) -> Response:
        """Start a load."""
        said = unwrap(request.data, "load", bare=("connection", "action"))
        missing = [name for name in ("connection", "action") if not said.get(name)]
        if missing:
            raise Incomplete(required_fields(missing))
        connection = self.connection(values.code("connection", said["connection"], 80))
        action = one_of("action", values.code("action", said["action"], 20).lower(), Load.Action.values)
        skus = self._skus(said)
        unknown: list[str] = []
        if action in (Load.Action.CONNECT, Load.Action.ASSOCIATE):
            if said.get("corrected_of"):
                raise Refusal(_("corrected_of goes with reconnect only."))
            variations: QuerySet[Variation] = Variation.objects.filter(seller_id=self.seller_id)
            if skus is not None:
                variations, unknown = among(variations, skus)
            load = services.start_load(
                connection=connection, action=action, variations=variations, origin=Load.Origin.API
            )
        else:
            listings = Listing.objects.filter(seller_id=self.seller_id, connection=connection)
            if said.get("corrected_of"):
                listings = self._corrected(said["corrected_of"], action, connection)
            elif skus is not None:
                variations = Variation.objects.filter(
                    seller_id=self.seller_id, listings__connection=connection
                )
                chosen, unknown = among(variations, skus)
                listings = listings.filter(variation__in=chosen)
            load = services.start_load(
                connection=connection, action=action, listings=listings, origin=Load.Origin.API
            )
        return Response({**shapes.loads([load])[0], "unknown_skus": unknown}, status=201)

    @staticmethod
    def _skus(said: dict[str, Any]) -> list[str] | None:
        """Return the SKUs named, None for "all" or "corrected_of"; raises Refusal for none or several."""
        ways = [name for name in ("skus", "all", "corrected_of") if said.get(name)]
        if len(ways) != 1:
            raise Refusal(_("Send one of: skus, all, corrected_of."))
        if ways != ["skus"]:
            if ways == ["all"] and said["all"] is not True:
                raise Refusal(_("all must be true."))
            return None
        return to_skus(said["skus"])

    def _corrected(self, number: Any, action: str, connection: Connection) -> QuerySet[Listing]:
        if action != Load.Action.RECONNECT:
            raise Refusal(_("corrected_of goes with reconnect only."))
        wanted = number if isinstance(number, int) and not isinstance(number, bool) else 0
        load = Load.objects.filter(
            seller_id=self.seller_id, connection=connection, number=min(wanted, 2**31 - 1)
        ).first()
        if load is None:
            raise Unknown(_("There is no load with the number %(number)s.") % {"number": number})
        return services.corrected(load)


class LoadView(WalkedView):
    """One load."""

    @extend_schema(
        operation_id="loads_get",
        summary="Get one load",
        parameters=[OpenApiParameter("number", int, OpenApiParameter.PATH)],
        responses={200: docs.LOAD, **errors(404)},
    )
    def get(self, request: Request, number: str) -> Response:
        """Describe a load and count its items by state."""
        return Response(shapes.loads([self.load(number)])[0])

    def load(self, number: str) -> Load:
        """Return the seller's load of this number; raises Unknown."""
        found = (
            Load.objects.select_related("connection")
            .filter(seller_id=self.seller_id, number=min(int(number), 2**31 - 1))
            .first()
        )
        if found is None:
            raise Unknown(_("There is no load with the number %(number)s.") % {"number": number})
        return found


class LoadItemsView(LoadView):
    """The results of one load, item by item."""

    filters = ("state",)

    @extend_schema(
        operation_id="loads_items",
        summary="List a load's results",
        parameters=[
            OpenApiParameter("number", int, OpenApiParameter.PATH),
            OpenApiParameter("state", str, enum=LoadItem.State.values),
            *WALK,
        ],
        responses={200: docs.ITEM_PAGE, **errors(400, 404)},
    )
    def get(self, request: Request, number: str) -> Response:
        """List what became of each item, with every reason given for a refusal."""
        load = self.load(number)

        def narrow(given: dict[str, str]) -> QuerySet[LoadItem]:
            rows = LoadItem.objects.filter(seller_id=self.seller_id, load=load)
            if "state" in given:
                rows = rows.filter(state=one_of("state", given["state"], LoadItem.State.values))
            return rows

        return self.walk(request, "items", narrow, lambda page: shapes.load_items(load, page))


def open_issues(seller_id: int, given: dict[str, str]) -> QuerySet[Issue]:
    """The seller's issues, open unless the closed ones are asked for."""
    rows = Issue.objects.filter(seller_id=seller_id)
    state = one_of("state", given.get("state", "open"), ("open", "closed"))
    rows = rows.filter(closed_at__isnull=state == "open")
    if "connection" in given:
        rows = rows.filter(connection__name=given["connection"])
    if "code" in given:
        rows = rows.filter(kind=given["code"])
    if "sku" in given:
        rows = rows.filter(listing__variation__sku=given["sku"])
    return rows


class IssuesView(WalkedView):
    """Catalogue errors, one by one."""

    filters = ("connection", "state", "code", "sku")

    @extend_schema(
        operation_id="issues_list",
        summary="List catalogue errors",
        parameters=[
            OF_CONNECTION,
            OpenApiParameter("state", str, enum=["open", "closed"], description="Open by default."),
            OpenApiParameter("code", str, description="The cause, such as gtin_invalid."),
            OpenApiParameter("sku", str, description="A variation's SKU."),
            *WALK,
        ],
        responses={200: docs.ISSUE_PAGE, **errors(400)},
    )
    def get(self, request: Request) -> Response:
        """List catalogue errors, newest first."""

        def narrow(given: dict[str, str]) -> QuerySet[Issue]:
            return open_issues(self.seller_id, given).select_related("connection", "listing__variation")

        return self.walk(request, "issues", narrow, self._show)

    @staticmethod
    def _show(page: Sequence[Issue]) -> list[dict[str, Any]]:
        return [
            {"sku": one.listing.variation.sku, "connection": one.connection.name, **shapes.issue(one)}
            for one in page
        ]


class CausesView(WalkedView):
    """Catalogue errors grouped by cause."""

    @extend_schema(
        operation_id="issues_causes",
        summary="Count open catalogue errors by cause",
        parameters=[OF_CONNECTION],
        responses={200: docs.CAUSES, **errors()},
    )
    def get(self, request: Request) -> Response:
        """Count open errors by cause, the most frequent first, at most a hundred causes."""
        name = request.query_params.get("connection", "").replace("\x00", "").strip()
        causes = by_cause(open_issues(self.seller_id, {"connection": name} if name else {}))
        return Response(
            {
                "causes": [
                    {
                        "code": one.kind,
                        "field": one.field,
                        "marketplace_code": one.code or None,
                        "message": one.title,
                        "fix": one.fix,
                        "who": one.fixer,
                        "listings": one.listings,
                        "example_skus": [sample.sku for sample in one.samples],
                    }
                    for one in causes
                ]
            }
        )
