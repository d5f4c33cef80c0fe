"""What django-q2 calls: wake-ups, nothing else."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from hub import cleaning
from marketplaces import engine
from marketplaces.callbacks import deliver as callbacks
from marketplaces.models import Exchange, Lag


def drain() -> None:
    """Run one slice of the lane whose turn it is."""
    engine.run_next()


def deliver(subscription_ids: list[int]) -> None:
    """Make the calls owed to some webhooks."""
    callbacks.run(subscription_ids)


def forget_old_deliveries() -> int:
    """Delete webhook calls that were over HUB_EXCHANGE_DAYS days ago; returns how many."""
    return callbacks.forget_old(timezone.now() - timedelta(days=settings.HUB_EXCHANGE_DAYS))


def forget_old_exchanges() -> int:
    """Delete conversations older than HUB_EXCHANGE_DAYS days; what a round leaves waits for the next."""
    border = timezone.now() - timedelta(days=settings.HUB_EXCHANGE_DAYS)
    return cleaning.forget(Exchange.objects.filter(started_at__lt=border).order_by("started_at"))


def forget_old_lags() -> int:
    """Delete the measurements of hours older than HUB_LAG_DAYS days; returns how many rows."""
    border = timezone.now() - timedelta(days=settings.HUB_LAG_DAYS)
    gone, _by_model = Lag.objects.filter(hour__lt=border).delete()
    return gone
