"""The freight page and the contingency table: owners set the address, operators keep the table."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from hub.models import Membership, Seller
from orders.freight.models import FreightQuote, FreightRate, FreightSettings
from tests.make import make_member, make_seller
from tests.portal.conftest import sign_in

pytestmark = pytest.mark.django_db
LINE = {
    "name": "PAC",
    "zip_from": "01000-000",
    "zip_to": "19999-999",
    "weight_from": "0",
    "weight_to": "10",
    "cost": "25.90",
    "days": "5",
}


@pytest.fixture
def seller() -> Seller:
    return make_seller("Ana")


@pytest.fixture
def owner(seller: Seller) -> Client:
    return sign_in(make_member(seller))


@pytest.fixture
def operator(seller: Seller) -> Client:
    return sign_in(make_member(seller, Membership.Role.OPERATOR))


def save(client: Client, url: str) -> Any:
    return client.post(reverse("portal:freight"), {"quote_url": url})


def test_an_owner_sets_and_clears_the_quote_address(seller: Seller, owner: Client) -> None:
    assert save(owner, "https://8.8.8.8/frete").status_code == 302
    assert FreightSettings.objects.get().quote_url == "https://8.8.8.8/frete"
    assert "https://8.8.8.8/frete" in owner.get(reverse("portal:freight")).content.decode()
    save(owner, "")
    assert FreightSettings.objects.get(seller=seller).quote_url == ""


def test_a_private_address_is_refused_where_the_hub_forbids_it(owner: Client, settings: Any) -> None:
    settings.HUB_ALLOW_PRIVATE_ADDRESSES = False
    for url in ("http://127.0.0.1/", "http://[::1]/", "ftp://8.8.8.8/", "nonsense"):
        assert save(owner, url).status_code == 400
    assert not FreightSettings.objects.exists()


def test_only_an_owner_changes_the_address(seller: Seller, operator: Client) -> None:
    assert save(operator, "https://8.8.8.8/").status_code == 403
    assert operator.get(reverse("portal:freight")).status_code == 200
    assert not FreightSettings.objects.exists()


def test_the_newest_quotes_are_shown(seller: Seller, owner: Client) -> None:
    FreightQuote.objects.create(
        seller=seller,
        zip=5010010,
        source="contingency",
        problem="Demorou demais",
        offers=[{"shippingCost": 25.9}],
    )
    FreightQuote.objects.create(seller=make_seller("Beto"), zip=99999999, source="none")
    page = owner.get(reverse("portal:freight")).content.decode()
    assert "05010010" in page
    assert "Demorou demais" in page
    assert "25,90" in page
    assert "99999999" not in page


def test_an_operator_keeps_the_table(seller: Seller, operator: Client) -> None:
    assert operator.post(reverse("portal:orders_freightrate_add"), LINE).status_code == 302
    rate = FreightRate.objects.get()
    assert (rate.seller, rate.zip_from, rate.zip_to) == (seller, 1000000, 19999999)
    assert "01000000" in operator.get(reverse("portal:orders_freightrate_changelist")).content.decode()
    change = reverse("portal:orders_freightrate_change", args=[rate.pk])
    assert 'value="01000000"' in operator.get(change).content.decode()
    assert operator.post(change, {**LINE, "cost": "9.90"}).status_code == 302
    rate.refresh_from_db()
    assert str(rate.cost) == "9.90"
    for wrong in ({"zip_to": "00999-999"}, {"zip_from": "x"}, {"weight_from": "11"}, {"cost": "-1"}):
        assert operator.post(change, {**LINE, **wrong}).status_code == 200
    rate.refresh_from_db()
    assert str(rate.cost) == "9.90"
    delete = reverse("portal:orders_freightrate_delete", args=[rate.pk])
    assert operator.post(delete, {"post": "yes"}).status_code == 302
    assert not FreightRate.objects.exists()


def test_a_viewer_only_looks(seller: Seller) -> None:
    viewer = sign_in(make_member(seller, Membership.Role.VIEWER))
    assert viewer.get(reverse("portal:orders_freightrate_changelist")).status_code == 200
    assert viewer.post(reverse("portal:orders_freightrate_add"), LINE).status_code == 403
    assert not FreightRate.objects.exists()
