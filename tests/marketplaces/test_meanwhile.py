"""What a seller decides while a worker is in the middle of a lane is not lost."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database
from django.db.models import Q

from marketplaces import drift, engine, ledger, mapping, services
from marketplaces.contract import Facet
from marketplaces.models import HeldPrice, Lane, Listing, Passage, RemoteCategory
from marketplaces.pricing import Rules
from tests import engine as engine_turns
from tests import make
from tests.marketplaces.shop import PANS, Shop, change_product, set_qty

pytestmark = pytest.mark.django_db(transaction=True)
TAKING = "due_at <= now() AND submission_id IS NULL"
MARKING = "SET sent_version = d.version"
READING = "SELECT l.id, q.published"
READING_PRICES = 'NOT ("marketplaces_sync"."facet" = '
GOING_LIVE = "look_at = CASE WHEN facet = 'stock'"


@contextlib.contextmanager
def meanwhile(statement: str, do: Callable[[], object], *, before: bool = False) -> Iterator[None]:
    """Somebody else does something just after (or before) the first statement that has these words."""
    done = False

    def elsewhere() -> None:
        try:
            do()
        finally:
            database.close()

    def interrupt() -> None:
        nonlocal done
        done = True
        with ThreadPoolExecutor(1) as pool:
            pool.submit(elsewhere).result(timeout=10)

    def watch(execute: Any, sql: str, *more: Any) -> Any:
        due = not done and statement in sql
        if due and before:
            interrupt()
        answer = execute(sql, *more)
        if due and not before:
            interrupt()
        return answer

    with database.execute_wrapper(watch):
        yield
    assert done, f"no statement with “{statement}”"


def run_lane(shop: Shop, kind: str) -> None:
    """One worker takes a lane for one slice."""
    assert engine.run(Lane.objects.get(connection=shop.connection, kind=kind).pk)


def run_content(shop: Shop) -> None:
    """The same of the content lane."""
    run_lane(shop, Lane.Kind.CONTENT)


def freeze(shop: Shop, facet: str) -> None:
    """The seller wants a facet of everything left alone there."""
    listings = list(Listing.objects.filter(connection=shop.connection))
    drift.set_frozen(seller_id=shop.seller.pk, listings=listings, facets=[facet], frozen=True, by="ana")


def ask_to_reconnect(shop: Shop) -> None:
    """The seller sends everything again."""
    listings = Listing.objects.filter(connection=shop.connection)
    services.start_load(connection=shop.connection, action="reconnect", listings=listings)


def test_a_category_mapped_while_listings_are_checked_counts_as_corrected(shop: Shop) -> None:
    drums = make.make_category(shop.seller, "CAJON", "Instrumentos > Cajón")
    variation = shop.sell("CAJ-1", category_codes=[drums.code])
    shop.connect()
    assert [issue.kind for issue in shop.issues("CAJ-1")] == ["category_unmapped"]
    remote = RemoteCategory.objects.get(marketplace=shop.connection.marketplace, remote_id=PANS)

    change_product(variation, brand="Batuke")
    with meanwhile(TAKING, lambda: mapping.map_categories(shop.connection, {drums.pk: remote.pk})):
        run_content(shop)
    shop.settle()

    assert shop.issues("CAJ-1") == []
    assert shop.listing("CAJ-1").corrected_at is not None


def test_content_asked_to_follow_while_the_lane_runs_follows(shop: Shop) -> None:
    first, second = shop.sell("PAN-1"), shop.sell("PAN-2")
    shop.connect()
    change_product(second, name="Panela de pressão com nome novo")
    variation = shop.sell("PAN-3", brand="")
    shop.connect("PAN-3")
    assert shop.listing("PAN-3").state == Listing.State.ERROR

    change_product(variation, brand="Panex")
    with meanwhile(TAKING, lambda: services.set_switches(connection=shop.connection, sync_content=True)):
        run_content(shop)
    shop.settle()

    assert shop.shown("PAN-2")["title"] == "Panela de pressão com nome novo"
    assert shop.shown("PAN-1")["title"] == first.product.name


def test_a_listing_that_goes_live_while_content_is_asked_to_follow_follows(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    connection = type(shop.connection).objects.get(pk=shop.connection.pk)

    with meanwhile(
        GOING_LIVE, lambda: services.set_switches(connection=connection, sync_content=True), before=True
    ):
        shop.connect()
    change_product(variation, name="Panela de pressão com nome novo")
    shop.settle()

    assert shop.shown("PAN-1")["title"] == "Panela de pressão com nome novo"


def test_the_corrected_go_when_the_switch_comes_while_they_are_checked(shop: Shop) -> None:
    variation = shop.sell("PAN-1", brand="")
    shop.connect()
    change_product(variation, brand="Panex")
    shop.settle()
    change_product(variation, description=variation.product.description + "Acompanha manual.")

    with meanwhile(TAKING, lambda: services.set_switches(connection=shop.connection, auto_reconnect=True)):
        run_content(shop)

    assert shop.sync("PAN-1", "content").due_at is not None


@pytest.mark.parametrize("moment", [TAKING, MARKING, READING])
def test_content_sent_again_leaves_no_older_terms_than_went_out_meanwhile(shop: Shop, moment: str) -> None:
    variation = shop.sell("PAN-1", qty=10, price="129.90")
    shop.connect("PAN-1")
    ask_to_reconnect(shop)

    def sold_out() -> None:
        set_qty(variation, 0)
        change_product(variation, price="119.90")
        run_lane(shop, Lane.Kind.STOCK)
        run_lane(shop, Lane.Kind.PRICE)
        assert (shop.shown("PAN-1")["quantity"], shop.shown("PAN-1")["price"]) == (0, "119.90")

    with meanwhile(moment, sold_out):
        run_content(shop)
    shop.settle()

    assert (shop.shown("PAN-1")["quantity"], shop.shown("PAN-1")["price"]) == (0, "119.90")


def test_what_a_publication_put_in_the_place_of_a_newer_price_is_nobody_elses_doing(shop: Shop) -> None:
    variation = shop.sell("PAN-1", price="129.90")
    shop.connect("PAN-1")
    services.set_switches(connection=shop.connection, auto_heal=False)
    ask_to_reconnect(shop)

    def cheaper() -> None:
        change_product(variation, price="119.90")
        run_lane(shop, Lane.Kind.PRICE)

    # The price of the publication is read before the newer one is sent, and takes effect after it.
    with meanwhile(READING_PRICES, cheaper):
        run_content(shop)
    until = time.monotonic() + 10
    while shop.shown("PAN-1")["price"] != "129.90" and time.monotonic() < until:
        time.sleep(0.01)

    shop.look()

    assert shop.sync("PAN-1", "content").confirmed_version < shop.sync("PAN-1", "content").sent_version
    assert shop.sync("PAN-1", "price").drift == "superseded"
    run_lane(shop, Lane.Kind.PRICE)
    assert shop.shown("PAN-1")["price"] == "119.90", "not before the publication is answered"
    assert shop.sync("PAN-1", "price").drift == ""
    shop.settle()
    told = Passage.objects.filter(listing=shop.listing("PAN-1"), facet="price")
    assert not told.filter(Q(outcome="outside") | Q(why="heal")).exists()


def test_a_stranger_who_changes_a_price_during_a_publication_is_named(shop: Shop) -> None:
    variation = shop.sell("PAN-1", price="129.90")
    shop.connect("PAN-1")
    services.set_switches(connection=shop.connection, auto_heal=False)
    ask_to_reconnect(shop)
    run_content(shop)
    change_product(variation, price="119.90")
    run_lane(shop, Lane.Kind.PRICE)
    shop.sandbox.set_listing(shop.account["account_id"], "PAN-1", price="1.00")

    shop.look()

    assert shop.sync("PAN-1", "price").drift == "outside"


def test_a_quantity_that_only_a_publication_carried_does_not_outlive_the_erps_next_one(shop: Shop) -> None:
    variation = shop.sell("PAN-1", qty=0)
    shop.connect("PAN-1")
    ask_to_reconnect(shop)

    set_qty(variation, 5)
    run_content(shop)
    set_qty(variation, 0)
    run_lane(shop, "stock")
    shop.settle()

    assert shop.shown("PAN-1")["quantity"] == 0


def test_a_price_that_was_marked_and_not_called_for_does_not_stay_by_a_publication(shop: Shop) -> None:
    variation = shop.sell("PAN-1", price="129.90")
    shop.connect("PAN-1")
    ask_to_reconnect(shop)
    change_product(variation, price="119.90")
    sync = shop.sync("PAN-1", "price")
    row = (sync.listing_id, sync.wanted_version, "119.90")

    ledger.mark_sent(Facet.PRICE, [row])
    run_content(shop)
    ledger.take_back(Facet.PRICE, [row])
    change_product(variation, price="129.90")
    run_lane(shop, "price")
    shop.settle()

    assert shop.shown("PAN-1")["price"] == "129.90"


def test_what_a_lost_publication_overwrote_comes_back_though_the_next_is_refused(shop: Shop) -> None:
    variation = shop.sell("PAN-1", qty=10)
    shop.connect("PAN-1")
    ask_to_reconnect(shop)

    def sold_out() -> None:
        set_qty(variation, 0)
        run_lane(shop, "stock")
        assert shop.shown("PAN-1")["quantity"] == 0

    loads = {"match": "/v1/loads", "method": "POST"}
    shop.sandbox.add_fault(**loads, kind="drop", after_commit=True)
    shop.sandbox.add_fault(**loads, kind="status", status=422)
    with meanwhile(READING, sold_out):
        run_content(shop)
    engine_turns.run_until(lambda: shop.listing("PAN-1").state == Listing.State.ERROR)
    shop.settle()

    assert shop.shown("PAN-1")["quantity"] == 0


def test_a_publication_leaves_no_older_price_behind_one_that_is_held(shop: Shop) -> None:
    variation = shop.sell("PAN-1", price="129.90")
    shop.connect("PAN-1")
    shop.save_rules(Rules(most_drop=Decimal(30), most_rise=Decimal(30)))
    ask_to_reconnect(shop)

    def cut_twice() -> None:
        for price in ("119.90", "1.00"):
            change_product(variation, price=price)
            run_lane(shop, Lane.Kind.PRICE)
        assert shop.shown("PAN-1")["price"] == "119.90"

    with meanwhile(READING_PRICES, cut_twice):
        run_content(shop)
    shop.settle()

    assert shop.shown("PAN-1")["price"] == "119.90"
    (hold,) = HeldPrice.objects.filter(listing=shop.listing("PAN-1"))
    assert (hold.state, hold.price) == (HeldPrice.State.OPEN, Decimal("1.00"))
    assert shop.sync("PAN-1", "price").due_at is None


@pytest.mark.parametrize("when_refused", ["meanwhile", "afterwards"])
def test_a_publication_leaves_no_older_terms_behind_those_the_marketplace_refuses(
    shop: Shop, when_refused: str
) -> None:
    variation = shop.sell("PAN-1", qty=10, price="129.90")
    shop.connect("PAN-1")
    ask_to_reconnect(shop)

    def say(price: str, qty: int) -> None:
        change_product(variation, price=price)
        set_qty(variation, qty)
        if when_refused == "meanwhile" or price == "119.90":
            run_lane(shop, Lane.Kind.PRICE)
            run_lane(shop, Lane.Kind.STOCK)

    def say_what_is_taken_and_what_is_not() -> None:
        say("119.90", 7)
        say("0.01", 10_000_000)
        assert (shop.shown("PAN-1")["quantity"], shop.shown("PAN-1")["price"]) == (7, "119.90")

    with meanwhile(READING_PRICES, say_what_is_taken_and_what_is_not):
        run_content(shop)
    shop.settle()

    assert (shop.shown("PAN-1")["quantity"], shop.shown("PAN-1")["price"]) == (7, "119.90")
    assert sorted(issue.facet for issue in shop.issues("PAN-1")) == ["price", "stock"]
    for facet in ("price", "stock"):
        assert shop.sync("PAN-1", facet).due_at is None


@pytest.mark.parametrize("ending", ["switched off", "frozen"])
def test_content_left_alone_with_an_answer_outstanding_leaves_no_older_terms(shop: Shop, ending: str) -> None:
    variation = shop.sell("PAN-1", qty=10)
    shop.connect("PAN-1")
    services.set_switches(connection=shop.connection, sync_content=True)
    change_product(variation, name="Panela de pressão com nome novo")

    def sold_out() -> None:
        set_qty(variation, 0)
        run_lane(shop, "stock")
        assert shop.shown("PAN-1")["quantity"] == 0

    shop.sandbox.add_fault(match="/v1/loads", method="POST", kind="drop", after_commit=True)
    with meanwhile(READING, sold_out):
        run_content(shop)
    if ending == "frozen":
        freeze(shop, "content")
    else:
        services.set_switches(connection=shop.connection, sync_content=False)
    engine_turns.run_until(lambda: shop.shown("PAN-1")["title"] == "Panela de pressão com nome novo")
    shop.settle()

    assert shop.shown("PAN-1")["quantity"] == 0
