"""Binary plans (.mpp) → Project XML, by mpxj in a Java process of its own.

mpxj is the extra `mpp` and needs a Java runtime. Neither is needed for anything else, so both are looked for only when
a binary plan is met.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from adapters.errors import FileRefused
from adapters.spreadsheet.forks import environment

_CONVERTER = "org.mpxj.sample.MpxjConvert"
"""mpxj's own command: reads whatever it knows and writes the format that the target's suffix names."""
_SAVE_AS = "In Project: File, Save As, type XML, and list the .xml file instead."
_LONGEST = 20_000


async def as_xml(path: Path, name: str, limits: Mapping[str, int]) -> Path:
    """A Project XML file beside `path` with the same plan. Raises FileRefused, saying what is missing or wrong."""
    jars, java = _jars(), _java()
    if jars is None:
        raise FileRefused(
            f"{name} is a binary plan (.mpp), and the extra that reads these is not installed",
            hint=f"Install the extra `mpp` (the package mpxj, with a Java runtime beside it), or: {_SAVE_AS}",
        )
    if java is None:
        raise FileRefused(
            f"{name} is a binary plan (.mpp), and there is no Java runtime to read it with",
            hint=f"Install a Java runtime (11 or newer), or set JAVA_HOME to one; or: {_SAVE_AS}",
        )
    source, target = path.with_name(f"{path.name}.mpp"), path.with_name(f"{path.name}.xml")
    await asyncio.to_thread(path.rename, source)
    memory = limits["memory_mb"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from adapters.ms_project.mpp import main; main()",
        str(limits["cpu_s"]),
        *(java, f"-Xmx{memory}m", "-XX:+UseSerialGC", "-Djava.awt.headless=true", "-cp", jars),
        *(_CONVERTER, str(source), str(target)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment(),
    )
    try:
        async with asyncio.timeout(limits["wall_s"]):
            said, _ = await process.communicate()
    except TimeoutError:
        raise FileRefused(
            f"{name} was not read within {limits['wall_s']} seconds",
            hint=f"Raise `limits.wall_s` of this source, or: {_SAVE_AS}",
        ) from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if process.returncode == 0 and await asyncio.to_thread(target.is_file):
        return target
    raise _refusal(name, said[:_LONGEST].decode("utf-8", "replace"), process.returncode, memory)


def _refusal(name: str, said: str, code: int | None, memory_mb: int) -> FileRefused:
    # Java names the exception, then the places it came through.
    causes = re.findall(
        r"^(?:Exception in thread \S+ |Caused by: )?([\w.]+(?:Exception|Error)(?:: .*)?)$", said, re.M
    )
    detail = (causes[-1] if causes else " ".join(said.split()) or f"Java ended with code {code}")[:300]
    if "password" in said.casefold():
        return FileRefused(f"{name} is protected by a password", hint=f"Save a copy without it. {_SAVE_AS}")
    if "OutOfMemoryError" in said:
        return FileRefused(
            f"{name} needs more than the {memory_mb} MiB of memory that reading a file may use",
            hint=f"If the file is honest, raise `limits.memory_mb` of this source, or: {_SAVE_AS}",
        )
    return FileRefused(
        f"{name} cannot be read as a Microsoft Project file",
        detail=detail,
        hint=f"It may be damaged. {_SAVE_AS}",
    )


def _jars() -> str | None:
    """The class path of mpxj, or None where the extra is not installed."""
    found = importlib.util.find_spec("mpxj")
    for folder in (found.submodule_search_locations or ()) if found else ():
        if any((Path(folder) / "lib").glob("mpxj*.jar")):
            return str(Path(folder) / "lib" / "*")
    return None


def _java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin")) if home else None
    return found or shutil.which("java")


def main() -> None:
    """Become the Java process, with a limit on processor time. Its memory is limited by -Xmx: Java reserves far more
    addresses than it uses."""
    cpu_s, *command = sys.argv[1:]
    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows has no such limits
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_s), int(cpu_s)))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.execv(command[0], command)  # noqa: S606 - the command is ours, without a shell


if __name__ == "__main__":
    main()
