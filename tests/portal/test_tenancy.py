"""No page of the portal shows or changes another seller's rows, whoever wrote the page."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import models
from django.http import HttpResponse
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, reverse

from catalog.models import Product
from hub.models import Membership, Seller, User
from hub.portal import portal_site
from tests.portal.conftest import sign_in
from tests.portal.sentinel import World, open_world, snapshot

BETO = "Zqxwvbeto"
SESSION_PAGES = {"logout", "login", "switch_seller"}


@pytest.fixture
def beto(db: None) -> tuple[World, User]:
    # First of all, so that Ana's numbers differ from his.
    world, _seller, person = open_world(BETO)
    return world, person


@pytest.fixture
def ana(beto: tuple[World, User]) -> tuple[World, Client]:
    world, _seller, person = open_world("Anaanaana")
    return world, sign_in(person)


def text(response: HttpResponse) -> str:
    if response.streaming:
        return b"".join(response.streaming_content).decode(errors="replace")  # type: ignore[arg-type]
    return response.content.decode(errors="replace")


def named_pages() -> Iterator[URLPattern]:
    """Every named address of the portal."""
    for one in portal_site.get_urls():
        for pattern in getattr(one, "url_patterns", [one]):
            if pattern.name and pattern.name not in SESSION_PAGES:
                yield pattern


def addresses(pattern: URLPattern, world: World) -> Iterator[str]:
    """The address with every number of the world first, and then those that fit the place's name."""
    names = list(pattern.pattern.converters)
    choices = [numbers_of(world) if place == 0 else fitting(world, name) for place, name in enumerate(names)]
    for values in itertools.product(*choices):
        try:
            yield reverse(f"portal:{pattern.name}", kwargs=dict(zip(names, values, strict=True)))
        except NoReverseMatch:
            continue


def fitting(world: World, name: str) -> list[Any]:
    """The number of the model the place is named after, else all."""
    name = {"remote": "remotecategory", "key": "apikey", "member": "membership"}.get(
        name.removesuffix("_id"), name.removesuffix("_id")
    )
    return [row.pk for model, row in world.rows.items() if model._meta.model_name == name] or [
        *numbers_of(world),
        "content",
    ]


def numbers_of(world: World) -> list[Any]:
    """The numbers that appear in addresses: each row's own, once."""
    keys = {row.pk for row in world.rows.values() if isinstance(row.pk, (int, str))}
    keys |= {row.public_id for row in world.rows.values() if hasattr(row, "public_id")}
    return sorted(keys, key=str)


def change_url(model: type[models.Model], pk: Any, page: str = "change") -> str:
    return reverse(f"portal:{model._meta.app_label}_{model._meta.model_name}_{page}", args=[pk])


def list_url(model: type[models.Model]) -> str:
    return reverse(f"portal:{model._meta.app_label}_{model._meta.model_name}_changelist")


def test_beto_finds_his_own_rows_so_that_the_sentinel_means_something(beto: tuple[World, User]) -> None:
    _world, person = beto
    client = sign_in(person)
    shown = {model for model in portal_site._registry if BETO in text(client.get(list_url(model)))}
    belonging = {model for model, page in portal_site._registry.items() if page.seller_path is not None}
    assert shown >= belonging
    assert len(belonging) >= 4


def test_no_page_shows_another_sellers_rows(beto: tuple[World, User], ana: tuple[World, Client]) -> None:
    world, _person = beto
    _mine, client = ana
    visited = 0
    for pattern in named_pages():
        for address in addresses(pattern, world):
            answers = [client.get(address)]
            if answers[0].status_code == 200:
                answers.append(client.get(f"{address}?q={BETO.lower()}"))
            for response in answers:
                assert response.status_code < 500, address
                assert BETO not in text(response), address
            # What is said of addresses that only take forms waits for a page nobody opens here.
            client.cookies.pop("messages", None)
            visited += 1
    assert visited > 50


def test_lists_details_histories_and_choices_keep_to_the_seller(
    beto: tuple[World, User], ana: tuple[World, Client]
) -> None:
    world, _person = beto
    mine, client = ana
    for model, page in portal_site._registry.items():
        listed = client.get(list_url(model))
        assert listed.status_code == 200, model
        assert BETO not in text(listed), model
        own = client.get(change_url(model, mine.row(model).pk))
        assert own.status_code == 200, model
        assert BETO not in text(own), model
        if page.seller_path is None:
            continue
        for name in ("change", "history", "delete"):
            foreign = client.get(change_url(model, world.row(model).pk, name))
            assert foreign.status_code in (302, 403, 404), (model, name)


def test_filters_and_searches_keep_to_the_seller(beto: tuple[World, User], ana: tuple[World, Client]) -> None:
    world, _person = beto
    _mine, client = ana
    for model in portal_site._registry:
        row = world.row(model)
        for field in model._meta.concrete_fields:
            value = getattr(row, field.attname)
            for lookup in (field.name, f"{field.attname}__exact", f"{field.name}__id__exact"):
                response = client.get(list_url(model), {lookup: str(value)}, follow=True)
                assert response.status_code < 500, (model, lookup)
                assert change_url(model, row.pk) not in text(response), (model, lookup)


def test_suggestions_keep_to_the_seller(beto: tuple[World, User], ana: tuple[World, Client]) -> None:
    _mine, client = ana
    for model in portal_site._registry:
        for field in model._meta.concrete_fields:
            if field.remote_field is None:
                continue
            names = {
                "app_label": model._meta.app_label,
                "model_name": model._meta.model_name,
                "field_name": field.name,
                "term": "",
            }
            response = client.get(reverse("portal:autocomplete"), names)
            assert response.status_code in (200, 403), (model, field)
            assert BETO not in text(response), (model, field)


def test_no_post_changes_another_sellers_rows(beto: tuple[World, User], ana: tuple[World, Client]) -> None:
    world, _person = beto
    _mine, client = ana
    before = snapshot(world)
    for pattern in named_pages():
        for address in addresses(pattern, world):
            response = client.post(address, {"name": "x", "role": "viewer", "post": "yes"})
            assert response.status_code < 500, address
            assert BETO not in text(response), address
            client.cookies.pop("messages", None)
    assert snapshot(world) == before


@pytest.mark.parametrize("across", ["0", "1"])
def test_no_action_reaches_another_sellers_rows(
    beto: tuple[World, User], ana: tuple[World, Client], across: str, rf: Any
) -> None:
    world, _person = beto
    _mine, client = ana
    before = snapshot(world)
    for model in portal_site._registry:
        page = client.get(list_url(model))
        form = page.context and page.context.get("action_form")
        for name, _label in form.fields["action"].choices if form else ():
            if not name:
                continue
            chosen = {"action": name, "select_across": across, ACTION_CHECKBOX_NAME: world.row(model).pk}
            response = client.post(list_url(model), {**chosen, "index": "0"}, follow=True)
            assert response.status_code < 500, (model, name)
            assert BETO not in text(response), (model, name)
    assert snapshot(world) == before


def test_nobody_sees_a_page_without_signing_in(beto: tuple[World, User], anonymous: Client) -> None:
    world, _person = beto
    for pattern in named_pages():
        for address in addresses(pattern, world):
            response = anonymous.get(address)
            assert response.status_code in (302, 404), address
            if pattern.name != "jsi18n" and response.status_code == 302:
                assert response["Location"].startswith("/portal/login/"), address


@pytest.mark.parametrize("field", ["q", "p", "state__exact", "category", "brand", "lane"])
def test_a_nul_character_is_a_bad_request(ana: tuple[World, Client], field: str) -> None:
    _mine, client = ana
    for model in portal_site._registry:
        assert client.get(list_url(model), {field: "\x00"}).status_code == 400, model
    chosen = {"action": "connect", "_selected_action": "\x00"}
    assert client.post(list_url(Product), chosen).status_code == 400


def test_being_added_to_another_seller_carries_nobody_off(
    beto: tuple[World, User], ana: tuple[World, Client]
) -> None:
    world, person = beto
    mine, _client = ana
    Seller.objects.filter(pk=mine.row(Seller).pk).update(name="AAA Loja")
    Membership.objects.create(seller=mine.row(Seller), user=person, role="owner")
    listed = text(sign_in(person).get(list_url(Product)))
    assert change_url(Product, world.row(Product).pk) in listed
    assert change_url(Product, mine.row(Product).pk) not in listed


def test_a_member_of_two_sellers_sees_one_at_a_time(
    beto: tuple[World, User], ana: tuple[World, Client]
) -> None:
    world, person = beto
    mine, _client = ana
    Membership.objects.create(seller=mine.row(Seller), user=person, role="viewer")
    client = sign_in(person)
    client.post(reverse("portal:switch_seller"), {"seller": mine.row(Seller).pk})
    listed = text(client.get(list_url(Product)))
    assert change_url(Product, mine.row(Product).pk) in listed
    assert change_url(Product, world.row(Product).pk) not in listed
    client.post(reverse("portal:switch_seller"), {"seller": world.row(Seller).pk})
    assert change_url(Product, world.row(Product).pk) in text(client.get(list_url(Product)))
