"""The API's own description, as tests read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from drf_spectacular.settings import spectacular_settings
from jsonschema import Draft202012Validator, FormatChecker


@dataclass(frozen=True)
class Operation:
    """One method of one address."""

    method: str
    path: str
    said: dict[str, Any]

    def __str__(self) -> str:
        return str(self.said["operationId"])

    @property
    def bodies(self) -> dict[str, Any]:
        """The examples of what can be sent, by title."""
        for content in self.said.get("requestBody", {}).get("content", {}).values():
            return {one["summary"]: one["value"] for one in content.get("examples", {}).values()}
        return {}

    def address(self, **instead: str) -> str:
        """The address as the examples fill it."""
        path = self.path
        for one in self.parameters("path"):
            path = path.replace(f"{{{one['name']}}}", instead.get(one["name"], one["example"]))
        return path

    def parameters(self, place: str) -> list[dict[str, Any]]:
        """The parameters of one place: path, query or header."""
        return [one for one in map(resolved, self.said["parameters"]) if one["in"] == place]

    def answers(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each status with its description."""
        for status, answer in self.said["responses"].items():
            yield status, resolved(answer)


@cache
def document() -> dict[str, Any]:
    """The whole description."""
    found: dict[str, Any] = spectacular_settings.DEFAULT_GENERATOR_CLASS().get_schema(public=True)
    return found


@cache
def operations() -> tuple[Operation, ...]:
    """Every operation of the API."""
    return tuple(
        Operation(method.upper(), path, said)
        for path, methods in document()["paths"].items()
        for method, said in methods.items()
    )


def operation(name: str) -> Operation:
    """The operation with this id."""
    return next(one for one in operations() if str(one) == name)


def resolved(value: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference."""
    if "$ref" not in value:
        return value
    _document, _components, kind, name = value["$ref"].split("/")
    found: dict[str, Any] = document()["components"][kind][name]
    return found


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    """Where a value differs from its description; a field that is not described is a difference too."""
    shapes = {name: _strict(one) for name, one in document()["components"]["schemas"].items()}
    whole = {**_strict(schema), "components": {"schemas": shapes}}
    validator = Draft202012Validator(whole, format_checker=FormatChecker())
    return [f"{one.json_path}: {one.message}" for one in validator.iter_errors(value)]


def _strict(schema: Any) -> Any:
    """OpenAPI 3.0 as plain JSON Schema, its objects closed."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    said = {key: _strict(one) for key, one in schema.items() if key != "nullable"}
    if "properties" in said:
        said.setdefault("additionalProperties", False)
    return {"anyOf": [said, {"type": "null"}]} if schema.get("nullable") is True else said
