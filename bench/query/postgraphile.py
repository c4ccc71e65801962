"""PostGraphile on the same tables, where somebody installed it outside of the project."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil

from bench.query.sides import Served

_SCRIPT = Path(__file__).with_name("postgraphile.mjs")
NEEDED = (
    "postgraphile",
    "@graphile/pg-aggregates",
    "postgraphile-plugin-connection-filter",
)


@contextmanager
def postgraphile(url: str, folder: Path | None) -> Iterator[Served | None]:
    """A server until the block ends; None, with a line that says so, where there is none."""
    node = _node(folder)
    missing = [name for name in NEEDED if folder is None or not (folder / "node_modules" / name).is_dir()]
    if folder is None or node is None or missing:
        print(
            f"without PostGraphile: {'no node' if node is None else f'no {missing[0]}'}; see docs/performance.md"
        )
        yield None
        return
    process = subprocess.Popen(
        [node, str(_SCRIPT), str(folder.resolve())],
        env={**os.environ, **_place(url), "NODE_ENV": "production", "GRAPHILE_ENV": "production"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        if not port:
            raise SystemExit("PostGraphile did not start; it needs Node 22")
        yield Served(int(port), psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


def _node(folder: Path | None) -> str | None:
    beside = None if folder is None else folder / "node_modules" / "node" / "bin" / "node"
    return str(beside) if beside is not None and beside.exists() else shutil.which("node")


def _place(url: str) -> dict[str, str]:
    """Where the database is, as libpq's variables."""
    parts = urlsplit(url)
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
    found = {
        "PGHOST": asked.get("host", parts.hostname or ""),
        "PGPORT": asked.get("port", str(parts.port or 5432)),
        "PGUSER": parts.username or "",
        "PGPASSWORD": parts.password or "",
        "PGDATABASE": parts.path.lstrip("/"),
    }
    return {name: value for name, value in found.items() if value}
