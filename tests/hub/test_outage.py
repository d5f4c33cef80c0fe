"""What callers hear while the database is away."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from hub.api import errors

OUTAGES = [OperationalError("server closed"), InterfaceError("connection already closed")]


def met_no_database(request: HttpRequest, number: int) -> HttpResponse:
    raise OUTAGES[number]


def broken(request: HttpRequest) -> HttpResponse:
    raise DatabaseError("no such column")


urlpatterns = [path("away/<int:number>", met_no_database), path("broken", broken)]
handler500 = "hub.api.errors.server_error"


@pytest.mark.parametrize("outage", OUTAGES)
def test_a_database_that_is_away_is_a_call_to_be_repeated(outage: DatabaseError) -> None:
    answer = errors.handle(outage, {})
    assert answer is not None
    assert answer.status_code == 503
    assert answer["Retry-After"] == "1"
    assert set(answer.data) == {"error"}
    assert "closed" not in answer.data["error"], "what the database said stays in our log"


def test_any_other_database_error_is_ours() -> None:
    assert errors.handle(DatabaseError("no such column"), {}) is None


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("number", [0, 1])
def test_a_webhook_that_meets_no_database_is_asked_to_come_again(client: Client, number: int) -> None:
    answer = client.post(f"/away/{number}")
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert set(answer.json()) == {"error"}


@pytest.mark.urls(__name__)
def test_a_person_whose_page_meets_no_database_is_asked_to_come_again(client: Client) -> None:
    answer = client.get("/away/0", headers={"Accept": "text/html"})
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert "Tente de novo daqui a pouco." in answer.text


@pytest.mark.urls(__name__)
def test_any_other_error_of_a_page_is_ours(client: Client) -> None:
    client.raise_request_exception = False
    assert client.get("/broken").status_code == 500
