"""Back to where a person was: a sign-in came between, a form expired, an address only takes forms."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from hub.api.errors import wants_a_page


def page_before(request: HttpRequest) -> str:
    """Return the portal's page a form was sent or a link was followed from; its start if none is known."""
    start = reverse("portal:index")
    before = _came_from(request)
    path = before.partition("?")[0]
    doors = (reverse("portal:login"), reverse("portal:logout"))
    return before if path.startswith(start) and path not in doors else start


def expired_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without our proof that it is ours: mostly one left open over a new sign-in."""
    if not wants_a_page(request):
        return JsonResponse({"error": _("This is not allowed.")}, status=403)
    return render(request, "form_expired.html", {"before": _came_from(request) or "/portal/"}, status=403)


def _came_from(request: HttpRequest) -> str:
    """Return the address on this host a browser came from, without the host; empty where it says none."""
    before = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(before, {request.get_host()}, request.is_secure()):
        return ""
    page = urlsplit(before)
    return urlunsplit(("", "", f"/{page.path.lstrip('/')}", page.query, ""))
