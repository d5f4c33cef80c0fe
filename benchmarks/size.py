"""The cost of one changed quantity, with 10,000 and with 1,000,000 variations on sale."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import connection as database
from django.utils import timezone

from benchmarks.hub import prepared
from benchmarks.table import Row, Target
from catalog import services
from hub.models import Seller
from marketplaces import engine, ledger
from marketplaces.contract import Facet
from marketplaces.models import Connection, Lane, Marketplace, Pace
from tests import bulk

NAME = "size"
EACH = 20
SMALL, LARGE = 10_000, 1_000_000
CHANGES = 200
"""Single changes of which the median is taken, spread over the catalogue."""
BATCH = 100


def run(rounds: int) -> list[Row]:
    """Grow a catalogue and measure the same steps before and after."""
    prepared()
    seller = Seller.objects.create(name="Loja grande")
    marketplace, _made = Marketplace.objects.get_or_create(key="sandbox", defaults={"name": "Sandbox"})
    connection = Connection.objects.create(seller=seller, marketplace=marketplace, name="Sandbox")
    Pace.objects.create(connection=connection)
    Lane.objects.bulk_create(Lane(connection=connection, kind=kind) for kind in Lane.Kind.values)
    _grow(seller, connection, "A", SMALL)
    small = _measure(seller, connection, rounds, SMALL, "A")
    _grow(seller, connection, "B", LARGE - SMALL)
    large = _measure(seller, connection, rounds, LARGE - SMALL, "B")
    notes = {
        "one changed quantity": "through the service, with the trigger that marks it and the commit",
        "a sweep that finds nothing": "the dispatcher's look for lanes with something to do",
        "a sweep that finds a lane": "the same, with one quantity due",
        "a batch, claimed and confirmed": "100 quantities: taken, written down as sent, confirmed",
    }
    return [
        Row(name, "ms", large[name] * 1000, small[name] * 1000, Target(1.2, at_most=True), note)
        for name, note in notes.items()
    ]


def _grow(seller: Seller, connection: Connection, prefix: str, variations: int) -> None:
    database.ensure_connection()
    bulk.put_on_sale(
        database.connection,
        seller_id=seller.pk,
        connection_id=connection.pk,
        prefix=prefix,
        products=variations // EACH,
        each=EACH,
    )
    with database.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")


def _measure(
    seller: Seller, connection: Connection, rounds: int, variations: int, prefix: str
) -> dict[str, float]:
    step = variations // EACH // (CHANGES * (rounds + 1))
    numbers = itertools.cycle(range(1, variations // EACH + 1, max(1, step)))
    found: dict[str, list[float]] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        answer = work()
        found.setdefault(name, []).append(time.perf_counter() - began)
        return answer

    quantity = bulk.QUANTITY
    for number in range(rounds + 1):
        if number == 1:
            found.clear()  # the first round warms up
        for _ in range(CHANGES):
            quantity += 1
            sku = f"{prefix}{next(numbers)}-1"
            timed("a sweep that finds nothing", lambda: engine.due_lanes(timezone.now()))
            items = [{"sku": sku, "qty": quantity}]
            timed("one changed quantity", partial(services.set_stock, seller.pk, items))
            lanes = timed("a sweep that finds a lane", lambda: engine.due_lanes(timezone.now()))
            assert lanes
            _settle(ledger.take_due(connection.pk, Facet.STOCK, BATCH))
        for _ in range(10):
            many = [{"sku": f"{prefix}{n}-2", "qty": quantity} for n in range(1, BATCH + 1)]
            quantity += 1
            services.set_stock(seller.pk, many)
            timed(
                "a batch, claimed and confirmed",
                lambda: _settle(ledger.take_due(connection.pk, Facet.STOCK, BATCH)),
            )
    return {name: statistics.median(times) for name, times in found.items()}


def _settle(dues: list[ledger.Due]) -> None:
    rows = [(due.listing_id, due.version, str(due.quantity)) for due in dues]
    ledger.mark_sent(Facet.STOCK, rows)
    ledger.confirm(Facet.STOCK, rows)
