"""Deleting what is kept for a set time only: in small bites, so that nobody waits for it."""

from __future__ import annotations

import time
from typing import Any

from django.db.models import QuerySet

BITE = 5_000
SECONDS = 20


def forget(old: QuerySet[Any]) -> int:
    """Delete these rows in their order for a short while; returns how many, the rest waits for next time."""
    until, gone = time.monotonic() + SECONDS, 0
    while time.monotonic() < until and (pks := list(old.values_list("pk", flat=True)[:BITE])):
        old.model._default_manager.filter(pk__in=pks).delete()
        gone += len(pks)
    return gone
