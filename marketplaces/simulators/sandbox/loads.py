"""Loads: batches of publications, taken at once and decided later."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from marketplaces.simulators.kit import Problem
from marketplaces.simulators.sandbox import catalogue, markers, webhooks
from marketplaces.simulators.sandbox.listings import (
    cents,
    cut_errors,
    listing_id,
    money,
    of_account,
    state_of,
)
from marketplaces.simulators.sandbox.market import Market
from marketplaces.simulators.sandbox.rules import check_item, check_price, check_quantity, check_sku, error
from marketplaces.simulators.sandbox.store import log_values, marks, number_of
from marketplaces.simulators.sandbox.words import is_gtin, plain, wide_gtin

PREFIX = "SBX-LD"
SLICE = 100


def load_id(number: int) -> str:
    return f"{PREFIX}{number}"


def accept(
    db: sqlite3.Connection, market: Market, account: int, items: Sequence[Mapping[str, Any]], now: float
) -> dict[str, Any]:
    """Take a load in; every moment of its life is fixed here, from the patience in force now."""
    settings = market.settings
    slow = markers.SLOWNESS if any(markers.carries(item["sku"], markers.STUCK) for item in items) else 1
    starts_at = now + settings.processing_seconds
    done_at = starts_at + settings.deciding_seconds * slow
    cursor = db.execute(
        "INSERT INTO load (account, accepted_at, starts_at, done_at, cataloguing_seconds, items)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (account, now, starts_at, done_at, settings.cataloguing_seconds, json.dumps(items, default=str)),
    )
    return {
        "load_id": load_id(int(cursor.lastrowid or 0)),
        "status": "accepted",
        "poll_after_seconds": round(done_at - now, 2),
    }


def show(
    db: sqlite3.Connection, market: Market, account: int, wanted: str, now: float, base_url: str
) -> dict[str, Any]:
    """Return a load as it stands at a moment; raises Problem 404."""
    row = db.execute(
        "SELECT * FROM load WHERE number = ? AND account = ?", (number_of(wanted, PREFIX), account)
    ).fetchone()
    if row is None:
        raise Problem(404, "SBX-LOAD-UNKNOWN", "Carga desconhecida.")
    if row["results"] is None:
        status = "accepted" if now < row["starts_at"] else "processing"
        wait = max(0.05, round(row["done_at"] - now, 2))
        return {"load_id": wanted, "status": status, "poll_after_seconds": wait, "results": []}
    results = []
    for result in json.loads(row["results"]):
        number, live_at = result.pop("number"), result.pop("live_at")
        if result["status"] != "rejected":
            result["status"] = "published" if live_at <= now else "cataloguing"
        result["listing_id"] = listing_id(number) if number else None
        result["url"] = f"{base_url}/p/{listing_id(number)}" if number else None
        results.append(result)
    return {"load_id": wanted, "status": "done", "poll_after_seconds": None, "results": results}


def settle_next(db: sqlite3.Connection, market: Market, now: float) -> bool:
    """Decide a slice of the oldest load whose time has come; False when there is none.

    A slice is a transaction: a large load does not hold up other calls, and a kill in between loses nothing.
    """
    row = db.execute(
        "SELECT * FROM load WHERE results IS NULL AND done_at <= ? ORDER BY done_at, number LIMIT 1", (now,)
    ).fetchone()
    if row is None:
        return False
    items = json.loads(row["items"])
    part = db.execute("SELECT results FROM load_part WHERE load = ?", (row["number"],)).fetchone()
    results = json.loads(part["results"]) if part is not None else []
    results += _Decision(db, market, row, items[len(results) : len(results) + SLICE]).results()
    text = json.dumps(results)
    if len(results) < len(items):
        db.execute("INSERT OR REPLACE INTO load_part (load, results) VALUES (?, ?)", (row["number"], text))
    else:
        db.execute("DELETE FROM load_part WHERE load = ?", (row["number"],))
        db.execute("UPDATE load SET results = ? WHERE number = ?", (text, row["number"]))
    return True


class _Decision:
    """The verdicts on one load, with everything they need read in bulk."""

    def __init__(
        self, db: sqlite3.Connection, market: Market, load: sqlite3.Row, items: Sequence[Mapping[str, Any]]
    ) -> None:
        self._db, self._market, self._load, self._items = db, market, load, items
        self._account, self._at = int(load["account"]), float(load["done_at"])
        self._rows = of_account(db, self._account, (item["sku"] for item in items))
        self._taken_gtins = self._gtins_of_others()
        self._titles = self._titles_in_use()
        self._log: list[tuple[int, str, str, str, str, float]] = []

    def results(self) -> list[dict[str, Any]]:
        results, ids = [], []
        for item in self._items:
            errors, entry = self._judge(item)
            row = self._rows.get(item["sku"])
            errors = errors or cut_errors(row, item, self._at, self._market.settings.price_cut_limit)
            if errors:
                number = self._refuse(item, row, errors)
                results.append(
                    {
                        "sku": item["sku"],
                        "status": "rejected",
                        "errors": errors,
                        "number": number,
                        "live_at": 0,
                    }
                )
                continue
            number, live_at = self._publish(item, row, entry)
            ids.append(listing_id(number))
            results.append(
                {
                    "sku": item["sku"],
                    "status": "cataloguing",
                    "errors": [],
                    "number": number,
                    "live_at": live_at,
                }
            )
        log_values(self._db, self._log)
        due_at = self._at + float(self._load["cataloguing_seconds"])
        webhooks.enqueue(self._db, self._market, self._account, "listing.changed", ids, due_at)
        return results

    def _gtins_of_others(self) -> set[str]:
        codes = [wide_gtin(gtin) for item in self._items if is_gtin(gtin := (item.get("gtin") or "").strip())]
        rows = self._db.execute(
            f"SELECT gtin FROM listing WHERE gtin IN ({marks(codes)}) AND account != ?"  # noqa: S608
            " AND state = 'published'",
            (*codes, self._account),
        )
        return {row["gtin"] for row in rows}

    def _titles_in_use(self) -> dict[tuple[str, str], dict[str, str]]:
        titles = [plain(item.get("title") or "") for item in self._items]
        categories = list({item.get("category_id") or "" for item in self._items})
        rows = self._db.execute(
            f"SELECT sku, category_id, plain_title, parent_sku FROM listing WHERE account = ?"  # noqa: S608
            f" AND category_id IN ({marks(categories)}) AND plain_title IN ({marks(titles)})"
            " AND category_id != '' AND plain_title != '' AND state = 'published'",
            (self._account, *categories, *titles),
        )
        used: dict[tuple[str, str], dict[str, str]] = {}
        for row in rows:
            used.setdefault((row["category_id"], row["plain_title"]), {})[row["sku"]] = row["parent_sku"]
        return used

    def _judge(self, item: Mapping[str, Any]) -> tuple[list[dict[str, str]], sqlite3.Row | None]:
        """Return every error of an item, and the catalogue entry it is to be associated with."""
        sku_errors = check_sku(item)
        moderation = markers.moderation_errors(self._db, self._account, item["sku"])
        if item.get("catalogue_id"):
            entry = self._db.execute(
                "SELECT * FROM catalogue WHERE number = ? AND since <= ?",
                (catalogue.entry_number(item["catalogue_id"]), self._at),
            ).fetchone()
            errors = [*sku_errors, *moderation, *check_price(item), *check_quantity(item.get("quantity"))]
            if entry is None:
                said = "O produto do catálogo (catalogue_id) não existe."
                errors.insert(0, error("SBX-CATALOGUE-UNKNOWN", said, "catalogue_id"))
            return errors, entry
        return [*sku_errors, *self._check_category(item), *moderation], None

    def _check_category(self, item: Mapping[str, Any]) -> list[dict[str, str]]:
        category_id = item.get("category_id") or ""
        node = self._market.taxonomy.node(category_id)
        schema = self._market.taxonomy.schema(category_id)
        if not category_id:
            found = [error("SBX-CATEGORY-REQUIRED", "Informe a categoria (category_id).", "category_id")]
        elif node is None:
            found = [error("SBX-CATEGORY-UNKNOWN", "A categoria (category_id) não existe.", "category_id")]
        elif schema is None:
            said = f"A categoria (category_id) “{node['name']}” tem subcategorias; escolha uma delas."
            found = [error("SBX-CATEGORY-LEAF", said, "category_id")]
        else:
            found = check_item(item, schema)
        gtin = (item.get("gtin") or "").strip()
        if is_gtin(gtin) and wide_gtin(gtin) in self._taken_gtins:
            said = (
                f"Código de barras (gtin) {gtin} já é vendido por outra loja;"
                " associe o produto ao catálogo em vez de criar outro."
            )
            found.append(error("SBX-GTIN-TAKEN", said, "gtin"))
        sku, parent = item["sku"], item.get("parent_sku") or item["sku"]
        title = plain(item.get("title") or "")
        if title:
            used = self._titles.setdefault((category_id, title), {})
            if any(other != parent for who, other in used.items() if who != sku):
                said = "Título (title) igual ao de outro produto desta conta na mesma categoria."
                found.append(error("SBX-TITLE-DUPLICATE", said, "title"))
            elif not found:
                used[sku] = parent
        return found

    def _refuse(
        self, item: Mapping[str, Any], row: sqlite3.Row | None, errors: Sequence[Mapping[str, str]]
    ) -> int:
        """Keep the errors; a listing that was on sale stays as it was. Returns its number, 0 for none."""
        said = json.dumps(errors, ensure_ascii=False)
        self._db.execute(
            "INSERT INTO listing (account, sku, parent_sku, state, title, errors, submissions)"
            " VALUES (?, ?, ?, 'rejected', ?, ?, 1) ON CONFLICT (account, sku)"
            " DO UPDATE SET errors = excluded.errors, submissions = submissions + 1",
            (self._account, item["sku"], item.get("parent_sku") or "", item.get("title") or "", said),
        )
        return int(row["number"]) if row is not None and row["state"] != "rejected" else 0

    def _publish(
        self, item: Mapping[str, Any], row: sqlite3.Row | None, entry: sqlite3.Row | None
    ) -> tuple[int, float]:
        """Create or replace a listing; returns its number and when it is on sale."""
        sku = item["sku"]
        before = state_of(row, self._at) if row is not None else "absent"
        is_new = before in ("absent", "rejected")
        slow = markers.SLOWNESS if markers.carries(sku, markers.SLOW) else 1
        live_at = self._at + float(self._load["cataloguing_seconds"]) * slow
        if row is not None and before in ("live", "cataloguing"):
            live_at = float(row["live_at"])
        vanish_at = None
        if markers.carries(sku, markers.VANISHES) and not (row is not None and row["creations"]):
            vanish_at = live_at + float(self._load["cataloguing_seconds"])
        elif row is not None and not is_new:
            vanish_at = row["vanish_at"]
        values = self._content(item, row, entry, live_at)
        values |= self._terms(item, row, is_new)
        values |= {
            "account": self._account,
            "sku": sku,
            "parent_sku": item.get("parent_sku") or sku,
            "state": "published",
            "live_at": live_at,
            "vanish_at": vanish_at,
            "errors": "[]",
            "creations": (row["creations"] if row is not None else 0) + is_new,
            "submissions": (row["submissions"] if row is not None else 0) + 1,
        }
        names = list(values)
        changes = ", ".join(f"{name} = excluded.{name}" for name in names)
        number = self._db.execute(
            f"INSERT INTO listing ({', '.join(names)}) VALUES ({marks(names)})"  # noqa: S608 - our own names
            f" ON CONFLICT (account, sku) DO UPDATE SET {changes} RETURNING number",
            [values[name] for name in names],
        ).fetchone()[0]
        return int(number), live_at

    def _content(
        self, item: Mapping[str, Any], row: sqlite3.Row | None, entry: sqlite3.Row | None, live_at: float
    ) -> dict[str, Any]:
        if entry is not None:
            return {
                "title": entry["title"],
                "plain_title": entry["plain_title"],
                "brand": entry["brand"],
                "gtin": "",
                "category_id": "",
                "catalogue": entry["number"],
                "body": entry["body"],
            }
        body = {
            "description": item.get("description") or "",
            "attributes": item.get("attributes") or {},
            "images": item.get("images") or [],
        }
        title = (item.get("title") or "").strip()
        gtin = (item.get("gtin") or "").strip()
        known = int(row["catalogue"]) if row is not None and row["category_id"] else 0
        shared = {
            "title": title,
            "brand": item.get("brand") or "",
            "gtin": gtin,
            "body": body,
            "since": live_at,
        }
        if known:
            self._db.execute(
                "UPDATE catalogue SET title = ?, plain_title = ?, brand = ?, gtin = ?, body = ?"
                " WHERE number = ?",
                (title, plain(title), shared["brand"], wide_gtin(gtin), json.dumps(body), known),
            )
            self._market.titles.put(known, plain(title))
        else:
            known = catalogue.add_entries(self._db, self._market.titles, [shared])[0]
        return {
            "title": title,
            "plain_title": plain(title),
            "brand": shared["brand"],
            "gtin": wide_gtin(gtin),
            "category_id": item.get("category_id") or "",
            "catalogue": known,
            "body": json.dumps(body, ensure_ascii=False),
        }

    def _terms(self, item: Mapping[str, Any], row: sqlite3.Row | None, is_new: bool) -> dict[str, Any]:
        """Return price and stock; a value set by a call after this load came in is newer and stays."""
        came, terms = float(self._load["accepted_at"]), dict[str, Any]()
        if is_new or row is None or row["price_at"] <= came:
            price = cents(item["price"])
            list_price = cents(item["list_price"]) if item.get("list_price") is not None else price
            terms |= {"price": price, "list_price": list_price, "price_at": came}
            if row is None or is_new or row["price"] != price:
                self._log.append((self._account, item["sku"], "price", money(price), "load", self._at))
        if is_new or row is None or row["stock_at"] <= came:
            terms |= {"quantity": item["quantity"], "stock_at": came}
            if row is None or is_new or row["quantity"] != item["quantity"]:
                said = str(Decimal(item["quantity"]))
                self._log.append((self._account, item["sku"], "stock", said, "load", self._at))
        return terms
