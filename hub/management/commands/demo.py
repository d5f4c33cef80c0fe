"""`manage.py demo`: tell the product's whole story in the terminal, against the hub that is running."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
from pathlib import Path
from typing import Any, TextIO, cast

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from hub import undertaker
from hub.erp.control import ControlApi
from hub.erp.http import ErpError, JsonApi
from hub.erp.story import Cast, NotSo, Story
from hub.erp.terminal import BOLD, GREY, Terminal

START_FIRST = "Start the hub with `make run`, then tell the story with `make demo` in another terminal."


class Command(BaseCommand):
    """Open a fresh seller and tell the story; exit code 1 at the first thing that does not come true."""

    help = "Tell the whole story in the terminal against the running hub; it can be told any number of times."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--spare-workers", action="store_true", help="do not kill the workers on the way")

    def handle(self, *args: Any, **options: Any) -> None:
        terminal = Terminal(cast(TextIO, self.stdout))
        demo = read_demo()
        base = str(demo.get("base_url") or settings.HUB_BASE_URL)
        shop = str(
            demo.get("sandbox", {}).get("shop_url") or f"http://127.0.0.1:{settings.HUB_SANDBOX_PORT}/"
        )
        refuse_what_is_down(base, shop)
        email = f"demo-{os.urandom(4).hex()}@demo.example"
        seller = create_seller("Loja da História", email) | {"base_url": base}
        terminal.say(f"A marketplace hub at {base}, told from the beginning.", BOLD)
        terminal.say(f"A new seller: {seller['name']}, {email}; the marketplace: {shop}", GREY)
        kill = nobody if options["spare_workers"] else kill_workers
        try:
            Story(Cast(seller, shop, kill), terminal).tell()
        except NotSo as error:
            raise CommandError(str(error)) from error


def read_demo() -> dict[str, Any]:
    """Return what the running hub wrote about itself; nothing when it seeds no demo."""
    try:
        return dict(json.loads((settings.HUB_DATA / "demo.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def refuse_what_is_down(base: str, shop: str) -> None:
    """Raise CommandError when the hub or the sandbox does not answer."""
    for name, url, ask in (
        ("hub", base, lambda: JsonApi(base, patience=0).need("GET", "/")),
        ("sandbox marketplace", shop, lambda: ControlApi(shop, patience=0).stats()),
    ):
        try:
            ask()
        except ErpError as error:
            raise CommandError(f"There is no {name} at {url}. {START_FIRST}") from error


def create_seller(name: str, email: str) -> dict[str, Any]:
    """Open a seller and return its keys."""
    printed = io.StringIO()
    call_command("createseller", "--json", name=name, email=email, stdout=printed)
    return dict(json.loads(printed.getvalue()))


def nobody() -> int:
    """Kill nobody."""
    return 0


def kill_workers() -> int:
    """Kill this data directory's task workers as a crash would; the supervisor has to notice by itself."""
    mark = undertaker.read_mark(settings.HUB_DATA / "run.json")
    killed = 0
    for pid in undertaker.marked(mark) if mark else ():
        with contextlib.suppress(OSError):
            if b"qcluster" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
                killed += 1
    return killed
