"""Runs the hub's processes in the foreground and keeps them running: the engine room of `manage.py run`.

Each child leads a session of its own, so that a Ctrl-C in the terminal reaches nobody but us. A stop order
goes to the leaders only: a leader finishes its work and takes its own children down, whereas django-q2 hangs
when its whole group is told. Whatever of a group is left after that is killed, as it is when a leader died:
orphaned workers must not go on beside their successors.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import TextIO

from hub import logs

# How long busy work may take to end after a stop order. `make run` promises to be gone within 10 s.
GRACE_SECONDS = 8.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# A child that lived this long is healthy: the next restart comes at once again.
HEALTHY_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
CHECK_EVERY_SECONDS = 5.0
STUCK_SECONDS = 30.0
COLOURS = (36, 32, 33, 35, 34, 31)


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One process to keep running. `stops_last` marks one that the others still need while they finish."""

    name: str
    command: Sequence[str]
    stops_last: bool = False


@dataclass(slots=True)
class Child:
    """A child's present life, and how many short lives in a row it has had."""

    spec: ChildSpec
    process: subprocess.Popen[str] | None = None
    started: float = 0.0
    failures: int = 0
    due: float = 0.0
    reader: threading.Thread | None = field(default=None, repr=False)


# Returns for how many seconds the child has done nothing although there was work.
Check = Callable[[], float]


class Supervisor:
    """Starts the children, restarts what dies or is stuck, and stops all of it on one signal.

    `checks` maps a child's name to the function that says how long it has been stuck; past `stuck_after`
    seconds its group is killed and started anew. `tend` is called between the checks, for what has to be kept
    alive beside the children (the database). With `as_json` every line is a JSON object.
    """

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        *,
        environment: Mapping[str, str] | None = None,
        checks: Mapping[str, Check] | None = None,
        tend: Callable[[], object] | None = None,
        out: TextIO | None = None,
        grace: float = GRACE_SECONDS,
        check_every: float = CHECK_EVERY_SECONDS,
        stuck_after: float = STUCK_SECONDS,
        as_json: bool = False,
    ) -> None:
        self.children = [Child(spec) for spec in specs]
        self.environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}
        self.checks = checks or {}
        self.tend = tend
        self.out = out or sys.stdout
        self.grace = grace
        self.check_every = check_every
        self.stuck_after = stuck_after
        self.as_json = as_json
        self._orders = 0  # stop signals received: one asks, a second one insists
        self._wake = threading.Event()
        self._stuck: dict[str, subprocess.Popen[str]] = {}
        self._print_lock = threading.Lock()
        self._width = max(len(child.spec.name) for child in self.children)
        self._colours = {child.spec.name: COLOURS[n % len(COLOURS)] for n, child in enumerate(self.children)}

    def run(self, on_start: Callable[[], object] | None = None) -> None:
        """Supervise until a stop signal, then return with every child gone. `on_start` runs beside, once."""
        before = {number: signal.signal(number, self._on_signal) for number in STOP_SIGNALS}
        watcher = threading.Thread(target=self._watch, args=[on_start], daemon=True)
        watcher.start()
        try:
            while not self._orders:
                self._restart_the_dead()
                self._wake.wait(0.1)
        finally:
            self._stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def say(self, text: str, name: str = "hub") -> None:
        """Write a line under a child's name; a terminal that is gone must not take the hub down."""
        if self.as_json:
            self._write(logs.named(text, name))
            return
        label = name.ljust(self._width)
        if self.out.isatty():
            label = f"\x1b[{self._colours.get(name, 1)}m{label}\x1b[0m"
        self._write(f"{label} | {text}")

    def _write(self, line: str) -> None:
        with self._print_lock, contextlib.suppress(OSError, ValueError):
            self.out.write(f"{line}\n")
            self.out.flush()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._orders += 1
        self._wake.set()

    def _restart_the_dead(self) -> None:
        for child in self.children:
            name, process = child.spec.name, child.process
            if process is not None and self._stuck.pop(name, None) is process:
                self.say("has stopped working; killing it", name)
                _kill_group(process)
                process.wait()
            if process is not None and process.poll() is not None:
                self._bury(child, process)
            if child.process is None and time.monotonic() >= child.due:
                self._start(child)

    def _bury(self, child: Child, process: subprocess.Popen[str]) -> None:
        _kill_group(process)
        lived = time.monotonic() - child.started
        child.failures = 0 if lived > HEALTHY_SECONDS else child.failures + 1
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**child.failures)
        self.say(f"ended with {process.returncode}; starting again in {pause:.1f} s", child.spec.name)
        child.due = time.monotonic() + pause
        child.process = None

    def _start(self, child: Child) -> None:
        child.started = time.monotonic()
        child.process = subprocess.Popen(
            child.spec.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=self.environment,
            text=True,
            errors="replace",
        )
        child.reader = threading.Thread(target=self._copy, args=[child.process, child.spec.name], daemon=True)
        child.reader.start()
        self.say(f"started as process {child.process.pid}", child.spec.name)

    def _copy(self, process: subprocess.Popen[str], name: str) -> None:
        for line in process.stdout or ():
            self.say(line.rstrip(), name)

    def _watch(self, on_start: Callable[[], object] | None) -> None:
        """Beside the main loop, because a check may have to wait for the database."""
        if on_start is not None:
            on_start()
        while not self._orders:
            time.sleep(self.check_every)
            try:
                if self.tend is not None:
                    self.tend()
                for child in self.children:
                    process = child.process
                    if process is None:
                        continue  # nobody works while it rests: its successor is not to die for that
                    check = self.checks.get(child.spec.name, _never_stuck)
                    # A child just started gets the same time to show that it works.
                    age = time.monotonic() - child.started
                    if min(check(), age) > self.stuck_after:
                        self._stuck[child.spec.name] = process
            except Exception as error:
                self.say(f"a check failed: {type(error).__name__}: {error}")

    def _stop(self) -> None:
        began = time.monotonic()
        self.say("stopping; press Ctrl-C again to stop at once")
        for is_last in (False, True):
            wave = [child for child in self.children if child.spec.stops_last is is_last]
            self._stop_wave(
                [(child.spec.name, child.process) for child in wave if child.process is not None],
                deadline=began + self.grace,
            )
        for child in self.children:
            if child.reader is not None:
                child.reader.join(1)
        self.say(f"stopped in {time.monotonic() - began:.1f} s")

    def _stop_wave(self, wave: Sequence[tuple[str, subprocess.Popen[str]]], deadline: float) -> None:
        for _, process in wave:
            process.terminate()
        while self._orders <= 1 and time.monotonic() < deadline:
            if all(process.poll() is not None for _, process in wave):
                break
            time.sleep(0.05)
        for name, process in wave:
            if process.poll() is None:
                self.say("did not end in time; killing it", name)
            _kill_group(process)
            process.wait()


def _never_stuck() -> float:
    return 0.0


def _kill_group(leader: subprocess.Popen[str]) -> None:
    """Kill whatever is left of the leader's group; its number outlives the leader while anyone is in it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader.pid, signal.SIGKILL)
