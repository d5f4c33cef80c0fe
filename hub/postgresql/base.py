"""The database connection of web and workers: found broken before it is used, at no price.

Django asks `SELECT 1` before the first statement of every call, a third round trip where setting a quantity
takes two. A server that restarts or ends a connection says so on its socket; a look there costs microseconds.
"""

from __future__ import annotations

import select
import time
from typing import Any

from django.db.backends.postgresql import base

QUIET_SECONDS = 5.0
"""After so long without a look the server is asked: a network forgets quiet connections and tells nobody."""


class DatabaseWrapper(base.DatabaseWrapper):
    """One connection to PostgreSQL."""

    _looked_at = 0.0

    def is_usable(self) -> bool:
        """Whether the next statement will reach a server."""
        connection: Any = self.connection
        now = time.monotonic()
        quiet, self._looked_at = now - self._looked_at, now
        if connection is None or connection.closed:
            return False
        return (quiet < QUIET_SECONDS and not _has_news(connection.fileno())) or bool(super().is_usable())


def _has_news(socket: int) -> bool:
    """Whether something came, or the other end hung up, while nobody had asked anything."""
    look = select.poll()
    look.register(socket, select.POLLIN)
    return bool(look.poll(0))
