"""The task queue's door to PostgreSQL: a django-q2 broker that claims in order and wakes without polling.

The stock ORM broker polls, claims row by row and has no order. This one takes the oldest tasks with one
SKIP LOCKED statement, and between tasks it LISTENs: a task starts about 5 ms after the commit that queued it.
A task is only a wake-up (design, section 4), so it is deleted as it is claimed: one that dies with its worker
is asked for anew by whoever finds the row still due. Waiting for an acknowledgement would make django-q2's
one monitor process a place where everything piles up: a successor of a killed one blocks for ever.
"""

from __future__ import annotations

import logging
import time

import psycopg
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import InterfaceError, OperationalError
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ
from psycopg import sql

from hub import heartbeat
from hub.models import Heartbeat

log = logging.getLogger(__name__)

# The listener speaks psycopg itself, everything else goes through Django's wrapping of the same errors.
OUTAGES = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)

TABLE = sql.Identifier(OrmQ._meta.db_table)
# How long an idle pusher sleeps at most: it bounds how late a stop order is noticed.
WAIT_SECONDS = 0.5
OUTAGE_PAUSE_SECONDS = 1.0

# One statement, so that the notice goes out with the very commit that makes the task visible.
ENQUEUE = sql.SQL(
    """
    WITH queued AS (
        INSERT INTO {table} (key, payload, lock) VALUES (%(key)s, %(payload)s, now()) RETURNING id
    )
    SELECT id, pg_notify(%(channel)s, '') FROM queued
    """
).format(table=TABLE)

CLAIM = sql.SQL(
    """
    WITH due AS (
        SELECT id FROM {table} WHERE key = %(key)s AND lock <= now()
        ORDER BY id LIMIT %(bulk)s FOR UPDATE SKIP LOCKED
    ), claimed AS (
        DELETE FROM {table} task USING due WHERE task.id = due.id RETURNING task.id, task.payload
    )
    SELECT id, payload FROM claimed ORDER BY id
    """
).format(table=TABLE)

HEAD = sql.SQL("SELECT min(id) FROM {table} WHERE key = %(key)s AND lock <= now()").format(table=TABLE)


class PgBroker(ORM):
    """Hands out tasks first in, first out, each once; lives through restarts of the database."""

    _listener: BaseDatabaseWrapper | None = None
    _is_away = False

    def enqueue(self, task: str) -> int:
        """Queue a signed task in the caller's transaction: rolled back with it, announced at its commit."""
        self.get_connection()
        key = self.list_key or Conf.CLUSTER_NAME
        values = {"key": key, "payload": task, "channel": channel(key)}
        with connections[Conf.ORM].cursor() as cursor:
            cursor.execute(ENQUEUE, values)
            return int(cursor.fetchone()[0])

    def dequeue(self) -> list[tuple[int, str]] | None:
        """Claim up to `bulk` tasks, oldest first; None when nothing came within the waiting time.

        Nobody asks for more while no worker takes what was claimed: asking is the workers' sign of life.
        """
        try:
            heartbeat.beat(Heartbeat.Role.WORKERS)
            tasks = self._claim() or (self._wait() and self._claim())
        except OUTAGES as error:
            # Raising would cost 10 s: django-q2 lets its pusher sleep and die on an error.
            self._note_outage(error)
            time.sleep(OUTAGE_PAUSE_SECONDS)
            return None
        if self._is_away:
            self._is_away = False
            log.warning("The task queue is back.")
        return tasks or None

    def acknowledge(self, task_id: int) -> bool:
        """Do nothing: a claimed task is gone already."""
        return True

    def _claim(self) -> list[tuple[int, str]]:
        self.get_connection()
        values = {"key": self.list_key, "bulk": Conf.BULK}
        with connections[Conf.ORM].cursor() as cursor:
            cursor.execute(CLAIM, values)
            return [(int(pk), str(payload)) for pk, payload in cursor.fetchall()]

    def _wait(self) -> bool:
        """Sleep until a task is announced or the waiting time is over; True when there may be one."""
        if self._listener is None:
            listener = connections.create_connection(Conf.ORM)
            with listener.cursor() as cursor:
                cursor.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel(self.list_key))))
            self._listener = listener
            return True  # what was queued before the listening began announced itself to nobody
        return any(self._listener.connection.notifies(timeout=WAIT_SECONDS, stop_after=1))

    def _note_outage(self, error: Exception) -> None:
        if not self._is_away:
            self._is_away = True
            log.warning("The task queue is away: %s", error)
        connections[Conf.ORM].close()
        if self._listener is not None:
            self._listener.close()
            self._listener = None


def channel(key: str) -> str:
    """The NOTIFY channel of one queue."""
    return f"tasks_{key}"


class QueueWatch:
    """How long the workers have claimed nothing although a task waits: the supervisor's stethoscope.

    django-q2's workers can lock each other out for ever when an idle one is killed. Claims are first in,
    first out, so as long as anything is claimed the waiting task at the head changes. Busy workers claim
    nothing either, but for less than the supervisor's patience: a lane's slice and the call it may end with
    take 23 s at most (marketplaces/engine.py).
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self._head: int | None = None
        self._since = time.monotonic()

    def __call__(self) -> float:
        """Return the seconds without a claim while a task waited; 0 when all is well or nobody can tell."""
        try:
            with connections[Conf.ORM].cursor() as cursor:
                cursor.execute(HEAD, {"key": self.key})
                (head,) = cursor.fetchone()
        except OUTAGES:
            connections[Conf.ORM].close()
            self._head = None
            return 0.0
        now = time.monotonic()
        if head is None or head != self._head:
            self._head = head
            self._since = now
            return 0.0
        return now - self._since
