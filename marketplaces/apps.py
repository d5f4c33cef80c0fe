"""The marketplaces app: registers what its lanes do, and keeps a row per marketplace."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class MarketplacesConfig(AppConfig):
    """Where it goes."""

    name = "marketplaces"
    verbose_name = _("Marketplaces")

    def ready(self) -> None:
        from hub import healthz, metrics
        from marketplaces import content, engine, extending, figures, observe, polling, price_lane, publish
        from marketplaces.callbacks import deliver
        from marketplaces.models import Lane

        engine.RUNNERS.update(
            {
                Lane.Kind.CONTENT: content.run_content,
                Lane.Kind.PRICE: price_lane.run_price,
                Lane.Kind.STOCK: publish.run_stock,
                Lane.Kind.SUBMISSIONS: polling.run_submissions,
                Lane.Kind.OBSERVE: observe.run_observe,
            }
        )
        engine.ALSO_DUE.append(deliver.ask)
        metrics.SOURCES.append(figures.all_figures)
        healthz.CHECKS["lanes"] = lane_check
        extending.register()
        post_migrate.connect(keep_rows, sender=self)


def lane_check() -> str:
    """Say whether lanes that were asked for are run, for the hub's readiness."""
    from hub import healthz
    from marketplaces import line

    waits = line.standstill()
    if waits is None:
        return healthz.OK
    return f"none was run; the first has waited for {waits.total_seconds():.0f} s"


def keep_rows(**kwargs: Any) -> None:
    """Have a row for every marketplace, and the clean-up on the clock: hourly, for short rounds."""
    from django_q.models import Schedule

    from marketplaces import registry
    from marketplaces.models import Marketplace

    # Only the key is read: after a step back the table lacks the columns of later versions.
    known = set(Marketplace.objects.values_list("key", flat=True))
    for key in registry.KEYS:
        if key not in known:
            Marketplace.objects.get_or_create(key=key, defaults={"name": registry.get(key).label})
    for what in ("exchanges", "deliveries", "lags"):
        Schedule.objects.update_or_create(
            name=f"forget old {what}",
            defaults={"func": f"marketplaces.tasks.forget_old_{what}", "schedule_type": Schedule.HOURLY},
        )
