"""Orders as sellers and staff see them: what the ERP, the marketplace and the carrier did with each."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from hub import start_page, tenancy
from hub.counting import capped_words
from hub.models import Seller
from hub.panels import Panel, PanelPage, brl, panel
from hub.portal import ScopedRelatedFilter, SellerAdmin, portal_site
from hub.refusals import Refusal
from hub.staff import ReadOnlyStaffAdmin
from orders import (
    flow,
    queue,
    queue_pages,  # noqa: F401  (the page registers itself)
    repeats,
)
from orders.freight import admin as freight_admin  # noqa: F401  (the pages register themselves)
from orders.models import Notice, Order, QueueEntry

STATUS_LABELS: dict[str, Any] = {
    flow.NEW: gettext_lazy("New"),
    flow.APPROVED: gettext_lazy("Paid"),
    flow.INVOICED: gettext_lazy("Invoiced"),
    flow.SHIPPED: gettext_lazy("Shipped"),
    flow.SHIPMENT_EXCEPTION: gettext_lazy("Delivery problem"),
    flow.DELIVERED: gettext_lazy("Delivered"),
    flow.CANCELED: gettext_lazy("Canceled"),
}
STATUS_TONES = {
    flow.NEW: "info",
    flow.APPROVED: "primary",
    flow.INVOICED: "primary",
    flow.SHIPPED: "success",
    flow.SHIPMENT_EXCEPTION: "danger",
    flow.DELIVERED: "success",
    flow.CANCELED: "",
}
TO_DISPATCH = (flow.APPROVED, flow.INVOICED)
"""Paid, and not with the carrier yet."""
SYNC_TONES = {"NOT_SYNCED": "warning", "SYNCED": "success", "ERROR": "danger"}


def waiting_for_erp(seller_id: int) -> QuerySet[QueueEntry]:
    """The seller's queue as it stands, oldest first."""
    rows = QueueEntry.objects.waiting().filter(seller_id=seller_id)
    return rows.order_by("waiting_since", "order_id")


def refused_notices() -> QuerySet[Notice]:
    """What marketplaces refused and nobody has put aside."""
    return Notice.objects.filter(state=Notice.State.REFUSED, ignored_at__isnull=True)


def overdue(orders: QuerySet[Order]) -> QuerySet[Order]:
    """Orders that should be with the carrier by now."""
    return orders.filter(status_type__in=TO_DISPATCH, dispatch_by__lt=timezone.now())


class StatusFilter(DropdownFilter):
    """Orders in one step of their life."""

    title = gettext_lazy("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The steps, in order."""
        return list(STATUS_LABELS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        """Use the index by status."""
        return queryset.filter(status_type=self.value()) if self.value() in STATUS_LABELS else queryset


class AttentionFilter(DropdownFilter):
    """Orders that somebody has to look at."""

    title = gettext_lazy("attention")
    parameter_name = "needs"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Why."""
        return [
            ("erp", gettext_lazy("Waiting for the ERP")),
            ("parked", gettext_lazy("Parked")),
            ("refused", gettext_lazy("Refused by the marketplace")),
            ("overdue", gettext_lazy("Dispatch overdue")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        """Each reason has its own index."""
        match self.value():
            case "erp":
                waiting = Q(queue_entry__version__gt=F("queue_entry__acknowledged_version"))
                return queryset.filter(waiting, queue_entry__parked_at__isnull=True)
            case "parked":
                return queryset.filter(queue_entry__parked_at__isnull=False)
            case "refused":
                return queryset.filter(Exists(refused_notices().filter(order=OuterRef("pk"))))
            case "overdue":
                return overdue(queryset)
            case _:
                return queryset


class OrderColumns:
    """Columns both sites show."""

    @display(description=gettext_lazy("order"))
    def show_code(self, order: Order) -> SafeString:
        """The code and the channel it came from."""
        return format_html(
            '<span class="hub-two"><span><strong>{}</strong><span class="hub-muted">{}</span></span></span>',
            order.code,
            order.channel,
        )

    @display(description=gettext_lazy("status"), label=STATUS_TONES)
    def show_status(self, order: Order) -> tuple[str, Any]:
        """The step, in words."""
        return order.status_type, STATUS_LABELS.get(order.status_type, order.status_type)

    @display(description=gettext_lazy("ERP"), label=SYNC_TONES)
    def show_erp(self, order: Order) -> tuple[str, str]:
        """Whether the ERP has it."""
        return order.sync_status, order.get_sync_status_display()

    @display(description=gettext_lazy("total"))
    def show_total(self, order: Order) -> SafeString:
        """What the customer pays."""
        return format_html('<span class="hub-num">{}</span>', brl(order.total))

    @display(description=gettext_lazy("dispatch"))
    def show_dispatch(self, order: Order) -> SafeString:
        """How long until the parcel must leave; in red once it should have left."""
        return dispatch_clock(order) or SafeString("–")


def dispatch_clock(order: Order) -> SafeString:
    """Say how long until dispatch, or by how much it is late; nothing once it no longer matters."""
    if order.dispatch_by is None or order.status_type not in TO_DISPATCH:
        return SafeString("")
    if order.dispatch_by < timezone.now():
        words = _("%(time)s late") % {"time": timesince(order.dispatch_by, depth=1)}
        return format_html('<strong class="text-red-700 dark:text-red-400">{}</strong>', words)
    return SafeString(_("in %(time)s") % {"time": timeuntil(order.dispatch_by, depth=1)})


class OrderAdmin(PanelPage, OrderColumns, SellerAdmin):
    """The seller's orders."""

    list_display = (
        "show_code",
        "show_status",
        "customer_name",
        "show_total",
        "placed_at",
        "show_erp",
        "show_dispatch",
    )
    list_display_links = ("show_code",)
    list_filter = (
        StatusFilter,
        AttentionFilter,
        ("connection", ScopedRelatedFilter),
        ("sync_status", ChoicesDropdownFilter),
    )
    list_tabs = (
        (gettext_lazy("All"), ""),
        (gettext_lazy("Waiting for the ERP"), "needs=erp"),
        (gettext_lazy("Parked"), "needs=parked"),
        (gettext_lazy("Refused by the marketplace"), "needs=refused"),
        (gettext_lazy("Dispatch overdue"), "needs=overdue"),
        *((label, f"status={key}") for key, label in STATUS_LABELS.items()),
    )
    search_fields = ("code", "remote_id", "customer_name")
    search_help_text = gettext_lazy("Order code or customer")
    ordering = ("-id",)
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        """Leave the marketplace's raw answer where it is."""
        rows: QuerySet[Order] = super().get_queryset(request)
        return rows.defer("raw")

    def panels(self, request: HttpRequest, obj: Order) -> list[Panel]:
        """All that is known of the order."""
        return order_panels(request, obj, may_act=tenancy.may(request, "operate"))


def order_panels(request: HttpRequest, order: Order, *, may_act: bool) -> list[Panel]:
    """Lay an order out for people: state first, then what is in it, then what happened."""
    entry = QueueEntry.objects.filter(order=order).first()
    context = {
        "order": order,
        "status": STATUS_LABELS.get(order.status_type, order.status_type),
        "clock": dispatch_clock(order),
        "entry": entry,
        "is_unread": order.connection_id is not None and Order.objects.unread().filter(pk=order.pk).exists(),
        "is_parked": entry is not None and entry.parked_at is not None,
        "is_waiting": entry is not None
        and entry.parked_at is None
        and entry.version > entry.acknowledged_version,
        "items": [
            (one, brl(one.original_price), brl(one.special_price), brl(one.special_price * one.quantity))
            for one in order.items.all()
        ],
        "amounts": [
            (_("Shipping"), brl(order.shipping_cost)),
            (_("Discount"), brl(order.discount)),
            (_("Interest"), brl(order.interest)),
            (_("Total"), brl(order.total)),
        ],
        "deliveries": [
            {
                **one,
                "estimated_at": _moment(one.get("estimated_at")),
                "dispatch_by": _moment(one.get("dispatch_by")),
            }
            for one in order.deliveries
        ],
        "invoices": order.invoices.all(),
        "shipments": order.shipments.all(),
        "notices": [(one, may_act and _may_repeat(one)) for one in order.notices.all()],
        "events": [(one, STATUS_LABELS.get(one.status_type, "")) for one in order.events.all()[:200]],
        "addresses": [
            (_("Delivery address"), order.shipping_address),
            (_("Billing address"), order.billing_address),
        ],
        "may_act": may_act,
    }
    folder = "portal/orders"
    panels = [
        panel(request, _("Order"), f"{folder}/state.html", context, wide=False),
        panel(request, _("ERP"), f"{folder}/queue.html", context, wide=False),
    ]
    if context["notices"]:
        panels.append(panel(request, _("What the marketplace was told"), f"{folder}/notices.html", context))
    panels += [
        panel(request, _("Items"), f"{folder}/items.html", context),
        panel(request, _("Customer"), f"{folder}/customer.html", context, wide=False),
        panel(request, _("Payment"), f"{folder}/payments.html", context, wide=False),
        panel(request, _("Deliveries"), f"{folder}/deliveries.html", context),
        panel(request, _("Invoices and shipments"), f"{folder}/papers.html", context),
        panel(request, _("History"), f"{folder}/history.html", context),
    ]
    return panels


def _moment(text: Any) -> Any:
    return parse_datetime(text) if isinstance(text, str) else None


def _may_repeat(notice: Notice) -> bool:
    return notice.state == Notice.State.REFUSED and notice.action != Notice.Action.CANCEL


def _own_order(request: HttpRequest, order_id: int) -> Order:
    order = Order.objects.filter(pk=order_id, seller_id=tenancy.actor(request).seller.pk).first()
    if order is None:
        raise Http404
    return order


def _back(order: Order) -> HttpResponse:
    return HttpResponseRedirect(reverse("portal:orders_order_change", args=[order.pk]))


@portal_site.page("orders/<int:order_id>/repeat/<int:notice_id>/", "orders_repeat_notice", needs="operate")
@require_POST
def repeat_notice(request: HttpRequest, order_id: int, notice_id: int) -> HttpResponse:
    """Tell the marketplace once more what it refused."""
    order = _own_order(request, order_id)
    try:
        repeats.tell_again(tenancy.actor(request).seller, notice_id)
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The marketplace will be told again."))
    return _back(order)


@portal_site.page("orders/<int:order_id>/offer-again/", "orders_offer_again", needs="operate")
@require_POST
def offer_again(request: HttpRequest, order_id: int) -> HttpResponse:
    """Put the order into the ERP's queue once more."""
    order = _own_order(request, order_id)
    queue.put_again(tenancy.actor(request).seller, order.code)
    messages.success(request, _("The order is in the ERP's queue again."))
    return _back(order)


@start_page.cards(order=20)
def order_cards(seller: Seller) -> list[start_page.Card]:
    """Orders the ERP has not taken, notices refused, parcels that should have left."""
    orders_url = reverse("portal:orders_order_changelist")
    waiting = waiting_for_erp(seller.pk)
    oldest = waiting.values_list("waiting_since", flat=True).first()
    refused = refused_notices().filter(connection__seller_id=seller.pk)
    late = overdue(Order.objects.filter(seller_id=seller.pk))
    parked = QueueEntry.objects.parked().filter(seller_id=seller.pk)
    return [
        start_page.Card(
            title=_("Orders waiting for the ERP"),
            value=capped_words(waiting),
            link=f"{orders_url}?needs=erp",
            icon="hourglass_top",
            note=_("The oldest for %(time)s") % {"time": timesince(oldest, depth=1)} if oldest else "",
            tone="warning" if oldest and (timezone.now() - oldest).total_seconds() > 1800 else "",
        ),
        start_page.Card(
            title=_("Orders parked"),
            value=capped_words(parked),
            link=f"{orders_url}?needs=parked",
            icon="pause_circle",
            note=_("The ERP reported that it could not take them"),
            tone="danger" if parked.exists() else "",
        ),
        start_page.Card(
            title=_("Order updates refused"),
            value=capped_words(refused),
            link=f"{orders_url}?needs=refused",
            icon="block",
            note=_("Invoices, shipments and other news a marketplace did not accept"),
            tone="danger" if refused.exists() else "",
        ),
        start_page.Card(
            title=_("Dispatch overdue"),
            value=capped_words(late),
            link=f"{orders_url}?needs=overdue",
            icon="local_shipping",
            tone="danger" if late.exists() else "",
        ),
    ]


portal_site.register(Order, OrderAdmin)
portal_site.menu("orders", gettext_lazy("Orders"), "receipt_long", "orders_order_changelist", order=10)


@admin.register(Order)
class OrderStaffAdmin(PanelPage, OrderColumns, ReadOnlyStaffAdmin):
    """Every seller's orders, for support."""

    list_display = (
        "show_code",
        "seller",
        "show_status",
        "show_total",
        "placed_at",
        "show_erp",
        "show_dispatch",
    )
    list_display_links = ("show_code",)
    list_filter = (
        StatusFilter,
        AttentionFilter,
        ("seller", RelatedDropdownFilter),
        ("sync_status", ChoicesDropdownFilter),
    )
    list_select_related = ("seller",)
    search_fields = ("code", "remote_id")
    ordering = ("-id",)
    sortable_by = ()

    def panels(self, request: HttpRequest, obj: Order) -> list[Panel]:
        """What the seller sees, without the buttons."""
        return order_panels(request, obj, may_act=False)
