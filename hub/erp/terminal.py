"""What the ERP shows while it works: a bar with the rate, tables, and colour where there is a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TextIO

WIDTH = 28
EVERY_SECONDS = 0.1
EVERY_SECONDS_IN_A_FILE = 5.0
GREEN, RED, YELLOW, BLUE, GREY, BOLD = "32", "31", "33", "36", "90", "1"


def thousands(number: float) -> str:
    """Write a count as people read it."""
    return f"{number:,.0f}"


def clock(seconds: float) -> str:
    """Write a duration."""
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60):02d} s"


class Terminal:
    """Where the lines go."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stdout
        self.is_tty = bool(getattr(self.out, "isatty", lambda: False)())

    def say(self, text: str = "", colour: str = "") -> None:
        """Write one line."""
        self.out.write(self.paint(text, colour) + "\n")
        self.out.flush()

    def paint(self, text: str, colour: str) -> str:
        """Colour a text, on a terminal."""
        return f"\x1b[{colour}m{text}\x1b[0m" if colour and self.is_tty else text

    def table(self, rows: Iterable[Sequence[object]], indent: str = "  ") -> None:
        """Write rows of (number, words ...) with the numbers right-aligned."""
        texts = [[thousands(one) if isinstance(one, int) else str(one) for one in row] for row in rows]
        if texts:
            width = max(len(row[0]) for row in texts)
            for first, *rest in texts:
                self.say(f"{indent}{first:>{width}}  {'  '.join(rest)}")


class Progress:
    """A bar for work of known size; use as a context manager and `advance` it."""

    def __init__(self, terminal: Terminal, label: str, total: int, unit: str = "rows") -> None:
        self.terminal, self.label, self.total, self.unit = terminal, label, total, unit
        self.done = 0
        self._shown = 0.0
        self.began = time.monotonic()

    def __enter__(self) -> Progress:
        self.began = self._shown = time.monotonic()
        if self.terminal.is_tty:
            self._show()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._show(last=True)

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self.began

    @property
    def rate(self) -> float:
        """Units a second, on average."""
        return self.done / self.seconds if self.seconds else 0.0

    def advance(self, steps: int = 1) -> None:
        """Count some more as done."""
        self.done += steps
        every = EVERY_SECONDS if self.terminal.is_tty else EVERY_SECONDS_IN_A_FILE
        if time.monotonic() - self._shown > every:
            self._show()

    def _show(self, *, last: bool = False) -> None:
        self._shown = time.monotonic()
        share = self.done / self.total if self.total else 1.0
        bar = ("█" * int(share * WIDTH)).ljust(WIDTH, "░")
        text = (
            f"  {self.label} {bar} {thousands(self.done)}/{thousands(self.total)} {self.unit}, "
            f"{thousands(self.rate)}/s, {clock(self.seconds)}"
        )
        if self.terminal.is_tty:
            self.terminal.out.write(f"\r\x1b[K{text}" + ("\n" if last else ""))
            self.terminal.out.flush()
        else:
            self.terminal.say(text)
