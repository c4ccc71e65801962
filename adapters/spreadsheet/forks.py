"""Processes that parse files are forks of one that has loaded what parsing takes: loading it takes longer than most
files do, and a folder holds hundreds.

That one opens no file itself. Both ends of what is said between it and us stand here: five bytes ask, four answer.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_FORK, _END = b"f", b"e"
_ASKED, _ANSWERED = struct.Struct(">ci"), struct.Struct(">i")
_GRACE_S = 2.0
"""For a process that has said its last word. A kill ends one sooner."""


class Forks:
    """Starts reading processes and learns how they ended. For use in threads: each call waits for its answer."""

    def __init__(self, child: str) -> None:
        """`child` is the module whose `main` answers one request on standard input and output."""
        self._child = child
        self._lock = threading.Lock()
        self._origin: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None

    def start(self, end: socket.socket) -> int:
        """Start a process that is spoken with over the other end of this socket; its number. Raises OSError."""
        with self._lock:
            if self._origin is None or self._origin.poll() is not None:
                self._stop()
                self._load()
            return self._ask(_FORK, 0, end)

    def ended(self, pid: int) -> int:
        """How a process ended, as `subprocess` counts: a signal is a negative number. One that goes on is killed."""
        with self._lock:
            try:
                return self._ask(_END, pid)
            except OSError:
                return -signal.SIGKILL  # what it came from is gone, and its processes with it

    def close(self) -> None:
        with self._lock:
            self._stop()

    def _load(self) -> None:
        self._line, other = socket.socketpair()
        with other:
            self._origin = subprocess.Popen(  # noqa: S603 - the command is ours
                [sys.executable, "-c", f"from adapters.spreadsheet.forks import main; main({self._child!r})"],
                stdin=other.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment(),
            )

    def _ask(self, what: bytes, pid: int, *ends: socket.socket) -> int:
        if self._line is None:
            raise OSError("no process to fork from")
        socket.send_fds(self._line, [_ASKED.pack(what, pid)], [end.fileno() for end in ends])
        answer = self._line.recv(_ANSWERED.size, socket.MSG_WAITALL)
        if len(answer) < _ANSWERED.size:
            raise OSError("the process to fork from has ended")
        return int(_ANSWERED.unpack(answer)[0])

    def _stop(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._origin is not None:
            self._origin.kill()
            self._origin.wait()
            self._origin = None


def environment() -> dict[str, str]:
    """Next to nothing: no secret of ours is in the memory that parses a stranger's file."""
    kept = {
        name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ
    }
    path = os.pathsep.join([str(_ROOT), *([os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else [])])
    return {**kept, "PYTHONPATH": path, "PYTHONUTF8": "1"}


def main(child: str) -> None:
    """Fork, and tell how forks ended, until whoever asks hangs up."""
    # Ctrl-C at a terminal reaches every process. Ours decides what ends; a file under way may be read to its end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answer_one = importlib.import_module(child).main
    line = socket.socket(fileno=0)
    while True:
        asked, ends, _, _ = socket.recv_fds(line, _ASKED.size, 1)
        if len(asked) < _ASKED.size:
            return
        what, pid = _ASKED.unpack(asked)
        if what == _FORK:
            pid = os.fork()
            if pid == 0:
                _become(line, ends[0])
                with contextlib.suppress(BaseException):
                    answer_one()
                    os._exit(0)
                os._exit(1)
            os.close(ends[0])
            line.sendall(_ANSWERED.pack(pid))
        else:
            line.sendall(_ANSWERED.pack(_how_it_ended(pid)))


def _become(line: socket.socket, end: int) -> None:
    """In the fork: speak with whoever asked for the file, and with nobody else."""
    os.dup2(end, 1)
    os.dup2(end, line.detach())  # standard input
    os.close(end)


def _how_it_ended(pid: int) -> int:
    until = time.monotonic() + _GRACE_S
    while True:
        try:
            done, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:  # of one before us, which is gone
            return -signal.SIGKILL
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.001)
