"""Prices, stock, withdrawals, the call limit, and bodies no marketplace would take."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
import requests

from marketplaces.simulators.sandbox import SandboxSimulator, Settings
from tests.simulators.lab import Clock, Seller, mug, sandbox


def results(answer: requests.Response) -> dict[str, tuple[str, str | None]]:
    assert answer.status_code == 200, answer.text
    return {one["sku"]: (one["status"], one["code"]) for one in answer.json()["results"]}


def test_prices_are_set_item_by_item(ana: Seller) -> None:
    ana.publish(mug("M1"), mug("M2"))
    items = [
        {"sku": "M1", "price": 12.5, "list_price": "15.00"},
        {"sku": "M2", "price": "0"},
        {"sku": "M3", "price": "1.00"},
    ]
    assert results(ana.call("PUT", "/v1/prices", {"items": items})) == {
        "M1": ("ok", None),
        "M2": ("error", "SBX-PRICE-REQUIRED"),
        "M3": ("error", "SBX-SKU-UNKNOWN"),
    }
    assert (ana.read("M1")["price"], ana.read("M1")["list_price"]) == ("12.50", "15.00")
    assert ana.read("M2")["price"] == "19.90"


def test_stock_is_set_item_by_item(ana: Seller) -> None:
    ana.publish(mug("M1"), mug("M2"))
    items = [{"sku": "M1", "quantity": 0}, {"sku": "M2", "quantity": -1}, {"sku": "M3", "quantity": 1}]
    assert results(ana.call("PUT", "/v1/stock", {"items": items})) == {
        "M1": ("ok", None),
        "M2": ("error", "SBX-QUANTITY-RANGE"),
        "M3": ("error", "SBX-SKU-UNKNOWN"),
    }
    assert (ana.read("M1")["quantity"], ana.read("M2")["quantity"]) == (0, 5)


def test_one_account_cannot_touch_another(ana: Seller, beto: Seller) -> None:
    ana.publish(mug("M1"))
    assert results(beto.call("PUT", "/v1/prices", {"items": [{"sku": "M1", "price": "1.00"}]})) == {
        "M1": ("error", "SBX-SKU-UNKNOWN")
    }
    beto.call("POST", "/v1/listings/withdraw", {"skus": ["M1"]})
    assert (ana.read("M1")["state"], ana.read("M1")["price"]) == ("live", "19.90")
    assert beto.read("M1")["state"] == "absent"


def test_the_log_keeps_every_value_in_the_order_it_took_effect(ana: Seller) -> None:
    ana.publish(mug("M1"))
    for price in ("11.00", "12.00", "11.50"):
        ana.call("PUT", "/v1/prices", {"items": [{"sku": "M1", "price": price}]})
    ana.call("PUT", "/v1/stock", {"items": [{"sku": "M1", "quantity": 9}]})
    ana.order("M1", 2)
    ana.sim.set_listing(ana.id, "M1", price="1.00", quantity=1)
    log = [(entry["kind"], entry["value"], entry["origin"]) for entry in ana.sim.log(ana.id, "M1")]
    assert log == [
        ("price", "19.90", "load"),
        ("stock", "5", "load"),
        ("price", "11.00", "api"),
        ("price", "12.00", "api"),
        ("price", "11.50", "api"),
        ("stock", "9", "api"),
        ("stock", "7", "purchase"),
        ("price", "1.00", "outside"),
        ("stock", "1", "outside"),
    ]


def test_a_price_may_fall_by_no_more_than_the_limit_at_a_time() -> None:
    with sandbox(settings=Settings(rate_per_second=0, price_cut_limit=30)) as (sim, clock):
        ana = Seller(sim, clock)
        ana.publish(mug("M1", price="100.00", list_price="100.00"))

        def told(price: str) -> tuple[str | None, str | None]:
            answer = ana.call("PUT", "/v1/prices", {"items": [{"sku": "M1", "price": price}]})
            (result,) = answer.json()["results"]
            return result["code"], result.get("limit")

        assert told("69.99") == ("SBX-PRICE-CUT", "30")
        assert told("70.00") == (None, None)
        assert told("49.00") == (None, None)
        assert told("500.00") == (None, None)
        assert ana.read("M1")["price"] == "500.00"
        refused = ana.call("POST", "/v1/loads", {"items": [mug("M1", price="10.00")]}).json()["load_id"]
        clock.advance(60)
        (result,) = ana.call("GET", f"/v1/loads/{refused}").json()["results"]
        assert [error["code"] for error in result["errors"]] == ["SBX-PRICE-CUT"]
        assert ana.read("M1")["price"] == "500.00"
        # Its own staff may do as they like.
        assert sim.set_listing(ana.id, "M1", price="1.00")["price"] == "1.00"


def test_calls_beyond_the_limit_are_throttled_until_time_has_passed() -> None:
    with sandbox(settings=Settings(rate_per_second=5)) as (sim, clock):
        ana, beto = Seller(sim, clock), Seller(sim, clock)
        answers = [ana.call("GET", "/v1/account") for _ in range(7)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
        assert [answer.headers["X-RateLimit-Remaining"] for answer in answers[:5]] == [
            "4",
            "3",
            "2",
            "1",
            "0",
        ]
        assert answers[-1].headers["Retry-After"] == "1"
        assert answers[-1].json()["error"]["code"] == "SBX-RATE"
        assert beto.call("GET", "/v1/account").status_code == 200
        clock.advance(1)
        assert ana.call("GET", "/v1/account").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "size", "item"),
    [
        ("POST", "/v1/loads", 500, lambda n: mug(f"M{n}")),
        ("PUT", "/v1/prices", 100, lambda n: {"sku": f"M{n}", "price": 1}),
        ("PUT", "/v1/stock", 100, lambda n: {"sku": f"M{n}", "quantity": 1}),
    ],
)
def test_batches_have_a_size(ana: Seller, method: str, path: str, size: int, item: Any) -> None:
    full = [item(number) for number in range(size)]
    assert ana.call(method, path, {"items": full}).status_code in (200, 202)
    beyond = ana.call(method, path, {"items": [*full, item(size)]})
    assert (beyond.status_code, beyond.json()["error"]["code"]) == (400, "SBX-BATCH-SIZE")
    twice = ana.call(method, path, {"items": [item(1), item(1)]})
    assert (twice.status_code, twice.json()["error"]["code"]) == (400, "SBX-SKU-REPEATED")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "SBX-JSON"),
        (b"{", "SBX-JSON"),
        (b'{"items": [NaN]}', "SBX-JSON"),
        (b"[" * 100_000, "SBX-JSON"),
        ('{"items": [{"sku": "a\xe7"}]}'.encode("latin-1"), "SBX-JSON"),
        (b'{"items": [{"sku": "a\\u0000b", "price": 1}]}', "SBX-JSON"),
        (b'{"items": [{"sku": "a\\ud800", "price": 1}]}', "SBX-JSON"),
        (b'{"items": [{"sku": "a\x00", "price": 1}]}', "SBX-JSON"),
        (b'{"items": [{"sku": "a", "price": ' + b"9" * 5000 + b"}]}", "SBX-JSON"),
        (b'{"items": [{"sku": "a", "price": ' + b"9" * 400 + b"}]}", "SBX-FIELD-TYPE"),
        (b'{"items": [{"sku": "a", "price": 1e999999999}]}', "SBX-FIELD-TYPE"),
        (b'{"items": [{"sku": "a", "price": 1e-999999999}]}', "SBX-FIELD-TYPE"),
        (b"[]", "SBX-FIELD-TYPE"),
        (b"null", "SBX-FIELD-TYPE"),
        (b'{"items": {}}', "SBX-FIELD-TYPE"),
        (b'{"items": [7]}', "SBX-FIELD-TYPE"),
        (b'{"items": [{"sku": 7, "price": 1}]}', "SBX-FIELD-TYPE"),
        (b'{"items": [{"sku": "a", "price": true}]}', "SBX-FIELD-TYPE"),
        (b'{"items": [{"sku": "a", "price": "1,50"}]}', "SBX-FIELD-TYPE"),
        (b'{"items": [{"sku": "a"}]}', "SBX-FIELD-REQUIRED"),
        (b'{"items": [{"sku": "", "price": 1}]}', "SBX-FIELD-REQUIRED"),
        (b'{"items": [{"sku": "a", "price": 1, "preco": 2}]}', "SBX-FIELD-UNKNOWN"),
        (b'{"itens": []}', "SBX-FIELD-UNKNOWN"),
        (b"{}", "SBX-FIELD-REQUIRED"),
    ],
)
def test_a_body_of_another_form_is_refused_whole(ana: Seller, body: bytes, code: str) -> None:
    answer = ana.call("PUT", "/v1/prices", data=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert answer.json()["error"]["message"]


def test_a_backslash_before_u0000_is_only_text(ana: Seller) -> None:
    body = json.dumps({"items": [{"sku": "a\\u0000b", "price": 1}]}).encode()
    assert results(ana.call("PUT", "/v1/prices", data=body)) == {"a\\u0000b": ("error", "SBX-SKU-UNKNOWN")}


def test_a_huge_body_is_refused(ana: Seller) -> None:
    answer = ana.call("POST", "/v1/loads", data=b'{"items": ["' + b"x" * (17 * 1024 * 1024) + b'"]}')
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "SBX-TOO-LARGE")


@pytest.mark.parametrize(
    "header",
    ["", "ApiKey", "ApiKey ", "Bearer x", "ApiKey nobody", "apikey", "ApiKey \xe9", "ApiKey ' OR 1=1"],
)
def test_without_a_key_nothing_is_told(ana: Seller, header: str) -> None:
    answer = requests.get(
        ana.sim.url + "/v1/account", headers={"Authorization": header.encode("latin-1")}, timeout=5
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "SBX-AUTH")


def test_wrong_methods_and_addresses_are_told_apart(ana: Seller) -> None:
    wrong = ana.call("GET", "/v1/prices")
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "PUT")
    for path in ("/v1/nothing", "/v1/loads/", "/v1/orders/x/explode", "/v1/%ff%00"):
        assert ana.call("GET", path).status_code == 404, path


def test_two_writers_at_once_leave_one_of_their_values(ana: Seller) -> None:
    ana.publish(*(mug(f"M{number}") for number in range(50)))

    def write(price: str) -> None:
        for _ in range(10):
            items = [{"sku": f"M{number}", "price": price} for number in range(50)]
            assert ana.call("PUT", "/v1/prices", {"items": items}).status_code == 200

    threads = [threading.Thread(target=write, args=(price,)) for price in ("11.00", "12.00", "13.00")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shown = {one["price"] for one in ana.sim.listings(ana.id)["listings"]}
    last = ana.sim.log(ana.id, "M0", "price")[-1]["value"]
    assert shown == {last}


def test_ids_and_paging_of_any_kind_do_no_harm(ana: Seller) -> None:
    for query in ("cursor=x", "cursor=-1", "limit=1e3", "cursor=%00", "cursor=" + "9" * 30, "limit=٣"):
        assert ana.call("GET", f"/v1/orders?{query}").status_code == 400, query
    assert ana.call("GET", "/v1/orders?limit=0&cursor=999999&other=1").json()["orders"] == []


def test_account_tells_who_the_key_belongs_to(bench: tuple[SandboxSimulator, Clock], ana: Seller) -> None:
    sim, _ = bench
    assert ana.call("GET", "/v1/account").json() == {"id": ana.id, "name": "Loja da Ana"}
    same = sim.create_account("Outro nome", ana.key)
    assert same["account_id"] == ana.id
    assert same["webhook_secret"] == ana.secret
    sim.revoke(ana.key)
    assert ana.call("GET", "/v1/account").status_code == 401
    sim.create_account("De volta", ana.key)
    assert ana.call("GET", "/v1/account").status_code == 200
