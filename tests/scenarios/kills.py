"""Somebody who kills the hub's processes, one after the other, while it works."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable

from tests.processes import Product
from tests.scenarios.journey import Helper

TARGETS = (
    "web leader",
    "web worker",
    "dispatcher",
    "queue main",
    "queue sentinel",
    "queue worker, busy",
    "queue worker, idle",
    "queue monitor",
    "queue pusher",
    "simulators",
    "postmaster",
    "database backend",
)
"""Every kind of process that works; each is killed at least once."""
EARLY = 5
"""So many die while the catalogue comes in and first listings go out; the others while orders flow too."""
LOCKS_OUT = "queue worker, idle"
"""It may take the lock to its grave that the others need, until the watchdog looks (45 s): once is enough."""
LONGEST_ABSENCE = 60.0
"""A role nobody has for this long has not been brought back."""


class Killer(Helper):
    """Kills every kind of process at least once, in an order and at moments given by the seed."""

    def __init__(
        self, product: Product, seed: int, *, extra: int = 2, gaps: tuple[float, float] = (0.5, 3.5)
    ) -> None:
        super().__init__()
        self.product, self.gaps = product, gaps
        self.dice = random.Random(seed)
        others = [role for role in TARGETS if role != LOCKS_OUT]
        self.plan = self.dice.sample(others, len(others)) + self.dice.choices(others, k=extra)
        self.plan.insert(self.dice.randrange(EARLY, len(self.plan) + 1), LOCKS_OUT)
        self.kills: Counter[str] = Counter()
        self.story: list[str] = []
        self.missing: list[str] = []
        self.pace_maker = threading.Event()
        """Set when the journey is under way: kills after the first few wait for it."""
        self.prepare: dict[str, Callable[[], object]] = {}
        """What to do before a role can be met, such as giving the queue's workers something to do."""
        self._began = time.monotonic()

    def run(self) -> None:
        """Follow the plan to its end."""
        for place, role in enumerate(self.plan):
            while place >= EARLY and not self.pace_maker.wait(0.2) and not self.stopping.is_set():
                pass
            if self.stopping.wait(self.dice.uniform(*self.gaps)):
                return
            self._kill(role)

    def _kill(self, role: str) -> None:
        until = time.monotonic() + LONGEST_ABSENCE
        prepare = self.prepare.get(role, lambda: None)
        prepare()
        while (pid := self.product.kill(role, self.dice.choice)) is None:
            if time.monotonic() > until or self.stopping.is_set():
                self.missing.append(role)
                return
            time.sleep(0.05)
            if role == "queue worker, busy" and self.dice.random() < 0.05:
                prepare()
        self.kills[role] += 1
        self.story.append(f"{time.monotonic() - self._began:6.1f} s  {role} (process {pid})")

    def told(self) -> str:
        """The kills so far, one a line."""
        return "\n".join(self.story)
