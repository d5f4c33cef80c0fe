"""/listings and /loads: what a seller does in the portal, an ERP does here."""

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
from hub.api.schema import errors
from hub.api.shapes import WALK
from hub.api.views import SellerView
from hub.refusals import Incomplete, Refusal, Unknown, required_fields
from marketplaces import drift, hints, services
from marketplaces.api import docs, shapes
from marketplaces.contract import Facet
from marketplaces.desired import Translator
from marketplaces.models import Connection, Listing, Load, LoadItem

Row = TypeVar("Row", bound=Model)
MOST_SKUS = 10_000
MOST_CHECKED = 1_000
TERMS = (Facet.PRICE.value, Facet.STOCK.value)
WAYS = ("skus", "all", "corrected", "corrected_of", "refused_of")
"""How a load is told what to send."""
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


def among_listings(listings: QuerySet[Listing], skus: list[str]) -> tuple[QuerySet[Listing], list[str]]:
    """Return the listings of what these SKUs mean, and the SKUs that have none."""
    listed = Variation.objects.filter(pk__in=listings.order_by().values("variation"))
    chosen, unknown = among(listed, skus)
    return listings.filter(variation__in=chosen), unknown


class ListingsView(WalkedView):
    """What is sold where, and how it stands there."""

    filters = ("connection", "state", "drift", "sku")

    @extend_schema(
        operation_id="listings_list",
        summary="List listings",
        parameters=[
            OF_CONNECTION,
            OpenApiParameter("state", str, enum=Listing.State.values),
            OpenApiParameter(
                "drift",
                str,
                enum=docs.DIFFERENCES,
                description="Why the marketplace shows another price or stock, or the listing no more.",
            ),
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
        if "drift" in given:
            cause = one_of("drift", given["drift"], docs.DIFFERENCES)
            mine = Connection.objects.filter(seller_id=self.seller_id)
            if cause == drift.GONE:
                rows = rows.filter(gone_at__isnull=False)
            else:
                rows = rows.filter(pk__in=drift.rows(mine, cause).values("listing_id"))
        if "sku" in given:
            rows = rows.filter(Q(variation__sku=given["sku"]) | Q(variation__product__sku=given["sku"]))
        return rows


class SendView(WalkedView):
    """Sending price and stock again."""

    @extend_schema(
        operation_id="listings_send",
        summary="Send price and stock of listings again",
        description=(
            "Although they may seem right, and also where the marketplace refused them. Only listings on "
            "sale are sent; the SKUs of others are named in `unknown_skus`. `facets` is both unless sent. "
            "What a switch of the connection keeps back goes out when that is turned on."
        ),
        request=docs.SEND,
        responses={202: docs.SENT, **errors(400, 404, 422)},
    )
    def post(self, request: Request) -> Response:
        """Let the lanes send them now."""
        said = unwrap(request.data, "listings", bare=("connection", "skus"))
        missing = [name for name in ("connection", "skus") if not said.get(name)]
        if missing:
            raise Incomplete(required_fields(missing))
        connection = self.connection(values.code("connection", said["connection"], 80))
        facets = [
            one_of("facets", values.code("facets", one, 10), TERMS)
            for one in values.items("facets", said.get("facets") or list(TERMS))
        ]
        on_sale = Listing.objects.filter(
            seller_id=self.seller_id,
            connection=connection,
            state__in=(Listing.State.CONNECTED, Listing.State.CATALOGUING),
        )
        chosen, unknown = among_listings(on_sale, to_skus(said["skus"]))
        sent = chosen.count()
        services.send_terms_again(connection=connection, listings=chosen, facets=facets)
        return Response({"listings": sent, "unknown_skus": unknown}, status=202)


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
            "Say what to send in one way: `skus`, `all`, or (reconnect only) `corrected`, whatever was "
            "refused on this connection and corrected since; `corrected_of` or `refused_of`, the number of "
            "a load of which the corrected, or all the refused listings are sent. SKUs that are unknown, or "
            "not listed where a listing is needed, are named in `unknown_skus`; the others are sent."
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
        way = self._way(said)
        if way.startswith(("corrected", "refused")) and action != Load.Action.RECONNECT:
            raise Refusal(_("%(way)s goes with reconnect only.") % {"way": way})
        skus = to_skus(said["skus"]) if way == "skus" else None
        unknown: list[str] = []
        if action in (Load.Action.CONNECT, Load.Action.ASSOCIATE):
            variations: QuerySet[Variation] = Variation.objects.filter(seller_id=self.seller_id)
            if skus is not None:
                variations, unknown = among(variations, skus)
            load = services.start_load(
                connection=connection, action=action, variations=variations, origin=Load.Origin.API
            )
        else:
            listings = Listing.objects.filter(seller_id=self.seller_id, connection=connection)
            if skus is not None:
                listings, unknown = among_listings(listings, skus)
            elif way == "corrected":
                listings = services.corrected_on(connection)
            elif way != "all":
                load_before = self._load(said[way], connection)
                of_load = services.corrected if way == "corrected_of" else services.refused
                listings = of_load(load_before)
            load = services.start_load(
                connection=connection, action=action, listings=listings, origin=Load.Origin.API
            )
        return Response({**shapes.loads([load])[0], "unknown_skus": unknown}, status=201)

    @staticmethod
    def _way(said: dict[str, Any]) -> str:
        """Return the one way in which it is said what to send; raises Refusal for none or several."""
        ways = [name for name in WAYS if said.get(name)]
        if len(ways) != 1:
            raise Refusal(_("Send one of: %(ways)s.") % {"ways": ", ".join(WAYS)})
        if ways[0] in ("all", "corrected") and said[ways[0]] is not True:
            raise Refusal(_("%(way)s must be true.") % {"way": ways[0]})
        return ways[0]

    def _load(self, number: Any, connection: Connection) -> Load:
        wanted = number if isinstance(number, int) and not isinstance(number, bool) else 0
        load = Load.objects.filter(
            seller_id=self.seller_id, connection=connection, number=max(0, min(wanted, 2**31 - 1))
        ).first()
        if load is None:
            raise Unknown(_("There is no load with the number %(number)s.") % {"number": number})
        return load


class LoadCheckView(WalkedView):
    """Asking what a connection would say, without sending anything."""

    @extend_schema(
        operation_id="loads_check",
        summary="Check products before connecting them",
        description=(
            "Nothing is sent and nothing changes: the answer is what our check says of each variation as it "
            "now stands. What the marketplace demands in a category is known once its mapping was opened or "
            f"something was sent there. At most {MOST_CHECKED} variations a call; unknown SKUs are named in "
            "`unknown_skus`."
        ),
        request=docs.CHECK,
        responses={200: docs.CHECKED, **errors(400, 404, 422)},
    )
    def post(self, request: Request) -> Response:
        """Check variations."""
        said = unwrap(request.data, "load", bare=("connection", "skus"))
        missing = [name for name in ("connection", "skus") if not said.get(name)]
        if missing:
            raise Incomplete(required_fields(missing))
        connection = self.connection(values.code("connection", said["connection"], 80))
        chosen, unknown = among(Variation.objects.filter(seller_id=self.seller_id), to_skus(said["skus"]))
        found = list(chosen.select_related("product").order_by("id")[: MOST_CHECKED + 1])
        if len(found) > MOST_CHECKED:
            raise Refusal(_("At most %(limit)s variations can be checked at once.") % {"limit": MOST_CHECKED})
        translator = Translator(connection)
        items = []
        for variation in found:
            issues = [hints.for_api(issue) for issue in translator.draft(variation).issues]
            items.append({"sku": variation.sku, "ready": not issues, "issues": issues})
        return Response(
            {
                "connection": connection.name,
                "ready": sum(one["ready"] for one in items),
                "not_ready": sum(not one["ready"] for one in items),
                "unknown_skus": unknown,
                "items": items,
            }
        )


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
