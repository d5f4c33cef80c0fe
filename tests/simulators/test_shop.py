"""The shop as a shopper's browser sees it."""

from __future__ import annotations

import re

import pytest
import requests

from tests.simulators.lab import Seller, headphone, mug, nfe_key

HOSTILE = "Caneca <script>alert(1)</script> \"&' 💚"


def page(ana: Seller, path: str = "/", status: int = 200) -> str:
    answer = requests.get(ana.sim.url + path, timeout=5)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("text/html")
    return answer.text


def post(ana: Seller, path: str, **form: str) -> requests.Response:
    return requests.post(ana.sim.url + path, data=form, timeout=5, allow_redirects=False)


def on_sale(ana: Seller, **changes: object) -> str:
    return str(ana.publish(mug("M1", **changes))["M1"]["listing_id"])


def test_products_show_price_stock_and_seller(ana: Seller) -> None:
    on_sale(ana, price="1234.56", list_price="2000.00", quantity=7)
    text = page(ana)
    for shown in ("Caneca M1", "R$ 1.234,56", "R$ 2.000,00", "-38%", "7 em estoque", "Loja da Ana"):
        assert shown in text


def test_only_what_is_on_sale_is_shown(ana: Seller) -> None:
    ana.load(mug("M1"))
    assert "Nenhum produto à venda ainda." in page(ana)
    ana.clock.advance(2)
    assert "Caneca M1" in page(ana)
    ana.call("POST", "/v1/listings/withdraw", {"skus": ["M1"]})
    assert "Caneca M1" not in page(ana)
    page(ana, "/p/SBX-L1", 404)


def test_the_address_the_seller_is_given_leads_to_the_product(ana: Seller) -> None:
    url = ana.publish(mug("M1"))["M1"]["url"]
    assert "Caneca M1" in requests.get(url, timeout=5).text


def test_search_pages_and_shops_narrow_what_is_shown(ana: Seller, beto: Seller) -> None:
    ana.publish(*(mug(f"M{number:02d}", title=f"Xícara nº {number:02d}") for number in range(30)))
    beto.publish(mug("B1", title="Açucareiro"))
    assert page(ana).count('<li class="card">') == 24
    assert page(ana, "/?page=2").count('<li class="card">') == 7
    assert page(ana, "/?page=99").count('<li class="card">') == 7
    assert "Açucareiro" in page(ana, "/?q=ACUCAREIRO")
    assert page(ana, "/?q=xicara+07").count('<li class="card">') == 1
    assert page(ana, f"/?seller={beto.id}").count('<li class="card">') == 1
    assert "Nenhum produto encontrado." in page(ana, "/?q=%25")


def test_everything_that_comes_from_outside_is_escaped(ana: Seller) -> None:
    listing = on_sale(
        ana,
        title=HOSTILE,
        brand=HOSTILE,
        description=HOSTILE,
        images=["https://a.b/'onerror='alert(1).jpg", "https://a.b/c.jpg"],
    )
    order = ana.sim.create_orders(
        [
            {
                "account": ana.id,
                "lines": [{"sku": "M1"}],
                "customer": {"name": HOSTILE},
                "address": {"street": HOSTILE},
            }
        ]
    )[0]
    ana.sim.cancel_order(order["id"], HOSTILE)
    for path in ("/", f"/p/{listing}", "/pedidos", f"/pedidos/{order['id']}", "/?q=<script>alert(1)"):
        text = page(ana, path)
        assert "<script>alert" not in text
        assert "'onerror" not in text
    assert "&lt;script&gt;alert(1)" in page(ana, f"/p/{listing}")


def test_one_click_makes_one_order_and_takes_the_units(ana: Seller) -> None:
    listing = on_sale(ana, quantity=3)
    assert re.search(r'<button id="buy">Comprar</button>', page(ana, f"/p/{listing}"))
    answer = post(ana, f"/p/{listing}/comprar", quantity="2")
    assert answer.status_code == 303
    assert "Caneca M1" in page(ana, answer.headers["Location"])
    (order,) = ana.call("GET", "/v1/orders").json()["orders"]
    assert (order["items"][0]["quantity"], order["items"][0]["price"]) == (2, "19.90")
    assert ana.read("M1")["quantity"] == 1


def test_a_sold_out_product_says_so_and_cannot_be_bought(ana: Seller) -> None:
    listing = on_sale(ana, quantity=1)
    assert post(ana, f"/p/{listing}/comprar", quantity="2").status_code == 409
    post(ana, f"/p/{listing}/comprar", quantity="1")
    assert re.search(r'<button id="buy" disabled>Esgotado', page(ana, f"/p/{listing}"))
    late = post(ana, f"/p/{listing}/comprar", quantity="1")
    assert (late.status_code, "Esgotado" in late.text) == (409, True)
    assert ana.sim.orders(ana.id)["total"] == 1


@pytest.mark.parametrize("quantity", ["0", "-1", "x", "", "1e9", "٣", "1000", "9" * 50])
def test_odd_quantities_buy_nothing(ana: Seller, quantity: str) -> None:
    listing = on_sale(ana)
    assert post(ana, f"/p/{listing}/comprar", quantity=quantity).status_code == 400
    assert ana.sim.orders(ana.id)["total"] == 0


def test_an_order_shows_its_invoice_and_tracking_and_can_be_cancelled_before(ana: Seller) -> None:
    on_sale(ana)
    first, second = ana.order("M1"), ana.order("M1")
    assert "Ainda não faturado." in page(ana, f"/pedidos/{first['id']}")
    ana.sim.approve_order(first["id"])
    when = "2026-11-20T12:00:00Z"
    path = f"/v1/orders/{first['id']}"
    ana.call("POST", f"{path}/invoice", {"key": nfe_key(), "issued_at": when})
    ana.call("POST", f"{path}/shipment", {"code": "E1", "shipped_at": when, "tracking_code": "BR123"})
    text = page(ana, f"/pedidos/{first['id']}")
    assert nfe_key() in text
    assert "BR123" in text
    assert "Cancelar como cliente" not in text
    refused = post(ana, f"/pedidos/{first['id']}/cancelar")
    assert (refused.status_code, "não pode mais ser cancelado" in refused.text) == (409, True)
    assert "Cancelar como cliente" in page(ana, f"/pedidos/{second['id']}")
    assert post(ana, f"/pedidos/{second['id']}/cancelar").status_code == 303
    assert "Cancelado por cliente" in page(ana, f"/pedidos/{second['id']}")


def test_the_whole_shop_speaks_english_when_asked(ana: Seller) -> None:
    listing = str(ana.publish(headphone("H1"))["H1"]["listing_id"])
    order = ana.order("H1")
    for path, words in (
        ("/?lang=en", ("Search products", "Sold by", "in stock")),
        (f"/p/{listing}?lang=en", ("Buy", "Details", "Brand", "Barcode")),
        ("/pedidos?lang=en", ("Orders", "Status", "New")),
        (f"/pedidos/{order['id']}?lang=en", ("Cancel as the customer", "Not invoiced yet.", "Shipping")),
        ("/nowhere?lang=en", ()),
    ):
        text = page(ana, path, 404 if "nowhere" in path else 200)
        assert '<html lang="en">' in text
        assert all(word in text for word in words)
        assert not re.search(r"Comprar|Pedidos|Buscar|Esgotado|Vendido|Ainda", text)


def test_variations_lead_to_each_other(ana: Seller) -> None:
    attributes = {"modelo": "PH-1"}
    found = ana.publish(
        headphone("H1", parent_sku="H", title="Fone de ouvido", attributes={**attributes, "cor": "Preto"}),
        headphone("H2", parent_sku="H", title="Fone de ouvido", attributes={**attributes, "cor": "Branco"}),
    )
    text = page(ana, f"/p/{found['H1']['listing_id']}")
    assert f'href="/p/{found["H2"]["listing_id"]}">Branco</a>' in text


@pytest.mark.parametrize(
    "path",
    [
        "/p/x",
        "/p/SBX-L0",
        "/p/SBX-L" + "9" * 40,
        "/p/SBX-L%D9%A3",
        "/p/%00",
        "/p/%ff%fe",
        "/pedidos/SBX-P7",
        "/pedidos/../../etc/passwd",
        "/shop.py",
        "/" + "x" * 5000,
    ],
)
def test_unknown_addresses_are_not_found_and_nothing_breaks(ana: Seller, path: str) -> None:
    page(ana, path, 404)


@pytest.mark.parametrize(
    "query", ["page=-1", "page=x", "page=%00", "q=%00%ff", "q=" + "a+" * 500, "seller=SBX-A9", "&&=&"]
)
def test_odd_queries_still_show_the_shop(ana: Seller, query: str) -> None:
    page(ana, f"/?{query}")


def test_wrong_methods_are_refused(ana: Seller) -> None:
    assert requests.put(ana.sim.url + "/", timeout=5).status_code == 405
    assert requests.head(ana.sim.url + "/", timeout=5).text == ""
    assert post(ana, "/").status_code == 404


def test_the_shop_is_reached_without_scripts_from_elsewhere(ana: Seller) -> None:
    headers = requests.get(ana.sim.url + "/", timeout=5).headers
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert requests.get(ana.sim.url + "/shop.css", timeout=5).headers["Content-Type"].startswith("text/css")
    assert requests.get(ana.sim.url + "/shop.js", timeout=5).ok
    assert requests.get(ana.sim.url + "/favicon.ico", timeout=5).ok
