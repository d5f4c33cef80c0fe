"""A seller who asks for something else while a call is under way gets what was asked for last."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection as database
from django.utils import timezone

from catalog.models import Variation
from marketplaces import engine, services
from marketplaces.models import Exchange, Lane, Listing, Load, LoadItem, Submission
from tests import engine as driver
from tests.marketplaces.shop import Shop, change_product

pytestmark = pytest.mark.django_db(transaction=True)

CALL_SECONDS = 1.0


def while_asked(shop: Shop, path: str, ask: Callable[[], Load]) -> Load:
    """Let the marketplace take its time with a call, ask for something else meanwhile, and let all settle."""
    over = threading.Event()

    def work() -> None:
        try:
            while not over.is_set():
                driver.turn(shop.connection)
        finally:
            database.close()

    shop.sandbox.add_fault(match=path, kind="slow", seconds=CALL_SECONDS)
    worker = threading.Thread(target=work)
    worker.start()
    try:
        until = time.monotonic() + 10
        while shop.sandbox.stats()["faults_waiting"]:
            assert time.monotonic() < until, f"nobody called {path}"
            time.sleep(0.02)
        load = ask()
    finally:
        over.set()
        worker.join()
    shop.settle()
    load.refresh_from_db()
    return load


def start(shop: Shop, action: str) -> Load:
    if action in (Load.Action.CONNECT, Load.Action.ASSOCIATE):
        variations = Variation.objects.filter(seller=shop.seller)
        return services.start_load(connection=shop.connection, action=action, variations=variations)
    listings = Listing.objects.filter(connection=shop.connection)
    return services.start_load(connection=shop.connection, action=action, listings=listings)


def check(shop: Shop, load: Load, here: str, there: str) -> None:
    """The listing and the marketplace agree with the newest load, which is finished."""
    assert (shop.listing("PAN-1").state, shop.shown("PAN-1")["state"]) == (here, there)
    assert (load.state, load.items.get().state) == (Load.State.DONE, LoadItem.State.DONE)
    assert shop.issues("PAN-1") == []


def test_a_reconnect_asked_for_while_the_listing_is_taken_off_sale(shop: Shop) -> None:
    shop.sell("PAN-1", qty=7)
    shop.connect("PAN-1")
    start(shop, "disconnect")

    load = while_asked(shop, "/v1/listings/withdraw", lambda: start(shop, "reconnect"))

    check(shop, load, "connected", "live")
    assert shop.shown("PAN-1")["quantity"] == 7
    assert shop.sync("PAN-1", "stock").follows


def test_a_disconnect_asked_for_while_the_listing_is_published(shop: Shop) -> None:
    shop.sell("PAN-1")
    start(shop, "connect")

    load = while_asked(shop, "/v1/loads", lambda: start(shop, "disconnect"))

    check(shop, load, "disconnected", "withdrawn")


def test_a_disconnect_asked_for_while_the_cataloguing_is_watched(shop: Shop) -> None:
    shop.sandbox.change_settings(cataloguing_seconds=2)
    shop.sell("PAN-1")
    start(shop, "connect")
    driver.run_until(lambda: shop.listing("PAN-1").state == Listing.State.CATALOGUING)
    time.sleep(2)  # now it is on sale, and the next look would say so

    load = while_asked(shop, "/v1/listings/read", lambda: start(shop, "disconnect"))

    check(shop, load, "disconnected", "withdrawn")


def test_a_connect_asked_for_while_a_match_is_looked_for_in_vain(shop: Shop) -> None:
    shop.sell("PAN-1")
    start(shop, "associate")

    load = while_asked(shop, "/v1/catalogue/search", lambda: start(shop, "connect"))

    check(shop, load, "connected", "live")


def test_a_reconnect_asked_for_while_the_answer_is_written_down(shop: Shop) -> None:
    shop.sell("PAN-1")
    start(shop, "connect")
    shop.run_lane("content")
    Submission.objects.update(next_poll_at=timezone.now())
    # By now the marketplace has decided.
    time.sleep(0.2)
    writes, wrong = threading.Event(), list[BaseException]()

    def watch(execute: Any, sql: str, *more: Any) -> Any:
        if "UPDATE marketplaces_listing l SET state = d.state" in sql and not writes.is_set():
            writes.set()
            time.sleep(0.5)
        return execute(sql, *more)

    def work() -> None:
        try:
            with database.execute_wrapper(watch):
                shop.run_lane("submissions")
        except BaseException as error:
            wrong.append(error)
        finally:
            database.close()

    worker = threading.Thread(target=work)
    worker.start()
    assert writes.wait(10)
    load = start(shop, "reconnect")
    worker.join()
    assert not wrong
    shop.settle()
    load.refresh_from_db()
    check(shop, load, "connected", "live")


def test_content_sent_again_takes_no_price_back_whose_answer_was_lost(shop: Shop) -> None:
    variation = shop.sell("PAN-1", price="129.90")
    shop.connect("PAN-1")
    shop.sandbox.add_fault(match="/v1/prices", kind="status", status=503, after_commit=True)
    change_product(variation, price="99.90")
    driver.run_until(lambda: shop.shown("PAN-1")["price"] == "99.90")

    shop.send_again("PAN-1")

    told = [entry["value"] for entry in shop.sandbox.log(shop.account["account_id"], "PAN-1", "price")]
    assert "129.90" not in told[told.index("99.90") :], told
    assert shop.shown("PAN-1")["price"] == "99.90"


def test_a_publication_never_answered_is_looked_up_even_after_our_check_refused_newer_data(
    shop: Shop,
) -> None:
    variation = shop.sell("PAN-1")
    lost = {"match": "/v1/loads", "method": "POST", "kind": "drop", "after_commit": True}
    shop.sandbox.add_fault(**lost)
    load = services.start_load(
        connection=shop.connection, action="connect", variations=Variation.objects.filter(pk=variation.pk)
    )
    engine.run(Lane.objects.get(connection=shop.connection, kind="content").pk)
    assert load.total == 1
    change_product(variation, brand="")
    shop.settle()
    assert shop.listing("PAN-1").state == Listing.State.ERROR

    change_product(variation, brand="Panex")
    shop.settle()
    shop.send_again("PAN-1")

    reads = Exchange.objects.filter(lane="content", url__endswith="/v1/listings/read").count()
    assert (reads, shop.shown("PAN-1")["creations"]) == (1, 1)
