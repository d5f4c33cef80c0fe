"""The homologation in the portal: a list that ticks itself off, and its certificate; staff sees all."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from hub import tenancy
from hub.api_log_pages import pretty
from hub.homologation import certificate, services
from hub.homologation.cases import CASES, GROUPS, Case
from hub.homologation.models import Homologation, HomologationCase
from hub.portal import portal_site
from hub.refusals import Refusal
from hub.staff import ReadOnlyStaffAdmin

FOLDER = "portal/homologation"
State = HomologationCase.State


class CertificateForm(forms.Form):
    """Whose certificate it is."""

    integration = forms.CharField(
        label=gettext_lazy("Name of the integration"),
        max_length=150,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": gettext_lazy("For example: Oca ERP 4.2")}),
    )


def _mine(request: HttpRequest) -> Homologation | None:
    return services.newest(tenancy.actor(request).seller)


def _shown(case: Case, found: HomologationCase | None) -> dict[str, Any]:
    call = found.call if found else {}
    return {
        "case": case,
        "state": found.state if found else "",
        "label": found.get_state_display() if found else _("To do"),
        "at": found.decided_at if found else None,
        "problem": services.problem_of(found) if found else "",
        "call": call,
        "request": pretty(call.get("request", "")),
        "answer": pretty(call.get("answer", "")),
    }


def _live(homologation: Homologation) -> dict[str, Any]:
    known = services.look(homologation)
    passed = sum(one.state == State.PASSED for one in known.values())
    unused = sum(one.state == State.UNUSED for one in known.values())
    return {
        "homologation": homologation,
        "groups": [
            (group, [_shown(case, known.get(case.number)) for case in group.cases]) for group in GROUPS
        ],
        "passed": passed,
        "unused": unused,
        "failing": sum(one.state == State.FAILING for one in known.values()),
        "total": len(CASES),
        "percent_passed": 100 * passed / len(CASES),
        "percent_unused": 100 * unused / len(CASES),
        "is_open": homologation.closed_at is None,
        "is_complete": not services.missing(known),
        "version": _version(known),
    }


def _version(known: dict[int, HomologationCase]) -> str:
    """Name a state of the list: only when it changes is the page redrawn, so open details stay open."""
    return "-".join(f"{n}{one.state[0]}{one.call.get('id', '')}" for n, one in sorted(known.items()))


@portal_site.page("homologation/", "homologation")
@require_GET
def homologation_page(
    request: HttpRequest, form: forms.Form | None = None, status: int = 200
) -> HttpResponse:
    """Show the list of the test account, or what a test account is."""
    seller = tenancy.actor(request).seller
    found = services.newest(seller)
    context = {
        "title": _("Homologation"),
        "seller": seller,
        "base_url": settings.HUB_BASE_URL,
        "log_is_off": not settings.HUB_API_LOG,
        "form": form or CertificateForm(),
        "certificates": Homologation.objects.filter(seller_id=seller.pk, certificate__isnull=False),
        **(_live(found) if found else {}),
    }
    return portal_site.render(request, f"{FOLDER}/page.html", context, status=status)


@portal_site.page("homologation/live/", "homologation_live")
@require_GET
def live(request: HttpRequest) -> HttpResponse:
    """Return the list when it has changed since the page was drawn; 204 leaves the page alone."""
    found = _mine(request)
    if found is None:
        return HttpResponse(status=204)
    context = _live(found)
    if context["version"] == request.GET.get("seen"):
        return HttpResponse(status=204)
    rights = {"may_operate": tenancy.may(request, "operate"), "form": CertificateForm()}
    request.current_app = portal_site.name
    return render(request, f"{FOLDER}/live.html", {**context, **rights})


def _back() -> HttpResponse:
    return HttpResponseRedirect(reverse("portal:homologation"))


@portal_site.page("homologation/start/", "homologation_start", needs="operate")
@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Begin, or begin anew."""
    who = tenancy.actor(request)
    try:
        services.start(who.seller, who.user)
    except Refusal as refusal:
        messages.error(request, str(refusal))
    return _back()


@portal_site.page("homologation/<int:number>/unused/", "homologation_unused", needs="operate")
@require_POST
def unused(request: HttpRequest, number: int) -> HttpResponse:
    """Leave out a case the integration does not do, or take it up again."""
    found = _mine(request)
    try:
        if found is not None:
            services.say_unused(found, number, is_unused=request.POST.get("unused") == "yes")
    except Refusal as refusal:
        messages.error(request, str(refusal))
    return _back()


@portal_site.page("homologation/certify/", "homologation_certify", needs="operate")
@require_POST
def certify(request: HttpRequest) -> HttpResponse:
    """Close the homologation with its certificate."""
    found = _mine(request)
    form = CertificateForm(request.POST)
    if found is None or not form.is_valid():
        messages.error(request, _("Name the integration the certificate is for."))
        return _back()
    try:
        services.certify(found, form.cleaned_data["integration"])
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The homologation is complete. The certificate is below."))
    return _back()


@portal_site.page("homologation/<int:pk>/certificate/", "homologation_certificate")
@require_GET
def certificate_pdf(request: HttpRequest, pk: int) -> HttpResponse:
    """The certificate as a PDF."""
    found = get_object_or_404(
        Homologation.objects.select_related("seller"),
        pk=pk,
        seller_id=tenancy.actor(request).seller.pk,
        certificate__isnull=False,
    )
    response = HttpResponse(certificate.pdf(found), content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{found.certificate}.pdf"'
    return response


portal_site.menu(
    "account",
    gettext_lazy("Homologation"),
    "verified",
    "homologation",
    order=16,
    shown=lambda request: tenancy.actor(request).seller.is_test,
)


@admin.register(Homologation)
class HomologationStaffAdmin(ReadOnlyStaffAdmin):
    """Every homologation, and the certificates issued."""

    list_display = ("seller", "integration", "certificate", "show_passed", "started_at", "closed_at")
    list_filter = (("seller", RelatedDropdownFilter),)
    list_select_related = ("seller",)
    search_fields = ("certificate__startswith",)
    search_help_text = gettext_lazy("Number of the certificate")
    fields = ("seller", "integration", "certificate", "show_passed", "started_at", "started_by", "closed_at")
    readonly_fields = fields
    sortable_by = ()

    @display(description=gettext_lazy("cases passed"))
    def show_passed(self, homologation: Homologation) -> str:
        """Of all."""
        passed = homologation.cases.filter(state=State.PASSED).count()
        return f"{passed} / {len(CASES)}"
