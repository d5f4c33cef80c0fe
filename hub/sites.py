"""What both sites of the hub, the sellers' and the staff's, have in common."""

from __future__ import annotations

from typing import Any, cast

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from unfold.sites import UnfoldAdminSite

from hub import people
from hub.models import User


class HubSite(UnfoldAdminSite):
    """An admin site whose people change their own passwords."""

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Change one's own password, one at a time with whatever else sets it."""
        with transaction.atomic():
            people.hold_signed_in(cast(User, request.user))
            return cast(HttpResponse, super().password_change(request, extra_context))
