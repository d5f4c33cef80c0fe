"""The orders app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    """What comes back."""

    name = "orders"
    verbose_name = _("Orders")
