"""Which seller a portal request is about: the one definition of "mine"."""

from __future__ import annotations

from typing import Literal, NamedTuple, cast

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from hub.models import Membership, Seller, User

SESSION_KEY = "seller_id"

Right = Literal["operate", "manage"]
"""Owners and operators operate; only owners manage credentials, keys and people; viewers only look."""


def memberships(request: HttpRequest) -> list[Membership]:
    """Return the person's memberships of active sellers, by the seller's name; read once per request."""
    cached: list[Membership] | None = getattr(request, "_memberships", None)
    if cached is None:
        user = request.user
        cached = (
            list(
                Membership.objects.filter(user_id=user.pk, seller__is_active=True)
                .select_related("seller")
                .order_by("seller__name", "seller_id")
            )
            if user.is_authenticated and user.is_active
            else []
        )
        request._memberships = cached  # type: ignore[attr-defined]
    return cached


def current_membership(request: HttpRequest) -> Membership | None:
    """Return the membership the person works under now: the one chosen, else the oldest.

    Whoever is added to another seller is not carried off to it.
    """
    mine = memberships(request)
    chosen = request.session.get(SESSION_KEY)
    oldest = min(mine, key=lambda one: one.pk, default=None)
    return next((one for one in mine if one.seller_id == chosen), oldest)


def current_seller(request: HttpRequest) -> Seller | None:
    """Return the seller the person works for now, or None."""
    membership = current_membership(request)
    return membership.seller if membership else None


def choose(request: HttpRequest, seller_id: int) -> bool:
    """Switch to another of the person's sellers; False, and no change, for a seller that is not theirs."""
    if not any(one.seller_id == seller_id for one in memberships(request)):
        return False
    request.session[SESSION_KEY] = seller_id
    return True


class Actor(NamedTuple):
    """Who acts, and for which seller."""

    user: User
    membership: Membership

    @property
    def seller(self) -> Seller:
        """The seller the person acts for."""
        return self.membership.seller


def actor(request: HttpRequest) -> Actor:
    """Return the person and the membership they act under; raises PermissionDenied without one."""
    membership = current_membership(request)
    if membership is None:
        raise PermissionDenied
    return Actor(cast(User, request.user), membership)


def may(request: HttpRequest, right: Right | None) -> bool:
    """Tell whether the person may act for the current seller; nobody has the right None."""
    membership = current_membership(request)
    if membership is None or right is None:
        return False
    return membership.may_manage if right == "manage" else membership.may_operate


def demand(request: HttpRequest, right: Right) -> None:
    """Raise PermissionDenied unless the person has the right."""
    if not may(request, right):
        raise PermissionDenied
