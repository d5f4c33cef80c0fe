"""The seller the API's examples speak of: everything they name is there, in the state they need."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.utils import timezone

from catalog.models import Attribute, Store, StoreStock, Variation
from hub.homologation import services as homologation
from hub.models import Seller
from marketplaces.callbacks.models import Delivery
from marketplaces.callbacks.services import subscribe
from marketplaces.contract import Customer, Facet, IssueKind
from marketplaces.models import Connection, Issue, Lane, Listing, Load, LoadItem, Marketplace, Pace, Sync
from orders import statuses
from orders.freight.models import FreightQuote, FreightRate, FreightSettings
from orders.models import Invoice, Notice, Order, Question, QueueEntry
from orders.services import TestItem, TestOrder, create_test_order
from orders.shipping.models import Plp, PlpOrder
from tests.make import make_category, make_parent, make_product, make_seller, make_variation
from tests.orders.make import nfe_key

RECEIPT = UUID("0f9c2c1e-6f1a-4c55-9d6e-3b7a51c5a001")
WEBHOOK = UUID("6a1c2f0e-58c4-4d0b-8d0f-0a4be5f0c001")
CALL = UUID("c2d7a5b4-9f0e-4a57-a3a0-5d8a1f2e7001")
REFUSED_CALL = UUID("e4b1d0c9-3a72-4f6b-8c15-9b2f7d6a3001")
PLACED_ORDERS = (
    ("1001", "payment_received", ""),
    ("1002", "book_product", ""),
    ("1003", "order_invoiced", ""),
    ("1004", "order_shipped", ""),
    ("1005", "payment_received", ""),
    ("2001", "payment_received", "b2wentregacorreios"),
    ("2002", "payment_received", "b2wentregacorreios"),
    ("2003", "order_invoiced", "b2wentregadirect"),
)
"""Remote code, status and who ships."""


def make_example_seller() -> Seller:
    """Ana, a test account with the whole story of the examples."""
    seller = make_seller("Ana", is_test=True, last_load_number=12)
    _make_catalogue(seller)
    connection = _make_connection(seller)
    _make_listings(seller, connection)
    orders = _make_orders(seller)
    _make_shipping(seller, orders, connection)
    _make_freight(seller)
    _make_webhook(seller)
    _numbered(
        Question(
            pk=7,
            seller=seller,
            platform="Sandbox",
            sku="CANECA-1",
            text="Pode ir ao micro-ondas?",
            asked_by="Bia Lima",
        )
    )
    homologation.start(seller, None)
    statuses.create(seller, code="separacao", label="Em separação", status_type="APPROVED")
    return seller


def _make_catalogue(seller: Seller) -> None:
    make_category(seller, "CANECAS", "Casa > Cozinha > Canecas")
    make_category(seller, "OUTLET", "Outlet")
    Attribute.objects.create(seller=seller, name="Tamanho", label="Tamanho", options=["P", "M"])
    fields: dict[str, Any] = {
        "brand": "Oca",
        "price": "39.90",
        "promotional_price": "34.90",
        "category_codes": ["CANECAS"],
        "images": ["https://img.example.com/caneca-azul.jpg"],
        "specifications": [{"key": "Cor", "value": "Azul"}],
        "weight": "0.35",
        "height": "10",
        "width": "12",
        "length": "12",
    }
    make_product(seller, "CANECA-1", name="Caneca azul 300 ml", ean="7891000315507", **fields)
    make_product(seller, "CANECA-2", name="Caneca verde 300 ml", **fields)
    shirt = make_parent(seller, "CAMISETA-1", name="Camiseta básica", variation_attributes=["Tamanho"])
    for size in ("P", "M"):
        make_variation(shirt, f"CAMISETA-1-{size}", specifications=[{"key": "Tamanho", "value": size}])
    store = Store.objects.create(seller=seller, code="CD-SP", name="Depósito São Paulo")
    mug = Variation.objects.get(seller=seller, sku="CANECA-1")
    StoreStock.objects.create(seller=seller, store=store, variation=mug, qty=40, crossdocking=1)


def _make_connection(seller: Seller) -> Connection:
    marketplace, _made = Marketplace.objects.get_or_create(key="sandbox", defaults={"name": "Sandbox"})
    connection = Connection.objects.create(
        seller=seller, marketplace=marketplace, name="Sandbox", account_id="loja-1"
    )
    Lane.objects.bulk_create(Lane(connection=connection, kind=kind) for kind in Lane.Kind.values)
    Pace.objects.create(connection=connection)
    return connection


def _make_listings(seller: Seller, connection: Connection) -> None:
    now = timezone.now()
    load = Load.objects.create(
        seller=seller,
        connection=connection,
        number=12,
        action=Load.Action.CONNECT,
        origin=Load.Origin.API,
        state=Load.State.DONE,
        total=2,
        first_sent_at=now,
        finished_at=now,
    )
    for sku, state, result in (
        ("CANECA-1", Listing.State.CONNECTED, LoadItem.State.DONE),
        ("CAMISETA-1-P", Listing.State.ERROR, LoadItem.State.ERROR),
    ):
        variation = Variation.objects.get(seller=seller, sku=sku)
        is_sold = state == Listing.State.CONNECTED
        listing = Listing.objects.create(
            seller=seller,
            connection=connection,
            variation=variation,
            state=state,
            load=load,
            corrected_at=None if is_sold else now,
            remote_id="MLS-90001" if is_sold else "",
            url="https://sandbox.example/p/90001" if is_sold else "",
        )
        LoadItem.objects.create(seller=seller, load=load, listing=listing, sku=sku, state=result)
        Sync.objects.bulk_create(
            Sync(
                listing=listing,
                facet=facet.value,
                connection=connection,
                sent_version=1,
                confirmed_version=int(is_sold),
                refused_version=int(not is_sold),
                sent_at=now,
                confirmed_at=now if is_sold else None,
            )
            for facet in Facet
        )
    Issue.objects.create(
        seller=seller,
        connection=connection,
        listing=listing,
        load=load,
        facet=Facet.CONTENT.value,
        origin=Issue.Origin.MARKETPLACE,
        kind=IssueKind.GTIN_MISSING.value,
        field="ean",
        code="ERR-GTIN",
        message="O GTIN é obrigatório nesta categoria.",
    )


def _make_orders(seller: Seller) -> dict[str, Order]:
    home = {
        "full_name": "Bia Lima",
        "street": "Rua das Flores",
        "number": "10",
        "neighborhood": "Gonzaga",
        "city": "Santos",
        "region": "SP",
        "country": "BR",
        "postcode": "11060000",
        "phone": "13999990000",
    }
    made = {}
    for remote_id, status, carrier in PLACED_ORDERS:
        wanted = TestOrder(
            channel="Sandbox",
            items=[TestItem("CANECA-1", 2)],
            customer=Customer(
                name="Bia Lima", email="bia@example.com", vat_number="78732371683", phones=("13999990000",)
            ),
            billing_address=home,
            shipping_address=home,
            payments=[{"method": "CREDIT_CARD", "parcels": 1, "value": "79.80"}],
            shipping_method="PAC",
            shipping_carrier="Correios",
            calculation_type=carrier,
            status_code=status,
        )
        order = create_test_order(seller, wanted)
        order.remote_id, order.code = remote_id, f"Sandbox-{remote_id}"
        order.save(update_fields=["remote_id", "code"])
        made[remote_id] = order
    for remote_id in ("1003", "1004", "2003"):
        Invoice.objects.create(
            order=made[remote_id],
            key=nfe_key(int(remote_id)),
            number=remote_id,
            line="1",
            issued_at=timezone.now(),
        )
    QueueEntry.objects.filter(order=made["1001"]).update(
        receipt=RECEIPT, offered_version=1, offers=1, hidden_until=timezone.now() + timedelta(minutes=5)
    )
    return made


def _make_shipping(seller: Seller, orders: dict[str, Order], connection: Connection) -> None:
    for number, kind, remote_id in ((14, Plp.Type.CORREIOS, "2002"), (15, Plp.Type.DIRECT, "2003")):
        plp = _numbered(Plp(pk=number, seller=seller, type=kind))
        PlpOrder.objects.create(order=orders[remote_id], plp=plp, seller=seller)
    Notice.objects.create(
        order=orders["1004"],
        connection=connection,
        action=Notice.Action.SHIPMENT,
        state=Notice.State.REFUSED,
        error="Transportadora desconhecida.",
        refused_at=timezone.now(),
    )


def _make_freight(seller: Seller) -> None:
    FreightSettings.objects.create(seller=seller)
    _numbered(
        FreightRate(
            pk=3,
            seller=seller,
            name="PAC",
            zip_from=1000000,
            zip_to=19999999,
            weight_from=0,
            weight_to=30,
            cost="18.90",
            days=4,
        )
    )
    FreightQuote.objects.create(
        seller=seller,
        sale_system="Sandbox",
        zip=5010010,
        source=FreightQuote.Source.CONTINGENCY,
        problem="O endereço não respondeu em 800 ms.",
        volumes=[
            {
                "sku": "CANECA-1",
                "quantity": 1,
                "price": 34.9,
                "height": 0.1,
                "length": 0.12,
                "width": 0.12,
                "weight": 0.35,
            }
        ],
        offers=[
            {
                "shippingCost": 18.9,
                "deliveryTime": {"total": 4, "transit": 4, "expedition": 0},
                "shippingMethodId": "PAC",
                "shippingMethodName": "PAC",
                "shippingMethodDisplayName": "PAC",
            }
        ],
    )


def _make_webhook(seller: Seller) -> None:
    row, secret = subscribe(seller, url="https://erp.example.com/hub", events=["order.created"])
    row.public_id = WEBHOOK
    row.seal_secret(secret)
    row.save()
    now = timezone.now()
    data = {"code": "Sandbox-1001", "channel": "Sandbox", "status": "book_product", "status_type": "NEW"}
    told = {"seller": seller, "subscription": row, "event": "order.created", "data": data, "tried_at": now}
    Delivery.objects.create(
        public_id=CALL,
        state=Delivery.State.DELIVERED,
        attempts=1,
        delivered_at=now,
        status=200,
        answer="ok",
        milliseconds=84,
        **told,
    )
    Delivery.objects.create(
        public_id=REFUSED_CALL,
        state=Delivery.State.WAITING,
        attempts=3,
        run_at=now + timedelta(days=1),
        status=422,
        answer="unknown order",
        milliseconds=84,
        **told,
    )


def _numbered(row: Any) -> Any:
    """Save a row under the number the examples know it by; the next ones are counted from there."""
    row.save(force_insert=True)
    table = row._meta.db_table
    with database.cursor() as cursor:
        cursor.execute(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), greatest(nextval("
            f"pg_get_serial_sequence('{table}', 'id')), {int(row.pk)}) + 100)"
        )
    return row
