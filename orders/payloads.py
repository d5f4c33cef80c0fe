"""What ERPs send about orders, read into the contract's and the services' own types. Pure.

Lenient in form (PHP's `[]`, texts for numbers, two homes for `items`), strict in meaning. All
readers raise Refusal (422) or Incomplete (400).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from django.core.files import File
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from catalog import values
from hub import moments
from hub.refusals import Incomplete, Refusal
from marketplaces.contract import Address, Customer, InvoiceNote, ShipmentNote
from orders import nfe_xml
from orders.services import TestItem, TestOrder

ITEM_LIMIT = 99_999
TRACKING_LIMIT = 100
NAME_LIMIT = 150


def to_status(body: Mapping[str, Any]) -> str:
    """Read the wanted status code; empty where the call leaves it to us."""
    said = body.get("status")
    if isinstance(said, dict):
        said = said.get("code")
    return _text("status", said, 100)


def to_invoice(body: Mapping[str, Any]) -> InvoiceNote | None:
    """Read `invoice`; None where there is none. Its key is checked by the service."""
    said = _object("invoice", body.get("invoice"))
    return _invoice(said) if said else None


def _invoice(said: Mapping[str, Any]) -> InvoiceNote:
    key = _text("invoice.key", said.get("key"), 100)
    if not key:
        raise Incomplete(_("Required fields: %(fields)s") % {"fields": "invoice.key"})
    return InvoiceNote(
        key="".join(key.split()).upper(),
        issued_at=_kept("invoice.issue_date", said.get("issue_date")) or timezone.now(),
        number=_text("invoice.number", said.get("number"), 20),
        line=_text("invoice.line", said.get("line"), 10),
        volumes=_counted("invoice.volume_qty", said.get("volume_qty")),
    )


def to_invoice_file(form: Mapping[str, Any]) -> InvoiceNote:
    """Read an invoice that comes as a form with the NF-e's XML in `file`, as orders of the
    marketplace's own carrier need it. The key is the one inside the XML.
    """
    file = form.get("file")
    if not isinstance(file, File):
        raise Incomplete(_("Required fields: %(fields)s") % {"fields": "file"})
    xml = nfe_xml.read(file.read(nfe_xml.LIMIT + 1))
    said = {name: form.get(name) for name in ("issue_date", "volume_qty")}
    note = replace(_invoice({**said, "key": xml.key}), xml=xml.text)
    return replace(note, issued_at=xml.issued_at) if xml.issued_at and not said["issue_date"] else note


def to_shipment(body: Mapping[str, Any]) -> ShipmentNote | None:
    """Read `shipment`; None where there is none. `items` may stand inside it or beside it."""
    said = _object("shipment", body.get("shipment"))
    beside = body.get("items")
    if not said and not beside:
        return None
    tracks = said.get("track") or said.get("tracks")
    if isinstance(tracks, list):
        tracks = tracks[0] if tracks else None
    track = _object("shipment.track", tracks)
    return ShipmentNote(
        code=_text("shipment.code", said.get("code"), TRACKING_LIMIT),
        shipped_at=_kept("shipment.delivered_carrier_date", said.get("delivered_carrier_date"))
        or timezone.now(),
        tracking_code=_text("shipment.track.code", track.get("code"), TRACKING_LIMIT),
        carrier=_text("shipment.track.carrier", track.get("carrier"), NAME_LIMIT),
        method=_text("shipment.track.method", track.get("method"), NAME_LIMIT),
        url=_text("shipment.track.url", track.get("url"), 200),
        items=_parcel(said.get("items") or beside),
    )


def _parcel(said: Any) -> tuple[tuple[str, int], ...]:
    found = []
    for place, entry in enumerate(values.items("shipment.items", said)):
        here = f"shipment.items[{place}]"
        item = _object(here, entry)
        sku = item.get("sku") or item.get("id")
        found.append((values.code(f"{here}.sku", sku, 100), _counted(f"{here}.qty", item.get("qty"))))
    return tuple(found)


def to_delivered_at(body: Mapping[str, Any]) -> datetime | None:
    """Read `delivered_date`, dd/mm/yyyy or ISO 8601; None where it is not said."""
    at = _kept("delivered_date", body.get("delivered_date"))
    if at is not None and timezone.localdate(at) > timezone.localdate():
        raise Refusal(_("%(field)s: this day has not come yet.") % {"field": "delivered_date"})
    return at


def to_reason(body: Mapping[str, Any]) -> str:
    """Read why an order is cancelled, which SkyHub's clients never say."""
    return _text("reason", body.get("reason"), 500)


def to_exception(body: Mapping[str, Any]) -> tuple[datetime, str]:
    """Read when a delivery failed and what was observed."""
    said = _object("shipment_exception", body.get("shipment_exception"))
    at = _kept("shipment_exception.occurrence_date", said.get("occurrence_date"))
    return at or timezone.now(), _text("shipment_exception.observation", said.get("observation"), 1000)


def to_test_order(said: Mapping[str, Any]) -> TestOrder:
    """Read a test account's order; names nobody knows are ignored."""
    missing = [name for name in ("channel", "items") if not said.get(name)]
    if missing:
        raise Incomplete(_("Required fields: %(fields)s") % {"fields": ", ".join(missing)})
    customer = _customer(_object("customer", said.get("customer")))
    calculation = said.get("calculation_type") or said.get("shipping_calculation_type")
    return TestOrder(
        channel=values.code("channel", said["channel"], 80),
        items=[_test_item(place, one) for place, one in enumerate(values.items("items", said["items"]))],
        customer=customer,
        billing_address=_address("billing_address", said, customer),
        shipping_address=_address("shipping_address", said, customer),
        payments=[
            _payment(place, one) for place, one in enumerate(values.items("payments", said.get("payments")))
        ],
        shipping_method=_text("shipping_method", said.get("shipping_method"), NAME_LIMIT),
        shipping_carrier=_text("shipping_carrier", said.get("shipping_carrier"), NAME_LIMIT),
        calculation_type=_text("calculation_type", calculation, 100),
        estimated_delivery=_kept("estimated_delivery", said.get("estimated_delivery"), midnight=UTC),
        shipping_cost=_amount("shipping_cost", said.get("shipping_cost")) or Decimal(0),
        interest=_amount("interest", said.get("interest")) or Decimal(0),
        discount=_amount("discount", said.get("discount")) or Decimal(0),
        status_code=to_status(said),
    )


def _test_item(place: int, entry: Any) -> TestItem:
    here = f"items[{place}]"
    item = _object(here, entry)
    quantity = values.whole(f"{here}.qty", item.get("qty"), ITEM_LIMIT)
    if not quantity:
        raise Refusal(_("%(field)s: send a whole number from 1.") % {"field": f"{here}.qty"})
    return TestItem(
        sku=values.code(f"{here}.id", item.get("id"), 100),
        quantity=quantity,
        original_price=_amount(f"{here}.original_price", item.get("original_price")),
        special_price=_amount(f"{here}.special_price", item.get("special_price")),
    )


def _customer(said: Mapping[str, Any]) -> Customer:
    phones = values.items("customer.phones", said.get("phones"))
    texts = ("name", "email", "vat_number", "gender", "date_of_birth", "state_registration")
    return Customer(
        phones=tuple(_text("customer.phones", one, 40) for one in phones),
        **{name: _text(f"customer.{name}", said.get(name), 255) for name in texts},
    )


def _address(name: str, said: Mapping[str, Any], customer: Customer) -> dict[str, str]:
    """Read an address; the recipient and the phones are the customer's, as SkyHub's test orders showed."""
    found = _object(name, said.get(name))
    known = [one.name for one in fields(Address)] + ["detail"]
    address = {one: _text(f"{name}.{one}", found.get(one), 255) for one in known}
    phones = customer.phones or ("",)
    fallbacks = {
        "full_name": customer.name,
        "country": "BR",
        "phone": phones[0],
        "secondary_phone": phones[-1],
    }
    return {one: value or fallbacks.get(one, "") for one, value in address.items()}


def _payment(place: int, entry: Any) -> dict[str, Any]:
    here = f"payments[{place}]"
    said = _object(here, entry)
    value = _amount(f"{here}.value", said.get("value"))
    return {
        "method": _text(f"{here}.method", said.get("method"), 60),
        "description": _text(f"{here}.description", said.get("description"), 255),
        "parcels": values.whole(f"{here}.parcels", said.get("parcels"), 999) or 1,
        "value": str(value or 0),
    }


def _text(name: str, said: Any, limit: int) -> str:
    if isinstance(said, float):
        said = int(said) if said == int(said) else str(said)
    found: str = values.text(limit).read(name, said)
    return found.strip()


def _object(name: str, said: Any) -> dict[str, Any]:
    """Read an object; null and PHP's empty array are an empty one."""
    if said is None or said == []:
        return {}
    if not isinstance(said, dict):
        raise Refusal(_("%(field)s: send an object.") % {"field": name})
    return said


def _amount(name: str, said: Any) -> Decimal | None:
    number = values.money("").read(name, said)
    return None if number is None else round(Decimal(str(number)), 2)


def _counted(name: str, said: Any) -> int:
    """Read how many there are: at least one, and one where it is not said."""
    number = values.whole(name, said, ITEM_LIMIT)
    if number == 0:
        raise Refusal(_("%(field)s: send a whole number from 1.") % {"field": name})
    return number or 1


def _kept(name: str, said: Any, midnight: Any = None) -> datetime | None:
    """Read a moment that will be kept; one that orders are only compared with may be further away."""
    at = moment(name, said, midnight)
    if at is not None and not moments.is_plausible(at):
        raise Refusal(_("%(field)s: send a date between 01/01/2000 and 31/12/2099.") % {"field": name})
    return at


def moment(name: str, said: Any, midnight: Any = None) -> datetime | None:
    """Read ISO 8601 or dd/mm/yyyy; a time without an offset, and a day, are Brazil's (or of `midnight`)."""
    text = _text(name, said, 40)
    if not text:
        return None
    try:
        at = parse_datetime(text)
        day = parse_date(text) if at is None else None
        if at is None and day is None:
            day = _brazilian_day(text)
        if at is None and day is not None:
            at = datetime.combine(day, time())
        if at is None:
            raise ValueError(text)
        if at.tzinfo is None:
            at = at.replace(tzinfo=midnight or timezone.get_default_timezone())
        # Outside these years a time cannot be written in every zone.
        if not 1900 <= at.year <= 9990:
            raise ValueError(text)
    except ValueError:
        raise Refusal(
            _("%(field)s: send a date such as 2026-02-28T14:30:00-03:00 or 28/02/2026.") % {"field": name}
        ) from None
    return at


def _brazilian_day(text: str) -> date | None:
    day, _slash, rest = text.partition("/")
    month, _slash, year = rest.partition("/")
    if not (day + month + year).isdecimal() or not 1 <= len(day) <= 2 or not 1 <= len(month) <= 2:
        return None
    if len(year) != 4:
        return None
    return date(int(year), int(month), int(day))
