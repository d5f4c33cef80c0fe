"""The shop's pages as HTML: every value that comes from outside passes through `esc`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape as esc
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from marketplaces.simulators.sandbox.rules import is_web_address, reais

ENGLISH: Mapping[str, str] = MappingProxyType(
    {
        "Produtos": "Products",
        "Pedidos": "Orders",
        "Buscar produtos": "Search products",
        "Buscar": "Search",
        "Todas as lojas": "All shops",
        "Vendido por": "Sold by",
        "de": "was",
        "por": "now",
        "Esgotado": "Sold out",
        "em estoque": "in stock",
        "Nenhum produto à venda ainda.": "Nothing on sale yet.",
        "Nenhum produto encontrado.": "No products found.",
        "Nenhum pedido ainda.": "No orders yet.",
        "Anterior": "Previous",
        "Próxima": "Next",
        "Página": "Page",
        "Comprar": "Buy",
        "Quantidade": "Quantity",
        "Outras opções": "Other options",
        "Ficha técnica": "Details",
        "Descrição": "Description",
        "Marca": "Brand",
        "Código de barras": "Barcode",
        "Anúncio": "Listing",
        "Pedido": "Order",
        "Data": "Date",
        "Loja": "Shop",
        "Situação": "Status",
        "Total": "Total",
        "Frete": "Shipping",
        "Desconto": "Discount",
        "Juros": "Interest",
        "Produto": "Product",
        "Preço": "Price",
        "Cliente": "Customer",
        "Entrega": "Delivery",
        "Nota fiscal": "Invoice",
        "Ainda não faturado.": "Not invoiced yet.",
        "Rastreio": "Tracking",
        "Ainda não enviado.": "Not shipped yet.",
        "Pagamento": "Payment",
        "Cancelar como cliente": "Cancel as the customer",
        "Cancelado por": "Canceled by",
        "customer": "the customer",
        "seller": "the shop",
        "Voltar aos produtos": "Back to the products",
        "Página não encontrada": "Page not found",
        "Não foi possível": "That did not work",
        "produtos à venda": "products on sale",
        "Um marketplace de teste: nada aqui é vendido de verdade.": (
            "A marketplace for testing: nothing here is really sold."
        ),
        "credit_card": "Credit card",
        "pix": "Pix",
        "boleto": "Boleto",
        "new": "New",
        "awaiting_payment": "Awaiting payment",
        "approved": "Payment approved",
        "invoiced": "Invoiced",
        "shipped": "Shipped",
        "delivered": "Delivered",
        "canceled": "Canceled",
    }
)
PORTUGUESE: Mapping[str, str] = MappingProxyType(
    {
        "new": "Novo",
        "awaiting_payment": "Aguardando pagamento",
        "approved": "Pagamento aprovado",
        "invoiced": "Faturado",
        "shipped": "Enviado",
        "delivered": "Entregue",
        "canceled": "Cancelado",
        "credit_card": "Cartão de crédito",
        "pix": "Pix",
        "boleto": "Boleto",
        "customer": "cliente",
        "seller": "loja",
    }
)


@dataclass(frozen=True, slots=True)
class Tongue:
    """The language of one visit; Portuguese unless ``?lang=en``."""

    is_english: bool = False

    def __call__(self, text: str) -> str:
        return esc((ENGLISH if self.is_english else PORTUGUESE).get(text, text))

    def link(self, path: str, **query: Any) -> str:
        """Return an address within the shop that keeps the language."""
        kept = {name: value for name, value in query.items() if value}
        if self.is_english:
            kept["lang"] = "en"
        return esc(f"{path}?{urlencode(kept)}" if kept else path)


def frame(t: Tongue, title: str, main: str, *, query: str = "", live: bool = False, here: str = "/") -> str:
    other = f'<a href="{esc(here)}" lang="pt-BR">Português</a>'
    if not t.is_english:
        other = f'<a href="{esc(here)}{"&amp;" if "?" in here else "?"}lang=en" lang="en">English</a>'
    hidden = '<input type="hidden" name="lang" value="en">' if t.is_english else ""
    return f"""<!doctype html>
<html lang="{"en" if t.is_english else "pt-BR"}">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{esc(title)} · Sandbox</title>
<link rel="icon" href="/favicon.svg"><link rel="stylesheet" href="/shop.css"><script src="/shop.js"></script>
</head>
<body>
<header><div class="wrap">
<a class="logo" href="{t.link("/")}">Sandbox</a>
<form action="/" role="search"><input type="search" name="q" value="{esc(query)}"
 placeholder="{t("Buscar produtos")}" aria-label="{t("Buscar produtos")}">{hidden}
<button>{t("Buscar")}</button></form>
<nav><a href="{t.link("/")}">{t("Produtos")}</a><a href="{t.link("/pedidos")}">{t("Pedidos")}</a>{other}</nav>
</div></header>
<main class="wrap"{" data-live" if live else ""}>{main}</main>
<footer>{t("Um marketplace de teste: nada aqui é vendido de verdade.")}</footer>
</body></html>"""


def picture(title: str, images: Sequence[str]) -> str:
    letters = "".join(word[0] for word in title.split()[:2]).upper() or "?"
    shown = next((url for url in images if is_web_address(url)), "")
    image = f'<img src="{esc(shown)}" alt="" loading="lazy" referrerpolicy="no-referrer">' if shown else ""
    return f'<div class="picture"><span aria-hidden="true">{esc(letters)}</span>{image}</div>'


def price(t: Tongue, listing: Mapping[str, Any]) -> str:
    was = ""
    if listing["discount"]:
        was = f'<div><span class="soft">{t("de")}</span> <s class="was">{reais(listing["list_price"])}</s>'
        was += f'<span class="off">-{listing["discount"]}%</span></div>'
    by = f'<span class="soft">{t("por")}</span> ' if was else ""
    return f'{was}<div>{by}<span class="price">{reais(listing["price"])}</span></div>'


def stock(t: Tongue, listing: Mapping[str, Any]) -> str:
    if listing["quantity"] <= 0:
        return f'<div class="out">{t("Esgotado")}</div>'
    return f'<div class="soft">{listing["quantity"]} {t("em estoque")}</div>'


def grid(t: Tongue, page: Mapping[str, Any]) -> str:
    """The start page: shops, products and paging."""
    sellers = [
        f'<a class="chip{"" if page["seller"] else " on"}" href="{t.link("/")}">{t("Todas as lojas")}</a>'
    ]
    for seller in page["sellers"]:
        chosen = " on" if seller["id"] == page["seller"] else ""
        where = t.link("/", seller=seller["id"], q=page["query"])
        sellers.append(f'<a class="chip{chosen}" href="{where}">{esc(seller["name"])}</a>')
    cards = "".join(_card(t, listing) for listing in page["listings"])
    nothing = (
        "Nenhum produto encontrado." if page["query"] or page["seller"] else "Nenhum produto à venda ainda."
    )
    body = f'<ul class="grid">{cards}</ul>' if cards else f'<p class="empty">{t(nothing)}</p>'
    count = f"{page['total']:,}".replace(",", "." if not t.is_english else ",")
    main = (
        f'<div class="sellers">{"".join(sellers)}</div>'
        f'<p class="soft">{count} {t("produtos à venda")}</p>{body}'
        f"{pager(t, '/', page, q=page['query'], seller=page['seller'])}"
    )
    return frame(t, "Produtos" if not t.is_english else "Products", main, query=page["query"])


def _card(t: Tongue, listing: Mapping[str, Any]) -> str:
    where = t.link(f"/p/{listing['id']}")
    return (
        f'<li class="card"><a href="{where}">{picture(listing["title"], listing["images"])}</a>'
        f'<div class="text"><a class="title" href="{where}">{esc(listing["title"])}</a>'
        f"{price(t, listing)}{stock(t, listing)}"
        f'<div class="soft">{t("Vendido por")} {esc(listing["seller"])}</div></div></li>'
    )


def pager(t: Tongue, path: str, page: Mapping[str, Any], **query: Any) -> str:
    if page["pages"] <= 1:
        return ""
    number = page["page"]
    before = f'<a href="{t.link(path, page=number - 1, **query)}">← {t("Anterior")}</a>' if number > 1 else ""
    after = ""
    if number < page["pages"]:
        after = f'<a href="{t.link(path, page=number + 1, **query)}">{t("Próxima")} →</a>'
    said = f'<span class="soft">{t("Página")} {number} / {page["pages"]}</span>'
    return f'<nav class="pages">{before}{said}{after}</nav>'


def product(t: Tongue, listing: Mapping[str, Any], notice: str = "") -> str:
    """One product with its Buy button."""
    sold_out = listing["quantity"] <= 0
    action = t.link(f"/p/{listing['id']}/comprar")
    button = (
        f'<button id="buy" disabled>{t("Esgotado")}</button>'
        if sold_out
        else f'<button id="buy">{t("Comprar")}</button>'
    )
    thumbs = "".join(picture(listing["title"], [url]) for url in listing["images"][1:6])
    facts = [(t("Marca"), listing["brand"]), *((esc(name), value) for name, value in listing["attributes"])]
    facts += [
        (t("Código de barras"), listing["gtin"]),
        ("SKU", listing["sku"]),
        (t("Anúncio"), listing["id"]),
    ]
    rows = "".join(f"<tr><th>{name}</th><td>{esc(str(value))}</td></tr>" for name, value in facts if value)
    others = "".join(
        f'<a class="chip" href="{t.link("/p/" + other["id"])}">{esc(other["label"])}</a>'
        for other in listing["others"]
    )
    most = max(1, min(listing["quantity"], 99))
    siblings = f'<h2>{t("Outras opções")}</h2><div class="sellers">{others}</div>' if others else ""
    warning = f'<p class="notice" role="alert">{esc(notice)}</p>' if notice else ""
    words = listing["description"]
    text = f'<h2>{t("Descrição")}</h2><div class="box description">{esc(words)}</div>' if words else ""
    main = f"""{warning}<div class="product">
<div>{picture(listing["title"], listing["images"])}<div class="thumbs">{thumbs}</div></div>
<div><div class="soft">{esc(listing["brand"])}</div><h1>{esc(listing["title"])}</h1>
{price(t, listing)}{stock(t, listing)}
<form class="buy" method="post" action="{action}"><label>{t("Quantidade")}
<input type="number" name="quantity" value="1" min="1" max="{most}"></label>{button}</form>
<div class="soft">{t("Vendido por")} {esc(listing["seller"])}</div>{siblings}
</div></div>
<h2>{t("Ficha técnica")}</h2><div class="scroll"><table>{rows}</table></div>
{text}<p><a href="{t.link("/")}">← {t("Voltar aos produtos")}</a></p>"""
    return frame(t, listing["title"], main, here=f"/p/{listing['id']}")


def badge(t: Tongue, status: str) -> str:
    return f'<span class="status {esc(status)}">{t(status)}</span>'


def day(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%d/%m/%Y %H:%M")


def orders(t: Tongue, page: Mapping[str, Any]) -> str:
    """The orders of every shop, newest first."""
    rows = "".join(
        f'<tr><td><a href="{t.link("/pedidos/" + order["id"])}">{esc(order["id"])}</a></td>'
        f"<td>{day(order['created_at'])}</td><td>{esc(order['seller'])}</td>"
        f'<td>{badge(t, order["status"])}</td><td class="number">{reais(order["total"])}</td></tr>'
        for order in page["orders"]
    )
    heads = "".join(f"<th>{t(name)}</th>" for name in ("Pedido", "Data", "Loja", "Situação"))
    body = (
        f'<div class="scroll"><table><tr>{heads}<th class="number">{t("Total")}</th></tr>{rows}</table></div>'
        if rows
        else f'<p class="empty">{t("Nenhum pedido ainda.")}</p>'
    )
    main = f"<h1>{t('Pedidos')}</h1>{body}{pager(t, '/pedidos', page)}"
    return frame(t, "Pedidos" if not t.is_english else "Orders", main, live=True, here="/pedidos")


def order(t: Tongue, found: Mapping[str, Any], notice: str = "") -> str:
    """One order, followed live."""
    lines = "".join(
        f'<tr><td>{esc(line["title"])}<div class="soft">{esc(line["sku"])}</div></td>'
        f'<td class="number">{line["quantity"]}</td><td class="number">{reais(line["price"])}</td></tr>'
        for line in found["items"]
    )
    sums = "".join(
        f'<tr><th colspan="2">{t(name)}</th><td class="number">{reais(found[field])}</td></tr>'
        for name, field in (
            ("Frete", "shipping_cost"),
            ("Juros", "interest"),
            ("Desconto", "discount"),
            ("Total", "total"),
        )
        if field in ("total", "shipping_cost") or float(found[field])
    )
    invoice = found["invoice"]
    deliveries = "".join(_delivery(t, one) for one in found["deliveries"])
    payments = "".join(_payment(t, one) for one in found["payments"])
    note = f"<code>{esc(invoice['key'])}</code>" if invoice else t("Ainda não faturado.")
    where = t.link(f"/pedidos/{found['id']}/cancelar")
    cancel = ""
    if found["status"] in ("new", "awaiting_payment", "approved", "invoiced"):
        button = f'<button class="quiet">{t("Cancelar como cliente")}</button>'
        cancel = f'<form method="post" action="{where}">{button}</form>'
    warning = f'<p class="notice" role="alert">{esc(notice)}</p>' if notice else ""
    main = f"""{warning}<h1>{t("Pedido")} {esc(found["id"])}</h1>
<p>{badge(t, found["status"])} <span class="soft">{day(found["updated_at"])} · {t("Vendido por")}
 {esc(found["seller"])}</span></p>{_cancellation(t, found["cancellation"])}
<div class="scroll"><table><tr><th>{t("Produto")}</th><th class="number">{t("Quantidade")}</th>
<th class="number">{t("Preço")}</th></tr>{lines}{sums}</table></div>
<div class="columns"><section class="box"><h2>{t("Cliente")}</h2>{_customer(found)}</section>
<section class="box"><h2>{t("Nota fiscal")}</h2>{note}</section>
<section class="box"><h2>{t("Rastreio")}</h2>{deliveries}</section>
<section class="box"><h2>{t("Pagamento")}</h2>{payments}</section></div>
<p>{cancel}</p>
<p><a href="{t.link("/pedidos")}">← {t("Pedidos")}</a></p>"""
    return frame(t, found["id"], main, live=True, here=f"/pedidos/{found['id']}")


def _cancellation(t: Tongue, known: Mapping[str, Any] | None) -> str:
    if not known:
        return ""
    said = f"{t('Cancelado por')} {t(known['by'])}: {esc(known['reason'])}"
    return f'<p class="notice">{said}</p>'


def _customer(found: Mapping[str, Any]) -> str:
    to, who = found["shipping_address"], found["customer"]
    first = f"{to.get('street', '')}, {to.get('number', '')} {to.get('complement', '')}"
    second = (
        f"{to.get('neighborhood', '')} · {to.get('city', '')}/{to.get('state', '')} · {to.get('zip', '')}"
    )
    parts = (who["name"], f"CPF {who['document']}", first, second)
    return "<br>".join(esc(part) for part in parts)


def _delivery(t: Tongue, one: Mapping[str, Any]) -> str:
    sent = one["shipment"]
    code = (sent.get("tracking_code") or sent["code"]) if sent else ""
    said = f"<code>{esc(code)}</code>" if sent else t("Ainda não enviado.")
    return f"<p>{esc(one['method'])}<br>{said}</p>"


def _payment(t: Tongue, one: Mapping[str, Any]) -> str:
    return f"<p>{t(one['method'])} · {one['installments']}x<br>{reais(one['value'])}</p>"


def trouble(t: Tongue, status: int, message: str) -> str:
    title = "Página não encontrada" if status == 404 else "Não foi possível"
    main = f"""<div class="empty"><h1>{t(title)}</h1><p>{esc(message)}</p>
<p><a class="button" href="{t.link("/")}">{t("Voltar aos produtos")}</a></p></div>"""
    return frame(t, title, main)
