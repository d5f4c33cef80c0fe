"""Webhooks on the portal: where the ERP is called, whether that works, and what each call said."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from hub import tenancy
from hub.counting import capped
from hub.portal import portal_site
from hub.refusals import Refusal
from marketplaces.admin.exchanges import pretty
from marketplaces.admin.pages import mine, number, to
from marketplaces.callbacks import deliver, services
from marketplaces.callbacks.models import Delivery, Event, Subscription

FOLDER = "portal/callbacks"
PER_PAGE = 30
EVENTS = [(one.value, one.label) for one in Event if one is not Event.PING]


class WebhookForm(forms.Form):
    """An address and what it hears of."""

    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=500,
        help_text=gettext_lazy("Where the ERP takes the calls. It must answer with a 2xx within 8 seconds."),
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "https://erp.example.com/hub"}),
    )
    events = forms.MultipleChoiceField(
        label=gettext_lazy("Tell of"), choices=EVENTS, widget=UnfoldAdminCheckboxSelectMultipleWidget()
    )
    is_active = forms.BooleanField(
        label=gettext_lazy("Switched on"), required=False, initial=True, widget=UnfoldBooleanSwitchWidget()
    )


def problem(delivery: Delivery | None) -> str:
    """Say in plain words why the last try of a call failed."""
    if delivery is None or delivery.state == Delivery.State.DELIVERED:
        return ""
    if delivery.status == deliver.GONE:
        return _("It answered 410: there is nobody at this address any more.")
    if delivery.tried_at is None:
        given_up = delivery.state == Delivery.State.GIVEN_UP
        return _("It waited for 3 days behind calls that were not taken.") if given_up else ""
    if delivery.status:
        return _("It answered with the status %(status)s.") % {"status": delivery.status}
    error = delivery.error.lower()
    if "private" in error:
        return _("Its address is on a private network, which the hub does not call.")
    if "resolve" in error:
        return _("Its name is unknown on the internet.")
    if "timeout" in error or "no whole answer" in error:
        return _("It did not answer within 8 seconds.")
    if "ssl" in error:
        return _("Its certificate is not valid.")
    return _("It could not be reached.")


def state(row: Subscription) -> tuple[str, str]:
    """Say in plain words how a webhook does; with the tone it is shown in."""
    waiting = capped(Delivery.objects.filter(subscription=row, state=Delivery.State.WAITING), 10_000)
    calls = ngettext("%(count)s call waits.", "%(count)s calls wait.", waiting) % {"count": waiting}
    tried = Delivery.objects.filter(subscription=row, state=Delivery.State.WAITING, attempts__gt=0)
    if not row.is_active:
        gone = tried.filter(status=deliver.GONE).order_by("id").first()
        said = [_("Switched off."), problem(gone), calls if waiting else ""]
        return " ".join(filter(None, said)), "danger" if gone else ""
    if row.failing_since:
        words = _("Not taken since %(since)s.") % {"since": _written(row.failing_since)}
        oldest = tried.order_by("id").first()
        next_try = max(row.run_at, timezone.now(), oldest.run_at if oldest and oldest.run_at else row.run_at)
        again = _("Next try: %(when)s.") % {"when": _written(next_try)}
        return " ".join(filter(None, [words, problem(oldest), again, calls])), "danger"
    if waiting:
        aside = capped(tried.filter(run_at__isnull=False), 10_000)
        refused = ngettext(
            "%(count)s call was not taken and is tried again on its own.",
            "%(count)s calls were not taken and are tried again on their own.",
            aside,
        ) % {"count": aside}
        return (refused, "danger") if aside else (calls, "info")
    if Delivery.objects.filter(subscription=row, state=Delivery.State.DELIVERED).exists():
        return _("Works: everything was taken."), "success"
    return _("Nothing was told yet."), ""


def _written(at: Any) -> str:
    return date_format(timezone.localtime(at), "SHORT_DATETIME_FORMAT")


@portal_site.page("webhooks/", "webhooks")
@require_GET
def webhooks(request: HttpRequest) -> HttpResponse:
    """List the seller's webhooks and how each does."""
    rows = Subscription.objects.filter(seller_id=tenancy.actor(request).seller.pk).order_by("id")
    labels = dict(EVENTS)
    context = {
        "title": _("Webhooks"),
        "rows": [(row, [labels.get(one, one) for one in row.events], *state(row)) for row in rows],
    }
    return portal_site.render(request, f"{FOLDER}/list.html", context)


@portal_site.page("webhooks/new/", "webhook_new", needs="manage")
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Add a webhook; its secret is shown once, in the answer to the POST."""
    form = WebhookForm(request.POST or None, initial={"events": [key for key, _label in EVENTS]})
    if request.method == "POST" and form.is_valid():
        who = tenancy.actor(request)
        try:
            row, secret = services.subscribe(who.seller, **form.cleaned_data, by=who.user)
        except Refusal as refusal:
            form.add_error("url", str(refusal))
        else:
            shown = {"title": _("Your new webhook"), "row": row, "secret": secret}
            return portal_site.render(request, f"{FOLDER}/secret.html", shown)
    return _form(request, form, _("New webhook"), None)


@portal_site.page("webhooks/<int:subscription_id>/edit/", "webhook_edit", needs="manage")
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, subscription_id: int) -> HttpResponse:
    """Change a webhook."""
    row = mine(Subscription.objects.all(), request, subscription_id)
    initial = {"url": row.url, "events": row.events, "is_active": row.is_active}
    form = WebhookForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.change(row, **form.cleaned_data)
        except Refusal as refusal:
            form.add_error("url", str(refusal))
        else:
            messages.success(request, _("Saved."))
            return to("webhook", row.pk)
    return _form(request, form, _("Change webhook"), row)


def _form(request: HttpRequest, form: WebhookForm, title: str, row: Subscription | None) -> HttpResponse:
    status = 400 if form.errors else 200
    context = {"title": title, "form": form, "row": row}
    return portal_site.render(request, f"{FOLDER}/form.html", context, status=status)


@portal_site.page("webhooks/<int:subscription_id>/delete/", "webhook_delete", needs="manage")
@require_POST
def delete(request: HttpRequest, subscription_id: int) -> HttpResponse:
    """Forget a webhook and its calls."""
    mine(Subscription.objects.all(), request, subscription_id).delete()
    messages.success(request, _("The webhook was deleted."))
    return to("webhooks")


@portal_site.page("webhooks/<int:subscription_id>/secret/", "webhook_secret", needs="manage")
@require_POST
def new_secret(request: HttpRequest, subscription_id: int) -> HttpResponse:
    """Replace a webhook's secret; the new one is shown once, in this answer."""
    row = mine(Subscription.objects.all(), request, subscription_id)
    try:
        secret, old_until = services.rotate_secret(row)
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return to("webhook", row.pk)
    shown = {"title": _("The new secret"), "row": row, "secret": secret, "old_until": old_until}
    return portal_site.render(request, f"{FOLDER}/secret.html", shown)


@portal_site.page("webhooks/<int:subscription_id>/test/", "webhook_test", needs="operate")
@require_POST
def test(request: HttpRequest, subscription_id: int) -> HttpResponse:
    """Send a test call."""
    row = mine(Subscription.objects.all(), request, subscription_id)
    try:
        services.ping(row)
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The test call is on its way; its result appears below."))
    return to("webhook", row.pk)


@portal_site.page("webhooks/<int:subscription_id>/", "webhook")
@require_GET
def webhook(request: HttpRequest, subscription_id: int) -> HttpResponse:
    """Show a webhook and its calls."""
    row = mine(Subscription.objects.select_related("created_by"), request, subscription_id)
    return portal_site.render(
        request, f"{FOLDER}/webhook.html", {"title": _("Webhook"), **_log(request, row)}
    )


@portal_site.page("webhooks/<int:subscription_id>/log/", "webhook_log")
@require_GET
def log(request: HttpRequest, subscription_id: int) -> HttpResponse:
    """Answer the changing part of a webhook's page."""
    row = mine(Subscription.objects.select_related("created_by"), request, subscription_id)
    return render(request, f"{FOLDER}/log.html", _log(request, row))


def _log(request: HttpRequest, row: Subscription) -> dict[str, Any]:
    page, chosen = number(request, "page"), request.GET.get("state", "")
    calls = Delivery.objects.filter(subscription=row)
    listed = calls.filter(state=chosen) if chosen in Delivery.State.values else calls
    shown = list(listed.order_by("-id")[(page - 1) * PER_PAGE : page * PER_PAGE + 1])
    words, tone = state(row)
    return {
        "row": row,
        "events": [label for key, label in EVENTS if key in row.events],
        "state": words,
        "tone": tone,
        "calls": [(one, problem(one)) for one in shown[:PER_PAGE]],
        "list_tabs": [
            (label, f"state={value}" if value else "", value == chosen)
            for value, label in [("", _("All calls")), *Delivery.State.choices]
        ],
        "chosen": chosen,
        "page": page,
        "previous_page": page - 1,
        "next_page": page + 1 if len(shown) > PER_PAGE else 0,
        # Only while a call may go out any moment: a resting webhook is not worth asking about.
        "is_moving": row.is_active
        and row.run_at <= timezone.now()
        and calls.filter(state=Delivery.State.WAITING).exists(),
        "may_operate": tenancy.may(request, "operate"),
        "may_manage": tenancy.may(request, "manage"),
    }


@portal_site.page("webhooks/calls/<int:delivery_id>/", "webhook_call")
@require_GET
def call(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """Show one call: what was said, and what the ERP answered."""
    delivery = mine(Delivery.objects.select_related("subscription"), request, delivery_id)
    context = {
        "title": delivery.get_event_display(),
        "call": delivery,
        "row": delivery.subscription,
        "sent": json.dumps(delivery.body, indent=2, ensure_ascii=False),
        "answered": pretty(delivery.answer),
        "problem": problem(delivery),
    }
    return portal_site.render(request, f"{FOLDER}/call.html", context)


@portal_site.page("webhooks/calls/<int:delivery_id>/replay/", "webhook_replay", needs="operate")
@require_POST
def replay(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """Make a call again."""
    delivery = mine(Delivery.objects.select_related("subscription"), request, delivery_id)
    services.replay(delivery)
    messages.success(request, _("The call is made again, under the same id."))
    return to("webhook", delivery.subscription_id)


@portal_site.page("webhooks/calls/<int:delivery_id>/skip/", "webhook_skip", needs="operate")
@require_POST
def skip(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """Do not make a call that waits."""
    delivery = mine(Delivery.objects.select_related("subscription"), request, delivery_id)
    try:
        services.skip(delivery)
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The call was skipped; what waited behind it goes on."))
    return to("webhook", delivery.subscription_id)


portal_site.menu("account", gettext_lazy("Webhooks"), "webhook", "webhooks", order=15)
