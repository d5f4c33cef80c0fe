"""The course of time: whatever was to happen until now has happened."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from sqlite3 import Connection

from marketplaces.simulators.sandbox import loads, orders
from marketplaces.simulators.sandbox.market import Market


def settle(market: Market) -> None:
    """Bring the marketplace up to now: payments approved, parcels moved, loads decided.

    It goes in small transactions, so that other calls are answered in between.
    """
    now = market.now()
    while True:
        with market.store.transaction() as db:
            orders.settle(db, market, now)
            if not loads.settle_next(db, market, now):
                return


class Ticker(threading.Thread):
    """Settles a few times a second, so that a caller seldom has to; nothing depends on it."""

    def __init__(self, market: Market) -> None:
        super().__init__(name="sandbox-ticker", daemon=True)
        self._market = market
        self._ends = threading.Event()

    def stop(self) -> None:
        self._ends.set()
        self.join()

    def run(self) -> None:
        while not self._ends.wait(0.1):
            settle(self._market)


@contextmanager
def up_to_date(market: Market) -> Iterator[Connection]:
    """Open a transaction on the marketplace as it is now."""
    settle(market)
    with market.store.transaction() as db:
        yield db
