"""Moments that people and ERPs name: one outside the years a shop trades in is a slip of the hand.

PostgreSQL keeps moments Python cannot read; a row that holds one breaks every page and worker that meets it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
"""The first moment that is too late."""


def is_plausible(moment: datetime) -> bool:
    """Tell whether anybody can have meant this moment."""
    return EARLIEST <= moment < LATEST


def validate(moment: datetime) -> None:
    """Refuse an implausible moment where a form or a model is checked; raises ValidationError."""
    if not is_plausible(moment):
        raise ValidationError(_("Type a date between 01/01/2000 and 31/12/2099."), code="implausible")
