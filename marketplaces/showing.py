"""The words and colours of states, values and problems on the marketplaces' screens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib.humanize.templatetags.humanize import naturaltime
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from hub.panels import brl
from marketplaces.contract import Facet
from marketplaces.models import (
    Connection,
    HeldPrice,
    Incident,
    Issue,
    Lane,
    Listing,
    Load,
    LoadItem,
    Passage,
    Submission,
    Sync,
)
from marketplaces.pricing import Ending, Offer, Rule, Rules

TONES: Mapping[str, str] = {
    Listing.State.WAITING: "info",
    Listing.State.PROCESSING: "info",
    Listing.State.CATALOGUING: "warning",
    Listing.State.CONNECTED: "success",
    Listing.State.ERROR: "danger",
    Listing.State.DISCONNECTED: "quiet",
    LoadItem.State.DONE: "success",
    LoadItem.State.REPLACED: "quiet",
    Load.State.QUEUED: "info",
    Load.State.RUNNING: "info",
    Connection.Status.ACTIVE: "success",
    Connection.Status.NEEDS_CREDENTIALS: "danger",
    Connection.Status.PAUSED: "warning",
    Submission.State.SENT: "info",
    Submission.State.LOST: "danger",
    HeldPrice.State.OPEN: "warning",
    HeldPrice.State.APPROVED: "success",
    HeldPrice.State.REJECTED: "danger",
    HeldPrice.State.REPLACED: "quiet",
    Incident.State.PAUSED: "danger",
    Incident.State.RECOVERING: "info",
    Incident.State.CLOSED: "quiet",
}

LISTING_STATES: tuple[tuple[str, Any], ...] = (
    (Listing.State.CONNECTED, ngettext_lazy("connected", "connected", "count")),
    (Listing.State.ERROR, _("with errors")),
    (Listing.State.WAITING, _("waiting")),
    (Listing.State.PROCESSING, _("processing")),
    (Listing.State.CATALOGUING, _("being catalogued")),
    (Listing.State.DISCONNECTED, ngettext_lazy("disconnected", "disconnected", "count")),
)
"""The states of many listings, in the order people ask about them."""

PROBLEMS: Mapping[str, Any] = {
    "Unavailable": _("The marketplace does not answer. We try again by ourselves."),
    "Throttled": _("The marketplace asks us to slow down. We go on by ourselves."),
    "Refused": _("The marketplace refused a request."),
    "UnexpectedAnswer": _("The marketplace answered something we do not understand. Our staff can see it."),
    "SealBroken": _("The stored credentials cannot be opened. Enter them again."),
}

TROUBLES: Mapping[str, Any] = {
    "Unavailable": _("no answer"),
    "UnexpectedAnswer": _("answers we do not understand"),
}
"""What the calls of an incident met, in staff's words."""

ENDINGS: Mapping[str, Any] = {
    Ending.NONE: _("as it comes"),
    Ending.NINETY: _("up to ,90"),
    Ending.NINETY_NINE: _("up to ,99"),
}
"""What the cents of a published price look like."""

OFFERS: Mapping[str, Any] = {
    Offer.FROM_FOR: _("from and for"),
    Offer.FULL: _("full price only"),
    Offer.FOR_ONLY: _("promotional price only"),
}
"""What is published of the ERP's two prices."""

FACETS: Mapping[str, Any] = {
    Facet.CONTENT: _("Content"),
    Facet.PRICE: _("Price"),
    Facet.STOCK: _("Stock"),
}


KEPT_BACK = _("Not sent, because the switch of price or stock is off: %(accounts)s. Turn it on first.")
"""What was asked to be sent and is not, with the names of the accounts whose switches are off."""

WHY: Mapping[str, Any] = {
    "": _("the data changed here"),
    "order": _("an order holds units or lets them go"),
    "buffer": _("stock settings of this account"),
    "category": _("moved to a category with another price rule"),
    "heal": _("healed after the read-back"),
    "again": _("sent again on request"),
    "content": _("sent again after the content"),
    "approved": _("approved by a person"),
    "unfrozen": _("released"),
}
"""What asked for a value: `Sync.why`, but for loads and price rules."""

DRIFT_TONES: Mapping[str, str] = {
    Sync.Drift.OUTSIDE: "danger",
    Sync.Drift.REFUSED: "danger",
    Sync.Drift.NEVER_SENT: "warning",
    Sync.Drift.SUPERSEDED: "warning",
    Sync.Drift.HELD: "warning",
    Sync.Drift.FROZEN: "info",
}
OUTCOME_TONES: Mapping[str, str] = {
    Passage.Outcome.CONFIRMED: "success",
    Passage.Outcome.REFUSED: "danger",
    Passage.Outcome.OUTSIDE: "danger",
    Passage.Outcome.UNANSWERED: "warning",
    Passage.Outcome.HELD: "warning",
    Passage.Outcome.STEP: "info",
    Passage.Outcome.FROZEN: "info",
}


def refusal(sync: Sync, open_issues: Iterable[Issue]) -> SafeString | str:
    """Say in a badge who refused what is wanted of a facet; empty where nobody did.

    `open_issues` are the listing's; a call nobody answered was sent, and refused by nobody.
    """
    if sync.refused_version != sync.wanted_version:
        return ""
    said = [one for one in open_issues if one.facet == sync.facet]
    words: Any = _("refused")
    if said and all(one.was_kept_here for one in said):
        words = _("Not sent: our check refused it")
    elif said and all(one.origin == Issue.Origin.MARKETPLACE for one in said):
        words = _("The marketplace refused it")
    return format_html('<span class="mk-badge mk-danger">{}</span>', words)


def why(code: str) -> str:
    """Say in words what asked for a value."""
    kind, _colon, detail = code.partition(":")
    if kind == "load":
        return str(_("load %(number)s") % {"number": detail})
    if kind == "rules":
        return str(_("price rules, version %(number)s") % {"number": detail})
    return str(WHY.get(kind, code))


def seconds(number: float | None) -> str:
    """Write how long something took: milliseconds, seconds, minutes or hours; a dash for nothing."""
    if number is None:
        return "–"
    for least, unit in ((3600, "h"), (60, "min"), (1, "s")):
        if number >= least:
            return f"{number_format(round(number / least, 1), 1, use_l10n=True)} {unit}"
    return f"{round(number * 1000)} ms"


def by_state(counts: Mapping[str, int]) -> list[tuple[str, str, int]]:
    """Name the states listings are in, as the number of them asks for; empty states are left out."""
    found = []
    for state, label in LISTING_STATES:
        if count := counts.get(state, 0):
            found.append((state, str(label % {"count": count}), count))
    return found


def badge(state: str, text: Any, title: Any = "") -> SafeString:
    """Show a state in its colour."""
    return format_html(
        '<span class="mk-badge mk-{}" title="{}">{}</span>', TONES.get(state, "quiet"), title, text
    )


def problem(connection: Connection) -> str:
    """Say in plain words what stands between the hub and the marketplace; empty when nothing does."""
    if connection.status == Connection.Status.NEEDS_CREDENTIALS:
        return str(_("The marketplace refuses the credentials. Enter new ones."))
    if not connection.last_error:
        return ""
    kind = connection.last_error.partition(":")[0]
    return str(PROBLEMS.get(kind, _("Something unexpected happened. Our staff can see it.")))


def standstill(lane: Lane, now: datetime) -> str:
    """Say why a lane rests whatever waits in it, as `Lane.objects.runnable` decides; empty if it may."""
    connection = lane.connection
    marketplace = connection.marketplace
    switches = {
        Lane.Kind.STOCK: connection.sync_stock,
        Lane.Kind.PRICE: connection.sync_price,
        Lane.Kind.ORDERS: connection.sync_orders,
    }
    if not marketplace.is_enabled:
        return str(_("marketplace switched off"))
    if not connection.seller.is_active:
        return str(_("seller switched off"))
    if connection.status == Connection.Status.NEEDS_CREDENTIALS:
        return str(_("account without valid credentials"))
    if connection.status != Connection.Status.ACTIVE:
        return str(_("account paused"))
    if not switches.get(Lane.Kind(lane.kind), True):
        return str(_("switched off on the account"))
    until, is_canary = marketplace.paused_until, lane.canary_until is not None and lane.canary_until > now
    if until is not None and until > now and not is_canary:
        until_words = date_format(timezone.localtime(until), "SHORT_DATETIME_FORMAT")
        return str(_("marketplace paused until %(moment)s") % {"moment": until_words})
    return ""


def synced(facet: str, value: str) -> str:
    """Write a sync row's value for people: a price with its "from" price, a quantity; a dash for none."""
    if not value:
        return "–"
    try:
        if facet == Facet.PRICE:
            price, _slash, list_price = value.partition("/")
            words = brl(Decimal(price))
            if list_price in ("", price):
                return words
            told = {"list_price": brl(Decimal(list_price)), "price": words}
            return gettext("From %(list_price)s for %(price)s") % told
        if facet == Facet.STOCK:
            return number_format(int(value), use_l10n=True, force_grouping=True)
    except (InvalidOperation, ValueError):
        return value
    return value


def incident(row: Incident) -> tuple[str, str]:
    """Tell sellers of an incident: what happens, and what that means to them."""
    words = {
        "marketplace": row.marketplace.name,
        "since": date_format(timezone.localtime(row.opened_at), "SHORT_DATETIME_FORMAT"),
    }
    if row.recovered_at:
        return (
            gettext("%(marketplace)s answers again.") % words,
            gettext(
                "What waited since %(since)s goes out and comes in now, step by step. There is nothing "
                "for you to do."
            )
            % words,
        )
    return (
        gettext("%(marketplace)s is in trouble since %(since)s.") % words,
        gettext(
            "We have paused and try again by ourselves. Nothing is lost: your ERP can go on sending "
            "products, stock and prices and taking orders. What changes meanwhile goes out, newest values "
            "only, and new orders come in as soon as %(marketplace)s answers."
        )
        % words,
    )


def since(moment: datetime | None) -> SafeString | str:
    """Show a moment as people say it, with the exact one on hover; a dash for none."""
    if moment is None:
        return "–"
    exact = date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT")
    return format_html(
        '<time class="hub-num" datetime="{}" title="{}">{}</time>',
        moment.isoformat(timespec="seconds"),
        exact,
        naturaltime(moment),
    )


def _signed(amount: Decimal) -> str:
    return ("+" if amount > 0 else "−") + number_format(abs(amount), 2, use_l10n=True, force_grouping=True)


def rule(said: Rule) -> str:
    """Write a price rule as people read it: "+10,00 %, +2,00 R$, up to ,90"."""
    parts = []
    if said.percent:
        parts.append(f"{_signed(said.percent)} %")
    if said.fixed:
        parts.append(f"{_signed(said.fixed)} R$")
    if said.ending is not Ending.NONE:
        parts.append(str(ENDINGS[said.ending]))
    if said.offer is not Offer.FROM_FOR:
        parts.append(str(OFFERS[said.offer]))
    return ", ".join(parts) or str(_("as the ERP says"))


def rules(said: Rules) -> dict[str, Any]:
    """Write a whole version of rules as people read it."""
    exceptions = [(_("Category"), code, rule(one)) for code, one in said.categories.items()]
    exceptions += [(_("SKU"), sku, rule(one)) for sku, one in said.skus.items()]
    return {
        "base": rule(said.base),
        "exceptions": exceptions,
        "most_drop": said.most_drop,
        "most_rise": said.most_rise,
    }
