"""/stores: where the seller keeps stock, for ERPs with several warehouses (multi-origin)."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import stores
from catalog.api import docs
from catalog.models import Store, StoreStock, Variation
from catalog.values import DAYS, QTY
from hub.api.paging import page_of
from hub.api.parsing import unwrap
from hub.api.schema import errors, in_path, nothing
from hub.api.shapes import COUNT, FLAG, PAGING, TEXT, Schema, many, named, taken, told
from hub.api.views import SellerView, done

_CODE: Schema = {**TEXT, "minLength": 1, "maxLength": stores.CODE_LENGTH}
_NAME: Schema = {**TEXT, "minLength": 1, "maxLength": 150}
_LINE: Schema = {**TEXT, "maxLength": 255}
_ADDRESS: Schema = {
    **taken(**dict.fromkeys(stores.ADDRESS, _LINE)),
    "description": "Where parcels leave from; the default store's stands on shipping labels.",
}
STORE = named("NewStore", taken("code", "name", code=_CODE, name=_NAME, address=_ADDRESS))
STORE_SHOWN = named("Store", told(code=_CODE, name=_NAME, address=_ADDRESS, default=FLAG))
SKU = named(
    "NewStoreSku",
    {
        **taken("code", code=docs.SKU, qty=QTY.schema, cross_docking=DAYS.schema),
        "anyOf": [{"required": ["qty"]}, {"required": ["cross_docking"]}],
    },
)
SKU_SHOWN = named("StoreSku", told(code=docs.SKU, qty=QTY.schema, cross_docking=DAYS.schema))


def _shown(store: Store) -> dict[str, Any]:
    return {
        "code": store.code,
        "name": store.name,
        "address": store.address,
        "default": store.code == Store.DEFAULT,
    }


class StoresView(SellerView):
    """The seller's stores."""

    @extend_schema(
        operation_id="stores_list",
        summary="List the stores",
        description=f"The default store has the code {Store.DEFAULT}; what it has is what is on sale.",
        responses={200: told(stores=many(STORE_SHOWN)), **errors()},
    )
    def get(self, request: Request) -> Response:
        """List all stores, the default one first."""
        return Response({"stores": [_shown(one) for one in stores.of_seller(self.seller_id)]})

    @extend_schema(
        operation_id="stores_create",
        summary="Add a store, or change a known one",
        request=docs.wrapped("store", STORE),
        responses={201: STORE_SHOWN, **errors(400, 422)},
    )
    def post(self, request: Request) -> Response:
        """Save a store."""
        said = unwrap(request.data, "store", bare=("code", "name"))
        return Response(_shown(stores.save(self.seller_id, said)), status=201)


class StoreSkusView(SellerView):
    """What one store has."""

    @extend_schema(
        operation_id="stores_skus_list",
        summary="List what a store has",
        parameters=[
            in_path("code", "The store's code."),
            *PAGING,
        ],
        responses={200: told(skus=many(SKU_SHOWN), total=COUNT), **errors(400, 404)},
    )
    def get(self, request: Request, code: str) -> Response:
        """List SKUs with their quantities."""
        store = stores.find(self.seller_id, code)
        page = page_of(request.query_params)
        rows: QuerySet[Any, Any]
        if store.code == Store.DEFAULT:
            sold = Variation.objects.filter(seller_id=self.seller_id).order_by("id")
            rows = sold.values_list("sku", "qty", "crossdocking")
        else:
            kept = StoreStock.objects.filter(seller_id=self.seller_id, store=store).order_by("variation_id")
            rows = kept.values_list("variation__sku", "qty", "crossdocking")
        listed = [{"code": sku, "qty": qty, "cross_docking": days} for sku, qty, days in rows[page.rows]]
        return Response({"skus": listed, "total": rows.count()})

    @extend_schema(
        operation_id="stores_skus_set",
        summary="Set what a store has of a SKU",
        parameters=[in_path("code", "The store's code.")],
        request=docs.wrapped("sku", SKU),
        responses={**nothing(201), **errors(400, 404, 422)},
    )
    def post(self, request: Request, code: str) -> HttpResponse:
        """Set quantity and crossdocking days."""
        stores.set_stock(self.seller_id, code, unwrap(request.data, "sku", bare=("code",)))
        return done(201)
