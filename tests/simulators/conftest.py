"""The sandbox on a clock of its own, and one seller in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from marketplaces.simulators.sandbox import SandboxSimulator
from tests.simulators.lab import Clock, Seller, sandbox


@pytest.fixture
def bench() -> Iterator[tuple[SandboxSimulator, Clock]]:
    with sandbox() as found:
        yield found


@pytest.fixture
def ana(bench: tuple[SandboxSimulator, Clock]) -> Seller:
    return Seller(*bench)


@pytest.fixture
def beto(bench: tuple[SandboxSimulator, Clock]) -> Seller:
    return Seller(*bench, name="Loja do Beto")
