"""The staff site: marketplaces, sellers and health, for the people who run the hub."""

from __future__ import annotations

from unfold.admin import ModelAdmin
from unfold.sites import UnfoldAdminSite

from hub import signin
from hub.counting import CappedPaginator


class StaffSite(UnfoldAdminSite):
    """Django's default admin, at /admin/."""

    login_form = signin.Login


class StaffAdmin(ModelAdmin):
    """A model's pages on the staff site, quick on big tables."""

    paginator = CappedPaginator
    show_full_result_count = False
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
