"""Where the embedded servers live and which account they run as.

PostgreSQL refuses to run as root, so under root both servers run as another account, which owns `stores/`
below the data directory and nothing else. No permission outside `stores/` is ever widened: when that account
cannot walk there (a checkout below a 0700 home of root), it is handed the opened directory instead of a path.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from portbook.stores.errors import StoreRefused, StoreUnavailable

# Tried in this order under root; the first is for an administrator who wants a dedicated account.
SERVER_ACCOUNTS = ("portbook", "postgres", "nobody")

PROGRAM_CACHE = Path("/var/cache/portbook")
# sun_path holds 108 bytes on Linux and 104 on macOS, with the closing NUL.
_SOCKET_PATH_BYTES = 107 if sys.platform == "linux" else 103
_LARGEST_LOG = 16 * 1024 * 1024
_LONGEST_SOCKET_NAME = ".s.PGSQL.65535"
# Characters that asyncpg, SQLAlchemy, redis-py and arq all read alike in a URL.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


class Account(NamedTuple):
    name: str
    uid: int
    gid: int


class Place:
    """The `stores/` directory, as seen by us (`path`) and by the servers (`inside`)."""

    def __init__(self, path: Path, account: Account | None, handle: int | None) -> None:
        self.path = path
        self.account = account
        self._handle = handle

    def inside(self, *parts: str) -> str:
        """A path below `stores/` that the server's account can open."""
        base = str(self.path) if self._handle is None else f"/proc/self/fd/{self._handle}"
        return "/".join((base, *parts))

    def readable(self, text: str) -> str:
        """A server's words with the paths as people know them."""
        return text.replace(self.inside(), str(self.path))

    def make(self, *parts: str) -> Path:
        """A directory below `stores/`, private to the server's account."""
        directory = self.path.joinpath(*parts)
        with _readable(directory):
            directory.mkdir(mode=0o700, exist_ok=True)
            self.hand_over(directory)
        return directory

    def log(self, name: str) -> str:
        """Where a server that is about to start writes its log, as the server names it. A log that has grown
        large makes room; one earlier log is kept."""
        log = self.make("log") / name
        with _readable(log):
            if log.exists() and log.stat().st_size > _LARGEST_LOG:
                log.replace(log.with_suffix(".old.log"))
        return self.inside("log", name)

    def hand_over(self, path: Path) -> None:
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid)

    def run(self, args: Sequence[str], *, timeout_s: float) -> subprocess.CompletedProcess[str]:
        """Run a program as the server's account and wait for it. A server it leaves behind lives on."""
        # LC_ALL: messages we look into must be English. No PG* variable of the caller may leak in.
        env = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
        # Not a pipe: a daemon that keeps it open would keep us waiting.
        with tempfile.TemporaryFile() as output:
            try:
                done = subprocess.run(  # noqa: S603 - programs from our wheels, never through a shell
                    args,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=timeout_s,
                    env=env,
                    cwd="/",
                    check=False,
                    start_new_session=True,
                    pass_fds=() if self._handle is None else (self._handle,),
                    user=self.account.uid if self.account else None,
                    group=self.account.gid if self.account else None,
                    extra_groups=[] if self.account else None,
                )
            except subprocess.TimeoutExpired as error:
                raise StoreUnavailable(
                    f"{Path(args[0]).name} did not finish within {timeout_s:.0f} s", detail=str(self.path)
                ) from error
            except PermissionError as error:
                as_whom = f" as {self.account.name!r}" if self.account else ""
                raise StoreRefused(
                    f"{Path(args[0]).name} cannot be run{as_whom}: {error.strerror}",
                    detail=args[0],
                    hint="Run Portbook as an ordinary user, or use external stores by URL.",
                ) from error
            output.seek(0)
            text = output.read().decode(errors="replace")
        return subprocess.CompletedProcess(args, done.returncode, self.readable(text), "")

    def close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def settle(data_dir: Path) -> Place:
    """Make `stores/` ready for the account the servers run as. Under root that is the owner of an existing
    `stores/`, else the first of SERVER_ACCOUNTS that this machine has."""
    path = data_dir / "stores"
    with _readable(path):
        path.mkdir(mode=0o700, exist_ok=True)
        owner = path.stat().st_uid
    if os.geteuid() != 0:
        if owner != os.geteuid():
            raise StoreRefused(
                f"The embedded stores belong to another account ({_account_name(owner)})",
                detail=str(path),
                hint="Run Portbook as that account (or as root, if root made them), "
                "or choose another register.data_dir.",
            )
        return Place(path, None, None)
    account = _account(owner)
    with _readable(path):
        os.chown(path, account.uid, account.gid)
    if may_reach(path, account):
        return Place(path, account, None)
    if not Path("/proc/self/fd").exists():
        raise StoreRefused(
            f"The account {account.name!r}, which the embedded stores run as under root, cannot reach them",
            detail=str(path),
            hint="Choose a register.data_dir outside root's home, or run Portbook as an ordinary user.",
        )
    return Place(path, account, os.open(path, os.O_RDONLY | os.O_DIRECTORY))


def may_reach(path: Path, account: Account) -> bool:
    """Whether the account may walk to `path`. Says no too often (it ignores ACLs), never yes wrongly."""
    for folder in path.resolve().parents:
        state = folder.stat()
        if state.st_uid == account.uid:
            allowed = state.st_mode & 0o100
        elif state.st_gid == account.gid:
            allowed = state.st_mode & 0o010
        else:
            allowed = state.st_mode & 0o001
        if not allowed:
            return False
    return True


def socket_folder(place: Place) -> tuple[Path, str]:
    """The folder for the sockets as clients and as servers name it: `stores/run`, or a short one under /tmp
    where the path would be too long for a socket or awkward in a URL."""
    run = place.make("run")
    if len(os.fsencode(run / _LONGEST_SOCKET_NAME)) <= _SOCKET_PATH_BYTES and _PLAIN_PATH.fullmatch(str(run)):
        return run, place.inside("run")
    # Not tempfile.gettempdir(): two commands with different TMPDIR must meet in the same folder.
    digest = hashlib.sha256(os.fsencode(place.path)).hexdigest()[:16]
    short = Path("/tmp") / f"portbook-{digest}"  # noqa: S108 - owner and mode are checked below
    owner = place.account.uid if place.account else os.geteuid()
    with _readable(short):
        try:
            short.mkdir(mode=0o700)
            place.hand_over(short)
        except FileExistsError:
            state = short.lstat()
            if state.st_uid != owner or state.st_mode & 0o170077 != 0o040000:
                raise StoreRefused(
                    "The folder for the sockets exists, but is not a private folder of the servers' account",
                    detail=str(short),
                    hint="Remove it, or choose a register.data_dir with a shorter path.",
                ) from None
    return short, str(short)


def programs_for(place: Place, folder: Path) -> Path:
    """`folder` itself, or a copy of it where the servers' account cannot reach it (a virtual environment
    below root's home). The copy is owned by root and kept for the next start. With it goes the `….libs` folder
    beside its package, in which wheels keep shared libraries and where programs look for them, relative to
    themselves (auditwheel's layout)."""
    if place.account is None or may_reach(folder / "x", place.account):
        return folder
    package = folder.parent
    stamp = f"{folder}:{folder.stat().st_mtime_ns}"
    copy = PROGRAM_CACHE / f"{folder.name}-{hashlib.sha256(stamp.encode()).hexdigest()[:12]}"
    with _readable(copy):
        PROGRAM_CACHE.mkdir(mode=0o755, parents=True, exist_ok=True)
        PROGRAM_CACHE.chmod(0o755)
        if not copy.exists():
            fresh = Path(tempfile.mkdtemp(dir=PROGRAM_CACHE))
            try:
                shutil.copytree(folder, fresh / "copy" / package.name / folder.name, symlinks=True)
                libraries = package.with_name(f"{package.name}.libs")
                if libraries.is_dir():
                    shutil.copytree(libraries, fresh / "copy" / libraries.name, symlinks=True)
                for made in (fresh / "copy", *(fresh / "copy").rglob("*")):
                    if made.is_dir():
                        made.chmod(0o755)
                (fresh / "copy").rename(copy)
            except OSError:
                # ENOTEMPTY: another data directory's start-up made it first.
                if not copy.exists():
                    raise
            finally:
                shutil.rmtree(fresh)
    return copy / package.name / folder.name


def _account(owner_uid: int) -> Account:
    if owner_uid != 0:
        try:
            known = pwd.getpwuid(owner_uid)
            return Account(known.pw_name, known.pw_uid, known.pw_gid)
        except KeyError:
            return Account(f"uid {owner_uid}", owner_uid, owner_uid)
    for name in SERVER_ACCOUNTS:
        try:
            known = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(known.pw_name, known.pw_uid, known.pw_gid)
    raise StoreRefused(
        "PostgreSQL refuses to run as root, and no account was found to run it as",
        detail=f"looked for {', '.join(SERVER_ACCOUNTS)}",
        hint="Create one (`useradd --system portbook`), or run Portbook as an ordinary user.",
    )


def _account_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn the file system's refusals into a Problem about `path`."""
    try:
        yield
    except OSError as error:
        raise StoreRefused(
            f"The embedded stores cannot use their directory: {error.strerror}",
            detail=str(error.filename or path),
            hint="Check owner, permissions and free space, or choose another register.data_dir.",
        ) from error
