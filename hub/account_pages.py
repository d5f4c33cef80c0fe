"""The portal's account pages: API keys, members, the seller's settings."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from hub import people, start_page, tenancy
from hub.models import ApiKey, Invitation, Membership, Seller
from hub.portal import portal_site
from hub.refusals import Refusal


def back_to(name: str) -> HttpResponse:
    """Go to one of these pages after a POST."""
    return HttpResponseRedirect(reverse(f"portal:{name}"))


class KeyForm(forms.Form):
    """A new API key."""

    name = forms.CharField(
        label=gettext_lazy("Which integration uses it"),
        max_length=80,
        widget=UnfoldAdminTextInputWidget(
            attrs={"placeholder": gettext_lazy("For example: Bling, Tiny, own ERP")}
        ),
    )


def _show_keys(request: HttpRequest, form: KeyForm, status: int = 200) -> HttpResponse:
    seller = tenancy.actor(request).seller
    context = {
        "title": _("API keys"),
        "keys": seller.api_keys.select_related("created_by"),
        "form": form,
        "base_url": settings.HUB_BASE_URL,
    }
    return portal_site.render(request, "portal/account/keys.html", context, status=status)


def _show_secret(request: HttpRequest, key: ApiKey, secret: str) -> HttpResponse:
    """Show a secret once; the page is the answer to the POST, so it can be neither linked nor reloaded."""
    context = {
        "title": _("Your new API key"),
        "key": key,
        "secret": secret,
        "base_url": settings.HUB_BASE_URL,
        "strict": key.seller.strict_account_manager,
    }
    return portal_site.render(request, "portal/account/key_secret.html", context)


@portal_site.page("account/keys/", "account_keys")
@require_http_methods(["GET", "POST"])
def keys(request: HttpRequest) -> HttpResponse:
    """List the seller's keys; an owner creates one."""
    if request.method == "GET":
        return _show_keys(request, KeyForm())
    tenancy.demand(request, "manage")
    form = KeyForm(request.POST)
    if not form.is_valid():
        return _show_keys(request, form, status=400)
    who = tenancy.actor(request)
    return _show_secret(request, *ApiKey.issue(who.seller, form.cleaned_data["name"], by=who.user))


def _own_key(request: HttpRequest, key_id: int) -> ApiKey:
    return get_object_or_404(
        ApiKey.objects.select_related("seller"),
        pk=key_id,
        seller_id=tenancy.actor(request).seller.pk,
        revoked_at__isnull=True,
    )


@portal_site.page("account/keys/<int:key_id>/rotate/", "account_key_rotate", needs="manage")
@require_POST
def rotate_key(request: HttpRequest, key_id: int) -> HttpResponse:
    """Replace a key; the old one stops at once."""
    return _show_secret(request, *_own_key(request, key_id).rotate(by=tenancy.actor(request).user))


@portal_site.page("account/keys/<int:key_id>/revoke/", "account_key_revoke", needs="manage")
@require_POST
def revoke_key(request: HttpRequest, key_id: int) -> HttpResponse:
    """Stop a key for ever."""
    key = _own_key(request, key_id)
    key.revoke()
    messages.success(request, _("The key %(name)s no longer works.") % {"name": key.name})
    return back_to("account_keys")


class MemberForm(forms.Form):
    """A person to add."""

    email = forms.EmailField(
        label=gettext_lazy("E-mail"), max_length=254, widget=UnfoldAdminEmailInputWidget()
    )
    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=150, required=False, widget=UnfoldAdminTextInputWidget()
    )
    role = forms.ChoiceField(
        label=gettext_lazy("Role"),
        choices=Membership.Role.choices,
        initial=Membership.Role.OPERATOR,
        widget=UnfoldAdminSelectWidget(),
    )


def _show_members(
    request: HttpRequest,
    form: MemberForm,
    *,
    link: str = "",
    invitation: str = "",
    person: str = "",
    status: int = 200,
) -> HttpResponse:
    seller = tenancy.actor(request).seller
    context = {
        "title": _("Members"),
        "members": [
            (one, people.may_hand_out_link(one))
            for one in seller.memberships.select_related("user").order_by("user__email")
        ],
        "invitations": seller.invitations.select_related("user").order_by("user__email"),
        "now": timezone.now(),
        "roles": Membership.Role.choices,
        "form": form,
        "link": link,
        "invitation": invitation,
        "person": person,
    }
    return portal_site.render(request, "portal/account/members.html", context, status=status)


@portal_site.page("account/members/", "account_members")
@require_http_methods(["GET", "POST"])
def members(request: HttpRequest) -> HttpResponse:
    """List who works for the seller; an owner adds people."""
    if request.method == "GET":
        return _show_members(request, MemberForm())
    tenancy.demand(request, "manage")
    form = MemberForm(request.POST)
    if not form.is_valid():
        return _show_members(request, form, status=400)
    try:
        added = people.add_member(tenancy.actor(request).seller, **form.cleaned_data)
    except Refusal as refusal:
        form.add_error("email", str(refusal))
        return _show_members(request, form, status=400)
    if isinstance(added, Invitation):
        return _show_invitation(request, added)
    return _show_link(request, added)


def _show_link(request: HttpRequest, membership: Membership) -> HttpResponse:
    link = request.build_absolute_uri(people.password_path(membership.user))
    return _show_members(request, MemberForm(), link=link, person=membership.user.email)


def _show_invitation(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    link = request.build_absolute_uri(people.invitation_path(invitation))
    return _show_members(request, MemberForm(), invitation=link, person=invitation.user.email)


def _own_member(request: HttpRequest, member_id: int) -> Membership:
    return get_object_or_404(
        Membership.objects.select_related("user"),
        pk=member_id,
        seller_id=tenancy.actor(request).seller.pk,
    )


@portal_site.page("account/members/<int:member_id>/role/", "account_member_role", needs="manage")
@require_POST
def change_role(request: HttpRequest, member_id: int) -> HttpResponse:
    """Give a member another role."""
    membership, role = _own_member(request, member_id), request.POST.get("role", "")
    if role not in Membership.Role.values:
        messages.error(request, _("There is no such role."))
        return back_to("account_members")
    try:
        people.change_role(membership, role)
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The role of %(email)s was changed.") % {"email": membership.user.email})
    return back_to("account_members")


@portal_site.page("account/members/<int:member_id>/remove/", "account_member_remove", needs="manage")
@require_POST
def remove_member(request: HttpRequest, member_id: int) -> HttpResponse:
    """End a person's work for the seller."""
    membership = _own_member(request, member_id)
    try:
        people.remove_member(membership)
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("%(email)s no longer works here.") % {"email": membership.user.email})
    return back_to("account_members")


@portal_site.page("account/members/<int:member_id>/link/", "account_member_link", needs="manage")
@require_POST
def member_link(request: HttpRequest, member_id: int) -> HttpResponse:
    """Make a new first-password link for somebody who has not signed in yet."""
    membership = _own_member(request, member_id)
    if not people.may_hand_out_link(membership):
        messages.error(request, _("This person has a password already; the hub's support can help them."))
        return back_to("account_members")
    return _show_link(request, membership)


def _own_invitation(request: HttpRequest, invitation_id: int) -> Invitation:
    return get_object_or_404(
        Invitation.objects.select_related("user"),
        pk=invitation_id,
        seller_id=tenancy.actor(request).seller.pk,
    )


@portal_site.page("account/invitations/<int:invitation_id>/link/", "account_invitation_link", needs="manage")
@require_POST
def invitation_link(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """Make a new link of an invitation; the one before ends."""
    return _show_invitation(request, _own_invitation(request, invitation_id))


@portal_site.page(
    "account/invitations/<int:invitation_id>/withdraw/", "account_invitation_withdraw", needs="manage"
)
@require_POST
def withdraw_invitation(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """Take an invitation back."""
    invitation = _own_invitation(request, invitation_id)
    invitation.delete()
    messages.success(request, _("%(email)s is no longer invited.") % {"email": invitation.user.email})
    return back_to("account_members")


class SellerForm(forms.ModelForm):  # type: ignore[type-arg]
    """What the owner decides about the API."""

    class Meta:
        model = Seller
        fields = ("strict_account_manager", "strict_create", "auto_advance")
        widgets = dict.fromkeys(fields, UnfoldBooleanSwitchWidget)


@portal_site.page("account/settings/", "account_settings")
@require_http_methods(["GET", "POST"])
def seller_settings(request: HttpRequest) -> HttpResponse:
    """Show how the API treats this seller's ERP; an owner changes it."""
    seller = tenancy.actor(request).seller
    form: Any = SellerForm(request.POST or None, instance=seller)
    if request.method == "POST":
        tenancy.demand(request, "manage")
        if form.is_valid():
            Seller.objects.filter(pk=seller.pk).update(**form.cleaned_data)
            messages.success(request, _("Saved."))
            return back_to("account_settings")
    context = {"title": _("Settings"), "form": form, "seller": seller}
    return portal_site.render(request, "portal/account/settings.html", context)


@start_page.step(order=10)
def create_key(seller: Seller) -> start_page.Step:
    """The first step: the ERP can call."""
    return start_page.Step(
        title=_("Create an API key"),
        text=_("Your ERP signs its calls with it. You see it once, with everything the ERP asks for."),
        link=reverse("portal:account_keys"),
        action=_("To the API keys"),
        is_done=seller.api_keys.filter(revoked_at__isnull=True).exists(),
    )


portal_site.menu("account", gettext_lazy("API keys"), "key", "account_keys", order=10)
portal_site.menu("account", gettext_lazy("Members"), "group", "account_members", order=20)
portal_site.menu("account", gettext_lazy("Settings"), "settings", "account_settings", order=30)
