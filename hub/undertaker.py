"""Takes down what a killed supervisor leaves behind.

`manage.py run` can be killed so that it cannot clean up (`kill -9`, out of memory). Its children carry a mark
in their environment, which their own children inherit and nobody else has. Two parties clear them away by it:
this module, run as a small process that notices the supervisor's death at the end of a pipe; and, should both
have been killed, the next `manage.py run`, which finds the mark in the run file. Where there is no /proc
(macOS), only the supervisor itself stops its children.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

MARK = "HUB_RUN"
GRACE_SECONDS = 8.0


def write_run_file(run_file: Path, mark: str) -> None:
    """Note which mark the children of this run carry."""
    run_file.write_text(json.dumps({"mark": mark, "supervisor": os.getpid()}), encoding="utf-8")


def read_mark(run_file: Path) -> str | None:
    """Return the mark of a run that was never ended properly, or None."""
    try:
        mark = json.loads(run_file.read_text(encoding="utf-8"))["mark"]
    except (OSError, ValueError, KeyError):
        return None
    return str(mark)


def bury(run_file: Path, grace: float = GRACE_SECONDS) -> int:
    """Stop the processes of the run the file names, and forget it; returns how many there were.

    Leaders are asked to end, with their work; when they are gone, or `grace` seconds are over, the rest is
    killed.
    """
    mark = read_mark(run_file)
    if mark is None:
        return 0
    found = marked(mark)
    for pid in filter(_is_leader, found):
        _send(pid, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while any(map(_is_leader, marked(mark))) and time.monotonic() < deadline:
        time.sleep(0.1)
    while left := marked(mark):
        for pid in left:
            _send(pid, signal.SIGKILL)
        time.sleep(0.05)
    run_file.unlink(missing_ok=True)
    return len(found)


def marked(mark: str) -> list[int]:
    """The living processes that carry the mark."""
    needle = f"{MARK}={mark}".encode()
    found = []
    with contextlib.suppress(FileNotFoundError):
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                with contextlib.suppress(OSError):
                    if needle in Path(f"/proc/{entry}/environ").read_bytes().split(b"\0"):
                        found.append(int(entry))
    return found


def _is_leader(pid: int) -> bool:
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:
        return False


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def main(run_file: str, mark: str, database_root: str = "") -> None:
    """Wait for the supervisor's end; if it left its run file behind, clear up, and stop the database last."""
    sys.stdin.read()
    if read_mark(Path(run_file)) == mark:
        bury(Path(run_file))
        if database_root:
            from hub import localpg  # only now: this process waits for days, and stays small

            localpg.stop_if_unused(database_root)


if __name__ == "__main__":
    main(*sys.argv[1:])
