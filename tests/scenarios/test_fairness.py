"""Who may call when a marketplace's limit, or the workers, are not enough for all at once.

Several workers in processes of their own; the sandbox counts for itself when each call arrived and refuses
those that are too many.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from hub import localpg
from hub.erp import orders as erp_orders
from hub.erp.control import ControlApi
from hub.erp.http import JsonApi
from tests import bulk
from tests.processes import Product, running

WORKERS = 3
ACCOUNTS = 4
"""Anas's accounts: more than there are workers, so that her prices can keep all of them."""
CHANGES = 100_000
"""Prices of Ana's that change at once."""
EACH = 10
"""Variations of a product."""
RATE = 20
"""Calls per second."""
USED = 0.9
"""The part of a limit that is used where there is work enough."""
ONE_MORE = 2
"""Calls more than the rate within any one second that the way to the sandbox may cause: a call a little late,
the next one in time."""

_OPEN = """
import io, json
from decimal import Decimal
from django.core.management import call_command
from hub.models import Seller
from marketplaces import services
from marketplaces.models import Marketplace
marketplace = Marketplace.objects.get(pk="sandbox")
answer = {{}}
for name, keys in {sellers!r}.items():
    said = io.StringIO()
    email = name.lower() + "@justo.example"
    call_command("createseller", "--name", name, "--email", email, "--json", stdout=said)
    seller = json.loads(said.getvalue())
    shop = Seller.objects.get(pk=seller["seller_id"])
    seller["connections"] = [
        services.open_connection(
            seller=shop, marketplace=marketplace, name=f"Conta {{n}}", credentials={{"api_key": key}}
        ).pk
        for n, key in enumerate(keys)
    ]
    answer[name] = seller
"""


@dataclass
class Seller:
    """One seller with some accounts at the sandbox."""

    id: int
    connections: list[int]
    accounts: list[str]
    """Their ids at the sandbox."""
    api: JsonApi


@dataclass
class Place:
    """The running hub, its marketplace, and two sellers with listings in both."""

    product: Product
    market: ControlApi
    ana: Seller
    bruno: Seller
    database: psycopg.Connection[Any]

    def limit(self, *, account: float = 0, together: float = 0) -> None:
        """Have the marketplace allow so many calls per second, and the hub know it."""
        settings = {"rate_per_second": account, "rate_per_second_of_all": together}
        self.market.change_settings(settings)
        self.database.execute(
            "UPDATE marketplaces_marketplace SET calls_per_second = %s, calls_per_second_of_all = %s",
            (account or None, together or None),
        )

    def change_prices(self, seller: Seller, price: int) -> None:
        """The seller's ERP has a new price for everything."""
        self.database.execute(
            "UPDATE catalog_product SET price = %s WHERE seller_id = %s", (price, seller.id)
        )

    def prices_due(self, seller: Seller) -> int:
        """How many of the seller's prices still wait."""
        query = (
            "SELECT count(*) FROM marketplaces_sync WHERE facet = 'price' AND due_at IS NOT NULL"
            " AND connection_id = ANY(%s)"
        )
        return int(self.database.execute(query, (seller.connections,)).fetchall()[0][0])

    def pause(self, connections: list[int]) -> None:
        """Stop some accounts' lanes, and wait until no worker is at any of them."""
        self.database.execute(
            "UPDATE marketplaces_connection SET status = 'paused' WHERE id = ANY(%s)", (connections,)
        )
        held = "SELECT FROM marketplaces_lane WHERE connection_id = ANY(%s) AND lease_until IS NOT NULL"
        self.product.wait_until(lambda: not self.database.execute(held, (connections,)).fetchall(), 20)

    def resume(self) -> None:
        """Let all lanes run again."""
        self.database.execute("UPDATE marketplaces_connection SET status = 'active'")

    def forget_what_is_due(self) -> None:
        """Let the next test begin with nothing to send."""
        self.pause(self.ana.connections + self.bruno.connections)
        self.database.execute(
            "UPDATE marketplaces_sync SET confirmed_version = wanted_version, sent_version = wanted_version,"
            " due_at = NULL WHERE due_at IS NOT NULL"
        )
        self.resume()

    def calls(self, after: int = 0) -> list[dict[str, Any]]:
        """What the marketplace was asked since a call, as it arrived there."""
        return self.market.calls(after)

    def newest_call(self) -> int:
        """The number of the call that arrived last."""
        return max((call["number"] for call in self.calls()), default=0)

    def wait_for_calls(self, after: int, count: int, seconds: float = 15) -> list[dict[str, Any]]:
        """Wait until so many calls have arrived."""
        until = time.monotonic() + seconds
        while len(found := self.calls(after)) < count:
            assert time.monotonic() < until, f"{len(found)} calls of {count}"
            time.sleep(0.05)
        return found


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with running(HUB_WORKERS=str(WORKERS)) as product:
        market = ControlApi(product.sandbox_url)
        accounts = {
            "Ana": [market.open_account(f"Ana {n}") for n in range(ACCOUNTS)],
            "Bruno": [market.open_account("Bruno")],
        }
        keys = {name: [one["api_key"] for one in opened] for name, opened in accounts.items()}
        opened = product.shell(_OPEN.format(sellers=keys))
        sellers = {
            name: Seller(
                one["seller_id"],
                one["connections"],
                [account["account_id"] for account in accounts[name]],
                product.api(one["headers"]),
            )
            for name, one in opened.items()
        }
        with psycopg.connect(
            host=product._socket_folder, port=localpg.PORT, user=localpg.USER, dbname="hub", autocommit=True
        ) as database:
            for seller in sellers.values():
                products = CHANGES // ACCOUNTS // EACH if seller is sellers["Ana"] else 1
                for connection, account in zip(seller.connections, seller.accounts, strict=True):
                    prefix = f"{account}-"
                    bulk.put_on_sale(
                        database,
                        seller_id=seller.id,
                        connection_id=connection,
                        prefix=prefix,
                        products=products,
                        each=EACH,
                    )
                    skus = bulk.skus(prefix, products, EACH)
                    bulk.show_in_the_sandbox(product.data / "sandbox", account, skus)
            yield Place(product, market, sellers["Ana"], sellers["Bruno"], database)


@pytest.fixture(autouse=True)
def _nothing_due(place: Place) -> Iterator[None]:
    yield
    place.forget_what_is_due()
    place.limit()


def most_within_a_second(calls: list[dict[str, Any]]) -> int:
    """The largest number of calls that arrived within any one second."""
    moments = [call["at"] for call in calls]
    return max(sum(at <= one < at + 1 for one in moments) for at in moments)


def test_an_accounts_limit_is_used_and_never_exceeded_whatever_its_lanes_want(place: Place) -> None:
    account, connection = place.ana.accounts[0], place.ana.connections[0]
    place.pause(place.ana.connections[1:])
    place.limit(account=RATE)
    place.change_prices(place.ana, 110)
    place.database.execute(
        "UPDATE marketplaces_sync SET look_at = now() WHERE connection_id = %s AND facet = 'stock'",
        (connection,),
    )
    after = place.newest_call()
    seconds = 5
    place.wait_for_calls(after, 5)
    began = time.time()
    time.sleep(seconds)
    calls = [one for one in place.calls(after) if one["account"] == account]
    within = [one for one in calls if began <= one["at"] < began + seconds]

    assert place.prices_due(place.ana) > 0, "there was not enough to do"
    assert [one for one in calls if not one["is_allowed"]] == []
    assert len(within) / seconds >= USED * RATE
    assert most_within_a_second(calls) <= RATE + ONE_MORE


def test_a_sellers_mass_of_prices_does_not_delay_anothers_stock_zero_on_a_limit_they_share(
    place: Place,
) -> None:
    place.limit(together=RATE)
    after = place.newest_call()
    place.change_prices(place.ana, 120)
    place.wait_for_calls(after, 2 * RATE)
    before = place.newest_call()
    sku = f"{place.bruno.accounts[0]}-1-1"
    place.bruno.api.need("PUT", "/bulk/stock", {"items": [{"sku": sku, "qty": 0}]})
    time.sleep(2.5)
    calls = place.calls(after)
    later = [one for one in calls if one["number"] > before]
    place_of_zero = next(
        place_ for place_, one in enumerate(later) if one["account"] == place.bruno.accounts[0]
    )

    assert place.prices_due(place.ana) > 0, "there was not enough to do"
    assert place.market.listing(place.bruno.accounts[0], sku)["quantity"] == 0
    # Each worker may be making a call, and have the next slot already.
    assert place_of_zero <= 2 * WORKERS, f"{place_of_zero} calls of the other seller went before"
    assert [one for one in calls if not one["is_allowed"]] == []
    assert most_within_a_second(calls) <= RATE + ONE_MORE
    assert len(calls) / (calls[-1]["at"] - calls[0]["at"]) >= USED * RATE


def test_a_sellers_mass_of_prices_does_not_keep_the_workers_from_anothers_stock_zero(place: Place) -> None:
    """No limit at all: what is short is the workers, and all of them are busy."""
    place.limit()
    after = place.newest_call()
    place.change_prices(place.ana, 130)
    place.wait_for_calls(after, 50)
    before = place.newest_call()
    sku = f"{place.bruno.accounts[0]}-1-2"
    began = time.time()
    place.bruno.api.need("PUT", "/bulk/stock", {"items": [{"sku": sku, "qty": 0}]})
    answered = time.time()
    until = time.monotonic() + 10
    while place.market.listing(place.bruno.accounts[0], sku)["quantity"]:
        assert time.monotonic() < until, "the zero did not arrive"
        time.sleep(0.02)
    later = [one for one in place.calls(before) if one["at"] > began]
    zero = next(one for one in later if one["account"] == place.bruno.accounts[0])

    assert place.prices_due(place.ana) > 0, "there was not enough to do"
    ahead = [one for one in later if answered < one["at"] < zero["at"]]
    assert zero["at"] - answered < 1, f"{len(ahead)} calls of the other seller went before"


def test_order_updates_and_stock_go_before_prices_and_prices_before_content(place: Place) -> None:
    connection, account = place.ana.connections[0], place.ana.accounts[0]
    slow, some = 5, 600
    order = place.market.create_orders(
        [{"account": account, "status": "approved", "lines": [{"sku": f"{account}-2000-1", "quantity": 1}]}]
    )[0]
    taken: list[Any] = []
    place.product.wait_until(
        lambda: taken.append(place.ana.api.need("GET", "/queues/orders")) or taken[-1], 20
    )
    assert order["id"] in taken[-1]["code"]
    place.forget_what_is_due()
    place.limit(account=slow)
    place.pause([connection])
    after = place.newest_call()
    erp_orders.send_invoice(place.ana.api, taken)
    chosen = f"FROM marketplaces_listing WHERE connection_id = %s ORDER BY id LIMIT {some}"
    listings = [pk for (pk,) in place.database.execute(f"SELECT id {chosen}", (connection,))]
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
        (listings,),
    )
    place.database.execute(due, (listings, "content"))
    place.resume()

    pages = some // 100
    expected = {
        "PUT /v1/stock": pages,
        "PUT /v1/prices": pages,
        "POST /v1/listings": pages,
        "POST /v1/orders": 1,
    }
    calls = place.wait_for_calls(after, sum(expected.values()), 20)
    routes = [one["route"] for one in calls if one["route"] in expected]
    assert Counter(routes) >= Counter(expected), Counter(one["route"] for one in calls)
    last = {route: max(place_ for place_, one in enumerate(routes) if one == route) for route in expected}

    urgent = max(last["PUT /v1/stock"], last["POST /v1/orders"])
    # A slot nobody had asked for when the worker looked is anybody's: one, at the very beginning.
    assert routes[:urgent].count("PUT /v1/prices") + routes[:urgent].count("POST /v1/listings") <= 1, routes
    assert routes[: last["PUT /v1/prices"]].count("POST /v1/listings") <= 2, routes
    assert [one for one in calls if not one["is_allowed"]] == []
