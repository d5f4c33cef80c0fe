"""`manage.py simulators`: the sandbox marketplace, in a process of its own."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from marketplaces.simulators.__main__ import main


class Command(BaseCommand):
    """Run the sandbox marketplace until it is told to stop; its memory lives in HUB_DATA/sandbox."""

    help = "Run the sandbox marketplace (shop, seller's API and controls) in the foreground."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=settings.HUB_SANDBOX_PORT)
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--data", default=str(settings.HUB_DATA / "sandbox"))
        parser.add_argument("--speed", type=float, default=1.0, help="how many times as quick as usual")

    def handle(self, *args: Any, **options: Any) -> None:
        names = ("port", "host", "data", "speed")
        main(["sandbox", *(part for name in names for part in (f"--{name}", str(options[name])))])
