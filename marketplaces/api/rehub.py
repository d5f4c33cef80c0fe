"""Rehub: SkyHub's newer calls, by which an ERP connects products itself, with a token."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog import values
from catalog.api.stores import StoresView
from catalog.models import Variation
from hub.api.authentication import ApiKeyAuthentication, identify
from hub.api.errors import Malformed
from hub.api.schema import errors
from hub.api.shapes import TEXT, json_body, some, told, word
from hub.api.tokens import BearerAuthentication, issue
from hub.api.views import SellerView
from hub.refusals import Incomplete, Refusal, Unknown, required_fields
from marketplaces import services
from marketplaces.api import docs
from marketplaces.api.views import among, one_of, to_skus
from marketplaces.models import Connection, Listing, Load

SYNC = "sync"
ACTIONS = {
    "link": Load.Action.CONNECT,
    "connect": Load.Action.CONNECT,
    "associate": Load.Action.ASSOCIATE,
    "unlink": Load.Action.DISCONNECT,
    "disconnect": Load.Action.DISCONNECT,
    "relink": Load.Action.RECONNECT,
    "reconnect": Load.Action.RECONNECT,
    SYNC: Load.Action.RECONNECT,
}
"""The words of Rehub, and the hub's own."""
WAYS_IN = [BearerAuthentication, ApiKeyAuthentication]


def body_of(request: Request, *required: str) -> dict[str, Any]:
    """Return the body as an object that has these fields; raises Malformed or Incomplete (400)."""
    if not isinstance(request.data, dict):
        raise Malformed(_("Send a JSON object."))
    missing = [name for name in required if not request.data.get(name)]
    if missing:
        raise Incomplete(required_fields(missing))
    return request.data


class AuthView(APIView):
    """The door to Rehub."""

    authentication_classes = []
    permission_classes = []

    @extend_schema(
        operation_id="auth",
        summary="Get a token for the Rehub calls",
        description="Valid for six hours: `Authorization: Bearer <token>`.",
        request=json_body(
            told(
                user_email={**TEXT, "minLength": 1, "maxLength": 254},
                api_key={**TEXT, "minLength": 1, "maxLength": 500},
            )
        ),
        responses={200: told(token=TEXT), **errors(400, 422)},
    )
    def post(self, request: Request) -> Response:
        """Exchange an e-mail and an API key for a token."""
        said = body_of(request, "user_email", "api_key")
        user, key = identify(
            request,
            values.code("user_email", said["user_email"], 254),
            values.code("api_key", said["api_key"], 500),
        )
        return Response({"token": issue(user, key)})

    def get_authenticate_header(self, request: Request) -> str:
        """Make DRF answer 401 rather than 403."""
        return "X-Api-Key"


class ProductActionsView(SellerView):
    """Connecting and disconnecting, without the portal."""

    authentication_classes = WAYS_IN

    @extend_schema(
        operation_id="rehub_product_actions",
        summary="Connect, disconnect or synchronise products",
        description=(
            "`id` is the number of the load that was started; follow it at `/loads/{number}`. Products that "
            "are connected already are sent again by `link`; `sync` also sends price and stock anew. SKUs "
            "that are unknown, or not connected where that is needed, are named in `unknown_skus`."
        ),
        request=json_body(
            told(
                skus=some({**TEXT, "minLength": 1, "maxLength": 100}, 10_000),
                sale_system={
                    **TEXT,
                    "minLength": 1,
                    "maxLength": 80,
                    "description": "A connection's name, or a marketplace's with one connection.",
                },
                type=word(*ACTIONS),
            )
        ),
        responses={201: told(id=TEXT, unknown_skus=docs.UNKNOWN_SKUS), **errors(400, 404, 422)},
    )
    def post(self, request: Request) -> Response:
        """Start a load."""
        said = body_of(request, "skus", "sale_system", "type")
        word = one_of("type", values.code("type", said["type"], 20).lower(), list(ACTIONS))
        connection = self._connection(values.code("sale_system", said["sale_system"], 80))
        skus = to_skus(said["skus"])
        variations, unknown = among(Variation.objects.filter(seller_id=self.seller_id), skus)
        listings = Listing.objects.filter(seller_id=self.seller_id, connection=connection)
        action = ACTIONS[word]
        unlisted = variations.exclude(listings__in=listings.filter(intent=Listing.Intent.LISTED))
        if action == Load.Action.CONNECT and not unlisted.exists():
            # A connect after a change; an associated listing stays what it is.
            action = Load.Action.RECONNECT
        if action in (Load.Action.CONNECT, Load.Action.ASSOCIATE):
            load = services.start_load(
                connection=connection, action=action, variations=variations, origin=Load.Origin.API
            )
        else:
            listed = Variation.objects.filter(seller_id=self.seller_id, listings__connection=connection)
            chosen, unknown = among(listed, skus)
            listings = listings.filter(variation__in=chosen)
            if word == SYNC:
                listings = listings.filter(intent=Listing.Intent.LISTED)
            load = services.start_load(
                connection=connection, action=action, listings=listings, origin=Load.Origin.API
            )
            if word == SYNC:
                services.send_terms_again(connection=connection, listings=listings)
        return Response({"id": str(load.number), "unknown_skus": unknown}, status=201)

    def _connection(self, said: str) -> Connection:
        """Return the connection of this name, or the only one at the marketplace of this name."""
        wanted = said.casefold()
        mine = list(
            Connection.objects.select_related("marketplace", "seller").filter(seller_id=self.seller_id)
        )
        named = [one for one in mine if one.name == said] or [
            one for one in mine if one.name.casefold() == wanted
        ]
        found = named or [
            one for one in mine if wanted in (one.marketplace_id.casefold(), one.marketplace.name.casefold())
        ]
        if not found:
            raise Unknown(_("There is no connection named “%(name)s”.") % {"name": said})
        if len(found) > 1:
            names = ", ".join(sorted(one.name for one in found))
            raise Refusal(
                _("Several connections fit; send one of these names: %(names)s.") % {"names": names}
            )
        return found[0]


@extend_schema_view(
    get=extend_schema(operation_id="rehub_stores_list"),
    post=extend_schema(operation_id="rehub_stores_create"),
)
class RehubStoresView(StoresView):
    """Warehouses, by the newer address."""

    authentication_classes = WAYS_IN
