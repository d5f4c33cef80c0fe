"""Pushing the catalogue: all of it, the corrections, and the small changes of every day."""

from __future__ import annotations

import copy
import csv
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from hub.erp import corrections, realdata
from hub.erp.http import BATCH, JsonApi, batches
from hub.erp.terminal import Progress, Terminal, clock, thousands

Product = dict[str, Any]

SHIPPED = Path("catalog") / "demo" / "catalogue.json"
ROUNDS = 5
"""How often a correction is sent again when the hub has something else to say about the same product."""
CALLS_PER_SECOND = 4
COLUMNS = ("sku", "where", "code", "field", "message")


def shipped() -> dict[str, Any]:
    """Return the shipped demo catalogue: `products`, and `faults` with their fixes."""
    text = (settings.BASE_DIR / SHIPPED).read_text(encoding="utf-8")
    return dict(json.loads(text))


def shipped_fixes() -> list[Product]:
    """Return every product of the shipped catalogue that can be corrected, whole and corrected.

    Whole, because a product whose price the hub could not read is not there yet.
    """
    content = shipped()
    products = {one["sku"]: one for one in content["products"]}
    corrected: dict[str, Product] = {}
    for sku, faults in content["faults"].items():
        for fault in faults:
            if fault["fix"]:
                corrected.setdefault(sku, dict(products[sku])).update(fault["fix"])
    return list(corrected.values())


def renumbered(products: Sequence[Product], shift: int) -> list[Product]:
    """Return products with other valid EAN-13, all moved by one number.

    A marketplace takes each code from one seller only, so every new demo seller needs its own.
    """
    found = copy.deepcopy(list(products))
    for product in found:
        for one in (product, *product.get("variations", ())):
            code = str(one.get("ean") or "")
            if len(code) == 13 and corrections.is_gtin(code):
                first = f"{code[:3]}{(int(code[3:12]) + shift) % 10**9:09d}"
                one["ean"] = first + corrections.check_digit(first)
    return found


def products_of(folder: Path | None, *, invent_prices: bool = False) -> list[Product]:
    """Return what is to be pushed: the shipped catalogue, or the real one of a folder; raises OSError."""
    if folder is None:
        return list(shipped()["products"])
    found = list(realdata.read(folder))
    if invent_prices:
        for one in found:
            if not one.get("price"):
                one["price"] = corrections.made_up_price(one["sku"])
    return found


@dataclass
class Report:
    """What the hub said about everything that was sent."""

    summary: Counter[str] = field(default_factory=Counter)
    refused: list[tuple[str, str]] = field(default_factory=list)
    """(SKU, sentence) of items the hub could not take."""
    issues: dict[str, list[tuple[str, Mapping[str, Any]]]] = field(default_factory=dict)
    """SKU -> (connection, issue) of items that were taken but are not ready to be published."""
    checked: bool = False
    """True when at least one connection gave its verdict."""
    seconds: float = 0.0

    def add(self, answer: Mapping[str, Any]) -> None:
        """Count one bulk answer in."""
        self.summary.update(answer["summary"])
        for line in answer["results"]:
            sku = str(line.get("sku") or f"#{line['index']}")
            if line["status"] == "error":
                self.refused.append((sku, str(line.get("error", ""))))
            for verdict in line.get("connections", ()):
                self.checked = True
                for issue in verdict["issues"]:
                    self.issues.setdefault(sku, []).append((verdict["connection"], issue))

    @property
    def causes(self) -> Counter[str]:
        """How many products have each cause."""
        found: Counter[str] = Counter(cause_of(sku, text) for sku, text in self.refused)
        for said in self.issues.values():
            found.update({f"{issue['code']}: {issue['message']}" for _place, issue in said})
        return found

    def rows(self) -> Iterator[tuple[str, str, str, str, str]]:
        """Yield one CSV row per refusal and per issue."""
        for sku, text in self.refused:
            yield sku, "hub", "refused", "", text
        for sku, said in self.issues.items():
            for place, issue in said:
                yield sku, place, issue["code"], issue["field"], issue["message"]


def cause_of(sku: str, sentence: str) -> str:
    """Return a refusal's sentence without what differs from item to item."""
    return re.sub(r"\[\d+\]", "[…]", sentence.replace(sku, "…"))


def put_products(
    api: JsonApi, products: Sequence[Product], progress: Progress, heed: Callable[[Mapping[str, Any]], None]
) -> None:
    """Send products a thousand a call, and hand each answer on."""
    for batch in batches(products):
        heed(api.need("PUT", "/bulk/products", {"products": list(batch)}))
        progress.advance(len(batch))


def push(api: JsonApi, products: Sequence[Product], terminal: Terminal, label: str = "push") -> Report:
    """Send a whole catalogue."""
    report = Report()
    with Progress(terminal, label, len(products), "products") as progress:
        put_products(api, products, progress, report.add)
    report.seconds = progress.seconds
    return report


def fix_by_rules(api: JsonApi, products: Sequence[Product], terminal: Terminal) -> Report:
    """Correct a real catalogue: by rule, by the marketplaces' refusals, then by what the hub answers."""
    refusals = refused_by_marketplaces(api)
    current = {}
    for one in corrections.all_by_rule(products):
        skus = [one["sku"], *(child["sku"] for child in one.get("variations", ()))]
        refused = [issue for sku in skus for issue in refusals.get(sku, ())]
        current[one["sku"]] = corrections.by_issues(one, refused)
    report = push(api, list(current.values()), terminal, "fix by rule")
    seconds = report.seconds
    for attempt in range(ROUNDS):
        again = []
        for sku, said in report.issues.items():
            better = corrections.by_issues(current[sku], [issue for _place, issue in said], attempt)
            if better != current[sku]:
                again.append(better)
        if not again:
            break
        current.update({one["sku"]: one for one in again})
        latest = push(api, again, terminal, f"fix, round {attempt + 1}")
        seconds += latest.seconds
        for one in again:
            report.issues.pop(one["sku"], None)
        report.issues |= latest.issues
        report.refused += latest.refused
    report.seconds = seconds
    return report


def tell(report: Report, terminal: Terminal, errors_file: Path, most: int = 15) -> None:
    """Show what came of a push and write every single error into a file."""
    total = report.summary["received"]
    rate = total / report.seconds if report.seconds else 0
    terminal.say(
        f"  {thousands(total)} products in {clock(report.seconds)} ({thousands(rate)}/s): "
        + ", ".join(
            f"{thousands(report.summary[name])} {name}"
            for name in ("created", "updated", "unchanged", "failed")
        )
    )
    if report.checked:
        terminal.say(f"  {thousands(len(report.issues))} of them are not ready to be published.")
    causes = report.causes
    if not causes:
        errors_file.unlink(missing_ok=True)
        return
    terminal.table([(count, cause) for cause, count in causes.most_common(most)])
    if len(causes) > most:
        terminal.say(f"  … and {len(causes) - most} more causes.")
    errors_file.parent.mkdir(parents=True, exist_ok=True)
    with errors_file.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(report.rows())
    terminal.say(f"  Every single one: {errors_file}")


# --- the changes of every day -----------------------------------------------------------------


def walk(api: JsonApi, path: str = "/products", name: str = "products", **filters: str) -> Iterator[Product]:
    """Yield every product the hub has of this seller, or every row of another list with a `next`."""
    answer = api.need("GET", path, per_page=100, **filters)
    while True:
        yield from answer[name]
        if not answer["next"]:
            return
        answer = api.need("GET", path + str(answer["next"]).split(path, 1)[1])


def refused_by_marketplaces(api: JsonApi, facets: Collection[str] = ("content",)) -> dict[str, list[Product]]:
    """Return what marketplaces themselves found wrong with these parts of a listing, by sellable SKU."""
    causes = api.need("GET", "/issues/causes")["causes"]
    codes = {one["code"] for one in causes if one["marketplace_code"]}
    found: dict[str, list[Product]] = {}
    for code in sorted(codes):
        for issue in walk(api, "/issues", "issues", code=code):
            if issue["said_by"] == "marketplace" and issue["facet"] in facets:
                found.setdefault(issue["sku"], []).append(issue)
    return found


def sellable(product: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what shoppers can buy of a product, each with the price, promotion and quantity that hold."""
    found = []
    for one in product["variations"] or [product]:
        found.append(
            {
                "sku": one["sku"],
                "qty": one["qty"] if product["status"] == "enabled" else 0,
                "price": product["price"] if one["price"] is None else one["price"],
                "promotional_price": product["promotional_price"]
                if one["promotional_price"] is None
                else one["promotional_price"],
            }
        )
    return found


def change_stock(api: JsonApi, count: int, rate: float, terminal: Terminal, dice: random.Random) -> Report:
    """Set random quantities of random SKUs, `rate` a second (0: as fast as it goes)."""
    skus = [one["sku"] for product in walk(api) for one in sellable(product)]
    items = [{"sku": dice.choice(skus), "qty": dice.randrange(0, 200)} for _number in range(count)]
    return _send_changes(api, "/bulk/stock", items, rate, terminal, "stock")


def change_prices(api: JsonApi, count: int, rate: float, terminal: Terminal, dice: random.Random) -> Report:
    """Move prices of random products by up to a tenth, `rate` a second (0: as fast as it goes)."""
    prices = {one["sku"]: one["price"] for one in walk(api) if one["price"]}
    items = []
    for _number in range(count):
        sku = dice.choice(list(prices))
        prices[sku] = round(max(prices[sku] * dice.uniform(0.9, 1.1), 1), 2)
        items.append({"sku": sku, "price": prices[sku], "promotional_price": None})
    return _send_changes(api, "/bulk/prices", items, rate, terminal, "price")


def _send_changes(
    api: JsonApi, path: str, items: Sequence[dict[str, Any]], rate: float, terminal: Terminal, label: str
) -> Report:
    report = Report()
    size = BATCH if rate <= 0 else max(1, min(BATCH, round(rate / CALLS_PER_SECOND)))
    with Progress(terminal, label, len(items), "changes") as progress:
        for batch in batches(items, size):
            # A SKU may be drawn twice; the later value is the one that counts.
            latest = {one["sku"]: one for one in batch}
            report.add(api.need("PUT", path, {"items": list(latest.values())}))
            progress.advance(len(batch))
            if rate > 0:
                time.sleep(max(0.0, progress.done / rate - progress.seconds))
    report.seconds = progress.seconds
    return report
