"""What every API view stands on."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any
from urllib.parse import quote

from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.views import APIView

from hub.api import limits
from hub.api.authentication import seller_of
from hub.api.endpoints import endpoint_of
from hub.models import Seller

ANYTHING = frozenset({"", "*/*", "application/json"})
"""What most programs accept: the only way a view can answer needs no choosing."""
MOST_IGNORED_NAMED = 20
REHEARSE = "X-Hub-Rehearse"
"""On a test account, `production` has the hub answer as it answers a production account."""


class SellerView(APIView):
    """A view that speaks for one seller: the API key's."""

    standing: limits.Standing | None = None

    @property
    def allowed_methods(self) -> list[str]:
        """The methods a view of this class has."""
        kind: Any = type(self)
        return list(_methods_of(kind))

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Choose how to answer, where there is a choice."""
        accepted = request.META.get("HTTP_ACCEPT", "")
        if accepted in ANYTHING and not request.META.get("QUERY_STRING") and len(self.renderer_classes) == 1:
            renderer = self.renderer_classes[0]()
            if renderer.media_type == "application/json":
                return renderer, renderer.media_type
        return super().perform_content_negotiation(request, force)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let in who has a key and has not called too often; no row has an address with a NUL in it."""
        super().initial(request, *args, **kwargs)
        route = request.resolver_match.route if request.resolver_match else ""
        self.standing = limits.counted(request, self.seller, endpoint_of(route))
        if self.standing is not None and self.standing.is_over:
            raise Throttled(
                detail=_("Too many calls: this address takes %(limit)s per second. Wait a second.")
                % {"limit": self.standing.per_second}
            )
        if any("\x00" in str(value) for value in kwargs.values()):
            raise Http404

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Say how many calls are left in this second."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        if self.standing is not None:
            for name, value in self.standing.headers.items():
                answer[name] = value
        return answer

    @property
    def seller(self) -> Seller:
        """The seller who calls."""
        return seller_of(self.request)

    @property
    def is_test_account(self) -> bool:
        """The seller's orders may be made up; not while its developer rehearses production."""
        return self.seller.is_test and self.request.headers.get(REHEARSE, "").strip().lower() != "production"

    @property
    def seller_id(self) -> int:
        """The id every query is scoped by."""
        return self.seller.pk


@cache
def _methods_of(view: type[SellerView]) -> tuple[str, ...]:
    # Django answers a HEAD with what a GET finds; the class itself has no method for it.
    return tuple(
        method.upper()
        for method in view.http_method_names
        if hasattr(view, "get" if method == "head" else method)
    )


def done(status: int, ignored: Collection[str] = ()) -> HttpResponse:
    """Answer without a body, yet with a Content-Type: SDKs read the header before they look for a body.

    `ignored` names the fields sent in vain; real clients send many, so they are no error.
    """
    response = HttpResponse(status=status, content_type="application/json")
    name_ignored(response, ignored)
    return response


def name_ignored(response: HttpResponse, ignored: Collection[str]) -> None:
    """Name the fields sent in vain in the answer's header."""
    if ignored:
        # Names come from the client: nothing but plain ASCII may enter a header.
        names = [quote(name[:60], safe="[]._-") for name in list(ignored)[:MOST_IGNORED_NAMED]]
        response["X-Hub-Ignored-Fields"] = ", ".join(names)
