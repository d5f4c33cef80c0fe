"""One running marketplace: its memory, rules, patience and clock."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from marketplaces.simulators.sandbox import catalogue
from marketplaces.simulators.sandbox.store import Settings, Store, load_settings
from marketplaces.simulators.sandbox.taxonomy import SHIPPED, Taxonomy

ALL = 0
"""The bucket of all accounts; no account has this number."""
JOURNAL = 200_000


class Bucket:
    """A token bucket: how many calls one account may still make."""

    __slots__ = ("at", "tokens")

    def __init__(self, tokens: float, at: float) -> None:
        self.tokens, self.at = tokens, at

    def fill(self, rate: float, now: float) -> bool:
        """Let calls gather, one second's worth at most; False when there is not even one."""
        self.tokens = min(max(rate, 1.0), self.tokens + (now - self.at) * rate)
        self.at = now
        return self.tokens >= 1


@dataclass(frozen=True, slots=True)
class CallNote:
    """One call of the API as it arrived, before anything was done about it."""

    number: int
    at: float
    account: int
    route: str
    is_allowed: bool


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
    journal: deque[CallNote] = field(default_factory=lambda: deque(maxlen=JOURNAL))
    """The newest calls."""
    arrived: int = 0
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

    def may_call(self, account: int, route: str) -> tuple[bool, int]:
        """Take one call of an account's allowance, and of that of all accounts together.

        Returns whether it may go on and how many are left; notes the call in the journal.
        """
        now = self.now()
        limits = {account: self.settings.rate_per_second, ALL: self.settings.rate_per_second_of_all}
        with self.guard:
            rates = {who: rate for who, rate in limits.items() if rate}
            buckets = {who: self.buckets.setdefault(who, Bucket(rate, now)) for who, rate in rates.items()}
            # Both are looked at before either is used: a refused call costs nothing.
            filled = [bucket.fill(rates[who], now) for who, bucket in buckets.items()]
            allowed = all(filled)
            for bucket in buckets.values():
                bucket.tokens -= allowed
            self.arrived += 1
            self.journal.append(CallNote(self.arrived, now, account, route, allowed))
            return allowed, min((int(bucket.tokens) for bucket in buckets.values()), default=999)

    def count(self, route: str, status: int) -> None:
        with self.guard:
            name = f"{route} {status}"
            self.calls[name] = self.calls.get(name, 0) + 1
