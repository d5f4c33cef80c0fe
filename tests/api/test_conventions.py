"""What holds for every call: who may, what bodies are understood, how errors look."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.views import APIView

from catalog.models import Product
from hub.models import ApiKey, Membership
from tests.api.erp import Erp
from tests.make import make_api_key, make_member, make_product, make_seller, make_user

pytestmark = pytest.mark.django_db

LAMP = {"product": {"sku": "LAMP", "name": "Luminária"}}


@pytest.fixture
def erp() -> Erp:
    return Erp(make_seller("Ana"))


def error_of(answer: Any, status: int) -> str:
    """The sentence of an error answer, its form checked."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"].startswith("application/json")
    data = answer.json()
    assert list(data) == ["error"]
    assert isinstance(data["error"], str)
    assert data["error"]
    return str(data["error"])


def api_routes() -> list[tuple[str, type[APIView]]]:
    """Every address that leads to an API view with the default authentication."""
    found: list[tuple[str, type[APIView]]] = []

    def visit(patterns: Any, prefix: str) -> None:
        for entry in patterns:
            path = prefix + str(entry.pattern)
            if isinstance(entry, URLResolver):
                visit(entry.url_patterns, path)
            elif isinstance(entry, URLPattern):
                view = getattr(entry.callback, "cls", None)
                open_door = entry.callback.__dict__.get("initkwargs", {}).get("authentication_classes") == []
                if view is not None and issubclass(view, APIView) and not open_door:
                    found.append((path, view))

    visit(get_resolver().url_patterns, "")
    return found


def concrete(route: str) -> str:
    """An address that matches a route: every named group and converter filled in."""
    named = r"\(\?P<\w+>([^()|]*)[^()]*\)|<[^<>]*>"
    # The first of several words, else a one, which is a number, a code and a SKU.
    path = re.sub(named, lambda group: group[1] if (group[1] or "").isalpha() else "1", route)
    return "/" + path.replace("^", "").replace("/?$", "").replace("$", "").replace("\\Z", "")


def test_every_api_route_refuses_a_call_without_a_key() -> None:
    client = Client()
    crawled = 0
    for route, view in api_routes():
        if view.authentication_classes == []:
            continue
        for method in ("get", "post", "put", "patch", "delete"):
            if hasattr(view, method):
                answer = client.generic(method.upper(), concrete(route), b"{}")
                assert answer.status_code == 401, (method, route, answer.status_code)
                error_of(answer, 401)
                crawled += 1
    assert crawled >= 22


@pytest.mark.parametrize(
    "change",
    [
        {"X-User-Email": ""},
        {"X-User-Email": "nobody@example.com"},
        {"X-Api-Key": ""},
        {"X-Api-Key": "short"},
        {"X-Api-Key": "ção"},
        {"X-Api-Key": "k" * 5_000},
    ],
)
def test_a_wrong_or_missing_header_is_a_401(erp: Erp, change: dict[str, str]) -> None:
    error_of(erp.get("/products", **change), 401)


def test_a_key_with_the_right_beginning_and_a_wrong_end_is_a_401(erp: Erp) -> None:
    error_of(erp.get("/products", **{"X-Api-Key": erp.headers["X-Api-Key"][:-1] + "!"}), 401)


def test_the_email_must_belong_to_the_keys_seller(erp: Erp) -> None:
    stranger = make_member(make_seller("Beto"))
    assert error_of(erp.get("/products", **{"X-User-Email": stranger.email}), 401) == error_of(
        erp.get("/products", **{"X-Api-Key": "wrong-key-altogether"}), 401
    )


def test_any_active_members_email_will_do_in_any_case_of_letters(erp: Erp) -> None:
    viewer = make_member(erp.seller, Membership.Role.VIEWER)
    assert erp.get("/products", **{"X-User-Email": viewer.email.upper()}).status_code == 200
    assert erp.post("/products", LAMP, **{"X-User-Email": viewer.email}).status_code == 201
    viewer.is_active = False
    viewer.save()
    error_of(erp.get("/products", **{"X-User-Email": viewer.email}), 401)


def test_a_person_without_membership_is_a_401(erp: Erp) -> None:
    error_of(erp.get("/products", **{"X-User-Email": make_user().email}), 401)


def test_a_revoked_key_and_a_closed_seller_are_401(erp: Erp) -> None:
    key, secret = make_api_key(erp.seller)
    assert erp.get("/products", **{"X-Api-Key": secret}).status_code == 200
    key.revoke()
    error_of(erp.get("/products", **{"X-Api-Key": secret}), 401)
    erp.seller.is_active = False
    erp.seller.save()
    error_of(erp.get("/products"), 401)


def test_the_keys_old_name_is_understood(erp: Erp) -> None:
    secret = erp.headers.pop("X-Api-Key")
    assert erp.get("/products", **{"X-User-Token": secret}).status_code == 200


def test_the_integrators_key_is_demanded_only_where_the_seller_wants_it(erp: Erp) -> None:
    del erp.headers["X-Accountmanager-Key"]
    assert erp.get("/products").status_code == 200
    erp.seller.strict_account_manager = True
    erp.seller.save()
    error_of(erp.get("/products"), 401)
    assert erp.get("/products", **{"x-accountmanager-key": "anything"}).status_code == 200


def test_using_a_key_is_remembered(erp: Erp) -> None:
    erp.get("/products")
    assert ApiKey.objects.get().last_used_at is not None


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json;charset=UTF-8",
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
    ],
)
def test_json_is_json_whatever_the_header_says(erp: Erp, content_type: str) -> None:
    assert erp.post("/products", LAMP, content_type=content_type).status_code == 201
    assert Product.objects.get().name == "Luminária"


def test_a_form_with_files_is_a_415(erp: Erp) -> None:
    error_of(erp.post("/products", b"--x--", content_type="multipart/form-data; boundary=x"), 415)


def test_a_body_that_is_not_utf8_is_a_415_even_if_the_header_says_so(erp: Erp) -> None:
    body = json.dumps(LAMP, ensure_ascii=False).encode("latin-1")
    error_of(erp.post("/products", body, content_type="application/json;charset=UTF-8"), 415)


def test_a_byte_order_mark_does_no_harm(erp: Erp) -> None:
    assert erp.post("/products", json.dumps(LAMP).encode("utf-8-sig")).status_code == 201


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'{"product": {"sku": "A"}} x', 400),
        (b"{'product': 1}", 400),
        (b'{"product": {"sku": "A", "name": "A", "price": NaN}}', 400),
        (b'{"product": {"sku": "A", "name": "A", "price": Infinity}}', 400),
        (b'{"product": {"sku": "A", "name": "A", "price": 1e400}}', 422),
        (b'{"product": {"sku": "A", "name": "A", "price": 123456789012345678901234567890}}', 422),
        (b'{"product": {"sku": "A", "name": "A", "price": ' + b"9" * 5_000 + b"}}", 422),
        (b'{"product": {"sku": "A", "name": "A", "qty": 123456789012345678901234567890}}', 422),
        (b'{"product": {"sku": "A", "name": "nul \\u0000"}}', 422),
        (b'{"product": {"sku": "A", "name": "A", "unknown": {"deep": ["\\u0000"]}}}', 422),
        (b'{"product": {"sku": "A", "name": "A", "\\u0000": 1}}', 422),
        (b'{"product": {"sku": "A", "name": "half \\ud800"}}', 400),
        (b'{"product": {"sku": "A", "name": "raw nul \x00"}}', 400),
        (b"[" * 100_000 + b"]" * 100_000, 400),
        (b'{"product": {"sku": "A", "name": "A", "x": ' + b"[" * 60 + b"]" * 60 + b"}}", 400),
    ],
)
def test_a_body_that_cannot_be_stored_is_an_error_and_never_a_500(erp: Erp, body: bytes, status: int) -> None:
    error_of(erp.post("/products", body), status)
    assert not Product.objects.exists()


def test_an_escaped_backslash_is_not_a_nul(erp: Erp) -> None:
    assert erp.post("/products", b'{"product": {"sku": "A", "name": "\\\\u0000"}}').status_code == 201
    assert Product.objects.get().name == "\\u0000"


def test_of_a_key_given_twice_the_last_counts(erp: Erp) -> None:
    erp.post("/products", b'{"product": {"sku": "A", "name": "first", "name": "last"}}')
    assert Product.objects.get().name == "last"


@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=1_000)
def test_a_body_over_the_limit_is_a_413(erp: Erp) -> None:
    error_of(erp.post("/products", {"product": {"sku": "A", "name": "x" * 1_000}}), 413)


@pytest.mark.parametrize("path", ["/nothing/here", "/product", "/nothing/"])
def test_an_unknown_address_is_a_404_in_json(erp: Erp, path: str) -> None:
    error_of(erp.get(path), 404)
    error_of(erp.post(path, {}), 404)


def test_a_browser_gets_a_page_for_an_unknown_address() -> None:
    answer = Client().get("/nothing/here", headers={"Accept": "text/html,*/*"})
    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/html")


def test_a_method_nobody_has_is_a_405(erp: Erp) -> None:
    answer = erp.send("PATCH", "/products")
    error_of(answer, 405)
    assert "POST" in answer["Allow"]
    error_of(erp.put("/products/", {}), 405)


def test_an_answer_nobody_can_give_is_a_406(erp: Erp) -> None:
    error_of(erp.get("/products", Accept="application/pdf"), 406)
    for accept in ("application/json", "application/json;charset=UTF-8", "*/*"):
        assert erp.get("/products", Accept=accept).status_code == 200


def test_errors_speak_the_clients_language(erp: Erp) -> None:
    english = error_of(erp.post("/products", {"product": {"sku": "A"}}, **{"Accept-Language": "en"}), 400)
    assert english == "Required fields: name"


def test_a_fault_of_ours_is_a_500_in_json_that_says_nothing(
    erp: Erp, monkeypatch: pytest.MonkeyPatch
) -> None:
    from catalog import extensions

    def broken(seller_id: int, product_ids: Any) -> Any:
        raise ZeroDivisionError("secret detail")

    make_product(erp.seller, "A")
    monkeypatch.setattr(extensions, "ASSOCIATIONS", [broken])
    assert "secret" not in error_of(erp.get("/products/A"), 500)


def test_the_api_describes_itself_without_a_key() -> None:
    client = Client()
    schema = client.get("/schema", headers={"Accept": "application/json"})
    assert schema.status_code == 200
    paths = json.loads(schema.content)["paths"]
    assert "put" in paths["/products/{sku}"]
    assert not [path for path in paths if path.endswith("/")]
    page = client.get("/docs/")
    assert page.status_code == 200
    # The content security policy allows no inline script.
    assert not re.search(rb"<script(?![^>]*src=)", page.content)
    assert client.get("/docs/?script=").status_code == 200


def test_the_description_of_the_api_is_valid_and_complete(tmp_path: Path) -> None:
    out = tmp_path / "schema.yaml"
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(out))
    assert "/bulk/products" in out.read_text()
