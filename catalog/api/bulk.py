"""Bulk calls, beyond SkyHub: a thousand items a call, a result per item, every good item lands."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import extensions, services
from catalog.api import docs
from catalog.services import Result, Status
from hub.api.errors import Malformed, Unprocessable
from hub.api.parsing import RawBodyParser, decode, not_json
from hub.api.schema import errors
from hub.api.views import SellerView
from hub.refusals import Incomplete, Refusal, required_fields

MOST_ITEMS = 1_000
NO = {"no", "false", "0", "off", "não", "nao"}

_PLAIN = msgspec.json.Decoder(dict[str, list[dict[str, str | int | float | bool | None]]])

Service = Callable[[int, Sequence[Any]], list[Result]]


class BulkProductsView(SellerView):
    """Products in bulk."""

    parser_classes = [RawBodyParser]

    @extend_schema(
        operation_id="bulk_products",
        summary="Create or update products in bulk",
        parameters=[OpenApiParameter("precheck", str, description='"no" leaves the verdicts out.')],
        request=docs.listed("products", docs.PRODUCT_ITEM),
        responses={200: docs.REPORT, **errors(400, 422)},
    )
    def put(self, request: Request) -> Response:
        """Create or update products, and say what each connection would say of them."""
        results = services.upsert_products(self.seller_id, items_of(request.data, "products"))
        report = reported(results)
        if request.query_params.get("precheck", "").strip().lower() not in NO:
            self._add_verdicts(results, report["results"])
        return Response(report)

    def _add_verdicts(self, results: list[Result], lines: list[dict[str, Any]]) -> None:
        ids = [pk for result in results for pk in result.variation_ids]
        verdicts = extensions.verdicts(self.seller_id, ids)
        if not verdicts:
            return
        for result, line in zip(results, lines, strict=True):
            said = [verdict for pk in result.variation_ids for verdict in verdicts.get(pk, ())]
            if said:
                line["connections"] = said


class BulkStockView(SellerView):
    """Stock in bulk."""

    parser_classes = [RawBodyParser]

    @extend_schema(
        operation_id="bulk_stock",
        summary="Set stock in bulk",
        request=docs.listed("items", docs.STOCK_ITEM),
        responses={200: docs.REPORT, **errors(400, 422)},
    )
    def put(self, request: Request) -> Response:
        """Set quantities by sellable SKU."""
        return Response(reported(services.set_stock(self.seller_id, items_of(request.data, "items"))))


class BulkPricesView(SellerView):
    """Prices in bulk."""

    parser_classes = [RawBodyParser]

    @extend_schema(
        operation_id="bulk_prices",
        summary="Set prices in bulk",
        request=docs.listed("items", docs.PRICE_ITEM),
        responses={200: docs.REPORT, **errors(400, 422)},
    )
    def put(self, request: Request) -> Response:
        """Set prices by SKU: of a product for all its variations, of a variation for itself."""
        return Response(reported(services.set_prices(self.seller_id, items_of(request.data, "items"))))


def items_of(body: Any, name: str) -> list[Any]:
    """Return the items of `{"<name>": [...]}`, a Refusal in the place of one that is no value.

    The list is cut before its items are read, so that one unreadable item costs only itself. Raises
    Malformed (400), or Unprocessable (422) for too many.
    """
    if not isinstance(body, bytes):  # DRF gives an empty dict for a call without a body
        raise Incomplete(required_fields([name]))
    plain = _plain_items(body, name)
    if plain is not None:
        return plain
    try:
        outer = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        raw: list[Any] = msgspec.json.decode(outer[name], type=list[msgspec.Raw])
    except KeyError:
        raise Incomplete(required_fields([name])) from None
    except msgspec.ValidationError:
        raise Malformed(_('Send an object such as {"%(name)s": [...]}.') % {"name": name}) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raw = _with_half_characters(body, name, error)
    if len(raw) > MOST_ITEMS:
        raise Unprocessable(
            _("At most %(limit)s items fit in one call; nothing was written.") % {"limit": MOST_ITEMS}
        )
    return [_item(one) for one in raw]


def _plain_items(body: bytes, name: str) -> list[Any] | None:
    """Read a list at once where each item holds nothing but texts and numbers, as stock and prices do.

    None where anything about the body is out of the ordinary.
    """
    if b"\\u0000" in body:
        return None
    try:
        found = _PLAIN.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    items = found.get(name)
    return items if len(found) == 1 and items is not None and len(items) <= MOST_ITEMS else None


def _with_half_characters(body: bytes, name: str, error: Exception) -> list[Any]:
    """Cut a list that msgspec refuses as a whole because one text holds a lone surrogate (`\\ud800`)."""
    try:
        items = json.loads(body)[name] if b"\\ud" in body.lower() else None
    except (ValueError, RecursionError, TypeError, KeyError):
        items = None
    if not isinstance(items, list):
        raise not_json(error)
    return [_encoded(item) for item in items]


def _encoded(item: Any) -> bytes | Refusal:
    try:
        return json.dumps(item, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return Refusal(_("A text holds half a character, which cannot be stored."))


def _item(raw: msgspec.Raw | bytes | Refusal) -> Any:
    if isinstance(raw, Refusal):
        return raw
    try:
        return decode(raw)
    except APIException as error:
        return Refusal(str(error.detail))


def reported(results: Sequence[Result]) -> dict[str, Any]:
    """Return a bulk call's answer."""
    counted = Counter(result.status for result in results)
    lines: list[dict[str, Any]] = []
    for result in results:
        line: dict[str, Any] = {"index": result.index, "sku": result.sku, "status": result.status.value}
        if result.error is not None:
            line["error"] = str(result.error)
        lines.append(line)
    summary = {
        "received": len(results),
        "created": counted[Status.CREATED],
        "updated": counted[Status.UPDATED],
        "unchanged": counted[Status.UNCHANGED],
        "failed": counted[Status.ERROR],
    }
    return {"summary": summary, "results": lines}
