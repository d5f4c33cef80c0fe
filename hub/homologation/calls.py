"""An integration's calls, as the cases look at them: what was asked, what was told, in order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from hub.api.log import KEPT_BYTES_OF_TESTS
from hub.models import ApiCall

NOT_JSON = object()
"""Stands for a body that is no JSON, or was too long to be kept whole."""


class Problem(NamedTuple):
    """What was wrong with a call: a sentence to be translated, and the values it names."""

    text: str
    values: dict[str, str]


class Verdict(NamedTuple):
    """One call that decides a case; without a problem the case is passed."""

    call: Call
    problem: Problem | None = None


Verdicts = Iterator[Verdict]


class Call:
    """One call of the log."""

    def __init__(self, row: ApiCall) -> None:
        self.row = row
        self.method = row.method
        self.endpoint = row.endpoint
        self.subject = row.subject
        self.status = row.status
        self.at: datetime = row.called_at

    def __repr__(self) -> str:
        return f"<{self.method} {self.row.path} {self.status}>"

    def asks(self, method: str, *endpoints: str) -> bool:
        """Tell whether the call is of this method, to one of these endpoints."""
        return self.method == method and self.endpoint in endpoints

    @property
    def is_done(self) -> bool:
        """The hub did what was asked."""
        return 200 <= self.status < 300

    @property
    def is_whole(self) -> bool:
        """The log kept all of what was sent."""
        return self.row.request_size <= KEPT_BYTES_OF_TESTS

    @cached_property
    def sent(self) -> Any:
        """The request's JSON; NOT_JSON when it is none."""
        return _json(self.row.request_body)

    @cached_property
    def told(self) -> Any:
        """The answer's JSON; NOT_JSON when it is none, or was not kept whole."""
        return _json(self.row.response_body)

    @cached_property
    def query(self) -> dict[str, str]:
        """The last value of each parameter."""
        return {name: values[-1] for name, values in parse_qs(self.row.query, keep_blank_values=True).items()}

    def body(self, name: str) -> dict[str, Any]:
        """The object sent inside `{"<name>": {...}}`, or bare; empty where there is none."""
        return obj(self.sent, name) or obj(self.sent)

    @property
    def status_sent(self) -> str:
        """The status code a step of an order names."""
        return text(obj(self.sent).get("status"))


def _json(body: str) -> Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return NOT_JSON


def obj(value: Any, name: str | None = None) -> dict[str, Any]:
    """Return an object, or the one it holds under a name; an empty one for anything else."""
    if name is not None:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def objects(value: Any, name: str) -> list[dict[str, Any]]:
    """Return the objects listed under a name."""
    found = value.get(name) if isinstance(value, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def text(value: Any) -> str:
    """Return a text or a number as text; empty for anything else."""
    return str(value).strip() if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""


def wrong(sentence: str, /, **values: object) -> Problem:
    """Say what is wrong; the sentence is marked for translation with `gettext_noop` where it is written."""
    return Problem(sentence, {name: str(value) for name, value in values.items()})


def offered(call: Call) -> list[dict[str, Any]]:
    """The orders a call took from the queue: one by GET, several by a lease."""
    if call.status != 200:
        return []
    if call.asks("GET", "/queues/orders"):
        return [obj(call.told)] if obj(call.told) else []
    if call.asks("POST", "/queues/orders/lease"):
        return objects(call.told, "orders")
    return []


def acknowledged(call: Call) -> list[str]:
    """The codes of the orders a call acknowledged."""
    if not call.is_done:
        return []
    if call.asks("DELETE", "/queues/orders/{code}"):
        return [call.subject]
    if call.asks("POST", "/queues/orders/acknowledge"):
        kept = obj(call.sent).get("codes")
        codes = [text(one) for one in kept] if isinstance(kept, list) else []
        codes += [text(one.get("code")) for one in objects(call.sent, "items")]
        left = obj(call.told)
        missed = [*(left.get("unknown") or []), *(left.get("late") or [])]
        return [code for code in codes if code not in missed]
    return []


def reported(call: Call) -> list[str]:
    """The codes of the orders a call said it could not take: nobody holds them any more."""
    if call.is_done and call.asks("POST", "/queues/orders/failures"):
        said = [*objects(call.sent, "failures"), *objects(call.sent, "items")]
        return [text(one.get("code")) for one in said]
    return []
