"""The few statements that run with every call of an ERP: PostgreSQL plans them once per connection.

Django's cursors put the values into the text, so that each execution is planned anew; for a statement of
several steps that takes longer than carrying it out. These are prepared on the server and sent by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection
from django.db.backends.postgresql.base import ServerBindingCursor


def run(statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Execute one of the hub's own statements and return its rows.

    Every value needs a type in the statement's text (`%(sku)s::text`): a number would bring one by its size,
    and each combination of types is a statement of its own. Name the columns: `*` outlives no new column.
    """
    database: Any = connection
    database.close_if_health_check_failed()
    database.ensure_connection()
    # As Django makes its own cursors, so that errors, logs and counts of queries are the same.
    with database.wrap_database_errors:
        plain: Any = ServerBindingCursor(database.connection)  # type: ignore[call-arg]
    with database._prepare_cursor(plain) as cursor:
        cursor.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
