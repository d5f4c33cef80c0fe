"""Plain words and barcode numbers, as the marketplace compares them."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_ACCENT = re.compile("[\u0300-\u036f]")
_WORD = re.compile(r"[a-z]+|[0-9]+")
GTIN_LENGTHS = (8, 12, 13, 14)
NFE_KEY = re.compile(r"[0-9]{6}[0-9A-Z]{12}[0-9]{26}")


@lru_cache(4096)
def plain(text: str) -> str:
    """Return a text without accents, case and punctuation: ``Açaí 1,5L`` becomes ``acai 1 5 l``."""
    flat = unicodedata.normalize("NFKD", text).casefold()
    return " ".join(_WORD.findall(_ACCENT.sub("", flat)))


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Return how much two sets of words have in common, 0 to 1 (Jaccard)."""
    return len(one & other) / len(one | other) if one or other else 0.0


def gtin_digit(body: str) -> str:
    """Return the GS1 check digit for the digits before it (weights 3, 1 from the right)."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return str(-total % 10)


def is_gtin(code: str) -> bool:
    """Say whether this is a GTIN-8, -12, -13 or -14 with the right check digit."""
    if len(code) not in GTIN_LENGTHS or not (code.isascii() and code.isdigit()) or not code.strip("0"):
        return False
    return gtin_digit(code[:-1]) == code[-1]


def wide_gtin(code: str) -> str:
    """Return a GTIN in its 14-digit form, empty for none."""
    return code.zfill(14) if code else ""


def narrow_gtin(code: str) -> str:
    """Return a 14-digit GTIN in the shortest form it may have, empty for none."""
    digits = code.lstrip("0")
    return digits.zfill(next(length for length in GTIN_LENGTHS if length >= len(digits))) if digits else ""


def is_nfe_key(key: str) -> bool:
    """Say whether this is an NF-e access key: 44 characters, the last one by modulo 11 (weights 2 to 9)."""
    if not NFE_KEY.fullmatch(key):
        return False
    # Letters of a CNPJ count as their ASCII code less 48 (Nota Técnica Conjunta 2025.001).
    total = sum((ord(letter) - 48) * (2 + place % 8) for place, letter in enumerate(reversed(key[:43])))
    rest = total % 11
    return int(key[43]) == (0 if rest < 2 else 11 - rest)
