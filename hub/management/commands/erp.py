"""`manage.py erp`: the ERP of the demo, talking to a running hub over HTTP only. See docs/erp-demo.md."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from hub.erp import catalogue, orders, replay, verify
from hub.erp.control import ControlApi
from hub.erp.http import ErpError, JsonApi, hub_api
from hub.erp.terminal import Terminal, clock, thousands


class Command(BaseCommand):
    """One subcommand per thing an ERP does."""

    help = "Talk to a running hub as an ERP would: push, fix, stock, price, orders, replay-orders, verify."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        shared = CommandParser(add_help=False)
        shared.add_argument("--base-url", default="", help="the hub; default: what demo.json says")
        shared.add_argument("--email", default="", help="X-User-Email; default: what demo.json says")
        shared.add_argument("--key", default="", help="X-Api-Key; default: what demo.json says")
        shared.add_argument("--manager-key", default="", help="X-Accountmanager-Key")
        shared.add_argument("--sandbox-url", default="", help="the sandbox marketplace's shop")
        shared.add_argument(
            "--sandbox-account", default="", help="the seller's API key (or id) at the sandbox"
        )
        real = CommandParser(add_help=False)
        real.add_argument("--data", type=Path, help="folder of the real catalogue instead of the shipped one")
        changes = CommandParser(add_help=False)
        changes.add_argument("--count", type=int, default=100, help="how many changes (default 100)")
        changes.add_argument("--rate", type=float, default=20, help="changes a second; 0: as fast as it goes")
        changes.add_argument("--seed", type=int, help="repeat the same changes")
        commands = parser.add_subparsers(dest="action", required=True)

        def add(name: str, run: Callable[..., None], about: str, *parents: CommandParser) -> CommandParser:
            made: CommandParser = commands.add_parser(name, help=about, parents=[shared, *parents])
            made.set_defaults(run=run)
            return made

        add("push", self.push, "send the catalogue", real).add_argument(
            "--invent-prices", action="store_true", help="give products without a price one"
        )
        add("fix", self.fix, "correct what the marketplace would refuse", real)
        add("stock", self.stock, "change random quantities", changes)
        add("price", self.price, "change random prices", changes)
        taking = add("orders", self.orders, "drain the queue: take, invoice, ship, acknowledge")
        taking.add_argument(
            "--acknowledge-only", action="store_true", help="take note of orders, nothing else"
        )
        taking.add_argument("--wait", type=float, default=0, help="seconds to wait for more when it is empty")
        again = add("replay-orders", self.replay_orders, "make the Olist orders happen at the sandbox")
        again.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with olist/")
        again.add_argument("--limit", type=int, default=5_000, help="how many orders (default 5,000)")
        add("verify", self.verify, "compare the marketplace with the hub, item by item")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run one subcommand; what goes wrong is one sentence and exit code 1."""
        self.terminal = Terminal(cast(TextIO, self.stdout))
        self.demo = read_demo()
        try:
            options["run"](**options)
        except (ErpError, OSError) as error:
            raise CommandError(str(error)) from error

    # --- the subcommands ----------------------------------------------------------------------

    def push(self, **options: Any) -> None:
        products = catalogue.products_of(options["data"], invent_prices=options["invent_prices"])
        report = catalogue.push(self.hub(options), products, self.terminal)
        catalogue.tell(report, self.terminal, errors_file("push"))

    def fix(self, **options: Any) -> None:
        api = self.hub(options)
        if options["data"] is None:
            report = catalogue.push(api, catalogue.shipped_fixes(), self.terminal, "fix")
        else:
            report = catalogue.fix_by_rules(api, catalogue.products_of(options["data"]), self.terminal)
        catalogue.tell(report, self.terminal, errors_file("fix"))

    def stock(self, **options: Any) -> None:
        dice = random.Random(options["seed"])  # noqa: S311  (a demo's quantities, not a secret)
        report = catalogue.change_stock(
            self.hub(options), options["count"], options["rate"], self.terminal, dice
        )
        catalogue.tell(report, self.terminal, errors_file("stock"))

    def price(self, **options: Any) -> None:
        dice = random.Random(options["seed"])  # noqa: S311  (a demo's prices, not a secret)
        report = catalogue.change_prices(
            self.hub(options), options["count"], options["rate"], self.terminal, dice
        )
        catalogue.tell(report, self.terminal, errors_file("price"))

    def orders(self, **options: Any) -> None:
        api, wait = self.hub(options), options["wait"]
        if options["acknowledge_only"]:
            drained = orders.acknowledge_all(api, wait=wait)
        else:
            drained = orders.drain(api, wait=wait)
        orders.tell(drained, self.terminal)

    def replay_orders(self, **options: Any) -> None:
        control, account = self.sandbox(options)
        known = {
            one["sku"] for product in catalogue.walk(self.hub(options)) for one in catalogue.sellable(product)
        }
        on_sale = [
            one["sku"]
            for one in control.listings(account)
            if one["state"] == verify.ON_SALE and one["sku"] in known
        ]
        done = replay.replay(control, account, options["data"], on_sale, options["limit"], self.terminal)
        self.terminal.say(
            f"  {thousands(len(done.created))} orders with {thousands(done.lines)} lines of "
            f"{thousands(len(done.skus))} SKUs in {clock(done.seconds)}; {len(done.cancelled)} cancelled by "
            f"the shopper; {done.without_items} without items left out."
        )

    def verify(self, **options: Any) -> None:
        api, (control, account) = self.hub(options), self.sandbox(options)
        verdict = verify.Verdict()
        verify.listings(api, control, account, verdict)
        verify.orders(api, control, account, verdict)
        verify.tell(verdict, self.terminal)
        if not verdict.is_right:
            raise CommandError(f"Marketplace and hub differ in {len(verdict.differences)} places.")

    # --- who talks to whom --------------------------------------------------------------------

    def hub(self, options: dict[str, Any]) -> JsonApi:
        """Return the hub's API; raises CommandError when nothing says which hub and as whom."""
        kept = self.demo.get("api_headers", {})
        base = options["base_url"] or self.demo.get("base_url")
        email = options["email"] or kept.get("X-User-Email")
        key = options["key"] or kept.get("X-Api-Key")
        if not (base and email and key):
            raise CommandError(
                f"There is no {demo_file()}: start the hub with `make run`, "
                "or give --base-url, --email and --key."
            )
        manager = options["manager_key"] or kept.get("X-Accountmanager-Key") or "erp-demo"
        return hub_api(base, email, key, manager)

    def sandbox(self, options: dict[str, Any]) -> tuple[ControlApi, str]:
        """Return the sandbox's controls and the seller's account there."""
        kept = self.demo.get("sandbox", {})
        url = options["sandbox_url"] or kept.get("shop_url")
        account = options["sandbox_account"] or kept.get("api_key")
        if not (url and account):
            raise CommandError(f"There is no {demo_file()}: give --sandbox-url and --sandbox-account.")
        return ControlApi(url), account


def demo_file() -> Path:
    """Where the demo's addresses and sign-ins are."""
    return settings.HUB_DATA / "demo.json"


def errors_file(action: str) -> Path:
    """Where a subcommand writes every single error."""
    return settings.HUB_DATA / "erp" / f"{action}-errors.csv"


def read_demo() -> dict[str, Any]:
    """Return what demo.json says; nothing when there is none."""
    try:
        return dict(json.loads(demo_file().read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
