"""A seller's first day in a real browser, against the running product: from credentials to the invoice."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

import marketplaces
from catalog.demo import catalogue
from hub.erp import orders as erp_orders
from hub.erp.http import in_path
from tests.browser.reader import Reader
from tests.scenarios.journey import CATEGORY_MAP

TAXONOMY = Path(marketplaces.__file__).parent / "simulators" / "sandbox" / "taxonomy.json"
BRAND = "Ventura"
"""Six products of the demo seller; the next two have a mistake each, which the ERP then corrects."""
NO_BARCODE, NO_PICTURE = "AIR-VENTURA-4L", "FERRO-VENTURA-VAPOR"
REFUSED, UNMAPPED = 3, 3
"""SKUs of those two; and of an "aventura" game, found with them, whose category the sandbox does not have."""
SOLD = "LIQ-VENTURA-BASIC550"
PATIENCE = 60_000
"""Milliseconds that the hub and the sandbox may take together; on an idle machine it is a few seconds."""


def leaf_names() -> dict[str, str]:
    """The names of the sandbox's categories."""
    content = json.loads(TAXONOMY.read_text(encoding="utf-8"))
    return {node["id"]: node["name"] for node in content["categories"]}


def reload_until(page: Page, holds: Callable[[], Any]) -> None:
    """What a person does where a page does not move by itself."""
    until = time.monotonic() + PATIENCE / 1000
    while not holds():
        assert time.monotonic() < until, page.locator("main, body").first.inner_text()[:3000]
        page.wait_for_timeout(500)
        page.reload()


def test_from_the_credentials_to_the_invoice(reader: Reader) -> None:
    product, page = reader.product, reader.page
    api = product.api()
    reader.sign_in(*product.sign_in("owner"))

    # An account at the marketplace.
    page.get_by_role("link", name="Contas conectadas").first.click()
    page.get_by_role("link", name="Conectar uma conta").first.click()
    page.get_by_role("link", name="Sandbox").click()
    page.locator("input[name=credential_api_key]").fill(product.demo["sandbox"]["api_key"])
    page.locator("input[name=credential_webhook_secret]").fill(product.demo["sandbox"]["webhook_secret"])
    page.get_by_role("button", name="Conectar", exact=True).click()

    # Its categories: most are suggested rightly, the others are chosen by hand.
    progress = page.locator("#mapping-progress")
    expect(progress).to_contain_text(re.compile(r"^\s*0 de \d+ categorias"))
    page.get_by_role("button", name=re.compile("Aceitar todas as sugestões")).click()
    expect(progress).not_to_contain_text(re.compile(r"^\s*0 de"))
    map_by_hand(page)

    # Products, Conectar, and a load that reaches its end while we watch.
    reader.open(f"/portal/catalog/product/?q={BRAND}")
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option("connect")
    page.get_by_role("button", name="Executar").click()
    expect(page.get_by_role("checkbox", name="Sandbox")).to_be_checked()
    page.get_by_role("button", name="Conectar", exact=True).click()
    first_load = watch_load(page)
    refused = page.locator("#load-live tbody tr", has=page.get_by_text("Erro", exact=True))
    expect(refused).to_have_count(REFUSED + UNMAPPED)
    for sku, cause in ((NO_BARCODE, "EAN"), (NO_PICTURE, "imagem")):
        row = refused.filter(has_text=sku).first
        expect(row).to_contain_text(re.compile(cause, re.IGNORECASE))
    expect(page.get_by_text("Nenhum foi corrigido no ERP ainda.")).to_be_visible()

    # The ERP corrects, the seller reconnects.
    fixes = [{"sku": sku} | fix for sku, fix in catalogue.fixes() if sku in (NO_BARCODE, NO_PICTURE)]
    assert len(fixes) == 2
    api.need("PUT", "/bulk/products", {"products": fixes})
    again = page.get_by_role("button", name=re.compile("Reconectar os corrigidos"))
    reload_until(page, again.is_visible)
    reload_until(page, lambda: f"({REFUSED})" in again.inner_text())
    again.click()
    assert watch_load(page) != first_load
    expect(page.locator("tr", has_text=NO_PICTURE).first).to_contain_text("ver")

    # A new price reaches the marketplace by itself, and a shopper buys.
    api.need("PUT", "/bulk/prices", {"items": [{"sku": SOLD, "price": 1234.56, "promotional_price": None}]})
    reader.open(f"/portal/marketplaces/load/{first_load}/change/?q={SOLD}")
    shown_at = page.get_by_role("link", name="ver", exact=True).first.get_attribute("href")
    assert shown_at is not None
    page.goto(shown_at)
    reload_until(page, lambda: "R$ 1.234,56" in page.locator("main").inner_text())
    page.locator("#buy").click()
    page.wait_for_url("**/pedidos/*")
    order_page = page.url
    number = order_page.rpartition("/")[2]
    expect(page.get_by_text("Ainda não faturado.")).to_be_visible()

    # The order is in the portal; the ERP takes it from the queue and invoices it.
    reader.open("/portal/orders/order/")
    reload_until(page, lambda: page.get_by_role("link", name=re.compile(number)).count())
    order = take_from_queue(api, f"Sandbox-{number}")
    key = erp_orders.send_invoice(api, order)
    api.need("DELETE", f"/queues/orders/{in_path(order['code'])}")
    page.goto(order_page)
    expect(page.locator("main")).to_contain_text(key, timeout=PATIENCE)
    expect(page.locator("main")).to_contain_text("Faturado")
    reader.open("/portal/orders/order/")
    page.get_by_role("link", name=re.compile(number)).first.click()
    expect(page.locator("body")).to_contain_text(key)


def map_by_hand(page: Page) -> None:
    """Choose the marketplace's category for every category of the seller that has no good suggestion."""
    names = leaf_names()
    page.get_by_role("link", name=re.compile("Não mapeadas")).click()
    rows = page.locator("[id^=category-]")
    expect(rows.first).to_be_visible()
    for identity in rows.evaluate_all("rows => rows.map(row => row.id)"):
        row = page.locator(f"#{identity}")
        code = row.locator(".hub-muted").first.inner_text().partition("·")[0].strip()
        if code not in CATEGORY_MAP:
            continue  # the demo seller sells something the sandbox has no place for
        wanted = CATEGORY_MAP[code]
        row.get_by_role("searchbox").press_sequentially(names[wanted], delay=5)
        option = row.locator("option").filter(has_text=names[wanted]).first
        expect(option).to_be_attached()
        row.locator("select").select_option(label=option.inner_text().strip())
        row.get_by_role("button", name="Salvar").click()
        expect(row).to_contain_text("Salvo")


def watch_load(page: Page) -> str:
    """Wait on a load's page, without touching it, until every item has its result; returns its number."""
    page.wait_for_url("**/marketplaces/load/*/change/**")
    page.evaluate("window.untouched = true")
    expect(page.locator("#load-live")).to_contain_text("Concluída", timeout=PATIENCE)
    assert page.evaluate("window.untouched"), "the page was loaded anew"
    said = re.search(r"(\d+) de (\d+) já têm resultado", page.locator("#load-live").inner_text())
    assert said is not None
    assert said[1] == said[2]
    polled = page.locator("#load-live").get_attribute("hx-get")
    assert polled is None, "a finished load is asked about no more"
    return page.url.split("/load/")[1].partition("/")[0]


def take_from_queue(api: Any, code: str) -> dict[str, Any]:
    """Take an order out of the ERP's queue until its payment is approved."""
    until = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < until:
        order: dict[str, Any] | None = api.need("GET", "/queues/orders")
        if order is None:
            time.sleep(0.3)
        elif order["status"]["type"] == "APPROVED":
            assert order["code"] == code
            return order
        else:
            api.need("DELETE", f"/queues/orders/{in_path(order['code'])}")
    raise AssertionError("the order never came out of the queue")
