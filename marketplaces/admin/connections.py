"""The seller's accounts at marketplaces: opening one, its health, its switches, its credentials."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from catalog.models import MAX_QUANTITY
from hub import moments, tenancy
from hub.portal import SellerAdmin, portal_site
from marketplaces import health, price_rules, pricing, services, showing, stock
from marketplaces.admin.pages import RowPage, mine, to
from marketplaces.contract import TaxonomySource
from marketplaces.models import Connection, Exchange, Marketplace

if TYPE_CHECKING:
    _ConnectionForm = forms.ModelForm[Connection]
else:
    _ConnectionForm = forms.ModelForm  # generic for the type checker only

FOLDER = "portal/marketplaces"
SWITCHES = (
    "sync_stock",
    "sync_price",
    "sync_orders",
    "accept_orders",
    "sync_content",
    "auto_reconnect",
    "auto_heal",
)


class CredentialsForm(forms.Form):
    """What the marketplace asks for, one input per field of its credentials; nothing is shown back."""

    def __init__(self, marketplace: Marketplace, *args: Any, is_new: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if is_new:
            self.fields["name"] = forms.CharField(
                label=_("Name"),
                max_length=80,
                initial=marketplace.name,
                help_text=_("How the account is called here and on its orders."),
                widget=UnfoldAdminTextInputWidget(),
            )
        self.asked = []
        for one in dataclasses.fields(marketplace.description.credentials):
            is_secret = bool(one.metadata.get("secret"))
            widget = UnfoldAdminPasswordWidget if is_secret else UnfoldAdminTextInputWidget
            has_default = one.default is not dataclasses.MISSING
            self.fields[f"credential_{one.name}"] = forms.CharField(
                label=capfirst(_(one.metadata.get("label", one.name))),
                help_text=_(one.metadata["help"]) if one.metadata.get("help") else "",
                required=not has_default and not one.metadata.get("optional"),
                max_length=4000,
                widget=widget(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
            )
            self.asked.append(one.name)
        if is_new:
            self.fields["most_drop"] = forms.IntegerField(
                label=_("Hold prices that fall by more than (%)"),
                required=False,
                min_value=1,
                max_value=99,
                initial=int(pricing.FIRST_GUARD),
                help_text=_(
                    "A slip of the ERP waits here until somebody looks at it. Empty: no price is held. "
                    "You can change this later in the price rules."
                ),
                widget=UnfoldAdminIntegerFieldWidget(),
            )

    @property
    def credentials(self) -> dict[str, str]:
        """The credentials as they were typed."""
        return {name: self.cleaned_data.get(f"credential_{name}", "") for name in self.asked}


class SwitchesForm(_ConnectionForm):
    """What follows by itself on one connection."""

    class Meta:
        model = Connection
        fields = (*SWITCHES, "readback_hours", "orders_since")
        widgets = {
            **dict.fromkeys(SWITCHES, UnfoldBooleanSwitchWidget),
            "readback_hours": UnfoldAdminTextInputWidget(attrs={"type": "number", "min": "1", "max": "744"}),
            "orders_since": UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["orders_since"]
        field.widget.format = "%Y-%m-%dT%H:%M"
        field.input_formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]

    def clean_orders_since(self) -> datetime | None:
        """Refuse a moment to come: whoever types one means a day gone by, or wants the switch above."""
        since: datetime | None = self.cleaned_data["orders_since"]
        if since is not None and moments.is_plausible(since) and since > timezone.now():
            raise forms.ValidationError(_("This moment has not come yet: no order would be taken."))
        return since


class BuffersForm(_ConnectionForm):
    """How much of the ERP's quantity one connection offers."""

    class Meta:
        model = Connection
        fields = stock.BUFFERS
        widgets = {
            "hold_stock": UnfoldBooleanSwitchWidget,
            "stock_reserve": UnfoldAdminIntegerFieldWidget(attrs={"min": "0", "max": str(MAX_QUANTITY)}),
            "stock_percentage": UnfoldAdminIntegerFieldWidget(attrs={"min": "1", "max": "100"}),
            "stock_most": UnfoldAdminIntegerFieldWidget(attrs={"min": "1", "max": str(MAX_QUANTITY)}),
        }


class ConnectionAdmin(RowPage, SellerAdmin):
    """The connected accounts."""

    change_form_template = f"{FOLDER}/connection.html"
    search_fields = ("name",)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """A seller has a handful: show each with its numbers instead of a table."""
        rows = self.get_queryset(request).select_related("marketplace")
        cards = [_card(one) for one in health.of(list(rows))]
        context = {"title": _("Connected accounts"), "cards": cards}
        return portal_site.render(request, f"{FOLDER}/connections.html", context)

    def page(self, request: HttpRequest, obj: Connection) -> Mapping[str, Any]:
        """Everything about one account."""
        (numbers,) = health.of([obj])
        return {
            "title": obj.name,
            **_card(numbers),
            "switches": SwitchesForm(instance=obj),
            "price_words": showing.rules(price_rules.current(obj.pk)[1]),
            "buffers": BuffersForm(instance=obj),
            "exchanges": Exchange.objects.filter(seller_id=obj.seller_id, connection=obj).defer(
                "request_body", "response_body"
            )[:8],
        }


def _card(numbers: health.Health) -> dict[str, Any]:
    connection = numbers.connection
    return {
        "connection": connection,
        "health": numbers,
        "problem": showing.problem(connection),
        "has_categories": connection.marketplace.description.offers(TaxonomySource),
        "states": showing.by_state(numbers.listings),
    }


@portal_site.page("marketplaces/new/", "connection_choose", needs="manage")
@require_http_methods(["GET"])
def choose_marketplace(request: HttpRequest) -> HttpResponse:
    """Show the marketplaces one can sell at."""
    seller = tenancy.actor(request).seller
    open_already = set(
        Connection.objects.filter(seller_id=seller.pk).values_list("marketplace_id", flat=True)
    )
    context = {
        "title": _("Connect an account"),
        "marketplaces": [
            (one, one.pk in open_already) for one in Marketplace.objects.filter(is_enabled=True)
        ],
    }
    return portal_site.render(request, f"{FOLDER}/connection_choose.html", context)


@portal_site.page("marketplaces/new/<slug:key>/", "connection_new", needs="manage")
@require_http_methods(["GET", "POST"])
def open_connection(request: HttpRequest, key: str) -> HttpResponse:
    """Ask for credentials, try them at the marketplace, and only then keep them."""
    marketplace = get_object_or_404(Marketplace, pk=key, is_enabled=True)
    form = CredentialsForm(marketplace, request.POST or None, is_new=True)
    if request.method == "POST" and form.is_valid():
        try:
            most_drop = form.cleaned_data["most_drop"]
            connection = services.open_connection(
                seller=tenancy.actor(request).seller,
                marketplace=marketplace,
                name=form.cleaned_data["name"],
                credentials=form.credentials,
                most_drop=None if most_drop is None else Decimal(most_drop),
                by=tenancy.actor(request).user,
            )
        except services.NotPossible as reason:
            form.add_error(None, str(reason))
        else:
            messages.success(request, _("%(name)s is connected.") % {"name": connection.name})
            if marketplace.description.offers(TaxonomySource):
                return to("mapping", connection.pk)
            return to("marketplaces_connection_change", connection.pk)
    context = {
        "title": _("Connect %(name)s") % {"name": marketplace},
        "form": form,
        "marketplace": marketplace,
    }
    return _form_page(request, f"{FOLDER}/connection_new.html", context, form)


def _form_page(
    request: HttpRequest, template: str, context: dict[str, Any], form: forms.BaseForm
) -> HttpResponse:
    status = 400 if form.is_bound and form.errors else 200
    return portal_site.render(request, template, context, status=status)


def _connection(request: HttpRequest, pk: int) -> Connection:
    return mine(Connection.objects.select_related("marketplace", "seller"), request, pk)


@portal_site.page("marketplaces/<int:pk>/credentials/", "connection_credentials", needs="manage")
@require_http_methods(["GET", "POST"])
def renew_credentials(request: HttpRequest, pk: int) -> HttpResponse:
    """Take fresh credentials of the same account."""
    connection = _connection(request, pk)
    form = CredentialsForm(connection.marketplace, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.renew_credentials(connection=connection, credentials=form.credentials)
        except services.NotPossible as reason:
            form.add_error(None, str(reason))
        else:
            messages.success(request, _("The new credentials work."))
            return to("marketplaces_connection_change", connection.pk)
    context = {
        "title": _("New credentials for %(name)s") % {"name": connection.name},
        "form": form,
        "marketplace": connection.marketplace,
        "connection": connection,
    }
    return _form_page(request, f"{FOLDER}/connection_new.html", context, form)


@portal_site.page("marketplaces/<int:pk>/switches/", "connection_switches", needs="manage")
@require_http_methods(["GET", "POST"])
def set_switches(request: HttpRequest, pk: int) -> HttpResponse:
    """Turn on and off what follows by itself."""
    connection = _connection(request, pk)
    if request.method == "GET":
        return to("marketplaces_connection_change", pk)
    # A form that is checked writes into its instance; the service must still see the values of before.
    form = SwitchesForm(request.POST, instance=_connection(request, pk))
    if not form.is_valid():
        return _show_again(request, connection, switches=form)
    services.set_switches(connection=connection, **{name: form.cleaned_data[name] for name in SWITCHES})
    Connection.objects.filter(pk=pk).update(
        orders_since=form.cleaned_data["orders_since"], readback_hours=form.cleaned_data["readback_hours"]
    )
    messages.success(request, _("Saved."))
    return to("marketplaces_connection_change", pk)


@portal_site.page("marketplaces/<int:pk>/stock/", "connection_stock", needs="operate")
@require_http_methods(["GET", "POST"])
def set_buffers(request: HttpRequest, pk: int) -> HttpResponse:
    """Change how much of the ERP's quantity is offered."""
    connection = _connection(request, pk)
    if request.method == "GET":
        return to("marketplaces_connection_change", pk)
    form = BuffersForm(request.POST, instance=_connection(request, pk))
    if not form.is_valid():
        return _show_again(request, connection, buffers=form)
    stock.set_buffers(connection=form.instance)
    messages.success(request, _("Saved."))
    return to("marketplaces_connection_change", pk)


def _show_again(request: HttpRequest, connection: Connection, **typed: forms.BaseForm) -> HttpResponse:
    """Show the account's page with what was typed into one of its forms, and what is wrong with it."""
    for form in typed.values():
        for field in form.errors:
            messages.error(request, f"{form[field].label}: {' '.join(map(str, form.errors[field]))}")
    page = ConnectionAdmin(Connection, portal_site)
    context = {**page.page(request, connection), **typed, "opts": Connection._meta, "original": connection}
    return portal_site.render(request, ConnectionAdmin.change_form_template, context, status=400)


@portal_site.page("marketplaces/<int:pk>/pause/", "connection_pause", needs="manage")
@require_POST
def set_paused(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop or resume all traffic of an account."""
    connection = _connection(request, pk)
    paused = request.POST.get("paused") == "1"
    services.set_paused(connection=connection, paused=paused)
    if connection.status == Connection.Status.NEEDS_CREDENTIALS:
        messages.error(request, _("The marketplace refuses the credentials. Enter new ones."))
    else:
        said = _("%(name)s is paused.") if paused else _("%(name)s goes on.")
        messages.success(request, said % {"name": connection.name})
    return to("marketplaces_connection_change", pk)


@portal_site.page("marketplaces/<int:pk>/try/", "connection_try", needs="operate")
@require_POST
def try_now(request: HttpRequest, pk: int) -> HttpResponse:
    """Do not wait for the next try of what failed."""
    connection = _connection(request, pk)
    services.forget_connection_errors(connection)
    pause = connection.marketplace.paused_until
    if pause is not None and pause > timezone.now():
        said = _("%(marketplace)s is paused for everybody; it is tried as soon as the pause ends.")
        messages.warning(request, said % {"marketplace": connection.marketplace})
    else:
        messages.success(request, _("It is being tried now."))
    return to("marketplaces_connection_change", pk)


portal_site.register(Connection, ConnectionAdmin)
portal_site.menu(
    "marketplaces", gettext_lazy("Connected accounts"), "hub", "marketplaces_connection_changelist", order=10
)
