"""Price and stock follow the catalogue by themselves, whatever breaks in between."""

from __future__ import annotations

import pytest
from django.db import connection as database
from django.utils import timezone

from catalog.models import Product, Variation
from marketplaces import engine, services
from marketplaces.models import Connection, Exchange, Lane, Pace, Sync
from tests import engine as driver
from tests.marketplaces.shop import Shop, change_product, set_qty

pytestmark = pytest.mark.django_db(transaction=True)


def lane(shop: Shop, kind: str) -> Lane:
    return Lane.objects.get(connection=shop.connection, kind=kind)


def quiet_now(shop: Shop) -> None:
    """Let no lane wait for its back-off."""
    Lane.objects.filter(connection=shop.connection).update(run_at=timezone.now())


def test_a_changed_quantity_reaches_the_marketplace(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()

    set_qty(variation, 3)
    shop.settle()

    assert shop.shown("PAN-1")["quantity"] == 3
    sync = shop.sync("PAN-1", "stock")
    assert sync.wanted_version == sync.sent_version == sync.confirmed_version
    assert (sync.sent_value, sync.confirmed_value) == ("3", "3")
    assert sync.received_at <= sync.queued_at <= sync.sent_at <= sync.confirmed_at


def test_a_changed_product_price_reaches_the_variations_without_one_of_their_own(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()

    change_product(variation, price="80.00", promotional_price="70.00")
    shop.settle()
    assert (shop.shown("PAN-1")["price"], shop.shown("PAN-1")["list_price"]) == ("70.00", "80.00")

    Variation.objects.filter(pk=variation.pk).update(price="60.00", promotional_price="55.00")
    shop.settle()
    before = shop.sync("PAN-1", "price").wanted_version
    change_product(variation, price="85.00")
    assert shop.sync("PAN-1", "price").wanted_version == before
    assert shop.shown("PAN-1")["price"] == "55.00"


def test_a_disabled_product_sells_nothing_until_it_is_enabled_again(shop: Shop) -> None:
    variation = shop.sell("PAN-1", qty=8)
    shop.connect()

    change_product(variation, status=Product.Status.DISABLED)
    shop.settle()
    assert shop.shown("PAN-1")["quantity"] == 0

    change_product(variation, status=Product.Status.ENABLED)
    shop.settle()
    assert shop.shown("PAN-1")["quantity"] == 8


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE catalog_variation SET qty = qty WHERE sku = 'PAN-1'",
        "UPDATE catalog_product SET price = price, name = name WHERE sku = 'PAN-1'",
        "UPDATE catalog_variation SET updated_at = now() WHERE sku = 'PAN-1'",
    ],
)
def test_writing_the_same_value_marks_nothing(shop: Shop, statement: str) -> None:
    shop.sell("PAN-1")
    shop.connect()
    before = list(Sync.objects.order_by("facet").values_list("facet", "wanted_version", "due_at"))

    with database.cursor() as cursor:
        cursor.execute(statement)

    assert list(Sync.objects.order_by("facet").values_list("facet", "wanted_version", "due_at")) == before


def test_psql_counts_as_much_as_the_api(shop: Shop) -> None:
    shop.sell("PAN-1")
    shop.connect()

    with database.cursor() as cursor:
        cursor.execute("UPDATE catalog_variation SET qty = 77 WHERE sku = 'PAN-1'")
    shop.settle()

    assert shop.shown("PAN-1")["quantity"] == 77


def test_values_replaced_before_they_were_sent_are_counted_and_only_the_last_is_sent(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    before = Exchange.objects.filter(lane="stock").count()

    for qty in (5, 4, 3):
        set_qty(variation, qty)
    shop.settle()

    assert shop.shown("PAN-1")["quantity"] == 3
    assert shop.sync("PAN-1", "stock").superseded == 2
    assert Exchange.objects.filter(lane="stock").count() == before + 1


def test_one_more_turn_after_convergence_sends_nothing(shop: Shop) -> None:
    shop.sell("PAN-1")
    shop.connect()
    before = Exchange.objects.filter(lane__in=("content", "price", "stock")).count()

    for kind in ("content", "price", "stock"):
        engine.run(lane(shop, kind).pk)

    assert Exchange.objects.filter(lane__in=("content", "price", "stock")).count() == before


def test_many_changes_go_out_in_full_batches(shop: Shop) -> None:
    for number in range(120):
        shop.sell(f"PAN-{number}")
    shop.connect()
    before = Exchange.objects.filter(lane="price").count()

    Product.objects.filter(seller=shop.seller).update(price="99.00")
    shop.settle()

    assert {one["price"] for one in shop.sandbox.listings(size=200)["listings"]} == {"99.00"}
    assert Exchange.objects.filter(lane="price").count() == before + 2


def test_the_faults_of_a_marketplace_delay_but_lose_nothing(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    for fault in (
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 504, "after_commit": True},
        {"kind": "html", "status": 502},
        {"kind": "truncate"},
        {"kind": "drop"},
        {"kind": "status", "status": 429, "headers": {"Retry-After": "0"}},
        {"kind": "status", "status": 401},
    ):
        shop.sandbox.add_fault(match="/v1/stock", **fault)
    set_qty(variation, 2)

    for _ in range(12):
        driver.turn(shop.connection)
        quiet_now(shop)
    shop.settle()

    assert shop.shown("PAN-1")["quantity"] == 2
    assert Connection.objects.get(pk=shop.connection.pk).status == Connection.Status.ACTIVE


def test_throttling_waits_as_told_and_is_no_failure(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    shop.sandbox.add_fault(match="/v1/stock", kind="status", status=429, headers={"Retry-After": "30"})
    set_qty(variation, 2)

    engine.run(lane(shop, "stock").pk)

    after = lane(shop, "stock")
    assert 25 < (after.run_at - timezone.now()).total_seconds() <= 30
    assert after.failures == 0
    assert shop.sync("PAN-1", "stock").due_at is not None


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("said", ["inf", "4102444800", "99999999999999"])
def test_no_retry_after_keeps_a_value_from_the_marketplace_for_longer_than_an_hour(
    shop: Shop, status: int, said: str
) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    shop.sandbox.add_fault(match="/v1/stock", kind="status", status=status, headers={"Retry-After": said})
    set_qty(variation, 2)

    engine.run(lane(shop, "stock").pk)

    after = lane(shop, "stock")
    assert after.lease_until is None
    assert (after.run_at - timezone.now()).total_seconds() <= 3600
    assert Pace.free_in(shop.connection) <= 3600


def test_refused_credentials_stop_the_connection_and_fresh_ones_start_it_again(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    shop.sandbox.revoke(shop.account["account_id"])
    set_qty(variation, 2)

    engine.run(lane(shop, "stock").pk)

    shop.connection.refresh_from_db()
    assert shop.connection.status == Connection.Status.NEEDS_CREDENTIALS
    assert engine.due_lanes(timezone.now()) == []
    other = shop.sandbox.create_account("Another")
    with pytest.raises(services.NotPossible, match=r"outra conta|another account"):
        services.renew_credentials(
            connection=shop.connection,
            credentials={"api_key": other["api_key"], "webhook_secret": other["webhook_secret"]},
        )


def test_an_account_the_seller_paused_stays_paused_with_new_credentials(shop: Shop) -> None:
    services.set_paused(connection=shop.connection, paused=True)
    fresh = {name: shop.account[name] for name in ("api_key", "webhook_secret")}

    services.renew_credentials(connection=shop.connection, credentials=fresh)

    shop.connection.refresh_from_db()
    assert shop.connection.status == Connection.Status.PAUSED


def test_a_price_the_marketplace_refuses_does_not_hold_up_the_others(shop: Shop) -> None:
    good, bad = shop.sell("PAN-1"), shop.sell("PAN-METADE")
    shop.connect()

    set_qty(good, 5)
    set_qty(bad, 5)
    shop.settle()

    assert shop.shown("PAN-1")["quantity"] == 5
    assert shop.sync("PAN-METADE", "stock").refused_version > 0
    assert [issue.facet for issue in shop.issues("PAN-METADE")] == ["stock"]


def test_a_switched_off_kind_waits_and_then_catches_up(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    services.set_switches(connection=shop.connection, sync_stock=False)
    set_qty(variation, 1)
    for _ in range(3):
        driver.turn(shop.connection)
    assert shop.shown("PAN-1")["quantity"] == 10

    services.set_switches(connection=shop.connection, sync_stock=True)
    shop.settle()

    assert shop.shown("PAN-1")["quantity"] == 1


def test_no_secret_is_ever_written_into_an_exchange(shop: Shop) -> None:
    shop.sell("PAN-1")
    shop.connect()

    secrets = (shop.account["api_key"], shop.account["webhook_secret"])
    for exchange in Exchange.objects.all():
        said = exchange.url + exchange.request_body + exchange.response_body + exchange.error
        assert not any(secret in said for secret in secrets)
