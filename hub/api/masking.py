"""Secrets out of what is kept of a call: values of telling names, and the caller's own key."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote_plus

MASK = "•••"
SHORTEST_KEY = 8
"""Anything shorter is no key, and may stand in any text."""
_TELLING = r"token|secret|passw|senha|api[\W_]?key|authorization|credential|private[\W_]?key"
_HINTS = ("token", "secret", "passw", "senha", "api", "authorization", "credential", "private", "\\u00")
_NAME = re.compile(_TELLING, re.IGNORECASE)
# Letters may be written as \u0070; only then does a name not look like itself.
_SUSPECT = re.compile(_TELLING + r"|\\u00[4-7][0-9a-f]", re.IGNORECASE)
_LETTER = re.compile(r"\\u00([4-7][0-9a-f])", re.IGNORECASE)
# In text that is not whole JSON (cut, broken, a form, XML): the name, what parts it from its value, the
# value. A list or an object loses everything behind it, as nobody can say where it ends.
_LOOSE = re.compile(
    rf"""([\w.-]*(?:{_TELLING})[\w.-]*["']?\s*[:=>]\s*)"""
    r"""("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[\[{].*|[^\s,;&<}\]]+)""",
    re.IGNORECASE | re.DOTALL,
)


def without_secrets(text: str) -> str:
    """Return a body with the values of telling names replaced; any other body comes back as it is."""
    lower = text.lower()
    # Most bodies hold none of these, and plain searches are ten times as quick as the pattern.
    if not any(hint in lower for hint in _HINTS) or not _SUSPECT.search(text):
        return text
    try:
        return json.dumps(_masked(json.loads(text)), ensure_ascii=False)
    except (ValueError, RecursionError):
        plain = _LETTER.sub(lambda found: _letter(found[0], int(found[1], 16)), text)
        return _LOOSE.sub(lambda found: found[1] + MASK, plain)


def _letter(written: str, code: int) -> str:
    return chr(code) if chr(code).isalnum() or chr(code) == "_" else written


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: MASK if _NAME.search(name) and inner not in (None, "") else _masked(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_masked(inner) for inner in value]
    return value


def without_key(text: str, key: str) -> str:
    """Return a text without the caller's key, also where the text was cut in the middle of it."""
    if len(key) < SHORTEST_KEY:
        return text
    text = text.replace(key, MASK)
    start = text.rfind(key[:SHORTEST_KEY])
    return text[:start] + MASK if start >= 0 and key.startswith(text[start:]) else text


def query_without_secrets(query: str) -> str:
    """Return the parameters of an address with the values of telling names replaced."""
    parts = (part.partition("=") for part in query.split("&"))
    return "&".join(
        name + sign + (MASK if value and _NAME.search(unquote_plus(name)) else value)
        for name, sign, value in parts
    )
