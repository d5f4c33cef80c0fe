"""The shop in a real browser: on a telephone, in the dark, one click from product to order."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.simulators.lab import Seller, headphone, mug

LONG = "Superlongapalavrasemespaço" * 4


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_scrolls_sideways(page: Page, ana: Seller, width: int, scheme: str) -> None:
    listing = ana.publish(
        mug("M1", title=LONG, description=LONG, quantity=99, price="99999.99", list_price="199999.99"),
        mug("M2"),
    )["M1"]["listing_id"]
    order = ana.order("M1")
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for path in ("/", f"/p/{listing}", "/pedidos", f"/pedidos/{order['id']}", "/nada"):
        page.goto(ana.sim.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert back == {"light": "rgb(245, 246, 248)", "dark": "rgb(17, 22, 28)"}[scheme]


def test_a_shopper_searches_buys_and_gives_up(page: Page, ana: Seller) -> None:
    ana.publish(headphone("H1", quantity=3), mug("M1"))
    page.goto(ana.sim.url)
    page.get_by_role("searchbox").fill("fone")
    page.get_by_role("button", name="Buscar").click()
    page.get_by_role("link", name="Fone de ouvido H1").last.click()
    page.get_by_label("Quantidade").fill("2")
    page.locator("#buy").click()
    expect(page.get_by_text("Novo")).to_be_visible()
    order = ana.call("GET", "/v1/orders").json()["orders"][0]
    assert order["items"][0]["quantity"] == 2
    ana.call("POST", f"/v1/orders/{order['id']}/accept", {})
    expect(page.get_by_text("Aguardando pagamento")).to_be_visible()  # the page follows the order by itself
    page.get_by_role("button", name="Cancelar como cliente").click()
    expect(page.get_by_text("Cancelado por cliente")).to_be_visible()
    assert ana.call("GET", f"/v1/orders/{order['id']}").json()["status"] == "canceled"


def test_a_picture_that_does_not_load_leaves_the_placeholder(page: Page, ana: Seller) -> None:
    broken = f"{ana.sim.url}/nothing.jpg"
    listing = ana.publish(mug("M1", title="Caneca Azul", images=[broken]))["M1"]["listing_id"]
    page.goto(f"{ana.sim.url}/p/{listing}")
    expect(page.locator("img")).to_have_count(0)
    expect(page.get_by_text("CA", exact=True)).to_be_visible()
