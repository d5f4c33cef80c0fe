"""Going on where a marketplace answers with an error of its own: one odd item must not stop an account.

Whether the marketplace or an item is at fault shows only in what else goes through. So a lane whose run
failed begins its next one, after its back-off, with fewer items, others than those that failed; where that
fails too it backs off further: as many calls as ever, each smaller. Once a call has gone through, a call that
fails is narrowed down within the run until one item stands alone, and that one is set apart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from marketplaces.batches import batches
from marketplaces.contract import MarketplaceError, Throttled, Unavailable, UnexpectedAnswer
from marketplaces.models import Lane

T = TypeVar("T")

NARROWER = 4
"""How many times smaller a call is after one that failed, and larger after one that went through."""
MOST_STEPS = 9
"""After so many failures in a row a call is about one item, however many a marketplace takes."""
REACH = 20
"""Among how many due items at least others than those that failed are looked for."""


class Easing:
    """How large the calls of one run of a lane are, and what a failing one among them means."""

    def __init__(self, lane: Lane) -> None:
        self._lane, self._failures = lane, lane.failures
        self._limit: int | None = None
        self._works = False
        """True where a call has gone through since the run began or an item was newly set apart."""
        self._worked = False
        """True where any call of this run has gone through."""
        self.trouble: MarketplaceError | None = None
        """Why the last call failed, while nobody knows which item it was."""
        self.was_in_vain = False
        """True where an item known to fail failed again, and nothing says that the marketplace works."""

    @property
    def is_on(self) -> bool:
        """True in a run after one that failed: one call at a time, of as many items as `choose` says."""
        return self._failures > 0

    def reach(self, size: int) -> int:
        """How many due items to choose from, where `size` of them are wanted."""
        return max(size, REACH) if self.is_on else size

    def choose(self, items: Sequence[T], size: int, is_fresh: Callable[[T], bool]) -> Sequence[T]:
        """Return what the next call is about, `size` items at most.

        As long as nothing has gone through: what has not failed, or else other items than the last time.
        """
        if not self.is_on:
            return items[:size]
        if self._limit is None:
            self._limit = max(1, min(len(items), size) // NARROWER ** min(self._failures, MOST_STEPS))
        limit = min(self._limit, size)
        if self._works:
            return items[:limit]
        if fresh := [item for item in items if is_fresh(item)]:
            return fresh[:limit]
        start = self._failures * limit % max(1, len(items))
        return [*items[start:], *items[:start]][:limit]

    def calls(
        self, items: Sequence[T], size: int, is_apart: Callable[[T], bool], is_fresh: Callable[[T], bool]
    ) -> deque[Sequence[T]]:
        """Return what goes out now, call by call: what fails by itself last, one of it, and alone."""
        alone = [item for item in items if is_apart(item)][:1]
        others = [item for item in items if not is_apart(item)]
        if self.is_on:
            chosen = self.choose(others, size, is_fresh)
            calls = deque([chosen] if chosen else [])
        else:
            calls = deque(batches(others, size))
        return calls + deque([alone] if alone else [])

    def go_on(self) -> None:
        """A call went through: the marketplace works, and the failures in a row are over."""
        self._works = self._worked = True
        self.trouble, self.was_in_vain = None, False
        self._lane.failures = 0
        if self._limit is not None:
            self._limit *= NARROWER

    def narrow(self, count: int, error: MarketplaceError, *, is_apart: bool = False) -> None:
        """A call about so many items failed: of one it is known now, of one that `is_apart` it was before.

        Raises the error where the marketplace may be at fault.
        """
        if not _may_be_an_item(error) or not (is_apart or (self.is_on and self._works)):
            raise error
        if is_apart:
            self.was_in_vain = not self._worked
        elif count > 1:
            self._limit, self.trouble = max(1, count // NARROWER), error
        else:
            self._limit, self._works, self.trouble = NARROWER, False, None


def _may_be_an_item(error: MarketplaceError) -> bool:
    """Tell whether one item may have caused it: not a wire that is cut, and no request to come back later."""
    if isinstance(error, Unavailable):
        return error.is_answer and error.retry_after is None and not isinstance(error, Throttled)
    return isinstance(error, UnexpectedAnswer)
