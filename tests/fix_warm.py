"""`portbook` as a process of its own, without a second or two of imports each time.

A process that has everything imported forks a child for each command. The child has arguments, folder, environment and
output of its own and ends as `python -m portbook` does; what it shares with its siblings are modules and the built-in
mappings, and nothing of ours is configured at import. `tests/end_to_end/test_cli.py` holds the two ways of starting against each other.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


class Warm:
    """The process that forks. Serves one caller."""

    def __init__(self) -> None:
        # No terminal, and nothing to warn of that `python -m portbook` would not.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fix_warm"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def start(
        self,
        arguments: list[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        out: str = os.devnull,
        err: str = os.devnull,
    ) -> Command:
        """`portbook ARGUMENTS`, its output going to these files."""
        order = {"arguments": arguments, "cwd": str(cwd), "env": dict(env), "out": out, "err": err}
        return Command(self, int(self.ask(order)), arguments)

    def run(
        self, arguments: list[str], *, cwd: Path, env: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """The same to its end, with what it wrote."""
        with tempfile.TemporaryDirectory(prefix="portbook-said-") as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            command = self.start(arguments, cwd=cwd, env=env, out=str(out), err=str(err))
            try:
                code = command.wait(timeout)
            finally:
                command.kill()
            return subprocess.CompletedProcess(
                arguments, code, out.read_text("utf-8"), err.read_text("utf-8")
            )

    def ask(self, order: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


class Command:
    """A command under way; as much of `subprocess.Popen` as the tests use."""

    def __init__(self, warm: Warm, pid: int, arguments: list[str]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._warm = warm
        self._arguments = arguments

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._warm.ask(self.pid)
        return self.returncode

    def wait(self, timeout: float) -> int:
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired(self._arguments, timeout)
            time.sleep(0.005)
        return code

    def kill(self) -> None:
        """Kill it where it is not over, and wait for it."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait(30)


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """Started when the first test asks."""
    process = Warm()
    yield process
    process.close()


def serve() -> None:
    """Take orders, a line each: a command to start (answered by its process id) or a process id to ask after
    (answered by its exit code, or null). Comes back in every child, which has then become the command."""
    for line in sys.stdin:
        order = json.loads(line)
        if isinstance(order, int):
            pid, status = os.waitpid(order, os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if not answer:
                _become(**order)
                return
        print(json.dumps(answer), flush=True)
    os._exit(0)  # the tests are over: nothing of ours needs to be tidied


def _become(arguments: list[str], cwd: str, env: dict[str, str], out: str, err: str) -> None:
    for number, path, mode in ((0, os.devnull, os.O_RDONLY), (1, out, os.O_WRONLY), (2, err, os.O_WRONLY)):
        opened = os.open(path, mode | os.O_CREAT | os.O_TRUNC if mode else mode)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    # What the commands call themselves is read from these.
    sys.argv = [str(ROOT / "portbook" / "__main__.py"), *arguments]
    sys.modules["__main__"].__package__ = "portbook"


LATE = (
    "adapters.azure_devops.adapter",
    "adapters.jira.adapter",
    "adapters.ms_project.adapter",
    "adapters.spreadsheet.adapter",
    "gateway.schema",
    "portbook.serving",
    "redis",
    "register.query.selection_set",
    "xlsxwriter",
)
"""What commands import where they need it, beside the modules of the commands."""


if __name__ == "__main__":
    from mapping.load import load_mapping
    from portbook.cli import COMMANDS, main
    from portbook.rules import built_in_rules
    from portbook.wiring import KINDS, entities

    for module in (*LATE, *(place.partition(":")[0] for place, _ in COMMANDS.values())):
        import_module(module)
    built_in_rules()
    for kind in KINDS:
        load_mapping(kind, entities())
    gc.freeze()  # so that no child copies pages by looking at what its siblings have too
    serve()
    main()
