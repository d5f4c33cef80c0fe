"""Who may call when a marketplace's limit, or the workers, are not enough for all at once.

Several workers in processes of their own; the sandbox counts for itself when each call arrived and refuses
those that are too many.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from hub.erp import orders as erp_orders
from tests.processes import running
from tests.scenarios.stage import Place, Seller, Wanted, on_sale

WORKERS = 3
ACCOUNTS = 4
"""Anas's accounts: more than there are workers, so that her prices can keep all of them."""
CHANGES = 100_000
"""Prices of Ana's that change at once."""
EACH = 10
"""Variations of a product."""
RATE = 3
"""Calls per second: so few that a worker on a busy machine is in time for its slot."""
SECONDS = 5
"""How long the use of a limit is watched."""
STOCK = "PUT /v1/stock"
MAKING_ROOM = 20
"""Calls a worker may still make before it has looked around: it does so ten times a second."""
USED = 0.9
"""The part of a limit that is used where there is work enough."""
ONE_MORE = 2
"""Calls more than the rate within any one second that the way to the sandbox may cause: a call a little late,
the next one in time."""


def ana(place: Place) -> Seller:
    """Who has a mass of changes."""
    return place.sellers["Ana"]


def bruno(place: Place) -> Seller:
    """Who has one product."""
    return place.sellers["Bruno"]


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with running({"HUB_WORKERS": str(WORKERS)}) as product:
        wanted = {"Ana": Wanted(ACCOUNTS, CHANGES // ACCOUNTS // EACH, EACH), "Bruno": Wanted(1, 1, EACH)}
        with on_sale(product, wanted) as found:
            yield found


@pytest.fixture(scope="module")
def mass(place: Place) -> Place:
    """Ana's 100,000 prices are due; tests take from them, and none is fast enough to see their end."""
    place.limit(account=RATE)
    place.change_prices(ana(place))
    return place


def per_second(calls: list[dict[str, Any]]) -> float:
    """How many calls arrived per second, once it had begun."""
    busy = calls[RATE:]
    return (len(busy) - 1) / float(busy[-1]["at"] - busy[0]["at"])


def most_within_a_second(calls: list[dict[str, Any]]) -> int:
    """The largest number of calls that arrived within any one second."""
    moments = [call["at"] for call in calls]
    return max(sum(at <= one < at + 1 for one in moments) for at in moments)


def test_order_updates_and_stock_go_before_prices_and_prices_before_content(place: Place) -> None:
    connection, account = ana(place).connections[0], ana(place).accounts[0]
    slow, some = 2, 400
    order = place.market.create_orders(
        [{"account": account, "status": "approved", "lines": [{"sku": f"{account}-N2000-1", "quantity": 1}]}]
    )[0]
    place.product.wait_until(lambda: ana(place).api.need("GET", "/queues/orders/summary")["waiting"], 40)
    taken = ana(place).api.need("GET", "/queues/orders")
    assert order["id"] in taken["code"]
    place.limit(account=slow)
    place.pause([connection])
    after = place.newest_call()
    erp_orders.send_invoice(ana(place).api, taken)
    chosen = "SELECT id FROM marketplaces_listing WHERE connection_id = %s ORDER BY id LIMIT %s"
    found = [pk for (pk,) in place.database.execute(chosen, (connection, 2 * some))]
    # Others are taken off sale than change: what is off sale needs no price.
    listings, leaving = found[:some], found[some:]
    due = (
        "UPDATE marketplaces_sync s SET wanted_version = wanted_version + 1, due_at = now() - interval '1 h'"
        " WHERE listing_id = ANY(%s) AND facet = %s"
    )
    place.database.execute(
        "UPDATE catalog_variation v SET qty = qty + 7 FROM marketplaces_listing l"
        " WHERE v.id = l.variation_id AND l.id = ANY(%s)",
        (listings,),
    )
    place.database.execute(
        "UPDATE catalog_variation v SET price = 77 FROM marketplaces_listing l"
        " WHERE v.id = l.variation_id AND l.id = ANY(%s)",
        (listings,),
    )
    place.database.execute(
        "UPDATE marketplaces_listing SET intent = 'withdrawn', state = 'waiting' WHERE id = ANY(%s)",
        (leaving,),
    )
    place.database.execute(due, (leaving, "content"))
    place.resume()

    pages = some // 100
    expected = {
        "PUT /v1/stock": pages,
        "PUT /v1/prices": pages,
        "POST /v1/listings": pages,
        "POST /v1/orders": 1,
    }
    routes: list[str] = []

    def all_came() -> bool:
        routes[:] = [one["route"] for one in place.calls(after) if one["route"] in expected]
        return Counter(routes) >= Counter(expected)

    place.product.wait_until(all_came, 60)
    # What is asked for only now, such as another look at a quantity, comes later and counts for nothing.
    last = {
        route: [number for number, one in enumerate(routes) if one == route][count - 1]
        for route, count in expected.items()
    }

    urgent = max(last["PUT /v1/stock"], last["POST /v1/orders"])
    # A slot nobody had asked for when the worker looked is anybody's, as one is that was let pass.
    assert routes[:urgent].count("PUT /v1/prices") + routes[:urgent].count("POST /v1/listings") <= 2, routes
    assert routes[: last["PUT /v1/prices"]].count("POST /v1/listings") <= 2, routes
    assert [one for one in place.calls(after) if not one["is_allowed"]] == []


def test_an_accounts_limit_is_used_and_never_exceeded_whatever_its_lanes_want(mass: Place) -> None:
    place, account = mass, ana(mass).accounts[0]
    place.pause(ana(place).connections)
    place.limit(account=RATE)
    place.database.execute(
        "UPDATE marketplaces_sync SET look_at = now() WHERE facet = 'stock' AND listing_id IN ("
        "SELECT id FROM marketplaces_listing WHERE connection_id = %s LIMIT 2000)",
        (ana(place).connections[0],),
    )
    after = place.newest_call()
    place.resume(ana(place).connections[:1])
    place.wait_for_calls(after, RATE)
    time.sleep(SECONDS)
    calls = [one for one in place.calls(after) if one["account"] == account]

    assert place.is_price_due(ana(place)), "there was not enough to do"
    assert [one for one in calls if not one["is_allowed"]] == []
    assert per_second(calls) >= USED * RATE
    assert most_within_a_second(calls) <= RATE + ONE_MORE


def test_a_sellers_mass_of_prices_does_not_delay_anothers_stock_zero_on_a_limit_they_share(
    mass: Place,
) -> None:
    place = mass
    place.pause(ana(place).connections)
    place.limit(together=RATE)
    after = place.newest_call()
    place.resume()
    place.wait_for_calls(after, RATE)
    before = place.newest_call()
    account, sku = bruno(place).accounts[0], f"{bruno(place).accounts[0]}-N1-1"
    bruno(place).api.need("PUT", "/bulk/stock", {"items": [{"sku": sku, "qty": 0}]})
    time.sleep(SECONDS)
    calls = place.calls(after)
    later = [one for one in calls if one["number"] > before]
    ahead = next(n for n, one in enumerate(later) if one["account"] == account and one["route"] == STOCK)

    assert place.is_price_due(ana(place)), "there was not enough to do"
    assert place.market.listing(account, sku)["quantity"] == 0
    # Each worker may be making a call, and have the next slot already.
    assert ahead <= 2 * WORKERS, f"{ahead} calls of the other seller went before"
    assert [one for one in calls if not one["is_allowed"]] == []
    assert most_within_a_second(calls) <= RATE + ONE_MORE
    assert per_second(calls) >= USED * RATE


def test_a_sellers_mass_of_prices_does_not_keep_the_workers_from_anothers_stock_zero(mass: Place) -> None:
    """No limit at all: what is short is the workers, and all of them are busy."""
    place = mass
    place.pause(ana(place).connections)
    place.limit()
    after = place.newest_call()
    place.resume()
    place.wait_for_calls(after, 30)
    account, sku = bruno(place).accounts[0], f"{bruno(place).accounts[0]}-N1-2"
    bruno(place).api.need("PUT", "/bulk/stock", {"items": [{"sku": sku, "qty": 0}]})
    answered = time.time()
    place.product.wait_until(lambda: not place.market.listing(account, sku)["quantity"], 10)
    assert place.is_price_due(ana(place)), "there was not enough to do"

    zero = next(one for one in place.calls(after) if one["account"] == account and one["route"] == STOCK)
    between = [one for one in place.calls(after) if answered < one["at"] < zero["at"]]
    # Whoever is at it looks up every tenth of a second; nobody finishes a slice of hundreds of calls.
    assert len(between) <= MAKING_ROOM * WORKERS, f"{len(between)} calls of the other seller went before"
