"""The portal's start page: what a new seller does next, and what needs somebody now.

Each app adds its own steps, cards and tables; the hub only lays them out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from django.http import HttpRequest

from hub import tenancy
from hub.models import Seller

Tone = Literal["", "danger", "warning", "success", "info"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a new seller's way to the first sale."""

    title: Any
    text: Any
    link: str
    action: Any
    is_done: bool


@dataclass(frozen=True, slots=True)
class Card:
    """One number that needs somebody (or does not), linking to the rows it counts."""

    title: Any
    value: str
    link: str
    icon: str
    note: Any = ""
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A short list, such as the newest loads. Each row is a link and its cells."""

    title: Any
    headers: Sequence[Any]
    rows: Sequence[tuple[str, Sequence[Any]]]
    link: str
    empty: Any = ""


@dataclass(slots=True)
class _Registry:
    steps: list[tuple[int, Callable[[Seller], Step]]] = field(default_factory=list)
    cards: list[tuple[int, Callable[[Seller], Sequence[Card]]]] = field(default_factory=list)
    tables: list[tuple[int, Callable[[Seller], Table]]] = field(default_factory=list)


_registered = _Registry()


def step(order: int) -> Callable[[Callable[[Seller], Step]], Callable[[Seller], Step]]:
    """Register a step of the onboarding."""

    def register(function: Callable[[Seller], Step]) -> Callable[[Seller], Step]:
        _registered.steps.append((order, function))
        return function

    return register


def cards(
    order: int,
) -> Callable[[Callable[[Seller], Sequence[Card]]], Callable[[Seller], Sequence[Card]]]:
    """Register a few cards; they may cost one or two indexed queries."""

    def register(function: Callable[[Seller], Sequence[Card]]) -> Callable[[Seller], Sequence[Card]]:
        _registered.cards.append((order, function))
        return function

    return register


def table(order: int) -> Callable[[Callable[[Seller], Table]], Callable[[Seller], Table]]:
    """Register a short list."""

    def register(function: Callable[[Seller], Table]) -> Callable[[Seller], Table]:
        _registered.tables.append((order, function))
        return function

    return register


def build(request: HttpRequest) -> dict[str, Any]:
    """Return the start page's context for the current seller."""
    seller = tenancy.actor(request).seller
    steps = [function(seller) for _, function in sorted(_registered.steps, key=lambda one: one[0])]
    next_step = next((one for one in steps if not one.is_done), None)
    return {
        "steps": steps,
        "next_step": next_step,
        "steps_done": sum(one.is_done for one in steps),
        "cards": [
            card
            for _, function in sorted(_registered.cards, key=lambda one: one[0])
            for card in function(seller)
        ],
        "tables": [function(seller) for _, function in sorted(_registered.tables, key=lambda one: one[0])],
    }
