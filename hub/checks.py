"""System checks that keep sellers apart, so that a new page cannot forget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register
from django.db import models

from hub.models import Seller
from hub.portal import (
    Scoped,
    ScopedRelatedFilter,
    SellerAdmin,
    portal_site,
    relation_filters,
    resolves_to_seller,
)


@register()
def portal_is_scoped(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check every admin registered on the portal."""
    return [
        error
        for model, model_admin in portal_site._registry.items()
        for error in check_admin(model, model_admin)
    ]


def check_admin(model: type[models.Model], model_admin: Any) -> Iterator[CheckMessage]:
    """Yield what would show one seller's rows to another."""
    name = type(model_admin).__name__
    if not isinstance(model_admin, SellerAdmin):
        yield Error(f"{model.__name__} is on the portal without SellerAdmin.", obj=name, id="hub.E001")
        return
    for filter_name, cls in relation_filters(model, model_admin.list_filter):
        if cls is None or not issubclass(cls, ScopedRelatedFilter):
            yield Error(
                f"{name}.list_filter: {filter_name!r} lists other sellers' rows.",
                hint="Use (name, ScopedRelatedFilter).",
                obj=name,
                id="hub.E002",
            )
    if model_admin.raw_id_fields:
        yield Error(
            f"{name}.raw_id_fields shows the name of any row whose number is typed.",
            hint="Use autocomplete_fields.",
            obj=name,
            id="hub.E003",
        )
    if model_admin.seller_path is None:
        if belongs_to_a_seller(model):
            yield Error(
                f"{name}.seller_path is None, but {model.__name__} belongs to a seller.",
                obj=name,
                id="hub.E005",
            )
    elif not resolves_to_seller(model, model_admin.seller_path):
        yield Error(
            f"{name}.seller_path: {model_admin.seller_path!r} does not lead to a seller.",
            obj=name,
            id="hub.E004",
        )
    for inline in model_admin.inlines:
        if not issubclass(inline, Scoped):
            yield Error(
                f"{name}.inlines: {inline.__name__} does not scope its choices.",
                hint="Use SellerTabularInline.",
                obj=name,
                id="hub.E006",
            )


def belongs_to_a_seller(model: type[models.Model], depth: int = 3) -> bool:
    """Tell whether some chain of foreign keys leads from the model to a seller."""
    for field in model._meta.get_fields():
        if isinstance(field, models.ForeignKey) and isinstance(field.related_model, type):
            if field.related_model is Seller:
                return True
            if (
                depth
                and field.related_model is not model
                and belongs_to_a_seller(field.related_model, depth - 1)
            ):
                return True
    return False
