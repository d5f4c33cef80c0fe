"""The database connection of web and workers: found broken before it is used, and its errors keep secrets.

Django asks `SELECT 1` before the first statement of every call, a third round trip where setting a quantity
takes two. A server that restarts or ends a connection says so on its socket; a look there costs microseconds.
"""

from __future__ import annotations

import select
import time
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from django.db.utils import DatabaseErrorWrapper
from django.utils.functional import cached_property

ABOUT_VALUES = (psycopg.IntegrityError, psycopg.DataError)
QUIET_SECONDS = 5.0
"""After so long without a look the server is asked: a network forgets quiet connections and tells nobody."""


class Discreet(DatabaseErrorWrapper):
    """Errors of the database as Django's, without the row they are about.

    PostgreSQL quotes it whole (`Failing row contains (...)`), which in an order's is the buyer's name, number
    and address, and an error ends up in logs and on pages. What broke which rule is still told.
    """

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, ABOUT_VALUES) and error.sqlstate:
            said = error.diag.message_primary or ""
            # Of a value that cannot be read the sentence quotes the value itself.
            if isinstance(error, psycopg.DataError) and '"' in said:
                said = type(error).__name__
            error.args = (f"{said} ({error.sqlstate})",)
        super().__exit__(kind, error, trace)


class DatabaseWrapper(base.DatabaseWrapper):
    """One connection to PostgreSQL."""

    _looked_at = 0.0

    @cached_property
    def wrap_database_errors(self) -> Discreet:
        """What every statement runs inside of."""
        return Discreet(self)

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
