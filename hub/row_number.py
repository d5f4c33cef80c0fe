"""The numbers of rows, as addresses and forms say them."""

from __future__ import annotations

MOST_DIGITS = 17
"""As many as surely fit the database's bigint."""


def row_number(text: str) -> int:
    """Return the number a text says; 0, which no row has, where it can be none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS else 0
