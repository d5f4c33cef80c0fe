"""Whatever happens in whatever order: never more is offered than there is, and nothing is subtracted twice.

An ERP with a shelf of its own plays against the hub. What it has taken out of the queue leaves its shelf;
it may send its figure before it acknowledges an order, after it, or at any other moment. Orders grow and
shrink, before the ERP has heard of it and after.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from catalog import services as catalogue
from catalog.models import Variation
from marketplaces import stock
from marketplaces.contract import OrderStatus
from marketplaces.models import Connection, Hold, Listing, Sync
from orders import queue
from orders import services as ordering
from orders.models import Order
from orders.services.seller import cancel_refused
from tests import make
from tests.orders.make import PLACED, make_connection, remote_order

SKU = "PAN-1"
NAMES = ("Aqui", "Ali")
units = st.integers(1, 3)
erp = st.sampled_from(["nothing", "is told", "takes it", "says it first", "says something"])


@dataclass
class Sold:
    """One order, as the play's omniscient eye sees it."""

    code: str
    connection: Connection
    remote_id: str
    units: int
    status: str = "APPROVED"
    in_shelf: int = 0
    """Units the ERP's shelf has already given to it."""
    in_figure: int = 0
    """Units that are out of the newest figure the hub has."""
    let_go: int = 0
    """Units a person let go, as long as the ERP has not heard of fewer."""
    taken: int = 0
    """Units the hub knows the ERP has taken."""
    credited: int = 0
    """Units the hub has every reason to believe the figure accounts for."""
    may_be_told: bool = False
    """It shrank since the ERP was given it, and may have been acknowledged since."""
    moves: int = 0

    @property
    def wants(self) -> int:
        """Units it takes now."""
        return 0 if self.status == "CANCELED" else self.units

    def is_heard_of(self, units: int) -> None:
        """The ERP was told how many units it takes: what it knows of more is over."""
        self.may_be_told = False
        self.let_go = min(self.let_go, units)
        self.taken, self.credited = min(self.taken, units), min(self.credited, units)


class Play(RuleBasedStateMachine):
    """Shoppers, the ERP and the portal, each acting at any moment."""

    def __init__(self) -> None:
        super().__init__()
        Hold.objects.all().delete()
        self.seller = make.make_seller(is_test=True)
        self.owner = make.make_member(self.seller)
        product = make.make_product(self.seller, SKU, qty=20)
        self.variation = Variation.objects.get(product_id=product.pk)
        self.connections = [make_connection(self.seller, name) for name in NAMES]
        for one in self.connections:
            listing = Listing.objects.create(
                seller=self.seller, connection=one, variation=self.variation, state=Listing.State.CONNECTED
            )
            Sync.objects.create(
                listing=listing, facet="stock", connection=one, follows=True, due_at=timezone.now()
            )
        self.shelf = self.figure = 20
        self.sold: list[Sold] = []
        self.hands: dict[str, int] = {}
        """The codes of orders the ERP was given, with the units it was told of."""
        self.is_figure_awaited = False
        """True where the hub listens to a figure that is the same as before."""

    def alive(self) -> list[Sold]:
        return [one for one in self.sold if one.status != "CANCELED"]

    def tell(self, one: Sold) -> None:
        """The marketplace tells an order's state, twice."""
        one.moves += 1
        remote = remote_order(
            one.remote_id, one.status, minutes=one.moves, skus=(SKU,), placed_at=PLACED + timedelta(minutes=1)
        )
        items = [replace(item, quantity=one.units) for item in remote.items if one.units]
        told = replace(remote, items=(*items, replace(remote.items[0], sku="OUTRO")))
        ordering.import_orders(one.connection, [told, told])

    @rule(place=st.integers(0, 1), number=units)
    def a_shopper_buys(self, place: int, number: int) -> None:
        remote_id = f"R{len(self.sold)}"
        connection = self.connections[place]
        one = Sold(f"{connection.name}-{remote_id}", connection, remote_id, number)
        self.sold.append(one)
        self.tell(one)

    @precondition(lambda self: self.alive())
    @rule(data=st.data())
    def a_shopper_cancels(self, data: Any) -> None:
        one = data.draw(st.sampled_from(self.alive()))
        one.status = OrderStatus.CANCELED.value
        self.tell(one)

    @precondition(lambda self: self.alive())
    @rule(data=st.data(), turns=st.lists(st.tuples(st.integers(0, 4), erp), min_size=2, max_size=5))
    def an_order_grows_and_shrinks(self, data: Any, turns: list[tuple[int, str]]) -> None:
        """The shopper changes it, maybe several times; the ERP hears of some of it, or of nothing."""
        one = data.draw(st.sampled_from(self.alive()))
        for number, step in turns:
            self.change(one, number)
            self.nobody_offers_what_is_sold()
            if step != "nothing":
                self.the_erp_looks_into_the_queue()
            while step in ("takes it", "says it first") and one.code in self.hands:
                self.the_erp_takes_an_order(figure_first=step == "says it first")
            if step == "says something":
                self.say()
            self.nobody_offers_what_is_sold()
            self.nothing_is_subtracted_twice()

    def change(self, one: Sold, number: int) -> None:
        """Where it shrank while the ERP had it in its hands, or to nothing, the ERP may know of it."""
        if number < one.units:
            one.may_be_told = one.may_be_told or one.code in self.hands or not number
        elif number > one.units and one.may_be_told:
            one.is_heard_of(one.units)
        one.units = number
        self.tell(one)

    @precondition(lambda self: self.alive())
    @rule(data=st.data(), erp_hears=st.booleans())
    def a_cancellation_is_refused(self, data: Any, erp_hears: bool) -> None:
        """The ERP cancels an order, puts its units back, and has to take it once more."""
        one = data.draw(st.sampled_from(self.alive()))
        ordering.cancel(self.seller, one.code)
        self.hands.pop(one.code, None)
        self.shelf += one.in_shelf
        one.in_shelf = 0
        one.is_heard_of(0)
        if erp_hears:
            one.status = "CANCELED"
            self.say()
            one.status = "APPROVED"
        cancel_refused(Order.objects.select_for_update().get(seller=self.seller, code=one.code))

    @precondition(lambda self: self.alive())
    @rule(data=st.data())
    def somebody_lets_a_hold_go(self, data: Any) -> None:
        one = data.draw(st.sampled_from(self.alive()))
        of_order = Hold.objects.filter(seller=self.seller, order_code=one.code)
        if stock.release(holds=of_order, by=self.owner):
            one.let_go = one.units

    @rule()
    def the_erp_looks_into_the_queue(self) -> None:
        """What it is given anew replaces what it has of the same order."""
        known = {one.code: one for one in self.sold}
        for leased in queue.lease(self.seller, 100, 0):
            one = known[leased.order.code]
            self.hands.pop(one.code, None)
            self.hands[one.code] = one.wants
            one.is_heard_of(one.wants)

    @precondition(lambda self: self.hands)
    @rule(figure_first=st.booleans())
    def the_erp_takes_an_order(self, figure_first: bool) -> None:
        """The oldest: the ERP gives units to it, and acknowledges before or after it says so."""
        one = next(one for one in self.sold if one.code in self.hands)
        wanted = self.hands.pop(one.code)
        self.shelf -= wanted - one.in_shelf
        one.in_shelf = wanted
        if figure_first:
            self.say()
        queue.acknowledge(self.seller, one.code)
        if one.wants <= wanted:
            one.taken = wanted
            self.is_figure_awaited = self.is_figure_awaited or one.wants > max(one.credited, one.let_go)

    @rule(arrived=st.integers(0, 2))
    def the_erp_says_its_figure(self, arrived: int) -> None:
        self.shelf += arrived
        self.say()

    def say(self) -> None:
        is_heard = self.is_figure_awaited or self.figure != max(0, self.shelf)
        self.figure = max(0, self.shelf)
        for one in self.sold:
            one.in_figure = one.in_shelf
            if is_heard:
                one.credited = max(one.credited, one.taken)
        self.is_figure_awaited = False
        catalogue.set_stock(self.seller.pk, [{"sku": SKU, "qty": self.figure}])

    @rule(
        place=st.integers(0, 1),
        holds=st.sampled_from([True, True, True, False]),
        reserve=st.integers(0, 2),
        percentage=st.sampled_from([100, 100, 50, 1]),
    )
    def somebody_changes_what_is_offered(
        self, place: int, holds: bool, reserve: int, percentage: int
    ) -> None:
        connection = self.connections[place]
        connection.hold_stock = holds
        connection.stock_reserve, connection.stock_percentage = reserve, percentage
        stock.set_buffers(connection=connection)

    def published(self) -> list[int]:
        found = stock.offers(self.seller.pk, [self.variation.pk])
        return [found[one.pk, self.variation.pk].published for one in self.connections]

    def plain(self, free: int) -> list[int]:
        """What the buffers leave of so many free units."""
        return [
            -(-max(0, free - one.stock_reserve) * one.stock_percentage // 100) for one in self.connections
        ]

    @invariant()
    def nobody_offers_what_is_sold(self) -> None:
        unaccounted = sum(max(0, one.wants - max(one.in_figure, one.let_go)) for one in self.sold)
        for one, shown in zip(self.connections, self.published(), strict=True):
            free = self.figure - unaccounted if one.hold_stock else self.figure
            assert 0 <= shown <= max(0, free)

    @invariant()
    def nothing_is_subtracted_twice(self) -> None:
        """What the ERP has taken, and has said a figure since, is not held any more."""
        held = sum(max(0, one.wants - max(one.credited, one.let_go)) for one in self.sold)
        for one, shown, least in zip(
            self.connections, self.published(), self.plain(self.figure - held), strict=True
        ):
            assert shown >= least or not one.hold_stock

    @invariant()
    def what_differs_is_marked(self) -> None:
        wanted = dict(zip((one.pk for one in self.connections), self.published(), strict=True))
        for row in Sync.objects.filter(connection__in=self.connections):
            assert row.due_at is not None or row.confirmed_value == str(wanted[row.connection_id])

    @rule()
    def the_lanes_run(self) -> None:
        wanted = dict(zip((one.pk for one in self.connections), self.published(), strict=True))
        for row in Sync.objects.filter(connection__in=self.connections):
            Sync.objects.filter(listing=row.listing_id, facet="stock").update(
                confirmed_version=row.wanted_version,
                sent_version=row.wanted_version,
                confirmed_value=str(wanted[row.connection_id]),
                confirmed_at=timezone.now(),
                due_at=None,
            )

    def teardown(self) -> None:
        """The ERP takes all there is and says its figure once: then that is what everybody offers."""
        self.the_erp_looks_into_the_queue()
        while self.hands:
            self.the_erp_takes_an_order(figure_first=False)
            self.the_erp_looks_into_the_queue()
        self.say()
        assert self.published() == self.plain(self.figure)
        assert not Hold.objects.filter(held__gt=0).exists()


@pytest.mark.django_db
def test_never_more_is_offered_than_there_is_and_in_the_end_exactly_that() -> None:
    run_state_machine_as_test(
        Play,
        settings=settings(
            max_examples=60,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )
