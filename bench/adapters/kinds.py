"""The kinds of source that are measured: the fake of each, and what a person would configure to read it.

Pacing is set to the most the options allow: it spares a team's tool, and the bare loop has none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.sync.fake import EMAIL, TOKEN, Fake, fake_jira, running
from tests.fakes.dataverse import FakeDataverse
from tests.fakes.entra import FakeEntra
from tests.fakes.mspdi import large
from tests.fakes.workbooks import RISK_HEADER, risk_rows, write_xlsx

PAT = "fake-pat"
PASSWORD = "fake-password"
# Both are derived from fixed names: any fake directory, also one in another process, has the same.
_directory = FakeEntra()
TENANT = _directory.tenant
CLIENT = FakeDataverse(_directory).app_id
PLANS = 4
SHEETS = 4


class Kind(NamedTuple):
    serve: Callable[[int, Path], AbstractContextManager[Fake]]
    """A tool with so many items, as a process; for files, a folder in place of an address."""
    source: str
    """The source's lines in `portbook.yaml`."""
    secret: str = ""
    """What the configuration names as BENCH_SECRET."""


def source_of(kind: str, fake: Fake) -> str:
    return KINDS[kind].source.format(
        url=fake.url, directory=fake.directory, email=EMAIL, tenant=TENANT, client=CLIENT
    )


def _tool(module: str) -> Callable[[int, Path], AbstractContextManager[Fake]]:
    return lambda items, folder: running(module, "--items", str(items))


@contextmanager
def _plans(items: int, folder: Path) -> Iterator[Fake]:
    for n in range(PLANS):
        plan = large(items // PLANS)
        plan.guid, plan.title = f"5D7C1F0E-6B1D-4E11-8F6D-00155D0A1B{n:02}", f"Plan {n}"
        plan.save(folder / f"{n}.xml")
    yield Fake(str(folder), os.getpid())


@contextmanager
def _workbooks(items: int, folder: Path) -> Iterator[Fake]:
    for n in range(SHEETS):
        rows = risk_rows(items // SHEETS)
        for row in rows:
            row[0] = f"{n}-{row[0]}"
        write_xlsx(folder / f"RAID {n}.xlsx", {"Risks": [RISK_HEADER, *rows]})
    yield Fake(str(folder), os.getpid())


KINDS = {
    "jira": Kind(
        lambda items, folder: fake_jira(items),
        "kind: jira, url: {url}, auth: {{kind: api_token, email: {email}, token: {{env: BENCH_SECRET}}}}, "
        "per_second: 500",
        TOKEN,
    ),
    "azure_devops": Kind(
        _tool("tests.fakes.azure_devops"),
        "kind: azure_devops, url: {url}, auth: {{kind: pat, token: {{env: BENCH_SECRET}}}}, per_second: 500",
        PAT,
    ),
    "project_data": Kind(
        _tool("tests.fakes.project_server"),
        "kind: ms_project, api: project_data, url: {url}, "
        "auth: {{kind: basic, user: 'EXAMPLE\\portbook', password: {{env: BENCH_SECRET}}}}, per_second: 500",
        PASSWORD,
    ),
    "dataverse": Kind(
        _tool("tests.fakes.dataverse"),
        "kind: ms_project, api: dataverse, url: {url}, auth: {{kind: entra_secret, tenant: {tenant}, "
        "client_id: {client}, client_secret: {{env: BENCH_SECRET}}, authority: {directory}}}, "
        "per_second: 500",
        "dataverse-secret",
    ),
    "plan_files": Kind(_plans, "kind: ms_project, api: files, files: '{url}/*.xml', settle_s: 0"),
    "workbooks": Kind(
        _workbooks,
        "kind: spreadsheet, files: ['{url}/*.xlsx'], settle_s: 0, "
        "sheets: [{{sheet: Risks, into: risk, key: Risk ID}}]",
    ),
}
