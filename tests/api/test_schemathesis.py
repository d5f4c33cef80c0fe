"""Schemathesis reads the API's description and tries to prove it wrong, over HTTP, on a running server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.example_seller import make_example_seller
from tests.api.server import serving
from tests.make import make_api_headers
from tests.processes import PROJECT

CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.django_db(transaction=True)
def test_schemathesis_finds_the_whole_api_as_it_is_described(tmp_path: Path) -> None:
    seller = make_example_seller()
    seller.strict_account_manager = True
    seller.save()
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", "--no-color"]
    for name, value in make_api_headers(seller).items():
        command += ["--header", f"{name}: {value}"]
    log = tmp_path / "web.log"
    with serving(log) as url:
        run = subprocess.run(
            [*command, f"{url}/schema"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
        )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Traceback" not in log.read_text()
