"""The catalogue app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CatalogConfig(AppConfig):
    """What the ERP says."""

    name = "catalog"
    verbose_name = _("Catalogue")
