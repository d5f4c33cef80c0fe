"""The staff site: marketplaces, sellers and health, for the people who run the hub."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.admin import ShowFacets
from django.utils.translation import gettext_lazy as _

from hub import signin
from hub.counting import CappedPaginator
from hub.sites import HubSite
from hub.ticks import TickedByNumber

OURS = {"hub", "catalog", "marketplaces", "orders"}


class StaffSite(HubSite):
    """Django's default admin, at /admin/."""

    login_form = signin.Login
    index_title = _("Start")

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Leave out the pages other packages bring along.

        They speak English, look different and offer what a hub must not be asked to do, such as
        deleting a queued task; what staff needs of them has a page of ours.
        """
        models = model_or_iterable if isinstance(model_or_iterable, Iterable) else (model_or_iterable,)
        ours = [model for model in models if model._meta.app_label in OURS]
        if ours:
            super().register(ours, admin_class, **options)


class StaffAdmin(TickedByNumber):
    """A model's pages on the staff site, quick on big tables."""

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    list_fullwidth = True
    list_filter_submit = True


class ReadOnlyStaffAdmin(StaffAdmin):
    """Rows that only machines write: staff looks."""

    def has_add_permission(self, request: object) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        """Nobody."""
        return False
