"""Orders the ERP could not take: the seller finds them, reads why and puts them back."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from hub.models import Seller
from orders import queue, services
from orders.models import Order
from tests.orders import make as orders

LIST = reverse("portal:orders_order_changelist")


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
