"""The sandbox: the marketplace that ships with the hub, to try everything on."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from marketplaces.adapters.sandbox.adapter import BASE_URL, SandboxAdapter, SandboxCredentials
from marketplaces.contract import BatchSizes, Exchange, Marketplace


def connect(
    credentials: SandboxCredentials,
    *,
    base_url: str = BASE_URL,
    observe: Callable[[Exchange], None] | None = None,
    allow_private: bool = False,
) -> SandboxAdapter:
    """Return an adapter for one account."""
    return SandboxAdapter(credentials, base_url=base_url, observe=observe, allow_private=allow_private)


MARKETPLACE = Marketplace(
    key="sandbox",
    label="Sandbox",
    credentials=SandboxCredentials,
    adapter=SandboxAdapter,
    connect=connect,
    base_url=BASE_URL,
    batch=BatchSizes(content=200, withdraw=100, price=100, stock=100, read=100, match=50),
    calls_per_second=Decimal(50),
)
