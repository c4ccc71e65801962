"""The embedded stores as several commands use them: shared, killed, left behind, refused."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis
import redis.asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from portbook.stores import StoreRefused, Stores, StoreUnavailable, StoreVersion, open_stores
from portbook.stores import place as place_module
from portbook.stores.external import ask_postgres
from tests.fakes.server import unlent_port

COMMAND = """
import sys
from pathlib import Path
from portbook.stores import open_stores
with open_stores("embedded", "embedded", Path(sys.argv[1])) as stores:
    print(stores.database_url, stores.redis_url, flush=True)
    sys.stdin.readline()
"""


class Command:
    """A process that uses the stores of a data directory until it is told to leave."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, str(data_dir)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip

    def stores(self) -> Stores:
        assert self.process.stdout is not None
        return Stores(*self.process.stdout.readline().split())

    def leave(self) -> None:
        self.process.communicate("\n", timeout=30)
        assert self.process.returncode == 0

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


def postgres_pid(data_dir: Path) -> int:
    return int((data_dir / "stores/postgres/postmaster.pid").read_text().split("\n")[0])


def valkey_pid(stores: Stores) -> int:
    with redis.Redis.from_url(stores.redis_url) as client:
        return int(client.info("server")["process_id"])


def server_pids(data_dir: Path, stores: Stores) -> tuple[int, int]:
    """Both servers' process ids, once both have answered."""
    ask_postgres(stores.database_url, "SELECT 1")
    return postgres_pid(data_dir), valkey_pid(stores)


def alive(pid: int) -> bool:
    # A container whose first process does not reap leaves zombies; those are dead.
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that was used once and left cleanly; copying it costs less than making another."""
    folder = tmp_path_factory.mktemp("used") / "data"
    with open_stores("embedded", "embedded", folder) as stores:
        ask_postgres(stores.database_url, "CREATE TABLE kept AS SELECT 42 AS answer")
    return folder


@pytest.fixture
def data_dir(cluster: Path, tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    subprocess.run(["cp", "-a", str(cluster), str(folder)], check=True)
    yield folder
    with suppress(StoreUnavailable), open_stores("embedded", "embedded", folder):
        pass  # whatever a test left running stops when the last command leaves


def test_the_first_start_makes_a_database_that_asyncpg_sqlalchemy_and_redis_reach(cluster: Path) -> None:
    with open_stores("embedded", "embedded", cluster) as stores:
        assert ask_postgres(stores.database_url, "SELECT current_database()") == "portbook"
        assert ask_postgres(stores.database_url, "SHOW TimeZone") == "UTC"
        assert ask_postgres(stores.database_url, "SHOW synchronous_commit") == "on"
        assert ask_postgres(stores.database_url, "SHOW listen_addresses") == ""


async def test_the_stores_open_inside_a_running_event_loop(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGDATABASE", "elsewhere")
    with open_stores("embedded", "embedded", data_dir) as stores:
        connection = await asyncpg.connect(stores.database_url)
        assert await connection.fetchval("SELECT answer FROM kept") == 42
        await connection.close()
        engine = create_async_engine(stores.database_url.replace("postgresql:", "postgresql+asyncpg:"))
        async with engine.connect() as session:
            assert await session.scalar(text("SELECT answer FROM kept")) == 42
        await engine.dispose()
        client = redis.asyncio.from_url(stores.redis_url)
        assert await client.ping()
        await client.aclose()


def test_nothing_listens_on_a_network_and_the_sockets_are_private(data_dir: Path) -> None:
    with open_stores("embedded", "embedded", data_dir) as stores:
        for pid in server_pids(data_dir, stores):
            assert psutil.Process(pid).net_connections("inet") == []
        sockets = Path(stores.redis_url.removeprefix("unix://")).parent
        assert sockets.stat().st_mode & 0o077 == 0


def test_a_start_over_existing_data_takes_less_than_a_second(data_dir: Path) -> None:
    began = time.monotonic()
    with open_stores("embedded", "embedded", data_dir):
        assert time.monotonic() - began < 1


def test_the_last_command_out_stops_the_servers_and_nobody_before(data_dir: Path) -> None:
    first, second = Command(data_dir), Command(data_dir)
    stores = first.stores()
    assert second.stores() == stores
    pids = server_pids(data_dir, stores)
    first.leave()
    assert server_pids(data_dir, stores) == pids
    second.leave()
    assert not any(map(alive, pids))
    assert not (data_dir / "stores/postgres/postmaster.pid").exists()
    assert list((data_dir / "stores/run").iterdir()) == []


def test_the_last_one_out_also_stops_a_server_that_only_others_used(data_dir: Path, database: str) -> None:
    with open_stores(database, "embedded", data_dir) as last:
        with open_stores("embedded", "embedded", data_dir) as both:
            pids = server_pids(data_dir, both)
        assert valkey_pid(last) == pids[1]
        assert alive(pids[0])
    assert not any(map(alive, pids))


def test_one_process_may_open_the_stores_twice(data_dir: Path) -> None:
    with open_stores("embedded", "embedded", data_dir) as outer:
        with open_stores("embedded", "embedded", data_dir) as inner:
            assert inner == outer
        assert ask_postgres(outer.database_url, "SELECT answer FROM kept") == 42


def test_a_killed_command_leaves_the_others_working_and_counts_no_more(data_dir: Path) -> None:
    first = Command(data_dir)
    stores = first.stores()
    second = Command(data_dir)
    second.stores()
    pids = server_pids(data_dir, stores)
    first.kill()
    assert server_pids(data_dir, stores) == pids
    second.leave()
    assert not any(map(alive, pids))


def test_servers_whose_commands_were_all_killed_are_reused_and_then_stopped(data_dir: Path) -> None:
    command = Command(data_dir)
    pids = server_pids(data_dir, command.stores())
    command.kill()
    assert all(map(alive, pids))
    with open_stores("embedded", "embedded", data_dir) as again:
        assert server_pids(data_dir, again) == pids
    assert not any(map(alive, pids))


def test_control_c_in_the_terminal_does_not_reach_the_servers(data_dir: Path) -> None:
    command = Command(data_dir)
    pids = server_pids(data_dir, command.stores())
    assert all(os.getsid(pid) != os.getsid(command.process.pid) for pid in pids)
    command.leave()


def test_killed_servers_come_back_with_everything_committed(data_dir: Path) -> None:
    with open_stores("embedded", "embedded", data_dir) as stores:
        ask_postgres(stores.database_url, "CREATE TABLE late AS SELECT 7 AS answer")
        pids = server_pids(data_dir, stores)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(map(alive, pids)))
        with open_stores("embedded", "embedded", data_dir) as again:
            assert ask_postgres(again.database_url, "SELECT answer FROM late") == 7
            assert set(server_pids(data_dir, again)).isdisjoint(pids)
            assert again == stores


def test_old_pid_and_socket_files_do_not_hinder_a_start(data_dir: Path) -> None:
    run = data_dir / "stores/run"
    owner = run.stat()
    # The number of a process that lives, belongs to the server's account, and is no server.
    uid = owner.st_uid if os.geteuid() == 0 else None
    other = subprocess.Popen(["sleep", "600"], user=uid)
    pid_file = data_dir / "stores/postgres/postmaster.pid"
    pid_file.write_text(f"{other.pid}\n{data_dir}/stores/postgres\n1700000000\n5432\n{run}\n\n\nready\n")
    pid_file.chmod(0o600)
    os.chown(pid_file, owner.st_uid, owner.st_gid)
    for name in (".s.PGSQL.5432", "valkey.sock"):
        with socket.socket(socket.AF_UNIX) as left_behind:
            left_behind.bind(str(run / name))
        os.chown(run / name, owner.st_uid, owner.st_gid)
    lock = run / ".s.PGSQL.5432.lock"
    lock.write_text(pid_file.read_text())
    os.chown(lock, owner.st_uid, owner.st_gid)
    with open_stores("embedded", "embedded", data_dir) as stores:
        assert ask_postgres(stores.database_url, "SELECT answer FROM kept") == 42
        assert valkey_pid(stores)
    assert alive(other.pid)
    other.kill()
    other.wait()


def test_four_commands_starting_at_once_share_one_server_each(tmp_path: Path) -> None:
    commands = [Command(tmp_path / "new") for _ in range(4)]
    every = [command.stores() for command in commands]
    assert len({(stores, server_pids(tmp_path / "new", stores)) for stores in every}) == 1
    for command in commands:
        command.leave()
    assert not (tmp_path / "new/stores/postgres/postmaster.pid").exists()


def test_a_killed_first_start_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    for delay in (0.35, 0.6, 0.9):
        command = Command(tmp_path)
        time.sleep(delay)
        command.kill()
    with open_stores("embedded", "embedded", tmp_path) as stores:
        assert ask_postgres(stores.database_url, "SELECT 1") == 1


def test_a_database_that_a_killed_start_is_still_making_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(url: str, sql: str, *args: object) -> object:
        if sql.startswith("CREATE DATABASE"):
            ask_postgres(url, sql)
        return ask_postgres(url, sql, *args)

    monkeypatch.setattr("portbook.stores.postgres.ask_postgres", late)
    with open_stores("embedded", "embedded", tmp_path) as stores:
        assert ask_postgres(stores.database_url, "SELECT 1") == 1


def test_another_major_version_is_refused_in_words(data_dir: Path) -> None:
    (data_dir / "stores/postgres/PG_VERSION").write_text("16\n")
    with (
        pytest.raises(StoreVersion, match=r"of PostgreSQL 16; this Portbook embeds PostgreSQL 18") as refused,
        open_stores("embedded", "embedded", data_dir),
    ):
        pass
    assert str(data_dir / "stores/postgres") in refused.value.detail
    assert "pg_dump" in refused.value.hint


def test_a_setting_of_the_administrator_wins_over_ours(data_dir: Path) -> None:
    ours = data_dir / "stores/postgres/conf.d/50-local.conf"
    ours.write_text("work_mem = '5MB'\n")
    ours.chmod(0o644)
    with open_stores("embedded", "embedded", data_dir) as stores:
        assert ask_postgres(stores.database_url, "SHOW work_mem") == "5MB"


def test_a_server_that_cannot_start_says_what_its_log_says(data_dir: Path) -> None:
    wrong = data_dir / "stores/postgres/conf.d/50-local.conf"
    wrong.write_text("shared_bufers = '5MB'\n")
    wrong.chmod(0o644)
    with (
        pytest.raises(StoreUnavailable, match="could not be started") as refused,
        open_stores("embedded", "embedded", data_dir),
    ):
        pass
    assert "shared_bufers" in refused.value.detail
    wrong.unlink()


@pytest.mark.parametrize("name", ["x" * 90, "two words, and ümlaut?"])
def test_a_data_directory_too_long_or_odd_for_a_socket_url_works(
    cluster: Path, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name / "data"
    folder.parent.mkdir()
    subprocess.run(["cp", "-a", str(cluster), str(folder)], check=True)
    with open_stores("embedded", "embedded", folder) as stores:
        assert ask_postgres(stores.database_url, "SELECT answer FROM kept") == 42
        assert valkey_pid(stores)
        sockets = Path(stores.redis_url.removeprefix("unix://")).parent
        assert len(str(sockets)) < 60
        assert sockets.stat().st_mode & 0o777 == 0o700
    sockets.rmdir()  # empty once both have stopped


def test_a_foreign_folder_for_the_sockets_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / ("y" * 90)
    folder.mkdir()
    place = place_module.settle(folder)
    short, _ = place_module.socket_folder(place)
    short.chmod(0o777)
    with pytest.raises(StoreRefused, match="not a private folder"):
        place_module.socket_folder(place)
    short.rmdir()
    place.close()


def test_the_embedded_server_listens_on_loopback_only_when_asked(data_dir: Path) -> None:
    port = unlent_port()
    with open_stores("embedded", "embedded", data_dir, database_port=port) as stores:
        ask_postgres(stores.database_url, "CREATE ROLE reader LOGIN PASSWORD 'look'")
        outside = f"postgresql://reader:look@127.0.0.1:{port}/portbook"
        assert ask_postgres(outside, "SELECT current_user") == "reader"
        with pytest.raises(StoreRefused, match="refused the login"):
            ask_postgres(f"postgresql://postgres:guess@127.0.0.1:{port}/portbook", "SELECT 1")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to step down")
def test_under_root_both_servers_run_as_another_account_and_own_only_their_folder(data_dir: Path) -> None:
    with open_stores("embedded", "embedded", data_dir) as stores:
        for pid in server_pids(data_dir, stores):
            assert psutil.Process(pid).uids().effective != 0
            assert 0 not in psutil.Process(pid).gids()
            groups = Path(f"/proc/{pid}/status").read_text().split("Groups:")[1].split("\n")[0].split()
            assert groups == []
    assert data_dir.stat().st_uid == 0
    assert (data_dir / "stores").stat().st_uid != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to step down")
def test_under_root_programs_below_a_private_home_are_copied(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from portbook.stores import postgres as postgres_module

    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    installed = postgres_module.programs()
    hidden = private / installed.parent.name / installed.name
    shutil.copytree(installed, hidden)
    libraries = f"{installed.parent.name}.libs"
    shutil.copytree(installed.parent.parent / libraries, private / libraries)
    monkeypatch.setattr(postgres_module, "programs", lambda: hidden)
    monkeypatch.setattr(place_module, "PROGRAM_CACHE", Path(tempfile.mkdtemp(prefix="portbook-cache-")))
    fresh = Path(tempfile.mkdtemp(prefix="portbook-fresh-"))
    try:
        # Once with a cluster to make, which other programs do than the server itself.
        for folder in (data_dir, fresh):
            with open_stores("embedded", "embedded", folder) as stores:
                assert ask_postgres(stores.database_url, "SELECT 42") == 42
                program = psutil.Process(postgres_pid(folder)).exe()
                assert program.startswith(str(place_module.PROGRAM_CACHE))
        assert private.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree(place_module.PROGRAM_CACHE)
        shutil.rmtree(fresh)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_an_ordinary_user_runs_them_as_himself_and_is_refused_roots(data_dir: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    account = place_module.Account("nobody", nobody.pw_uid, nobody.pw_gid)
    if not place_module.may_reach(Path(sys.prefix) / "x", account):
        pytest.skip(f"nobody may not read {sys.prefix}, where the programs are")
    home = Path(tempfile.mkdtemp(prefix="portbook-user-"))
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    try:

        def run(folder: Path) -> str:
            reading, writing = os.pipe()
            # A fork and not a fresh interpreter: that one may live where only root can read it.
            if (child := os.fork()) == 0:
                try:
                    os.setgroups([])
                    os.setgid(nobody.pw_gid)
                    os.setuid(nobody.pw_uid)
                    with open_stores("embedded", "embedded", folder) as stores:
                        said = str(ask_postgres(stores.database_url, "SELECT 1"))
                except BaseException as problem:
                    said = f"{type(problem).__name__}: {problem}"
                os.write(writing, said.encode())
                os._exit(0)
            os.close(writing)
            os.waitpid(child, 0)
            with os.fdopen(reading) as answer:
                return answer.read()

        assert run(home / "data") == "1"
        assert (home / "data/stores/postgres").stat().st_uid == nobody.pw_uid
        shutil.copytree(data_dir, home / "roots", symlinks=True)
        os.chown(home / "roots/stores", 0, 0)
        said = run(home / "roots")
        assert said.startswith("StoreRefused: ")
        assert "Permission denied" in said
        assert "Check that it belongs to you" in said
        for name in ("stores.lock", "stores.start.lock"):
            os.chown(home / "roots" / name, nobody.pw_uid, nobody.pw_gid)
        assert "belong to another account (root)" in run(home / "roots")
    finally:
        shutil.rmtree(home)


def test_a_database_by_url_is_used_as_it_is(database: str, redis_url: str, tmp_path: Path) -> None:
    with open_stores(database, redis_url, tmp_path) as stores:
        assert stores == Stores(database, redis_url)
    assert ask_postgres(database, "SELECT 1") == 1
    assert list(tmp_path.iterdir()) == []


def test_only_the_embedded_one_of_two_is_started(database: str, tmp_path: Path) -> None:
    with open_stores(database, "embedded", tmp_path) as stores:
        assert stores.database_url == database
        assert valkey_pid(stores)
    assert not (tmp_path / "stores/postgres").exists()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://me:hunter2@127.0.0.1:1/register", "cannot be reached"),
        ("postgresql://me:hunter2@no-such-host.invalid/register", "cannot be reached"),
        ("mysql://me:hunter2@127.0.0.1/register", "not a PostgreSQL URL"),
        ("postgresql://me:hunter2@127.0.0.1:port/register", "cannot be used"),
    ],
)
def test_a_database_that_is_not_there_is_named_without_its_password(
    url: str, message: str, redis_url: str, tmp_path: Path
) -> None:
    with pytest.raises(StoreUnavailable, match=message) as refused, open_stores(url, redis_url, tmp_path):
        pass
    assert "hunter2" not in str(refused.value)
    assert refused.value.hint


def test_a_missing_database_is_told_apart_from_a_missing_server(
    database: str, redis_url: str, tmp_path: Path
) -> None:
    missing = database.replace("/test_", "/absent_")
    with pytest.raises(StoreRefused, match="does not exist"), open_stores(missing, redis_url, tmp_path):
        pass


@pytest.mark.parametrize(
    "url", ["redis://:hunter2@127.0.0.1:1/0", "unix:///nowhere/redis.sock", "http://x", "redis://h:p/"]
)
def test_a_redis_that_is_not_there_is_named_without_its_password(
    url: str, database: str, tmp_path: Path
) -> None:
    with pytest.raises(StoreUnavailable, match="Redis") as refused, open_stores(database, url, tmp_path):
        pass
    assert "hunter2" not in str(refused.value)


def test_a_redis_with_a_password_asks_for_it(valkey: str, database: str, tmp_path: Path) -> None:
    with redis.Redis.from_url(valkey) as client:
        client.config_set("requirepass", "hunter2")
        try:
            with pytest.raises(StoreRefused, match="password"), open_stores(database, valkey, tmp_path):
                pass
            with (
                pytest.raises(StoreRefused, match="refused the login"),
                open_stores(database, valkey.replace("unix://", "unix://:wrong@"), tmp_path),
            ):
                pass
        finally:
            client.execute_command("AUTH", "hunter2")
            client.config_set("requirepass", "")
