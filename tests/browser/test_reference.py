"""The API's reference at /docs/: every call is there, and can be made from the page."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.api.document import operations
from tests.browser.reader import PHONE, Reader
from tests.processes import Product

DESK = {"width": 1366, "height": 900}
SCHEMES = {
    "UserEmail": "X-User-Email",
    "ApiKey": "X-Api-Key",
    "AccountManagerKey": "X-Accountmanager-Key",
}


@pytest.mark.parametrize("window", [DESK, PHONE], ids=["desk", "phone"])
def test_every_call_is_listed_and_can_be_made(
    product: Product, reader: Reader, window: dict[str, int]
) -> None:
    page = reader.page
    page.set_viewport_size(window)
    reader.open("/docs/")
    expect(page.locator(".opblock")).to_have_count(len(operations()), timeout=60_000)
    assert reader.overflow() == 0

    page.locator(".btn.authorize").first.click()
    for scheme, header in SCHEMES.items():
        form = page.locator(f".auth-container:has(code:text-is('{scheme}'))").first
        form.locator("input").fill(product.demo["api_headers"][header])
        form.locator("button.authorize").click()
    page.locator(".btn-done").first.click()

    call = page.locator("#operations-Products-products_list")
    call.locator(".opblock-summary").click()
    call.locator(".try-out__btn").click()
    call.locator(".execute").click()
    answer = call.locator(".live-responses-table tbody")
    expect(answer.locator(".response-col_status").first).to_have_text("200")
    expect(answer).to_contain_text('"products"')
