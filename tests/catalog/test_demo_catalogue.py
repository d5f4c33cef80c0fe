"""The shipped demo catalogue and the sandbox marketplace's category tree fit each other."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import marketplaces
from catalog import gtin
from catalog.demo.catalogue import DemoCatalogue, WireProduct, WireVariation, fixes, load
from marketplaces.contract import AttributeRule, AttributeType, CategorySchema, ContentItem, Issue
from marketplaces.validator import check

TAXONOMY = Path(marketplaces.__file__).parent / "simulators" / "sandbox" / "taxonomy.json"
CATEGORY_MAP: dict[str, str] = json.loads(
    Path(__file__).with_name("demo_category_map.json").read_text(encoding="utf-8")
)
"""The seller's category code -> the sandbox leaf a person would choose for it."""

CATALOGUE_WIDE = {"gtin_taken", "duplicate_title", "title_html", "forbidden_word"}
"""Faults that a category's schema alone does not show."""


@pytest.fixture(scope="module")
def catalogue() -> DemoCatalogue:
    return load()


@pytest.fixture(scope="module")
def taxonomy() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(TAXONOMY.read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def schemas(taxonomy: dict[str, Any]) -> dict[str, CategorySchema]:
    return {node["id"]: read_schema(node) for node in taxonomy["categories"] if node["leaf"]}


@pytest.fixture(scope="module")
def corrected(catalogue: DemoCatalogue) -> list[WireProduct]:
    """The products after every correction, without those that nothing can correct."""
    wanted = {product["sku"]: dict(product) for product in catalogue.products}
    for sku, fix in fixes():
        wanted[sku].update(fix)
    hopeless = {sku for sku, faults in catalogue.faults.items() if any(not one["fix"] for one in faults)}
    return [product for sku, product in wanted.items() if sku not in hopeless]  # type: ignore[misc]


def read_schema(node: dict[str, Any]) -> CategorySchema:
    values = dict(node["schema"])
    rules = tuple(
        AttributeRule(
            remote_id=one["id"],
            label=one["label"],
            type=AttributeType(one["type"]),
            is_required=one.get("required", False),
            is_variation=one.get("variation", False),
            min_length=one.get("min_length", 0),
            max_length=one.get("max_length", 0),
            minimum=Decimal(one["minimum"]) if "minimum" in one else None,
            maximum=Decimal(one["maximum"]) if "maximum" in one else None,
            allowed=tuple(one.get("allowed", ())),
            units=tuple(one.get("units", ())),
        )
        for one in values.pop("attributes")
    )
    values["price_min"] = Decimal(values.get("price_min", "0.01"))
    return CategorySchema(category_id=node["id"], attributes=rules, **values)


def sellable(product: WireProduct) -> list[WireVariation | WireProduct]:
    """What a shopper can buy: the variations, or the product itself where it has none."""
    return list(product["variations"]) or [product]


def items(product: WireProduct, schema: CategorySchema) -> Iterator[ContentItem]:
    labels = {rule.label: rule.remote_id for rule in schema.attributes}
    for one in sellable(product):
        said = [*product["specifications"], *one["specifications"]]
        price = Decimal(str(one.get("price", product.get("price", 0))))
        yield ContentItem(
            sku=one["sku"],
            parent_sku=product["sku"],
            remote_id="",
            title=product["name"],
            description=product["description"],
            brand=product["brand"],
            gtin=one["ean"],
            ncm=product["nbm"],
            category_id=schema.category_id,
            attributes={labels[spec["key"]]: spec["value"] for spec in said if spec["key"] in labels},
            images=tuple(one["images"] or product["images"]),
            weight_kg=measured(product["weight"]),
            height_cm=measured(product["height"]),
            width_cm=measured(product["width"]),
            length_cm=measured(product["length"]),
            price=price,
            list_price=price,
            quantity=one["qty"],
        )


def measured(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def leaf_of(product: WireProduct) -> str:
    return next(
        (CATEGORY_MAP[one["code"]] for one in product["categories"] if one["code"] in CATEGORY_MAP), ""
    )


def issues_of(product: WireProduct, schemas: dict[str, CategorySchema]) -> list[tuple[str, Issue]]:
    schema = schemas[leaf_of(product)]
    return [(item.sku, issue) for item in items(product, schema) for issue in check(item, schema)]


def is_refused_by_name(product: WireProduct, rules: dict[str, list[str]]) -> bool:
    title = product["name"].lower()
    return product["brand"] in rules["blocked_brands"] or any(
        word in title for word in rules["forbidden_words"]
    )


def kinds(catalogue: DemoCatalogue, sku: str) -> set[str]:
    return {fault["fault"] for fault in catalogue.faults.get(sku, ())}


# --- the catalogue ---------------------------------------------------------------------------


def test_the_demo_seller_has_enough_to_sell(catalogue: DemoCatalogue) -> None:
    varied = [product for product in catalogue.products if product["variations"]]

    assert len(catalogue.products) >= 160
    assert len(varied) >= 35
    assert sum(len(sellable(product)) for product in catalogue.products) >= 330
    assert len(catalogue.faults) >= 30


def test_no_sku_occurs_twice_among_products_and_variations(catalogue: DemoCatalogue) -> None:
    skus = [product["sku"] for product in catalogue.products]
    skus += [one["sku"] for product in catalogue.products for one in product["variations"]]

    assert [sku for sku, times in Counter(skus).items() if times > 1] == []


def test_skus_hold_capitals_digits_and_hyphens_only(catalogue: DemoCatalogue) -> None:
    skus = [one["sku"] for product in catalogue.products for one in (product, *product["variations"])]

    assert [sku for sku in skus if not re.fullmatch(r"[A-Z0-9]+(-[A-Z0-9]+)+", sku)] == []


def test_every_ncm_has_eight_digits(catalogue: DemoCatalogue) -> None:
    assert [p["sku"] for p in catalogue.products if not re.fullmatch(r"\d{8}", p["nbm"])] == []


def test_barcodes_are_right_but_where_a_fault_says_otherwise(
    catalogue: DemoCatalogue, corrected: list[WireProduct]
) -> None:
    wrong = {
        product["sku"]
        for product in catalogue.products
        for one in sellable(product)
        if one["ean"] and not gtin.is_valid(one["ean"])
    }
    codes = [one["ean"] for product in corrected for one in sellable(product) if one["ean"]]

    assert wrong == {
        sku
        for sku in catalogue.faults
        if kinds(catalogue, sku) & {"gtin_check_digit", "gtin_length", "gtin_not_digits"}
    }
    assert [code for code in codes if not gtin.is_valid(code) or len(code) != 13] == []
    assert [code for code in codes if not code.startswith(("789", "978"))] == []
    assert len(codes) == len(set(codes))


def test_prices_are_positive_but_where_a_fault_says_otherwise(catalogue: DemoCatalogue) -> None:
    unpriced = {product["sku"] for product in catalogue.products if not product.get("price")}

    assert unpriced == {
        sku for sku in catalogue.faults if kinds(catalogue, sku) & {"price_zero", "price_missing"}
    }


def test_a_promotion_is_cheaper_than_the_price_and_dearer_than_the_cost(catalogue: DemoCatalogue) -> None:
    for product in catalogue.products:
        for one in (product, *product["variations"]):
            if "promotional_price" in one:
                price = one.get("price", product.get("price", 0))
                assert product["cost"] < one["promotional_price"] < price, one["sku"]


def test_every_variation_says_what_sets_it_apart(catalogue: DemoCatalogue) -> None:
    silent = {
        product["sku"]
        for product in catalogue.products
        for one in product["variations"]
        if [spec["key"] for spec in one["specifications"]] != product["variation_attributes"]
    }

    assert silent == {sku for sku in catalogue.faults if "size_missing" in kinds(catalogue, sku)}


def test_no_two_variations_of_a_product_are_the_same(corrected: list[WireProduct]) -> None:
    for product in corrected:
        values = [tuple(spec["value"] for spec in one["specifications"]) for one in product["variations"]]
        assert len(values) == len(set(values)), product["sku"]


def test_a_product_s_stock_is_the_sum_of_its_variations(catalogue: DemoCatalogue) -> None:
    for product in catalogue.products:
        if product["variations"]:
            assert product["qty"] == sum(one["qty"] for one in product["variations"]), product["sku"]


# --- the faults ------------------------------------------------------------------------------


def test_every_fault_has_a_fix_but_the_two_that_nothing_can_mend(catalogue: DemoCatalogue) -> None:
    unmended = [
        fault["fault"] for faults in catalogue.faults.values() for fault in faults if not fault["fix"]
    ]

    assert sorted(unmended) == ["blocked_brand", "forbidden_product"]
    assert len(fixes()) == sum(len(faults) for faults in catalogue.faults.values()) - 2


def test_every_fault_belongs_to_a_product_and_its_fix_changes_it(catalogue: DemoCatalogue) -> None:
    products = {product["sku"]: product for product in catalogue.products}

    for sku, fix in fixes():
        for field, value in fix.items():
            assert products[sku].get(field) != value, (sku, field)


def test_products_without_a_fault_pass_the_schema_of_their_category(
    catalogue: DemoCatalogue, schemas: dict[str, CategorySchema], taxonomy: dict[str, Any]
) -> None:
    healthy = [product for product in catalogue.products if product["sku"] not in catalogue.faults]

    assert [issue for product in healthy for issue in issues_of(product, schemas)] == []
    assert [product["sku"] for product in healthy if is_refused_by_name(product, taxonomy["rules"])] == []


def test_products_with_a_fault_are_refused_before_the_fix(
    catalogue: DemoCatalogue, schemas: dict[str, CategorySchema], taxonomy: dict[str, Any]
) -> None:
    for product in catalogue.products:
        found = kinds(catalogue, product["sku"])
        if found & {"category_unmapped", "category_missing"}:
            assert leaf_of(product) == "", product["sku"]
        elif found & {"forbidden_word", "blocked_brand", "forbidden_product"}:
            assert is_refused_by_name(product, taxonomy["rules"]), product["sku"]
        elif found - CATALOGUE_WIDE:
            assert issues_of(product, schemas), product["sku"]


def test_products_pass_the_schema_once_every_fix_is_applied(
    corrected: list[WireProduct], schemas: dict[str, CategorySchema], taxonomy: dict[str, Any]
) -> None:
    assert [issue for product in corrected for issue in issues_of(product, schemas)] == []
    assert [product["sku"] for product in corrected if is_refused_by_name(product, taxonomy["rules"])] == []


def test_titles_are_plain_and_unique_once_every_fix_is_applied(
    catalogue: DemoCatalogue, corrected: list[WireProduct]
) -> None:
    names = Counter(product["name"] for product in catalogue.products)
    doubled = {sku for sku in catalogue.faults if kinds(catalogue, sku) & {"duplicate_title"}}

    assert len(doubled) == sum(1 for times in names.values() if times > 1)
    assert len({product["name"] for product in corrected}) == len(corrected)
    assert [product["sku"] for product in corrected if re.search(r"[<>]|&\w+;", product["name"])] == []


# --- the category tree -----------------------------------------------------------------------


def test_category_ids_are_unique_and_every_parent_exists(taxonomy: dict[str, Any]) -> None:
    nodes = {node["id"]: node for node in taxonomy["categories"]}

    assert len(nodes) == len(taxonomy["categories"])
    for node in nodes.values():
        assert not node["parent_id"] or not nodes[node["parent_id"]]["leaf"], node["id"]


def test_leaves_have_a_schema_and_parents_have_children_instead(taxonomy: dict[str, Any]) -> None:
    parents = {node["parent_id"] for node in taxonomy["categories"]}

    for node in taxonomy["categories"]:
        assert node["leaf"] == ("schema" in node) == (node["id"] not in parents), node["id"]


def test_the_tree_is_that_of_a_general_store(taxonomy: dict[str, Any]) -> None:
    departments = [node for node in taxonomy["categories"] if not node["parent_id"]]
    leaves = [node for node in taxonomy["categories"] if node["leaf"]]

    assert len(departments) >= 12
    assert len(leaves) >= 40


def test_list_attributes_name_their_values_and_measures_their_units(
    schemas: dict[str, CategorySchema],
) -> None:
    for leaf, schema in schemas.items():
        for rule in schema.attributes:
            assert bool(rule.allowed) == (rule.type is AttributeType.LIST), (leaf, rule.remote_id)
            assert bool(rule.units) == (rule.type is AttributeType.MEASURE), (leaf, rule.remote_id)
            assert len(set(rule.allowed)) == len(rule.allowed), (leaf, rule.remote_id)


def test_no_category_demands_more_than_three_attributes(schemas: dict[str, CategorySchema]) -> None:
    for leaf, schema in schemas.items():
        ids = [rule.remote_id for rule in schema.attributes]
        assert len(ids) == len(set(ids)), leaf
        assert sum(rule.is_required for rule in schema.attributes) <= 3, leaf
        assert 60 <= schema.title_max <= 120, leaf


def test_the_seller_s_categories_lead_to_leaves_under_other_names(
    catalogue: DemoCatalogue, taxonomy: dict[str, Any]
) -> None:
    leaves = {node["id"]: node["name"] for node in taxonomy["categories"] if node["leaf"]}
    paths = {one["code"]: one["name"] for product in catalogue.products for one in product["categories"]}

    same = [code for code, leaf in CATEGORY_MAP.items() if paths.get(code, "").endswith(leaves[leaf])]

    assert set(CATEGORY_MAP.values()) <= set(leaves)
    assert all(" > " in paths[code] for code in CATEGORY_MAP if code in paths)
    assert len(same) < len(CATEGORY_MAP) / 10
