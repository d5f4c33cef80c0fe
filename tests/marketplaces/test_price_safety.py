"""Price rules, the guard and the staircase, from the ERP's figure to what the marketplace shows."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any
from unittest import mock

import pytest
from django.db import IntegrityError, connections, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.models import Product
from marketplaces import drift, held, price_rules, services
from marketplaces import engine as lanes
from marketplaces.models import Connection, HeldPrice, Lane, Listing, Load, Passage, PriceRules, Sync
from marketplaces.pricing import Ending, Offer, Rule, Rules
from marketplaces.simulators.sandbox import SandboxSimulator
from tests import engine, make
from tests.marketplaces.shop import Shop, change_product, open_shop
from tests.marketplaces.test_meanwhile import meanwhile
from tests.simulators.lab import gtin

pytestmark = pytest.mark.django_db(transaction=True)

D = Decimal


def rule(percent: str = "0", fixed: str = "0", ending: str = "none", offer: str = "from_for") -> Rule:
    return Rule(D(percent), D(fixed), Ending(ending), Offer(offer))


def shown(shop: Shop, sku: str) -> tuple[str, str]:
    found = shop.shown(sku)
    return found["price"], found["list_price"]


def prices_sent(shop: Shop, sku: str) -> list[str]:
    """The prices that took effect there one after another, publications included."""
    return [row["value"] for row in shop.sandbox.log(shop.account["account_id"], sku, "price")]


def holds(shop: Shop, sku: str) -> list[HeldPrice]:
    return list(HeldPrice.objects.filter(listing=shop.listing(sku)).order_by("id"))


def open_holds(shop: Shop) -> Any:
    return HeldPrice.objects.filter(connection=shop.connection, state=HeldPrice.State.OPEN)


# --- rules ------------------------------------------------------------------------------------


def test_the_first_publication_carries_the_rules_price(shop: Shop) -> None:
    shop.sell("PAN-1", price="100.00", promotional_price="80.00")
    shop.save_rules(Rules(rule("10", ending="90")))

    shop.connect()

    assert shown(shop, "PAN-1") == ("88.90", "110.90")
    assert set(prices_sent(shop, "PAN-1")) == {"88.90"}


def test_later_prices_follow_by_the_rule(shop: Shop) -> None:
    variation = shop.sell("PAN-1", price="100.00")
    shop.save_rules(Rules(rule("10", "2", "99")))
    shop.connect()

    change_product(variation, price="200.00")
    shop.settle()

    assert shown(shop, "PAN-1") == ("222.99", "222.99")
    assert Product.objects.get(sku="PAN-1").price == D("200.00")


def test_the_most_specific_rule_decides_what_each_listing_costs(shop: Shop) -> None:
    make.make_category(shop.seller, "OFERTAS")
    parent = shop.sell("A", price="100.00").product
    make.make_variation(parent, "A-AZUL", ean=gtin("790000000001"))
    shop.sell("B", price="100.00")
    shop.sell("C", price="100.00", category_codes=["PANELAS", "OFERTAS"])
    Product.objects.filter(sku="B").update(category_codes=["OFERTAS", "PANELAS"])
    shop.connect()

    shop.save_rules(
        Rules(
            base=rule("1"),
            categories={"OFERTAS": rule("-20"), "PANELAS": rule("5")},
            skus={"A": rule("30"), "A-AZUL": rule("40")},
        ),
    )
    shop.settle()

    assert {sku: shown(shop, sku)[0] for sku in ("A", "A-AZUL", "B", "C")} == {
        "A": "130.00",
        "A-AZUL": "140.00",
        "B": "80.00",
        "C": "105.00",
    }


def test_saving_marks_exactly_the_listings_whose_price_changes(shop: Shop) -> None:
    for sku in ("PAN-1", "PAN-2", "PAN-3"):
        shop.sell(sku, price="100.00")
    shop.connect()
    before = dict(Sync.objects.filter(facet="price").values_list("listing_id", "wanted_version"))

    version = shop.save_rules(Rules(skus={"PAN-2": rule("10"), "PAN-3": rule("0", "0")}))

    after = dict(Sync.objects.filter(facet="price").values_list("listing_id", "wanted_version"))
    assert {pk for pk in after if after[pk] != before[pk]} == {shop.listing("PAN-2").pk}
    assert version.changed == 1
    shop.settle()
    assert [shown(shop, sku)[0] for sku in ("PAN-1", "PAN-2", "PAN-3")] == ["100.00", "110.00", "100.00"]


def test_a_product_that_moves_to_a_category_with_a_rule_gets_its_price(shop: Shop) -> None:
    variation = shop.sell("PAN-1", price="100.00")
    make.make_category(shop.seller, "OFERTAS")
    shop.connect()
    shop.save_rules(Rules(categories={"OFERTAS": rule("-20")}))

    change_product(variation, category_codes=["OFERTAS", "PANELAS"])
    shop.settle()
    assert shown(shop, "PAN-1")[0] == "80.00"

    change_product(variation, category_codes=["PANELAS"])
    shop.settle()
    assert shown(shop, "PAN-1")[0] == "100.00"
    kept = Passage.objects.filter(facet="price").order_by("settled_at").values_list("why", flat=True)
    assert list(kept)[-2:] == ["category", "category"]


def test_moving_between_categories_sends_nothing_where_no_rule_looks_at_them(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    shop.save_rules(Rules(rule("10")))
    shop.settle()
    version = shop.sync("PAN-1", "price").wanted_version

    change_product(variation, category_codes=["OUTRA"])

    assert shop.sync("PAN-1", "price").wanted_version == version


def test_a_product_that_moves_while_rules_by_category_are_saved_gets_its_price(shop: Shop) -> None:
    variation = shop.sell("PAN-1", price="100.00")
    make.make_category(shop.seller, "OFERTAS")
    shop.connect()

    def move() -> None:
        change_product(variation, category_codes=["OFERTAS", "PANELAS"])

    with meanwhile('INSERT INTO "marketplaces_pricerules"', move, before=True):
        shop.save_rules(Rules(categories={"OFERTAS": rule("20")}))
    shop.settle()

    assert shown(shop, "PAN-1")[0] == "120.00"


def test_rules_saved_while_a_product_is_moving_wait_for_its_new_category(shop: Shop) -> None:
    variation = shop.sell("PAN-1", price="100.00")
    make.make_category(shop.seller, "OFERTAS")
    shop.connect()

    def save() -> None:
        try:
            shop.save_rules(Rules(categories={"OFERTAS": rule("20")}))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            change_product(variation, category_codes=["OFERTAS", "PANELAS"])
            saved = pool.submit(save)
            with pytest.raises(TimeoutError):
                saved.result(timeout=0.3)
        saved.result(timeout=10)
    shop.settle()

    assert shown(shop, "PAN-1")[0] == "120.00"


def test_a_rule_that_leaves_nothing_of_a_price_is_told_in_the_preview_and_not_saved(shop: Shop) -> None:
    shop.sell("CARA", price="100.00")
    shop.sell("BARATA", price="9.00")
    shop.connect()
    rules = Rules(rule(fixed="-10"))

    found = price_rules.preview(shop.connection, rules)
    assert (found.impossible, found.impossible_skus) == (1, ["BARATA"])
    with pytest.raises(price_rules.RulesRefused, match="BARATA"):
        shop.save_rules(rules)

    shop.settle()
    assert not PriceRules.objects.exists()
    assert shown(shop, "CARA")[0] == "100.00"


def test_a_price_a_rule_leaves_nothing_of_later_is_refused_in_words_and_closes_with_the_rule(
    shop: Shop,
) -> None:
    variation = shop.sell("PAN-1", price="100.00")
    shop.connect()
    shop.save_rules(Rules(rule(fixed="-10")))
    shop.settle()

    change_product(variation, price="5.00")
    shop.settle()
    assert [issue.kind for issue in shop.issues("PAN-1")] == ["price_rule"]
    assert shown(shop, "PAN-1")[0] == "90.00"

    shop.save_rules(Rules())
    shop.settle()
    assert shop.issues("PAN-1") == []
    assert shown(shop, "PAN-1")[0] == "5.00"


@pytest.fixture
def slipped(shop: Shop) -> Shop:
    """PAN-1 costs 1.00 by the ERP's slip: of that the rules in force, their second version, leave nothing."""
    shop.sell("PAN-1", price="10.00")
    shop.sell("PAN-2", price="100.00")
    shop.save_rules(Rules(skus={"PAN-1": rule(fixed="-3.50")}))
    shop.save_rules(Rules(rule("10"), skus={"PAN-1": rule(fixed="-3.50")}))
    shop.connect()
    erp_says(shop, "1.00")
    assert [issue.kind for issue in shop.issues("PAN-1")] == ["price_rule"]
    return shop


def test_a_price_the_rules_in_force_leave_nothing_of_already_is_told_and_stops_no_change(
    slipped: Shop,
) -> None:
    rules = Rules(rule("20"), skus={"PAN-1": rule(fixed="-3.50")})

    found = price_rules.preview(slipped.connection, rules)
    assert (found.impossible, found.is_savable) == (0, True)
    assert (found.still_impossible, found.still_impossible_skus) == (1, ["PAN-1"])
    version = slipped.save_rules(rules)
    slipped.settle()

    assert version.changed == 1
    assert shown(slipped, "PAN-2")[0] == "120.00"
    assert shown(slipped, "PAN-1")[0] == "6.50"
    assert [issue.kind for issue in slipped.issues("PAN-1")] == ["price_rule"]


def test_rules_can_be_rolled_back_while_the_erp_sends_a_wrong_price(slipped: Shop) -> None:
    first = PriceRules.objects.get(number=1)
    price_rules.roll_back(connection=slipped.connection, to=first, based_on=2)
    slipped.settle()
    assert shown(slipped, "PAN-2")[0] == "100.00"
    assert shown(slipped, "PAN-1")[0] == "6.50"


def test_a_rollback_that_leaves_nothing_of_a_price_is_foretold_and_keeps_the_price_that_is_there(
    slipped: Shop,
) -> None:
    first = PriceRules.objects.get(number=1)
    slipped.save_rules(Rules(rule("10")))
    slipped.settle()
    assert shown(slipped, "PAN-1")[0] == "1.10"

    found = price_rules.preview(slipped.connection, first.said, is_rollback=True)
    assert (found.impossible, found.impossible_skus, found.is_savable) == (1, ["PAN-1"], True)
    price_rules.roll_back(connection=slipped.connection, to=first, based_on=3)
    slipped.settle()

    assert shown(slipped, "PAN-2")[0] == "100.00"
    assert shown(slipped, "PAN-1")[0] == "1.10"
    assert [issue.kind for issue in slipped.issues("PAN-1")] == ["price_rule"]


def test_rules_for_an_account_with_nothing_listed_are_not_stopped_by_a_price_of_the_catalogue(
    shop: Shop,
) -> None:
    shop.sell("PAN-1", price="1.00")
    rules = Rules(rule(fixed="-3.50"))
    found = price_rules.preview(shop.connection, rules)
    assert (found.is_listed, found.impossible, found.is_savable) == (False, 1, True)
    shop.save_rules(rules)
    assert PriceRules.objects.get().said == rules


@pytest.mark.parametrize(
    "rules",
    [
        Rules(rule("-100")),
        Rules(rule("1000.01")),
        Rules(rule(fixed="100000")),
        Rules(most_drop=D(100)),
        Rules(most_drop=D(0)),
        Rules(most_rise=D(-1)),
        Rules(skus={str(n): Rule() for n in range(1001)}),
    ],
)
def test_numbers_outside_what_a_rule_may_say_are_refused(shop: Shop, rules: Rules) -> None:
    with pytest.raises(price_rules.RulesRefused):
        price_rules.preview(shop.connection, rules)
    with pytest.raises(price_rules.RulesRefused):
        shop.save_rules(rules)


# --- versions ---------------------------------------------------------------------------------


def test_rolling_back_makes_a_new_version_equal_to_the_old_one_and_sends_the_old_prices(shop: Shop) -> None:
    shop.sell("PAN-1", price="100.00")
    shop.connect()
    person = make.make_member(shop.seller)
    first = shop.save_rules(Rules(rule("10")), person)
    shop.save_rules(Rules(rule("50"), skus={"PAN-1": rule("60")}), person)
    shop.settle()
    assert shown(shop, "PAN-1")[0] == "160.00"

    third = price_rules.roll_back(connection=shop.connection, to=first, based_on=2, by=person)
    shop.settle()

    assert shown(shop, "PAN-1")[0] == "110.00"
    assert (third.number, third.same_as, third.rules, third.saved_by) == (3, 1, first.rules, person)
    assert PriceRules.objects.filter(connection=shop.connection).count() == 3


def test_a_version_never_changes(shop: Shop) -> None:
    version = shop.save_rules(Rules(rule("10")))
    with pytest.raises(IntegrityError), transaction.atomic():
        PriceRules.objects.filter(pk=version.pk).update(rules={})
    with pytest.raises(IntegrityError), transaction.atomic():
        PriceRules.objects.filter(pk=version.pk).update(number=7)


def test_what_somebody_else_saved_meanwhile_is_not_overwritten(shop: Shop) -> None:
    shop.save_rules(Rules(rule("10")))
    with pytest.raises(price_rules.RulesRefused, match="1"):
        price_rules.save(connection=shop.connection, rules=Rules(rule("20")), based_on=0)
    assert price_rules.current(shop.connection.pk)[1].base.percent == 10


def test_no_price_is_taken_while_rules_are_being_saved(shop: Shop) -> None:
    variation = shop.sell("PAN-1", price="100.00")
    shop.connect()
    taken: list[Any] = []

    def look() -> None:
        taken.append(price_rules.take_due(shop.connection.pk, 10))
        connections.close_all()

    with transaction.atomic():
        shop.save_rules(Rules(rule("10")))
        change_product(variation, price="50.00")
        worker = threading.Thread(target=look)
        worker.start()
        worker.join()

    assert taken == [None]
    shop.settle()
    assert shown(shop, "PAN-1")[0] == "55.00"


# --- the preview and what happens -------------------------------------------------------------


def test_the_preview_counts_what_changes_the_extremes_and_what_falls_below_cost(shop: Shop) -> None:
    shop.sell("UP", price="100.00", cost="80.00")
    shop.sell("DOWN", price="100.00", cost="95.00")
    shop.sell("SAME", price="100.00")
    shop.sell("BIG", price="1000.00")
    shop.connect()

    found = price_rules.preview(
        shop.connection,
        Rules(rule("5"), skus={"DOWN": rule("-10"), "SAME": rule(), "UP": rule("20")}, most_drop=D(5)),
    )

    assert (found.is_listed, found.total, found.changed, found.now) == (True, 4, 3, 2)
    assert (found.rises, found.drops, found.held) == (2, 1, 1)
    assert (found.below_cost, found.below_cost_before) == (1, 0)
    assert found.largest_rise is not None
    assert (found.largest_rise.sku, found.largest_rise.percent) == ("UP", D(20))
    assert found.largest_rise_amount is not None
    assert (found.largest_rise_amount.sku, found.largest_rise_amount.amount) == ("BIG", D(50))
    assert found.largest_drop is not None
    assert (found.largest_drop.sku, found.largest_drop.amount) == ("DOWN", D(-10))
    assert [line.sku for line in found.sample] == ["UP", "DOWN", "BIG"]
    assert not PriceRules.objects.exists()


def test_before_anything_is_listed_the_preview_looks_at_the_catalogue(shop: Shop) -> None:
    shop.sell("PAN-1", price="100.00")
    found = price_rules.preview(shop.connection, Rules(rule("10")))
    assert (found.is_listed, found.total, found.changed, found.now) == (False, 1, 1, 0)


money = st.one_of(st.none(), st.decimals("0.50", "9000", places=2))
any_rule = st.builds(
    Rule,
    st.decimals("-60", "300", places=1),
    st.decimals("-20", "50", places=2),
    st.sampled_from(Ending),
    st.sampled_from(Offer),
)
SKUS = ("PAN-1", "PAN-2", "PAN-2-AZUL", "PAN-3")


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    make.make_category(shop.seller, "OFERTAS")
    shop.sell("PAN-1")
    make.make_variation(shop.sell("PAN-2").product, "PAN-2-AZUL", ean=gtin("790000000001"))
    shop.sell("PAN-3")
    shop.connect()
    return shop


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.decimals("0.50", "9000", places=2), money), min_size=3, max_size=3),
    st.lists(st.sampled_from(["PANELAS", "OFERTAS"]), unique=True),
    any_rule,
    st.dictionaries(st.sampled_from(["PANELAS", "OFERTAS"]), any_rule, max_size=2),
    st.dictionaries(st.sampled_from(SKUS), any_rule, max_size=2),
)
def test_what_the_preview_says_is_what_then_happens(
    stocked: Shop,
    catalogue: list[tuple[Decimal, Decimal | None]],
    codes: list[str],
    base: Rule,
    categories: dict[str, Rule],
    skus: dict[str, Rule],
) -> None:
    shop = stocked
    # Back to the ERP's own figures: rules of the example before might leave nothing of the new ones.
    shop.save_rules(Rules())
    for sku, (full, promotional) in zip(("PAN-1", "PAN-2", "PAN-3"), catalogue, strict=True):
        Product.objects.filter(sku=sku).update(
            price=full, promotional_price=promotional, category_codes=codes or ["PANELAS"]
        )
    shop.settle()
    rules = Rules(base, categories, skus)
    before = {sku: shown(shop, sku) for sku in SKUS}

    found = price_rules.preview(shop.connection, rules)
    if found.impossible:
        with pytest.raises(price_rules.RulesRefused):
            shop.save_rules(rules)
        return
    version = shop.save_rules(rules)
    shop.settle()

    after = {sku: shown(shop, sku) for sku in SKUS}
    refused = {sku for sku in SKUS if shop.issues(sku)}
    foreseen = {
        line.sku: (f"{line.after.price:.2f}", f"{line.after.list_price:.2f}") for line in found.sample
    }
    changed = {sku for sku in SKUS if before[sku] != after[sku]}
    assert changed | refused == set(foreseen)
    assert {sku: after[sku] for sku in changed} == {sku: foreseen[sku] for sku in changed}
    assert found.changed == found.now == version.changed == len(foreseen)
    assert found.rises == sum(D(foreseen[sku][0]) > D(before[sku][0]) for sku in foreseen)
    # What the sandbox takes nobody's price for: under 50 centavos.
    assert all(D(foreseen[sku][0]) < D("0.50") for sku in refused)


# --- read-back --------------------------------------------------------------------------------


def test_the_read_back_sees_no_drift_where_a_rule_explains_the_difference(shop: Shop) -> None:
    shop.sell("PAN-1", price="100.00")
    shop.save_rules(Rules(rule("15", ending="90")))
    shop.connect()
    sent = len(prices_sent(shop, "PAN-1"))

    shop.look()
    shop.settle()

    sync = shop.sync("PAN-1", "price")
    assert (sync.seen_value, sync.confirmed_value) == ("115.90/115.90", "115.90/115.90")
    assert sync.drift == ""
    assert len(prices_sent(shop, "PAN-1")) == sent


def test_a_price_changed_outside_is_healed_to_the_rules_price_and_not_held(shop: Shop) -> None:
    shop.sell("PAN-1", price="100.00")
    shop.save_rules(Rules(rule("15"), most_drop=D(10)))
    shop.connect()
    shop.sandbox.set_listing(shop.account["account_id"], "PAN-1", price="400.00")

    shop.look()
    shop.settle()

    assert shown(shop, "PAN-1")[0] == "115.00"
    assert holds(shop, "PAN-1") == []


# --- the guard --------------------------------------------------------------------------------


@pytest.fixture
def guarded(shop: Shop) -> Shop:
    """PAN-1 at 100.00, and a guard that holds drops over 30 % and rises over 100 %."""
    shop.sell("PAN-1", price="100.00")
    shop.save_rules(Rules(most_drop=D(30), most_rise=D(100)))
    shop.connect()
    return shop


def erp_says(shop: Shop, price: str, sku: str = "PAN-1") -> None:
    Product.objects.filter(seller=shop.seller, sku=sku).update(price=price)
    shop.settle()


def test_a_drop_over_the_limit_is_held_and_the_old_price_stays(guarded: Shop) -> None:
    erp_says(guarded, "1.00")

    assert shown(guarded, "PAN-1")[0] == "100.00"
    (hold,) = open_holds(guarded)
    assert (hold.was, hold.price, hold.percent) == (D("100.00"), D("1.00"), D("-99.00"))
    assert guarded.issues("PAN-1") == []


def test_a_rise_over_its_limit_is_held_too_and_a_move_within_goes_out(guarded: Shop) -> None:
    erp_says(guarded, "70.00")
    assert shown(guarded, "PAN-1")[0] == "70.00"
    erp_says(guarded, "140.01")
    assert shown(guarded, "PAN-1")[0] == "70.00"
    assert open_holds(guarded).get().price == D("140.01")


def test_approving_sends_the_held_price_and_keeps_who_did(guarded: Shop) -> None:
    person = make.make_member(guarded.seller)
    erp_says(guarded, "50.00")

    assert held.approve(guarded.seller.pk, open_holds(guarded), person) == 1
    guarded.settle()

    assert shown(guarded, "PAN-1")[0] == "50.00"
    (hold,) = holds(guarded, "PAN-1")
    assert (hold.state, hold.decided_by) == (HeldPrice.State.APPROVED, person)
    assert hold.decided_at is not None


def test_an_approval_is_for_once(guarded: Shop) -> None:
    erp_says(guarded, "50.00")
    held.approve(guarded.seller.pk, open_holds(guarded), None)
    guarded.settle()
    erp_says(guarded, "99.00")
    assert shown(guarded, "PAN-1")[0] == "99.00"

    erp_says(guarded, "50.00")

    assert shown(guarded, "PAN-1")[0] == "99.00"
    assert open_holds(guarded).count() == 1


def test_rejecting_keeps_the_price_there_until_the_erp_sends_another(guarded: Shop) -> None:
    person = make.make_member(guarded.seller)
    erp_says(guarded, "1.00")

    assert held.reject(guarded.seller.pk, open_holds(guarded), person) == 1
    guarded.settle()
    assert shown(guarded, "PAN-1")[0] == "100.00"
    (hold,) = holds(guarded, "PAN-1")
    assert (hold.state, hold.decided_by) == (HeldPrice.State.REJECTED, person)

    # Sending again, or the same figure in a new version of the rules, asks nobody twice.
    services.send_terms_again(connection=guarded.connection, listings=Listing.objects.all())
    guarded.settle()
    assert [one.state for one in holds(guarded, "PAN-1")] == [HeldPrice.State.REJECTED]
    assert shown(guarded, "PAN-1")[0] == "100.00"

    erp_says(guarded, "95.00")
    assert shown(guarded, "PAN-1")[0] == "95.00"


def test_a_rejected_price_may_still_be_approved(guarded: Shop) -> None:
    erp_says(guarded, "50.00")
    held.reject(guarded.seller.pk, open_holds(guarded), None)
    assert held.approve(guarded.seller.pk, HeldPrice.objects.all(), None) == 1
    guarded.settle()
    assert shown(guarded, "PAN-1")[0] == "50.00"


def test_a_newer_figure_takes_the_held_ones_place(guarded: Shop) -> None:
    erp_says(guarded, "1.00")
    erp_says(guarded, "2.00")
    assert [(one.state, one.price) for one in holds(guarded, "PAN-1")] == [
        (HeldPrice.State.REPLACED, D("1.00")),
        (HeldPrice.State.OPEN, D("2.00")),
    ]

    erp_says(guarded, "90.00")

    assert shown(guarded, "PAN-1")[0] == "90.00"
    assert not open_holds(guarded).exists()


def test_the_figure_of_before_closes_the_hold_without_a_call(guarded: Shop) -> None:
    erp_says(guarded, "1.00")
    sent = len(prices_sent(guarded, "PAN-1"))
    erp_says(guarded, "100.00")
    assert not open_holds(guarded).exists()
    assert len(prices_sent(guarded, "PAN-1")) == sent


def test_approving_what_the_erp_has_replaced_meanwhile_does_nothing(guarded: Shop) -> None:
    erp_says(guarded, "1.00")
    Product.objects.filter(sku="PAN-1").update(price="2.00")

    assert held.approve(guarded.seller.pk, open_holds(guarded), None) == 0
    guarded.settle()

    assert shown(guarded, "PAN-1")[0] == "100.00"
    assert open_holds(guarded).get().price == D("2.00")


def test_a_figure_that_comes_back_is_held_anew_although_another_took_its_place(guarded: Shop) -> None:
    erp_says(guarded, "1.00")
    guarded.sandbox.add_fault(match="/v1/prices", status=503)
    Product.objects.filter(seller=guarded.seller, sku="PAN-1").update(price="95.00")
    lanes.run(Lane.objects.get(connection=guarded.connection, kind="price").pk)

    erp_says(guarded, "1.00")
    assert held.approve(guarded.seller.pk, open_holds(guarded), None) == 1
    guarded.settle()

    assert shown(guarded, "PAN-1")[0] == "1.00"


def test_a_held_price_does_not_slip_out_with_a_reconnect_or_by_sending_again(guarded: Shop) -> None:
    erp_says(guarded, "1.00")

    guarded.send_again("PAN-1")
    services.retry_facet(listing=guarded.listing("PAN-1"), facet="price")
    services.send_terms_again(connection=guarded.connection, listings=Listing.objects.all())
    guarded.settle()

    assert guarded.listing("PAN-1").state == Listing.State.CONNECTED
    assert set(prices_sent(guarded, "PAN-1")) == {"100.00"}
    assert open_holds(guarded).count() == 1


def test_a_listing_taken_off_sale_leaves_no_price_waiting_for_a_decision(guarded: Shop) -> None:
    erp_says(guarded, "1.00")
    assert open_holds(guarded).count() == 1

    services.start_load(
        connection=guarded.connection, action=Load.Action.DISCONNECT, listings=Listing.objects.all()
    )
    guarded.settle()

    assert guarded.listing("PAN-1").state == Listing.State.DISCONNECTED
    assert not open_holds(guarded).exists()


def test_a_listing_that_comes_back_on_sale_is_weighed_against_what_it_was_sold_at(guarded: Shop) -> None:
    guarded.send_again("PAN-1", action=Load.Action.DISCONNECT)
    erp_says(guarded, "1.00")
    guarded.connect("PAN-1")

    assert guarded.listing("PAN-1").state == Listing.State.CONNECTED
    assert set(prices_sent(guarded, "PAN-1")) <= {"100.00"}
    assert shown(guarded, "PAN-1")[0] == "100.00"
    (hold,) = open_holds(guarded)
    assert (hold.was, hold.price) == (D(100), D(1))

    held.approve(guarded.seller.pk, open_holds(guarded), None)
    guarded.settle()
    assert shown(guarded, "PAN-1")[0] == "1.00"


def test_a_listing_that_comes_back_with_a_price_the_guard_lets_through_carries_it(guarded: Shop) -> None:
    guarded.send_again("PAN-1", action=Load.Action.DISCONNECT)
    erp_says(guarded, "90.00")
    guarded.connect("PAN-1")

    assert shown(guarded, "PAN-1")[0] == "90.00"
    assert not open_holds(guarded).exists()


def test_a_vanished_listing_let_go_leaves_no_price_waiting_for_a_decision(guarded: Shop) -> None:
    erp_says(guarded, "1.00")
    Listing.objects.update(gone_at=timezone.now(), gone_as=Listing.Gone.values[0])

    assert drift.accept_gone(connection=guarded.connection, listings=Listing.objects.all()) == 1

    assert not open_holds(guarded).exists()


def test_a_rule_that_cuts_too_deep_is_held_as_well(guarded: Shop) -> None:
    found = price_rules.preview(guarded.connection, Rules(rule("-40"), most_drop=D(30)))
    assert found.held == 1
    guarded.save_rules(Rules(rule("-40"), most_drop=D(30)))
    guarded.settle()
    assert shown(guarded, "PAN-1")[0] == "100.00"
    assert open_holds(guarded).get().price == D("60.00")


def test_a_wider_guard_lets_out_what_it_no_longer_holds(guarded: Shop) -> None:
    erp_says(guarded, "50.00")
    guarded.save_rules(Rules(most_drop=D(60)))
    guarded.settle()
    assert shown(guarded, "PAN-1")[0] == "50.00"
    assert not open_holds(guarded).exists()


def test_stock_goes_on_while_a_price_is_held(guarded: Shop) -> None:
    erp_says(guarded, "1.00")
    guarded.listing("PAN-1").variation.__class__.objects.filter(sku="PAN-1").update(qty=3)
    guarded.settle()
    assert guarded.shown("PAN-1")["quantity"] == 3


def test_nobody_decides_on_another_sellers_prices(guarded: Shop, sandbox: SandboxSimulator) -> None:
    erp_says(guarded, "1.00")
    other = open_shop(sandbox, "Beto")
    assert held.approve(other.seller.pk, HeldPrice.objects.all(), None) == 0
    assert held.reject(other.seller.pk, HeldPrice.objects.all(), None) == 0
    assert open_holds(guarded).count() == 1


def test_rules_hold_for_their_own_connection_only(shop: Shop, sandbox: SandboxSimulator) -> None:
    account = sandbox.create_account("Filial")
    branch = services.open_connection(
        seller=shop.seller,
        marketplace=shop.connection.marketplace,
        name="Filial",
        credentials={"api_key": account["api_key"]},
    )
    shop.save_rules(Rules(rule("10")))
    assert price_rules.current(branch.pk) == (0, Rules())


# --- the staircase ----------------------------------------------------------------------------


def test_a_cut_over_the_marketplaces_limit_goes_down_in_steps(shop: Shop) -> None:
    variation = shop.sell("PAN-1", price="100.00")
    shop.connect()
    shop.sandbox.change_settings(price_cut_limit=40)

    change_product(variation, price="20.00")
    shop.settle()

    steps = prices_sent(shop, "PAN-1")
    assert steps[-4:] == ["60.00", "36.00", "21.60", "20.00"]
    sync = shop.sync("PAN-1", "price")
    assert sync.confirmed_version == sync.wanted_version
    assert (sync.confirmed_value, sync.agreed_value) == ("20.00/20.00", "20.00/20.00")
    assert shop.issues("PAN-1") == []


def test_the_limit_is_learned_once(shop: Shop) -> None:
    first, second = shop.sell("PAN-1", price="100.00"), shop.sell("PAN-2", price="100.00")
    shop.connect()
    shop.sandbox.change_settings(price_cut_limit=50)
    change_product(first, price="30.00")
    shop.settle()
    assert Connection.objects.get(pk=shop.connection.pk).price_cut_limit == D(50)

    before = shop.sandbox.stats()["calls"]["PUT /v1/prices 200"]
    change_product(second, price="30.00")
    shop.settle()

    assert prices_sent(shop, "PAN-2")[-2:] == ["50.00", "30.00"]
    assert shop.sandbox.stats()["calls"]["PUT /v1/prices 200"] == before + 2


def test_a_change_in_the_middle_of_the_stairs_aims_anew(shop: Shop) -> None:
    variation = shop.sell("PAN-1-DEGRAU", price="100.00")
    shop.connect()
    Connection.objects.filter(pk=shop.connection.pk).update(price_cut_limit=40)
    change_product(variation, price="10.00")
    lane = Lane.objects.get(connection=shop.connection, kind="price")
    # One step only: the lane's slice is over right after the first call.
    with mock.patch("marketplaces.engine.Turn.has_time", side_effect=[True, False]):
        lanes.run(lane.pk)
    assert shown(shop, "PAN-1-DEGRAU")[0] == "60.00"

    change_product(variation, price="50.00")
    shop.settle()

    assert prices_sent(shop, "PAN-1-DEGRAU")[-2:] == ["60.00", "50.00"]


def test_the_stairs_of_an_approved_price_ask_nobody_again(guarded: Shop) -> None:
    guarded.sandbox.change_settings(price_cut_limit=50)
    erp_says(guarded, "10.00")
    held.approve(guarded.seller.pk, open_holds(guarded), None)
    guarded.settle()
    assert prices_sent(guarded, "PAN-1")[-4:] == ["50.00", "25.00", "12.50", "10.00"]
    assert [one.state for one in holds(guarded, "PAN-1")] == [HeldPrice.State.APPROVED]


def test_the_steps_start_from_what_the_marketplace_shows(shop: Shop) -> None:
    variation = shop.sell("PAN-1", price="100.00")
    shop.connect()
    shop.sandbox.change_settings(price_cut_limit=40)
    shop.sandbox.set_listing(shop.account["account_id"], "PAN-1", price="300.00")

    change_product(variation, price="90.00")
    shop.settle()

    assert prices_sent(shop, "PAN-1")[-3:] == ["180.00", "108.00", "90.00"]


def test_an_answer_lost_on_the_stairs_skips_no_step(shop: Shop) -> None:
    variation = shop.sell("PAN-1", price="100.00")
    shop.connect()
    shop.sandbox.change_settings(price_cut_limit=40)
    Connection.objects.filter(pk=shop.connection.pk).update(price_cut_limit=40)
    shop.sandbox.add_fault(match="/v1/prices", status=504, after_commit=True)

    change_product(variation, price="30.00")
    engine.turn()
    Lane.objects.filter(connection=shop.connection).update(run_at=timezone.now())
    shop.settle()

    assert prices_sent(shop, "PAN-1")[-4:] == ["60.00", "60.00", "36.00", "30.00"]


def test_a_marketplace_that_refuses_every_step_is_told_as_an_error(shop: Shop) -> None:
    variation = shop.sell("PAN-1", price="100.00")
    shop.connect()
    shop.sandbox.change_settings(price_cut_limit=0.5)
    Connection.objects.filter(pk=shop.connection.pk).update(price_cut_limit=50)
    # It says a limit it does not keep itself.
    with_limit = {
        "results": [
            {"sku": "PAN-1", "status": "error", "code": "SBX-PRICE-CUT", "message": "não", "limit": "50"}
        ]
    }
    for _try in range(3):
        shop.sandbox.add_fault(match="/v1/prices", kind="answer", status=200, body=with_limit)

    change_product(variation, price="10.00")
    shop.settle()

    assert [issue.kind for issue in shop.issues("PAN-1")] == ["price_cut"]
    assert shown(shop, "PAN-1")[0] == "100.00"


def test_a_reconnect_with_a_deep_cut_waiting_is_not_refused(shop: Shop) -> None:
    variation = shop.sell("PAN-1", price="100.00")
    shop.connect()
    shop.sandbox.change_settings(price_cut_limit=40)
    change_product(variation, price="20.00")
    load = services.start_load(
        connection=shop.connection, action=Load.Action.RECONNECT, listings=Listing.objects.all()
    )
    shop.settle()
    load.refresh_from_db()
    assert shop.listing("PAN-1").state == Listing.State.CONNECTED
    assert shown(shop, "PAN-1")[0] == "20.00"
