"""One running product for the browser tests, and a browser that tells on the pages."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from playwright.sync_api import BrowserContext, Page, Route

from tests.browser.reader import Reader
from tests.processes import Product, running

DOT = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><rect width="1" height="1"/></svg>'
LOOPBACK = ("http://127.0.0.1", "data:")


@pytest.fixture(scope="session")
def product() -> Generator[Product]:
    """The product as `make run` starts it, with its demo sellers."""
    with running() as product:
        yield product


@pytest.fixture
def reader(page: Page, product: Product) -> Generator[Reader]:
    """A person at the browser; whatever a visited page complained of fails the test."""
    reader = Reader(page, product)
    yield reader
    assert reader.complaints == []


@pytest.fixture
def context(context: BrowserContext) -> BrowserContext:
    """Nothing leaves this machine: the ERP's pictures are all the same dot."""

    def answer(route: Route) -> None:
        if route.request.url.startswith(LOOPBACK):
            route.continue_()
        else:
            route.fulfill(body=DOT, content_type="image/svg+xml")

    context.route("**/*", answer)
    return context
