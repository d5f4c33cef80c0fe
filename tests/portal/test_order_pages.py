"""Orders in the portal: what needs somebody comes first, and a person can have a thing tried again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from hub.models import Seller
from marketplaces.models import Connection, Lane
from orders import queue, services
from orders.models import Invoice, Notice, Order, OrderEvent, Shipment
from tests.orders import make as orders

LIST = reverse("portal:orders_order_changelist")


@pytest.fixture
def connection(shop: Seller) -> Connection:
    return orders.make_connection(shop)


def take(connection: Connection, remote_id: str, status: str = "APPROVED", **changes: Any) -> Order:
    services.import_orders(connection, [orders.remote_order(remote_id, status, **changes)])
    return Order.objects.get(remote_id=remote_id)


def refuse(order: Order, action: str = "invoice") -> Notice:
    return Notice.objects.create(
        order=order, connection_id=order.connection_id, action=action, state="refused", error="Chave recusada"
    )


def listed(client: Client, **query: str) -> set[str]:
    response = client.get(LIST, query)
    assert response.status_code == 200
    return {order.remote_id for order in response.context["cl"].result_list}


def detail(order: Order) -> str:
    return reverse("portal:orders_order_change", args=[order.pk])


def test_tabs_show_what_needs_somebody(ana: Client, connection: Connection, shop: Seller) -> None:
    taken, late, refused = take(connection, "A"), take(connection, "B"), take(connection, "C", "SHIPPED")
    queue.offer(shop, 10)
    for order in (taken, late, refused):
        queue.acknowledge(shop, order.code)
    take(connection, "D", "NEW")
    Order.objects.update(dispatch_by=None)
    Order.objects.filter(pk=late.pk).update(dispatch_by=timezone.now() - timedelta(hours=2))
    refuse(refused)
    assert listed(ana) == {"A", "B", "C", "D"}
    assert listed(ana, needs="erp") == {"D"}
    assert listed(ana, needs="overdue") == {"B"}
    assert listed(ana, needs="refused") == {"C"}
    assert listed(ana, status="SHIPPED") == {"C"}
    assert listed(ana, needs="nonsense", status="nonsense") == {"A", "B", "C", "D"}
    page = ana.get(LIST, {"needs": "erp"}).content.decode()
    assert page.count('aria-current="page"') == 1


def test_a_refusal_the_erp_put_aside_needs_nobody(ana: Client, connection: Connection) -> None:
    notice = refuse(take(connection, "A"))
    assert listed(ana, needs="refused") == {"A"}
    Notice.objects.filter(pk=notice.pk).update(ignored_at=timezone.now())
    assert listed(ana, needs="refused") == set()


def test_search_by_code_and_customer(ana: Client, connection: Connection) -> None:
    order = take(connection, "SBX-77")
    take(connection, "SBX-88")
    Order.objects.filter(pk=order.pk).update(customer_name="Zuleica Prado")
    assert listed(ana, q="SBX-77") == {"SBX-77"}
    assert listed(ana, q="zuleica") == {"SBX-77"}


def test_the_page_of_an_order_tells_everything(ana: Client, connection: Connection) -> None:
    order = take(connection, "SBX-1")
    Invoice.objects.create(order=order, key="4" * 44, issued_at=timezone.now())
    Shipment.objects.create(
        order=order, code="S1", shipped_at=timezone.now(), tracking_code="BR55", url="https://r.example/BR55"
    )
    refuse(order)
    page = ana.get(detail(order)).content.decode()
    for expected in (
        order.code,
        "Santos",
        "S1",
        "4" * 44,
        "BR55",
        "https://r.example/BR55",
        "Chave recusada",
    ):
        assert expected in page
    assert reverse("portal:orders_repeat_notice", args=[order.pk, Notice.objects.get().pk]) in page


def test_the_page_opens_for_an_order_kept_as_it_came(ana: Client, connection: Connection) -> None:
    services.incoming.keep_raw(connection, "ODD", {"id": "ODD"}, "KeyError")
    order = Order.objects.get(remote_id="ODD")
    page = ana.get(detail(order)).content.decode()
    assert "<dt>Estoque</dt>" in page
    services.import_order(connection, orders.remote_order("ODD"))
    assert "<dt>Estoque</dt>" not in ana.get(detail(order)).content.decode()


def test_a_refused_notice_is_told_again(oscar: Client, connection: Connection) -> None:
    order = take(connection, "A")
    notice = refuse(order)
    Lane.objects.update(run_at=timezone.now() + timedelta(days=1))
    oscar.post(reverse("portal:orders_repeat_notice", args=[order.pk, notice.pk]))
    notice.refresh_from_db()
    assert (notice.state, notice.error) == ("waiting", "Chave recusada")
    assert Lane.objects.get(kind="fulfilment").run_at <= timezone.now()
    assert OrderEvent.objects.filter(order=order, source="portal").count() == 1
    oscar.post(reverse("portal:orders_repeat_notice", args=[order.pk, notice.pk]))
    assert OrderEvent.objects.filter(order=order, source="portal").count() == 1


def test_a_refused_cancellation_is_not_repeated(oscar: Client, connection: Connection) -> None:
    order = take(connection, "A")
    notice = refuse(order, "cancel")
    assert "orders_repeat" not in oscar.get(detail(order)).content.decode()
    oscar.post(reverse("portal:orders_repeat_notice", args=[order.pk, notice.pk]))
    notice.refresh_from_db()
    assert notice.state == "refused"


def test_an_order_is_put_into_the_queue_again(oscar: Client, connection: Connection, shop: Seller) -> None:
    order = take(connection, "A")
    queue.offer(shop)
    queue.acknowledge(shop, order.code)
    assert queue.offer(shop) == []
    oscar.post(reverse("portal:orders_offer_again", args=[order.pk]))
    assert [one.pk for one in queue.offer(shop)] == [order.pk]


def test_a_viewer_acts_on_nothing(carla: Client, connection: Connection, shop: Seller) -> None:
    order = take(connection, "A")
    notice = refuse(order)
    queue.offer(shop)
    queue.acknowledge(shop, order.code)
    page = carla.get(detail(order)).content.decode()
    for address in (
        reverse("portal:orders_repeat_notice", args=[order.pk, notice.pk]),
        reverse("portal:orders_offer_again", args=[order.pk]),
    ):
        assert address not in page
        assert carla.post(address).status_code == 403
    assert queue.offer(shop) == []


def test_a_stranger_reaches_neither_the_order_nor_its_notices(
    stranger: Client, connection: Connection
) -> None:
    order = take(connection, "A")
    notice = refuse(order)
    assert stranger.get(detail(order)).status_code == 302
    assert (
        stranger.post(reverse("portal:orders_repeat_notice", args=[order.pk, notice.pk])).status_code == 404
    )
    assert stranger.post(reverse("portal:orders_offer_again", args=[order.pk])).status_code == 404
    notice.refresh_from_db()
    assert notice.state == "refused"


def test_the_list_costs_the_same_however_many_orders(
    ana: Client, connection: Connection, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        take(connection, f"O{number}")
    with django_assert_max_num_queries(14):
        ana.get(LIST)


def test_staff_sees_every_sellers_orders(staff: Client, connection: Connection) -> None:
    order = take(connection, "A")
    assert order.code in staff.get("/admin/orders/order/?needs=erp").content.decode()
    page = staff.get(f"/admin/orders/order/{order.pk}/change/").content.decode()
    assert order.code in page
    assert "orders/" not in page.split('<div id="content-main"')[1].replace("/admin/orders/", "")
