"""The one check: every fault at once, and nothing that the schema does not demand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import gtin
from marketplaces import hints
from marketplaces.contract import AttributeRule, AttributeType, CategorySchema, ContentItem, IssueKind
from marketplaces.validator import check, is_url

ITEM = ContentItem(
    sku="A",
    parent_sku="A",
    remote_id="",
    title="Liquidificador 2 litros",
    description="Copo de vidro, três velocidades.",
    brand="Arno",
    gtin="7891234567895",
    ncm="85094010",
    category_id="C",
    attributes={},
    images=("https://img.example.com/1.jpg",),
    weight_kg=Decimal("2.1"),
    height_cm=Decimal(40),
    width_cm=Decimal(20),
    length_cm=Decimal(20),
    price=Decimal("199.90"),
    list_price=Decimal("249.90"),
    quantity=3,
)
STRICT = CategorySchema(
    "C",
    title_min=5,
    title_max=60,
    description_min=10,
    description_max=200,
    gtin_required=True,
    brand_required=True,
    images_min=1,
    images_max=3,
    dimensions_required=True,
)


def kinds(item: ContentItem, schema: CategorySchema = STRICT) -> list[IssueKind]:
    return [issue.kind for issue in check(item, schema)]


def of_attribute(rule: AttributeRule, value: str) -> list[IssueKind]:
    schema = CategorySchema("C", attributes=(rule,))
    return kinds(replace(ITEM, attributes={rule.remote_id: value} if value else {}), schema)


def test_a_sound_item_has_no_issue() -> None:
    assert kinds(ITEM) == []


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"title": ""}, IssueKind.REQUIRED),
        ({"title": "Copo"}, IssueKind.TOO_SHORT),
        ({"title": "x" * 61}, IssueKind.TOO_LONG),
        ({"description": ""}, IssueKind.REQUIRED),
        ({"description": "<p> <br> </p>curta"}, IssueKind.TOO_SHORT),
        ({"description": "x" * 201}, IssueKind.TOO_LONG),
        ({"brand": "  "}, IssueKind.REQUIRED),
        ({"gtin": ""}, IssueKind.GTIN_MISSING),
        ({"gtin": "7891234567890"}, IssueKind.GTIN_INVALID),
        ({"gtin": "78912345678"}, IssueKind.GTIN_INVALID),
        ({"images": ()}, IssueKind.IMAGE_MISSING),
        ({"images": ("https://a.b/1.jpg",) * 4}, IssueKind.IMAGE_TOO_MANY),
        ({"images": ("https://a.b/1 2.jpg",)}, IssueKind.IMAGE_INVALID),
        ({"weight_kg": None}, IssueKind.DIMENSIONS_MISSING),
        ({"height_cm": Decimal(0)}, IssueKind.DIMENSIONS_MISSING),
        ({"price": Decimal(0)}, IssueKind.PRICE_MISSING),
    ],
)
def test_each_fault_is_named(change: dict[str, Any], kind: IssueKind) -> None:
    assert kinds(replace(ITEM, **change)) == [kind]


def test_several_faults_are_told_together() -> None:
    bad = replace(ITEM, title="", brand="", gtin="1", images=(), price=Decimal(0), weight_kg=None)
    assert len(kinds(bad)) == 6


def test_limits_of_zero_demand_nothing() -> None:
    bare = replace(
        ITEM, description="", brand="", gtin="", images=(), weight_kg=None, height_cm=None, width_cm=None
    )
    assert kinds(bare, CategorySchema("C")) == []


VOLTAGE = AttributeRule("V", "Voltagem", AttributeType.LIST, is_required=True, allowed=("127V", "220V"))
CAPACITY = AttributeRule("L", "Capacidade", AttributeType.MEASURE, units=("L", "ml"), minimum=Decimal(1))
PIECES = AttributeRule("P", "Peças", AttributeType.NUMBER, minimum=Decimal(1), maximum=Decimal(12))


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        (VOLTAGE, "", [IssueKind.REQUIRED]),
        (VOLTAGE, "127 volts", [IssueKind.NOT_ALLOWED]),
        (VOLTAGE, "220V", []),
        (CAPACITY, "", []),
        (CAPACITY, "1,5 L", []),
        (CAPACITY, "1.5L", []),
        (CAPACITY, "dois litros", [IssueKind.WRONG_UNIT]),
        (CAPACITY, "2 galões", [IssueKind.WRONG_UNIT]),
        (CAPACITY, "0,5 L", [IssueKind.OUT_OF_RANGE]),
        (PIECES, "muitas", [IssueKind.NOT_A_NUMBER]),
        (PIECES, "NaN", [IssueKind.OUT_OF_RANGE]),
        (PIECES, "13", [IssueKind.OUT_OF_RANGE]),
        (PIECES, "12", []),
        (AttributeRule("B", "Bivolt", AttributeType.BOOLEAN), "talvez", [IssueKind.NOT_ALLOWED]),
        (AttributeRule("B", "Bivolt", AttributeType.BOOLEAN), "Sim", []),
        (AttributeRule("T", "Modelo", AttributeType.TEXT, max_length=3), "ABCD", [IssueKind.TOO_LONG]),
    ],
)
def test_attributes_are_held_to_their_rule(
    rule: AttributeRule, value: str, expected: list[IssueKind]
) -> None:
    assert of_attribute(rule, value) == expected


@given(st.text(max_size=60), st.sampled_from([VOLTAGE, CAPACITY, PIECES]))
def test_no_text_breaks_the_check(value: str, rule: AttributeRule) -> None:
    check(
        replace(ITEM, title=value, gtin=value, images=(value,), attributes={rule.remote_id: value}),
        replace(STRICT, attributes=(rule,)),
    )


@given(st.integers(min_value=1, max_value=10**12 - 1), st.sampled_from([7, 11, 12, 13]))
def test_exactly_one_last_digit_makes_a_barcode(number: int, length: int) -> None:
    body = str(number).zfill(length)[-length:]
    if set(body) != {"0"}:
        assert sum(gtin.is_valid(body + str(digit)) for digit in range(10)) == 1


@pytest.mark.parametrize("code", ["", "0000000000000", "789123456789५", "7891234567895 ", "123", "7" * 20])
def test_what_is_no_barcode(code: str) -> None:
    assert not gtin.is_valid(code)


@pytest.mark.parametrize("url", ["ftp://a/b.jpg", "foto.jpg", "https://", "http://[::1", "https://a b/c"])
def test_what_is_no_picture_address(url: str) -> None:
    assert not is_url(url)


def test_a_price_below_what_the_category_takes_is_told_as_too_low_and_not_as_missing() -> None:
    (too_low,) = check(replace(ITEM, price=Decimal("1.90")), CategorySchema("C", price_min=Decimal(150)))
    words = hints.for_api(too_low)
    assert (words["code"], words["minimum"]) == ("out_of_range", 150)
    assert "150" in words["fix"]
    assert "1.90" in words["fix"]


@pytest.mark.parametrize(("least", "most", "value"), [(Decimal(2), None, "1"), (None, Decimal(2), "3")])
def test_a_range_open_at_one_end_is_told_by_its_other_end(
    least: Decimal | None, most: Decimal | None, value: str
) -> None:
    rule = AttributeRule("P", "Peças", AttributeType.NUMBER, minimum=least, maximum=most)
    (outside,) = check(replace(ITEM, attributes={"P": value}), CategorySchema("C", attributes=(rule,)))
    fix = hints.for_api(outside)["fix"]
    assert "2" in fix
    assert " e ." not in fix
    assert " and ." not in fix


def test_the_bounds_of_an_issue_are_told_as_numbers() -> None:
    cheap, heavy = replace(ITEM, price=Decimal(0)), replace(ITEM, attributes={"P": "13"})
    (no_price,) = check(cheap, CategorySchema("C", price_min=Decimal("0.01")))
    (too_many,) = check(heavy, CategorySchema("C", attributes=(PIECES,)))
    assert hints.for_api(no_price)["limit"] == 0.01
    assert (hints.for_api(too_many)["minimum"], hints.for_api(too_many)["maximum"]) == (1, 12)
