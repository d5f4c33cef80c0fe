"""Held stock and buffers: the whole seller reads them, operators change them, strangers see nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from marketplaces.models import Connection, Hold
from orders import queue, services
from tests.marketplaces.shop import Shop
from tests.orders.make import remote_order

pytestmark = pytest.mark.django_db
LIST = reverse("portal:marketplaces_hold_changelist")


@pytest.fixture
def held(stall: Shop) -> Hold:
    """Two units of a connected product, sold and not in the ERP's figure."""
    stall.sell("PAN-1", qty=10)
    stall.connect()
    services.import_order(stall.connection, remote_order("X", skus=("PAN-1",)))
    return Hold.objects.get()


def text(client: Client, name: str, *args: int) -> str:
    return client.get(reverse(f"portal:{name}", args=args)).content.decode()


def release_url(hold: Hold) -> str:
    return reverse("portal:hold_release", args=[hold.pk])


def test_a_listings_page_shows_the_sum_and_the_orders_that_hold(
    vera: Client, stall: Shop, held: Hold
) -> None:
    Connection.objects.filter(pk=stall.connection.pk).update(stock_reserve=1)
    page = text(vera, "marketplaces_listing_change", stall.listing("PAN-1").pk)
    assert "ERP diz 10, segurados 2, margem 1 → publicados 7" in " ".join(page.split())
    assert held.order_code in page
    assert release_url(held) not in page
    product = text(vera, "catalog_product_change", held.variation.product_id)
    assert "segurados 2" in product


def test_an_operator_lets_a_hold_go_and_the_portal_says_who_did(
    otto: Client, stall: Shop, held: Hold
) -> None:
    page = reverse("portal:marketplaces_listing_change", args=[stall.listing("PAN-1").pk])
    assert release_url(held) in otto.get(page).content.decode()
    assert otto.post(release_url(held), {"next": page})["Location"] == page
    assert "publicados 10" in otto.get(page).content.decode()
    assert "Liberado por otto@example.com" in otto.get(LIST, {"hold": "let_go"}).content.decode()
    assert "otto@example.com" in text(otto, "marketplaces_hold_change", held.pk)
    assert held.order_code not in otto.get(LIST).content.decode()


def test_viewers_and_strangers_let_nothing_go(vera: Client, stranger: Client, held: Hold) -> None:
    assert (vera.post(release_url(held)).status_code, stranger.post(release_url(held)).status_code) == (
        403,
        404,
    )
    chosen = {"action": "let_go", "_selected_action": str(held.pk)}
    for client in (vera, stranger):
        client.post(LIST, chosen)
    held.refresh_from_db()
    assert (held.held, held.released_at) == (2, None)


def test_the_list_is_filtered_by_age_and_account_and_searched(otto: Client, stall: Shop, held: Hold) -> None:
    def listed(**query: str) -> int:
        return len(otto.get(LIST, query).context["cl"].result_list)

    assert (listed(), listed(age="hour"), listed(hold="over")) == (1, 0, 0)
    assert "Estoque segurado há mais de um dia" not in text(otto, "index")
    Hold.objects.update(created_at=timezone.now() - timedelta(days=2))
    assert (listed(age="day"), listed(age="three_days"), listed(age="nonsense")) == (1, 0, 1)
    assert "Estoque segurado há mais de um dia" in text(otto, "index")
    assert (listed(q="PAN-1"), listed(q=held.order_code), listed(q="PAN-9")) == (1, 1, 0)
    assert listed(connection__id__exact=str(stall.connection.pk)) == 1


def test_the_list_says_what_a_hold_waits_for(otto: Client, stall: Shop, held: Hold) -> None:
    assert "ainda não buscou" in otto.get(LIST).content.decode()
    queue.lease(stall.seller, 1)
    assert "está buscando" in otto.get(LIST).content.decode()
    queue.acknowledge(stall.seller, held.order_code)
    assert "o próximo estoque" in otto.get(LIST).content.decode()
    otto.post(LIST, {"action": "let_go", "_selected_action": str(held.pk), "index": "0"})
    held.refresh_from_db()
    assert held.held == 0


def test_an_operator_sets_the_buffers(otto: Client, stall: Shop, held: Hold) -> None:
    address = reverse("portal:connection_stock", args=[stall.connection.pk])
    sent = {"stock_reserve": "1", "stock_percentage": "50", "stock_most": "3"}
    otto.post(address, sent)
    connection = Connection.objects.get(pk=stall.connection.pk)
    assert (connection.hold_stock, connection.stock_most) == (False, 3)
    stall.settle()
    assert stall.shown("PAN-1")["quantity"] == 3
    page = otto.post(address, {**sent, "stock_percentage": "0", "stock_reserve": "-1"}, follow=True)
    assert "percentual ofertado" in page.content.decode().lower()
    connection.refresh_from_db()
    assert (connection.stock_reserve, connection.stock_percentage) == (1, 50)
    otto.post(address, {"hold_stock": "on", "stock_reserve": "0", "stock_percentage": "100"})
    connection.refresh_from_db()
    assert (connection.hold_stock, connection.stock_most) == (True, None)


def test_viewers_and_strangers_set_no_buffers(vera: Client, stranger: Client, stall: Shop) -> None:
    address = reverse("portal:connection_stock", args=[stall.connection.pk])
    sent = {"stock_reserve": "9", "stock_percentage": "1"}
    assert (vera.post(address, sent).status_code, stranger.post(address, sent).status_code) == (403, 404)
    assert Connection.objects.get(pk=stall.connection.pk).stock_reserve == 0
