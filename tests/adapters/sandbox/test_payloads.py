"""The sandbox adapter's conversions, and that its documents say what its code does."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from marketplaces.adapters.sandbox import MARKETPLACE, payloads
from marketplaces.contract import (
    AttributeType,
    ContentItem,
    ContentPublisher,
    FulfilmentSink,
    HintReceiver,
    IssueKind,
    ListingReader,
    Matcher,
    OrderSource,
    OrderStatus,
    PriceItem,
    PricePublisher,
    StockPublisher,
    SubmissionPoller,
    TaxonomySource,
    UnexpectedAnswer,
    Verdict,
)
from marketplaces.simulators.sandbox import markers

ROOT = Path(__file__).parents[3]
ROLES = (
    ContentPublisher,
    FulfilmentSink,
    HintReceiver,
    ListingReader,
    Matcher,
    OrderSource,
    PricePublisher,
    StockPublisher,
    SubmissionPoller,
    TaxonomySource,
)
ADDRESS = {"recipient": "Ana", "zip": "01310100", "state": "SP", "street": None, "surprise": 1}
ORDER = {
    "id": "SBX-P1",
    "status": "approved",
    "created_at": "2026-11-20T12:00:00.000-03:00",
    "updated_at": "2026-11-20T12:00:01.000-03:00",
    "customer": {"name": "Ana", "document": "00000000191", "phones": [11987654321], "surprise": {}},
    "billing_address": ADDRESS,
    "shipping_address": ADDRESS,
    "items": [{"sku": "007", "quantity": 2, "price": "10.10", "list_price": None, "delivery_id": "d1"}],
    "payments": [{"method": "pix", "value": 20.2, "installments": None, "paid_at": None}],
    "deliveries": [{"id": "d1", "carrier_owned": True, "estimated_at": "2026-11-25T00:00:00Z"}],
    "total": "20.20",
    "surprise": [],
}


def content(**changes: Any) -> ContentItem:
    values: dict[str, Any] = {
        "sku": "007",
        "parent_sku": "00",
        "remote_id": "SBX-L1",
        "title": "Caneca",
        "description": "",
        "brand": "",
        "gtin": "0012345678905",
        "ncm": "",
        "category_id": "SBX-1",
        "attributes": {"cor": "Azul"},
        "images": ("https://a.b/1.jpg",),
        "weight_kg": Decimal("1E-1"),
        "height_cm": Decimal("1E+1"),
        "width_cm": None,
        "length_cm": Decimal("5.50"),
        "price": Decimal("1E+2"),
        "list_price": Decimal("100.5"),
        "quantity": 0,
    }
    return ContentItem(**{**values, **changes})


def test_it_plays_every_role() -> None:
    assert all(MARKETPLACE.offers(role) for role in ROLES)


def test_a_publication_is_written_in_plain_figures() -> None:
    item = payloads.to_load_item(content())
    assert (item["price"], item["list_price"], item["quantity"]) == ("100.00", "100.50", 0)
    assert (item["weight_kg"], item["height_cm"], item["width_cm"], item["length_cm"]) == (
        "0.1",
        "10",
        None,
        "5.50",
    )
    assert (item["sku"], item["gtin"], item["images"]) == ("007", "0012345678905", ["https://a.b/1.jpg"])


def test_an_association_sends_no_content() -> None:
    item = payloads.to_load_item(content(catalogue_id="SBX-C9"))
    assert item == {
        "sku": "007",
        "catalogue_id": "SBX-C9",
        "price": "100.00",
        "list_price": "100.50",
        "quantity": 0,
    }


def test_a_price_has_two_decimals() -> None:
    item = PriceItem("007", "", Decimal("9.9"), Decimal("1E+1"))
    assert payloads.to_price(item) == {"sku": "007", "price": "9.90", "list_price": "10.00"}


def test_an_order_is_read_with_its_zeros_and_without_its_surprises() -> None:
    order = payloads.from_order(ORDER)
    assert (order.status, order.needs_acceptance, order.total) == (
        OrderStatus.APPROVED,
        False,
        Decimal("20.20"),
    )
    assert (order.items[0].sku, order.items[0].list_price) == ("007", Decimal("10.10"))
    assert (order.customer.vat_number, order.customer.phones) == ("00000000191", ("11987654321",))
    assert (order.shipping_address.postcode, order.shipping_address.street) == ("01310100", "")
    assert order.payments[0].value == Decimal("20.2")
    assert order.deliveries[0].carrier_owns_status
    assert order.raw == ORDER


TEXTS = [
    ("id",),
    ("customer", "name"),
    ("shipping_address", "recipient"),
    ("items", 0, "sku"),
    ("deliveries", 0, "id"),
]
OTHERS = [
    ("status",),
    ("created_at",),
    ("updated_at",),
    ("customer",),
    ("customer", "phones"),
    ("items",),
    ("items", 0, "quantity"),
    ("items", 0, "price"),
    ("payments", 0, "value"),
    ("payments", 0, "installments"),
    ("total",),
]
MAY_BE_ABSENT = ("phones", "installments")
WRONG = ["missing", None, "x y", [7], {"a": 1}, True]


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (path, wrong)
        for path in TEXTS + OTHERS
        for wrong in WRONG
        if not (wrong == "x y" and path in TEXTS)
        and not (path[-1] in MAY_BE_ABSENT and wrong in ("missing", None))
        and not (path[-1] == "phones" and wrong == [7])
    ],
)
def test_what_an_order_must_have_is_missed_loudly(path: tuple[Any, ...], wrong: Any) -> None:
    with pytest.raises(UnexpectedAnswer):
        payloads.from_order(broken(ORDER, path, wrong))


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:00-03:00", "1970-01-01T00:00:00+00:00"])
def test_an_order_of_another_century_is_missed_loudly(moment: str) -> None:
    with pytest.raises(UnexpectedAnswer, match="century"):
        payloads.from_order({**ORDER, "created_at": moment})


def broken(value: Any, path: tuple[Any, ...], wrong: Any) -> Any:
    if not path:
        return wrong
    copy = list(value) if isinstance(value, list) else dict(value)
    if len(path) == 1 and wrong == "missing":
        del copy[path[0]]
    else:
        copy[path[0]] = broken(copy[path[0]], path[1:], wrong)
    return copy


def test_a_schema_is_read_with_every_kind_of_attribute() -> None:
    rules: list[dict[str, Any]] = [
        {"id": kind.value, "type": kind.value, "required": True} for kind in AttributeType
    ]
    rules[0] |= {"min_length": 2, "max_length": 9, "label": "Modelo", "variation": True}
    rules[1] |= {"minimum": 1, "maximum": "9.5"}
    rules[2] |= {"allowed": ["Azul", "Verde"]}
    schema = payloads.from_schema({"id": "SBX-1", "attributes": rules, "title_max": 60, "price_min": 150})
    assert [rule.type for rule in schema.attributes] == list(AttributeType)
    text, number, choice = schema.attributes[:3]
    assert (text.min_length, text.max_length, text.label, text.is_variation) == (2, 9, "Modelo", True)
    assert (number.minimum, number.maximum, number.label) == (Decimal(1), Decimal("9.5"), "number")
    assert choice.allowed == ("Azul", "Verde")
    assert (schema.title_max, schema.title_min, schema.price_min) == (60, 0, Decimal(150))
    with pytest.raises(UnexpectedAnswer):
        payloads.from_schema({"id": "SBX-1", "attributes": [{"id": "x", "type": "hologram"}]})


def test_an_error_keeps_its_words_and_gets_our_field() -> None:
    issue = payloads.from_error({"code": "SBX-GTIN-DIGIT", "message": "Dígito errado.", "field": "gtin"})
    assert (issue.kind, issue.field, issue.code) == (IssueKind.GTIN_INVALID, "ean", "SBX-GTIN-DIGIT")
    assert issue.message == "Dígito errado."
    assert (
        payloads.from_error({"code": "SBX-ATTR-VALUE", "field": "attributes.cor"}).field == "attributes.cor"
    )
    unknown = payloads.from_error({"code": "SBX-NEW", "message": "?", "field": "moon_phase"})
    assert (unknown.kind, unknown.field, unknown.code, unknown.message) == (
        IssueKind.OTHER,
        "",
        "SBX-NEW",
        "?",
    )


def test_a_load_is_pending_or_done_and_nothing_else() -> None:
    pending = payloads.from_load({"load_id": "SBX-LD1", "status": "processing", "poll_after_seconds": None})
    assert (pending.submission_id, pending.poll_after, pending.outcomes) == ("SBX-LD1", None, ())
    result = {"sku": "1", "status": "published", "listing_id": "L", "url": "u", "errors": []}
    (outcome,) = payloads.from_load({"load_id": "SBX-LD1", "status": "done", "results": [result]}).outcomes
    assert (outcome.verdict, outcome.remote_id, outcome.url) == (Verdict.ACCEPTED, "L", "u")
    for wrong in (
        {"load_id": "SBX-LD1", "status": "exploded"},
        {"status": "accepted"},
        {"load_id": "SBX-LD1", "status": "done"},
        {"load_id": "SBX-LD1", "status": "done", "results": [{**result, "status": "maybe"}]},
    ):
        with pytest.raises(UnexpectedAnswer):
            payloads.from_load(wrong)


def test_an_unheard_of_event_only_says_that_something_is_worth_a_look() -> None:
    hint = payloads.from_webhook({"event": "account.changed", "ids": [7]})
    assert (hint.about, hint.remote_ids) == ("connection", ("7",))


# --- what the documents say ---------------------------------------------------------------------


def emitted_codes() -> set[str]:
    """Return every error code the simulator's source can emit."""
    found: set[str] = set()
    for path in (ROOT / "marketplaces/simulators").rglob("*.py"):
        found |= set(re.findall(r'"(SBX-[A-Z]+(?:-[A-Z0-9]+)+)"', path.read_text("utf-8")))
        found |= set(
            re.findall(r'"(SBX-(?:JSON|AUTH|RATE|FAULT|LOCAL|METHOD|INTERNAL))"', path.read_text("utf-8"))
        )
    found |= {
        f"SBX-{field}-{end}" for field in ("TITLE", "DESCRIPTION") for end in ("REQUIRED", "SHORT", "LONG")
    }
    return found


def test_every_error_code_is_documented_and_every_documented_one_exists() -> None:
    documented = set(re.findall(r"`(SBX-[A-Z]+(?:-[A-Z]+)*)`", (ROOT / "docs/sandbox.md").read_text("utf-8")))
    assert documented == emitted_codes()


def test_every_mapped_code_can_come() -> None:
    assert set(payloads.KINDS) <= emitted_codes()


def test_every_marker_is_documented() -> None:
    known = {
        value
        for value in vars(markers).values()
        if isinstance(value, str) and re.fullmatch(r"-[A-Z0-9]+", value)
    }
    text = (ROOT / "docs/sandbox.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(-[A-Z0-9]+)` \|", text, re.MULTILINE)) == known
