"""Whatever happens in whatever order: once the faults stop the marketplace is as wanted, and all is quiet.

`HUB_PROPERTY_EXAMPLES=2000 pytest tests/engine_property` plays that many plays nobody has seen before;
without it the same few are played every time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from marketplaces import http, registry
from marketplaces.adapters import sandbox as adapter
from marketplaces.contract import BatchSizes
from marketplaces.simulators.kit import Server
from marketplaces.simulators.sandbox import SandboxSimulator, Settings
from tests.engine_property.play import Play
from tests.engine_property.trouble import PATIENCE
from tests.engine_property.wire import Wire
from tests.simulators.lab import TAXONOMY

EXAMPLES = int(os.environ.get("HUB_PROPERTY_EXAMPLES", "0"))
STEPS = int(os.environ.get("HUB_PROPERTY_STEPS", "50"))
PATIENT = Settings(
    processing_seconds=0,
    deciding_seconds=3600,
    cataloguing_seconds=3600,
    auto_approve=False,
    rate_per_second=0,
    webhooks="lost",
)
"""What takes time at the marketplace takes until the play says so."""


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Play]]:
    """The play on a stage: a sandbox that takes two items a call, with the wire in front of it."""
    sizes = BatchSizes(content=3, withdraw=2, price=2, stock=2, read=2, match=2)
    small = replace(adapter.MARKETPLACE, batch=sizes, calls_per_second=Decimal(10_000))
    monkeypatch.setattr(adapter, "MARKETPLACE", small)
    monkeypatch.setattr(http, "DEADLINE", PATIENCE)
    registry.get.cache_clear()
    with SandboxSimulator(taxonomy=TAXONOMY, settings=PATIENT) as simulator:
        wire = Wire(simulator.app)
        server = Server(wire)
        server.start()
        yield type("PlayHere", (Play,), {"sandbox": simulator, "wire": wire, "url": server.url})
        server.stop()
    registry.get.cache_clear()


@pytest.mark.django_db(transaction=True)
def test_once_the_faults_stop_everything_is_as_wanted_and_quiet(play: type[Play]) -> None:
    run_state_machine_as_test(
        play,
        settings=settings(
            max_examples=EXAMPLES or 12,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=not EXAMPLES,
            # A play of a test run is short enough to read; the long form looks for a shorter one.
            phases=[Phase.generate, Phase.shrink] if EXAMPLES else [Phase.generate],
            database=None,
            print_blob=False,
        ),
    )
