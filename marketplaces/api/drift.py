"""/listings/history, /lag and /heal: each value's way, how long it took, sending what should be shown."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import values
from catalog.models import Variation
from hub.api.errors import Malformed
from hub.api.parsing import unwrap
from hub.api.schema import errors
from hub.api.shapes import WALK
from hub.api.times import moment
from hub.refusals import Incomplete, Refusal, required_fields
from marketplaces import drift, lag
from marketplaces.api import docs, shapes
from marketplaces.api.views import OF_CONNECTION, ListingsView, WalkedView, among, one_of, to_skus
from marketplaces.contract import Facet
from marketplaces.models import KEPT, Connection, Listing

TERMS = (Facet.PRICE.value, Facet.STOCK.value)


class HistoryView(ListingsView):
    """The way of each value of a listing to its marketplace."""

    @extend_schema(
        operation_id="listings_history",
        summary="List the ways of values to the marketplaces",
        description=(
            f"The last {KEPT} of each facet, newest first: when the value was received, queued, sent, "
            "settled and seen there, what became of it, what asked for it (`why`), and how many earlier "
            "values were not sent because a newer one came in first (`superseded`)."
        ),
        parameters=[
            OF_CONNECTION,
            OpenApiParameter("state", str, enum=Listing.State.values),
            OpenApiParameter("drift", str, enum=docs.DIFFERENCES),
            OpenApiParameter("sku", str, description="A product's or a variation's SKU."),
            *WALK,
        ],
        responses={200: docs.HISTORY_PAGE, **errors(400)},
    )
    def get(self, request: Request) -> Response:
        """List listings, newest first, each with the ways of its content, price and stock."""
        return self.walk(request, "listings", self._narrow, shapes.histories)


class LagView(WalkedView):
    """How long values take to their marketplaces, against the targets."""

    @extend_schema(
        operation_id="listings_lag",
        summary="Measure how long values take to the marketplaces",
        description=(
            "From received to confirmed, per connection and facet, of what the ERP's data, orders, stock "
            "settings or a move to another category asked for, and of content sent by loads. New price "
            "rules, repeated and healed values, and those replaced before they were sent are not counted."
        ),
        parameters=[
            OF_CONNECTION,
            OpenApiParameter(
                "hours",
                {"type": "integer", "minimum": 1, "maximum": lag.MOST_HOURS},
                description=f"The period until now; {lag.USUAL_HOURS} hours by default.",
            ),
        ],
        responses={200: docs.LAGS, **errors(400, 404)},
    )
    def get(self, request: Request) -> Response:
        """Measure one connection, or all of the seller's."""
        name = request.query_params.get("connection", "").replace("\x00", "").strip()
        hours = _hours(request.query_params.get("hours", "").strip())
        mine = Connection.objects.filter(seller_id=self.seller_id).select_related("marketplace")
        rows = [self.connection(name)] if name else list(mine.order_by("name"))
        began_at = lag.since(hours)
        return Response(
            {"hours": hours, "since": moment(began_at), "lag": shapes.lags(lag.of(rows, began_at))}
        )


def _hours(said: str) -> int:
    """Read a period in hours; raises Malformed."""
    if not said:
        return lag.USUAL_HOURS
    if said.isascii() and said.isdigit() and 1 <= int(said[:5]) <= lag.MOST_HOURS:
        return int(said[:5])
    limits = {"name": "hours", "minimum": 1, "maximum": lag.MOST_HOURS}
    raise Malformed(_("%(name)s must be a whole number from %(minimum)s to %(maximum)s.") % limits)


class HealView(WalkedView):
    """Sending what the marketplace should show."""

    @extend_schema(
        operation_id="listings_heal",
        summary="Heal what differs at the marketplace",
        description=(
            "Sends price and stock (or one of them) where the marketplace shows something else, of the SKUs "
            "named or of `all`. What does not differ, is frozen by the seller, or is kept back by a switch "
            "of the connection, is neither sent nor counted in `healed`. `causes` narrows it to some causes "
            "of difference."
        ),
        request=docs.HEAL,
        responses={202: docs.HEALED_VALUES, **errors(400, 404, 422)},
    )
    def post(self, request: Request) -> Response:
        """Let the lanes send what differs now."""
        said = unwrap(request.data, "heal", bare=("connection", "skus"))
        if not said.get("connection"):
            raise Incomplete(required_fields(["connection"]))
        connection = self.connection(values.code("connection", said["connection"], 80))
        facets = _words("facets", said.get("facets"), TERMS)
        causes = _words("causes", said.get("causes"), tuple(one.value for one in drift.HEALED))
        ids, unknown = self._listings(said, connection.pk)
        healed = drift.heal(connection=connection, listing_ids=ids, facets=facets, causes=causes)
        return Response({"healed": healed, "unknown_skus": unknown}, status=202)

    def _listings(self, said: dict[str, Any], connection_id: int) -> tuple[list[int] | None, list[str]]:
        """Return the listings that were named, None for all of them; raises Refusal for neither or both."""
        ways = [name for name in ("skus", "all") if said.get(name)]
        if len(ways) != 1:
            raise Refusal(_("Send one of: skus, all."))
        if ways == ["all"]:
            if said["all"] is not True:
                raise Refusal(_("%(way)s must be true.") % {"way": "all"})
            return None, []
        listed = Variation.objects.filter(seller_id=self.seller_id, listings__connection=connection_id)
        chosen, unknown = among(listed, to_skus(said["skus"]))
        mine = Listing.objects.filter(
            seller_id=self.seller_id, connection=connection_id, variation__in=chosen.values("pk")
        )
        return list(mine.values_list("pk", flat=True)), unknown


def _words(name: str, said: Any, allowed: tuple[str, ...]) -> list[str]:
    """Read words of a closed list; all of them when none is sent."""
    found = [one_of(name, values.code(name, one, 20), allowed) for one in values.items(name, said)]
    return found or list(allowed)
