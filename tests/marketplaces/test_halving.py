"""What a marketplace refuses, or says nothing about, stops nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from marketplaces import mapping, polling, services, submissions, taxonomy
from marketplaces.adapters.sandbox.adapter import SandboxAdapter
from marketplaces.contract import Facet, Receipt, UnexpectedAnswer
from marketplaces.models import Exchange, Lane, Listing, RemoteCategory, Submission, Sync
from tests import engine as turns
from tests import make
from tests.marketplaces.shop import PANS, Shop, change_product

pytestmark = pytest.mark.django_db(transaction=True)
WITHDRAW, READ, MATCH = "/v1/listings/withdraw", "/v1/listings/read", "/v1/catalogue/search"


def refuse(shop: Shop, path: str, times: int) -> None:
    """The marketplace refuses so many calls whole."""
    shop.sandbox.add_fault(match=path, kind="status", status=422, times=times)


def take_off_sale(shop: Shop) -> None:
    listings = Listing.objects.filter(connection=shop.connection)
    services.start_load(connection=shop.connection, action="disconnect", listings=listings)


def test_a_withdrawal_that_is_refused_keeps_no_other_on_sale(shop: Shop) -> None:
    shop.sell("PAN-1"), shop.sell("PAN-2")
    shop.connect()
    take_off_sale(shop)
    refuse(shop, WITHDRAW, times=2)

    shop.settle()

    states = sorted(Listing.objects.values_list("state", flat=True))
    assert states == [Listing.State.DISCONNECTED, Listing.State.ERROR]


def test_a_withdrawal_the_marketplace_says_nothing_about_is_given_up_after_the_third_time(shop: Shop) -> None:
    shop.sell("PAN-1")
    shop.connect()
    take_off_sale(shop)
    shop.sandbox.add_fault(match=WITHDRAW, kind="answer", status=200, body={"results": []}, times=50)

    for _time in range(5):
        shop.run_lane("content")

    assert Exchange.objects.filter(connection=shop.connection, url__contains=WITHDRAW).count() == 3
    assert shop.listing("PAN-1").state == Listing.State.ERROR
    assert [issue.kind for issue in shop.issues("PAN-1")] == ["no_answer"]
    assert Exchange.objects.filter(connection=shop.connection, url__contains=WITHDRAW).count() == 3


@pytest.mark.parametrize(
    "answer",
    [
        {"kind": "answer", "status": 200, "body": {"load_id": "x", "status": "done", "results": []}},
        {"kind": "status", "status": 404},
    ],
    ids=["passed over", "unknown"],
)
def test_what_no_result_of_a_submission_names_is_given_up_after_the_third_time(
    shop: Shop, answer: dict[str, Any]
) -> None:
    shop.sell("PAN-1")
    shop.sandbox.add_fault(match="/v1/loads/", method="GET", times=50, **answer)
    load = services.start_load(
        connection=shop.connection, action="connect", variations=shop.seller.variations.all()
    )

    shop.run_lane("content")
    ask_now(shop)
    assert shop.sync("PAN-1", "content").due_at > timezone.now(), "it is not sent again at once"
    for _time in range(4):
        shop.run_lane("content")
        ask_now(shop)

    assert Exchange.objects.filter(method="POST", url__endswith="/v1/loads").count() == 3
    assert shop.listing("PAN-1").state == Listing.State.ERROR
    assert [(issue.kind, issue.origin) for issue in shop.issues("PAN-1")] == [("no_answer", "check")]
    load.refresh_from_db()
    assert load.state == load.State.DONE


def ask_now(shop: Shop) -> None:
    """The time has come to ask about every submission."""
    Submission.objects.update(next_poll_at=timezone.now())
    shop.run_lane("submissions")


def test_a_price_no_result_of_a_submission_names_is_given_up_after_the_third_time(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    variation = shop.sell("PAN-1")
    shop.connect()
    load_id = Submission.objects.get().remote_id
    sent: list[object] = []

    def submit(self: SandboxAdapter, items: object) -> Receipt:
        sent.append(items)
        return Receipt((), load_id)

    monkeypatch.setattr(SandboxAdapter, "publish_prices", submit)
    monkeypatch.setattr(SandboxAdapter, "poll", lambda self, submission_id: Receipt())
    change_product(variation, price="140.00")

    for _time in range(5):
        shop.run_lane("price")
        ask_now(shop)

    assert len(sent) == 3
    assert [issue.kind for issue in shop.issues("PAN-1")] == ["no_answer"]
    assert shop.sync("PAN-1", "price").due_at is None


UNREADABLE = [{"status": 500}, {"kind": "answer", "status": 200, "body": {"status": "partially_done"}}]
"""A marketplace that fails over one submission, and one that says of it what is in no book."""


def submit_two(shop: Shop, **fault: Any) -> tuple[Submission, Submission]:
    """Two listings, each in a submission of its own; of the first one nothing can be read."""
    for sku in ("PAN-1", "PAN-2"):
        shop.sell(sku)
        variations = shop.seller.variations.filter(sku=sku)
        services.start_load(connection=shop.connection, action="connect", variations=variations)
        shop.run_lane("content")
    first, second = Submission.objects.order_by("pk")
    shop.sandbox.add_fault(match=f"/v1/loads/{first.remote_id}", method="GET", times=10_000, **fault)
    return first, second


@pytest.mark.parametrize("fault", UNREADABLE, ids=["500", "an unknown status"])
def test_a_submission_nobody_can_read_keeps_no_other_from_its_result(
    shop: Shop, fault: dict[str, Any]
) -> None:
    first, _second = submit_two(shop, **fault)
    ask_now(shop)
    lane = Lane.objects.get(connection=shop.connection, kind="submissions")
    assert lane.failures == 0, "it had an answer about the other"

    for _time in range(2):
        ask_now(shop)
        shop.run_lane("observe")

    assert shop.listing("PAN-2").state == Listing.State.CONNECTED
    assert shop.listing("PAN-1").state == Listing.State.PROCESSING
    first.refresh_from_db()
    assert (first.state, first.polls) == (Submission.State.SENT, 3)


def test_where_no_submission_can_be_read_the_lane_backs_off_and_all_get_their_turn(shop: Shop) -> None:
    first, second = submit_two(shop, status=500)
    shop.sandbox.add_fault(match="/v1/loads/", method="GET", times=10_000, status=503)

    for _time in range(2):
        ask_now(shop)

    lane = Lane.objects.get(connection=shop.connection, kind="submissions")
    assert (lane.failures, lane.run_at > timezone.now()) == (2, True)
    assert lane.last_error.startswith("Unavailable")
    asked = Exchange.objects.filter(lane="submissions")
    assert {asked.filter(url__endswith=one.remote_id).count() for one in (first, second)} == {2}


def test_a_submission_nobody_can_read_is_sent_again_after_two_days(shop: Shop) -> None:
    first, _second = submit_two(shop, status=500)
    Submission.objects.filter(pk=first.pk).update(created_at=timezone.now() - polling.GIVE_UP)

    ask_now(shop)
    shop.settle()

    first.refresh_from_db()
    assert first.state == Submission.State.LOST
    assert shop.listing("PAN-1").state == Listing.State.CONNECTED


def test_a_listing_that_cannot_be_looked_up_is_not_created_and_stops_no_other(shop: Shop) -> None:
    shop.sell("PAN-1"), shop.sell("PAN-2")
    shop.sandbox.add_fault(match="/v1/loads", method="POST", kind="status", status=503)
    load = services.start_load(
        connection=shop.connection, action="connect", variations=shop.seller.variations.all()
    )
    shop.run_lane("content")
    Lane.objects.update(failures=0)  # both in one call: after a failure it would be one by one
    refuse(shop, READ, times=2)

    shop.settle()

    load.refresh_from_db()
    assert sorted(Listing.objects.values_list("state", flat=True)) == ["connected", "error"]


def test_a_product_that_cannot_be_searched_for_stops_no_other(shop: Shop) -> None:
    shop.sell("PAN-1"), shop.sell("PAN-2")
    refuse(shop, MATCH, times=3)

    shop.connect(action="associate")

    assert {issue.origin for sku in ("PAN-1", "PAN-2") for issue in shop.issues(sku)} >= {"marketplace"}
    assert not Listing.objects.filter(state="waiting").exists()


def sell_in_another_category(shop: Shop, sku: str) -> str:
    """Put a product into a category that is mapped to another one than pans; returns where its schema is."""
    leaves = RemoteCategory.objects.filter(is_leaf=True, schema__isnull=True)
    other = leaves.exclude(remote_id=PANS).order_by("pk")[0]
    category = make.make_category(shop.seller, "VELHA", "Velha")
    mapping.map_categories(shop.connection, {category.pk: other.pk})
    shop.sell(sku, category_codes=[category.code])
    return f"/v1/categories/{other.remote_id}/schema"


@pytest.mark.parametrize(("status", "state"), [(404, "error"), (500, "waiting")])
def test_a_category_without_a_schema_holds_up_only_its_own_products(
    shop: Shop, status: int, state: str
) -> None:
    schema = sell_in_another_category(shop, "OLD-1")
    shop.sell("PAN-1"), shop.sell("PAN-2")
    shop.sandbox.add_fault(match=schema, status=status, times=10_000)
    services.start_load(connection=shop.connection, action="connect", variations=shop.seller.variations.all())
    shop.run_lane("content")
    turns.run_until(lambda: shop.listing("PAN-2").state == Listing.State.CONNECTED)

    assert shop.listing("PAN-1").state == Listing.State.CONNECTED
    assert shop.listing("OLD-1").state == state
    issues = [(issue.kind, issue.field, issue.origin, issue.params) for issue in shop.issues("OLD-1")]
    unknown = ("category_unknown", "categories", "check", {"value": "Velha"})
    assert issues == ([unknown] if status == 404 else [])
    lane = Lane.objects.get(connection=shop.connection, kind="content")
    assert lane.last_error.startswith("Unavailable") == (status == 500), "people see what is the matter"

    Exchange.objects.all().delete()
    turns.turn(shop.connection)
    assert not Exchange.objects.filter(lane="content").exists(), "it is not asked about at once again"


def test_a_product_of_a_retired_category_goes_out_once_its_category_is_mapped_anew(shop: Shop) -> None:
    schema = sell_in_another_category(shop, "OLD-1")
    shop.sandbox.add_fault(match=schema, status=404, times=10_000)
    shop.connect()
    assert [issue.kind for issue in shop.issues("OLD-1")] == ["category_unknown"]

    mapping.map_categories(
        shop.connection,
        {shop.seller.categories.get(code="VELHA").pk: RemoteCategory.objects.get(remote_id=PANS).pk},
    )
    shop.settle()
    assert shop.issues("OLD-1") == []
    shop.send_again("OLD-1")

    assert shop.listing("OLD-1").state == Listing.State.CONNECTED


def test_an_old_schema_serves_while_the_marketplace_gives_no_new_one(shop: Shop) -> None:
    shop.sell("PAN-1"), shop.sell("PAN-2")
    shop.connect("PAN-1")
    RemoteCategory.objects.filter(remote_id=PANS).update(schema_read_at=timezone.now() - taxonomy.SCHEMA_AGE)
    shop.sandbox.add_fault(match=f"/v1/categories/{PANS}/schema", status=500, times=10_000)
    Exchange.objects.all().delete()

    shop.connect("PAN-2")

    assert shop.listing("PAN-2").state == Listing.State.CONNECTED
    assert Exchange.objects.filter(url__endswith="/schema").count() == 1


def test_a_correction_that_cannot_be_checked_for_want_of_a_schema_is_checked_later(shop: Shop) -> None:
    pan = shop.sell("PAN-1", brand="")
    shop.connect()
    assert shop.listing("PAN-1").state == Listing.State.ERROR
    RemoteCategory.objects.update(schema=None)
    shop.sandbox.add_fault(match=f"/v1/categories/{PANS}/schema", status=500)
    change_product(pan, brand="Panex")

    shop.run_lane("content")
    assert shop.sync("PAN-1", "content").due_at > timezone.now()
    assert shop.issues("PAN-1") != []
    shop.run_lane("content")

    assert shop.issues("PAN-1") == []


def test_a_listing_the_marketplace_will_not_show_keeps_no_other_from_being_looked_at(shop: Shop) -> None:
    shop.sell("PAN-1"), shop.sell("PAN-2")
    shop.connect()
    refuse(shop, READ, times=2)

    shop.look()

    seen = Sync.objects.filter(facet="stock", seen_at__isnull=False, look_at__gt=timezone.now())
    assert seen.count() == 1
    assert not Sync.objects.filter(facet="stock", look_at__lte=timezone.now()).exists()


def test_a_number_of_a_submission_that_is_used_again_is_asked_about_again(shop: Shop) -> None:
    shop.sell("PAN-1")
    shop.connect()
    first = Submission.objects.get()
    services.retry_facet(listing=shop.listing("PAN-1"), facet="price")
    price = shop.sync("PAN-1", "price")
    row = (price.listing_id, price.wanted_version, "1.00/1.00")

    submissions.follow(shop.connection, Facet.PRICE, [row], Receipt((), first.remote_id))
    for kind in ("submissions", "price"):
        shop.run_lane(kind)
    shop.settle()

    assert shop.sync("PAN-1", "price").submission_id is None
    assert shop.shown("PAN-1")["price"] == "129.90"


def test_a_number_of_an_undecided_submission_of_another_kind_is_no_answer(shop: Shop) -> None:
    shop.sell("PAN-1")
    shop.connect()
    first = Submission.objects.get()
    Submission.objects.update(state=Submission.State.SENT)
    price = shop.sync("PAN-1", "price")
    row = (price.listing_id, price.wanted_version, "1.00/1.00")

    with pytest.raises(UnexpectedAnswer):
        submissions.follow(shop.connection, Facet.PRICE, [row], Receipt((), first.remote_id))

    assert shop.sync("PAN-1", "price").submission_id is None
