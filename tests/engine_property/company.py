"""Everybody who plays: who is meant, how they are called, and how the play ends."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ClassVar

from django.db import connections
from hypothesis.stateful import RuleBasedStateMachine, invariant

from marketplaces import drift, engine, held, services
from marketplaces.models import HeldPrice
from marketplaces.simulators.sandbox import SandboxSimulator
from tests.engine_property import verdict
from tests.engine_property.trouble import Alarm, WorkerDied, dies_at
from tests.engine_property.wire import Wire
from tests.engine_property.world import EASY, Place, Shelf, World

ROUNDS = 40
"""Rounds in which everything must have come to rest."""
DAY = 25 * 3600


class Company(RuleBasedStateMachine):
    """What every play has; `sandbox`, `wire` and `url` are the running marketplace."""

    sandbox: ClassVar[SandboxSimulator]
    wire: ClassVar[Wire]
    url: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.sandbox.reset()
        self.wire.forget()
        self.wire.caller = connections["default"]
        self.is_fair = True
        """True where the marketplace neither refuses what is right nor says what is no longer so."""
        self.refuses = False
        """True once the marketplace refused, or passed over, what was right."""
        self.was_misled = False
        """True once the marketplace showed what had been there earlier."""
        self.world: World | None = None
        self.alarm = Alarm()
        for name in ("marketplaces", "orders"):
            logging.getLogger(name).addHandler(self.alarm)

    @property
    def places(self) -> list[Place]:
        assert self.world is not None
        return self.world.places

    def place(self, number: int) -> Place:
        return self.places[number % len(self.places)]

    def shelf(self, number: int) -> Shelf:
        assert self.world is not None
        return self.world.shelves[number % 2]

    def do(self, work: Callable[[], None], death: tuple[int, bool] | None = None) -> None:
        """Somebody calls the hub; whoever gets no answer, because the process died, calls again."""
        if death is not None:
            try:
                with dies_at(death[0], done=death[1]):
                    work()
                return
            except WorkerDied:
                pass
        work()

    @staticmethod
    def approve(place: Place) -> int:
        return held.approve(
            place.shelf.seller.pk, HeldPrice.objects.filter(connection=place.connection_id), None
        )

    @staticmethod
    def freeze(place: Place, sku: str, facet: str, *, frozen: bool) -> None:
        listings = list(place.connection.listings.filter(variation__sku=sku))
        changed = drift.set_frozen(
            seller_id=place.shelf.seller.pk, listings=listings, facets=[facet], frozen=frozen, by="seller"
        )
        if changed:
            (place.frozen.add if frozen else place.frozen.discard)((sku, facet))

    def work(self) -> None:
        """Sweeps, and every task there is, undisturbed, until nothing is due at this moment."""
        for _sweep in range(ROUNDS):
            self.world.sweep()
            tasks = list(self.world.tasks())
            if not tasks:
                return
            for task in tasks:
                task.delete()
                engine.run_next()
        raise AssertionError("the workers never finish")

    # --- what holds at any moment ------------------------------------------------------------

    @invariant()
    def nothing_is_wrong_so_far(self) -> None:
        assert not self.wire.faults, self.wire.faults
        if self.wire.broken:
            raise self.wire.broken[0]
        assert not self.alarm.heard, self.alarm.heard

    # --- the end -----------------------------------------------------------------------------

    def come_to_rest(self) -> None:
        """Let everything run, and time pass, until nothing is sent any more."""
        quiet = 0
        for _round in range(ROUNDS):
            before = self.wire.writes
            self.world.time_passes(DAY)
            self.world.marketplace_moves_on()
            self.work()
            self.nothing_is_wrong_so_far()
            quiet = quiet + 1 if self.wire.writes == before else 0
            if quiet == 2:
                return
        last = [f"{call.method} {call.path} {call.body}" for call in self.wire.calls if call.writes][-10:]
        raise AssertionError(f"the engine does not come to rest; it sent last: {last}")

    def the_faults_stop(self) -> None:
        self.sandbox.clear_faults()
        for place in self.places:
            self.world.renew(place)
            services.set_paused(connection=place.connection, paused=False)
            services.set_switches(
                connection=place.connection, sync_price=True, sync_stock=True, auto_heal=True
            )

    def people_put_right_what_only_they_can(self) -> bool:
        """The seller maps rightly, approves, releases, and sends again; False where all was well."""
        done = False
        for place in self.places:
            connection = place.connection
            for sku, facet in sorted(place.frozen):
                self.freeze(place, sku, facet, frozen=False)
                done = True
            if place.mapped != EASY:
                self.world.map(place, EASY)
                done = True
            refused = connection.listings.filter(state="error").values_list("variation__sku", flat=True)
            for sku in list(refused):
                self.world.send(place, "connect" if place.on_sale[sku] else "disconnect", [sku])
                done = True
            if self.refuses:
                services.send_terms_again(connection=connection, listings=connection.listings.all())
                done = True
        if done:
            self.come_to_rest()
        for place in self.places:
            done = bool(self.approve(place)) or done
        return done

    def teardown(self) -> None:
        try:
            if self.world is not None:
                self.the_faults_stop()
                self.come_to_rest()
                verdict.judge(self, is_put_right=False)
                if self.people_put_right_what_only_they_can():
                    self.come_to_rest()
                    verdict.judge(self, is_put_right=True)
        finally:
            for name in ("marketplaces", "orders"):
                logging.getLogger(name).removeHandler(self.alarm)
            if self.world is not None:
                self.world.close()
