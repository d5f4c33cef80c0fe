"""Network cuts without root: a wire carries TCP conversations to a server until somebody cuts it.

A server's clients are given the wire's address instead of the server's. Linux only, like tests/processes.py.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.processes import free_port

CUTS = ("refused", "silent", "answer lost", "answer cut short", "question cut short", "slow")
"""What can happen to a wire:

* refused: nobody listens, and conversations under way are broken off;
* silent: connections are taken and nothing is said, either way; afterwards all goes on, or is broken off;
* answer lost: the question is delivered, and the connection breaks when the answer begins;
* answer cut short, question cut short: the connection breaks after some bytes;
* slow: every piece takes its time.
"""
PIECE = 64 * 1024
TICK = 0.05
STUCK_SECONDS = 60.0
Address = tuple[str, int] | str
"""Where a server listens: host and port, or the path of a unix socket."""


@dataclass(eq=False)
class Cut:
    """One cut of a wire, with what it did and how long it took to recover from it."""

    kind: str
    size: int = 0
    """After how many bytes a conversation is cut short."""
    pause: float = 0.0
    """For how many seconds each piece of a slow wire is held."""
    breaks_off: bool = False
    """Whether a silence ends with every connection broken off."""
    hurt: int = 0
    """How many conversations it met."""
    ended: float = 0.0
    recovered: float | None = None
    """Seconds from its end to the first answer that came through."""


@dataclass(eq=False)
class _Talk:
    """One conversation; `met` is the cut it was last hurt by, `passed` how many bytes were heard since."""

    client: socket.socket
    server: socket.socket
    met: Cut | None = None
    passed: int = 0


class Wire:
    """Listens on a port of its own and passes on to `target()` whatever is said."""

    def __init__(self, name: str, target: Callable[[], Address]) -> None:
        self.name, self.port, self._target = name, free_port(), target
        self._cut: Cut | None = None
        self._last: Cut | None = None
        self._talks: set[_Talk] = set()
        self._ends = threading.Event()
        self._listener: socket.socket | None = self._listen()
        threading.Thread(target=self._accept, name=f"wire to {name}", daemon=True).start()

    @property
    def url(self) -> str:
        """The address for clients that speak HTTP."""
        return f"http://127.0.0.1:{self.port}"

    def cut(self, cut: Cut) -> None:
        """Let it happen, until `mend`."""
        if cut.kind == "refused":
            listener, self._listener = self._listener, None
            if listener is not None:
                listener.shutdown(socket.SHUT_RDWR)  # at once, though another thread still looks at it
                listener.close()
            self._break_off(cut)
        self._cut = cut

    def mend(self) -> None:
        """Carry everything again."""
        cut, self._cut = self._cut, None
        if cut is None:
            return
        if cut.kind == "silent" and cut.breaks_off:
            self._break_off(cut)
        cut.ended = time.monotonic()
        self._last = cut
        if self._listener is None:
            self._listener = self._listen()

    def close(self) -> None:
        """Take the wire down for good."""
        self._ends.set()
        if self._listener is not None:
            self._listener.close()
        for talk in list(self._talks):
            _reset(talk.client, talk.server)

    # --- what goes on ----------------------------------------------------------------------------

    def _listen(self) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(128)
        return listener

    def _accept(self) -> None:
        while not self._ends.is_set():
            listener = self._listener
            try:
                if listener is None or not select.select([listener], [], [], TICK)[0]:
                    if listener is None:
                        time.sleep(TICK)
                    continue
                client, _address = listener.accept()
            except (OSError, ValueError):  # it was closed this moment
                continue
            threading.Thread(target=self._carry, args=[client], daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        try:
            server = _reach(self._target())
        except OSError:
            _reset(client)
            return
        for end in (client, server):
            end.settimeout(STUCK_SECONDS)
            if end.family == socket.AF_INET:
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        talk = _Talk(client, server)
        self._talks.add(talk)
        try:
            self._pass_on(talk)
        except (OSError, ValueError):  # one of the two is gone, so the other is told
            _reset(client, server)
        finally:
            self._talks.discard(talk)
            client.close()
            server.close()

    def _pass_on(self, talk: _Talk) -> None:
        open_ends = [talk.client, talk.server]
        while open_ends and not self._ends.is_set():
            cut = self._cut
            if cut is not None and cut.kind == "silent":
                if select.select([talk.client], [], [], 0)[0]:
                    self._note(talk, cut)
                time.sleep(TICK)
                continue
            for end in select.select(open_ends, [], [], TICK)[0]:
                cut = self._cut
                if cut is not None and cut.kind == "silent":
                    break
                piece = end.recv(PIECE)
                is_question = end is talk.client
                other = talk.server if is_question else talk.client
                if not piece:
                    open_ends.remove(end)
                    if not is_question:
                        return
                    other.shutdown(socket.SHUT_WR)
                    continue
                if not self._deliver(talk, cut, other, piece, is_question=is_question):
                    _reset(talk.client, talk.server)
                    return

    def _deliver(
        self, talk: _Talk, cut: Cut | None, other: socket.socket, piece: bytes, *, is_question: bool
    ) -> bool:
        """Pass a piece on, or as much of it as gets through; False when the connection breaks here."""
        if cut is not None:
            if cut.kind == "slow":
                self._note(talk, cut)
                time.sleep(cut.pause)
            elif cut.kind == "answer lost" and not is_question:
                self._note(talk, cut)
                return False
            elif cut.kind == ("question cut short" if is_question else "answer cut short"):
                if talk.met is not cut:
                    talk.passed = 0
                self._note(talk, cut)
                talk.passed += len(piece)
                over = talk.passed - cut.size
                if over > 0:
                    other.sendall(piece[: max(0, len(piece) - over)])
                    return False
        last = self._last
        if cut is None and not is_question and last is not None and last.recovered is None:
            last.recovered = time.monotonic() - last.ended
        other.sendall(piece)
        return True

    @staticmethod
    def _note(talk: _Talk, cut: Cut) -> None:
        if talk.met is not cut:
            talk.met = cut
            cut.hurt += 1

    def _break_off(self, cut: Cut) -> None:
        for talk in list(self._talks):
            self._note(talk, cut)
            # Its own thread closes the two; here they only stop to speak.
            for end in (talk.client, talk.server):
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.shutdown(socket.SHUT_RDWR)


def _reach(address: Address) -> socket.socket:
    server = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
    try:
        server.settimeout(STUCK_SECONDS)
        server.connect(address)
    except OSError:
        server.close()
        raise
    return server


def _reset(*ends: socket.socket) -> None:
    """Close with a reset instead of a goodbye."""
    for end in ends:
        with contextlib.suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.close()
