"""Back to where a person was: after a sign-in in between, from an address that only takes forms."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme


def page_before(request: HttpRequest) -> str:
    """Return the portal's page a form was sent or a link was followed from; its start if none is known."""
    start = reverse("portal:index")
    before = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(before, {request.get_host()}, request.is_secure()):
        return start
    page = urlsplit(before)
    if not page.path.startswith(start) or page.path in (reverse("portal:login"), reverse("portal:logout")):
        return start
    return urlunsplit(("", "", page.path, page.query, ""))
