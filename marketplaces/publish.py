"""The stock lane, and what it shares with the others: absolute values in batches, the newest only."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from hub.transactions import begin_again
from marketplaces import halving, ledger, staircase, states, submissions
from marketplaces.contract import (
    Facet,
    Issue,
    IssueKind,
    MarketplaceError,
    Outcome,
    PriceItem,
    Receipt,
    StockItem,
    StockPublisher,
    Unavailable,
    UnexpectedAnswer,
    Verdict,
)
from marketplaces.engine import TOO_OLD, Turn
from marketplaces.models import Issue as StoredIssue

Item = TypeVar("Item", PriceItem, StockItem)
NO_ANSWER_PAUSE = timedelta(seconds=10)
IN_VAIN = timedelta(seconds=1)
"""How long a lane rests that had nothing to try but an item known to fail."""


def run_stock(turn: Turn) -> timedelta:
    """Send due quantities until the slice is over or nothing is due."""
    adapter = turn.adapter
    if not isinstance(adapter, StockPublisher):
        return timedelta(hours=1)
    size = turn.connection.marketplace.description.batch.stock
    while turn.has_time():
        taken = ledger.take_due(turn.connection.pk, Facet.STOCK, turn.reach(size))
        if not taken:
            break
        turn.record.causes = {due.sku: due.cause for due in taken}
        items: dict[str, StockItem] = {}
        rows: dict[str, ledger.Row] = {}
        unchanged: list[ledger.Row] = []
        steps: list[int] = []
        for due in taken:
            quantity = due.quantity
            if due.is_refused and due.stands:
                quantity = int(due.stands)
                steps.append(due.listing_id)
            row = (due.listing_id, due.version, str(quantity))
            if str(quantity) == due.confirmed_value and not due.is_uncertain:
                unchanged.append(row)
            else:
                items[due.sku], rows[due.sku] = StockItem(due.sku, due.remote_id, quantity), row
        skip(Facet.STOCK, unchanged, but={due.listing_id for due in taken if due.is_refused})
        uncertain = {due.sku for due in taken if due.is_uncertain}
        apart = {due.sku for due in taken if due.is_apart}
        send(turn, Facet.STOCK, Round(items, rows, uncertain, apart, size, steps), adapter.publish_stock)
        if turn.easing.was_in_vain:
            return IN_VAIN
    return timedelta(0)


@begin_again
def skip(facet: Facet, rows: Sequence[ledger.Row], but: Collection[int] = ()) -> None:
    """Send nothing of values that stand there already: whoever goes back to one corrects what was refused.

    `but` are listings whose refused value is still the wanted one.
    """
    ledger.skip(facet, rows)
    corrected = [row[0] for row in rows if row[0] not in but]
    states.close_issues(corrected, facet, StoredIssue.Closed.CORRECTED)


@dataclass(frozen=True, slots=True)
class Round(Generic[Item]):
    """What goes out in a few calls right after one another, by SKU: taken, marked and settled together."""

    items: Mapping[str, Item]
    rows: Mapping[str, ledger.Row]
    uncertain: Collection[str]
    """Of these an earlier send may be in force already."""
    apart: Collection[str]
    """These fail by themselves (`Due.is_apart`): one of them goes out, alone and after all others."""
    size: int
    """How many items the marketplace takes in one call."""
    steps: Sequence[int] = ()
    """Listings of which something else than the wanted value is sent first."""


def send(turn: Turn, facet: Facet, these: Round[Item], publish: Callable[[Sequence[Item]], Receipt]) -> None:
    """Write down what is about to be sent, send it call by call, write down all answers.

    An error, others who need the worker, or a marketplace that has become slow end the round early: what was
    answered by then is written down, the call that failed stays uncertain, and what no call was made for is
    due as if it had not been taken. What fails by itself is tried again later, alone.
    The stamp of sending is the moment it was written down for the whole round, never later than its call.
    """
    calls = turn.easing.calls(
        list(these.items.values()),
        these.size,
        lambda item: item.sku in these.apart,
        lambda item: item.sku not in these.uncertain,
    )
    if not calls:
        return
    until = time.monotonic() + TOO_OLD
    rows = {item.sku: these.rows[item.sku] for some in calls for item in some}
    ids = {row[0] for row in rows.values()}
    ledger.mark_sent(facet, list(rows.values()))
    ledger.mark_steps(facet, [one for one in these.steps if one in ids])
    told: list[tuple[Sequence[Item], Receipt]] = []
    failed: Failed | None = None
    try:
        failed = _call(turn, these, calls.popleft(), publish, told)
        while calls and failed is None and time.monotonic() < until and turn.has_time():
            failed = _call(turn, these, calls.popleft(), publish, told)
    finally:
        left = [item.sku for some in calls for item in some if item.sku not in these.uncertain]
        ledger.take_back(facet, [these.rows[sku] for sku in left])
        _settle_round(turn, facet, these.rows, told)
    if failed is not None and len(failed.skus) == 1:
        _set_apart(turn, facet, these.rows[failed.skus[0]], failed.error)


@dataclass(frozen=True, slots=True)
class Failed:
    """A call that failed although the marketplace works: about one of these items, it seems."""

    skus: Sequence[str]
    error: MarketplaceError


def _call(
    turn: Turn,
    these: Round[Item],
    some: Sequence[Item],
    publish: Callable[[Sequence[Item]], Receipt],
    told: list[tuple[Sequence[Item], Receipt]],
) -> Failed | None:
    """Make one call and hear its answers; an error passes through unless an item seems to be at fault."""
    answered: set[str] = set()

    def hear(items: Sequence[Item], receipt: Receipt) -> None:
        answered.update(item.sku for item in items)
        told.append((items, receipt))

    try:
        halving.send(turn, some, publish, hear)
    except (Unavailable, UnexpectedAnswer) as error:
        skus = [item.sku for item in some if item.sku not in answered]
        turn.easing.narrow(len(skus), error, is_apart=some[0].sku in these.apart)
        return Failed(skus, error)
    turn.easing.go_on()
    return None


def error_there(error: MarketplaceError) -> Issue:
    """Tell that the marketplace answers this item, and no other, with an error of its own."""
    return Issue(IssueKind.ERROR_THERE, message=str(error)[:500])


@begin_again
def _set_apart(turn: Turn, facet: Facet, row: ledger.Row, error: MarketplaceError) -> None:
    """Try it again later, by itself; after some tries people are told. It stays due all the while."""
    if ledger.set_apart(facet, row) == ledger.BLOCKS_AFTER:
        connection, origin = turn.connection, StoredIssue.Origin.MARKETPLACE
        refusal = states.Refusal(row[0], None, row[1], (error_there(error),))
        states.open_issues(connection.seller_id, connection.pk, facet, origin, [refusal])


def _settle_round(
    turn: Turn,
    facet: Facet,
    rows: Mapping[str, ledger.Row],
    told: Sequence[tuple[Sequence[Item], Receipt]],
) -> None:
    if not told:
        return
    sent = {item.sku: rows[item.sku] for items, _receipt in told for item in items}
    outcomes = [outcome for _items, receipt in told for outcome in receipt.outcomes]
    answered = settle_results(turn, facet, sent, outcomes)
    silent: list[ledger.Row] = []
    for items, receipt in told:
        waiting = [rows[item.sku] for item in items if item.sku not in answered]
        if receipt.submission_id:
            submissions.follow(turn.connection, facet, waiting, receipt)
        else:
            silent += waiting
    hear_nothing(turn, facet, silent)


def hear_nothing(turn: Turn, facet: Facet, rows: Sequence[ledger.Row]) -> None:
    """Of these the marketplace said nothing: they are tried again, and given up after the third time."""
    given_up = ledger.postpone(facet, rows, NO_ANSWER_PAUSE)
    no_answer = (Issue(IssueKind.NO_ANSWER),)
    refuse(
        turn,
        facet,
        StoredIssue.Origin.CHECK,
        [states.Refusal(row[0], None, row[1], no_answer) for row in rows if row[0] in given_up],
    )


def settle_results(
    turn: Turn, facet: Facet, rows: Mapping[str, ledger.Row], outcomes: Iterable[Outcome]
) -> set[str]:
    """Write down final verdicts on prices or quantities; returns the SKUs that have one.

    A price cut that was too deep is no final no: it goes on in steps.
    """
    told = [one for one in outcomes if one.sku in rows]
    steep = {one.sku: issue for one in told if (issue := staircase.too_deep(one))}
    answered = _settle(turn, facet, rows, [one for one in told if one.sku not in steep])
    if given_up := staircase.slow_down(turn, rows, steep):
        _settle(turn, facet, rows, [one for one in told if one.sku in given_up])
    return answered | set(steep)


@begin_again
def _settle(
    turn: Turn, facet: Facet, rows: Mapping[str, ledger.Row], outcomes: Iterable[Outcome]
) -> set[str]:
    accepted: list[ledger.Row] = []
    refused: list[states.Refusal] = []
    answered: set[str] = set()
    for outcome in outcomes:
        row = rows[outcome.sku]
        if outcome.verdict is Verdict.PENDING:
            continue
        answered.add(outcome.sku)
        if outcome.verdict is Verdict.REJECTED:
            issues = outcome.issues or (Issue(IssueKind.OTHER),)
            refused.append(states.Refusal(row[0], None, row[1], issues))
        else:
            accepted.append(row)
    ledger.confirm(facet, accepted)
    states.close_issues([row[0] for row in accepted], facet, StoredIssue.Closed.ACCEPTED)
    refuse(turn, facet, StoredIssue.Origin.MARKETPLACE, refused)
    return answered


@begin_again
def refuse(turn: Turn, facet: Facet, origin: StoredIssue.Origin, refusals: list[states.Refusal]) -> None:
    """Write down that these rows are not sent at this version, and why."""
    if refusals:
        end = ledger.refuse if origin == StoredIssue.Origin.MARKETPLACE else ledger.give_up
        end(facet, [(one.listing_id, one.version, "") for one in refusals])
        states.open_issues(turn.connection.seller_id, turn.connection.pk, facet, origin, refusals)
