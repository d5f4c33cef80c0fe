"""The life of a listing, against a real marketplace over HTTP."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

from catalog.models import Variation
from marketplaces import engine, mapping, registry, services
from marketplaces.adapters import sandbox
from marketplaces.models import Issue, Lane, Listing, ListingEvent, Load, LoadItem, RemoteCategory, Sync
from tests import engine as driver
from tests import make
from tests.marketplaces.shop import Shop, change_product, set_qty

pytestmark = pytest.mark.django_db(transaction=True)

EAN = "7891234567895"


def test_a_connected_product_is_on_sale_with_its_price_and_stock(shop: Shop) -> None:
    shop.sell("PAN-1", qty=7, promotional_price="99.90")

    load = shop.connect("PAN-1")

    assert (load.number, load.state, load.total) == (1, Load.State.DONE, 1)
    listing = shop.listing("PAN-1")
    assert (listing.state, bool(listing.remote_id), bool(listing.url)) == ("connected", True, True)
    shown = shop.shown("PAN-1")
    assert (shown["state"], shown["price"], shown["list_price"], shown["quantity"]) == (
        "live",
        "99.90",
        "129.90",
        7,
    )
    assert shown["creations"] == 1
    assert LoadItem.objects.get(load=load).state == LoadItem.State.DONE
    states = list(ListingEvent.objects.filter(listing=listing).order_by("id").values_list("state", flat=True))
    assert states[0] == "waiting"
    assert "processing" in states
    assert states[-1] == "connected"


def test_every_fault_shows_at_once_and_nothing_is_sent(shop: Shop) -> None:
    shop.sell("PAN-1", ean="7891234567890", brand="", images=[], description="curta")

    shop.connect("PAN-1")

    assert shop.listing("PAN-1").state == Listing.State.ERROR
    kinds = {issue.kind for issue in shop.issues("PAN-1")}
    assert kinds == {"gtin_invalid", "required", "image_missing", "too_short"}
    assert shop.shown("PAN-1") == {}


def test_the_marketplaces_own_refusals_keep_its_code_and_words(shop: Shop) -> None:
    shop.sell("PAN-RECUSA1X")

    shop.connect("PAN-RECUSA1X")

    issues = shop.issues("PAN-RECUSA1X")
    assert len(issues) == 3
    assert {issue.origin for issue in issues} == {Issue.Origin.MARKETPLACE}
    assert issues[0].code == "SBX-MODERATION-TITLE"
    assert "moderação" in issues[0].message


def test_a_correction_in_the_erp_closes_the_errors_and_reconnecting_publishes(shop: Shop) -> None:
    variation = shop.sell("PAN-1", brand="")
    load = shop.connect("PAN-1")
    assert not services.corrected(load).exists()

    change_product(variation, brand="Panex")
    shop.settle()

    assert shop.issues("PAN-1") == []
    assert list(services.corrected(load)) == [shop.listing("PAN-1")]
    again = shop.send_again("PAN-1")
    assert again.number == 2
    assert shop.listing("PAN-1").state == Listing.State.CONNECTED
    assert shop.shown("PAN-1")["state"] == "live"


def test_a_change_that_corrects_only_half_leaves_the_other_half_open(shop: Shop) -> None:
    variation = shop.sell("PAN-1", brand="", images=[])
    load = shop.connect("PAN-1")

    change_product(variation, brand="Panex")
    shop.settle()

    assert [issue.kind for issue in shop.issues("PAN-1")] == ["image_missing"]
    assert not services.corrected(load).exists()


def test_a_price_where_there_was_none_counts_as_a_correction(shop: Shop) -> None:
    variation = shop.sell("PAN-1", price=None)
    load = shop.connect("PAN-1")
    assert [issue.kind for issue in shop.issues("PAN-1")] == ["price_missing"]

    change_product(variation, price="129.90")
    shop.settle()

    assert shop.issues("PAN-1") == []
    assert services.corrected(load).count() == 1


def test_mapping_a_category_counts_as_a_correction(shop: Shop) -> None:
    other = make.make_category(shop.seller, "OUTRA", "Sem par")
    shop.sell("PAN-1", category_codes=[other.code])
    load = shop.connect("PAN-1")
    # With no category the marketplace's demands are unknown; what every place demands is still checked.
    (issue,) = shop.issues("PAN-1")
    assert (issue.kind, issue.params) == ("category_unmapped", {"value": "Sem par"})

    mapping.map_categories(shop.connection, {other.pk: RemoteCategory.objects.get(remote_id="SBX-2110").pk})
    shop.settle()

    assert services.corrected(load).count() == 1


def test_a_disconnected_listing_is_off_sale_and_follows_no_more(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect("PAN-1")

    shop.send_again("PAN-1", action=Load.Action.DISCONNECT)
    set_qty(variation, 3)
    shop.settle()

    assert shop.listing("PAN-1").state == Listing.State.DISCONNECTED
    assert shop.shown("PAN-1")["state"] == "withdrawn"
    assert not Sync.objects.filter(connection=shop.connection, due_at__isnull=False).exists()


def test_a_listing_that_comes_back_has_the_newest_price_and_stock(shop: Shop) -> None:
    variation = shop.sell("PAN-1", qty=9)
    shop.connect("PAN-1")
    shop.send_again("PAN-1", action=Load.Action.DISCONNECT)
    set_qty(variation, 4)
    change_product(variation, price="150.00")

    shop.connect("PAN-1")

    shown = shop.shown("PAN-1")
    assert (shown["state"], shown["price"], shown["quantity"], shown["creations"]) == ("live", "150.00", 4, 1)


def test_associating_links_to_the_entry_with_the_same_barcode(shop: Shop) -> None:
    shop.sell("PAN-1", ean=EAN)
    shop.connect("PAN-1")
    shop.sell("PAN-2", ean=EAN, name="Outro nome qualquer", images=[], qty=3)

    shop.connect("PAN-2", action=Load.Action.ASSOCIATE)

    listing = shop.listing("PAN-2")
    assert (listing.state, listing.mode, bool(listing.catalogue_id)) == ("connected", "associate", True)
    assert shop.shown("PAN-2")["quantity"] == 3


def test_associating_what_the_marketplace_does_not_know_says_so(shop: Shop) -> None:
    shop.sell("PAN-1", name="Nada parecido existe lá")

    shop.connect("PAN-1", action=Load.Action.ASSOCIATE)

    assert [issue.kind for issue in shop.issues("PAN-1")] == ["no_match"]
    assert shop.shown("PAN-1") == {}


def test_content_goes_out_again_by_itself_only_where_the_seller_wants_it(shop: Shop) -> None:
    variation = shop.sell("PAN-1")
    shop.connect("PAN-1")
    change_product(variation, name="Panela de pressão com nome novo")
    shop.settle()
    assert shop.shown("PAN-1")["title"] == "Panela de pressão PAN-1 4,5 litros"

    services.set_switches(connection=shop.connection, sync_content=True)
    driver.run_until(lambda: shop.shown("PAN-1")["title"] == "Panela de pressão com nome novo")
    shop.settle()

    assert shop.listing("PAN-1").state == Listing.State.CONNECTED
    assert shop.shown("PAN-1")["creations"] == 1


def test_a_load_takes_over_from_one_that_is_still_open(shop: Shop) -> None:
    shop.sell("PAN-1")
    variations = Variation.objects.filter(seller=shop.seller)
    first = services.start_load(connection=shop.connection, action="connect", variations=variations)

    second = shop.connect("PAN-1")

    first.refresh_from_db()
    assert first.items.get().state == LoadItem.State.REPLACED
    assert first.state == Load.State.DONE
    assert second.items.get().state == LoadItem.State.DONE
    assert shop.shown("PAN-1")["creations"] == 1


def test_a_load_never_touches_another_sellers_products(shop: Shop) -> None:
    stranger = make.make_seller("Beto")
    make.make_product(stranger, "BETO-1")
    shop.sell("PAN-1")

    load = services.start_load(
        connection=shop.connection, action="connect", variations=Variation.objects.all()
    )

    assert load.total == 1
    assert not Listing.objects.filter(variation__seller=stranger).exists()


def test_a_load_of_nothing_is_refused_and_takes_no_number(shop: Shop) -> None:
    with pytest.raises(services.NotPossible):
        services.start_load(connection=shop.connection, action="connect", variations=Variation.objects.none())
    shop.seller.refresh_from_db()
    assert shop.seller.last_load_number == 0
    assert not Load.objects.exists()


def test_the_database_refuses_a_listing_across_sellers(shop: Shop) -> None:
    stranger = make.make_seller("Beto")
    variation = make.make_product(stranger, "BETO-1").variations.get()

    with pytest.raises(IntegrityError, match="of_same_seller"):
        Listing.objects.create(seller=shop.seller, connection=shop.connection, variation=variation)


def test_a_lost_answer_to_a_creation_is_looked_up_not_repeated(shop: Shop) -> None:
    shop.sell("PAN-1")
    shop.sandbox.add_fault(match="/v1/loads", kind="status", status=503, after_commit=True)

    shop.connect("PAN-1")

    assert shop.listing("PAN-1").state == Listing.State.CONNECTED
    assert shop.shown("PAN-1")["creations"] == 1


def test_a_lost_lease_writes_nothing(shop: Shop) -> None:
    lane = Lane.objects.get(connection=shop.connection, kind=Lane.Kind.STOCK)
    first = Lane.objects.claim(lane.pk, timezone.now(), timedelta(seconds=-1))
    second = Lane.objects.claim(lane.pk, timezone.now(), engine.LEASE)
    assert first is not None
    assert second is not None
    assert Lane.objects.settle(first, failures=9) is False
    lane.refresh_from_db()
    assert (lane.failures, lane.lease_token) == (0, second.lease_token)


def test_a_withdrawal_that_was_answered_is_done_whatever_becomes_of_the_next_call(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_at_a_time = replace(sandbox.MARKETPLACE, batch=replace(sandbox.MARKETPLACE.batch, withdraw=1))
    monkeypatch.setattr(sandbox, "MARKETPLACE", one_at_a_time)
    registry.get.cache_clear()
    shop.sell("PAN-1"), shop.sell("PAN-2")
    shop.connect()
    shop.sandbox.change_settings(rate_per_second=1)
    listings = Listing.objects.filter(connection=shop.connection)
    services.start_load(connection=shop.connection, action="disconnect", listings=listings)

    engine.run(Lane.objects.get(connection=shop.connection, kind="content").pk)

    registry.get.cache_clear()
    assert listings.filter(state=Listing.State.DISCONNECTED).count() == 1
    assert shop.sandbox.stats()["calls"]["POST /v1/listings 429"] == 1
