"""An ERP's end of a webhook: a real HTTP server that remembers what it was told."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Heard:
    """One call as it came in."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def told(self) -> Any:
        """The body's JSON."""
        return json.loads(self.body)

    def is_signed_with(self, secret: str) -> bool:
        """Check the signature the way the guide tells an ERP to."""
        (_t, at), *proofs = [one.split("=", 1) for one in self.headers["X-Hub-Signature"].split(",")]
        expected = hmac.new(secret.encode(), f"{at}.".encode() + self.body, hashlib.sha256).hexdigest()
        return any(hmac.compare_digest(proof, expected) for _v1, proof in proofs)


@dataclass
class Receiver:
    """What it heard, and what it answers."""

    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    """The answers to come; 200 when there are none left."""
    refused: set[str] = field(default_factory=set)
    """Codes of orders it cannot take, whatever else it takes."""
    refusal: int = 500
    answer: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)
    before_answer: Callable[[], object] = lambda: None

    @property
    def ids(self) -> list[str]:
        """The calls' ids in the order they came."""
        return [one.headers["X-Hub-Delivery"] for one in self.heard]

    @property
    def events(self) -> list[str]:
        """The calls' events in the order they came."""
        return [one.headers["X-Hub-Event"] for one in self.heard]


@contextmanager
def listening(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver that is up; with TLS it speaks https."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.heard.append(Heard(self.path, dict(self.headers), body))
            status = receiver.statuses.pop(0) if receiver.statuses else 200
            if receiver.refused and receiver.heard[-1].told["data"].get("code") in receiver.refused:
                status = receiver.refusal
            receiver.before_answer()
            self.send_response(status)
            length = {"Content-Length": str(len(receiver.answer))}
            for name, value in {**length, **receiver.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(receiver.answer)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                """The caller had no patience, or was killed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/hub"
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
