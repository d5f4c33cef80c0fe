"""What is said of calls that are not yet right, and that no call at all upsets the judges."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.utils import timezone, translation
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.homologation.calls import Call
from hub.homologation.cases import CASES
from hub.homologation.services import judge
from hub.models import ApiCall
from tests.homologation.cases import product, varied

START = timezone.now()
_numbers = count(1)


def call(
    method: str,
    endpoint: str,
    status: int,
    sent: Any = None,
    told: Any = None,
    *,
    subject: str = "",
    query: str = "",
    after: float | None = None,
    **fields: Any,
) -> Call:
    """A call of the log; each one comes a second after the one before unless `after` says when."""
    number = next(_numbers)
    body = sent if isinstance(sent, str) else "" if sent is None else json.dumps(sent)
    return Call(
        ApiCall(
            pk=number,
            called_at=START + timedelta(seconds=number if after is None else after),
            method=method,
            endpoint=endpoint,
            path=endpoint.replace("{sku}", subject).replace("{code}", subject),
            subject=subject,
            query=query,
            status=status,
            milliseconds=3,
            request_body=body,
            request_size=len(body),
            response_body="" if told is None else json.dumps(told),
            **{"key_prefix": "12345678", **fields},
        )
    )


def found(number: int, *calls: Call) -> str | None:
    """What is said of a case: its problem in English, "" when it is passed, None when nobody tried it."""
    verdict = judge(calls).get(number)
    if verdict is None:
        return None
    with translation.override("en"):
        return verdict.problem.text % verdict.problem.values if verdict.problem else ""


NO_PHOTO = product("A", images=[])
NO_CATEGORY = product("A", categories=[])
NAMELESS = varied("A", {"Cor": "Azul"}) | {}
ORDER = {"order": {"channel": "T", "items": [{"id": "A", "qty": 1, "special_price": 50.1}]}}
STEP = "/orders/{code}/"
KEY = "3" * 44


def taken(code: str, *, after: float | None = None, status: str = "NEW", **line: Any) -> Call:
    """An order taken from the queue."""
    item = {"id": "A", "product_id": "A", "qty": 1, "special_price": 50.1, **line}
    order = {"code": code, "status": {"type": status}, "items": [item]}
    return call("GET", "/queues/orders", 200, told=order, after=after)


def reported(code: str, *, after: float | None = None) -> Call:
    failures = [{"code": code, "reason": "no such customer"}]
    return call("POST", "/queues/orders/failures", 200, {"failures": failures}, {}, after=after)


def acknowledged(code: str, *, after: float | None = None) -> Call:
    return call("DELETE", "/queues/orders/{code}", 204, subject=code, after=after)


@pytest.mark.parametrize(
    ("number", "calls", "said"),
    [
        (1, [call("POST", "/products", 201, NO_PHOTO)], "no photo"),
        (1, [call("POST", "/products", 201, NO_CATEGORY)], "no category"),
        (1, [call("POST", "/products", 422, product("A"), {"error": "Preço inválido"})], "Preço inválido"),
        (1, [call("POST", "/products", 500, product("A"))], "500 instead of 201"),
        (2, [call("POST", "/products", 201, varied("A", {"Cor": ""}))], "no value for cor"),
        (
            3,
            [call("POST", "/products", 201, product("A", variations=[{"sku": "1"}, {"sku": "2"}]))],
            "missing",
        ),
        (
            4,
            [
                call(
                    "POST",
                    "/products",
                    201,
                    product("A", variations=[{"sku": "A-1", "price": 3}, {"sku": "A-2"}]),
                )
            ],
            "no price of their own: A-2",
        ),
        (11, [call("PUT", "/products/{sku}", 204, {"product": {"qty": 1}}, subject="A")], "Read the product"),
        (
            11,
            [
                call("GET", "/products/{sku}", 200, told={"sku": "A", "qty": 4}, subject="A"),
                call("PUT", "/products/{sku}", 204, {"product": {"qty": 1}}, subject="A"),
                call("GET", "/products/{sku}", 200, told={"sku": "A", "qty": 4}, subject="A"),
            ],
            "The stock read is 4, sent was 1.",
        ),
        (
            11,
            [
                call("GET", "/products/{sku}", 200, told={"sku": "A", "qty": 4}, subject="A"),
                call("PUT", "/products/{sku}", 204, {"product": {"qty": "4"}}, subject="A"),
                call("GET", "/products/{sku}", 200, told={"sku": "A", "qty": 4}, subject="A"),
            ],
            "another quantity",
        ),
        (
            12,
            [call("PUT", "/products/{sku}", 422, {"product": {"price": 7}}, subject="A")],
            "422 instead of 204",
        ),
        (13, [call("PUT", "/products/{sku}", 404, {"product": {"status": "enabled"}})], "404 instead of 204"),
        (
            15,
            [
                call("DELETE", "/products/{sku}", 204, subject="A"),
                call("GET", "/products/{sku}", 200, told={"sku": "A"}, subject="A"),
            ],
            "200 instead of 404",
        ),
        (16, [call("POST", "/orders", 422, ORDER, {"error": "SKU"})], "422 instead of 201: SKU"),
        (
            16,
            [call("POST", "/orders", 201, ORDER), taken("T-1", special_price=12)],
            "The queue shows 12 in special_price; 50.1 was ordered.",
        ),
        (
            18,
            [
                call("POST", "/products", 201, product("P", variations=[{"sku": "A"}])),
                call("POST", "/orders", 201, ORDER),
                taken("T-1"),
            ],
            "no variation",
        ),
        (
            20,
            [
                call("POST", STEP + "approval", 201, subject="T-1"),
                call("POST", STEP + "invoice", 201, {"invoice": {"key": KEY}}, subject="T-1"),
                call("GET", "/orders/{code}", 200, told={"status": {"type": "APPROVED"}}, subject="T-1"),
            ],
            "APPROVED, not INVOICED",
        ),
        (
            20,
            [
                call("POST", STEP + "approval", 201, subject="T-1"),
                call("POST", STEP + "invoice", 201, {"invoice": {"key": KEY}}, subject="T-1"),
                call(
                    "GET",
                    "/orders/{code}",
                    200,
                    told={"status": {"type": "INVOICED"}, "invoices": [{"key": "4"}]},
                    subject="T-1",
                ),
            ],
            "does not show the invoice's key",
        ),
        (
            21,
            [call("POST", STEP + "shipments", 201, {"shipment": {"code": "1"}}, subject="T-1")],
            "the tracking",
        ),
        (
            21,
            [
                call(
                    "POST",
                    STEP + "shipments",
                    201,
                    {"shipment": {"track": {"code": "BR1", "carrier": "Correios"}}},
                    subject="T-1",
                )
            ],
            "no invoice",
        ),
        (22, [call("POST", STEP + "delivery", 404, subject="T-9")], "404 instead of 201"),
        (24, [call("POST", STEP + "shipment_exception", 201, subject="T-1")], "not reported as shipped"),
        (
            25,
            [taken("T-1"), acknowledged("T-1"), call("GET", "/queues/orders", 204)],
            "1 of 3 orders were taken",
        ),
        (
            25,
            [taken("T-1"), taken("T-2"), acknowledged("T-1"), call("GET", "/queues/orders", 204)],
            "not acknowledged: T-2",
        ),
        (
            26,
            [
                call(
                    "GET",
                    "/shipments/b2w/to_group",
                    200,
                    told={"orders": [{"code": "7", "shipping": "CORREIOS"}]},
                ),
                call("POST", "/shipments/b2w", 422, {"order_remote_codes": ["7"]}, {"error": "grouped"}),
            ],
            "422 instead of 201: grouped",
        ),
        (
            28,
            [call("POST", "/shipments/b2w/confirm_collection", 201, {"order_codes": ["7"]})],
            "collectables",
        ),
        (29, [call("GET", "/products", 401, turned_away="no_email")], "Still to come"),
        (32, [call("POST", "/products", 201, {"product": {"sku": "A"}})], "201 instead of 400"),
        (32, [call("POST", "/products", 429, {"product": {"sku": "A"}}, {"error": "Slow"})], "429 instead"),
        (33, [call("POST", STEP + "cancel", 201, {"status": "mine"}, subject="T-1")], "201 instead of 422"),
        (35, [call("GET", "/products", 200, query="page=101&per_page=100")], "200 instead of 400"),
        (
            37,
            [
                call(
                    "GET",
                    "/products",
                    200,
                    told={"products": [{"sku": "A"}], "next": "http://h/products?cursor=c"},
                ),
                call(
                    "GET", "/products", 200, told={"products": [{"sku": "A"}], "next": None}, query="cursor=c"
                ),
            ],
            "came twice: A",
        ),
        (38, [call("GET", "/products", 429)], "wait for Retry-After"),
        (
            38,
            [call("GET", "/products", 429, after=0), call("GET", "/products", 200, after=0.2)],
            "before the time in Retry-After",
        ),
        (39, [taken("T-1", after=0), taken("T-1", after=301)], "came again"),
        (40, [taken("T-1", after=0), taken("T-1", after=10)], "T-1 was given out twice"),
        (
            43,
            [call("PATCH", "/sync_errors/products", 204, {"errors": [{"entity_id": "A"}]})],
            "Read the error",
        ),
    ],
)
def test_a_call_that_is_not_yet_right_is_told_so(number: int, calls: list[Call], said: str) -> None:
    problem = found(number, *calls)
    assert problem is not None
    assert said in problem


@pytest.mark.parametrize(
    ("number", "calls"),
    [
        (1, [call("POST", "/products", 201, varied("A", {"Cor": "Azul"}))]),
        (5, [call("POST", "/products", 201, varied("A", {"Cor": "Azul", "Tamanho": "M"}))]),
        (6, [call("POST", "/products", 201, varied("A", {"Cor": "Azul", "Tamanho": "M"}))]),
        (9, [call("POST", "/products", 201, product("A", crossdocking=0))]),
        (12, [call("PUT", "/products/{sku}", 204, {"product": {"price": ""}}, subject="A")]),
        (12, [call("PUT", "/products/{sku}", 204, {"product": {"promotional_price": 0}}, subject="A")]),
        (10, [call("POST", "/products", 201, product("A", categories=[{"code": "A", "name": "A"}]))]),
        (16, [call("POST", "/orders", 201, ORDER)]),
        (16, [call("POST", "/orders", 201, ORDER), taken("T-1", product_id="P")]),
        (22, [call("POST", STEP + "delivery", 422, subject="T-1")]),
        (
            34,
            [
                taken("T-1", status="APPROVED"),
                call("POST", STEP + "invoice", 422, {"invoice": {"key": "1"}}, subject="T-1"),
            ],
        ),
        (41, [call("DELETE", "/variations/{sku}", 422, subject="A")]),
        (26, [call("POST", "/shipments/b2w", 201, {"order_remote_codes": ["7"]}, {"message": "Plp 1"})]),
        (30, [call("GET", "/products", 415)]),
        (31, [call("POST", "/products", 400, {"product": {"sku": "A"}})]),
        (36, [call("GET", "/products", 200, query="per_page=100")]),
        (39, [taken("T-1", after=0), taken("T-1", after=100)]),
        (39, [taken("T-1", after=0), reported("T-1", after=1), taken("T-1", after=301)]),
        (40, [taken("T-1", after=0), acknowledged("T-1", after=1), taken("T-2", after=2)]),
        (40, [taken("T-1", after=0), reported("T-1", after=1), taken("T-1", after=61)]),
        (42, [call("POST", "/orders", 201, ORDER)]),
    ],
)
def test_a_call_that_is_something_else_says_nothing_of_a_case(number: int, calls: list[Call]) -> None:
    assert found(number, *calls) is None


def test_a_size_is_a_size_in_any_spelling() -> None:
    assert found(5, call("POST", "/products", 201, varied("A", {"TAMANHO": "M"}))) == ""
    assert found(8, call("POST", "/products", 201, varied("A", {"Tensão": "220"}))) == ""


def test_a_variation_announced_before_the_list_was_begun_is_an_order_of_a_variation() -> None:
    assert found(18, call("POST", "/orders", 201, ORDER), taken("T-1", product_id="P")) == ""


def test_an_older_order_of_the_same_sku_does_not_stand_for_the_one_just_made() -> None:
    made = call("POST", "/orders", 201, ORDER)
    assert found(16, made, taken("OLD-1", special_price=12), taken("T-1")) == ""


def test_whoever_waits_as_told_after_a_refusal_gets_through() -> None:
    hasty = [call("GET", "/products", 429, after=one / 10) for one in range(5)]
    assert found(38, *hasty, call("GET", "/products", 200, after=1.4)) == ""


def test_a_step_whose_turn_has_not_come_is_told_from_one_that_is_incomplete() -> None:
    late = call("POST", STEP + "delivery", 422, {"status": "complete"}, subject="T-1")
    assert found(34, taken("T-1"), late) == ""
    approval = call("POST", STEP + "approval", 201, subject="T-1")
    unpaid = call("POST", STEP + "invoice", 422, {"status": "order_invoiced"}, subject="T-1")
    assert found(34, taken("T-1"), unpaid) == ""
    assert found(34, taken("T-1"), approval, unpaid) is None
    assert found(34, taken("T-1"), approval, taken("T-1", status="APPROVED"), unpaid) is None


def test_a_wrong_call_does_not_stand_against_a_right_one_before_or_after() -> None:
    right, bad = call("POST", "/products", 201, product("A")), call("POST", "/products", 422, product("B"))
    assert found(1, bad, right) == ""
    assert found(1, right, bad) == ""


def test_each_of_the_four_ways_to_be_turned_away_is_asked_for() -> None:
    ways = [
        call("GET", "/products", 401, turned_away="no_email"),
        call("GET", "/products", 401, turned_away="no_key"),
        call("GET", "/products", 401, turned_away="wrong_email"),
        call("GET", "/products", 401, turned_away="wrong_key", key_prefix=""),
    ]
    for left_out in ways:
        assert "Still to come" in (found(29, *(one for one in ways if one is not left_out)) or "")
    assert found(29, *ways) == ""


def test_the_own_key_with_another_end_is_a_wrong_key() -> None:
    key = call("GET", "/products", 401, turned_away="wrong_key")
    assert "X-User-Email: ≠" in (found(29, key) or "")
    assert "X-Api-Key: ≠" not in (found(29, key) or "")


def test_an_order_that_could_not_be_taken_does_not_keep_the_queue_from_being_empty() -> None:
    leased = call("POST", "/queues/orders/lease", 200, {}, {"orders": [{"code": f"T-{n}"} for n in range(4)]})
    failed = call("POST", "/queues/orders/failures", 200, {"failures": [{"code": "T-3", "reason": "?"}]})
    done = [acknowledged(f"T-{number}") for number in range(3)]
    assert found(25, leased, failed, *done, call("GET", "/queues/orders", 204)) == ""


def test_a_step_refused_for_what_it_says_is_told_and_one_refused_on_purpose_is_not() -> None:
    order = {"code": "T-1", "items": [], "status": {"type": "APPROVED"}}
    read = call("GET", "/orders/{code}", 200, told=order, subject="T-1")
    body, said = {"invoice": {"key": "1"}}, {"error": "A chave é inválida"}
    assert "A chave é inválida" in (
        found(20, read, call("POST", STEP + "invoice", 422, body, said, subject="T-1")) or ""
    )
    early = call("POST", STEP + "delivery", 422, {}, {"error": "cedo"}, subject="T-1")
    assert found(22, read, early) is None
    assert found(34, read, early) == ""


def test_a_queue_drained_by_lease_counts() -> None:
    orders = [{"code": f"T-{number}", "items": []} for number in range(3)]
    leased = call("POST", "/queues/orders/lease", 200, {"limit": 100}, {"orders": orders})
    codes = [one["code"] for one in orders]
    done = call("POST", "/queues/orders/acknowledge", 200, {"codes": codes}, {"unknown": [], "late": []})
    assert found(25, leased, done, call("POST", "/queues/orders/lease", 200, {}, {"orders": []})) == ""


def test_an_acknowledgement_that_came_late_does_not_count() -> None:
    leased = call("POST", "/queues/orders/lease", 200, {}, {"orders": [{"code": "T-1"}]})
    late = call(
        "POST", "/queues/orders/acknowledge", 200, {"codes": ["T-1"]}, {"unknown": [], "late": ["T-1"]}
    )
    assert found(25, leased, late, call("GET", "/queues/orders", 204)) is None


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            [
                "product", "sku", "items", "qty", "id", "variations", "images", "categories", "name", "codes",
                "orders", "code", "status", "type", "invoice", "invoices", "key", "shipment", "track",
                "errors", "data", "entity_id", "error_category_code", "products", "next", "plp", "message",
                "hide_seconds", "order_remote_codes", "specifications", "value", "variation_attributes",
                "unknown", "late",
            ]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip
ENDPOINTS = st.sampled_from(
    [
        "/products", "/products/{sku}", "/variations/{sku}", "/orders", "/orders/{code}", "/queues/orders",
        "/queues/orders/lease", "/queues/orders/acknowledge", "/queues/orders/{code}", STEP + "invoice",
        STEP + "approval", STEP + "shipments", STEP + "delivery", "/shipments/b2w", "/shipments/b2w/to_group",
        "/shipments/b2w/view", "/shipments/b2w/collectables", "/shipments/b2w/confirm_collection",
        "/sync_errors/products", "/statuses", "",
    ]
)  # fmt: skip
METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"])
STATUSES = st.sampled_from([200, 201, 204, 400, 401, 403, 404, 415, 422, 429, 500])
QUERIES = st.sampled_from(
    ["", "page=101&per_page=100", "cursor=%00", "per_page=9999999999999", "plp_id=1", "a&=&"]
)
CALLS = st.builds(call, METHODS, ENDPOINTS, STATUSES, ANYTHING | st.just("{"), ANYTHING, query=QUERIES)


@settings(max_examples=150, deadline=None)
@given(st.lists(CALLS, max_size=8))
def test_no_call_upsets_the_judges(calls: list[Call]) -> None:
    assert set(judge(calls)) <= {case.number for case in CASES}
