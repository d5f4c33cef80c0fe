"""The real product in tests: `manage.py run` with a database, ports and a data directory of its own.

Linux only: who is who among the processes is read from /proc.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg

from hub import localpg, undertaker
from hub.erp.http import JsonApi

PROJECT = Path(__file__).resolve().parents[1]
START_SECONDS = 120
STOP_SECONDS = 15
"""`make run` promises to be gone within 10 s of Ctrl-C."""
ROLES = (
    "supervisor",
    "undertaker",
    "web leader",
    "web worker",
    "dispatcher",
    "queue main",
    "queue sentinel",
    "queue worker, busy",
    "queue worker, idle",
    "queue monitor",
    "queue pusher",
    "simulators",
    "postmaster",
    "database backend",
    "database checkpointer",
    "database writer",
    "database walwriter",
    "database autovacuum",
)
_DATABASE_ROLES = {
    "postgres: hub hub": "database backend",
    "postgres: checkpointer": "database checkpointer",
    "postgres: background writer": "database writer",
    "postgres: walwriter": "database walwriter",
    "postgres: autovacuum launcher": "database autovacuum",
}
"""How the database's processes call themselves."""
_SPAWNED = re.compile(r"Process-\w+ (ready for work|monitoring|pushing tasks) at (\d+)")
_ESTABLISHED = "01"


def free_port() -> int:
    """A port nobody has now, outside the range from which outgoing connections get theirs meanwhile."""
    while True:
        port = random.randrange(15_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Product:
    """One running hub. Make it with `running()`, which also takes it down."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.data = folder / "var"
        self.log_file = folder / "run.log"
        self.port, self.sandbox_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        """The address ERPs are given."""
        self.sandbox_url = f"http://127.0.0.1:{self.sandbox_port}"
        self.called_port = self.sandbox_port
        """Where the hub calls the sandbox: its port, or that of a wire in between."""
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
            "DJANGO_SETTINGS_MODULE": "tests.talkative_settings",
            "HUB_DATA": str(self.data),
            "HUB_PORT": str(self.port),
            "HUB_SANDBOX_PORT": str(self.sandbox_port),
            "HUB_PG_CONF": "fsync=off,full_page_writes=off",
            **environment,
        }
        self.mark = ""
        self.demo: dict[str, Any] = {}
        self._database_socket = ""
        self._births: dict[int, str] = {}
        self._births_read = 0
        self._births_lock = threading.Lock()
        self._run: subprocess.Popen[bytes] | None = None

    # --- up and down ---------------------------------------------------------------------------

    def start(self) -> None:
        """Start everything and return when pages are served."""
        with self.log_file.open("ab") as log:
            self._run = subprocess.Popen(
                [sys.executable, "manage.py", "run"],
                cwd=PROJECT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait_until(lambda: "The hub is ready" in self.log() or self._run.poll() is not None)  # type: ignore[union-attr]
        assert self._run.poll() is None, self.log()
        self.mark = undertaker.read_mark(self.data / "run.json") or ""
        self.demo = json.loads((self.data / "demo.json").read_text(encoding="utf-8"))

    def stop(self) -> None:
        """Stop it as a person would, and see to it that nothing at all is left."""
        if self._run is None:
            return
        self._run.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._run.wait(STOP_SECONDS)
        late = self._run.poll() is None
        until = time.monotonic() + 5  # the database's last processes end just after their postmaster
        while (left := self.everybody()) and time.monotonic() < until:
            time.sleep(0.1)
        told = {pid: _command(pid) for pid in left}
        for pid in left:
            _kill(pid)
        self._run.kill()
        self._run.wait()
        self._run = None
        assert not late, f"the hub did not stop within {STOP_SECONDS} s"
        assert not left, f"processes were left behind: {told}"

    def everybody(self) -> list[int]:
        """Every living process of this product, its database's included."""
        ours = undertaker.marked(self.mark) if self.mark else []
        return [*ours, *self._database_processes()]

    # --- doors ---------------------------------------------------------------------------------

    def api(self, headers: dict[str, str] | None = None, **options: Any) -> JsonApi:
        """The hub's API for an ERP, the demo seller's when no headers are given."""
        return JsonApi(self.url, headers or self.demo["api_headers"], **options)

    def sign_in(self, role: str = "owner") -> tuple[str, str]:
        """E-mail and password of one of the demo seller's people, or of "staff"."""
        if role == "staff":
            return self.demo["staff"]["email"], self.demo["staff"]["password"]
        person = next(one for one in self.demo["seller"]["people"] if one["role"] == role)
        return person["email"], person["password"]

    def manage(self, *arguments: str) -> str:
        """Run a management command beside the running product and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def shell(self, code: str) -> Any:
        """Run Python inside the hub, and return what it left in `answer` (anything JSON can say)."""
        ending = "\nimport json\nprint('\\n' + json.dumps(globals().get('answer'), default=str))"
        return json.loads(self.manage("shell", "-v", "0", "-c", code + ending).splitlines()[-1])

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the hub's database; raises psycopg.OperationalError while it is away."""
        with self.database() as database:
            return database.execute(query, values).fetchall()

    def database(self, *, autocommit: bool = False) -> psycopg.Connection[tuple[Any, ...]]:
        """Connect to the hub's database; raises psycopg.OperationalError while it is away."""
        return psycopg.connect(
            host=str(Path(self.database_socket).parent),
            port=localpg.PORT,
            user=localpg.USER,
            dbname="hub",
            autocommit=autocommit,
        )

    @property
    def database_socket(self) -> str:
        """Where the hub's database listens; raises OSError before it ever did."""
        if not self._database_socket:
            locks = list(localpg.default_root(self.data).glob("*/postmaster.pid"))
            lines = locks[0].read_text().splitlines() if locks else []
            if len(lines) < 5:
                raise FileNotFoundError("the database is not up yet")
            # The fifth line, by PostgreSQL's miscadmin.h; it does not change from one start to the next.
            self._database_socket = f"{lines[4]}/.s.PGSQL.{localpg.PORT}"
        return self._database_socket

    def log(self) -> str:
        """What `manage.py run` has printed so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def wait_until(self, holds: Callable[[], Any], seconds: float = START_SECONDS) -> None:
        """Wait for a condition; fails with the end of the log."""
        until = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < until, "not in time; the log ends with:\n" + self.log()[-5000:]
            time.sleep(0.1)

    # --- who is who ----------------------------------------------------------------------------

    def pids(self) -> dict[str, list[int]]:
        """The living processes by role, see ROLES; a role nobody has now is an empty list."""
        found: dict[str, list[int]] = {role: [] for role in ROLES}
        assert self._run is not None
        children = _children_of_all()
        found["supervisor"] = [self._run.pid]
        for pid in children.get(self._run.pid, []):
            command = _command(pid)
            if "hub.undertaker" in command:
                found["undertaker"].append(pid)
            elif "granian" in command:
                found["web leader"].append(pid)
                found["web worker"] += children.get(pid, [])
            elif " dispatch" in command:
                found["dispatcher"].append(pid)
            elif " simulators" in command:
                found["simulators"].append(pid)
            elif " qcluster" in command:
                found["queue main"].append(pid)
                for sentinel in children.get(pid, []):
                    found["queue sentinel"].append(sentinel)
                    for member, role in self._queue_members(children.get(sentinel, [])):
                        found[role].append(member)
        postmaster = self._postmaster()
        if postmaster:
            found["postmaster"] = [postmaster]
            for pid in children.get(postmaster, []):
                command = _command(pid)
                for start, role in _DATABASE_ROLES.items():
                    if command.startswith(start):
                        found[role].append(pid)
        return found

    def kill(self, role: str, choose: Callable[[list[int]], int] = min) -> int | None:
        """`kill -9` one process of a role and return its number; None where nobody has the role now."""
        pids = self.pids()[role]
        if not pids:
            return None
        pid = choose(pids)
        _kill(pid)
        return pid

    def _queue_members(self, pids: list[int]) -> Iterator[tuple[int, str]]:
        """Tell workers, monitor and pusher apart by what they said when they were born."""
        self._read_births()
        for pid in pids:
            what = self._births.get(pid, "")
            if what == "monitoring":
                yield pid, "queue monitor"
            elif what == "pushing tasks":
                yield pid, "queue pusher"
            elif what:
                is_busy = self._is_calling_the_sandbox(pid)
                yield pid, "queue worker, busy" if is_busy else "queue worker, idle"

    def _read_births(self) -> None:
        """Read on in the log, whole lines only: it grows long, and the question comes often."""
        with self._births_lock, self.log_file.open("rb") as log:
            log.seek(self._births_read)
            fresh = log.read()
            fresh = fresh[: fresh.rfind(b"\n") + 1]
            self._births_read += len(fresh)
            for what, pid in _SPAWNED.findall(fresh.decode(errors="replace")):
                self._births[int(pid)] = what

    def _is_calling_the_sandbox(self, pid: int) -> bool:
        port = f":{self.called_port:04X}"
        with contextlib.suppress(OSError):
            sockets = {os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir()}
            for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
                words = line.split()
                is_ours = words[2].endswith(port) and words[3] == _ESTABLISHED
                if is_ours and f"socket:[{words[9]}]" in sockets:
                    return True
        return False

    def _postmaster(self) -> int | None:
        for lock in localpg.default_root(self.data).glob("*/postmaster.pid"):
            with contextlib.suppress(OSError, ValueError, IndexError):
                pid = int(lock.read_text().split()[0])
                if pid in self._database_processes():
                    return pid
        return None

    def _database_processes(self) -> list[int]:
        root = localpg.default_root(self.data)
        return [pid for data in root.glob("[0-9]*") for pid in localpg._server_processes(data)]


@contextlib.contextmanager
def running(
    environment: Mapping[str, str] | None = None,
    *,
    before: Callable[[Product], object] = lambda product: None,
) -> Iterator[Product]:
    """A product that is up; afterwards it is down, and that nothing is left of it is asserted.

    `before` is called with the product before it starts: the place to change its environment.
    """
    # Not pytest's tmp_path: PostgreSQL, which may run as another user, must be able to enter.
    folder = Path(tempfile.mkdtemp(prefix="hub-scenario-", dir="/tmp"))
    folder.chmod(0o755)
    product = Product(folder, environment or {})
    try:
        before(product)
        product.start()
        yield product
    except BaseException:
        print(product.log()[-20_000:])
        raise
    finally:
        try:
            product.stop()
        finally:
            if product.everybody():
                undertaker.bury(product.data / "run.json", grace=0)
            for pid in product.everybody():
                _kill(pid)
            shutil.rmtree(folder, ignore_errors=True)


def _children_of_all() -> dict[int, list[int]]:
    """Every living process by its parent, in order of birth."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                # "pid (name) state parent ...": the name may hold blanks and brackets.
                state, parent = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z":
                    children.setdefault(int(parent), []).append(int(entry))
    return {parent: sorted(pids) for parent, pids in children.items()}


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
