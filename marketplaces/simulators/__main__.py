"""``python -m marketplaces.simulators sandbox --port 8091 --data DIR``: a marketplace to try things on."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from marketplaces.simulators.sandbox import SandboxSimulator, Settings

SIMULATORS = {"sandbox": SandboxSimulator}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one simulator in the foreground until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="simulators", description="Run a marketplace simulator.")
    parser.add_argument("marketplace", nargs="?", default="sandbox", choices=sorted(SIMULATORS))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8091)
    parser.add_argument("--data", type=Path, default=Path("var/sandbox"), help="folder for its memory")
    parser.add_argument("--speed", type=float, default=1.0, help="how many times as quick as usual")
    options = parser.parse_args(arguments)
    if options.speed <= 0:
        parser.error("--speed must be greater than 0")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    simulator = SIMULATORS[options.marketplace](
        options.data,
        host=options.host,
        port=options.port,
        settings=Settings().faster(options.speed),
    )
    print(f"{options.marketplace}: {simulator.url}", flush=True)
    simulator.run()


if __name__ == "__main__":
    main()
