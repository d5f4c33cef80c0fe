"""One item a marketplace answers with an error of its own: the others go through, and it is never lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection as database
from django.db.models import F
from django.utils import timezone

from catalog.models import Variation
from marketplaces import engine, ledger, services
from marketplaces.adapters.sandbox.adapter import SandboxAdapter
from marketplaces.contract import BatchSizes, Facet, MarketplaceError, Unavailable, UnexpectedAnswer
from marketplaces.models import Lane, Listing, Load, Marketplace, Sync
from tests import bulk
from tests.marketplaces.shop import Shop, change_product, set_qty

pytestmark = pytest.mark.django_db(transaction=True)
PUBLISH = {
    "stock": "publish_stock",
    "price": "publish_prices",
    "observe": "read_listings",
    "content": "publish_content",
    "withdraw": "withdraw",
    "match": "match",
}


class Choking:
    """A marketplace that answers every call about some items with an error, and counts its calls."""

    def __init__(self, monkeypatch: Any) -> None:
        self._monkeypatch = monkeypatch
        self.odd: set[str] = set()
        self.error: MarketplaceError = Unavailable("PUT /v1/stock: HTTP 500")
        self.calls: list[list[str]] = []

    def on(self, kind: str, *odd: str) -> None:
        self.odd = set(odd)
        really: Callable[..., Any] = getattr(SandboxAdapter, PUBLISH[kind])

        def choke(adapter: SandboxAdapter, items: Sequence[Any]) -> Any:
            skus = [getattr(one, "sku", one) for one in items]
            self.calls.append(skus)
            if self.odd & set(skus) or "*" in self.odd:
                raise self.error
            return really(adapter, items)

        self._monkeypatch.setattr(SandboxAdapter, PUBLISH[kind], choke)


@pytest.fixture
def choking(monkeypatch: Any) -> Choking:
    return Choking(monkeypatch)


@pytest.fixture
def two(shop: Shop) -> Shop:
    """PAN-1 and PAN-2 are on sale."""
    shop.sell("PAN-1"), shop.sell("PAN-2")
    shop.connect()
    return shop


def variation(sku: str) -> Variation:
    return Variation.objects.get(sku=sku)


def lane(shop: Shop, kind: str = "stock") -> Lane:
    return Lane.objects.get(connection=shop.connection, kind=kind)


def run(shop: Shop, kind: str = "stock") -> None:
    """Let the lane run as it would after its back-off; what is to be tried later is not due."""
    Lane.objects.filter(connection=shop.connection, kind=kind).update(run_at=timezone.now())
    engine.run(lane(shop, kind).pk)


@pytest.mark.parametrize(
    "error", [Unavailable("PUT /v1/stock: HTTP 500"), UnexpectedAnswer("HTTP 200: the answer is not JSON")]
)
@pytest.mark.parametrize("odd", ["PAN-1", "PAN-2"])
@pytest.mark.parametrize("kind", ["stock", "price"])
def test_what_the_marketplace_breaks_on_stops_nothing_else(
    two: Shop, choking: Choking, kind: str, odd: str, error: MarketplaceError
) -> None:
    other = "PAN-2" if odd == "PAN-1" else "PAN-1"
    choking.error = error
    choking.on(kind, odd)
    for sku in ("PAN-1", "PAN-2"):
        set_qty(variation(sku), 0)
        change_product(variation(sku), price="140.00")

    for _time in range(2 if odd == "PAN-1" else 3):
        run(two, kind)

    shown = two.shown(other)
    assert shown["quantity"] == 0 if kind == "stock" else shown["price"] == "140.00"
    assert lane(two, kind).failures == 0
    row = two.sync(odd, kind)
    assert row.due_at is not None
    assert timezone.now() < row.due_at < timezone.now() + timedelta(minutes=1)
    assert row.sent_version > row.confirmed_version, "it may be in force for all that"


def test_a_listing_the_marketplace_breaks_on_keeps_no_other_from_being_looked_at(
    two: Shop, choking: Choking
) -> None:
    choking.on("observe", "PAN-1")
    two.sandbox.set_listing(two.account["account_id"], "PAN-2", price="55.00")

    two.look(), two.look()

    assert two.sync("PAN-2", "price").seen_value.startswith("55.00")
    assert lane(two, "observe").failures == 0
    look_at = two.sync("PAN-1", "stock").look_at
    assert look_at is not None
    assert look_at > timezone.now()


def test_a_listing_the_marketplace_breaks_on_keeps_no_other_from_being_watched(
    two: Shop, choking: Choking
) -> None:
    Listing.objects.update(state=Listing.State.CATALOGUING)
    Sync.objects.update(look_at=None)
    choking.on("observe", "PAN-1")

    run(two, "observe"), run(two, "observe")

    assert (two.listing("PAN-1").state, two.listing("PAN-2").state) == ("cataloguing", "connected")


def test_it_is_told_after_three_tries_and_goes_out_once_the_marketplace_takes_it(
    two: Shop, choking: Choking
) -> None:
    choking.on("stock", "PAN-1")
    set_qty(variation("PAN-1"), 0), set_qty(variation("PAN-2"), 0)
    pauses = []
    for _time in range(7):
        two.run_lane("stock")
        due_at = two.sync("PAN-1", "stock").due_at
        assert due_at is not None
        pauses.append((due_at - timezone.now()).total_seconds())

    (issue,) = two.issues("PAN-1")
    assert (issue.kind, issue.message, issue.times) == ("error_there", "PUT /v1/stock: HTTP 500", 1)
    assert pauses[1:4] == pytest.approx([10, 20, 40], abs=5)
    assert two.shown("PAN-1")["quantity"] == 10

    choking.odd.clear()
    two.run_lane("stock")

    assert two.shown("PAN-1")["quantity"] == 0
    assert two.issues("PAN-1") == []
    row = two.sync("PAN-1", "stock")
    assert (row.due_at, row.failures) == (None, 0)


def test_a_newer_value_of_it_is_tried_at_once(two: Shop, choking: Choking) -> None:
    choking.on("stock", "PAN-1")
    set_qty(variation("PAN-1"), 5), set_qty(variation("PAN-2"), 5)
    run(two), run(two)
    choking.odd.clear()

    set_qty(variation("PAN-1"), 0)
    run(two)

    assert two.shown("PAN-1")["quantity"] == 0


def test_a_value_that_replaces_it_during_its_call_is_due_at_once(two: Shop) -> None:
    set_qty(variation("PAN-1"), 5)
    before = two.sync("PAN-1", "stock")
    set_qty(variation("PAN-1"), 0)

    tries = ledger.set_apart(Facet.STOCK, (before.listing_id, before.wanted_version, "5"))

    row = two.sync("PAN-1", "stock")
    assert tries == 0
    assert row.failures == 0
    assert row.due_at is not None
    assert row.due_at <= timezone.now()


def test_a_marketplace_that_is_down_is_called_as_seldom_as_ever(
    two: Shop, choking: Choking, monkeypatch: Any
) -> None:
    monkeypatch.setattr("random.uniform", lambda _low, _high: 1.0)
    choking.on("stock", "*")
    set_qty(variation("PAN-1"), 0), set_qty(variation("PAN-2"), 0)

    for place in range(6):
        run(two)
        state = lane(two)
        assert (len(choking.calls), state.failures) == (place + 1, place + 1)
        assert state.last_error_at is not None
        assert state.run_at - state.last_error_at == timedelta(seconds=2**place)

    assert {tuple(skus) for skus in choking.calls[2:]} == {("PAN-1",), ("PAN-2",)}, "each has its turn"
    choking.odd.clear()
    run(two)
    assert [two.shown(sku)["quantity"] for sku in ("PAN-1", "PAN-2")] == [0, 0]
    assert not two.issues("PAN-1")


def test_a_cut_wire_is_no_items_fault(two: Shop, choking: Choking) -> None:
    choking.error = Unavailable("PUT /v1/stock: ReadTimeout", is_answer=False)
    choking.on("stock", "PAN-1")
    set_qty(variation("PAN-1"), 0), set_qty(variation("PAN-2"), 0)

    for _time in range(4):
        run(two)

    assert two.shown("PAN-2")["quantity"] == 0
    assert lane(two).failures > 0
    assert two.sync("PAN-1", "stock").failures == 0


def test_an_item_known_to_fail_says_nothing_about_the_marketplace(two: Shop, choking: Choking) -> None:
    choking.on("stock", "PAN-1")
    set_qty(variation("PAN-1"), 0), set_qty(variation("PAN-2"), 0)
    run(two), run(two)
    before = lane(two)

    Sync.objects.filter(due_at__isnull=False).update(due_at=timezone.now())
    run(two)

    after = lane(two)
    assert choking.calls[-1] == ["PAN-1"]
    assert (after.failures, after.answered_at, after.last_ok_at) == (0, before.answered_at, before.last_ok_at)
    set_qty(variation("PAN-2"), 3)
    run(two)
    assert two.shown("PAN-2")["quantity"] == 3


def test_it_is_found_where_each_call_carries_one_item(two: Shop, choking: Choking, monkeypatch: Any) -> None:
    description = two.connection.marketplace.description
    monkeypatch.setattr(Marketplace, "description", replace(description, batch=BatchSizes()))
    choking.on("stock", "PAN-1")
    set_qty(variation("PAN-1"), 0), set_qty(variation("PAN-2"), 0)

    run(two), run(two)

    assert two.shown("PAN-2")["quantity"] == 0
    assert all(len(skus) == 1 for skus in choking.calls)


@pytest.mark.parametrize("odd", [1, 57])
def test_one_of_many_is_found_with_few_calls(shop: Shop, choking: Choking, odd: int) -> None:
    bulk.put_on_sale(
        database.connection,
        seller_id=shop.seller.pk,
        connection_id=shop.connection.pk,
        prefix="R-N",
        products=250,
    )
    memory = Path(shop.sandbox._folder.name)  # type: ignore[union-attr]
    skus = list(bulk.skus("R-N", 250))
    bulk.show_in_the_sandbox(memory, shop.account["account_id"], skus)
    choking.on("stock", skus[odd])
    Variation.objects.filter(seller=shop.seller).update(qty=7)

    for _time in range(3):
        run(shop)

    rows = Sync.objects.filter(connection=shop.connection, facet="stock")
    assert rows.filter(confirmed_version=F("wanted_version")).count() == 249
    assert len(choking.calls) < 30
    assert [row.listing.variation.sku for row in rows.filter(due_at__isnull=False)] == [skus[odd]]


def test_an_answer_without_a_verdict_is_counted_anew_after_errors(two: Shop, choking: Choking) -> None:
    choking.on("stock", "PAN-1")
    set_qty(variation("PAN-1"), 0), set_qty(variation("PAN-2"), 0)
    for _time in range(6):
        two.run_lane("stock")
    choking.odd.clear()
    two.sandbox.add_fault(match="/v1/stock", kind="answer", status=200, body={"results": []}, times=2)

    for _time in range(3):
        two.run_lane("stock")

    assert two.shown("PAN-1")["quantity"] == 0


def load(shop: Shop, action: str, *skus: str) -> Load:
    """Ask for it; nothing is sent yet."""
    if action in (Load.Action.CONNECT, Load.Action.ASSOCIATE):
        chosen = Variation.objects.filter(seller=shop.seller, sku__in=skus)
        return services.start_load(connection=shop.connection, action=action, variations=chosen)
    listings = Listing.objects.filter(connection=shop.connection, variation__sku__in=skus)
    return services.start_load(connection=shop.connection, action=action, listings=listings)


def try_alone(shop: Shop) -> None:
    """Let the pause of what is set apart be over."""
    Sync.objects.filter(facet="content", due_at__isnull=False).update(due_at=timezone.now())
    run(shop, "content")


@pytest.mark.parametrize("odd", ["NEW-1", "NEW-2"])
def test_a_product_the_marketplace_breaks_on_stops_no_other_publication(
    shop: Shop, choking: Choking, odd: str
) -> None:
    other = "NEW-2" if odd == "NEW-1" else "NEW-1"
    shop.sell("NEW-1"), shop.sell("NEW-2")
    choking.on("content", odd)
    load(shop, Load.Action.CONNECT, "NEW-1", "NEW-2")

    for _time in range(3):
        run(shop, "content")

    assert (shop.listing(other).state, shop.listing(odd).state) == ("processing", "waiting")
    assert lane(shop, "content").failures == 0
    row = shop.sync(odd, "content")
    assert row.due_at is not None
    assert timezone.now() < row.due_at < timezone.now() + timedelta(minutes=1)


def test_a_product_the_marketplace_breaks_on_ends_as_an_error_and_so_does_its_load(
    shop: Shop, choking: Choking
) -> None:
    shop.sell("NEW-1"), shop.sell("NEW-2")
    choking.error = Unavailable("POST /v1/listings: HTTP 500")
    choking.on("content", "NEW-1")
    asked = load(shop, Load.Action.CONNECT, "NEW-1", "NEW-2")

    for _time in range(3):
        run(shop, "content")
    for _time in range(2):
        assert shop.listing("NEW-1").state == "waiting"
        try_alone(shop)
    shop.settle()

    asked.refresh_from_db()
    assert (shop.listing("NEW-1").state, shop.listing("NEW-2").state) == ("error", "connected")
    assert asked.state == Load.State.DONE
    (issue,) = shop.issues("NEW-1")
    assert (issue.kind, issue.facet) == ("error_there", "content")
    assert issue.message == "POST /v1/listings: HTTP 500"
    row = shop.sync("NEW-1", "content")
    assert (row.due_at, row.failures) == (None, 0)

    choking.odd.clear()
    shop.send_again("NEW-1")
    assert (shop.listing("NEW-1").state, shop.issues("NEW-1")) == ("connected", [])


def test_a_product_that_was_created_for_all_the_error_is_not_created_twice(
    shop: Shop, choking: Choking, monkeypatch: Any
) -> None:
    shop.sell("NEW-1"), shop.sell("NEW-2")
    load(shop, Load.Action.CONNECT, "NEW-1", "NEW-2")
    really = SandboxAdapter.publish_content
    codes: list[str] = []

    def choke_after(adapter: SandboxAdapter, items: Sequence[Any]) -> Any:
        of_it = [one.remote_id for one in items if one.sku == "NEW-1"]
        codes.extend(of_it)
        answer = really(adapter, items)
        if of_it:
            raise choking.error
        return answer

    with monkeypatch.context() as here:
        here.setattr(SandboxAdapter, "publish_content", choke_after)
        for _time in range(8):
            try_alone(shop)
            time.sleep(0.1)
    assert shop.listing("NEW-1").state == "error"
    shop.send_again("NEW-1")

    assert shop.listing("NEW-1").state == "connected"
    assert codes[0] == ""
    assert "" not in codes[1:], "it was looked up before it was sent again"
    assert len(shop.sandbox.listings(shop.account["account_id"], sku="NEW-1")["listings"]) == 1


@pytest.mark.parametrize("kind", ["observe", "match"])
def test_a_product_the_marketplace_breaks_on_before_it_is_sent_stops_no_other(
    two: Shop, choking: Choking, kind: str
) -> None:
    if kind == "observe":
        Listing.objects.update(remote_id="")
        action, skus = Load.Action.RECONNECT, ("PAN-1", "PAN-2")
    else:
        two.sell("PAN-8", ean=variation("PAN-1").product.ean)
        two.sell("PAN-9", ean=variation("PAN-2").product.ean)
        action, skus = Load.Action.ASSOCIATE, ("PAN-8", "PAN-9")
    choking.on(kind, skus[0])
    asked = load(two, action, *skus)

    for _time in range(8):
        try_alone(two)
    choking.odd.clear()
    two.settle()

    asked.refresh_from_db()
    assert two.listing(skus[0]).state == "error"
    assert [one.kind for one in two.issues(skus[0])] == ["error_there"]
    assert two.listing(skus[1]).state == "connected"
    assert asked.state == Load.State.DONE


def test_a_withdrawal_the_marketplace_breaks_on_stops_no_other(two: Shop, choking: Choking) -> None:
    choking.on("withdraw", "PAN-1")
    asked = load(two, Load.Action.DISCONNECT, "PAN-1", "PAN-2")

    for _time in range(8):
        try_alone(two)

    asked.refresh_from_db()
    assert (two.listing("PAN-1").state, two.listing("PAN-2").state) == ("error", "disconnected")
    assert asked.state == Load.State.DONE
    choking.odd.clear()
    two.send_again("PAN-1", action=Load.Action.DISCONNECT)
    assert two.listing("PAN-1").state == "disconnected"


def test_a_marketplace_that_takes_no_content_at_all_is_called_once_a_run_and_no_product_is_blamed(
    shop: Shop, choking: Choking
) -> None:
    shop.sell("NEW-1"), shop.sell("NEW-2")
    choking.on("content", "*")
    load(shop, Load.Action.CONNECT, "NEW-1", "NEW-2")

    for place in range(6):
        try_alone(shop)
        assert (len(choking.calls), lane(shop, "content").failures) == (place + 1, place + 1)
    assert not shop.issues("NEW-1")
    choking.odd.clear()
    try_alone(shop)
    shop.settle()
    assert (shop.listing("NEW-1").state, shop.listing("NEW-2").state) == ("connected", "connected")


def test_a_listing_whose_new_content_the_marketplace_breaks_on_stays_on_sale_until_its_data_change(
    two: Shop, choking: Choking
) -> None:
    services.set_switches(connection=two.connection, sync_content=True)
    choking.on("content", "PAN-1")
    for sku in ("PAN-1", "PAN-2"):
        change_product(variation(sku), brand="Rochedo")

    for _time in range(8):
        try_alone(two)

    assert (two.listing("PAN-1").state, two.sync("PAN-1", "content").due_at) == ("connected", None)
    assert [one.kind for one in two.issues("PAN-1")] == ["error_there"]
    choking.odd.clear()
    change_product(variation("PAN-1"), brand="Panex 2")
    two.settle()
    for sku in ("PAN-1", "PAN-2"):
        row = two.sync(sku, "content")
        assert (row.confirmed_version, two.issues(sku)) == (row.wanted_version, [])


def test_one_product_of_many_is_found_with_few_calls(shop: Shop, choking: Choking) -> None:
    skus = [f"NEW-{place:03d}" for place in range(120)]
    for sku in skus:
        shop.sell(sku)
    choking.on("content", skus[57])
    load(shop, Load.Action.CONNECT, *skus)

    for _time in range(4):
        run(shop, "content")

    assert len(choking.calls) < 30
    waiting = Listing.objects.filter(connection=shop.connection, state="waiting")
    assert [one.variation.sku for one in waiting] == [skus[57]]


def many_apart(shop: Shop, kind: str) -> tuple[list[str], str]:
    """More odd items than a call carries, tried alone before and due again; and one that becomes due now."""
    size = getattr(shop.connection.marketplace.description.batch, kind)
    bulk.put_on_sale(
        database.connection,
        seller_id=shop.seller.pk,
        connection_id=shop.connection.pk,
        prefix="R-N",
        products=size + 50,
    )
    memory = Path(shop.sandbox._folder.name)  # type: ignore[union-attr]
    odd = list(bulk.skus("R-N", size + 50))
    bulk.show_in_the_sandbox(memory, shop.account["account_id"], odd)
    healthy = odd.pop()
    long_ago = timezone.now() - timedelta(minutes=1)
    rows = Sync.objects.filter(connection=shop.connection, facet=kind)
    rows.exclude(listing__variation__sku=healthy).update(
        wanted_version=2, sent_version=2, failures=ledger.BLOCKS_AFTER + 1, due_at=long_ago
    )
    return odd, healthy


@pytest.mark.parametrize("kind", ["stock", "price"])
def test_more_odd_items_than_a_call_carries_keep_no_other_waiting(
    shop: Shop, choking: Choking, kind: str
) -> None:
    odd, healthy = many_apart(shop, kind)
    choking.on(kind, *odd)
    set_qty(variation(healthy), 3), change_product(variation(healthy), price="140.00")

    run(shop, kind)

    shown = shop.shown(healthy)
    assert shown["quantity"] == 3 if kind == "stock" else shown["price"] == "140.00"
    assert lane(shop, kind).failures == 0


def test_odd_items_that_are_due_are_tried_one_after_the_other(shop: Shop, choking: Choking) -> None:
    odd, healthy = many_apart(shop, "stock")
    choking.on("stock", *odd)
    set_qty(variation(healthy), 3)

    for _time in range(3):
        run(shop)

    tried = Sync.objects.filter(connection=shop.connection, facet="stock", failures=ledger.BLOCKS_AFTER + 2)
    assert [len(skus) for skus in choking.calls] == [1] * len(choking.calls)
    assert tried.count() == len(choking.calls) - 1 > 1


def test_a_batch_is_found_by_its_index_however_many_are_due_or_set_apart(shop: Shop) -> None:
    bulk.put_on_sale(
        database.connection,
        seller_id=shop.seller.pk,
        connection_id=shop.connection.pk,
        prefix="R-N",
        products=5000,
    )
    Sync.objects.filter(connection=shop.connection).update(wanted_version=2, due_at=timezone.now())
    with database.cursor() as cursor:
        cursor.execute("ANALYZE marketplaces_sync")
        for facet, statements in ledger._TAKES.items():
            for statement in (*statements, ledger._TAKE_APART[facet]):
                cursor.execute(f"EXPLAIN {statement}", [shop.connection.pk, facet.value, 100])
                plan = "\n".join(line for (line,) in cursor.fetchall())
                assert "Seq Scan on marketplaces_sync" not in plan
