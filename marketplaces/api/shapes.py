"""How connections, listings, loads and issues look on the wire."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db.models import Count
from django.utils import timezone

from hub.api.times import moment
from marketplaces import held, hints, incidents, showing, stock
from marketplaces.contract import Facet
from marketplaces.desired import wanted
from marketplaces.lag import LagOf
from marketplaces.models import Connection, HeldPrice, Incident, Issue, Listing, Load, LoadItem, Passage, Sync

SWITCHES = {
    "stock": "sync_stock",
    "price": "sync_price",
    "orders": "sync_orders",
    "accept": "accept_orders",
    "content": "sync_content",
    "reconnect": "auto_reconnect",
    "heal": "auto_heal",
}
"""What follows by itself on a connection: the API's word, and its column."""
BUFFERS = dict(zip(("hold", "reserve", "percentage", "most"), stock.BUFFERS, strict=True))
"""How much of the ERP's quantity a connection offers: the API's word, and its column."""


def connections(rows: Sequence[Connection]) -> list[dict[str, Any]]:
    """Describe connections of one seller (marketplace loaded); credentials never appear."""
    counts: dict[int, dict[str, int]] = {}
    for connection_id, state, number in (
        Listing.objects.filter(connection__in=rows)
        .order_by()
        .values_list("connection_id", "state")
        .annotate(n=Count("id"))
    ):
        counts.setdefault(connection_id, {})[state] = number
    troubled = incidents.of_seller(rows[0].seller_id) if rows else []
    incident_at = {one.marketplace_id: _incident(one) for one in troubled}
    now = timezone.now()
    return [
        {
            "name": one.name,
            "marketplace": one.marketplace_id,
            "account": one.account_id,
            "status": one.status,
            "incident": incident_at.get(one.marketplace_id),
            "marketplace_paused_until": moment(_still(one.marketplace.paused_until, now)),
            "sync": {word: getattr(one, column) for word, column in SWITCHES.items()},
            "stock": {word: getattr(one, column) for word, column in BUFFERS.items()},
            "listings": {state: counts.get(one.pk, {}).get(state, 0) for state in Listing.State.values},
            "last_answer_at": moment(one.last_ok_at),
            "last_problem": one.last_error or None,
            "last_problem_at": moment(one.last_error_at) if one.last_error else None,
        }
        for one in rows
    ]


def _incident(row: Incident) -> dict[str, Any]:
    return {"state": row.state, "since": moment(row.opened_at), "message": " ".join(showing.incident(row))}


def _still(until: datetime | None, now: datetime) -> datetime | None:
    """Return a moment that is yet to come; None where it has passed."""
    return until if until is not None and until > now else None


def listings(rows: Sequence[Listing]) -> list[dict[str, Any]]:
    """Describe listings (variation, product and connection loaded) with facets and open issues.

    All are of one seller.
    """
    ids = [one.pk for one in rows]
    places = [(one.connection_id, one.variation) for one in rows]
    due = wanted(rows[0].seller_id, places) if rows else {}
    there = {one.pk: due[one.connection_id, one.variation_id] for one in rows}
    off = {one.pk: one.connection.switched_off for one in rows}
    facets: dict[int, dict[str, Any]] = {}
    syncs = list(Sync.objects.filter(listing_id__in=ids))
    holds = held.standing(one for one in syncs if one.facet == Facet.PRICE.value)
    for sync in syncs:
        shown: dict[str, Any] = {"wanted": there[sync.listing_id].value(sync.facet) or None}
        if sync.facet == Facet.PRICE.value:
            shown |= _facet(sync, holds.get(sync.listing_id), off[sync.listing_id])
            shown["rules_version"] = there[sync.listing_id].rules_version or None
        else:
            shown |= _facet(sync, None, off[sync.listing_id])
        facets.setdefault(sync.listing_id, {})[sync.facet] = shown
    open_issues = _by_listing(Issue.objects.filter(listing_id__in=ids, closed_at__isnull=True).order_by("id"))
    return [
        {
            "sku": one.variation.sku,
            "product_sku": one.variation.product.sku,
            "connection": one.connection.name,
            "state": one.state,
            "state_at": moment(one.state_at),
            "mode": one.mode,
            "code": one.remote_id or None,
            "url": one.url or None,
            "load": one.load.number if one.load else None,
            "corrected_at": moment(one.corrected_at),
            "gone": one.gone_as or None,
            "gone_at": moment(one.gone_at),
            "quantity": asdict(there[one.pk].offer),
            **{facet.value: facets.get(one.pk, {}).get(facet.value) for facet in Facet},
            "issues": open_issues.get(one.pk, []),
        }
        for one in rows
    ]


def histories(rows: Sequence[Listing]) -> list[dict[str, Any]]:
    """Describe the ways of the listings' values to their marketplaces, newest first."""
    ways: dict[tuple[int, str], list[dict[str, Any]]] = {}
    kept = Passage.objects.filter(listing_id__in=[one.pk for one in rows])
    for passage in kept.order_by("-settled_at", "-version"):
        ways.setdefault((passage.listing_id, passage.facet), []).append(_way(passage))
    return [
        {
            "sku": one.variation.sku,
            "product_sku": one.variation.product.sku,
            "connection": one.connection.name,
            **{facet.value: ways.get((one.pk, facet.value), []) for facet in Facet},
        }
        for one in rows
    ]


def lags(found: Iterable[LagOf]) -> list[dict[str, Any]]:
    """Describe how long values of connections and facets took from received to confirmed, in seconds."""
    return [
        {
            "connection": one.connection.name,
            "facet": one.facet.value,
            "samples": one.samples,
            "p50": _rounded(one.p50, 3),
            "p95": _rounded(one.p95, 3),
            "max": _rounded(one.longest, 3),
            "target": one.target,
            "within_target": _rounded(one.within_target, 4),
        }
        for one in found
    ]


def _rounded(number: float | None, places: int) -> float | None:
    return None if number is None else round(number, places)


def _way(passage: Passage) -> dict[str, Any]:
    return {
        "value": passage.value or None if passage.facet != Facet.CONTENT.value else None,
        "outcome": passage.outcome,
        "why": passage.asked_by,
        "by": passage.cause or None,
        "superseded": passage.skipped,
        "received_at": moment(passage.received_at),
        "queued_at": moment(passage.queued_at),
        "sent_at": moment(passage.sent_at),
        "settled_at": moment(passage.settled_at),
        "seen_at": moment(passage.seen_at),
    }


def _facet(sync: Sync, hold: HeldPrice | None, switched_off: Collection[str]) -> dict[str, Any]:
    """The four stamps: received, queued, sent, seen."""
    return {
        "state": facet_state(sync, hold, switched_off),
        "sent": sync.sent_value or None,
        "confirmed": sync.confirmed_value or None,
        "seen": sync.seen_value or None,
        "received_at": moment(sync.received_at),
        "queued_at": moment(sync.queued_at),
        "sent_at": moment(sync.sent_at),
        "confirmed_at": moment(sync.confirmed_at),
        "seen_at": moment(sync.seen_at),
        "superseded": sync.superseded,
        "why": sync.asked_by or "catalogue",
        "drift": sync.drift or None,
        "frozen_at": moment(sync.frozen_at),
    }


def facet_state(sync: Sync, hold: HeldPrice | None, switched_off: Collection[str]) -> str:
    """Return one word for where a facet stands; there is a word for every case.

    `hold` is what keeps a price from being sent: a person has yet to look, or has said no. `switched_off`
    are the facets the account sends nothing of.
    """
    if sync.frozen_at is not None:
        return "frozen"
    if sync.submission_id is not None:
        return "sent"
    if sync.due_at is not None:
        return "off" if sync.facet in switched_off else "due"
    if sync.confirmed_version == sync.wanted_version:
        return "confirmed"
    if sync.refused_version == sync.wanted_version:
        if hold is not None:
            return "held" if hold.state == HeldPrice.State.OPEN else "rejected"
        return "refused"
    return "waits_for_reconnect" if sync.facet == Facet.CONTENT.value else "off"


def issue(row: Issue) -> dict[str, Any]:
    """Describe one issue: the field, the sentence, the way out, and the marketplace's own words."""
    words = hints.hint(row.kind, row.field, row.params)
    return {
        "facet": row.facet,
        "code": row.kind,
        "field": row.field,
        "message": words.title,
        "fix": words.fix,
        "who": words.fixer,
        "said_by": row.origin,
        "marketplace_code": row.code or None,
        "marketplace_message": row.message or None,
        "allowed": row.params.get("allowed"),
        "times": row.times,
        "first_seen_at": moment(row.first_seen_at),
        "last_seen_at": moment(row.created_at),
        "closed_at": moment(row.closed_at),
        "closed_because": row.closed_because or None,
    }


def _by_listing(rows: Iterable[Issue]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row.listing_id, []).append(issue(row))
    return found


def loads(rows: Sequence[Load]) -> list[dict[str, Any]]:
    """Describe loads (connection loaded) with their items counted by state."""
    counts: dict[int, dict[str, int]] = {}
    for load_id, state, number in (
        LoadItem.objects.filter(load__in=rows)
        .order_by()
        .values_list("load_id", "state")
        .annotate(n=Count("id"))
    ):
        counts.setdefault(load_id, {})[state] = number
    return [load(one, counts.get(one.pk, {})) for one in rows]


def load(row: Load, counts: Mapping[str, int]) -> dict[str, Any]:
    """Describe one load."""
    return {
        "number": row.number,
        "action": row.action,
        "connection": row.connection.name,
        "started_by": row.origin,
        "state": row.state,
        "total": row.total,
        "items": {state: counts.get(state, 0) for state in LoadItem.State.values},
        "created_at": moment(row.created_at),
        "first_sent_at": moment(row.first_sent_at),
        "finished_at": moment(row.finished_at),
    }


def load_items(row: Load, items: Sequence[LoadItem]) -> list[dict[str, Any]]:
    """Describe a load's items with what was said of each in this load."""
    ids = [one.listing_id for one in items if one.listing_id is not None]
    said = _by_listing(Issue.objects.filter(load=row, listing_id__in=ids).order_by("id"))
    return [
        {
            "sku": one.sku,
            "state": one.state,
            "updated_at": moment(one.updated_at),
            "issues": said.get(one.listing_id, []) if one.listing_id else [],
        }
        for one in items
    ]
