"""Who calls: the integration's key and the e-mail of one of the seller's people."""

from __future__ import annotations

from typing import cast

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from hub.api import door, limits
from hub.api.endpoints import endpoint_of
from hub.api.log import note_turned_away
from hub.models import ApiCall, ApiKey, Seller, User

TurnedAway = ApiCall.TurnedAway


class ApiKeyAuthentication(BaseAuthentication):
    """`X-User-Email` and `X-Api-Key`, as SkyHub's clients send them.

    `X-User-Token` is the key's older name. `X-Accountmanager-Key` is demanded only of sellers who
    want it so; which integrator it names is not checked (announced by SkyHub in 2022, never dated).
    The key stands for the integration, so any active member's e-mail will do, whatever the role.
    """

    def authenticate(self, request: Request) -> tuple[User, ApiKey]:
        """Return the person and the key, with the call counted; raises AuthenticationFailed (401)."""
        headers = request.META
        email = headers.get("HTTP_X_USER_EMAIL", "").strip()
        secret = (headers.get("HTTP_X_API_KEY") or headers.get("HTTP_X_USER_TOKEN") or "").strip()
        if not email or not secret:
            note_turned_away(request, TurnedAway.NO_KEY if email else TurnedAway.NO_EMAIL)
            raise AuthenticationFailed(_("Send the headers X-User-Email and X-Api-Key."))
        match = request.resolver_match
        return _let_in(
            request,
            email,
            secret,
            limits.rule_of(request.method or "", endpoint_of(match.route)) if match else None,
        )

    def authenticate_header(self, request: Request) -> str:
        """Make DRF answer 401 rather than 403."""
        return "X-Api-Key"


def identify(request: Request, email: str, secret: str) -> tuple[User, ApiKey]:
    """Return the person and the key that belong together; raises AuthenticationFailed (401)."""
    return _let_in(request, email, secret, None)


def _let_in(request: Request, email: str, secret: str, rule: limits.Rule | None) -> tuple[User, ApiKey]:
    has_manager = bool(request.META.get("HTTP_X_ACCOUNTMANAGER_KEY", "").strip())
    found = door.enter(email, secret, kind=rule.kind if rule else "", has_manager=has_manager)
    if not found.key or not found.user:
        note_turned_away(request, TurnedAway.WRONG_EMAIL if found.key else TurnedAway.WRONG_KEY)
        # One sentence for a wrong key and a wrong e-mail: a stranger learns nothing from it.
        raise AuthenticationFailed(_("The headers X-User-Email and X-Api-Key do not belong together."))
    if found.key.seller.strict_account_manager and not has_manager:
        note_turned_away(request, TurnedAway.NO_ACCOUNT_MANAGER)
        raise AuthenticationFailed(_("Send the header X-Accountmanager-Key."))
    if rule is not None:
        limits.note(request, None if found.calls is None else limits.Standing(rule.per_second, found.calls))
    found.key.touch(timezone.now())
    return found.user, found.key


def seller_of(request: Request) -> Seller:
    """Return the seller an authenticated API request speaks for."""
    return cast(ApiKey, request.auth).seller
