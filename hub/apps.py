"""The frame's apps: the hub itself, and the staff site as Django's default admin."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig
from django.utils.translation import gettext_lazy as _


class HubConfig(AppConfig):
    """Who is who, and the doors in."""

    name = "hub"
    verbose_name = _("People and accounts")

    def ready(self) -> None:
        """Register the system checks."""
        from hub import checks  # noqa: F401


class AdminConfig(DjangoAdminConfig):
    """Django's admin, with the staff site in the place of the default one."""

    default_site = "hub.staff.StaffSite"
