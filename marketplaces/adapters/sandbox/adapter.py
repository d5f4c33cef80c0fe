"""One seller's account at the sandbox: which call does what."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from marketplaces.adapters.sandbox import payloads
from marketplaces.contract import (
    CategorySchema,
    ContentItem,
    ContentPublisher,
    CredentialsRejected,
    Exchange,
    FulfilmentSink,
    Hint,
    HintReceiver,
    InvoiceNote,
    ListingReader,
    ListingView,
    Match,
    Matcher,
    MatchQuery,
    OrderPage,
    OrderSource,
    PriceItem,
    PricePublisher,
    Receipt,
    Refused,
    RemoteCategory,
    ShipmentNote,
    StockItem,
    StockPublisher,
    SubmissionPoller,
    TaxonomySource,
    UnexpectedAnswer,
    WithdrawItem,
)
from marketplaces.http import Answer, ApiClient

BASE_URL = "http://127.0.0.1:8091"
ORDERS_PER_PAGE = 100
SIGNATURE_HEADER = "x-sandbox-signature"
SIGNATURE_AGE = 300
"""Seconds after which a signed webhook is stale: a recorded one cannot be played back for ever."""
ALREADY_SO = "SBX-ORDER-ALREADY"
"""409 on an order that is in the wanted state already, reached another way."""


@dataclass(frozen=True, slots=True)
class SandboxCredentials:
    """What a seller copies from the sandbox's account page."""

    api_key: str = field(repr=False, metadata={"label": "API key", "secret": True})
    webhook_secret: str = field(
        default="",
        repr=False,
        metadata={
            "label": "Webhook secret",
            "help": "Optional: without it the marketplace's webhooks are refused.",
            "secret": True,
        },
    )


class SandboxAdapter(
    ContentPublisher,
    Matcher,
    PricePublisher,
    StockPublisher,
    SubmissionPoller,
    ListingReader,
    TaxonomySource,
    OrderSource,
    FulfilmentSink,
    HintReceiver,
):
    """Every role of the contract over the sandbox's ``/v1``. `now` is the clock that ages webhooks."""

    def __init__(
        self,
        credentials: SandboxCredentials,
        *,
        base_url: str = BASE_URL,
        observe: Callable[[Exchange], None] | None = None,
        allow_private: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._secret = credentials.webhook_secret
        self._now = now
        self._api = ApiClient(
            base_url,
            {"Authorization": f"ApiKey {credentials.api_key}"},
            secrets=(credentials.api_key, credentials.webhook_secret),
            observe=observe,
            allow_private=allow_private,
        )

    def _call(self, method: str, path: str, json: Any = None, params: Mapping[str, Any] | None = None) -> Any:
        """Make one call; a refusal comes as `Refused` with the sandbox's own code and words in it."""
        answer = self._api.send(method, path, json=json, params=params)
        if answer.status in (400, 404, 405, 409, 413, 422):
            raise _refusal(method, path, answer)
        return self._api.read(method, path, answer)

    def identify(self) -> str:
        return str(payloads.need(self._call("GET", "/v1/account"), "id"))

    def categories(self) -> Sequence[RemoteCategory]:
        found = payloads.need_list(self._call("GET", "/v1/categories"), "categories")
        return [payloads.from_category(category) for category in found]

    def schema(self, category_id: str) -> CategorySchema:
        return payloads.from_schema(self._call("GET", f"/v1/categories/{quote(category_id, safe='')}/schema"))

    def publish_content(self, items: Sequence[ContentItem]) -> Receipt:
        if not items:
            return Receipt()
        body = {"items": [payloads.to_load_item(item) for item in items]}
        return payloads.from_load(self._call("POST", "/v1/loads", body))

    def poll(self, submission_id: str) -> Receipt:
        return payloads.from_load(self._call("GET", f"/v1/loads/{quote(submission_id, safe='')}"))

    def withdraw(self, items: Sequence[WithdrawItem]) -> Receipt:
        if not items:
            return Receipt()
        body = {"skus": [item.sku for item in items]}
        return payloads.from_results(self._call("POST", "/v1/listings/withdraw", body), "")

    def match(self, queries: Sequence[MatchQuery]) -> Sequence[Match]:
        if not queries:
            return ()
        body = {"queries": [payloads.to_query(query) for query in queries]}
        return payloads.from_search(self._call("POST", "/v1/catalogue/search", body))

    def publish_prices(self, items: Sequence[PriceItem]) -> Receipt:
        if not items:
            return Receipt()
        body = {"items": [payloads.to_price(item) for item in items]}
        return payloads.from_results(self._call("PUT", "/v1/prices", body), "price")

    def publish_stock(self, items: Sequence[StockItem]) -> Receipt:
        if not items:
            return Receipt()
        body = {"items": [payloads.to_stock(item) for item in items]}
        return payloads.from_results(self._call("PUT", "/v1/stock", body), "quantity")

    def read_listings(self, skus: Sequence[str]) -> Sequence[ListingView]:
        if not skus:
            return ()
        found = payloads.need_list(self._call("POST", "/v1/listings/read", {"skus": list(skus)}), "listings")
        return [payloads.from_listing(listing) for listing in found]

    def fetch_orders(self, cursor: str) -> OrderPage:
        params = {"cursor": cursor, "limit": ORDERS_PER_PAGE}
        return payloads.from_orders(self._call("GET", "/v1/orders", params=params))

    def accept(self, order_id: str) -> None:
        self._fulfil(order_id, "accept", {})

    def send_invoice(self, order_id: str, invoice: InvoiceNote) -> None:
        self._fulfil(order_id, "invoice", payloads.to_invoice(invoice))

    def send_shipment(self, order_id: str, shipment: ShipmentNote) -> None:
        self._fulfil(order_id, "shipment", payloads.to_shipment(shipment))

    def confirm_delivery(self, order_id: str, delivered_at: datetime) -> None:
        self._fulfil(order_id, "delivery", {"delivered_at": delivered_at.isoformat()})

    def cancel(self, order_id: str, reason: str) -> None:
        self._fulfil(order_id, "cancel", {"reason": reason or "Sem motivo informado"})

    def _fulfil(self, order_id: str, action: str, body: Mapping[str, Any]) -> None:
        try:
            self._call("POST", f"/v1/orders/{quote(order_id, safe='')}/{action}", body)
        except Refused as refusal:
            if not any(issue.code == ALREADY_SO for issue in refusal.issues):
                raise

    def subscribe(self, url: str) -> None:
        self._call("PUT", "/v1/webhook", {"url": url})

    def read_hint(self, headers: Mapping[str, str], body: bytes) -> Hint:
        given = next((value for name, value in headers.items() if name.lower() == SIGNATURE_HEADER), "")
        parts = dict(part.partition("=")[::2] for part in given.split(","))
        at, digest = parts.get("t", ""), parts.get("v1", "")
        if not self._secret or not (at.isascii() and at.isdigit() and len(at) <= 12):
            raise CredentialsRejected("the webhook is not signed, or there is no secret to check it with")
        signed = hmac.new(self._secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signed.encode(), digest.encode("utf-8", "replace")):
            raise CredentialsRejected("the webhook's signature is wrong")
        if abs(self._now() - int(at)) > SIGNATURE_AGE:
            raise CredentialsRejected("the webhook is stale")
        return payloads.from_webhook(Answer(200, {}, body).json())


def _refusal(method: str, path: str, answer: Answer) -> Refused:
    """Turn a refused call into `Refused`; raises UnexpectedAnswer when it is not the sandbox that refuses."""
    issue = payloads.from_error(payloads.need(answer.json(), "error"))
    if not issue.code:
        raise UnexpectedAnswer(f"{method} {path}: HTTP {answer.status} without a code")
    return Refused(f"{issue.code}: {issue.message}", (issue,))
