"""The course of time: whatever was to happen until now has happened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from sqlite3 import Connection

from marketplaces.simulators.sandbox import loads, orders
from marketplaces.simulators.sandbox.market import Market


def settle(market: Market) -> None:
    """Bring the marketplace up to now: payments approved, parcels moved, loads decided.

    A load is one transaction of its own, so that other calls are answered in between.
    """
    now = market.now()
    while True:
        with market.store.transaction() as db:
            orders.settle(db, market, now)
            if not loads.settle_next(db, market, now):
                return


@contextmanager
def up_to_date(market: Market) -> Iterator[Connection]:
    """Open a transaction on the marketplace as it is now."""
    settle(market)
    with market.store.transaction() as db:
        yield db
