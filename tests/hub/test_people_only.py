"""Pages are for people, with all that makes them safe; a program's call has no use for it."""

from __future__ import annotations

import pytest
from django.test import Client, RequestFactory

from hub.people_only import is_for_people
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
    assert answer.json() == {"error": "Isto não é permitido."}


@pytest.mark.parametrize(
    ("language", "words", "way_back"),
    [("pt-br", "Nada foi salvo", "Voltar à página"), ("en", "Nothing was saved", "Back to the page")],
)
def test_a_form_that_was_open_for_too_long_says_so_and_leads_back(
    language: str, words: str, way_back: str
) -> None:
    browser = Client(enforce_csrf_checks=True, headers={"accept": "text/html", "accept-language": language})

    answer = browser.post("/portal/seller/", headers={"referer": "http://testserver/portal/orders/?p=2"})

    assert answer.status_code == 403
    assert words in answer.text
    assert f'<a href="/portal/orders/?p=2">{way_back}</a>' in answer.text
    assert "style-src 'self'" in answer["Content-Security-Policy"]


@pytest.mark.parametrize("page", ["", "https://elsewhere.example/x", "javascript:alert(1)"])
def test_a_form_that_came_from_elsewhere_leads_to_the_start(page: str) -> None:
    browser = Client(enforce_csrf_checks=True, headers={"accept": "text/html", "referer": page})

    assert '<a href="/portal/">' in browser.post("/portal/login/").text


def test_an_answer_to_a_program_may_load_nothing_and_sets_no_cookie(client: Client) -> None:
    answer = client.get("/products", headers=make_api_headers(make_seller()))

    assert answer.status_code == 200
    assert answer["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer["X-Frame-Options"] == "DENY"
    assert not answer.cookies


def test_a_program_may_ask_in_english(client: Client) -> None:
    answer = client.get("/products", headers={"Accept-Language": "en"})

    assert answer.json() == {"error": "Send the headers X-User-Email and X-Api-Key."}


def test_a_lost_browser_gets_a_page_with_its_styles(client: Client) -> None:
    page = client.get("/nowhere/at/all", headers={"Accept": "text/html"})

    assert page.status_code == 404
    assert "style-src 'self'" in page["Content-Security-Policy"]


def test_a_program_hears_in_which_language_it_was_answered(client: Client) -> None:
    headers = make_api_headers(make_seller())

    for asked, spoken in (({}, "pt-br"), ({"Accept-Language": "en-GB,pt;q=0.5"}, "en")):
        answer = client.get("/products", headers={**headers, **asked})

        assert answer["Content-Language"] == spoken
        assert "Accept-Language" in answer["Vary"]


@pytest.mark.parametrize(
    ("path", "methods"),
    [("/products/A", "GET, PUT, DELETE, HEAD, OPTIONS"), ("/queues/orders", "GET, OPTIONS")],
)
def test_an_answer_names_the_methods_of_its_address(client: Client, path: str, methods: str) -> None:
    answer = client.get(path, headers=make_api_headers(make_seller()))

    assert answer["Allow"] == methods


@pytest.mark.parametrize("accepted", [None, "*/*", "application/json", "text/html, */*;q=0.1"])
def test_whatever_a_program_accepts_it_is_answered_in_json(client: Client, accepted: str | None) -> None:
    headers = make_api_headers(make_seller())

    answer = client.get("/products", headers={**headers, **({"Accept": accepted} if accepted else {})})

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")


def test_an_address_without_a_slash_is_no_error_of_ours() -> None:
    assert is_for_people(RequestFactory().generic("OPTIONS", "/", PATH_INFO="*"))
