"""The start page: the next step for a new seller, and what needs somebody, quickly."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from hub.models import Seller
from marketplaces.models import Connection, Listing, Load
from orders.models import Notice, Order, QueueEntry
from tests import make
from tests.orders.make import make_connection

START = reverse("portal:index")


def cards(client: Client) -> dict[str, str]:
    """The value of each card by where it leads."""
    return {card.link: card.value for card in client.get(START).context["cards"]}


def steps(client: Client) -> list[bool]:
    return [step.is_done for step in client.get(START).context["steps"]]


@pytest.fixture
def connection(shop: Seller) -> Connection:
    return make_connection(shop)


def make_order(connection: Connection, code: str, **fields: Any) -> Order:
    values = {"status_code": "x", "status_type": "APPROVED", "placed_at": timezone.now(), **fields}
    return Order.objects.create(
        seller_id=connection.seller_id,
        connection=connection,
        channel="Sandbox",
        remote_id=code,
        code=code,
        **values,
    )


def test_a_new_seller_is_led_from_step_to_step(ana: Client, shop: Seller) -> None:
    assert steps(ana) == [False, False, False, False]
    make.make_api_key(shop)
    assert steps(ana) == [True, False, False, False]
    product = make.make_product(shop)
    assert steps(ana) == [True, True, False, False]
    connection = make_connection(shop)
    assert steps(ana) == [True, True, True, False]
    page = ana.get(START)
    assert page.context["next_step"].link == reverse("portal:catalog_product_changelist")
    Listing.objects.create(seller=shop, connection=connection, variation=product.variations.get())
    assert ana.get(START).context["next_step"] is None
    assert "Primeiros passos" not in ana.get(START).content.decode()


def test_cards_count_what_needs_somebody_and_lead_there(
    ana: Client, shop: Seller, connection: Connection
) -> None:
    for state in ("error", "error", "waiting", "cataloguing", "connected"):
        variation = make.make_product(shop).variations.get()
        Listing.objects.create(seller=shop, connection=connection, variation=variation, state=state)
    waiting = make_order(connection, "A")
    QueueEntry.objects.create(order=waiting, seller=shop, waiting_since=timezone.now() - timedelta(hours=3))
    make_order(connection, "B", dispatch_by=timezone.now() - timedelta(hours=1))
    Notice.objects.create(order=waiting, connection=connection, action="invoice", state="refused")
    Connection.objects.update(status=Connection.Status.NEEDS_CREDENTIALS)
    listings, orders = (
        reverse("portal:marketplaces_listing_changelist"),
        reverse("portal:orders_order_changelist"),
    )
    wanted = {
        reverse("portal:marketplaces_connection_changelist"): "1",
        f"{listings}?state__exact=error": "2",
        f"{listings}?state__exact=waiting": "2",
        f"{listings}?state__exact=connected": "1",
        f"{orders}?needs=erp": "1",
        f"{orders}?needs=refused": "1",
        f"{orders}?needs=overdue": "1",
    }
    assert {link: value for link, value in cards(ana).items() if value != "0"} == wanted
    assert "3\xa0horas" in ana.get(START).content.decode()
    for link in cards(ana):
        assert ana.get(link).status_code == 200, link


def test_the_newest_loads_come_first(ana: Client, shop: Seller, connection: Connection) -> None:
    for number in range(1, 8):
        Load.objects.create(seller=shop, connection=connection, number=number, action="connect")
    rows = ana.get(START).context["tables"][0].rows
    assert [cells[0] for _link, cells in rows] == [f"Carga {number}" for number in (7, 6, 5, 4, 3)]
    assert ana.get(rows[0][0]).status_code == 200


def test_another_sellers_troubles_are_not_counted(
    stranger: Client, shop: Seller, connection: Connection
) -> None:
    variation = make.make_product(shop).variations.get()
    Listing.objects.create(seller=shop, connection=connection, variation=variation, state="error")
    assert set(cards(stranger).values()) == {"0"}


def test_the_page_costs_few_queries_whatever_there_is(
    ana: Client, shop: Seller, connection: Connection, django_assert_max_num_queries: Any
) -> None:
    for number in range(1, 30):
        Load.objects.create(seller=shop, connection=connection, number=number, action="connect")
        make_order(connection, f"O{number}")
    with django_assert_max_num_queries(25):
        ana.get(START)


def test_pages_that_are_not_there_say_so_in_portuguese(ana: Client, carla: Client) -> None:
    missing = ana.get("/portal/account/nothing/")
    assert missing.status_code == 404
    assert "Não há nada aqui" in missing.content.decode()
    refused = carla.post(reverse("portal:account_keys"), {"name": "x"})
    assert refused.status_code == 403
    assert "Seu papel não permite isto" in refused.content.decode()
