"""What of a foreign text can be kept: everything but NUL and halves of surrogate pairs.

Both are legal in JSON ("\\u0000", "\\ud83d": a text cut in the middle of an emoji); PostgreSQL keeps no NUL,
and nothing that is UTF-8 keeps half a pair.
"""

from __future__ import annotations

import re
from typing import Any

LOST = "\ufffd"
_NOT_TEXT = re.compile(r"[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """Return the text with what cannot be kept replaced by a sign that says so."""
    return _NOT_TEXT.sub(LOST, text)


def storable_json(value: Any) -> Any:
    """Return a decoded JSON value with every text in it, names included, made storable."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [storable_json(one) for one in value]
    if isinstance(value, dict):
        return {storable(name): storable_json(one) for name, one in value.items()}
    return value
