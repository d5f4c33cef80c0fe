"""Read one value of an ERP's JSON: lenient about its form, strict about its meaning. Pure.

Shop modules send numbers as texts, whole numbers as floats and PHP's arrays as objects; all of that
is understood. Every reader takes the field's name, for the sentence, and the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from catalog.models import MAX_MONEY, MAX_QUANTITY, Product
from hub.refusals import Refusal

Reader = Callable[[str, Any], Any]
NUMBER = re.compile(r"\d{1,20}(\.\d{1,20})?")
MAX_SIZE = 9_999_999.999
"""The largest weight (kg) or length (cm) a column holds."""
MAX_DAYS = 9_999
MAX_LIST = 1_000


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the API: how it is read, what its column's type is, how the docs describe it."""

    read: Reader
    column: str
    schema: dict[str, Any]


def text(limit: int, about: str = "") -> Field:
    """A text of up to `limit` characters; null empties it, numbers are taken as written."""

    def read(name: str, value: Any) -> str:
        return _text(name, value, limit)

    schema: dict[str, Any] = {"type": "string", "nullable": True, "maxLength": limit}
    return Field(read, "text", {**schema, "description": about} if about else schema)


def _text(name: str, value: Any, limit: int) -> str:
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise Refusal(_("%(field)s: send a text.") % {"field": name})
    _storable(name, value)
    if len(value) > limit:
        raise Refusal(_("%(field)s: at most %(limit)s characters fit.") % {"field": name, "limit": limit})
    return value


def code(name: str, value: Any, limit: int) -> str:
    """Read a SKU or code: never empty, without blanks at its ends or control characters."""
    found = _text(name, value, limit).strip()
    if not found:
        raise Refusal(_("%(field)s: must not be empty.") % {"field": name})
    if not found.isprintable():
        raise Refusal(_("%(field)s: control characters cannot be used here.") % {"field": name})
    if found in (".", ".."):
        # Clients take them out of an address before they send it: the row could never be reached.
        raise Refusal(_("%(field)s: “.” and “..” cannot be used here.") % {"field": name})
    return found


def _storable(name: str, value: str) -> None:
    if "\x00" in value:
        raise Refusal(_("%(field)s: the character NUL cannot be stored.") % {"field": name})
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Refusal(_("%(field)s: this is not valid Unicode.") % {"field": name}) from None


def _number(name: str, value: Any, maximum: float) -> float | None:
    """Read a number from 0 to `maximum`; null and the empty text are None."""
    if isinstance(value, str):
        written = value.strip()
        if not written:
            return None
        if not NUMBER.fullmatch(written):
            _refuse_written(name, written)
        value = float(written)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Refusal(_("%(field)s: send a number.") % {"field": name})
    if value < 0:
        raise Refusal(_("%(field)s: send a number from zero up.") % {"field": name})
    if not value <= maximum:
        raise Refusal(_("%(field)s: the number is too large.") % {"field": name})
    return value


def _refuse_written(name: str, written: str) -> None:
    if "," in written:
        raise Refusal(_("%(field)s: use a point for the decimals, as in 12.90.") % {"field": name})
    if written.startswith("-"):
        raise Refusal(_("%(field)s: send a number from zero up.") % {"field": name})
    raise Refusal(_("%(field)s: send a number.") % {"field": name})


def _measure(maximum: float, column: str, about: str) -> Field:
    def read(name: str, value: Any) -> float | None:
        return _number(name, value, maximum)

    schema = {"type": "number", "nullable": True, "minimum": 0, "maximum": maximum, "description": about}
    return Field(read, column, schema)


def money(about: str) -> Field:
    """An amount in BRL."""
    return _measure(float(MAX_MONEY), "numeric(10,2)", about)


def size(about: str) -> Field:
    """A weight in kg or a length in cm."""
    return _measure(MAX_SIZE, "numeric(10,3)", about)


def whole(name: str, value: Any, maximum: int) -> int | None:
    """Read a whole number from 0 to `maximum`; 3.0 and "3" are 3."""
    number = _number(name, value, maximum)
    if number is None:
        return None
    if number != int(number):
        raise Refusal(_("%(field)s: send a whole number.") % {"field": name})
    return int(number)


def quantity(name: str, value: Any) -> int:
    """Read a stock level, which must be said."""
    number = whole(name, value, MAX_QUANTITY)
    if number is None:
        raise Refusal(_("%(field)s: send a whole number from zero up.") % {"field": name})
    return number


QTY = Field(quantity, "integer", {"type": "integer", "minimum": 0, "maximum": MAX_QUANTITY})
DAYS = Field(
    lambda name, value: whole(name, value, MAX_DAYS),
    "integer",
    {"type": "integer", "nullable": True, "minimum": 0, "maximum": MAX_DAYS, "description": "Days."},
)


def _status(name: str, value: Any) -> str:
    word = value.strip().lower() if isinstance(value, str) else value
    if word not in Product.Status.values:
        raise Refusal(_('%(field)s: send "enabled" or "disabled".') % {"field": name})
    return str(word)


STATUS = Field(_status, "text", {"type": "string", "enum": list(Product.Status.values)})


def items(name: str, value: Any) -> list[Any]:
    """Read a list; null is empty. PHP writes an array with gaps as an object with numbers for keys."""
    if value is None:
        return []
    if isinstance(value, dict) and all(key.isdigit() for key in value):
        value = list(value.values())
    if not isinstance(value, list):
        raise Refusal(_("%(field)s: send a list.") % {"field": name})
    if len(value) > MAX_LIST:
        raise Refusal(_("%(field)s: at most %(limit)s entries.") % {"field": name, "limit": MAX_LIST})
    return value


def texts(limit: int) -> Field:
    """A list of texts; empty ones are left out."""
    one = text(limit)

    def read(name: str, value: Any) -> list[str]:
        found = (one.read(f"{name}[{index}]", entry) for index, entry in enumerate(items(name, value)))
        return [entry for entry in found if entry.strip()]

    schema = {"type": "array", "nullable": True, "items": {"type": "string", "maxLength": limit}}
    return Field(read, "text[]", schema)


_urls = texts(2_000)


def _images(name: str, value: Any) -> list[str]:
    found: list[str] = [url.strip() for url in _urls.read(name, value)]
    for index, url in enumerate(found):
        if not url.lower().startswith(("http://", "https://")):
            raise Refusal(
                _("%(field)s: send an address that begins with http:// or https://.")
                % {"field": f"{name}[{index}]"}
            )
    return found


IMAGES = Field(
    _images,
    "text[]",
    {"type": "array", "nullable": True, "items": {"type": "string", "format": "uri", "maxLength": 2_000}},
)

_key = text(255)
_value = text(20_000)


def _specifications(name: str, value: Any) -> list[dict[str, str | None]]:
    found = []
    for index, entry in enumerate(items(name, value)):
        here = f"{name}[{index}]"
        if not isinstance(entry, dict):
            raise Refusal(_('%(field)s: send objects such as {"key": ..., "value": ...}.') % {"field": here})
        key = _key.read(f"{here}.key", entry.get("key")).strip()
        said = entry.get("value")
        if not key:
            if said in (None, ""):
                continue
            raise Refusal(_("%(field)s: must not be empty.") % {"field": f"{here}.key"})
        if isinstance(said, bool):
            said = "true" if said else "false"
        elif isinstance(said, float):
            said = str(int(said)) if said.is_integer() else repr(said)
        found.append(
            {"key": key, "value": None if said is None else _value.read(f"{here}.value ({key})", said)}
        )
    return found


SPECIFICATIONS = Field(
    _specifications,
    "jsonb",
    {
        "type": "array",
        "nullable": True,
        "items": {
            "type": "object",
            "properties": {"key": {"type": "string"}, "value": {"type": "string", "nullable": True}},
            "required": ["key"],
        },
    },
)
