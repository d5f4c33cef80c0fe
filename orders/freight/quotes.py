"""Quoting freight: ask the seller, wait 800 ms at most, fall back to its contingency table.

SkyHub's protocol (EN page "Freight service", 2019): POST to the seller's address, zip as a number,
lengths in metres as in all its samples (its text says centimetres), weights in kg.
"""

from __future__ import annotations

import ipaddress
import logging
import queue
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from catalog import values
from catalog.models import MAX_QUANTITY, Variation
from hub.models import Seller
from hub.refusals import Incomplete, Refusal, Unknown, required_fields
from marketplaces.contract import MarketplaceError
from marketplaces.http import Answer, ApiClient
from orders.freight.models import HEAVIEST, LAST_ZIP, FreightQuote, FreightRate, FreightSettings

logger = logging.getLogger(__name__)
DEADLINE = 0.8
"""Seconds the seller has for the whole answer (EN page "Freight service", 2019)."""
MOST_VOLUMES = 200
MOST_OFFERS = 20
MOST_DAYS = 365
# SkyHub's own sentence, to the letter (EN page "Freight service", 2019).
NOT_SERVED = "Região de entrega não atendida"


class NotServed(Unknown):
    """The seller does not deliver to this zip."""


class NoAnswer(Exception):
    """The seller's own quote cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Volume:
    """One SKU of a quote; price in BRL, weight in kg, lengths in metres."""

    sku: str
    quantity: int
    price: float
    height: float
    length: float
    width: float
    weight: float
    crossdocking: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the volume as the seller is asked."""
        names = ("sku", "quantity", "price", "height", "length", "width", "weight")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Offer:
    """One way of shipping: its cost in BRL, and its time in days."""

    cost: Decimal
    total: int
    transit: int
    expedition: int
    method_id: str
    name: str
    display_name: str

    def as_json(self) -> dict[str, Any]:
        """Return the offer in SkyHub's form."""
        return {
            "shippingCost": float(self.cost),
            "deliveryTime": {
                "total": self.total,
                "transit": self.transit,
                "expedition": self.expedition,
            },
            "shippingMethodId": self.method_id,
            "shippingMethodName": self.name,
            "shippingMethodDisplayName": self.display_name,
        }


def quote(seller: Seller, zip_code: int, volumes: Sequence[Volume], sale_system: str = "") -> FreightQuote:
    """Quote, and keep what was answered: cheapest first, then fastest.

    Raises NotServed where the seller, or its table, does not know the zip.
    """
    began = time.monotonic()
    source, problem, offers = FreightQuote.Source.CONTINGENCY, "", None
    url = FreightSettings.objects.filter(seller_id=seller.pk).values_list("quote_url", flat=True).first()
    if url:
        try:
            offers = _of_seller(url, zip_code, volumes)
            source = FreightQuote.Source.SELLER
        except NoAnswer as reason:
            problem = str(reason)
            logger.info("freight quote of seller %s: %s", seller.pk, problem)
    if offers is None:
        offers = _of_table(seller.pk, zip_code, volumes)
    offers = sorted(offers, key=lambda one: (one.cost, one.total))[:MOST_OFFERS]
    row = FreightQuote.objects.create(
        seller=seller,
        sale_system=sale_system,
        zip=zip_code,
        volumes=[one.as_json() for one in volumes],
        source=source if offers else FreightQuote.Source.NONE,
        offers=[one.as_json() for one in offers],
        problem=problem,
        milliseconds=round((time.monotonic() - began) * 1000),
    )
    if not offers:
        raise NotServed(NOT_SERVED)
    return row


def read_zip(name: str, said: Any) -> int:
    """Read a zip (CEP): 5010010, "05010-010"; raises Refusal."""
    if isinstance(said, str):
        said = said.replace("-", "").replace(".", "").strip()
    number = values.whole(name, said, LAST_ZIP)
    if not number:
        raise Refusal(_("%(field)s: send a zip of 8 digits.") % {"field": name})
    return number


def read_volumes(seller_id: int, said: Any) -> list[Volume]:
    """Read what is to be shipped; what is not said is the catalogue's. Raises Incomplete or Refusal."""
    entries = values.items("volumes", said)
    if not entries:
        raise Incomplete(required_fields(["volumes"]))
    if len(entries) > MOST_VOLUMES:
        raise Refusal(
            _("%(field)s: at most %(limit)s entries.") % {"field": "volumes", "limit": MOST_VOLUMES}
        )
    for place, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise Refusal(_("%(field)s: send an object.") % {"field": f"volumes[{place}]"})
    skus = [values.code(f"volumes[{place}].sku", one.get("sku"), 100) for place, one in enumerate(entries)]
    known = {
        one.sku: one
        for one in Variation.objects.filter(seller_id=seller_id, sku__in=skus)
        .select_related("product")
        .with_effective_values()
    }
    return [
        _volume(f"volumes[{place}]", sku, entry, known.get(sku))
        for place, (sku, entry) in enumerate(zip(skus, entries, strict=True))
    ]


def _volume(here: str, sku: str, said: Mapping[str, Any], variation: Any) -> Volume:
    quantity = values.whole(f"{here}.quantity", said.get("quantity", 1), MAX_QUANTITY)
    if not quantity:
        raise Refusal(_("%(field)s: send a whole number from 1.") % {"field": f"{here}.quantity"})
    price = values.money("").read(f"{here}.price", said.get("price"))
    sizes = {
        name: values.size("").read(f"{here}.{name}", said.get(name))
        for name in ("height", "length", "width", "weight")
    }
    if variation is None:
        if None in (price, *sizes.values()):
            raise Refusal(_("The SKU %(sku)s is not in this account's catalogue.") % {"sku": sku})
        return Volume(sku, quantity, price, **sizes)
    if price is None:
        price = float(variation.effective_promotional_price or variation.effective_price or 0)
    for name, size in sizes.items():
        if size is None:
            own = getattr(variation, name)
            own = getattr(variation.product, name) if own is None else own
            # The catalogue has centimetres.
            sizes[name] = round(float(own or 0) / (1 if name == "weight" else 100), 5)
    days = variation.crossdocking if variation.crossdocking is not None else variation.product.crossdocking
    return Volume(sku, quantity, price, **sizes, crossdocking=days or 0)


def check_address(url: str) -> None:
    """Refuse an address inside our own network, unless this hub allows it; raises Refusal.

    `marketplaces.http` looks again at every call, because a name may point elsewhere tomorrow.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Refusal(_("Send an address that begins with https:// or http://.")) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Refusal(_("Send an address that begins with https:// or http://."))
    if parts.username or parts.password:
        raise Refusal(_("The address must not hold a name and a password."))
    if settings.HUB_ALLOW_PRIVATE_ADDRESSES:
        return
    try:
        found = socket.getaddrinfo(parts.hostname, None)
    except (OSError, UnicodeError):
        raise Refusal(_("The name %(host)s does not resolve.") % {"host": parts.hostname}) from None
    if not all(ipaddress.ip_address(entry[4][0]).is_global for entry in found):
        raise Refusal(_("Private addresses are refused."))


# --- the seller's own answer ------------------------------------------------------------------


def _of_seller(url: str, zip_code: int, volumes: Sequence[Volume]) -> list[Offer]:
    """Ask the seller; none where it does not serve the zip. Raises NoAnswer."""
    body = {"destinationZip": zip_code, "volumes": [one.as_json() for one in volumes]}
    answer = _post(url, body)
    if answer.status == 404:
        return []
    if answer.status != 200:
        raise NoAnswer(_("The seller's address answered HTTP %(status)s.") % {"status": answer.status})
    try:
        said = answer.json()
        offers = [_offer(one) for one in said["shippingQuotes"][:MOST_OFFERS]]
    except (MarketplaceError, KeyError, TypeError, ValueError, Refusal):
        raise NoAnswer(_("The answer of the seller's address does not have the agreed form.")) from None
    if not offers:
        raise NoAnswer(_("The seller's address offered nothing."))
    return offers


def _post(url: str, body: dict[str, Any]) -> Answer:
    """Make the call in a thread of its own, so that the deadline holds for everything, names included.

    A thread that is given up ends by itself: the client has a deadline too. Raises NoAnswer.
    """
    parts = urlsplit(url)
    told: queue.SimpleQueue[Answer | Exception] = queue.SimpleQueue()

    def call() -> None:
        client = ApiClient(
            f"{parts.scheme}://{parts.netloc}",
            {},
            deadline=DEADLINE,
            allow_private=settings.HUB_ALLOW_PRIVATE_ADDRESSES,
        )
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            told.put(client.send("POST", path, json=body))
        except (MarketplaceError, ValueError) as failure:
            # The latter is a host no resolver can be asked about.
            told.put(failure)

    threading.Thread(target=call, name="freight quote", daemon=True).start()
    try:
        answer = told.get(timeout=DEADLINE)
    except queue.Empty:
        raise NoAnswer(_("The seller's address did not answer within 800 ms.")) from None
    if isinstance(answer, Exception):
        raise NoAnswer(_("The seller's address could not be reached in time."))
    return answer


def _offer(said: Mapping[str, Any]) -> Offer:
    cost = values.money("").read("shippingCost", said["shippingCost"])
    times = said["deliveryTime"]
    total = values.whole("total", times["total"], MOST_DAYS)
    if cost is None or total is None:
        raise ValueError
    name = values.code("shippingMethodName", said["shippingMethodName"], 150)
    shown = values.text(150).read("shippingMethodDisplayName", said.get("shippingMethodDisplayName"))
    return Offer(
        cost=Decimal(str(cost)),
        total=total,
        transit=values.whole("transit", times.get("transit"), MOST_DAYS) or 0,
        expedition=values.whole("expedition", times.get("expedition"), MOST_DAYS) or 0,
        method_id=values.text(150).read("shippingMethodId", said.get("shippingMethodId")) or name,
        name=name,
        display_name=shown or name,
    )


# --- the contingency table --------------------------------------------------------------------


def _of_table(seller_id: int, zip_code: int, volumes: Sequence[Volume]) -> list[Offer]:
    loads = (Decimal(str(one.weight)) * one.quantity for one in volumes)
    weight = sum(loads, Decimal(0)).quantize(Decimal("0.001"))
    if weight > HEAVIEST:
        return []
    expedition = max(one.crossdocking for one in volumes)
    rates = FreightRate.objects.filter(
        seller_id=seller_id,
        zip_from__lte=zip_code,
        zip_to__gte=zip_code,
        weight_from__lte=weight,
        weight_to__gte=weight,
    ).order_by("cost", "days", "id")[:MOST_OFFERS]
    return [
        Offer(
            cost=one.cost,
            total=one.days + expedition,
            transit=one.days,
            expedition=expedition,
            method_id=f"table-{one.pk}",
            name=one.name,
            display_name=one.name,
        )
        for one in rates
    ]


def forget(before: datetime) -> int:
    """Delete quotes older than a moment, in small bites; returns how many."""
    gone = 0
    old = FreightQuote.objects.filter(created_at__lt=before)
    while ids := list(old.values_list("pk", flat=True)[:5000]):
        FreightQuote.objects.filter(pk__in=ids).delete()
        gone += len(ids)
    return gone
