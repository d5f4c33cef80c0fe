"""`python -m benchmarks [--only NAME] [--rounds N]`: run the benchmarks and print one table each."""

from __future__ import annotations

import argparse
import datetime
import importlib
import os
import platform
import signal
import sys
from typing import Protocol

from django.conf import settings

from benchmarks.hub import open_data_directory
from benchmarks.table import Row, told

MODULES = (
    "benchmarks.bulk",
    "benchmarks.single",
    "benchmarks.taking",
    "benchmarks.arriving",
    "benchmarks.drain",
    "benchmarks.loads",
    "benchmarks.size",
)
"""Each has a `NAME`, a one-line docstring and `run(rounds) -> list[Row]`."""


class Benchmark(Protocol):
    """What each module of MODULES looks like."""

    NAME: str

    def run(self, rounds: int) -> list[Row]:
        """Measure everything `rounds` times and return the medians as rows."""
        ...


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; 1 where a target is not reached, so that a script can tell."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    asked.add_argument("--only", default="", help="the name of one benchmark, or a part of it")
    asked.add_argument("--rounds", type=int, default=5, help="how often each is measured (medians are told)")
    asked.add_argument("--list", action="store_true", help="name the benchmarks and end")
    options = asked.parse_args(arguments)
    if not settings.configured:
        open_data_directory()
    modules: list[Benchmark] = [importlib.import_module(path) for path in MODULES]
    chosen = [module for module in modules if options.only in module.NAME]
    if options.list or not chosen:
        print("\n".join(f"{module.NAME}: {(module.__doc__ or '').splitlines()[0]}" for module in modules))
        return 0 if options.list else 2
    # Told to stop, it still takes the web and the database down that it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(f"{datetime.date.today()}, {machine()}, {options.rounds} rounds, medians")
    missed = 0
    for module in chosen:
        rows = module.run(options.rounds)
        missed += sum(row.reached is False for row in rows)
        print(f"\n{module.NAME}\n\n{told(rows)}", flush=True)
    return 1 if missed else 0


def machine() -> str:
    """Say what the figures were measured on."""
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
