"""Compares the marketplace with the hub, item by item: prices, stock, and each order arrived once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hub.erp.catalogue import refused_by_marketplaces, sellable, walk
from hub.erp.control import ControlApi
from hub.erp.http import JsonApi, in_path
from hub.erp.terminal import Terminal

ON_SALE = "live"
PAGE = 100
PAGES = 100
"""The hub pages through the newest 10,000 orders only; older ones are asked for one by one."""


@dataclass
class Verdict:
    """What was compared, and every difference in words."""

    counts: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


def listings(api: JsonApi, control: ControlApi, account: str, verdict: Verdict) -> None:
    """Compare what is on sale: price, quantity, and each listing created exactly once."""
    refused = {
        (sku, issue["facet"])
        for sku, issues in refused_by_marketplaces(api, ("price", "stock")).items()
        for issue in issues
    }
    compare(walk(api), control.listings(account), verdict, refused)


def compare(
    products: Iterable[Mapping[str, Any]],
    shown: Iterable[Mapping[str, Any]],
    verdict: Verdict,
    refused: Collection[tuple[str, str]] = (),
) -> None:
    """Compare the hub's products with the marketplace's listings. Pure.

    `refused` holds the (SKU, facet) pairs whose value the marketplace will not take, as the hub tells in an
    issue: there the two must differ.
    """
    known = {one["sku"]: one for product in products for one in sellable(product)}
    verdict.counts["SKUs in the hub"] = len(known)
    for listing in shown:
        sku = listing["sku"]
        if listing["creations"] > 1:
            verdict.differences.append(f"{sku}: created {listing['creations']} times at the marketplace")
        if listing["state"] != ON_SALE:
            verdict.counts[f"listings {listing['state']}"] += 1
            continue
        verdict.counts["listings on sale"] += 1
        ours = known.get(sku)
        if ours is None:
            verdict.differences.append(f"{sku}: on sale at the marketplace, unknown to the hub")
            continue
        values = {
            "price": (price_of(ours), Decimal(str(listing["price"]))),
            "stock": (ours["qty"], listing["quantity"]),
        }
        for facet, (wanted, there) in values.items():
            if wanted == there:
                continue
            if (sku, facet) in refused:
                verdict.counts[f"listings whose {facet} the marketplace refuses"] += 1
            else:
                verdict.differences.append(f"{sku}: {facet} {there} at the marketplace, {wanted} in the hub")


def price_of(sold: Mapping[str, Any]) -> Decimal:
    """Return what a shopper should pay: the promotion, where it is one."""
    full, promotion = sold["price"] or 0, sold["promotional_price"]
    return Decimal(str(promotion if promotion and (not full or promotion < full) else full))


def orders(api: JsonApi, control: ControlApi, account: str, verdict: Verdict) -> None:
    """Compare orders: each of the marketplace's is in the hub once, in a status that fits."""
    codes: defaultdict[str, set[str]] = defaultdict(set)
    here: dict[str, Mapping[str, Any]] = {}
    channels: Counter[str] = Counter()
    for order in newest_orders(api):
        remote = str(order["import_info"]["remote_code"])
        codes[remote].add(order["code"])
        here[remote] = order
        channels[order["channel"]] += 1
    compare_orders(
        control.orders(account),
        lambda remote: here.get(remote) or _look_up(api, channels, remote),
        codes,
        verdict,
    )


def compare_orders(
    shown: Iterable[Mapping[str, Any]],
    find: Callable[[str], Mapping[str, Any] | None],
    codes: Mapping[str, set[str]],
    verdict: Verdict,
) -> None:
    """Compare the marketplace's orders with the hub's, which `find` finds and `codes` knows the codes of."""
    for remote, found in codes.items():
        if len(found) > 1:
            verdict.differences.append(f"{remote}: in the hub {len(found)} times")
    for there in shown:
        verdict.counts["orders at the marketplace"] += 1
        ours = find(there["id"])
        if ours is None:
            verdict.differences.append(f"{there['id']}: lost, it is not in the hub")
            continue
        verdict.counts["orders in the hub"] += 1
        if (there["status"] == "canceled") != (ours["status"]["type"] == "CANCELED"):
            verdict.differences.append(
                f"{there['id']}: {there['status']} there, {ours['status']['type']} in the hub"
            )
        if Decimal(str(ours["total_ordered"])) != Decimal(there["total"]):
            verdict.differences.append(
                f"{there['id']}: total {there['total']} there, {ours['total_ordered']} in the hub"
            )


def newest_orders(api: JsonApi) -> Iterable[Mapping[str, Any]]:
    """Yield the seller's newest orders, as many as the hub pages through."""
    for page in range(1, PAGES + 1):
        found = api.need("GET", "/orders", page=page, per_page=PAGE)["orders"]
        yield from found
        if len(found) < PAGE:
            return


def _look_up(api: JsonApi, channels: Counter[str], remote: str) -> Mapping[str, Any] | None:
    for channel, _count in channels.most_common():
        answer = api.call("GET", f"/orders/{in_path(f'{channel}-{remote}')}")
        if answer.status == 200:
            found: Mapping[str, Any] = answer.body
            return found
    return None


def tell(verdict: Verdict, terminal: Terminal, most: int = 20) -> None:
    """Show the counts and the first differences."""
    terminal.table([(count, what) for what, count in verdict.counts.items()])
    for text in verdict.differences[:most]:
        terminal.say(f"  ✗ {text}", "31")
    if len(verdict.differences) > most:
        terminal.say(f"  … and {len(verdict.differences) - most} more.", "31")
    if verdict.is_right:
        terminal.say("  Marketplace and hub agree on every item; no order lost, none doubled.", "32")
