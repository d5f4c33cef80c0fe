"""Lists whose rows are ticked, on both sites."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin


class TickedByNumber(ModelAdmin):
    """A list whose rows are ticked by their number; Django would fail on a tick that names no row."""

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Do an action with the ticked rows; answers 400 to ticks that are no numbers."""
        ticked = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if not all(one.isascii() and one.isdecimal() for one in ticked):
            raise BadRequest("rows are ticked by number")
        response: HttpResponse | None = super().response_action(request, queryset)
        return response
