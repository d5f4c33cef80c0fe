"""The words of which the API's shapes are made: short names for OpenAPI's long ones."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter

from hub.api.paging import DEEPEST_ROW, MAX_PER_PAGE

Schema = dict[str, Any]

COMPONENT = "x-component"
"""Marks a shape that stands among the components under this name."""


def named(name: str, schema: Schema) -> Schema:
    """Give a shape a name of its own in the document."""
    return {**schema, COMPONENT: name}


TEXT: Schema = {"type": "string"}
MAYBE: Schema = {"type": "string", "nullable": True}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
MOMENT: Schema = {"type": "string", "format": "date-time", "nullable": True}
NEXT: Schema = {**MAYBE, "description": "The next page's whole address; null at the end."}


def told(**properties: Schema) -> Schema:
    """Describe an object the hub answers with: all of it is always there."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def taken(*required: str, **properties: Schema) -> Schema:
    """Describe an object the hub reads, of which only some must be there."""
    return {"type": "object", "properties": properties, **({"required": list(required)} if required else {})}


def many(of: Schema) -> Schema:
    """Describe a list."""
    return {"type": "array", "items": of}


def some(of: Schema, most: int | None = None) -> Schema:
    """Describe a list that is not empty."""
    return {**many(of), "minItems": 1, **({"maxItems": most} if most else {})}


def word(*allowed: str | None) -> Schema:
    """Describe a word of a closed list."""
    return {"type": "string", "enum": list(allowed)}


def json_body(schema: Schema) -> dict[str, Schema]:
    """Describe a body of JSON."""
    return {"application/json": schema}


PAGING = [
    OpenApiParameter(
        "page",
        {"type": "integer", "minimum": 1},
        description=f"From 1; only the first {DEEPEST_ROW:,} rows.",
    ),
    OpenApiParameter(
        "per_page", {"type": "integer", "minimum": 1}, description=f"At most {MAX_PER_PAGE}; more is cut."
    ),
]
WALK = [
    PAGING[1],
    OpenApiParameter("cursor", str, description="From `next`; filters and page size are kept inside."),
]
