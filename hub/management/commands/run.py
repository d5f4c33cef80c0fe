"""`manage.py run`: the whole hub in the foreground, from nothing to a box with addresses and sign-ins."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import http.client
import json
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection as database
from django_q.conf import Conf

from hub import env, localpg, undertaker
from hub.broker import QueueWatch
from hub.supervisor import ChildSpec, Supervisor

log = logging.getLogger(__name__)

# Any number, the same on every machine: one hub at a time migrates and seeds a shared database.
SETUP_LOCK = 0x48554201
WEB_START_SECONDS = 60


class Command(BaseCommand):
    """Prepare the database and the pages' files, then supervise web, dispatcher, workers and simulators."""

    help = "Run the whole hub in the foreground: database, web, dispatcher, workers and simulators."

    def handle(self, *args: object, **options: object) -> None:
        # Until the supervisor takes over, a stop order ends us in order too: the database is given back.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        run_file = settings.HUB_DATA / "run.json"
        with only_one_run(settings.HUB_DATA / "run.lock"):
            if read := undertaker.bury(run_file):
                self.stdout.write(f"Stopped {read} processes that an earlier, killed run had left behind.")
            refuse_ports_in_use()
            demo = prepare()
            mark = secrets.token_hex(16)
            undertaker.write_run_file(run_file, mark)
            root = None if env.secret("DATABASE_URL") else localpg.default_root(settings.HUB_DATA)
            watchman = start_undertaker(run_file, mark, root)
            supervisor = Supervisor(
                child_specs(),
                environment={undertaker.MARK: mark},
                checks={"workers": QueueWatch(Conf.CLUSTER_NAME)},
                tend=lambda: root and localpg.ensure(root),
                as_json=settings.HUB_LOG_FORMAT == "json",
            )
            try:
                supervisor.run(on_start=lambda: announce(supervisor, demo))
            finally:
                run_file.unlink(missing_ok=True)
                watchman.communicate()


def child_specs() -> list[ChildSpec]:
    """The hub's processes. The simulators stop last: calls to them may still be under way."""
    manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
    web = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", settings.HUB_HOST]
    web += ["--port", str(settings.HUB_PORT), "--workers", "2", "--blocking-threads", "4", "--no-ws"]
    web += ["--respawn-failed-workers", "--log-level", "warning", "hub.wsgi:application"]
    return [
        ChildSpec("web", web),
        ChildSpec("dispatcher", [*manage, "dispatch"]),
        ChildSpec("workers", [*manage, "qcluster"]),
        ChildSpec("simulators", [*manage, "simulators"], stops_last=True),
    ]


@contextlib.contextmanager
def only_one_run(lock_file: Path) -> Iterator[None]:
    """Hold the data directory for this run; the kernel lets go of it however the process ends."""
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with lock_file.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
            sys.exit(
                f"The hub already runs on {lock_file.parent} (process {owner}): "
                "stop that one, or give this one a HUB_DATA, HUB_PORT and HUB_SANDBOX_PORT of its own."
            )
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def refuse_ports_in_use() -> None:
    """Exit with one sentence when somebody else listens where the hub wants to."""
    wanted = [(settings.HUB_HOST, "HUB_PORT"), ("127.0.0.1", "HUB_SANDBOX_PORT")]
    for host, name in wanted:
        port = getattr(settings, name)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                sys.exit(f"Port {port} on {host} cannot be used ({error.strerror}): choose another {name}.")


def prepare() -> dict[str, Any]:
    """Migrate, collect the pages' files and seed the demo; returns what demo.json says."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [SETUP_LOCK])
        try:
            call_command("migrate", verbosity=0, interactive=False)
            collect_static_files()
            return seed_demo()
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [SETUP_LOCK])


def collect_static_files() -> None:
    """Collect and compress the pages' files, when any of them changed since the last time."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            facts = os.stat(storage.path(path))
            digest.update(f"{path} {facts.st_mtime_ns} {facts.st_size}\n".encode())
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    if not stamp.exists() or stamp.read_text() != digest.hexdigest():
        call_command("collectstatic", verbosity=0, interactive=False, clear=stamp.exists())
        stamp.write_text(digest.hexdigest())


def seed_demo() -> dict[str, Any]:
    """Seed the demo where it is wanted, and return what its demo.json says; nothing where it is not."""
    demo_file = settings.HUB_DATA / "demo.json"
    try:
        from hub.management.commands.seed_demo import is_wanted  # here, so that a broken demo stops nobody

        if not is_wanted():
            return {}
        call_command("seed_demo", verbosity=0)
    except Exception:
        log.exception("The demo could not be seeded; the hub starts without it.")
    if not demo_file.exists():
        return {}
    found: dict[str, Any] = json.loads(demo_file.read_text(encoding="utf-8"))
    return found


def start_undertaker(run_file: Path, mark: str, root: Path | None) -> subprocess.Popen[bytes]:
    """Start the process that clears up should this one be killed; it waits at the end of a pipe."""
    command = [sys.executable, "-m", "hub.undertaker", str(run_file), mark, str(root or "")]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, cwd=settings.BASE_DIR)


def announce(supervisor: Supervisor, demo: dict[str, Any]) -> None:
    """Once the web answers, print where everything is and how to sign in."""
    deadline = time.monotonic() + WEB_START_SECONDS
    while not answers(settings.HUB_HOST, settings.HUB_PORT):
        if time.monotonic() > deadline:
            supervisor.say("the web does not answer yet; its own lines tell why")
            return
        time.sleep(0.1)
    # A log for programs is kept somewhere: no sign-ins in it.
    for line in ["The hub is ready."] if supervisor.as_json else box(demo):
        supervisor.say(line)


def answers(host: str, port: int) -> bool:
    """Whether a worker there serves pages; the port alone is open before the first one can."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (a comparison, not a bind)
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request("HEAD", "/admin/login/", headers={"Host": "localhost"})
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def box(demo: dict[str, Any]) -> list[str]:
    """The lines that tell a newcomer where to go and how to sign in."""
    base = settings.HUB_BASE_URL
    rows = [("Portal", f"{base}/portal/")]
    rows += [("", sign_in(person)) for person in demo.get("seller", {}).get("people", [])[:1]]
    rows += [("Staff", f"{base}/admin/")]
    rows += [("", sign_in(demo["staff"]))] if "staff" in demo else []
    rows += [("API", base), ("", f"docs at {base}/docs/")]
    rows += [("", f"{header}: {value}") for header, value in demo.get("api_headers", {}).items()]
    rows += [("Simulator", f"http://127.0.0.1:{settings.HUB_SANDBOX_PORT}/")]
    rows += [("", f"its API key: {demo['sandbox']['api_key']}")] if "sandbox" in demo else []
    rows += [("More", str(settings.HUB_DATA / "demo.json"))] if demo else []
    width = max(len(label) for label, _ in rows)
    texts = [
        "The hub is ready. Ctrl-C stops it.",
        "",
        *[f"{label:<{width}}  {value}" for label, value in rows],
    ]
    inner = max(len(text) for text in texts)
    edge = "+" + "-" * (inner + 2) + "+"
    return [edge, *[f"| {text:<{inner}} |" for text in texts], edge]


def sign_in(person: dict[str, str]) -> str:
    """One person's e-mail and password, as the box shows them."""
    return f"sign in as {person['email']}, password {person['password']}"
