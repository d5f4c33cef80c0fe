"""The demo: one seller's whole story, told in the terminal against a running hub.

Everything goes over HTTP: the ERP calls the API, the seller and the shopper use real pages and forms. Each
step says what it expects, and the story ends at the first thing that does not come true.
"""

from __future__ import annotations

import csv
import io
import json
import re
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from html import unescape
from importlib.resources import files
from typing import Any, TypeVar

from hub.erp import catalogue, orders, verify
from hub.erp.browser import Browser, Form, Page
from hub.erp.control import ControlApi
from hub.erp.http import ErpError, JsonApi, in_path
from hub.erp.terminal import BLUE, BOLD, GREEN, GREY, RED, Progress, Terminal, clock

T = TypeVar("T")
ACCOUNT = "Sandbox"
LOAD_SECONDS = 90
"""Enough for a lease of a killed worker to run out."""
CHECK_SECONDS = 45
SYNC_SECONDS = 15
QUEUE_SECONDS = 45
CHANGES = 60
LIVE_TILES = re.compile(r'\?state=(\w+)"[^>]*>\s*<strong>([\d.,]+)</strong>')
OVER = 286


class NotSo(Exception):
    """Something the story promises did not come true."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part, and where."""

    seller: Mapping[str, Any]
    """What `createseller --json` printed."""
    shop_url: str
    kill_workers: Callable[[], int]
    """Kills the hub's workers with SIGKILL and returns how many there were; 0 where they are out of reach."""


class Story:
    """The steps in order, and what they learn for one another."""

    def __init__(self, cast: Cast, terminal: Terminal) -> None:
        self.cast, self.terminal = cast, terminal
        self.base = str(cast.seller["base_url"])
        self.api = JsonApi(self.base, cast.seller["headers"])
        self.seller = Browser(self.base)
        self.shopper = Browser(cast.shop_url)
        self.control = ControlApi(cast.shop_url)
        self.account = ""
        self.connection = 0
        self.load = 0
        self.shift = zlib.crc32(str(cast.seller["email"]).encode()) % 10**9

    def tell(self) -> None:
        """Tell all of it; raises NotSo or ErpError with the step's name in front."""
        steps = [
            ("The ERP sends its catalogue, mistakes included", self.push),
            ("The seller signs in and connects an account; wrong credentials are refused", self.connect),
            ("The seller says what each category is at the marketplace", self.map_categories),
            ("Conectar: every product goes out; the workers are killed (kill -9) on the way", self.send_all),
            ("The load tells what was refused, and why", self.read_errors),
            ("The ERP corrects its data; the seller reconnects what is corrected", self.correct),
            ("Prices and stock change in the ERP and follow by themselves", self.change),
            ("A shopper buys; the ERP takes the order, invoices and ships it", self.sell),
            ("Another shopper cancels; the queue tells the ERP", self.cancel),
            ("Everything is compared, item by item", self.compare),
        ]
        began = time.monotonic()
        for number, (title, step) in enumerate(steps, 1):
            self.terminal.say(f"\n{number:>2}. {title}", BOLD)
            started = time.monotonic()
            try:
                step()
                self.note(clock(time.monotonic() - started))
            except (NotSo, ErpError) as error:
                raise NotSo(f"Step {number} ({title}) did not come true. {error}") from error
        self.terminal.say(f"\nTold in {clock(time.monotonic() - began)}.", GREEN)
        self.terminal.say(f"Look around: {self.base}/portal/ as {self.cast.seller['email']}", BLUE)
        self.terminal.say(f"Password: {self.cast.seller['password']}", BLUE)
        self.terminal.say(f"The shop: {self.cast.shop_url}", BLUE)

    # --- saying and expecting -----------------------------------------------------------------

    def done(self, text: str) -> None:
        """Say what came true."""
        self.terminal.say(f"    {self.terminal.paint('✓', GREEN)} {text}")

    def note(self, text: str) -> None:
        """Say something in passing."""
        self.terminal.say(f"      {text}", GREY)

    def expect(self, holds: bool, sentence: str) -> None:
        """Go on only if something holds."""
        if not holds:
            raise NotSo(f"Expected: {sentence}")

    def first(self, found: Iterable[T], sentence: str) -> T:
        """Return the first of some things; go on only if there is one."""
        for first in found:
            return first
        raise NotSo(f"Expected: {sentence}")

    def wait(self, holds: Callable[[], Any], seconds: float, sentence: str) -> tuple[Any, float]:
        """Wait until something holds; returns it and how long that took."""
        began = time.monotonic()
        while True:
            found = holds()
            if found:
                return found, time.monotonic() - began
            if time.monotonic() - began > seconds:
                raise NotSo(f"Expected within {seconds:.0f} s: {sentence}")
            time.sleep(0.2)

    # --- the steps ----------------------------------------------------------------------------

    def push(self) -> None:
        """PUT /bulk/products with the shipped catalogue."""
        products = catalogue.renumbered(catalogue.shipped()["products"], self.shift)
        report = catalogue.push(self.api, products, self.terminal, "    push")
        self.expect(report.summary["created"] >= 160, "at least 160 products created")
        self.done(f"{report.summary['created']} products created, {len(report.refused)} could not be read")
        for sku, why in report.refused:
            self.note(f"{sku}: {why}")

    def connect(self) -> None:
        """The portal's sign-in and its form for a new account."""
        page = self.seller.get("/portal/login/", next="/portal/")
        form = page.form("username")
        page = self.seller.submit(
            form, username=str(self.cast.seller["email"]), password=str(self.cast.seller["password"])
        )
        self.expect("login" not in page.path, f"to be signed in, not to be at {page.path}: {page.text[:300]}")
        account = self.control.open_account(f"{self.cast.seller['name']} {self.cast.seller['seller_id']}")
        self.account = str(account["api_key"])
        form = self.seller.get("/portal/marketplaces/new/sandbox/").form("credential_api_key")
        page = self.seller.submit(form, name=ACCOUNT, credential_api_key="sbx_wrong")
        self.expect(page.status == 400, f"wrong credentials to be refused with 400, not {page.status}")
        self.done("a wrong API key is refused before anything is kept")
        page = self.seller.submit(
            page.form("credential_api_key"),
            name=ACCOUNT,
            credential_api_key=self.account,
            credential_webhook_secret=str(account["webhook_secret"]),
        )
        self.connection = self._number_in(r"/marketplaces/(\d+)/mapping/", page)
        self.done(f"the account {account['account_id']} is connected as “{ACCOUNT}”")

    def map_categories(self) -> None:
        """Accept the sure suggestions, choose the rest as a person would."""
        where = f"/portal/marketplaces/{self.connection}/mapping/"
        page = self.seller.get(where)
        for form in page.forms_to("/mapping/accept/")[:1]:
            page = self.seller.submit(form)
        _mapped, unmapped = self._mapping(page)
        self.done(f"{_mapped} sure suggestions accepted with one click; {unmapped} need a person")
        self._choose_unmapped()
        _mapped, unmapped = self._mapping(self.seller.get(where))
        self.expect(_mapped > 100, f"more than 100 categories mapped, not {_mapped}")
        self.done(f"{_mapped} categories mapped; {unmapped} are not sold there")

    def _mapping(self, page: Page) -> tuple[int, int]:
        """How many categories are mapped, and how many are not."""
        piece = self.seller.get(f"/portal/marketplaces/{self.connection}/mapping/progress/")
        numbers = [int(one) for one in re.findall(r"\d+", piece.text)[:2]]
        self.expect(len(numbers) == 2, f"the progress of the mapping, not: {page.text[:200]}")
        return numbers[0], numbers[1] - numbers[0]

    def _choose_unmapped(self) -> None:
        """Go through the categories that are not mapped yet."""
        where = f"/portal/marketplaces/{self.connection}/mapping/"
        choices: dict[str, str] = json.loads(files("hub.erp").joinpath("choices.json").read_text("utf-8"))
        rows = {code: form for code, form in self._unmapped_rows(where).items() if code in choices}
        with Progress(self.terminal, "    map", len(rows), "categories") as progress:
            for code, form in rows.items():
                self._choose(where, form, choices[code])
                progress.advance()

    def _unmapped_rows(self, where: str) -> dict[str, Form]:
        found: dict[str, Form] = {}
        number = 1
        while True:
            page = self.seller.get(where, show="unmapped", page=str(number))
            forms = page.forms_to(r"/mapping/\d+/$")
            codes = re.findall(r'class="hub-muted">([^<]+?) · <a', page.html)
            self.expect(len(codes) == len(forms), "one form per unmapped category")
            found |= dict(zip(codes, forms, strict=True))
            number += 1
            if f"page={number}" not in page.html:
                return found

    def _choose(self, where: str, form: Form, wanted: str) -> None:
        """Search the marketplace's tree for what a person wants, and save it."""
        options = [*form.choices["remote"]]
        if not any(words.startswith(wanted) for _value, words in options):
            leaf = wanted.split(" > ")[-1]
            found = self.seller.get(f"{where}search/", q=leaf)
            options = re.findall(r'<option value="(\d+)">([^<]+)</option>', unescape(found.html))
        for value, words in options:
            if words.startswith(wanted):
                self.seller.submit(form, is_piece=True, remote=value)
                return
        raise NotSo(f"Expected: to find “{wanted}” in the marketplace's tree")

    def send_all(self) -> None:
        """Choose all products in the list, press Conectar, confirm; then watch the load."""
        page = self.seller.get("/portal/catalog/product/")
        form = page.form("_selected_action")
        shown = [value for value, _words in form.choices["_selected_action"]]
        page = self.seller.submit(
            form, action="connect", select_across="1", index="0", _selected_action=shown
        )
        page = self.seller.submit(page.form("send"))
        self.load = self._load_of(page)
        self.done("the check beforehand was shown, and the load is on its way")
        killed = 0

        def kill_once(finished: int) -> None:
            nonlocal killed
            if not killed and finished:
                killed = self.cast.kill_workers() or -1
                if killed > 0:
                    self.note(
                        f"kill -9: {killed} processes of the workers are dead; their leases run out in 30 s"
                    )

        counts, seconds = self._watch(self.load, kill_once)
        if killed < 0:
            self.note("the workers run elsewhere and stay alive")
        self.expect(counts["done"] > 300, f"more than 300 SKUs published, not {counts['done']}")
        self.done(f"{counts['done']} SKUs published, {counts['error']} refused, in {clock(seconds)}")

    def _load_of(self, page: Page) -> int:
        return self._number_in(r"/load/(\d+)/", page)

    def _number_in(self, pattern: str, page: Page) -> int:
        """Return the number in a page's address, which tells that the page before did its work."""
        said = f"to come to {pattern}, not to {page.path} ({page.status}): {page.text[:300]}"
        return int(self.first(re.findall(pattern, page.path), said))

    def _watch(
        self, load: int, heed: Callable[[int], None] = lambda finished: None
    ) -> tuple[Counter[str], float]:
        """Watch a load's live page until it is over; returns its counters."""
        began = time.monotonic()
        counts: Counter[str] = Counter()
        shown: Progress | None = None
        while True:
            page = self.seller.get(f"/portal/loads/{load}/live/")
            counts = Counter(
                {state: int(re.sub(r"\D", "", count)) for state, count in LIVE_TILES.findall(page.html)}
            )
            finished = counts["done"] + counts["error"]
            shown = shown or Progress(self.terminal, "    load", counts.total(), "SKUs").__enter__()
            shown.advance(finished - shown.done)
            heed(counts["done"] + counts["error"] + counts["cataloguing"] + counts["processing"])
            if page.status == OVER:
                shown.__exit__(None, None, None)
                return counts, time.monotonic() - began
            if time.monotonic() - began > LOAD_SECONDS:
                raise NotSo(
                    f"Expected within {LOAD_SECONDS} s: load {load} to be over; it stands at {dict(counts)}"
                )
            time.sleep(0.3)

    def read_errors(self) -> None:
        """The load's errors as CSV, grouped as the page groups them."""
        causes = self._causes()
        self.expect(len(causes) >= 10, f"at least ten different causes, not {len(causes)}")
        for cause, skus in sorted(causes.items(), key=lambda one: -len(one[1]))[:12]:
            self.note(f"{len(skus):>3} × {cause}")
        self.done(f"{len(set().union(*causes.values()))} SKUs refused for {len(causes)} causes")

    def _causes(self) -> dict[str, set[str]]:
        text = self.seller.download(f"/portal/loads/{self.load}/errors.csv")
        lines = list(csv.reader(io.StringIO(text), delimiter=";"))[1:]
        causes: dict[str, set[str]] = {}
        for line in lines:
            causes.setdefault(line[2], set()).add(line[0])
        return causes

    def correct(self) -> None:
        """PUT the corrections, then press "Reconnect the corrected" on the load's page."""
        fixes = catalogue.renumbered(catalogue.shipped_fixes(), self.shift)
        report = catalogue.push(self.api, fixes, self.terminal, "    fix")
        self.expect(not report.refused, f"every correction to be taken; refused: {report.refused[:3]}")
        self._choose_unmapped()
        refused = set().union(*self._causes().values())
        # Of two products with one title either may have been refused; only one of them has a correction.
        wanted = len(refused & self._variations_of({one["sku"] for one in fixes}))
        form, seconds = self.wait(
            lambda: self._reconnect(wanted),
            CHECK_SECONDS,
            f"a button that reconnects {wanted} corrected SKUs of load {self.load}",
        )
        self.done(f"{wanted} of {len(refused)} are corrected, the load's page knows after {clock(seconds)}")
        first = self.load
        self.load = self._load_of(self.seller.submit(form))
        counts, seconds = self._watch(self.load)
        self.done(
            f"{counts['done']} corrected SKUs published, {counts['error']} refused, in {clock(seconds)}"
        )
        self.expect(self.load != first and counts["done"] > 0, "the corrected SKUs to be published")
        self.expect(not counts["error"], f"none refused again, but: {sorted(self._causes())}")

    def _reconnect(self, wanted: int) -> Form | None:
        """The form behind "Reconnect the corrected", once it counts so many."""
        page = self.seller.get(f"/portal/marketplaces/load/{self.load}/change/")
        forms = [one for one in page.forms_to("/reconnect/") if ("what", "corrected") in one.values]
        return forms[0] if forms and f"({wanted})" in page.text else None

    @staticmethod
    def _variations_of(skus: set[str]) -> set[str]:
        products = [one for one in catalogue.shipped()["products"] if one["sku"] in skus]
        return {one["sku"] for product in products for one in product["variations"] or [product]}

    def change(self) -> None:
        """One price and one quantity by hand, then a burst of both."""
        shown = self._something_on_sale()
        sku, price, stock = shown["sku"], round(float(shown["price"]) * 0.9, 2), int(shown["quantity"]) + 7
        self.api.need("PUT", f"/products/{in_path(sku)}", {"product": {"promotional_price": price}})
        _found, seconds = self.wait(
            lambda: float(self.control.listing(self.account, sku)["price"]) == price,
            SYNC_SECONDS,
            f"the price {price} of {sku} at the marketplace",
        )
        self.done(f"{sku}: the price {price:.2f} is at the marketplace after {clock(seconds)}")
        self.api.need("PUT", f"/variations/{in_path(sku)}", {"variation": {"qty": stock}})
        _found, seconds = self.wait(
            lambda: self.control.listing(self.account, sku)["quantity"] == stock,
            SYNC_SECONDS,
            f"the stock {stock} of {sku} at the marketplace",
        )
        self.done(f"{sku}: the stock {stock} is at the marketplace after {clock(seconds)}")
        on_sale = [one["sku"] for one in self.control.listings(self.account) if one["state"] == "live"]
        wanted = {sku: 20 + place for place, sku in enumerate(on_sale[:CHANGES])}
        items = [{"sku": sku, "qty": qty} for sku, qty in wanted.items()]
        self.api.need("PUT", "/bulk/stock", {"items": items})
        _found, seconds = self.wait(
            lambda: all(
                one["quantity"] == wanted.get(one["sku"], one["quantity"])
                for one in self.control.listings(self.account)
            ),
            SYNC_SECONDS,
            f"{len(wanted)} new quantities at the marketplace",
        )
        self.done(f"{len(wanted)} more quantities in one call, all there after {clock(seconds)}")

    def _something_on_sale(self) -> dict[str, Any]:
        """A simple product's listing with enough in stock."""
        for one in self.control.listings(self.account):
            if one["state"] == "live" and one["quantity"] >= 5 and one["parent_sku"] in ("", one["sku"]):
                return one
        raise NotSo("Expected: a listing on sale with stock")

    def sell(self) -> None:
        """The shop's own pages, then the queue, then the order's page at the shop."""
        code, where = self._buy()
        order, seconds = self._from_queue(code, "APPROVED")
        self.done(f"order {order['code']} is in the queue, approved, {clock(seconds)} after the purchase")
        key = orders.send_invoice(self.api, order)
        self._page_shows(where, key, "the invoice's key")
        tracking = orders.send_shipment(self.api, order)
        self._page_shows(where, tracking, "the tracking code")

    def _page_shows(self, where: str, text: str, what: str) -> None:
        """Wait until the shopper's page of an order shows something."""
        _found, seconds = self.wait(
            lambda: (
                text in self.shopper.get(where).text.replace(" ", "") or text in self.shopper.get(where).text
            ),
            QUEUE_SECONDS,
            f"{what} {text} on the marketplace's page of the order",
        )
        self.done(f"{what} {text} is on the marketplace's page after {clock(seconds)}")

    def _buy(self) -> tuple[str, str]:
        listing = self._something_on_sale()
        page = self.shopper.get(f"/p/{listing['listing_id']}")
        page = self.shopper.submit(page.form("quantity"), quantity="2")
        self.expect(
            page.path.startswith("/pedidos/"), f"the page of the order, not {page.path}: {page.text[:200]}"
        )
        code = page.path.rsplit("/", 1)[1]
        self.done(f"a shopper buys 2 × {listing['sku']}: order {code}")
        return code, page.path

    def _from_queue(self, code: str, status: str) -> tuple[Mapping[str, Any], float]:
        """Drain the queue until an order arrives in a status; all others are acknowledged, too."""

        def arrived() -> Mapping[str, Any] | None:
            answer = self.api.call("GET", "/queues/orders")
            if answer.status != 200:
                return None
            order: Mapping[str, Any] = answer.body
            orders.keep_shelves(self.api, order)
            self.api.need("DELETE", f"/queues/orders/{in_path(order['code'])}")
            is_it = order["import_info"]["remote_code"] == code and order["status"]["type"] == status
            return order if is_it else None

        return self.wait(arrived, QUEUE_SECONDS, f"order {code} in the queue as {status}")

    def cancel(self) -> None:
        """A second purchase that the shopper takes back on the shop's page."""
        code, where = self._buy()
        order, _seconds = self._from_queue(code, "APPROVED")
        self.shopper.submit(
            self.first(self.shopper.get(where).forms_to("/cancelar"), "the button that cancels")
        )
        order, seconds = self._from_queue(code, "CANCELED")
        self.done(
            f"order {order['code']} is in the queue as {order['status']['type']} after {clock(seconds)}"
        )
        answer = self.api.call("GET", "/queues/orders")
        self.expect(answer.status == 204, f"an empty queue (204), not {answer.status}")
        self.done("the queue is empty, and what was taken back is on the shelves again")

    def _stock_agrees(self) -> bool:
        verdict = verify.Verdict()
        verify.listings(self.api, self.control, self.account, verdict)
        return verdict.is_right

    def compare(self) -> None:
        """Marketplace against hub: price, stock, created once; no order lost, none doubled."""
        self.wait(self._stock_agrees, SYNC_SECONDS, "what was sold to be off the shelves everywhere")
        verdict = verify.Verdict()
        verify.listings(self.api, self.control, self.account, verdict)
        verify.orders(self.api, self.control, self.account, verdict)
        for what, count in verdict.counts.items():
            self.note(f"{count:>4}  {what}")
        for text in verdict.differences:
            self.terminal.say(f"    ✗ {text}", RED)
        self.expect(verdict.is_right, f"no difference, but there are {len(verdict.differences)}")
        self.done("every price, every quantity and every order agree; nothing lost, nothing doubled")
