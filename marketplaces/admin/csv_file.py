"""Tables as CSV files a Brazilian spreadsheet opens rightly: streamed, UTF-8 with BOM, semicolons."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import get_language, override
from django.utils.translation import gettext_lazy as _

from marketplaces import hints
from marketplaces.models import Issue

ISSUE_HEADER = (
    _("SKU"),
    _("Product"),
    _("Cause"),
    _("Field"),
    _("Value"),
    _("What to do"),
    _("Who"),
    _("Marketplace code"),
    _("Marketplace's words"),
    _("Last seen"),
    _("Closed"),
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Echo:
    def write(self, text: str) -> str:
        return text


def harmless(cell: Any) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    text = str(cell)
    return f"'{text}" if text.lstrip().startswith(FORMULA) else text


def stream(name: str, header: Sequence[Any], lines: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    """Answer a table as a download, without ever holding it whole."""
    response = StreamingHttpResponse(
        _written(header, lines, get_language()), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


def _written(header: Sequence[Any], lines: Iterable[Sequence[Any]], language: str | None) -> Iterator[str]:
    # The middleware has put the request's language away by the time the server reads this.
    with override(language):
        writer = csv.writer(_Echo(), delimiter=";")
        yield "\ufeff" + writer.writerow([str(cell) for cell in header])
        for line in lines:
            yield writer.writerow([harmless(cell) for cell in line])


def issue_line(issue: Issue) -> tuple[Any, ...]:
    """Return one catalogue error as a line under ISSUE_HEADER."""
    words = hints.hint(issue.kind, issue.field, issue.params)
    variation = issue.listing.variation
    return (
        variation.sku,
        variation.product.name,
        words.title,
        hints.field_name(issue.field, issue.params),
        hints.value_of(issue.kind, issue.params),
        words.fix,
        words.who,
        issue.code,
        issue.message,
        timezone.localtime(issue.created_at).strftime("%d/%m/%Y %H:%M"),
        issue.get_closed_because_display() if issue.closed_because else "",
    )
