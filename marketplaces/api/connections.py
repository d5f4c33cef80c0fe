"""/connections: the seller's accounts at marketplaces, and what follows by itself on them.

Opening an account, its credentials and its mapping stay in the portal: a person gives consent there.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hub.api.parsing import unwrap
from hub.api.schema import errors, in_path
from hub.api.views import name_ignored
from hub.refusals import Refusal
from marketplaces import services
from marketplaces.api import docs, shapes
from marketplaces.api.views import WalkedView
from marketplaces.models import Connection

NAME = in_path("name", "The connection's name.")
CHANGED = ("paused", "sync")
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
        rows = list(Connection.objects.filter(seller_id=self.seller_id).order_by("name"))
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
        summary="Pause a connection, or change what follows by itself",
        description="What is not sent stays. What becomes due while it is paused waits.",
        parameters=[NAME],
        request=docs.CONNECTION_CHANGE,
        responses={200: docs.CONNECTION, **errors(400, 404, 422)},
    )
    def put(self, request: Request, name: str) -> Response:
        """Change a connection."""
        connection = self.connection(name)
        said = unwrap(request.data, "connection", bare=CHANGED)
        sync = said.get("sync", {})
        if not isinstance(sync, dict):
            raise Refusal(_("%(field)s: send an object.") % {"field": "sync"})
        switches = {
            column: flag(f"sync.{word}", sync[word])
            for word, column in shapes.SWITCHES.items()
            if word in sync
        }
        if "paused" in said:
            paused = flag("paused", said["paused"])
            if connection.status == Connection.Status.NEEDS_CREDENTIALS:
                raise Refusal(_("The marketplace refuses the credentials. Enter new ones."))
            services.set_paused(connection=connection, paused=paused)
        if switches:
            services.set_switches(connection=connection, **switches)
        response = Response(shapes.connections([connection])[0])
        unknown = [f"sync.{word}" for word in sync if word not in shapes.SWITCHES]
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


def flag(field: str, said: Any) -> bool:
    """Read true or false; raises Refusal."""
    if not isinstance(said, bool):
        raise Refusal(_("%(field)s: send true or false.") % {"field": field})
    return said
