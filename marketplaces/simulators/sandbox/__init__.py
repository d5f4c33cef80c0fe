"""The sandbox marketplace: a demanding Brazilian marketplace in a process of its own."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from marketplaces.simulators.kit import FaultQueue, Server
from marketplaces.simulators.sandbox.app import SandboxApp
from marketplaces.simulators.sandbox.control import Control
from marketplaces.simulators.sandbox.course import Ticker
from marketplaces.simulators.sandbox.market import Market
from marketplaces.simulators.sandbox.store import Settings
from marketplaces.simulators.sandbox.taxonomy import SHIPPED
from marketplaces.simulators.sandbox.webhooks import Postman

__all__ = ["SandboxSimulator", "Settings"]


class SandboxSimulator(Control):
    """The marketplace over real HTTP, with the controls at hand.

    As a context manager it serves from a thread on a free port; `run` serves in the foreground.
    Without a folder it keeps its memory in a temporary one, gone at the end. `now` is its clock.
    """

    def __init__(
        self,
        data_dir: str | Path | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        taxonomy: Path = SHIPPED,
        settings: Settings | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory() if data_dir is None else None
        data = Path(self._folder.name if self._folder else str(data_dir))
        self._faults = FaultQueue()
        self.market = Market.open(data, taxonomy=taxonomy, settings=settings, now=now)
        super().__init__(self.market, self._faults)
        self.app = SandboxApp(self.market, self._faults, self)
        self._server = Server(self.app, host, port)
        self._postman, self._ticker = Postman(self.market), Ticker(self.market)
        self.url = self._server.url

    def run(self) -> None:
        """Serve until SystemExit or KeyboardInterrupt."""
        self._ticker.start()
        self._postman.start()
        try:
            self._server.run()
        finally:
            self._close()

    def __enter__(self) -> SandboxSimulator:
        self._ticker.start()
        self._postman.start()
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()
        self._close()

    def _close(self) -> None:
        self._ticker.stop()
        self._postman.stop()
        self.market.store.close()
        if self._folder is not None:
            self._folder.cleanup()

    def listing(self, account: str, sku: str) -> dict[str, Any]:
        """Return one listing as it is now, with its counters; empty when the SKU is unknown."""
        found = self.listings(account, sku=sku)["listings"]
        return dict(found[0]) if found else {}
