"""The control API, ``/_control``, loopback only: what shoppers, a marketplace's staff or bad luck do."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from marketplaces.simulators.kit import FAULT_KINDS, Fault, FaultQueue, Problem, Request, Response
from marketplaces.simulators.sandbox import catalogue, listings, orders, shape
from marketplaces.simulators.sandbox.course import up_to_date
from marketplaces.simulators.sandbox.market import Market
from marketplaces.simulators.sandbox.store import (
    TABLES,
    account_id,
    find_account,
    open_account,
    save_settings,
)

LINE = {"account": "text", "sku": "text!", "quantity": "integer", "price": "number", "title": "text"}
ORDER = {
    "account": "text",
    "lines": "objects!",
    "customer": "object",
    "address": "object",
    "shipping_cost": "number",
    "discount": "number",
    "interest": "number",
    "payment_method": "text",
    "installments": "integer",
    "placed_at": "number",
    "status": "text",
    "deliveries": "integer",
    "carrier_owned": "boolean",
    "take_stock": "boolean",
}
FAULT = {
    "match": "text",
    "method": "text",
    "kind": "text",
    "status": "integer",
    "after_commit": "boolean",
    "times": "integer",
    "seconds": "number",
    "headers": "map",
}
FIRST_STATUSES = ("new", "awaiting_payment", "approved")


class Control:
    """The controls of one marketplace; each method is one route of the control API."""

    def __init__(self, market: Market, faults: FaultQueue) -> None:
        self._market, self._faults = market, faults

    def create_account(self, name: str, api_key: str = "") -> dict[str, Any]:
        """Return the account with this key, made when need be: the same key, the same account."""
        with self._market.store.transaction() as db:
            row = open_account(db, name, api_key)
        return {
            "account_id": account_id(row["number"]),
            "name": row["name"],
            "api_key": row["api_key"],
            "webhook_secret": row["webhook_secret"],
        }

    def revoke(self, account: str) -> dict[str, Any]:
        with self._market.store.transaction() as db:
            row = find_account(db, account)
            db.execute("UPDATE account SET revoked = 1 WHERE number = ?", (row["number"],))
        return {"account_id": account_id(row["number"]), "revoked": True}

    def change_settings(self, **values: Any) -> dict[str, Any]:
        """Change how patient and reliable the marketplace is, from now on and after a restart."""
        with self._market.store.transaction() as db:
            self._market.settings = self._market.settings.changed(values)
            save_settings(db, self._market.settings)
        return asdict(self._market.settings)

    def add_fault(self, **values: Any) -> dict[str, Any]:
        """Queue a failure; see `Fault`."""
        fault = Fault(**values)
        if fault.kind not in FAULT_KINDS or not 100 <= fault.status <= 599 or not fault.match.startswith("/"):
            raise Problem(400, "SBX-FIELD-TYPE", f"Falha inválida; kind é um de: {', '.join(FAULT_KINDS)}.")
        self._faults.add(fault)
        return {"waiting": self._faults.waiting()}

    def clear_faults(self) -> dict[str, Any]:
        self._faults.clear()
        return {"waiting": []}

    def create_orders(self, wanted: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Create orders in bulk, all or none; see `orders.create`."""
        with up_to_date(self._market) as db:
            ready = [self._ready(db, order) for order in wanted]
            return orders.create(db, self._market, ready, self._market.now())

    def _ready(self, db: sqlite3.Connection, order: Mapping[str, Any]) -> dict[str, Any]:
        who = order.get("account") or (order["lines"][0].get("account") if order["lines"] else "") or ""
        if not order["lines"]:
            raise Problem(400, "SBX-FIELD-REQUIRED", "Falta o campo lines.")
        if order.get("status", "new") not in FIRST_STATUSES:
            said = f"status inicial deve ser um de: {', '.join(FIRST_STATUSES)}."
            raise Problem(400, "SBX-FIELD-TYPE", said)
        lines = []
        for line in order["lines"]:
            quantity = line["quantity"] if line.get("quantity") is not None else 1
            if not 1 <= quantity <= 10_000:
                raise Problem(400, "SBX-FIELD-TYPE", "quantity deve ser de 1 a 10000.")
            lines.append({**line, "quantity": quantity})
        placed_at = shape.as_float(order["placed_at"]) if order.get("placed_at") is not None else None
        if placed_at is not None and not 0 < placed_at < 4_000_000_000:
            raise Problem(400, "SBX-FIELD-TYPE", "placed_at deve ser um instante Unix, em segundos.")
        if not 0 <= (order.get("deliveries") or 1) <= 20:
            raise Problem(400, "SBX-FIELD-TYPE", "deliveries deve ser de 1 a 20.")
        account = int(find_account(db, who)["number"])
        return {**order, "account": account, "lines": lines, "placed_at": placed_at}

    def cancel_order(self, order_id: str, reason: str = "") -> dict[str, Any]:
        """The shopper gives up."""
        with up_to_date(self._market) as db:
            row = orders.find(db, order_id)
            return orders.cancel_as_customer(db, self._market, row, self._market.now(), reason)

    def approve_order(self, order_id: str) -> dict[str, Any]:
        with up_to_date(self._market) as db:
            row = orders.find(db, order_id)
            return orders.approve(db, self._market, row, self._market.now())

    def orders(self, account: str = "", page: int = 1, size: int = 100) -> dict[str, Any]:
        """Return orders, newest first, and how many there are."""
        with up_to_date(self._market) as db:
            who = int(find_account(db, account)["number"]) if account else None
            total = db.execute(
                "SELECT count(*) FROM purchase WHERE ? IS NULL OR account = ?", (who, who)
            ).fetchone()[0]
            rows = db.execute(
                "SELECT * FROM purchase WHERE ? IS NULL OR account = ? ORDER BY number DESC LIMIT ? OFFSET ?",
                (who, who, size, (max(page, 1) - 1) * size),
            )
            return {"total": total, "orders": [orders.full(row) for row in rows]}

    def listings(self, account: str = "", page: int = 1, size: int = 100, sku: str = "") -> dict[str, Any]:
        """Return listings as they are now, oldest first, with how often each was created and submitted."""
        now = self._market.now()
        with up_to_date(self._market) as db:
            who = int(find_account(db, account)["number"]) if account else None
            where = "(:who IS NULL OR account = :who) AND (:sku = '' OR sku = :sku)"
            values = {"who": who, "sku": sku, "size": size, "start": (max(page, 1) - 1) * size}
            total = db.execute(f"SELECT count(*) FROM listing WHERE {where}", values).fetchone()[0]  # noqa: S608
            rows = db.execute(
                f"SELECT * FROM listing WHERE {where} ORDER BY number LIMIT :size OFFSET :start",  # noqa: S608
                values,
            )
            return {"total": total, "listings": [self._row(row, now) for row in rows]}

    @staticmethod
    def _row(row: sqlite3.Row, now: float) -> dict[str, Any]:
        return {
            **listings.view(row, now, ""),
            "account_id": account_id(row["account"]),
            "parent_sku": row["parent_sku"],
            "title": row["title"],
            "category_id": row["category_id"],
            "catalogue_id": catalogue.entry_id(row["catalogue"]) if row["catalogue"] else None,
            "gtin": row["gtin"],
            "creations": row["creations"],
            "submissions": row["submissions"],
            **json.loads(row["body"]),
        }

    def log(
        self, account: str = "", sku: str = "", kind: str = "", after: int = 0, size: int = 1000
    ) -> list[dict[str, Any]]:
        """Return the prices and quantities applied, in order: what proves that no older one came last."""
        with up_to_date(self._market) as db:
            who = int(find_account(db, account)["number"]) if account else None
            rows = db.execute(
                "SELECT * FROM value_log WHERE (:who IS NULL OR account = :who) AND (:sku = '' OR sku = :sku)"
                " AND (:kind = '' OR kind = :kind) AND number > :after ORDER BY number LIMIT :size",
                {"who": who, "sku": sku, "kind": kind, "after": after, "size": size},
            )
            return [{**dict(row), "account": account_id(row["account"])} for row in rows]

    def calls(self, account: str = "", after: int = 0, size: int = 1000) -> list[dict[str, Any]]:
        """Return the API's newest calls as they arrived, oldest first, the refused ones included."""
        with self._market.store.transaction() as db:
            who = int(find_account(db, account)["number"]) if account else None
        with self._market.guard:
            notes = [one for one in self._market.journal if one.number > after and who in (None, one.account)]
        return [{**asdict(one), "account": account_id(one.account)} for one in notes[:size]]

    def set_listing(
        self, account: str, sku: str, *, price: Any = None, quantity: int | None = None, state: str = ""
    ) -> dict[str, Any]:
        """Change a listing behind the hub's back: drift. `state` may be ``withdrawn`` or ``absent``."""
        now = self._market.now()
        with up_to_date(self._market) as db:
            who = int(find_account(db, account)["number"])
            row = listings.of_account(db, who, [sku]).get(sku)
            if row is None:
                raise Problem(404, "SBX-SKU-UNKNOWN", "Nenhum anúncio desta conta tem este SKU (sku).")
            results = []
            if price is not None:
                results += listings.set_prices(db, who, [{"sku": sku, "price": price}], now, "outside")
            if quantity is not None:
                results += listings.set_stock(db, who, [{"sku": sku, "quantity": quantity}], now, "outside")
            for result in results:
                if result["status"] == "error":
                    raise Problem(400, result["code"], result["message"])
            if state == "withdrawn":
                listings.withdraw(db, who, [sku])
            elif state == "absent":
                db.execute("UPDATE listing SET vanish_at = ? WHERE number = ?", (now, row["number"]))
            elif state:
                raise Problem(400, "SBX-FIELD-TYPE", "state deve ser withdrawn ou absent.")
            return listings.read(db, who, [sku], now, "")[0]

    def stats(self) -> dict[str, Any]:
        """Return how much of everything there is, and what the API was asked since the start."""
        market, now = self._market, self._market.now()
        with up_to_date(market) as db:
            states = db.execute(
                f"SELECT CASE WHEN {listings.ON_SALE} THEN 'live' WHEN state = 'published' AND live_at > :now"  # noqa: S608
                " THEN 'cataloguing' WHEN state = 'published' THEN 'absent' ELSE state END AS state,"
                " count(*) AS n FROM listing GROUP BY 1",
                {"now": now},
            )
            by_state = {row["state"]: row["n"] for row in states}
            by_status = {
                row["status"]: row["n"]
                for row in db.execute("SELECT status, count(*) AS n FROM purchase GROUP BY 1")
            }
            return {
                "accounts": _count(db, "account"),
                "listings": by_state,
                "listings_created_twice": db.execute(
                    "SELECT count(*) FROM listing WHERE creations > 1"
                ).fetchone()[0],
                "orders": by_status,
                "orders_total": sum(by_status.values()),
                "loads": _count(db, "load"),
                "loads_undecided": db.execute("SELECT count(*) FROM load WHERE results IS NULL").fetchone()[
                    0
                ],
                "catalogue": _count(db, "catalogue"),
                "webhooks_waiting": _count(db, "outbox"),
                "faults_waiting": len(self._faults.waiting()),
                "settings": asdict(market.settings),
                "calls": dict(market.calls),
            }

    def reset(self) -> dict[str, Any]:
        """Forget everything but the accounts and the settings."""
        with self._market.store.transaction() as db:
            for table in TABLES:
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
            self._market.titles.forget()
            catalogue.seed(db, self._market.titles)
        self._faults.clear()
        self._market.calls.clear()
        self._market.buckets.clear()
        self._market.journal.clear()
        return {"reset": True}


def _count(db: sqlite3.Connection, table: str) -> int:
    return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - our own names


# --- the same over HTTP ----------------------------------------------------------------------

_CHANGE = re.compile(r"/_control/orders/(?P<id>[^/]+)/(?P<action>cancel|approve)")


def respond(control: Control, request: Request) -> Response:
    """Answer one call of the control API; raises Problem."""
    # A browser names the page that calls: no web page has any business here, not even on this machine.
    if not request.is_local or "origin" in request.headers:
        raise Problem(403, "SBX-LOCAL", "O controle só atende programas da própria máquina.")
    matched = _CHANGE.fullmatch(request.path)
    if matched and request.method == "POST":
        change = control.cancel_order if matched["action"] == "cancel" else control.approve_order
        return Response.of_json(change(matched["id"]))
    handler = _ROUTES.get((request.method, request.path))
    if handler is None:
        raise Problem(404, "SBX-NOT-FOUND", "Controle desconhecido.")
    return Response.of_json(handler(control, request))


def _body(request: Request, spec: Mapping[str, str]) -> dict[str, Any]:
    found = shape.fields(request.json() if request.body.strip() else {}, spec)
    return {name: value for name, value in found.items() if value is not None}


def _post_account(control: Control, request: Request) -> Any:
    return control.create_account(**_body(request, {"name": "text!", "api_key": "text"}))


def _post_revoke(control: Control, request: Request) -> Any:
    body = _body(request, {"account": "text", "api_key": "text", "account_id": "text"})
    return control.revoke(next(iter(body.values()), ""))


def _post_settings(control: Control, request: Request) -> Any:
    body = request.json()
    if not isinstance(body, dict):
        raise Problem(400, "SBX-FIELD-TYPE", "O corpo deve ser um objeto.")
    plain = {name: shape.as_float(value) if shape.is_number(value) else value for name, value in body.items()}
    return control.change_settings(**plain)


def _post_fault(control: Control, request: Request) -> Any:
    body = request.json()
    answer = body.pop("body", None) if isinstance(body, dict) else None
    found = {name: value for name, value in shape.fields(body, FAULT).items() if value is not None}
    if "seconds" in found:
        found["seconds"] = shape.as_float(found["seconds"])
    return control.add_fault(**found, body=answer)


def _post_orders(control: Control, request: Request) -> Any:
    body = request.json()
    if isinstance(body, list):
        body = {"lines": body}
    if isinstance(body, dict) and "orders" in body:
        wanted = shape.fields(body, {"orders": "objects!"})["orders"]
    else:
        wanted = _by_account(shape.fields(body, ORDER))
    for place, order in enumerate(wanted):
        shape.fields(order, ORDER, f"orders[{place}]")
        for line in order["lines"]:
            shape.fields(line, LINE, f"orders[{place}].lines")
        for part in ("customer", "address"):
            texts = {name: value for name, value in (order.get(part) or {}).items() if name != "phones"}
            if any(not isinstance(value, str) for value in texts.values()):
                raise Problem(400, "SBX-FIELD-TYPE", f"O campo {part} deve trazer textos.")
    made = control.create_orders(wanted)
    return {
        "orders": [{"id": order["id"], "total": order["total"], "status": order["status"]} for order in made]
    }


def _by_account(order: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One order per account named on the lines: a basket with two sellers is two orders."""
    baskets: dict[str, list[Any]] = {}
    for line in order["lines"]:
        baskets.setdefault(str(line.get("account") or order.get("account") or ""), []).append(line)
    return [{**order, "account": account, "lines": lines} for account, lines in baskets.items()]


def _post_set(control: Control, request: Request) -> Any:
    spec = {"account": "text!", "sku": "text!", "price": "number", "quantity": "integer", "state": "text"}
    return control.set_listing(**_body(request, spec))


def _page(request: Request) -> dict[str, Any]:
    return {
        "account": request.query.get("account", ""),
        "page": shape.whole(request.query.get("page", ""), "page", 1, 10**6),
        "size": shape.whole(request.query.get("size", ""), "size", 100, 5000),
    }


def _get_listings(control: Control, request: Request) -> Any:
    return control.listings(**_page(request), sku=request.query.get("sku", ""))


def _get_log(control: Control, request: Request) -> Any:
    query = request.query
    return {
        "log": control.log(
            query.get("account", ""),
            query.get("sku", ""),
            query.get("kind", ""),
            shape.whole(query.get("after", ""), "after", 0, 2**53),
            shape.whole(query.get("size", ""), "size", 1000, 50_000),
        )
    }


def _get_calls(control: Control, request: Request) -> Any:
    query = request.query
    after = shape.whole(query.get("after", ""), "after", 0, 2**53)
    size = shape.whole(query.get("size", ""), "size", 1000, 200_000)
    return {"calls": control.calls(query.get("account", ""), after, size)}


_ROUTES: dict[tuple[str, str], Callable[[Control, Request], Any]] = {
    ("POST", "/_control/accounts"): _post_account,
    ("POST", "/_control/revoke"): _post_revoke,
    ("POST", "/_control/settings"): _post_settings,
    ("POST", "/_control/faults"): _post_fault,
    ("DELETE", "/_control/faults"): lambda control, request: control.clear_faults(),
    ("POST", "/_control/orders"): _post_orders,
    ("GET", "/_control/orders"): lambda control, request: control.orders(**_page(request)),
    ("GET", "/_control/listings"): _get_listings,
    ("GET", "/_control/log"): _get_log,
    ("GET", "/_control/calls"): _get_calls,
    ("GET", "/_control/stats"): lambda control, request: control.stats(),
    ("POST", "/_control/set"): _post_set,
    ("POST", "/_control/reset"): lambda control, request: control.reset(),
}
