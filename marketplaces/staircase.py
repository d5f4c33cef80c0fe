"""Going down in steps where a marketplace refuses to cut a price by more than so much at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal, InvalidOperation

from marketplaces import halving, ledger
from marketplaces.contract import Facet, Issue, IssueKind, ListingReader, ListingState, Outcome, Verdict
from marketplaces.engine import Turn
from marketplaces.ledger import Due
from marketplaces.models import Connection
from marketplaces.pricing import Price, step

GUESS = Decimal(50)
"""The per cent tried first at a marketplace that refuses a cut and does not say how much it takes."""


def next_price(connection: Connection, due: Due, wanted: Price) -> Price:
    """Return what to send on the way to the wanted price: that, or a step the marketplace should take.

    Each refusal in a row halves the step; the third gives the row up (`ledger.postpone`).
    """
    known = connection.price_cut_limit or connection.marketplace.description.largest_price_cut
    limit = known or (GUESS if due.failures else None)
    if limit is not None and due.failures > 1:
        limit /= 2 ** (due.failures - 1)
    there = Price.read(due.confirmed_value)
    return step(there.price if there else None, wanted, limit)


def too_deep(outcome: Outcome) -> Issue | None:
    """Return the refusal that says a cut is too deep to be made at once, if this is one."""
    if outcome.verdict is not Verdict.REJECTED:
        return None
    return next((issue for issue in outcome.issues if issue.kind is IssueKind.PRICE_CUT), None)


def slow_down(turn: Turn, rows: Mapping[str, ledger.Row], refusals: Mapping[str, Issue]) -> set[str]:
    """Let cuts that were too deep be tried again in steps; returns the SKUs given up instead.

    What the marketplace shows now is read first: its idea of the price in force is the one that counts.
    """
    if not refusals:
        return set()
    for issue in refusals.values():
        _learn(turn.connection, issue.params.get("limit"))
    _note_shown(turn, list(refusals), rows)
    given_up = ledger.postpone(Facet.PRICE, [rows[sku] for sku in refusals], timedelta(0))
    return {sku for sku in refusals if rows[sku][0] in given_up}


def _learn(connection: Connection, said: object) -> None:
    """Remember the limit a refusal names."""
    try:
        limit = Decimal(str(said)).quantize(Decimal("0.01"))
    except InvalidOperation:
        return
    if 0 < limit < 100 and limit != connection.price_cut_limit:
        connection.price_cut_limit = limit
        Connection.objects.filter(pk=connection.pk).update(price_cut_limit=limit)


def _note_shown(turn: Turn, skus: Sequence[str], rows: Mapping[str, ledger.Row]) -> None:
    adapter = turn.adapter
    if not isinstance(adapter, ListingReader):
        return
    shown: list[ledger.Row] = []
    for view in halving.read(turn, adapter, skus):
        if view.sku in rows and view.state is ListingState.LIVE and view.price is not None:
            listing_id, version, _value = rows[view.sku]
            value = Price(view.price, view.list_price or view.price).text
            shown.append((listing_id, version, value))
    ledger.note_shown(shown)
