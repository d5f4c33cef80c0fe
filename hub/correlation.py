"""The number of the call that is being answered, for everything that happens because of it.

The door gives it (`hub.api.log.CallLog`), the answer carries it as X-Request-Id. The catalogue's writes
hand it to the database, whose marks keep it beside what became due; the log's lines carry it, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

SETTING = "hub.request_id"
"""The transaction's variable the marking triggers read (marketplaces, migration 0009)."""
_number: ContextVar[str] = ContextVar("hub_request_id", default="")


def current() -> str:
    """Return the number of the call being answered; empty where none is."""
    return _number.get()


@contextmanager
def under(number: str) -> Iterator[None]:
    """Do everything inside under this number."""
    token = _number.set(number)
    try:
        yield
    finally:
        _number.reset(token)
