"""Sellers with very many listings on a running hub and its sandbox: where limits and speed are looked at."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from hub.erp.control import ControlApi
from hub.erp.http import JsonApi
from tests import bulk
from tests.processes import Product

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
            seller=shop, marketplace=marketplace, name=f"Conta {{n}}", credentials=key
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
    headers: dict[str, str]
    """Of its ERP's calls."""
    keys: list[str]
    """Of its accounts."""


@dataclass
class Place:
    """The running hub, its marketplace, and sellers with listings in both."""

    product: Product
    market: ControlApi
    sellers: dict[str, Seller]
    database: psycopg.Connection[Any]

    def limit(self, *, account: float = 0, together: float = 0) -> None:
        """Have the marketplace allow so many calls per second, and the hub know it."""
        settings = {"rate_per_second": account, "rate_per_second_of_all": together}
        self.market.change_settings(settings)
        self.database.execute(
            "UPDATE marketplaces_marketplace SET calls_per_second = %s, calls_per_second_of_all = %s",
            (account or None, together or None),
        )

    def change_prices(self, seller: Seller) -> None:
        """The seller's ERP has a new price for everything; nothing is sent before `resume`."""
        self.pause(seller.connections)
        self.database.execute(
            "UPDATE catalog_product SET price = price + 1 WHERE seller_id = %s", (seller.id,)
        )

    def is_price_due(self, seller: Seller) -> bool:
        """Whether any of the seller's prices still waits."""
        query = (
            "SELECT EXISTS (SELECT FROM marketplaces_sync WHERE facet = 'price' AND due_at IS NOT NULL"
            " AND submission_id IS NULL AND connection_id = ANY(%s))"
        )
        return bool(self.database.execute(query, (seller.connections,)).fetchall()[0][0])

    def pause(self, connections: list[int]) -> None:
        """Stop some accounts' lanes, and wait until no worker is at any of them."""
        self.database.execute(
            "UPDATE marketplaces_connection SET status = 'paused' WHERE id = ANY(%s)", (connections,)
        )
        held = "SELECT FROM marketplaces_lane WHERE connection_id = ANY(%s) AND lease_until IS NOT NULL"
        self.product.wait_until(lambda: not self.database.execute(held, (connections,)).fetchall(), 20)

    def resume(self, connections: list[int] | None = None) -> None:
        """Let lanes run again, all or those of some accounts."""
        self.database.execute(
            "UPDATE marketplaces_connection SET status = 'active' WHERE %s::bigint[] IS NULL OR id = ANY(%s)",
            (connections, connections),
        )

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


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a seller is to have: accounts, products of each of them, and variations of a product."""

    accounts: int
    products: int
    each: int = 1


@contextlib.contextmanager
def on_sale(product: Product, wanted: Mapping[str, Wanted]) -> Iterator[Place]:
    """Open sellers' accounts and put things on sale; SKUs are account, "-N", number, and "-" number."""
    market = ControlApi(product.sandbox_url)
    accounts = {
        name: [market.open_account(f"{name} {n}") for n in range(one.accounts)]
        for name, one in wanted.items()
    }
    keys = {
        name: [{"api_key": one["api_key"], "webhook_secret": one["webhook_secret"]} for one in opened]
        for name, opened in accounts.items()
    }
    opened = product.shell(_OPEN.format(sellers=keys))
    sellers = {
        name: Seller(
            one["seller_id"],
            one["connections"],
            [account["account_id"] for account in accounts[name]],
            product.api(one["headers"]),
            one["headers"],
            [account["api_key"] for account in accounts[name]],
        )
        for name, one in opened.items()
    }
    with product.database(autocommit=True) as database:
        for name, seller in sellers.items():
            size = wanted[name]
            for connection, account in zip(seller.connections, seller.accounts, strict=True):
                # A number alone might be one of the sandbox's marks, such as -503.
                prefix = f"{account}-N"
                bulk.put_on_sale(
                    database,
                    seller_id=seller.id,
                    connection_id=connection,
                    prefix=prefix,
                    products=size.products,
                    each=size.each,
                )
                skus = bulk.skus(prefix, size.products, size.each)
                bulk.show_in_the_sandbox(product.data / "sandbox", account, skus)
        yield Place(product, market, sellers, database)
