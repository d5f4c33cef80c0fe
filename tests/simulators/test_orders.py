"""Orders: the feed, the way to delivered, second thoughts, the marketplace's own carrier."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import requests

from tests.simulators.lab import Seller, mug, nfe_key

WHEN = "2026-11-20T12:00:00-03:00"


def act(ana: Seller, order: dict[str, Any], action: str, **body: Any) -> requests.Response:
    return ana.call("POST", f"/v1/orders/{order['id']}/{action}", body)


def status(ana: Seller, order: dict[str, Any]) -> str:
    return str(ana.call("GET", f"/v1/orders/{order['id']}").json()["status"])


def approved(ana: Seller, sku: str = "M1", **more: Any) -> dict[str, Any]:
    ana.publish(mug(sku))
    order = ana.order(sku, **more)
    assert act(ana, order, "accept").status_code == 200
    ana.clock.advance(1)
    assert status(ana, order) == "approved"
    return order


def code(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_payment_is_approved_a_moment_after_the_seller_accepts(ana: Seller) -> None:
    ana.publish(mug("M1"))
    order = ana.order("M1")
    assert status(ana, order) == "new"
    assert act(ana, order, "accept").json()["status"] == "awaiting_payment"
    ana.clock.advance(0.5)
    assert status(ana, order) == "awaiting_payment"
    ana.clock.advance(0.5)
    assert status(ana, order) == "approved"
    assert act(ana, order, "accept").status_code == 200
    assert status(ana, order) == "approved"


def test_approval_may_wait_for_a_word(ana: Seller) -> None:
    ana.sim.change_settings(auto_approve=False)
    ana.publish(mug("M1"))
    order = ana.order("M1")
    act(ana, order, "accept")
    ana.clock.advance(3600)
    assert status(ana, order) == "awaiting_payment"
    assert ana.sim.approve_order(order["id"])["status"] == "approved"


def test_every_change_gets_a_new_place_in_the_feed(ana: Seller) -> None:
    ana.publish(mug("M1"))
    first, second = ana.order("M1"), ana.order("M1")
    page = ana.call("GET", "/v1/orders?limit=1").json()
    assert ([order["id"] for order in page["orders"]], page["has_more"]) == ([first["id"]], True)
    act(ana, first, "accept")
    page = ana.call("GET", f"/v1/orders?cursor={page['cursor']}").json()
    assert [order["id"] for order in page["orders"]] == [second["id"], first["id"]]
    sequences = [order["sequence"] for order in page["orders"]]
    assert sequences == sorted(set(sequences))
    assert (page["cursor"], page["has_more"]) == (str(sequences[-1]), False)


def test_orders_are_their_own_accounts_affair(ana: Seller, beto: Seller) -> None:
    ana.publish(mug("M1"))
    order = ana.order("M1")
    assert beto.call("GET", "/v1/orders").json()["orders"] == []
    assert code(act(beto, order, "accept")) == (404, "SBX-ORDER-UNKNOWN")
    assert status(ana, order) == "new"


def test_an_invoice_is_checked_and_taken_once(ana: Seller) -> None:
    order = approved(ana)
    wrong = nfe_key()[:-1] + str((int(nfe_key()[-1]) + 1) % 10)
    for key in (wrong, "1" * 43, "abc"):
        assert code(act(ana, order, "invoice", key=key, issued_at=WHEN)) == (422, "SBX-INVOICE-KEY")
    for _ in range(2):
        assert act(ana, order, "invoice", key=nfe_key(), issued_at=WHEN).json()["status"] == "invoiced"
    other = act(ana, order, "invoice", key=nfe_key(2), issued_at=WHEN)
    assert code(other) == (409, "SBX-ORDER-INVOICED")


def test_steps_out_of_turn_are_refused(ana: Seller) -> None:
    ana.publish(mug("M1"))
    order = ana.order("M1")
    assert code(act(ana, order, "invoice", key=nfe_key(), issued_at=WHEN)) == (409, "SBX-ORDER-STATE")
    assert code(act(ana, order, "shipment", code="E1", shipped_at=WHEN)) == (409, "SBX-ORDER-STATE")
    assert code(act(ana, order, "delivery", delivered_at=WHEN)) == (409, "SBX-ORDER-STATE")


def test_a_delivery_is_shipped_once_and_then_delivered(ana: Seller) -> None:
    order = approved(ana)
    act(ana, order, "invoice", key=nfe_key(), issued_at=WHEN)
    note = {"code": "E1", "shipped_at": WHEN, "tracking_code": "BR1", "items": [{"sku": "M1", "quantity": 1}]}
    for _ in range(2):
        assert act(ana, order, "shipment", **note).json()["status"] == "shipped"
    again = act(ana, order, "shipment", **{**note, "tracking_code": "BR2"})
    assert code(again) == (409, "SBX-DELIVERY-SHIPPED")
    for _ in range(2):
        assert act(ana, order, "delivery", delivered_at=WHEN).json()["status"] == "delivered"
    assert code(act(ana, order, "delivery", delivered_at="2026-11-21T00:00:00Z")) == (
        409,
        "SBX-ORDER-ALREADY",
    )
    assert code(act(ana, order, "cancel", reason="x")) == (409, "SBX-ORDER-STATE")


def test_no_delivery_of_an_order_is_empty(ana: Seller) -> None:
    ana.publish(mug("M-ENTREGAS"))
    assert len(ana.order("M-ENTREGAS", 2)["deliveries"]) == 1
    lines = [{"sku": sku, "quantity": 1, "price": 5} for sku in ("A", "B", "C-ENTREGAS")]
    for asked, made in ((0, 2), (2, 2), (3, 3), (9, 3)):
        order = {"account": ana.id, "lines": lines, "deliveries": asked, "take_stock": False}
        (told,) = ana.sim.create_orders([order])
        assert len(told["deliveries"]) == made
        assert {item["delivery_id"] for item in told["items"]} == {one["id"] for one in told["deliveries"]}


def test_an_order_in_two_deliveries_is_shipped_when_both_are(ana: Seller) -> None:
    ana.publish(mug("M-ENTREGAS"))
    lines = [{"sku": sku, "quantity": 1, "price": 5} for sku in ("M-ENTREGAS", "M2")]
    bought = {"account": ana.id, "lines": lines, "take_stock": False, "status": "approved"}
    (order,) = ana.sim.create_orders([bought])
    act(ana, order, "invoice", key=nfe_key(), issued_at=WHEN)
    first, second = (delivery["id"] for delivery in order["deliveries"])
    sent = act(ana, order, "shipment", code="E1", shipped_at=WHEN, delivery_id=first).json()
    assert (sent["status"], [one["status"] for one in sent["deliveries"]]) == (
        "invoiced",
        ["shipped", "pending"],
    )
    assert code(act(ana, order, "shipment", code="E", shipped_at=WHEN, delivery_id="x")) == (
        404,
        "SBX-DELIVERY-UNKNOWN",
    )
    sent = act(ana, order, "shipment", code="E2", shipped_at=WHEN, delivery_id=second).json()
    assert sent["status"] == "shipped"


def test_the_marketplaces_carrier_moves_its_own_parcels(ana: Seller) -> None:
    order = approved(ana, "M-FRETE")
    assert order["deliveries"][0]["carrier_owned"] is True
    act(ana, order, "invoice", key=nfe_key(), issued_at=WHEN)
    assert code(act(ana, order, "shipment", code="E1", shipped_at=WHEN)) == (409, "SBX-CARRIER-OWNED")
    ana.clock.advance(5)
    shipped = ana.call("GET", f"/v1/orders/{order['id']}").json()
    assert shipped["status"] == "shipped"
    assert shipped["deliveries"][0]["shipment"]["tracking_code"]
    ana.clock.advance(5)
    assert status(ana, order) == "delivered"


def test_the_seller_may_cancel_with_a_reason(ana: Seller) -> None:
    order = approved(ana)
    assert code(act(ana, order, "cancel")) == (400, "SBX-FIELD-REQUIRED")
    for _ in range(2):
        answer = act(ana, order, "cancel", reason="Sem estoque").json()
        assert (answer["status"], answer["cancellation"]["by"]) == ("canceled", "seller")
    assert code(act(ana, order, "accept")) == (409, "SBX-ORDER-CANCELED")


def test_a_customer_may_change_their_mind(ana: Seller) -> None:
    order = approved(ana, "M-DESISTE")
    ana.clock.advance(1)
    assert status(ana, order) == "canceled"
    refused = act(ana, order, "invoice", key=nfe_key(), issued_at=WHEN)
    assert code(refused) == (409, "SBX-ORDER-CANCELED")
    assert code(act(ana, order, "cancel", reason="x")) == (409, "SBX-ORDER-ALREADY")


def test_buying_takes_the_units_and_stops_when_they_are_gone(ana: Seller) -> None:
    ana.publish(mug("M1", quantity=3))
    ana.order("M1", 2)
    assert ana.read("M1")["quantity"] == 1
    basket = {"lines": [{"account": ana.id, "sku": "M1", "quantity": 2}]}
    refused = requests.post(ana.sim.url + "/_control/orders", json=basket, timeout=5)
    assert code(refused) == (409, "SBX-SOLD-OUT")
    assert (ana.read("M1")["quantity"], ana.sim.orders(ana.id)["total"]) == (1, 1)


def test_two_buyers_of_the_last_unit_make_one_order(ana: Seller) -> None:
    listing = ana.publish(mug("M1", quantity=1))["M1"]["listing_id"]
    answers: list[int] = []
    start = threading.Barrier(8)

    def buy() -> None:
        start.wait()
        where = f"{ana.sim.url}/p/{listing}/comprar"
        answers.append(
            requests.post(where, data={"quantity": "1"}, timeout=10, allow_redirects=False).status_code
        )

    buyers = [threading.Thread(target=buy) for _ in range(8)]
    for buyer in buyers:
        buyer.start()
    for buyer in buyers:
        buyer.join()
    # Those who come late see that it is sold out; the page itself is still there.
    assert sorted(answers) == [303] + [409] * 7
    assert (ana.sim.orders(ana.id)["total"], ana.read("M1")["quantity"]) == (1, 0)


def test_an_order_made_in_bulk_may_say_everything(ana: Seller) -> None:
    (order,) = ana.sim.create_orders(
        [
            {
                "account": ana.id,
                "lines": [{"sku": "X1", "quantity": 3, "price": "10.10"}, {"sku": "X2", "price": "0.70"}],
                "customer": {"name": "Zé da Silva", "document": "52998224725"},
                "address": {"zip": "01310100", "city": "São Paulo", "state": "SP"},
                "shipping_cost": "10.01",
                "discount": "2.00",
                "interest": "1.00",
                "payment_method": "boleto",
                "placed_at": 1_500_000_000,
                "deliveries": 2,
                "take_stock": False,
            }
        ]
    )
    assert order["total"] == "40.01"
    assert (order["customer"]["document"], order["shipping_address"]["recipient"]) == (
        "52998224725",
        "Zé da Silva",
    )
    assert order["created_at"] == "2017-07-13T23:40:00.000-03:00"
    assert [item["shipping_cost"] for item in order["items"]] == ["5.01", "5.00"]
    assert len({item["delivery_id"] for item in order["items"]}) == 2
    assert order["payments"][0] | {"method": "boleto", "value": "40.01"} == order["payments"][0]


def test_a_basket_with_two_sellers_is_two_orders(ana: Seller, beto: Seller) -> None:
    lines = [{"account": who, "sku": "X", "price": 5} for who in (ana.id, beto.key, ana.id)]
    body = {"lines": lines, "take_stock": False}
    made = requests.post(ana.sim.url + "/_control/orders", json=body, timeout=5).json()["orders"]
    assert len(made) == 2
    assert [seller.sim.orders(seller.id)["total"] for seller in (ana, beto)] == [1, 1]


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"lines": []},
        {"lines": [{"sku": "X"}]},
        {"account": "nobody", "lines": [{"sku": "X", "price": 1}]},
        {"lines": [{"sku": "M1", "quantity": 0}]},
        {"lines": [{"sku": "M1", "quantity": -3}]},
        {"lines": [{"sku": "M1"}], "status": "delivered"},
        {"lines": [{"sku": "M1"}], "placed_at": 1e300},
        {"lines": [{"sku": "M1"}], "customer": {"name": 7}},
        {"lines": [{"sku": "M1"}], "address": "here"},
        {"lines": [{"sku": "M1"}], "colour": "blue"},
        {"lines": [{"sku": "M1"}], "deliveries": 10**9},
        {"lines": [7]},
    ],
)
def test_an_order_of_another_form_is_refused(ana: Seller, order: dict[str, Any]) -> None:
    ana.publish(mug("M1"))
    body = {"orders": [{"account": ana.id, **order}]}
    answer = requests.post(ana.sim.url + "/_control/orders", json=body, timeout=5)
    assert answer.status_code in (400, 404, 409), answer.text
    assert ana.sim.orders(ana.id)["total"] == 0
