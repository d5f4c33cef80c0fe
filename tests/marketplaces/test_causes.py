"""From the ERP's call to the marketplace's answer by one number, and no secret on the way."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from django.db import connection as database
from django.urls import reverse
from django.utils import timezone

from hub.models import ApiCall
from marketplaces import contract, engine
from marketplaces.models import Connection, Exchange, Lane, Passage, Sync
from marketplaces.pricing import Rule, Rules
from marketplaces.record import Record
from orders import queue
from tests.api.erp import Erp
from tests.api.server import serving
from tests.make import make_api_headers, make_category, make_member
from tests.marketplaces.shop import Shop, set_qty
from tests.portal.conftest import sign_in

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_number_of_a_call_leads_from_the_erp_to_the_marketplaces_answer(
    shop: Shop, tmp_path: Path
) -> None:
    shop.sell("PAN-1")
    shop.connect()
    headers = {**make_api_headers(shop.seller), "X-Request-Id": "erp-42"}
    log = tmp_path / "web.log"
    with serving(log, workers=1, HUB_LOG_FORMAT="json") as url:
        answer = requests.put(
            f"{url}/products/PAN-1", json={"product": {"qty": 3}}, headers=headers, timeout=30
        )
        assert (answer.status_code, answer.headers["X-Request-Id"]) == (204, "erp-42")
        until = time.monotonic() + 20
        while not ApiCall.objects.exists() and time.monotonic() < until:
            time.sleep(0.05)
    shop.settle()

    assert shop.sync("PAN-1", "stock").cause == "erp-42"
    assert shop.sync("PAN-1", "price").cause == ""
    kept = Passage.objects.filter(listing=shop.listing("PAN-1"), facet="stock").order_by("settled_at")
    assert [(one.value, one.cause) for one in kept] == [("10", ""), ("3", "erp-42")]
    (exchange,) = Exchange.objects.filter(causes__contains=["erp-42"])
    assert (exchange.lane, exchange.status, exchange.skus) == ("stock", 200, ["PAN-1"])
    assert shop.shown("PAN-1")["quantity"] == 3

    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line.get("request_id") == "erp-42"]
    assert (line["endpoint"], line["status"], line["seller"]) == ("/products/{sku}", 204, shop.seller.pk)
    assert headers["X-Api-Key"] not in log.read_text()

    browser = sign_in(make_member(shop.seller))
    listing = browser.get(reverse("portal:marketplaces_listing_change", args=[shop.listing("PAN-1").pk]))
    log_link = reverse("portal:hub_apicall_changelist") + "?q=erp-42"
    assert log_link in listing.content.decode()
    (found,) = browser.get(log_link).context["cl"].result_list
    page = browser.get(reverse("portal:hub_apicall_change", args=[found.pk])).content.decode()
    conversations = reverse("portal:marketplaces_exchange_changelist") + "?q=erp-42"
    assert conversations in page
    assert list(browser.get(conversations).context["cl"].result_list) == [exchange]
    shown = browser.get(reverse("portal:marketplaces_exchange_change", args=[exchange.pk])).content.decode()
    assert log_link in shown
    assert "PAN-1" in shown


def run_and_leave(lane_id: int) -> bool:
    """One run of a lane in a thread of its own."""
    try:
        return engine.run(lane_id)
    finally:
        database.close()


def test_a_value_on_its_way_keeps_its_call_though_a_newer_one_comes_in(shop: Shop) -> None:
    shop.sell("PAN-1")
    shop.connect()
    erp = Erp(shop.seller)
    erp.put("/products/PAN-1", {"product": {"qty": 3}}, **{"X-Request-Id": "first"})

    shop.sandbox.add_fault(match="/v1/stock", kind="slow", seconds=1)
    lane = Lane.objects.get(connection=shop.connection, kind="stock")
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(run_and_leave, lane.pk)
        until = time.monotonic() + 10
        while shop.sandbox.stats()["faults_waiting"] and time.monotonic() < until:
            time.sleep(0.02)
        erp.put("/products/PAN-1", {"product": {"qty": 4}}, **{"X-Request-Id": "second"})
        assert run.result(timeout=10)
    shop.settle()

    kept = Passage.objects.filter(listing=shop.listing("PAN-1"), facet="stock").order_by("settled_at")
    assert [(one.value, one.cause) for one in kept][1:] == [("3", "first"), ("4", "second")]


def test_a_bulk_call_marks_every_row_it_changed_and_no_other(shop: Shop) -> None:
    for sku in ("PAN-1", "PAN-2", "PAN-3"):
        shop.sell(sku, qty=1)
    shop.connect()
    erp = Erp(shop.seller)
    stock = [{"sku": "PAN-1", "qty": 5}, {"sku": "PAN-2", "qty": 1}]
    erp.put("/bulk/stock", {"items": stock}, **{"X-Request-Id": "bulk-1"})
    erp.put("/bulk/prices", {"items": [{"sku": "PAN-3", "price": 77}]}, **{"X-Request-Id": "bulk-2"})

    marked = Sync.objects.exclude(cause="").values_list("listing__variation__sku", "facet", "cause")
    assert sorted(marked) == [("PAN-1", "stock", "bulk-1"), ("PAN-3", "price", "bulk-2")]


def test_a_batch_names_every_call_it_carries(shop: Shop) -> None:
    for number in range(3):
        shop.sell(f"PAN-{number}")
    shop.connect()
    erp = Erp(shop.seller)
    for number in range(3):
        path = f"/products/PAN-{number}"
        erp.put(path, {"product": {"price": 50 + number}}, **{"X-Request-Id": f"call-{number % 2}"})
    shop.settle()

    (exchange,) = Exchange.objects.filter(lane="price").exclude(causes=[])
    assert sorted(exchange.skus) == ["PAN-0", "PAN-1", "PAN-2"]
    assert sorted(exchange.causes) == ["call-0", "call-1"]


def test_a_batch_decided_later_names_its_calls_where_the_decision_came(shop: Shop) -> None:
    shop.sell("PAN-1")
    shop.connect()
    Erp(shop.seller).put(
        "/products/PAN-1",
        {"product": {"name": "Panela de pressão nova 4,5 litros"}},
        **{"X-Request-Id": "words-1"},
    )
    shop.send_again("PAN-1")

    lanes = Exchange.objects.filter(causes=["words-1"], skus=["PAN-1"]).values_list("lane", flat=True)
    assert {"content", "submissions"} <= set(lanes)


def test_a_change_that_is_no_call_of_the_erp_has_no_cause(shop: Shop) -> None:
    pan = shop.sell("PAN-1")
    shop.connect()
    Erp(shop.seller).put("/products/PAN-1", {"product": {"qty": 3}}, **{"X-Request-Id": "call-1"})
    assert shop.sync("PAN-1", "stock").cause == "call-1"
    set_qty(pan, 9)
    assert shop.sync("PAN-1", "stock").cause == ""


def test_a_figure_that_accounts_for_an_order_names_its_call(shop: Shop) -> None:
    shop.sell("PAN-1", qty=10)
    shop.connect()
    line = {"sku": "PAN-1", "quantity": 2}
    (sold,) = shop.sandbox.create_orders(
        [{"account": shop.account["account_id"], "lines": [line], "status": "approved"}]
    )
    Lane.objects.filter(kind="orders").update(run_at=timezone.now())
    engine.run(Lane.objects.get(kind="orders").pk)
    queue.lease(shop.seller, 1)
    assert queue.acknowledge(shop.seller, f"{shop.connection.name}-{sold['id']}")
    shop.settle()
    assert shop.sync("PAN-1", "stock").cause == ""

    Erp(shop.seller).put("/products/PAN-1", {"product": {"qty": 10}}, **{"X-Request-Id": "figure-1"})

    assert shop.sync("PAN-1", "stock").cause == "figure-1"
    shop.settle()
    assert shop.shown("PAN-1")["quantity"] == 10
    (exchange,) = Exchange.objects.filter(causes=["figure-1"])
    assert (exchange.lane, exchange.skus) == ("stock", ["PAN-1"])


def test_a_call_that_moves_a_product_under_another_price_rule_is_behind_its_price(shop: Shop) -> None:
    shop.sell("PAN-1", price="100.00")
    make_category(shop.seller, "OFERTAS")
    shop.connect()
    shop.save_rules(Rules(categories={"OFERTAS": Rule(Decimal(-20))}))
    words = {"categories": [{"code": "OFERTAS", "name": "Ofertas"}]}
    Erp(shop.seller).put("/products/PAN-1", {"product": words}, **{"X-Request-Id": "moved-1"})
    assert shop.sync("PAN-1", "price").cause == "moved-1"


def test_rules_and_buffers_of_the_seller_are_no_call_of_the_erp(shop: Shop) -> None:
    shop.sell("PAN-1")
    shop.connect()
    words = {"product": {"qty": 7, "price": 99}}
    Erp(shop.seller).put("/products/PAN-1", words, **{"X-Request-Id": "call-1"})
    shop.settle()
    assert {shop.sync("PAN-1", facet).cause for facet in ("price", "stock")} == {"call-1"}

    shop.save_rules(Rules(Rule(Decimal(10))))
    Connection.objects.filter(pk=shop.connection.pk).update(stock_reserve=2)

    marked = Sync.objects.filter(due_at__isnull=False).values_list("facet", "cause")
    assert set(marked) == {("price", ""), ("stock", "")}


def test_a_step_down_names_the_call_behind_the_price(shop: Shop) -> None:
    shop.sell("PAN-1", price="100.00")
    shop.connect()
    shop.sandbox.change_settings(price_cut_limit=50)
    Erp(shop.seller).put("/products/PAN-1", {"product": {"price": 30}}, **{"X-Request-Id": "cut-1"})
    shop.settle()

    assert shop.shown("PAN-1")["price"] == "30.00"
    sent = Exchange.objects.filter(lane="price", method="PUT", causes=["cut-1"], skus=["PAN-1"])
    refused, *steps = sent.order_by("id")
    assert "30.00" in refused.request_body
    assert len(steps) == 2
    read = Exchange.objects.exclude(method="PUT").get(lane="price", skus=["PAN-1"])
    assert read.causes == ["cut-1"]


def test_a_conversation_cannot_bring_a_nul_into_the_record(shop: Shop) -> None:
    lane = Lane.objects.select_related("connection").get(connection=shop.connection, kind="stock")
    record = Record(lane)
    record.hear(contract.Exchange("GET", "http://x/", 200, timezone.now(), 0.1, "a\x00b", "c\x00d"))
    record.save()
    assert Exchange.objects.filter(request_body="a\ufffdb", response_body="c\ufffdd").exists()


def test_the_index_finds_conversations_by_sku_and_by_call(shop: Shop) -> None:
    with database.cursor() as cursor:
        # The list's order would have a table of a few rows read by its key.
        cursor.execute("SET enable_seqscan = off; SET enable_indexscan = off")
        try:
            plan: Any = Exchange.objects.filter(causes__contains=["x"]).explain()
        finally:
            cursor.execute("RESET enable_seqscan; RESET enable_indexscan")
    assert "marketplaces_exchange_about" in plan
