"""The shop as shoppers see it: products, one product with its Buy button, and orders."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

from marketplaces.simulators.kit import Problem, Request, Response
from marketplaces.simulators.sandbox import listings, orders, pages
from marketplaces.simulators.sandbox.market import Market
from marketplaces.simulators.sandbox.store import account_id, account_number
from marketplaces.simulators.sandbox.words import narrow_gtin, plain

PER_PAGE = 24
ORDERS_PER_PAGE = 50
MOST_AT_ONCE = 999
_FOLDER = Path(__file__).parent
_FILES = {"/shop.css": "text/css; charset=utf-8", "/shop.js": "text/javascript; charset=utf-8"}
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8"'
    ' fill="#0b6b5b"/><path d="M9 12h14l-1.5 12h-11zM12 12a4 4 0 0 1 8 0" fill="none" stroke="#fff"'
    ' stroke-width="2.5"/></svg>'
)
_POLICY = "default-src 'self'; img-src * data:; frame-ancestors 'none'; form-action 'self'; base-uri 'none'"
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_PRODUCT = re.compile(r"/p/([^/]+)")
_BUY = re.compile(r"/p/([^/]+)/comprar")
_ORDER = re.compile(r"/pedidos/([^/]+)")
_CANCEL = re.compile(r"/pedidos/([^/]+)/cancelar")


def respond(market: Market, request: Request) -> Response:
    """Answer one request of a shopper's browser; raises Problem."""
    if request.path in _FILES:
        body = (_FOLDER / request.path[1:]).read_bytes()
        return Response(200, body, {"Content-Type": _FILES[request.path], "Cache-Control": "max-age=60"})
    if request.path in ("/favicon.svg", "/favicon.ico"):
        return Response(
            200, _ICON.encode(), {"Content-Type": "image/svg+xml", "Cache-Control": "max-age=3600"}
        )
    response = _post(market, request) if request.method == "POST" else _get(market, request)
    response.headers.update(_HEADERS)
    return response


def show_problem(request: Request, problem: Problem) -> Response:
    """Return a refusal as a page."""
    response = Response.of_html(
        pages.trouble(tongue(request), problem.status, problem.message), problem.status
    )
    response.headers.update({**_HEADERS, **problem.headers})
    return response


def tongue(request: Request) -> pages.Tongue:
    return pages.Tongue(request.query.get("lang") == "en")


def _get(market: Market, request: Request) -> Response:
    if request.method not in ("GET", "HEAD"):
        raise Problem(405, "SBX-METHOD", "Método não aceito.", {"Allow": "GET, POST"})
    t = tongue(request)
    if request.path == "/":
        return Response.of_html(pages.grid(t, _grid(market, request)))
    if found := _PRODUCT.fullmatch(request.path):
        return Response.of_html(pages.product(t, _product(market, found[1])))
    if request.path == "/pedidos":
        return Response.of_html(pages.orders(t, _orders(market, request)))
    if found := _ORDER.fullmatch(request.path):
        return Response.of_html(pages.order(t, _order(market, found[1])))
    raise Problem(404, "SBX-NOT-FOUND", "Endereço desconhecido.")


def _post(market: Market, request: Request) -> Response:
    if found := _BUY.fullmatch(request.path):
        return _buy(market, request, found[1])
    if found := _CANCEL.fullmatch(request.path):
        return _cancel(market, request, found[1])
    raise Problem(404, "SBX-NOT-FOUND", "Endereço desconhecido.")


def _see_other(request: Request, path: str) -> Response:
    return Response(303, b"", {"Location": path + ("?lang=en" if tongue(request).is_english else "")})


def _page_of(request: Request) -> int:
    text = request.query.get("page", "")
    return min(max(int(text), 1), 100_000) if text.isascii() and text.isdigit() and len(text) < 9 else 1


def _paging(total: int, page: int, size: int) -> dict[str, int]:
    last = max(1, -(-total // size))
    return {"total": total, "pages": last, "page": min(page, last)}


def _grid(market: Market, request: Request) -> dict[str, Any]:
    query, seller = request.query.get("q", "").strip()[:200], request.query.get("seller", "")
    words = plain(query).split()[:10]
    where = [listings.ON_SALE]
    values: dict[str, Any] = {"now": market.now()}
    if account_number(seller):
        where.append("account = :account")
        values["account"] = account_number(seller)
    if query and not words:
        where.append("sku = :raw")
        values["raw"] = query
    for place, word in enumerate(words):
        where.append(f"(plain_title LIKE :w{place} OR sku = :raw)")
        values |= {f"w{place}": f"%{word}%", "raw": query}
    condition = " AND ".join(where)
    with market.store.transaction() as db:
        total = db.execute(f"SELECT count(*) FROM listing WHERE {condition}", values).fetchone()[0]  # noqa: S608
        paging = _paging(total, _page_of(request), PER_PAGE)
        values |= {"size": PER_PAGE, "start": (paging["page"] - 1) * PER_PAGE}
        rows = db.execute(
            f"SELECT * FROM listing WHERE {condition} ORDER BY number DESC LIMIT :size OFFSET :start",  # noqa: S608
            values,
        ).fetchall()
        names = _sellers(db)
    return {
        **paging,
        "listings": [_listing(row, names) for row in rows],
        "sellers": [{"id": account_id(number), "name": name} for number, name in names.items()],
        "seller": seller if "account" in values else "",
        "query": query,
    }


def _sellers(db: sqlite3.Connection) -> dict[int, str]:
    return {row["number"]: row["name"] for row in db.execute("SELECT number, name FROM account")}


def _listing(row: sqlite3.Row, names: dict[int, str]) -> dict[str, Any]:
    body = json.loads(row["body"])
    return {
        "id": listings.listing_id(row["number"]),
        "sku": row["sku"],
        "title": row["title"],
        "brand": row["brand"],
        "gtin": narrow_gtin(row["gtin"]),
        "price": listings.money(row["price"]),
        "list_price": listings.money(row["list_price"]),
        "discount": listings.discount_of(row),
        "quantity": row["quantity"],
        "seller": names.get(row["account"], ""),
        "images": body.get("images", []),
        "description": body.get("description", ""),
    }


def _on_sale(db: sqlite3.Connection, market: Market, wanted: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(
        f"SELECT * FROM listing WHERE number = :number AND {listings.ON_SALE}",  # noqa: S608
        {"number": listings.listing_number(wanted), "now": market.now()},
    ).fetchone()
    if row is None:
        raise Problem(404, "SBX-NOT-FOUND", "Este produto não está à venda.")
    return row


def _product(market: Market, wanted: str) -> dict[str, Any]:
    with market.store.transaction() as db:
        row = _on_sale(db, market, wanted)
        others = db.execute(
            f"SELECT * FROM listing WHERE account = :account AND parent_sku = :parent AND number != :number"  # noqa: S608
            f" AND {listings.ON_SALE} ORDER BY number LIMIT 30",
            {
                "account": row["account"],
                "parent": row["parent_sku"],
                "number": row["number"],
                "now": market.now(),
            },
        ).fetchall()
        names = _sellers(db)
    return {
        **_listing(row, names),
        "attributes": _attributes(market, row),
        "others": [
            {"id": listings.listing_id(other["number"]), "label": _label(market, other)} for other in others
        ],
    }


def _attributes(market: Market, row: sqlite3.Row, *, of_variation: bool = False) -> list[tuple[str, str]]:
    """Return (label, value) of what the seller filled in, in the schema's order."""
    values = json.loads(row["body"]).get("attributes", {})
    schema = market.taxonomy.schema(row["category_id"]) or {"attributes": []}
    rules = [rule for rule in schema["attributes"] if rule.get("variation") or not of_variation]
    return [(rule["label"], values[rule["id"]]) for rule in rules if values.get(rule["id"])]


def _label(market: Market, row: sqlite3.Row) -> str:
    return " · ".join(value for _, value in _attributes(market, row, of_variation=True)) or row["sku"]


def _buy(market: Market, request: Request, wanted: str) -> Response:
    """One click, one order: the units leave the listing in the same transaction."""
    t, text = tongue(request), request.form().get("quantity", "1").strip()
    quantity = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    try:
        if not 1 <= quantity <= MOST_AT_ONCE:
            raise Problem(400, "SBX-QUANTITY-RANGE", f"Escolha uma quantidade de 1 a {MOST_AT_ONCE}.")
        with market.store.transaction() as db:
            row = _on_sale(db, market, wanted)
            basket = {"account": row["account"], "lines": [{"sku": row["sku"], "quantity": quantity}]}
            made = orders.create(db, market, [basket], market.now())
    except Problem as problem:
        if problem.status == 404:
            raise
        page = pages.product(t, _product(market, wanted), problem.message)
        return Response.of_html(page, problem.status)
    return _see_other(request, f"/pedidos/{made[0]['id']}")


def _cancel(market: Market, request: Request, wanted: str) -> Response:
    try:
        with market.store.transaction() as db:
            orders.cancel_as_customer(db, market, orders.find(db, wanted), market.now())
    except Problem as problem:
        if problem.status == 404:
            raise
        return Response.of_html(
            pages.order(tongue(request), _order(market, wanted), problem.message), problem.status
        )
    return _see_other(request, f"/pedidos/{wanted}")


def _orders(market: Market, request: Request) -> dict[str, Any]:
    with market.store.transaction() as db:
        total = db.execute("SELECT count(*) FROM purchase").fetchone()[0]
        paging = _paging(total, _page_of(request), ORDERS_PER_PAGE)
        rows = db.execute(
            "SELECT * FROM purchase ORDER BY number DESC LIMIT ? OFFSET ?",
            (ORDERS_PER_PAGE, (paging["page"] - 1) * ORDERS_PER_PAGE),
        ).fetchall()
        names = _sellers(db)
    found = [{**orders.full(row), "seller": names.get(row["account"], "")} for row in rows]
    return {**paging, "orders": found}


def _order(market: Market, wanted: str) -> dict[str, Any]:
    with market.store.transaction() as db:
        row = orders.find(db, wanted)
        names = _sellers(db)
    return {**orders.full(row), "seller": names.get(row["account"], "")}
