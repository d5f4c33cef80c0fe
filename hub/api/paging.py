"""Which page: numbers for short lists, a sealed cursor for walking a whole catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.utils.translation import gettext as _

from hub.api.errors import Malformed

PER_PAGE = 100
MAX_PER_PAGE = 100
DEEPEST_ROW = 10_000
"""SkyHub refuses to page beyond the first 10,000 rows (EN pagination page, 2019)."""


@dataclass(frozen=True, slots=True)
class Page:
    """A slice of a list, counted from page 1."""

    number: int
    size: int

    @property
    def rows(self) -> slice:
        """The rows of this page."""
        start = (self.number - 1) * self.size
        return slice(start, start + self.size)


def page_of(params: Mapping[str, str], *, default: int = PER_PAGE, maximum: int = MAX_PER_PAGE) -> Page:
    """Read `page` and `per_page`; a larger `per_page` is silently cut. Raises Malformed (400)."""
    number = _counting(params, "page", 1)
    size = min(_counting(params, "per_page", default), maximum)
    if number * size > DEEPEST_ROW:
        raise Malformed(
            _("Only the first %(rows)s rows can be paged; narrow the filters.") % {"rows": DEEPEST_ROW}
        )
    return Page(number, size)


def _counting(params: Mapping[str, str], name: str, default: int) -> int:
    text = params.get(name, "").strip()
    if not text:
        return default
    # Longer numbers only cost time to read; all of them lie beyond the last page.
    if not (text.isascii() and text.isdigit()) or int(text[:12]) < 1:
        raise Malformed(_("%(name)s must be a whole number from 1.") % {"name": name})
    return int(text[:12])


def seal_cursor(salt: str, state: dict[str, Any]) -> str:
    """Return an opaque cursor that only this hub can make."""
    return signing.dumps(state, salt=f"cursor.{salt}", compress=True)


def open_cursor(salt: str, cursor: str) -> dict[str, Any]:
    """Return what `seal_cursor` put in; raises Malformed (400) for anything else."""
    try:
        state: dict[str, Any] = signing.loads(cursor, salt=f"cursor.{salt}")
    except signing.BadSignature:
        raise Malformed(_("This cursor is not one of ours.")) from None
    return state
