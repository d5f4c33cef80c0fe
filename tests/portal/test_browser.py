"""The portal in a real browser: on a phone, in the dark, under the content security policy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, Page

from hub.models import User
from hub.portal import portal_site
from tests.portal.conftest import PASSWORD, sign_in
from tests.portal.sentinel import World, open_world
from tests.portal.test_tenancy import change_url, list_url, named_pages, text

SIZES = [({"width": 390, "height": 844}, "dark"), ({"width": 1440, "height": 900}, "light")]


@pytest.fixture(autouse=True)
def playwright_beside_django(monkeypatch: pytest.MonkeyPatch) -> None:
    # Playwright's own event loop makes Django think it runs inside async code.
    monkeypatch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    # The server's threads outlive a request and would keep the test database open.
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)


@pytest.fixture
def world(transactional_db: None) -> tuple[World, User]:
    # No row points at pictures elsewhere: what fails to load would look like an error of the page.
    filled, _seller, person = open_world("Lojadaana")
    product = next(row for model, row in filled.rows.items() if model.__name__ == "Product")
    type(product)._default_manager.update(images=[])
    type(filled.rows[type(product)])._default_manager.update(images=[])
    return filled, person


def complaints(page: Page) -> list[str]:
    """What the browser holds against a page: errors, and what the policy blocked."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda line: found.append(line.text) if line.type == "error" else None)
    return found


def pages(world: World, client: Client) -> Iterator[str]:
    """Every address that answers with a whole page."""
    found = ["/portal/"]
    found += [f"/portal/{one.pattern}" for one in named_pages() if not one.pattern.converters]
    for model in portal_site._registry:
        found += [list_url(model), change_url(model, world.row(model).pk)]
    for address in found:
        response = client.get(address)
        if response.status_code == 200 and "<html" in text(response):
            yield address


@pytest.mark.parametrize(("viewport", "scheme"), SIZES)
def test_no_page_scrolls_sideways_or_complains(
    live_server: Any, browser: Browser, world: tuple[World, User], viewport: Any, scheme: Any
) -> None:
    filled, person = world
    context = browser.new_context(viewport=viewport, color_scheme=scheme, locale="pt-BR")
    client = sign_in(person)
    session = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    found = complaints(page)
    visited = list(pages(filled, client))
    assert len(visited) > 20
    for address in visited:
        page.goto(live_server.url + address)
        page.wait_for_function("!document.documentElement.hasAttribute('x-cloak')")
        sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(sideways) == 0, address
        assert found == [], address


def test_signing_in_choosing_a_language_and_a_filter(
    live_server: Any, browser: Browser, world: tuple[World, User]
) -> None:
    _filled, person = world
    person.set_password(PASSWORD)
    person.save()
    page = browser.new_context(locale="pt-BR").new_page()
    found = complaints(page)
    page.goto(f"{live_server.url}/portal/")
    page.get_by_label("E-mail").fill(person.email)
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Entrar").click()
    page.get_by_role("link", name="Produtos", exact=True).click()
    page.get_by_text("Filtros", exact=False).first.click()
    page.locator("[name=brand]").fill("nada disso")
    page.get_by_role("button", name="Aplicar filtros").click()
    page.get_by_text("Nada encontrado").wait_for()
    assert "brand=nada+disso" in page.url
    page.get_by_text(person.email).click()
    page.get_by_role("button", name="English").click()
    page.get_by_text("No results found").wait_for()
    assert found == []
