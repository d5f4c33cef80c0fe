"""Times as the API writes them."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone


def moment(at: datetime | None) -> str | None:
    """Return a time with Brazil's offset, to the second."""
    return timezone.localtime(at).isoformat(timespec="seconds") if at else None
