"""Every endpoint over real HTTP: what it does, and what a bad call, a stranger or nobody at all gets of it.

The table must have a row for each method of each address, so a new endpoint needs one. All calls go to one
server of two web processes. What a bad call, a stranger or an unknown id leaves behind is compared with all
that the database held of the seller before.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import pytest
import requests

from hub.api.endpoints import endpoint_of
from tests.api.endpoints import around_orders, catalogue, hub, marketplaces, orders
from tests.api.endpoints.row import ANYTHING, AS_HAPPY, NOTHING, Call, Row
from tests.api.endpoints.world import Watched, World, all_rows_of, nobody
from tests.api.test_conventions import api_routes
from tests.make import make_api_headers, make_seller

TABLE = [*hub.ROWS, *catalogue.ROWS, *marketplaces.ROWS, *orders.ROWS, *around_orders.ROWS]
METHODS = ("get", "post", "put", "patch", "delete")
UNTOUCHED = {
    "marketplaces.AttributeMap",
    "marketplaces.CategoryMap",
    "marketplaces.Exchange",
    "marketplaces.HeldPrice",
    "marketplaces.Incident",
    "marketplaces.Lag",
    "marketplaces.Passage",
    "marketplaces.PriceRules",
    "marketplaces.Submission",
}
"""What no call of the API writes: the portal and the engine do."""

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ana(db: None) -> World:
    """The seller nobody may change: a good call that changes something has a world of its own."""
    return World()


class Caller:
    """Sends the table's calls."""

    def __init__(self, address: str, session: requests.Session) -> None:
        self._address, self._session = address, session

    def send(self, row: Row, call: Call, ids: Mapping[str, str], headers: Mapping[str, str]) -> Any:
        """Make a call, check its status, its form and what it shows; return the answer."""
        quoted = {name: quote(one, safe="") for name, one in ids.items()}
        path = (call.path or row.address).format_map(quoted)
        said = row.happy.body if call.body is AS_HAPPY else call.body
        said = said(ids) if callable(said) else said
        nothing = said is NOTHING or said is AS_HAPPY
        body = None if nothing else said if isinstance(said, bytes) else json.dumps(said)
        # No Content-Type: many clients send none.
        answer = self._session.request(
            row.method, self._address + path, data=body, headers={**headers, **call.headers}, timeout=30
        )
        assert answer.status_code == call.status, answer.text
        assert answer.headers["Content-Type"].startswith("application/json")
        if answer.status_code >= 400:
            assert list(answer.json()) == ["error"]
            assert isinstance(answer.json()["error"], str)
            assert answer.json()["error"]
        elif call.shows is not ANYTHING:
            shown = answer.json()
            assert call.shows(shown, ids) if callable(call.shows) else shown == call.shows, shown
        return answer


@pytest.fixture
def caller(address: str) -> Iterator[Caller]:
    with requests.Session() as session:
        yield Caller(address, session)


def of_kind(kind: str) -> Iterator[tuple[Row, Call]]:
    """The rows that have a call of this kind, and that call."""
    for row in TABLE:
        if isinstance(call := getattr(row, kind), Call):
            yield row, call


def test_the_table_has_a_row_for_each_method_of_each_address() -> None:
    there = {
        f"{method.upper()} {endpoint_of(route)}"
        for route, view in api_routes()
        for method in METHODS
        if hasattr(view, method)
    }
    assert sorted(one.endpoint for one in TABLE) == sorted(there)


def test_where_a_kind_of_call_is_missing_the_table_says_why() -> None:
    kinds = ("bad", "unknown", "stranger", "without_key")
    reasons = {one for row in TABLE for kind in kinds if isinstance(one := getattr(row, kind), str)}
    assert all(len(reason) > 10 and reason.endswith(".") for reason in reasons)


def test_a_good_call_does_what_it_is_for(caller: Caller, ana: World, subtests: pytest.Subtests) -> None:
    for row, call in of_kind("happy"):
        with subtests.test(row.endpoint):
            world = World() if call.then else ana
            watched = Watched(world.seller)
            caller.send(row, call, world.ids, world.headers)
            if call.then:
                assert call.then(world.seller, world.ids)
            else:
                assert not watched.changes()


def test_a_bad_call_is_told_in_a_sentence_and_changes_nothing(
    caller: Caller, ana: World, subtests: pytest.Subtests
) -> None:
    watched = Watched(ana.seller)
    for row, call in of_kind("bad"):
        with subtests.test(row.endpoint):
            assert 400 <= call.status < 500
            caller.send(row, call, ana.ids, ana.headers)
            assert not watched.changes()


def test_what_is_not_there_is_told_and_changes_nothing(
    caller: Caller, ana: World, subtests: pytest.Subtests
) -> None:
    watched = Watched(ana.seller)
    for row, call in of_kind("unknown"):
        with subtests.test(row.endpoint):
            caller.send(row, call, nobody(ana.ids), ana.headers)
            assert not watched.changes()


def test_a_stranger_sees_and_changes_nothing(caller: Caller, ana: World, subtests: pytest.Subtests) -> None:
    watched = Watched(ana.seller)
    for row, call in of_kind("stranger"):
        with subtests.test(row.endpoint):
            headers = make_api_headers(make_seller("Beto", is_test=True))
            caller.send(row, call, {**ana.ids, "strangers_key": headers["X-Api-Key"]}, headers)
            assert not watched.changes()


def test_nobody_gets_in_without_a_key(caller: Caller, ana: World, subtests: pytest.Subtests) -> None:
    watched = Watched(ana.seller)
    for row, call in of_kind("without_key"):
        with subtests.test(row.endpoint):
            caller.send(row, call, ana.ids, {})
            assert not watched.changes()


def test_the_seller_compared_has_one_of_everything(ana: World) -> None:
    empty = {name for name, found in all_rows_of(ana.seller).items() if not found}
    assert {name for name in empty if not name.startswith("hub.")} == UNTOUCHED
