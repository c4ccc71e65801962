"""One world of each kind of source: seeded edits and deletions, and what a register that read it must then hold.

A `Told` turns what a fake counts in its tool's words into the words of `register_totals`; whatever it does not name must
be absent from the register.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.totals import Told
from tests.totals.plans import dataverse, files, project_data
from tests.totals.sheets import spreadsheet
from tests.totals.trackers import azure_devops, jira


@contextmanager
def opened(kind: str, items: int, folder: Path) -> Iterator[Told]:
    """A world of this kind: `jira-cloud`, `jira-dc`, `azure_devops-services`, … (see `WORLDS`)."""
    yield from WORLDS[kind](items, folder)


WORLDS: dict[str, Callable[[int, Path], Iterator[Told]]] = {
    "jira-cloud": jira("cloud"),
    "jira-dc": jira("dc"),
    "azure_devops-services": azure_devops(server=False),
    "azure_devops-server": azure_devops(server=True),
    "ms_project-project_data": project_data,
    "ms_project-dataverse": dataverse,
    "ms_project-files": files,
    "spreadsheet-file": spreadsheet,
}
