"""One quantity a call, the call ERPs make all day, beside a bare Django view with the same UPDATE."""

from __future__ import annotations

import itertools

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
    slowest: dict[str, list[float]] = {"/bare": [], "": []}
    tidy()

    def measured(port: int, prefix: str) -> float:
        turn = next(values)
        requests = []
        for place in range(CALLS):
            sku = simple[(turn * CALLS + place) % len(simple)]
            path = f"/bare/{shop.seller.pk}/stock/{sku}" if prefix else f"/products/{sku}"
            body = {"product": {"qty": (turn + place) % 200 + 1}}
            requests.append(clients.request("PUT", path, {} if prefix else shop.headers, body))
        driven = clients.senders(port, [requests[one::CONNECTIONS] for one in range(CONNECTIONS)])
        slowest[prefix].append(percentile(driven.latencies, 99) * 1000)
        return CALLS / driven.seconds

    with web() as port:
        measured(port, ""), measured(port, "/bare")
        found = alternately(
            rounds, {"bare": lambda: measured(port, "/bare"), "hub": lambda: measured(port, "")}
        )
    p99 = {prefix or "hub": percentile(figures, 50) for prefix, figures in slowest.items()}
    return [
        Row(
            "single stock PUT",
            "calls/s",
            found["hub"],
            found["bare"],
            Target(0.7),
            note=f"{CONNECTIONS} connections; p99 {p99['hub']:.0f} ms, bare {p99['/bare']:.0f} ms",
        )
    ]
