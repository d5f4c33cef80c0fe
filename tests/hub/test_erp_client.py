"""The shipped ERP's way to the hub: it repeats what got no answer, and says what went wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hub.erp import orders
from hub.erp.http import ErpError, JsonApi

Script = list[bytes]


class Hub(ThreadingHTTPServer):
    """A server that gives one raw answer after the other."""

    def __init__(self, answers: Script) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.asked = 0


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        self.server.asked += 1
        self.wfile.write(self.server.answers.pop(0))
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def hub_that_answers() -> Generator[Callable[..., Hub]]:
    started: list[Hub] = []

    def start(*answers: bytes) -> Hub:
        hub = Hub(list(answers))
        threading.Thread(target=hub.serve_forever, daemon=True).start()
        started.append(hub)
        return hub

    yield start
    for hub in started:
        hub.shutdown()
        hub.server_close()


def api_of(hub: Hub) -> JsonApi:
    return JsonApi(f"http://127.0.0.1:{hub.server_port}", patience=5)


EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
BROKEN = b'HTTP/1.1 500 Oops\r\nContent-Length: 17\r\n\r\n{"error": "oops"}'
HALF = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{"order'
WHOLE = b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"ok": 12}'


def test_an_answer_cut_short_is_asked_for_again(hub_that_answers: Callable[..., Hub]) -> None:
    hub = hub_that_answers(HALF, b"", WHOLE)
    assert api_of(hub).need("GET", "/anything") == {"ok": 12}
    assert hub.asked == 3


def test_a_queue_that_fails_is_told_although_it_is_empty_a_moment_later(
    hub_that_answers: Callable[..., Hub],
) -> None:
    hub = hub_that_answers(BROKEN, EMPTY)
    with pytest.raises(ErpError, match="answered 500: oops"):
        orders.drain(api_of(hub))


def test_an_empty_queue_is_the_end(hub_that_answers: Callable[..., Hub]) -> None:
    assert orders.drain(api_of(hub_that_answers(EMPTY))).entries == 0
