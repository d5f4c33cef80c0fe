"""Secrets out of what is kept of a call: values of telling names, and the caller's own key."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote_plus

MASK = "•••"
SHORTEST_KEY = 8
"""Anything shorter is no key, and may stand in any text."""
_TELLING = (
    r"token|secret|segredo|passw|passphrase|pwd|senha|(?:api|private)[\W_]?key|chave[\W_]?(?:api|secret|privad)"
    r"|authorization|credential|cookie"
)
_HINTS = (
    *("token", "secret", "segredo", "pass", "pwd", "senha", "api", "private", "chave"),
    *("authorization", "credential", "cookie", "\\u00"),
)
_NAME = re.compile(_TELLING, re.IGNORECASE)
# Letters may be written as \u0070, and as %70 in a form; only then does a name not look like itself.
_SUSPECT = re.compile(_TELLING + r"|\\u00[4-7][0-9a-f]", re.IGNORECASE)
_LETTER = re.compile(r"(?:\\u00|%)([4-7][0-9a-f])", re.IGNORECASE)
# In text that is not whole JSON (cut, broken, a form, XML): the name, what parts it from its value, the
# value. A list or an object loses everything behind it, as nobody can say where it ends. Every repetition
# before the value is bounded: a body made of names must not keep the log's thread busy.
_LOOSE = re.compile(
    rf"""((?:{_TELLING})[\w.-]{{0,40}}(?:["']?\s{{0,9}},\s{{0,9}}["']value)?["']?\s{{0,99}}[:=>]\s{{0,99}})"""
    r"""("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|<!\[CDATA\[.*|[\[{].*|(?:(?:bearer|basic)\s)?[^\s,;&<}\]]+)""",
    re.IGNORECASE | re.DOTALL,
)
# What is a secret by its looks, wherever it stands: a plain search for the first, what stays, what goes.
# Our webhooks' secrets, tokens, private keys, and what an address carries before its host or after it.
_LOOKS = tuple(
    (hint, re.compile(f"({before}){secret}", re.IGNORECASE))
    for hint, before, secret in (
        ("whsec_", r"whsec_", r"[\w-]+"),
        ("eyj", r"\beyJ", r"[\w-]{8,500}\.[\w.-]{8,}"),
        ("bearer", r"\bbearer\s", r"[\w.~+/=-]{8,}"),
        ("private key-----", r"PRIVATE KEY-----", r"[^-]+"),
        ("@", r"://", r"[^/?#\s\"'<>@\\]{1,300}(?=@)"),
        # Addresses that let in whoever has them.
        ("/invitation/", r"/invitation/", r"[\w-]{8,}"),
        ("/password/", r"/password/[\w-]{1,40}/", r"[\w-]{8,}"),
        ("=", rf"(?:[?&;]|\\u0026)[\w.\[-]{{0,40}}(?:{_TELLING})[\w.\]-]{{0,40}}=", r"[^&\s\"'<>#\\]+"),
    )
)


def without_secrets(text: str) -> str:
    """Return a body with the values of telling names replaced; any other body comes back as it is."""
    if "%" in text and text.lstrip()[:1] not in "{[":
        text = _plain(text)
    lower = text.lower()
    for hint, looks in _LOOKS:
        if hint in lower:
            text = looks.sub(rf"\1{MASK}", text)
    # Most bodies hold none of these, and plain searches are ten times as quick as the pattern.
    if not any(hint in lower for hint in _HINTS) or not _SUSPECT.search(text):
        return text
    try:
        return json.dumps(_masked(json.loads(text)), ensure_ascii=False)
    except (ValueError, RecursionError):
        return _LOOSE.sub(lambda found: found[1] + MASK, _plain(text))


def _plain(text: str) -> str:
    return _LETTER.sub(lambda found: _letter(found[0], int(found[1], 16)), text)


def _letter(written: str, code: int) -> str:
    return chr(code) if chr(code).isalnum() or chr(code) == "_" else written


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        named = value.get("name") or value.get("key")
        is_pair = isinstance(named, str) and _NAME.search(named)
        return {
            name: MASK
            if inner not in (None, "") and (_NAME.search(name) or (is_pair and name == "value"))
            else _masked(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_masked(inner) for inner in value]
    if isinstance(value, str) and value[:1] in ("{", "["):
        return without_secrets(value)
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
    return "&".join(name + sign + (MASK if _is_secret(name, value) else value) for name, sign, value in parts)


def _is_secret(name: str, value: str) -> bool:
    if not value or _NAME.search(unquote_plus(name)):
        return bool(value)
    said = unquote_plus(value)
    return without_secrets(said) != said
