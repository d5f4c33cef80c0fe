"""Each system check of the portal catches the mistake it is named for."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin import ModelAdmin, TabularInline
from django.core.checks import run_checks
from unfold.contrib.filters.admin import RelatedDropdownFilter

from catalog.models import Product, Variation
from hub.checks import check_admin
from hub.models import ApiKey
from hub.portal import ScopedRelatedFilter, SellerAdmin, SellerTabularInline, portal_site
from marketplaces.models import RemoteCategory


def ids(model: Any, **options: Any) -> list[str | None]:
    page = type("Page", (SellerAdmin,), options)(model, portal_site)
    return [error.id for error in check_admin(model, page)]


def test_the_portal_as_it_is_passes() -> None:
    assert [error for error in run_checks() if (error.id or "").startswith("hub.E")] == []


def test_e001_a_model_on_the_portal_without_the_base_class() -> None:
    assert [error.id for error in check_admin(Product, ModelAdmin(Product, portal_site))] == ["hub.E001"]


@pytest.mark.parametrize("item", ["created_by", ("created_by", RelatedDropdownFilter)])
def test_e002_a_filter_that_lists_other_sellers_rows(item: Any) -> None:
    assert ids(ApiKey, list_filter=(item,)) == ["hub.E002"]
    assert ids(ApiKey, list_filter=(("created_by", ScopedRelatedFilter),)) == []


def test_e002_also_along_a_path() -> None:
    assert ids(Variation, list_filter=("product__seller",)) == ["hub.E002"]


def test_e003_raw_id_fields() -> None:
    assert ids(Variation, raw_id_fields=("product",)) == ["hub.E003"]


@pytest.mark.parametrize("path", ["shop", "product", "product__sku", "sku"])
def test_e004_a_path_that_does_not_lead_to_a_seller(path: str) -> None:
    assert ids(Variation, seller_path=path) == ["hub.E004"]
    assert ids(Variation, seller_path="product__seller") == []


def test_e005_rows_of_a_seller_shown_to_everybody() -> None:
    assert ids(Variation, seller_path=None) == ["hub.E005"]
    assert ids(RemoteCategory, seller_path=None) == []


def test_e006_an_inline_without_scoped_choices() -> None:
    plain = type("Plain", (TabularInline,), {"model": Variation})
    scoped = type("ScopedRows", (SellerTabularInline,), {"model": Variation})
    assert ids(Product, inlines=(plain,)) == ["hub.E006"]
    assert ids(Product, inlines=(scoped,)) == []
