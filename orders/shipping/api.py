"""/shipments/b2w and the labels of orders, wire-compatible with SkyHub's."""

from __future__ import annotations

import zipfile
from io import BytesIO
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import values
from hub.api.errors import Malformed
from hub.api.paging import DEEPEST_ROW
from hub.api.schema import errors, in_path
from hub.api.shapes import COUNT, FLAG, NUMBER, TEXT, Schema, json_body, many, named, some, told, word
from hub.api.views import SellerView
from hub.refusals import Incomplete, Refusal, Unknown, required_fields
from marketplaces.api.views import one_of
from orders import flow, wire
from orders.models import Order, OrderQuerySet
from orders.shipping import document, labels, plps
from orders.shipping.models import Plp

PAGE = 20
"""Rows of a page; clients count pages by `offset`, from 1."""
MOST_LISTS = 500
"""Lists shown to clients that ask for no page."""
# Sentences clients take the list's number from, to the letter, whatever the language
# (gpupo/submarino-sdk, Resources/mockup/orders/plp/factory.json, 2020).
GROUPED = "Plp {} agrupada com sucesso."
UNGROUPED = "Plp {} desagrupada com sucesso."

CARRIER = word(*Plp.Type.values)
MESSAGE = told(message={**TEXT, "description": "Clients take the list's number from it."})
OFFSET = OpenApiParameter(
    "offset", {**COUNT, "maximum": DEEPEST_ROW // PAGE}, description=f"The page, from 1; {PAGE} rows each."
)
PLP_ID = OpenApiParameter(
    "plp_id", {**TEXT, "minLength": 1, "maxLength": 100}, required=True, description="The list's number."
)


_CODE: Schema = {**TEXT, "minLength": 1, "maxLength": 200, "description": "A remote code."}

_ORDER: dict[str, Schema] = {
    "code": {**TEXT, "description": "The remote code."},
    "customer": TEXT,
    "value": NUMBER,
}
ORDER = named("ParcelOrder", told(**_ORDER))
TO_GROUP = named("OrderToGroup", told(**_ORDER, shipping=CARRIER))
PLP = named(
    "Plp",
    told(
        id=COUNT,
        expiration_date={**TEXT, "format": "date"},
        printed=FLAG,
        type=CARRIER,
        orders=many(ORDER),
    ),
)
_PARTY = named("Party", told(**dict.fromkeys(document.Party("").as_json(), TEXT)))
_VOLUME = told(
    codigoAwb=TEXT,
    posicaoVolume=COUNT,
    itens=many(told(descricao=TEXT, quantidade=COUNT, peso=NUMBER)),
)
_PARCEL = told(
    codCliente=COUNT,
    docExterno={**TEXT, "description": "The order's remote code."},
    **dict.fromkeys(("dtPrometida", "dtLimiteExpedicao", "tpEntrega"), TEXT),
    pesoTotal=NUMBER,
    marca=TEXT,
    qtVolumes=COUNT,
    **dict.fromkeys(("numeroContratoTransp", "nomeEmbarcador"), TEXT),
    telefoneEmbarcador=COUNT,
    **dict.fromkeys(("emailEmbarcador", "tpServico", "numNotaFiscal", "serieNotaFiscal"), TEXT),
    **dict.fromkeys(("megaRota", "rota", "telefoneContato"), TEXT),
    vlEntrega=NUMBER,
    **dict.fromkeys(("cartaoPostagem", "servicoAdicional"), TEXT),
    destinatario=_PARTY,
    remetente=_PARTY,
    awbs=many(_VOLUME),
)
DOCUMENT = named(
    "PlpDocument",
    told(
        plp=told(
            id={**COUNT, "nullable": True},
            codExterno=TEXT,
            dtEnvio={**TEXT, "description": "dd/mm/yyyy hh:mm:ss"},
            tpAgrupamento=TEXT,
            resumoServicos=many(told(codServico=TEXT, nomeServico=TEXT, quantidadeAwbs=COUNT)),
        ),
        docsExternos=many(_PARCEL),
    ),
)


class PdfRenderer(BaseRenderer):
    """Bytes that are a PDF already."""

    media_type = "application/pdf"
    format = "pdf"
    charset = None
    render_style = "binary"

    def render(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        """Hand the bytes on."""
        return data


class ZipRenderer(PdfRenderer):
    """Bytes that are a ZIP already."""

    media_type = "application/zip"
    format = "zip"


class PaperView(SellerView):
    """A view that answers with JSON or with paper, as the client's Accept says; its errors are JSON."""

    renderer_classes = [JSONRenderer, PdfRenderer]

    def handle_exception(self, exc: Exception) -> Response:
        """Tell what went wrong in JSON, whatever was asked for."""
        self.request.accepted_renderer = JSONRenderer()
        self.request.accepted_media_type = JSONRenderer.media_type
        return super().handle_exception(exc)

    @property
    def wants(self) -> str:
        """What the client asked for: json, pdf or zip."""
        return str(self.request.accepted_renderer.format)


def page_of(request: Request, default: slice | None = None) -> slice:
    """Read `offset`, the page from 1; raises Malformed (400)."""
    said = request.query_params.get("offset", "").strip()
    if not said and default is not None:
        return default
    if not ((said or "1").isascii() and (said or "1").isdigit()):
        raise Malformed(_("%(name)s must be a whole number from 1.") % {"name": "offset"})
    start = (max(1, int((said or "1")[:12])) - 1) * PAGE
    if start + PAGE > DEEPEST_ROW:
        raise Malformed(
            _("Only the first %(rows)s rows can be paged; narrow the filters.") % {"rows": DEEPEST_ROW}
        )
    return slice(start, start + PAGE)


def _shown(order: Order) -> dict[str, Any]:
    return {"code": order.remote_id, "customer": order.customer_name, "value": wire.number(order.total)}


def _codes(request: Request, *names: str) -> list[str]:
    """Read a list of codes under one of its names; raises Incomplete or Refusal."""
    data = request.data if isinstance(request.data, dict) else {}
    said = next((data[name] for name in names if data.get(name)), None)
    if isinstance(said, str):
        said = [said]
    found = [values.code(names[0], one, 200) for one in values.items(names[0], said)]
    if not found:
        raise Incomplete(required_fields([names[0]]))
    return found


def _plp_id(request: Request) -> str:
    data = request.data if isinstance(request.data, dict) else {}
    said = data.get("plp_id") or request.query_params.get("plp_id")
    if not said:
        raise Incomplete(required_fields(["plp_id"]))
    return values.code("plp_id", said, 100)


class PlpsView(SellerView):
    """The lists of parcels (PLP)."""

    @extend_schema(
        operation_id="shipments_list",
        summary="List the PLPs, newest first",
        description=f"Without a page, the newest {MOST_LISTS}.",
        parameters=[OFFSET],
        responses={200: told(plp=many(PLP)), **errors(400)},
    )
    def get(self, request: Request) -> Response:
        """List PLPs with their orders."""
        rows = Plp.objects.filter(seller_id=self.seller_id).prefetch_related("entries__order")
        page = page_of(request, default=slice(0, MOST_LISTS))
        listed = [
            {
                "id": one.pk,
                "expiration_date": one.expires_on.isoformat(),
                "printed": one.printed_at is not None,
                "type": one.type,
                "orders": [_shown(entry.order) for entry in one.entries.all()],
            }
            for one in rows.order_by("-id")[page]
        ]
        return Response({"plp": listed})

    @extend_schema(
        operation_id="shipments_group",
        summary="Group orders into a PLP",
        description=(
            f"At most {plps.MOST_ORDERS} orders, of one carrier. An order that is in a PLP already is taken "
            "out of it and the call fails; the same call then succeeds."
        ),
        request=json_body(told(order_remote_codes=some(_CODE, plps.MOST_ORDERS))),
        responses={201: MESSAGE, **errors(400, 404, 422)},
    )
    def post(self, request: Request) -> Response:
        """Group orders."""
        plp = plps.group(self.seller, _codes(request, "order_remote_codes", "order_codes"))
        return Response({"message": GROUPED.format(plp.pk)}, status=201)

    @extend_schema(
        operation_id="shipments_ungroup",
        summary="Dissolve a PLP",
        description="The list's number stands in the address, or in the body, as `plp_id`.",
        parameters=[PLP_ID],
        request=None,
        responses={200: MESSAGE, **errors(400, 404, 422)},
    )
    def delete(self, request: Request) -> Response:
        """Dissolve a PLP."""
        plp = plps.find(self.seller_id, _plp_id(request))
        number = plp.pk
        plps.ungroup(self.seller, plp)
        return Response({"message": UNGROUPED.format(number)})


class PlpView(SellerView):
    """One list, or one order in it."""

    @extend_schema(
        operation_id="shipments_ungroup_one",
        summary="Take an order out of its PLP, or dissolve a PLP",
        parameters=[in_path("code", "An order's remote code, or a list's number.")],
        responses={200: MESSAGE, **errors(404, 422)},
    )
    def delete(self, request: Request, code: str) -> Response:
        """Take an order out; what is no order's code is taken for a list's number."""
        try:
            number = plps.take_out(self.seller, code)
        except Unknown:
            plp = plps.find(self.seller_id, code)
            number = plp.pk
            plps.ungroup(self.seller, plp)
        return Response({"message": UNGROUPED.format(number)})


class ToGroupView(SellerView):
    """What can be grouped."""

    @extend_schema(
        operation_id="shipments_to_group",
        summary="List orders that can be grouped, oldest first",
        parameters=[OFFSET],
        responses={200: told(orders=many(TO_GROUP)), **errors(400)},
    )
    def get(self, request: Request) -> Response:
        """List orders of the marketplace's carrier that are in no list yet."""
        rows = plps.to_group(self.seller_id).order_by("id")[page_of(request)]
        return Response({"orders": [{**_shown(one), "shipping": plps.type_of(one)} for one in rows]})


class CollectablesView(SellerView):
    """What the carrier picks up."""

    @extend_schema(
        operation_id="shipments_collectables",
        summary="List orders the carrier is to pick up",
        parameters=[
            OpenApiParameter("requested", bool, description="Whether the pick-up was requested; else false."),
            OFFSET,
        ],
        responses={200: told(orders=many(ORDER)), **errors(400)},
    )
    def get(self, request: Request) -> Response:
        """List orders in PLPs of type DIRECT."""
        said = request.query_params.get("requested", "").strip().lower() or "false"
        requested = one_of("requested", said, ("true", "false")) == "true"
        rows = plps.collectable(self.seller_id, requested=requested).order_by("id")[page_of(request)]
        return Response({"orders": [_shown(one) for one in rows]})


class ConfirmCollectionView(SellerView):
    """Asking for a pick-up."""

    @extend_schema(
        operation_id="shipments_confirm_collection",
        summary="Ask the carrier to pick orders up",
        request=json_body(told(order_codes=some(_CODE))),
        responses={201: MESSAGE, **errors(400, 404, 422)},
    )
    def post(self, request: Request) -> Response:
        """Ask for a pick-up; repeating it changes nothing."""
        plps.request_pickup(self.seller, _codes(request, "order_codes", "order_remote_codes"))
        return Response({"message": _("The pick-up was requested.")}, status=201)


PAPERS = {
    (200, "application/json"): DOCUMENT,
    (200, "application/pdf"): OpenApiTypes.BINARY,
}


def _in_wire_form(rows: OrderQuerySet) -> list[Order]:
    return list(rows.for_wire().order_by("pk"))


def _refuse_unlabelled(orders: list[Order]) -> None:
    """A parcel the carrier picks up gets its label with its invoice (PT page "etiqueta direct")."""
    without = [
        one.remote_id for one in orders if plps.type_of(one) == Plp.Type.DIRECT and not one.invoices.all()
    ]
    if without:
        raise Refusal(
            _("Labels of the type DIRECT exist once the order is invoiced: %(orders)s.")
            % {"orders": ", ".join(without)}
        )


class PlpPaperView(PaperView):
    """One list as a document, or as the labels of its parcels."""

    @extend_schema(
        operation_id="shipments_view",
        summary="Get a PLP, or print its labels",
        description="Accept application/json for the document, application/pdf for the labels.",
        parameters=[PLP_ID],
        responses={**PAPERS, **errors(400, 404, 422)},
    )
    def get(self, request: Request) -> Response:
        """Show a list."""
        plp = plps.find(self.seller_id, _plp_id(request))
        orders = _in_wire_form(Order.objects.filter(seller_id=self.seller_id, plp_entry__plp=plp))
        parcels = document.parcels_of(orders, self.seller.name)
        if self.wants == "json":
            return Response(document.as_json(plp, parcels))
        _refuse_unlabelled(orders)
        paper = labels.pdf(plp, parcels, f"PLP {plp.pk}")
        Plp.objects.filter(pk=plp.pk, printed_at__isnull=True).update(printed_at=timezone.now())
        return Response(paper)


class OrderLabelsView(PaperView):
    """The labels of one order."""

    renderer_classes = [JSONRenderer, PdfRenderer, ZipRenderer]

    @extend_schema(
        operation_id="orders_shipment_labels",
        summary="Print the labels of an order",
        description="Accept application/pdf, application/json, or application/zip (the PDF inside).",
        parameters=[in_path("code", "The order's code, blanks as %20.")],
        responses={**PAPERS, (200, "application/zip"): OpenApiTypes.BINARY, **errors(404, 422)},
    )
    def get(self, request: Request, code: str) -> Response:
        """Show the labels of an order that the marketplace's carrier takes."""
        orders = _in_wire_form(
            Order.objects.filter(seller_id=self.seller_id, code=code).select_related("plp_entry__plp")
        )
        if not orders:
            raise Unknown(_("Order %(code)s was not found.") % {"code": code})
        (order,) = orders
        if not plps.type_of(order):
            raise Refusal(
                _("Order %(code)s is shipped by the seller, not by the marketplace's carrier.")
                % {"code": code}
            )
        if order.status_type in (flow.NEW, flow.CANCELED):
            raise Refusal(
                _("Order %(code)s is in status %(is)s and has no label.")
                % {"code": code, "is": order.status_type}
            )
        entry = getattr(order, "plp_entry", None)
        plp = entry.plp if entry else None
        parcels = document.parcels_of(orders, self.seller.name)
        if self.wants == "json":
            return Response(document.as_json(plp, parcels))
        _refuse_unlabelled(orders)
        paper = labels.pdf(plp, parcels, order.code)
        return Response(paper if self.wants == "pdf" else _zipped(order.remote_id, paper))


def _zipped(name: str, paper: bytes) -> bytes:
    out = BytesIO()
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{safe}.pdf", paper)
    return out.getvalue()
