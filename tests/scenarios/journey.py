"""One seller's way through the product, from outside: an ERP, shoppers, and what the marketplace shows."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, TypeVar

import psycopg

from catalog.demo import catalogue
from hub.erp import orders as erp_orders
from hub.erp.control import ControlApi
from hub.erp.http import ErpError, batches, in_path
from tests.processes import PROJECT, Product

T = TypeVar("T")
CATEGORY_MAP: dict[str, str] = json.loads(
    (PROJECT / "tests" / "catalog" / "demo_category_map.json").read_text(encoding="utf-8")
)
"""The seller's category code -> the leaf a person would choose for it."""
FACETS = ("content", "price", "stock")
HELD_AT_MOST = 100
"""Shoppers buy fewer units of one SKU between two quantities of the ERP."""
ON_ITS_WAY = "('waiting', 'processing', 'cataloguing')"


def patiently(work: Callable[[], T], seconds: float = 60) -> T:
    """Repeat what a person would simply try again: a page or a command that met a dead database."""
    until = time.monotonic() + seconds
    while True:
        try:
            return work()
        except (AssertionError, psycopg.OperationalError):
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


class Helper(threading.Thread):
    """Somebody who does something beside the test until told to stop."""

    def __init__(self) -> None:
        super().__init__(name=type(self).__name__, daemon=True)
        self.stopping = threading.Event()

    def stop(self) -> None:
        """Let it finish what it is doing, and wait for that."""
        self.stopping.set()
        self.join()


@contextmanager
def alongside(*helpers: Helper) -> Iterator[None]:
    """Have some helpers at work; none is left when the test is over, however it ends."""
    for helper in helpers:
        helper.start()
    try:
        yield
    finally:
        for helper in helpers:
            helper.stopping.set()
        for helper in helpers:
            helper.join()


class Journey:
    """A new seller with an account at the sandbox; the shipped catalogue is its ERP's."""

    def __init__(self, product: Product, name: str) -> None:
        self.product = product
        self.seller = json.loads(
            product.manage("createseller", "--name", name, "--email", "erp@jornada.example", "--json")
        )
        self.seller_id: int = self.seller["seller_id"]
        self.api = product.api(self.seller["headers"])
        self.market = ControlApi(product.sandbox_url, patience=60)
        opened = self.market.open_account(name)
        self.account: str = opened["account_id"]
        self.connection_id: int = product.shell(
            "from hub.models import Seller\n"
            "from marketplaces import services\n"
            "from marketplaces.models import Marketplace\n"
            f"seller = Seller.objects.get(pk={self.seller_id})\n"
            "connection = services.open_connection(seller=seller, name='Sandbox',"
            " marketplace=Marketplace.objects.get(pk='sandbox'), credentials="
            f"{ {'api_key': opened['api_key'], 'webhook_secret': opened['webhook_secret']} })\n"
            "answer = connection.pk"
        )
        self.wanted: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        """Every price and stock the ERP ever asked for, by SKU and kind, oldest first."""
        self.refused: list[str] = []
        """Products the hub would not take as the ERP first sent them."""

    # --- the catalogue -------------------------------------------------------------------------

    def push_catalogue(self, size: int = 40) -> None:
        """The ERP sends the shipped catalogue, mistakes included."""
        for batch in batches(catalogue.load().products, size):
            self.refused += self._put("/bulk/products", {"products": list(batch)})

    def correct_catalogue(self) -> None:
        """The ERP corrects every mistake that can be corrected."""
        wanted: dict[str, dict[str, Any]] = defaultdict(dict)
        for product in catalogue.load().products:
            if product["sku"] in self.refused:
                wanted[product["sku"]] |= product
        for sku, fix in catalogue.fixes():
            wanted[sku] |= fix
        assert not self._put(
            "/bulk/products", {"products": [{"sku": sku} | fix for sku, fix in wanted.items()]}
        )

    def _put(self, path: str, body: Mapping[str, Any]) -> list[str]:
        """Make a bulk call and return the SKUs the hub would not have."""
        report = self.api.need("PUT", path, body)
        return [line["sku"] for line in report["results"] if line["status"] == "error"]

    def map_categories(self) -> None:
        """The seller chooses the marketplace's category for each of its own."""
        patiently(
            lambda: self.product.shell(
                "from catalog.models import Category\n"
                "from marketplaces import mapping\n"
                "from marketplaces.models import Connection, RemoteCategory\n"
                f"connection = Connection.objects.get(pk={self.connection_id})\n"
                f"wanted = {CATEGORY_MAP!r}\n"
                "remote = dict(RemoteCategory.objects.filter(marketplace='sandbox')"
                ".values_list('remote_id', 'pk'))\n"
                "mapping.map_categories(connection, {one.pk: remote[wanted[one.code]] for one in"
                " Category.objects.filter(seller_id=connection.seller_id) if one.code in wanted})"
            )
        )

    def connect_all(self) -> None:
        """The seller clicks Conectar for everything; repeated until it has a load, and then it has one."""
        self._load("connect", "variations=Variation.objects.filter(seller_id=connection.seller_id)")

    def reconnect_corrected(self) -> None:
        """The seller clicks "reconnect the corrected ones"."""
        self._load(
            "reconnect",
            "listings=Listing.objects.filter(connection=connection, state='error',"
            " corrected_at__isnull=False)",
        )

    def _load(self, action: str, what: str) -> None:
        patiently(
            lambda: self.product.shell(
                "from catalog.models import Variation\n"
                "from marketplaces import services\n"
                "from marketplaces.models import Connection, Listing, Load\n"
                f"connection = Connection.objects.get(pk={self.connection_id})\n"
                f"if not Load.objects.filter(connection=connection, action='{action}').exists():\n"
                f"    services.start_load(connection=connection, action='{action}', {what})\n"
            )
        )

    # --- waiting -------------------------------------------------------------------------------

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the hub's database, whatever happens to it meanwhile."""
        return patiently(lambda: self.product.rows(query, *values))

    def on_their_way(self, *facets: str) -> int:
        """Listings whose state is not final, and facets (all, if none is named) still to be sent."""
        query = (
            f"SELECT (SELECT count(*) FROM marketplaces_listing WHERE connection_id = %s AND state IN"  # noqa: S608
            f" {ON_ITS_WAY}) + (SELECT count(*) FROM marketplaces_sync WHERE connection_id = %s"
            " AND facet = ANY(%s) AND (due_at IS NOT NULL OR submission_id IS NOT NULL))"
        )
        wanted = list(facets or FACETS)
        return int(self.rows(query, self.connection_id, self.connection_id, wanted)[0][0])

    def states(self) -> dict[str, int]:
        """How many listings are in which state."""
        query = "SELECT state, count(*) FROM marketplaces_listing WHERE connection_id = %s GROUP BY 1"
        return dict(self.rows(query, self.connection_id))  # type: ignore[arg-type]

    def wait_until(self, holds: Callable[[], Any], seconds: float, what: str) -> None:
        """Wait for something to come about."""
        until = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < until, f"{what}: not within {seconds} s; {self.states()}"
            time.sleep(0.25)

    # --- prices and stock ----------------------------------------------------------------------

    def connected_skus(self) -> list[str]:
        """What is on sale."""
        query = (
            "SELECT v.sku FROM marketplaces_listing l JOIN catalog_variation v ON v.id = l.variation_id"
            " WHERE l.connection_id = %s AND l.state = 'connected' ORDER BY 1"
        )
        return [sku for (sku,) in self.rows(query, self.connection_id)]

    def change_values(self, skus: Iterable[str], number: int) -> None:
        """The ERP sends a new price and a new stock for some SKUs; no value is ever used twice.

        Quantities are further apart than shoppers ever buy: what orders hold of one is told from the next.
        """
        stock = [{"sku": sku, "qty": 1000 + HELD_AT_MOST * number} for sku in skus]
        prices = [{"sku": sku, "price": 1500 + number, "promotional_price": 1000 + number} for sku in skus]
        for item in stock:
            self.wanted[item["sku"], "stock"].append(str(item["qty"]))
        for item in prices:
            self.wanted[item["sku"], "price"].append(f"{item['promotional_price']}.00")
        assert not self._put("/bulk/stock", {"items": stock})
        assert not self._put("/bulk/prices", {"items": prices})

    def slow_down(self, seconds: float) -> None:
        """Let the marketplace take its time with the next call (not with more), so that a worker is busy."""
        fault = {"match": "/v1", "kind": "slow", "seconds": seconds}
        self.market._api.need("DELETE", "/faults")
        self.market._api.need("POST", "/faults", fault)

    # --- orders --------------------------------------------------------------------------------

    def in_the_queue(self) -> int:
        """Orders the ERP has not acknowledged, whether it holds them or not."""
        found = self.product.api(self.seller["headers"]).need("GET", "/queues/orders/summary")
        return int(found["waiting"]) + int(found["hidden"])

    def unfinished_orders(self) -> list[str]:
        """Orders at the marketplace that are not on their way to the shopper yet."""
        orders = self.market.orders(self.account)
        return [one["id"] for one in orders if one["status"] not in ("shipped", "delivered")]

    def order_troubles(self, bought: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """What is wrong with orders: lost, doubled, not taken by the ERP, or the invoice not told."""
        query = (
            "SELECT o.remote_id, o.status_type, o.sync_status, q.version = q.acknowledged_version,"
            " array(SELECT key FROM orders_invoice i WHERE i.order_id = o.id)"
            " FROM orders_order o LEFT JOIN orders_queueentry q ON q.order_id = o.id WHERE o.seller_id = %s"
        )
        here: defaultdict[str, list[Any]] = defaultdict(list)
        for remote_id, *facts in self.rows(query, self.seller_id):
            here[remote_id].append(facts)
        found = [f"{one}: in the hub, but nobody bought it" for one in here.keys() - bought.keys()]
        for remote_id, there in bought.items():
            rows = here[remote_id]
            if len(rows) != 1:
                found.append(f"{remote_id}: {len(rows)} times in the hub")
                continue
            ((status, sync_status, is_acknowledged, keys),) = rows
            if (status, sync_status, is_acknowledged) != ("SHIPPED", "SYNCED", True):
                found.append(f"{remote_id}: {status}, {sync_status}, acknowledged: {is_acknowledged}")
            if len(keys) != 1 or there["invoice"]["key"] != keys[0]:
                found.append(f"{remote_id}: invoices {keys} here, {there['invoice']} there")
        return found

    # --- what must hold in the end -------------------------------------------------------------

    def differences(self) -> list[str]:
        """Where the marketplace does not show what the hub wants, item by item."""
        query = (
            "SELECT v.sku, l.state, v.qty, p.status, coalesce(v.price, p.price),"
            " coalesce(v.promotional_price, p.promotional_price)"
            " FROM marketplaces_listing l JOIN catalog_variation v ON v.id = l.variation_id"
            " JOIN catalog_product p ON p.id = v.product_id WHERE l.connection_id = %s"
        )
        shown = {one["sku"]: one for one in self.market.listings(self.account)}
        found = []
        for sku, state, quantity, _status, price, promotion in self.rows(query, self.connection_id):
            there = shown.get(sku, {"state": "absent", "creations": 0})
            if (state == "connected") != (there["state"] == "live"):
                found.append(f"{sku}: {state} here, {there['state']} there")
            if state != "connected" or there["state"] != "live":
                continue
            if there["creations"] != 1:
                found.append(f"{sku}: created {there['creations']} times")
            wanted = min(price, promotion) if promotion else price
            if Decimal(there["price"]) != wanted:
                found.append(f"{sku}: price {wanted} here, {there['price']} there")
            if there["quantity"] != quantity:
                found.append(f"{sku}: stock {quantity} here, {there['quantity']} there")
        return found

    def values_that_went_back(self) -> list[str]:
        """Where the marketplace was told an older price or stock after a newer one."""
        log = self.market._api.need("GET", "/log", account=self.account, size=50_000)["log"]
        newest: dict[tuple[str, str], int] = {}
        heard: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        found = []
        for entry in log:
            key = entry["sku"], entry["kind"]
            heard[key].append(f"{entry['value']} ({entry['origin']}, {entry['at']:.3f})")
            # What shoppers took out is not told by the hub; what came with the publication has no number.
            place = None if entry["origin"] == "purchase" else self._place(key, entry["value"])
            if place is None:
                continue
            if place < newest.get(key, -1):
                found.append(
                    f"{entry['sku']}: {entry['kind']} {entry['value']} after a newer one: {heard[key]}"
                )
            newest[key] = max(place, newest.get(key, -1))
        assert {kind for _sku, kind in newest} == {"price", "stock"}, "nothing was compared"
        return found

    def _place(self, key: tuple[str, str], value: str) -> int | None:
        """Which of the ERP's values is published here; a quantity may be less what orders hold."""
        for place, wanted in enumerate(self.wanted[key]):
            if value == wanted or (key[1] == "stock" and 0 <= int(wanted) - int(value) < HELD_AT_MOST):
                return place
        return None


class Shoppers(Helper):
    """People who buy what is on sale until they are told to stop."""

    def __init__(self, journey: Journey, seed: int, pause: float = 0.7) -> None:
        super().__init__()
        self.journey, self.dice, self.pause = journey, random.Random(seed), pause
        self.skus: list[str] = []
        self.unanswered = 0
        self._market = ControlApi(journey.product.sandbox_url, patience=0)

    def run(self) -> None:
        """Buy; a purchase that got no answer may have been made or not, and is not tried again."""
        while not self.stopping.wait(self.dice.uniform(0, 2 * self.pause)):
            if self.skus:
                lines = [
                    {"sku": sku, "quantity": self.dice.randint(1, 2)}
                    for sku in self.dice.sample(self.skus, self.dice.randint(1, 2))
                ]
                try:
                    self._market.create_orders([{"account": self.journey.account, "lines": lines}])
                except ErpError:
                    self.unanswered += 1


class Erp(Helper):
    """The ERP's other half: it drains the queue, invoices and ships, until it is told to stop."""

    def __init__(self, journey: Journey) -> None:
        super().__init__()
        self.journey = journey
        self.api = journey.product.api(journey.seller["headers"])
        self.taken: Counter[tuple[str, str]] = Counter()
        """How often each (order, status) was taken and acknowledged."""
        self.trouble: list[str] = []

    def run(self) -> None:
        """Take what waits, again and again."""
        while not self.stopping.is_set():
            try:
                order = self.api.need("GET", "/queues/orders")
                if order is None:
                    self.stopping.wait(0.3)
                    continue
                if order["status"]["type"] == "APPROVED":
                    erp_orders.send_invoice(self.api, order)
                    erp_orders.send_shipment(self.api, order)
                self.api.need("DELETE", f"/queues/orders/{in_path(order['code'])}")
                self.taken[order["code"], order["status"]["type"]] += 1
            except ErpError as error:
                self.trouble.append(str(error))
                self.stopping.wait(0.3)

    @property
    def orders(self) -> set[str]:
        """The codes of the orders the ERP has."""
        return {code for code, _status in self.taken}
