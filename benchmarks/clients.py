"""Many clients at once, cheaply: raw sockets that stay open, in a process of its own.

A client is a generator: it yields a request's bytes, is sent the answer, and ends when it has had enough. One
thread drives all of them, and costs the machine about a twentieth of what answering costs.
"""

from __future__ import annotations

import json
import pickle
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    head: bytes
    body: bytes


Client = Generator[bytes, Answer, None]


@dataclass(slots=True)
class Driven:
    """How long all clients took together, what each call took, and what the clients noted."""

    seconds: float
    latencies: list[float] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)


def request(method: str, path: str, headers: Mapping[str, str], body: Any = None) -> bytes:
    """Write a request down."""
    content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


def senders(port: int, shares: Iterable[Sequence[bytes]]) -> Driven:
    """Let each client send its share of requests, one after the other; all must succeed."""
    return _in_a_process(port, "send", list(shares))


def consumers(port: int, count: int, take: bytes, acknowledge: bytes) -> Driven:
    """Let `count` clients take an order and acknowledge it until none waits; notes the codes.

    In `acknowledge` "{code}" stands for the code of the order that was taken.
    """
    return _in_a_process(port, "consume", [(take, acknowledge)] * count)


def _in_a_process(port: int, kind: str, works: list[Any]) -> Driven:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.clients"],
        input=pickle.dumps((port, kind, works)),
        stdout=subprocess.PIPE,
        cwd=PROJECT,
        check=True,
    )
    driven: Driven = pickle.loads(done.stdout)  # noqa: S301  (our own child's)
    return driven


def sending(requests: Sequence[bytes], noted: list[str]) -> Client:
    """Send these; the answer to each must be a success."""
    for one in requests:
        answer = yield one
        if not 200 <= answer.status < 300:
            raise AssertionError(f"{answer.status} {answer.body[:500]!r}")
        if b'"failed":' in answer.body and b'"failed":0' not in answer.body.replace(b" ", b""):
            raise AssertionError(f"items failed: {answer.body[:500]!r}")


def consuming(work: tuple[bytes, bytes], noted: list[str]) -> Client:
    """Take and acknowledge until nothing waits."""
    take, acknowledge = work
    while True:
        answer = yield take
        if answer.status == 204:
            return
        assert answer.status == 200, answer
        code = str(json.loads(answer.body)["code"])
        noted.append(code)
        answer = yield acknowledge.replace(b"{code}", code.encode())
        assert answer.status == 204, answer


@dataclass(slots=True)
class _Line:
    """One client's open connection."""

    socket: socket.socket
    client: Client
    received: bytearray = field(default_factory=bytearray)
    sent_at: float = 0.0

    def send(self, what: bytes) -> None:
        self.sent_at = time.perf_counter()
        self.socket.sendall(what)

    def answer(self) -> Answer | None:
        """Return the answer when all of it is there."""
        end = self.received.find(END_OF_HEAD)
        if end < 0:
            return None
        head = bytes(self.received[:end]).lower()
        _before, _name, rest = head.partition(b"content-length:")
        size = int(rest.partition(b"\r\n")[0]) if rest else 0
        if b"transfer-encoding: chunked" in head:
            raise AssertionError("no answer here is sent in chunks")
        whole = end + len(END_OF_HEAD) + size
        if len(self.received) < whole:
            return None
        body = bytes(self.received[end + len(END_OF_HEAD) : whole])
        del self.received[:whole]
        return Answer(int(head[9:12]), head, body)


def drive(port: int, clients: Sequence[Client]) -> Driven:
    """Drive all clients to their ends."""
    driven = Driven(0.0)
    with selectors.DefaultSelector() as waiting:
        lines = []
        for client in clients:
            line = _Line(socket.create_connection(("127.0.0.1", port), timeout=60), client)
            line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            waiting.register(line.socket, selectors.EVENT_READ, line)
            lines.append(line)
        began = time.perf_counter()
        for line in lines:
            line.send(next(line.client))
        while waiting.get_map():
            events = waiting.select(60)
            assert events, "no answer for a minute"
            for key, _what in events:
                _go_on(key.data, driven, waiting)
        driven.seconds = time.perf_counter() - began
    return driven


def _go_on(line: _Line, driven: Driven, waiting: selectors.BaseSelector) -> None:
    more = line.socket.recv(262_144)
    assert more, "the server hung up"
    line.received += more
    answer = line.answer()
    if answer is None:
        return
    driven.latencies.append(time.perf_counter() - line.sent_at)
    try:
        line.send(line.client.send(answer))
    except StopIteration:
        waiting.unregister(line.socket)
        line.socket.close()


def main() -> None:
    """Read the work from standard input and write what came of it to standard output, both pickled."""
    port, kind, works = pickle.load(sys.stdin.buffer)  # noqa: S301  (our own parent's)
    noted: list[str] = []
    make: Any = {"send": sending, "consume": consuming}[kind]
    driven = drive(port, [make(work, noted) for work in works])
    driven.noted = noted
    # Under its own name: pickled here it would be one of "__main__".
    from benchmarks.clients import Driven as Known

    pickle.dump(Known(driven.seconds, driven.latencies, driven.noted), sys.stdout.buffer)


if __name__ == "__main__":
    main()
