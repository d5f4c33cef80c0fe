"""`make demo` against the real product: the story comes true every time, and says so when it does not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from hub.erp.http import JsonApi
from tests.processes import PROJECT, Product, running

STORY_SECONDS = 120


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    with running() as one:
        yield one


def tell(product: Product, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "demo", *options],
        cwd=PROJECT,
        env=product.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=STORY_SECONDS,
    )


def test_the_story_comes_true_with_its_workers_killed_on_the_way(product: Product) -> None:
    told = tell(product)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "kill -9" in told.stdout
    assert "nothing lost, nothing doubled" in told.stdout


def test_the_story_can_be_told_again(product: Product) -> None:
    told = tell(product, "--spare-workers")
    assert told.returncode == 0, told.stdout + told.stderr
    assert "kill -9:" not in told.stdout


def test_what_does_not_come_true_ends_the_story_with_its_step(product: Product) -> None:
    """A marketplace that throws every load away publishes nothing."""
    fault = {"match": "/v1/loads", "method": "POST", "kind": "status", "status": 422, "times": 10_000}
    control = JsonApi(f"{product.sandbox_url}/_control")
    control.need("POST", "/faults", fault)
    try:
        told = tell(product, "--spare-workers")
    finally:
        control.need("DELETE", "/faults")
    assert told.returncode == 1
    assert "Step 4 (" in told.stderr
    assert "Expected" in told.stderr


def test_the_demo_sellers_erp_needs_no_options(product: Product) -> None:
    said = product.manage("erp", "push")
    assert "unchanged" in said
    listed = json.loads(product.manage("createseller", "--json", "--name", "Loja", "--email", "a@b.example"))
    key = listed["headers"]["X-Api-Key"]
    other = product.manage("erp", "push", "--email", "a@b.example", f"--key={key}")
    assert "212 created" in other
