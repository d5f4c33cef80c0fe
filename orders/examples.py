"""Orders in life: two mugs, bought by one person, on their way through every step."""

from __future__ import annotations

from typing import Any

from hub.api.examples import NOWHERE, Example, missing, said
from marketplaces.api.examples import CATEGORY as PRODUCT_CATEGORY
from marketplaces.api.examples import NO_CATEGORY

RECEIPT = "0f9c2c1e-6f1a-4c55-9d6e-3b7a51c5a001"
NFE_KEY = "35260312345678000195550010000010011123456784"
PLACED_AT, CHANGED_AT = "2026-03-02T10:30:00-03:00", "2026-03-02T10:34:12-03:00"
HELD = {"code": "Sandbox-1001", "receipt": RECEIPT}
NO_ORDER = said("Order %(code)s was not found.", code=NOWHERE)
NO_STATUS = said("There is no status with the code “%(code)s”.", code=NOWHERE)
BAD_DATE = said("%(field)s: send a date such as 2026-02-28T14:30:00-03:00 or 28/02/2026.", field="since")

HOME: dict[str, Any] = {
    "full_name": "Bia Lima",
    "street": "Rua das Flores",
    "number": "10",
    "complement": "Apto 42",
    "detail": None,
    "reference": "Perto do canal 3",
    "neighborhood": "Gonzaga",
    "city": "Santos",
    "region": "SP",
    "country": "BR",
    "postcode": "11060000",
    "phone": "13999990000",
    "secondary_phone": "1332320000",
}
CUSTOMER: dict[str, Any] = {
    "name": "Bia Lima",
    "email": "bia@example.com",
    "date_of_birth": "1990-05-17",
    "gender": "female",
    "vat_number": "78732371683",
    "phones": ["13999990000", "1332320000"],
    "state_registration": None,
}
ITEM: dict[str, Any] = {
    "id": "CANECA-1",
    "product_id": "CANECA-1",
    "name": "Caneca azul 300 ml",
    "qty": 2,
    "original_price": 39.9,
    "special_price": 34.9,
    "shipping_cost": None,
    **dict.fromkeys(("detail", "gift_wrap", "listing_type_id", "remote_store_id")),
    "sale_fee": 5.58,
    "delivery_line_id": "D1",
    "freight_take_rate_seller": None,
    "freight_take_rate_subsidy_percentage": None,
    "promotions": [],
}
SEFAZ = dict.fromkeys(
    (
        "type_integration",
        "payment_indicator",
        "name_payment",
        "name_card_issuer",
        "id_payment",
        "id_card_issuer",
    )
)
PAYMENT: dict[str, Any] = {
    "method": "CREDIT_CARD",
    "description": "Cartão de crédito",
    "parcels": 3,
    "value": 88.7,
    "status": "approved",
    "transaction_date": CHANGED_AT,
    "card_issuer": "VISA",
    "autorization_id": "123456",
    "sefaz": SEFAZ,
}
ORDER: dict[str, Any] = {
    "code": "Sandbox-1001",
    "channel": "Sandbox",
    "placed_at": PLACED_AT,
    "updated_at": CHANGED_AT,
    "imported_at": PLACED_AT,
    "exported_at": None,
    "first_exported_at": None,
    "approved_date": CHANGED_AT,
    "shipped_date": "",
    "delivered_date": None,
    "expedition_limit_date": "2026-03-04T18:00:00-03:00",
    "estimated_delivery": "2026-03-09T00:00:00-03:00",
    "estimated_delivery_shift": None,
    "total_ordered": 88.7,
    "interest": 0.0,
    "discount": 0.0,
    "shipping_cost": 18.9,
    "seller_shipping_cost": None,
    "shipping_method": "PAC",
    "shipping_method_id": None,
    "shipping_carrier": "Correios",
    "shipping_estimate_id": None,
    "calculation_type": None,
    "delivery_contract_type": "",
    "linked_order": None,
    "target_order": None,
    "available_to_sync": True,
    "sync_sale_system": None,
    "sync_status": "NOT_SYNCED",
    "tags": [],
    "status": {"code": "payment_received", "label": "Aprovado (SkyHub)", "type": "APPROVED"},
    "customer": CUSTOMER,
    "billing_address": HOME,
    "shipping_address": HOME,
    "items": [ITEM],
    "payments": [PAYMENT],
    "invoices": [],
    "shipments": [],
    "import_info": {"ss_name": "Sandbox", "remote_id": "1001", "remote_code": "1001"},
    "promotions": [],
    "coupon": None,
}
TEST_ORDER: dict[str, Any] = {
    "channel": "Marketplace",
    "items": [{"id": "CANECA-1", "qty": 2, "original_price": 39.9, "special_price": 34.9}],
    "customer": CUSTOMER,
    "billing_address": HOME,
    "shipping_address": HOME,
    "payments": [{"method": "CREDIT_CARD", "description": "Visa", "parcels": 3, "value": 88.7}],
    "shipping_method": "PAC",
    "estimated_delivery": "2026-03-09",
    "shipping_cost": 18.9,
    "interest": 0,
    "discount": 0,
}
SHIPMENT: dict[str, Any] = {
    "code": "PACOTE-1",
    "delivered_carrier_date": "2026-03-03T14:00:00-03:00",
    "items": [{"sku": "CANECA-1", "qty": 2}],
    "track": {
        "code": "BR123456789BR",
        "carrier": "Correios",
        "method": "PAC",
        "url": "https://rastreamento.example.com/BR123456789BR",
    },
}
STATUSES = [
    {"code": "book_product", "label": "Pagamento Pendente (SkyHub)", "type": "NEW"},
    {"code": "payment_received", "label": "Aprovado (SkyHub)", "type": "APPROVED"},
    {"code": "order_invoiced", "label": "Pagamento Faturado (SkyHub)", "type": "INVOICED"},
]
ORDER_CATEGORY = {
    "code": "sync_order_skyhub_to_mtkp",
    "entity_type": "orders",
    "error_types": [
        {
            "code": "shipment_refused",
            "name": "O marketplace recusou: Envio",
            "solution": "<p>Leia as palavras do marketplace, corrija no ERP e envie de novo.</p>",
        }
    ],
}
ANSWERED = {"unknown": [NOWHERE], "late": []}


def _step(code: str, bodies: dict[str, Any], wrong: Any) -> Example:
    return Example(path={"code": code}, bodies=bodies, errors={404: NO_ORDER, 422: wrong})


EXAMPLES = {
    "orders_list": Example(
        query={"filters[statuses][]": "payment_received", "filters[start_date]": "01/03/2026"},
        answer={"total": 1, "orders": [ORDER]},
        errors={422: BAD_DATE},
    ),
    "orders_create": Example(
        bodies={
            "Two mugs": {"order": TEST_ORDER},
            "The least": {"order": {"channel": "Marketplace", "items": [{"id": "CANECA-1", "qty": 1}]}},
        },
        errors={
            400: missing("channel", "items"),
            403: said("Only test accounts can create orders over the API."),
            422: said("The SKU %(sku)s is not in this account's catalogue.", sku=NOWHERE),
        },
    ),
    "orders_get": Example(path={"code": "Sandbox-1001"}, answer=ORDER, errors={404: NO_ORDER}),
    "orders_approve": Example(
        path={"code": "Sandbox-1002"},
        bodies={"As SkyHub's clients": {"status": "payment_received"}},
        errors={
            403: said("Only a test account's own orders can be approved over the API."),
            404: NO_ORDER,
            422: NO_STATUS,
        },
    ),
    "orders_invoice": _step(
        "Sandbox-1001",
        {
            "With the NF-e's key": {
                "status": "order_invoiced",
                "invoice": {"key": NFE_KEY, "issue_date": "2026-03-02T11:45:00-03:00", "volume_qty": 1},
            }
        },
        said("The invoice's key (invoice.key) is missing."),
    ),
    "orders_ship": _step(
        "Sandbox-1003",
        {"With tracking": {"status": "order_shipped", "shipment": SHIPMENT}},
        said("Send the shipment, the status, or both."),
    ),
    "orders_deliver": _step(
        "Sandbox-1004",
        {
            "On a day": {"status": "complete", "delivered_date": "09/03/2026"},
            "Just now": {"status": "complete"},
        },
        said("%(field)s: this day has not come yet.", field="delivered_date"),
    ),
    "orders_cancel": _step(
        "Sandbox-1005",
        {"Without stock": {"status": "order_canceled", "reason": "Produto avariado no estoque"}},
        NO_STATUS,
    ),
    "orders_shipment_exception": _step(
        "Sandbox-1004",
        {
            "Nobody at home": {
                "status": "shipment_exception",
                "shipment_exception": {
                    "occurrence_date": "2026-03-06T16:20:00-03:00",
                    "observation": "Destinatário ausente na terceira tentativa",
                },
            }
        },
        NO_STATUS,
    ),
    "orders_exported": _step(
        "Sandbox-1001",
        {"Taken": {"exported": True}, "Offer it again": {"exported": False}},
        said("%(field)s: send true or false.", field="exported"),
    ),
    "queue_take": Example(answer=ORDER),
    "queue_acknowledge": Example(
        path={"code": "Sandbox-1001"},
        errors={
            404: NO_ORDER,
            422: said("%(field)s: this is no receipt of ours.", field="X-Hub-Receipt"),
        },
    ),
    "queue_lease": Example(
        bodies={"A hundred for ten minutes": {"limit": 100, "hide_seconds": 600}},
        answer={"orders": [ORDER], "receipts": {"Sandbox-1001": RECEIPT}},
        errors={422: said("%(field)s: the number is too large.", field="limit")},
    ),
    "queue_acknowledge_many": Example(
        bodies={"With receipts": {"items": [HELD]}, "By code": {"codes": ["Sandbox-1001", NOWHERE]}},
        answer=ANSWERED,
        errors={422: said("%(field)s: send a list.", field="codes")},
    ),
    "queue_extend": Example(
        bodies={"Five minutes more": {"items": [HELD], "hide_seconds": 300}},
        answer=ANSWERED,
        errors={400: missing("hide_seconds"), 422: said("%(field)s: send a list.", field="codes")},
    ),
    "queue_report_failures": Example(
        bodies={"A SKU is unknown": {"failures": [{**HELD, "reason": "SKU CANECA-1 sem cadastro no ERP"}]}},
        answer=ANSWERED,
        errors={
            400: missing("failures"),
            422: said("%(field)s: must not be empty.", field="failures.reason"),
        },
    ),
    "queue_replay": Example(
        bodies={"By code": {"codes": ["Sandbox-1001", NOWHERE]}, "Since a day": {"since": "01/03/2026"}},
        answer={"replayed": 1, "unknown": [NOWHERE]},
        errors={400: missing("codes"), 422: BAD_DATE},
    ),
    "queue_summary": Example(
        answer={
            "waiting": 3,
            "hidden": 1,
            "parked": 0,
            "oldest_waiting_at": PLACED_AT,
            "oldest_age_seconds": 252,
        }
    ),
    "statuses_list": Example(answer=STATUSES),
    "statuses_create": Example(
        bodies={
            "A step of one's own": {
                "status": {"code": "conferencia", "label": "Em conferência", "type": "APPROVED"}
            }
        },
        errors={400: missing("status"), 422: said("%(field)s: must not be empty.", field="code")},
    ),
    "statuses_update": Example(
        path={"code": "separacao"},
        bodies={"Another label": {"status": {"label": "Separando"}}},
        errors={400: missing("status"), 404: NO_STATUS, 422: said("%(field)s: send a text.", field="label")},
    ),
    "statuses_delete": Example(
        path={"code": "separacao"},
        errors={
            404: NO_STATUS,
            422: said("“%(code)s” is a standard status: only its label can be changed.", code="complete"),
        },
    ),
    "status_types_list": Example(answer=["NEW", "APPROVED", "INVOICED", "SHIPPED", "DELIVERED"]),
    "sale_systems_list": Example(answer=["Marketplace", "Sandbox"]),
    "questions_list": Example(
        query={"status": "UNANSWERED"},
        answer={
            "questions": [
                {
                    "id": "7",
                    "platform": "Sandbox",
                    "sku": "CANECA-1",
                    "text": "Pode ir ao micro-ondas?",
                    "customer": "Bia Lima",
                    "status": "UNANSWERED",
                    "created_at": PLACED_AT,
                    "answer": None,
                }
            ],
            "next": None,
        },
    ),
    "sync_errors_categories": Example(answer=[PRODUCT_CATEGORY, ORDER_CATEGORY]),
    "sync_errors_category": Example(
        path={"code": "sync_order_skyhub_to_mtkp"}, answer=ORDER_CATEGORY, errors={404: NO_CATEGORY}
    ),
    "sync_errors_orders": Example(
        query={"entity_id": "Sandbox-1004"},
        answer={
            "errors_qty": 1,
            "data": [
                {
                    "entity_id": "Sandbox-1004",
                    "categories": [
                        {
                            "error_category_code": "sync_order_skyhub_to_mtkp",
                            "errors": [
                                {
                                    "error_code": "shipment_refused",
                                    "message": "Envio: Transportadora desconhecida.",
                                    "last_occurrence": CHANGED_AT,
                                }
                            ],
                        }
                    ],
                }
            ],
        },
        errors={400: said("%(name)s must be a whole number from zero up.", name="offset")},
    ),
    "sync_errors_orders_ignore": Example(
        bodies={
            "One order": {
                "errors": [
                    {"entity_id": "Sandbox-1004", "error_category_code": "sync_order_skyhub_to_mtkp"},
                ]
            }
        },
        errors={400: missing("errors"), 422: NO_CATEGORY},
    ),
}
_QUESTION: dict[str, Any] = EXAMPLES["questions_list"].answer["questions"][0]
_NO_QUESTION = said("There is no question with the id %(number)s.", number=NOWHERE)
_ANSWERED_QUESTION = {
    **_QUESTION,
    "status": "ANSWERED",
    "answer": {"text": "Sim, sem problema.", "created_at": CHANGED_AT},
}
EXAMPLES |= {
    "questions_create": Example(
        bodies={
            "About a product": {
                "question": {"platform": "Sandbox", "sku": "CANECA-1", "text": "Pode ir ao micro-ondas?"}
            }
        },
        answer=_QUESTION,
        errors={
            400: missing("platform", "text"),
            403: said("Only test accounts can make questions over the API."),
            422: said("%(field)s: must not be empty.", field="text"),
        },
    ),
    "questions_get": Example(path={"number": "7"}, answer=_ANSWERED_QUESTION, errors={404: _NO_QUESTION}),
    "questions_delete": Example(path={"number": "7"}, errors={404: _NO_QUESTION}),
    "questions_answer": Example(
        path={"number": "7"},
        bodies={"Yes": {"answer": {"text": "Sim, sem problema."}}},
        errors={
            400: missing("answer.text"),
            404: _NO_QUESTION,
            422: said("This question has been answered already."),
        },
    ),
}
