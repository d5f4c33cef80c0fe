"""What can go wrong: a worker dies at a statement of the database, the wire garbles a call."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection as database
from hypothesis import strategies as st

from marketplaces.contract import MarketplaceError

PATIENCE = 1.0
"""Seconds the hub waits for an answer here."""


class WorkerDied(BaseException):
    """`kill -9`: nobody catches it."""


@contextmanager
def dies_at(statement: int | None, *, done: bool = True) -> Iterator[list[str]]:
    """Let whoever works in here die at a statement, before or after it was `done`; the dead write no more."""
    left = [statement]
    last: list[str] = []

    def execute(run: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if left[0] is None:
            return run(sql, params, many, context)
        left[0] -= 1
        if left[0] > 0:
            return run(sql, params, many, context)
        if left[0] == 0:
            last.append(sql)
            if done:
                run(sql, params, many, context)
        raise WorkerDied(sql)

    with database.execute_wrapper(execute):
        yield last


@contextmanager
def dies_once(happened: threading.Event, statement: int = 1) -> Iterator[None]:
    """Let whoever works in here die at the first statement, or a later one, after something happened."""
    left = statement

    def execute(run: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal left
        left -= happened.is_set()
        if left <= 0:
            raise WorkerDied(sql)
        return run(sql, params, many, context)

    with database.execute_wrapper(execute):
        yield


class Alarm(logging.Handler):
    """Hears of errors of our own in the engine, which would otherwise only back a lane off."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        if kind is None or not issubclass(kind, (MarketplaceError, WorkerDied)):
            self.heard.append(record.getMessage() + f": {record.exc_info[1]!r}" * bool(record.exc_info))


def _fault(kind: str, after: bool = False, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "after_commit": after, **more}


FAULTS = (
    _fault("status", status=503),
    _fault("status", True, status=500),
    _fault("status", True, status=504),
    _fault("status", status=429, headers={"Retry-After": "7"}),
    _fault("status", status=429),
    _fault("status", status=401),
    _fault("drop"),
    _fault("drop", True),
    _fault("slow", True, seconds=1.5 * PATIENCE),
    _fault("truncate"),
    _fault("truncate", True),
    _fault("html", status=502),
    _fault("html", True, status=200),
    _fault("garbage", True),
    _fault("muddle", True),
)
REFUSALS = (
    _fault("half"),
    _fault("half", True),
    _fault("status", status=422),
)
"""After these a value may count as refused although there is nothing wrong with it."""

deaths = st.tuples(st.integers(1, 40), st.booleans())
faults = st.sampled_from(FAULTS)
refusals = st.sampled_from(REFUSALS)
