"""From an ERP's stock call to the marketplace: on an idle hub, and beside 300 such calls a second."""

from __future__ import annotations

import http.client
import json
import threading
import time
from typing import Any

from benchmarks.table import Row, Target, percentile
from tests.processes import running
from tests.scenarios.stage import Place, Seller, Wanted, on_sale

NAME = "arriving"
PRODUCTS = 6_000
IDLE_CALLS = 60
RATE, SECONDS, CLIENTS = 300, 10, 24
"""Calls per second under load, for how long, over how many connections that stay open."""
SHIPPED = {"HUB_PG_CONF": "", "HUB_RATE_LIMITS": "off"}


def run(rounds: int) -> list[Row]:
    """Measure on one running hub, with two workers, as it is shipped."""
    idle: list[float] = []
    busy: list[float] = []
    rates: list[float] = []
    with running(SHIPPED) as product, on_sale(product, {"Ana": Wanted(1, PRODUCTS)}) as place:
        ana = place.sellers["Ana"]
        place.limit()
        _one_by_one(place, ana, 1)
        for number in range(rounds):
            idle += _one_by_one(place, ana, 1000 + number)
        for number in range(max(1, rounds // 2)):
            seconds, rate = _under_load(place, ana, 2000 + number)
            busy += seconds
            rates.append(rate)
    load = f"{sum(rates) / len(rates):.0f} calls a second were answered, {CLIENTS} connections"
    return [
        Row("idle, p50", "ms", percentile(idle, 50) * 1000, None, Target(100, at_most=True)),
        Row("idle, p95", "ms", percentile(idle, 95) * 1000, None, Target(250, at_most=True)),
        Row("300 PUT/s, p50", "ms", percentile(busy, 50) * 1000),
        Row("300 PUT/s, p95", "ms", percentile(busy, 95) * 1000, None, Target(2000, at_most=True), load),
    ]


def _one_by_one(place: Place, ana: Seller, quantity: int) -> list[float]:
    sent: dict[tuple[str, str], float] = {}
    after = _newest(place, ana)
    for number in range(1, IDLE_CALLS + 1):
        sku = f"{ana.accounts[0]}-N{number}"
        sent[sku, str(quantity)] = time.time()
        _put(ana, _connection(place), sku, quantity)
        time.sleep(0.1)
    return _arrivals(place, ana, after, sent)


def _under_load(place: Place, ana: Seller, quantity: int) -> tuple[list[float], float]:
    """Every client has its share of the moments at which a call is due, and does not wait for the others."""
    sent: dict[tuple[str, str], float] = {}
    after = _newest(place, ana)
    began = time.time() + 0.2
    ended = [began] * CLIENTS

    def client(place_in_line: int) -> None:
        line = _connection(place)
        for number in range(place_in_line, RATE * SECONDS, CLIENTS):
            due = began + number / RATE
            time.sleep(max(0.0, due - time.time()))
            sku = f"{ana.accounts[0]}-N{number % PRODUCTS + 1}"
            # From when it was due: a client that is late because the hub is slow waits all the same.
            sent[sku, str(quantity)] = due
            _put(ana, line, sku, quantity)
        ended[place_in_line] = time.time()

    threads = [threading.Thread(target=client, args=[number]) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return _arrivals(place, ana, after, sent), RATE * SECONDS / (max(ended) - began)


def _connection(place: Place) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", int(place.product.url.rpartition(":")[2]), timeout=60)


def _put(ana: Seller, line: http.client.HTTPConnection, sku: str, quantity: int) -> None:
    body = json.dumps({"product": {"qty": quantity}})
    headers = {**ana.headers, "Host": "localhost", "Content-Type": "application/json"}
    line.request("PUT", f"/products/{sku}", body, headers)
    answer = line.getresponse()
    answer.read()
    assert answer.status < 300, answer.status


def _newest(place: Place, ana: Seller) -> int:
    return max((int(entry["number"]) for entry in _log(place, ana, 0)), default=0)


def _log(place: Place, ana: Seller, after: int) -> list[dict[str, Any]]:
    found = place.market._api.need(
        "GET", "/log", account=ana.accounts[0], kind="stock", after=after, size=50_000
    )
    return list(found["log"])


def _arrivals(place: Place, ana: Seller, after: int, sent: dict[tuple[str, str], float]) -> list[float]:
    """Seconds from each call to the moment its quantity was in force at the marketplace."""
    until = time.monotonic() + 30
    while True:
        arrived = {(str(one["sku"]), str(one["value"])): float(one["at"]) for one in _log(place, ana, after)}
        if all(key in arrived for key in sent):
            return [arrived[key] - moment for key, moment in sent.items()]
        assert time.monotonic() < until, "quantities did not arrive"
        time.sleep(0.2)
