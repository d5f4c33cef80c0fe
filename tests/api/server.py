"""The hub's web processes in tests: the same server `manage.py run` starts, on the tests' own database."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import requests
from django.db import connection

from tests.processes import PROJECT, free_port

START_SECONDS = 90
STOP_SECONDS = 20


@contextlib.contextmanager
def serving(log: Path, *, workers: int = 2, **environment: str) -> Iterator[str]:
    """Web workers that are up, as their base address; told to end with SIGTERM, as `manage.py run` does."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", str(workers), "--blocking-threads", "4", "--no-ws"]
    environment = {**os.environ, "DATABASE_URL": _address(), "HUB_PORT": str(port), **environment}
    with log.open("ab") as output:
        leader = subprocess.Popen(
            [*command, "hub.wsgi:application"], cwd=PROJECT, env=environment, stdout=output, stderr=output
        )
        try:
            _wait(url, leader, log)
            yield url
        finally:
            leader.terminate()
            try:
                leader.wait(STOP_SECONDS)
            finally:
                leader.kill()
                leader.wait()


def _address() -> str:
    facts = connection.settings_dict
    person = quote(facts["USER"]) + (":" + quote(facts["PASSWORD"]) if facts["PASSWORD"] else "")
    port = f"&port={facts['PORT']}" if facts["PORT"] else ""
    return f"postgresql://{person}@/{quote(facts['NAME'])}?host={quote(facts['HOST'], safe='')}{port}"


def _wait(url: str, leader: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(url, timeout=30).ok:
                return
        assert leader.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < until, log.read_text(errors="replace")
        time.sleep(0.1)
