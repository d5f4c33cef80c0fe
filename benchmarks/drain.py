"""Draining 100,000 changed prices: the part of a limit that is used, and items per second without one."""

from __future__ import annotations

import statistics
import threading
import time

import requests

from benchmarks.table import Row, Target
from tests.processes import running
from tests.scenarios.stage import Place, Seller, Wanted, on_sale

NAME = "drain"
CHANGES, EACH, ACCOUNTS = 100_000, 10, 2
"""Prices that change, variations of a product, accounts: the sandbox lets each make 50 calls a second."""
BATCH = 100
RATE = 20
"""Calls per second and account, where calls are limited."""
SECONDS = 10
"""How long the use of a limit, and the bare clients, are watched."""
SHIPPED = {"HUB_PG_CONF": ""}
"""PostgreSQL with its own settings: on the disk, as it is shipped."""


def run(rounds: int) -> list[Row]:
    """Measure on one running hub: its workers, its database and the sandbox share the machine."""
    with running(SHIPPED) as product:
        wanted = {"Ana": Wanted(ACCOUNTS, CHANGES // EACH // ACCOUNTS, EACH)}
        with on_sale(product, wanted) as place:
            ana = place.sellers["Ana"]
            place.limit()
            bare, free = [], []
            for _ in range(rounds):
                bare.append(_bare(place, ana))
                free.append(_drained(place, ana))
            limited = statistics.median(_limited(place, ana) for _ in range(rounds))
    rate = statistics.median(free)
    note = f"{CHANGES:,} prices of {ACCOUNTS} accounts, batches of {BATCH}, two workers"
    beside = "two clients that send the same batches to the same sandbox and do nothing else"
    return [
        Row("a limit's use", "calls/s", limited, RATE, Target(0.9), "one account, more due than it may send"),
        Row("prices drained without a limit", "items/s", rate, None, Target(5_000), note),
        Row("the same beside bare clients", "items/s", rate, statistics.median(bare), None, beside),
    ]


def _bare(place: Place, ana: Seller) -> float:
    """Items per second that bare clients, one for each account, get rid of."""
    until = time.monotonic() + SECONDS / 2
    sent = [0] * len(ana.keys)

    def send(number: int) -> None:
        with requests.Session() as session:
            session.headers["Authorization"] = f"ApiKey {ana.keys[number]}"
            product = 0
            while time.monotonic() < until:
                items = [
                    {
                        "sku": f"{ana.accounts[number]}-N{(product + i // EACH) % 1000 + 1}-{i % EACH + 1}",
                        "price": "55.00",
                        "list_price": "55.00",
                    }
                    for i in range(BATCH)
                ]
                product += BATCH // EACH
                answer = session.put(f"{place.product.sandbox_url}/v1/prices", json={"items": items})
                answer.raise_for_status()
                sent[number] += len(answer.json()["results"])

    threads = [threading.Thread(target=send, args=[number]) for number in range(len(ana.keys))]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(sent) / (time.monotonic() - began)


def _drained(place: Place, ana: Seller) -> float:
    """Items per second, from the moment the lanes may run until nothing is due."""
    place.change_prices(ana)
    began = time.monotonic()
    place.resume()
    while place.is_price_due(ana):
        time.sleep(0.1)
    return CHANGES / (time.monotonic() - began)


def _limited(place: Place, ana: Seller) -> float:
    """Calls per second of one account that arrive, where so many are allowed."""
    place.limit(account=RATE)
    place.change_prices(ana)
    after = place.newest_call()
    place.resume(ana.connections[:1])
    place.wait_for_calls(after, RATE // 2, 30)
    began = time.time()
    time.sleep(SECONDS)
    calls = [one for one in place.calls(after) if began <= one["at"] < began + SECONDS]
    assert all(one["is_allowed"] for one in calls), "the marketplace refused calls"
    place.pause(ana.connections)
    place.limit()
    return len(calls) / SECONDS
