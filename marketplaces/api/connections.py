"""/connections: the seller's accounts at marketplaces, and what follows by itself on them.

Opening an account, its credentials and its mapping stay in the portal: a person gives consent there.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import values
from catalog.models import MAX_QUANTITY
from hub.api.parsing import unwrap
from hub.api.schema import errors, in_path
from hub.api.views import name_ignored
from hub.refusals import Refusal
from marketplaces import services, stock
from marketplaces.api import docs, shapes
from marketplaces.api.views import WalkedView
from marketplaces.models import Connection

NAME = in_path("name", "The connection's name.")
CHANGED = ("paused", "sync", "stock")
"""What a call may change of a connection."""


class ConnectionsView(WalkedView):
    """The seller's accounts at marketplaces."""

    @extend_schema(
        operation_id="connections_list",
        summary="List the connections",
        responses={200: docs.CONNECTIONS, **errors()},
    )
    def get(self, request: Request) -> Response:
        """List all connections; a seller has few."""
        mine = Connection.objects.filter(seller_id=self.seller_id).select_related("marketplace")
        rows = list(mine.order_by("name"))
        return Response({"connections": shapes.connections(rows)})


class ConnectionView(WalkedView):
    """One account at a marketplace."""

    @extend_schema(
        operation_id="connections_get",
        summary="Get one connection",
        parameters=[NAME],
        responses={200: docs.CONNECTION, **errors(404)},
    )
    def get(self, request: Request, name: str) -> Response:
        """Describe a connection, how many listings it has in each state and its last problem."""
        return Response(shapes.connections([self.connection(name)])[0])

    @extend_schema(
        operation_id="connections_change",
        summary="Pause a connection, change what follows by itself or how much stock is offered",
        description="What is not sent stays. What becomes due while it is paused waits.",
        parameters=[NAME],
        request=docs.CONNECTION_CHANGE,
        responses={200: docs.CONNECTION, **errors(400, 404, 422)},
    )
    def put(self, request: Request, name: str) -> Response:
        """Change a connection."""
        connection = self.connection(name)
        said = unwrap(request.data, "connection", bare=CHANGED)
        sync, stocked = _object("sync", said), _object("stock", said)
        switches = {
            column: flag(f"sync.{word}", sync[word])
            for word, column in shapes.SWITCHES.items()
            if word in sync
        }
        buffers = {
            column: _buffer(word, stocked[word]) for word, column in shapes.BUFFERS.items() if word in stocked
        }
        paused = flag("paused", said["paused"]) if "paused" in said else None
        if paused is not None:
            if connection.status == Connection.Status.NEEDS_CREDENTIALS:
                raise Refusal(_("The marketplace refuses the credentials. Enter new ones."))
            services.set_paused(connection=connection, paused=paused)
        if switches:
            services.set_switches(connection=connection, **switches)
        if buffers:
            for column, value in buffers.items():
                setattr(connection, column, value)
            stock.set_buffers(connection=connection)
        response = Response(shapes.connections([connection])[0])
        unknown = [f"sync.{word}" for word in sync if word not in shapes.SWITCHES]
        unknown += [f"stock.{word}" for word in stocked if word not in shapes.BUFFERS]
        name_ignored(response, [*(word for word in said if word not in CHANGED), *unknown])
        return response


class TryView(WalkedView):
    """Not waiting for the next try of what failed."""

    @extend_schema(
        operation_id="connections_try",
        summary="Try what failed again at once",
        parameters=[NAME],
        request=None,
        responses={202: docs.CONNECTION, **errors(404)},
    )
    def post(self, request: Request, name: str) -> Response:
        """Let every lane of the connection run now."""
        connection = self.connection(name)
        services.forget_connection_errors(connection)
        return Response(shapes.connections([connection])[0], status=202)


def _object(field: str, said: dict[str, Any]) -> dict[str, Any]:
    """Return a part of the body, empty where it was not sent; raises Refusal."""
    part = said.get(field, {})
    if not isinstance(part, dict):
        raise Refusal(_("%(field)s: send an object.") % {"field": field})
    return part


def _buffer(word: str, said: Any) -> bool | int | None:
    """Read one of the stock settings; raises Refusal."""
    field = f"stock.{word}"
    if word == "hold":
        return flag(field, said)
    if word == "reserve":
        return values.quantity(field, said)
    most = 100 if word == "percentage" else MAX_QUANTITY
    number = values.whole(field, said, MAX_QUANTITY)
    if number is None and word == "most":
        return None
    if number is None or not 1 <= number <= most:
        raise Refusal(
            _("%(field)s: send a whole number from %(least)s to %(most)s.")
            % {"field": field, "least": 1, "most": most}
        )
    return number


def flag(field: str, said: Any) -> bool:
    """Read true or false; raises Refusal."""
    if not isinstance(said, bool):
        raise Refusal(_("%(field)s: send true or false.") % {"field": field})
    return said
