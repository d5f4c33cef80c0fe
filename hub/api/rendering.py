"""What goes out: JSON, written ten times as fast as Python's own encoder does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from django.utils.functional import Promise
from rest_framework.renderers import JSONRenderer

# Lines end at these for JavaScript, though not for JSON; DRF escapes them, too.
_LINE_ENDS = ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))


class FastJSONRenderer(JSONRenderer):
    """DRF's renderer, which does what msgspec does not: indents, and odd types."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the answer's bytes."""
        is_plain = data is not None and "indent" not in (accepted_media_type or "")
        if is_plain and "indent" not in (renderer_context or {}):
            try:
                body = _ENCODER.encode(data)
            except (TypeError, ValueError, OverflowError, RecursionError):
                return super().render(data, accepted_media_type, renderer_context)
            for end, escaped in _LINE_ENDS:
                if end in body:
                    body = body.replace(end, escaped)
            return body
        return super().render(data, accepted_media_type, renderer_context)


def _plain(value: Any) -> str:
    if isinstance(value, Promise):
        return str(value)
    if isinstance(value, str):
        return str.__str__(value)
    raise TypeError(type(value))


_ENCODER = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number")
