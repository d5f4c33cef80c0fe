"""Repeating a statement that PostgreSQL gave up to resolve a deadlock."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection, transaction
from psycopg import errors

P = ParamSpec("P")
T = TypeVar("T")

TRIES = 5


def survives_deadlock(work: Callable[P, T]) -> Callable[P, T]:
    """Run a piece of database work in its own transaction, again when it was the victim of a deadlock.

    Inside a caller's transaction it cannot be repeated alone, so the error passes to the caller.
    """

    @wraps(work)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        for left in reversed(range(TRIES)):
            inside = connection.in_atomic_block
            try:
                with transaction.atomic():
                    return work(*args, **kwargs)
            except OperationalError as error:
                collided = isinstance(error.__cause__, errors.DeadlockDetected | errors.SerializationFailure)
                if inside or not collided or not left:
                    raise
                time.sleep(random.uniform(0.01, 0.1))  # noqa: S311  (only keeps the two apart)
        raise AssertionError("unreachable")

    return wrapped
