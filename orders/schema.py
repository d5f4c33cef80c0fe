"""The order's JSON as the API describes it; `wire.order_json` writes it, and a test keeps them equal."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as s

from hub.api.shapes import TEXT, json_body, many, named, taken
from orders import flow
from orders.models import Order


def _text(**options: Any) -> s.CharField:
    return s.CharField(**{"allow_null": True, **options})


def _moment() -> s.DateTimeField:
    return s.DateTimeField(allow_null=True)


def _amount() -> s.FloatField:
    return s.FloatField(allow_null=True)


class StatusSchema(s.Serializer[Any]):
    """A status of the account."""

    code = s.CharField()
    label = s.CharField()  # type: ignore[assignment]  # DRF's own attribute of fields has this name
    type = s.ChoiceField([(one, one) for one in flow.STATUS_TYPES])


class CustomerSchema(s.Serializer[Any]):
    name = s.CharField()
    email = s.CharField()
    date_of_birth = _text()
    gender = s.CharField()
    vat_number = s.CharField(help_text="CPF or CNPJ.")
    phones = s.ListField(child=s.CharField())
    state_registration = _text()


class AddressSchema(s.Serializer[Any]):
    full_name = _text()
    street = _text()
    number = _text()
    complement = _text()
    detail = _text()
    reference = _text()
    neighborhood = _text()
    city = _text()
    region = _text(help_text="UF.")
    country = _text()
    postcode = _text()
    phone = _text()
    secondary_phone = _text()


class PromotionSchema(s.Serializer[Any]):
    name = s.CharField()
    calculation_type = _text()
    category_type = _text()
    value = s.FloatField()
    seller_value = _amount()
    sponsor_value = _amount()
    sponsor_percentage = _amount()


class CouponSchema(s.Serializer[Any]):
    category = _text()
    discount_value = s.FloatField()
    token = _text()


class ItemSchema(s.Serializer[Any]):
    id = s.CharField(help_text="The sold SKU: a variation, or a simple product.")
    product_id = s.CharField(help_text="The product's SKU.")
    name = s.CharField()
    qty = s.IntegerField()
    original_price = s.FloatField()
    special_price = s.FloatField()
    shipping_cost = _amount()
    detail = _text()
    gift_wrap = _text()
    listing_type_id = _text()
    remote_store_id = _text()
    sale_fee = _amount()
    delivery_line_id = _text()
    freight_take_rate_seller = _amount()
    freight_take_rate_subsidy_percentage = _amount()
    promotions = PromotionSchema(many=True)


class SefazSchema(s.Serializer[Any]):
    type_integration = _text()
    payment_indicator = _text()
    name_payment = _text()
    name_card_issuer = _text()
    id_payment = _text()
    id_card_issuer = _text()


class PaymentSchema(s.Serializer[Any]):
    method = s.CharField(help_text="CREDIT_CARD, BOLETO, PIX ... or skyhub_payment.")
    description = _text()
    parcels = s.IntegerField()
    value = s.FloatField()
    status = _text()
    transaction_date = _moment()
    card_issuer = _text()
    autorization_id = _text()
    sefaz = SefazSchema()


class InvoiceSchema(s.Serializer[Any]):
    key = s.CharField(help_text="The NF-e's key of 44 characters.")
    number = _text()
    line = _text()
    issue_date = s.DateTimeField()
    volume_qty = s.IntegerField()


class ParcelItemSchema(s.Serializer[Any]):
    sku = s.CharField()
    qty = s.IntegerField()


class TrackSchema(s.Serializer[Any]):
    code = s.CharField()
    carrier = s.CharField()
    method = s.CharField()
    url = _text()


class ShipmentSchema(s.Serializer[Any]):
    code = s.CharField()
    delivered_carrier_date = s.DateTimeField()
    items = ParcelItemSchema(many=True)
    tracks = TrackSchema(many=True)


class ImportInfoSchema(s.Serializer[Any]):
    ss_name = s.CharField()
    remote_id = _text()
    remote_code = s.CharField()


class OrderSchema(s.Serializer[Any]):
    """One order."""

    code = s.CharField(help_text="<channel>-<remote code>")
    channel = s.CharField()
    placed_at = s.DateTimeField()
    updated_at = s.DateTimeField()
    imported_at = s.DateTimeField()
    exported_at = _moment()
    first_exported_at = _moment()
    approved_date = s.CharField(help_text="ISO 8601, or empty.")
    shipped_date = s.CharField(help_text="ISO 8601, or empty.")
    delivered_date = _moment()
    expedition_limit_date = _moment()
    estimated_delivery = _moment()
    estimated_delivery_shift = _text()
    total_ordered = s.FloatField()
    interest = s.FloatField()
    discount = s.FloatField()
    shipping_cost = s.FloatField()
    seller_shipping_cost = _amount()
    shipping_method = _text()
    shipping_method_id = _text()
    shipping_carrier = s.CharField()
    shipping_estimate_id = _text()
    calculation_type = _text(help_text="Set where the marketplace's carrier ships, not the seller.")
    delivery_contract_type = s.CharField()
    linked_order = _text()
    target_order = _text()
    available_to_sync = s.BooleanField()
    sync_sale_system = _text()
    sync_status = s.ChoiceField([(one, one) for one in Order.SyncStatus.values])
    tags = s.ListField(child=s.CharField())
    status = StatusSchema()
    customer = CustomerSchema()
    billing_address = AddressSchema()
    shipping_address = AddressSchema()
    items = ItemSchema(many=True)
    payments = PaymentSchema(many=True)
    invoices = InvoiceSchema(many=True)
    shipments = ShipmentSchema(many=True)
    import_info = ImportInfoSchema()
    promotions = PromotionSchema(many=True)
    coupon = CouponSchema(allow_null=True)


class OrderListSchema(s.Serializer[Any]):
    total = s.IntegerField()
    orders = OrderSchema(many=True)


class LeasedSchema(s.Serializer[Any]):
    orders = OrderSchema(many=True)
    receipts = s.DictField(child=s.UUIDField(), help_text="The receipt of each order's code.")


class NewTrackSchema(s.Serializer[Any]):
    code = s.CharField(required=False, max_length=100, help_text="The tracking code.")
    carrier = s.CharField(required=False, max_length=150)
    method = s.CharField(required=False, max_length=150)
    url = _text(required=False, max_length=200)


class NewParcelItemSchema(s.Serializer[Any]):
    sku = s.CharField(min_length=1, max_length=100)
    qty = s.IntegerField(required=False, min_value=1, max_value=99_999, help_text="Left out: one.")


class StatusBody(s.Serializer[Any]):
    status = s.CharField(required=False, max_length=100, help_text="A status code of the account.")


class InvoiceBody(StatusBody):
    class NewInvoice(s.Serializer[Any]):
        key = s.CharField(
            min_length=44, max_length=44, help_text="The NF-e's key of 44 characters, check digit included."
        )
        issue_date = s.DateTimeField(required=False, help_text="Left out: now.")
        volume_qty = s.IntegerField(required=False, min_value=1, max_value=99_999)
        number = s.CharField(required=False, max_length=20)
        line = s.CharField(required=False, max_length=10, help_text="The series.")

    invoice = NewInvoice(required=False)


class InvoiceForm(StatusBody):
    file = s.FileField(help_text="The NF-e's XML.")
    issue_date = s.DateTimeField(required=False, help_text="Left out: the XML's.")
    volume_qty = s.IntegerField(required=False, min_value=1, max_value=99_999)


class ShipmentBody(StatusBody):
    class NewShipment(s.Serializer[Any]):
        code = s.CharField(required=False, max_length=100, help_text="Your own name for the parcel.")
        delivered_carrier_date = s.DateTimeField(required=False, help_text="Left out: now.")
        items = NewParcelItemSchema(many=True, required=False)
        track = NewTrackSchema(required=False)

    shipment = NewShipment(required=False)


class DeliveryBody(StatusBody):
    delivered_date = s.CharField(required=False, help_text="dd/mm/yyyy or ISO 8601; left out: now.")


class CancelBody(StatusBody):
    reason = s.CharField(required=False, max_length=500)


class ExceptionBody(StatusBody):
    class NewShipmentException(s.Serializer[Any]):
        occurrence_date = s.DateTimeField(required=False, help_text="Left out: now.")
        observation = s.CharField(required=False, max_length=1000)

    shipment_exception = NewShipmentException(required=False)


class ExportedBody(s.Serializer[Any]):
    exported = s.BooleanField(
        required=False, default=True, help_text="false puts the order into the queue again."
    )


HIDE_SECONDS: dict[str, Any] = {"required": False, "min_value": 10, "max_value": 43_200}


class LeaseBody(s.Serializer[Any]):
    limit = s.IntegerField(required=False, min_value=1, max_value=100)
    hide_seconds = s.IntegerField(**HIDE_SECONDS, help_text="How long nobody else gets them.")


class HeldOrder(s.Serializer[Any]):
    code = s.CharField(min_length=1, max_length=200)
    receipt = s.UUIDField(required=False, help_text="From the lease; an older offer's changes nothing.")


class HeldBody(s.Serializer[Any]):
    """Codes, or items with their receipts."""

    codes = s.ListField(child=s.CharField(), max_length=1000, required=False)
    items = HeldOrder(many=True, required=False)


class ExtendBody(HeldBody):
    hide_seconds = s.IntegerField(**{**HIDE_SECONDS, "required": True}, help_text="Counted from now.")


class FailuresBody(s.Serializer[Any]):
    class FailedOrder(HeldOrder):
        reason = s.CharField(min_length=1, max_length=1000, help_text="Shown to the seller.")

    failures = FailedOrder(many=True)


REPLAY = json_body(
    named(
        "Replay",
        {
            **taken(
                codes={**many(TEXT), "maxItems": 1000, "description": "Orders, parked ones too."},
                since={**TEXT, "minLength": 1, "description": "dd/mm/yyyy or ISO 8601."},
            ),
            "anyOf": [{"required": ["codes"]}, {"required": ["since"]}],
        },
    )
)


class ReplayedSchema(s.Serializer[Any]):
    replayed = s.IntegerField()
    unknown = s.ListField(child=s.CharField())


class AnsweredSchema(s.Serializer[Any]):
    unknown = s.ListField(child=s.CharField(), help_text="Codes of no order of yours.")
    late = s.ListField(child=s.CharField(), help_text="Not held any more, or offered again since.")


class SummarySchema(s.Serializer[Any]):
    waiting = s.IntegerField(help_text="To be had now.")
    hidden = s.IntegerField(help_text="Given out, or resting after a failure.")
    parked = s.IntegerField(help_text="Failed too often; not offered until replayed.")
    oldest_waiting_at = _moment()
    oldest_age_seconds = s.IntegerField(allow_null=True)


class NewStatusBody(s.Serializer[Any]):
    class NewStatus(s.Serializer[Any]):
        code = s.CharField(min_length=1, max_length=100)
        label = s.CharField(required=False, max_length=150)  # type: ignore[assignment]
        type = s.ChoiceField([(one, one) for one in flow.STATUS_TYPES])

    status = NewStatus()


class StatusChangeBody(s.Serializer[Any]):
    class StatusChange(s.Serializer[Any]):
        label = s.CharField(required=False, max_length=150)  # type: ignore[assignment]
        type = s.ChoiceField([(one, one) for one in flow.STATUS_TYPES], required=False)

    status = StatusChange()


class NewCustomerSchema(s.Serializer[Any]):
    name = s.CharField(required=False, max_length=255)
    email = s.CharField(required=False, max_length=255)
    date_of_birth = _text(required=False, max_length=255)
    gender = s.CharField(required=False, max_length=255)
    vat_number = s.CharField(required=False, max_length=255, help_text="CPF or CNPJ.")
    phones = s.ListField(child=s.CharField(max_length=40), required=False)
    state_registration = _text(required=False, max_length=255)


class NewAddressSchema(s.Serializer[Any]):
    """What is left out of it is the customer's, where the customer has it."""

    full_name = _text(required=False, max_length=255)
    street = _text(required=False, max_length=255)
    number = _text(required=False, max_length=255)
    complement = _text(required=False, max_length=255)
    detail = _text(required=False, max_length=255)
    reference = _text(required=False, max_length=255)
    neighborhood = _text(required=False, max_length=255)
    city = _text(required=False, max_length=255)
    region = _text(required=False, max_length=255, help_text="UF.")
    country = _text(required=False, max_length=255)
    postcode = _text(required=False, max_length=255)
    phone = _text(required=False, max_length=255)
    secondary_phone = _text(required=False, max_length=255)


class NewPaymentSchema(s.Serializer[Any]):
    method = s.CharField(required=False, max_length=60, help_text="CREDIT_CARD, BOLETO, PIX ...")
    description = _text(required=False, max_length=255)
    parcels = s.IntegerField(required=False, min_value=0, max_value=999, help_text="0 counts as 1.")
    value = s.FloatField(required=False, min_value=0)


class NewTestOrderBody(s.Serializer[Any]):
    class NewTestOrder(s.Serializer[Any]):
        class NewTestItem(s.Serializer[Any]):
            id = s.CharField(min_length=1, max_length=100, help_text="A SKU of the catalogue.")
            qty = s.IntegerField(min_value=1, max_value=99_999)
            original_price = s.FloatField(required=False, min_value=0)
            special_price = s.FloatField(required=False, min_value=0)

        channel = s.CharField(min_length=1, max_length=80)
        items = s.ListField(child=NewTestItem(), min_length=1)
        customer = NewCustomerSchema(required=False)
        billing_address = NewAddressSchema(required=False)
        shipping_address = NewAddressSchema(required=False)
        payments = NewPaymentSchema(many=True, required=False)
        shipping_method = s.CharField(required=False, max_length=150)
        shipping_carrier = s.CharField(required=False, max_length=150)
        shipping_calculation_type = s.CharField(required=False, max_length=100)
        estimated_delivery = s.DateField(required=False)
        shipping_cost = s.FloatField(required=False, min_value=0)
        interest = s.FloatField(required=False, min_value=0)
        discount = s.FloatField(required=False, min_value=0)
        status = s.CharField(required=False, max_length=100)

    order = NewTestOrder()
