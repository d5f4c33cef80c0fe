"""A connection's price rules on the portal: the form, what a change would do, saving it, going back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core import signing
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils.formats import get_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from catalog.models import Category, Variation
from hub import tenancy
from hub.portal import portal_site
from marketplaces import price_rules, pricing, showing
from marketplaces.admin.pages import mine, to
from marketplaces.models import Connection, HeldPrice, PriceRules
from marketplaces.pricing import Ending, Offer, Rule, Rules

FOLDER = "portal/marketplaces"
HISTORY = 30
"""Versions the page lists."""
BLANK = 2
"""Empty rows under the exceptions."""
OFFERED = 500
"""Categories offered while a code is typed."""

SCOPES = [(pricing.CATEGORY, gettext_lazy("Category")), (pricing.SKU, gettext_lazy("SKU"))]


class AmountField(forms.DecimalField):
    """An amount written with a comma or with a point before its decimals, in either language.

    Django reads "12.5" so in Portuguese; in English it would drop the comma and make "12,5" 125.
    """

    def to_python(self, value: Any) -> Any:
        """Read what was typed."""
        if isinstance(value, str) and get_format("THOUSAND_SEPARATOR") == "," and "." not in value:
            whole, _comma, decimals = value.strip().partition(",")
            if "," not in decimals and len(decimals) != 3:
                value = f"{whole}.{decimals}" if decimals else whole
        return super().to_python(value)


def _amount(label: Any, **options: Any) -> forms.DecimalField:
    widget = forms.TextInput(attrs={"class": "mk-input", "inputmode": "decimal", "size": "7"})
    return AmountField(
        label=label, required=False, max_digits=9, decimal_places=2, localize=True, widget=widget, **options
    )


def _choice(label: Any, choices: Any) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label, choices=choices, required=False, widget=forms.Select(attrs={"class": "mk-select"})
    )


class RuleForm(forms.Form):
    """One rule."""

    percent = _amount(gettext_lazy("Markup (%)"))
    fixed = _amount(gettext_lazy("Fixed amount (R$)"))
    ending = _choice(gettext_lazy("Ending"), list(showing.ENDINGS.items()))
    offer = _choice(gettext_lazy("From and for"), list(showing.OFFERS.items()))

    @property
    def rule(self) -> Rule:
        """The rule as it was filled in; what was left out adds nothing."""
        said = self.cleaned_data
        return Rule(
            percent=said["percent"] or pricing.ZERO,
            fixed=said["fixed"] or pricing.ZERO,
            ending=Ending(said["ending"] or Ending.NONE),
            offer=Offer(said["offer"] or Offer.FROM_FOR),
        )


class BaseForm(RuleForm):
    """What holds where no exception does, and the guard."""

    most_drop = _amount(gettext_lazy("Hold drops over (%)"))
    most_rise = _amount(gettext_lazy("Hold rises over (%)"))


class ExceptionForm(RuleForm):
    """A rule for one category or one SKU; a row that was there is taken out by emptying its key."""

    scope = _choice(gettext_lazy("For"), SCOPES)
    key = forms.CharField(
        label=gettext_lazy("Code"),
        required=False,
        max_length=255,
        widget=forms.TextInput(
            attrs={"class": "mk-input mk-wide", "spellcheck": "false", "list": "own-categories"}
        ),
    )

    @property
    def lacks_its_key(self) -> bool:
        """True where a rule was filled in, but not what it is for."""
        said = self.cleaned_data
        has_amount = any(said.get(name) is not None for name in ("percent", "fixed"))
        usual = {"ending": Ending.NONE, "offer": Offer.FROM_FOR}
        has_choice = any((said.get(name) or default) != default for name, default in usual.items())
        return not said.get("key") and (has_amount or has_choice)


if TYPE_CHECKING:
    _FormSet = forms.BaseFormSet[ExceptionForm]
else:
    _FormSet = forms.BaseFormSet  # generic for the type checker only


class ExceptionSet(_FormSet):
    """All exceptions of a connection; every key must be one of the seller's own, and be there once."""

    def __init__(self, *args: Any, seller_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._seller_id = seller_id

    @property
    def filled(self) -> list[ExceptionForm]:
        """The rows with a key."""
        return [one for one in self.forms if one.cleaned_data.get("key")]

    def clean(self) -> None:
        """Name the rows whose key is missing, means nothing, or something already said."""
        are_sound = not any(self.errors)
        for one in self.extra_forms:
            if one.lacks_its_key:
                one.add_error("key", _("The code is missing."))
        if not are_sound:
            return
        keys = {scope: {_key(one) for one in self.filled if _scope(one) == scope} for scope, _label in SCOPES}
        categories = Category.objects.filter(seller_id=self._seller_id, code__in=keys[pricing.CATEGORY])
        known = {(pricing.CATEGORY, code) for code in categories.values_list("code", flat=True)}
        skus = keys[pricing.SKU]
        variations = Variation.objects.filter(seller_id=self._seller_id)
        for pair in variations.filter(Q(sku__in=skus) | Q(product__sku__in=skus)).values_list(
            "sku", "product__sku"
        ):
            known |= {(pricing.SKU, sku) for sku in pair}
        seen: set[tuple[str, str]] = set()
        for one in self.filled:
            found = (_scope(one), _key(one))
            if found not in known:
                one.add_error("key", _("You have nothing with this code."))
            elif found in seen:
                one.add_error("key", _("There is a row for this already."))
            seen.add(found)

    def rules(self, scope: str) -> dict[str, Rule]:
        """The exceptions of one kind."""
        return {_key(one): one.rule for one in self.filled if _scope(one) == scope}


def _scope(form: ExceptionForm) -> str:
    return str(form.cleaned_data["scope"] or pricing.CATEGORY)


def _key(form: ExceptionForm) -> str:
    return str(form.cleaned_data["key"])


def _of_rule(rule: Rule) -> dict[str, Any]:
    return {"percent": rule.percent, "fixed": rule.fixed, "ending": rule.ending, "offer": rule.offer}


@dataclass(slots=True)
class _Forms:
    """The page's forms, filled with rules or with what was sent."""

    base: BaseForm
    exceptions: ExceptionSet

    @classmethod
    def build(cls, connection: Connection, rules: Rules, sent: Any = None, *, more: int = BLANK) -> _Forms:
        """Fill the forms; `sent` is what came with a POST."""
        initial = {**_of_rule(rules.base), "most_drop": rules.most_drop, "most_rise": rules.most_rise}
        rows = [
            {"scope": scope, "key": key, **_of_rule(rule)}
            for scope, found in ((pricing.CATEGORY, rules.categories), (pricing.SKU, rules.skus))
            for key, rule in found.items()
        ]
        kind: Any = forms.formset_factory(
            ExceptionForm,
            formset=ExceptionSet,
            extra=more,
            max_num=price_rules.MOST_OVERRIDES,
            absolute_max=price_rules.MOST_OVERRIDES + BLANK,
            validate_max=True,
        )
        return cls(
            BaseForm(sent, initial=initial),
            kind(sent, initial=rows, prefix="exceptions", seller_id=connection.seller_id),
        )

    def are_valid(self) -> bool:
        """Check both, so that all mistakes show at once."""
        base, exceptions = self.base.is_valid(), self.exceptions.is_valid()
        # A row that names nothing gets its error from the set, and the set then still counts as sound.
        return base and exceptions and not any(one.errors for one in self.exceptions.forms)

    @property
    def rules(self) -> Rules:
        """The rules as they were filled in."""
        said = self.base.cleaned_data
        return Rules(
            base=self.base.rule,
            categories=self.exceptions.rules(pricing.CATEGORY),
            skus=self.exceptions.rules(pricing.SKU),
            most_drop=said["most_drop"],
            most_rise=said["most_rise"],
        )


def _connection(request: HttpRequest, pk: int) -> Connection:
    return mine(Connection.objects.select_related("marketplace", "seller"), request, pk)


def _page(
    request: HttpRequest, connection: Connection, shown: _Forms, number: int, *, status: int = 200
) -> HttpResponse:
    versions = PriceRules.objects.filter(connection=connection).select_related("saved_by")[:HISTORY]
    categories = Category.objects.filter(seller_id=connection.seller_id).order_by("name")
    context = {
        "title": _("Prices at %(name)s") % {"name": connection.name},
        "connection": connection,
        "number": number,
        "base": shown.base,
        "exceptions": shown.exceptions,
        "versions": [(one, showing.rules(one.said)) for one in versions],
        "categories": categories[:OFFERED],
        "held": HeldPrice.objects.filter(connection=connection, state=HeldPrice.State.OPEN).count(),
        "limit": connection.price_cut_limit or connection.marketplace.description.largest_price_cut,
        "may_operate": tenancy.may(request, "operate"),
    }
    return portal_site.render(request, f"{FOLDER}/price_rules.html", context, status=status)


@portal_site.page("marketplaces/<int:pk>/prices/", "price_rules")
@require_GET
def rules(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the rules in force, to be changed, and the versions before."""
    connection = _connection(request, pk)
    number, found = price_rules.current(connection.pk)
    if not number:
        found = Rules(most_drop=pricing.FIRST_GUARD)
    return _page(request, connection, _Forms.build(connection, found), number)


@portal_site.page("marketplaces/<int:pk>/prices/preview/", "price_rules_preview", needs="operate")
@require_POST
def preview(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what the filled-in rules would do, before anything is saved; or another empty row."""
    connection = _connection(request, pk)
    number, _rules = price_rules.current(connection.pk)
    sent: Any = request.POST
    if "more" in sent:
        sent = sent.copy()
        rows = sent.get("exceptions-TOTAL_FORMS", "")
        if rows.isascii() and rows.isdecimal() and len(rows) < 5:
            sent["exceptions-TOTAL_FORMS"] = str(int(rows) + BLANK)
    shown = _Forms.build(connection, Rules(), sent)
    if not shown.are_valid() or "more" in sent:
        return _page(request, connection, shown, number, status=200 if "more" in sent else 400)
    try:
        return _preview(request, connection, shown.rules, number)
    except price_rules.RulesRefused as refusal:
        shown.base.add_error(None, str(refusal))
        return _page(request, connection, shown, number, status=400)


@portal_site.page("marketplaces/<int:pk>/prices/back/<int:number>/", "price_rules_back", needs="operate")
@require_POST
def back_to(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """Show what going back to an older version would do."""
    connection = _connection(request, pk)
    older = mine(PriceRules.objects.filter(connection=connection), request, _pk_of(connection, number))
    now, _rules = price_rules.current(connection.pk)
    return _preview(request, connection, older.said, now, older)


def _pk_of(connection: Connection, number: int) -> int:
    found = PriceRules.objects.filter(connection=connection, number=min(number, 2**31 - 1))
    return found.values_list("pk", flat=True).first() or 0


def _salt(connection: Connection) -> str:
    return f"price rules of {connection.pk}"


def _preview(
    request: HttpRequest, connection: Connection, wanted: Rules, number: int, older: PriceRules | None = None
) -> HttpResponse:
    found = price_rules.preview(connection, wanted, is_rollback=older is not None)
    proposal = {"rules": pricing.to_json(wanted), "number": number, "same_as": older and older.number}
    context = {
        "title": _("What would change at %(name)s") % {"name": connection.name},
        "connection": connection,
        "found": found,
        "older": older,
        "number": number,
        "words": showing.rules(wanted),
        "extremes": _extremes(found),
        "proposal": signing.dumps(proposal, salt=_salt(connection), compress=True),
    }
    return portal_site.render(request, f"{FOLDER}/price_rules_preview.html", context)


def _extremes(found: price_rules.Preview) -> list[tuple[str, price_rules.Line]]:
    named: list[tuple[Any, price_rules.Line | None]] = [
        (_("Largest rise in %"), found.largest_rise),
        (_("Largest rise in R$"), found.largest_rise_amount),
        (_("Largest drop in %"), found.largest_drop),
        (_("Largest drop in R$"), found.largest_drop_amount),
    ]
    return [(str(label), line) for label, line in named if line is not None]


@portal_site.page("marketplaces/<int:pk>/prices/save/", "price_rules_save", needs="operate")
@require_POST
def save(request: HttpRequest, pk: int) -> HttpResponse:
    """Save what was previewed as a new version."""
    connection = _connection(request, pk)
    try:
        proposal: Mapping[str, Any] = signing.loads(
            request.POST.get("proposal", ""), salt=_salt(connection), max_age=24 * 3600
        )
        version = price_rules.save(
            connection=connection,
            rules=pricing.from_json(proposal["rules"]),
            based_on=proposal["number"],
            by=tenancy.actor(request).user,
            same_as=proposal["same_as"],
        )
    except signing.BadSignature:
        messages.error(request, _("This preview is too old. Look again."))
    except price_rules.RulesRefused as refusal:
        messages.error(request, str(refusal))
    else:
        said = ngettext(
            "Version %(number)s is in force; %(count)s listing gets another price.",
            "Version %(number)s is in force; %(count)s listings get another price.",
            version.changed,
        )
        messages.success(request, said % {"number": version.number, "count": version.changed})
    return to("price_rules", pk)
