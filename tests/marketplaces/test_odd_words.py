"""A marketplace's words may hold what no database keeps: a text cut in the middle of an emoji, a NUL."""

from __future__ import annotations

import pytest
from django.utils import timezone

from marketplaces import services
from marketplaces.models import Exchange, Lane, Submission
from orders import services as ordering
from orders.models import Notice
from tests.marketplaces.shop import Shop, change_product, set_qty
from tests.orders.make import invoice_note
from tests.orders.test_lanes import buy, run, run_until_status, there

pytestmark = pytest.mark.django_db(transaction=True)

HALF = "O título “Panela \ud83d\x00"
KEPT = "O título “Panela \ufffd\ufffd"


def test_a_refused_load_says_why_and_the_load_behind_it_goes_on(shop: Shop) -> None:
    for sku in ("PAN-1", "PAN-2"):
        shop.sell(sku)
    error = {"code": "SBX-MODERATION-TITLE", "message": HALF, "field": "title"}
    refused = {"sku": "PAN-1", "status": "rejected", "listing_id": None, "url": None, "errors": [error]}
    body = {"load_id": "SBX-LD1", "status": "done", "poll_after_seconds": None, "results": [refused]}
    shop.sandbox.add_fault(
        match="/v1/loads/SBX-LD1", method="GET", kind="answer", status=200, times=100, body=body
    )
    for sku in ("PAN-1", "PAN-2"):
        chosen = shop.seller.variations.filter(sku=sku)
        services.start_load(connection=shop.connection, action="connect", variations=chosen)
        shop.run_lane("content")
    for _round in range(3):
        Submission.objects.update(next_poll_at=timezone.now())
        shop.run_lane("submissions")
        shop.run_lane("observe")

    assert (shop.listing("PAN-1").state, shop.listing("PAN-2").state) == ("error", "connected")
    assert [one.message for one in shop.issues("PAN-1")] == [KEPT]


@pytest.mark.parametrize(("path", "lane"), [("/v1/stock", "stock"), ("/v1/prices", "price")])
def test_a_refused_value_becomes_an_issue(shop: Shop, path: str, lane: str) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    result = {"sku": "PAN-1", "status": "error", "code": "SBX-X", "message": HALF}
    shop.sandbox.add_fault(match=path, kind="answer", status=200, times=100, body={"results": [result]})
    set_qty(variation, 3)
    change_product(variation, price="140.00")
    shop.run_lane(lane)

    assert [(one.code, one.message) for one in shop.issues("PAN-1")] == [("SBX-X", KEPT)]


def test_a_refused_notice_does_not_keep_the_others_back(shop: Shop) -> None:
    first, second = buy(shop, 2)
    approved = [run_until_status(shop, one, "APPROVED") for one in (first, second)]
    body = {"error": {"code": "SBX-X", "message": HALF}}
    shop.sandbox.add_fault(match=f"/v1/orders/{first}/", kind="answer", status=422, times=100, body=body)
    for order in approved:
        ordering.invoice(shop.seller, order.code, invoice=invoice_note())
    run(shop, 1)

    assert there(shop, second)["status"] == "invoiced"
    assert Notice.objects.get(action="invoice", order__remote_id=first).state == Notice.State.REFUSED


def test_a_lane_that_fails_with_it_keeps_the_conversation_and_backs_off(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    body = {"password": "hidden", "message": HALF}
    shop.sandbox.add_fault(match="/v1/stock", kind="answer", status=500, times=1, body=body)
    set_qty(variation, 3)
    shop.run_lane("stock")

    told = Exchange.objects.filter(status=500).get()
    assert "Panela" in told.response_body
    assert "hidden" not in told.response_body
    assert not {"\x00", "\ud83d"} & set(told.response_body)
    assert Lane.objects.get(connection=shop.connection, kind="stock").failures == 1
