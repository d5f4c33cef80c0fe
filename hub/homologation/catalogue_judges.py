"""Cases 1 to 15: products, variations, stock, price, status and deletion."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

from django.utils.translation import gettext_noop

from hub.homologation.calls import Call, Problem, Verdict, Verdicts, obj, objects, text, wrong

PRODUCT, VARIATION = "/products/{sku}", "/variations/{sku}"
SIZES, COLOURS, VOLTAGES = {"tamanho", "size"}, {"cor", "color", "colour"}, {"voltagem", "tensao", "voltage"}
PRICES = ("price", "promotional_price")

Complaint = Callable[[dict[str, Any]], Problem | None]
Wanted = Callable[[dict[str, Any]], bool]


def status_of(call: Call, wanted: int) -> Problem | None:
    """Complain of an answer that is not the wanted one, in the words the hub used."""
    if call.status == wanted:
        return None
    said = text(obj(call.told).get("error"))
    if said:
        return wrong(
            gettext_noop("The answer was %(status)s instead of %(wanted)s: %(said)s"),
            status=call.status,
            wanted=wanted,
            said=said,
        )
    return wrong(
        gettext_noop("The answer was %(status)s instead of %(wanted)s."), status=call.status, wanted=wanted
    )


def creates(wanted: Wanted, *complaints: Complaint) -> Callable[[Sequence[Call]], Verdicts]:
    """Judge `POST /products`: a product of the wanted kind, complete, is answered with 201."""

    def judge(calls: Sequence[Call]) -> Verdicts:
        for call in calls:
            product = call.body("product")
            if call.asks("POST", "/products") and wanted(product):
                found = [status_of(call, 201), complete(product), *(one(product) for one in complaints)]
                yield Verdict(call, next(filter(None, found), None))

    return judge


def complete(product: dict[str, Any]) -> Problem | None:
    """Every product of the list comes with a photo and a category (SkyHub, "how to homologate", 2019)."""
    pictures = [product.get("images"), *(one.get("images") for one in variations(product))]
    if not any(isinstance(one, list) and one for one in pictures):
        return wrong(gettext_noop("The product has no photo: send the addresses in images."))
    if not objects(product, "categories"):
        return wrong(gettext_noop("The product has no category: send code and name in categories."))
    return None


def variations(product: dict[str, Any]) -> list[dict[str, Any]]:
    """The variations sent inside a product."""
    return objects(product, "variations")


def plain(word: Any) -> str:
    """A word without case and accents."""
    letters = unicodedata.normalize("NFKD", text(word).casefold())
    return "".join(one for one in letters if not unicodedata.combining(one))


def told_apart_by(product: dict[str, Any]) -> set[str]:
    """What `variation_attributes` names."""
    named = product.get("variation_attributes")
    return {plain(one) for one in named} if isinstance(named, list) else set()


def varies(named: set[str], *wanted: set[str]) -> bool:
    """Tell whether the attributes are the wanted ones, neither more of size and colour nor fewer."""
    others = [one for one in (SIZES, COLOURS) if one not in wanted]
    return all(named & one for one in wanted) and not any(named & one for one in others)


def specified(thing: dict[str, Any]) -> dict[str, str]:
    """Specifications by their plain key."""
    return {plain(one.get("key")): text(one.get("value")) for one in objects(thing, "specifications")}


def every_variation_tells(product: dict[str, Any]) -> Problem | None:
    """Each variation has a value for every attribute that tells them apart."""
    named = told_apart_by(product)
    if not named:
        return wrong(gettext_noop("variation_attributes is missing: name what tells the variations apart."))
    for one in variations(product):
        values = specified(one)
        for attribute in sorted(named):
            if not values.get(attribute):
                return wrong(
                    gettext_noop(
                        "The variation %(sku)s has no value for %(attribute)s in its specifications."
                    ),
                    sku=text(one.get("sku")) or "?",
                    attribute=attribute,
                )
    return None


def has_own_price(thing: dict[str, Any]) -> bool:
    """The variation says what it costs, in a field or in a specification."""
    return any(thing.get(name) or specified(thing).get(name) for name in PRICES)


def every_variation_is_priced(product: dict[str, Any]) -> Problem | None:
    """A price per variation means: on each of them."""
    without = [text(one.get("sku")) for one in variations(product) if not has_own_price(one)]
    if without:
        return wrong(
            gettext_noop("These variations have no price of their own: %(skus)s"), skus=", ".join(without)
        )
    return None


def says_crossdocking(product: dict[str, Any]) -> bool:
    """The days of crossdocking are in the field, or in the specification of older integrations."""
    # A field that is always sent, with 0, is no crossdocking.
    return any(
        _is_above_zero(days)
        for one in [product, *variations(product)]
        for days in (one.get("crossdocking"), specified(one).get("crossdocking"))
    )


def has_subcategory(product: dict[str, Any]) -> bool:
    """A category's name holds its whole path, parted by `>`."""
    return any(text(one.get("name")).count(">") for one in objects(product, "categories"))


def is_simple(product: dict[str, Any]) -> bool:
    """A product without variations."""
    return bool(product) and not variations(product)


def has_one_variation(product: dict[str, Any]) -> bool:
    """A product with exactly one."""
    return len(variations(product)) == 1


def has_several_variations(product: dict[str, Any]) -> bool:
    """A product with two or more."""
    return len(variations(product)) > 1


def changes_of(call: Call) -> dict[str, Any]:
    """What a PUT changes of a product or a variation."""
    if call.asks("PUT", PRODUCT):
        return call.body("product")
    return call.body("variation") if call.asks("PUT", VARIATION) else {}


def stock(calls: Sequence[Call]) -> Verdicts:
    """Read, send a quantity, read again: the second answer shows it."""
    read: dict[str, Any] = {}
    sent: dict[str, tuple[Call, Any]] = {}
    for call in calls:
        if "qty" in changes_of(call):
            if problem := status_of(call, 204):
                yield Verdict(call, problem)
            elif call.subject not in read:
                yield Verdict(
                    call, wrong(gettext_noop("Read the product with GET before changing its stock."))
                )
            elif text(_whole(changes_of(call)["qty"])) == text(read[call.subject]):
                yield Verdict(call, wrong(gettext_noop("Send another quantity than the one read.")))
            else:
                sent[call.subject] = (call, changes_of(call)["qty"])
        elif call.asks("GET", PRODUCT, VARIATION) and call.status == 200:
            shown = obj(call.told, "variation") or obj(call.told)
            put, wanted = sent.get(call.subject, (None, None))
            if put and text(shown.get("qty")) == text(_whole(wanted)):
                yield Verdict(put)
            elif put:
                yield Verdict(
                    call,
                    wrong(
                        gettext_noop("The stock read is %(shown)s, sent was %(sent)s."),
                        shown=text(shown.get("qty")) or "?",
                        sent=text(wanted) or "?",
                    ),
                )
            read[call.subject] = shown.get("qty")


def _whole(value: Any) -> Any:
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return value


def _is_above_zero(value: Any) -> bool:
    try:
        return float(text(value).replace(",", ".")) > 0
    except ValueError:
        return False


def price(calls: Sequence[Call]) -> Verdicts:
    """Send a price; an empty field or a 0 is none."""
    for call in calls:
        if any(_is_above_zero(changes_of(call).get(name)) for name in PRICES):
            yield Verdict(call, status_of(call, 204))


def becomes(status: str) -> Callable[[Sequence[Call]], Verdicts]:
    """Judge a PUT that switches a product on or off."""

    def judge(calls: Sequence[Call]) -> Verdicts:
        for call in calls:
            if call.asks("PUT", PRODUCT) and call.body("product").get("status") == status:
                yield Verdict(call, status_of(call, 204))

    return judge


def deletion(calls: Sequence[Call]) -> Verdicts:
    """Delete a product, look for it, and find it gone."""
    gone: dict[str, Call] = {}
    for call in calls:
        if call.asks("DELETE", PRODUCT) and call.status != 422:  # that one is case 41
            if problem := status_of(call, 204):
                yield Verdict(call, problem)
            else:
                gone[call.subject] = call
        elif call.asks("GET", PRODUCT) and call.subject in gone:
            yield Verdict(call, status_of(call, 404))
        elif call.asks("POST", "/products"):
            gone.pop(text(call.body("product").get("sku")), None)
