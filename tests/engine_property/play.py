"""The play: sellers, ERPs, shoppers, workers and bad luck, each acting at any moment, and a right end."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from django.db import connections
from django_q.models import OrmQ
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from hub.refusals import Refusal
from marketplaces import engine, services
from marketplaces.models import Lane, Load, Sync
from marketplaces.simulators.kit import Problem
from orders import queue
from orders import services as ordering
from orders.models import Order
from tests.engine_property.company import DAY, Company
from tests.engine_property.trouble import (
    REFUSALS,
    WorkerDied,
    deaths,
    dies_at,
    dies_once,
    faults,
    refusals,
)
from tests.engine_property.world import DEMANDING, EASY, Place, Shelf, Sold, World
from tests.orders.make import invoice_note, shipment_note

SKUS = ("S", "P1", "P2", "P3")
STEPS = ["invoiced", "shipped", "delivered"]
skus = st.lists(st.sampled_from(SKUS), min_size=1, unique=True)
numbers = st.integers(0, 2)
MOST_OF_AN_ORDER = 24
"""Statements: no more are needed to take one in and to move the bookmark."""
any_number = st.integers(0, 63)
"""Which of those there are: how many, the moment decides, so nothing drawn may depend on it."""
maybe_deaths = st.none() | deaths


class Play(Company):
    """What may happen, in any order."""

    @initialize(
        sisters=st.booleans(),
        opening=st.sampled_from(["on sale", "on sale", "on sale", "just sent", "nothing"]),
        fair=st.sampled_from([True, True, False]),
    )
    def the_curtain_rises(self, sisters: bool, opening: str, fair: bool) -> None:
        """One of the sellers may have two accounts; everything may be on sale already, or on its way.

        Mostly the marketplace is fair: it takes what is right, and tells the truth. Then nothing excuses the
        hub at the end.
        """
        self.is_fair = fair
        self.world = World(self.sandbox, self.wire, self.url, sisters=sisters)
        if opening == "nothing":
            return
        for place in self.places:
            self.world.send(place, Load.Action.CONNECT, list(SKUS))
        for _stage in range(3 if opening == "on sale" else 0):  # sent, decided, on sale
            self.world.time_passes(7200)
            self.world.marketplace_moves_on()
            self.work()

    # --- the ERP -----------------------------------------------------------------------------

    @rule(number=numbers, which=skus, empty=st.sampled_from([False, False, True]), death=maybe_deaths)
    def the_erp_says_its_stock(
        self, number: int, which: list[str], empty: bool, death: tuple[int, bool] | None
    ) -> None:
        shelf = self.shelf(number)
        self.do(lambda: self.world.say_stock(shelf, which, empty=empty), death)

    @rule(
        number=numbers,
        sku=st.sampled_from(["S", "P", "P", "P1"]),
        base=st.sampled_from([100, 100, 300]),
        death=maybe_deaths,
    )
    def the_erp_says_a_price(self, number: int, sku: str, base: int, death: tuple[int, bool] | None) -> None:
        self.do(lambda: self.world.say_price(self.shelf(number), sku, base), death)

    @rule(number=numbers, product=st.sampled_from(["S", "P"]), death=maybe_deaths)
    def the_erp_renames_a_product(self, number: int, product: str, death: tuple[int, bool] | None) -> None:
        self.do(lambda: self.world.say_title(self.shelf(number), product), death)

    @rule(number=numbers, product=st.sampled_from(["S", "P"]), enabled=st.booleans())
    def the_erp_switches_a_product(self, number: int, product: str, enabled: bool) -> None:
        self.world.say_status(self.shelf(number), product, enabled=enabled)

    @rule(number=numbers, death=maybe_deaths)
    def the_erp_takes_its_orders(self, number: int, death: tuple[int, bool] | None) -> None:
        """It acknowledges what it is given, and then says the figures of what was sold."""
        shelf = self.shelf(number)
        self.do(lambda: self._take_orders(shelf), death)

    def _take_orders(self, shelf: Shelf) -> None:
        mine = {(one.place.connection_id, one.id): one for one in self.world.sold if one.place.shelf is shelf}
        for leased in queue.lease(shelf.seller, 100, 0):
            one = mine[leased.order.connection_id, leased.order.remote_id]
            one.taken = True
            queue.acknowledge(shelf.seller, self._order(one).code)
        # Those, too, that were acknowledged before a death came between them and the figures.
        unsaid = [one for one in mine.values() if one.taken and not one.accounted]
        sold = sorted({sku for one in unsaid for sku in one.units})
        if sold:
            self.world.say_stock(shelf, sold)
        for one in unsaid:
            one.accounted = True

    @rule(which=any_number, step=st.sampled_from([*STEPS, "canceled"]))
    def the_erp_moves_an_order(self, which: int, step: str) -> None:
        if not self.world.sold:
            return
        one = self.world.sold[which % len(self.world.sold)]
        order = Order.objects.filter(connection_id=one.place.connection_id, remote_id=one.id).first()
        if order is None:
            return
        seller, note = one.place.shelf.seller, invoice_note(order.pk % 10**9)
        walk = {
            "invoiced": lambda: ordering.invoice(
                seller, order.code, invoice=note, status_code="order_invoiced"
            ),
            "shipped": lambda: ordering.ship(
                seller, order.code, shipment=shipment_note(), status_code="order_shipped"
            ),
            "delivered": lambda: ordering.deliver(seller, order.code),
            "canceled": lambda: ordering.cancel(seller, order.code),
        }
        steps = ["canceled"] if step == "canceled" else STEPS[: STEPS.index(step) + 1]
        for one_step in steps:
            with contextlib.suppress(Refusal):
                walk[one_step]()
                one.done = one_step

    def _order(self, one: Sold) -> Order:
        return Order.objects.get(connection_id=one.place.connection_id, remote_id=one.id)

    # --- the seller --------------------------------------------------------------------------

    @rule(number=numbers, which=skus, action=st.sampled_from(list(Load.Action.values)), death=maybe_deaths)
    def the_seller_sends(
        self, number: int, which: list[str], action: str, death: tuple[int, bool] | None
    ) -> None:
        self.do(lambda: self.world.send(self.place(number), action, which), death)

    @rule(
        number=numbers,
        what=st.sampled_from(["mapping", "prices", "guard", "buffers", "approval"]),
        usual=st.booleans(),
    )
    def the_seller_changes_the_rules(self, number: int, what: str, usual: bool) -> None:
        place = self.place(number)
        match what:
            case "mapping":
                self.world.map(place, EASY if usual else DEMANDING if place.mapped == EASY else "")
            case "approval":
                self.approve(place)
            case "buffers":
                self.world.keep_back(place, usual=usual)
            case _:
                self.world.rule_prices(place, guarded=what == "guard")

    @rule(number=numbers, sku=st.sampled_from(SKUS), facet=st.sampled_from(["price", "stock"]))
    def the_seller_freezes(self, number: int, sku: str, facet: str) -> None:
        place = self.place(number)
        self.freeze(place, sku, facet, frozen=(sku, facet) not in place.frozen)

    @rule(
        number=numbers,
        what=st.sampled_from(
            ["sync_price", "sync_stock", "sync_content", "auto_reconnect", "auto_heal", "pause", "consent"]
        ),
        on=st.sampled_from([True, True, False]),
    )
    def somebody_fiddles_with_an_account(self, number: int, what: str, on: bool) -> None:
        """A switch, a pause, or credentials that expire and are renewed."""
        place = self.place(number)
        match what:
            case "pause":
                services.set_paused(connection=place.connection, paused=not on)
            case "consent" if on:
                self.world.renew(place)
            case "consent":
                self.sandbox.revoke(place.account)
            case _:
                services.set_switches(connection=place.connection, **{what: on})
                place.follows_content = on if what == "sync_content" else place.follows_content

    # --- the shoppers and the marketplace ----------------------------------------------------

    @rule(number=numbers, which=skus, units=st.integers(1, 3), pays=st.booleans())
    def shoppers_buy(self, number: int, which: list[str], units: int, pays: bool) -> None:
        for sku in which:
            self.a_shopper_buys(self.place(number), sku, units, pays=pays)

    def a_shopper_buys(self, place: Place, sku: str, units: int, *, pays: bool) -> None:
        """One of what is on sale and in stock there; otherwise nothing comes of it."""
        wanted = {"account": place.account, "lines": [{"sku": sku, "quantity": units}]}
        with contextlib.suppress(Problem):
            (made,) = self.sandbox.create_orders([{**wanted, "status": "approved" if pays else "new"}])
            self.world.sold.append(Sold(made["id"], place, {sku: units}))
            if not place.holds:
                # The marketplace took them off, and the hub was told not to reckon with it.
                place.changed_there.add((sku, "stock"))

    @rule(which=any_number, cancels=st.sampled_from([False, False, True]))
    def a_shopper_pays_or_gives_up(self, which: int, cancels: bool) -> None:
        if not self.world.sold:
            return
        one = self.world.sold[which % len(self.world.sold)]
        try:
            (self.sandbox.cancel_order if cancels else self.sandbox.approve_order)(one.id)
        except Problem:
            return
        one.canceled = one.canceled or cancels
        if (
            cancels
            and not Order.objects.filter(connection_id=one.place.connection_id, remote_id=one.id).exists()
        ):
            # The marketplace took its units off and does not give them back; nobody here heard of either.
            one.place.changed_there |= {(sku, "stock") for sku in one.units}

    @rule()
    def the_marketplace_moves_on(self) -> None:
        self.world.marketplace_moves_on()

    @rule(number=numbers, sku=st.sampled_from(SKUS), price=st.booleans())
    def somebody_changes_a_listing_there(self, number: int, sku: str, price: bool) -> None:
        token = self.world.token()
        change: dict[str, Any] = {"price": f"{70_000 + token}.00"} if price else {"quantity": 900_000 + token}
        place = self.place(number)
        try:
            self.sandbox.set_listing(place.account, sku, **change)
        except Problem:
            return
        place.changed_there.add((sku, "price" if price else "stock"))

    # --- the workers -------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 20, 60, 7200, DAY]))
    def time_passes(self, seconds: int) -> None:
        self.world.time_passes(seconds)

    @rule(death=maybe_deaths)
    def the_dispatcher_sweeps(self, death: tuple[int, bool] | None) -> None:
        self.do(self.world.sweep, death)

    @rule(keep=st.sampled_from([0, 0, 2]))
    def the_task_queue_is_lost(self, keep: int) -> None:
        for task in list(self.world.tasks())[keep:]:
            task.delete()

    @rule()
    def the_workers_work(self) -> None:
        self.work()

    @rule(
        pick=st.tuples(st.integers(0, 3), any_number),
        fault=faults | st.none() | refusals,
        times=st.integers(1, 2),
    )
    def a_worker_meets_a_fault(self, pick: tuple[int, int], fault: dict[str, Any] | None, times: int) -> None:
        """The call of one worker goes wrong; None: the marketplace says what it said the last time."""
        passes_over = fault in REFUSALS
        if self.is_fair and (fault is None or passes_over):
            return
        lane = self.next_lane(pick)
        if lane is None:
            return
        if fault is None:
            self.wire.repeats_itself = self.was_misled = True
        else:
            if passes_over and lane.kind == Lane.Kind.ORDERS:
                return  # an order a marketplace leaves out of its feed is lost by no fault of ours
            self.refuses = self.refuses or passes_over
            self.sandbox.add_fault(**{"times": times, **fault})
        engine.run(lane.pk)
        self.wire.repeats_itself = False
        self.sandbox.clear_faults()

    @rule(pick=st.tuples(st.integers(0, 3), any_number), death=deaths)
    def a_worker_dies(self, pick: tuple[int, int], death: tuple[int, bool]) -> None:
        lane = self.next_lane(pick)
        if lane is not None:
            try:
                with dies_at(death[0], done=death[1]):
                    engine.run(lane.pk)
            except WorkerDied:
                pass

    @rule(
        pick=st.tuples(st.integers(0, 3), any_number),
        what=st.sampled_from(["price", "stock", "title", "sale", "off", "again", "rules", "freeze"]),
        when=st.sampled_from(["before", "after"]),
        number=numbers,
        sku=st.sampled_from(SKUS),
    )
    def something_happens_while_a_call_is_under_way(
        self, pick: tuple[int, int], what: str, when: str, number: int, sku: str
    ) -> None:
        lane = self.next_lane(pick)
        if lane is None:
            return
        place, product = self.place(number), "S" if sku == "S" else "P"
        happening: dict[str, Callable[[], None]] = {
            "price": lambda: self.world.say_price(place.shelf, product, 100),
            "stock": lambda: self.world.say_stock(place.shelf, [sku]),
            "title": lambda: self.world.say_title(place.shelf, product),
            "sale": lambda: self.a_shopper_buys(place, sku, 1, pays=True),
            "off": lambda: self.world.send(place, Load.Action.DISCONNECT, [sku]),
            "again": lambda: self.world.send(place, Load.Action.RECONNECT, [sku]),
            "rules": lambda: self.world.rule_prices(place, guarded=False),
            "freeze": lambda: self.the_seller_freezes(number, sku, "price"),
        }
        setattr(self.wire, when, happening[what])
        engine.run(lane.pk)
        setattr(self.wire, when, None)

    @rule(which=any_number, facet=st.sampled_from(["price", "stock"]), waits=st.booleans())
    def a_worker_thought_dead_comes_back(self, which: int, facet: str, waits: bool) -> None:
        """Its lease runs out while it waits for an answer, and another one takes over with a newer value.

        With `waits` it comes back while the other one's call is under way; then a third one looks for work.
        """
        following = self.following(facet)
        if not following:
            return
        place, sku = following[which % len(following)]
        lane = Lane.objects.get(connection=place.connection_id, kind=facet)
        in_flight, arrives = threading.Event(), threading.Event()
        second = threading.Thread(target=lambda: self.work_alone(lane.pk, in_flight))

        def say_something_new() -> None:
            self.say_something_new(place, sku, facet)

        def under_way() -> None:
            in_flight.set()
            arrives.wait(20)

        def take_over() -> None:
            say_something_new()
            self.world.time_passes(60)
            self.wire.before = under_way if waits else None
            second.start()
            if waits:
                in_flight.wait(20)
            else:
                second.join()

        say_something_new()
        self.wire.after = take_over
        engine.run(lane.pk)
        if second.ident is not None and waits:
            say_something_new()
            engine.run(lane.pk)
            arrives.set()
            second.join()
        self.wire.after = self.wire.before = None
        self.wire.caller = connections["default"]

    def following(self, facet: str) -> list[tuple[Place, str]]:
        """Whose prices or quantities are sent when they change."""
        rows = Sync.objects.filter(facet=facet, follows=True, connection__status="active")
        rows = rows.filter(**{f"connection__sync_{facet}": True}).order_by("listing__variation__sku")
        return [
            (place, sku)
            for place in self.places
            for sku in rows.filter(connection=place.connection_id).values_list(
                "listing__variation__sku", flat=True
            )
        ]

    @rule(
        which=any_number, facet=st.sampled_from(["price", "stock"]), when=st.sampled_from(["before", "after"])
    )
    def a_publication_and_a_newer_value_cross(self, which: int, facet: str, when: str) -> None:
        """One worker sends a listing again; meanwhile the ERP says something new, and another sends it."""
        following = self.following(facet)
        if not following:
            return
        place, sku = following[which % len(following)]
        lanes = {
            lane.kind: lane
            for lane in Lane.objects.filter(connection=place.connection_id, kind__in=Lane.FACETS)
        }

        def another_works() -> None:
            self.say_something_new(place, sku, facet)
            second = threading.Thread(target=lambda: self.work_alone(lanes[facet].pk, threading.Event()))
            second.start()
            second.join()

        self.world.send(place, Load.Action.RECONNECT, [sku])
        setattr(self.wire, when, another_works)
        engine.run(lanes["content"].pk)
        setattr(self.wire, when, None)

    @rule(which=any_number)
    def a_worker_dies_over_a_new_order(self, which: int) -> None:
        """Of what the marketplace told it and the hub did not write down, nobody may think it is here.

        It dies with the answer in its hands, the next one a statement later, until the order is taken.
        """
        following = self.following("stock")
        if not following:
            return
        place, sku = following[which % len(following)]
        self.a_shopper_buys(place, sku, 1, pays=True)
        lane = Lane.objects.get(connection=place.connection_id, kind="orders")
        for statement in range(1, MOST_OF_AN_ORDER):
            answered = threading.Event()
            self.world.time_passes(60)
            self.wire.after = answered.set
            with contextlib.suppress(WorkerDied), dies_once(answered, statement):
                engine.run(lane.pk)
            self.wire.after = None

    @rule(which=any_number)
    def the_erp_takes_back_what_a_dying_worker_sent(self, which: int) -> None:
        """The worker dies with the answer in its hands: nothing says that the value is in force."""
        following = self.following("stock")
        if not following:
            return
        place, sku = following[which % len(following)]
        lane = Lane.objects.get(connection=place.connection_id, kind="stock")
        answered = threading.Event()
        self.world.say_stock(place.shelf, [sku], empty=True)
        engine.run(lane.pk)
        self.world.say_stock(place.shelf, [sku])
        self.wire.after = answered.set
        with contextlib.suppress(WorkerDied), dies_once(answered):
            engine.run(lane.pk)
        self.wire.after = None
        self.world.say_stock(place.shelf, [sku], empty=True)

    def say_something_new(self, place: Place, sku: str, facet: str) -> None:
        """The ERP changes one thing it sells."""
        if facet == "stock":
            self.world.say_stock(place.shelf, [sku])
        else:
            self.world.say_price(place.shelf, "S" if sku == "S" else "P", 100)

    @staticmethod
    def work_alone(lane_id: int, done: threading.Event) -> None:
        """One run of a lane in a thread of its own."""
        try:
            engine.run(lane_id)
        finally:
            done.set()
            connections.close_all()

    @rule(number=numbers, kind=st.sampled_from(["orders", "observe"]), times=st.integers(1, 2))
    def a_webhook_comes(self, number: int, kind: str, times: int) -> None:
        """Whatever it says, it says no more than: look."""
        for _time in range(times):
            engine.nudge(self.place(number).connection_id, kind)

    def next_lane(self, pick: tuple[int, int]) -> Lane | None:
        """Sweep, if need be after a minute, and take any lane that waits, mostly one that sends."""
        self.world.sweep()
        if not OrmQ.objects.exists():
            self.world.time_passes(60)
            self.world.sweep()
        waiting = [lane for lane in self.world.lanes().values() if lane.queued_at is not None]
        sending = [lane for lane in waiting if lane.kind in Lane.FACETS]
        chosen = sending if sending and pick[0] else waiting
        task = next(self.world.tasks(), None)
        if not chosen or task is None:
            return None
        task.delete()
        return chosen[pick[1] % len(chosen)]
