"""Comparing words people wrote: without accents, case and punctuation. Pure."""

from __future__ import annotations

import re
import unicodedata

_NOT_A_WORD = re.compile(r"[^a-z0-9]+")


def plain(text: str) -> str:
    """Return the words of a text in lower case, without accents and punctuation."""
    bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _NOT_A_WORD.sub(" ", bare).strip()


def stems(text: str) -> frozenset[str]:
    """Return the words of a text cut to what singular and plural share, the filler words left out."""
    return frozenset(_stem(word) for word in plain(text).split() if len(word) > 2 and word not in _FILLER)


_FILLER = frozenset({"para", "com", "sem", "dos", "das", "por", "and", "the", "outros", "outras"})


def _stem(word: str) -> str:
    for ending, instead in (
        ("oes", "ao"),
        ("aes", "ao"),
        ("ais", "al"),
        ("eis", "el"),
        ("res", "r"),
        ("s", ""),
    ):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            word = word.removesuffix(ending) + instead
            break
    return word.rstrip("aeo") if len(word) > 4 else word
