"""After the last fault: the ERP, the hub and the marketplace compared, item by item."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.scenarios.clients import Erp, Seller
from tests.scenarios.journey import HELD_AT_MOST, Journey

Condition = Callable[[], object]
LOG_PAGE = 50_000
MOST_TOLD = 200
"""Differences listed; the others are counted."""
READ_BACK_SECONDS = 60
SENDING = ("PUT /v1/prices", "PUT /v1/stock", "POST /v1/loads", "POST /v1/orders")
"""Calls that tell the marketplace something."""


@dataclass
class Findings:
    """What was compared, and where it did not agree."""

    compared: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def check(self, what: str, agrees: bool, otherwise: str) -> None:
        """Compare one thing."""
        self.compared[what] += 1
        if not agrees:
            self.differences.append(otherwise)

    def told(self) -> str:
        """The differences, one a line."""
        lines = self.differences[:MOST_TOLD]
        if len(self.differences) > MOST_TOLD:
            lines.append(f"... and {len(self.differences) - MOST_TOLD} more")
        return "\n".join(lines)


def everything(journey: Journey, erp: Erp, seller: Seller) -> Findings:
    """Compare listings, the journal of what was sent, orders, and that nothing waits or is sent any more."""
    findings = Findings()
    _orders(findings, journey, erp)
    _listings(findings, journey, seller)
    _journal(findings, journey)
    _nothing_waits(findings, journey)
    _quiescence(findings, journey)
    return findings


def _listings(findings: Findings, journey: Journey, seller: Seller) -> None:
    query = (
        "SELECT v.sku, l.state, l.mode, v.qty, coalesce(v.price, p.price),"
        " coalesce(v.promotional_price, p.promotional_price), p.sku, p.description"
        " FROM catalog_variation v JOIN catalog_product p ON p.id = v.product_id"
        " LEFT JOIN marketplaces_listing l ON v.id = l.variation_id AND l.connection_id = %s"
        " WHERE v.seller_id = %s"
    )
    shown = {one["sku"]: one for one in journey.market.listings(journey.account)}
    here = journey.rows(query, journey.connection_id, journey.seller_id)
    findings.check(
        "SKUs at the marketplace",
        not shown.keys() - {row[0] for row in here},
        "the marketplace has SKUs of nobody",
    )
    for sku, state, mode, quantity, price, promotion, product, description in here:
        _against_the_erp(findings, journey, sku, quantity, promotion)
        there = shown.get(sku, {"state": "absent", "creations": 0})
        on_sale = state == "connected"
        findings.check(
            "states", on_sale == (there["state"] == "live"), f"{sku}: {state} here, {there['state']} there"
        )
        findings.check(
            "states the seller wants",
            (state == "disconnected") == (sku in seller.off),
            f"{sku}: {state}, and the seller wants it {'off' if sku in seller.off else 'on'} sale",
        )
        if not on_sale or there["state"] != "live":
            continue
        created = there["creations"]
        findings.check("creations", created == 1, f"{sku}: created {created} times")
        wanted = min(price, promotion) if promotion else price
        findings.check(
            "prices", Decimal(there["price"]) == wanted, f"{sku}: price {wanted} here, {there['price']} there"
        )
        findings.check(
            "quantities",
            there["quantity"] == quantity,
            f"{sku}: stock {quantity} here, {there['quantity']} there",
        )
        said = journey.descriptions.get(product)
        if said is not None and mode == "connect":
            findings.check("descriptions stored", description == said, f"{sku}: not the ERP's description")
            findings.check(
                "descriptions",
                there["description"] == said,
                f"{sku}: description {said[:12]} here, {there['description'][:12]} there",
            )


def _against_the_erp(
    findings: Findings, journey: Journey, sku: str, quantity: int, promotion: Decimal
) -> None:
    """The hub's catalogue holds what the ERP said last."""
    stock, price = journey.wanted[sku, "stock"], journey.wanted[sku, "price"]
    findings.check(
        "quantities stored",
        bool(stock) and str(quantity) == stock[-1],
        f"{sku}: stock {quantity} in the hub, the ERP said {stock[-1:]}",
    )
    findings.check(
        "prices stored",
        bool(price) and f"{promotion:.2f}" == price[-1],
        f"{sku}: price {promotion} in the hub, the ERP said {price[-1:]}",
    )


# --- the journal: no older value after a newer one ---------------------------------------------


def journal(journey: Journey) -> Iterator[dict[str, Any]]:
    """Every price and quantity that took effect at the marketplace, in order."""
    after = 0
    while True:
        page = journey.market._api.need("GET", "/log", account=journey.account, after=after, size=LOG_PAGE)[
            "log"
        ]
        yield from page
        if len(page) < LOG_PAGE:
            return
        after = page[-1]["number"]


def _journal(findings: Findings, journey: Journey) -> None:
    newest: dict[tuple[str, str], int] = {}
    heard: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for entry in journal(journey):
        key = entry["sku"], entry["kind"]
        heard[key].append(f"{entry['value']} ({entry['origin']}, {entry['at']:.3f})")
        # What shoppers took out is not told by the hub; what came with the publication has no number.
        place = None if entry["origin"] == "purchase" else _place(journey, key, entry["value"])
        if place is not None:
            findings.check(
                "values sent, in order",
                place >= newest.get(key, -1),
                f"{entry['sku']}: {entry['kind']} {entry['value']} after a newer one: {heard[key][-6:]}",
            )
            newest[key] = max(place, newest.get(key, -1))
    kinds = {kind for _sku, kind in newest}
    findings.check("kinds of values", kinds == {"price", "stock"}, f"only {kinds} were sent at all")


def _place(journey: Journey, key: tuple[str, str], value: str) -> int | None:
    """Which of the ERP's values is published here; a quantity may be less what orders hold."""
    for place, wanted in enumerate(journey.wanted[key]):
        if value == wanted or (key[1] == "stock" and 0 <= int(wanted) - int(value) < HELD_AT_MOST):
            return place
    return None


# --- orders ------------------------------------------------------------------------------------


def _orders(findings: Findings, journey: Journey, erp: Erp) -> None:
    query = (
        "SELECT o.remote_id, o.status_type, o.sync_status, q.version = q.acknowledged_version,"
        " array(SELECT key FROM orders_invoice i WHERE i.order_id = o.id),"
        " (SELECT count(*) FROM orders_notice n WHERE n.order_id = o.id AND n.state = 'waiting')"
        " FROM orders_order o LEFT JOIN orders_queueentry q ON q.order_id = o.id WHERE o.seller_id = %s"
    )
    bought = {one["id"]: one for one in journey.market.orders(journey.account)}
    here: defaultdict[str, list[Any]] = defaultdict(list)
    for remote_id, *facts in journey.rows(query, journey.seller_id):
        here[remote_id].append(facts)
    for one in here.keys() - bought.keys():
        findings.differences.append(f"{one}: in the hub, but nobody bought it")
    taken = {code.removeprefix("Sandbox-") for code in erp.orders}
    for one in taken - bought.keys():
        findings.differences.append(f"{one}: the ERP has it, but nobody bought it")
    for remote_id, there in bought.items():
        findings.check(
            "orders, once in the hub",
            len(here[remote_id]) == 1,
            f"{remote_id}: {len(here[remote_id])} times in the hub",
        )
        findings.check(
            "orders, taken by the ERP", remote_id in taken, f"{remote_id}: the ERP does not have it"
        )
        if here[remote_id]:
            _order(findings, remote_id, here[remote_id][0], there)
    for (code, status), times in erp.taken.items():
        findings.check("deliveries to the ERP", times == 1, f"{code}: taken {times} times as {status}")


def _order(findings: Findings, remote_id: str, here: list[Any], there: Mapping[str, Any]) -> None:
    status, sync_status, is_acknowledged, keys, waiting = here
    findings.check(
        "order states",
        status.lower() == there["status"],
        f"{remote_id}: {status} here, {there['status']} there",
    )
    findings.check(
        "acknowledgements",
        sync_status == "SYNCED" and bool(is_acknowledged),
        f"{remote_id}: {sync_status}, acknowledged: {is_acknowledged}",
    )
    findings.check("notices", not waiting, f"{remote_id}: {waiting} notices still wait")
    if there["status"] == "canceled" and there["invoice"] is None:
        return  # nobody takes an invoice for an order that is canceled
    findings.check(
        "invoices",
        len(keys) == 1 and (there["invoice"] or {}).get("key") == keys[0],
        f"{remote_id}: invoices {keys} here, {there['invoice']} there",
    )


# --- rest --------------------------------------------------------------------------------------

WAITING = {
    "listings on their way, values due": (
        "SELECT count(*) FROM marketplaces_sync WHERE connection_id = %s"
        " AND (due_at IS NOT NULL OR submission_id IS NOT NULL)"
    ),
    "loads not finished": (
        "SELECT count(*) FROM marketplaces_load WHERE connection_id = %s AND state <> 'done'"
    ),
    "results of loads open": (
        "SELECT count(*) FROM marketplaces_loaditem i JOIN marketplaces_load l ON l.id = i.load_id"
        " WHERE l.connection_id = %s AND i.state IN ('waiting', 'processing', 'cataloguing')"
    ),
    "submissions without an answer": (
        "SELECT count(*) FROM marketplaces_submission WHERE connection_id = %s AND state = 'sent'"
    ),
    "lanes in trouble": "SELECT count(*) FROM marketplaces_lane WHERE connection_id = %s AND failures > 0",
    "notices waiting": "SELECT count(*) FROM orders_notice WHERE connection_id = %s AND state = 'waiting'",
}


def waiting(journey: Journey) -> dict[str, int]:
    """What the hub has not finished yet, by kind; what is finished is left out."""
    found = {what: int(journey.rows(query, journey.connection_id)[0][0]) for what, query in WAITING.items()}
    return {what: count for what, count in found.items() if count}


def _nothing_waits(findings: Findings, journey: Journey) -> None:
    left = waiting(journey)
    for what in WAITING:
        findings.check("kinds of work left", what not in left, f"{what}: {left.get(what)}")
    entries = journey.in_the_queue()
    findings.check("kinds of work left", not entries, f"{entries} orders in the ERP's queue")


def _sent(journey: Journey) -> dict[str, int]:
    """What the marketplace has been told so far."""
    calls = journey.market.stats()["calls"]
    told = {name: times for name, times in calls.items() if name.startswith(SENDING)}
    return {**told, "values": sum(1 for _ in journal(journey))}


def _quiescence(findings: Findings, journey: Journey) -> None:
    """Let the hub look at every listing once more and run every lane: it has nothing to say."""
    before = _sent(journey)
    ((at,),) = journey.rows("SELECT now()")
    journey.product.shell(
        "from django.utils import timezone\n"
        "from marketplaces import engine\n"
        "from marketplaces.models import Lane, Sync\n"
        f"mine = Sync.objects.filter(connection_id={journey.connection_id}, look_at__isnull=False)\n"
        "answer = mine.update(look_at=timezone.now())\n"
        f"for kind in Lane.Kind.values: engine.nudge({journey.connection_id}, kind)"
    )
    query = (
        "SELECT count(*) FROM marketplaces_sync s JOIN marketplaces_listing l ON l.id = s.listing_id"
        " WHERE s.connection_id = %s AND s.facet = 'stock' AND l.state = 'connected'"
        " AND (s.seen_at IS NULL OR s.seen_at < %s)"
    )
    until = time.monotonic() + READ_BACK_SECONDS
    while (unseen := journey.rows(query, journey.connection_id, at)[0][0]) and time.monotonic() < until:
        time.sleep(0.5)
    findings.check("read-backs", not unseen, f"{unseen} listings were not looked at again")
    time.sleep(3)  # whatever the look led to is sent within this time
    after = _sent(journey)
    findings.check("quiescence", before == after, f"sent although nothing changed: {before} became {after}")
    drifted = "SELECT count(*) FROM marketplaces_sync WHERE connection_id = %s AND drift <> ''"
    ((drifts,),) = journey.rows(drifted, journey.connection_id)
    findings.check("drifts", not drifts, f"{drifts} values the hub itself says differ")
