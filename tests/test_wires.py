"""A wire carries conversations, and hurts them as it is told to."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.wires import Cut, Wire

QUESTION, ANSWER = b"q" * 50, b"a" * 50


class Server:
    """Answers every question of fifty bytes with as many."""

    def __init__(self) -> None:
        self.heard = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                talk, _address = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=[talk], daemon=True).start()

    def _answer(self, talk: socket.socket) -> None:
        with talk:
            try:
                while piece := talk.recv(50):
                    self.heard += len(piece)
                    if self.heard % 50 == 0:
                        talk.sendall(ANSWER)
            except OSError:
                return


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.listener.close()


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    one = Wire("server", lambda: server.address)
    yield one
    one.close()


def ask(wire: Wire, seconds: float = 5) -> bytes:
    """Ask once on a new connection and return what came until it broke off, or all of it."""
    got = b""
    with socket.create_connection(("127.0.0.1", wire.port), timeout=seconds) as talk:
        try:
            talk.sendall(QUESTION)
            while len(got) < len(ANSWER) and (piece := talk.recv(100)):
                got += piece
        except ConnectionError:
            pass
    return got


def test_a_whole_wire_carries_everything(wire: Wire, server: Server) -> None:
    assert ask(wire) == ANSWER


def test_nobody_is_behind_a_refused_wire(wire: Wire) -> None:
    wire.cut(Cut("refused"))
    with pytest.raises(ConnectionRefusedError):
        ask(wire)
    wire.mend()
    assert ask(wire) == ANSWER


def test_the_question_of_a_lost_answer_was_delivered(wire: Wire, server: Server) -> None:
    cut = Cut("answer lost")
    wire.cut(cut)
    assert ask(wire) == b""
    assert (server.heard, cut.hurt) == (50, 1)


def test_an_answer_is_cut_after_so_many_bytes(wire: Wire, server: Server) -> None:
    wire.cut(Cut("answer cut short", size=20))
    assert len(ask(wire)) <= 20  # a reset may overtake what was sent before it
    assert server.heard == 50


def test_a_question_is_cut_after_so_many_bytes(wire: Wire, server: Server) -> None:
    wire.cut(Cut("question cut short", size=20))
    assert ask(wire) == b""
    assert server.heard <= 20


def test_silence_takes_connections_and_says_nothing_until_it_is_over(wire: Wire, server: Server) -> None:
    wire.cut(Cut("silent"))
    threading.Timer(0.5, wire.mend).start()
    began = time.monotonic()
    assert ask(wire) == ANSWER
    assert time.monotonic() - began >= 0.5


def test_a_silence_may_end_with_broken_connections(wire: Wire, server: Server) -> None:
    cut = Cut("silent", breaks_off=True)
    wire.cut(cut)
    threading.Timer(0.5, wire.mend).start()
    assert ask(wire) == b""
    assert cut.hurt == 1


def test_how_long_it_took_to_be_used_again_is_known(wire: Wire) -> None:
    cut = Cut("slow", pause=0.01)
    wire.cut(cut)
    assert ask(wire) == ANSWER
    wire.mend()
    assert cut.recovered is None
    time.sleep(0.3)
    assert ask(wire) == ANSWER
    assert cut.recovered is not None
    assert cut.recovered >= 0.3
