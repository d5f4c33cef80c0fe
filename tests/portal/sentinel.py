"""One row of every seller's table, every free text of it saying whose it is.

Rows are built from the models themselves, so that a new model is covered without anyone remembering;
`SPECIAL` holds only what a constraint demands.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from hub.checks import belongs_to_a_seller
from hub.models import Membership, Seller, User
from marketplaces.contract import CategorySchema
from marketplaces.taxonomy import to_json

_numbers = itertools.count(1)
OURS = ("hub", "catalog", "marketplaces", "orders")

SPECIAL: dict[str, dict[str, Callable[[], Any]]] = {
    "hub.Seller": {"is_active": lambda: True, "is_test": lambda: True, "last_load_number": lambda: 1},
    "hub.Homologation": {"closed_at": timezone.now},
    "hub.User": {"is_staff": lambda: False},
    "hub.Membership": {"role": lambda: "owner"},
    "marketplaces.Connection": {"status": lambda: "active"},
    "marketplaces.Incident": {"closed_at": timezone.now},
    "marketplaces.RemoteCategory": {"schema": lambda: to_json(CategorySchema("X"))},
    "orders.Invoice": {"key": lambda: "3" * 44},
    "orders.Order": {"status_type": lambda: "APPROVED"},
    "orders.Notice": {"state": lambda: "refused", "action": lambda: "invoice"},
    "orders.OrderEvent": {"status_type": lambda: ""},
}


EVERYBODYS: dict[str, dict[str, Any]] = {
    "marketplaces.Marketplace": {"key": "sandbox", "defaults": {"name": "Sandbox"}},
    "marketplaces.SharedPace": {"marketplace_id": "sandbox"},
}
"""One row for all sellers."""
FIRST = {"marketplaces.Hold": "orders.Order"}
"""Rows that name another one by a text of its own."""


class World:
    """Everything one seller has: a row of each of our models."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.rows: dict[type[models.Model], models.Model] = {}

    def fill(self) -> None:
        """Build the rows of every model of ours."""
        for label in OURS:
            for model in apps.get_app_config(label).get_models():
                self.row(model)

    def row(self, model: type[models.Model]) -> Any:
        """Return the world's row of this model, made on first use."""
        if model not in self.rows:
            if model._meta.label in EVERYBODYS:
                self.rows[model] = model._default_manager.get_or_create(**EVERYBODYS[model._meta.label])[0]
            else:
                self.rows[model] = self._make(model)
        return self.rows[model]

    def _make(self, model: type[models.Model]) -> models.Model:
        if model._meta.label in FIRST:
            self.row(apps.get_model(FIRST[model._meta.label]))
        rows = model._default_manager
        try:
            with transaction.atomic():
                made = rows.create(**self._values(model, say_all=True))
        except IntegrityError:
            # A rule forbids some text in this state, such as an answer where there is none yet.
            made = rows.create(**self._values(model, say_all=False))
        return rows.get(pk=made.pk)

    def _values(self, model: type[models.Model], *, say_all: bool) -> dict[str, Any]:
        special = SPECIAL.get(model._meta.label, {})
        # What belongs to no seller is everybody's to see.
        is_own = model in (Seller, User) or belongs_to_a_seller(model)
        word = self.word if is_own else f"Shared{next(_numbers)}"
        values: dict[str, Any] = {}
        for field in model._meta.concrete_fields:
            if field.name in special:
                values[field.name] = special[field.name]()
            elif field.remote_field is not None:
                if field.related_model is not model:
                    values[field.name] = self.row(field.related_model)
            elif not field.primary_key and not field.generated and (say_all or not field.blank):
                values[field.name] = self._value(field, word)
        return {name: value for name, value in values.items() if value is not SKIP}

    def _value(self, field: models.Field[Any, Any], word: str) -> Any:
        if field.choices:
            return SKIP if field.blank or field.has_default() else field.choices[0][0]
        if isinstance(field, models.URLField):
            return f"https://example.com/{word}"
        if isinstance(field, models.EmailField):
            return f"{word.lower()}@example.com"
        if isinstance(field, (models.CharField, models.TextField)):
            return word[: field.max_length] if field.max_length else word
        if field.null or (field.has_default() and not isinstance(field, (models.JSONField, ArrayField))):
            return SKIP
        if isinstance(field, models.UUIDField):
            return uuid.uuid4()
        if isinstance(field, models.DateTimeField):
            return timezone.now()
        if isinstance(field, models.JSONField):
            return [{"key": word, "value": word}] if field.default is list else {}
        return [word] if isinstance(field, ArrayField) else 1


SKIP = object()


def open_world(word: str) -> tuple[World, Seller, User]:
    """Fill a world and return it with its seller and the seller's owner."""
    world = World(word)
    world.fill()
    return world, world.row(Seller), world.row(Membership).user


def snapshot(world: World) -> dict[str, dict[str, Any]]:
    """Return what the database holds of every row of the world."""
    return {
        model._meta.label: next(
            iter(model._default_manager.filter(pk=row.pk).values()), {"this row": "is gone"}
        )
        for model, row in world.rows.items()
    }
