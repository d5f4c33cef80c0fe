"""Taking orders out of the queue, as an ERP does all day: take, invoice, ship, acknowledge.

The stock is the ERP's: what an approved order takes leaves the shelf, and comes back when it is cancelled.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hub.erp.http import JsonApi, in_path
from hub.erp.terminal import Terminal, clock, thousands

Order = Mapping[str, Any]

STATE, CNPJ, MODEL, SERIES = "35", "11222333000181", "55", "001"
LEASE = 100
POLL_SECONDS = 0.5


@dataclass
class Drained:
    """What came out of the queue."""

    taken: Counter[str] = field(default_factory=Counter)
    """How often each order's code was taken; a change of status offers an order again."""
    statuses: Counter[str] = field(default_factory=Counter)
    invoiced: int = 0
    shipped: int = 0
    seconds: float = 0.0

    @property
    def orders(self) -> int:
        """How many different orders there were."""
        return len(self.taken)

    @property
    def entries(self) -> int:
        """How many queue entries there were."""
        return self.taken.total()


def drain(
    api: JsonApi,
    *,
    wait: float = 0,
    fulfil: bool = True,
    most: int = 0,
    heed: Callable[[Order], None] = lambda order: None,
) -> Drained:
    """Take one order after the other until the queue is empty; raises ErpError.

    An approved order is invoiced and shipped before it is acknowledged, so that a crash between the two loses
    nothing. `wait` is for how many seconds an empty queue is asked again, `most` when to stop.
    """
    drained, began, last = Drained(), time.monotonic(), time.monotonic()
    while not most or drained.entries < most:
        order = api.need("GET", "/queues/orders")
        if order is None:
            if time.monotonic() - last > wait:
                break
            time.sleep(POLL_SECONDS)
            continue
        if fulfil:
            keep_shelves(api, order)
        if fulfil and order["status"]["type"] == "APPROVED":
            send_invoice(api, order)
            send_shipment(api, order)
            drained.invoiced += 1
            drained.shipped += 1
        api.need("DELETE", f"/queues/orders/{in_path(order['code'])}")
        drained.taken[order["code"]] += 1
        drained.statuses[order["status"]["type"]] += 1
        heed(order)
        last = time.monotonic()
    drained.seconds = last - began
    return drained


def acknowledge_all(
    api: JsonApi, *, wait: float = 0, heed: Callable[[int], None] = lambda count: None
) -> Drained:
    """Take and acknowledge orders a hundred a call and do nothing with them; raises ErpError."""
    drained, began, last = Drained(), time.monotonic(), time.monotonic()
    while True:
        orders = api.need("POST", "/queues/orders/lease", {"limit": LEASE})["orders"]
        if not orders:
            if time.monotonic() - last > wait:
                break
            time.sleep(POLL_SECONDS)
            continue
        codes = [order["code"] for order in orders]
        api.need("POST", "/queues/orders/acknowledge", {"codes": codes})
        drained.taken.update(codes)
        drained.statuses.update(order["status"]["type"] for order in orders)
        heed(len(orders))
        last = time.monotonic()
    drained.seconds = last - began
    return drained


def tell(drained: Drained, terminal: Terminal) -> None:
    """Show what came out of the queue."""
    rate = drained.entries / drained.seconds if drained.seconds else 0
    terminal.say(
        f"  {thousands(drained.entries)} entries of {thousands(drained.orders)} orders in "
        f"{clock(drained.seconds)} ({thousands(rate)}/s); "
        f"{drained.invoiced} invoiced, {drained.shipped} shipped."
    )
    terminal.table([(count, status) for status, count in drained.statuses.most_common()])


def keep_shelves(api: JsonApi, order: Order) -> None:
    """Send the quantities left after an order: fewer once it is approved, more if it is cancelled after that.

    Before its approval an order takes nothing, so one that was never approved has nothing to give back.
    """
    kind = order["status"]["type"]
    sign = -1 if kind == "APPROVED" else 1 if kind == "CANCELED" and order["approved_date"] else 0
    for item in order["items"] if sign else ():
        where = f"/variations/{in_path(item['id'])}"
        left = api.need("GET", where)["variation"]["qty"] + sign * item["qty"]
        api.need("PUT", where, {"variation": {"qty": max(0, left)}})


def send_invoice(api: JsonApi, order: Order) -> str:
    """Invoice an order in full and return the invoice's key."""
    key = invoice_key(order["code"], datetime.now(UTC))
    body = {"status": "order_invoiced", "invoice": {"key": key}}
    api.need("POST", f"/orders/{in_path(order['code'])}/invoice", body)
    return key


def send_shipment(api: JsonApi, order: Order) -> str:
    """Report all items of an order as handed over, and return the tracking code."""
    number = digits_of(order["code"])
    tracking = f"BR{number:09d}BR"
    shipment = {
        "code": f"{order['code']}-1",
        "items": [{"sku": one["id"], "qty": one["qty"]} for one in order["items"]],
        "track": {
            "code": tracking,
            "carrier": "Correios",
            "method": "SEDEX",
            "url": f"https://rastreamento.correios.com.br/?objetos={tracking}",
        },
    }
    body = {"status": "order_shipped", "shipment": shipment}
    api.need("POST", f"/orders/{in_path(order['code'])}/shipments", body)
    return tracking


def digits_of(code: str) -> int:
    """Return a number of up to nine digits made of an order's code."""
    return int("".join(one for one in code if one.isdigit()) or 0) % 10**9


def invoice_key(code: str, at: datetime) -> str:
    """Return a well-formed 44-digit NF-e key for an order of the demo; the same order, the same number."""
    number = digits_of(code) or 1
    first = f"{STATE}{at:%y%m}{CNPJ}{MODEL}{SERIES}{number:09d}1{(number * 7919) % 10**8:08d}"
    total = sum(int(digit) * (2 + place % 8) for place, digit in enumerate(reversed(first)))
    rest = total % 11
    return first + str(0 if rest < 2 else 11 - rest)
