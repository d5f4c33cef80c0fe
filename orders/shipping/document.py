"""A list of parcels as a document: what its JSON shows, and what its labels say.

Names, types and the two forms of a date follow a recorded answer of SkyHub (gpupo/submarino-sdk,
Resources/mockup/orders/plp, 2020). What only the carrier knows (contract, route, posting card) is empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils import timezone

from catalog import stores
from catalog.models import Variation
from orders import wire
from orders.models import Order
from orders.shipping.models import Plp
from orders.shipping.plps import type_of

SERVICES = {Plp.Type.CORREIOS: ("CORREIOS", "Correios"), Plp.Type.DIRECT: ("DIRECT", "Direct")}
"""Code and name of each carrier's service."""


@dataclass(frozen=True, slots=True)
class Party:
    """Who sends or who receives."""

    name: str
    street: str = ""
    number: str = ""
    complement: str = ""
    neighborhood: str = ""
    reference: str = ""
    city: str = ""
    region: str = ""
    postcode: str = ""
    phone: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the party in SkyHub's words."""
        return {
            "nome": self.name,
            "enderecoLogradouro": self.street,
            "enderecoNumero": self.number,
            "enderecoComplemento": self.complement,
            "enderecoBairro": self.neighborhood,
            "enderecoReferencia": self.reference,
            "enderecoCidade": self.city,
            "enderecoUf": self.region,
            "enderecoCep": self.postcode,
        }


@dataclass(frozen=True, slots=True)
class Parcels:
    """What one order sends: one or more volumes, each with a label of its own."""

    order: Order
    carrier: str
    sender: Party
    recipient: Party
    invoice_number: str
    invoice_series: str
    volumes: int
    contents: tuple[tuple[str, int, Decimal], ...]
    """(name, quantity, weight in kg of one)."""
    tracking: tuple[str, ...] = field(default_factory=tuple)
    """The carrier's codes, as far as they are known."""

    def awb(self, volume: int) -> str:
        """Return the code on a volume's label: the carrier's, else the order's and the volume's place."""
        if volume <= len(self.tracking):
            return self.tracking[volume - 1]
        return f"{self.order.remote_id}-{volume}"

    @property
    def weight(self) -> Decimal:
        """Everything in kg, as the catalogue has it."""
        return sum((weight * quantity for _name, quantity, weight in self.contents), Decimal(0))


def parcels_of(orders: Sequence[Order], seller_name: str) -> list[Parcels]:
    """Collect what labels say of these orders (one seller's, loaded with `for_wire`)."""
    if not orders:
        return []
    seller_id = orders[0].seller_id
    weights = _weights(seller_id, {item.sku for order in orders for item in order.items.all()})
    sender = _party(stores.default_store(seller_id).address, seller_name)
    return [_parcels(order, sender, weights) for order in orders]


def _parcels(order: Order, sender: Party, weights: Mapping[str, Decimal]) -> Parcels:
    invoice = next(iter(order.invoices.all()), None)
    phones = order.customer.get("phones") or [""]
    return Parcels(
        order=order,
        carrier=type_of(order),
        sender=sender,
        recipient=_party(order.shipping_address, order.customer_name, str(phones[0])),
        invoice_number=invoice.number if invoice else "",
        invoice_series=invoice.line if invoice else "",
        volumes=invoice.volumes if invoice else 1,
        contents=tuple(
            (item.name or item.sku, item.quantity, weights.get(item.sku, Decimal(0)))
            for item in order.items.all()
        ),
        tracking=tuple(one.tracking_code for one in order.shipments.all() if one.tracking_code),
    )


def _party(address: Mapping[str, Any], name: str, phone: str = "") -> Party:
    said = {key: str(address.get(key) or "") for key in stores.ADDRESS}
    return Party(name=said.pop("full_name") or name, phone=said.pop("phone") or phone, **said)


def _weights(seller_id: int, skus: set[str]) -> dict[str, Decimal]:
    rows = Variation.objects.filter(seller_id=seller_id, sku__in=skus)
    return {
        sku: own if own is not None else products or Decimal(0)
        for sku, own, products in rows.values_list("sku", "weight", "product__weight")
    }


def as_json(plp: Plp | None, parcels: Sequence[Parcels]) -> dict[str, Any]:
    """Return the whole document; a single order's labels have no list around them."""
    counts: dict[str, int] = {}
    for one in parcels:
        counts[one.carrier] = counts.get(one.carrier, 0) + one.volumes
    sent_at = timezone.localtime(plp.created_at) if plp else timezone.localtime()
    return {
        "plp": {
            "id": plp.pk if plp else None,
            "codExterno": str(plp.pk) if plp else "",
            "dtEnvio": f"{sent_at:%d/%m/%Y %H:%M:%S}",
            "tpAgrupamento": "PLP",
            "resumoServicos": [
                {
                    "codServico": SERVICES[Plp.Type(carrier)][0],
                    "nomeServico": SERVICES[Plp.Type(carrier)][1],
                    "quantidadeAwbs": count,
                }
                for carrier, count in counts.items()
            ],
        },
        "docsExternos": [_order_json(one) for one in parcels],
    }


def _order_json(one: Parcels) -> dict[str, Any]:
    order = one.order
    promised = timezone.localtime(order.estimated_delivery) if order.estimated_delivery else None
    dispatch = timezone.localtime(order.dispatch_by) if order.dispatch_by else None
    digits = "".join(filter(str.isdigit, one.sender.phone))
    return {
        "codCliente": order.pk,
        "docExterno": order.remote_id,
        "dtPrometida": f"{promised:%d%m%y}" if promised else "",
        "dtLimiteExpedicao": f"{dispatch:%d%m%y}" if dispatch else "",
        "tpEntrega": "Normal",
        "pesoTotal": float(one.weight),
        "marca": order.channel,
        "qtVolumes": one.volumes,
        "numeroContratoTransp": "",
        "nomeEmbarcador": one.sender.name,
        # A number in the recording; with the area code it would not fit the readers' integers.
        "telefoneEmbarcador": int(digits[-9:] or 0),
        "emailEmbarcador": "",
        "tpServico": order.shipping_method,
        "numNotaFiscal": one.invoice_number,
        "serieNotaFiscal": one.invoice_series,
        "megaRota": "",
        "rota": "",
        "telefoneContato": one.recipient.phone,
        "vlEntrega": wire.number(order.total),
        "cartaoPostagem": "",
        "servicoAdicional": "",
        "destinatario": one.recipient.as_json(),
        "remetente": one.sender.as_json(),
        "awbs": [
            {
                "codigoAwb": one.awb(volume),
                "posicaoVolume": volume,
                # Which goods lie in which volume is nobody's to know here: the first lists them all.
                "itens": [
                    {"descricao": name, "quantidade": quantity, "peso": float(weight)}
                    for name, quantity, weight in (one.contents if volume == 1 else ())
                ],
            }
            for volume in range(1, one.volumes + 1)
        ],
    }
