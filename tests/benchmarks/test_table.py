"""Medians of alternating runs, and a table that says which targets are reached."""

from __future__ import annotations

import pytest

from benchmarks.__main__ import main
from benchmarks.table import Row, Target, alternately, percentile, told


def test_runs_alternate_and_the_median_counts() -> None:
    order: list[str] = []
    figures = {"bare": [3.0, 1.0, 2.0], "hub": [30.0, 10.0, 20.0]}

    def run(name: str) -> float:
        order.append(name)
        return figures[name].pop()

    found = alternately(3, {"bare": lambda: run("bare"), "hub": lambda: run("hub")})

    assert found == {"bare": 2.0, "hub": 20.0}
    assert order == ["bare", "hub", "hub", "bare", "bare", "hub"]


def test_a_ratio_is_judged_where_there_is_something_to_compare_with() -> None:
    assert Row("stock", "rows/s", 60, 100, Target(0.6)).reached is True
    assert Row("stock", "rows/s", 59, 100, Target(0.6)).reached is False
    assert Row("wait", "s", 1.5, target=Target(2, at_most=True)).reached is True
    assert Row("wait", "s", 1.5).reached is None


@pytest.mark.parametrize(("percent", "expected"), [(50, 5), (95, 10), (99.9, 10), (10, 1)])
def test_a_percentile_is_a_figure_that_was_measured(percent: float, expected: float) -> None:
    assert percentile(range(1, 11), percent) == expected


def test_the_table_tells_what_is_not_reached() -> None:
    table = told([Row("stock", "rows/s", 40_000, 100_000, Target(0.6), "one facet marked")]).splitlines()

    assert table[2] == "| stock | rows/s | 100,000  | 40,000  | 40%   | at least 60% | NO      |"
    assert table[-1] == "stock: one facet marked"


def test_every_benchmark_says_in_a_line_what_it_measures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all(len(line.partition(": ")[2]) > 20 for line in lines)
