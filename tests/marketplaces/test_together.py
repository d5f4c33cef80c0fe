"""Rules, guard, staircase, freezing and healing meet: the history tells them apart, no lag counts twice."""

from __future__ import annotations

from decimal import Decimal
from unittest import mock

import pytest

from catalog.models import Product
from marketplaces import drift, engine, held, price_rules, services
from marketplaces.models import Connection, HeldPrice, Lag, Lane, Passage
from marketplaces.pricing import Rule, Rules
from tests.marketplaces.shop import Shop, change_product
from tests.orders.make import client_of

pytestmark = pytest.mark.django_db(transaction=True)


def way(shop: Shop) -> list[tuple[str, str, str]]:
    """What became of each price, oldest first, and what asked for it."""
    kept = Passage.objects.filter(listing=shop.listing("PAN-1"), facet="price").order_by("settled_at")
    return [(one.outcome, one.value.partition("/")[0], one.why) for one in kept]


def freeze(shop: Shop, frozen: bool = True) -> None:
    listing = shop.listing("PAN-1")
    drift.set_frozen(seller_id=shop.seller.pk, listings=[listing], facets=["price"], frozen=frozen, by="Ana")


def counted(shop: Shop) -> int:
    """How many prices are in the lag."""
    return sum(
        Lag.objects.filter(connection=shop.connection, facet="price").values_list("samples", flat=True)
    )


def told(shop: Shop) -> dict[str, object]:
    """What an ERP is told of the price."""
    (found,) = client_of(shop.seller).get("/listings").json()["listings"]
    return dict(found["price"])


@pytest.fixture
def guarded(shop: Shop) -> Shop:
    """PAN-1 at 100.00 where the marketplace takes cuts up to 40 %, and drops over 50 % are held."""
    shop.sell("PAN-1", price="100.00")
    price_rules.save(connection=shop.connection, rules=Rules(most_drop=Decimal(50)), based_on=0)
    shop.connect()
    shop.sandbox.change_settings(price_cut_limit=40)
    Connection.objects.filter(pk=shop.connection.pk).update(price_cut_limit=40)
    return shop


def erp_says(shop: Shop, price: str) -> None:
    Product.objects.filter(sku="PAN-1").update(price=price)
    shop.settle()


def freeze_after_one_step(shop: Shop, price: str) -> None:
    """The seller freezes the price while it is on its way down."""
    change_product(shop.listing("PAN-1").variation, price=price)
    lane = Lane.objects.get(connection=shop.connection, kind="price")
    with mock.patch("marketplaces.engine.Turn.has_time", side_effect=[True, False]):
        engine.run(lane.pk)
    assert shop.shown("PAN-1")["price"] == "60.00"
    freeze(shop)
    shop.settle()
    assert shop.shown("PAN-1")["price"] == "60.00"


def test_steps_are_in_the_history_and_only_the_last_price_is_counted(guarded: Shop) -> None:
    before = counted(guarded)

    erp_says(guarded, "51.00")

    assert way(guarded)[-2:] == [("step", "60.00", ""), ("confirmed", "51.00", "")]
    assert counted(guarded) == before + 1
    newest = Passage.objects.filter(facet="price").latest("settled_at")
    assert newest.skipped == 0
    guarded.look()
    assert not drift.rows([guarded.connection]).exists()


def test_a_newer_price_on_the_stairs_does_not_make_the_step_unanswered(guarded: Shop) -> None:
    freeze_after_one_step(guarded, "55.00")
    assert way(guarded)[-2:] == [("step", "60.00", ""), ("frozen", "60.00", "")]
    change_product(guarded.listing("PAN-1").variation, price="58.00")

    freeze(guarded, frozen=False)
    guarded.settle()

    assert [outcome for outcome, _value, _why in way(guarded)][-3:] == ["frozen", "unfrozen", "confirmed"]
    assert guarded.shown("PAN-1")["price"] == "58.00"


def test_what_the_guard_holds_is_no_refusal_of_the_marketplace_and_healing_does_not_send_it(
    guarded: Shop,
) -> None:
    erp_says(guarded, "20.00")

    for _look in range(2):
        sync = guarded.sync("PAN-1", "price")
        assert (sync.drift, told(guarded)["state"], told(guarded)["drift"]) == ("held", "held", "held")
        assert told(guarded)["wanted"] == "20.00/20.00"
        guarded.look()
    assert way(guarded)[-1] == ("held", "20.00", "")
    assert drift.heal(connection=guarded.connection) == 0
    guarded.settle()
    assert guarded.shown("PAN-1")["price"] == "100.00"

    held.reject(guarded.seller.pk, HeldPrice.objects.all(), None)
    guarded.look()
    assert (guarded.sync("PAN-1", "price").drift, told(guarded)["state"]) == ("held", "rejected")


def test_an_approved_price_goes_down_in_steps_and_waits_while_it_is_frozen(guarded: Shop) -> None:
    before = counted(guarded)
    erp_says(guarded, "20.00")
    freeze(guarded)

    assert held.approve(guarded.seller.pk, HeldPrice.objects.all(), None) == 1
    guarded.settle()
    assert guarded.shown("PAN-1")["price"] == "100.00"
    assert told(guarded)["state"] == "frozen"

    freeze(guarded, frozen=False)
    guarded.settle()

    assert [(outcome, value) for outcome, value, _why in way(guarded)][-7:] == [
        ("held", "20.00"),
        ("frozen", "100.00"),
        ("unfrozen", "100.00"),
        ("step", "60.00"),
        ("step", "36.00"),
        ("step", "21.60"),
        ("confirmed", "20.00"),
    ]
    assert counted(guarded) == before
    assert guarded.sync("PAN-1", "price").agreed_value == "20.00/20.00"


def test_a_frozen_price_is_not_weighed_not_sent_and_not_carried_by_a_reconnect(guarded: Shop) -> None:
    guarded.sandbox.set_listing(guarded.account["account_id"], "PAN-1", price="93.00")
    services.set_switches(connection=guarded.connection, auto_heal=False)
    guarded.look()
    freeze(guarded)

    erp_says(guarded, "1.00")
    price_rules.save(
        connection=guarded.connection, rules=Rules(Rule(Decimal(10)), most_drop=Decimal(50)), based_on=1
    )
    guarded.send_again("PAN-1")

    assert guarded.shown("PAN-1")["price"] == "93.00"
    assert not HeldPrice.objects.exists()
    assert (told(guarded)["state"], told(guarded)["wanted"]) == ("frozen", "1.10/1.10")


def test_a_price_frozen_while_the_rules_changed_is_held_and_approved_once(guarded: Shop) -> None:
    freeze(guarded)
    rules = Rules(Rule(Decimal(100)), most_drop=Decimal(50), most_rise=Decimal(50))
    saved = guarded.save_rules(rules)
    assert saved.changed == 0
    freeze(guarded, frozen=False)
    guarded.settle()
    guarded.look()
    assert guarded.sync("PAN-1", "price").drift == "held"

    held.approve(guarded.seller.pk, HeldPrice.objects.all(), None)
    guarded.settle()

    assert guarded.shown("PAN-1")["price"] == "200.00"
    assert not HeldPrice.objects.filter(state=HeldPrice.State.OPEN).exists()
    assert guarded.sync("PAN-1", "price").drift == ""


def test_new_rules_say_so_in_the_history_and_are_no_lag(guarded: Shop) -> None:
    before = counted(guarded)
    price_rules.save(connection=guarded.connection, rules=Rules(Rule(Decimal(10))), based_on=1)
    guarded.settle()

    assert way(guarded)[-1] == ("confirmed", "110.00", "rules:2")
    assert counted(guarded) == before
    guarded.look()
    assert not drift.rows([guarded.connection]).exists()
