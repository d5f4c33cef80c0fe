"""GTIN, the barcode number (EAN, UPC): its check digit and length. Pure."""

from __future__ import annotations

LENGTHS = (8, 12, 13, 14)


def is_valid(code: str) -> bool:
    """Say whether this is a GTIN: 8, 12, 13 or 14 digits with a right check digit.

    GS1 General Specifications, section 7.9: from the right, digits weigh 3 and 1 in turn.
    """
    if len(code) not in LENGTHS or not (code.isascii() and code.isdigit()):
        return False
    body, check = code[:-1], int(code[-1])
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return (10 - total % 10) % 10 == check and set(code) != {"0"}
