"""The frame's apps: the hub itself, and the staff site as Django's default admin."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class HubConfig(AppConfig):
    """Who is who, and the doors in."""

    name = "hub"
    verbose_name = _("People and accounts")

    def ready(self) -> None:
        """Register the system checks and the clean-up."""
        from hub import checks  # noqa: F401

        post_migrate.connect(keep_schedule, sender=self)


def keep_schedule(**kwargs: Any) -> None:
    """Have the API log's clean-up on the clock: hourly, so that each round is short."""
    from django_q.models import Schedule

    Schedule.objects.get_or_create(
        name="forget old API calls",
        defaults={"func": "hub.api.log.forget_old_calls", "schedule_type": Schedule.HOURLY},
    )


class AdminConfig(DjangoAdminConfig):
    """Django's admin, with the staff site in the place of the default one."""

    default_site = "hub.staff.StaffSite"
