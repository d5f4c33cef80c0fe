"""Calls about many items at once, of which one may be refused: nothing it holds stops the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from marketplaces.batches import batches
from marketplaces.contract import (
    ContentItem,
    Issue,
    IssueKind,
    ListingReader,
    ListingView,
    Outcome,
    PriceItem,
    Receipt,
    Refused,
    StockItem,
    Verdict,
    WithdrawItem,
)
from marketplaces.engine import Turn

Item = TypeVar("Item", PriceItem, StockItem, ContentItem, WithdrawItem)
Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


def ask(
    turn: Turn,
    asked: Sequence[Asked],
    size: int,
    call: Callable[[Sequence[Asked]], Answer],
    sku: Callable[[Asked], str],
) -> Iterator[tuple[Sequence[Asked], Answer | Refused]]:
    """Ask about any number of items, `size` of them a call; yields as `halve` does."""
    for batch in batches(asked, size):
        yield from halve(turn, batch, call, sku)


def halve(
    turn: Turn, asked: Sequence[Asked], call: Callable[[Sequence[Asked]], Answer], sku: Callable[[Asked], str]
) -> Iterator[tuple[Sequence[Asked], Answer | Refused]]:
    """Make one call about a batch; when it is refused whole, halve it until the culprit stands alone.

    Yields what each call was about, and its answer: a refusal only for a single item.
    """
    try:
        answer = turn.call(partial(call, asked), [sku(one) for one in asked])
    except Refused as refusal:
        if len(asked) == 1:
            yield asked, refusal
            return
        middle = len(asked) // 2
        yield from halve(turn, asked[:middle], call, sku)
        yield from halve(turn, asked[middle:], call, sku)
    else:
        yield asked, answer


def send(
    turn: Turn,
    items: Sequence[Item],
    publish: Callable[[Sequence[Item]], Receipt],
    settle: Callable[[Sequence[Item], Receipt], None],
) -> None:
    """Send a batch; each part of it is settled as soon as it is answered."""
    for some, answer in halve(turn, items, publish, lambda item: item.sku):
        if isinstance(answer, Refused):
            answer = Receipt((Outcome(some[0].sku, Verdict.REJECTED, issues=issues(answer)),))
        settle(some, answer)


def read(turn: Turn, adapter: ListingReader, skus: Sequence[str]) -> Iterator[ListingView]:
    """Read listings, a call after the other; nothing is seen of one the marketplace will not tell of."""
    size = turn.connection.marketplace.description.batch.read
    for _some, views in ask(turn, skus, size, adapter.read_listings, str):
        if not isinstance(views, Refused):
            yield from views


def issues(refusal: Refused) -> tuple[Issue, ...]:
    """Return why a single item was refused: the issues told, or the refusal's own words."""
    return refusal.issues or (Issue(IssueKind.OTHER, message=str(refusal)),)
