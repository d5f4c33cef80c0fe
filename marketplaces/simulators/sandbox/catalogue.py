"""The marketplace's shared catalogue: what a seller's product may be associated with."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from pathlib import Path
from typing import Any

from marketplaces.simulators.sandbox.store import number_of
from marketplaces.simulators.sandbox.words import is_gtin, likeness, narrow_gtin, plain, wide_gtin

PREFIX = "SBX-C"
ALIKE = 0.6
CANDIDATES = 5
SEED = Path(__file__).with_name("catalogue.json")


def entry_id(number: int) -> str:
    return f"{PREFIX}{number}"


def entry_number(text: str) -> int:
    return number_of(text, PREFIX)


class TitleIndex:
    """The words of every catalogue title, in memory, read from the file on first use."""

    def __init__(self) -> None:
        self._words: dict[int, frozenset[str]] = {}
        self._entries: dict[str, set[int]] = defaultdict(set)
        self._is_read = False

    def put(self, number: int, plain_title: str) -> None:
        """Take in a new or changed title; nothing to do before the first search."""
        if self._is_read:
            self._put(number, plain_title)

    def forget(self) -> None:
        self._words.clear()
        self._entries.clear()
        self._is_read = False

    def _put(self, number: int, plain_title: str) -> None:
        for word in self._words.get(number, ()):
            self._entries[word].discard(number)
        words = frozenset(plain_title.split())
        self._words[number] = words
        for word in words:
            self._entries[word].add(number)

    def search(self, db: sqlite3.Connection, title: str) -> list[tuple[float, int]]:
        """Return (likeness, entry) of the titles alike, best first.

        Two sets with a Jaccard of at least `ALIKE` share one of the rarest words: a set of n words
        can miss at most (1 - ALIKE) n of them, so looking at one word more than that is enough.
        """
        if not self._is_read:
            for row in db.execute("SELECT number, plain_title FROM catalogue"):
                self._put(row["number"], row["plain_title"])
            self._is_read = True
        words = frozenset(plain(title).split())
        rare = sorted(words, key=lambda word: len(self._entries.get(word, ())))
        near: set[int] = set()
        for word in rare[: int((1 - ALIKE) * len(words)) + 1]:
            near |= self._entries.get(word, set())
        scored = [(likeness(words, self._words[number]), number) for number in near]
        return sorted((pair for pair in scored if pair[0] >= ALIKE), key=lambda pair: (-pair[0], pair[1]))


def add_entries(db: sqlite3.Connection, titles: TitleIndex, entries: list[dict[str, Any]]) -> list[int]:
    """Add entries (`title`, `brand`, `gtin`, `body`, `since`) and return their numbers."""
    numbers = []
    for entry in entries:
        cursor = db.execute(
            "INSERT INTO catalogue (title, plain_title, brand, gtin, body, since) VALUES (?, ?, ?, ?, ?, ?)",
            (
                entry["title"],
                plain(entry["title"]),
                entry.get("brand", ""),
                wide_gtin(entry.get("gtin", "")),
                json.dumps(entry.get("body", {}), ensure_ascii=False),
                entry.get("since", 0),
            ),
        )
        numbers.append(int(cursor.lastrowid or 0))
        titles.put(numbers[-1], plain(entry["title"]))
    return numbers


def seed(db: sqlite3.Connection, titles: TitleIndex) -> None:
    """Put the well-known products into an empty catalogue."""
    if not db.execute("SELECT 1 FROM catalogue LIMIT 1").fetchone():
        add_entries(db, titles, json.loads(SEED.read_text("utf-8")))


def search(db: sqlite3.Connection, titles: TitleIndex, query: dict[str, Any], now: float) -> dict[str, Any]:
    """Return the candidates for one query: by GTIN when that finds any, else by title."""
    gtin = (query.get("gtin") or "").strip()
    rows: list[tuple[float, sqlite3.Row]] = []
    matched = None
    if is_gtin(gtin):
        found = db.execute(
            "SELECT * FROM catalogue WHERE gtin = ? AND since <= ? ORDER BY number LIMIT ?",
            (wide_gtin(gtin), now, CANDIDATES),
        )
        rows = [(1.0, row) for row in found]
        matched = "gtin" if rows else None
    if not rows and (query.get("title") or "").strip():
        for score, number in titles.search(db, query["title"]):
            row = db.execute(
                "SELECT * FROM catalogue WHERE number = ? AND since <= ?", (number, now)
            ).fetchone()
            if row is not None:
                rows.append((score, row))
            if len(rows) == CANDIDATES:
                break
        matched = "title" if rows else None
    return {
        "sku": query["sku"],
        "matched_by": matched,
        "candidates": [
            {
                "catalogue_id": entry_id(row["number"]),
                "title": row["title"],
                "gtin": narrow_gtin(row["gtin"]),
                "score": round(score, 3),
            }
            for score, row in rows
        ],
    }
