"""One seller's way through the product, from outside: an ERP, shoppers, and what the marketplace shows."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg

from catalog.demo import catalogue
from hub.erp.control import ControlApi
from hub.erp.http import batches
from tests.processes import PROJECT, Product

T = TypeVar("T")
CATEGORY_MAP: dict[str, str] = json.loads(
    (PROJECT / "tests" / "catalog" / "demo_category_map.json").read_text(encoding="utf-8")
)
"""The seller's category code -> the leaf a person would choose for it."""
KNOWN_THERE = PROJECT / "marketplaces" / "simulators" / "sandbox" / "catalogue.json"
"""What the marketplace has before anybody sells there."""
LONG_ENOUGH = "Produto novo, na caixa lacrada, com nota fiscal e garantia do fabricante de um ano."
"""Four times: as long as the most demanding category wants a description to be."""
ODD_PRODUCTS = 6
"""So many are there already, and of twice as many orders come twice."""
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
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Work; what ends it early is kept for whoever started it."""
        try:
            self.work()
        except BaseException as failure:
            self.failure = failure
            raise

    def work(self) -> None:
        """Do it, until `stopping` is set."""
        raise NotImplementedError

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
        self.described: list[str] = []
        """Products whose description the ERP may change."""
        self.descriptions: dict[str, str] = {}
        """The description the ERP sent last, by SKU."""

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

    def push_specials(self) -> list[str]:
        """The ERP sends products the marketplace behaves oddly with, and some that exist there already.

        Returns the SKUs of the latter. Orders of the others come twice.
        """
        sound = [one for one in catalogue.load().products if self._is_sound(one)]
        self.described = [one["sku"] for one in sound]
        known = [one["gtin"] for one in json.loads(KNOWN_THERE.read_text(encoding="utf-8")) if one["gtin"]]
        odd = [
            {**one, "sku": f"{one['sku']}-DUPLO", "name": f"{one['name'][:40]} Duplo"}
            for one in sound[: 2 * ODD_PRODUCTS]
        ]
        there = [
            {**one, "sku": f"{one['sku']}-ASSOC", "name": f"{one['name'][:40]} II", "ean": gtin}
            for one, gtin in zip(sound, known[:ODD_PRODUCTS], strict=False)
        ]
        assert not self._put("/bulk/products", {"products": odd + there})
        return [str(one["sku"]) for one in there]

    @staticmethod
    def _is_sound(product: Mapping[str, Any]) -> bool:
        return product["sku"] not in catalogue.load().faults and not product.get("variations")

    def describe(self, sku: str, number: int) -> None:
        """The ERP sends a new description of a product; none is ever used twice."""
        text = f"Edição {number}. " + " ".join([LONG_ENOUGH] * 4)
        self.descriptions[sku] = text
        assert not self._put("/bulk/products", {"products": [{"sku": sku, "description": text}]})

    def let_content_follow(self) -> None:
        """The seller switches on that descriptions and pictures follow by themselves."""
        patiently(
            lambda: self.product.shell(
                "from marketplaces.models import Connection\n"
                f"Connection.objects.filter(pk={self.connection_id}).update(sync_content=True)"
            )
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

    def connect_all(self, but: Sequence[str] = ()) -> None:
        """The seller clicks Conectar for everything; repeated until it has a load, and then it has one."""
        mine = "Variation.objects.filter(seller_id=connection.seller_id)"
        self._load("connect", f"variations={mine}.exclude(sku__in={list(but)!r})")

    def associate(self, skus: Sequence[str]) -> None:
        """The seller clicks Associar for what the marketplace has already."""
        mine = "Variation.objects.filter(seller_id=connection.seller_id)"
        self._load("associate", f"variations={mine}.filter(sku__in={list(skus)!r})")

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

    def start_load(self, action: str, skus: Sequence[str]) -> None:
        """Send some by the API; a repeated call may find nothing left to send, or start a second load."""
        said = {"connection": "Sandbox", "action": action, "skus": list(skus)}
        answer = self.api.call("POST", "/loads", said)
        assert answer.status in (201, 422), answer

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

    def moving(self) -> int:
        """Listings whose state is not final."""
        return self.on_their_way("none")

    def corrections_to_see(self) -> int:
        """Refused listings the ERP changed and the hub has not checked again yet."""
        query = (
            "SELECT count(*) FROM marketplaces_listing l JOIN marketplaces_sync s ON s.listing_id = l.id"
            " AND s.facet = 'content' WHERE l.connection_id = %s AND l.state = 'error'"
            " AND s.due_at IS NOT NULL"
        )
        return int(self.rows(query, self.connection_id)[0][0])

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

    def skus(self) -> list[str]:
        """Every SKU the ERP has."""
        query = "SELECT sku FROM catalog_variation WHERE seller_id = %s ORDER BY 1"
        return [sku for (sku,) in self.rows(query, self.seller_id)]

    def change_values(self, skus: Iterable[str], number: int) -> None:
        """The ERP sends a new price and a new stock for some SKUs; no value is ever used twice.

        Quantities are further apart than shoppers ever buy: what orders hold of one is told from the next.
        Prices end as none of the catalogue's own does.
        """
        stock = [{"sku": sku, "qty": 1000 + HELD_AT_MOST * number} for sku in skus]
        prices = [
            {"sku": sku, "price": 1500.37 + number, "promotional_price": 1000.37 + number} for sku in skus
        ]
        for item in stock:
            self.wanted[item["sku"], "stock"].append(str(item["qty"]))
        for item in prices:
            self.wanted[item["sku"], "price"].append(f"{item['promotional_price']:.2f}")
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
        """Orders at the marketplace that are neither on their way to the shopper yet nor canceled."""
        orders = self.market.orders(self.account)
        return [one["id"] for one in orders if one["status"] not in ("shipped", "delivered", "canceled")]
