"""The pages with addresses of their own: a stranger's numbers are not there, for reading or for writing."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from hub.models import Seller
from marketplaces.models import CategoryMap, Connection, Issue, Listing, Load, RemoteCategory
from tests import make
from tests.marketplaces.shop import PANS, Shop, open_shop


@pytest.fixture
def selling(stall: Shop) -> Load:
    """Dora's load with an error."""
    stall.sell("DORAS-1")
    stall.sell("DORAS-2", ean="123")
    return stall.connect()


@pytest.fixture
def beto(stall: Shop, sandbox: Any) -> tuple[Shop, Client]:
    """A stranger with a shop of his own at the same marketplace."""
    from tests.portal.conftest import sign_in

    shop = open_shop(sandbox, "Beto")
    return shop, sign_in(make.make_member(shop.seller, email="beto@example.com"))


def addresses(stall: Shop, load: Load) -> dict[str, str]:
    """Every address of ours that carries a number of Dora's."""
    here, remote = stall.connection.pk, RemoteCategory.objects.get(remote_id=PANS).pk
    listing = stall.listing("DORAS-1").pk
    named: dict[str, list[Any]] = {
        "connection_credentials": [here],
        "connection_switches": [here],
        "connection_pause": [here],
        "connection_try": [here],
        "mapping": [here],
        "mapping_progress": [here],
        "mapping_search": [here],
        "mapping_set": [here, stall.category.pk],
        "mapping_accept": [here],
        "mapping_attributes": [here, remote],
        "mapping_attribute": [here, remote],
        "load_live": [load.pk],
        "load_reconnect": [load.pk],
        "load_errors": [load.pk],
        "listing_send": [listing, "price"],
    }
    return {name: reverse(f"portal:{name}", args=args) for name, args in named.items()}


def state_of(stall: Shop) -> dict[str, Any]:
    return {
        "connection": Connection.objects.filter(pk=stall.connection.pk).values().get(),
        "maps": list(CategoryMap.objects.filter(connection=stall.connection).values()),
        "listings": list(Listing.objects.filter(seller=stall.seller).order_by("id").values()),
        "loads": Load.objects.filter(seller=stall.seller).count(),
        "issues": list(Issue.objects.filter(seller=stall.seller).order_by("id").values()),
    }


def test_no_address_with_a_strangers_number_answers(
    beto: tuple[Shop, Client], stall: Shop, selling: Load
) -> None:
    _shop, client = beto
    before = state_of(stall)
    for name, address in addresses(stall, selling).items():
        got, sent = client.get(address), client.post(address, {"what": "all", "paused": "1"})
        assert got.status_code == 404 or got["Location"] == "/portal/", (name, got.status_code)
        assert sent.status_code in (404, 405), (name, sent.status_code)
    assert state_of(stall) == before


def test_a_strangers_account_or_category_cannot_be_slipped_into_a_form(
    beto: tuple[Shop, Client], stall: Shop, selling: Load
) -> None:
    shop, client = beto
    own = shop.sell("BETOS-1").product
    before = state_of(stall)
    theirs = stall.listing("DORAS-1")
    form = {"send": "1", "connection": stall.connection.pk}
    client.post(
        reverse("portal:catalog_product_changelist"),
        {**form, "action": "connect", "_selected_action": own.pk},
    )
    client.post(
        reverse("portal:catalog_product_changelist"),
        {
            **form,
            "action": "connect",
            "_selected_action": theirs.variation.product_id,
            "connection": shop.connection.pk,
        },
    )
    client.post(
        reverse("portal:marketplaces_listing_changelist"),
        {
            "send": "1",
            "action": "disconnect",
            "_selected_action": theirs.pk,
            "connection": shop.connection.pk,
        },
    )
    client.post(reverse("portal:errors_reconnect"), {"on": stall.connection.pk})
    client.post(reverse("portal:errors_put_aside"), {"on": stall.connection.pk, "cause": "gtin_invalid|ean|"})
    remote = RemoteCategory.objects.get(remote_id=PANS).pk
    slipped = reverse("portal:mapping_set", args=[shop.connection.pk, stall.category.pk])
    assert client.post(slipped, {"remote": remote}).status_code == 404
    assert state_of(stall) == before
    assert not Load.objects.filter(seller=shop.seller).exists()


def test_lists_and_filters_show_nothing_of_a_stranger(
    beto: tuple[Shop, Client], stall: Shop, selling: Load
) -> None:
    _shop, client = beto
    for address in (
        reverse("portal:errors") + f"?on={stall.connection.pk}",
        reverse("portal:errors_csv"),
        reverse("portal:marketplaces_listing_changelist") + f"?connection__id__exact={stall.connection.pk}",
        reverse("portal:marketplaces_listing_changelist") + "?q=DORAS",
        reverse("portal:marketplaces_load_changelist"),
        reverse("portal:catalog_product_changelist") + f"?on={stall.connection.pk}&listing=connected",
        reverse("portal:marketplaces_connection_changelist"),
    ):
        response = client.get(address, follow=True)
        body = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[arg-type]
        assert response.status_code == 200, address
        assert b"DORAS-" not in body, address


@pytest.mark.parametrize(
    "beyond",
    [
        "seller__memberships__user__password__startswith",
        "marketplace__connections__seller__name__startswith",
        "marketplace__connections__orders__customer_name__startswith",
        "credentials__startswith",
    ],
)
@pytest.mark.parametrize("page", ["listing", "load", "exchange", "order"])
def test_a_filter_does_not_lead_on_to_passwords_and_strangers(
    dora: Client, stall: Shop, selling: Load, page: str, beyond: str
) -> None:
    app = "orders" if page == "order" else "marketplaces"
    address = reverse(f"portal:{app}_{page}_changelist")
    assert dora.get(address, {"connection__id__exact": stall.connection.pk}).status_code == 200
    assert dora.get(address, {f"connection__{beyond}": ""}).status_code == 400


@pytest.mark.parametrize("pk", [0, 10**9, 10**17])
def test_numbers_nobody_has_are_not_there(dora: Client, stall: Shop, pk: int) -> None:
    for name in ("mapping", "mapping_progress", "connection_credentials", "load_live", "load_errors"):
        assert dora.get(reverse(f"portal:{name}", args=[pk])).status_code == 404


def test_a_seller_that_was_closed_is_let_in_nowhere(dora: Client, stall: Shop, selling: Load) -> None:
    Seller.objects.filter(pk=stall.seller.pk).update(is_active=False)
    for address in addresses(stall, selling).values():
        assert dora.get(address).status_code in (302, 403)
