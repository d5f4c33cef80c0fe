"""Webhooks: hints that something changed, kept in an outbox until they are delivered or given up."""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

from marketplaces.simulators.sandbox.market import Market
from marketplaces.simulators.sandbox.rules import is_web_address
from marketplaces.simulators.sandbox.store import account_id

ATTEMPTS = 5
IDS_PER_CALL = 100
TIMEOUT_SECONDS = 5


def sign(secret: str, at: int, body: bytes) -> str:
    """Return the value of X-Sandbox-Signature."""
    digest = hmac.new(secret.encode(), str(at).encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def enqueue(
    db: sqlite3.Connection, market: Market, account: int, event: str, ids: Sequence[str], due_at: float
) -> None:
    """Remember to tell an account about these ids, if it wants to be told."""
    if market.settings.webhooks == "lost" or not ids:
        return
    row = db.execute("SELECT webhook_url FROM account WHERE number = ?", (account,)).fetchone()
    if row is None or not row["webhook_url"]:
        return
    db.executemany(
        "INSERT INTO outbox (account, event, ids, due_at) VALUES (?, ?, ?, ?)",
        [
            (account, event, json.dumps(ids[start : start + IDS_PER_CALL]), due_at)
            for start in range(0, len(ids), IDS_PER_CALL)
        ],
    )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


class Postman(threading.Thread):
    """Delivers the outbox in the background; nothing of the marketplace's own state depends on it."""

    def __init__(self, market: Market) -> None:
        super().__init__(name="sandbox-webhooks", daemon=True)
        self._market = market
        self._ends = threading.Event()
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects())

    def stop(self) -> None:
        self._ends.set()
        self.join(TIMEOUT_SECONDS + 1)

    def run(self) -> None:
        while not self._ends.wait(0.05):
            while self._deliver_one() and not self._ends.is_set():
                pass

    def _deliver_one(self) -> bool:
        market = self._market
        if market.settings.webhooks == "off":
            return False
        with market.store.transaction() as db:
            row = db.execute(
                "SELECT o.*, a.webhook_url, a.webhook_secret, a.revoked FROM outbox o"
                " JOIN account a ON a.number = o.account WHERE o.due_at <= ?"
                " ORDER BY o.due_at, o.number LIMIT 1",
                (market.now(),),
            ).fetchone()
        if row is None:
            return False
        useless = market.settings.webhooks == "lost" or not row["webhook_url"] or row["revoked"]
        done = useless or self._post(row)
        with market.store.transaction() as db:
            if done or row["attempts"] + 1 >= ATTEMPTS:
                db.execute("DELETE FROM outbox WHERE number = ?", (row["number"],))
            else:
                wait = market.settings.webhook_retry_seconds * 4 ** row["attempts"]
                db.execute(
                    "UPDATE outbox SET attempts = attempts + 1, due_at = ? WHERE number = ?",
                    (market.now() + wait, row["number"]),
                )
        outcome = "useless" if useless else "delivered" if done else "failed"
        market.count(f"webhook {outcome}", 0)
        return True

    def _post(self, row: sqlite3.Row) -> bool:
        if not is_web_address(row["webhook_url"]):
            return True
        body = json.dumps(
            {"event": row["event"], "ids": json.loads(row["ids"]), "account_id": account_id(row["account"])}
        ).encode()
        request = urllib.request.Request(  # noqa: S310 - only http and https get here
            row["webhook_url"],
            data=body,
            method="POST",
            headers={
                "Content-Type": "application/json",
                "User-Agent": "sandbox-webhooks/1",
                "X-Sandbox-Signature": sign(row["webhook_secret"], int(self._market.now()), body),
            },
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return 200 <= int(answer.status) < 300
        except (OSError, ValueError):
            return False
