"""Bulk calls at the same moment: no deadlock, no lost field, no SKU with two meanings."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from catalog import services
from catalog.models import Product, Variation
from hub import transactions
from tests.make import make_product, make_seller

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run each call in a thread of its own, with its own connection."""

    def run(call: Callable[[], Any]) -> Any:
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(run, call) for call in calls]]


def test_two_bulk_calls_over_the_same_skus_both_land() -> None:
    seller = make_seller()
    skus = [f"P{number:03}" for number in range(200)]
    upward = [{"sku": sku, "name": sku, "qty": 1} for sku in skus]
    downward = [{"sku": sku, "name": sku, "brand": "B"} for sku in reversed(skus)]
    first, second = at_once(
        lambda: services.upsert_products(seller.pk, upward),
        lambda: services.upsert_products(seller.pk, downward),
    )
    assert sorted([first[0].status, second[0].status]) == ["created", "updated"]
    assert not [result for result in (*first, *second) if result.error]
    assert Product.objects.filter(brand="B").count() == 200
    assert Variation.objects.filter(qty=1).count() == 200


def test_stock_prices_and_content_at_once_lose_nothing() -> None:
    seller = make_seller()
    skus = [f"P{number:03}" for number in range(100)]
    for sku in skus:
        make_product(seller, sku, qty=0, brand="", price="1.00")
    backwards = list(reversed(skus))
    for turn in range(1, 6):
        at_once(
            lambda turn=turn: services.set_stock(seller.pk, [{"sku": sku, "qty": turn} for sku in skus]),
            lambda turn=turn: services.set_stock(seller.pk, [{"sku": sku, "qty": turn} for sku in backwards]),
            lambda turn=turn: services.set_prices(
                seller.pk, [{"sku": sku, "price": turn} for sku in backwards]
            ),
            lambda turn=turn: services.upsert_products(
                seller.pk, [{"sku": sku, "brand": f"B{turn}"} for sku in skus]
            ),
        )
        assert set(Variation.objects.values_list("qty", flat=True)) == {turn}
        assert set(Product.objects.values_list("price", "brand")) == {(turn, f"B{turn}")}


def test_of_two_claims_on_a_sku_one_wins() -> None:
    seller = make_seller()
    for number in range(5):
        as_product = [{"sku": f"S{number}", "name": "S"}]
        as_variation = [{"sku": f"P{number}", "name": "P", "variations": [{"sku": f"S{number}"}]}]
        (first,), (second,) = at_once(
            lambda items=as_product: services.upsert_products(seller.pk, items),
            lambda items=as_variation: services.upsert_products(seller.pk, items),
        )
        assert sorted([first.status, second.status]) == ["created", "error"]
        assert Variation.objects.filter(sku=f"S{number}").count() == 1


def test_work_begins_again_after_a_deadlock() -> None:
    seller = make_seller()
    first, second = make_product(seller, "A"), make_product(seller, "B")
    runs: list[str] = []

    def swap(name: str, ids: list[int]) -> Callable[[], None]:
        @transactions.begin_again
        def work() -> None:
            runs.append(name)
            with connection.cursor() as cursor:
                for pk in ids:
                    cursor.execute("UPDATE catalog_product SET brand = %s WHERE id = %s", [name, pk])
                    cursor.execute("SELECT pg_sleep(0.3)")

        return work

    at_once(swap("x", [first.pk, second.pk]), swap("y", [second.pk, first.pk]))
    assert len(runs) == 3
    assert len(set(Product.objects.values_list("brand", flat=True))) == 1


def test_inside_a_callers_transaction_the_caller_decides() -> None:
    tries: list[int] = []

    @transactions.begin_again
    def work() -> None:
        tries.append(1)
        with connection.cursor() as cursor:
            cursor.execute("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")

    with pytest.raises(OperationalError), transaction.atomic():
        work()
    assert len(tries) == 1
