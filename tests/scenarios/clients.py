"""Who uses the hub meanwhile: the ERP's two halves, the seller, and shoppers. All try again as people do."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

from hub.erp import orders as erp_orders
from hub.erp.control import ControlApi
from hub.erp.http import ErpError, in_path
from tests.scenarios.journey import Helper, Journey

FEW = 8
"""Listings taken off sale at once."""


class Shoppers(Helper):
    """People who buy what is on sale, and now and then give up again, until they are told to stop."""

    def __init__(self, journey: Journey, seed: int, pause: float = 0.7, gives_up: float = 0.0) -> None:
        super().__init__()
        self.journey, self.dice, self.pause, self.gives_up = journey, random.Random(seed), pause, gives_up
        self.skus: list[str] = []
        self.unanswered = 0
        self._market = ControlApi(journey.product.sandbox_url, patience=0)

    def work(self) -> None:
        """Buy; a purchase that got no answer may have been made or not, and is not tried again."""
        while not self.stopping.wait(self.dice.uniform(0, 2 * self.pause)):
            if self.skus:
                lines = [
                    {"sku": sku, "quantity": self.dice.randint(1, 2)}
                    for sku in self.dice.sample(self.skus, self.dice.randint(1, 2))
                ]
                try:
                    made = self._market.create_orders([{"account": self.journey.account, "lines": lines}])
                    if self.dice.random() < self.gives_up:
                        self.stopping.wait(self.dice.uniform(0, 4))
                        self._market.cancel_order(made[0]["id"])
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
        self.too_late: set[str] = set()
        """Orders the hub would not have invoiced or shipped: the shopper gave up meanwhile."""
        self.trouble: list[str] = []

    def work(self) -> None:
        """Take what waits, again and again."""
        while not self.stopping.is_set():
            try:
                order = self.api.need("GET", "/queues/orders")
                if order is None:
                    self.stopping.wait(0.3)
                    continue
                if order["status"]["type"] == "APPROVED":
                    self._fulfil(order)
                self.api.need("DELETE", f"/queues/orders/{in_path(order['code'])}")
                self.taken[order["code"], order["status"]["type"]] += 1
            except ErpError as error:
                self.trouble.append(str(error))
                self.stopping.wait(0.3)

    def _fulfil(self, order: Mapping[str, Any]) -> None:
        """Invoice and ship, unless the order was canceled since it was read."""
        try:
            erp_orders.send_invoice(self.api, order)
            erp_orders.send_shipment(self.api, order)
        except ErpError:
            now = self.api.need("GET", f"/orders/{in_path(order['code'])}")
            if now["status"]["type"] != "CANCELED":
                raise
            self.too_late.add(order["code"])

    @property
    def orders(self) -> set[str]:
        """The codes of the orders the ERP has."""
        return {code for code, _status in self.taken}


class Changes(Helper):
    """The ERP's first half: new prices, quantities and descriptions for some of what is on sale."""

    def __init__(self, journey: Journey, shoppers: Shoppers, seed: int) -> None:
        super().__init__()
        self.journey, self.shoppers, self.dice = journey, shoppers, random.Random(seed + 2)
        self.rounds = 0

    def work(self) -> None:
        """Change some, look what is on sale, and go on."""
        while not self.stopping.is_set():
            skus = self.shoppers.skus = self.journey.connected_skus()
            self.rounds += 1
            chosen = self.dice.sample(skus, min(25, len(skus)))
            if chosen:
                self.journey.change_values(chosen, self.rounds)
            if self.journey.described and self.dice.random() < 0.3:
                self.journey.describe(self.dice.choice(self.journey.described), self.rounds)
            self.stopping.wait(self.dice.uniform(0.2, 1))

    def last_word(self) -> None:
        """What is left on the shelves, sent after the last sale was taken, as every ERP does."""
        self.rounds += 1
        self.journey.change_values(self.journey.skus(), self.rounds)


class Seller(Helper):
    """The seller's own hand: corrects and reconnects once, then takes some off sale and puts them back."""

    def __init__(self, journey: Journey, seed: int) -> None:
        super().__init__()
        self.journey, self.dice = journey, random.Random(seed + 3)
        self.has_corrected = False
        self.off: set[str] = set()
        """What is to be off sale."""
        self.loads: Counter[str] = Counter()

    def work(self) -> None:
        """Correct the catalogue when the first load is through, and go on with loads."""
        while not self.stopping.wait(0.5):
            if not self.has_corrected:
                if self.journey.on_their_way("content"):
                    continue
                self.correct()
            self.stopping.wait(self.dice.uniform(2, 8))
            if not self.stopping.is_set():
                self.take_off_or_put_back()

    def correct(self) -> None:
        """The ERP corrects its mistakes, the hub sees it, and the seller reconnects."""
        self.journey.correct_catalogue()
        while self.journey.corrections_to_see() and not self.stopping.wait(0.5):
            pass
        self.journey.reconnect_corrected()
        self.loads["reconnect"] += 1
        self.has_corrected = True

    def take_off_or_put_back(self) -> None:
        """Disconnect a few listings, or reconnect a few of those that are off sale."""
        if self.off and self.dice.random() < 0.5:
            back = self.dice.sample(sorted(self.off), min(FEW, len(self.off)))
            self.journey.start_load("reconnect", back)
            self.off -= set(back)
            self.loads["reconnect"] += 1
            return
        connected = self.journey.connected_skus()
        chosen = self.dice.sample(connected, min(FEW, len(connected)))
        if chosen:
            self.journey.start_load("disconnect", chosen)
            self.off |= set(chosen)
            self.loads["disconnect"] += 1
