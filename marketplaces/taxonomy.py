"""A marketplace's category tree and schemas, kept as we last read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol

from django.utils import timezone

from marketplaces.contract import (
    AttributeRule,
    AttributeType,
    CategorySchema,
    RemoteCategory,
    TaxonomySource,
    Throttled,
    Unavailable,
    UnexpectedAnswer,
)
from marketplaces.models import Marketplace
from marketplaces.models import RemoteCategory as Stored


class SchemaSource(Protocol):
    """Something that can be asked for a category's schema: an adapter, or one that keeps its pace."""

    def schema(self, category_id: str) -> CategorySchema: ...


TREE_AGE = timedelta(days=1)
SCHEMA_AGE = timedelta(days=1)
ASK_AGAIN = timedelta(minutes=10)
"""How long an old schema serves after the marketplace gave no answer about it."""
GETS_NO_ANSWER = (Unavailable, UnexpectedAnswer)


def to_json(schema: CategorySchema) -> dict[str, Any]:
    """Return a schema as JSON can hold it."""
    plain: dict[str, Any] = asdict(schema)
    plain["price_min"] = str(schema.price_min)
    for rule in plain["attributes"]:
        for bound in ("minimum", "maximum"):
            rule[bound] = None if rule[bound] is None else str(rule[bound])
    return plain


def from_json(plain: Mapping[str, Any]) -> CategorySchema:
    """Return the schema that `to_json` wrote."""
    values = dict(plain)
    values["price_min"] = Decimal(values["price_min"])
    values["attributes"] = tuple(_rule(one) for one in values["attributes"])
    return CategorySchema(**values)


def _rule(plain: Mapping[str, Any]) -> AttributeRule:
    values = dict(plain)
    for bound in ("minimum", "maximum"):
        values[bound] = None if values[bound] is None else Decimal(values[bound])
    for several in ("allowed", "units"):
        values[several] = tuple(values[several])
    return AttributeRule(**{**values, "type": AttributeType(values["type"])})


def refresh_tree(marketplace: Marketplace, source: TaxonomySource, *, force: bool = False) -> int:
    """Read the marketplace's category tree when ours is missing or a day old; returns how many nodes.

    Of a category it names twice the last word counts.
    """
    fresh = Stored.objects.filter(marketplace=marketplace, read_at__gt=timezone.now() - TREE_AGE)
    if not force and fresh.exists():
        return 0
    nodes = list({node.remote_id: node for node in source.categories()}.values())
    paths = _paths(nodes)
    now = timezone.now()
    Stored.objects.bulk_create(
        [
            Stored(
                marketplace=marketplace,
                remote_id=node.remote_id,
                name=node.name[:255],
                path=paths[node.remote_id],
                is_leaf=node.is_leaf,
                read_at=now,
            )
            for node in nodes
        ],
        update_conflicts=True,
        unique_fields=["marketplace", "remote_id"],
        update_fields=["name", "path", "is_leaf", "read_at"],
        batch_size=1000,
    )
    return len(nodes)


def _paths(nodes: Iterable[RemoteCategory]) -> dict[str, str]:
    by_id = {node.remote_id: node for node in nodes}
    paths: dict[str, str] = {}
    for node in by_id.values():
        names, at, seen = [], node, set[str]()
        while at.remote_id not in seen:
            seen.add(at.remote_id)
            names.append(at.name)
            if at.parent_id not in by_id:
                break
            at = by_id[at.parent_id]
        paths[node.remote_id] = " > ".join(reversed(names))
    return paths


def read_schema(category: Stored, source: SchemaSource) -> CategorySchema:
    """Return a category's schema, asking the marketplace when ours is missing or a day old.

    Where it gives no answer an old one serves for some minutes more. Raises MarketplaceError.
    """
    age = category.schema_read_at
    if category.schema is not None and age is not None and timezone.now() - age < SCHEMA_AGE:
        return from_json(category.schema)
    try:
        category.schema, age = to_json(source.schema(category.remote_id)), timezone.now()
    except GETS_NO_ANSWER as error:
        if category.schema is None or isinstance(error, Throttled):
            raise
        age = timezone.now() - SCHEMA_AGE + ASK_AGAIN
    category.schema_read_at = age
    category.save(update_fields=["schema", "schema_read_at"])
    return from_json(category.schema)
