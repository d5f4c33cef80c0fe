"""Signing in: e-mail and password, a one-time code where one is set up, and the lockout page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django_otp import match_token, user_has_device
from unfold.forms import AuthenticationForm as UnfoldAuthenticationForm
from unfold.widgets import BASE_INPUT_CLASSES

from hub.models import Seller, User


class Login(UnfoldAuthenticationForm):
    """E-mail, password and, for people who set up an authenticator app, its code."""

    otp_token = forms.CharField(
        label=_("Authenticator code"),
        required=False,
        help_text=_("Only if you turned on two-step sign-in."),
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "inputmode": "numeric",
                "class": " ".join(BASE_INPUT_CLASSES),
            }
        ),
    )

    def clean(self) -> dict[str, Any]:
        """Check the password, then the code; raises ValidationError in words."""
        cleaned: dict[str, Any] = super().clean()
        user = self.get_user()
        if user is not None and user_has_device(user):
            token = (cleaned.get("otp_token") or "").replace(" ", "")
            device = match_token(user, token) if token else None
            if device is None:
                raise forms.ValidationError(_("Type the current code of your authenticator app."), code="otp")
            # django_otp's listener on user_logged_in keeps the device in the session.
            user.otp_device = device
        return cleaned


class SellerLogin(Login):
    """The portal's door: for people who work for an active seller."""

    def confirm_login_allowed(self, user: Any) -> None:
        """Refuse people without a seller, and say where they belong."""
        AuthenticationForm.confirm_login_allowed(self, user)
        if Seller.objects.of_user(user).exists():
            return
        if user.is_staff:
            raise forms.ValidationError(
                _("You do not work for any seller. The hub's staff signs in at /admin/."),
                code="no_seller",
            )
        raise forms.ValidationError(
            _("You do not work for any active seller. Ask the owner of the account to add you."),
            code="no_seller",
        )


def axes_username(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """Return the e-mail that failures are counted under; its case must not buy more attempts."""
    typed = (credentials or {}).get(User.USERNAME_FIELD) or (credentials or {}).get("username")
    return str(typed or request.POST.get("username") or "").strip().lower()


def locked_out(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """Say that there were too many failures, and when to come back."""
    return render(request, "portal/locked_out.html", {"title": _("Too many attempts")}, status=429)
