"""A shop module written for SkyHub, as far as homologation goes: it knows a base URL and three headers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import requests

PATIENCE = 20
"""Attempts at a call the hub finds one too many."""


class Integration:
    """Speaks to the hub over HTTP. Every call is made again while the answer is 429."""

    def __init__(self, base: str, headers: dict[str, str]) -> None:
        self.base = base
        self.headers = headers
        self._session = requests.Session()

    def send(
        self, method: str, path: str, body: Any = None, *, wait: bool = True, **headers: str | None
    ) -> requests.Response:
        """Send a call; `body` is JSON, or bytes as they stand. A header given as None is left out."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent: Any = {"Content-Type": "application/json", **self.headers, **named}
        for _attempt in range(PATIENCE):
            answer = self._session.request(method, self.base + path, data=data, headers=sent, timeout=30)
            if answer.status_code != 429 or not wait:
                return answer
            time.sleep(float(answer.headers["Retry-After"]))
        raise AssertionError(f"{method} {path} is answered with 429 for ever")

    def get(self, path: str, **headers: Any) -> requests.Response:
        """GET."""
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: Any) -> requests.Response:
        """POST."""
        return self.send("POST", path, body, **headers)

    def put(self, path: str, body: Any, **headers: Any) -> requests.Response:
        """PUT."""
        return self.send("PUT", path, body, **headers)

    def delete(self, path: str, **headers: Any) -> requests.Response:
        """DELETE."""
        return self.send("DELETE", path, **headers)

    def queue(self) -> Iterator[dict[str, Any]]:
        """Drain the queue: take, keep, acknowledge, until 204."""
        while (answer := self.get("/queues/orders")).status_code == 200:
            order = answer.json()
            yield order
            gone = self.delete(f"/queues/orders/{quote(order['code'])}")
            assert gone.status_code == 204, gone.text
        assert answer.status_code == 204, answer.text

    def order(self, sku: str, qty: int = 1, **fields: Any) -> dict[str, Any]:
        """Make a test order of one line, and take it from the queue as it came."""
        order = {
            "channel": "Lojas-Teste da Ana",
            "items": [{"id": sku, "qty": qty, "original_price": 55.22, "special_price": 50.1}],
            "customer": {"name": "Bia Lima", "email": "bia@example.com", "vat_number": "78732371683"},
            "shipping_address": {"street": "Rua A", "number": 10, "city": "Santos", "region": "SP"},
            **fields,
        }
        made = self.post("/orders", {"order": order})
        assert made.status_code == 201, made.text
        (taken,) = [one for one in self.queue() if one["items"][0]["id"] == sku]
        return taken

    def step(self, code: str, name: str, body: Any) -> requests.Response:
        """Report a step of an order."""
        return self.post(f"/orders/{quote(code)}/{name}", body)

    def homologation(self) -> dict[int, dict[str, Any]]:
        """The cases as the hub sees them, by number."""
        shown = self.get("/homologation")
        assert shown.status_code == 200, shown.text
        return {one["number"]: one for one in shown.json()["cases"]}
