"""Sellers, catalogues, connections and orders to test with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from rest_framework.test import APIClient

from catalog.models import Product, Variation
from hub.models import ApiKey, Membership, Seller, User
from marketplaces.contract import (
    Address,
    Customer,
    Delivery,
    InvoiceNote,
    OrderStatus,
    Payment,
    RemoteItem,
    RemoteOrder,
    ShipmentNote,
)
from marketplaces.models import Connection, Lane, Marketplace, Pace
from orders import nfe

PLACED = datetime(2026, 3, 2, 13, 30, tzinfo=UTC)


def make_seller(name: str = "Ana", **fields: Any) -> Seller:
    return Seller.objects.create(name=name, **{"is_test": True, **fields})


def client_of(seller: Seller) -> APIClient:
    """An ERP of the seller's, its headers set."""
    email = f"erp{seller.pk}@example.com"
    user = User.objects.filter(email=email).first() or User.objects.create_user(email)
    Membership.objects.get_or_create(seller=seller, user=user)
    _key, secret = ApiKey.issue(seller, "ERP")
    client = APIClient()
    client.credentials(HTTP_X_USER_EMAIL=email, HTTP_X_API_KEY=secret, HTTP_X_ACCOUNTMANAGER_KEY="x")
    return client


def make_product(seller: Seller, sku: str, *variations: str, price: str = "55.22") -> Product:
    product = Product.objects.create(
        seller=seller,
        sku=sku,
        name=f"Produto {sku}",
        price=Decimal(price),
        promotional_price=Decimal("50.10"),
    )
    for one in variations or (sku,):
        Variation.objects.create(seller=seller, product=product, sku=one, qty=10)
    return product


def make_connection(seller: Seller, name: str = "Lojas Sandbox", **fields: Any) -> Connection:
    marketplace, _made = Marketplace.objects.get_or_create(key="sandbox", defaults={"name": "Sandbox"})
    connection = Connection.objects.create(seller=seller, marketplace=marketplace, name=name, **fields)
    for kind in (Lane.Kind.ORDERS, Lane.Kind.FULFILMENT, Lane.Kind.OBSERVE):
        Lane.objects.get_or_create(connection=connection, kind=kind)
    Pace.objects.get_or_create(connection=connection)
    return connection


def remote_order(
    remote_id: str = "SBX-P1",
    status: str = "NEW",
    *,
    minutes: int = 0,
    skus: tuple[str, ...] = ("S1",),
    **changes: Any,
) -> RemoteOrder:
    """An order as a marketplace tells it, `minutes` after it was placed."""
    ana = Address(full_name="Bia Lima", street="Rua A", number="10", city="Santos", region="SP", postcode="0")
    order = RemoteOrder(
        remote_id=remote_id,
        status=OrderStatus(status),
        placed_at=PLACED,
        updated_at=PLACED + timedelta(minutes=minutes),
        customer=Customer(name="Bia Lima", email="bia@example.com", vat_number="78732371683", phones=("13",)),
        billing_address=ana,
        shipping_address=ana,
        items=tuple(
            RemoteItem(sku, 2, Decimal("50.10"), Decimal("55.22"), name=f"Anúncio {sku}", delivery_id="D1")
            for sku in skus
        ),
        payments=(Payment("credit_card", Decimal("110.20"), parcels=3),),
        deliveries=(
            Delivery("D1", method="PAC", carrier="Correios", dispatch_by=PLACED + timedelta(days=2)),
        ),
        shipping_cost=Decimal("10.00"),
        total=Decimal("110.20"),
        raw={"id": remote_id, "extra": "kept"},
    )
    return replace(order, **changes)


def nfe_key(number: int = 1, model: str = "55") -> str:
    """A valid access key."""
    first = f"35260312345678000195{model}001{number:09d}112345678"
    return first + str(nfe.check_digit(first))


NFE_NAMESPACE = "http://www.portalfiscal.inf.br/nfe"


def nfe_xml(number: int = 1, *, cnpj: str = "12345678000195", key: str = "", protocol: str = "") -> str:
    """An invoice as the tax office hands it back, shortened."""
    key = key or nfe_key(number)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><nfeProc xmlns="{NFE_NAMESPACE}" versao="4.00"><NFe>'
        f'<infNFe versao="4.00" Id="NFe{key}"><ide><mod>55</mod><serie>1</serie><nNF>{number}</nNF>'
        f"<dhEmi>2026-03-02T11:45:00-03:00</dhEmi></ide>"
        f"<emit><CNPJ>{cnpj}</CNPJ><xNome>Loja Conceição</xNome></emit></infNFe></NFe>"
        f"<protNFe><infProt><chNFe>{protocol or key}</chNFe></infProt></protNFe></nfeProc>"
    )


def invoice_note(number: int = 1, **changes: Any) -> InvoiceNote:
    return replace(InvoiceNote(key=nfe_key(number), issued_at=PLACED + timedelta(hours=1)), **changes)


def shipment_note(**changes: Any) -> ShipmentNote:
    note = ShipmentNote(
        code="PACOTE-1",
        shipped_at=PLACED + timedelta(hours=2),
        tracking_code="BR123",
        carrier="Correios",
        method="PAC",
        url="https://rastreio.example/BR123",
    )
    return replace(note, **changes)
