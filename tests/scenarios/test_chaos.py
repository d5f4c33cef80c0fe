"""The short form of `make chaos`: nothing is lost, doubled or left behind, whatever is killed or cut."""

from __future__ import annotations

import os
import random

import pytest

from tests.scenarios.chaos import Plan, run, story, table
from tests.scenarios.faults import TARGETS
from tests.wires import CUTS


@pytest.fixture
def seed() -> int:
    """HUB_CHAOS_SEED repeats a run's plan."""
    return int(os.environ.get("HUB_CHAOS_SEED") or random.randrange(1, 10**6))


def test_every_process_may_be_killed_and_every_wire_cut_at_any_moment(seed: int) -> None:
    print(f"HUB_CHAOS_SEED={seed}")
    report = run(
        Plan(
            kills=len(TARGETS),
            cuts=len(CUTS),
            seed=seed,
            kill_gaps=(0.3, 2.5),
            cut_gaps=(0.3, 2),
            shoppers_pause=0.7,
        )
    )
    print(story(report), table(report), sep="\n\n")
    assert report.failures() == []
