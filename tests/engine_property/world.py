"""Two sellers at one marketplace, and what ought to be there: told by ERPs and people, not by the hub.

The books kept here (`Place`, `Goods`, `Sold`) are plain sums over what was said. Every price and every
quantity is said once only, so that whoever sees one at the marketplace knows how old it is. What is said
goes into the books before the hub is told: a call that dies half-way is made again with newer values.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import connection as database
from django.utils import timezone
from django_q.models import OrmQ

from catalog import services as catalogue
from catalog.models import Category, Variation
from hub.models import Seller
from marketplaces import engine, mapping, price_rules, services, stock
from marketplaces.models import Connection, Lane, Listing, Load, Marketplace, RemoteCategory
from marketplaces.pricing import Rule, Rules
from marketplaces.simulators.sandbox import SandboxSimulator
from tests import make
from tests.engine_property.wire import Wire

EASY, DEMANDING = "SBX-2010", "SBX-1010"
"""Mugs, of which the sandbox demands nothing, and headphones, of which our goods lack what it demands."""
STEP = 1000
"""Between two figures of an ERP: holds and reserves are less than half of it."""
GUARD = Decimal(40)
"""The per cent a price may move by where the guard is on."""


@dataclass
class Goods:
    """One sellable SKU, as its ERP has it."""

    sku: str
    product: str
    variation: Variation
    qty: int = STEP
    price: Decimal = Decimal("100.00")
    has_own_price: bool = False
    title: int = 0
    enabled: bool = True


@dataclass
class Shelf:
    """One seller and its ERP."""

    seller: Seller
    category: Category
    goods: dict[str, Goods] = field(default_factory=dict)


@dataclass
class Place:
    """One account at the marketplace, as its seller has set it up."""

    shelf: Shelf
    connection_id: int
    account: str
    key: str
    secret: str
    fixed: int = 0
    """BRL the price rules add."""
    guarded: bool = False
    reserve: int = 0
    most: int | None = None
    holds: bool = True
    follows_content: bool = False
    mapped: str = EASY
    was_badly_mapped: bool = False
    on_sale: dict[str, bool] = field(default_factory=dict)
    """What was last asked for each SKU: put on sale or taken off."""
    linked: set[str] = field(default_factory=set)
    """SKUs that were once to be associated."""
    titles_at: dict[str, int] = field(default_factory=dict)
    """The title each SKU had when it was last sent."""
    frozen: set[tuple[str, str]] = field(default_factory=set)
    """(SKU, facet)."""
    leaving: set[tuple[str, str]] = field(default_factory=set)
    """(SKU, facet) of what is frozen until it is off sale, which was asked for."""
    changed_there: set[tuple[str, str]] = field(default_factory=set)
    """(SKU, facet) of what somebody has changed at the marketplace."""
    prices: dict[str, list[str]] = field(default_factory=dict)
    """Every price that was ever wanted of a SKU, in order."""

    @property
    def connection(self) -> Connection:
        return Connection.objects.select_related("marketplace", "seller").get(pk=self.connection_id)

    def price(self, goods: Goods) -> Decimal:
        """What shoppers should pay."""
        return goods.price + self.fixed

    def note_prices(self) -> None:
        """Remember what is wanted now."""
        for goods in self.shelf.goods.values():
            said = self.prices.setdefault(goods.sku, [])
            if not said or said[-1] != f"{self.price(goods):.2f}":
                said.append(f"{self.price(goods):.2f}")


@dataclass
class Sold:
    """One order, as the marketplace and the ERP see it."""

    id: str
    place: Place
    units: dict[str, int]
    canceled: bool = False
    """By the shopper."""
    taken: bool = False
    """The ERP has acknowledged it, or is about to."""
    accounted: bool = False
    """The ERP has taken it and said its figures since."""
    done: str = ""
    """How far the ERP has brought it: invoiced, shipped, delivered or canceled."""


class World:
    """Everybody concerned, the hub's workers included."""

    def __init__(self, sandbox: SandboxSimulator, wire: Wire, url: str, *, sisters: bool) -> None:
        self.sandbox, self.wire = sandbox, wire
        self._tokens = 1
        self.sold: list[Sold] = []
        marketplace = Marketplace.objects.get(key="sandbox")
        marketplace.base_url = url
        marketplace.save()
        ana, bia = self._shelf(), self._shelf()
        owners = [ana, ana, bia] if sisters else [ana, bia]
        self.shelves = [ana, bia]
        self.places = [self._open(shelf, marketplace, number) for number, shelf in enumerate(owners)]

    def _shelf(self) -> Shelf:
        """A seller with a simple product and one with three variations; both sellers use the same SKUs."""
        seller = make.make_seller(is_test=True)
        shelf = Shelf(seller, make.make_category(seller, "CANECAS", "Casa > Canecas"))
        for sku, children in (("S", ()), ("P", ("P1", "P2", "P3"))):
            fields = {"name": f"Caneca {sku} n0", "price": "100.00", "category_codes": ["CANECAS"]}
            product = make.make_parent(seller, sku, **fields)
            for child in children or (sku,):
                variation = make.make_variation(product, child, qty=STEP)
                shelf.goods[child] = Goods(child, sku, variation)
        return shelf

    def _open(self, shelf: Shelf, marketplace: Marketplace, number: int) -> Place:
        account = self.sandbox.create_account(f"{shelf.seller.name} {number}")
        credentials = {"api_key": account["api_key"], "webhook_secret": account["webhook_secret"]}
        connection = services.open_connection(
            seller=shelf.seller, marketplace=marketplace, name=f"Loja {number}", credentials=credentials
        )
        place = Place(
            shelf,
            connection.pk,
            account["account_id"],
            account["api_key"],
            account["webhook_secret"],
        )
        self.map(place, EASY)
        place.note_prices()
        return place

    def token(self) -> int:
        """A number nobody has used before."""
        self._tokens += 1
        return self._tokens

    # --- the ERP -----------------------------------------------------------------------------

    def say_stock(self, shelf: Shelf, skus: list[str], *, empty: bool = False) -> None:
        """The ERP tells its figures of some SKUs."""
        told = {sku: 0 if empty else STEP * self.token() for sku in skus}
        for sku, qty in told.items():
            shelf.goods[sku].qty = qty
        catalogue.set_stock(shelf.seller.pk, [{"sku": sku, "qty": qty} for sku, qty in told.items()])

    def say_price(self, shelf: Shelf, sku: str, base: int) -> None:
        """The ERP tells a price of a product, for all its variations, or of one variation alone."""
        price = base + Decimal(self.token()) / 100
        for goods in shelf.goods.values():
            goods.has_own_price = goods.has_own_price or (goods.sku == sku != goods.product)
            if goods.sku == sku or (goods.product == sku and not goods.has_own_price):
                goods.price = price
        for place in self.places:
            if place.shelf is shelf:
                place.note_prices()
        catalogue.set_prices(shelf.seller.pk, [{"sku": sku, "price": f"{price:.2f}"}])

    def say_title(self, shelf: Shelf, product: str) -> None:
        """The ERP gives a product another name."""
        number = self.token()
        for goods in shelf.goods.values():
            if goods.product == product:
                goods.title = number
        catalogue.upsert_products(shelf.seller.pk, [{"sku": product, "name": f"Caneca {product} n{number}"}])

    def say_status(self, shelf: Shelf, product: str, *, enabled: bool) -> None:
        """The ERP switches a product off or on."""
        status = "enabled" if enabled else "disabled"
        catalogue.upsert_products(shelf.seller.pk, [{"sku": product, "status": status}])
        for goods in shelf.goods.values():
            if goods.product == product:
                goods.enabled = enabled

    # --- the seller --------------------------------------------------------------------------

    def send(self, place: Place, action: str, skus: list[str]) -> None:
        """Conectar, Associar, Reconectar or Desconectar."""
        connection = place.connection
        off = set(
            Listing.objects.filter(connection=connection, state=Listing.State.DISCONNECTED).values_list(
                "variation__sku", flat=True
            )
        )
        if action in (Load.Action.CONNECT, Load.Action.ASSOCIATE):
            chosen: dict[str, Any] = {
                "variations": Variation.objects.filter(seller=place.shelf.seller, sku__in=skus)
            }
            sent = set(skus)
        else:
            listings = Listing.objects.filter(connection=connection, variation__sku__in=skus)
            chosen = {"listings": listings}
            sent = set(listings.values_list("variation__sku", flat=True))
            if action == Load.Action.DISCONNECT:
                sent -= off
        try:
            services.start_load(connection=connection, action=action, **chosen)
        except services.NotPossible:
            return
        for sku in sent:
            place.on_sale[sku] = action != Load.Action.DISCONNECT
            place.titles_at[sku] = place.shelf.goods[sku].title
            if action == Load.Action.ASSOCIATE:
                place.linked.add(sku)
            both = {(sku, "price"), (sku, "stock")}
            if action == Load.Action.DISCONNECT:
                place.leaving |= place.frozen & both
                place.frozen -= both
            else:
                # What comes back before it was off sale is as frozen as it was.
                place.frozen |= set() if sku in off else place.leaving & both
                place.leaving -= both

    def map(self, place: Place, remote_id: str) -> None:
        """The seller says what its mugs are at the marketplace; "" takes the mapping away."""
        remote = RemoteCategory.objects.filter(marketplace="sandbox", remote_id=remote_id).first()
        mapping.map_categories(place.connection, {place.shelf.category.pk: remote.pk if remote else None})
        place.mapped = remote_id
        place.was_badly_mapped = place.was_badly_mapped or remote_id != EASY

    def rule_prices(self, place: Place, *, guarded: bool) -> None:
        """The seller saves new price rules."""
        connection = place.connection
        fixed = 500 * (place.fixed // 500 + 1)
        limit = GUARD if guarded else None
        rules = Rules(base=Rule(fixed=Decimal(fixed)), most_drop=limit, most_rise=limit)
        number, _now = price_rules.current(connection.pk)
        price_rules.save(connection=connection, rules=rules, based_on=number)
        place.fixed, place.guarded = fixed, guarded
        place.note_prices()

    def keep_back(self, place: Place, *, usual: bool) -> None:
        """The seller offers all there is, or holds nothing back that was sold, or shows a few units only."""
        place.holds = usual or not place.holds
        place.reserve, place.most = (0, None) if usual else (5, None if place.most else 7)
        connection = place.connection
        connection.stock_reserve, connection.stock_most = place.reserve, place.most
        connection.hold_stock = place.holds
        stock.set_buffers(connection=connection)

    def renew(self, place: Place) -> None:
        """The seller signs in again."""
        account = self.sandbox.create_account("again", place.key)
        credentials = {"api_key": account["api_key"], "webhook_secret": account["webhook_secret"]}
        with contextlib.suppress(services.NotPossible):
            services.renew_credentials(connection=place.connection, credentials=credentials)

    # --- the workers, and time ---------------------------------------------------------------

    def tasks(self) -> Iterator[OrmQ]:
        """The task queue, oldest first."""
        yield from OrmQ.objects.order_by("id")

    def sweep(self) -> None:
        engine.dispatch(timezone.now())

    def time_passes(self, seconds: int) -> None:
        """Let all that waits for a moment wait so many seconds less."""
        ids = [place.connection_id for place in self.places]
        with database.cursor() as cursor:
            for statement in _WAITING:
                cursor.execute(statement, {"passed": f"{seconds} seconds", "ids": ids})

    def marketplace_moves_on(self) -> None:
        """The marketplace decides the loads it has, and what was decided before goes on sale."""
        with self.sandbox.market.store.transaction() as db:
            now = self.sandbox.market.now()
            db.execute("UPDATE load SET starts_at = min(starts_at, ?), done_at = min(done_at, ?)", (now, now))
            db.execute("UPDATE listing SET live_at = min(live_at, ?)", (now,))

    def lanes(self) -> dict[int, Lane]:
        return Lane.objects.filter(connection__in=[one.connection_id for one in self.places]).in_bulk()

    def close(self) -> None:
        """Nobody works here any more."""
        Seller.objects.filter(pk__in=[shelf.seller.pk for shelf in self.shelves]).update(is_active=False)
        OrmQ.objects.all().delete()


_WAITING = (
    "UPDATE marketplaces_lane SET run_at = run_at - %(passed)s::interval, "
    "lease_until = lease_until - %(passed)s::interval, queued_at = queued_at - %(passed)s::interval "
    "WHERE connection_id = ANY(%(ids)s)",
    "UPDATE marketplaces_sync SET due_at = due_at - %(passed)s::interval, "
    "look_at = look_at - %(passed)s::interval WHERE connection_id = ANY(%(ids)s)",
    "UPDATE marketplaces_submission SET next_poll_at = next_poll_at - %(passed)s::interval, "
    "created_at = created_at - %(passed)s::interval WHERE connection_id = ANY(%(ids)s)",
    "UPDATE marketplaces_pace SET next_at = next_at - %(passed)s::interval "
    "WHERE connection_id = ANY(%(ids)s)",
    "UPDATE orders_notice SET due_at = due_at - %(passed)s::interval WHERE connection_id = ANY(%(ids)s)",
)
