"""What django-q2 calls: the daily clean-up."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from orders.freight import quotes


def forget_old_freight_quotes() -> int:
    """Delete quotes older than HUB_EXCHANGE_DAYS days; returns how many."""
    return quotes.forget(timezone.now() - timedelta(days=settings.HUB_EXCHANGE_DAYS))
