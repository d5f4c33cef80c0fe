"""Conversion between the hub's words and the sandbox's JSON: pure functions, strict out, tolerant in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, TypeVar

from marketplaces.contract import (
    Address,
    AttributeRule,
    AttributeType,
    CategorySchema,
    ContentItem,
    Customer,
    Delivery,
    Hint,
    InvoiceNote,
    Issue,
    IssueKind,
    ListingState,
    ListingView,
    Match,
    MatchQuery,
    OrderPage,
    OrderStatus,
    Outcome,
    Payment,
    PriceItem,
    Receipt,
    RemoteCategory,
    RemoteItem,
    RemoteOrder,
    ShipmentNote,
    StockItem,
    UnexpectedAnswer,
    UnreadableOrder,
    Verdict,
)

T = TypeVar("T")

# The sandbox's codes, docs/sandbox.md "Error codes". A code that is not here is OTHER, its words kept.
KINDS: Mapping[str, IssueKind] = MappingProxyType(
    {
        "SBX-TITLE-REQUIRED": IssueKind.REQUIRED,
        "SBX-TITLE-SHORT": IssueKind.TOO_SHORT,
        "SBX-TITLE-LONG": IssueKind.TOO_LONG,
        "SBX-TITLE-FORBIDDEN": IssueKind.FORBIDDEN_WORD,
        "SBX-TITLE-DUPLICATE": IssueKind.DUPLICATE,
        "SBX-DESCRIPTION-REQUIRED": IssueKind.REQUIRED,
        "SBX-DESCRIPTION-SHORT": IssueKind.TOO_SHORT,
        "SBX-DESCRIPTION-LONG": IssueKind.TOO_LONG,
        "SBX-BRAND-REQUIRED": IssueKind.REQUIRED,
        "SBX-BRAND-BLOCKED": IssueKind.BRAND_BLOCKED,
        "SBX-GTIN-REQUIRED": IssueKind.GTIN_MISSING,
        "SBX-GTIN-LENGTH": IssueKind.GTIN_INVALID,
        "SBX-GTIN-DIGIT": IssueKind.GTIN_INVALID,
        "SBX-GTIN-TAKEN": IssueKind.GTIN_TAKEN,
        "SBX-SKU-LONG": IssueKind.TOO_LONG,
        "SBX-SKU-UNKNOWN": IssueKind.NOT_FOUND,
        "SBX-CATEGORY-REQUIRED": IssueKind.CATEGORY_UNMAPPED,
        "SBX-CATEGORY-UNKNOWN": IssueKind.CATEGORY_UNKNOWN,
        "SBX-CATEGORY-LEAF": IssueKind.CATEGORY_UNKNOWN,
        "SBX-ATTR-REQUIRED": IssueKind.REQUIRED,
        "SBX-ATTR-SHORT": IssueKind.TOO_SHORT,
        "SBX-ATTR-LONG": IssueKind.TOO_LONG,
        "SBX-ATTR-VALUE": IssueKind.NOT_ALLOWED,
        "SBX-ATTR-NUMBER": IssueKind.NOT_A_NUMBER,
        "SBX-ATTR-RANGE": IssueKind.OUT_OF_RANGE,
        "SBX-ATTR-UNIT": IssueKind.WRONG_UNIT,
        "SBX-IMAGE-MIN": IssueKind.IMAGE_MISSING,
        "SBX-IMAGE-MAX": IssueKind.IMAGE_TOO_MANY,
        "SBX-IMAGE-URL": IssueKind.IMAGE_INVALID,
        "SBX-IMAGE-TYPE": IssueKind.IMAGE_INVALID,
        "SBX-IMAGE-UNREACHABLE": IssueKind.IMAGE_UNREACHABLE,
        "SBX-DIMENSION-REQUIRED": IssueKind.DIMENSIONS_MISSING,
        "SBX-DIMENSION-RANGE": IssueKind.OUT_OF_RANGE,
        "SBX-PRICE-REQUIRED": IssueKind.PRICE_MISSING,
        "SBX-PRICE-MIN": IssueKind.OUT_OF_RANGE,
        "SBX-PRICE-OUTLIER": IssueKind.PRICE_SUSPICIOUS,
        "SBX-PRICE-LIST": IssueKind.OUT_OF_RANGE,
        "SBX-PRICE-CUT": IssueKind.PRICE_CUT,
        "SBX-QUANTITY-RANGE": IssueKind.OUT_OF_RANGE,
        "SBX-CATALOGUE-UNKNOWN": IssueKind.NO_MATCH,
    }
)
_FIELDS = MappingProxyType(
    {
        "title": "name",
        "description": "description",
        "brand": "brand",
        "gtin": "ean",
        "images": "images",
        "price": "price",
        "list_price": "price",
        "weight_kg": "weight",
        "height_cm": "dimensions",
        "width_cm": "dimensions",
        "length_cm": "dimensions",
        "category_id": "categories",
    }
)
_VERDICTS = {
    "rejected": Verdict.REJECTED,
    "cataloguing": Verdict.CATALOGUING,
    "published": Verdict.ACCEPTED,
}
# The sandbox knows no exception on the way; "awaiting_payment" is still the hub's NEW, only accepted.
_STATUSES = {
    "new": OrderStatus.NEW,
    "awaiting_payment": OrderStatus.NEW,
    "approved": OrderStatus.APPROVED,
    "invoiced": OrderStatus.INVOICED,
    "shipped": OrderStatus.SHIPPED,
    "delivered": OrderStatus.DELIVERED,
    "canceled": OrderStatus.CANCELED,
}
HINTS = {"order.created": "orders", "order.changed": "orders", "listing.changed": "listings"}


# --- out -------------------------------------------------------------------------------------


def to_money(value: Decimal) -> str:
    return f"{value:.2f}"


def to_number(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"


def to_load_item(item: ContentItem) -> dict[str, Any]:
    """Return a publication, or an association with an entry of the catalogue."""
    terms = {
        "sku": item.sku,
        "price": to_money(item.price),
        "list_price": to_money(item.list_price),
        "quantity": item.quantity,
    }
    if item.catalogue_id:
        return {**terms, "catalogue_id": item.catalogue_id}
    return {
        **terms,
        "parent_sku": item.parent_sku,
        "title": item.title,
        "description": item.description,
        "brand": item.brand,
        "gtin": item.gtin,
        "ncm": item.ncm,
        "category_id": item.category_id,
        "attributes": dict(item.attributes),
        "images": list(item.images),
        "weight_kg": to_number(item.weight_kg),
        "height_cm": to_number(item.height_cm),
        "width_cm": to_number(item.width_cm),
        "length_cm": to_number(item.length_cm),
    }


def to_price(item: PriceItem) -> dict[str, Any]:
    return {"sku": item.sku, "price": to_money(item.price), "list_price": to_money(item.list_price)}


def to_stock(item: StockItem) -> dict[str, Any]:
    return {"sku": item.sku, "quantity": item.quantity}


def to_query(query: MatchQuery) -> dict[str, Any]:
    return {"sku": query.sku, "gtin": query.gtin, "title": query.title}


def to_invoice(invoice: InvoiceNote) -> dict[str, Any]:
    return {
        "key": invoice.key,
        "issued_at": invoice.issued_at.isoformat(),
        "number": invoice.number,
        "line": invoice.line,
        "volumes": invoice.volumes,
    }


def to_shipment(shipment: ShipmentNote) -> dict[str, Any]:
    return {
        "code": shipment.code,
        "shipped_at": shipment.shipped_at.isoformat(),
        "tracking_code": shipment.tracking_code,
        "carrier": shipment.carrier,
        "method": shipment.method,
        "url": shipment.url,
        "delivery_id": shipment.delivery_id,
        "items": [{"sku": sku, "quantity": quantity} for sku, quantity in shipment.items],
    }


# --- in --------------------------------------------------------------------------------------


def need(data: Any, name: str) -> Any:
    """Return a field that must be there; raises UnexpectedAnswer naming it."""
    if not isinstance(data, Mapping) or name not in data:
        raise UnexpectedAnswer(f"the answer has no {name!r}")
    return data[name]


def need_list(data: Any, name: str) -> list[Any]:
    found = need(data, name)
    if not isinstance(found, list):
        raise UnexpectedAnswer(f"{name!r} is not a list")
    return found


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return "" if value is None else str(value)


def _need_text(data: Any, name: str) -> str:
    value = need(data, name)
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise UnexpectedAnswer(f"{name!r} is not a text")
    return str(value)


def _money(data: Any, name: str) -> Decimal:
    try:
        value = Decimal(str(need(data, name)))
    except InvalidOperation as error:
        raise UnexpectedAnswer(f"{name!r} is not an amount") from error
    if not value.is_finite():
        raise UnexpectedAnswer(f"{name!r} is not an amount")
    return value


def _optional_money(data: Mapping[str, Any], name: str) -> Decimal:
    return _money(data, name) if data.get(name) is not None else Decimal(0)


def _whole(data: Any, name: str) -> int:
    value = need(data, name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise UnexpectedAnswer(f"{name!r} is not a whole number")
    return value


def _count(data: Mapping[str, Any], name: str, default: int = 0) -> int:
    """Return a whole number that may be missing."""
    return _whole(data, name) if data.get(name) is not None else default


def _texts(data: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return a list of texts that may be missing."""
    return tuple(str(one) for one in need_list(data, name)) if data.get(name) is not None else ()


def _moment(data: Any, name: str) -> datetime:
    try:
        value = datetime.fromisoformat(str(need(data, name)))
    except ValueError as error:
        raise UnexpectedAnswer(f"{name!r} is not a time") from error
    if value.tzinfo is None:
        raise UnexpectedAnswer(f"{name!r} has no time zone")
    if not 2000 <= value.year < 2100:
        raise UnexpectedAnswer(f"{name!r} is not of this century")
    return value


def _optional_moment(data: Mapping[str, Any], name: str) -> datetime | None:
    return _moment(data, name) if data.get(name) else None


def _known(table: Mapping[str, T], data: Any, name: str) -> T:
    value = need(data, name)
    if not isinstance(value, str) or value not in table:
        raise UnexpectedAnswer(f"{name!r} is {value!r}, which is not documented")
    return table[value]


def from_error(data: Any) -> Issue:
    """Return one error of the sandbox: its code and words as they came, its field in our words."""
    code, field = _need_text(data, "code"), _text(data, "field")
    return Issue(
        kind=KINDS.get(code, IssueKind.OTHER),
        field=field if field.startswith("attributes.") else _FIELDS.get(field, ""),
        code=code,
        message=_text(data, "message"),
        params={"limit": limit} if (limit := _text(data, "limit")) else {},
    )


def from_load(data: Any) -> Receipt:
    """Return what is known of a load: its id while it is undecided, its outcomes once it is done."""
    status = need(data, "status")
    if status in ("accepted", "processing"):
        seconds = data.get("poll_after_seconds")
        wait = timedelta(seconds=float(seconds)) if isinstance(seconds, int | float) else None
        return Receipt(submission_id=_need_text(data, "load_id"), poll_after=wait)
    if status != "done":
        raise UnexpectedAnswer(f"the load is {status!r}, which is not documented")
    return Receipt(tuple(_from_load_result(result) for result in need_list(data, "results")))


def _from_load_result(data: Any) -> Outcome:
    return Outcome(
        sku=_need_text(data, "sku"),
        verdict=_known(_VERDICTS, data, "status"),
        remote_id=_text(data, "listing_id"),
        url=_text(data, "url"),
        issues=tuple(from_error(error) for error in need_list(data, "errors")),
    )


def from_results(data: Any, field: str) -> Receipt:
    """Return the outcomes of a price, stock or withdrawal call, a result per item."""
    outcomes = []
    for result in need_list(data, "results"):
        verdict = _known({"ok": Verdict.ACCEPTED, "error": Verdict.REJECTED}, result, "status")
        issues = (from_error({**result, "field": field}),) if verdict is Verdict.REJECTED else ()
        outcomes.append(Outcome(_need_text(result, "sku"), verdict, issues=issues))
    return Receipt(tuple(outcomes))


def from_search(data: Any) -> tuple[Match, ...]:
    return tuple(
        Match(
            sku=_need_text(result, "sku"),
            catalogue_ids=tuple(
                _need_text(candidate, "catalogue_id") for candidate in need_list(result, "candidates")
            ),
            by=_text(result, "matched_by"),
        )
        for result in need_list(data, "results")
    )


def from_listing(data: Any) -> ListingView:
    states = {state.value: state for state in ListingState}
    shows_values = data.get("price") is not None if isinstance(data, Mapping) else False
    return ListingView(
        sku=_need_text(data, "sku"),
        state=_known(states, data, "state"),
        remote_id=_text(data, "listing_id"),
        url=_text(data, "url"),
        price=_money(data, "price") if shows_values else None,
        list_price=_money(data, "list_price") if shows_values else None,
        quantity=_whole(data, "quantity") if shows_values else None,
        issues=tuple(from_error(error) for error in need_list(data, "errors")),
    )


def from_category(data: Any) -> RemoteCategory:
    return RemoteCategory(
        remote_id=_need_text(data, "id"),
        name=_need_text(data, "name"),
        parent_id=_text(data, "parent_id"),
        is_leaf=bool(need(data, "leaf")),
    )


def from_schema(data: Any) -> CategorySchema:
    return CategorySchema(
        category_id=_need_text(data, "id"),
        attributes=tuple(_from_rule(rule) for rule in need_list(data, "attributes")),
        title_min=_count(data, "title_min"),
        title_max=_count(data, "title_max"),
        description_min=_count(data, "description_min"),
        description_max=_count(data, "description_max"),
        gtin_required=bool(data.get("gtin_required")),
        brand_required=bool(data.get("brand_required")),
        images_min=_count(data, "images_min"),
        images_max=_count(data, "images_max"),
        dimensions_required=bool(data.get("dimensions_required")),
        price_min=_optional_money(data, "price_min") or Decimal("0.01"),
    )


def _from_rule(data: Any) -> AttributeRule:
    types = {kind.value: kind for kind in AttributeType}
    return AttributeRule(
        remote_id=_need_text(data, "id"),
        label=_text(data, "label") or _need_text(data, "id"),
        type=_known(types, data, "type"),
        is_required=bool(data.get("required")),
        is_variation=bool(data.get("variation")),
        min_length=_count(data, "min_length"),
        max_length=_count(data, "max_length"),
        minimum=_money(data, "minimum") if data.get("minimum") is not None else None,
        maximum=_money(data, "maximum") if data.get("maximum") is not None else None,
        allowed=_texts(data, "allowed"),
        units=_texts(data, "units"),
    )


def from_orders(data: Any) -> OrderPage:
    """Read a page; an order that cannot be understood is passed on as it came."""
    orders: list[RemoteOrder] = []
    unreadable: list[UnreadableOrder] = []
    for order in need_list(data, "orders"):
        try:
            orders.append(from_order(order))
        except UnexpectedAnswer as error:
            unreadable.append(_unreadable(order, str(error)))
    return OrderPage(
        orders=tuple(orders),
        cursor=_need_text(data, "cursor"),
        has_more=bool(need(data, "has_more")),
        unreadable=tuple(unreadable),
    )


def _unreadable(order: Any, problem: str) -> UnreadableOrder:
    raw = order if isinstance(order, Mapping) else {"order": order}
    remote_id = raw.get("id")
    return UnreadableOrder(str(remote_id) if isinstance(remote_id, str | int) else "", problem, raw)


def from_order(data: Any) -> RemoteOrder:
    status = _known(_STATUSES, data, "status")
    return RemoteOrder(
        remote_id=_need_text(data, "id"),
        status=status,
        placed_at=_moment(data, "created_at"),
        updated_at=_moment(data, "updated_at"),
        customer=_from_customer(need(data, "customer")),
        billing_address=_from_address(need(data, "billing_address")),
        shipping_address=_from_address(need(data, "shipping_address")),
        items=tuple(_from_item(item) for item in need_list(data, "items")),
        payments=tuple(_from_payment(payment) for payment in need_list(data, "payments")),
        deliveries=tuple(_from_delivery(delivery) for delivery in need_list(data, "deliveries")),
        shipping_cost=_optional_money(data, "shipping_cost"),
        discount=_optional_money(data, "discount"),
        interest=_optional_money(data, "interest"),
        total=_money(data, "total"),
        needs_acceptance=data["status"] == "new",
        raw=data,
    )


def _from_customer(data: Any) -> Customer:
    return Customer(
        name=_need_text(data, "name"),
        email=_text(data, "email"),
        vat_number=_text(data, "document"),
        phones=_texts(data, "phones"),
        gender=_text(data, "gender"),
        date_of_birth=_text(data, "birth_date"),
        state_registration=_text(data, "state_registration"),
    )


def _from_address(data: Any) -> Address:
    return Address(
        full_name=_need_text(data, "recipient"),
        street=_text(data, "street"),
        number=_text(data, "number"),
        complement=_text(data, "complement"),
        reference=_text(data, "reference"),
        neighborhood=_text(data, "neighborhood"),
        city=_text(data, "city"),
        region=_text(data, "state"),
        postcode=_text(data, "zip"),
        country=_text(data, "country") or "BR",
        phone=_text(data, "phone"),
    )


def _from_item(data: Any) -> RemoteItem:
    return RemoteItem(
        sku=_need_text(data, "sku"),
        quantity=_whole(data, "quantity"),
        price=_money(data, "price"),
        list_price=_optional_money(data, "list_price") or _money(data, "price"),
        name=_text(data, "title"),
        remote_id=_text(data, "listing_id"),
        shipping_cost=_optional_money(data, "shipping_cost"),
        sale_fee=_optional_money(data, "fee"),
        delivery_id=_text(data, "delivery_id"),
    )


def _from_payment(data: Any) -> Payment:
    return Payment(
        method=_need_text(data, "method"),
        value=_money(data, "value"),
        parcels=_count(data, "installments", 1),
        status=_text(data, "status"),
        card_issuer=_text(data, "brand"),
        authorization_id=_text(data, "authorization"),
        transaction_at=_optional_moment(data, "paid_at"),
    )


def _from_delivery(data: Any) -> Delivery:
    return Delivery(
        remote_id=_need_text(data, "id"),
        method=_text(data, "method"),
        carrier=_text(data, "carrier"),
        estimated_at=_optional_moment(data, "estimated_at"),
        dispatch_by=_optional_moment(data, "dispatch_by"),
        carrier_owns_status=bool(data.get("carrier_owned")),
    )


def from_webhook(data: Any) -> Hint:
    """Return a webhook's hint; an event of a later version says only that something is worth a look."""
    ids: Sequence[Any] = need_list(data, "ids")
    return Hint(HINTS.get(_need_text(data, "event"), "connection"), tuple(str(one) for one in ids))
