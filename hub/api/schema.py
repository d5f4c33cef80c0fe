"""How the API describes itself: what holds for every operation is said here, once.

A view says what is its own: its summary, parameters, bodies and the errors only it can make. From here come
the errors of every call, the headers, the limits, the tags, the examples, and names for the shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import override
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.exceptions import NotAcceptable

from hub.api import limits
from hub.api.description import tag_of
from hub.api.endpoints import group_of
from hub.api.examples import Example, example_of, said
from hub.api.shapes import COMPONENT, TEXT, Schema, named, told
from hub.api.views import SellerView

Endpoint = tuple[str, str, str, Callable[..., Any]]
ERROR = named("Error", told(error={**TEXT, "description": "A sentence for people."}))
DESCRIPTIONS = {
    400: "The call cannot be understood.",
    401: "Wrong or missing credentials.",
    403: "Not allowed.",
    404: "Not found.",
    406: "Only other forms of answer are accepted than this call has.",
    413: "The body is too large.",
    415: "The body is not UTF-8 JSON.",
    422: "A value or a business rule forbids it.",
    429: "Too many calls in this second.",
    503: "The hub cannot answer now; nothing was written, and the call may be repeated.",
}
SENTENCES: Mapping[int, Any] = {
    401: _("The headers X-User-Email and X-Api-Key do not belong together."),
    406: NotAcceptable.default_detail,
    413: _("The body is too large."),
    415: _("Send JSON, in UTF-8."),
    429: said("Too many calls: this address takes %(limit)s per second. Wait a second.", limit=9),
    503: _("The hub is busy with itself; try again in a moment."),
}
"""What the errors say that are the same everywhere."""
ANSWERS = {
    401: "Unauthorized",
    406: "NotAcceptable",
    413: "TooLarge",
    415: "UnsupportedMediaType",
    429: "TooManyCalls",
    503: "Unavailable",
}
"""The names of those answers among the components."""


def _header(about: str, kind: str = "integer", example: Any = None) -> Schema:
    return {
        "description": about,
        "schema": {"type": kind},
        **({} if example is None else {"example": example}),
    }


HEADERS = {
    "X-Request-Id": ("RequestId", _header("The call's number in the log.", "string", "erp-2026-0001")),
    "X-RateLimit-Limit": ("RateLimitLimit", _header("Calls a second.", example=9)),
    "X-RateLimit-Remaining": ("RateLimitRemaining", _header("Calls left in this second.", example=8)),
    "X-RateLimit-Reset": ("RateLimitReset", _header("Seconds until the count starts anew.", example=1)),
    "Retry-After": ("RetryAfter", _header("Seconds to wait before the next try.", example=1)),
    "WWW-Authenticate": ("Authenticate", _header("How to prove who calls.", "string", "X-Api-Key")),
}
LIMIT_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
REQUEST_ID = {
    "name": "X-Request-Id",
    "in": "header",
    "description": "Your own number for the call, up to 64 letters, digits and `._:-`; it comes back in the "
    "answer and stands in the log. Anything else is replaced.",
    "schema": {"type": "string"},
}


def errors(*codes: int) -> dict[int, OpenApiResponse]:
    """Describe the errors an operation has of its own; those of every call are added."""
    return {code: OpenApiResponse(description=DESCRIPTIONS[code]) for code in sorted(codes)}


def nothing(status: int) -> dict[int, OpenApiResponse]:
    """Describe an answer without a body."""
    return {status: OpenApiResponse(description="Done; no body.")}


def in_path(name: str, description: str) -> OpenApiParameter:
    """Describe a text in the path."""
    return OpenApiParameter(name, str, OpenApiParameter.PATH, description=description)


def without_trailing_slash(endpoints: list[Endpoint]) -> list[Endpoint]:
    """Show each address once: the optional slash at its end is no part of the contract."""
    return [(path.rstrip("/") or "/", *rest) for path, *rest in endpoints]  # type: ignore[misc]


class HubSchema(AutoSchema):
    """One operation: what its view says of it, and what holds for all."""

    def get_tags(self) -> list[str]:
        """Group operations by area."""
        return [tag_of(group_of(self.path))]

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        """Name a shape after what it describes."""
        return str(super().get_serializer_name(serializer, direction)).removesuffix("Schema")

    def get_summary(self) -> str:
        """Head an operation by its method's docstring where the view gives no other heading."""
        return str(super().get_description()).rstrip(".")

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular's own
        """Say more, where there is more than the heading."""
        text = str(super().get_description())
        return "" if text.rstrip(".") == self.get_summary() else text

    def map_parsers(self) -> list[str]:
        """Name the form of bodies; the parser takes any Content-Type, as clients forget theirs."""
        return ["application/json"]

    def get_operation(self, *args: Any) -> Any:
        """Describe the operation whole."""
        operation = super().get_operation(*args)
        if operation is not None:
            example = example_of(type(self.view), operation["operationId"])
            self._add_parameters(operation, example)
            self._add_bodies(operation, example)
            self._add_limit(operation)
            self._add_errors(operation, example)
            self._add_headers(operation)
        return operation

    @property
    def limit(self) -> int:
        """Calls a second; 0 where they are not counted."""
        counted = isinstance(self.view, SellerView)
        return limits.per_second(self.method, group_of(self.path)) if counted else 0

    def _add_parameters(self, operation: Schema, example: Example) -> None:
        known = {"path": example.path, "query": example.query}
        for one in operation.get("parameters", ()):
            if one["name"] in known.get(one["in"], ()):
                one["example"] = known[one["in"]][one["name"]]
        operation.setdefault("parameters", []).append(
            self._component(ResolvedComponent.PARAMETER, "RequestId", REQUEST_ID)
        )

    def _add_bodies(self, operation: Schema, example: Example) -> None:
        if "requestBody" in operation:
            shapes = [one["schema"] for one in operation["requestBody"]["content"].values()]
            operation["requestBody"]["required"] = all(map(self._must_be_sent, shapes))
        if example.bodies:
            (first, *_others) = operation["requestBody"]["content"].values()
            first["examples"] = {
                _key(title): {"summary": title, "value": value} for title, value in example.bodies.items()
            }
        for status, answer in operation["responses"].items():
            content = answer.get("content", {}).get("application/json")
            if status.startswith("2") and content and example.answer is not None:
                content["example"] = example.answer

    def _must_be_sent(self, shape: Schema) -> bool:
        if "$ref" in shape:
            shape = self.registry[shape["$ref"].rsplit("/")[-1], ResolvedComponent.SCHEMA].schema
        return bool(shape.get("required") or shape.get("anyOf"))

    def _add_limit(self, operation: Schema) -> None:
        if not self.limit:
            return
        _method, _blank, counted = limits.kind_of(self.method, self.path).partition(" ")
        with_others = counted in limits.SHARED
        limit = "At most one call a second" if self.limit == 1 else f"At most {self.limit} calls a second"
        limit += f", counted together with every {self.method} of `/{counted}`." if with_others else "."
        operation["description"] = f"{operation.get('description', '')}\n\n{limit}".strip()
        operation["x-rate-limit"] = {
            "calls": self.limit,
            "seconds": limits.WINDOW_SECONDS,
            "counted": f"{self.method} /{counted.lstrip('/')}",
        }

    def _add_errors(self, operation: Schema, example: Example) -> None:
        answers = operation["responses"]
        codes = {int(code) for code in answers if code >= "400"} | {401, 406, 503}
        if "requestBody" in operation:
            codes |= {400, 413, 415}
        if self.limit:
            codes.add(429)
        for code in sorted(codes):
            if code in ANSWERS:
                shared = self._error(code, SENTENCES[code])
                answers[str(code)] = self._component(ResolvedComponent.RESPONSE, ANSWERS[code], shared)
            else:
                sentence = example.errors.get(code) or self._usual(code, operation)
                answers[str(code)] = self._error(code, sentence)
        operation["responses"] = dict(sorted(answers.items()))

    def _usual(self, code: int, operation: Schema) -> Any:
        """Return the sentence of an error for which the example has none."""
        asked = {one.get("name") for one in operation["parameters"]}
        if code == 400 and "requestBody" in operation:
            return said("The body is not valid JSON: %(why)s.", why="Input data was truncated")
        if code == 400 and "page" in asked:
            return said("%(name)s must be a whole number from 1.", name="page")
        if code == 400 and "cursor" in asked:
            return _("This cursor is not one of ours.")
        return None

    def _error(self, code: int, sentence: Any) -> Schema:
        content: Schema = {"schema": ERROR}
        if sentence is not None:
            with override("pt-br"):
                content["example"] = {"error": str(sentence)}
        headers = [*LIMIT_HEADERS, "X-Request-Id"] if code not in (401, 406) else ["X-Request-Id"]
        headers += {401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"]}.get(code, [])
        return {
            "description": DESCRIPTIONS[code],
            "headers": {name: self._header(name) for name in headers},
            "content": {"application/json": content},
        }

    def _add_headers(self, operation: Schema) -> None:
        names = [*(LIMIT_HEADERS if self.limit else ()), "X-Request-Id"]
        for status, answer in operation["responses"].items():
            if status < "400":
                answer["headers"] = {**answer.get("headers", {}), **{one: self._header(one) for one in names}}

    def _header(self, name: str) -> Schema:
        return self._component(ResolvedComponent.HEADER, *HEADERS[name])

    def _component(self, kind: str, name: str, schema: Schema) -> Schema:
        component = ResolvedComponent(name, kind, schema=schema, object=name)  # type: ignore[no-untyped-call]
        self.registry.register_on_missing(component)
        return dict(component.ref)


def _key(title: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in title.lower()).strip("-")


class Generator(SchemaGenerator):
    """The document is in English, whatever the reader's browser speaks; its examples are as the API's."""

    def get_schema(self, *args: Any, **kwargs: Any) -> Any:
        """Return the whole document."""
        with override("en"):
            return super().get_schema(*args, **kwargs)  # type: ignore[no-untyped-call]


def with_components(result: Schema, generator: Any, **kwargs: Any) -> Schema:
    """Move shapes that have a name to the components, and refer to them."""
    shapes: dict[str, Schema] = result["components"].setdefault("schemas", {})

    def moved(value: Any) -> Any:
        if isinstance(value, list):
            return [moved(one) for one in value]
        if not isinstance(value, dict):
            return value
        name = value.get(COMPONENT)
        # Choices of serializers carry a mark of drf-spectacular's own, which it only removes with its hook.
        shape = {key: moved(one) for key, one in value.items() if key not in (COMPONENT, "x-spec-enum-id")}
        if name is None:
            return shape
        if shapes.setdefault(name, shape) != shape:
            raise ValueError(f"Two shapes are named {name}.")
        return {"$ref": f"#/components/schemas/{name}"}

    found = moved({**result, "components": {**result["components"], "schemas": {}}})
    shapes.update({name: moved(schema) for name, schema in list(shapes.items())})
    found["components"]["schemas"] = dict(sorted(shapes.items()))
    return dict(found)


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The headers every call carries."""

    target_class = "hub.api.authentication.ApiKeyAuthentication"
    name = ["UserEmail", "ApiKey", "AccountManagerKey"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        """Describe the headers."""
        headers = {
            "X-User-Email": "The e-mail of any active member of the seller.",
            "X-Api-Key": "The seller's key, made in the portal. `X-User-Token` is its older name.",
            "X-Accountmanager-Key": "Your platform's own key; some sellers demand it.",
        }
        return [
            {"type": "apiKey", "in": "header", "name": name, "description": about}
            for name, about in headers.items()
        ]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[str]]]:
        """Two are needed in one call, the third by some sellers."""
        needed: dict[str, list[str]] = {"UserEmail": [], "ApiKey": []}
        return [{**needed, "AccountManagerKey": []}, needed]
