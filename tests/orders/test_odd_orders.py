"""Whatever a marketplace puts into an order: the others are taken, and people see which one could not be."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from marketplaces import engine
from marketplaces.models import Lane
from marketplaces.simulators.sandbox import SandboxSimulator
from orders import queue
from orders.models import Order
from tests.marketplaces.shop import FAST, Shop, open_shop
from tests.orders.make import client_of

pytestmark = pytest.mark.django_db
FIRST, LAST = "SBX-FIRST", "SBX-LAST"
GONE = object()
"""A field that is missing."""
DEEP: Any = "here"
for _level in range(300):
    DEEP = [DEEP]


@pytest.fixture
def shop(db: None) -> Iterator[Shop]:
    with SandboxSimulator(settings=FAST) as simulator:
        shop = open_shop(simulator, "Ana")
        shop.sell("S1")
        yield shop


@pytest.fixture
def plain(shop: Shop) -> dict[str, Any]:
    """An order as the sandbox tells it."""
    line = {"sku": "S1", "quantity": 1, "price": "50.10"}
    wanted = {"account": shop.account["account_id"], "lines": [line], "take_stock": False}
    (made,) = shop.sandbox.create_orders([{**wanted, "status": "approved"}])
    return made


def told(plain: dict[str, Any], remote_id: str, **changes: Any) -> dict[str, Any]:
    """Another order like it; a change's name is a path such as ``items__0__quantity``."""
    order = copy.deepcopy({**plain, "id": remote_id})
    for path, value in changes.items():
        *way, last = (int(one) if one.isdigit() else one for one in path.split("__"))
        place: Any = order
        for step in way:
            place = place[step]
        if value is GONE:
            del place[last]
        else:
            place[last] = value
    return order


def read(shop: Shop, *orders: Any) -> Lane:
    """The marketplace's feed holds these orders, and the hub reads it."""
    page = {"orders": list(orders), "cursor": "77", "has_more": False}
    shop.sandbox.add_fault(match="/v1/orders", method="GET", kind="answer", status=200, body=page)
    lane = Lane.objects.get(connection=shop.connection, kind="orders")
    Lane.objects.filter(pk=lane.pk).update(run_at=timezone.now())
    engine.run(lane.pk)
    lane.refresh_from_db()
    return lane


ODD: dict[str, dict[str, Any]] = {
    "a long id": {"id": "X" * 300},
    "an id with a NUL": {"id": "A\x00B"},
    "no id": {"id": GONE},
    "an id that is none": {"id": ["X"]},
    "no customer": {"customer": GONE},
    "a customer without a name": {"customer__name": None},
    "no items": {"items": GONE},
    "an item without a quantity": {"items__0__quantity": GONE},
    "a negative quantity": {"items__0__quantity": -1},
    "half a unit": {"items__0__quantity": 0.5},
    "more units than a number can hold": {"items__0__quantity": 3_000_000_000},
    "a quantity of thirty digits": {"items__0__quantity": 10**30},
    "a price nobody can pay": {"items__0__price": "1e30"},
    "a price that is no number": {"items__0__price": "NaN"},
    "a total without an end": {"total": "Infinity"},
    "a payment without an end": {"payments__0__value": "1e400"},
    "the year 20000": {"created_at": "20000-01-01T00:00:00-03:00"},
    "the last moment of the calendar": {"created_at": "9999-12-31T23:59:59-03:00"},
    "the first moment of the calendar": {"updated_at": "0001-01-01T00:00:00+03:00"},
    "a delivery at the end of time": {"deliveries__0__estimated_at": "9999-12-31T23:59:59-03:00"},
    "a payment at the beginning of time": {"payments__0__paid_at": "0001-01-01T00:00:00+03:00"},
    "a status with a NUL": {"status": "tele\x00ported"},
}
"""What cannot be taken."""
STRANGE: dict[str, dict[str, Any]] = {
    "no units": {"items__0__quantity": 0},
    "very many units": {"items__0__quantity": 2_000_000_000},
    "a NUL in a SKU": {"items__0__sku": "S1\x00"},
    "a long SKU": {"items__0__sku": "S" * 5000},
    "long names": {"customer__name": "N" * 100_000, "items__0__title": "T" * 100_000},
    "a deep nest": {"extra": DEEP},
    "huge numbers nobody reads": {"extra": [1e308, 10**400, -1e-300]},
    "no items at all": {"items": []},
    "no deliveries": {"deliveries": []},
    "signs in its id": {"id": "../?#%2F\r\n\t;'\"<b>"},
    "slashes in its id": {"id": "A/B/C"},
    "slashes and hyphens in its id": {"id": "A-B/C"},
    "hyphens and slashes in its id": {"id": "A/B-C"},
    "hyphens in its id": {"id": "A-B-C"},
}
"""What can be taken all the same."""


def check_everybody_can_read_them(shop: Shop) -> None:
    erp = client_of(shop.seller)
    answer = erp.get("/orders?per_page=100")
    assert answer.status_code == 200
    for order in answer.json()["orders"]:
        assert order["code"]


@pytest.mark.parametrize("what", ODD)
def test_an_order_that_cannot_be_taken_is_kept_and_stops_no_other(
    shop: Shop, plain: dict[str, Any], what: str
) -> None:
    odd = told(plain, "SBX-ODD", **ODD[what])
    for _again in range(2):
        lane = read(shop, told(plain, FIRST), odd, told(plain, LAST))
        assert (lane.cursor, lane.failures) == ("77", 0)

    offered = queue.offer(shop.seller, 10, hide=0)
    assert {one.remote_id for one in offered} == {FIRST, LAST}
    kept = Order.objects.get(sync_status=Order.SyncStatus.ERROR)
    assert kept.raw
    assert kept.events.count() == 1
    check_everybody_can_read_them(shop)


@pytest.mark.parametrize("what", STRANGE)
def test_a_strange_order_is_taken_with_the_others(shop: Shop, plain: dict[str, Any], what: str) -> None:
    strange = told(plain, "SBX-STRANGE", **STRANGE[what])
    lane = read(shop, told(plain, FIRST), strange, told(plain, LAST))
    assert (lane.cursor, lane.failures) == ("77", 0)
    offered = queue.offer(shop.seller, 10, hide=0)
    assert {one.remote_id for one in offered} == {FIRST, strange["id"], LAST}
    check_everybody_can_read_them(shop)


def test_all_oddities_on_one_page_stop_nobody(shop: Shop, plain: dict[str, Any]) -> None:
    strange = [told(plain, f"S{place}", **changes) for place, changes in enumerate(STRANGE.values())]
    odd = [told(plain, f"O{place}", **changes) for place, changes in enumerate(ODD.values())]
    lane = read(shop, None, 7, [], *odd, told(plain, FIRST), *strange, told(plain, LAST))
    assert (lane.cursor, lane.failures) == ("77", 0)
    taken = {one.remote_id for one in queue.offer(shop.seller, 100, hide=0)}
    assert taken == {FIRST, *(one["id"] for one in strange), LAST}
    assert Order.objects.filter(sync_status=Order.SyncStatus.ERROR).count() == len(odd) + 3
    assert Order.objects.values("code").distinct().count() == Order.objects.count()
    check_everybody_can_read_them(shop)


def test_an_odd_state_of_a_known_order_is_noted_there(shop: Shop, plain: dict[str, Any]) -> None:
    read(shop, told(plain, FIRST))
    later = {"updated_at": plain["updated_at"].replace("20", "21", 1), "items__0__quantity": -1}
    read(shop, told(plain, FIRST, **later), told(plain, LAST))
    order = Order.objects.get(remote_id=FIRST)
    assert (order.items.get().quantity, order.events.count()) == (1, 2)
    assert Order.objects.filter(remote_id=LAST).exists()


def test_two_ids_that_begin_alike_are_kept_apart(shop: Shop, plain: dict[str, Any]) -> None:
    read(shop, told(plain, "X" * 300), told(plain, "X" * 300 + "Y"), told(plain, "A\x00B"), told(plain, "AB"))
    kept = Order.objects.filter(sync_status=Order.SyncStatus.ERROR)
    assert kept.count() == 3
    assert all(one.remote_id.startswith(("X" * 80, "AB~")) for one in kept)
    assert Order.objects.get(remote_id="AB").sync_status == Order.SyncStatus.NOT_SYNCED
