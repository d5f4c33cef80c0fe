"""How the API describes itself, where drf-spectacular cannot guess."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

Endpoint = tuple[str, str, str, Callable[..., Any]]

ERROR: dict[str, Any] = {
    "type": "object",
    "properties": {"error": {"type": "string", "description": "A sentence for people."}},
    "required": ["error"],
}
DESCRIPTIONS = {
    400: "The call cannot be understood.",
    401: "Wrong or missing credentials.",
    403: "Not allowed.",
    404: "Not found.",
    413: "The body is too large.",
    415: "The body is not UTF-8 JSON.",
    422: "A value or a business rule forbids it.",
    429: "Too many calls in this second.",
}


def errors(*codes: int) -> dict[int, OpenApiResponse]:
    """Describe error answers; 401 and 429 go without saying."""
    return {code: OpenApiResponse(ERROR, DESCRIPTIONS[code]) for code in sorted({401, 429, *codes})}


def nothing(status: int) -> dict[int, OpenApiResponse]:
    """Describe an answer without a body."""
    return {status: OpenApiResponse(description="Done; no body.")}


def in_path(name: str, description: str) -> OpenApiParameter:
    """Describe a text in the path."""
    return OpenApiParameter(name, str, OpenApiParameter.PATH, description=description)


def without_trailing_slash(endpoints: list[Endpoint]) -> list[Endpoint]:
    """Show each address once: the optional slash at its end is no part of the contract."""
    return [(path.rstrip("/") or "/", *rest) for path, *rest in endpoints]  # type: ignore[misc]


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The two headers every call carries."""

    target_class = "hub.api.authentication.ApiKeyAuthentication"
    name = ["UserEmail", "ApiKey"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        """Describe the headers."""
        return [
            {"type": "apiKey", "in": "header", "name": "X-User-Email"},
            {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
        ]

    def get_security_requirement(self, auto_schema: Any) -> dict[str, list[str]]:
        """Both are needed in one call."""
        return {"UserEmail": [], "ApiKey": []}
