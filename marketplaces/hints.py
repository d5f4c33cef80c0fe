"""Plain words for every cause: what happened, what to do, and who does it.

The marketplace's own code and sentence are shown beside these, never instead of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from catalog.api.shapes import number
from hub.panels import brl
from marketplaces.contract import Issue, IssueKind

ERP, SELLER, MARKETPLACE = "erp", "seller", "marketplace"
FIXERS = {
    ERP: _("Fix in the ERP"),
    SELLER: _("Fix here"),
    MARKETPLACE: _("Talk to the marketplace"),
}
"""Who can mend it."""

MAPPED = frozenset((IssueKind.CATEGORY_UNMAPPED, IssueKind.CATEGORY_UNKNOWN, IssueKind.NOT_ALLOWED))
"""Causes mended on the mapping pages."""
PLACES = {
    **dict.fromkeys(MAPPED, _("Fix here, in the mapping")),
    IssueKind.PRICE_RULE: _("Fix here, in the price rules"),
}
"""Where it is mended, for what has a page of its own."""
AMOUNTS = frozenset((IssueKind.PRICE_RULE,))
"""Causes whose value is an amount of money."""

BOUNDS = ("limit", "minimum", "maximum")
DETAILS = ("label", "value", *BOUNDS)
"""The parameters an issue tells beside its words; an attribute's label is the key of its specification."""

FIELDS = {
    "name": _("name"),
    "description": _("description"),
    "brand": _("brand"),
    "ean": _("GTIN/EAN"),
    "images": _("images"),
    "price": _("price"),
    "weight": _("weight"),
    "height": _("height"),
    "width": _("width"),
    "length": _("length"),
    "dimensions": _("weight and dimensions"),
    "categories": _("category"),
    "quantity": _("quantity"),
}


@dataclass(frozen=True, slots=True)
class Hint:
    """What people read about one cause."""

    title: str
    fix: str
    fixer: str
    """One of ERP, SELLER, MARKETPLACE."""
    kind: IssueKind

    @property
    def who(self) -> str:
        """Who can mend it and where, in words."""
        return str(PLACES.get(self.kind, FIXERS[self.fixer]))

    @property
    def is_of_price_rules(self) -> bool:
        """True where the account's price rules mend it."""
        return self.kind is IssueKind.PRICE_RULE


_TEXTS: Mapping[IssueKind, tuple[str, str, str]] = {
    IssueKind.REQUIRED: (
        gettext_noop("%(field)s is missing"),
        gettext_noop("Fill in %(field)s in the ERP and send the product again."),
        ERP,
    ),
    IssueKind.TOO_SHORT: (
        gettext_noop("%(field)s is too short"),
        gettext_noop("Write at least %(limit)s characters; it has %(value)s."),
        ERP,
    ),
    IssueKind.TOO_LONG: (
        gettext_noop("%(field)s is too long"),
        gettext_noop("Shorten it to %(limit)s characters; it has %(value)s."),
        ERP,
    ),
    IssueKind.NOT_ALLOWED: (
        gettext_noop("%(field)s has a value the marketplace does not accept"),
        gettext_noop(
            "“%(value)s” is not in its list. Use one of: %(allowed)s — in the ERP or in the mapping."
        ),
        SELLER,
    ),
    IssueKind.NOT_A_NUMBER: (
        gettext_noop("%(field)s must be a number"),
        gettext_noop("“%(value)s” is not a number. Correct it in the ERP."),
        ERP,
    ),
    IssueKind.OUT_OF_RANGE: (
        gettext_noop("%(field)s is outside the accepted range"),
        gettext_noop("“%(value)s” is not between %(minimum)s and %(maximum)s. Correct it in the ERP."),
        ERP,
    ),
    IssueKind.WRONG_UNIT: (
        gettext_noop("%(field)s needs a number and a unit"),
        gettext_noop("Write a number followed by one of: %(allowed)s. It is now “%(value)s”."),
        ERP,
    ),
    IssueKind.GTIN_MISSING: (
        gettext_noop("The barcode (GTIN/EAN) is missing"),
        gettext_noop("Fill in the EAN in the ERP; it is the number under the barcode on the package."),
        ERP,
    ),
    IssueKind.GTIN_INVALID: (
        gettext_noop("The barcode (GTIN/EAN) is wrong"),
        gettext_noop(
            "“%(value)s” is not a valid code: check the digits on the package and correct it in the ERP."
        ),
        ERP,
    ),
    IssueKind.GTIN_TAKEN: (
        gettext_noop("The barcode belongs to another listing"),
        gettext_noop(
            "The marketplace already has this EAN. Associate instead of connecting, or correct the EAN."
        ),
        SELLER,
    ),
    IssueKind.IMAGE_MISSING: (
        gettext_noop("Pictures are missing"),
        gettext_noop("Send at least %(limit)s picture(s) from the ERP; there are %(value)s."),
        ERP,
    ),
    IssueKind.IMAGE_TOO_MANY: (
        gettext_noop("Too many pictures"),
        gettext_noop("Send at most %(limit)s pictures; there are %(value)s."),
        ERP,
    ),
    IssueKind.IMAGE_UNREACHABLE: (
        gettext_noop("A picture could not be opened"),
        gettext_noop("Check that the address opens in a browser without a password: %(value)s"),
        ERP,
    ),
    IssueKind.IMAGE_INVALID: (
        gettext_noop("A picture's address is not valid"),
        gettext_noop("It must start with https:// and have no blanks: %(value)s"),
        ERP,
    ),
    IssueKind.DIMENSIONS_MISSING: (
        gettext_noop("Weight or dimensions are missing"),
        gettext_noop("Fill in weight (kg), height, width and length (cm) of the package in the ERP."),
        ERP,
    ),
    IssueKind.PRICE_MISSING: (
        gettext_noop("There is no price"),
        gettext_noop("Send a price greater than zero from the ERP."),
        ERP,
    ),
    IssueKind.PRICE_SUSPICIOUS: (
        gettext_noop("The marketplace finds the price suspicious"),
        gettext_noop("Check the price in the ERP: a comma in the wrong place is the usual cause."),
        ERP,
    ),
    IssueKind.PRICE_RULE: (
        gettext_noop("Your price rule leaves nothing of the price"),
        gettext_noop("The ERP's price is %(value)s. Change the connection's price rules, or the price."),
        SELLER,
    ),
    IssueKind.PRICE_CUT: (
        gettext_noop("The price falls by more than the marketplace takes"),
        gettext_noop(
            "Going down in smaller steps was refused, too. Send a price nearer to the one there, or talk to "
            "the marketplace."
        ),
        MARKETPLACE,
    ),
    IssueKind.CATEGORY_UNMAPPED: (
        gettext_noop("The category has no equivalent at the marketplace yet"),
        gettext_noop("Choose one for “%(value)s” in the connection's category mapping."),
        SELLER,
    ),
    IssueKind.CATEGORY_UNKNOWN: (
        gettext_noop("The marketplace does not know this category any more"),
        gettext_noop("Choose another one in the connection's category mapping."),
        SELLER,
    ),
    IssueKind.BRAND_BLOCKED: (
        gettext_noop("The marketplace does not let you sell this brand"),
        gettext_noop(
            "Ask the marketplace for permission to sell the brand, or take the product out of the load."
        ),
        MARKETPLACE,
    ),
    IssueKind.FORBIDDEN_WORD: (
        gettext_noop("The title or the description has a forbidden word"),
        gettext_noop("Remove it in the ERP and send the product again."),
        ERP,
    ),
    IssueKind.DUPLICATE: (
        gettext_noop("The marketplace takes it for a copy of another listing of yours"),
        gettext_noop("Make the titles different, or send it as a variation of the other product."),
        ERP,
    ),
    IssueKind.NO_MATCH: (
        gettext_noop("Nothing like it was found at the marketplace"),
        gettext_noop("Check the EAN in the ERP, or connect the product as a new one."),
        SELLER,
    ),
    IssueKind.AMBIGUOUS_MATCH: (
        gettext_noop("Several entries of the marketplace look like it"),
        gettext_noop("Correct the EAN in the ERP so that only one fits: %(candidates)s"),
        ERP,
    ),
    IssueKind.DISABLED: (
        gettext_noop("The product is disabled"),
        gettext_noop("Enable it in the ERP."),
        ERP,
    ),
    IssueKind.NOT_FOUND: (
        gettext_noop("The marketplace no longer has this listing"),
        gettext_noop("Reconnect it to publish it again."),
        SELLER,
    ),
    IssueKind.NO_ANSWER: (
        gettext_noop("The marketplace said nothing about this item"),
        gettext_noop(
            "Three tries brought no answer. Reconnect it; if it happens again, talk to the marketplace."
        ),
        MARKETPLACE,
    ),
    IssueKind.ERROR_THERE: (
        gettext_noop("The marketplace answers this item with an error of its own"),
        gettext_noop(
            "It takes your other items. We go on trying by ourselves with price and stock; a publication "
            "goes out again when it is reconnected or its data change. If it lasts, talk to the marketplace."
        ),
        MARKETPLACE,
    ),
    IssueKind.OTHER: (
        gettext_noop("The marketplace refused it"),
        gettext_noop("Read the marketplace's own words beside this and correct what they name."),
        ERP,
    ),
}


_LEAST = gettext_noop("It must be at least %(minimum)s; it is “%(value)s”. Correct it in the ERP.")
_MOST = gettext_noop("It must be at most %(maximum)s; it is “%(value)s”. Correct it in the ERP.")


def _texts(kind: IssueKind, params: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return a cause's words; of a range that is open at one end only the other end is named."""
    title, fix, fixer = _TEXTS[kind]
    if kind is IssueKind.OUT_OF_RANGE:
        match bool(params.get("minimum")), bool(params.get("maximum")):
            case True, False:
                fix = _LEAST
            case False, True:
                fix = _MOST
    return title, fix, fixer


def field_name(field: str, params: Mapping[str, Any]) -> str:
    """Return a field's name for people; an attribute goes by its label at the marketplace."""
    if params.get("label"):
        return str(params["label"])
    return str(FIELDS.get(field, field.removeprefix("attributes.")))


def hint(kind: str, field: str, params: Mapping[str, Any]) -> Hint:
    """Return the words for one cause, in the reader's language."""
    known = IssueKind(kind) if kind in set(IssueKind) else IssueKind.OTHER
    title, fix, fixer = _texts(known, params)
    name = field_name(field, params) or gettext("a field")
    shown = {key: value_of(known, params) if key == "value" else _shown(params[key]) for key in params}
    capital = gettext(title) % {"field": name[:1].upper() + name[1:]}
    try:
        return Hint(capital, gettext(fix) % {**shown, "field": name}, fixer, known)
    except KeyError:
        # The marketplace's own refusals come without our parameters; its words stand beside this.
        return Hint(capital, gettext(_TEXTS[IssueKind.OTHER][1]), fixer, known)


def value_of(kind: str, params: Mapping[str, Any]) -> str:
    """Return what stands in the field, as people read it: money as money."""
    value = params.get("value", "")
    if kind in AMOUNTS:
        try:
            return brl(Decimal(str(value)))
        except InvalidOperation:
            pass
    return _shown(value)


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(one) for one in value[:12]) + ("…" if len(value) > 12 else "")
    return str(value)


def for_api(issue: Issue) -> dict[str, Any]:
    """Return an issue as the API tells it: the field, our code, the sentence and the way out."""
    words = hint(issue.kind, issue.field, issue.params)
    answer: dict[str, Any] = {
        "code": issue.kind.value,
        "field": issue.field,
        "message": words.title,
        "fix": words.fix,
        "who": words.fixer,
    }
    if issue.params.get("allowed"):
        answer["allowed"] = list(issue.params["allowed"])
    # What an ERP can correct by, without reading the sentence.
    for name in DETAILS:
        told = _number(issue.params.get(name)) if name in BOUNDS else issue.params.get(name)
        if told not in (None, ""):
            answer[name] = told
    if issue.code:
        answer["marketplace_code"], answer["marketplace_message"] = issue.code, issue.message
    return answer


def _number(told: Any) -> float | None:
    """Read a bound, which is kept as it is shown to people; None where it is no number."""
    try:
        return number(Decimal(str(told)))
    except InvalidOperation:
        return None
