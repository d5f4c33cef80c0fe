"""Errors close by themselves when the ERP corrects them; the corrected reconnect where that is wanted."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from marketplaces import drift, reconnect, services
from marketplaces.models import HeldPrice, Issue, Listing, Load, LoadItem, Sync
from marketplaces.pricing import Rules
from tests import engine as driver
from tests.marketplaces.shop import Shop, change_product, set_qty

pytestmark = pytest.mark.django_db(transaction=True)


def checked(shop: Shop) -> None:
    """Turn until every refused listing was checked again; those that are collected still wait."""
    driver.run_until(
        lambda: not Sync.objects.filter(connection=shop.connection, due_at__lte=timezone.now()).exists()
    )


def time_passes(shop: Shop) -> None:
    """The seconds of collecting are over."""
    past = timezone.now() - reconnect.COLLECT
    Listing.objects.filter(connection=shop.connection, corrected_at__isnull=False).update(corrected_at=past)
    Sync.objects.filter(connection=shop.connection, due_at__isnull=False).update(due_at=timezone.now())


def automatic(shop: Shop) -> list[Load]:
    return list(Load.objects.filter(connection=shop.connection, origin=Load.Origin.AUTOMATIC).order_by("id"))


def willing(shop: Shop) -> None:
    services.set_switches(connection=shop.connection, auto_reconnect=True)


def test_each_error_closes_by_itself_when_its_check_passes(shop: Shop) -> None:
    variation = shop.sell("PAN-1", brand="", images=[])
    shop.connect()
    assert {issue.kind for issue in shop.issues("PAN-1")} == {"required", "image_missing"}
    kept = next(issue for issue in shop.issues("PAN-1") if issue.kind == "image_missing")

    change_product(variation, brand="Panex")
    checked(shop)

    (left,) = shop.issues("PAN-1")
    assert (left.pk, left.times) == (kept.pk, 1)
    assert Issue.objects.get(kind="required").closed_because == Issue.Closed.CORRECTED


def test_a_correction_that_brings_a_new_fault_shows_the_new_one_only(shop: Shop) -> None:
    variation = shop.sell("PAN-1", brand="")
    shop.connect()

    change_product(variation, brand="Panex", images=[])
    checked(shop)

    assert [issue.kind for issue in shop.issues("PAN-1")] == ["image_missing"]
    assert shop.listing("PAN-1").corrected_at is None


def test_corrected_listings_are_collected_into_one_load_named_automatic(shop: Shop) -> None:
    variations = [shop.sell(f"PAN-{number}", brand="") for number in range(5)]
    shop.connect()
    willing(shop)

    for variation in variations:
        change_product(variation, brand="Panex")
        checked(shop)
    assert automatic(shop) == []
    time_passes(shop)
    shop.settle()

    (load,) = automatic(shop)
    assert (load.action, load.total, load.created_by) == (Load.Action.RECONNECT, 5, None)
    assert Listing.objects.filter(state=Listing.State.CONNECTED).count() == 5


def test_without_the_switch_nothing_goes_out_by_itself(shop: Shop) -> None:
    variation = shop.sell("PAN-1", brand="")
    shop.connect()

    change_product(variation, brand="Panex")
    checked(shop)
    time_passes(shop)
    shop.settle()

    assert Load.objects.count() == 1
    assert shop.listing("PAN-1").corrected_at is not None


def test_the_switch_takes_along_what_was_corrected_before(shop: Shop) -> None:
    variation = shop.sell("PAN-1", brand="")
    shop.connect()
    change_product(variation, brand="Panex")
    shop.settle()

    time_passes(shop)
    willing(shop)
    shop.settle()

    assert len(automatic(shop)) == 1
    assert shop.listing("PAN-1").state == Listing.State.CONNECTED


def test_data_the_marketplace_has_refused_are_not_sent_again_by_themselves(shop: Shop) -> None:
    """The price of a refused listing changes all day; what it was refused for does not."""
    variation = shop.sell("PAN-RECUSA")
    shop.connect()
    willing(shop)

    for price in ("140.00", "141.00", "142.00"):
        change_product(variation, price=price)
        checked(shop)
        time_passes(shop)
        shop.settle()

    assert automatic(shop) == []
    assert shop.listing("PAN-RECUSA").corrected_at is None
    assert len(shop.issues("PAN-RECUSA")) == 3
    assert {issue.times for issue in shop.issues("PAN-RECUSA")} == {1}


def test_data_that_come_back_to_what_was_refused_are_refused_again_without_a_send(shop: Shop) -> None:
    variation = shop.sell("PAN-RECUSA")
    name = variation.product.name
    shop.connect()
    submissions = shop.shown("PAN-RECUSA")["submissions"]

    change_product(variation, name="Panela de pressão com outro nome")
    shop.settle()
    assert shop.listing("PAN-RECUSA").corrected_at is not None
    change_product(variation, name=name)
    shop.settle()

    assert shop.listing("PAN-RECUSA").corrected_at is None
    assert len(shop.issues("PAN-RECUSA")) == 3
    assert shop.shown("PAN-RECUSA")["submissions"] == submissions


def test_a_listing_refused_again_and_again_gets_so_many_tries_a_day(shop: Shop) -> None:
    variation = shop.sell("PAN-RECUSA")
    shop.connect()
    willing(shop)

    def correct(number: int) -> None:
        change_product(variation, name=f"Panela de pressão, tentativa {number}")
        checked(shop)
        time_passes(shop)
        shop.settle()

    for number in range(reconnect.TRIES + 2):
        correct(number)
    assert len(automatic(shop)) == reconnect.TRIES
    assert shop.listing("PAN-RECUSA").corrected_at is not None

    yesterday = timezone.now() - timedelta(days=1)
    Load.objects.filter(origin=Load.Origin.AUTOMATIC).update(created_at=yesterday)
    correct(99)
    assert len(automatic(shop)) == reconnect.TRIES + 1
    assert set(LoadItem.objects.values_list("state", flat=True)) == {"error"}


def test_a_price_the_marketplace_refused_counts_as_corrected_by_another_price(shop: Shop) -> None:
    variation = shop.sell("PAN-RECUSA1X")
    shop.connect()
    Issue.objects.filter(listing=shop.listing("PAN-RECUSA1X")).update(field="price")
    willing(shop)

    change_product(variation, price="140.00")
    checked(shop)
    time_passes(shop)
    shop.settle()

    assert len(automatic(shop)) == 1
    assert shop.listing("PAN-RECUSA1X").state == Listing.State.CONNECTED


@pytest.mark.parametrize("facet", ["stock", "price"])
def test_whoever_goes_back_to_what_is_there_corrects_what_was_refused(shop: Shop, facet: str) -> None:
    variation = shop.sell("PAN-1", price="109.00")
    shop.connect()

    def say(qty: int, price: str) -> None:
        set_qty(variation, qty) if facet == "stock" else change_product(variation, price=price)
        shop.run_lane(facet)

    there = shop.listing("PAN-1").variation.qty
    say(5_000_000, "200000.00")
    assert [one.facet for one in shop.issues("PAN-1")] == [facet]
    say(there, "109.00")

    assert shop.issues("PAN-1") == []
    assert Issue.objects.get(listing=shop.listing("PAN-1")).closed_because == Issue.Closed.CORRECTED


def test_a_price_that_waits_for_approval_corrects_the_refused_one_before(shop: Shop) -> None:
    variation = shop.sell("PAN-1", price="109.00")
    shop.connect()
    shop.save_rules(Rules(most_drop=Decimal(50)))
    change_product(variation, price="200000.00")
    shop.run_lane("price")
    assert len(shop.issues("PAN-1")) == 1

    change_product(variation, price="1.09")
    shop.run_lane("price")

    assert shop.issues("PAN-1") == []
    assert HeldPrice.objects.get(listing=shop.listing("PAN-1")).state == HeldPrice.State.OPEN


def test_frozen_content_does_not_reconnect(shop: Shop) -> None:
    variation = shop.sell("PAN-1", brand="")
    shop.connect()
    willing(shop)
    listing = shop.listing("PAN-1")
    drift.set_frozen(seller_id=shop.seller.pk, listings=[listing], facets=["content"], frozen=True, by="Ana")

    change_product(variation, brand="Panex")
    checked(shop)
    time_passes(shop)
    shop.settle()
    assert automatic(shop) == []

    drift.set_frozen(seller_id=shop.seller.pk, listings=[listing], facets=["content"], frozen=False, by="Ana")
    checked(shop)
    time_passes(shop)
    shop.settle()
    assert len(automatic(shop)) == 1
