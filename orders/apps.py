"""The orders app."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    """What comes back."""

    name = "orders"
    verbose_name = _("Orders")

    def ready(self) -> None:
        """Give the engine the lanes that are about orders, and the read-back what it asks of orders."""
        from hub import metrics
        from marketplaces import observe
        from marketplaces.engine import RUNNERS
        from marketplaces.models import Lane
        from orders import figures
        from orders.intake import last_unread, take_orders
        from orders.outbound import tell_marketplace

        RUNNERS[Lane.Kind.ORDERS.value] = take_orders
        RUNNERS[Lane.Kind.FULFILMENT.value] = tell_marketplace
        observe.UNREAD_ORDERS.append(last_unread)
        metrics.SOURCES.append(figures.all_figures)
        post_migrate.connect(keep_schedule, sender=self)


def keep_schedule(**kwargs: Any) -> None:
    """Have the daily clean-up on the clock."""
    from django_q.models import Schedule

    Schedule.objects.get_or_create(
        name="forget old freight quotes",
        defaults={"func": "orders.tasks.forget_old_freight_quotes", "schedule_type": Schedule.DAILY},
    )
