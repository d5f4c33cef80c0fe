"""Lists whose rows are ticked, on both sites."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import BadRequest, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin


class TickedByNumber(ModelAdmin):
    """A list whose rows are ticked by their key; Django would fail on a tick that can be no key."""

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Do an action with the ticked rows; answers 400 to ticks that are no keys."""
        try:
            for one in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.model._meta.pk.to_python(one)
        except ValidationError as error:
            raise BadRequest("a tick is no key of a row") from error
        response: HttpResponse | None = super().response_action(request, queryset)
        return response
