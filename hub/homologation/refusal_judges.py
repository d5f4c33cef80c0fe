"""Cases 29 to 43: what the hub refuses, and what an integration must survive."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.utils.translation import gettext_noop

from hub.homologation.calls import (
    NOT_JSON,
    Call,
    Problem,
    Verdict,
    Verdicts,
    acknowledged,
    obj,
    objects,
    offered,
    reported,
    text,
    wrong,
)
from hub.homologation.catalogue_judges import PRODUCT, status_of
from hub.homologation.order_judges import QUEUE_READS, out_of_turn, steps
from hub.models import ApiCall

BODIES = ("POST", "PUT", "PATCH")
LISTS = ("/products", "/orders")
DEEPEST_ROW = 10_000
ROWS_AT_MOST = 100
RETRY_AFTER = timedelta(seconds=1)
"""What every 429 asks to wait."""
CLOCK_SLACK = timedelta(milliseconds=50)
NO_EMAIL, NO_KEY = "X-User-Email: –", "X-Api-Key: –"
WRONG_EMAIL, WRONG_KEY = "X-User-Email: ≠", "X-Api-Key: ≠"
"""The four ways to be turned away that case 29 asks for: a header missing, a header wrong."""


def _lacked(row: ApiCall) -> str:
    """Which of the four ways to be turned away a call is; empty for none."""
    match row.turned_away:
        case ApiCall.TurnedAway.NO_EMAIL:
            return NO_EMAIL
        case ApiCall.TurnedAway.NO_KEY:
            return NO_KEY
        case ApiCall.TurnedAway.WRONG_EMAIL:
            return WRONG_EMAIL
        case ApiCall.TurnedAway.WRONG_KEY:
            return WRONG_KEY
    return ""


def turned_away(calls: Sequence[Call]) -> Verdicts:
    """Each header missing, and each wrong: 401, four times."""
    missing = [NO_EMAIL, NO_KEY, WRONG_EMAIL, WRONG_KEY]
    for call in calls:
        if (lacked := _lacked(call.row)) in missing:
            missing.remove(lacked)
            left = wrong(gettext_noop("Still to come: %(names)s."), names=", ".join(missing))
            yield Verdict(call, left if missing else None)


def not_utf8(calls: Sequence[Call]) -> Verdicts:
    """A body in Latin-1 is answered with 415."""
    for call in calls:
        if call.status == 415 and call.method in BODIES:
            yield Verdict(call)


def not_json(calls: Sequence[Call]) -> Verdicts:
    """A body that is no JSON is answered with 400."""
    for call in calls:
        if call.method in BODIES and call.status == 400 and call.sent is NOT_JSON and call.is_whole:
            yield Verdict(call)


def incomplete(calls: Sequence[Call]) -> Verdicts:
    """A product without SKU or name is refused in the error shape."""
    for call in calls:
        product = call.body("product")
        if (
            call.asks("POST", "/products")
            and product
            and not (text(product.get("sku")) and text(product.get("name")))
        ):
            problem = None
            if call.status not in (400, 422):  # a 429, say, refuses the call, not the product
                problem = status_of(call, 400)
            elif not text(obj(call.told).get("error")):
                problem = wrong(gettext_noop("The answer has no sentence in error."))
            yield Verdict(call, problem)


def unknown_status(calls: Sequence[Call]) -> Verdicts:
    """A step with a status the account does not have is answered with 422."""
    for call, is_unknown in steps(calls):
        if is_unknown:
            yield Verdict(call, status_of(call, 422))


def bad_transition(calls: Sequence[Call]) -> Verdicts:
    """A step the order's status forbids is answered with 422; one refused for its content is not meant."""
    for call in out_of_turn(calls):
        yield Verdict(call)


def _whole(value: str, default: int) -> int:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 12 else default


def too_deep(calls: Sequence[Call]) -> Verdicts:
    """A page beyond the first 10,000 rows is answered with 400."""
    for call in calls:
        page, rows = (
            _whole(call.query.get("page", ""), 1),
            _whole(call.query.get("per_page", ""), ROWS_AT_MOST),
        )
        if call.asks("GET", *LISTS) and page * min(rows, ROWS_AT_MOST) > DEEPEST_ROW:
            yield Verdict(call, status_of(call, 400))


def too_many_rows(calls: Sequence[Call]) -> Verdicts:
    """More than a hundred rows may be asked for; a hundred come."""
    for call in calls:
        if call.asks("GET", *LISTS) and _whole(call.query.get("per_page", ""), 0) > ROWS_AT_MOST:
            yield Verdict(call, status_of(call, 200))


def walked(calls: Sequence[Call]) -> Verdicts:
    """Follow `next` from the first page of products to the last: each product comes once."""
    skus: list[str] = []
    cursor: str | None = ""
    for call in calls:
        if not call.asks("GET", "/products") or call.status != 200:
            continue
        asked = call.query.get("cursor", "")
        if not asked:
            skus, cursor = [], ""
        elif asked != cursor:
            continue
        if call.told is NOT_JSON:
            yield Verdict(
                call, wrong(gettext_noop("This page is too large to be checked; ask for fewer rows."))
            )
            continue
        skus += [text(one.get("sku")) for one in objects(call.told, "products")]
        following = text(obj(call.told).get("next"))
        cursor = parse_qs(urlsplit(following).query).get("cursor", [""])[-1] if following else None
        if cursor is None and asked:
            twice = {sku for sku in skus if skus.count(sku) > 1}
            yield Verdict(
                call,
                wrong(gettext_noop("These products came twice: %(skus)s"), skus=", ".join(sorted(twice)[:5]))
                if twice
                else None,
            )


def slowed_down(calls: Sequence[Call]) -> Verdicts:
    """Meet the limit of calls per second, wait, and get through."""
    refused: dict[tuple[str, str], Call] = {}
    for call in calls:
        kind = (call.method, call.endpoint)
        if call.status == 429:
            refused[kind] = call
            yield Verdict(call, wrong(gettext_noop("Too many calls: wait for Retry-After and call again.")))
        elif kind in refused and call.is_done:
            turned_away = refused.pop(kind)
            if call.at - turned_away.at >= RETRY_AFTER - CLOCK_SLACK:
                yield Verdict(turned_away)
            else:
                early = gettext_noop("The next call came before the time in Retry-After had passed.")
                yield Verdict(call, wrong(early))


def hidden_for(call: Call) -> timedelta:
    """How long the orders a call took are kept from other consumers."""
    asked = text(obj(call.sent).get("hide_seconds")) if call.method == "POST" else ""
    return timedelta(seconds=_whole(asked, settings.HUB_QUEUE_HIDE_SECONDS))


def comes_again(calls: Sequence[Call]) -> Verdicts:
    """An order not acknowledged in time is offered again; acknowledged, it is gone."""
    taken: dict[str, Call] = {}
    again: dict[str, Call] = {}
    gone: dict[str, Call] = {}
    for call in calls:
        codes = [text(one.get("code")) for one in offered(call)]
        for code in codes:
            if code in taken and call.at >= taken[code].at + hidden_for(taken[code]) - timedelta(seconds=1):
                again[code] = call
            taken[code] = call
            gone.pop(code, None)  # a change of the order brought it back
        for code in acknowledged(call):
            if code in again:
                gone[code] = again[code]
            taken.pop(code, None)
        for code in reported(call):
            taken.pop(code, None)
        is_look = (call.method, call.endpoint) in QUEUE_READS and call.status in (200, 204)
        if is_look and gone:
            yield Verdict(next(iter(gone.values())))
        elif is_look and codes and codes[0] in again and again[codes[0]] is call:
            yield Verdict(
                call, wrong(gettext_noop("The order came again: acknowledge it, and look once more."))
            )


def kept_apart(calls: Sequence[Call]) -> Verdicts:
    """While one consumer holds an order, another one gets a different one."""
    held: dict[str, Call] = {}
    for call in calls:
        codes = [text(one.get("code")) for one in offered(call)]
        for code in [*acknowledged(call), *reported(call)]:
            held.pop(code, None)
        still = {code for code, by in held.items() if call.at < by.at + hidden_for(by)}
        if codes and still:
            both = sorted(still & set(codes))
            problem: Problem | None = None
            if both:
                problem = wrong(gettext_noop("The order %(code)s was given out twice."), code=both[0])
            yield Verdict(call, problem)
        held |= dict.fromkeys(codes, call)


def still_connected(calls: Sequence[Call]) -> Verdicts:
    """Deleting a product that is on sale somewhere is refused."""
    for call in calls:
        # A variation may be refused for being the simple product itself.
        if call.asks("DELETE", PRODUCT) and call.status == 422:
            yield Verdict(call)


def as_production(calls: Sequence[Call]) -> Verdicts:
    """A production account cannot make orders: 403."""
    for call in calls:
        if call.asks("POST", "/orders") and call.status == 403:
            yield Verdict(call)


def errors_hidden(calls: Sequence[Call]) -> Verdicts:
    """Read a catalogue error, hide it, and do not see it again."""
    shown: set[tuple[str, str]] = set()
    hidden: dict[tuple[str, str], Call] = {}
    for call in calls:
        if call.asks("GET", "/sync_errors/products") and call.status == 200:
            now = {
                (text(row.get("entity_id")), text(category.get("error_category_code")))
                for row in objects(call.told, "data")
                for category in objects(row, "categories")
            }
            for key, patch in list(hidden.items()):
                if _concerns(call, key) and key not in now:
                    yield Verdict(patch)
            shown |= now
        elif call.asks("PATCH", "/sync_errors/products"):
            if problem := status_of(call, 204):
                yield Verdict(call, problem)
                continue
            asked = {_key(one) for one in objects(call.sent, "errors")}
            if not asked & shown:
                yield Verdict(
                    call, wrong(gettext_noop("Read the error with GET /sync_errors/products before."))
                )
            hidden |= dict.fromkeys(asked & shown, call)


def _key(error: dict[str, Any]) -> tuple[str, str]:
    return text(error.get("entity_id")), text(error.get("error_category_code"))


def _concerns(call: Call, key: tuple[str, str]) -> bool:
    """Tell whether a list without this error says anything: it may be of another SKU or page."""
    entity, category = key
    return (
        call.query.get("entity_id", entity) == entity
        and call.query.get("error_category_code", category) == category
        and _whole(call.query.get("offset", ""), 0) == 0
    )
