"""Counting that stays quick at a million rows: exact while small, the planner's estimate beyond."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.db import connection
from django.db.models import QuerySet
from django.utils.formats import number_format
from django.utils.functional import cached_property

CAP = 10_000


def capped(rows: QuerySet[Any, Any], cap: int = CAP) -> int:
    """Count exactly up to the cap; `cap + 1` means "more than that"."""
    return rows.order_by().values("pk")[: cap + 1].count()


def capped_words(rows: QuerySet[Any, Any], cap: int = CAP) -> str:
    """Return the count as people read it: "1.234", or "10.000+" beyond the cap."""
    number = capped(rows, cap)
    return number_format(min(number, cap), use_l10n=True, force_grouping=True) + ("+" if number > cap else "")


if TYPE_CHECKING:
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator  # generic for the type checker only


class CappedPaginator(_Paginator):
    """A paginator that never counts a whole catalogue."""

    cap = CAP

    @cached_property
    def count(self) -> int:
        """Exact up to the cap; above it what the planner expects, and never less than the cap + 1."""
        rows = self.object_list
        if not isinstance(rows, QuerySet):
            return len(rows)
        number = capped(rows, self.cap)
        return number if number <= self.cap else max(_expected(rows), self.cap + 1)


def _expected(rows: QuerySet[Any, Any]) -> int:
    sql, params = rows.order_by().query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        plan = cursor.fetchone()[0]
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return int(plan[0]["Plan"]["Plan Rows"])
