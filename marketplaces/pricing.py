"""What a price becomes on its way to a marketplace: the seller's rules, the guard, the staircase. Pure.

The send, the first publication, the preview, the pages and the API all compute here, so that what one
of them shows is what another one sends. Amounts are exact decimals; cents are rounded half up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, ROUND_HALF_UP, ROUND_UP, Decimal
from enum import StrEnum
from typing import Any, NamedTuple

ZERO, ONE, HUNDRED, CENT = Decimal(0), Decimal(1), Decimal(100), Decimal("0.01")


class Ending(StrEnum):
    """What the cents of a published price look like."""

    NONE = "none"
    NINETY = "90"
    NINETY_NINE = "99"


class Offer(StrEnum):
    """What is published of the ERP's "from" and "for" (price and promotional_price)."""

    FROM_FOR = "from_for"
    """Both: the promotional price is paid, the full one is shown crossed out."""
    FULL = "full"
    """The full price; the ERP's promotions do not run here."""
    FOR_ONLY = "for_only"
    """The promotional price, with nothing crossed out."""


class Price(NamedTuple):
    """A price as it stands at a marketplace: what the shopper pays, and the "from" price (>= price)."""

    price: Decimal
    list_price: Decimal

    @property
    def text(self) -> str:
        """The price as sync rows keep it, "114.90/129.90"."""
        return f"{self.price:.2f}/{self.list_price:.2f}"

    @classmethod
    def read(cls, text: str) -> Price | None:
        """Return the price a sync row keeps; None for the empty text of a row that has none."""
        if not text:
            return None
        price, _slash, list_price = text.partition("/")
        return cls(Decimal(price), Decimal(list_price or price))


NOTHING = Price(ZERO, ZERO)
"""No price: the ERP sent none, or a rule left nothing of it. It is never published."""


def sale_price(price: Decimal | None, promotional: Decimal | None) -> Price:
    """Return the ERP's own figures as a price; a promotion counts only below the full price."""
    full = price or ZERO
    if promotional and (not full or promotional < full):
        return Price(promotional, full or promotional)
    return Price(full, full)


@dataclass(frozen=True, slots=True)
class Rule:
    """One price rule: markup, then the fixed amount, then the ending."""

    percent: Decimal = ZERO
    """Added to the ERP's figure, in per cent of it; negative takes away. Above -100."""
    fixed: Decimal = ZERO
    """Added after the percentage, in BRL; negative takes away."""
    ending: Ending = Ending.NONE
    offer: Offer = Offer.FROM_FOR

    def apply(self, said: Price) -> Price:
        """Return what is published for the ERP's figures; NOTHING where nothing would be left.

        The paid price never exceeds the "from" price: the steps keep the order of two amounts. Where
        the ending makes both equal, nothing is crossed out.
        """
        paid, full = said
        if self.offer is Offer.FULL:
            paid = full
        elif self.offer is Offer.FOR_ONLY:
            full = paid
        if paid <= 0:
            return NOTHING
        lower = self._shape(paid)
        if lower <= 0:
            return NOTHING
        return Price(lower, lower if full == paid else self._shape(full))

    def _shape(self, amount: Decimal) -> Decimal:
        raised = amount * (HUNDRED + self.percent) / HUNDRED + self.fixed
        return with_ending(raised.quantize(CENT, ROUND_HALF_UP), self.ending)


def with_ending(amount: Decimal, ending: Ending) -> Decimal:
    """Return the lowest amount with this ending that is not below the amount; upwards only.

    So an ending never takes a price below what the rule made of it, nor below what it costs if that
    was not below. Zero and less are left alone: they are nobody's price.
    """
    if ending is Ending.NONE or amount <= 0:
        return amount
    candidate = amount.to_integral_value(ROUND_FLOOR) + Decimal(ending.value) / HUNDRED
    return (candidate if candidate >= amount else candidate + ONE).quantize(CENT)


BASE, CATEGORY, SKU = "base", "category", "sku"


@dataclass(frozen=True, slots=True)
class Rules:
    """All that one version of a connection's price rules says."""

    base: Rule = Rule()
    categories: Mapping[str, Rule] = field(default_factory=dict)
    """Overrides by the code of the seller's category."""
    skus: Mapping[str, Rule] = field(default_factory=dict)
    """Overrides by SKU, a product's or a variation's."""
    most_drop: Decimal | None = None
    """A price that falls by more than this many per cent waits for approval; None switches it off."""
    most_rise: Decimal | None = None
    """The same for a price that rises."""

    def rule_of(self, sku: str, product_sku: str, category_codes: Sequence[str]) -> tuple[str, str, Rule]:
        """Return (where it stands, its key there, the rule): the most specific one, whole, wins.

        The variation's SKU, then the product's, then the first of the product's categories that has
        a rule (the main category comes first), then the base.
        """
        for key in (sku, product_sku):
            if key in self.skus:
                return SKU, key, self.skus[key]
        if self.categories:
            for code in category_codes:
                if code in self.categories:
                    return CATEGORY, code, self.categories[code]
        return BASE, "", self.base

    def price_of(self, sku: str, product_sku: str, category_codes: Sequence[str], said: Price) -> Price:
        """Return what is to be published for the ERP's figures."""
        return self.rule_of(sku, product_sku, category_codes)[2].apply(said)

    def holds(self, agreed: Price | None, wanted: Price) -> bool:
        """Tell whether a price moves too far from the one last agreed to go out by itself."""
        if agreed is None or agreed.price <= 0:
            return False
        moved = (wanted.price - agreed.price) * HUNDRED
        if self.most_drop is not None and -moved > self.most_drop * agreed.price:
            return True
        return self.most_rise is not None and moved > self.most_rise * agreed.price


FIRST_GUARD = Decimal(50)
"""The limit for drops proposed to whoever connects an account or writes its first rules, in per cent."""

PLAIN = Rules()
"""A connection without rules: the ERP's figures go out as they are, and nothing is held."""


def change(before: Decimal, after: Decimal) -> Decimal:
    """Return by how many per cent an amount changes, to two places."""
    return ((after - before) * HUNDRED / before).quantize(CENT, ROUND_HALF_UP) if before else ZERO


def step(there: Decimal | None, wanted: Price, limit: Decimal | None) -> Price:
    """Return the next price on the way down to the wanted one, where a marketplace limits a cut.

    The wanted price itself when it is within the limit, when nothing is known to limit it, or when no
    whole cent lies between.
    """
    if limit is None or there is None:
        return wanted
    lowest = (there * (HUNDRED - limit) / HUNDRED).quantize(CENT, ROUND_UP)
    if wanted.price >= lowest or lowest >= there:
        return wanted
    return Price(lowest, max(lowest, wanted.list_price))


# --- as the database keeps them -----------------------------------------------------------------


def to_json(rules: Rules) -> dict[str, Any]:
    """Return rules as a version stores them; `from_json` reads them back."""
    return {
        "base": _rule_to_json(rules.base),
        "categories": {code: _rule_to_json(rule) for code, rule in sorted(rules.categories.items())},
        "skus": {sku: _rule_to_json(rule) for sku, rule in sorted(rules.skus.items())},
        "most_drop": None if rules.most_drop is None else f"{rules.most_drop:f}",
        "most_rise": None if rules.most_rise is None else f"{rules.most_rise:f}",
    }


def _rule_to_json(rule: Rule) -> dict[str, str]:
    return {
        "percent": f"{rule.percent:f}",
        "fixed": f"{rule.fixed:f}",
        "ending": rule.ending.value,
        "offer": rule.offer.value,
    }


def from_json(said: Mapping[str, Any]) -> Rules:
    """Read rules back; what an older version did not say means "nothing"."""
    return Rules(
        base=_rule_from_json(said.get("base", {})),
        categories={code: _rule_from_json(rule) for code, rule in said.get("categories", {}).items()},
        skus={sku: _rule_from_json(rule) for sku, rule in said.get("skus", {}).items()},
        most_drop=_maybe(said.get("most_drop")),
        most_rise=_maybe(said.get("most_rise")),
    )


def _maybe(said: str | None) -> Decimal | None:
    return None if said is None else Decimal(said)


def _rule_from_json(said: Mapping[str, str]) -> Rule:
    return Rule(
        percent=Decimal(said.get("percent", "0")),
        fixed=Decimal(said.get("fixed", "0")),
        ending=Ending(said.get("ending", Ending.NONE)),
        offer=Offer(said.get("offer", Offer.FROM_FOR)),
    )
