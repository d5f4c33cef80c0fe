"""The API log: what is written of a call, what never is, and who may read it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from django.db import OperationalError, close_old_connections, connection
from django.http import HttpResponse
from django.test import Client
from django.urls import path, re_path, reverse
from django.utils import timezone
from django_q.models import Schedule

from catalog.urls import urlpatterns as catalogue
from hub import cleaning
from hub.api import log
from hub.api.log import KEPT_BYTES, MOST_TURNED_AWAY, Call, Recorder, forget_old_calls
from hub.api.masking import MASK, query_without_secrets, without_key, without_secrets
from hub.api.views import SellerView
from hub.api_log_pages import indented
from hub.models import ApiCall, ApiKey, Membership, Seller
from tests.api.erp import Erp
from tests.api.server import serving
from tests.make import make_api_headers, make_member, make_product, make_seller, make_user
from tests.portal.conftest import sign_in

Rows = Callable[[], list[ApiCall]]


@pytest.fixture
def rows(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rows]:
    """What the log holds, after writing what waits; the recorder's thread is left sleeping."""
    settings.HUB_API_LOG = True
    monkeypatch.setattr(log, "recorder", Recorder(log.write, every=3600))

    def read() -> list[ApiCall]:
        log.recorder.flush()
        return list(ApiCall.objects.order_by("id"))

    yield read
    # What waited beyond the test would be written into whatever database the end of the process meets.
    log.recorder.flush()


@pytest.fixture
def erp(rows: Rows) -> Erp:
    return Erp(make_seller("Ana"))


def everything(call: ApiCall) -> str:
    """All a row holds, as one text."""
    return json.dumps({field.name: str(getattr(call, field.attname)) for field in call._meta.concrete_fields})


# --- what is written -------------------------------------------------------------------------


def test_a_call_is_written_with_what_was_asked_and_told(erp: Erp, rows: Rows) -> None:
    make_product(erp.seller, "LAMP A/B")
    before = timezone.now()
    answer = erp.put("/products/LAMP%20A%2FB?a=1&b=2", {"product": {"qty": 0}}, **{"User-Agent": "Bling/3"})
    assert answer.status_code == 204
    (call,) = rows()
    assert call.seller == erp.seller
    assert before <= call.called_at <= timezone.now()
    assert call.key_prefix == erp.headers["X-Api-Key"][:8]
    assert (call.method, call.path, call.query) == ("PUT", "/products/LAMP A/B", "a=1&b=2")
    assert (call.endpoint, call.subject) == ("/products/{sku}", "LAMP A/B")
    assert call.status == 204
    assert 0 <= call.milliseconds < 60_000
    assert call.user_agent == "Bling/3"
    assert json.loads(call.request_body) == {"product": {"qty": 0}}
    assert call.request_size == len(call.request_body)
    assert (call.response_body, call.response_size) == ("", 0)
    assert call.request_id == answer["X-Request-Id"]


def test_a_secret_in_the_programs_name_is_not_kept(erp: Erp, rows: Rows) -> None:
    erp.get("/products", **{"User-Agent": "Oca/4 token=UASECRET5 (Linux)"})
    (call,) = rows()
    assert call.user_agent.startswith("Oca/4 token=")
    assert "UASECRET5" not in everything(call)


def test_an_answer_is_written_as_it_was_told_also_where_it_travels_compressed(erp: Erp, rows: Rows) -> None:
    for number in range(5):
        make_product(erp.seller, f"LAMP-{number}")
    answer = erp.get("/products", **{"Accept-Encoding": "gzip"})
    assert answer["Content-Encoding"] == "gzip"
    (call,) = rows()
    assert [one["sku"] for one in json.loads(call.response_body)["products"]][:1] != []
    assert call.response_size == len(call.response_body.encode())


@pytest.mark.parametrize(
    ("method", "address", "body", "status"),
    [
        ("POST", "/products", b"{no json", 400),
        ("POST", "/products", {"product": {}}, 400),
        ("GET", "/products/NOBODY", None, 404),
        ("PATCH", "/statuses", {}, 405),
        ("POST", "/products", b'{"product": {"sku": "\xe7"}}', 415),
        ("POST", "/products", {"product": {"sku": "LAMP", "name": "L", "price": "much"}}, 422),
        ("GET", "/produtos", None, 404),
    ],
)
def test_calls_that_fail_are_written_too(
    erp: Erp, rows: Rows, method: str, address: str, body: Any, status: int
) -> None:
    answer = erp.send(method, address, body)
    assert answer.status_code == status
    (call,) = rows()
    assert (call.method, call.path, call.status) == (method, address, status)
    # Where the API has no such address nobody has proven to own the key, so only the fact is kept.
    assert call.endpoint == (address if address != "/produtos" else "") or "{sku}" in call.endpoint
    assert ("error" in call.response_body) == (address != "/produtos")


class Broken(SellerView):
    """A view with a fault."""

    def get(self, request: Any) -> HttpResponse:
        raise ZeroDivisionError


class Label(SellerView):
    """A view that answers with no text."""

    def get(self, request: Any) -> HttpResponse:
        return HttpResponse(b"%PDF-1.7 binary", content_type="application/pdf")


urlpatterns = [path("broken", Broken.as_view()), re_path(r"^label/?$", Label.as_view()), *catalogue]
handler500 = "hub.api.errors.server_error"


@pytest.mark.urls(__name__)
def test_a_fault_of_ours_is_written_as_500(erp: Erp, rows: Rows) -> None:
    assert erp.get("/broken").status_code == 500
    (call,) = rows()
    assert (call.status, call.endpoint) == (500, "/broken")
    assert "error" in call.response_body


@pytest.mark.urls(__name__)
def test_what_is_no_text_is_not_kept(erp: Erp, rows: Rows) -> None:
    erp.get("/label")
    (call,) = rows()
    assert (call.response_body, call.response_size) == ("", 15)


def test_too_many_calls_are_written_but_not_each_of_a_flood(erp: Erp, rows: Rows, settings: Any) -> None:
    settings.HUB_RATE_LIMITS = True
    settings.HUB_RATE_TABLE = {"others": 1}
    statuses = [erp.get("/statuses").status_code for _ in range(60)]
    assert statuses.count(429) > MOST_TURNED_AWAY
    written = [call.status for call in rows()]
    assert written.count(429) == MOST_TURNED_AWAY
    assert written.count(200) == statuses.count(200)


def test_long_bodies_are_cut_and_their_length_is_told(erp: Erp, rows: Rows) -> None:
    body = {"product": {"sku": "LAMP", "name": "Luminária", "description": "é" * 20_000}}
    sent = json.dumps(body, ensure_ascii=False).encode()
    assert erp.post("/products", sent).status_code == 201
    (call,) = rows()
    assert call.request_size == len(sent)
    assert KEPT_BYTES - 3 <= len(call.request_body.encode()) <= KEPT_BYTES
    assert sent.decode().startswith(call.request_body)


def test_long_addresses_are_cut(erp: Erp, rows: Rows) -> None:
    erp.get(f"/products/{'x' * 3_000}?q={'y' * 5_000}", **{"User-Agent": "z" * 1_000})
    (call,) = rows()
    assert (len(call.path), len(call.query)) == (1_000, 2_000)
    assert (len(call.subject), len(call.user_agent)) == (200, 200)


def test_what_the_database_cannot_keep_is_replaced(erp: Erp, rows: Rows) -> None:
    erp.post("/products/A%00B", b'{"product": "\x00\xed\xa0\x80"}', **{"User-Agent": "a"})
    (call,) = rows()
    assert call.path == "/products/A\ufffdB"
    assert "\x00" not in call.request_body


def test_pages_and_strangers_addresses_are_no_calls(erp: Erp, rows: Rows) -> None:
    client = Client()
    for address in ("/", "/portal/login/", "/docs/", "/produtos"):
        client.get(address)
    assert rows() == []


def test_nothing_is_written_where_the_log_is_off(erp: Erp, rows: Rows, settings: Any) -> None:
    settings.HUB_API_LOG = False
    assert "X-Request-Id" in erp.get("/products")
    assert rows() == []


# --- what never is ---------------------------------------------------------------------------


def test_no_header_is_kept_but_the_programs_name(erp: Erp, rows: Rows) -> None:
    secrets = {
        "Authorization": "Bearer sentinel1",
        "Cookie": "a=sentinel2",
        "X-Accountmanager-Key": "sentinel3",
    }
    erp.get("/products", **secrets, Referer="http://sentinel4")
    (call,) = rows()
    assert "sentinel" not in everything(call)
    assert erp.headers["X-User-Email"] not in everything(call)


def test_secrets_are_masked_wherever_a_client_puts_them(erp: Erp, rows: Rows) -> None:
    key = erp.headers["X-Api-Key"]
    erp.post(
        f"/products?api_key=sentinel0&x={key}",
        {
            "product": {"sku": "LAMP", "name": key, "my_token": "sentinel1", "brand": "Marca"},
            "password": "sentinel2",
            "nested": [{"Client-Secret": {"deep": "sentinel3"}}],
            "apiKey": ["sentinel4"],
        },
        **{"User-Agent": f"erp {key}"},
    )
    erp.post("/products", f'{{"product": {{"sku": "{key}", "senha": "sentinel5"'.encode())
    erp.get(f"/products/{key}")
    calls = rows()
    assert len(calls) == 3
    for call in calls:
        assert "sentinel" not in everything(call)
        assert key not in everything(call)
    assert "Marca" in calls[0].request_body
    assert MASK in calls[1].request_body


def test_the_key_is_not_kept_where_a_body_is_cut_in_the_middle_of_it(erp: Erp, rows: Rows) -> None:
    key = erp.headers["X-Api-Key"]
    filling = "a" * (KEPT_BYTES - 30)
    erp.post("/products", f'{{"x":"{filling}{key}"}}'.encode())
    (call,) = rows()
    assert key[:8] not in call.request_body
    assert call.request_body.endswith(MASK)


@pytest.mark.parametrize(
    "text",
    [
        '{"token": "sentinel", "a": 1}',
        '{"Access_Token":"sentinel"}',
        '{"\\u0070assword": "sentinel"}',
        '{"a": {"client_secret": {"b": "sentinel"}}}',
        '{"password": "sentinel',
        '{"password": "sen\\"tinel sentinel", "b": 1',
        '{"credentials": {"a": "sentinel", "b": "sentinel"}, "c": ',
        '{"\\u0070assword": "sentinel',
        "{'api-key': 'sentinel', 'b': 2",
        "user=ana&senha=sentinel&x=1",
        "<a><password>sentinel</password></a>",
        '<login password="sentinel"/>',
        "Authorization: sentinel",
        '{"private_key": 123456789sentinel}',
        '{"segredo": "sentinel", "pwd": "sentinel", "passphrase": "sentinel", "cookie": "a=sentinel"}',
        '{"headers": [{"name": "Authorization", "value": "Basic sentinel"}]}',
        '{"headers": [{"name": "X-Api-Key", "value": "sentinel',
        '{"sent": "{\\"password\\": \\"sentinel\\"}"}',
        '{"api_key": "sentinel", "api_key": "x"}',
        '{"url": "https://erp.example/hub?a=1&access_token=sentinel&b=2"}',
        '{"url": "https://erp.example/hub?a=1\\u0026access_token=sentinel',
        '{"url": "https://user:sentinel@erp.example/hub"}',
        '{"note": "sign with whsec_sentinel"}',
        '{"note": "Authorization: Bearer sentinel.sentinel"}',
        '{"note": "eyJhbGciOiJIUzI1NiJ9.sentinel.sentinel"}',
        '{"pem": "-----BEGIN PRIVATE KEY-----\\nsentinel\\n-----END PRIVATE KEY-----"}',
        "user=ana&api%5Fkey=sentinel",
        "<password><![CDATA[sentinel]]></password>",
        "Authorization: Basic sentinel",
    ],
)
def test_values_of_telling_names_are_masked_in_whole_cut_and_foreign_bodies(text: str) -> None:
    masked = without_secrets(text)
    assert "sentinel" not in masked
    assert "tinel" not in masked
    assert MASK in masked


@pytest.mark.parametrize(
    "text",
    [
        '{"sku":"A",  "price":1.50}',
        '{"name": "\\u00e7a\\u003cb"}',
        "{no json",
        "",
        '{"key": "3517"}',
        '{"url": "https://img.example/a%20b.jpg?x=1", "email": "ana@example.com"}',
        '{"code": "Lojas-1&2"}',
    ],
)
def test_bodies_without_secrets_are_kept_to_the_letter(text: str) -> None:
    assert without_secrets(text) == text


def test_parameters_of_telling_names_are_masked() -> None:
    assert (
        query_without_secrets("page=2&tok%65n=x&sku=A%20B&secret")
        == f"page=2&tok%65n={MASK}&sku=A%20B&secret"
    )


@pytest.mark.parametrize("value", ["https%3A%2F%2Ferp.example%3Ftoken%3Dsentinel", "whsec_sentinel"])
def test_secrets_inside_a_parameter_are_masked(value: str) -> None:
    assert query_without_secrets(f"page=2&url={value}") == f"page=2&url={MASK}"


def test_a_short_key_is_not_cut_out_of_every_word() -> None:
    assert without_key("banana", "a") == "banana"


# --- callers who do not get in ---------------------------------------------------------------


def test_a_wrong_end_of_a_known_key_is_shown_to_its_seller_without_bodies(erp: Erp, rows: Rows) -> None:
    wrong = erp.headers["X-Api-Key"][:-4] + "oops"
    erp.post("/products", {"product": {"sku": "LAMP", "name": "L"}}, **{"X-Api-Key": wrong})
    (call,) = rows()
    assert (call.seller, call.status) == (erp.seller, 401)
    assert call.key_prefix == wrong[:8]
    assert wrong not in everything(call)
    assert (call.request_body, call.response_body) == ("", "")


def test_a_revoked_key_is_shown_to_its_seller(erp: Erp, rows: Rows) -> None:
    ApiKey.objects.get(seller=erp.seller).revoke()
    erp.get("/products", **{"X-User-Email": ""})
    (call,) = rows()
    assert (call.seller, call.status) == (erp.seller, 401)


def test_an_unknown_key_with_a_known_email_is_shown_to_its_seller_without_the_key(
    erp: Erp, rows: Rows
) -> None:
    email = erp.headers["X-User-Email"].upper()
    erp.get("/products", **{"X-Api-Key": "my-mailbox-password", "X-User-Email": email})
    (call,) = rows()
    assert (call.seller, call.status, call.key_prefix) == (erp.seller, 401, "")
    assert "my-mailb" not in everything(call)


def test_who_could_mean_two_sellers_or_none_is_not_written(erp: Erp, rows: Rows) -> None:
    both = make_member(erp.seller)
    Membership.objects.create(seller=make_seller("Beto"), user=both)
    for email in (both.email, make_user().email, "nobody@example.com", ""):
        assert erp.get("/products", **{"X-Api-Key": "unknown-key", "X-User-Email": email}).status_code == 401
    assert rows() == []


# --- the number of a call --------------------------------------------------------------------


def test_every_answer_carries_a_number_of_its_own(erp: Erp) -> None:
    numbers = {erp.get("/products")["X-Request-Id"] for _ in range(3)}
    assert len(numbers) == 3
    assert Client().get("/portal/login/")["X-Request-Id"]


def test_a_sane_number_is_taken_from_the_client(erp: Erp, rows: Rows) -> None:
    assert erp.get("/products", **{"X-Request-Id": "erp-2026.11:17_a"})["X-Request-Id"] == "erp-2026.11:17_a"
    assert rows()[0].request_id == "erp-2026.11:17_a"


@pytest.mark.parametrize("number", ["", "a b", "a\tb", "<b>", "é", "x" * 65, "-a", "a;b"])
def test_any_other_is_replaced(erp: Erp, number: str) -> None:
    answered = erp.get("/products", **{"X-Request-Id": number})["X-Request-Id"]
    assert answered != number
    assert len(answered) == 32


# --- the buffer ------------------------------------------------------------------------------


def make_call(number: int = 0) -> Call:
    return Call(
        called_at=timezone.now(),
        seconds=0.012,
        seller_id=1,
        prefix="",
        email="",
        secret="",
        method="GET",
        path=f"/products/{number}",
        query="",
        endpoint="/products/{sku}",
        subject=str(number),
        status=200,
        request_id=str(number),
        user_agent="",
    )


def subjects(calls: list[Call]) -> list[int]:
    return [int(call.subject) for call in calls]


def test_a_full_buffer_counts_what_it_cannot_take(caplog: pytest.LogCaptureFixture) -> None:
    written: list[Call] = []
    recorder = Recorder(written.extend, most=10, batch=100, every=3600)
    for number in range(13):
        recorder.add(make_call(number))
    recorder.flush()
    assert subjects(written) == list(range(10))
    assert recorder.lost == 3
    assert "3 API calls are missing from the log" in caplog.text
    recorder.add(make_call(13))
    recorder.flush()
    assert subjects(written)[10:] == [13]
    assert caplog.text.count("missing") == 1


def test_heavy_bodies_fill_the_buffer_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "MOST_WAITING_BYTES", 250)
    written: list[Call] = []
    recorder = Recorder(written.extend, batch=100, every=3600)
    recorder._wake.set = lambda: None  # type: ignore[method-assign]
    for number in range(5):
        call = make_call(number)
        call.request_body, call.response_body = b"x" * 60, b"y" * 40
        recorder.add(call)
    recorder.flush()
    assert (subjects(written), recorder.lost) == ([0, 1, 2], 2)
    recorder.add(make_call(5))
    recorder.flush()
    assert subjects(written)[3:] == [5]


def test_calls_wait_while_the_database_is_away_and_the_newest_are_kept() -> None:
    written: list[Call] = []
    is_away = True

    def write(calls: list[Call]) -> None:
        if is_away:
            # What comes in meanwhile goes behind.
            recorder.add(make_call(9))
            raise OperationalError
        written.extend(calls)

    recorder = Recorder(write, most=4, batch=100, every=3600)
    for number in range(4):
        recorder.add(make_call(number))
    recorder.flush()
    assert recorder.lost == 1
    is_away = False
    recorder.flush()
    assert subjects(written) == [1, 2, 3, 9]


@pytest.mark.django_db(transaction=True)
def test_calls_wait_when_the_connection_is_cut_in_the_middle() -> None:
    seller = make_seller("Ana")
    recorder = Recorder(log.write, every=3600)
    call = make_call()
    call.seller_id = seller.pk
    recorder.add(call)
    cut(connection)
    recorder.flush()
    close_old_connections()  # as the recorder's thread does before each round
    assert (recorder.lost, ApiCall.objects.count()) == (0, 0)
    recorder.flush()
    assert ApiCall.objects.count() == 1


def cut(line: Any) -> None:
    """End a connection from the server's side; the client finds out with its next statement."""
    with line.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    other = line.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    other.close()


def test_calls_that_never_can_be_written_are_counted_and_block_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    written: list[Call] = []

    def write(calls: list[Call]) -> None:
        if any(call.subject == "0" for call in calls):
            raise ValueError
        written.extend(calls)

    recorder = Recorder(write, every=3600)
    recorder.add(make_call(0))
    recorder.flush()
    recorder.add(make_call(1))
    recorder.flush()
    assert (recorder.lost, subjects(written)) == (1, [1])
    assert "could not be written" in caplog.text


@pytest.mark.parametrize(("batch", "every"), [(3, 3600.0), (100, 0.05)])
def test_calls_are_written_beside_by_number_or_by_time(batch: int, every: float) -> None:
    written: list[Call] = []
    recorder = Recorder(written.extend, batch=batch, every=every)
    for number in range(3):
        recorder.add(make_call(number))
    until = time.monotonic() + 20
    while len(written) < 3 and time.monotonic() < until:
        time.sleep(0.01)
    assert subjects(written) == [0, 1, 2]


@pytest.mark.django_db(transaction=True)
def test_web_processes_write_beside_the_calls_and_once_more_when_told_to_end(tmp_path: Path) -> None:
    headers = make_api_headers(make_seller("Ana"))
    numbers = set()
    with serving(tmp_path / "web.log", workers=2) as url, requests.Session() as session:
        session.headers.update(headers)
        for number in range(30):
            session.get(f"{url}/products/{number}", headers={"X-Request-Id": f"first-{number}"}, timeout=30)
        until = time.monotonic() + 20
        while ApiCall.objects.count() < 30 and time.monotonic() < until:
            time.sleep(0.1)
        assert ApiCall.objects.count() == 30
        # These are written by the end of the processes, at the latest.
        for number in range(10):
            name = f"last-{number}"
            session.get(f"{url}/products/{number}", headers={"X-Request-Id": name}, timeout=30)
            numbers.add(name)
    assert numbers <= set(ApiCall.objects.values_list("request_id", flat=True)), (
        tmp_path / "web.log"
    ).read_text()


# --- how long --------------------------------------------------------------------------------


def make_row(seller: Seller, number: str = "", **values: Any) -> ApiCall:
    given: dict[str, Any] = {
        "called_at": timezone.now(),
        "method": "GET",
        "path": "/products/LAMP",
        "endpoint": "/products/{sku}",
        "subject": "LAMP",
        "status": 200,
        "milliseconds": 12,
        "request_id": number,
        **values,
    }
    return ApiCall.objects.create(seller=seller, **given)


def test_old_calls_are_forgotten_in_bites(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "BITE", 2)
    seller = make_seller("Ana")
    for days in (0, 13, 15, 16, 17, 300):
        make_row(seller, str(days), called_at=timezone.now() - timedelta(days=days))
    assert forget_old_calls() == 4
    assert set(ApiCall.objects.values_list("request_id", flat=True)) == {"0", "13"}
    settings.HUB_API_LOG_DAYS = 1
    assert forget_old_calls() == 1


def test_the_cleaning_stops_in_time_and_is_on_the_clock(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    make_row(make_seller("Ana"), called_at=timezone.now() - timedelta(days=99))
    monkeypatch.setattr(cleaning, "SECONDS", 0)
    assert forget_old_calls() == 0
    assert Schedule.objects.get(func="hub.api.log.forget_old_calls").name == "forget old API calls"


# --- who reads it ----------------------------------------------------------------------------

LIST = "portal:hub_apicall_changelist"


def page(client: Client, **params: str) -> str:
    answer = client.get(reverse(LIST), params)
    assert answer.status_code == 200
    return answer.content.decode()


def found(client: Client, **params: str) -> set[str]:
    """The numbers of the calls a list shows."""
    shown = page(client, **params)
    return {
        call.request_id
        for call in ApiCall.objects.all()
        if reverse("portal:hub_apicall_change", args=[call.pk]) in shown
    }


@pytest.fixture
def ana(db: None) -> tuple[Seller, Client]:
    seller = make_seller("Ana")
    return seller, sign_in(make_member(seller, Membership.Role.VIEWER))


def test_the_list_is_filtered(ana: tuple[Seller, Client]) -> None:
    seller, client = ana
    key, _secret = ApiKey.issue(seller, "Bling")
    old = timezone.now() - timedelta(days=2)
    make_row(seller, "plain", key_prefix=key.prefix)
    make_row(seller, "post", method="POST", path="/products", endpoint="/products", subject="", status=201)
    make_row(seller, "refused", status=422)
    make_row(seller, "key", status=401)
    make_row(seller, "limited", status=429)
    make_row(seller, "failed", status=500)
    make_row(seller, "lost", path="/produtos", endpoint="", subject="", status=404)
    make_row(seller, "old", called_at=old)
    errors = {"refused", "key", "limited", "failed", "lost"}
    assert found(client) == errors | {"plain", "post", "old"}
    assert found(client, result="errors") == errors
    assert found(client, result="done") == {"plain", "post", "old"}
    assert found(client, result="refused") == errors - {"failed"}
    assert found(client, result="keys") == {"key"}
    assert found(client, result="limited") == {"limited"}
    assert found(client, result="failed") == {"failed"}
    assert found(client, method="POST") == {"post"}
    assert found(client, endpoint="/products") == {"post"}
    assert found(client, endpoint="-") == {"lost"}
    assert found(client, key=key.prefix) == {"plain"}
    assert found(client, period="24h") == errors | {"plain", "post"}
    assert found(client, period="24h", result="done", method="GET") == {"plain"}
    assert f"Bling ({key.prefix}…)" in page(client)


def test_the_list_is_searched_by_sku_address_and_number(ana: tuple[Seller, Client]) -> None:
    seller, client = ana
    make_row(seller, "one", path="/products/LAMP-1", subject="LAMP-1")
    make_row(seller, "two", path="/variations/LAMP-2", endpoint="/variations/{sku}", subject="LAMP-2")
    make_row(
        seller,
        "three",
        path="/orders/Loja A-1/invoice",
        endpoint="/orders/{code}/invoice",
        subject="Loja A-1",
        method="POST",
    )
    make_row(seller, "four", path="/produtos/9", endpoint="", subject="", status=404)
    make_row(seller, "five", path="/products", endpoint="/products", subject="")
    assert found(client, q="LAMP") == {"one", "two"}
    assert found(client, q=" LAMP-1 ") == {"one"}
    assert found(client, q="three") == {"three"}
    assert found(client, q="/products/LAMP-1") == {"one"}
    assert found(client, q="/variations/LAMP-2?page=1") == {"two"}
    assert found(client, q="/orders/Loja A-1/invoice") == {"three"}
    assert found(client, q="/orders/Loja A-1") == set()
    assert found(client, q="/products") == {"five"}
    assert found(client, q="/produt") == {"four"}
    assert found(client, q="nothing%") == set()


def test_the_page_shows_both_bodies_readably_and_escaped(ana: tuple[Seller, Client]) -> None:
    seller, client = ana
    call = make_row(
        seller,
        "number-1",
        request_body='{"product":{"name":"<b>Ação</b>"}}',
        request_size=36,
        response_body='{"error":"cut',
        response_size=9_000,
    )
    answer = client.get(reverse("portal:hub_apicall_change", args=[call.pk]))
    shown = answer.content.decode()
    assert "{\n  &quot;product&quot;: {\n    &quot;name&quot;: &quot;&lt;b&gt;Ação&lt;/b&gt;&quot;" in shown
    assert "<b>Ação</b>" not in shown
    assert "{&quot;error&quot;:&quot;cut" in shown
    assert "8,8" in shown
    assert "number-1" in shown


@pytest.mark.parametrize("end", range(2, 60))
def test_the_beginning_of_json_is_indented_as_its_whole_would_be(end: int) -> None:
    body = '{"a":[1,{"b":"x, \\\\\\"y{"}],"c":{"d":null}, "e":-1.5,"f":true}'
    whole = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    assert indented(body) == whole
    assert whole.startswith(indented(body[:end]).rstrip())


def test_nobody_changes_or_deletes_a_call(ana: tuple[Seller, Client]) -> None:
    seller, _client = ana
    call = make_row(seller)
    owner = sign_in(make_member(seller))
    assert owner.post(reverse("portal:hub_apicall_change", args=[call.pk]), {"path": "/x"}).status_code == 403
    assert (
        owner.post(reverse("portal:hub_apicall_delete", args=[call.pk]), {"post": "yes"}).status_code == 403
    )
    assert owner.get(reverse("portal:hub_apicall_add")).status_code == 403
    assert ApiCall.objects.get().path == call.path


def test_another_seller_sees_nothing_of_it(ana: tuple[Seller, Client]) -> None:
    seller, client = ana
    key, _secret = ApiKey.issue(seller, "Bling")
    call = make_row(seller, "number-1", path="/products/SENTINEL", subject="SENTINEL", key_prefix=key.prefix)
    assert "SENTINEL" in page(client)
    beto = sign_in(make_member(make_seller("Beto")))
    for params in (
        {},
        {"q": "SENTINEL"},
        {"q": "number-1"},
        {"key": key.prefix},
        {"q": "/products/SENTINEL"},
    ):
        assert found(beto, **params) == set()
    assert key.prefix not in page(beto)
    answer = beto.get(reverse("portal:hub_apicall_change", args=[call.pk]), follow=True)
    assert "/products/SENTINEL" not in answer.content.decode()


def test_staff_reads_everybodys_log(ana: tuple[Seller, Client]) -> None:
    seller, _client = ana
    beto = make_seller("Beto")
    call, other = make_row(seller, path="/products/A"), make_row(beto, path="/products/B")
    staff = sign_in(make_user(is_staff=True, is_superuser=True))
    shown = staff.get(reverse("admin:hub_apicall_changelist")).content.decode()
    assert "/products/A" in shown
    assert "/products/B" in shown
    answer = staff.get(reverse("admin:hub_apicall_changelist"), {"seller__id__exact": beto.pk})
    assert reverse("admin:hub_apicall_change", args=[other.pk]) in answer.content.decode()
    assert reverse("admin:hub_apicall_change", args=[call.pk]) not in answer.content.decode()
    assert staff.get(reverse("admin:hub_apicall_change", args=[call.pk])).status_code == 200
    assert staff.post(reverse("admin:hub_apicall_change", args=[call.pk]), {}).status_code == 403
