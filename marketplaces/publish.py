"""The price and stock lanes: absolute values in batches, the newest only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TypeVar

from hub.transactions import begin_again
from marketplaces import ledger, states, submissions
from marketplaces.contract import (
    ContentItem,
    Facet,
    Issue,
    IssueKind,
    Outcome,
    PriceItem,
    PricePublisher,
    Receipt,
    Refused,
    StockItem,
    StockPublisher,
    Verdict,
)
from marketplaces.desired import sale_price, sellable
from marketplaces.engine import Turn
from marketplaces.ledger import Due
from marketplaces.models import Issue as StoredIssue

Item = TypeVar("Item", PriceItem, StockItem, ContentItem)
NO_ANSWER_PAUSE = timedelta(seconds=10)


def run_price(turn: Turn) -> timedelta:
    """Send due prices until the slice is over or nothing is due."""
    adapter = turn.adapter
    if not isinstance(adapter, PricePublisher):
        return timedelta(hours=1)
    size = turn.connection.marketplace.description.batch.price
    return _drain(turn, Facet.PRICE, size, _price_item, adapter.publish_prices)


def run_stock(turn: Turn) -> timedelta:
    """Send due quantities until the slice is over or nothing is due."""
    adapter = turn.adapter
    if not isinstance(adapter, StockPublisher):
        return timedelta(hours=1)
    size = turn.connection.marketplace.description.batch.stock
    return _drain(turn, Facet.STOCK, size, _stock_item, adapter.publish_stock)


def _price_item(due: Due) -> tuple[PriceItem, str]:
    price, list_price = sale_price(due.price, due.promotional_price)
    return PriceItem(due.sku, due.remote_id, price, list_price), f"{price:.2f}/{list_price:.2f}"


def _stock_item(due: Due) -> tuple[StockItem, str]:
    quantity = sellable(due.quantity, due.product_status)
    return StockItem(due.sku, due.remote_id, quantity), str(quantity)


def _drain(
    turn: Turn,
    facet: Facet,
    size: int,
    build: Callable[[Due], tuple[Item, str]],
    publish: Callable[[Sequence[Item]], Receipt],
) -> timedelta:
    while turn.has_time():
        taken = ledger.take_due(turn.connection.pk, facet, size)
        if not taken:
            return timedelta(0)
        turn.record.causes = {due.sku: due.cause for due in taken}
        items: dict[str, Item] = {}
        rows: dict[str, ledger.Row] = {}
        unchanged: list[ledger.Row] = []
        priceless: list[states.Refusal] = []
        for due in taken:
            item, value = build(due)
            row = (due.listing_id, due.version, value)
            if isinstance(item, PriceItem) and not item.price:
                issue = Issue(IssueKind.PRICE_MISSING, "price", params={"value": "0"})
                priceless.append(states.Refusal(due.listing_id, None, due.version, (issue,)))
            elif value == due.confirmed_value and not due.is_uncertain:
                unchanged.append(row)
            else:
                items[due.sku], rows[due.sku] = item, row
        ledger.confirm(facet, unchanged)
        _refuse(turn, facet, StoredIssue.Origin.CHECK, priceless)
        if items:
            ledger.mark_sent(facet, list(rows.values()))
            send_halving(turn, list(items.values()), publish, partial(_settle_batch, turn, facet, rows))
    return timedelta(0)


def send_halving(
    turn: Turn,
    items: Sequence[Item],
    publish: Callable[[Sequence[Item]], Receipt],
    settle_batch: Callable[[Sequence[Item], Receipt], None],
) -> None:
    """Send a batch; when the marketplace refuses it whole, halve it until the culprit stands alone."""
    try:
        receipt = turn.call(partial(publish, items), [item.sku for item in items])
    except Refused as refusal:
        if len(items) == 1:
            issues = refusal.issues or (Issue(IssueKind.OTHER, message=str(refusal)),)
            settle_batch(items, Receipt((Outcome(items[0].sku, Verdict.REJECTED, issues=issues),)))
            return
        middle = len(items) // 2
        send_halving(turn, items[:middle], publish, settle_batch)
        send_halving(turn, items[middle:], publish, settle_batch)
        return
    settle_batch(items, receipt)


def _settle_batch(
    turn: Turn, facet: Facet, rows: Mapping[str, ledger.Row], items: Sequence[Item], receipt: Receipt
) -> None:
    sent = {item.sku: rows[item.sku] for item in items}
    answered = settle_results(turn, facet, sent, receipt.outcomes)
    waiting = [row for sku, row in sent.items() if sku not in answered]
    if receipt.submission_id:
        submissions.follow(turn.connection, facet, waiting, receipt)
        return
    given_up = ledger.postpone(facet, waiting, NO_ANSWER_PAUSE)
    no_answer = (Issue(IssueKind.NO_ANSWER),)
    _refuse(
        turn,
        facet,
        StoredIssue.Origin.CHECK,
        [states.Refusal(row[0], None, row[1], no_answer) for row in waiting if row[0] in given_up],
    )


@begin_again
def settle_results(
    turn: Turn, facet: Facet, rows: Mapping[str, ledger.Row], outcomes: Iterable[Outcome]
) -> set[str]:
    """Write down final verdicts on prices or quantities; returns the SKUs that have one."""
    accepted: list[ledger.Row] = []
    refused: list[states.Refusal] = []
    answered: set[str] = set()
    for outcome in outcomes:
        row = rows.get(outcome.sku)
        if row is None or outcome.verdict is Verdict.PENDING:
            continue
        answered.add(outcome.sku)
        if outcome.verdict is Verdict.REJECTED:
            issues = outcome.issues or (Issue(IssueKind.OTHER),)
            refused.append(states.Refusal(row[0], None, row[1], issues))
        else:
            accepted.append(row)
    ledger.confirm(facet, accepted)
    states.close_issues([row[0] for row in accepted], facet, StoredIssue.Closed.ACCEPTED)
    _refuse(turn, facet, StoredIssue.Origin.MARKETPLACE, refused)
    return answered


@begin_again
def _refuse(turn: Turn, facet: Facet, origin: StoredIssue.Origin, refusals: list[states.Refusal]) -> None:
    if refusals:
        ledger.refuse(facet, [(one.listing_id, one.version, "") for one in refusals])
        states.open_issues(turn.connection.seller_id, turn.connection.pk, facet, origin, refusals)
