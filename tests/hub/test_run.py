"""`manage.py run` as a person meets it: one command up, one signal down, and nothing left behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
import requests

from hub import localpg, undertaker

PROJECT = Path(__file__).resolve().parents[2]
START_SECONDS = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Hub:
    """One data directory with two ports, and the runs somebody starts on it."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "var"
        self.port = free_port()
        self.log = folder / "run.log"
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
            "HUB_DATA": str(self.data),
            "HUB_PORT": str(self.port),
            "HUB_SANDBOX_PORT": str(free_port()),
        }

    def start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            run = subprocess.Popen(
                [sys.executable, "manage.py", "run"],
                cwd=PROJECT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait_until(lambda: "The hub is ready" in self.log.read_text() or run.poll() is not None)
        assert run.poll() is None, self.log.read_text()
        return run

    def wait_until(self, holds: Callable[[], bool], seconds: float = START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def answers(self) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/admin/login/", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def is_ready(self) -> bool:
        """Dispatcher and workers have shown that they live."""
        return requests.get(f"http://127.0.0.1:{self.port}/healthz/ready", timeout=5).status_code == 200

    def processes(self) -> list[int]:
        mark = undertaker.read_mark(self.data / "run.json")
        return undertaker.marked(mark) if mark else []

    def database_processes(self) -> list[int]:
        return localpg._server_processes(localpg.default_root(self.data) / "18")


@pytest.fixture
def hub() -> Generator[Hub]:
    folder = Path(tempfile.mkdtemp(prefix="hub-run-", dir="/tmp"))
    folder.chmod(0o755)
    hub = Hub(folder)
    yield hub
    undertaker.bury(hub.data / "run.json", grace=0)
    for pid in hub.database_processes():
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def test_one_command_brings_the_hub_up_and_one_signal_takes_it_down(hub: Hub) -> None:
    run = hub.start()
    assert hub.answers()
    hub.wait_until(hub.is_ready, seconds=60)

    second = subprocess.run(
        [sys.executable, "manage.py", "run"],
        cwd=PROJECT,
        env=hub.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert second.stderr.startswith(f"The hub already runs on {hub.data} (process {run.pid})")
    assert len(second.stderr.splitlines()) == 1
    assert hub.answers(), "the refused one did not stop the database"

    os.kill(
        int((localpg.default_root(hub.data) / "18" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL
    )
    hub.wait_until(hub.answers, seconds=30)

    family = hub.processes()
    assert len(family) > 4
    began = time.monotonic()
    run.terminate()
    assert run.wait(15) == 0
    assert time.monotonic() - began < 10
    assert [pid for pid in family if Path(f"/proc/{pid}").exists()] == []
    assert hub.database_processes() == []


def test_a_killed_run_leaves_nothing_behind_and_the_next_one_starts(hub: Hub) -> None:
    run = hub.start()
    family = hub.processes()
    run.kill()
    run.wait()
    hub.wait_until(lambda: not any(Path(f"/proc/{pid}/cwd").exists() for pid in family), seconds=20)
    hub.wait_until(lambda: hub.database_processes() == [], seconds=20)
    hub.log.write_text("")
    again = hub.start()
    assert hub.answers()
    again.terminate()
    assert again.wait(15) == 0


def test_a_port_in_use_is_told_in_one_sentence(hub: Hub) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", hub.port))
        other.listen()
        run = subprocess.run(
            [sys.executable, "manage.py", "run"],
            cwd=PROJECT,
            env=hub.environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert run.returncode == 1
    assert run.stderr == (
        f"Port {hub.port} on 127.0.0.1 cannot be used (Address already in use): choose another HUB_PORT.\n"
    )
