"""The arithmetic and the table of a benchmark: runs that alternate, medians, ratios, targets."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass

HEADINGS = ("what", "unit", "baseline", "product", "ratio", "target", "reached")


@dataclass(frozen=True, slots=True)
class Target:
    """What is promised: of the ratio where a row has a baseline, else of the figure itself."""

    bound: float
    at_most: bool = False
    """Whether less is better, as with seconds; else more is, as with rows per second."""

    def is_reached(self, figure: float) -> bool:
        """Whether a ratio or a figure keeps the promise."""
        return figure <= self.bound if self.at_most else figure >= self.bound


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what the product did (`subject`), beside what there is to compare with."""

    name: str
    unit: str
    subject: float
    baseline: float | None = None
    target: Target | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The product's figure as a part of the baseline's."""
        return self.subject / self.baseline if self.baseline else None

    @property
    def reached(self) -> bool | None:
        """Whether the target is met; None where nothing is promised."""
        if self.target is None:
            return None
        return self.target.is_reached(self.subject if self.ratio is None else self.ratio)


def alternately(rounds: int, runs: dict[str, Callable[[], float]]) -> dict[str, float]:
    """Run each in turn, forwards and backwards by turns, and return the median of each.

    Whatever else the machine does meanwhile, a drift of its speed then meets all of them alike.
    """
    figures: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds):
        names = list(runs) if number % 2 == 0 else list(reversed(runs))
        for name in names:
            figures[name].append(runs[name]())
    return {name: statistics.median(found) for name, found in figures.items()}


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the value that `percent` of 100 do not exceed; nearest rank, so it is one that was measured."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * int(percent * 100) // 10_000) - 1)]


def told(rows: Iterable[Row]) -> str:
    """Write rows as a Markdown table, with the notes below it."""
    rows = list(rows)
    lines = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    drawn = [_line(line, widths) for line in lines]
    drawn.insert(1, _line(tuple("-" * width for width in widths), widths))
    notes = [f"{row.name}: {row.note}" for row in rows if row.note]
    return "\n".join([*drawn, *([""] if notes else []), *notes])


def _line(cells: Iterable[str], widths: list[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


def _cells(row: Row) -> tuple[str, ...]:
    target = ""
    if row.target is not None:
        bound = f"{row.target.bound:.0%}" if row.ratio is not None else _figure(row.target.bound)
        target = f"{'at most' if row.target.at_most else 'at least'} {bound}"
    return (
        row.name,
        row.unit,
        "" if row.baseline is None else _figure(row.baseline),
        _figure(row.subject),
        "" if row.ratio is None else f"{row.ratio:.0%}",
        target,
        {None: "", True: "yes", False: "NO"}[row.reached],
    )


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
