"""The supervisor and the undertaker, with real processes, real signals and real kills."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from hub import undertaker

PROJECT = Path(__file__).resolve().parents[2]
LEADER_WITH_A_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("child", child.pid, flush=True)
time.sleep(600)
"""
BUSY = """
import signal, sys, time
def finish(*_):
    time.sleep(1)
    print("work done", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, finish)
print("busy", flush=True)
time.sleep(600)
"""
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""
IDLE = "import time; print('idle', flush=True); time.sleep(600)"


class Run:
    """A supervisor in a process of its own, and what it has written so far."""

    def __init__(self, children: dict[str, str], options: str = "") -> None:
        specs = ", ".join(
            f"ChildSpec({name!r}, [sys.executable, '-c', {code!r}], stops_last={name.endswith('last')})"
            for name, code in children.items()
        )
        program = "import sys, pathlib\nfrom hub.supervisor import ChildSpec, Supervisor\n"
        program += f"Supervisor([{specs}], {options}).run()\n"
        self.process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=PROJECT,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.append(line.rstrip())

    def wait_for(self, pattern: str, times: int = 1, seconds: float = 20) -> list[str]:
        """Return what the pattern's group matched, once it matched that often."""
        deadline = time.monotonic() + seconds
        while True:
            found = re.findall(pattern, "\n".join(self.lines), re.MULTILINE)
            if len(found) >= times:
                return [str(item) for item in found]
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.lines}"
            time.sleep(0.02)

    def stop(self, number: int = signal.SIGTERM, seconds: float = 15) -> float:
        """Send a signal and return how long the supervisor took to be gone."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(seconds)
        self._reader.join(5)
        return time.monotonic() - began

    def close(self) -> None:
        self._reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def started() -> Generator[list[Run]]:
    runs: list[Run] = []
    yield runs
    for run in runs:
        run.process.kill()
        run.process.wait()
        for pid in re.findall(r"started as process (\d+)", "\n".join(run.lines)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(pid), signal.SIGKILL)
        run.close()


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pid: int, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while lives(pid):
        assert time.monotonic() < deadline, f"process {pid} still lives"
        time.sleep(0.02)


def test_a_killed_child_is_started_again(started: list[Run]) -> None:
    run = Run({"web": IDLE, "workers": IDLE})
    started.append(run)
    run.wait_for(r"^workers \| idle")
    # Whoever is killed before it has said a word says it once only.
    run.wait_for(r"^web +\| idle")
    [victim] = run.wait_for(r"^web +\| started as process (\d+)")
    os.kill(int(victim), signal.SIGKILL)
    first, second = run.wait_for(r"^web +\| started as process (\d+)", times=2)
    assert first != second
    run.wait_for(r"^web +\| idle", times=2)
    assert len(run.wait_for(r"^workers \| idle")) == 1, "its neighbour was left alone"
    run.wait_for("web +. ended with -9; starting again in 1.0 s")


def test_a_child_that_dies_at_once_is_restarted_ever_more_slowly(started: list[Run]) -> None:
    run = Run({"broken": "raise SystemExit('no such setting')"})
    started.append(run)
    assert run.wait_for(r"starting again in (\S+) s", times=2)[:2] == ["1.0", "2.0"]
    run.wait_for(r"^broken \| no such setting", times=2)
    assert run.stop() < 5


def test_the_orphans_of_a_dead_leader_are_killed_before_its_successor_starts(started: list[Run]) -> None:
    run = Run({"workers": LEADER_WITH_A_CHILD})
    started.append(run)
    [orphan] = run.wait_for(r"child (\d+)")
    [leader] = run.wait_for(r"started as process (\d+)")
    os.kill(int(leader), signal.SIGKILL)
    run.wait_for(r"started as process (\d+)", times=2)
    assert not lives(int(orphan))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_one_signal_stops_everything_after_busy_work_has_ended(started: list[Run], number: int) -> None:
    run = Run({"web": LEADER_WITH_A_CHILD, "workers": BUSY})
    started.append(run)
    run.wait_for("busy")
    [grandchild] = run.wait_for(r"child (\d+)")
    pids = run.wait_for(r"started as process (\d+)", times=2)
    assert 1 <= run.stop(number) < 10
    assert run.process.returncode == 0
    assert "workers | work done" in run.lines
    assert not any(lives(int(pid)) for pid in [*pids, grandchild])


def test_a_child_that_does_not_listen_is_killed_when_the_grace_is_over(started: list[Run]) -> None:
    run = Run({"deaf": DEAF}, "grace=1")
    started.append(run)
    run.wait_for(r"\| deaf")
    assert 1 <= run.stop() < 3
    assert "deaf | did not end in time; killing it" in run.lines


def test_a_second_signal_stops_at_once(started: list[Run]) -> None:
    run = Run({"deaf": DEAF}, "grace=60")
    started.append(run)
    run.wait_for(r"\| deaf")
    run.process.send_signal(signal.SIGINT)
    run.wait_for("stopping; press Ctrl-C again")
    assert run.stop(signal.SIGINT) < 2
    assert run.process.returncode == 0


def test_what_the_others_need_is_stopped_after_them(started: list[Run]) -> None:
    run = Run({"simulators-last": BUSY.replace("work done", "simulators gone"), "workers": BUSY})
    started.append(run)
    run.wait_for("busy", times=2)
    run.stop()
    told = [line.split("| ")[1] for line in run.lines if "done" in line or "gone" in line]
    assert told == ["work done", "simulators gone"]


def test_a_stuck_child_is_killed_and_started_again(started: list[Run], tmp_path: Path) -> None:
    stuck = tmp_path / "stuck"
    check = f"{{'workers': lambda: 99.0 if pathlib.Path({str(stuck)!r}).exists() else 0.0}}"
    run = Run({"workers": DEAF}, f"checks={check}, check_every=0.1, stuck_after=0.5")
    started.append(run)
    run.wait_for(r"\| deaf")
    stuck.touch()
    run.wait_for("has stopped working; killing it")
    stuck.unlink()
    run.wait_for(r"\| deaf", times=2)


def test_a_child_that_is_away_is_not_stuck(started: list[Run], tmp_path: Path) -> None:
    """Nobody works while it rests before its restart; its successor is not to die for that."""
    idle_work = tmp_path / "work waits"
    check = f"{{'workers': lambda: 99.0 if pathlib.Path({str(idle_work)!r}).exists() else 0.0}}"
    run = Run({"workers": IDLE}, f"checks={check}, check_every=0.05, stuck_after=0.6")
    started.append(run)
    [victim] = run.wait_for(r"started as process (\d+)")
    os.kill(int(victim), signal.SIGKILL)
    idle_work.touch()
    run.wait_for("started as process", times=2)
    idle_work.unlink()
    time.sleep(0.5)
    assert not any("has stopped working" in line for line in run.lines)
    assert run.wait_for(r"\| idle"), "the successor works"


def test_a_failing_check_is_told_and_changes_nothing(started: list[Run]) -> None:
    run = Run({"workers": IDLE}, "checks={'workers': lambda: 1 / 0}, check_every=0.1, stuck_after=0.1")
    started.append(run)
    run.wait_for("a check failed: ZeroDivisionError", times=2)
    assert len(run.wait_for("started as process")) == 1


def test_what_is_tended_is_looked_after_again_and_again(started: list[Run]) -> None:
    run = Run({"workers": IDLE}, "tend=lambda: print('tended', flush=True), check_every=0.1")
    started.append(run)
    run.wait_for("tended", times=3)


@pytest.fixture
def marked_family(tmp_path: Path) -> Generator[tuple[Path, str, subprocess.Popen[str], int]]:
    """A leader and its child, as a supervisor would have left them behind."""
    mark = secrets.token_hex(8)
    run_file = tmp_path / "run.json"
    undertaker.write_run_file(run_file, mark)
    leader = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(LEADER_WITH_A_CHILD)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, undertaker.MARK: mark},
        start_new_session=True,
    )
    assert leader.stdout is not None
    child = int(leader.stdout.readline().split()[1])
    yield run_file, mark, leader, child
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGKILL)
    leader.communicate()


def start_undertaker(run_file: Path, mark: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "hub.undertaker", str(run_file), mark], stdin=subprocess.PIPE, cwd=PROJECT
    )


def test_the_undertaker_takes_down_what_a_killed_supervisor_left(
    marked_family: tuple[Path, str, subprocess.Popen[str], int],
) -> None:
    run_file, mark, leader, child = marked_family
    bystander = subprocess.Popen(["sleep", "60"])
    watching = start_undertaker(run_file, mark)
    time.sleep(0.5)
    assert lives(child), "nothing happens while the supervisor lives"
    watching.communicate(timeout=20)  # its end of the pipe closes, as it does at a kill -9
    wait_until_gone(child)
    assert leader.wait(5) == -signal.SIGTERM
    assert not run_file.exists()
    assert lives(bystander.pid)
    bystander.kill()
    bystander.wait()


def test_the_undertaker_leaves_a_run_alone_that_ended_properly(
    marked_family: tuple[Path, str, subprocess.Popen[str], int],
) -> None:
    run_file, mark, leader, child = marked_family
    watching = start_undertaker(run_file, mark)
    run_file.unlink()
    watching.communicate(timeout=20)
    assert leader.poll() is None
    assert lives(child)


def test_the_next_run_finds_orphans_whose_leader_is_gone(
    marked_family: tuple[Path, str, subprocess.Popen[str], int],
) -> None:
    run_file, _, leader, child = marked_family
    leader.kill()
    leader.wait()
    assert lives(child)
    assert undertaker.bury(run_file, grace=0.2) == 1
    wait_until_gone(child)
    assert undertaker.bury(run_file) == 0
