"""A connection that broke between two calls is noticed before it is used, and costs no statement."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.db import DataError, IntegrityError
from django.db import connection as known

from hub.postgresql import base

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def line() -> Iterator[Any]:
    """A connection of its own that has just been looked at, as one call finds it after another."""
    own = known.copy()
    own.ensure_connection()
    assert own.is_usable()
    yield own
    own.close()


def statements_of(line: Any) -> str:
    """The last statement the server had from it."""
    with known.cursor() as cursor:
        cursor.execute(
            "SELECT query FROM pg_stat_activity WHERE pid = %s", [line.connection.info.backend_pid]
        )
        return str(cursor.fetchone()[0])


def test_a_sound_connection_is_found_sound_without_a_statement(line: Any) -> None:
    with line.cursor() as cursor:
        cursor.execute("SELECT 'the call before'")

    assert line.is_usable()

    assert statements_of(line) == "SELECT 'the call before'"


def test_a_connection_the_server_ended_is_opened_anew(line: Any) -> None:
    with known.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [line.connection.info.backend_pid])

    assert not line.is_usable()

    line.close_if_unusable_or_obsolete()
    line.health_check_enabled = True
    line.close_if_health_check_failed()
    with line.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_a_notice_nobody_waited_for_breaks_no_connection(line: Any) -> None:
    with line.cursor() as cursor:
        cursor.execute("LISTEN news")
    with known.cursor() as cursor:
        cursor.execute("NOTIFY news")

    assert line.is_usable()


def test_after_a_quiet_time_the_server_is_asked(line: Any) -> None:
    with line.cursor() as cursor:
        cursor.execute("SELECT 'the call before'")

    with mock.patch.object(base.time, "monotonic", return_value=time.monotonic() + base.QUIET_SECONDS):
        assert line.is_usable()

    assert statements_of(line) == "SELECT 1"


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("INSERT INTO buyer VALUES (1, 'Maria Souza')", "buyer_name_check"),
        ("INSERT INTO buyer VALUES (2, NULL), (3, 'Maria S'), (3, 'Maria S')", "buyer_pkey"),
        ("SELECT 'Maria Souza'::date", "22007"),
        ("SELECT 'Maria Souza'::jsonb", "22P02"),
        ("SELECT '99999999999'::int", "22003"),
    ],
)
def test_an_error_names_the_rule_that_was_broken_and_never_the_row(
    line: Any, statement: str, told: str
) -> None:
    with line.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE buyer (id int PRIMARY KEY, name text CHECK (name <> 'Maria Souza'))"
        )

    with pytest.raises((IntegrityError, DataError)) as caught, line.cursor() as cursor:
        cursor.execute(statement)

    trace = "".join(traceback.format_exception(caught.value))
    assert told in str(caught.value)
    assert not any(word in trace for word in ("Maria", "99999999999", "DETAIL"))
    assert caught.value.__cause__.sqlstate in str(caught.value)
