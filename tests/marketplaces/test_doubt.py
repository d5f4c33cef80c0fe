"""Where nobody can tell what stands there the next value goes out, though it equals what was confirmed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from catalog.models import Variation
from marketplaces import drift, services, stock
from marketplaces.models import Listing
from marketplaces.pricing import Rule, Rules
from tests.marketplaces.shop import Shop, change_product, set_qty
from tests.marketplaces.test_meanwhile import READING, ask_to_reconnect, meanwhile, run_content, run_lane

pytestmark = pytest.mark.django_db(transaction=True)


def lose_the_answer(shop: Shop, path: str) -> None:
    """The marketplace takes what is sent next, and nobody hears of it."""
    shop.sandbox.add_fault(match=path, status=504, after_commit=True)


def publish_all(shop: Shop) -> None:
    """What was submitted is decided and on sale; prices and quantities wait."""
    while shop.sync("PAN-1", "content").submission_id or shop.listing("PAN-1").state != "connected":
        shop.run_lane("submissions")
        shop.run_lane("observe")


def save_buffers(shop: Shop) -> None:
    shop.connection.refresh_from_db()
    shop.connection.stock_most = 500
    stock.set_buffers(connection=shop.connection)


def freeze_and_release(shop: Shop) -> None:
    for frozen in (True, False):
        listings = [shop.listing("PAN-1")]
        drift.set_frozen(
            seller_id=shop.seller.pk, listings=listings, facets=["stock"], frozen=frozen, by="ana"
        )


def buy_one(shop: Shop) -> None:
    """A shopper buys one."""
    order = {"account": shop.account["account_id"], "lines": [{"sku": "PAN-1", "quantity": 1}]}
    shop.sandbox.create_orders([{**order, "status": "approved"}])


def sell_one(shop: Shop) -> None:
    """A shopper buys one, and the hub hears of it."""
    buy_one(shop)
    shop.run_lane("orders")


@pytest.mark.parametrize(
    ("happens", "offered"),
    [(save_buffers, 7), (freeze_and_release, 7), (sell_one, 6), (lambda shop: None, 7)],
)
def test_whatever_happens_before_a_quantity_is_sent_again_it_is_sent(
    shop: Shop, happens: Callable[[Shop], None], offered: int
) -> None:
    variation = shop.sell("PAN-1", qty=10)
    shop.connect()
    ask_to_reconnect(shop)

    def sell_three() -> None:
        set_qty(variation, 7)
        run_lane(shop, "stock")

    with meanwhile(READING, sell_three):
        run_content(shop)
    publish_all(shop)
    assert shop.shown("PAN-1")["quantity"] == 10

    happens(shop)
    shop.settle()

    assert shop.shown("PAN-1")["quantity"] == offered


def test_a_price_asked_for_again_goes_out_though_the_rules_went_there_and_back_meanwhile(shop: Shop) -> None:
    shop.sell("PAN-1", price="100.00")
    shop.connect()
    shop.sandbox.set_listing(shop.account["account_id"], "PAN-1", price="55.00")
    services.send_terms_again(connection=shop.connection, listings=Listing.objects.all(), facets=["price"])

    for percent in (10, 0):
        shop.save_rules(Rules(base=Rule(percent=Decimal(percent))))
    shop.settle()

    assert shop.shown("PAN-1")["price"] == "100.00"


def is_never_answered(shop: Shop, variation: Variation) -> None:
    """The marketplace takes the price again and again and says nothing of it: it is given up."""
    for _time in range(3):
        silence = {"kind": "answer", "status": 200, "body": {"results": []}}
        shop.sandbox.add_fault(match="/v1/prices", after_commit=True, **silence)
        shop.run_lane("price")
    assert [issue.kind for issue in shop.issues("PAN-1")] == ["no_answer"]


def cannot_be_sold(shop: Shop, variation: Variation) -> None:
    """The ERP says no price at all, which our own check refuses."""
    change_product(variation, price="0")
    shop.run_lane("price")


def is_held(shop: Shop, variation: Variation) -> None:
    """The ERP says a price the guard holds."""
    change_product(variation, price="1.00")
    shop.run_lane("price")


def is_refused_there(shop: Shop, variation: Variation) -> None:
    """The ERP says a price the marketplace does not take."""
    change_product(variation, price="90000000.00")
    shop.run_lane("price")


@pytest.mark.parametrize("then", [is_never_answered, cannot_be_sold, is_held, is_refused_there])
def test_a_price_that_was_never_answered_is_not_forgotten_over_one_that_was_not_taken(
    shop: Shop, then: Callable[[Shop, Variation], None]
) -> None:
    variation = shop.sell("PAN-1", price="100.00")
    shop.connect()
    shop.save_rules(Rules(most_drop=Decimal(40)))
    shop.settle()
    change_product(variation, price="90.00")
    lose_the_answer(shop, "/v1/prices")
    shop.run_lane("price")
    assert shop.shown("PAN-1")["price"] == "90.00"

    then(shop, variation)
    assert shop.sync("PAN-1", "price").due_at is None
    change_product(variation, price="100.00")
    shop.settle()

    assert shop.shown("PAN-1")["price"] == "100.00"


def test_a_publication_between_a_sale_and_its_order_leaves_no_unit_on_sale_twice(shop: Shop) -> None:
    variation = shop.sell("PAN-1", qty=10)
    shop.connect()
    services.set_switches(connection=shop.connection, sync_content=True)
    shop.settle()
    buy_one(shop)
    assert shop.shown("PAN-1")["quantity"] == 9

    change_product(variation, name="Panela de pressão com nome novo")
    shop.run_lane("content")
    publish_all(shop)
    assert shop.shown("PAN-1")["quantity"] == 10
    shop.run_lane("orders")
    shop.settle()

    assert shop.shown("PAN-1")["quantity"] == 9
