"""Signs of life: the dispatcher and the workers' clusters write, now and then, that they go on."""

from __future__ import annotations

import socket
import time

from django.db import connection

from hub.models import Heartbeat

EVERY_SECONDS = 10.0
FORGOTTEN_AFTER = "1 day"
"""A machine that was taken away is no gap for ever."""
_last: dict[str, float] = {}

_BEAT = """
WITH gone AS (DELETE FROM hub_heartbeat WHERE seen_at < now() - %(forgotten)s::interval)
INSERT INTO hub_heartbeat (role, host, seen_at) VALUES (%(role)s, %(host)s, clock_timestamp())
ON CONFLICT (role, host) DO UPDATE SET seen_at = EXCLUDED.seen_at
"""


def beat(role: Heartbeat.Role) -> None:
    """Write down that this process is alive, at most every ten seconds; the rest costs nothing."""
    now = time.monotonic()
    if now - _last.get(role, -EVERY_SECONDS) < EVERY_SECONDS:
        return
    _last[role] = now
    values = {"role": role.value, "host": socket.gethostname()[:100], "forgotten": FORGOTTEN_AFTER}
    with connection.cursor() as cursor:
        cursor.execute(_BEAT, values)
