"""Django's middleware for browsers, which programs pass by: a call of the API has no session, form or page.

What makes pages safe and personal takes longer than setting a quantity does. Pages are what lies under the
first words in ADDRESSES; whoever adds some elsewhere finds them without a session.
"""

from __future__ import annotations

from typing import Any

from csp.middleware import CSPMiddleware
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.locale import LocaleMiddleware
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django_otp.middleware import OTPMiddleware

ADDRESSES = frozenset({"", "admin", "portal", "password", "invitation", "i18n", "docs", "schema"})
NOTHING_TO_SHOW = "default-src 'none'; frame-ancestors 'none'"
"""The content security policy of answers that are no pages."""


def is_for_people(request: HttpRequest) -> bool:
    """Whether an address is one that browsers show."""
    return request.path_info[1:].partition("/")[0] in ADDRESSES


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
        if response.get("Content-Type", "").startswith("text/html"):
            # Somebody's browser is lost: the page that says so has its styles.
            return self.process_response(request, response)
        response.headers.setdefault("Content-Security-Policy", NOTHING_TO_SHOW)
        return response


class Session(PeopleOnly, SessionMiddleware):
    """Who is signed in stays signed in."""


class Language(LocaleMiddleware):
    """The language that is asked for; a program's address holds none, and most programs ask for none."""

    def __call__(self, request: HttpRequest) -> Any:
        """Let everything inside speak it, and say which it was."""
        if is_for_people(request):
            return super().__call__(request)
        asks = request.META.get("HTTP_ACCEPT_LANGUAGE") or request.META.get("HTTP_COOKIE")
        language = translation.get_language_from_request(request) if asks else settings.LANGUAGE_CODE
        translation.activate(language)
        request.LANGUAGE_CODE = language
        response: Any = self.get_response(request)
        if "Vary" in response.headers:
            patch_vary_headers(response, ("Accept-Language",))
        else:
            response.headers["Vary"] = "Accept-Language"
        response.headers.setdefault("Content-Language", language)
        return response


class Csrf(PeopleOnly, CsrfViewMiddleware):
    """Forms come from our own pages."""


class Authentication(PeopleOnly, AuthenticationMiddleware):
    """Who is signed in."""


class SecondFactor(PeopleOnly, OTPMiddleware):
    """Whether they showed their second factor."""


class Messages(PeopleOnly, MessageMiddleware):
    """What the next page tells them."""
