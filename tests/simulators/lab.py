"""The sandbox on a bench: a clock that only moves when told, a raw API client, and the conformance bench."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from zlib import crc32

import requests

from marketplaces.adapters.sandbox import MARKETPLACE, SandboxCredentials
from marketplaces.contract import ContentItem
from marketplaces.simulators.sandbox import SandboxSimulator, Settings
from marketplaces.simulators.sandbox.webhooks import sign
from marketplaces.simulators.sandbox.words import gtin_digit, is_nfe_key

TAXONOMY = Path(__file__).with_name("taxonomy.json")
MUGS, HEADPHONES = "SBX-2010", "SBX-1010"


class Clock:
    """A clock that stands still until `advance`."""

    def __init__(self) -> None:
        self._at, self._lock = float(int(time.time())), threading.Lock()

    def __call__(self) -> float:
        with self._lock:
            return self._at

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._at += seconds


def gtin(body: str) -> str:
    return body + gtin_digit(body)


def nfe_key(number: int = 1) -> str:
    """Return an access key with the right check digit."""
    body = f"3526111234567800019555001{number:09d}112345678"
    return next(body + str(digit) for digit in range(10) if is_nfe_key(body + str(digit)))


def mug(sku: str, **changes: Any) -> dict[str, Any]:
    """Return a load item the sandbox has nothing against."""
    item = {
        "sku": sku,
        "parent_sku": sku,
        "title": f"Caneca {sku}",
        "category_id": MUGS,
        "price": "19.90",
        "list_price": "29.90",
        "quantity": 5,
    }
    return {**item, **changes}


def headphone(sku: str, **changes: Any) -> dict[str, Any]:
    """Return a load item for the category with every kind of rule."""
    item = mug(
        sku,
        title=f"Fone de ouvido {sku}",
        description="Um fone de ouvido muito bom.",
        brand="Philco",
        gtin=gtin(f"789{crc32(sku.encode()) % 10**9:09d}"),
        category_id=HEADPHONES,
        attributes={"cor": "Preto", "modelo": "PH-1"},
        images=["https://img.example.com/1.jpg"],
        weight_kg="0.25",
        height_cm=10,
        width_cm=8,
        length_cm=5,
    )
    return {**item, **changes}


class Seller:
    """One account and its raw API, with the simulator's controls at hand."""

    def __init__(self, sim: SandboxSimulator, clock: Clock, name: str = "Loja da Ana") -> None:
        self.sim, self.clock = sim, clock
        account = sim.create_account(name)
        self.id, self.key, self.secret = account["account_id"], account["api_key"], account["webhook_secret"]

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        headers = {"Authorization": f"ApiKey {self.key}", **options.pop("headers", {})}
        return requests.request(
            method,
            self.sim.url + path,
            json=body,
            headers=headers,
            timeout=20,
            allow_redirects=False,
            **options,
        )

    def load(self, *items: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Send a load, let it be decided, and return its results by SKU."""
        accepted = self.call("POST", "/v1/loads", {"items": list(items)})
        assert accepted.status_code == 202, accepted.text
        self.clock.advance(accepted.json()["poll_after_seconds"])
        done = self.call("GET", f"/v1/loads/{accepted.json()['load_id']}").json()
        assert done["status"] == "done"
        return {result["sku"]: result for result in done["results"]}

    def publish(self, *items: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """As `load`, and wait until everything is on sale."""
        results = self.load(*items)
        assert all(result["status"] == "cataloguing" for result in results.values()), results
        self.clock.advance(self.sim.market.settings.cataloguing_seconds)
        return results

    def codes(self, item: dict[str, Any]) -> list[str]:
        """Return the codes a load of one item is refused with."""
        return [error["code"] for error in self.load(item)[item["sku"]]["errors"]]

    def read(self, sku: str) -> dict[str, Any]:
        answer = self.call("POST", "/v1/listings/read", {"skus": [sku]})
        listing: dict[str, Any] = answer.json()["listings"][0]
        return listing

    def order(self, sku: str, quantity: int = 1, **more: Any) -> dict[str, Any]:
        lines = [{"sku": sku, "quantity": quantity}]
        return self.sim.create_orders([{"account": self.id, "lines": lines, **more}])[0]


@contextmanager
def sandbox(data: Path | None = None, **options: Any) -> Iterator[tuple[SandboxSimulator, Clock]]:
    """Run a sandbox without a call limit on a clock of its own."""
    clock = options.pop("clock", None) or Clock()
    settings = options.pop("settings", Settings(rate_per_second=0))
    with SandboxSimulator(data, taxonomy=TAXONOMY, settings=settings, now=clock) as sim:
        yield sim, clock


class SandboxBench:
    """What the conformance suite needs of a marketplace under test."""

    marketplace = MARKETPLACE

    def __init__(self, sim: SandboxSimulator, clock: Clock) -> None:
        self.sim, self.seller = sim, Seller(sim, clock)

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[SandboxBench]:
        with sandbox() as (sim, clock):
            yield cls(sim, clock)

    def credentials(self) -> SandboxCredentials:
        return SandboxCredentials(self.seller.key, self.seller.secret)

    def bad_credentials(self) -> SandboxCredentials:
        return SandboxCredentials("nobody's key", "wrong")

    def account_id(self) -> str:
        return str(self.seller.id)

    def secrets(self) -> tuple[str, ...]:
        return (self.seller.key, self.seller.secret)

    def revoke(self) -> None:
        self.sim.revoke(self.seller.id)

    def content(self, sku: str, **changes: Any) -> ContentItem:
        values: dict[str, Any] = {
            "sku": sku,
            "parent_sku": sku,
            "remote_id": "",
            "title": f"Caneca {sku}",
            "description": "",
            "brand": "",
            "gtin": "",
            "ncm": "",
            "category_id": MUGS,
            "attributes": {},
            "images": (),
            "weight_kg": None,
            "height_cm": None,
            "width_cm": None,
            "length_cm": None,
            "price": Decimal("19.90"),
            "list_price": Decimal("29.90"),
            "quantity": 5,
        }
        return ContentItem(**{**values, **changes})

    def wait(self) -> None:
        """Let everything under way at the marketplace come to its end."""
        self.seller.clock.advance(60)

    def fail_next(self, status: int = 503, *, after_commit: bool = False, **more: Any) -> None:
        self.sim.add_fault(status=status, after_commit=after_commit, **more)

    def answer_next_with(self, body: Any) -> None:
        self.sim.add_fault(kind="answer", status=200, body=body)

    def order_with_unknown_status(self) -> dict[str, Any]:
        """Return a page of the feed with one order in a status nobody has documented."""
        page: dict[str, Any] = self.seller.call("GET", "/v1/orders").json()
        page["orders"][0]["status"] = "teleported"
        return page

    def shown(self, sku: str) -> dict[str, Any]:
        """Return price, list_price, quantity, title and creations as the marketplace has them."""
        return self.sim.listing(self.seller.id, sku)

    def seed_order(self, sku: str, **more: Any) -> str:
        return str(self.seller.order(sku, **more)["id"])

    def order_status(self, order_id: str) -> str:
        found = [order for order in self.sim.orders(self.seller.id)["orders"] if order["id"] == order_id]
        return str(found[0]["status"])

    def cancel_as_shopper(self, order_id: str) -> None:
        self.sim.cancel_order(order_id)

    def twice_delivered_sku(self) -> str:
        """Return a SKU whose orders the feed delivers twice."""
        return "M-DUPLO"

    def invoice_key(self) -> str:
        return nfe_key()

    def signed(self, body: bytes, at: float | None = None) -> dict[str, str]:
        """Return the headers of a webhook the marketplace signed at a moment."""
        moment = time.time() if at is None else at
        return {"X-Sandbox-Signature": sign(self.seller.secret, int(moment), body)}

    def hint_body(self) -> tuple[bytes, str, tuple[str, ...]]:
        """Return a webhook's body with what its hint must be about, and which ids."""
        return b'{"event":"order.created","ids":["SBX-P1"],"account_id":"SBX-A1"}', "orders", ("SBX-P1",)


BENCHES = {"sandbox": SandboxBench}
