"""The one check: does this item satisfy its category's schema? Pure.

The ERP's ingest answer, the product page, the load and the send all ask here, so what one of them
calls ready the others do too. It finds every fault at once, never only the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from urllib.parse import urlsplit

from catalog import gtin
from marketplaces.contract import AttributeRule, AttributeType, CategorySchema, ContentItem, Issue, IssueKind

_TAG = re.compile(r"<[^>]*>")
_MEASURE = re.compile(r"\s*([0-9]+(?:[.,][0-9]+)?)\s*(\S.*?)\s*")
YES_NO = frozenset({"sim", "não", "nao", "yes", "no", "true", "false"})


def check(item: ContentItem, schema: CategorySchema) -> tuple[Issue, ...]:
    """Return every reason why a marketplace with this schema must refuse the item."""
    return tuple(_issues(item, schema))


def _issues(item: ContentItem, schema: CategorySchema) -> Iterator[Issue]:
    yield from _text("name", item.title.strip(), schema.title_min, schema.title_max, required=True)
    words = _TAG.sub(" ", item.description).strip()
    yield from _text(
        "description",
        words,
        schema.description_min,
        schema.description_max,
        required=schema.description_min > 0,
    )
    if schema.brand_required and not item.brand.strip():
        yield Issue(IssueKind.REQUIRED, "brand")
    if item.gtin:
        if not gtin.is_valid(item.gtin):
            yield Issue(IssueKind.GTIN_INVALID, "ean", params={"value": item.gtin})
    elif schema.gtin_required:
        yield Issue(IssueKind.GTIN_MISSING, "ean")
    yield from _images(item.images, schema)
    yield from _sizes(item, schema)
    if item.price <= 0:
        yield Issue(
            IssueKind.PRICE_MISSING,
            "price",
            params={"value": str(item.price), "limit": str(schema.price_min)},
        )
    elif item.price < schema.price_min:
        yield Issue(
            IssueKind.OUT_OF_RANGE,
            "price",
            params={"value": str(item.price), "minimum": str(schema.price_min), "maximum": ""},
        )
    for rule in schema.attributes:
        yield from _attribute(rule, item.attributes.get(rule.remote_id, "").strip())


def _text(field: str, value: str, least: int, most: int, *, required: bool) -> Iterator[Issue]:
    if not value:
        if required:
            yield Issue(IssueKind.REQUIRED, field)
    elif least and len(value) < least:
        yield Issue(IssueKind.TOO_SHORT, field, params={"limit": least, "value": len(value)})
    elif most and len(value) > most:
        yield Issue(IssueKind.TOO_LONG, field, params={"limit": most, "value": len(value)})


def _images(images: tuple[str, ...], schema: CategorySchema) -> Iterator[Issue]:
    if len(images) < schema.images_min:
        yield Issue(
            IssueKind.IMAGE_MISSING, "images", params={"limit": schema.images_min, "value": len(images)}
        )
    if schema.images_max and len(images) > schema.images_max:
        yield Issue(
            IssueKind.IMAGE_TOO_MANY, "images", params={"limit": schema.images_max, "value": len(images)}
        )
    for url in images:
        if not is_url(url):
            yield Issue(IssueKind.IMAGE_INVALID, "images", params={"value": url[:200]})


def is_url(text: str) -> bool:
    """Say whether a picture could be fetched from this: http or https, a host, no blanks."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not any(map(str.isspace, text))


def _sizes(item: ContentItem, schema: CategorySchema) -> Iterator[Issue]:
    if not schema.dimensions_required:
        return
    sizes = {
        "weight": item.weight_kg,
        "height": item.height_cm,
        "width": item.width_cm,
        "length": item.length_cm,
    }
    missing = [name for name, value in sizes.items() if not value]
    if missing:
        yield Issue(IssueKind.DIMENSIONS_MISSING, "dimensions", params={"missing": missing})


def _attribute(rule: AttributeRule, value: str) -> Iterator[Issue]:
    field = f"attributes.{rule.remote_id}"
    about = {"label": rule.label}
    if not value:
        if rule.is_required:
            more = {"allowed": list(rule.allowed)} if rule.allowed else {}
            yield Issue(IssueKind.REQUIRED, field, params={**about, **more})
        return
    about["value"] = value[:200]
    match rule.type:
        case AttributeType.LIST:
            if value not in rule.allowed:
                yield Issue(IssueKind.NOT_ALLOWED, field, params={**about, "allowed": list(rule.allowed)})
        case AttributeType.BOOLEAN:
            if value.lower() not in YES_NO:
                yield Issue(IssueKind.NOT_ALLOWED, field, params={**about, "allowed": ["Sim", "Não"]})
        case AttributeType.NUMBER:
            yield from _number(rule, value, field, about)
        case AttributeType.MEASURE:
            found = _MEASURE.fullmatch(value)
            if found is None or (rule.units and found[2] not in rule.units):
                yield Issue(IssueKind.WRONG_UNIT, field, params={**about, "allowed": list(rule.units)})
            else:
                yield from _number(rule, found[1], field, about)
        case AttributeType.TEXT:
            for issue in _text(field, value, rule.min_length, rule.max_length, required=False):
                yield Issue(issue.kind, field, params={**issue.params, "label": rule.label})


def _number(rule: AttributeRule, value: str, field: str, about: dict[str, str]) -> Iterator[Issue]:
    try:
        amount = Decimal(value.replace(",", "."))
    except InvalidOperation:
        yield Issue(IssueKind.NOT_A_NUMBER, field, params=about)
        return
    low, high = rule.minimum, rule.maximum
    if not amount.is_finite() or (low is not None and amount < low) or (high is not None and amount > high):
        bounds = {
            "minimum": str(low) if low is not None else "",
            "maximum": str(high) if high is not None else "",
        }
        yield Issue(IssueKind.OUT_OF_RANGE, field, params={**about, **bounds})
