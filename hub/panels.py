"""Pages that show one row as titled panels instead of a form: what people read, not what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.formats import number_format
from django.utils.safestring import SafeString


@dataclass(frozen=True, slots=True)
class Panel:
    """One titled part of a page; a wide one takes the whole row."""

    title: Any
    body: SafeString
    wide: bool = True


def panel(
    request: HttpRequest, title: Any, template: str, context: dict[str, Any], *, wide: bool = True
) -> Panel:
    """Render a template into a panel."""
    return Panel(title, SafeString(render_to_string(template, context, request=request)), wide)


class PanelPage:
    """Mixed into a ModelAdmin whose rows are read-only: its page is what `panels` returns."""

    change_form_template = "portal/panels.html"

    def panels(self, request: HttpRequest, obj: Any) -> Sequence[Panel]:
        """Return the page's parts in order."""
        raise NotImplementedError

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        """Nothing goes through the form."""
        return ()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Sequence[Any]:
        """Nothing goes through the form."""
        return ()

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        """Put the panels into the page."""
        context["panels"] = self.panels(request, obj) if obj is not None else ()
        rendered: HttpResponse = super().render_change_form(  # type: ignore[misc]
            request, context, *args, obj=obj, **kwargs
        )
        return rendered


def brl(amount: Decimal | None) -> str:
    """Write an amount as people read it, "R$ 1.234,56"; a dash for none."""
    return "–" if amount is None else f"R$ {number_format(amount, 2, use_l10n=True, force_grouping=True)}"


def size(value: Decimal | None, unit: str) -> str:
    """Write a measure without trailing zeros ("1,2 kg"): "30,000 cm" reads as thirty thousand."""
    if value is None:
        return "–"
    plain = value.normalize()
    places = max(0, -int(plain.as_tuple().exponent))
    return f"{number_format(plain, places, use_l10n=True, force_grouping=True)} {unit}"
