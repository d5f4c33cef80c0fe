"""The dispatcher: hears what became due, sweeps for what it did not hear, and asks for workers."""

from __future__ import annotations

import logging
import signal
import time
from types import FrameType
from typing import Any

import psycopg
from django.core.management.base import BaseCommand
from django.db import OperationalError, connection
from django.utils import timezone

from hub import heartbeat
from hub.models import Heartbeat
from marketplaces import engine, incidents

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 1.0
"""How long a lane whose notification was missed may wait."""
GATHER_SECONDS = 0.005
"""A burst of notifications becomes one look."""


class Command(BaseCommand):
    """Run one dispatcher; any number may run, on any machine."""

    help = "Ask for a worker for every lane that has something to do."
    stopping = False
    watched = 0.0

    def handle(self, *args: Any, **options: Any) -> None:
        """Listen and sweep until told to stop; a lost database is waited for."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self.stop)
        while not self.stopping:
            try:
                self.listen()
            except (OperationalError, psycopg.OperationalError) as error:
                logger.warning("dispatcher: the database is away: %s", str(error).splitlines()[0])
                connection.close()
                time.sleep(1)

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Finish after the current look."""
        self.stopping = True

    def listen(self) -> None:
        """Look at once, then whenever something is notified or a lane's time comes, and once a second."""
        connection.ensure_connection()
        raw: psycopg.Connection[Any] = connection.connection
        raw.execute(f'LISTEN "{engine.CHANNEL}"')
        while not self.stopping:
            engine.dispatch(timezone.now())
            heartbeat.beat(Heartbeat.Role.DISPATCHER)
            self.watch()
            pause = engine.next_moment(timezone.now(), SWEEP_SECONDS)
            for _ in raw.notifies(timeout=pause, stop_after=1):
                time.sleep(GATHER_SECONDS)
            for _ in raw.notifies(timeout=0):
                pass

    def watch(self) -> None:
        """Look after the marketplaces now and then; a mistake in that must not stop the work."""
        if time.monotonic() - self.watched < incidents.LOOK_EVERY:
            return
        self.watched = time.monotonic()
        try:
            incidents.watch(timezone.now())
        except OperationalError:
            raise
        except Exception:
            logger.exception("the watch over the marketplaces failed")
