"""Where the apps above hook into the catalogue, which does not know them.

`AppConfig.ready()` of the app that has something to say appends its function; catalogue code calls
whatever is there. All functions answer for many rows at once and for one seller only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Associations = Callable[[int, Sequence[int]], Mapping[int, list[dict[str, Any]]]]
Prechecks = Callable[[int, Sequence[int]], Mapping[int, list[dict[str, Any]]]]
InUse = Callable[[int, Sequence[int]], set[int]]
Forget = Callable[[int, Sequence[int]], None]

ASSOCIATIONS: list[Associations] = []
"""(seller id, product ids) -> product id -> `[{"platform", "status"}]`, shown in GET /products."""

PRECHECKS: list[Prechecks] = []
"""(seller id, variation ids) -> variation id -> `[{"connection", "ready", "issues"}]`, told to the ERP."""

IN_USE: list[InUse] = []
"""(seller id, variation ids) -> those on sale somewhere, which must not disappear."""

FORGET: list[Forget] = []
"""(seller id, variation ids): drop what hangs on variations that are about to be deleted."""


def associations(seller_id: int, product_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """Return where each product is published."""
    return _gather(ASSOCIATIONS, seller_id, product_ids)


def verdicts(seller_id: int, variation_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """Return what each connection would say of each variation."""
    return _gather(PRECHECKS, seller_id, variation_ids)


def in_use(seller_id: int, variation_ids: Sequence[int]) -> set[int]:
    """Return the variations that are on sale somewhere."""
    used: set[int] = set()
    if variation_ids:
        for ask in IN_USE:
            used |= ask(seller_id, variation_ids)
    return used


def forget(seller_id: int, variation_ids: Sequence[int]) -> None:
    """Tell everyone that these variations are about to be deleted."""
    for drop in FORGET:
        drop(seller_id, variation_ids)


def _gather(
    sources: Sequence[Associations], seller_id: int, ids: Sequence[int]
) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    if ids:
        for ask in sources:
            for key, said in ask(seller_id, ids).items():
                found.setdefault(key, []).extend(said)
    return found
