"""The few statements that run with every call of an ERP: PostgreSQL plans them once per connection.

Django's cursors put the values into the text, so that each execution is planned anew; for a statement of
several steps that takes longer than carrying it out. These are prepared on the server and sent by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar

import msgspec
from django.db import connection, models
from django.db.backends.postgresql.base import ServerBindingCursor

Row = TypeVar("Row", bound=models.Model)


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


class Columns(Generic[Row]):
    """A model's columns in a statement, and its rows from what the statement brought."""

    def __init__(self, model: type[Row], *, without: Sequence[str] = ()) -> None:
        self.model, self.without = model, without

    @cached_property
    def fields(self) -> list[models.Field[Any, Any]]:
        """The columns that are read; those left out are read when somebody asks for them."""
        return [field for field in self.model._meta.concrete_fields if field.name not in self.without]

    @cached_property
    def names(self) -> list[str]:
        """The fields as `from_db` wants them."""
        return [field.attname for field in self.fields]

    @cached_property
    def _json(self) -> list[int]:
        return [place for place, field in enumerate(self.fields) if isinstance(field, models.JSONField)]

    def of(self, table: str) -> str:
        """Write the columns of a table (or its other name in the statement)."""
        return ", ".join(f"{table}.{field.column}" for field in self.fields)

    def row(self, said: Sequence[Any]) -> Row | None:
        """Return the row with these values; None where an outer join found none."""
        if said[0] is None:
            return None
        if self._json:
            said = list(said)
            for place in self._json:
                if said[place] is not None:
                    said[place] = msgspec.json.decode(said[place])
        return self.model.from_db(connection.alias, self.names, said)


class Reading(Generic[Row]):
    """`SELECT <the model's columns> FROM <its table> t <rest>`, as rows of the model."""

    def __init__(self, model: type[Row], rest: str, *, without: Sequence[str] = ()) -> None:
        self.columns = Columns(model, without=without)
        self.rest = rest

    @cached_property
    def _statement(self) -> str:
        table = self.columns.model._meta.db_table
        return f"SELECT {self.columns.of('t')} FROM {table} t {self.rest}"  # noqa: S608  (our own texts)

    def read(self, **values: Any) -> list[Row]:
        """Return the rows."""
        return [row for said in run(self._statement, values) if (row := self.columns.row(said)) is not None]
