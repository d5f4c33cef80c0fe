"""What every adapter promises, over real HTTP against its simulator. A registered adapter cannot opt out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from marketplaces import http, registry
from marketplaces.contract import (
    CredentialsRejected,
    Exchange,
    InvoiceNote,
    ListingState,
    MatchQuery,
    OrderStatus,
    PriceItem,
    Refused,
    ShipmentNote,
    StockItem,
    Throttled,
    Unavailable,
    UnexpectedAnswer,
    Verdict,
    WithdrawItem,
)
from tests.simulators.lab import BENCHES

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOSTILE = "Açaí \"2×\" <b>💚</b> \u202eabc\u202c & 'aspas' \\ {0} %s 漢字"


@pytest.fixture(params=registry.KEYS)
def bench(request: pytest.FixtureRequest) -> Iterator[Any]:
    with BENCHES[request.param].open() as found:
        yield found


@pytest.fixture
def adapter(bench: Any) -> Any:
    return connect(bench)


def connect(bench: Any, credentials: Any = None, observe: Any = None) -> Any:
    return bench.marketplace.connect(
        credentials or bench.credentials(), base_url=bench.sim.url, allow_private=True, observe=observe
    )


def publish(bench: Any, adapter: Any, *skus: str) -> None:
    """Put SKUs on sale."""
    receipt = adapter.publish_content([bench.content(sku) for sku in skus])
    bench.wait()
    if receipt.submission_id:
        receipt = adapter.poll(receipt.submission_id)
    assert {outcome.sku for outcome in receipt.outcomes if outcome.verdict != Verdict.REJECTED} == set(skus)


def price(sku: str, value: str = "11.99", list_value: str = "15.00") -> PriceItem:
    return PriceItem(sku, "", Decimal(value), Decimal(list_value))


def verdicts(receipt: Any) -> dict[str, Verdict]:
    return {outcome.sku: outcome.verdict for outcome in receipt.outcomes}


# --- who we are -------------------------------------------------------------------------------


def test_it_identifies_the_account(bench: Any, adapter: Any) -> None:
    assert adapter.identify() == bench.account_id()


def test_bad_credentials_are_rejected(bench: Any) -> None:
    with pytest.raises(CredentialsRejected):
        connect(bench, bench.bad_credentials()).identify()


def test_consent_lost_later_is_noticed_by_every_kind_of_call(bench: Any, adapter: Any) -> None:
    publish(bench, adapter, "M1")
    bench.revoke()
    for call in (
        lambda: adapter.publish_content([bench.content("M1")]),
        lambda: adapter.publish_prices([price("M1")]),
        lambda: adapter.publish_stock([StockItem("M1", "", 1)]),
        lambda: adapter.read_listings(["M1"]),
        lambda: adapter.fetch_orders(""),
    ):
        with pytest.raises(CredentialsRejected):
            call()


def test_secrets_never_reach_the_recorded_exchanges(bench: Any) -> None:
    seen: list[Exchange] = []
    adapter = connect(bench, observe=seen.append)
    publish(bench, adapter, "M1")
    adapter.publish_prices([price("M1")])
    assert len(seen) >= 3
    assert not [one for one in seen for secret in bench.secrets() if secret in repr(one)]


# --- batches ----------------------------------------------------------------------------------


def test_a_new_listing_is_pending_then_catalogued_then_on_sale(bench: Any, adapter: Any) -> None:
    receipt = adapter.publish_content([bench.content("M1")])
    assert receipt.submission_id
    assert not receipt.outcomes
    assert receipt.poll_after > timedelta(0)
    undecided = adapter.poll(receipt.submission_id)
    assert undecided.submission_id == receipt.submission_id
    bench.seller.clock.advance(receipt.poll_after.total_seconds())
    (outcome,) = adapter.poll(receipt.submission_id).outcomes
    assert outcome.verdict == Verdict.CATALOGUING
    assert outcome.remote_id
    bench.wait()
    (outcome,) = adapter.poll(receipt.submission_id).outcomes
    assert outcome.verdict == Verdict.ACCEPTED
    (view,) = adapter.read_listings(["M1"])
    assert (view.state, view.remote_id, view.url) == (ListingState.LIVE, outcome.remote_id, outcome.url)
    assert (view.price, view.list_price, view.quantity) == (Decimal("19.90"), Decimal("29.90"), 5)


def test_a_refused_item_brings_all_its_issues_and_spares_the_others(bench: Any, adapter: Any) -> None:
    bad = bench.content("BAD", title="", price=Decimal(0))
    receipt = adapter.publish_content([bench.content("M1"), bad])
    bench.wait()
    outcomes = {outcome.sku: outcome for outcome in adapter.poll(receipt.submission_id).outcomes}
    assert outcomes["M1"].verdict == Verdict.ACCEPTED
    assert outcomes["BAD"].verdict == Verdict.REJECTED
    assert {issue.field for issue in outcomes["BAD"].issues} == {"name", "price"}
    assert all(issue.code and issue.message for issue in outcomes["BAD"].issues)


def test_a_price_batch_may_fail_in_part(bench: Any, adapter: Any) -> None:
    publish(bench, adapter, "M1")
    receipt = adapter.publish_prices([price("M1"), price("NOBODY")])
    assert verdicts(receipt) == {"M1": Verdict.ACCEPTED, "NOBODY": Verdict.REJECTED}
    assert (bench.shown("M1")["price"], bench.shown("M1")["list_price"]) == ("11.99", "15.00")


def test_a_stock_batch_may_fail_in_part(bench: Any, adapter: Any) -> None:
    publish(bench, adapter, "M1")
    receipt = adapter.publish_stock([StockItem("NOBODY", "", 3), StockItem("M1", "", 0)])
    assert verdicts(receipt) == {"M1": Verdict.ACCEPTED, "NOBODY": Verdict.REJECTED}
    assert bench.shown("M1")["quantity"] == 0


def test_an_empty_batch_is_nothing_to_do(bench: Any, adapter: Any) -> None:
    for receipt in (
        adapter.publish_content([]),
        adapter.publish_prices([]),
        adapter.publish_stock([]),
        adapter.withdraw([]),
    ):
        assert not receipt.outcomes
        assert not receipt.submission_id
    assert list(adapter.read_listings([])) == []
    assert list(adapter.match([])) == []


def test_a_full_batch_fits_into_one_call(bench: Any) -> None:
    calls: list[Exchange] = []
    adapter = connect(bench, observe=calls.append)
    size = bench.marketplace.batch
    skus = [f"M{number}" for number in range(size.content)]
    publish(bench, adapter, *skus)
    del calls[:]
    prices = adapter.publish_prices([price(sku) for sku in skus[: size.price]])
    stock = adapter.publish_stock([StockItem(sku, "", 9) for sku in skus[: size.stock]])
    assert set(verdicts(prices).values()) == set(verdicts(stock).values()) == {Verdict.ACCEPTED}
    assert len(verdicts(prices)) == size.price
    assert len(adapter.read_listings(skus[: size.read])) == size.read
    assert (
        len(adapter.match([MatchQuery(sku, "", f"Caneca {sku}") for sku in skus[: size.match]])) == size.match
    )
    adapter.publish_content([bench.content(sku) for sku in skus])
    gone = adapter.withdraw([WithdrawItem(sku, "") for sku in skus[-size.withdraw :]])
    assert verdicts(gone) == dict.fromkeys(skus[-size.withdraw :], Verdict.ACCEPTED)
    assert bench.shown(skus[-1])["state"] == "withdrawn"
    assert len(calls) == 6


def test_publishing_again_replaces_and_never_doubles(bench: Any, adapter: Any) -> None:
    publish(bench, adapter, "M1")
    first = bench.shown("M1")
    receipt = adapter.publish_content([bench.content("M1", title="Caneca nova")])
    bench.wait()
    (outcome,) = adapter.poll(receipt.submission_id).outcomes
    assert (outcome.verdict, outcome.remote_id) == (Verdict.ACCEPTED, first["listing_id"])
    assert (bench.shown("M1")["title"], bench.shown("M1")["creations"]) == ("Caneca nova", 1)


def test_a_submission_nobody_knows_is_refused(adapter: Any) -> None:
    with pytest.raises(Refused):
        adapter.poll("SBX-LD999999")


def test_withdrawing_is_safe_to_repeat_and_fine_for_strangers(bench: Any, adapter: Any) -> None:
    publish(bench, adapter, "M1")
    for _ in range(2):
        receipt = adapter.withdraw([WithdrawItem("M1", ""), WithdrawItem("NOBODY", "")])
        assert verdicts(receipt) == {"M1": Verdict.ACCEPTED, "NOBODY": Verdict.ACCEPTED}
    views = {view.sku: view.state for view in adapter.read_listings(["M1", "NOBODY"])}
    assert views == {"M1": ListingState.WITHDRAWN, "NOBODY": ListingState.ABSENT}


def test_a_catalogue_entry_found_by_title_can_be_associated(bench: Any, adapter: Any) -> None:
    publish(bench, adapter, "M1")
    (match,) = adapter.match([MatchQuery("M2", "", "CANECA  m1")])
    assert match.by == "title"
    receipt = adapter.publish_content([bench.content("M2", catalogue_id=match.catalogue_ids[0])])
    bench.wait()
    assert verdicts(adapter.poll(receipt.submission_id)) == {"M2": Verdict.ACCEPTED}
    assert bench.shown("M2")["title"] == "Caneca M1"


# --- when things go wrong ---------------------------------------------------------------------


@pytest.mark.parametrize("advice", [None, 7])
def test_too_many_calls_are_told_apart_and_the_advice_is_kept(
    bench: Any, adapter: Any, advice: int | None
) -> None:
    publish(bench, adapter, "M1")
    bench.fail_next(429, headers={"Retry-After": str(advice)} if advice else {})
    with pytest.raises(Throttled) as caught:
        adapter.publish_stock([StockItem("M1", "", 1)])
    assert caught.value.retry_after == (timedelta(seconds=advice) if advice else None)
    assert bench.shown("M1")["quantity"] == 5


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "said", ["inf", "nan", "-1", "1e300", "99999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"]
)
def test_no_advice_puts_a_connection_to_sleep_for_longer_than_the_longest_wait(
    bench: Any, adapter: Any, status: int, said: str
) -> None:
    bench.fail_next(status, headers={"Retry-After": said})
    with pytest.raises(Unavailable) as caught:
        adapter.identify()
    assert timedelta(0) <= (caught.value.retry_after or timedelta(0)) <= http.LONGEST_WAIT


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_failure_before_the_effect_changes_nothing(bench: Any, adapter: Any, status: int) -> None:
    publish(bench, adapter, "M1")
    bench.fail_next(status)
    with pytest.raises(Unavailable):
        adapter.publish_prices([price("M1")])
    assert bench.shown("M1")["price"] == "19.90"


def test_a_publication_whose_answer_was_lost_can_be_repeated(bench: Any, adapter: Any) -> None:
    bench.fail_next(502, after_commit=True)
    with pytest.raises(Unavailable):
        adapter.publish_content([bench.content("M1")])
    publish(bench, adapter, "M1")
    assert bench.shown("M1")["creations"] == 1


def test_values_whose_answer_was_lost_can_be_repeated(bench: Any, adapter: Any) -> None:
    publish(bench, adapter, "M1")
    bench.fail_next(504, after_commit=True, times=2)
    with pytest.raises(Unavailable):
        adapter.publish_prices([price("M1")])
    with pytest.raises(Unavailable):
        adapter.publish_stock([StockItem("M1", "", 2)])
    assert verdicts(adapter.publish_prices([price("M1")])) == {"M1": Verdict.ACCEPTED}
    assert verdicts(adapter.publish_stock([StockItem("M1", "", 2)])) == {"M1": Verdict.ACCEPTED}
    assert (bench.shown("M1")["price"], bench.shown("M1")["quantity"]) == ("11.99", 2)


def test_a_marketplace_that_is_down_is_unavailable() -> None:
    for key in registry.KEYS:
        with BENCHES[key].open() as bench:
            adapter = connect(bench)
        with pytest.raises(Unavailable):
            adapter.identify()


def test_a_connection_that_breaks_off_is_unavailable(bench: Any, adapter: Any) -> None:
    bench.fail_next(kind="drop")
    with pytest.raises(Unavailable):
        adapter.identify()


@pytest.mark.parametrize("kind", ["slow", "trickle"])
def test_no_call_outlasts_the_deadline_that_leases_are_made_for(
    bench: Any, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "DEADLINE", 0.4)
    bench.fail_next(kind=kind, seconds=3.0)
    started = datetime.now(UTC)
    with pytest.raises(Unavailable):
        connect(bench).identify()
    assert datetime.now(UTC) - started < timedelta(seconds=2)


def test_an_error_page_is_unavailable(bench: Any, adapter: Any) -> None:
    bench.fail_next(502, kind="html")
    with pytest.raises(Unavailable):
        adapter.identify()


@pytest.mark.parametrize("status", [200, 404])
def test_a_page_where_data_should_be_is_unexpected(bench: Any, adapter: Any, status: int) -> None:
    bench.fail_next(status, kind="html")
    with pytest.raises(UnexpectedAnswer):
        adapter.identify()


def test_half_an_answer_is_unavailable(bench: Any, adapter: Any) -> None:
    bench.fail_next(kind="truncate", after_commit=True)
    with pytest.raises(Unavailable):
        adapter.identify()


def test_half_a_document_is_unexpected(bench: Any, adapter: Any) -> None:
    bench.fail_next(kind="garbage")
    with pytest.raises(UnexpectedAnswer):
        adapter.identify()


@pytest.mark.parametrize("body", [{}, [], None, {"results": None}, {"results": [{}]}, {"results": [7]}])
def test_a_missing_field_is_unexpected(bench: Any, adapter: Any, body: Any) -> None:
    bench.answer_next_with(body)
    with pytest.raises(UnexpectedAnswer):
        adapter.publish_stock([StockItem("M1", "", 1)])


def test_an_undocumented_order_status_spoils_only_its_own_order(bench: Any, adapter: Any) -> None:
    publish(bench, adapter, "M1")
    bench.seed_order("M1")
    bench.answer_next_with(bench.order_with_unknown_status())
    page = adapter.fetch_orders("")
    (odd,) = page.unreadable
    assert odd.remote_id
    assert "teleported" in odd.problem
    assert odd.raw["status"] == "teleported"


# --- hostile data -----------------------------------------------------------------------------


def test_hostile_text_arrives_as_it_was_sent(bench: Any, adapter: Any) -> None:
    sku = "0007/ç é'\"<&>?#%20💚"
    item = bench.content(
        sku, title=HOSTILE, description=HOSTILE, brand=HOSTILE, price=Decimal("0.99"), quantity=0
    )
    receipt = adapter.publish_content([item])
    bench.wait()
    assert verdicts(adapter.poll(receipt.submission_id)) == {sku: Verdict.ACCEPTED}
    shown = bench.shown(sku)
    assert (shown["title"], shown["description"]) == (HOSTILE, HOSTILE)
    (view,) = adapter.read_listings([sku])
    assert (view.sku, view.price, view.quantity) == (sku, Decimal("0.99"), 0)


@pytest.mark.parametrize("value", ["0.50", "0.99", "1234.56", "99999.99", "100"])
def test_prices_arrive_to_the_cent(bench: Any, adapter: Any, value: str) -> None:
    publish(bench, adapter, "M1")
    adapter.publish_prices([price("M1", value, "100000")])
    (view,) = adapter.read_listings(["M1"])
    assert view.price == Decimal(value)


# --- orders -----------------------------------------------------------------------------------


def test_an_order_comes_whole_and_adds_up(bench: Any, adapter: Any) -> None:
    publish(bench, adapter, "M1")
    order_id = bench.seed_order("M1", quantity=2, shipping_cost="12.34", discount="1.00", interest="0.66")
    (order,) = adapter.fetch_orders("").orders
    assert (order.remote_id, order.status, order.needs_acceptance) == (order_id, OrderStatus.NEW, True)
    assert order.placed_at.tzinfo is not None
    assert order.customer.vat_number.isdigit()
    assert len(order.customer.vat_number) == 11
    assert len(order.shipping_address.postcode) == 8
    goods = sum(item.price * item.quantity for item in order.items)
    assert goods == Decimal("39.80")
    assert order.total == goods + order.shipping_cost + order.interest - order.discount
    assert order.total == sum(payment.value for payment in order.payments) == Decimal("51.80")
    assert order.shipping_cost == sum(item.shipping_cost for item in order.items)
    assert {item.delivery_id for item in order.items} <= {delivery.remote_id for delivery in order.deliveries}


def test_the_feed_is_read_page_by_page_and_can_be_replayed(bench: Any, adapter: Any) -> None:
    publish(bench, adapter, "M1")
    made = [bench.seed_order("M1", take_stock=False) for _ in range(205)]
    seen, cursors, cursor, more = [], [""], "", True
    while more:
        page = adapter.fetch_orders(cursor)
        seen += [order.remote_id for order in page.orders]
        cursor, more = page.cursor, page.has_more
        cursors.append(cursor)
    assert seen == made
    quiet = adapter.fetch_orders(cursor)
    assert (quiet.orders, quiet.cursor, quiet.has_more) == ((), cursor, False)
    again = [order.remote_id for order in adapter.fetch_orders(cursors[1]).orders]
    assert (
        again == made[len(made) - len(again) - len(adapter.fetch_orders(cursors[2]).orders) :][: len(again)]
    )


def test_a_bookmark_that_leads_nowhere_is_refused(adapter: Any) -> None:
    with pytest.raises(Refused):
        adapter.fetch_orders("no bookmark of yours")


def test_a_change_brings_the_order_back_into_the_feed(bench: Any, adapter: Any) -> None:
    publish(bench, adapter, "M1")
    order_id = bench.seed_order("M1")
    cursor = adapter.fetch_orders("").cursor
    bench.cancel_as_shopper(order_id)
    page = adapter.fetch_orders(cursor)
    assert [(order.remote_id, order.status) for order in page.orders] == [(order_id, OrderStatus.CANCELED)]


def test_an_order_may_come_twice(bench: Any, adapter: Any) -> None:
    sku = bench.twice_delivered_sku()
    publish(bench, adapter, sku)
    order_id = bench.seed_order(sku)
    page = adapter.fetch_orders("")
    assert [order.remote_id for order in page.orders] == [order_id, order_id]


def test_an_order_walks_to_delivered_and_every_step_may_be_repeated(bench: Any, adapter: Any) -> None:
    publish(bench, adapter, "M1")
    order_id = bench.seed_order("M1")
    invoice = InvoiceNote(bench.invoice_key(), NOW, number="12", line="1")
    shipment = ShipmentNote("E1", NOW, tracking_code="BR123", carrier="Correios", items=(("M1", 1),))
    steps = [
        (lambda: adapter.accept(order_id), OrderStatus.APPROVED),
        (lambda: adapter.send_invoice(order_id, invoice), OrderStatus.INVOICED),
        (lambda: adapter.send_shipment(order_id, shipment), OrderStatus.SHIPPED),
        (lambda: adapter.confirm_delivery(order_id, NOW), OrderStatus.DELIVERED),
    ]
    cursor = ""
    for step, status in steps:
        bench.fail_next(502, after_commit=True)
        with pytest.raises(Unavailable):
            step()
        step()
        bench.wait()
        page = adapter.fetch_orders(cursor)
        cursor = page.cursor
        assert (page.orders[-1].remote_id, page.orders[-1].status) == (order_id, status)
    adapter.confirm_delivery(order_id, NOW + timedelta(minutes=5))  # delivered already: done
    assert bench.order_status(order_id) == "delivered"


def test_a_step_that_contradicts_the_order_is_refused(bench: Any, adapter: Any) -> None:
    publish(bench, adapter, "M1")
    order_id = bench.seed_order("M1")
    with pytest.raises(Refused):
        adapter.send_shipment(order_id, ShipmentNote("E1", NOW))
    bench.cancel_as_shopper(order_id)
    with pytest.raises(Refused) as caught:
        adapter.send_invoice(order_id, InvoiceNote(bench.invoice_key(), NOW))
    assert caught.value.issues[0].code
    assert bench.order_status(order_id) == "canceled"


def test_cancelling_what_is_cancelled_is_done(bench: Any, adapter: Any) -> None:
    publish(bench, adapter, "M1")
    order_id = bench.seed_order("M1")
    bench.cancel_as_shopper(order_id)
    adapter.cancel(order_id, "Sem estoque")
    assert bench.order_status(order_id) == "canceled"


# --- taxonomy ---------------------------------------------------------------------------------


def test_every_leaf_has_a_schema_and_a_parent_has_none(adapter: Any) -> None:
    categories = adapter.categories()
    ids = {category.remote_id for category in categories}
    assert all(category.parent_id in ids for category in categories if category.parent_id)
    leaves = [category.remote_id for category in categories if category.is_leaf]
    assert [adapter.schema(leaf).category_id for leaf in leaves] == leaves
    parent = next(category for category in categories if not category.is_leaf)
    with pytest.raises(Refused):
        adapter.schema(parent.remote_id)


# --- webhooks ---------------------------------------------------------------------------------


def test_a_signed_webhook_is_a_hint(bench: Any, adapter: Any) -> None:
    body, about, ids = bench.hint_body()
    hint = adapter.read_hint(bench.signed(body), body)
    assert (hint.about, hint.remote_ids) == (about, ids)


def test_a_webhook_that_does_not_verify_is_rejected(bench: Any, adapter: Any) -> None:
    body, _, _ = bench.hint_body()
    good = bench.signed(body)
    stale = bench.signed(body, datetime.now(UTC).timestamp() - 3600)
    ahead = bench.signed(body, datetime.now(UTC).timestamp() + 3600)
    broken = {name: value[:-1] + ("0" if value[-1] != "0" else "1") for name, value in good.items()}
    for headers, said in (
        (good, body + b" "),
        (stale, body),
        (ahead, body),
        (broken, body),
        ({}, body),
        (dict.fromkeys(good, "t=,v1="), body),
        (dict.fromkeys(good, "💚=é,,t"), body),
    ):
        with pytest.raises(CredentialsRejected):
            adapter.read_hint(headers, said)


def test_a_signed_webhook_of_another_form_is_unexpected(bench: Any, adapter: Any) -> None:
    for body in (b"", b"[]", b'{"event":"order.created"}', b"\xff\xfe"):
        with pytest.raises(UnexpectedAnswer):
            adapter.read_hint(bench.signed(body), body)
