"""The one door out: the only module that opens a socket to a marketplace.

It gives a total deadline, follows no redirect, connects to no private address (the one that was checked
is the one connected to), turns every failure into one of the five errors of the contract, and reports
each conversation with the secrets removed.
"""

from __future__ import annotations

import base64
import ipaddress
import json as jsonlib
import math
import re
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, quote_plus, urlencode, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from hub.api.masking import query_without_secrets, without_key, without_secrets
from hub.texts import storable, storable_json
from marketplaces.contract import (
    CredentialsRejected,
    Exchange,
    Refused,
    Throttled,
    Unavailable,
    UnexpectedAnswer,
)

DEADLINE = 8.0
"""Seconds a call may take, to its answer's end. The leases of the engine's lanes are made for it."""
LONGEST_WAIT = timedelta(hours=1)
"""As long as a Retry-After is heeded: whoever asks for more is called again by then, which is one call an
hour, while a slip of theirs (a date of next year, milliseconds for seconds) would end a connection."""
OLDEST_MOMENT = 1e9
"""Of a Retry-After: more seconds than these (thirty years) are no pause but a moment, after 2001."""
MAX_ANSWER = 32 * 1024 * 1024
TRIMMED_BODY = 4000
USER_AGENT = "hub/1.0"
MASK = "***"
SHORTEST_SECRET = 6
"""Of what a header carries: anything shorter may stand in any text."""
_LENGTH = re.compile(r"[0-9]{1,18}")
_ESCAPED = re.compile(rb"\\u(?:0000|d[89a-f])", re.IGNORECASE)
"""Only so can JSON that is UTF-8 tell what no text can keep."""
_SECRET_HEADER = re.compile(r"secret|token|password|senha|api[-_]?key|authorization|cookie", re.IGNORECASE)


_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SIXTOFOUR = ipaddress.ip_network("2002::/16")
_UNICAST = ipaddress.ip_network("2000::/3")


def is_public(address: str) -> bool:
    """Say whether an IP address is on the public internet, also one that carries an IPv4 address inside."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        if found in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
        # Python 3.11 calls much outside of what IANA has given out global, and 6to4 leads to any IPv4.
        if found not in _UNICAST or found in _SIXTOFOUR:
            return False
    return found.is_global and not found.is_multicast


def public_address(host: str) -> str:
    """Look a host up and return the address to connect to; raises Unavailable when any is private.

    However a host is written (decimal, octal, with other letters), what it means is found out here.
    """
    try:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as error:
        raise Unavailable(f"{host}: the name does not resolve", is_answer=False) from error
    if not found or not all(map(is_public, found)):
        raise Unavailable(f"{host}: private addresses are refused", is_answer=False)
    return found[0]


class PinnedAdapter(HTTPAdapter):
    """Connects to the address that was looked up and checked, and to no other.

    A second look-up could answer differently (DNS rebinding), so there is none: the connection is made
    to the IP address, while Host, TLS's SNI and the certificate's check keep to the name.
    """

    def __init__(self, look_up: Callable[[str], str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._look_up = look_up

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        """Choose the connection: by the address, and, with TLS, by the name it must prove."""
        where, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        name = where["host"].strip("[]")
        proof = {"server_hostname": name, "assert_hostname": name} if where["scheme"] == "https" else {}
        return {**where, "host": self._look_up(name)}, {**pool, **proof}

    def add_headers(self, request: requests.PreparedRequest, **kwargs: Any) -> None:
        """Ask for the name, not for the address."""
        request.headers["Host"] = urlsplit(request.url or "").netloc.rpartition("@")[2]


class Answer:
    """A complete HTTP answer: status, headers and bytes."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    def json(self) -> Any:
        """Return the decoded body, its texts such as can be kept; raise UnexpectedAnswer if it is no JSON."""
        try:
            said = jsonlib.loads(self.body)
            return storable_json(said) if _ESCAPED.search(self.body) else said
        except (ValueError, RecursionError) as error:
            raise UnexpectedAnswer(f"HTTP {self.status}: the answer is not JSON") from error


class ApiClient:
    """A JSON client for one account at one marketplace.

    `deadline` bounds a whole call in seconds, a slow trickle included (a stall at its very end may
    double it); adapters leave it at DEADLINE. `secrets` are values that must never be recorded or told,
    headers of telling names go without saying. Unless private addresses are allowed, every call looks
    the host up anew and connects to that very address. There are no retries in here: the engine knows
    lease, back-off and the other items, and a hidden retry doubles the calls at the worst time.
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        *,
        secrets: Sequence[str] = (),
        deadline: float | None = None,
        allow_private: bool = False,
        observe: Callable[[Exchange], None] | None = None,
        look_up: Callable[[str], str] = public_address,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {"User-Agent": USER_AGENT, "Accept": "application/json", **headers}
        self._secrets = _spellings([*secrets, *_header_secrets(headers)])
        self._deadline = DEADLINE if deadline is None else deadline
        self._observe = observe
        self._session = requests.Session()
        self._session.trust_env = False
        for scheme in ("http://", "https://"):
            settings: dict[str, Any] = {"max_retries": 0, "pool_maxsize": 16}
            adapter = HTTPAdapter(**settings) if allow_private else PinnedAdapter(look_up, **settings)
            self._session.mount(scheme, adapter)

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        return self.call("GET", path, params=params)

    def call(
        self, method: str, path: str, *, json: Any = None, params: Mapping[str, Any] | None = None
    ) -> Any:
        """Make one call and return the decoded JSON; raises as `send` and `read` do."""
        return self.read(method, path, self.send(method, path, json=json, params=params))

    def read(self, method: str, path: str, answer: Answer) -> Any:
        """Return the decoded JSON of an answer (None for an empty one).

        Raises Unavailable (5xx), Throttled (429), CredentialsRejected (401, 403), Refused (other
        4xx) or UnexpectedAnswer (redirects, not JSON).
        """
        path = self._clean(path)
        if 200 <= answer.status < 300:
            return answer.json() if answer.body.strip() else None
        if answer.status in (401, 403):
            raise CredentialsRejected(f"{method} {path}: HTTP {answer.status}")
        if answer.status == 429:
            raise Throttled(f"{method} {path}: HTTP 429", retry_after=retry_after(answer.headers))
        if answer.status >= 500:
            raise Unavailable(
                f"{method} {path}: HTTP {answer.status}", retry_after=retry_after(answer.headers)
            )
        if answer.status >= 400:
            raise Refused(f"HTTP {answer.status}: {self._clean_body(answer.body)[:500]}")
        raise UnexpectedAnswer(f"{method} {path}: HTTP {answer.status}")

    def send(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        """Make one call and return whatever came; raises Unavailable when no whole answer came in time.

        `content` is sent as it stands, for callers that sign the very bytes.
        """
        url = self._base_url + path
        headers = dict(self._headers)
        body = content
        if json is not None:
            body = jsonlib.dumps(json, ensure_ascii=False, default=str).encode()
            headers["Content-Type"] = "application/json"
        started_at, clock = datetime.now(UTC), time.monotonic()
        answer: Answer | None = None
        error = ""
        try:
            answer = self._exchange(method, url, headers, body, params, clock + self._deadline)
            return answer
        except (UnicodeEncodeError, requests.exceptions.InvalidHeader) as failure:
            # Only credentials put foreign text into headers, and the failure would quote them.
            error = type(failure).__name__
            raise CredentialsRejected(
                f"{method} {self._clean(path)}: no header can carry this credential"
            ) from None
        except (requests.RequestException, urllib3.exceptions.HTTPError) as failure:
            error = type(failure).__name__
            # Without its cause: a library's words quote the whole address.
            raise Unavailable(f"{method} {self._clean(path)}: {error}", is_answer=False) from None
        except Unavailable as failure:
            error = str(failure)
            raise
        finally:
            if self._observe is not None:
                self._observe(
                    Exchange(
                        method=method,
                        url=self._clean_address(url, params),
                        status=answer.status if answer else 0,
                        started_at=started_at,
                        seconds=time.monotonic() - clock,
                        request_body=self._clean_body(body or b""),
                        response_body=self._clean_body(answer.body if answer else b""),
                        error=self._clean(error),
                    )
                )

    def _exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        params: Mapping[str, Any] | None,
        until: float,
    ) -> Answer:
        left = max(0.1, until - time.monotonic())
        with self._session.request(
            method,
            url,
            params=params,
            data=body,
            headers=dict(headers),
            timeout=(min(5.0, left), left),
            allow_redirects=False,
            stream=True,
        ) as response:
            parts, size = [], 0
            # read1 gives what has come; iter_content would wait for a full part, however slowly it trickles.
            while part := response.raw.read1(64 * 1024, decode_content=True):
                size += len(part)
                if size > MAX_ANSWER:
                    raise Unavailable(f"{method}: the answer is larger than {MAX_ANSWER} bytes")
                if time.monotonic() > until:
                    raise Unavailable(
                        f"{method}: no whole answer within {self._deadline:g} s", is_answer=False
                    )
                parts.append(part)
            announced = response.headers.get("Content-Length", "")
            encoded = "Content-Encoding" in response.headers
            is_told = method != "HEAD" and not encoded and _LENGTH.fullmatch(announced)
            if is_told and int(announced) != size:
                raise Unavailable(f"{method}: the answer was cut short")
            return Answer(response.status_code, response.headers, b"".join(parts))

    def _clean(self, text: str) -> str:
        """Return a text without this account's secrets, whole or cut off at its end."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        for secret in self._secrets:
            text = without_key(text, secret)
        return text

    def _clean_body(self, body: bytes) -> str:
        text = without_secrets(self._clean(body[: TRIMMED_BODY * 2].decode("utf-8", "replace")))
        # Once more: to tell names, escapes may have been decoded.
        text = storable(self._clean(text))
        return text if len(text) <= TRIMMED_BODY else text[:TRIMMED_BODY] + "…"

    def _clean_address(self, url: str, params: Mapping[str, Any] | None) -> str:
        address, _mark, query = self._clean(url).partition("?")
        given = self._clean(urlencode(params, doseq=True)) if params else ""
        query = query_without_secrets("&".join(filter(None, (query, given))))
        return f"{address}?{query}" if query else address


def _header_secrets(headers: Mapping[str, str]) -> list[str]:
    """Return what headers of telling names carry, with and without the scheme in front (Bearer, Basic)."""
    found: list[str] = []
    for name, value in headers.items():
        if _SECRET_HEADER.search(name):
            found += [value, value.partition(" ")[2]]
    return [value for value in found if len(value) >= SHORTEST_SECRET]


def _spellings(secrets: Sequence[str]) -> tuple[str, ...]:
    """Return each secret as it may stand in a body or an address, longest first."""
    found: set[str] = set()
    for secret in filter(None, secrets):
        in_json = {jsonlib.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
        in_base64 = base64.b64encode(secret.encode()).decode().rstrip("=")
        found |= {secret, quote(secret, safe=""), quote_plus(secret), in_base64, *in_json}
    return tuple(sorted(found, key=len, reverse=True))


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """Read how long a Retry-After asks for, at most LONGEST_WAIT; None when absent or unreadable.

    It comes in seconds, as an HTTP date, and, from some, as a moment in seconds since 1970.
    """
    value = headers.get("Retry-After", "")
    now = datetime.now(UTC)
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        if moment.tzinfo is None:
            return None
        seconds = (moment - now).total_seconds()
    else:
        if not math.isfinite(seconds):
            return None
        if seconds > OLDEST_MOMENT:
            seconds -= now.timestamp()
    return timedelta(seconds=min(max(seconds, 0.0), LONGEST_WAIT.total_seconds()))
