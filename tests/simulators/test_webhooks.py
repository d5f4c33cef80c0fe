"""Webhooks: signed, retried, lost, and never the only way to learn something."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from marketplaces.adapters.sandbox import SandboxCredentials
from marketplaces.adapters.sandbox.adapter import SandboxAdapter
from tests.simulators.lab import Seller, mug


class Ear(HTTPServer):
    """Listens for webhooks and answers with the statuses it is given, then 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.url = f"http://127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Ear

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((dict(self.headers), body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.send_header("Location", self.server.url)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def ear() -> Iterator[Ear]:
    with Ear() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def wait_for(said: Callable[[], object]) -> None:
    until = time.monotonic() + 5
    while not said():
        assert time.monotonic() < until, "nothing happened"
        time.sleep(0.01)


def test_a_new_order_is_told_with_a_signature_the_adapter_trusts(ana: Seller, ear: Ear) -> None:
    adapter = SandboxAdapter(
        SandboxCredentials(ana.key, ana.secret), base_url=ana.sim.url, allow_private=True, now=ana.clock
    )
    adapter.subscribe(ear.url)
    adapter.subscribe(ear.url)
    ana.publish(mug("M1"))
    wait_for(lambda: len(ear.heard) == 1)
    order = ana.order("M1")
    wait_for(lambda: len(ear.heard) == 2)
    hints = [adapter.read_hint(headers, body) for headers, body in ear.heard]
    assert [hint.about for hint in hints] == ["listings", "orders"]
    assert hints[1].remote_ids == (order["id"],)
    assert json.loads(ear.heard[1][1])["account_id"] == ana.id


def test_a_webhook_nobody_took_comes_again_later_and_later(ana: Seller, ear: Ear) -> None:
    ana.call("PUT", "/v1/webhook", {"url": ear.url})
    ear.statuses = [500, 302, 404]
    ana.order("X", lines=[{"sku": "X", "price": 1, "quantity": 1}], take_stock=False)
    for heard, pause in ((1, 1), (2, 4), (3, 16)):
        wait_for(lambda heard=heard: len(ear.heard) == heard)
        wait_for(lambda heard=heard: ana.sim.stats()["calls"].get("webhook failed 0") == heard)
        ana.clock.advance(pause - 0.1)
        time.sleep(0.2)
        assert len(ear.heard) == heard
        ana.clock.advance(0.1)
    wait_for(lambda: len(ear.heard) == 4)
    wait_for(lambda: ana.sim.stats()["webhooks_waiting"] == 0)


def test_a_webhook_is_given_up_in_the_end(ana: Seller, ear: Ear) -> None:
    ana.call("PUT", "/v1/webhook", {"url": ear.url})
    ear.statuses = [500] * 50
    ana.order("X", lines=[{"sku": "X", "price": 1, "quantity": 1}], take_stock=False)
    for heard in range(1, 6):
        wait_for(lambda heard=heard: len(ear.heard) == heard)
        wait_for(lambda heard=heard: ana.sim.stats()["calls"].get("webhook failed 0") == heard)
        ana.clock.advance(10_000)
    wait_for(lambda: ana.sim.stats()["webhooks_waiting"] == 0)
    assert len(ear.heard) == 5


def test_webhooks_may_be_held_back_or_lost_but_the_feed_knows(ana: Seller, ear: Ear) -> None:
    ana.call("PUT", "/v1/webhook", {"url": ear.url})
    line = {"lines": [{"sku": "X", "price": 1, "quantity": 1}], "take_stock": False}
    ana.sim.change_settings(webhooks="lost")
    ana.order("X", **line)
    ana.sim.change_settings(webhooks="off")
    second = ana.order("X", **line)
    assert ana.sim.stats()["webhooks_waiting"] == 1
    assert ear.heard == []
    ana.sim.change_settings(webhooks="on")
    wait_for(lambda: len(ear.heard) == 1)
    assert json.loads(ear.heard[0][1])["ids"] == [second["id"]]
    assert len(ana.call("GET", "/v1/orders").json()["orders"]) == 2


def test_many_new_orders_are_told_a_hundred_at_a_time(ana: Seller, ear: Ear) -> None:
    ana.call("PUT", "/v1/webhook", {"url": ear.url})
    line = {"account": ana.id, "lines": [{"sku": "X", "price": 1}], "take_stock": False}
    ana.sim.create_orders([line] * 250)
    wait_for(lambda: len(ear.heard) == 3)
    assert [len(json.loads(body)["ids"]) for _, body in ear.heard] == [100, 100, 50]


def test_a_webhook_needs_a_web_address(ana: Seller) -> None:
    for url in ("ftp://a.b", "nonsense", "http://", "http://a b"):
        assert ana.call("PUT", "/v1/webhook", {"url": url}).status_code == 400
    assert ana.call("PUT", "/v1/webhook", {"url": None}).json() == {"url": ""}
