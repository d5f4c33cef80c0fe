"""What goes wrong: processes are killed and wires cut, in an order and at moments given by a seed."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.processes import ROLES, Product
from tests.scenarios.journey import Helper
from tests.wires import CUTS, Cut, Wire

TARGETS = tuple(role for role in ROLES if role not in ("supervisor", "undertaker"))
"""Every kind of process that works; each is killed at least once."""
LOCKS_OUT = "queue worker, idle"
"""It may take the lock to its grave that the others need, until the watchdog looks (45 s): once in a while is
enough, or nothing else would be seen to work."""
BUSY = "queue worker, busy"
LOCKS_OUT_SHARE = 0.02
LONGEST_ABSENCE = 90.0
"""Seconds; a role nobody has for this long has not been brought back."""
TRIES_LATER = 10.0
"""A role nobody has for this long gets its turn later."""
CUT_SECONDS: Mapping[str, tuple[float, float]] = {
    "refused": (1, 6),
    "silent": (2, 10),
    "answer lost": (2, 6),
    "answer cut short": (2, 6),
    "question cut short": (2, 6),
    "slow": (3, 8),
}
SLOWEST: Mapping[str, float] = {"web": 1.0, "marketplace": 1.0, "database": 0.2}
"""Seconds a slow wire holds each piece; a call is many pieces to the database."""
LONGER = 3
"""A cut that met nobody lasts up to so many times as long."""
SAME = {"queue worker, busy": "queue worker", "queue worker, idle": "queue worker"}
"""Roles that change hands."""


@dataclass
class Kill:
    """One process killed, and how long its role was not fully staffed."""

    role: str
    pid: int
    at: float
    recovered: float | None = None


def _place(role: str) -> str:
    return SAME.get(role, role)


class Killer(Helper):
    """Kills every kind of process at least once; now and then several at the same moment.

    `early` of them die while the catalogue comes in and first listings go out, the others once `pace_maker`
    is set, while orders flow too.
    """

    def __init__(
        self,
        product: Product,
        seed: int,
        *,
        kills: int,
        early: int,
        gaps: tuple[float, float],
        bursts: float = 0.1,
    ) -> None:
        super().__init__()
        self.product, self.early, self.gaps, self.bursts = product, early, gaps, bursts
        self.dice = random.Random(seed)
        others = [role for role in TARGETS if role != LOCKS_OUT]
        self.plan = self.dice.sample(others, len(others))
        self.plan += self.dice.choices(others, k=max(0, kills - len(TARGETS)))
        for _ in range(1 + round(LOCKS_OUT_SHARE * max(0, kills - len(TARGETS)))):
            self.plan.insert(self.dice.randrange(early, len(self.plan) + 1), LOCKS_OUT)
        self.done: list[Kill] = []
        self.story: list[str] = []
        self.pace_maker = threading.Event()
        self.prepare: dict[str, Callable[[], object]] = {}
        """What to do before a role can be met, such as giving the queue's workers something to do."""
        self._began = time.monotonic()

    def work(self) -> None:
        """Follow the plan to its end."""
        waiting = list(self.plan)
        put_off: Counter[str] = Counter()
        while waiting:
            while len(self.done) >= self.early and not self.pace_maker.is_set():
                if self.stopping.wait(0.2):
                    return
            gap = 0.05 if self.dice.random() < self.bursts else self.dice.uniform(*self.gaps)
            if self.stopping.wait(gap):
                return
            role = waiting.pop(0)
            if not self._kill(role):
                put_off[role] += 1
                if put_off[role] * TRIES_LATER > LONGEST_ABSENCE:
                    self.story.append(f"{self._clock()}  {role}: nobody is there any more")
                    continue
                waiting.insert(min(len(waiting), 2), role)

    def _kill(self, role: str) -> bool:
        until = time.monotonic() + TRIES_LATER
        prepare = self.prepare.get(role, lambda: None)
        prepare()
        while (pid := self.product.kill(role, self.dice.choice)) is None:
            if time.monotonic() > until or self.stopping.is_set():
                return False
            time.sleep(0.05)
            if role == BUSY and self.dice.random() < 0.05:
                prepare()
        self.done.append(Kill(role, pid, time.monotonic()))
        self.story.append(f"{self._clock()}  {role} (process {pid})")
        return True

    def _clock(self) -> str:
        return f"{time.monotonic() - self._began:6.1f} s"


class Cutter(Helper):
    """Cuts the wires, one after the other, every one in every way before any is cut so again.

    `early` and `pace_maker` are the killer's: some come early, the others while orders flow.
    """

    def __init__(
        self,
        wires: Sequence[Wire],
        seed: int,
        *,
        cuts: int,
        early: int,
        gaps: tuple[float, float],
        pace_maker: threading.Event,
    ) -> None:
        super().__init__()
        self.early, self.gaps, self.pace_maker = early, gaps, pace_maker
        self.dice = random.Random(seed + 1)
        self.plan = list(self._choose(wires, cuts))
        self.done: list[tuple[Wire, Cut]] = []
        self.story: list[str] = []
        self._began = time.monotonic()

    def _choose(self, wires: Sequence[Wire], cuts: int) -> Iterator[tuple[Wire, str]]:
        """First every kind, then every kind on every wire."""
        turn = 0
        while cuts > 0:
            order = self.dice.sample(range(len(wires)), len(wires))
            for round_ in range(len(wires)):
                kinds = self.dice.sample(CUTS, len(CUTS))
                for kind in kinds[:cuts]:
                    place = (CUTS.index(kind) + round_ + turn) % len(wires)
                    yield wires[order[place]], kind
                cuts -= len(kinds[:cuts])
            turn += 1

    def work(self) -> None:
        """Follow the plan to its end; no wire is left cut."""
        for wire, kind in self.plan:
            while len(self.done) >= self.early and not self.pace_maker.is_set():
                if self.stopping.wait(0.2):
                    return
            if self.stopping.wait(self.dice.uniform(*self.gaps)):
                return
            cut = Cut(
                kind,
                size=self.dice.choice((1, 40, 200, 1000)),
                pause=self.dice.uniform(0.05, SLOWEST[wire.name]),
                breaks_off=self.dice.random() < 0.5,
            )
            lasts = self.dice.uniform(*CUT_SECONDS[kind])
            began = time.monotonic()
            wire.cut(cut)
            self.stopping.wait(lasts)
            while not cut.hurt and time.monotonic() < began + LONGER * lasts:
                if self.stopping.wait(0.1):
                    break
            wire.mend()
            self.done.append((wire, cut))
            self.story.append(
                f"{began - self._began:6.1f} s  {wire.name}: {kind} for {time.monotonic() - began:.1f} s,"
                f" {cut.hurt} conversations"
            )


class Watch(Helper):
    """Looks when each role of a killed process is fully staffed again."""

    def __init__(self, product: Product, killer: Killer) -> None:
        super().__init__()
        self.product, self.killer = product, killer
        product.wait_until(lambda: all(self._staff()[_place(role)] for role in TARGETS))
        self.usual = self._staff()

    def _staff(self) -> dict[str, set[int]]:
        staff: defaultdict[str, set[int]] = defaultdict(set)
        for role, pids in self.product.pids().items():
            staff[_place(role)].update(pids)
        # Backends come and go with what there is to do: one is enough.
        staff["database backend"] = set(list(staff["database backend"])[:1])
        return staff

    def work(self) -> None:
        """Look, again and again; once more after the last kill until all are back."""
        while not self.stopping.wait(0.2) or self.missing():
            pids: defaultdict[str, set[int]] = defaultdict(set)
            for role, found in self.product.pids().items():
                pids[_place(role)].update(found)
            now = time.monotonic()
            for kill in self.open():
                there = pids[_place(kill.role)]
                if kill.pid not in there and len(there) >= len(self.usual[_place(kill.role)]):
                    kill.recovered = now - kill.at
            if self.stopping.is_set():
                if all(now - kill.at > LONGEST_ABSENCE for kill in self.open()):
                    return
                time.sleep(0.2)

    def open(self) -> list[Kill]:
        """Kills nobody has recovered from yet."""
        return [kill for kill in list(self.killer.done) if kill.recovered is None]

    def missing(self) -> list[str]:
        """Roles that are not back."""
        return sorted({kill.role for kill in self.open()})
