"""Transactions that begin again when PostgreSQL sacrifices them for the sake of another one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection, transaction

P = ParamSpec("P")
R = TypeVar("R")

ATTEMPTS = 5
PAUSE = 0.02
"""Seconds before the second attempt; each further pause is twice as long."""
# serialization_failure, deadlock_detected: nothing was written, and the same work may simply be done again.
BEGIN_AGAIN = {"40001", "40P01"}


def begin_again(work: Callable[P, R]) -> Callable[P, R]:
    """Run a service in one transaction, again after a deadlock or serialization failure.

    Inside somebody else's transaction the error is passed on: only who opened it can begin again.
    """

    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        for attempt in range(ATTEMPTS):
            outermost = not connection.in_atomic_block
            try:
                with transaction.atomic():
                    return work(*args, **kwargs)
            except OperationalError as error:
                sqlstate = getattr(error.__cause__, "sqlstate", "")
                if not outermost or sqlstate not in BEGIN_AGAIN or attempt == ATTEMPTS - 1:
                    raise
                time.sleep(PAUSE * 2**attempt)
        raise AssertionError("unreachable")

    run.__name__ = work.__name__
    run.__doc__ = work.__doc__
    run.__module__ = work.__module__
    return run
