"""Tokens for the newer calls (Rehub): got for an e-mail and a key, good for six hours.

A token names the key and the person, and both are looked up on every call: whoever revokes the key
or leaves the seller stops the token at once.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import jwt
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from hub.models import ApiKey, Membership, User

LIFETIME = timedelta(hours=6)
"""As SkyHub's (PT page "Rehub: ações de produto")."""
ALGORITHM = "HS256"
AUDIENCE = "rehub"


def _signing_key() -> bytes:
    # A key of its own, so that no other signature of this hub can pass for a token.
    return hashlib.sha256(b"hub.api.tokens:" + settings.SECRET_KEY.encode()).digest()


def issue(user: User, key: ApiKey) -> str:
    """Return a token with which this person's integration may call from now on."""
    now = timezone.now()
    claims = {"sub": str(user.pk), "key": key.pk, "aud": AUDIENCE, "iat": now, "exp": now + LIFETIME}
    return jwt.encode(claims, _signing_key(), algorithm=ALGORITHM)


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`; calls without that header are left to the next way in."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        """Return the person and the key a token stands for; raises AuthenticationFailed (401)."""
        scheme, _blank, token = request.headers.get("Authorization", "").strip().partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            claims = jwt.decode(
                token.strip(),
                _signing_key(),
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                options={"require": ["exp", "sub", "key"]},
            )
        except jwt.ExpiredSignatureError:
            raise AuthenticationFailed(_("This token is over; ask for another one at /auth.")) from None
        except jwt.InvalidTokenError:
            raise AuthenticationFailed(_("This token is not one of ours.")) from None
        key = ApiKey.objects.usable().select_related("seller").filter(pk=claims["key"]).first()
        membership = key and (
            Membership.objects.filter(
                seller_id=key.seller_id, user_id=int(claims["sub"]), user__is_active=True
            )
            .select_related("user")
            .first()
        )
        if not key or not membership:
            raise AuthenticationFailed(_("This token is over; ask for another one at /auth."))
        key.touch(timezone.now())
        return membership.user, key

    def authenticate_header(self, request: Request) -> str:
        """Make DRF answer 401 rather than 403."""
        return "Bearer"


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The token, in the API's description."""

    target_class = "hub.api.tokens.BearerAuthentication"
    name = "Token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Describe the header."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
