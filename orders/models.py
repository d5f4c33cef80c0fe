"""What comes back: orders, the ERP's queue, invoices, shipments, and what the marketplace must be told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from hub.models import Seller
from marketplaces.contract import OrderStatus as StatusType
from marketplaces.models import Connection
from orders import nfe
from orders.freight.models import (  # noqa: F401  (Django finds an app's models here)
    FreightQuote,
    FreightRate,
    FreightSettings,
)
from orders.shipping.models import Plp, PlpOrder  # noqa: F401


def money(label: Any) -> models.DecimalField[Any, Any]:
    """An amount in BRL that is never null on an order."""
    return models.DecimalField(label, max_digits=12, decimal_places=2, default=Decimal(0))


class Status(models.Model):
    """A status an order can have in one seller's account, bound to one of the fixed types.

    Every account starts with the standard ones; sellers add their ERP's own codes.
    """

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="statuses", verbose_name=_("seller"))
    code = models.CharField(_("code"), max_length=100)
    label = models.CharField(_("label"), max_length=150)
    type = models.CharField(_("type"), max_length=20)
    """One of `orders.flow.STATUS_TYPES`."""

    class Meta:
        verbose_name = _("order status")
        verbose_name_plural = _("order statuses")
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=["seller", "code"], name="orders_status_code_once_per_seller"),
            models.CheckConstraint(condition=~Q(code=""), name="orders_status_has_a_code"),
        ]

    def __str__(self) -> str:
        return f"{self.label} ({self.type})"


class OrderQuerySet(models.QuerySet["Order"]):
    """Questions about orders."""

    def for_wire(self) -> OrderQuerySet:
        """Load with each order everything its JSON shows."""
        return self.prefetch_related("items", "invoices", "shipments")

    def unread(self) -> OrderQuerySet:
        """What never could be read, was not canceled, and nobody has put into the ERP's queue."""
        kept = self.filter(sync_status=Order.SyncStatus.ERROR, remote_updated_at__isnull=True)
        return kept.exclude(status_type=StatusType.CANCELED.value)


class Order(models.Model):
    """One order of one connection, stored whole; also a test account's own order, which has no connection.

    Its public code is ``<channel>-<remote code>``; both parts are kept apart because a channel's
    name may hold blanks and hyphens.
    """

    class SyncStatus(models.TextChoices):
        """Whether the ERP has it."""

        NOT_SYNCED = "NOT_SYNCED", _("Waiting for the ERP")
        SYNCED = "SYNCED", _("Taken by the ERP")
        ERROR = "ERROR", _("The ERP could not take it")

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="orders", verbose_name=_("seller"))
    connection = models.ForeignKey(
        Connection,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="orders",
        verbose_name=_("connection"),
    )
    channel = models.CharField(_("channel"), max_length=80)
    remote_id = models.CharField(_("marketplace code"), max_length=100)
    code = models.CharField(_("code"), max_length=200)
    status_code = models.CharField(_("status code"), max_length=100)
    status_type = models.CharField(_("status"), max_length=20, default=StatusType.NEW.value)
    sync_status = models.CharField(_("ERP"), max_length=10, choices=SyncStatus, default=SyncStatus.NOT_SYNCED)
    placed_at = models.DateTimeField(_("placed"))
    updated_at = models.DateTimeField(_("updated"), default=timezone.now)
    imported_at = models.DateTimeField(_("imported"), default=timezone.now)
    exported_at = models.DateTimeField(_("taken by the ERP"), null=True, blank=True)
    first_exported_at = models.DateTimeField(null=True, blank=True)
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)
    shipped_at = models.DateTimeField(_("shipped"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)
    canceled_at = models.DateTimeField(_("canceled"), null=True, blank=True)
    dispatch_by = models.DateTimeField(_("dispatch by"), null=True, blank=True)
    estimated_delivery = models.DateTimeField(_("estimated delivery"), null=True, blank=True)
    total = money(_("total"))
    shipping_cost = money(_("shipping"))
    discount = money(_("discount"))
    interest = money(_("interest"))
    shipping_method = models.CharField(_("shipping method"), max_length=150, blank=True)
    shipping_carrier = models.CharField(_("carrier"), max_length=150, blank=True)
    calculation_type = models.CharField(_("who quotes the shipping"), max_length=100, blank=True)
    carrier_owns_status = models.BooleanField(_("the carrier reports shipping"), default=False)
    """True where the marketplace's carrier says shipped and delivered; the seller stops at invoiced."""
    customer_name = models.CharField(_("customer"), max_length=255, blank=True)
    customer = models.JSONField(default=dict, blank=True)
    billing_address = models.JSONField(default=dict, blank=True)
    shipping_address = models.JSONField(default=dict, blank=True)
    payments = models.JSONField(default=list, blank=True)
    deliveries = models.JSONField(default=list, blank=True)
    """The marketplace's deliveries of this order, at least one once it is to be shipped."""
    shipment_exception = models.JSONField(null=True, blank=True)
    remote_status = models.CharField(max_length=20, blank=True)
    """The status type the marketplace last told."""
    remote_updated_at = models.DateTimeField(null=True, blank=True)
    """The marketplace's own time of the newest state taken; an older state never overwrites it."""
    raw = models.JSONField(default=dict, blank=True)
    """What the marketplace sent, untouched."""

    objects = OrderQuerySet.as_manager()

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ("-id",)
        constraints = [
            # An order can come by webhook, by polling, or both at once; it is stored once.
            models.UniqueConstraint(
                fields=["connection", "remote_id"],
                name="orders_order_once_per_connection",
                condition=Q(connection__isnull=False),
            ),
            models.UniqueConstraint(fields=["seller", "code"], name="orders_order_code_once_per_seller"),
            models.UniqueConstraint(fields=["seller", "id"], name="orders_order_of_seller"),
            models.CheckConstraint(
                condition=Q(sync_status__in=["NOT_SYNCED", "SYNCED", "ERROR"]),
                name="orders_order_sync_status_known",
            ),
        ]
        indexes = [
            # The portal's list and GET /orders: one seller, newest first.
            models.Index(F("seller"), F("id").desc(), name="orders_order_newest"),
            # The same by status, and by the time of purchase.
            models.Index(F("seller"), F("status_type"), F("id").desc(), name="orders_order_by_status"),
            models.Index(F("seller"), F("placed_at").desc(), name="orders_order_by_placed"),
            # GET /shipments/b2w/to_group: what the marketplace's carrier waits for.
            models.Index(
                F("seller"),
                F("id"),
                name="orders_order_for_carrier",
                condition=Q(status_type__in=["APPROVED", "INVOICED"]) & ~Q(calculation_type=""),
            ),
            # OrderQuerySet.unread, of one connection: asked at every look at its stock.
            models.Index(
                F("connection"),
                name="orders_order_unread",
                condition=Q(sync_status="ERROR", remote_updated_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.code


class OrderItem(models.Model):
    """One line of an order: a sold SKU, its quantity and prices per unit in BRL."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="items")
    position = models.PositiveSmallIntegerField(default=0)
    remote_id = models.CharField(max_length=100, blank=True)
    sku = models.CharField(_("SKU"), max_length=100)
    product_sku = models.CharField(_("product"), max_length=100, blank=True)
    name = models.TextField(_("name"), blank=True)
    quantity = models.PositiveIntegerField(_("quantity"))
    original_price = money(_("from"))
    special_price = money(_("for"))
    shipping_cost = money(_("shipping"))
    sale_fee = money(_("fee"))
    delivery_id = models.CharField(max_length=100, blank=True)

    class Meta:
        verbose_name = _("order item")
        verbose_name_plural = _("order items")
        ordering = ("position", "id")
        constraints = [
            models.UniqueConstraint(fields=["order", "position"], name="orders_item_position_once"),
        ]
        indexes = [
            # The trigger of a product that is created after its orders.
            models.Index(fields=["sku"], name="orders_item_by_sku"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.sku}"


class Invoice(models.Model):
    """An electronic invoice (NF-e) the ERP issued for an order; its key has 44 characters."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="invoices")
    key = models.CharField(_("access key"), max_length=44)
    number = models.CharField(_("number"), max_length=20, blank=True)
    line = models.CharField(_("series"), max_length=10, blank=True)
    issued_at = models.DateTimeField(_("issued"))
    volumes = models.PositiveIntegerField(_("volumes"), default=1)
    created_at = models.DateTimeField(_("reported"), default=timezone.now)

    class Meta:
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=["order", "key"], name="orders_invoice_once_per_order"),
            models.CheckConstraint(condition=Q(key__regex=nfe.FORM), name="orders_invoice_key_is_one"),
        ]

    def __str__(self) -> str:
        return self.key


class Shipment(models.Model):
    """A parcel of an order handed to the carrier, with its tracking."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="shipments")
    code = models.CharField(_("code"), max_length=100)
    shipped_at = models.DateTimeField(_("handed over"))
    tracking_code = models.CharField(_("tracking"), max_length=100, blank=True)
    carrier = models.CharField(_("carrier"), max_length=150, blank=True)
    method = models.CharField(_("method"), max_length=150, blank=True)
    url = models.URLField(_("tracking page"), max_length=200, blank=True)
    items = models.JSONField(default=list, blank=True)
    """A list of ``{"sku", "qty"}``; empty means everything."""
    created_at = models.DateTimeField(_("reported"), default=timezone.now)

    class Meta:
        verbose_name = _("shipment")
        verbose_name_plural = _("shipments")
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=["order", "code"], name="orders_shipment_once_per_order"),
        ]

    def __str__(self) -> str:
        return self.code


class OrderEvent(models.Model):
    """One step in the life of an order, for its history page."""

    class Source(models.TextChoices):
        MARKETPLACE = "marketplace", _("Marketplace")
        ERP = "erp", _("ERP")
        PORTAL = "portal", _("Portal")
        HUB = "hub", _("Hub")

    order = models.ForeignKey(Order, models.CASCADE, related_name="events")
    at = models.DateTimeField(_("when"), default=timezone.now)
    source = models.CharField(_("who"), max_length=11, choices=Source)
    status_type = models.CharField(_("status"), max_length=20, blank=True)
    note = models.TextField(_("note"), blank=True)

    class Meta:
        verbose_name = _("order event")
        verbose_name_plural = _("order events")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.order_id}: {self.note or self.status_type}"


class QueueEntryQuerySet(models.QuerySet["QueueEntry"]):
    """Questions about the queue."""

    def waiting(self) -> QueueEntryQuerySet:
        """What the ERP has not taken and is still offered, now or after its hiding time."""
        return self.filter(version__gt=F("acknowledged_version"), parked_at__isnull=True)

    def parked(self) -> QueueEntryQuerySet:
        """What the ERP could not take, and is not offered until somebody puts it back."""
        return self.filter(parked_at__isnull=False)


class QueueEntry(models.Model):
    """An order's place in the ERP's queue: one row per order, versioned.

    It waits while `version` > `acknowledged_version` and it is neither hidden nor parked. A change
    while the ERP holds an older version raises `version`, so that acknowledging the older one cannot
    swallow it. It is parked when the ERP reported too often that it cannot take the order.
    """

    order = models.OneToOneField(Order, models.CASCADE, primary_key=True, related_name="queue_entry")
    seller = models.ForeignKey(Seller, models.CASCADE, related_name="+", db_index=False)
    version = models.PositiveIntegerField(default=1)
    offered_version = models.PositiveIntegerField(default=0)
    """The version the ERP was last given."""
    acknowledged_version = models.PositiveIntegerField(default=0)
    waiting_since = models.DateTimeField(_("waiting since"), default=timezone.now)
    hidden_until = models.DateTimeField(_("hidden until"), null=True, blank=True)
    offers = models.PositiveIntegerField(_("times offered"), default=0)
    receipt = models.UUIDField(null=True, blank=True)
    """Names the last offer: who answers with an older one answers too late."""
    # No check of its sign: PostgreSQL would read the whole table to add the column.
    failures = models.SmallIntegerField(_("times failed"), default=0, db_default=0)
    """How often in a row the ERP reported that it could not take the order."""
    failure = models.TextField(_("the ERP's reason"), blank=True, default="", db_default="")
    failed_at = models.DateTimeField(_("failed"), null=True, blank=True)
    parked_at = models.DateTimeField(_("parked"), null=True, blank=True)

    objects = QueueEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("queue entry")
        verbose_name_plural = _("queue")
        constraints = [
            models.CheckConstraint(
                condition=Q(acknowledged_version__lte=F("offered_version"))
                & Q(offered_version__lte=F("version")),
                name="orders_queue_versions_in_order",
            ),
        ]
        indexes = [
            # queue.lease: the seller's oldest waiting order.
            models.Index(
                F("seller"),
                F("waiting_since"),
                F("order"),
                name="orders_queue_to_offer",
                condition=Q(version__gt=F("acknowledged_version"), parked_at__isnull=True),
            ),
            # The portal's tab and queue.summary: what the ERP could not take.
            models.Index(
                F("seller"), F("order"), name="orders_queue_parked", condition=Q(parked_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order_id} v{self.version}"


class Notice(models.Model):
    """Something the marketplace must be told about an order; kept until it has heard it.

    Notices of one order go out in the order they were made; a later one waits for the earlier.
    """

    class Action(models.TextChoices):
        ACCEPT = "accept", _("Accept")
        INVOICE = "invoice", _("Invoice")
        SHIPMENT = "shipment", _("Shipment")
        DELIVERY = "delivery", _("Delivery")
        CANCEL = "cancel", _("Cancel")

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        DONE = "done", _("Told")
        REFUSED = "refused", _("Refused")

    order = models.ForeignKey(Order, models.CASCADE, related_name="notices")
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="+", db_index=False)
    action = models.CharField(_("action"), max_length=8, choices=Action)
    payload = models.JSONField(default=dict, blank=True)
    state = models.CharField(_("state"), max_length=7, choices=State, default=State.WAITING)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    due_at = models.DateTimeField(_("not before"), default=timezone.now)
    created_at = models.DateTimeField(_("made"), default=timezone.now)
    told_at = models.DateTimeField(_("told"), null=True, blank=True)
    error = models.TextField(_("marketplace's words"), blank=True)
    refused_at = models.DateTimeField(_("refused"), null=True, blank=True)
    ignored_at = models.DateTimeField(_("put aside"), null=True, blank=True)
    """When the ERP asked not to be shown the refusal again."""

    class Meta:
        verbose_name = _("notice to the marketplace")
        verbose_name_plural = _("notices to the marketplace")
        ordering = ("id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "done", "refused"]), name="orders_notice_state_known"
            ),
        ]
        indexes = [
            # The fulfilment lane: what to tell next, oldest first.
            models.Index(
                fields=["connection", "id"], name="orders_notice_waiting", condition=Q(state="waiting")
            ),
            # Staff and sellers look for what was refused.
            models.Index(
                fields=["connection", "id"], name="orders_notice_refused", condition=Q(state="refused")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}: {self.action}"


class Question(models.Model):
    """What a shopper asked about a product, with the answer once there is one."""

    class Status(models.TextChoices):
        UNANSWERED = "UNANSWERED", _("Unanswered")
        ANSWERED = "ANSWERED", _("Answered")

    seller = models.ForeignKey(
        Seller, models.CASCADE, related_name="questions", verbose_name=_("seller"), db_index=False
    )
    platform = models.CharField(_("channel"), max_length=80)
    sku = models.CharField(_("SKU"), max_length=100, blank=True)
    text = models.TextField(_("question"))
    asked_by = models.CharField(_("customer"), max_length=150, blank=True)
    asked_at = models.DateTimeField(_("asked"), default=timezone.now)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.UNANSWERED)
    answer = models.TextField(_("answer"), blank=True)
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)

    class Meta:
        verbose_name = _("question")
        verbose_name_plural = _("questions")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(status="UNANSWERED", answered_at__isnull=True)
                | Q(status="ANSWERED", answered_at__isnull=False),
                name="orders_question_answered_has_a_time",
            ),
        ]
        # GET /questions: one seller's, newest first.
        indexes = [models.Index(F("seller"), F("id").desc(), name="orders_question_newest")]

    def __str__(self) -> str:
        return self.text[:80]
