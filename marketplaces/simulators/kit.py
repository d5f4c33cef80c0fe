"""What a marketplace simulator is made of: requests, answers, faults on demand and a real HTTP server.

Plain Python, no Django: a simulator is a marketplace as seen from outside, in a process of its own.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import WSGITask

MAX_BODY = 16 * 1024 * 1024
_HOST = re.compile(r"[\w.\-]+(:\d+)?|\[[0-9A-Fa-f:.]+\](:\d+)?", re.ASCII)
_LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")

StartResponse = Callable[..., Any]


class Problem(Exception):
    """A request the marketplace refuses: an HTTP status, its own code and a sentence."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})


@dataclass(slots=True)
class Request:
    """One HTTP request, read whole."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    remote: str
    base_url: str
    """Where the caller found us, to build addresses from."""
    connection: socket.socket | None = None

    @classmethod
    def read(cls, environ: Mapping[str, Any]) -> Request:
        """Read a request; raises Problem when it is too large."""
        body = environ["wsgi.input"].read(MAX_BODY + 1)
        if len(body) > MAX_BODY:
            raise Problem(413, "SBX-TOO-LARGE", f"O corpo passa de {MAX_BODY // 1024 // 1024} MB.")
        headers = {
            name[5:].replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        headers["content-type"] = environ.get("CONTENT_TYPE", "")
        host = headers.get("host", "")
        if not _HOST.fullmatch(host):
            host = f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
        return cls(
            method=environ["REQUEST_METHOD"],
            path=_utf8(environ.get("PATH_INFO", "/") or "/"),
            query=dict(parse_qsl(_utf8(environ.get("QUERY_STRING", "")), keep_blank_values=True)),
            headers=headers,
            body=body,
            remote=environ.get("REMOTE_ADDR", ""),
            base_url=f"http://{host}",
            connection=environ.get("simulator.connection"),
        )

    @property
    def is_local(self) -> bool:
        return self.remote in _LOOPBACK

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def json(self) -> Any:
        """Decode the body, decimal numbers as Decimal; raises Problem unless it is clean JSON in UTF-8."""
        try:
            value = json.loads(self.body.decode("utf-8"), parse_float=Decimal, parse_constant=_no_constant)
        except UnicodeDecodeError as error:
            raise Problem(400, "SBX-JSON", "O corpo não está em UTF-8.") from error
        except (ValueError, RecursionError) as error:
            raise Problem(400, "SBX-JSON", "O corpo não é um JSON válido.") from error
        # An escaped NUL or half a surrogate pair is legal JSON, but no text a database can keep.
        if re.search(rb"\\u(0000|[dD][89a-fA-F])", self.body) and not _is_storable(value):
            raise Problem(
                400, "SBX-JSON", "O corpo traz caracteres que não são texto (NUL ou meio par Unicode)."
            )
        return value


def _utf8(text: str) -> str:
    return text.encode("latin-1", "replace").decode("utf-8", "replace").replace("\x00", "\ufffd")


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _is_storable(value: Any) -> bool:
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
        text.encode()
    except (UnicodeEncodeError, RecursionError):
        return False
    return not re.search(r"(?<!\\)(\\\\)*\\u0000", text)


@dataclass(slots=True)
class Response:
    """One HTTP answer."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    parts: Iterable[bytes] | None = None
    """Sent instead of `body` where the answer comes in an unusual way."""

    @classmethod
    def of_json(cls, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        try:
            body = text.encode()
        except UnicodeEncodeError:
            # Half an emoji: only escaped can it be said at all, and some marketplaces do.
            body = json.dumps(value).encode()
        return cls(status, body, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})

    @classmethod
    def of_html(cls, text: str, status: int = 200) -> Response:
        return cls(status, text.encode(), {"Content-Type": "text/html; charset=utf-8"})

    @classmethod
    def of_problem(cls, problem: Problem) -> Response:
        error = {"error": {"code": problem.code, "message": problem.message}}
        return cls.of_json(error, problem.status, problem.headers)

    def __call__(self, start_response: StartResponse, method: str = "GET") -> Iterable[bytes]:
        headers = {"Content-Length": str(len(self.body)), **self.headers}
        start_response(f"{self.status} Sandbox", list(headers.items()))
        return (b"",) if method == "HEAD" else self.parts if self.parts is not None else (self.body,)


FAULT_KINDS = (
    "status",
    "html",
    "truncate",
    "garbage",
    "slow",
    "trickle",
    "drop",
    "answer",
    "half",
    "muddle",
)


@dataclass(slots=True)
class Fault:
    """One failure to come: which calls it hits, how, and how often.

    `kind`: ``status`` an error answer; ``html`` an HTML page with that status; ``truncate`` the
    connection ends in the middle of the body; ``garbage`` a whole answer of half a JSON document;
    ``slow`` waits `seconds` and then works; ``trickle`` the body comes a byte at a time over
    `seconds`; ``drop`` no answer at all; ``answer`` replies with `body` as it is; ``half`` only every
    second item of the call takes effect and is answered, the others are passed over without a word;
    ``muddle`` a whole answer whose lists come backwards, the item at their head twice.
    With `after_commit` the call takes effect first and only its answer is spoilt.
    """

    match: str = "/v1"
    method: str = ""
    kind: str = "status"
    status: int = 503
    after_commit: bool = False
    times: int = 1
    seconds: float = 5.0
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None

    def spoil(self, request: Request, respond: Callable[[], Response]) -> Response:
        """Answer a request this fault has hit; `respond` does what was asked."""
        if self.kind == "slow" and not self.after_commit:
            time.sleep(self.seconds)
            return respond()
        if self.kind in ("half", "muddle"):
            return self._rearrange(request, respond)
        works = self.after_commit or self.kind == "trickle"
        good = respond() if works else Response.of_json({"results": ["interrompido"] * 20})
        if self.kind == "slow":
            time.sleep(self.seconds)
            return good
        if self.kind == "drop":
            if request.connection is not None:
                request.connection.shutdown(socket.SHUT_RDWR)
            return Response(503)
        if self.kind == "html":
            page = Response.of_html(
                "<!doctype html><title>Erro</title><h1>Gateway indisponível</h1>", self.status
            )
            page.headers.update(self.headers)
            return page
        half = good.body[: max(1, len(good.body) // 2)]
        if self.kind == "truncate":
            headers = {**good.headers, "Content-Length": str(len(good.body)), "Connection": "close"}
            return Response(good.status, half, headers)
        if self.kind == "garbage":
            return Response(good.status, half, good.headers)
        if self.kind == "trickle":
            headers = {**good.headers, "Content-Length": str(len(good.body))}
            return Response(good.status, headers=headers, parts=_drip(good.body, self.seconds))
        if self.kind == "answer":
            return Response.of_json(self.body, self.status, self.headers)
        problem = Problem(self.status, "SBX-FAULT", "Falha pedida pelo controle do simulador.", self.headers)
        return Response.of_problem(problem)

    def _rearrange(self, request: Request, respond: Callable[[], Response]) -> Response:
        """Do what was asked, or half of it, and answer with lists that lack or repeat items."""
        if self.kind == "half" and not self.after_commit:
            request.body = _each_list(request.body, _every_second)
            return respond()
        good = respond()
        good.body = _each_list(good.body, _every_second if self.kind == "half" else _backwards)
        return good


def _every_second(items: list[Any]) -> list[Any]:
    return items[::2]


def _backwards(items: list[Any]) -> list[Any]:
    return [*items[-1:], *reversed(items)]


def _each_list(body: bytes, change: Callable[[list[Any]], list[Any]]) -> bytes:
    """Change the lists an object in JSON has; any other body stays as it is."""
    try:
        value = json.loads(body)
    except ValueError:
        return body
    if not isinstance(value, dict):
        return body
    changed = {name: change(one) if isinstance(one, list) else one for name, one in value.items()}
    return json.dumps(changed, ensure_ascii=False).encode()


def _drip(body: bytes, seconds: float) -> Iterator[bytes]:
    steps = max(1, min(len(body), 100))
    size = -(-len(body) // steps)
    for start in range(0, len(body), size):
        time.sleep(seconds / steps)
        yield body[start : start + size]


class FaultQueue:
    """The failures still to come, oldest first; each request takes at most one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def waiting(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    def take(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if path.startswith(fault.match) and fault.method in ("", method):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                    return fault
        return None


class _Task(WSGITask):
    """Lets the application see the connection, so that it can hang up."""

    def get_environment(self) -> Any:
        environ = super().get_environment()
        environ["simulator.connection"] = self.channel.socket
        return environ


class _Channel(HTTPChannel):
    task_class = _Task


class Server:
    """A threaded HTTP server around one WSGI application; port 0 picks a free one."""

    def __init__(self, app: Callable[..., Any], host: str = "127.0.0.1", port: int = 0) -> None:
        settings = Adjustments(
            listen=f"{host}:{port}",
            threads=16,
            ident="sandbox",
            max_request_body_size=MAX_BODY * 2,
            connection_limit=500,
            channel_timeout=60,
        )
        self._wsgi = TcpWSGIServer(app, adj=settings)
        self._wsgi.channel_class = _Channel
        self.port = int(self._wsgi.effective_port)
        reachable = "127.0.0.1" if host in ("", "*", "::", "0.0.0.0") else host  # noqa: S104 - compared, not bound
        self.url = f"http://{f'[{reachable}]' if ':' in reachable else reachable}:{self.port}"
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def run(self) -> None:
        """Serve until SystemExit or KeyboardInterrupt."""
        self._wsgi.run()

    def start(self) -> None:
        self._thread = threading.Thread(target=self._serve, name="simulator", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Hang up every connection and end the thread."""
        self._wsgi.task_dispatcher.shutdown(timeout=2)
        self._stopping.set()
        self._wsgi.pull_trigger()
        if self._thread is not None:
            self._thread.join(5)
        # Only now: whoever pulls a trigger that is closed writes into whatever has its number by then.
        self._wsgi.asyncore.close_all(self._wsgi._map, True)

    def _serve(self) -> None:
        while not self._stopping.is_set():
            self._wsgi.asyncore.loop(timeout=1, map=self._wsgi._map, count=1)
