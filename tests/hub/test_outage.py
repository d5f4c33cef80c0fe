"""What an API client hears while the database is away."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, InterfaceError, OperationalError

from hub.api import errors


@pytest.mark.parametrize(
    "outage", [OperationalError("server closed"), InterfaceError("connection already closed")]
)
def test_a_database_that_is_away_is_a_call_to_be_repeated(outage: DatabaseError) -> None:
    answer = errors.handle(outage, {})
    assert answer is not None
    assert answer.status_code == 503
    assert answer["Retry-After"] == "1"
    assert set(answer.data) == {"error"}
    assert "closed" not in answer.data["error"], "what the database said stays in our log"


def test_any_other_database_error_is_ours() -> None:
    assert errors.handle(DatabaseError("no such column"), {}) is None
