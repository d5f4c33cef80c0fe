"""Django's middleware for browsers, which programs pass by: a call of the API has no session, form or page.

What makes pages safe and personal takes longer than setting a quantity does. Pages are what lies under the
first words in ADDRESSES; whoever adds some elsewhere finds them without a session.
"""

from __future__ import annotations

from typing import Any

from csp.middleware import CSPMiddleware
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.middleware.csrf import CsrfViewMiddleware
from django_otp.middleware import OTPMiddleware

ADDRESSES = frozenset({"", "admin", "portal", "password", "i18n", "docs", "schema"})
NOTHING_TO_SHOW = "default-src 'none'; frame-ancestors 'none'"
"""The content security policy of answers that are no pages."""


def is_for_people(request: HttpRequest) -> bool:
    """Whether an address is one that browsers show."""
    return request.path_info.split("/", 2)[1] in ADDRESSES


class PeopleOnly:
    """Steps aside where a program calls."""

    def __call__(self, request: HttpRequest) -> Any:
        """Do as Django's own, or hand the call on as it is."""
        if is_for_people(request):
            return super().__call__(request)  # type: ignore[misc]
        return self.get_response(request)  # type: ignore[attr-defined]


class Policy(CSPMiddleware):
    """A page's content security policy; the rest of the hub's answers may load nothing at all."""

    def __call__(self, request: HttpRequest) -> Any:
        """Add the header."""
        if is_for_people(request):
            return super().__call__(request)
        response: Any = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", NOTHING_TO_SHOW)
        return response


class Session(PeopleOnly, SessionMiddleware):
    """Who is signed in stays signed in."""


class Csrf(PeopleOnly, CsrfViewMiddleware):
    """Forms come from our own pages."""


class Authentication(PeopleOnly, AuthenticationMiddleware):
    """Who is signed in."""


class SecondFactor(PeopleOnly, OTPMiddleware):
    """Whether they showed their second factor."""


class Messages(PeopleOnly, MessageMiddleware):
    """What the next page tells them."""
