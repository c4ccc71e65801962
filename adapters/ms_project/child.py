"""The process that parses a plan file, under the limits of the one that parses workbooks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adapters.ms_project import mspdi
from adapters.ms_project.plan import records
from adapters.ms_project.survey import Beside, plan_guid, survey
from adapters.spreadsheet.child import serve
from adapters.spreadsheet.grid import Refused

PER_FRAME = 200


def main() -> None:
    """Answer one request about a plan file."""
    serve(_answer, unreadable=_unreadable, out_of_memory=_out_of_memory)


def _answer(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    path, name = Path(request["path"]), request["name"]
    if request["op"] == "head":
        head = mspdi.head(path, name)
        fields = {item.name: item.kind for item in mspdi.definitions(head).values()}
        head.pop("ExtendedAttributes", None)
        head.pop("OutlineCodes", None)
        yield {"kind": "head", "guid": plan_guid(head), "head": head, "fields": fields}
        return
    found = survey(path, name, request["plan"], request["limits"]["records"], Beside(*request["beside"]))
    inserted = [[other.plan, other.file, other.state] for other in found.inserted]
    yield {"kind": "survey", "records": found.records, "inserted": inserted}
    batch: list[Any] = []
    for made in records(path, name, request["plan"], found):
        batch.append(made)
        # A baseline has a value for every task of the plan.
        if len(batch) >= PER_FRAME or made.stream == "mspdi_baseline":
            yield {"kind": "records", "records": batch}
            batch = []
    yield {"kind": "records", "records": batch}


def _unreadable(name: str, error: Exception) -> Refused:
    return Refused(
        f"{name} cannot be read as a plan",
        detail=f"{type(error).__name__}: {error}"[:500],
        hint="Open it in Project and save it again as XML.",
    )


def _out_of_memory(name: str, limits: dict[str, int]) -> Refused:
    return Refused(
        f"{name} needs more than the {limits['memory_mb']} MiB of memory that reading a file may use",
        hint="If the file is honest, raise `limits.memory_mb` of this source.",
    )
