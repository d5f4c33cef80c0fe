"""Freight as sellers and staff see it: where quotes come from, the contingency table, what was quoted."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldAdminURLInputWidget

from hub import tenancy
from hub.panels import brl
from hub.portal import SellerAdmin, portal_site
from hub.refusals import Refusal
from hub.staff import ReadOnlyStaffAdmin
from orders.freight import quotes
from orders.freight.models import FreightQuote, FreightRate, FreightSettings

SHOWN_QUOTES = 20


class AddressForm(forms.Form):
    """Where the seller answers quotes."""

    quote_url = forms.URLField(
        label=gettext_lazy("quote address"),
        max_length=500,
        required=False,
        assume_scheme="https",
        widget=UnfoldAdminURLInputWidget(attrs={"placeholder": "https://"}),
        help_text=FreightSettings._meta.get_field("quote_url").help_text,
    )

    def clean_quote_url(self) -> str:
        """Refuse what must not be called."""
        url: str = self.cleaned_data["quote_url"]
        if url:
            try:
                quotes.check_address(url)
            except Refusal as refusal:
                raise ValidationError(str(refusal)) from None
        return url


@portal_site.page("freight/", "freight")
@require_http_methods(["GET", "POST"])
def freight(request: HttpRequest) -> HttpResponse:
    """Show where quotes come from and the newest of them; an owner changes the address."""
    seller = tenancy.actor(request).seller
    form = AddressForm(
        request.POST or None,
        initial={
            "quote_url": FreightSettings.objects.filter(seller_id=seller.pk)
            .values_list("quote_url", flat=True)
            .first()
            or ""
        },
    )
    if request.method == "POST":
        tenancy.demand(request, "manage")
        if form.is_valid():
            FreightSettings.objects.update_or_create(
                seller=seller, defaults={"quote_url": form.cleaned_data["quote_url"]}
            )
            messages.success(request, _("Saved."))
            return HttpResponseRedirect(reverse("portal:freight"))
    context = {
        "title": _("Freight"),
        "form": form,
        "rates": FreightRate.objects.filter(seller_id=seller.pk).count(),
        "quotes": [
            {
                "row": one,
                "zip": f"{one.zip:08d}",
                "best": brl(one.best),
            }
            for one in FreightQuote.objects.filter(seller_id=seller.pk).order_by("-id")[:SHOWN_QUOTES]
        ],
    }
    return portal_site.render(
        request, "portal/orders/freight.html", context, status=400 if form.errors else 200
    )


class ZipField(forms.CharField):
    """A zip (CEP) as people write it, kept as a number."""

    widget = UnfoldAdminTextInputWidget

    def to_python(self, value: Any) -> Any:
        """Read it."""
        try:
            return quotes.read_zip(_("zip"), value) if value else None
        except Refusal as refusal:
            raise ValidationError(str(refusal)) from None

    def prepare_value(self, value: Any) -> Any:
        """Show all its digits."""
        return f"{value:08d}" if isinstance(value, int) else value


class RateForm(forms.ModelForm):  # type: ignore[type-arg]
    """One line of the table."""

    zip_from = ZipField(label=gettext_lazy("Zip from"))
    zip_to = ZipField(label=gettext_lazy("Zip to"))


class RateColumns:
    """A line of the table, as lists show it."""

    @display(description=gettext_lazy("zips"))
    def show_zips(self, rate: FreightRate) -> str:
        """From where to where."""
        return f"{rate.zip_from:08d} – {rate.zip_to:08d}"

    @display(description=gettext_lazy("weight (kg)"))
    def show_weights(self, rate: FreightRate) -> str:
        """From how heavy to how heavy."""
        return f"{rate.weight_from.normalize():f} – {rate.weight_to.normalize():f}"

    @display(description=gettext_lazy("cost"), ordering="cost")
    def show_cost(self, rate: FreightRate) -> str:
        """What it costs."""
        return brl(rate.cost)


class RateAdmin(RateColumns, SellerAdmin):
    """The seller's contingency table."""

    form = RateForm
    add_right = change_right = delete_right = "operate"
    fields = ("name", ("zip_from", "zip_to"), ("weight_from", "weight_to"), ("cost", "days"))
    list_display = ("name", "show_zips", "show_weights", "show_cost", "days")
    search_fields = ("name",)
    sortable_by = ()


portal_site.register(FreightRate, RateAdmin)
portal_site.menu("orders", gettext_lazy("Freight"), "local_shipping", "freight", order=40)


@admin.register(FreightRate)
class RateStaffAdmin(RateColumns, ReadOnlyStaffAdmin):
    """Every seller's contingency table."""

    list_display = ("name", "seller", "show_zips", "show_weights", "show_cost", "days")
    list_filter = (("seller", RelatedDropdownFilter),)
    list_select_related = ("seller",)
    sortable_by = ()


@admin.register(FreightQuote)
class QuoteStaffAdmin(ReadOnlyStaffAdmin):
    """Every quote, for support."""

    list_display = ("created_at", "seller", "sale_system", "source", "milliseconds", "problem")
    list_filter = (("source", ChoicesDropdownFilter), ("seller", RelatedDropdownFilter))
    list_select_related = ("seller",)
    ordering = ("-id",)
    sortable_by = ()
