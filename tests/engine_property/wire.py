"""The wire between the hub and a marketplace: hears every call, and lets things happen meanwhile.

It stands in front of a simulator, on real HTTP. What the hub must never do on the wire is judged here,
where no code of the hub's has a say: `faults` says what was found.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connections

LOADS, READ = "/v1/loads", "/v1/listings/read"
READING = ("GET", "POST /v1/listings/read", "POST /v1/catalogue/search")
TITLE = re.compile(r"Caneca (\S+) n(\d+)")
Happening = Callable[[], None]


@dataclass
class Call:
    """One call of the hub's, as it came in."""

    key: str
    """Whose account."""
    method: str
    path: str
    body: Any
    status: int = 0

    @property
    def writes(self) -> bool:
        """True where the call may change something at the marketplace."""
        return self.method not in READING and f"{self.method} {self.path}" not in READING

    @property
    def items(self) -> list[dict[str, Any]]:
        """What a batch carries."""
        found = self.body.get("items", []) if isinstance(self.body, dict) else []
        return list(found)


@dataclass
class _Account:
    """What the marketplace can tell of how one account is spoken to."""

    unsure: set[str] = field(default_factory=set)
    """SKUs sent for publication of which the hub has heard nothing since."""
    known: set[str] = field(default_factory=set)
    """SKUs the hub was told a listing of."""
    loads: dict[str, set[str]] = field(default_factory=dict)
    """The SKUs of each load."""
    titles: dict[str, int] = field(default_factory=dict)
    """The newest title each SKU was sent with."""
    stale: dict[str, bytes] = field(default_factory=dict)
    """The last whole answer to each reading call."""


class Wire:
    """One WSGI application around another."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app
        self._accounts: dict[str, _Account] = {}
        self.calls: list[Call] = []
        self.faults: list[str] = []
        """What the hub did wrong."""
        self.broken: list[BaseException] = []
        """What went wrong while something else happened."""
        self.before: Happening | None = None
        """Happens once, while the next call is on its way to the marketplace."""
        self.after: Happening | None = None
        """Happens once, when the next call has taken effect and its answer is on its way back."""
        self.repeats_itself = False
        """True where the next reading call gets the answer the same call got the last time."""
        self.caller: Any = None
        """The database connection of whoever calls the marketplace: never in a transaction meanwhile."""

    @property
    def writes(self) -> int:
        """How many calls have asked for a change so far."""
        return sum(call.writes for call in self.calls)

    def forget(self) -> None:
        """Begin anew."""
        self.__init__(self._app)  # type: ignore[misc]

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(body)
        call = Call(
            environ.get("HTTP_AUTHORIZATION", "").removeprefix("ApiKey "),
            environ["REQUEST_METHOD"],
            environ["PATH_INFO"],
            _json(body),
        )
        if self.caller is not None and self.caller.in_atomic_block:
            self.faults.append(f"a transaction was open over {call.method} {call.path}")
        self._happen("before")
        self.calls.append(call)
        account = self._accounts.setdefault(call.key, _Account())
        self._hear_publication(call, account)

        def started(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
            call.status = int(status.split()[0])
            return start_response(status, headers, error)

        reading = f"{call.method} {call.path} {environ.get('QUERY_STRING', '')} {body!r}"
        if self.repeats_itself and reading in account.stale:
            self.repeats_itself = False
            answer = account.stale[reading]
            length = ("Content-Length", str(len(answer)))
            started("200 Sandbox", [("Content-Type", "application/json"), length])
            parts: Iterable[bytes] = [answer]
        else:
            parts = self._app(environ, started)
        said = _json(b"".join(parts)) if isinstance(parts, list | tuple) else None
        if said is not None and call.status == 200 and not call.writes:
            account.stale[reading] = b"".join(parts)
        self._hear_answer(call, account, said)
        self._happen("after")
        return parts

    def _happen(self, when: str) -> None:
        happening: Happening | None = getattr(self, when)
        setattr(self, when, None)
        if happening is None:
            return
        caller, self.caller = self.caller, None
        try:
            happening()
        except BaseException as error:
            self.broken.append(error)
        finally:
            self.caller = caller
            connections.close_all()

    def _hear_publication(self, call: Call, account: _Account) -> None:
        if call.path == READ:
            account.unsure -= set(call.body["skus"])
        if (call.method, call.path) != ("POST", LOADS):
            return
        for item in call.items:
            sku = item["sku"]
            if sku in account.unsure - account.known:
                self.faults.append(f"{sku} was published again without asking what became of it")
            if found := TITLE.fullmatch(item.get("title") or ""):
                if int(found[2]) < account.titles.get(sku, 0):
                    self.faults.append(f"{sku} was sent with an older title than before: {item['title']}")
                account.titles[sku] = max(int(found[2]), account.titles.get(sku, 0))

    def _hear_answer(self, call: Call, account: _Account, answer: Any) -> None:
        if call.method == "POST" and call.path == LOADS and not 400 <= call.status < 500:
            skus = {item["sku"] for item in call.items}
            account.unsure |= skus
            if isinstance(answer, Mapping) and "load_id" in answer:
                account.loads[answer["load_id"]] = skus
        elif call.method == "GET" and call.path.startswith(LOADS + "/"):
            account.unsure -= account.loads.get(call.path.rpartition("/")[2], set())
        if isinstance(answer, Mapping):
            told = [*(answer.get("results") or ()), *(answer.get("listings") or ())]
            account.known |= {
                one["sku"] for one in told if isinstance(one, Mapping) and one.get("listing_id")
            }


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
