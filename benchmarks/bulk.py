"""Bulk upserts of products, stock and prices over HTTP beside the bare statements."""

from __future__ import annotations

from benchmarks.table import Row

NAME = "bulk"


def run(rounds: int) -> list[Row]:
    """Measure the bulk calls."""
    return []
