"""One quantity a call, the call ERPs make all day, beside a bare Django view with the same UPDATE."""

from __future__ import annotations

import itertools
from functools import partial

from benchmarks import clients
from benchmarks.hub import web
from benchmarks.shop import open_shop, tidy
from benchmarks.table import Row, Target, alternately, percentile

NAME = "single"
CALLS = 4_000
CONNECTIONS = 8


def run(rounds: int) -> list[Row]:
    """Measure PUT /products/{sku} with a quantity, over connections that stay open."""
    shop = open_shop()
    simple = [one["sku"] for one in shop.products if not one.get("variations")]
    values = itertools.count(1)
    slowest: dict[str, list[float]] = {"bare": [], "inside": [], "hub": []}
    tidy()

    def measured(port: int, whose: str) -> float:
        turn = next(values)
        requests = []
        for place in range(CALLS):
            sku = simple[(turn * CALLS + place) % len(simple)]
            path = f"/products/{sku}" if whose == "hub" else f"/{whose}/{shop.seller.pk}/stock/{sku}"
            body = {"product": {"qty": (turn + place) % 200 + 1}}
            requests.append(clients.request("PUT", path, shop.headers if whose == "hub" else {}, body))
        driven = clients.senders(port, [requests[one::CONNECTIONS] for one in range(CONNECTIONS)])
        slowest[whose].append(percentile(driven.latencies, 99) * 1000)
        return CALLS / driven.seconds

    with web() as port:
        for whose in slowest:
            measured(port, whose)
        found = alternately(rounds, {whose: partial(measured, port, whose) for whose in slowest})
    p99 = {whose: percentile(figures, 50) for whose, figures in slowest.items()}
    slowest_calls = f"p99 {p99['hub']:.0f} ms, of the views {p99['bare']:.0f} and {p99['inside']:.0f} ms"
    return [
        Row(
            "single stock PUT beside a bare view without middleware",
            "calls/s",
            found["hub"],
            found["bare"],
            Target(0.7),
            note=f"{CONNECTIONS} connections; {slowest_calls}",
        ),
        Row("the same beside one behind the hub's middleware", "calls/s", found["hub"], found["inside"]),
    ]
