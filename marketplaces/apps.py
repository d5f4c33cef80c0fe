"""The marketplaces app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MarketplacesConfig(AppConfig):
    """Where it goes."""

    name = "marketplaces"
    verbose_name = _("Marketplaces")
