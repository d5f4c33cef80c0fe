"""A seller with a connection to a real, fast sandbox."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hub.models import Seller
from marketplaces.models import Connection
from marketplaces.simulators.sandbox import SandboxSimulator
from tests.marketplaces.shop import FAST, Shop, open_shop


@pytest.fixture
def sandbox() -> Iterator[SandboxSimulator]:
    """A sandbox that decides within hundredths of a second."""
    with SandboxSimulator(settings=FAST) as simulator:
        yield simulator


@pytest.fixture
def shop(sandbox: SandboxSimulator, db: None) -> Shop:
    """Ana's shop, connected to the sandbox, with a mapped category."""
    return open_shop(sandbox, "Ana")


@pytest.fixture
def connection(shop: Shop) -> Connection:
    return shop.connection


@pytest.fixture
def seller(shop: Shop) -> Seller:
    return shop.seller
