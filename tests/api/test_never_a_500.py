"""Whatever an ERP sends to whatever address, it gets an answer that blames neither of us for a crash."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.erp import Erp
from tests.api.test_conventions import api_routes
from tests.make import make_product, make_seller
from tests.orders.make import make_connection

pytestmark = pytest.mark.django_db

WRAPPERS = ("product", "order", "load", "rate", "sku", "store", "question", "answer", "status", "webhook")
NASTY: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    10**30,
    1e300,
    "",
    " ",
    "x" * 5_000,
    "\u0000",
    "\ud800",
    "²",
    "1",
    [],
    {},
    [[]],
    [{}],
    [None],
    ["A", 1, None, {}],
    {"": {}},
    {"0": "x"},
    {"code": {}, "sku": [], "qty": "x", "text": 1, "name": {}},
)
FIELDS = [
    "order_remote_codes",
    "order_codes",
    "plp_id",
    "errors",
    "skus",
    "sale_system",
    "type",
    "all",
    "action",
    "connection",
    "user_email",
    "api_key",
    "destinationZip",
    "volumes",
    "saleSystem",
    "sku",
    "qty",
    "code",
    "name",
    "text",
    "platform",
    "answer",
    "question",
    "cost",
    "zip_from",
    "zip_to",
    "weight_to",
    "days",
    "codes",
    "limit",
    "label",
    "invoice",
    "shipment",
    "items",
    "track",
    "status",
    "delivered_date",
    "url",
    "events",
    "exported",
    "entity_id",
    "error_category_code",
    "cross_docking",
    "address",
    "channel",
    "customer",
    "payments",
    "reason",
]


def bodies() -> Iterator[Any]:
    yield from (b"", b"{", b"[]", b"null", b'"x"', b"1e999", b"\xff", b"[" * 100_000)
    for value in NASTY:
        flat = dict.fromkeys(FIELDS, value)
        yield {**flat, **dict.fromkeys(WRAPPERS, flat)}
        yield {key: [flat] for key in ("errors", "volumes", "items", "products", "prices")}


PLACES = ("1", "A", "%00", "%ED%A0%80", "9" * 30, "²", "Sandbox", "..%2F", "x" * 3_000)
QUERIES = tuple(
    f"{name}={value}"
    for name in [
        "page",
        "per_page",
        "cursor",
        "offset",
        "status",
        "sku",
        "plp_id",
        "requested",
        "entity_id",
        "error_category_code",
        "platform",
        "state",
        "connection",
        "filters[sale_systems]",
        "filters[start_date]",
        "filters[statuses][]",
    ]
    for value in ("-1", "9" * 40, "%00", "²")
)


def paths(route: str) -> Iterator[str]:
    """Addresses that match a route, their changing parts filled with what nobody expects."""
    plain = "/" + route.replace("^", "").replace("/?$", "").replace("$", "")
    pattern = r"\(\?P<\w+>(?:\[\^/\]\+|[^()]*)\)|<[^<>]*>"
    if not re.search(pattern, plain):
        yield plain
        return
    for place in PLACES:
        yield re.sub(pattern, place, plain)


@pytest.fixture
def erp() -> Erp:
    seller = make_seller("Ana", is_test=True)
    make_connection(seller, "Sandbox")
    make_product(seller, "A")
    return Erp(seller)


@pytest.mark.parametrize(
    ("method", "path", "word"),
    [
        ("POST", "/products", "product"),
        ("PUT", "/products/A", "product"),
        ("POST", "/products/A/variations", "variation"),
        ("PUT", "/variations/A", "variation"),
        ("POST", "/categories", "category"),
        ("PUT", "/categories/A", "category"),
        ("POST", "/attributes", "attribute"),
        ("PUT", "/attributes/A", "attribute"),
        ("POST", "/stores", "store"),
        ("PUT", "/connections/Sandbox", "connection"),
        ("POST", "/loads", "load"),
        ("POST", "/listings/heal", "heal"),
        ("POST", "/webhooks", "webhook"),
        ("POST", "/orders", "order"),
        ("POST", "/statuses", "status"),
        ("PUT", "/statuses/A", "status"),
        ("POST", "/freights/contingency", "rate"),
        ("POST", "/questions", "question"),
    ],
)
def test_what_a_call_is_about_must_be_an_object(erp: Erp, method: str, path: str, word: str) -> None:
    for wrong in ([], None, "x", 5, True, [[]], ["x"], [{}, {}]):
        answer = erp.send(method, path, {word: wrong})
        assert answer.status_code == 400, (wrong, answer.text)
        assert list(answer.json()) == ["error"]


@pytest.mark.parametrize("route", sorted({route for route, _view in api_routes()}))
def test_no_call_ends_in_a_500(erp: Erp, route: str) -> None:
    (view,) = {view for one, view in api_routes() if one == route}
    first, *others = paths(route)
    methods = [one for one in ("get", "post", "put", "patch", "delete") if hasattr(view, one)]
    for method in methods:
        for path in others:
            answer = erp.send(method.upper(), path, None if method == "get" else {})
            assert answer.status_code < 500, (method, path)
        for body in () if method == "get" else bodies():
            answer = erp.send(method.upper(), first, body)
            assert answer.status_code < 500, (method, first, str(body)[:300])
    if "get" in methods:
        for query in QUERIES:
            assert erp.get(f"{first}?{query}").status_code < 500, (first, query)
        for accept in ("application/pdf", "application/zip", "text/html", "x"):
            assert erp.get(first, Accept=accept).status_code < 500, (first, accept)
