"""What came in: JSON bodies as the world's shop modules really send them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import IO, Any

import msgspec
from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser

from hub.api.errors import Malformed, TooLarge, Unprocessable
from hub.api.log import note_body
from hub.refusals import Incomplete, required_fields

UTF8_MARK = b"\xef\xbb\xbf"
MAX_DEPTH = 40
"""Objects and lists inside each other; no body of ours needs more than six."""


class RawBodyParser(BaseParser):
    """The body's bytes, whatever the Content-Type says, as long as they are UTF-8 and not a form.

    Clients forget the header or send PHP's default; only multipart has another meaning.
    """

    media_type = "*/*"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the bytes; 413, 415."""
        if (media_type or "").lower().startswith("multipart/"):
            raise UnsupportedMediaType(media_type or "", detail=_("Send JSON, in UTF-8."))
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        note_body((parser_context or {}).get("request"), body)
        if len(body) > limit:
            raise TooLarge(_("The body is too large."))
        body = body.removeprefix(UTF8_MARK)
        try:
            body.decode()
        except UnicodeDecodeError:
            # SkyHub answers 415 even when the header promises UTF-8 (its page on data format, 2019).
            raise UnsupportedMediaType("", detail=_("Send JSON, in UTF-8.")) from None
        return body


class JSONBodyParser(RawBodyParser):
    """The body as Python values; an empty body is an empty object."""

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the body's value; 400, 413, 415, 422."""
        body = super().parse(stream, media_type, parser_context)
        return decode(body) if body.strip() else {}


def decode(body: bytes | msgspec.Raw) -> Any:
    """Read JSON; of a key given twice the last counts. Raises Malformed (400) or Unprocessable (422)."""
    try:
        value = msgspec.json.decode(body)
    except msgspec.ValidationError:
        # Well formed, but a number no computer keeps, such as 1e400.
        raise Unprocessable(_("A number is too large.")) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise not_json(error) from None
    # A value can only be as deep as it has brackets, so most bodies need no walk.
    raw = bytes(body)
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH or b"\\u0000" in raw:
        _walk(value, 0)
    return value


def not_json(error: Exception) -> Malformed:
    """Say what is wrong with a body that cannot be read at all."""
    if isinstance(error, RecursionError):
        return Malformed(_("The body is nested too deeply."))
    return Malformed(_("The body is not valid JSON: %(why)s.") % {"why": error})


def _walk(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Malformed(_("The body is nested too deeply."))
    if isinstance(value, str):
        if "\x00" in value:
            # PostgreSQL cannot keep it in a text.
            raise Unprocessable(_("A text holds the character NUL (\\u0000), which cannot be stored."))
    elif isinstance(value, dict):
        for key, inner in value.items():
            _walk(key, depth)
            _walk(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _walk(inner, depth + 1)


def unwrap(data: Any, name: str, *, bare: Collection[str] = ()) -> dict[str, Any]:
    """Return the object inside `{"<name>": {...}}`.

    `bare` names fields by which an unwrapped object is recognised. A list of one object stands for the
    object; any other value, null and PHP's empty array too, is a slip that must not pass for "no change".
    Raises Incomplete or Malformed (400).
    """
    if data is None or data == [] or data == {}:
        raise Incomplete(required_fields([name]))
    if not isinstance(data, dict):
        raise Malformed(_('Send an object such as {"%(name)s": {...}}.') % {"name": name})
    if name in data:
        inner = data[name]
        if isinstance(inner, list) and len(inner) == 1:
            inner = inner[0]
        if not isinstance(inner, dict):
            raise Malformed(_('Send an object such as {"%(name)s": {...}}.') % {"name": name})
        return inner
    if any(field in bare for field in data):
        return data
    raise Incomplete(required_fields([name]))
