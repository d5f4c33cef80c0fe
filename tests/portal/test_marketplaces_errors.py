"""Catalogue errors over all loads, listings with their life, and what was said to the marketplace."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from marketplaces.models import Issue, Listing, Load
from tests.marketplaces.shop import Shop, change_product

ERRORS = reverse("portal:errors")
LISTINGS = reverse("portal:marketplaces_listing_changelist")
EXCHANGES = reverse("portal:marketplaces_exchange_changelist")


@pytest.fixture
def refused(stall: Shop) -> None:
    """Three loads: one good, two with a wrong barcode, one of them without brand too."""
    stall.sell("PANELA-1")
    stall.sell("PANELA-2", ean="123", qty=3, price="10.00", promotional_price="8.00")
    stall.sell("PANELA-3", ean="456", qty=2, price="5.00", brand="")
    for sku in ("PANELA-1", "PANELA-2", "PANELA-3"):
        stall.connect(sku)


def rows(client: Client, **query: Any) -> dict[str, tuple[Any, int]]:
    response = client.get(ERRORS, query)
    assert response.status_code == 200
    return {cause.kind: (cause, ready) for cause, ready in response.context["rows"]}


def test_causes_count_listings_over_all_loads_and_the_money_held_back(otto: Client, refused: None) -> None:
    context = otto.get(ERRORS).context
    assert context["listings"] == 2
    assert "34,00" in context["stake"]
    found = rows(otto)
    assert found["gtin_invalid"][0].listings == 2
    assert found["gtin_invalid"][0].stake == Decimal("34.00")
    assert found["required"][0].stake == Decimal("10.00")


def test_causes_can_be_told_apart_by_who_mends_them(otto: Client, stall: Shop, refused: None) -> None:
    stall.sell("TV-1", category_codes=["TVS"])
    stall.connect("TV-1")
    assert set(rows(otto, who="seller")) == {"category_unmapped"}
    assert set(rows(otto, who="erp")) == {"gtin_invalid", "required"}
    assert rows(otto, who="nobody") == {}
    assert rows(otto, who="seller")["category_unmapped"][0].mapping_of == stall.connection.pk


def test_one_cause_of_the_corrected_is_reconnected(otto: Client, stall: Shop, refused: None) -> None:
    change_product(stall.listing("PANELA-2").variation, ean="7891234567895")
    stall.settle()
    cause, ready = rows(otto)["gtin_invalid"]
    assert (cause.listings, ready) == (1, 1)
    otto.post(reverse("portal:errors_reconnect"), {"cause": cause.key})
    assert Load.objects.latest("id").total == 1
    stall.settle()
    assert stall.listing("PANELA-2").state == Listing.State.CONNECTED
    assert rows(otto)["gtin_invalid"][1] == 0


def test_a_cause_whose_listings_are_all_corrected_still_waits_for_its_button(
    otto: Client, stall: Shop, refused: None
) -> None:
    for sku in ("PANELA-2", "PANELA-3"):
        change_product(stall.listing(sku).variation, ean="7891234567895", brand="Panex")
    stall.settle()
    assert {kind: ready for kind, (_cause, ready) in rows(otto).items()} == {"gtin_invalid": 2, "required": 1}
    response = otto.post(reverse("portal:errors_reconnect"))
    newest = Load.objects.latest("id")
    assert response["Location"] == reverse("portal:marketplaces_load_change", args=[newest.pk])
    assert newest.total == 2


@pytest.mark.parametrize(
    "form", [{}, {"cause": "nonsense"}, {"cause": "a|b|c"}, {"on": "x"}, {"on": "9" * 30}]
)
def test_reconnecting_nothing_is_told(otto: Client, refused: None, form: dict[str, str]) -> None:
    before = Load.objects.count()
    response = otto.post(reverse("portal:errors_reconnect"), form, follow=True)
    assert response.status_code == 200
    assert Load.objects.count() == before


def test_every_open_error_comes_as_csv(otto: Client, refused: None) -> None:
    response = otto.get(reverse("portal:errors_csv"))
    body = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[arg-type]
    assert len(body.splitlines()) == 1 + Issue.objects.filter(closed_at__isnull=True).count() == 4


def test_a_viewer_gets_no_button(vera: Client, stall: Shop, refused: None) -> None:
    change_product(stall.listing("PANELA-2").variation, ean="7891234567895")
    stall.settle()
    assert reverse("portal:errors_reconnect") not in vera.get(ERRORS).content.decode()
    assert vera.post(reverse("portal:errors_reconnect")).status_code == 403
    assert vera.post(reverse("portal:errors_put_aside"), {"cause": "required|brand|"}).status_code == 403


def test_without_errors_the_page_says_so(otto: Client, stall: Shop) -> None:
    response = otto.get(ERRORS)
    assert response.context["rows"] == []
    assert response.context["listings"] == 0


# --- listings ----------------------------------------------------------------------------------


def listed(client: Client, **query: Any) -> set[str]:
    response = client.get(LISTINGS, query)
    assert response.status_code == 200, query
    return {one.variation.sku for one in response.context["cl"].result_list}


def test_tabs_count_the_states(otto: Client, refused: None) -> None:
    tabs = otto.get(LISTINGS).context["tabs"]
    assert [tab["count"] for tab in tabs] == [3, 0, 0, 0, 1, 2, 0]
    error = next(tab for tab in tabs if tab["query"] == "state__exact=error")
    assert error["count"] == 2
    assert listed(otto, state__exact="error") == {"PANELA-2", "PANELA-3"}


def test_listings_are_found_by_cause_correction_and_sku(otto: Client, stall: Shop, refused: None) -> None:
    assert listed(otto, cause="required|brand|") == {"PANELA-3"}
    assert listed(otto, cause="nonsense") == set()
    assert listed(otto, q="PANELA-2") == {"PANELA-2"}
    assert listed(otto, q=stall.listing("PANELA-1").remote_id) == {"PANELA-1"}
    assert listed(otto, corrected="yes") == set()
    change_product(stall.listing("PANELA-2").variation, ean="7891234567895")
    stall.settle()
    assert listed(otto, corrected="yes") == {"PANELA-2"}
    assert listed(otto, corrected="no") == {"PANELA-3"}


def test_a_listing_tells_its_life(otto: Client, stall: Shop, refused: None) -> None:
    change_product(stall.listing("PANELA-2").variation, ean="7891234567895")
    stall.settle()
    stall.send_again("PANELA-2")
    context = otto.get(
        reverse("portal:marketplaces_listing_change", args=[stall.listing("PANELA-2").pk])
    ).context
    states = [event.state for event in context["events"]]
    assert states[0] == "connected"
    assert "error" in states
    assert [issue.closed_because for issue, _hint in context["closed_issues"]] == ["corrected"]
    assert context["open_issues"] == []
    assert context["verdict"] == []
    assert [facet for facet, *_rest in context["syncs"]] == ["content", "price", "stock"]
    assert context["exchanges"]


def test_prices_and_quantities_are_shown_for_people(otto: Client, stall: Shop) -> None:
    stall.sell("PANELA-1", qty=1234, price="1999.90", promotional_price="1899.90")
    stall.connect()
    page = otto.get(
        reverse("portal:marketplaces_listing_change", args=[stall.listing("PANELA-1").pk])
    ).content.decode()
    assert "De R$ 1.999,90 por R$ 1.899,90" in page
    assert "1.234" in page


# --- exchanges ---------------------------------------------------------------------------------


def test_conversations_are_listed_filtered_and_read(otto: Client, stall: Shop) -> None:
    stall.sell("PANELA-1")
    stall.connect()
    every = list(otto.get(EXCHANGES).context["cl"].result_list)
    assert every
    done = otto.get(EXCHANGES, {"answer": "ok"}).context["cl"].result_list
    assert len(done) == sum(1 for one in every if 100 <= one.status < 400)
    assert list(otto.get(EXCHANGES, {"answer": "none"}).context["cl"].result_list) == []
    assert otto.get(EXCHANGES, {"answer": "zzz", "lane": "'"}).status_code == 200
    loads = otto.get(EXCHANGES, {"lane": "content"}).context["cl"].result_list
    sent = next(one for one in loads if "PANELA-1" in one.request_body)
    page = otto.get(reverse("portal:marketplaces_exchange_change", args=[sent.pk])).content.decode()
    assert "PANELA-1" in page


def test_nobody_writes_conversations(dora: Client, stall: Shop) -> None:
    stall.sell("PANELA-1")
    stall.connect()
    exchange = stall.connection.exchanges.first()
    assert exchange is not None
    address = reverse("portal:marketplaces_exchange_change", args=[exchange.pk])
    assert dora.post(address, {"url": "x"}).status_code == 403
    exchange.refresh_from_db()
    assert exchange.url != "x"
