"""Pages are for people, with all that makes them safe; a program's call has no use for it."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.make import make_api_headers, make_seller

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/portal/login/", "/admin/login/"])
def test_a_page_has_its_policy_and_a_forms_cookie(client: Client, path: str) -> None:
    page = client.get(path)

    assert "script-src 'self'" in page["Content-Security-Policy"]
    assert "csrftoken" in page.cookies


def test_a_form_of_another_site_is_refused() -> None:
    answer = Client(enforce_csrf_checks=True).post("/portal/login/", {"username": "a", "password": "b"})

    assert answer.status_code == 403


def test_an_answer_to_a_program_may_load_nothing_and_sets_no_cookie(client: Client) -> None:
    answer = client.get("/products", headers=make_api_headers(make_seller()))

    assert answer.status_code == 200
    assert answer["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer["X-Frame-Options"] == "DENY"
    assert not answer.cookies


def test_a_program_may_ask_in_english(client: Client) -> None:
    answer = client.get("/products", headers={"Accept-Language": "en"})

    assert answer.json() == {"error": "Send the headers X-User-Email and X-Api-Key."}
