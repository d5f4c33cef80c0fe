"""What the marketplaces' pages share: a page of its own for one row, and "mine or 404"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from hub import tenancy
from hub.models import Seller
from hub.panels import Panel, PanelPage
from hub.row_number import row_number
from marketplaces.models import Connection

Row = TypeVar("Row", bound=models.Model)


def mine(rows: models.QuerySet[Row], request: HttpRequest, pk: int) -> Row:
    """Return the current seller's row with this number; a stranger's is a 404, as one that is not there."""
    found = rows.filter(seller_id=tenancy.actor(request).seller.pk, pk=pk).first()
    if found is None:
        raise Http404
    return found


def to(name: str, *args: Any) -> HttpResponseRedirect:
    """Go to one of the portal's pages after a POST."""
    return HttpResponseRedirect(reverse(f"portal:{name}", args=args))


def back(request: HttpRequest, name: str, *args: Any) -> HttpResponseRedirect:
    """Go back to the page the form was on, else to the page named."""
    wanted = request.POST.get("next", "")
    if wanted and url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure()):
        return HttpResponseRedirect(wanted)
    return to(name, *args)


def number(request: HttpRequest, name: str, least: int = 1) -> int:
    """Return a number from the address; the least one when it is missing or nonsense."""
    given = request.GET.get(name, "")
    return max(least, int(given)) if given.isascii() and given.isdecimal() and len(given) < 9 else least


def account_of(request: HttpRequest, seller: Seller) -> Connection | None:
    """Return the seller's account a page is asked about (`on`), None for all of them."""
    given = request.GET.get("on") or request.POST.get("on") or ""
    if not given:
        return None
    return Connection.objects.filter(seller_id=seller.pk, pk=row_number(given)).first()


class RowPage(PanelPage):
    """Mixed into a ModelAdmin whose row has a page with a template of its own."""

    def page(self, request: HttpRequest, obj: Any) -> Mapping[str, Any]:
        """Return what the template needs."""
        raise NotImplementedError

    def panels(self, request: HttpRequest, obj: Any) -> list[Panel]:
        """The template lays the page out itself."""
        return []

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        """Put the page's context in."""
        if obj is not None:
            context.update(self.page(request, obj))
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)
