"""The price lane: the ERP's figures, shaped by the seller's rules, guarded, and in steps where need be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from marketplaces import held, price_rules, pricing, publish, staircase, states
from marketplaces.contract import Facet, PriceItem, PricePublisher
from marketplaces.engine import Turn
from marketplaces.ledger import Due, Row
from marketplaces.models import HeldPrice
from marketplaces.models import Issue as StoredIssue
from marketplaces.pricing import Price, Rules
from marketplaces.states import Refusal

RULES_BEING_SAVED = timedelta(seconds=1)
"""How long the lane rests while somebody saves new rules."""


@dataclass(slots=True)
class _Batch:
    """What is to be done with due prices that were taken together."""

    items: dict[str, PriceItem] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    steps: list[int] = field(default_factory=list)
    """Listings of which something else is sent first than what is wanted: a step on the way down, or what
    stood before a publication."""
    unchanged: list[Row] = field(default_factory=list)
    kept: list[held.Kept] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    overtaken: list[int] = field(default_factory=list)
    """Listings whose held price another one took the place of."""


def run_price(turn: Turn) -> timedelta:
    """Send due prices until the slice is over or nothing is due."""
    adapter = turn.adapter
    if not isinstance(adapter, PricePublisher):
        return timedelta(hours=1)
    connection = turn.connection
    size = connection.marketplace.description.batch.price
    while turn.has_time():
        taken = price_rules.take_due(connection.pk, turn.reach(size))
        if taken is None:
            return RULES_BEING_SAVED
        rules, dues = taken
        if not dues:
            break
        turn.record.causes = {due.sku: due.cause for due in dues}
        holds = {} if rules is pricing.PLAIN else held.newest([due.listing_id for due in dues])
        batch = _sort(turn, rules, dues, holds)
        publish.skip(Facet.PRICE, batch.unchanged)
        publish.refuse(turn, Facet.PRICE, StoredIssue.Origin.CHECK, batch.refused)
        # What was refused before is wanted no more.
        states.close_issues([one.listing_id for one in batch.kept], Facet.PRICE, StoredIssue.Closed.CORRECTED)
        held.keep_back(connection.seller_id, connection.pk, batch.kept)
        held.overtake(batch.overtaken)
        uncertain = {due.sku for due in dues if due.is_uncertain}
        apart = {due.sku for due in dues if due.is_apart}
        these = publish.Round(batch.items, batch.rows, uncertain, apart, size, batch.steps)
        publish.send(turn, Facet.PRICE, these, adapter.publish_prices)
        if turn.easing.was_in_vain:
            return publish.IN_VAIN
    return timedelta(0)


def _sort(turn: Turn, rules: Rules, dues: list[Due], holds: Mapping[int, HeldPrice]) -> _Batch:
    batch = _Batch()
    for due in dues:
        said = pricing.sale_price(due.price, due.promotional_price)
        wanted = rules.price_of(due.sku, due.product_sku, due.category_codes, said)
        row = (due.listing_id, due.version, wanted.text)
        hold = holds.get(due.listing_id)
        stood = Price.read(due.stands) if due.is_after_content else None
        if stood and (due.is_refused or not wanted.price or _waits(rules, due, wanted, hold)):
            _send(batch, due, stood, is_step=True)
            continue
        if not wanted.price:
            batch.refused.append(Refusal(due.listing_id, None, due.version, (price_rules.no_price(said),)))
        elif wanted.text == due.confirmed_value and not due.is_uncertain:
            batch.unchanged.append(row)
        elif _waits(rules, due, wanted, hold):
            agreed = Price.read(due.agreed_value) or wanted
            same = hold if held.stands(hold, due.confirmed_version, wanted) else None
            batch.kept.append(held.Kept(due.listing_id, due.version, agreed, wanted, same))
            continue
        else:
            going = staircase.next_price(turn.connection, due, wanted)
            _send(batch, due, going, is_step=going != wanted)
        if hold is not None and hold.state == HeldPrice.State.OPEN:
            batch.overtaken.append(due.listing_id)
    return batch


def _waits(rules: Rules, due: Due, wanted: Price, hold: HeldPrice | None) -> bool:
    """Tell whether a price moves too far and nobody has approved just that."""
    return rules.holds(Price.read(due.agreed_value), wanted) and not held.is_approved(
        hold, due.confirmed_version, wanted
    )


def _send(batch: _Batch, due: Due, going: Price, *, is_step: bool) -> None:
    if is_step:
        batch.steps.append(due.listing_id)
    batch.items[due.sku] = PriceItem(due.sku, due.remote_id, going.price, going.list_price)
    batch.rows[due.sku] = (due.listing_id, due.version, going.text)
