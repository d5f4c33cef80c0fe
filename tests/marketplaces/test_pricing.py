"""The arithmetic of price rules: markup, fixed amount, ending, offers, precedence, guard, staircase."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplaces import pricing
from marketplaces.pricing import NOTHING, Ending, Offer, Price, Rule, Rules

D = Decimal


def price(paid: str, full: str = "") -> Price:
    return Price(D(paid), D(full or paid))


def rule(percent: str = "0", fixed: str = "0", ending: str = "none", offer: str = "from_for") -> Rule:
    return Rule(D(percent), D(fixed), Ending(ending), Offer(offer))


amounts = st.decimals("0.01", "99999999.99", places=2)
rules = st.builds(
    Rule,
    st.decimals("-99.99", "1000", places=2),
    st.decimals("-99999.99", "99999.99", places=2),
    st.sampled_from(Ending),
    st.sampled_from(Offer),
)


@pytest.mark.parametrize(
    ("amount", "ending", "result"),
    [
        ("100.00", "none", "100.00"),
        ("100.00", "90", "100.90"),
        ("100.90", "90", "100.90"),
        ("100.91", "90", "101.90"),
        ("100.99", "90", "101.90"),
        ("0.01", "90", "0.90"),
        ("0.90", "90", "0.90"),
        ("0.91", "90", "1.90"),
        ("99.89", "90", "99.90"),
        ("100.00", "99", "100.99"),
        ("100.99", "99", "100.99"),
        ("99.99", "99", "99.99"),
        ("0.00", "99", "0.00"),
        ("99999999.91", "90", "100000000.90"),
    ],
)
def test_an_ending_goes_up_to_the_next_price_that_has_it(amount: str, ending: str, result: str) -> None:
    assert str(pricing.with_ending(D(amount), Ending(ending))) == result


@pytest.mark.parametrize(
    ("said", "by", "published"),
    [
        ("100.00", rule(), "100.00"),
        ("100.00", rule("15"), "115.00"),
        ("100.00", rule("-10"), "90.00"),
        ("100.00", rule("10", "5"), "115.00"),
        ("10.05", rule("50"), "15.08"),  # 15.075: half up
        ("0.01", rule("50"), "0.02"),  # 0.015: half up
        ("33.33", rule("33.33"), "44.44"),
        ("100.00", rule("12.5", "2.40", "90"), "114.90"),
        ("100.00", rule("12.5", "2.41", "90"), "115.90"),
    ],
)
def test_markup_then_the_fixed_amount_then_the_ending(said: str, by: Rule, published: str) -> None:
    assert by.apply(price(said)) == price(published)


@pytest.mark.parametrize(
    ("by", "published"),
    [
        (rule("10"), price("88.00", "110.00")),
        (rule("10", ending="90"), price("88.90", "110.90")),
        (rule(offer="full"), price("100.00")),
        (rule(offer="for_only"), price("80.00")),
        (rule("10", offer="full", ending="99"), price("110.99")),
    ],
)
def test_a_promotion_is_published_as_the_rule_says(by: Rule, published: Price) -> None:
    assert by.apply(price("80.00", "100.00")) == published


def test_a_promotion_the_ending_swallows_is_not_crossed_out() -> None:
    assert rule(ending="90").apply(price("99.95", "100.00")) == price("100.90")


@pytest.mark.parametrize("by", [rule(fixed="-100"), rule(fixed="-100.00", ending="90"), rule("-99.99")])
def test_a_rule_that_leaves_nothing_publishes_nothing(by: Rule) -> None:
    assert by.apply(price("0.10", "90.00")) == NOTHING


def test_no_price_stays_no_price_whatever_is_added() -> None:
    assert rule("10", "5", "90").apply(pricing.sale_price(None, None)) == NOTHING
    assert rule("10", "5", "90").apply(pricing.sale_price(D(0), D(0))) == NOTHING


@given(rules, amounts, amounts)
def test_what_is_published_is_a_price(by: Rule, one: Decimal, other: Decimal) -> None:
    published = by.apply(pricing.sale_price(one, other))
    assert published == NOTHING or 0 < published.price <= published.list_price
    for amount in published:
        assert amount == round(amount, 2)
        if published != NOTHING and by.ending is not Ending.NONE:
            assert f"{amount:.2f}".endswith(by.ending.value)


@given(rules, amounts)
def test_an_ending_never_lowers_a_price_and_never_raises_it_by_a_whole_real(by: Rule, said: Decimal) -> None:
    bare = Rule(by.percent, by.fixed, Ending.NONE, by.offer).apply(Price(said, said))
    shaped = by.apply(Price(said, said))
    assert bare.price <= shaped.price < bare.price + 1


def test_the_most_specific_rule_wins_whole() -> None:
    found = Rules(
        base=rule("1"),
        categories={"PANELAS": rule("2"), "COZINHA": rule("3")},
        skus={"PAN-1": rule("4"), "PAN-1-AZUL": rule("5")},
    )

    def percent(sku: str, product_sku: str, *codes: str) -> Decimal:
        return found.rule_of(sku, product_sku, codes)[2].percent

    assert percent("PAN-1-AZUL", "PAN-1", "PANELAS") == 5
    assert percent("PAN-1-ROSA", "PAN-1", "PANELAS") == 4
    assert percent("PAN-2", "PAN-2", "PANELAS", "COZINHA") == 2
    assert percent("PAN-2", "PAN-2", "COZINHA", "PANELAS") == 3
    assert percent("PAN-2", "PAN-2", "OUTRA", "COZINHA") == 3
    assert percent("PAN-2", "PAN-2", "OUTRA") == 1
    assert percent("PAN-2", "PAN-2") == 1


@pytest.mark.parametrize(
    ("agreed", "wanted", "is_held"),
    [
        ("100.00", "70.00", False),  # exactly the limit
        ("100.00", "69.99", True),
        ("100.00", "150.00", False),
        ("100.00", "150.01", True),
        ("0.03", "0.02", True),
        ("100.00", "1.00", True),
    ],
)
def test_the_guard_holds_what_moves_by_more_than_its_limit(agreed: str, wanted: str, is_held: bool) -> None:
    guard = Rules(most_drop=D(30), most_rise=D(50))
    assert guard.holds(price(agreed), price(wanted)) is is_held


def test_the_guard_holds_nothing_where_it_is_off_or_there_is_nothing_to_compare_with() -> None:
    assert not Rules().holds(price("100"), price("1"))
    assert not Rules(most_drop=D(30)).holds(price("100"), price("9999"))
    assert not Rules(most_drop=D(30)).holds(None, price("1"))


@given(amounts, amounts, st.decimals("0.5", "99", places=2))
def test_every_step_is_within_the_limit_and_the_stairs_end_at_the_wanted_price(
    start: Decimal, end: Decimal, limit: Decimal
) -> None:
    wanted, there, steps = Price(end, end), start, 0
    while there != end:
        following = pricing.step(there, wanted, limit)
        if following != wanted:
            assert end < following.price < there
            assert following.price >= there * (100 - limit) / 100
            assert following.list_price >= following.price
        there, steps = following.price, steps + 1
        assert steps < 5000


def test_rules_are_read_back_as_they_were_written() -> None:
    said = Rules(
        base=rule("12.50", "-3", "90", "full"),
        categories={"A": rule("5")},
        skus={"B": rule("-5", ending="99")},
        most_drop=D("30"),
    )
    assert pricing.from_json(pricing.to_json(said)) == said
    assert pricing.from_json({}) == pricing.PLAIN
