"""A person's own sign-in: the first password by link, invitations, and the second step with an app."""

from __future__ import annotations

import io
from base64 import b32encode
from typing import Any, cast

import qrcode
import qrcode.image.svg
from django.contrib import messages
from django.contrib.auth.forms import AuthenticationForm, SetPasswordForm
from django.contrib.auth.views import INTERNAL_RESET_SESSION_TOKEN, PasswordResetConfirmView
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse, reverse_lazy
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods
from django_otp import login as otp_login
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.widgets import BASE_INPUT_CLASSES

from hub import people
from hub.models import User
from hub.portal import portal_site
from hub.signin import Login

RECOVERY_CODES = 8


class FirstPasswordForm(SetPasswordForm):  # type: ignore[type-arg]
    """Two password fields that look like the rest."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for one in self.fields.values():
            one.widget.attrs["class"] = " ".join(BASE_INPUT_CLASSES)


class SetPassword(PasswordResetConfirmView):
    """The page a one-time link opens.

    The link dies with the first use, after three days, and when the person works for more or for fewer.
    """

    form_class = FirstPasswordForm
    token_generator = people.password_links
    template_name = "portal/set_password.html"
    success_url = reverse_lazy("portal:login")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Dress the page like the portal's sign-in."""
        self.request.current_app = portal_site.name
        return {**portal_site.each_context(self.request), **super().get_context_data(**kwargs)}

    def form_valid(self, form: Any) -> HttpResponse:
        """Keep the password and send the person to sign in, unless the link died this very moment."""
        with transaction.atomic():
            person = people.hold_for_link(form.user, self.request.session[INTERNAL_RESET_SESSION_TOKEN])
            if person is None:
                self.validlink = False
                return self.render_to_response(self.get_context_data())
            form.user = person
            answer = super().form_valid(form)
        messages.success(self.request, _("Your password is set. Sign in with it."))
        return answer


class InvitedLogin(Login):
    """What an invited person proves to be the one with: the password, and the code where one is set up."""

    def confirm_login_allowed(self, user: Any) -> None:
        """Take whoever is active: they need work for nobody yet."""
        AuthenticationForm.confirm_login_allowed(self, user)


INVITED = "invitation"
"""Where the session keeps the secret of the invitation that was opened."""


@never_cache
@require_GET
def open_invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """Take the secret out of the address, so that whatever notes addresses does not learn it."""
    if people.invited(secret) is None:
        return _invitation_page(request, {}, status=404)
    request.session[INVITED] = secret
    return HttpResponseRedirect(reverse("accept_invitation"))


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def accept_invitation(request: HttpRequest) -> HttpResponse:
    """Start working for a seller: with the link it handed over, one's own password, and a new one."""
    invitation = people.invited(request.session.get(INVITED, ""))
    if invitation is None:
        return _invitation_page(request, {}, status=404)
    person = invitation.user
    given = {**request.POST.dict(), "username": person.email} if request.method == "POST" else None
    proof, choice = InvitedLogin(request, data=given), FirstPasswordForm(person, given)
    # The new password first: a code of the authenticator is good for one try only.
    if choice.is_valid() and proof.is_valid():
        new = choice.cleaned_data["new_password1"]
        if new == proof.cleaned_data["password"]:
            choice.add_error("new_password1", _("Choose another password than the one you have."))
        elif people.accept(invitation, new):
            messages.success(
                request,
                _("You work for %(seller)s now. Sign in with your new password.")
                % {"seller": invitation.seller.name},
            )
            return HttpResponseRedirect(reverse("portal:login"))
        else:
            return _invitation_page(request, {}, status=404)
    return _invitation_page(request, {"invitation": invitation, "proof": proof, "choice": choice})


def _invitation_page(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    shown = {"title": _("Invitation"), "invitation": None, **context}
    return portal_site.render(request, "portal/invitation.html", shown, status=status)


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
