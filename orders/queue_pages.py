"""The ERP's queue as the seller sees it: how much waits, since when, and how to put orders back."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST
from unfold.widgets import UnfoldAdminTextInputWidget

from hub import moments, tenancy
from hub.portal import portal_site
from orders import queue


class SinceForm(forms.Form):
    """From when on orders are put back."""

    since = forms.DateTimeField(
        label=gettext_lazy("Put back everything since"),
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
        validators=[moments.validate],
        help_text=gettext_lazy(
            "For an ERP that was set back to a backup: whatever came in, changed, was confirmed or was "
            "parked since then is offered to it again."
        ),
    )


@portal_site.page("orders/queue/", "orders_queue")
@require_http_methods(["GET", "POST"])
def erp_queue(request: HttpRequest) -> HttpResponse:
    """Show the queue at a glance; a POST puts back what happened since a moment."""
    seller = tenancy.actor(request).seller
    form = SinceForm(request.POST or None)
    if request.method == "POST":
        tenancy.demand(request, "operate")
        if form.is_valid():
            return _put_back(request, queue.replay_since(seller, form.cleaned_data["since"]))
    context: dict[str, Any] = {
        "title": _("ERP queue"),
        "summary": queue.summary(seller, timezone.now()),
        "form": form,
        "may_operate": tenancy.may(request, "operate"),
        "orders_url": reverse("portal:orders_order_changelist"),
    }
    return portal_site.render(
        request, "portal/orders/erp_queue.html", context, status=400 if form.errors else 200
    )


@portal_site.page("orders/queue/parked/", "orders_queue_parked", needs="operate")
@require_POST
def put_parked_back(request: HttpRequest) -> HttpResponse:
    """Offer every parked order to the ERP again."""
    return _put_back(request, queue.replay_parked(tenancy.actor(request).seller))


def _put_back(request: HttpRequest, count: int) -> HttpResponse:
    words = ngettext(
        "%(count)s order is in the ERP's queue again.",
        "%(count)s orders are in the ERP's queue again.",
        count,
    )
    messages.success(request, words % {"count": count})
    return HttpResponseRedirect(reverse("portal:orders_queue"))


portal_site.menu("orders", gettext_lazy("ERP queue"), "hourglass_top", "orders_queue", order=20)
