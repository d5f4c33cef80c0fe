"""Whether this process lives, and whether the whole hub can do its work, as load balancers ask.

No key is needed, so the answer names no machine, no version and no cause beyond "away"; and it is cheap: a
few small statements, and those once a second however often it is asked.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import cache

from django.db import InterfaceError, OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from hub.models import Heartbeat

log = logging.getLogger(__name__)

SILENT_SECONDS = 60
"""A dispatcher or cluster not seen for this long is dead: busy workers take 23 s for a task at most."""
KEPT_SECONDS = 1.0
OK = "ok"

CHECKS: dict[str, Callable[[], str]] = {}
"""What apps have to say of their own work, asked while the hub is otherwise well: "ok" or what is wrong."""

_ASK = """
SELECT (SELECT count(*) FROM unnest(%(apps)s::text[], %(names)s::text[]) AS newest(app, name)
        WHERE NOT EXISTS (SELECT FROM django_migrations m WHERE m.app = newest.app AND m.name = newest.name))
"""
_SEEN = "SELECT role, extract(epoch FROM now() - max(seen_at)) FROM hub_heartbeat GROUP BY role"


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """This process answers."""
    return JsonResponse({"status": OK})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when calls are served and what they change goes out; else 503, and what is missing."""
    checks = _answer.get()
    is_ready = all(said == OK for said in checks.values())
    answer = JsonResponse(
        {"status": OK if is_ready else "not ready", "checks": checks}, status=200 if is_ready else 503
    )
    answer["Cache-Control"] = "no-store"
    return answer


def look() -> dict[str, str]:
    """Ask the database everything; each check says "ok" or what is wrong."""
    try:
        pending = _pending_migrations()
        seen = _seen() if not pending else {}
        of_apps = {name: check() for name, check in CHECKS.items()} if not pending else {}
    except (OperationalError, InterfaceError) as error:
        log.warning("not ready: the database is away: %s", str(error).partition("\n")[0])
        connection.close()
        return {"database": "away"}
    checks = {"database": OK, "migrations": f"{pending} not applied" if pending else OK}
    for role in Heartbeat.Role.values if not pending else ():
        age = seen.get(role)
        if age is None:
            checks[role] = "never seen"
        else:
            checks[role] = OK if age <= SILENT_SECONDS else f"not seen for {age:.0f} s"
    return checks | of_apps


def _pending_migrations() -> int:
    apps, names = zip(*_newest(), strict=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('django_migrations') IS NULL")
        if cursor.fetchone()[0]:
            return len(apps)
        cursor.execute(_ASK, {"apps": list(apps), "names": list(names)})
        return int(cursor.fetchone()[0])


def _seen() -> dict[str, float]:
    with connection.cursor() as cursor:
        cursor.execute(_SEEN)
        return {role: float(age) for role, age in cursor.fetchall()}


@cache
def _newest() -> tuple[tuple[str, str], ...]:
    """Each app's last migration, as this program's files have it; one applied means all before it are."""
    return tuple(MigrationLoader(None).graph.leaf_nodes())


class _Kept:
    """The newest answer of this process, asked for anew when it is older than a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._checks: dict[str, str] = {}
        self._until = 0.0

    def get(self) -> dict[str, str]:
        with self._lock:
            if time.monotonic() >= self._until:
                self._checks = look()
                self._until = time.monotonic() + KEPT_SECONDS
            return self._checks


_answer = _Kept()
