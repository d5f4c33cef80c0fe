"""What an account is known by never leaves the one door out: not in records, not in errors."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import quote

import pytest

from marketplaces.contract import CredentialsRejected, Exchange, MarketplaceError
from marketplaces.http import TRIMMED_BODY, ApiClient

SECRET = 's3cr&t "with" /odd+ çhars='
TOKEN = "tok-0123456789abcdef"
BASIC = base64.b64encode(b"user:passw0rd-of-theirs").decode()
SPELLINGS = (
    SECRET,
    quote(SECRET, safe=""),
    json.dumps(SECRET)[1:-1],
    json.dumps(SECRET, ensure_ascii=False)[1:-1],
    base64.b64encode(SECRET.encode()).decode().rstrip("="),
    TOKEN,
    BASIC,
)


class Echo(BaseHTTPRequestHandler):
    """A marketplace that repeats everything it heard, headers included; its status is in the path."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        said = [self.path, str(self.headers), body.decode(), *SPELLINGS, self.server.padding]  # type: ignore[attr-defined]
        answer = "\n".join(said).encode()
        self.send_response(int(self.path.split("/")[1]))
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def echo() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Echo)
    server.padding = ""  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def heard() -> list[Exchange]:
    return []


@pytest.fixture
def client(echo: HTTPServer, heard: list[Exchange]) -> ApiClient:
    return ApiClient(
        f"http://127.0.0.1:{echo.server_port}",
        {"Authorization": f"Basic {BASIC}", "X-Api-Key": TOKEN},
        secrets=[SECRET],
        allow_private=True,
        observe=heard.append,
    )


def told(heard: list[Exchange]) -> str:
    return repr([(one.url, one.request_body, one.response_body, one.error) for one in heard])


def secrets_in(text: str) -> list[str]:
    return [one for one in (*SPELLINGS, "passw0rd-of-theirs", "in-the-body", "in-the-query") if one in text]


@pytest.mark.parametrize("status", [200, 400, 401, 404, 500])
def test_no_spelling_of_a_secret_is_recorded_or_told(
    client: ApiClient, heard: list[Exchange], status: int
) -> None:
    body = {"sku": "PAN-1", "deep": [{"client_secret": "in-the-body"}], "words": SECRET}
    params = {"access_token": "in-the-query", "q": SECRET, "sku": "PAN-1"}
    with pytest.raises(MarketplaceError) as caught:
        client.call("POST", f"/{status}/items/{quote(SECRET, safe='')}", json=body, params=params)
    assert secrets_in(str(caught.value) + repr(caught.value.__cause__)) == []
    (one,) = heard
    assert secrets_in(told(heard)) == []
    assert "PAN-1" in one.request_body
    assert "sku=PAN-1" in one.url
    assert "access_token=" in one.url


def test_a_secret_spelled_with_escapes_is_not_spelled_out(
    client: ApiClient, echo: HTTPServer, heard: list[Exchange]
) -> None:
    # No whole JSON, with a telling name: its escapes are decoded so that names can be told.
    escaped = "".join(f"%{ord(one):02x}" if one.isalpha() else one for one in TOKEN)
    echo.padding = f'{{"password": "x", "you sent": "{escaped}", "and": '  # type: ignore[attr-defined]
    client.send("POST", "/200/", json={})
    assert secrets_in(told(heard)) == []


def test_no_beginning_of_a_secret_is_left_where_a_body_is_cut(
    client: ApiClient, echo: HTTPServer, heard: list[Exchange]
) -> None:
    # Wherever the cut falls in the secret, and although masking what is before makes the text shorter.
    for shift in range(0, 2 * len(TOKEN), 3):
        echo.padding = TOKEN * 300 + "x" * shift + TOKEN * 300  # type: ignore[attr-defined]
        client.send("POST", "/200/", json={})
    for one in heard:
        assert TOKEN[:8] not in one.response_body
        assert len(one.response_body) <= TRIMMED_BODY + 1


def test_an_address_that_cannot_be_reached_is_not_quoted(heard: list[Exchange]) -> None:
    client = ApiClient("http://127.0.0.1:9", {}, secrets=[SECRET], allow_private=True, observe=heard.append)
    with pytest.raises(MarketplaceError) as caught:
        client.call("GET", f"/x/{quote(SECRET, safe='')}", params={"token": "in-the-query"})
    assert secrets_in(str(caught.value)) == []
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert secrets_in(told(heard)) == []


def test_a_credential_no_header_can_carry_is_not_quoted(heard: list[Exchange]) -> None:
    client = ApiClient(
        "http://127.0.0.1:9", {"X-Api-Key": f"{TOKEN}\nX: y"}, allow_private=True, observe=heard.append
    )
    with pytest.raises(CredentialsRejected) as caught:
        client.call("GET", "/x")
    assert secrets_in(str(caught.value) + told(heard)) == []
