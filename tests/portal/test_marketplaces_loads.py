"""A load's page: live while it runs, grouped by cause when it fails, sent again when it was corrected."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from marketplaces import services
from marketplaces.models import Issue, Listing, Load, LoadItem
from tests.marketplaces.shop import Shop, change_product

LIST = reverse("portal:marketplaces_load_changelist")


def page_of(load: Load, name: str = "marketplaces_load_change") -> str:
    return reverse(f"portal:{name}", args=[load.pk])


def read(response: Any) -> list[list[str]]:
    body = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(body), delimiter=";"))


@pytest.fixture
def load(stall: Shop) -> Load:
    """Two good, two with a wrong barcode, one without a brand."""
    stall.sell("PANELA-1")
    stall.sell("PANELA-2")
    stall.sell("PANELA-3", ean="123")
    stall.sell("PANELA-4", ean="456")
    stall.sell("PANELA-5", brand="")
    return stall.connect()


def test_a_running_load_polls_and_a_finished_one_stops(otto: Client, stall: Shop) -> None:
    stall.sell("PANELA-1")
    load = services.start_load(
        connection=stall.connection, action="connect", variations=stall.seller.variations.all()
    )
    page = otto.get(page_of(load)).content.decode()
    assert 'hx-trigger="every 2s"' in page
    assert otto.get(page_of(load, "load_live")).status_code == 200
    stall.settle()
    finished = otto.get(page_of(load, "load_live"))
    assert finished.status_code == 286
    assert "hx-trigger" not in finished.content.decode()
    assert 'hx-trigger="every 2s"' not in otto.get(page_of(load)).content.decode()


def test_the_counters_add_up_and_filter(otto: Client, load: Load) -> None:
    context = otto.get(page_of(load)).context
    assert {state: count for state, _label, count in context["tiles"]} == {"done": 2, "error": 3}
    assert context["finished"] == load.total == 5
    wrong = otto.get(page_of(load), {"state": "error"}).context["items"]
    assert {item.sku for item, _reasons in wrong} == {"PANELA-3", "PANELA-4", "PANELA-5"}
    assert all(reasons for _item, reasons in wrong)
    found = otto.get(page_of(load), {"q": "nela-1"}).context["items"]
    assert [item.sku for item, _reasons in found] == ["PANELA-1"]


def test_errors_are_grouped_by_cause_with_examples_and_the_way_out(otto: Client, load: Load) -> None:
    causes = otto.get(page_of(load)).context["causes"]
    assert [(one.kind, one.listings, one.open) for one in causes] == [
        ("gtin_invalid", 2, 2),
        ("required", 1, 1),
    ]
    assert {sample.sku for sample in causes[0].samples} == {"PANELA-3", "PANELA-4"}
    assert causes[0].fixer == "erp"
    narrowed = otto.get(page_of(load), {"cause": causes[0].key}).context["items"]
    assert {item.sku for item, _reasons in narrowed} == {"PANELA-3", "PANELA-4"}


def test_the_marketplaces_own_words_are_quoted(otto: Client, stall: Shop) -> None:
    stall.sell("PANELA-RECUSA")
    load = stall.connect()
    page = otto.get(page_of(load)).content.decode()
    assert "SBX-MODERATION-TITLE" in page
    assert "foi recusado pela moderação" in page


def test_the_corrected_are_counted_and_reconnected_alone(otto: Client, stall: Shop, load: Load) -> None:
    change_product(stall.listing("PANELA-5").variation, brand="Panex")
    stall.settle()
    page = otto.get(page_of(load))
    assert page.context["corrected"] == 1
    response = otto.post(page_of(load, "load_reconnect"), {"what": "corrected"})
    again = Load.objects.latest("id")
    assert response["Location"] == page_of(again)
    assert (again.total, again.action) == (1, "reconnect")
    stall.settle()
    assert stall.listing("PANELA-5").state == Listing.State.CONNECTED
    assert LoadItem.objects.get(load=again).state == LoadItem.State.DONE


def test_all_with_errors_can_be_reconnected(otto: Client, load: Load) -> None:
    otto.post(page_of(load, "load_reconnect"), {"what": "all"})
    assert Load.objects.latest("id").total == 3


def test_nothing_to_reconnect_is_told(otto: Client, load: Load) -> None:
    response = otto.post(page_of(load, "load_reconnect"), {"what": "corrected"}, follow=True)
    assert [message.level_tag for message in response.context["messages"]] == ["error"]
    assert Load.objects.count() == 1


def test_the_csv_has_a_line_per_reason(otto: Client, load: Load) -> None:
    response = otto.get(page_of(load, "load_errors"))
    assert response["Content-Type"].startswith("text/csv")
    assert f"carga-{load.number}-erros.csv" in response["Content-Disposition"]
    header, *lines = read(response)
    assert len(header) == 11
    assert sorted(line[0] for line in lines) == ["PANELA-3", "PANELA-4", "PANELA-5"]
    assert {line[4] for line in lines} == {"123", "456", ""}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", " ="])
def test_no_cell_is_a_formula(otto: Client, stall: Shop, start: str) -> None:
    evil = f"{start}HYPERLINK(1)"
    stall.sell("PANELA-1", ean="123", name=evil)
    load = stall.connect()
    Issue.objects.update(message=evil, code=evil.strip())
    for line in read(otto.get(page_of(load, "load_errors")))[1:]:
        assert not any(cell.lstrip().startswith(("=", "+", "-", "@")) for cell in line)


def test_items_are_paged(otto: Client, stall: Shop) -> None:
    for number in range(53):
        stall.sell(f"P-{number:02d}")
    load = services.start_load(
        connection=stall.connection, action="connect", variations=stall.seller.variations.all()
    )
    first = otto.get(page_of(load)).context
    assert len(first["items"]) == 50
    second = otto.get(page_of(load), {"page": first["next_page"]}).context
    assert len(second["items"]) == 3
    assert second["next_page"] == 0


@pytest.mark.parametrize(
    "query", ["page=x", "page=-1", "page=99999999999", "state=zzz", "cause=x", "cause=a|b"]
)
def test_nonsense_in_the_address_is_no_error(otto: Client, load: Load, query: str) -> None:
    assert otto.get(f"{page_of(load)}?{query}").status_code == 200
    assert otto.get(f"{page_of(load, 'load_live')}?{query}").status_code == 286


def test_the_list_shows_who_what_and_how_far(otto: Client, load: Load) -> None:
    page = otto.get(LIST).content.decode()
    assert re.search(r"2 .*3 .*5", page)
    assert [one.pk for one in otto.get(LIST, {"q": str(load.number)}).context["cl"].result_list] == [load.pk]
    assert list(otto.get(LIST, {"q": "words"}).context["cl"].result_list) == []


def test_the_list_and_the_page_cost_a_fixed_number_of_queries(
    otto: Client, stall: Shop, load: Load, django_assert_max_num_queries: Any
) -> None:
    for _again in range(5):
        stall.send_again("PANELA-1")
    with django_assert_max_num_queries(14):
        otto.get(LIST)
    with django_assert_max_num_queries(16):
        otto.get(page_of(load))


def test_a_viewer_reads_and_sends_nothing(vera: Client, load: Load) -> None:
    assert vera.get(page_of(load)).status_code == 200
    assert vera.get(page_of(load, "load_errors")).status_code == 200
    assert vera.post(page_of(load, "load_reconnect"), {"what": "all"}).status_code == 403
    assert "load_reconnect" not in vera.get(page_of(load)).content.decode()
    assert Load.objects.count() == 1
