"""Reading plan files in a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adapters.base import RawRecord
from adapters.ms_project import MsProjectAdapter, MsProjectOptions
from adapters.ms_project import plan as plans
from adapters.ms_project.survey import survey


def adapter(folder: Path, files: str = "*", **options: Any) -> MsProjectAdapter:
    given = {"api": "files", "files": files, "base_dir": folder, "settle_s": 0, **options}
    return MsProjectAdapter(MsProjectOptions.model_validate(given))


async def read(folder: Path, **options: Any) -> dict[str, dict[str, RawRecord]]:
    """Stream → id → record, of everything in the folder."""
    found: dict[str, dict[str, RawRecord]] = {}
    async with adapter(folder, **options) as opened:
        for partition in await opened.partitions():
            async for page in opened.read(partition, None, full=True):
                for record in page.records:
                    found.setdefault(record.stream, {})[record.id] = record
    return found


def by_name(records: dict[str, RawRecord]) -> dict[str, dict[str, Any]]:
    return {record.data["Name"]: record.data["portbook"] for record in records.values()}


def parsed(folder: Path, text: str | bytes) -> dict[str, dict[str, Any]]:
    """Tasks by name, read in this process: for tables of cases that need no limits."""
    path = folder / "plan.xml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    found = survey(path, "plan.xml", "P", 10**6)
    made = [item for item in plans.records(path, "plan.xml", "P", found) if item.stream == "mspdi_task"]
    return {item.data["Name"]: item.data["portbook"] for item in made if not item.problem}
