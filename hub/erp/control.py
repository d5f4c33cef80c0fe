"""What the demo does at the sandbox marketplace: shoppers, and a look behind the counter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hub.erp.http import JsonApi

PAGE = 5_000


class ControlApi:
    """The simulator's controls; they answer on the machine it runs on only."""

    def __init__(self, shop_url: str, *, patience: float = 5) -> None:
        self._api = JsonApi(shop_url.rstrip("/") + "/_control", patience=patience)

    def open_account(self, name: str, api_key: str = "") -> dict[str, Any]:
        """Return the account with this key, made when need be."""
        body = {"name": name, "api_key": api_key} if api_key else {"name": name}
        return dict(self._api.need("POST", "/accounts", body))

    def create_orders(self, orders: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Create orders in bulk, all or none."""
        return list(self._api.need("POST", "/orders", {"orders": list(orders)})["orders"])

    def cancel_order(self, order_id: str) -> dict[str, Any]:
        """The shopper gives up."""
        return dict(self._api.need("POST", f"/orders/{order_id}/cancel"))

    def listings(self, account: str) -> Iterator[dict[str, Any]]:
        """Walk an account's listings as the marketplace has them."""
        return self._walk("/listings", "listings", account)

    def listing(self, account: str, sku: str) -> dict[str, Any]:
        """Return one listing; empty when the marketplace has none with this SKU."""
        found = self._api.need("GET", "/listings", account=account, sku=sku)["listings"]
        return dict(found[0]) if found else {}

    def orders(self, account: str) -> Iterator[dict[str, Any]]:
        """Walk an account's orders as the marketplace has them."""
        return self._walk("/orders", "orders", account)

    def order(self, account: str, order_id: str) -> dict[str, Any]:
        """Return one order; empty when the account has none of this number."""
        return next((one for one in self.orders(account) if one["id"] == order_id), {})

    def stats(self) -> dict[str, Any]:
        """Return how much of everything there is."""
        return dict(self._api.need("GET", "/stats"))

    def calls(self, after: int = 0) -> list[dict[str, Any]]:
        """Return the calls of the API that arrived after a number, as the marketplace counted them."""
        return list(self._api.need("GET", "/calls", after=after, size=PAGE * 20)["calls"])

    def change_settings(self, settings: Mapping[str, Any]) -> None:
        """Make the marketplace more or less patient."""
        self._api.need("POST", "/settings", dict(settings))

    def _walk(self, path: str, name: str, account: str) -> Iterator[dict[str, Any]]:
        page = 1
        while True:
            found = self._api.need("GET", path, account=account, page=page, size=PAGE)
            yield from found[name]
            if page * PAGE >= found["total"]:
                return
            page += 1
