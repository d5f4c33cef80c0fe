"""An order on one account lowers the others at once, and nothing is subtracted twice."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db import connection as database
from django.utils import timezone

from catalog import services as catalogue
from catalog.models import Product, Variation
from marketplaces import drift, engine, ledger, mapping, services, stock
from marketplaces.contract import Facet, OrderStatus
from marketplaces.models import Connection, Exchange, Hold, Lane, Load, Passage, RemoteCategory, Sync
from marketplaces.simulators.sandbox import SandboxSimulator
from orders import queue
from orders import services as ordering
from orders.models import Order
from orders.services.seller import cancel_refused
from tests import engine as driver
from tests import make
from tests.marketplaces.shop import PANS, Shop, open_shop
from tests.orders.make import client_of, remote_order

pytestmark = pytest.mark.django_db(transaction=True)
SKU = "PAN-1"


@dataclass
class TwoAccounts:
    """One seller with one product on two accounts of the same sandbox."""

    here: Shop
    there: Shop
    variation: Variation

    def settle(self) -> None:
        for shop in (self.here, self.there):
            Lane.objects.filter(connection=shop.connection).update(run_at=timezone.now(), failures=0)
            engine.run(Lane.objects.get(connection=shop.connection, kind="orders").pk)
        for shop in (self.here, self.there):
            shop.settle()

    def buy(self, shop: Shop, units: int = 1, **more: Any) -> str:
        """A shopper buys; the hub hears of it."""
        line = {"sku": SKU, "quantity": units}
        bought = {"account": shop.account["account_id"], "lines": [line], "status": "approved", **more}
        (order,) = shop.sandbox.create_orders([bought])
        self.settle()
        return f"{shop.connection.name}-{order['id']}"

    def erp_takes(self, *codes: str) -> None:
        """The ERP takes orders out of the queue and acknowledges them."""
        seller = self.here.seller
        queue.lease(seller, 100)
        for code in codes:
            assert queue.acknowledge(seller, code)

    def erp_says(self, units: int) -> None:
        """The ERP's stock call."""
        catalogue.set_stock(self.here.seller.pk, [{"sku": SKU, "qty": units}])
        self.settle()

    @property
    def shown(self) -> tuple[int, int]:
        """What shoppers see on either account."""
        return self.here.shown(SKU)["quantity"], self.there.shown(SKU)["quantity"]


def open_second(first: Shop) -> Shop:
    """Another account of the same seller at the same sandbox."""
    account = first.sandbox.create_account("Ana 2")
    connection = services.open_connection(
        seller=first.seller,
        marketplace=first.connection.marketplace,
        name="Outra",
        credentials={"api_key": account["api_key"], "webhook_secret": account["webhook_secret"]},
    )
    remote = RemoteCategory.objects.get(marketplace=connection.marketplace, remote_id=PANS)
    mapping.map_categories(connection, {first.category.pk: remote.pk})
    return Shop(first.seller, connection, first.sandbox, first.category, account)


@pytest.fixture
def two(shop: Shop) -> TwoAccounts:
    variation = shop.sell(SKU, qty=10)
    other = open_second(shop)
    shop.connect()
    other.connect(action=Load.Action.ASSOCIATE)
    return TwoAccounts(shop, other, variation)


def hold(code: str) -> Hold:
    return Hold.objects.get(order_code=code)


def test_an_order_lowers_the_other_account_at_once_and_not_the_erps_figure(two: TwoAccounts) -> None:
    two.buy(two.here, 2)

    assert two.shown == (8, 8)
    two.variation.refresh_from_db()
    assert two.variation.qty == 10
    erp = client_of(two.here.seller)
    assert erp.get(f"/products/{SKU}").json()["qty"] == 10
    quantities = [one["quantity"] for one in erp.get("/listings").json()["listings"]]
    assert quantities == [{"erp": 10, "held": 2, "reserved": 0, "published": 8}] * 2


def test_the_account_that_sold_is_not_sent_what_it_took_off_by_itself(two: TwoAccounts) -> None:
    sent = Exchange.objects.filter(lane="stock", connection=two.here.connection).count()
    two.buy(two.here, 2)
    assert Exchange.objects.filter(lane="stock", connection=two.here.connection).count() == sent
    sync = two.here.sync(SKU, "stock")
    assert (sync.confirmed_value, sync.wanted_version) == ("8", sync.confirmed_version)


def test_the_history_tells_an_order_from_the_erps_figure_and_from_a_buffer(two: TwoAccounts) -> None:
    code = two.buy(two.here, 2)
    two.erp_takes(code)
    two.erp_says(7)
    Connection.objects.filter(pk=two.there.connection.pk).update(stock_reserve=1)
    two.settle()

    kept = Passage.objects.filter(listing=two.there.listing(SKU), facet="stock").order_by("settled_at")
    assert [(one.value, one.why) for one in kept][1:] == [("8", "order"), ("7", ""), ("6", "buffer")]


def test_an_account_sent_a_quantity_after_the_sale_is_sent_the_lower_one(two: TwoAccounts) -> None:
    line = {"sku": SKU, "quantity": 1}
    two.here.sandbox.create_orders([{"account": two.here.account["account_id"], "lines": [line]}])
    catalogue.set_stock(two.here.seller.pk, [{"sku": SKU, "qty": 20}])
    two.here.settle()
    assert two.shown[0] == 20
    two.settle()
    assert two.shown == (19, 19)


def test_after_the_acknowledgement_the_next_figure_ends_the_hold(two: TwoAccounts) -> None:
    code = two.buy(two.here)
    two.erp_takes(code)
    two.settle()
    assert two.shown == (9, 9)
    two.erp_says(9)
    assert two.shown == (9, 9)
    assert (hold(code).held, hold(code).accounted) == (0, 1)
    two.erp_says(9)
    two.erp_says(12)
    assert two.shown == (12, 12)


@pytest.mark.parametrize("way", ["bulk", "variation", "product", "upsert"])
def test_the_same_figure_said_again_counts_whichever_call_says_it(two: TwoAccounts, way: str) -> None:
    code = two.buy(two.here)
    two.erp_takes(code)
    erp = client_of(two.here.seller)
    before = Variation.objects.get(pk=two.variation.pk).updated_at
    match way:
        case "bulk":
            answer = erp.put("/bulk/stock", {"items": [{"sku": SKU, "qty": 10}]}, format="json")
        case "variation":
            answer = erp.put(f"/variations/{SKU}", {"variation": {"qty": 10}}, format="json")
        case "product":
            answer = erp.put(f"/products/{SKU}", {"product": {"qty": 10}}, format="json")
        case _:
            product = {"sku": SKU, "qty": 10, "name": two.variation.product.name}
            answer = erp.post("/products", {"product": product}, format="json")
    assert answer.status_code < 300, answer.content
    two.settle()
    assert (hold(code).held, two.shown) == (0, (10, 10))
    variation = Variation.objects.get(pk=two.variation.pk)
    assert (variation.updated_at, variation.figure_awaited) == (before, False)


def test_a_figure_from_before_the_order_was_taken_ends_nothing(two: TwoAccounts) -> None:
    code = two.buy(two.here)
    two.erp_says(10)
    two.erp_says(7)
    assert two.shown == (6, 6)
    two.erp_takes(code)
    two.settle()
    assert two.shown == (6, 6)
    two.erp_says(7)
    assert two.shown == (7, 7)


def test_an_erp_that_lowers_its_figure_before_it_acknowledges_is_understood(two: TwoAccounts) -> None:
    first, second = two.buy(two.here), two.buy(two.there)
    assert two.shown == (8, 8)
    queue.lease(two.here.seller, 100)
    two.erp_says(9)
    assert (hold(first).held, hold(second).held) == (0, 1)
    assert two.shown == (8, 8)
    for code in (first, second):
        queue.acknowledge(two.here.seller, code)
    two.settle()
    assert two.shown == (8, 8)
    two.erp_says(8)
    assert two.shown == (8, 8)


def test_the_same_figure_while_the_erp_takes_the_order_ends_nothing(two: TwoAccounts) -> None:
    code = two.buy(two.here)
    queue.lease(two.here.seller, 100)
    two.erp_says(10)
    two.erp_says(11)
    assert (hold(code).held, two.shown) == (1, (10, 10))


def test_a_cancellation_gives_back(two: TwoAccounts) -> None:
    code = two.buy(two.here, 3)
    two.here.sandbox.cancel_order(code.removeprefix("Sandbox-"))
    two.settle()
    assert (hold(code).held, two.shown) == (0, (10, 10))
    other = two.buy(two.there)
    ordering.cancel(two.here.seller, other)
    two.settle()
    assert two.shown == (10, 10)


def test_a_refused_cancellation_holds_again_until_the_erp_takes_it_anew(two: TwoAccounts) -> None:
    seller = two.here.seller
    ordering.import_order(two.here.connection, remote_order("X", "APPROVED", skus=(SKU,)))
    code = Order.objects.get().code
    two.erp_takes(code)
    two.erp_says(8)
    ordering.cancel(seller, code)
    catalogue.set_stock(seller.pk, [{"sku": SKU, "qty": 10}])
    assert hold(code).held == 0
    with transaction.atomic():
        cancel_refused(Order.objects.select_for_update().get(code=code))
    two.settle()
    assert two.shown == (8, 8)
    two.erp_takes(code)
    two.erp_says(8)
    assert two.shown == (8, 8)


def test_an_order_told_twice_holds_once_and_its_units_may_change(two: TwoAccounts) -> None:
    connection = two.here.connection
    for _time in range(2):
        ordering.import_order(connection, remote_order("X", "APPROVED", skus=(SKU,)))
    code = Order.objects.get().code
    assert (Hold.objects.count(), hold(code).held) == (1, 2)
    two.erp_takes(code)
    two.erp_says(8)
    assert hold(code).held == 0

    ordering.import_order(connection, remote_order("X", "APPROVED", minutes=5, skus=(SKU, SKU)))
    assert (hold(code).quantity, hold(code).held) == (4, 2)
    two.erp_says(8)
    assert hold(code).held == 2, "the ERP was not told of the two more"
    two.erp_takes(code)
    two.erp_says(6)
    assert hold(code).held == 0

    ordering.import_order(connection, remote_order("X", "APPROVED", minutes=9, skus=(SKU,)))
    assert (hold(code).quantity, hold(code).held) == (2, 0)
    ordering.import_order(connection, remote_order("X", "APPROVED", minutes=10, skus=("OUTRO",)))
    assert hold(code).quantity == 0


def tell(two: TwoAccounts, units: int, minutes: int, remote_id: str = "X") -> str:
    """The marketplace tells an order of so many units; its code."""
    remote = remote_order(remote_id, "APPROVED", minutes=minutes, skus=(SKU,))
    items = (replace(remote.items[0], quantity=units),)
    return ordering.import_order(two.here.connection, replace(remote, items=items)).order.code


@pytest.mark.parametrize("when", ["after", "before", "never"])
def test_units_that_fell_and_rise_again_are_held_again(two: TwoAccounts, when: str) -> None:
    """The ERP gives them back, and says so after it has acknowledged, before, or instead."""
    code = tell(two, 3, 0)
    two.erp_takes(code)
    two.erp_says(7)
    tell(two, 1, 1)
    queue.lease(two.here.seller, 10)
    if when == "after":
        queue.acknowledge(two.here.seller, code)
    two.erp_says(9)
    if when == "before":
        queue.acknowledge(two.here.seller, code)
    tell(two, 2, 2)
    two.settle()
    assert (hold(code).held, two.shown) == (1, (8, 8))
    if when == "never":
        queue.acknowledge(two.here.seller, code)
    two.erp_takes(code)
    two.erp_says(8)
    assert (hold(code).held, two.shown) == (0, (8, 8))


def test_units_that_fell_and_rise_again_before_the_erp_heard_of_it_are_not_held_twice(
    two: TwoAccounts,
) -> None:
    code = tell(two, 3, 0)
    two.erp_takes(code)
    two.erp_says(7)
    for minutes, units in ((1, 1), (2, 3)):
        tell(two, units, minutes)
        two.settle()
        assert (hold(code).held, two.shown) == (0, (7, 7))


def test_an_acknowledgement_of_the_newest_state_without_an_offer_counts_as_well(two: TwoAccounts) -> None:
    code = tell(two, 3, 0)
    two.erp_takes(code)
    two.erp_says(7)
    tell(two, 1, 1)
    queue.acknowledge(two.here.seller, code, current=True)
    two.erp_says(9)
    tell(two, 2, 2)
    two.settle()
    assert (hold(code).held, two.shown) == (1, (8, 8))


def test_a_late_figure_of_units_that_fell_meanwhile_accounts_for_no_other_order(two: TwoAccounts) -> None:
    code = tell(two, 3, 0)
    two.erp_takes(code)
    tell(two, 1, 1)
    other = tell(two, 2, 0, "Y")
    queue.lease(two.here.seller, 10)
    two.erp_says(7)
    assert (hold(code).held, hold(other).held) == (0, 2)
    assert two.shown == (5, 5)
    for one in (code, other):
        queue.acknowledge(two.here.seller, one)
    two.erp_says(7)
    assert (hold(other).held, two.shown) == (0, (7, 7))


def test_an_acknowledgement_of_the_version_before_more_units_came_does_not_count(two: TwoAccounts) -> None:
    connection, seller = two.here.connection, two.here.seller
    ordering.import_order(connection, remote_order("X", "NEW", skus=(SKU,)))
    code = Order.objects.get().code
    queue.lease(seller, 1)
    ordering.import_order(connection, remote_order("X", "NEW", minutes=1, skus=(SKU, SKU)))
    queue.acknowledge(seller, code)
    two.erp_says(8)
    assert hold(code).held == 2, "the figure fell by what the ERP was given first"
    two.erp_says(8)
    assert hold(code).held == 2, "it has not acknowledged the rest"
    two.erp_takes(code)
    two.erp_says(6)
    assert hold(code).held == 0


def test_an_approval_between_offer_and_acknowledgement_changes_nothing(two: TwoAccounts) -> None:
    connection, seller = two.here.connection, two.here.seller
    ordering.import_order(connection, remote_order("X", "NEW", skus=(SKU,)))
    code = Order.objects.get().code
    queue.lease(seller, 1)
    ordering.import_order(connection, remote_order("X", "APPROVED", minutes=1, skus=(SKU,)))
    queue.acknowledge(seller, code)
    two.erp_says(8)
    assert hold(code).held == 0


@pytest.mark.parametrize("status", ["SHIPPED", "DELIVERED", "SHIPMENT_EXCEPTION", "CANCELED"])
def test_an_order_that_comes_in_already_sent_or_canceled_holds_nothing(two: TwoAccounts, status: str) -> None:
    ordering.import_order(two.here.connection, remote_order("X", status, skus=(SKU,)))
    assert not Hold.objects.exists()


def test_an_order_for_an_unknown_sku_holds_nothing_and_harms_nobody(two: TwoAccounts) -> None:
    ordering.import_order(two.here.connection, remote_order("X", skus=("NOBODY", SKU)))
    assert [one.variation_id for one in Hold.objects.all()] == [two.variation.pk]


def test_a_shipped_order_holds_until_the_figure_all_the_same(two: TwoAccounts) -> None:
    code = two.buy(two.here)
    ordering.import_order(two.here.connection, remote_order(code.removeprefix("Sandbox-"), "SHIPPED"))
    Order.objects.filter(code=code).update(status_type=OrderStatus.SHIPPED.value)
    assert hold(code).held == 1


def test_a_test_accounts_own_order_holds_on_every_account(two: TwoAccounts) -> None:
    type(two.here.seller).objects.filter(pk=two.here.seller.pk).update(is_test=True)
    two.here.seller.refresh_from_db()
    made = ordering.TestOrder(channel="Teste", items=[ordering.TestItem(SKU, 3)])
    code = ordering.create_test_order(two.here.seller, made).code
    two.settle()
    assert (hold(code).connection, two.shown) == (None, (7, 7))


def test_two_orders_for_the_last_unit_never_go_below_zero(two: TwoAccounts) -> None:
    two.erp_says(1)
    for shop in (two.here, two.there):
        line = {"sku": SKU, "quantity": 1}
        shop.sandbox.create_orders([{"account": shop.account["account_id"], "lines": [line]}])
    two.settle()
    assert two.shown == (0, 0)
    (offer,) = set(stock.offers(two.here.seller.pk, [two.variation.pk]).values())
    assert (offer.held, offer.published) == (2, 0)


def test_another_sellers_order_touches_nothing(two: TwoAccounts, sandbox: SandboxSimulator) -> None:
    beto = open_shop(sandbox, "Beto")
    beto.sell(SKU, qty=5)
    beto.connect()
    before = list(Sync.objects.filter(connection__seller=beto.seller).values())
    code = two.buy(two.here)
    assert list(Sync.objects.filter(connection__seller=beto.seller).values()) == before
    queue.lease(beto.seller, 10)
    catalogue.set_stock(beto.seller.pk, [{"sku": SKU, "qty": 4}])
    assert hold(code).held == 1
    assert beto.seller.pk not in set(Hold.objects.values_list("seller_id", flat=True))


def test_an_account_with_the_switch_off_offers_the_erps_figure(two: TwoAccounts) -> None:
    Connection.objects.filter(pk=two.there.connection.pk).update(hold_stock=False)
    two.buy(two.here)
    assert two.shown == (9, 10)
    Connection.objects.filter(pk=two.there.connection.pk).update(hold_stock=True)
    two.settle()
    assert two.shown == (9, 9)


@pytest.mark.parametrize(
    ("buffers", "shown"),
    [
        ({"stock_reserve": 3}, 7),
        ({"stock_reserve": 30}, 0),
        ({"stock_percentage": 50}, 5),
        ({"stock_percentage": 1}, 1),
        ({"stock_most": 4}, 4),
        ({"stock_reserve": 1, "stock_percentage": 50, "stock_most": 4}, 4),
        ({"stock_reserve": 1, "stock_percentage": 50}, 5),
    ],
)
def test_buffers_lower_what_one_account_offers(two: TwoAccounts, buffers: dict[str, int], shown: int) -> None:
    Connection.objects.filter(pk=two.there.connection.pk).update(**buffers)
    two.settle()
    assert two.shown == (10, shown)


def test_a_buffer_marks_only_what_it_changes(two: TwoAccounts) -> None:
    two.here.sell("PAN-2", qty=3)
    two.there.connect("PAN-2")
    before = two.there.sync("PAN-2", "stock").wanted_version
    Connection.objects.filter(pk=two.there.connection.pk).update(stock_most=5)
    assert two.there.sync("PAN-2", "stock").wanted_version == before
    assert two.there.sync(SKU, "stock").due_at is not None
    assert two.here.sync(SKU, "stock").due_at is None


def test_a_first_publication_carries_what_is_offered(two: TwoAccounts) -> None:
    two.here.sell("PAN-2", qty=7)
    ordering.import_order(two.here.connection, remote_order("X", skus=("PAN-2",)))
    Connection.objects.filter(pk=two.there.connection.pk).update(stock_reserve=1)
    two.there.connect("PAN-2")
    told = two.there.sandbox.log(two.there.account["account_id"], "PAN-2", "stock")
    assert {one["value"] for one in told} == {"4"}


@pytest.mark.parametrize("bad", [{"stock_reserve": -1}, {"stock_percentage": 0}, {"stock_most": 0}])
def test_the_database_refuses_senseless_buffers(two: TwoAccounts, bad: dict[str, int]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Connection.objects.filter(pk=two.here.connection.pk).update(**bad)


def test_quantities_that_fall_to_nothing_go_out_before_older_ones(two: TwoAccounts) -> None:
    second, third = two.here.sell("PAN-2"), two.here.sell("PAN-3")
    two.here.connect("PAN-2", "PAN-3")
    Connection.objects.filter(pk=two.here.connection.pk).update(stock_reserve=2)
    two.here.settle()

    def first_due() -> list[str]:
        return [one.sku for one in ledger.take_due(two.here.connection.pk, Facet.STOCK, 10)]

    for variation, qty in ((two.variation, 7), (second, 5), (third, 2)):
        Variation.objects.filter(pk=variation.pk).update(qty=qty)
    assert first_due() == ["PAN-3", "PAN-1", "PAN-2"]
    Product.objects.filter(pk=second.product_id).update(status=Product.Status.DISABLED)
    assert first_due()[:2] == ["PAN-3", "PAN-2"]
    ordering.import_order(two.there.connection, remote_order("X", skus=(SKU, SKU, SKU)))
    assert first_due() == ["PAN-3", "PAN-2", "PAN-1"]
    Variation.objects.filter(pk=third.pk).update(qty=9)
    assert first_due() == ["PAN-2", "PAN-1", "PAN-3"]
    assert len(ledger.take_due(two.here.connection.pk, Facet.STOCK, 1)) == 1


def test_a_person_lets_a_hold_go_and_more_units_are_held_again(two: TwoAccounts) -> None:
    owner = make.make_member(two.here.seller)
    ordering.import_order(two.here.connection, remote_order("X", skus=(SKU,)))
    assert stock.release(holds=Hold.objects.all(), by=owner) == 1
    assert stock.release(holds=Hold.objects.all(), by=owner) == 0
    two.settle()
    assert two.shown == (10, 10)
    row = Hold.objects.get()
    assert (row.released_by, row.released) == (owner, 2)
    ordering.import_order(two.here.connection, remote_order("X", minutes=3, skus=(SKU, SKU)))
    assert Hold.objects.get().held == 2


def test_a_hold_let_go_is_held_again_when_its_order_comes_back_to_life(two: TwoAccounts) -> None:
    owner = make.make_member(two.here.seller)
    code = tell(two, 2, 0)
    stock.release(holds=Hold.objects.all(), by=owner)
    ordering.cancel(two.here.seller, code)
    with transaction.atomic():
        cancel_refused(Order.objects.select_for_update().get(code=code))
    two.settle()
    assert (hold(code).held, two.shown) == (2, (8, 8))
    assert hold(code).released_by == owner, "who let it go once is still known"


def test_units_let_go_that_fell_and_rise_again_are_held_again(two: TwoAccounts) -> None:
    code = tell(two, 3, 0)
    stock.release(holds=Hold.objects.all(), by=make.make_member(two.here.seller))
    tell(two, 1, 1)
    two.erp_takes(code)
    tell(two, 3, 2)
    assert hold(code).held == 2


def test_the_read_back_finds_nothing_to_heal_while_stock_is_held(two: TwoAccounts) -> None:
    two.buy(two.here, 2)
    for shop in (two.here, two.there):
        shop.look()
    rows = Sync.objects.filter(facet="stock")
    assert {(one.seen_value, one.confirmed_value, one.due_at, one.drift) for one in rows} == {
        ("8", "8", None, "")
    }


def test_a_sale_seen_before_its_order_is_no_difference_once_the_order_is_known(two: TwoAccounts) -> None:
    services.set_switches(connection=two.here.connection, auto_heal=False)
    line = {"sku": SKU, "quantity": 2}
    two.here.sandbox.create_orders([{"account": two.here.account["account_id"], "lines": [line]}])
    sent = Exchange.objects.filter(lane="stock", connection=two.here.connection).count()
    two.here.look()
    # The marketplace shows the sale before it tells of the order.
    Lane.objects.filter(connection=two.here.connection, kind="orders").update(caught_up_at=timezone.now())
    two.here.look()
    assert two.here.sync(SKU, "stock").drift == "outside"

    two.settle()

    assert two.shown == (8, 8)
    assert two.here.sync(SKU, "stock").drift == ""
    assert Exchange.objects.filter(lane="stock", connection=two.here.connection).count() == sent


def test_a_frozen_quantity_stays_whatever_is_sold_elsewhere(two: TwoAccounts) -> None:
    here = two.here.listing(SKU)
    drift.set_frozen(seller_id=two.here.seller.pk, listings=[here], facets=["stock"], frozen=True, by="Ana")
    two.buy(two.there, 2)
    two.erp_says(0)
    assert two.shown == (10, 0)

    two.here.send_again(SKU)
    assert two.shown == (10, 0)

    drift.set_frozen(seller_id=two.here.seller.pk, listings=[here], facets=["stock"], frozen=False, by="Ana")
    two.here.settle()
    assert two.shown == (0, 0)


def test_taking_a_variation_out_of_the_catalogue_takes_its_holds_along(two: TwoAccounts) -> None:
    two.buy(two.here)
    for shop in (two.here, two.there):
        shop.send_again(action=Load.Action.DISCONNECT)
    catalogue.delete_product(two.here.seller.pk, SKU)
    assert not Hold.objects.exists()


def test_what_no_order_moves_leaves_the_holds_alone(two: TwoAccounts) -> None:
    two.buy(two.here)
    driver.settle(two.there.connection)
    before = list(Sync.objects.order_by("listing_id", "facet").values_list("wanted_version", "due_at"))
    with database.cursor() as cursor:
        cursor.execute("UPDATE orders_orderitem SET name = 'x'")
        cursor.execute("UPDATE marketplaces_hold SET version = version")
        cursor.execute("UPDATE marketplaces_connection SET last_error = ''")
    after = list(Sync.objects.order_by("listing_id", "facet").values_list("wanted_version", "due_at"))
    assert after == before


@pytest.fixture
def early(shop: Shop) -> str:
    """An order of two units of a SKU the ERP has not created yet; its code."""
    return ordering.import_order(shop.connection, remote_order("X", "APPROVED", skus=(SKU,))).order.code


def creates(shop: Shop, qty: int = 10) -> None:
    """The ERP's call that creates the product, with its figure."""
    product = {"sku": SKU, "qty": qty, "name": "Panela"}
    answer = client_of(shop.seller).post("/products", {"product": product}, format="json")
    assert answer.status_code == 201, answer.content


def free(shop: Shop) -> int:
    """What is offered of the product."""
    variation = Variation.objects.get(sku=SKU)
    return stock.offers(shop.seller.pk, [variation.pk])[shop.connection.pk, variation.pk].published


def takes(shop: Shop, code: str) -> None:
    queue.lease(shop.seller, 100)
    assert queue.acknowledge(shop.seller, code)


def moves_on(code: str) -> None:
    """The ERP reports the invoice: the order changes, and the queue need not tell of it."""
    Order.objects.filter(code=code).update(status_type=OrderStatus.INVOICED.value)


def test_a_product_created_after_its_order_was_acknowledged_is_offered_as_the_erp_says(
    shop: Shop, early: str
) -> None:
    takes(shop, early)
    creates(shop)
    assert (free(shop), hold(early).held) == (10, 0)
    moves_on(early)
    assert (free(shop), hold(early).held) == (10, 0)


def test_a_product_created_before_its_order_is_acknowledged_is_held_until_the_next_figure(
    shop: Shop, early: str
) -> None:
    creates(shop)
    assert free(shop) == 8
    takes(shop, early)
    moves_on(early)
    assert free(shop) == 8
    catalogue.set_stock(shop.seller.pk, [{"sku": SKU, "qty": 10}])
    assert (free(shop), hold(early).held) == (10, 0)


def test_a_product_created_while_the_erp_has_its_order_is_freed_by_a_figure_that_falls(
    shop: Shop, early: str
) -> None:
    queue.lease(shop.seller, 100)
    creates(shop)
    assert free(shop) == 8
    catalogue.set_stock(shop.seller.pk, [{"sku": SKU, "qty": 8}])
    assert free(shop) == 8
    queue.acknowledge(shop.seller, early)
    assert (free(shop), hold(early).held) == (8, 0)


def test_a_product_created_after_units_the_erp_was_not_told_of_is_held_until_it_was(
    shop: Shop, early: str
) -> None:
    takes(shop, early)
    ordering.import_order(shop.connection, remote_order("X", "APPROVED", minutes=1, skus=(SKU, SKU)))
    creates(shop)
    assert free(shop) == 6
    takes(shop, early)
    catalogue.set_stock(shop.seller.pk, [{"sku": SKU, "qty": 6}])
    assert (free(shop), hold(early).held) == (6, 0)


def test_a_product_created_anew_is_offered_as_the_erp_says(shop: Shop) -> None:
    shop.sell(SKU)
    code = ordering.import_order(shop.connection, remote_order("X", "APPROVED", skus=(SKU,))).order.code
    takes(shop, code)
    catalogue.delete_product(shop.seller.pk, SKU)
    creates(shop, 8)
    moves_on(code)
    assert (free(shop), hold(code).held) == (8, 0)


@pytest.mark.parametrize("status", ["SHIPPED", "DELIVERED", "CANCELED"])
def test_a_product_created_after_its_order_is_over_holds_nothing(shop: Shop, early: str, status: str) -> None:
    Order.objects.filter(code=early).update(status_type=status)
    creates(shop)
    assert not Hold.objects.exists()


def test_a_product_created_after_a_cancellation_is_held_when_the_order_comes_back_to_life(
    shop: Shop, early: str
) -> None:
    takes(shop, early)
    ordering.cancel(shop.seller, early)
    creates(shop)
    with transaction.atomic():
        cancel_refused(Order.objects.select_for_update().get(code=early))
    assert free(shop) == 8
    takes(shop, early)
    catalogue.set_stock(shop.seller.pk, [{"sku": SKU, "qty": 8}])
    assert free(shop) == 8


def test_another_sellers_product_of_the_same_sku_holds_nothing(
    shop: Shop, early: str, sandbox: SandboxSimulator
) -> None:
    open_shop(sandbox, "Beto").sell(SKU)
    assert not Hold.objects.exists()


def test_a_product_and_an_order_that_miss_each_other_meet_at_the_acknowledgement(
    shop: Shop, early: str
) -> None:
    """Both were being written at once, so that neither saw the other."""
    creates(shop)
    Hold.objects.all().delete()
    takes(shop, early)
    assert (hold(early).held, free(shop)) == (2, 8)
    catalogue.set_stock(shop.seller.pk, [{"sku": SKU, "qty": 10}])
    assert (hold(early).held, free(shop)) == (0, 10)


def test_an_order_is_acknowledged_while_its_product_is_being_deleted(shop: Shop, early: str) -> None:
    creates(shop)
    queue.lease(shop.seller, 100)

    def acknowledge() -> bool:
        try:
            return queue.acknowledge(shop.seller, early)
        finally:
            database.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            catalogue.delete_product(shop.seller.pk, SKU)
            told = pool.submit(acknowledge)
            time.sleep(0.3)
        assert told.result(timeout=10)
    assert not Hold.objects.exists()
