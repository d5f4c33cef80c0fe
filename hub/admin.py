"""Sellers, people and API keys as staff sees them; importing the portal's account pages registers them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.core.exceptions import PermissionDenied
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_otp import user_has_device
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminEmailInputWidget

from hub import account_pages, api_log_pages, own_account, people  # noqa: F401  (the pages register themselves)
from hub.account_pages import MemberForm
from hub.homologation import pages  # noqa: F401  (as above)
from hub.models import ApiKey, Invitation, Membership, Seller, User
from hub.refusals import Refusal
from hub.row_number import row_number
from hub.staff import ReadOnlyStaffAdmin, StaffAdmin


class MemberInline(TabularInline):
    """Who works for the seller; people are added on a page of their own, as some are only invited."""

    model = Membership
    extra = 0
    fields = ("user", "role", "created_at")
    readonly_fields = ("user", "created_at")
    tab = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: a person who is picked has not said a word."""
        return False


class NewSellerForm(ModelForm):  # type: ignore[type-arg]
    """A seller with the e-mail of the person who opens the account."""

    owner = forms.EmailField(
        label=gettext_lazy("Owner's e-mail"),
        help_text=gettext_lazy(
            "Somebody new gets a sign-in; make their first-password link on their page. "
            "Somebody who has one is invited: make the link under “Add people”."
        ),
        widget=UnfoldAdminEmailInputWidget(),
    )

    class Meta:
        model = Seller
        fields = ("name", "is_test")


@admin.register(Seller)
class SellerStaffAdmin(StaffAdmin):
    """The hub's tenants."""

    list_display = ("name", "is_active", "is_test", "created_at")
    list_filter = ("is_active", "is_test")
    search_fields = ("name", "memberships__user__email")
    ordering = ("name", "id")
    readonly_fields = ("created_at",)
    fieldsets = (
        (None, {"fields": ("name", "is_active", "is_test", "created_at")}),
        (
            gettext_lazy("API"),
            {"fields": ("strict_account_manager", "strict_create", "auto_advance", "rate_limits")},
        ),
    )
    add_fieldsets = ((None, {"fields": ("name", "owner", "is_test")}),)
    inlines = (MemberInline,)
    actions_detail = ("api_keys", "add_people")

    def get_form(
        self, request: HttpRequest, obj: Seller | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Ask for the owner when the seller is new."""
        if obj is None:
            kwargs["form"] = NewSellerForm
        return super().get_form(request, obj, change, **kwargs)

    def get_inlines(self, request: HttpRequest, obj: Seller | None) -> Any:
        """Members come after the seller."""
        return self.inlines if obj is not None else ()

    def save_model(self, request: HttpRequest, obj: Seller, form: Any, change: bool) -> None:
        """Write only what the form changed; a new seller gets its owner in the same transaction."""
        if change:
            obj.save(update_fields=form.changed_data)
            return
        obj.save()
        email, role = form.cleaned_data["owner"], Membership.Role.OWNER
        added = people.add_member(obj, email=email, role=role, by_staff=True)
        if isinstance(added, Invitation):
            messages.warning(
                request,
                _("%(email)s has a sign-in already and is only invited: make the link under “Add people”.")
                % {"email": added.user.email},
            )

    def has_delete_permission(self, request: HttpRequest, obj: Seller | None = None) -> bool:
        """A seller is switched off, never deleted: its orders are other people's business too."""
        return False

    @action(description=gettext_lazy("API keys"), icon="key", permissions=["change"])
    def api_keys(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Create, replace and revoke the seller's keys."""
        seller = self.get_object(request, object_id)
        if seller is None:
            raise Http404
        return _keys_page(request, self, seller)

    @action(description=gettext_lazy("Add people"), icon="person_add", permissions=["change"])
    def add_people(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Add people, and see who is invited."""
        seller = self.get_object(request, object_id)
        if seller is None:
            raise Http404
        return _people_page(request, self, seller)


def _keys_page(request: HttpRequest, model_admin: Any, seller: Seller) -> HttpResponse:
    request.current_app = model_admin.admin_site.name
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("API keys of %(seller)s") % {"seller": seller.name},
        "base_url": settings.HUB_BASE_URL,
        "seller": seller,
        "email": seller.memberships.order_by("id").values_list("user__email", flat=True).first() or "",
    }
    if request.method == "POST":
        context.update(_change_keys(request, seller))
    context["keys"] = seller.api_keys.select_related("created_by")
    return TemplateResponse(request, "admin/seller_keys.html", context)


def _change_keys(request: HttpRequest, seller: Seller) -> dict[str, Any]:
    if "name" in request.POST:
        name = request.POST["name"].strip()[:80] or _("Made by the hub's staff")
        key, secret = ApiKey.issue(seller, name, by=request.user)  # type: ignore[arg-type]
        return {"key": key, "secret": secret}
    wanted = request.POST.get("rotate") or request.POST.get("revoke") or ""
    old = seller.api_keys.filter(revoked_at__isnull=True, pk=row_number(wanted)).first()
    if old is None:
        raise Http404
    if "revoke" in request.POST:
        old.revoke()
        return {}
    key, secret = old.rotate(by=request.user)  # type: ignore[arg-type]
    return {"key": key, "secret": secret}


def _people_page(request: HttpRequest, model_admin: Any, seller: Seller) -> HttpResponse:
    request.current_app = model_admin.admin_site.name
    form = MemberForm(request.POST if "email" in request.POST else None)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("People of %(seller)s") % {"seller": seller.name},
        "form": form,
    }
    if request.method == "POST":
        context.update(_change_people(request, seller, form))
    context["invitations"] = seller.invitations.select_related("user").order_by("user__email")
    return TemplateResponse(request, "admin/seller_people.html", context)


def _change_people(request: HttpRequest, seller: Seller, form: MemberForm) -> dict[str, Any]:
    if "email" in request.POST:
        return _add_person(request, seller, form) if form.is_valid() else {}
    wanted = request.POST.get("link") or request.POST.get("withdraw") or ""
    invitation = seller.invitations.select_related("user").filter(pk=row_number(wanted)).first()
    if invitation is None:
        raise Http404
    if "withdraw" in request.POST:
        invitation.delete()
        return {}
    return _invitation_link(request, invitation)


def _add_person(request: HttpRequest, seller: Seller, form: MemberForm) -> dict[str, Any]:
    try:
        added = people.add_member(seller, **form.cleaned_data, by_staff=True)
    except Refusal as refusal:
        form.add_error("email", str(refusal))
        return {}
    if isinstance(added, Invitation):
        return _invitation_link(request, added)
    messages.success(
        request,
        _("%(email)s works for this seller now. Their first-password link is made on their own page.")
        % {"email": added.user.email},
    )
    return {"form": MemberForm()}


def _invitation_link(request: HttpRequest, invitation: Invitation) -> dict[str, Any]:
    link = request.build_absolute_uri(people.invitation_path(invitation))
    return {"link": link, "person": invitation.user, "form": MemberForm()}


@admin.register(ApiKey)
class ApiKeyStaffAdmin(ReadOnlyStaffAdmin):
    """All keys by their prefix, for support; the secret is kept nowhere."""

    list_display = ("prefix", "name", "seller", "created_at", "created_by", "last_used_at", "revoked_at")
    list_filter = (("seller", RelatedDropdownFilter),)
    list_select_related = ("seller", "created_by")
    search_fields = ("prefix", "name", "seller__name")
    fields = list_display


class NewUserForm(UserCreationForm):
    """A person by e-mail; without a password they get a link."""

    class Meta:
        model = User
        fields = ("email", "name")


@admin.register(User)
class UserStaffAdmin(StaffAdmin, DjangoUserAdmin):  # type: ignore[misc, type-arg]
    """The people who sign in."""

    form = UserChangeForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "name", "show_sellers", "is_staff", "is_active", "last_login")
    list_filter = ("is_staff", "is_active")
    search_fields = ("email", "name")
    ordering = ("email",)
    filter_horizontal = ("user_permissions",)
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        (gettext_lazy("Access"), {"fields": ("is_active", "is_staff", "is_superuser", "user_permissions")}),
        (gettext_lazy("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),)
    actions_detail = ("password_link", "reset_two_step")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Bring the sellers along for the list."""
        return super().get_queryset(request).prefetch_related("memberships__seller")

    @display(description=gettext_lazy("sellers"))
    def show_sellers(self, user: User) -> str:
        """Whom the person works for."""
        return ", ".join(one.seller.name for one in user.memberships.all()) or "–"

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Write only what the form changed; a sign-in that becomes staff's begins anew.

        Any seller's owner may have made it, and hold its password.
        """
        if not change:
            super().save_model(request, obj, form, change)
            return
        columns = {field.name for field in User._meta.concrete_fields}
        changed = {name for name in form.changed_data if name in columns}
        if "is_staff" in changed and obj.is_staff:
            obj.set_unusable_password()
            changed.add("password")
            own_account.forget_devices(obj)
            messages.warning(
                request,
                _("The password of %(email)s no longer works. Make a password link for them.")
                % {"email": obj.email},
            )
        obj.save(update_fields=changed)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """A person is switched off, never deleted: what they did keeps their name."""
        return False

    def _person(self, request: HttpRequest, object_id: str) -> User:
        person: User | None = self.get_object(request, object_id)
        if person is None:
            raise Http404
        if person.is_superuser and not request.user.is_superuser:
            raise PermissionDenied
        request.current_app = self.admin_site.name
        return person

    @action(description=gettext_lazy("Password link"), icon="link", permissions=["change"])
    def password_link(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Make a link with which the person sets a new password, once."""
        person = self._person(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Password link for %(email)s") % {"email": person.email},
        }
        if request.method == "POST":
            context["link"] = request.build_absolute_uri(people.password_path(person))
        return TemplateResponse(request, "admin/password_link.html", context)

    @action(description=gettext_lazy("Two-step sign-in"), icon="shield_person", permissions=["change"])
    def reset_two_step(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Turn the second step off for somebody who lost both phone and recovery codes."""
        person = self._person(request, object_id)
        if request.method == "POST":
            own_account.forget_devices(person)
            messages.success(request, _("Two-step sign-in is off."))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Two-step sign-in of %(email)s") % {"email": person.email},
            "is_on": user_has_device(person),
        }
        return TemplateResponse(request, "admin/two_step.html", context)
