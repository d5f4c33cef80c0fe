"""A database that is away, as pages and webhooks meet it: whoever called is asked to come again."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views import defaults

from hub.api.errors import AWAY_SECONDS, wants_a_page

log = logging.getLogger(__name__)


class DatabaseAway:
    """Answers 503 with a Retry-After where a view met no database; the API's views do so by themselves."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer for the view; None leaves other errors to Django."""
        if not isinstance(exception, (OperationalError, InterfaceError)):
            return None
        log.warning("The database is away: %s", str(exception).partition("\n")[0])
        answer: HttpResponse
        if wants_a_page(request):
            answer = defaults.server_error(request)
            answer.status_code = 503
        else:
            answer = JsonResponse(
                {"error": _("The hub is busy with itself; try again in a moment.")}, status=503
            )
        answer["Retry-After"] = str(AWAY_SECONDS)
        return answer
