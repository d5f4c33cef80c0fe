"""Four consumers empty the order queue, GET and DELETE one by one, beside bare SKIP LOCKED."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
from django.db import connection as database

from benchmarks import bare, clients
from benchmarks.hub import web
from benchmarks.shop import Shop, open_shop, tidy
from benchmarks.table import Row, Target, alternately
from marketplaces.contract import (
    Address,
    Customer,
    Delivery,
    OrderStatus,
    Payment,
    RemoteItem,
    RemoteOrder,
)
from orders import services

NAME = "queue"
ORDERS = 2_000
CONSUMERS = 4
BATCH = 200
PLACED = datetime(2026, 3, 2, 13, 30, tzinfo=UTC)
PUT_BACK = """
UPDATE orders_queueentry SET version = version + 1, hidden_until = NULL, waiting_since = now()
WHERE seller_id = %s AND version = acknowledged_version
"""
LEFT = "SELECT count(*) FROM orders_queueentry WHERE seller_id = %s AND version > acknowledged_version"


def run(rounds: int) -> list[Row]:
    """Measure how many orders a second all consumers take together; each order must be had exactly once."""
    shop = open_shop()
    fill(shop)
    headers, seller = shop.headers, shop.seller.pk
    take = clients.request("GET", "/queues/orders", headers)
    acknowledge = clients.request("DELETE", "/queues/orders/{code}", headers)
    bare_take = clients.request("GET", f"/bare/{seller}/queue", {})
    bare_acknowledge = clients.request("DELETE", "/bare/order/{code}", {})
    with web() as port:

        def over_http(take: bytes, acknowledge: bytes) -> float:
            driven = clients.consumers(port, CONSUMERS, take, acknowledge)
            assert len(driven.noted) == len(set(driven.noted)) == ORDERS, "an order was not had exactly once"
            return ORDERS / driven.seconds

        def emptied(consume: Callable[[], float]) -> float:
            put_back(shop)
            rate = consume()
            assert not left(shop), "orders were left behind"
            return rate

        found = alternately(
            rounds,
            {
                "sql": lambda: emptied(lambda: in_sql(seller)),
                "view": lambda: emptied(lambda: over_http(bare_take, bare_acknowledge)),
                "hub": lambda: emptied(lambda: over_http(take, acknowledge)),
            },
        )
    return [
        Row(
            "queue beside a bare view on the same server",
            "orders/s",
            found["hub"],
            found["view"],
            Target(0.4),
            note=f"{CONSUMERS} consumers, a GET and a DELETE each order, {ORDERS} orders, each had once",
        ),
        Row(
            "queue beside bare SQL",
            "orders/s",
            found["hub"],
            found["sql"],
            Target(0.4),
            note=f"{CONSUMERS} database connections, two statements an order, no HTTP at all",
        ),
    ]


def fill(shop: Shop) -> None:
    """Let the marketplace's orders come in as they do, so that each has its items, holds and queue entry."""
    for start in range(0, ORDERS, BATCH):
        names = range(start, start + BATCH)
        services.import_orders(shop.connection, [order(shop, number) for number in names])
    put_back(shop)
    assert left(shop) == ORDERS


def order(shop: Shop, number: int) -> RemoteOrder:
    """An order of two things for a person in Santos."""
    home = Address(full_name="Bia Lima", street="Rua A", number="10", city="Santos", region="SP")
    price = Decimal("55.20")
    items = tuple(
        RemoteItem(shop.skus[(number * 2 + place) % len(shop.skus)], 1, price, price, name="Anúncio")
        for place in range(2)
    )
    return RemoteOrder(
        remote_id=f"B{number}",
        status=OrderStatus.APPROVED,
        placed_at=PLACED,
        updated_at=PLACED,
        customer=Customer(name="Bia Lima", email="bia@example.com", vat_number="78732371683", phones=("13",)),
        billing_address=home,
        shipping_address=home,
        items=items,
        payments=(Payment("credit_card", price * 2, parcels=3),),
        deliveries=(
            Delivery("D1", method="PAC", carrier="Correios", dispatch_by=PLACED + timedelta(days=2)),
        ),
        total=price * 2,
        raw={"id": f"B{number}"},
    )


def put_back(shop: Shop) -> None:
    """Let a newer version of every order wait."""
    with database.cursor() as cursor:
        cursor.execute(PUT_BACK, [shop.seller.pk])
    tidy()


def left(shop: Shop) -> int:
    """Count the orders that wait or are held."""
    with database.cursor() as cursor:
        cursor.execute(LEFT, [shop.seller.pk])
        return int(cursor.fetchone()[0])


def in_sql(seller: int) -> float:
    """Orders per second of as many database connections that lease and acknowledge one by one."""
    done: list[int] = []
    start = threading.Barrier(CONSUMERS + 1)
    threads = [threading.Thread(target=_consume, args=[seller, start, done]) for _ in range(CONSUMERS)]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    assert len(done) == len(set(done)) == ORDERS, "an order was not had exactly once"
    return ORDERS / seconds


def _consume(seller: int, start: threading.Barrier, done: list[int]) -> None:
    known = database.settings_dict
    with psycopg.connect(
        host=known["HOST"], port=known["PORT"], user=known["USER"], dbname=known["NAME"], autocommit=True
    ) as line:
        start.wait()
        while (row := line.execute(bare.TAKE, [seller]).fetchone()) is not None:
            line.execute(bare.ACKNOWLEDGE, row)
            done.append(row[0])
