"""The ERP's way to the hub: three headers, JSON, and patience with a server that is busy or restarting."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests

BATCH = 1_000
"""Items the hub takes in one bulk call."""
SECONDS_PER_CALL = 120
PATIENCE_SECONDS = 60
BUSY = {429, 502, 503, 504}
# The last one: the server died in the middle of its answer.
NO_ANSWER = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


class ErpError(Exception):
    """A call did not do what the ERP needs; the text is a sentence for whoever started it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and the JSON that came with it, None without a body."""

    status: int
    body: Any


class JsonApi:
    """JSON over HTTP. Every call used here may be repeated, so it waits and repeats.

    `patience` is for how many seconds it puts up with a server that is away or busy.
    """

    def __init__(
        self, base_url: str, headers: Mapping[str, str] | None = None, *, patience: float = PATIENCE_SECONDS
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.patience = patience
        self._session = requests.Session()
        self._session.headers.update({"Accept": "application/json", **(headers or {})})
        self._session.trust_env = False  # the hub is on this machine or close: no proxy, no .netrc

    def call(self, method: str, path: str, body: Any = None, **params: Any) -> Answer:
        """Make one call; raises ErpError when nobody answers, or with something that is not JSON."""
        url = self.base_url + path
        until = time.monotonic() + self.patience
        pause = 0.25
        while True:
            try:
                response = self._session.request(
                    method, url, json=body, params=params or None, timeout=SECONDS_PER_CALL
                )
                if response.status_code not in BUSY or time.monotonic() > until:
                    break
                pause = max(pause, min(float(response.headers.get("Retry-After") or 0), 10))
            except NO_ANSWER as error:
                if time.monotonic() + pause > until:
                    raise ErpError(f"{self.base_url} does not answer ({type(error).__name__}).") from error
            except requests.RequestException as error:
                raise ErpError(f"{url} cannot be called: {error}") from error
            time.sleep(pause)
            pause = min(pause * 2, 5)
        if not response.content:
            return Answer(response.status_code, None)
        try:
            return Answer(response.status_code, response.json())
        except ValueError:
            raise ErpError(
                f"{method} {url} answered {response.status_code} with something that is not JSON."
            ) from None

    def need(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """Make one call that must succeed and return its JSON; raises ErpError with the server's sentence."""
        answer = self.call(method, path, body, **params)
        if answer.status >= 400:
            told = answer.body if isinstance(answer.body, dict) else {}
            sentence = told.get("error") or told.get("message") or told
            raise ErpError(f"{method} {path} answered {answer.status}: {sentence}")
        return answer.body


def hub_api(base_url: str, email: str, key: str, manager_key: str, **options: Any) -> JsonApi:
    """Return the hub's API for one seller's ERP."""
    headers = {"X-User-Email": email, "X-Api-Key": key, "X-Accountmanager-Key": manager_key}
    return JsonApi(base_url, headers, **options)


def batches(items: Sequence[Any], size: int = BATCH) -> Iterator[Sequence[Any]]:
    """Cut a list into parts of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def in_path(text: str) -> str:
    """Write a SKU or an order's code as a part of an address."""
    return quote(text, safe="")
