"""Cases 16 to 28: orders, the queue, the seller's steps, and the carrier's lists."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_noop

from hub.homologation.calls import (
    Call,
    Problem,
    Verdict,
    Verdicts,
    acknowledged,
    obj,
    objects,
    offered,
    reported,
    text,
    wrong,
)
from hub.homologation.catalogue_judges import status_of, variations

STEP = "/orders/{code}/"
"""Where a step of an order is called, before its name."""
_NUMBER = re.compile(r"\d+")
DRAINED = 3
"""Orders that must have been taken and acknowledged before the queue is empty."""
QUEUE_READS = (("GET", "/queues/orders"), ("POST", "/queues/orders/lease"))
STANDARD_STATUSES = frozenset(
    (
        "book_product",
        "payment_received",
        "order_invoiced",
        "order_shipped",
        "complete",
        "shipment_exception",
        "order_canceled",
        "waiting_payment",
        "payment_overdue",
    )
)
"""Codes every account has; whatever else it has is learned from its calls."""
TURN = {
    "approval": ("NEW", "APPROVED"),
    "invoice": ("APPROVED", "INVOICED"),
    "shipments": ("INVOICED", "SHIPPED", "SHIPMENT_EXCEPTION"),
    "delivery": ("SHIPPED", "SHIPMENT_EXCEPTION", "DELIVERED"),
    "shipment_exception": ("SHIPPED", "SHIPMENT_EXCEPTION"),
    "cancel": ("NEW", "APPROVED", "INVOICED", "SHIPMENT_EXCEPTION", "CANCELED"),
}
"""The status types in which a step's turn has come."""
REACHED = {
    "approval": "APPROVED",
    "invoice": "INVOICED",
    "shipments": "SHIPPED",
    "delivery": "DELIVERED",
    "shipment_exception": "SHIPMENT_EXCEPTION",
    "cancel": "CANCELED",
}
"""The status type a step leads to."""


def sells(*, variation: bool, several: bool) -> Callable[[Sequence[Call]], Verdicts]:
    """Judge a test order of one line: made with 201, then in the queue with SKU, quantity and price."""

    def judge(calls: Sequence[Call]) -> Verdicts:
        children: set[str] = set()
        waiting: list[tuple[Call, dict[str, Any]]] = []
        for call in calls:
            for one in variations(call.body("product")) if call.asks("POST", "/products") else ():
                children.add(text(one.get("sku")))
            if call.asks("POST", "/products/{sku}/variations"):
                children.add(text(call.body("variation").get("sku")))
            if call.asks("POST", "/orders"):
                lines = objects(call.body("order"), "items")
                if len(lines) != 1 or _is_many(lines[0]) != several or _is_rehearsal(call):
                    continue
                if call.status == 201:
                    waiting.append((call, lines[0]))
                elif (text(lines[0].get("id")) in children) == variation:
                    yield Verdict(call, status_of(call, 201))
            for order in offered(call):
                sold = objects(order, "items")
                if len(sold) != 1 or _is_many(sold[0]) != several:
                    continue
                sku = text(sold[0].get("id"))
                mine = [(made, line) for made, line in waiting if text(line.get("id")) == sku]
                # What was announced before the list was begun is known from the queue alone.
                if not mine or (_is_child(sold[0]) or sku in children) != variation:
                    continue
                found = [(_as_ordered(line, sold[0], variation=variation), made) for made, line in mine]
                # Two orders of one SKU, or an older one, may differ in price: the fitting one is meant.
                problem, made = next((one for one in found if one[0] is None), found[0])
                yield Verdict(made, problem)

    return judge


def _is_rehearsal(call: Call) -> bool:
    return call.status == 403  # that one is case 42


def _is_many(line: dict[str, Any]) -> bool:
    try:
        return float(text(line.get("qty")) or 1) > 1
    except ValueError:
        return False


def _as_ordered(line: dict[str, Any], sold: dict[str, Any], *, variation: bool) -> Problem | None:
    for name in ("qty", "original_price", "special_price"):
        wanted, shown = line.get(name), sold.get(name)
        if wanted is not None and _number(wanted) != _number(shown):
            return wrong(
                gettext_noop("The queue shows %(shown)s in %(field)s; %(sent)s was ordered."),
                field=name,
                shown=text(shown) or "?",
                sent=text(wanted) or "?",
            )
    if variation and not _is_child(sold):
        return wrong(gettext_noop("The item sold is no variation: id and product_id are the same."))
    return None


def _is_child(sold: dict[str, Any]) -> bool:
    return text(sold.get("product_id")) != text(sold.get("id"))


def _number(value: Any) -> Any:
    try:
        return round(float(value), 2)
    except (TypeError, ValueError):
        return value


def steps(calls: Sequence[Call]) -> Iterator[tuple[Call, bool]]:
    """Each step of an order, and whether the status it names is one the account does not have."""
    known = set(STANDARD_STATUSES)
    for call in calls:
        if call.asks("POST", "/statuses") and call.is_done:
            known.add(text(call.body("status").get("code")))
        if call.asks("GET", "/statuses") and isinstance(call.told, list):
            known.update(text(obj(one).get("code")) for one in call.told)
        if call.method == "POST" and call.endpoint.startswith(STEP):
            yield call, bool(call.status_sent) and call.status_sent not in known


def out_of_turn(calls: Sequence[Call]) -> Iterator[Call]:
    """Each step refused because the order's status forbids it, not for what it says."""
    every = dict(steps(calls))
    is_at: dict[str, str] = {}
    for call in calls:
        for order in [*offered(call), *_orders_read(call)]:
            is_at[text(order.get("code"))] = text(obj(order, "status").get("type"))
        if call not in every:
            continue
        _before, name = call.endpoint.split(STEP)
        if call.is_done:
            is_at[call.subject] = REACHED.get(name, "")
        elif call.status == 422 and not every[call] and is_at.get(call.subject) not in TURN.get(name, ()):
            yield call


def _orders_read(call: Call) -> list[dict[str, Any]]:
    if call.status != 200:
        return []
    if call.asks("GET", "/orders"):
        return objects(call.told, "orders")
    return [obj(call.told)] if call.asks("GET", "/orders/{code}") else []


def refused_on_purpose(calls: Sequence[Call]) -> set[Call]:
    """The steps of cases 33 and 34, which are no failures of the others."""
    return {call for call, is_unknown in steps(calls) if is_unknown} | set(out_of_turn(calls))


def stepped(call: Call) -> Problem | None:
    """Complain of a step of an order that was not answered as this hub answers it."""
    return status_of(call, settings.HUB_STEP_STATUS[call.endpoint.removeprefix(STEP)])


def invoiced(calls: Sequence[Call]) -> Verdicts:
    """Approve, invoice, read: the order shows INVOICED and the key."""
    approved: set[str] = set()
    on_purpose = refused_on_purpose(calls)
    keys: dict[str, tuple[Call, str]] = {}
    for call in calls:
        if call.asks("POST", STEP + "approval"):
            if problem := stepped(call):
                yield Verdict(call, problem)
            else:
                approved.add(call.subject)
        elif call.asks("POST", STEP + "invoice") and call not in on_purpose:
            key = text(obj(call.sent, "invoice").get("key"))
            if problem := stepped(call):
                yield Verdict(call, problem)
            elif call.subject in approved:
                keys[call.subject] = (call, key)
        elif call.asks("GET", "/orders/{code}") and call.subject in keys and call.status == 200:
            invoice, key = keys[call.subject]
            yield Verdict(invoice, _shows_invoice(obj(call.told), key))


def _shows_invoice(order: dict[str, Any], key: str) -> Problem | None:
    status = text(obj(order, "status").get("type"))
    if status not in ("INVOICED", "SHIPPED", "DELIVERED"):
        return wrong(
            gettext_noop("The order shows the status %(status)s, not INVOICED."), status=status or "?"
        )
    shown = [text(one.get("key")) for one in objects(order, "invoices")]
    if not shown or (key and key not in shown):
        return wrong(gettext_noop("The order does not show the invoice's key."))
    return None


def shipped(calls: Sequence[Call]) -> Verdicts:
    """Hand over an invoiced order, with what the buyer follows it by."""
    invoices: set[str] = set()
    on_purpose = refused_on_purpose(calls)
    for call in calls:
        if call.asks("POST", STEP + "invoice") and call.is_done:
            invoices.add(call.subject)
        elif call.asks("POST", STEP + "shipments") and call not in on_purpose:
            track = obj(obj(call.sent, "shipment"), "track") or obj(call.sent, "track")
            problem = stepped(call)
            if not problem and not (text(track.get("code")) and text(track.get("carrier"))):
                problem = wrong(gettext_noop("Send the tracking: code and carrier inside shipment.track."))
            if not problem and call.subject not in invoices:
                problem = wrong(gettext_noop("The order has no invoice: send its key before shipping."))
            yield Verdict(call, problem)


def step(name: str, *, behind: str = "") -> Callable[[Sequence[Call]], Verdicts]:
    """Judge a step answered with 201, where need be after another step of the same order."""

    def judge(calls: Sequence[Call]) -> Verdicts:
        ready: set[str] = set()
        on_purpose = refused_on_purpose(calls)
        for call in calls:
            if behind and call.asks("POST", STEP + behind) and call.is_done:
                ready.add(call.subject)
            elif call.asks("POST", STEP + name) and call not in on_purpose:
                problem = stepped(call)
                if not problem and behind and call.subject not in ready:
                    problem = wrong(gettext_noop("The order was not reported as shipped before."))
                yield Verdict(call, problem)

    return judge


def drained(calls: Sequence[Call]) -> Verdicts:
    """Take and acknowledge three orders, go on until the queue is empty."""
    held: set[str] = set()
    done: set[str] = set()
    for call in calls:
        for order in offered(call):
            held.add(text(order.get("code")))
        for code in acknowledged(call):
            if code in held:
                held.discard(code)
                done.add(code)
        held -= set(reported(call))  # it rests, and is offered again
        is_empty = call.status == 204 or (call.status == 200 and call.method == "POST" and not offered(call))
        if (call.method, call.endpoint) in QUEUE_READS and is_empty and done:
            if held:
                problem: Problem | None = wrong(
                    gettext_noop("These orders were taken and not acknowledged: %(codes)s"),
                    codes=", ".join(sorted(held)[:5]),
                )
            elif len(done) < DRAINED:
                problem = wrong(
                    gettext_noop("%(done)s of %(wanted)s orders were taken and acknowledged before the end."),
                    done=len(done),
                    wanted=DRAINED,
                )
            else:
                problem = None
            yield Verdict(call, problem)


def grouped(carrier: str) -> Callable[[Sequence[Call]], Verdicts]:
    """Judge a carrier's list: what can be grouped is read, grouped, and the list looked at."""

    def judge(calls: Sequence[Call]) -> Verdicts:
        carriers: dict[str, str] = {}
        lists: dict[str, Call] = {}
        for call in calls:
            if call.asks("GET", "/shipments/b2w/to_group") and call.status == 200:
                for one in objects(call.told, "orders"):
                    carriers[text(one.get("code"))] = text(one.get("shipping"))
            elif call.asks("POST", "/shipments/b2w"):
                sent = obj(call.sent).get("order_remote_codes")
                codes = [text(one) for one in sent] if isinstance(sent, list) else []
                if {carriers.get(code, "") for code in codes} != {carrier}:
                    continue
                number = _NUMBER.search(text(obj(call.told).get("message")))
                if problem := status_of(call, 201):
                    yield Verdict(call, problem)
                elif number:
                    lists[number[0]] = call
            elif call.asks("GET", "/shipments/b2w/view") and call.query.get("plp_id") in lists:
                made = lists[call.query["plp_id"]]
                is_json = bool(obj(call.told, "plp").get("id"))
                if call.status == 200 and not is_json:
                    continue  # the labels as PDF: welcome, but the case asks for JSON
                yield Verdict(made if is_json else call, status_of(call, 200))

    return judge


def collected(calls: Sequence[Call]) -> Verdicts:
    """Read what the carrier may pick up and ask it to come."""
    has_looked = False
    for call in calls:
        if call.asks("GET", "/shipments/b2w/collectables") and call.status == 200:
            has_looked = has_looked or call.query.get("requested", "").lower() == "false"
        elif call.asks("POST", "/shipments/b2w/confirm_collection"):
            problem = status_of(call, 201)
            if not problem and not has_looked:
                problem = wrong(gettext_noop("Read /shipments/b2w/collectables?requested=false before."))
            yield Verdict(call, problem)
