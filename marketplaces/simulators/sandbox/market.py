"""One running marketplace: its memory, rules, patience and clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from marketplaces.simulators.sandbox import catalogue
from marketplaces.simulators.sandbox.store import Settings, Store, load_settings
from marketplaces.simulators.sandbox.taxonomy import SHIPPED, Taxonomy


class Bucket:
    """A token bucket: how many calls one account may still make."""

    __slots__ = ("at", "tokens")

    def __init__(self, tokens: float, at: float) -> None:
        self.tokens, self.at = tokens, at

    def take(self, rate: float, now: float) -> bool:
        """Take one call out, one second's worth being the most that gathers; False when none is left."""
        self.tokens = min(max(rate, 1.0), self.tokens + (now - self.at) * rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass
class Market:
    """What the routes share. `now` is the only clock there is: every state is derived from it."""

    store: Store
    taxonomy: Taxonomy
    now: Callable[[], float]
    settings: Settings
    titles: catalogue.TitleIndex = field(default_factory=catalogue.TitleIndex)
    buckets: dict[int, Bucket] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    """How often each route was called with each status, since the start."""
    guard: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def open(
        cls,
        data: Path,
        *,
        taxonomy: Path = SHIPPED,
        settings: Settings | None = None,
        now: Callable[[], float] = time.time,
    ) -> Market:
        """Open the marketplace kept in a folder, making it on first use."""
        store = Store(data / "sandbox.sqlite3")
        with store.transaction() as db:
            market = cls(store, Taxonomy(taxonomy), now, load_settings(db, settings or Settings()))
            catalogue.seed(db, market.titles)
        return market

    def may_call(self, account: int) -> tuple[bool, int]:
        """Take one call of an account's allowance; return whether it may go on and what is left."""
        rate = self.settings.rate_per_second
        if not rate:
            return True, 999
        with self.guard:
            bucket = self.buckets.setdefault(account, Bucket(rate, self.now()))
            allowed = bucket.take(rate, self.now())
            return allowed, int(bucket.tokens)

    def count(self, route: str, status: int) -> None:
        with self.guard:
            name = f"{route} {status}"
            self.calls[name] = self.calls.get(name, 0) + 1
