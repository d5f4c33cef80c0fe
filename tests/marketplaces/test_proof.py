"""Each value's way can be proven: received, queued, sent, settled, seen, and what became of the others."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from catalog.models import Product, Variation
from marketplaces import engine, lag, services, tasks
from marketplaces.contract import Facet
from marketplaces.models import KEPT, Connection, Lag, Lane, Listing, Passage, Sync
from marketplaces.pricing import Rules
from tests.marketplaces.shop import Shop, change_product, open_shop, set_qty

pytestmark = pytest.mark.django_db(transaction=True)


def way(shop: Shop, sku: str, facet: str) -> list[Passage]:
    """What is kept of a facet, oldest first."""
    return list(Passage.objects.filter(listing=shop.listing(sku), facet=facet).order_by("settled_at"))


def test_a_value_has_its_stamps_in_order_up_to_where_it_was_seen(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    set_qty(variation, 7)
    shop.settle()

    assert way(shop, "PAN-1", "stock")[-1].seen_at is None
    shop.look()

    last = way(shop, "PAN-1", "stock")[-1]
    assert (last.value, last.outcome, last.why, last.skipped) == ("7", "confirmed", "", 0)
    stamps = [last.received_at, last.queued_at, last.sent_at, last.settled_at, last.seen_at]
    assert None not in stamps
    assert stamps == sorted(stamps)
    first_sight = last.seen_at
    shop.look()
    assert way(shop, "PAN-1", "stock")[-1].seen_at == first_sight
    assert shop.sync("PAN-1", "content").seen_at is not None


def test_superseded_values_are_counted_on_the_one_that_took_their_place(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()

    for qty in (5, 4, 3):
        set_qty(variation, qty)
    shop.settle()

    assert [(one.value, one.skipped) for one in way(shop, "PAN-1", "stock")][-1] == ("3", 2)


def test_a_value_that_was_there_already_is_not_sent_and_says_so(shop: Shop) -> None:
    variation = shop.sell("PAN-1", qty=10)
    shop.connect()
    set_qty(variation, 5)
    set_qty(variation, 10)
    shop.settle()

    last = way(shop, "PAN-1", "stock")[-1]
    assert (last.value, last.outcome, last.sent_at, last.skipped) == ("10", "unchanged", None, 1)


def test_a_refused_value_is_kept_with_what_was_sent(shop: Shop) -> None:
    variation = shop.sell("PAN-1-METADE", qty=10)
    shop.connect()
    set_qty(variation, 5)
    shop.settle()

    refused = [one for one in way(shop, "PAN-1-METADE", "stock") if one.outcome == "refused"]
    assert refused
    assert refused[-1].sent_at is not None
    assert refused[-1].value != ""


def test_a_send_whose_answer_was_lost_and_whose_value_was_replaced_is_not_forgotten(shop: Shop) -> None:
    variation = shop.sell("PAN-1", qty=10)
    shop.connect()
    shop.sandbox.add_fault(match="/v1/stock", kind="status", status=503, after_commit=True)
    set_qty(variation, 5)
    engine.run(Lane.objects.get(connection=shop.connection, kind="stock").pk)
    set_qty(variation, 4)
    Lane.objects.filter(connection=shop.connection).update(run_at=timezone.now())
    shop.settle()

    assert [(one.value, one.outcome) for one in way(shop, "PAN-1", "stock")][-2:] == [
        ("5", "unanswered"),
        ("4", "confirmed"),
    ]


def loses_the_answer(shop: Shop) -> None:
    """The stock lane sends, and no answer comes."""
    shop.sandbox.add_fault(match="/v1/stock", kind="status", status=503, after_commit=True)
    shop.run_lane("stock")


def skipped(shop: Shop) -> list[tuple[str, str, str, int]]:
    return [(one.value, one.outcome, one.why, one.skipped) for one in way(shop, "PAN-1", "stock")][1:]


def test_a_value_whose_answer_was_lost_is_not_counted_as_one_never_sent(shop: Shop) -> None:
    variation = shop.sell("PAN-1", qty=10)
    shop.connect()
    for qty in (9, 8, 7):
        set_qty(variation, qty)
    loses_the_answer(shop)
    for qty in (6, 5):
        set_qty(variation, qty)
    loses_the_answer(shop)
    set_qty(variation, 4)
    shop.run_lane("stock")
    for qty in (3, 2):
        set_qty(variation, qty)
    shop.run_lane("stock")

    assert skipped(shop) == [
        ("7", "unanswered", "", 2),
        ("5", "unanswered", "", 1),
        ("4", "confirmed", "", 0),
        ("2", "confirmed", "", 1),
    ]


def test_a_value_whose_answer_was_lost_still_says_what_asked_for_it(shop: Shop) -> None:
    variation = shop.sell("PAN-1", qty=10)
    shop.connect()
    services.retry_facet(listing=shop.listing("PAN-1"), facet="stock")
    loses_the_answer(shop)
    set_qty(variation, 4)
    shop.run_lane("stock")

    assert skipped(shop) == [("10", "unanswered", "again", 0), ("4", "confirmed", "", 0)]


def test_a_price_whose_answer_was_lost_is_not_counted_by_the_one_that_is_held(shop: Shop) -> None:
    variation = shop.sell("PAN-1", price="100.00")
    shop.save_rules(Rules(most_drop=Decimal(50)))
    shop.connect()
    shop.sandbox.add_fault(match="/v1/prices", kind="status", status=503, after_commit=True)
    change_product(variation, price="90.00")
    shop.run_lane("price")
    for price in ("80.00", "10.00"):
        change_product(variation, price=price)
    shop.run_lane("price")

    last = way(shop, "PAN-1", "price")[-1]
    assert (last.outcome, last.skipped) == ("held", 1)


def test_who_asked_for_it_is_kept(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    services.retry_facet(listing=shop.listing("PAN-1"), facet="price")
    shop.settle()
    change_product(variation, price="150.00")
    shop.settle()

    assert way(shop, "PAN-1", "content")[-1].why == "load:1"
    assert [one.why for one in way(shop, "PAN-1", "price")] == ["load:1", "again", ""]


def test_what_comes_back_on_sale_was_asked_for_by_its_load(shop: Shop) -> None:
    variation = shop.sell("PAN-1", qty=10)
    shop.connect()
    set_qty(variation, 5)
    shop.settle()
    Sync.objects.filter(facet="stock").update(
        received_at=timezone.now() - timedelta(minutes=16), cause="an-old-call"
    )
    shop.send_again("PAN-1", action="disconnect")
    counted = lag_of(shop.connection, Facet.STOCK).samples

    load = shop.connect()

    for facet, value in (("stock", "5"), ("price", "129.90/129.90")):
        last = way(shop, "PAN-1", facet)[-1]
        assert (last.value, last.outcome, last.why, last.cause) == (
            value,
            "confirmed",
            f"load:{load.number}",
            "",
        )
        assert last.received_at is not None
        assert last.received_at > timezone.now() - timedelta(minutes=5)
    assert lag_of(shop.connection, Facet.STOCK).samples == counted
    assert lag_of(shop.connection, Facet.PRICE).samples == 0


def test_what_changed_while_off_sale_is_sent_and_counted_as_its_loads(shop: Shop) -> None:
    variation = shop.sell("PAN-1", qty=10)
    shop.connect()
    shop.send_again("PAN-1", action="disconnect")
    set_qty(variation, 5)
    Sync.objects.filter(facet="stock").update(received_at=timezone.now() - timedelta(hours=1))

    load = shop.connect()

    last = way(shop, "PAN-1", "stock")[-1]
    assert (last.value, last.why) == ("5", f"load:{load.number}")
    assert lag_of(shop.connection, Facet.STOCK).samples == 0
    set_qty(variation, 4)
    shop.settle()
    assert lag_of(shop.connection, Facet.STOCK).samples == 1


def test_the_history_of_a_facet_never_grows_beyond_its_ring(shop: Shop) -> None:
    variation = shop.sell("PAN-1", qty=100)
    shop.connect()
    for qty in range(KEPT + 5):
        set_qty(variation, qty)
        shop.settle()

    kept = way(shop, "PAN-1", "stock")
    assert [one.value for one in kept] == [str(qty) for qty in range(5, KEPT + 5)]
    assert shop.sync("PAN-1", "stock").passages == KEPT + 6


def test_a_deleted_product_leaves_no_passage_behind(shop: Shop) -> None:
    shop.sell("PAN-1")
    shop.connect()
    shop.send_again("PAN-1", action="disconnect")
    listing = shop.listing("PAN-1")
    Sync.objects.filter(listing=listing).delete()

    listing.delete()
    Variation.objects.all().delete()
    Product.objects.all().delete()

    assert not Passage.objects.exists()


# --- lag -----------------------------------------------------------------------------------------


def lag_of(connection: Connection, facet: Facet) -> lag.LagOf:
    since = timezone.now() - timedelta(hours=2)
    return next(one for one in lag.of([connection], since) if one.facet is facet)


def test_what_the_catalogue_asked_for_is_measured_and_nothing_else(shop: Shop) -> None:
    variation = shop.sell("PAN-1", qty=10)
    shop.connect()
    assert lag_of(shop.connection, Facet.CONTENT).samples == 1
    assert lag_of(shop.connection, Facet.STOCK).samples == 0

    set_qty(variation, 5)
    shop.settle()
    services.retry_facet(listing=shop.listing("PAN-1"), facet="stock")
    shop.settle()
    set_qty(variation, 4)
    set_qty(variation, 5)
    shop.settle()

    assert lag_of(shop.connection, Facet.STOCK).samples == 1
    assert lag_of(shop.connection, Facet.PRICE).samples == 0


def test_a_value_that_waited_shows_how_long(shop: Shop) -> None:
    variation = shop.sell("PAN-1", qty=10)
    shop.connect()
    set_qty(variation, 5)
    Sync.objects.filter(facet="stock").update(received_at=timezone.now() - timedelta(minutes=10))
    shop.settle()

    found = lag_of(shop.connection, Facet.STOCK)
    assert found.longest is not None
    assert 600 <= found.longest < 660
    assert found.is_met is False
    shop.connection.marketplace.lag_target_seconds = 900
    assert lag.of([shop.connection], timezone.now() - timedelta(hours=2))[0].is_met is True


def test_percentiles_come_from_the_buckets(shop: Shop) -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for bucket, samples, longest in ((0, 50, 0.09), (5, 45, 0.99), (10, 5, 7.0)):
        Lag.objects.create(
            connection=shop.connection,
            facet="stock",
            hour=hour,
            bucket=bucket,
            samples=samples,
            longest=longest,
        )

    found = lag_of(shop.connection, Facet.STOCK)

    assert found.p50 == pytest.approx(0.09)
    assert found.p95 == pytest.approx(0.99)
    assert found.quantile(0.99) == pytest.approx(5 + (7.0 - 5) * 4 / 5)
    assert found.longest == 7.0
    assert lag_of(shop.connection, Facet.PRICE).p95 is None


def test_a_batch_is_one_row_however_many_values(shop: Shop) -> None:
    for number in range(30):
        shop.sell(f"PAN-{number}")
    shop.connect()
    Variation.objects.update(qty=3)
    shop.settle()

    assert lag_of(shop.connection, Facet.STOCK).samples == 30
    assert Lag.objects.filter(facet="stock").count() <= 4


def test_old_measurements_are_forgotten_and_others_stay(shop: Shop, settings: object) -> None:
    row = {"connection": shop.connection, "facet": "stock", "bucket": 1, "samples": 1, "longest": 1.0}
    Lag.objects.create(hour=timezone.now() - timedelta(days=40), **row)
    Lag.objects.create(hour=timezone.now() - timedelta(days=10), **row)

    assert tasks.forget_old_lags() == 1
    assert Lag.objects.count() == 1


def test_another_sellers_lag_is_not_counted(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    set_qty(variation, 3)
    shop.settle()
    other = open_shop(shop.sandbox, "Beto")

    assert all(one.samples == 0 for one in lag.of([other.connection], timezone.now() - timedelta(days=1)))
    assert Listing.objects.count() == 1
