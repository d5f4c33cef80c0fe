"""Words in a SKU that make the marketplace misbehave on demand; `docs/sandbox.md` lists them for people."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from marketplaces.simulators.kit import Fault
from marketplaces.simulators.sandbox.rules import error
from marketplaces.simulators.sandbox.store import count_attempt

ALWAYS_REFUSED = "-RECUSA"
REFUSED_ONCE = "-RECUSA1X"
IMAGE_LOST = "-IMAGEM"
SLOW = "-LENTO"
STUCK = "-TRAVADO"
VANISHES = "-SUMIDO"
STOCK_LOCKED = "-METADE"
PRICE_DRIFTS = "-DESVIO"
STEPS = "-DEGRAU"
DOUBLED = "-DUPLO"
SPLIT = "-ENTREGAS"
CARRIER = "-FRETE"
CHANGED_MIND = "-DESISTE"
THROTTLED, BEFORE, AFTER, DROPPED, PAGE = "-429", "-503", "-504", "-QUEDA", "-HTML"

SLOWNESS = 20
STEP = 40.0
"""The per cent at a time by which the price of a `STEPS` SKU may fall."""
_FAULTS = {
    THROTTLED: Fault(kind="status", status=429, headers={"Retry-After": "1"}),
    BEFORE: Fault(kind="status", status=503),
    AFTER: Fault(kind="status", status=504, after_commit=True),
    DROPPED: Fault(kind="drop", after_commit=True),
    PAGE: Fault(kind="html", status=502),
}


def carries(sku: str, marker: str) -> bool:
    """Say whether a SKU carries a marker."""
    if marker == ALWAYS_REFUSED:
        return marker in sku.replace(REFUSED_ONCE, "")
    return marker in sku


def moderation_errors(db: sqlite3.Connection, account: int, sku: str) -> list[dict[str, str]]:
    """Return the errors a marked SKU earns in a load, whatever its data are."""
    found = []
    refused = carries(sku, ALWAYS_REFUSED)
    if carries(sku, REFUSED_ONCE):
        refused = refused or count_attempt(db, account, sku, REFUSED_ONCE) == 1
    if refused:
        found += [
            error("SBX-MODERATION-TITLE", "O título (title) foi recusado pela moderação.", "title"),
            error("SBX-MODERATION-IMAGE", "A primeira imagem (images) tem texto ou marca d’água.", "images"),
            error("SBX-MODERATION-DOCUMENT", "Falta o certificado do INMETRO para este produto.", ""),
        ]
    if carries(sku, IMAGE_LOST):
        said = "Imagem 1 (images) não pôde ser baixada: o servidor respondeu 404."
        found.append(error("SBX-IMAGE-UNREACHABLE", said, "images"))
    return found


def fault_for(db: sqlite3.Connection, account: int, path: str, skus: Iterable[str]) -> Fault | None:
    """Return the failure a price, stock or load call earns by a marked SKU: each SKU's first call only."""
    for sku in skus:
        for marker, fault in _FAULTS.items():
            spared = marker == THROTTLED and path == "/v1/loads"
            if not spared and carries(sku, marker) and count_attempt(db, account, sku, marker + path) == 1:
                return fault
    return None


def may_be_marked(body: bytes) -> bool:
    """Say quickly whether a body may hold a marker that spoils the whole call."""
    return any(marker.encode() in body for marker in _FAULTS)


def stock_errors(sku: str) -> list[dict[str, str]]:
    """Return why the stock of a marked SKU is refused."""
    if carries(sku, STOCK_LOCKED):
        said = "O estoque (quantity) deste anúncio está bloqueado pelo marketplace."
        return [error("SBX-STOCK-LOCKED", said, "quantity")]
    return []
