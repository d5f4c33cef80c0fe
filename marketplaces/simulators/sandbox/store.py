"""The marketplace's own memory: one SQLite file that survives a kill -9 of either side."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from marketplaces.simulators.kit import Problem

SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS account (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    api_key TEXT NOT NULL UNIQUE,
    webhook_secret TEXT NOT NULL,
    webhook_url TEXT NOT NULL DEFAULT '',
    revoked INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE IF NOT EXISTS load (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    accepted_at REAL NOT NULL,
    starts_at REAL NOT NULL,
    done_at REAL NOT NULL,
    cataloguing_seconds REAL NOT NULL,
    items TEXT NOT NULL,
    results TEXT
);
-- loads.settle_next: the oldest load whose time has come
CREATE INDEX IF NOT EXISTS load_undecided ON load (done_at, number) WHERE results IS NULL;

-- The results of a load that is being decided, slice by slice.
CREATE TABLE IF NOT EXISTS load_part (load INTEGER PRIMARY KEY, results TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS listing (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    sku TEXT NOT NULL,
    parent_sku TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL,
    title TEXT NOT NULL DEFAULT '',
    plain_title TEXT NOT NULL DEFAULT '',
    brand TEXT NOT NULL DEFAULT '',
    gtin TEXT NOT NULL DEFAULT '',
    category_id TEXT NOT NULL DEFAULT '',
    catalogue INTEGER NOT NULL DEFAULT 0,
    body TEXT NOT NULL DEFAULT '{}',
    price INTEGER NOT NULL DEFAULT 0,
    list_price INTEGER NOT NULL DEFAULT 0,
    quantity INTEGER NOT NULL DEFAULT 0,
    price_at REAL NOT NULL DEFAULT 0,
    stock_at REAL NOT NULL DEFAULT 0,
    live_at REAL NOT NULL DEFAULT 0,
    vanish_at REAL,
    errors TEXT NOT NULL DEFAULT '[]',
    creations INTEGER NOT NULL DEFAULT 0,
    submissions INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account, sku)
);
-- loads: is this GTIN sold by somebody else?
CREATE INDEX IF NOT EXISTS listing_gtin ON listing (gtin) WHERE gtin != '';
-- loads: does this account use the title already?
CREATE INDEX IF NOT EXISTS listing_title ON listing (account, category_id, plain_title);
-- shop: the other variations of a product
CREATE INDEX IF NOT EXISTS listing_parent ON listing (account, parent_sku);

CREATE TABLE IF NOT EXISTS catalogue (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    plain_title TEXT NOT NULL,
    brand TEXT NOT NULL DEFAULT '',
    gtin TEXT NOT NULL DEFAULT '',
    body TEXT NOT NULL DEFAULT '{}',
    since REAL NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS catalogue_gtin ON catalogue (gtin) WHERE gtin != '';

CREATE TABLE IF NOT EXISTS purchase (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    seq INTEGER NOT NULL UNIQUE,
    status TEXT NOT NULL,
    next_step TEXT NOT NULL DEFAULT '',
    next_at REAL,
    created_at REAL NOT NULL,
    doubled INTEGER NOT NULL DEFAULT 0,
    body TEXT NOT NULL
);
-- orders.feed: what changed after the cursor
CREATE INDEX IF NOT EXISTS purchase_feed ON purchase (account, seq);
-- orders.settle: what moves by itself now
CREATE INDEX IF NOT EXISTS purchase_next ON purchase (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS value_log (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    sku TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    origin TEXT NOT NULL,
    at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS value_log_sku ON value_log (account, sku, number);

CREATE TABLE IF NOT EXISTS attempt (
    account INTEGER NOT NULL, sku TEXT NOT NULL, what TEXT NOT NULL, times INTEGER NOT NULL,
    PRIMARY KEY (account, sku, what)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    event TEXT NOT NULL,
    ids TEXT NOT NULL,
    due_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS outbox_due ON outbox (due_at, number);
"""

TABLES = ("load", "load_part", "listing", "catalogue", "purchase", "value_log", "attempt", "outbox")
LOG_LIMIT = 400_000


@dataclass(frozen=True, slots=True)
class Settings:
    """How patient and how reliable the marketplace is; times in seconds."""

    processing_seconds: float = 0.5
    """From the acceptance of a load until it is looked at."""
    deciding_seconds: float = 1.5
    """From then until the load is done and every item has its result."""
    cataloguing_seconds: float = 2.0
    """From done until the listing is on sale."""
    approval_seconds: float = 1.0
    """From the acceptance of an order until its payment is approved."""
    auto_approve: bool = True
    carrier_seconds: float = 5.0
    """Where the carrier owns the status: from invoice to shipped, and from shipped to delivered."""
    rate_per_second: float = 50.0
    """Calls an account may make; 0 means no limit."""
    rate_per_second_of_all: float = 0.0
    """Calls all accounts together may make; 0 means no limit."""
    price_cut_limit: float = 0.0
    """The per cent one call may take off the price of a listing on sale; 0 means no limit."""
    webhooks: str = "on"
    """``on``; ``off`` keeps them until it is on again; ``lost`` throws them away."""
    webhook_retry_seconds: float = 1.0

    def changed(self, values: dict[str, Any]) -> Settings:
        """Return new settings; raises Problem on an unknown name or a wrong value."""
        known = {item.name: item.type for item in fields(self)}
        for name, value in values.items():
            kind = known.get(name)
            if kind is None:
                raise Problem(400, "SBX-FIELD-UNKNOWN", f"Ajuste desconhecido: {name}.")
            number = isinstance(value, int | float) and not isinstance(value, bool)
            fits = {
                "float": number and 0 <= float(value if number else 0) < 1e6,
                "bool": isinstance(value, bool),
                "str": value in ("on", "off", "lost"),
            }
            if not fits[str(kind)]:
                raise Problem(400, "SBX-FIELD-TYPE", f"Valor inválido para {name}.")
        return replace(self, **values)

    def faster(self, speed: float) -> Settings:
        """Return the same marketplace `speed` times as quick."""
        return replace(
            self,
            processing_seconds=self.processing_seconds / speed,
            deciding_seconds=self.deciding_seconds / speed,
            cataloguing_seconds=self.cataloguing_seconds / speed,
            approval_seconds=self.approval_seconds / speed,
            carrier_seconds=self.carrier_seconds / speed,
        )


class Store:
    """The SQLite file behind one lock: a request is one transaction, and they come one after another."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("PRAGMA cache_size=-65536")
        self._db.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def close(self) -> None:
        with self._lock:
            self._db.close()


def load_settings(db: sqlite3.Connection, base: Settings) -> Settings:
    """Return the settings kept in the file over `base`; one that another version kept is passed over."""
    known = {item.name for item in fields(base)}
    rows = db.execute("SELECT name, value FROM setting")
    return base.changed({row["name"]: json.loads(row["value"]) for row in rows if row["name"] in known})


def save_settings(db: sqlite3.Connection, settings: Settings) -> None:
    db.executemany(
        "INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)",
        [(name, json.dumps(value)) for name, value in asdict(settings).items()],
    )


def open_account(db: sqlite3.Connection, name: str, api_key: str = "") -> sqlite3.Row:
    """Return the account with this key, made or brought back when need be; a new key when none is given."""
    key = api_key or f"sbx_{secrets.token_urlsafe(24)}"
    db.execute(
        "INSERT INTO account (name, api_key, webhook_secret) VALUES (?, ?, ?)"
        " ON CONFLICT (api_key) DO UPDATE SET name = excluded.name, revoked = 0",
        (name, key, f"whsec_{secrets.token_urlsafe(24)}"),
    )
    row: sqlite3.Row = db.execute("SELECT * FROM account WHERE api_key = ?", (key,)).fetchone()
    return row


def find_account(db: sqlite3.Connection, who: str) -> sqlite3.Row:
    """Return an account by its id or its key; raises Problem 404."""
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM account WHERE api_key = ? OR number = ?", (who, account_number(who))
    ).fetchone()
    if row is None:
        raise Problem(404, "SBX-NOT-FOUND", "Conta desconhecida.")
    return row


def account_id(number: int) -> str:
    return f"SBX-A{number}"


def account_number(text: str) -> int:
    return number_of(text, "SBX-A")


def number_of(text: str, prefix: str) -> int:
    """Return the number inside one of our ids, 0 when it is none."""
    digits = text[len(prefix) :] if text.startswith(prefix) else ""
    return int(digits) if digits.isdecimal() and digits.isascii() and len(digits) <= 15 else 0


def marks(values: Iterable[Any]) -> str:
    """Return the placeholders of an IN list."""
    return ",".join("?" for _ in values) or "NULL"


def log_values(db: sqlite3.Connection, rows: list[tuple[int, str, str, str, str, float]]) -> None:
    """Append (account, sku, kind, value, origin, at) to the log of applied values, and keep it bounded."""
    if not rows:
        return
    db.executemany(
        "INSERT INTO value_log (account, sku, kind, value, origin, at) VALUES (?, ?, ?, ?, ?, ?)", rows
    )
    last = db.execute("SELECT max(number) FROM value_log").fetchone()[0]
    if last % 20_000 < len(rows):
        db.execute("DELETE FROM value_log WHERE number <= ?", (last - LOG_LIMIT,))


def count_attempt(db: sqlite3.Connection, account: int, sku: str, what: str) -> int:
    """Count one more attempt of something for a SKU and return how many that makes."""
    row = db.execute(
        "INSERT INTO attempt (account, sku, what, times) VALUES (?, ?, ?, 1)"
        " ON CONFLICT (account, sku, what) DO UPDATE SET times = times + 1 RETURNING times",
        (account, sku, what),
    ).fetchone()
    return int(row[0])
