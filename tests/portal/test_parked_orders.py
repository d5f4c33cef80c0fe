"""The ERP's queue in the portal: how it stands, what the ERP could not take, how orders are put back."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from hub.models import Seller
from orders import queue, services
from orders.models import Order, QueueEntry
from tests.orders import make as orders

LIST = reverse("portal:orders_order_changelist")
QUEUE = reverse("portal:orders_queue")


@pytest.fixture
def parked(shop: Seller) -> Order:
    connection = orders.make_connection(shop)
    services.import_orders(connection, [orders.remote_order("A"), orders.remote_order("B")])
    order = Order.objects.get(remote_id="A")
    for _time in range(5):
        queue.fail(shop, order.code, reason="Município <desconhecido>")
    return order


def test_a_parked_order_is_found_explained_and_put_back(oscar: Client, shop: Seller, parked: Order) -> None:
    def listed(needs: str) -> list[str]:
        return [one.remote_id for one in oscar.get(LIST, {"needs": needs}).context["cl"].result_list]

    assert (listed("parked"), listed("erp")) == (["A"], ["B"])
    page = oscar.get(reverse("portal:orders_order_change", args=[parked.pk])).content.decode()
    # Beside the state, and five times in the history.
    assert page.count("Município &lt;desconhecido&gt;") == 6
    again = reverse("portal:orders_offer_again", args=[parked.pk])
    assert again in page
    assert f"{LIST}?needs=parked" in oscar.get(reverse("portal:index")).content.decode()
    oscar.post(again)
    assert [one.remote_id for one in queue.offer(shop, 5)] == ["A", "B"]
    assert listed("parked") == []


def test_a_viewer_and_a_stranger_put_nothing_back(
    carla: Client, stranger: Client, shop: Seller, parked: Order
) -> None:
    again = reverse("portal:orders_offer_again", args=[parked.pk])
    assert again not in carla.get(reverse("portal:orders_order_change", args=[parked.pk])).content.decode()
    assert (carla.post(again).status_code, stranger.post(again).status_code) == (403, 404)
    assert queue.summary(shop, parked.placed_at).parked == 1


def test_the_queue_is_shown_with_the_age_of_its_oldest_order(
    carla: Client, stranger: Client, shop: Seller, parked: Order
) -> None:
    QueueEntry.objects.update(waiting_since=timezone.now() - timedelta(hours=3))
    page = carla.get(QUEUE).content.decode()
    assert carla.get(QUEUE).context["summary"] == queue.summary(shop, timezone.now())
    assert re.search(r"3\xa0horas", page)
    assert "<form" not in page.partition("<main")[2].partition("hub-facts")[2]
    found = stranger.get(QUEUE).context["summary"]
    assert (found.waiting, found.parked, found.oldest_waiting_at) == (0, 0, None)


def test_all_parked_orders_are_put_back_at_once(oscar: Client, shop: Seller, parked: Order) -> None:
    answer = oscar.post(reverse("portal:orders_queue_parked"), follow=True)
    assert "1 pedido está de novo na fila do ERP." in answer.content.decode()
    found = queue.summary(shop, timezone.now())
    assert (found.waiting, found.parked) == (2, 0)


def test_orders_are_put_back_by_date(oscar: Client, shop: Seller, parked: Order) -> None:
    queue.acknowledge(shop, Order.objects.get(remote_id="B").code)
    Order.objects.filter(remote_id="A").update(
        imported_at=timezone.now() - timedelta(days=9), updated_at=timezone.now() - timedelta(days=9)
    )
    QueueEntry.objects.filter(order=parked).update(parked_at=timezone.now() - timedelta(days=8))
    assert oscar.post(QUEUE, {"since": "ontem"}).status_code == 400
    assert oscar.post(QUEUE, {"since": "9999-12-31T23:59"}).status_code == 400
    week = timezone.localtime(timezone.now() - timedelta(days=7))
    assert oscar.post(QUEUE, {"since": f"{week:%Y-%m-%dT%H:%M}"}).status_code == 302
    assert [one.remote_id for one in queue.offer(shop, 5)] == ["B"]
    earlier = week - timedelta(days=3)
    oscar.post(QUEUE, {"since": f"{earlier:%Y-%m-%dT%H:%M}"})
    assert [one.remote_id for one in queue.offer(shop, 5)] == ["A"]


def test_a_viewer_and_a_stranger_put_nothing_back_by_date_or_at_once(
    carla: Client, stranger: Client, shop: Seller, parked: Order
) -> None:
    before = queue.summary(shop, timezone.now())
    for url, data in ((QUEUE, {"since": "2020-01-01T00:00"}), (reverse("portal:orders_queue_parked"), {})):
        assert carla.post(url, data).status_code == 403
        assert stranger.post(url, data).status_code == 302
    assert queue.summary(shop, timezone.now()) == before
