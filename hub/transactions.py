"""Transactions that begin again when PostgreSQL sacrifices them for the sake of another one."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection, transaction

P = ParamSpec("P")
R = TypeVar("R")

PAUSES = (0.02, 0.04, 0.08, 0.16)
"""Seconds before each further attempt."""
# serialization_failure, deadlock_detected: nothing was written, and the same work may simply be done again.
BEGIN_AGAIN = {"40001", "40P01"}


def begin_again(work: Callable[P, R]) -> Callable[P, R]:
    """Run a service in one transaction, again after a deadlock or serialization failure.

    Inside somebody else's transaction the error is passed on: only who opened it can begin again.
    """
    return repeat(transaction.atomic(work))


def repeat(work: Callable[P, R]) -> Callable[P, R]:
    """Do the same without a transaction, for work that is a single statement."""

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        for pause in PAUSES:
            outermost = not connection.in_atomic_block
            try:
                return work(*args, **kwargs)
            except OperationalError as error:
                sqlstate = getattr(error.__cause__, "sqlstate", "")
                if not outermost or sqlstate not in BEGIN_AGAIN:
                    raise
                time.sleep(pause)
        return work(*args, **kwargs)

    return run
