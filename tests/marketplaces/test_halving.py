"""What a marketplace refuses, or says nothing about, stops nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from marketplaces import services, submissions
from marketplaces.adapters.sandbox.adapter import SandboxAdapter
from marketplaces.contract import Facet, Receipt, UnexpectedAnswer
from marketplaces.models import Exchange, Listing, Submission, Sync
from tests.marketplaces.shop import Shop, change_product

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


def test_a_listing_that_cannot_be_looked_up_is_not_created_and_stops_no_other(shop: Shop) -> None:
    shop.sell("PAN-1"), shop.sell("PAN-2")
    shop.sandbox.add_fault(match="/v1/loads", method="POST", kind="status", status=503)
    load = services.start_load(
        connection=shop.connection, action="connect", variations=shop.seller.variations.all()
    )
    shop.run_lane("content")
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
