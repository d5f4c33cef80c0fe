"""How often an ERP may call: SkyHub's table, kept by all web processes together."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest
import requests
from django.db import connection
from django.test import Client

from hub import env
from hub.api import limits
from hub.api.endpoints import endpoint_of, endpoints_of
from hub.api.views import SellerView
from hub.models import Seller
from tests.api.erp import Erp
from tests.api.server import serving
from tests.make import make_api_headers, make_seller

PRODUCT = {"product": {"sku": "LAMP", "name": "Luminária"}}
Result = TypeVar("Result")


@pytest.fixture
def erp(db: None, settings: Any) -> Erp:
    settings.HUB_RATE_LIMITS = True
    return Erp(make_seller("Ana"))


def second() -> float:
    """The database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        return float(cursor.fetchone()[0])


def in_one_second(act: Callable[[], Result], *, in_a_new_one: bool = False) -> Result:
    """Act while the database's second lasts; on a busy machine it may take several attempts."""
    for _attempt in range(60):
        if in_a_new_one or second() % 1 > 0.5:
            time.sleep(1 - second() % 1)
        began = math.floor(second())
        result = act()
        if math.floor(second()) == began:
            return result
    raise AssertionError("This machine is too slow to make these calls within one second.")


def count(seller: Seller, method: str, endpoint: str, times: int, **options: bool) -> list[bool]:
    """Count so many calls within one second; says of each whether it was one too many."""

    def act() -> list[bool]:
        standings = [limits.count(seller, method, endpoint) for _ in range(times)]
        return [standing is not None and standing.is_over for standing in standings]

    return in_one_second(act, **options)


@pytest.mark.parametrize(
    ("method", "endpoint", "allowed"),
    [
        ("GET", "/products", 9),
        ("GET", "/products/{sku}", 9),
        ("POST", "/products", 9),
        ("PUT", "/products/{sku}", 9),
        ("DELETE", "/products/{sku}", 9),
        ("PUT", "/variations/{sku}", 9),
        ("DELETE", "/variations/{sku}", 9),
        ("GET", "/orders", 1),
        ("GET", "/orders/{code}", 1),
        ("HEAD", "/orders", 1),
        ("POST", "/orders", 9),
        ("POST", "/orders/{code}/invoice", 9),
        ("PUT", "/orders/{code}/exported", 9),
        ("GET", "/queues/orders", 9),
        ("DELETE", "/queues/orders/{code}", 9),
        ("POST", "/queues/orders/lease", 30),
        ("POST", "/queues/orders/acknowledge", 30),
        ("POST", "/shipments/b2w", 9),
        ("GET", "/stores", 1),
        ("GET", "/statuses", 1),
        ("POST", "/categories", 1),
        ("POST", "/bulk/stock", 30),
        ("GET", "/connections", 30),
        ("GET", "/listings", 30),
        ("POST", "/loads", 30),
        ("GET", "/issues", 30),
    ],
)
def test_so_many_calls_are_taken_per_second(erp: Erp, method: str, endpoint: str, allowed: int) -> None:
    assert count(erp.seller, method, endpoint, allowed + 3) == [False] * allowed + [True] * 3


@pytest.mark.parametrize(
    ("first", "second", "is_shared"),
    [
        (("GET", "/products"), ("GET", "/products/{sku}"), True),
        (("GET", "/products"), ("PUT", "/products/{sku}"), False),
        (("PUT", "/products/{sku}"), ("DELETE", "/products/{sku}"), False),
        (("GET", "/orders"), ("GET", "/orders/{code}"), False),
        (("POST", "/orders/{code}/invoice"), ("POST", "/orders/{code}/shipments"), False),
        (("GET", "/queues/orders"), ("DELETE", "/queues/orders/{code}"), False),
        (("GET", "/orders"), ("HEAD", "/orders"), True),
        (("BREW", "/statuses"), ("STIR", "/statuses"), True),
    ],
)
def test_what_shares_a_count_and_what_does_not(
    erp: Erp, first: tuple[str, str], second: tuple[str, str], is_shared: bool
) -> None:
    def act() -> limits.Standing | None:
        limits.count(erp.seller, *first)
        return limits.count(erp.seller, *second)

    standing = in_one_second(act)
    assert standing is not None
    assert standing.calls == (2 if is_shared else 1)


def test_a_new_second_starts_a_new_count(erp: Erp) -> None:
    for _ in range(2):
        assert count(erp.seller, "GET", "/orders", 2, in_a_new_one=True) == [False, True]


def test_sellers_do_not_use_up_each_others_calls(erp: Erp) -> None:
    beto = make_seller("Beto")

    def act() -> tuple[limits.Standing | None, limits.Standing | None]:
        return limits.count(erp.seller, "GET", "/orders"), limits.count(beto, "GET", "/orders")

    assert [standing and standing.calls for standing in in_one_second(act)] == [1, 1]


def test_the_table_keeps_one_row_per_seller_and_kind_of_call(erp: Erp) -> None:
    for _ in range(3):
        count(erp.seller, "GET", "/orders", 4, in_a_new_one=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT kind, (SELECT relpersistence FROM pg_class WHERE relname = 'hub_rate_window') "
            "FROM hub_rate_window WHERE seller_id = %s",
            [erp.seller.pk],
        )
        assert cursor.fetchall() == [("GET /orders", "u")]


@pytest.mark.parametrize(("ahead", "calls"), [(1, 6), (3600, 1)])
def test_a_late_process_counts_in_the_newer_second_but_a_clock_set_back_blocks_nobody(
    erp: Erp, ahead: int, calls: int
) -> None:
    def act() -> int:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM hub_rate_window WHERE seller_id = %s", [erp.seller.pk])
            cursor.execute(
                "INSERT INTO hub_rate_window VALUES (%s, 'GET /orders', %s, 5)",
                [erp.seller.pk, math.floor(second()) + ahead],
            )
        standing = limits.count(erp.seller, "GET", "/orders")
        assert standing is not None
        return standing.calls

    assert in_one_second(act) == calls


def test_every_answer_tells_what_is_left(erp: Erp) -> None:
    def act() -> list[Any]:
        return [erp.post("/products", PRODUCT), erp.get("/products/NOBODY"), erp.get("/products")]

    made, missing, listed = in_one_second(act)
    for answer, status, left in ((made, 201, "8"), (missing, 404, "8"), (listed, 200, "7")):
        assert answer.status_code == status
        assert answer["X-RateLimit-Limit"] == "9"
        assert answer["X-RateLimit-Remaining"] == left
        assert answer["X-RateLimit-Reset"] == "1"
        assert "Retry-After" not in answer


def test_one_too_many_is_a_429_with_a_sentence(erp: Erp) -> None:
    fine, refused = in_one_second(lambda: (erp.get("/orders"), erp.get("/orders")))
    assert fine.status_code == 200
    assert refused.status_code == 429
    assert refused["Content-Type"].startswith("application/json")
    assert refused.json() == {
        "error": "Chamadas demais: este endereço aceita 1 por segundo. Espere um segundo."
    }
    assert refused["Retry-After"] == "1"
    assert refused["X-RateLimit-Remaining"] == "0"


def test_refused_calls_count_too(erp: Erp, settings: Any) -> None:
    settings.HUB_RATE_TABLE = {**settings.HUB_RATE_TABLE, "products": 3}

    def act() -> list[int]:
        bodies = [b"no json", {"product": {}}, b"\xff", PRODUCT]
        return [erp.post("/products", body).status_code for body in bodies]

    assert in_one_second(act) == [400, 400, 415, 429]


def test_a_call_without_a_key_counts_for_nobody(erp: Erp) -> None:
    answer = erp.get("/orders", **{"X-Api-Key": "wrong"})
    assert answer.status_code == 401
    assert "X-RateLimit-Limit" not in answer


def test_a_seller_may_be_left_unlimited(erp: Erp) -> None:
    erp.seller.rate_limits = False
    erp.seller.save()
    answers = in_one_second(lambda: [erp.get("/orders") for _ in range(3)])
    assert [answer.status_code for answer in answers] == [200] * 3
    assert not any("X-RateLimit-Limit" in answer for answer in answers)


@pytest.mark.parametrize(("name", "value"), [("HUB_RATE_LIMITS", False), ("HUB_RATE_TABLE", {"others": 0})])
def test_the_hub_may_limit_nobody(erp: Erp, settings: Any, name: str, value: Any) -> None:
    setattr(settings, name, value)
    assert limits.count(erp.seller, "GET", "/orders") is None


def test_the_portal_is_not_limited(erp: Erp) -> None:
    assert "X-RateLimit-Limit" not in Client().get("/portal/login/")


def test_single_lines_of_the_table_change_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TABLE", "GET orders=5, bulk = 60")
    assert env.numbers("TABLE", {"GET orders": 1, "orders": 9}) == {"GET orders": 5, "orders": 9, "bulk": 60}
    for wrong in ("orders", "orders=many", "=5", "orders=-1"):
        monkeypatch.setenv("TABLE", wrong)
        with pytest.raises(env.ImproperlyConfigured, match="TABLE"):
            env.numbers("TABLE", {})


def test_endpoints_are_written_as_people_write_them() -> None:
    assert endpoint_of(r"^orders/(?P<code>[^/]+)/invoice/?$") == "/orders/{code}/invoice"
    assert endpoint_of(r"^products/(?P<sku>.+?)/?$") == "/products/{sku}"
    assert endpoint_of(r"^loads/(?P<number>[0-9]{1,10})/items/?$") == "/loads/{number}/items"
    assert endpoint_of(r"^hooks/(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3})/test/?$") == "/hooks/{id}/test"
    assert endpoint_of("shipments/b2w/<str:plp>/view") == "/shipments/b2w/{plp}/view"
    known = endpoints_of(SellerView)
    assert {"/products", "/orders/{code}/cancel", "/queues/orders", "/bulk/stock"} <= set(known)
    assert not [endpoint for endpoint in known if set(endpoint) & set("^$?()<>\\")]


class Try(NamedTuple):
    sent: float
    answered: float
    status: int
    left: int


def call(url: str, headers: dict[str, str], until: float, most: int) -> list[Try]:
    """One client: calls one after the other."""
    tries = []
    with requests.Session() as session:
        session.headers.update(headers)
        while len(tries) < most and time.time() < until:
            sent = time.time()
            answer = session.get(f"{url}/products/NOBODY", timeout=30)
            left = int(answer.headers["X-RateLimit-Remaining"])
            tries.append(Try(sent, time.time(), answer.status_code, left))
    return tries


def four_clients(url: str, headers: dict[str, str], *, seconds: float, most: int) -> list[Try]:
    with ThreadPoolExecutor(4) as pool:
        started = [pool.submit(call, url, headers, time.time() + seconds, most) for _ in range(4)]
        return [one for future in started for one in future.result()]


@pytest.mark.django_db(transaction=True)
def test_several_web_processes_keep_the_limit_together(tmp_path: Path) -> None:
    headers = make_api_headers(make_seller("Ana"))
    with serving(tmp_path / "web.log", workers=2, HUB_RATE_LIMITS="on") as url:
        # Bursts of 16 calls: of those that fall into one second, 9 are taken, with 8 to 0 left.
        whole = 0
        for _burst in range(40):
            time.sleep(1 - time.time() % 1)
            tries = four_clients(url, headers, seconds=5, most=4)
            if len({math.floor(moment) for one in tries for moment in (one.sent, one.answered)}) == 1:
                whole += 1
                assert sorted(one.status for one in tries) == [404] * 9 + [429] * 7
                assert sorted(one.left for one in tries if one.status == 404) == list(range(9))
            if whole == 3:
                break
        assert whole > 0, "This machine is too slow to answer 16 calls within one second."

        # And without a pause: each of the seconds touched gives every place in it at most once.
        tries = four_clients(url, headers, seconds=3.5, most=10_000)
        windows = (
            math.floor(max(one.answered for one in tries)) - math.floor(min(one.sent for one in tries)) + 1
        )
        places = Counter(one.left for one in tries if one.status == 404)
        assert {one.status for one in tries} == {404, 429}
        assert set(places) <= set(range(9))
        assert max(places.values()) <= windows
