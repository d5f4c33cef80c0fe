"""A price whose answer was lost may stand there already: nothing that goes out after it may be older."""

from __future__ import annotations

from decimal import Decimal

import pytest

from marketplaces import drift, engine, services
from marketplaces.models import HeldPrice, Lane, Listing, Load
from marketplaces.pricing import Rules
from tests.marketplaces.shop import Shop, change_product, set_qty
from tests.marketplaces.test_meanwhile import READING_PRICES, meanwhile, run_content, run_lane

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("arrives", [True, False])
def test_content_sent_again_carries_the_price_that_was_never_answered(shop: Shop, arrives: bool) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    change_product(variation, price=Decimal("150.00"))
    shop.sandbox.add_fault(match="/v1/prices", status=504, after_commit=arrives)
    engine.run(Lane.objects.get(connection=shop.connection, kind="price").pk)
    assert shop.shown("PAN-1")["price"] == ("150.00" if arrives else "129.90")

    listings = Listing.objects.filter(connection=shop.connection)
    services.start_load(connection=shop.connection, action=Load.Action.RECONNECT, listings=listings)
    shop.settle()

    log = shop.sandbox.log(shop.account["account_id"], kind="price")
    prices = [Decimal(entry["value"]) for entry in log]
    assert prices == sorted(prices)
    assert shop.shown("PAN-1")["price"] == "150.00"


GUARD = Rules(most_drop=Decimal(30), most_rise=Decimal(30))


def lose_a_price(shop: Shop, price: str) -> None:
    """The ERP sends a price, the marketplace takes it, and nobody hears of it."""
    change_product(shop.seller.variations.get(), price=Decimal(price))
    shop.sandbox.add_fault(match="/v1/prices", status=504, after_commit=True)
    shop.run_lane("price")
    assert shop.shown("PAN-1")["price"] == price


def reconnect(shop: Shop) -> None:
    services.start_load(
        connection=shop.connection, action=Load.Action.RECONNECT, listings=Listing.objects.all()
    )


def publish_all(shop: Shop) -> None:
    """Content goes out and is decided on; prices and quantities wait."""
    shop.run_lane("content")
    while shop.sync("PAN-1", "content").submission_id or shop.listing("PAN-1").state != "connected":
        shop.run_lane("submissions")
        shop.run_lane("observe")


def prices_there(shop: Shop) -> list[str]:
    """The prices that stood there, one after another."""
    found: list[str] = []
    for entry in shop.sandbox.log(shop.account["account_id"], kind="price"):
        if entry["value"] not in found[-1:]:
            found.append(entry["value"])
    return found


@pytest.mark.parametrize(("then", "drift_then"), [("1.00", "held"), ("0.01", "refused")])
def test_content_sent_again_carries_the_lost_price_though_a_newer_one_was_not_taken(
    shop: Shop, then: str, drift_then: str
) -> None:
    variation = shop.sell("PAN-1", price="129.90")
    shop.connect()
    if drift_then == "held":
        shop.save_rules(GUARD)
    lose_a_price(shop, "150.00")
    change_product(variation, price=Decimal(then))
    shop.settle()
    assert shop.sync("PAN-1", "price").drift == drift_then

    shop.send_again()

    assert prices_there(shop) == ["129.90", "150.00"]


def test_of_several_lost_prices_content_sent_again_carries_the_newest(shop: Shop) -> None:
    variation = shop.sell("PAN-1", price="129.90")
    shop.connect()
    for price in ("150.00", "160.00"):
        lose_a_price(shop, price)
    change_product(variation, price=Decimal("0.01"))
    shop.settle()

    shop.send_again()

    assert prices_there(shop) == ["129.90", "150.00", "160.00"]


def test_a_price_held_after_a_publication_leaves_no_older_one_than_the_lost_one(shop: Shop) -> None:
    variation = shop.sell("PAN-1", price="129.90")
    shop.connect()
    shop.save_rules(GUARD)
    lose_a_price(shop, "150.00")
    change_product(variation, price=Decimal("1.00"))
    reconnect(shop)

    publish_all(shop)
    shop.settle()

    assert prices_there(shop) == ["129.90", "150.00"]
    assert shop.sync("PAN-1", "price").drift == "held"


def test_a_lost_price_that_is_refused_in_the_end_is_not_taken_for_the_one_that_stood(shop: Shop) -> None:
    variation = shop.sell("PAN-1", price="129.90")
    shop.connect()
    reconnect(shop)

    def cut_before_the_publication_arrives() -> None:
        change_product(variation, price=Decimal("119.90"))
        run_lane(shop, "price")

    with meanwhile(READING_PRICES, cut_before_the_publication_arrives):
        run_content(shop)
    change_product(variation, price=Decimal("0.01"))
    shop.sandbox.add_fault(match="/v1/prices", status=504)
    shop.run_lane("price")
    shop.settle()

    assert shop.shown("PAN-1")["price"] == "119.90"
    assert [issue.kind for issue in shop.issues("PAN-1")] == ["price_suspicious"]


def test_the_guard_goes_on_comparing_with_the_price_that_was_confirmed(shop: Shop) -> None:
    variation = shop.sell("PAN-1", price="100.00")
    shop.connect()
    shop.save_rules(GUARD)
    lose_a_price(shop, "71.00")
    change_product(variation, price=Decimal("0.01"))
    shop.run_lane("price")

    change_product(variation, price=Decimal("69.00"))
    shop.settle()

    assert shop.shown("PAN-1")["price"] == "71.00"
    hold = HeldPrice.objects.get(state=HeldPrice.State.OPEN)
    assert (hold.was, hold.price) == (Decimal("100.00"), Decimal("69.00"))


def test_the_price_of_before_goes_out_over_a_lost_one(shop: Shop) -> None:
    variation = shop.sell("PAN-1", price="129.90")
    shop.connect()
    shop.save_rules(GUARD)
    lose_a_price(shop, "150.00")
    for price in ("1.00", "129.90"):
        change_product(variation, price=Decimal(price))
        shop.settle()

    assert shop.shown("PAN-1")["price"] == "129.90"


@pytest.mark.parametrize("looks", [True, False])
def test_a_frozen_quantity_stays_the_lost_one_when_content_is_sent_again(shop: Shop, looks: bool) -> None:
    variation = shop.sell("PAN-1", qty=10)
    shop.connect()
    if looks:
        shop.look()
    set_qty(variation, 7)
    shop.sandbox.add_fault(match="/v1/stock", status=504, after_commit=True)
    shop.run_lane("stock")
    assert shop.shown("PAN-1")["quantity"] == 7
    set_qty(variation, 10_000_000)
    shop.settle()
    assert shop.sync("PAN-1", "stock").drift == "refused"

    listings = [shop.listing("PAN-1")]
    drift.set_frozen(seller_id=shop.seller.pk, listings=listings, facets=["stock"], frozen=True, by="ana")
    shop.send_again()

    assert shop.shown("PAN-1")["quantity"] == 7
