"""A small shop for tests: a seller, a connection to a running sandbox, and the things it sells."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

from django.utils import timezone

from catalog.models import Category, Product, Variation
from hub.models import Seller, User
from marketplaces import engine as lanes
from marketplaces import mapping, price_rules, services
from marketplaces.models import (
    Connection,
    Issue,
    Lane,
    Listing,
    Load,
    Marketplace,
    PriceRules,
    RemoteCategory,
    Sync,
)
from marketplaces.pricing import Rules
from marketplaces.simulators.sandbox import SandboxSimulator, Settings
from tests import engine, make
from tests.simulators.lab import gtin

FAST = Settings(
    processing_seconds=0.02,
    deciding_seconds=0.02,
    cataloguing_seconds=0.02,
    approval_seconds=0.02,
    rate_per_second=0,
    webhook_retry_seconds=0.05,
)
_numbers = count(1)
PANS = "SBX-2110"
"""Panelas: a leaf of the shipped taxonomy."""


@dataclass
class Shop:
    """One seller at one sandbox."""

    seller: Seller
    connection: Connection
    sandbox: SandboxSimulator
    category: Category
    account: dict[str, Any]

    def sell(self, sku: str, *, qty: int = 10, **fields: Any) -> Variation:
        """A simple product the sandbox has nothing against, unless `fields` say otherwise."""
        values: dict[str, Any] = {
            "name": f"Panela de pressão {sku} 4,5 litros",
            "description": "Panela de pressão de alumínio polido com fechamento externo e cabo antitérmico. "
            * 2,
            "brand": "Panex",
            "ean": gtin(f"789{next(_numbers):09d}"),
            "nbm": "76151000",
            "price": "129.90",
            "weight": "1.2",
            "height": "20",
            "width": "25",
            "length": "25",
            "category_codes": [self.category.code],
            "images": ["https://img.example.com/panela.jpg"],
            "specifications": [{"key": "Material", "value": "Alumínio"}, {"key": "Cor", "value": "Prata"}],
            **fields,
        }
        product = make.make_product(self.seller, sku, qty=qty, **values)
        return Variation.objects.select_related("product").get(product_id=product.pk)

    def connect(self, *skus: str, action: str = Load.Action.CONNECT) -> Load:
        """Send some SKUs, or everything, and turn the engine until nothing moves."""
        chosen = Variation.objects.filter(seller=self.seller)
        if skus:
            chosen = chosen.filter(sku__in=skus)
        load = services.start_load(connection=self.connection, action=action, variations=chosen)
        self.settle()
        load.refresh_from_db()
        return load

    def send_again(self, *skus: str, action: str = Load.Action.RECONNECT) -> Load:
        """Reconnect or disconnect some listings, or all."""
        chosen = Listing.objects.filter(connection=self.connection)
        if skus:
            chosen = chosen.filter(variation__sku__in=skus)
        load = services.start_load(connection=self.connection, action=action, listings=chosen)
        self.settle()
        load.refresh_from_db()
        return load

    def settle(self) -> None:
        engine.settle(self.connection)

    def look(self) -> None:
        """Let every listing's turn in the read-back come, and run it once."""
        mine = Sync.objects.filter(connection=self.connection, look_at__isnull=False)
        mine.update(look_at=timezone.now())
        self.run_lane("observe")

    def run_lane(self, kind: str) -> None:
        """Let one worker take a lane for one slice; the lane's pause and those of its rows are over."""
        now = timezone.now()
        if kind in Lane.FACETS:
            waiting = Sync.objects.filter(connection=self.connection, facet=kind, due_at__isnull=False)
            waiting.update(due_at=now)
        Lane.objects.filter(connection=self.connection, kind=kind).update(run_at=now)
        lanes.run(Lane.objects.get(connection=self.connection, kind=kind).pk)

    def save_rules(self, rules: Rules, by: User | None = None) -> PriceRules:
        """Save price rules over the version in force."""
        number, _rules = price_rules.current(self.connection.pk)
        return price_rules.save(connection=self.connection, rules=rules, based_on=number, by=by)

    def listing(self, sku: str) -> Listing:
        return Listing.objects.get(connection=self.connection, variation__sku=sku)

    def sync(self, sku: str, facet: str) -> Sync:
        return Sync.objects.get(connection=self.connection, listing__variation__sku=sku, facet=facet)

    def issues(self, sku: str) -> list[Issue]:
        """The open issues of a SKU."""
        found = Issue.objects.filter(
            connection=self.connection, listing__variation__sku=sku, closed_at__isnull=True
        )
        return list(found.order_by("id"))

    def shown(self, sku: str) -> dict[str, Any]:
        """What the marketplace shows of a SKU; an empty dict when it never heard of it."""
        found = self.sandbox.listings(self.account["account_id"], sku=sku)["listings"]
        return dict(found[0]) if found else {}


def open_shop(sandbox: SandboxSimulator, name: str) -> Shop:
    """A seller connected to the sandbox, with one category mapped to pans."""
    seller = make.make_seller(name)
    marketplace = Marketplace.objects.get_or_create(key="sandbox", defaults={"name": "Sandbox"})[0]
    marketplace.base_url = sandbox.url
    marketplace.save()
    account = sandbox.create_account(name)
    connection = services.open_connection(
        seller=seller,
        marketplace=marketplace,
        name="Sandbox",
        credentials={"api_key": account["api_key"], "webhook_secret": account["webhook_secret"]},
    )
    category = make.make_category(seller, "PANELAS", "Cozinha > Panelas")
    remote = RemoteCategory.objects.get(marketplace=marketplace, remote_id=PANS)
    mapping.map_categories(connection, {category.pk: remote.pk})
    return Shop(seller, connection, sandbox, category, account)


def set_qty(variation: Variation, qty: int) -> None:
    """What the ERP's stock call does."""
    Variation.objects.filter(pk=variation.pk).update(qty=qty)


def change_product(variation: Variation, **fields: Any) -> None:
    """What the ERP's product call does."""
    Product.objects.filter(pk=variation.product_id).update(**fields)
