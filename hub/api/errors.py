"""What went wrong: every error is `{"error": "<sentence>"}`, as SkyHub's clients read it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, ValidationError
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response

from hub.refusals import Incomplete, Refusal, Unknown, required_fields

log = logging.getLogger(__name__)


class Malformed(exceptions.APIException):
    """The call cannot be understood (400)."""

    status_code = 400
    default_code = "malformed"


class TooLarge(exceptions.APIException):
    """The body is longer than the hub reads (413)."""

    status_code = 413
    default_code = "too_large"


class Unprocessable(exceptions.APIException):
    """The call is understood, but its values or the business rules forbid it (422)."""

    status_code = 422
    default_code = "unprocessable"


AWAY_SECONDS = 1
"""When to try again a call that met a database that is away."""
STATUS_OF_REFUSAL: tuple[tuple[type[Refusal], int], ...] = ((Unknown, 404), (Incomplete, 400), (Refusal, 422))


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn an exception of an API view into its answer; None leaves it to Django (500)."""
    match error:
        case Http404():
            return _answer(404, _("Not found."))
        case PermissionDenied():
            return _answer(403, _("This is not allowed."))
        case RequestDataTooBig():
            return _answer(413, _("The body is too large."))
        case ValidationError():
            return _answer(422, " ".join(error.messages))
        case Refusal():
            status = next(status for kind, status in STATUS_OF_REFUSAL if isinstance(error, kind))
            return _answer(status, str(error))
        case DataError():
            # The readers should have refused it first; the client still gets a 422, and we a trace.
            log.exception("The database refused a value the API let through")
            return _answer(422, _("A value cannot be stored."))
        case OperationalError() | InterfaceError():
            # The database is away or gave this transaction up: nothing was written, the call may be repeated.
            log.warning("The database is away: %s", str(error).partition("\n")[0])
            response = _answer(503, _("The hub is busy with itself; try again in a moment."))
            response["Retry-After"] = str(AWAY_SECONDS)
            return response
        case exceptions.APIException():
            response = _answer(error.status_code, sentence(error.detail))
            if wait := getattr(error, "wait", None):
                response["Retry-After"] = str(max(1, int(wait)))
            if header := getattr(error, "auth_header", None):
                response["WWW-Authenticate"] = header
            return response
    return None


def _answer(status: int, text: str) -> Response:
    return Response({"error": text}, status=status)


def sentence(detail: Any) -> str:
    """Flatten DRF's nested error details into one sentence that names the fields."""
    required: list[str] = []
    parts: list[str] = []
    for path, message in _leaves("", detail):
        if getattr(message, "code", "") == "required" and path:
            required.append(path)
        else:
            parts.append(f"{path}: {message}" if path else str(message))
    if required:
        parts.insert(0, required_fields(required))
    return " ".join(parts)


def _leaves(path: str, detail: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(detail, dict):
        for key, value in detail.items():
            name = path if key == "non_field_errors" else f"{path}.{key}" if path else str(key)
            yield from _leaves(name, value)
    elif isinstance(detail, (list, tuple)):
        for index, value in enumerate(detail):
            nested = isinstance(value, (dict, list, tuple))
            yield from _leaves(f"{path}[{index}]" if nested else path, value)
    else:
        yield path, detail


def wants_a_page(request: HttpRequest) -> bool:
    """Say whether a browser asks: everybody else gets JSON."""
    return "text/html" in request.headers.get("Accept", "")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400 where no view was reached."""
    if wants_a_page(request):
        return defaults.bad_request(request, exception)
    return JsonResponse({"error": _("The call cannot be understood.")}, status=400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403 outside the API's views."""
    if wants_a_page(request):
        return defaults.permission_denied(request, exception)
    return JsonResponse({"error": _("This is not allowed.")}, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404 for an address nobody has."""
    if wants_a_page(request):
        return defaults.page_not_found(request, exception)
    return JsonResponse({"error": _("Not found.")}, status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 without saying why: the log does."""
    if wants_a_page(request):
        return defaults.server_error(request)
    return JsonResponse({"error": _("Something went wrong on our side; try again.")}, status=500)
