"""Failures on demand: by a word in the SKU, and by the fault queue."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from tests.simulators.lab import Seller, headphone, mug

PRICES = "/v1/prices"


def set_price(ana: Seller, sku: str, price: str = "11.00") -> requests.Response:
    return ana.call("PUT", PRICES, {"items": [{"sku": sku, "price": price}]})


def publish(ana: Seller, sku: str) -> None:
    """Put a marked SKU on sale; the call its marker spoils is made again."""
    for _ in range(2):
        try:
            ana.publish(mug(sku))
            return
        except (AssertionError, requests.RequestException):
            continue
    ana.publish(mug(sku))


def test_some_are_refused_every_time(ana: Seller) -> None:
    for _ in range(2):
        assert ana.codes(mug("M-RECUSA")) == [
            "SBX-MODERATION-TITLE",
            "SBX-MODERATION-IMAGE",
            "SBX-MODERATION-DOCUMENT",
        ]


def test_some_are_refused_the_first_time_only(ana: Seller) -> None:
    assert len(ana.codes(mug("M-RECUSA1X"))) == 3
    ana.publish(mug("M-RECUSA1X"))


def test_a_lost_picture_is_named(ana: Seller) -> None:
    assert ana.codes(headphone("H-IMAGEM")) == ["SBX-IMAGE-UNREACHABLE"]


def test_some_take_twenty_times_as_long(ana: Seller) -> None:
    assert ana.load(mug("M-LENTO"))["M-LENTO"]["status"] == "cataloguing"
    ana.clock.advance(39)
    assert ana.read("M-LENTO")["state"] == "cataloguing"
    ana.clock.advance(1)
    assert ana.read("M-LENTO")["state"] == "live"


def test_a_load_may_hang(ana: Seller) -> None:
    accepted = ana.call("POST", "/v1/loads", {"items": [mug("M-TRAVADO")]}).json()
    ana.clock.advance(20)
    assert ana.call("GET", f"/v1/loads/{accepted['load_id']}").json()["status"] == "processing"
    ana.clock.advance(12)
    assert ana.call("GET", f"/v1/loads/{accepted['load_id']}").json()["status"] == "done"


def test_a_listing_may_vanish_once(ana: Seller) -> None:
    ana.publish(mug("M-SUMIDO"))
    assert ana.read("M-SUMIDO")["state"] == "live"
    ana.clock.advance(2)
    assert ana.read("M-SUMIDO")["state"] == "absent"
    assert set_price(ana, "M-SUMIDO").json()["results"][0]["code"] == "SBX-SKU-UNKNOWN"
    ana.publish(mug("M-SUMIDO"))
    ana.clock.advance(3600)
    assert ana.read("M-SUMIDO")["state"] == "live"
    assert ana.sim.listing(ana.id, "M-SUMIDO")["creations"] == 2


@pytest.mark.parametrize(
    ("marker", "status", "takes_effect"), [("-429", 429, 0), ("-503", 503, 0), ("-504", 504, 1)]
)
def test_the_first_call_with_a_marked_sku_fails(
    ana: Seller, marker: str, status: int, takes_effect: int
) -> None:
    sku = f"M{marker}"
    publish(ana, sku)
    first = set_price(ana, sku)
    assert first.status_code == status
    assert ("Retry-After" in first.headers) == (status == 429)
    assert ana.read(sku)["price"] == ("11.00" if takes_effect else "19.90")
    assert set_price(ana, sku, "12.00").status_code == 200
    assert ana.read(sku)["price"] == "12.00"


def test_an_answer_lost_after_a_load_does_not_make_two_listings(ana: Seller) -> None:
    publish(ana, "M-504")
    ana.clock.advance(60)
    shown = ana.sim.listing(ana.id, "M-504")
    assert (shown["state"], shown["creations"], shown["submissions"]) == ("live", 1, 2)


def test_a_call_may_be_hung_up_on_or_answered_by_a_page(ana: Seller) -> None:
    publish(ana, "M-QUEDA")
    with pytest.raises(requests.ConnectionError):
        set_price(ana, "M-QUEDA")
    assert ana.read("M-QUEDA")["price"] == "11.00"
    publish(ana, "M-HTML")
    page = set_price(ana, "M-HTML")
    assert (page.status_code, page.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    assert set_price(ana, "M-HTML").status_code == 200


def test_one_marked_sku_spares_the_others_in_its_batch(ana: Seller) -> None:
    ana.publish(mug("M-METADE"), mug("M2"))
    items = [{"sku": "M-METADE", "quantity": 1}, {"sku": "M2", "quantity": 1}]
    results = ana.call("PUT", "/v1/stock", {"items": items}).json()["results"]
    assert [result["code"] for result in results] == ["SBX-STOCK-LOCKED", None]
    assert set_price(ana, "M-METADE").json()["results"][0]["status"] == "ok"


def test_a_price_may_drift_once(ana: Seller) -> None:
    ana.publish(mug("M-DESVIO"))
    assert set_price(ana, "M-DESVIO", "100.00").json()["results"][0]["status"] == "ok"
    assert ana.read("M-DESVIO")["price"] == "110.00"
    set_price(ana, "M-DESVIO", "100.00")
    assert ana.read("M-DESVIO")["price"] == "100.00"


def test_a_price_may_have_to_fall_in_steps(ana: Seller) -> None:
    ana.publish(mug("M-DEGRAU", price="100.00", list_price="100.00"))
    assert set_price(ana, "M-DEGRAU", "59.99").json()["results"][0]["code"] == "SBX-PRICE-CUT"
    assert set_price(ana, "M-DEGRAU", "60.00").json()["results"][0]["status"] == "ok"


def test_an_order_may_come_twice_on_its_page_and_again_on_the_next(ana: Seller) -> None:
    ana.publish(mug("M-DUPLO"))
    first, second = ana.order("M-DUPLO"), ana.order("M-DUPLO")
    page = ana.call("GET", "/v1/orders?limit=1").json()
    assert [order["id"] for order in page["orders"]] == [first["id"]] * 2
    page = ana.call("GET", f"/v1/orders?cursor={page['cursor']}").json()
    assert [order["id"] for order in page["orders"]] == [first["id"], second["id"], second["id"]]
    assert ana.call("GET", f"/v1/orders?cursor={page['cursor']}").json()["orders"] == []


# --- the fault queue --------------------------------------------------------------------------


def control(ana: Seller, path: str, body: Any = None, method: str = "POST") -> requests.Response:
    return requests.request(method, f"{ana.sim.url}/_control/{path}", json=body, timeout=5)


def test_a_fault_hits_its_path_as_often_as_told(ana: Seller) -> None:
    assert control(ana, "faults", {"match": PRICES, "method": "PUT", "times": 2}).status_code == 200
    assert ana.call("GET", "/v1/account").status_code == 200
    assert [set_price(ana, "M1").status_code for _ in range(3)] == [503, 503, 200]


def test_a_fault_may_come_after_the_effect(ana: Seller) -> None:
    ana.publish(mug("M1"))
    control(ana, "faults", {"status": 500, "after_commit": True, "headers": {"Retry-After": "9"}})
    lost = set_price(ana, "M1")
    assert (lost.status_code, lost.headers["Retry-After"]) == (500, "9")
    assert ana.read("M1")["price"] == "11.00"


def test_half_a_call_may_be_passed_over_without_a_word(ana: Seller) -> None:
    ana.publish(mug("M1"), mug("M2"), mug("M3"))
    items = [{"sku": sku, "quantity": 1} for sku in ("M1", "M2", "M3")]
    control(ana, "faults", {"kind": "half", "match": "/v1/stock"})
    answer = ana.call("PUT", "/v1/stock", {"items": items}).json()
    assert [result["sku"] for result in answer["results"]] == ["M1", "M3"]
    assert [ana.read(sku)["quantity"] for sku in ("M1", "M2", "M3")] == [1, 5, 1]


def test_half_an_answer_may_hide_what_took_effect(ana: Seller) -> None:
    ana.publish(mug("M1"), mug("M2"))
    items = [{"sku": sku, "quantity": 1} for sku in ("M1", "M2")]
    control(ana, "faults", {"kind": "half", "match": "/v1/stock", "after_commit": True})
    answer = ana.call("PUT", "/v1/stock", {"items": items}).json()
    assert [result["sku"] for result in answer["results"]] == ["M1"]
    assert ana.read("M2")["quantity"] == 1


def test_orders_may_come_backwards_and_twice(ana: Seller) -> None:
    ana.publish(mug("M1"))
    ids = [ana.order("M1")["id"] for _ in range(3)]
    control(ana, "faults", {"kind": "muddle", "match": "/v1/orders"})
    answer = ana.call("GET", "/v1/orders").json()
    assert [order["id"] for order in answer["orders"]] == [ids[2], *reversed(ids)]
    assert [order["id"] for order in ana.call("GET", "/v1/orders").json()["orders"]] == ids


@pytest.mark.parametrize(
    "body", [{"kind": "magic"}, {"status": 99}, {"match": "v1"}, {"times": "x"}, {"when": 1}, 7]
)
def test_a_fault_of_another_form_is_refused(ana: Seller, body: Any) -> None:
    assert control(ana, "faults", body).status_code == 400
    assert ana.sim.stats()["faults_waiting"] == 0


def test_faults_can_be_called_off(ana: Seller) -> None:
    control(ana, "faults", {"times": 100})
    control(ana, "faults", method="DELETE")
    assert ana.call("GET", "/v1/account").status_code == 200


def test_no_web_page_reaches_the_controls(ana: Seller) -> None:
    answer = requests.post(f"{ana.sim.url}/_control/reset", headers={"Origin": ana.sim.url}, timeout=5)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "SBX-LOCAL")


def test_a_slow_call_does_not_hold_up_the_others(ana: Seller) -> None:
    ana.sim.add_fault(kind="slow", seconds=1.0, match="/v1/categories")
    slow = requests.Session()
    with slow:
        started = time.monotonic()
        for _ in range(5):
            assert ana.call("GET", "/v1/account").status_code == 200
        assert time.monotonic() - started < 1
    assert ana.call("GET", "/v1/categories").status_code == 200


def test_the_controls_over_http_are_those_of_the_simulator(ana: Seller) -> None:
    made = control(ana, "accounts", {"name": "Nova", "api_key": "fixed"}).json()
    assert made == control(ana, "accounts", {"name": "Nova", "api_key": "fixed"}).json()
    ana.publish(mug("M1"))
    changed = control(ana, "set", {"account": ana.id, "sku": "M1", "price": 5, "quantity": 1}).json()
    assert (changed["price"], changed["quantity"]) == ("5.00", 1)
    assert control(ana, "set", {"account": ana.id, "sku": "M1", "price": 0}).status_code == 400
    assert (
        control(ana, "set", {"account": ana.id, "sku": "M1", "state": "absent"}).json()["state"] == "absent"
    )
    shown = control(ana, f"listings?account={ana.id}&page=1&size=1", method="GET").json()
    assert (shown["total"], shown["listings"][0]["sku"]) == (1, "M1")
    assert control(ana, f"log?account={ana.id}&sku=M1&kind=price", method="GET").json()["log"]
    assert control(ana, "settings", {"rate_per_second": 7, "webhooks": "lost"}).json()["rate_per_second"] == 7
    for wrong in ({"speed": 1}, {"webhooks": "maybe"}, {"rate_per_second": -1}, {"auto_approve": 1}, []):
        assert control(ana, "settings", wrong).status_code == 400
    stats = control(ana, "stats", method="GET").json()
    assert (stats["listings"], stats["calls"]["POST /v1/loads 202"]) == ({"absent": 1}, 1)
    order = ana.order("X", lines=[{"sku": "X", "price": 1, "quantity": 1}], take_stock=False)
    assert control(ana, f"orders/{order['id']}/approve").json()["status"] == "approved"
    assert control(ana, f"orders/{order['id']}/cancel").json()["status"] == "canceled"
    assert control(ana, "orders/nope/cancel").status_code == 404
    assert control(ana, f"orders?account={ana.id}", method="GET").json()["total"] == 1
    assert control(ana, "revoke", {"api_key": "fixed"}).json()["revoked"] is True
    control(ana, "reset")
    assert ana.sim.stats()["listings"] == {}
    assert ana.call("GET", "/v1/account").status_code == 200
    assert ana.sim.stats()["catalogue"] > 30
