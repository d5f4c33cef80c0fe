"""How states, times and sync values look on the marketplaces' screens."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from hub import panels
from marketplaces import showing
from marketplaces.contract import Facet
from marketplaces.models import Load, Passage, Sync
from marketplaces.pricing import Price

register = template.Library()


@register.filter
def badge(row: Any) -> SafeString:
    """Show the state (or status) of a listing, load, item, connection or submission."""
    field = "status" if hasattr(row, "status") else "state"
    return showing.badge(getattr(row, field), getattr(row, f"get_{field}_display")())


@register.filter
def since(moment: datetime | None) -> SafeString | str:
    """Show a moment as people say it, with the exact one on hover; a dash for none."""
    return showing.since(moment)


@register.filter
def next_try(moment: datetime, paused_until: datetime | None) -> SafeString | str:
    """Say when a lane is tried next: not before its marketplace's pause ends, and never in the past."""
    if paused_until is not None and paused_until > max(moment, timezone.now()):
        return _("when the pause ends")
    return due(moment)


@register.filter
def due(moment: datetime) -> SafeString | str:
    """Say when something is done next: what should have begun by now may begin at any moment."""
    return showing.since(moment) if moment > timezone.now() else _("at any moment")


@register.filter
def price(value: Price) -> str:
    """Show a price as people read it."""
    return showing.synced(Facet.PRICE, value.text)


@register.filter
def brl(amount: Decimal | None) -> str:
    """Show an amount as people read it."""
    return panels.brl(amount)


@register.filter
def exactly(moment: datetime | None) -> str:
    """Show a moment to the second; a dash for none."""
    return "–" if moment is None else timezone.localtime(moment).strftime("%d/%m/%Y %H:%M:%S")


@register.filter
def synced(value: str, facet: str) -> str:
    """Show a sync row's value as people read it; a dash for none."""
    return showing.synced(facet, value)


@register.filter
def why(code: str) -> str:
    """Say what asked for a value."""
    return showing.why(code)


@register.filter
def lasted(seconds: float | None) -> str:
    """Show how long something took."""
    return showing.seconds(seconds)


@register.filter
def drift(sync: Sync) -> SafeString | str:
    """Show why the marketplace shows something else; nothing when it does not."""
    if not sync.drift:
        return ""
    return format_html(
        '<span class="mk-badge mk-{}">{}</span>', showing.DRIFT_TONES[sync.drift], sync.get_drift_display()
    )


@register.filter
def outcome(passage: Passage) -> SafeString:
    """Show what became of a value."""
    tone = showing.OUTCOME_TONES.get(passage.outcome, "quiet")
    return format_html('<span class="mk-badge mk-{}">{}</span>', tone, passage.get_outcome_display())


@register.filter
def took(load: Load) -> int:
    """Return how many seconds a finished load took."""
    return round((load.finished_at - load.created_at).total_seconds()) if load.finished_at else 0


@register.filter
def percent(part: int, whole: int) -> int:
    """Return a part of a whole in per cent, 0 of nothing."""
    return round(100 * part / whole) if whole else 0
