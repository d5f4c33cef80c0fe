"""An ERP in tests: speaks to the API as one seller, over HTTP, the way real ones do."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from hub.models import Seller
from tests.make import make_api_headers


class Erp:
    """One seller's ERP."""

    def __init__(self, seller: Seller) -> None:
        self.seller = seller
        self.headers = make_api_headers(seller)
        self._client = Client(raise_request_exception=False)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a call; `body` is JSON, or bytes as they stand. Returns Django's test response."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        content_type = headers.pop("content_type", "application/json")
        return self._client.generic(
            method, path, data, content_type=content_type, headers={**self.headers, **headers}
        )

    def get(self, path: str, **headers: str) -> Any:
        """GET."""
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any, **headers: str) -> Any:
        """POST."""
        return self.send("POST", path, body, **headers)

    def put(self, path: str, body: Any, **headers: str) -> Any:
        """PUT."""
        return self.send("PUT", path, body, **headers)

    def delete(self, path: str, body: Any = None, **headers: str) -> Any:
        """DELETE."""
        return self.send("DELETE", path, body, **headers)
