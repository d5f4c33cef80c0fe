"""The hub as it is served, and beside it, under /bare/, views that do the same statement and nothing else.

They are Django views in the same processes, on the same server and the same database connections, without a
key, without validation, counting or log. Under /bare/ they have no middleware either: the floor of what
Django can do here. Under /inside/ they stand behind the hub's own, as any view of the project would.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test.utils import override_settings
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from hub.wsgi import application as hub

SET_STOCK = "UPDATE catalog_variation SET qty = %s, updated_at = now() WHERE seller_id = %s AND sku = %s"
TAKE = """
UPDATE orders_queueentry SET offered_version = version, hidden_until = now() + interval '5 minutes',
    offers = offers + 1, receipt = gen_random_uuid()
WHERE order_id = (
    SELECT order_id FROM orders_queueentry
    WHERE seller_id = %s AND version > acknowledged_version AND parked_at IS NULL
      AND (hidden_until IS NULL OR hidden_until <= now())
    ORDER BY waiting_since, order_id LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING order_id
"""
ACKNOWLEDGE = """
WITH entry AS (
    UPDATE orders_queueentry SET acknowledged_version = offered_version, hidden_until = NULL
    WHERE order_id = %s RETURNING order_id
)
UPDATE orders_order o SET exported_at = now(), sync_status = 'SYNCED' FROM entry WHERE o.id = entry.order_id
"""


def stock(request: HttpRequest, seller: int, sku: str) -> HttpResponse:
    """Set one quantity."""
    qty = json.loads(request.body)["product"]["qty"]
    with connection.cursor() as cursor:
        cursor.execute(SET_STOCK, [qty, seller, sku])
    return HttpResponse(status=204)


def take(request: HttpRequest, seller: int) -> HttpResponse:
    """Lease the oldest waiting order and show it as one column of JSON."""
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [seller])
        row = cursor.fetchone()
    if row is None:
        return HttpResponse(status=204)
    content = json.dumps({"code": row[0]})
    return HttpResponse(content, headers={"Content-Length": str(len(content))})


def acknowledge(request: HttpRequest, order: int) -> HttpResponse:
    """Take note that it was taken."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ACKNOWLEDGE, [order])
    return HttpResponse(status=204)


urlpatterns = [
    path("bare/<int:seller>/stock/<str:sku>", stock),
    path("bare/<int:seller>/queue", take),
    path("bare/order/<int:order>", acknowledge),
    path("inside/<int:seller>/stock/<str:sku>", csrf_exempt(stock)),
]


class BareRequest(WSGIRequest):
    """A request whose addresses are this module's."""

    urlconf = __name__


class BareHandler(WSGIHandler):
    """Django with these views."""

    request_class = BareRequest


with override_settings(MIDDLEWARE=[]):
    bare = BareHandler()
_HANDLERS = {"bare": bare, "inside": BareHandler()}


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Serve the hub, and the bare views where the address says so."""
    place = environ["PATH_INFO"][1:].partition("/")[0]
    return _HANDLERS.get(place, hub)(environ, start_response)
