"""A person's own sign-in: the first password by link, and the second step with an authenticator app."""

from __future__ import annotations

import io
from base64 import b32encode
from typing import Any, cast

import qrcode
import qrcode.image.svg
from django.contrib import messages
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.views import PasswordResetConfirmView
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse, reverse_lazy
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods
from django_otp import login as otp_login
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.widgets import BASE_INPUT_CLASSES

from hub.models import User
from hub.portal import portal_site

RECOVERY_CODES = 8


class FirstPasswordForm(SetPasswordForm):  # type: ignore[type-arg]
    """Two password fields that look like the rest."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for one in self.fields.values():
            one.widget.attrs["class"] = " ".join(BASE_INPUT_CLASSES)


class SetPassword(PasswordResetConfirmView):
    """The page a one-time link opens; the link dies with the first use or after three days."""

    form_class = FirstPasswordForm
    template_name = "portal/set_password.html"
    success_url = reverse_lazy("portal:login")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Dress the page like the portal's sign-in."""
        self.request.current_app = portal_site.name
        return {**portal_site.each_context(self.request), **super().get_context_data(**kwargs)}

    def form_valid(self, form: Any) -> HttpResponse:
        """Keep the password and send the person to sign in."""
        messages.success(self.request, _("Your password is set. Sign in with it."))
        return super().form_valid(form)


@portal_site.page("account/two-step/", "account_two_step")
@require_http_methods(["GET", "POST"])
def two_step(request: HttpRequest) -> HttpResponse:
    """Turn the second step of the sign-in on or off; both take a current code."""
    user = cast(User, request.user)
    device = TOTPDevice.objects.filter(user=user, confirmed=True).first()
    if device is not None:
        if request.method == "POST":
            return _turn_off(request, user, device)
        return _page(request, {"is_on": True})
    pending = TOTPDevice.objects.filter(user=user, confirmed=False).first()
    if pending is None:
        pending = TOTPDevice.objects.create(user=user, name="portal", confirmed=False)
    if request.method == "POST":
        return _turn_on(request, user, pending)
    return _page(request, _invitation(pending))


@transaction.atomic
def forget_devices(user: User) -> None:
    """Let the person sign in with the password alone."""
    TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()


def _page(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    return portal_site.render(
        request, "portal/account/two_step.html", {"title": _("Two-step sign-in"), **context}, status=status
    )


def _invitation(pending: TOTPDevice) -> dict[str, Any]:
    image = qrcode.make(pending.config_url, image_factory=qrcode.image.svg.SvgPathImage, box_size=8)
    drawing = io.BytesIO()
    image.save(drawing)
    svg = drawing.getvalue().decode()

    return {
        "is_on": False,
        "qr": SafeString(svg[svg.index("<svg") :]),
        "secret": b32encode(pending.bin_key).decode(),
    }


@transaction.atomic
def _turn_on(request: HttpRequest, user: User, pending: TOTPDevice) -> HttpResponse:
    if not pending.verify_token((request.POST.get("token") or "").replace(" ", "")):
        messages.error(request, _("This code is not right or no longer current. Try the next one."))
        return _page(request, _invitation(pending), status=400)
    pending.confirmed = True
    pending.save(update_fields=["confirmed"])
    StaticDevice.objects.filter(user=user).delete()
    recovery = StaticDevice.objects.create(user=user, name="recovery", confirmed=True)
    codes = [StaticToken.random_token() for _number in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create([StaticToken(device=recovery, token=code) for code in codes])
    otp_login(request, pending)
    return _page(request, {"is_on": True, "codes": codes})


@transaction.atomic
def _turn_off(request: HttpRequest, user: User, device: TOTPDevice) -> HttpResponse:
    if not device.verify_token((request.POST.get("token") or "").replace(" ", "")):
        messages.error(request, _("This code is not right or no longer current. Try the next one."))
        return _page(request, {"is_on": True}, status=400)
    forget_devices(user)
    messages.success(request, _("Two-step sign-in is off."))
    return HttpResponseRedirect(reverse("portal:account_two_step"))


portal_site.menu("account", gettext_lazy("Two-step sign-in"), "shield_person", "account_two_step", order=40)
