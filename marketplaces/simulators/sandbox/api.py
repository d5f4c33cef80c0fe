"""The seller's API, ``/v1``: what the hub speaks to."""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from marketplaces.simulators.kit import Fault, Problem, Request, Response
from marketplaces.simulators.sandbox import (
    catalogue,
    fulfilment,
    listings,
    loads,
    markers,
    orders,
    shape,
)
from marketplaces.simulators.sandbox.market import Market
from marketplaces.simulators.sandbox.rules import is_web_address
from marketplaces.simulators.sandbox.store import account_id

LOAD_SIZE, BATCH_SIZE, SEARCH_SIZE, PAGE_SIZE = 500, 100, 50, 100
_MARKED = ("/v1/loads", "/v1/prices", "/v1/stock")


@dataclass(slots=True)
class Call:
    """One call of a known account, inside its transaction."""

    market: Market
    db: sqlite3.Connection
    account: sqlite3.Row
    request: Request
    now: float
    id: str = ""
    action: str = ""

    @property
    def who(self) -> int:
        return int(self.account["number"])


def _account(call: Call) -> Any:
    return {"id": account_id(call.who), "name": call.account["name"]}


def _categories(call: Call) -> Any:
    return {"categories": call.market.taxonomy.tree}


def _schema(call: Call) -> Any:
    schema = call.market.taxonomy.schema(call.id)
    if schema is None:
        raise Problem(404, "SBX-CATEGORY-UNKNOWN", "Categoria desconhecida ou com subcategorias.")
    return {"id": call.id, **schema}


def _create_load(call: Call) -> Any:
    items = shape.batch(call.request.json(), "items", LOAD_SIZE, shape.ITEM)
    answer = loads.accept(call.db, call.market, call.who, items, call.now)
    return Response.of_json(answer, 202)


def _read_load(call: Call) -> Any:
    return loads.show(call.db, call.market, call.who, call.id, call.now, call.request.base_url)


def _search(call: Call) -> Any:
    queries = shape.batch(call.request.json(), "queries", SEARCH_SIZE, shape.QUERY, may_be_empty=True)
    return {"results": [catalogue.search(call.db, call.market.titles, query, call.now) for query in queries]}


def _prices(call: Call) -> Any:
    items = shape.batch(call.request.json(), "items", BATCH_SIZE, shape.PRICE, may_be_empty=True)
    limit = call.market.settings.price_cut_limit
    return {"results": listings.set_prices(call.db, call.who, items, call.now, limit=limit)}


def _stock(call: Call) -> Any:
    items = shape.batch(call.request.json(), "items", BATCH_SIZE, shape.STOCK, may_be_empty=True)
    return {"results": listings.set_stock(call.db, call.who, items, call.now)}


def _read(call: Call) -> Any:
    wanted = shape.skus(call.request.json(), BATCH_SIZE)
    return {"listings": listings.read(call.db, call.who, wanted, call.now, call.request.base_url)}


def _withdraw(call: Call) -> Any:
    return {"results": listings.withdraw(call.db, call.who, shape.skus(call.request.json(), BATCH_SIZE))}


def _webhook(call: Call) -> Any:
    url = shape.fields(call.request.json(), {"url": "text"}).get("url") or ""
    if url and not is_web_address(url):
        raise Problem(400, "SBX-FIELD-TYPE", "O campo url deve ser um endereço http ou https.")
    call.db.execute("UPDATE account SET webhook_url = ? WHERE number = ?", (url, call.who))
    return {"url": url}


def _orders(call: Call) -> Any:
    query = call.request.query
    cursor = shape.whole(query.get("cursor", ""), "cursor", 0, 2**53)
    limit = max(1, shape.whole(query.get("limit", ""), "limit", 50, PAGE_SIZE))
    return orders.feed(call.db, call.who, cursor, limit)


def _order(call: Call) -> Any:
    return orders.full(orders.find(call.db, call.id, call.who))


def _fulfil(call: Call) -> Any:
    row = orders.find(call.db, call.id, call.who)
    sent = call.request.json() if call.request.body.strip() else {}
    data = shape.fields(sent, shape.NOTES[call.action])
    return fulfilment.ACTIONS[call.action](call.db, call.market, row, data, call.now)


_ROUTES: list[tuple[str, re.Pattern[str], Callable[[Call], Any]]] = [
    (method, re.compile(pattern), handler)
    for method, pattern, handler in (
        ("GET", r"/v1/account", _account),
        ("GET", r"/v1/categories", _categories),
        ("GET", r"/v1/categories/(?P<id>[^/]+)/schema", _schema),
        ("POST", r"/v1/loads", _create_load),
        ("GET", r"/v1/loads/(?P<id>[^/]+)", _read_load),
        ("POST", r"/v1/catalogue/search", _search),
        ("PUT", r"/v1/prices", _prices),
        ("PUT", r"/v1/stock", _stock),
        ("POST", r"/v1/listings/read", _read),
        ("POST", r"/v1/listings/withdraw", _withdraw),
        ("PUT", r"/v1/webhook", _webhook),
        ("GET", r"/v1/orders", _orders),
        ("GET", r"/v1/orders/(?P<id>[^/]+)", _order),
        ("POST", r"/v1/orders/(?P<id>[^/]+)/(?P<action>accept|invoice|shipment|delivery|cancel)", _fulfil),
    )
]


def respond(market: Market, request: Request) -> Response:
    """Answer one call of the API; raises Problem."""
    account = _authenticate(market, request)
    route = f"{request.method[:10]} {section_of(request.path)}"
    allowed, left = market.may_call(int(account["number"]), route)
    headers = {"X-RateLimit-Remaining": str(left)}
    if not allowed:
        settings = market.settings
        rates = [rate for rate in (settings.rate_per_second, settings.rate_per_second_of_all) if rate]
        wait = max(1, math.ceil(1 / min(rates)))
        said = "Chamadas demais; espere o tempo do cabeçalho Retry-After."
        raise Problem(429, "SBX-RATE", said, {**headers, "Retry-After": str(wait)})
    handler, matched = _route(request)

    def act() -> Response:
        with market.store.transaction() as db:
            call = Call(market, db, account, request, market.now(), **matched)
            answer = handler(call)
        response = answer if isinstance(answer, Response) else Response.of_json(answer)
        response.headers.update(headers)
        return response

    fault = _marked_fault(market, account, request)
    return fault.spoil(request, act) if fault is not None else act()


def section_of(path: str) -> str:
    """Return the part of an address that says what is asked for: ``/v1/prices``."""
    return "/".join(path.split("/")[:3])[:60]


def _authenticate(market: Market, request: Request) -> sqlite3.Row:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    account: sqlite3.Row | None = None
    if scheme == "ApiKey" and key:
        with market.store.transaction() as db:
            account = db.execute(
                "SELECT * FROM account WHERE api_key = ? AND NOT revoked", (key.strip(),)
            ).fetchone()
    if account is None:
        raise Problem(401, "SBX-AUTH", "Chave de acesso inválida ou revogada (Authorization: ApiKey …).")
    return account


def _route(request: Request) -> tuple[Callable[[Call], Any], dict[str, str]]:
    allowed = []
    for method, pattern, handler in _ROUTES:
        matched = pattern.fullmatch(request.path)
        if matched and method == request.method:
            return handler, matched.groupdict()
        if matched:
            allowed.append(method)
    if allowed:
        said = f"Este endereço aceita apenas {', '.join(allowed)}."
        raise Problem(405, "SBX-METHOD", said, {"Allow": ", ".join(allowed)})
    raise Problem(404, "SBX-NOT-FOUND", "Endereço desconhecido.")


def _marked_fault(market: Market, account: sqlite3.Row, request: Request) -> Fault | None:
    """Return the failure a marked SKU in the body asks for."""
    if request.path not in _MARKED or not markers.may_be_marked(request.body):
        return None
    body = request.json()
    items = body.get("items") if isinstance(body, dict) else None
    skus = [item.get("sku") for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    with market.store.transaction() as db:
        texts = [sku for sku in skus if isinstance(sku, str)]
        return markers.fault_for(db, int(account["number"]), request.path, texts)
