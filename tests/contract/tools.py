"""Every tool that Portbook ships an adapter for, as the contract suite drives it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Self

import xlsxwriter

from adapters.base import Adapter
from adapters.ms_project import MsProjectAdapter, MsProjectOptions
from adapters.spreadsheet import SpreadsheetAdapter, SpreadsheetOptions
from adapters.spreadsheet import drive as drive_module
from tests.contract.suite import Tool
from tests.fakes.azure_devops import FakeAzureDevOps
from tests.fakes.dataverse import FakeDataverse
from tests.fakes.entra import FakeEntra
from tests.fakes.graph import FakeGraph
from tests.fakes.jira import FakeJira
from tests.fakes.mspdi import Plan, Task
from tests.fakes.project_server import FakeProjectServer
from tests.fakes.server import Call
from tests.fix_project import server_adapter
from tests.fix_sources import AT_ONCE, azure_devops_adapter, jira_adapter

MONTH_MS, MINUTE_MS = 30 * 86_400_000, 60_000


class Served(Tool):
    """A tool that runs on a port: its log and its faults are those of every fake."""

    reads: ClassVar[tuple[str, ...]] = ()
    """Ends of the paths that are read with POST."""

    def __init__(self, fake: Any) -> None:
        self.fake = fake
        self.open = ExitStack()
        self.asked_anew = 0
        self.known = fake.secret
        self.revoked = False

    def __enter__(self) -> Self:
        self.open.enter_context(self.fake)
        return self

    def __exit__(self, *exc: object) -> None:
        self.open.close()

    def vanish(self) -> None:
        self.open.close()

    async def refresh(self) -> str:
        """What a secret store answers: the secret now valid, or still the one that was."""
        self.asked_anew += 1
        return self.known if self.revoked else str(self.fake.secret)

    def fault(self, name: str, every: int) -> None:
        self.fake.heal()
        setattr(self.fake.faults, name, every)

    def heal(self) -> None:
        self.fake.heal()

    def expire(self) -> None:
        self.fake.state.secret = "a-new-secret"

    def revoke(self) -> None:
        self.revoked = True
        self.expire()

    def renewals(self) -> int:
        return self.asked_anew

    def secrets(self) -> list[str]:
        return [self.known, "a-new-secret"]

    def calls(self) -> list[Call]:
        return list(self.fake.log)

    def requests(self) -> int:
        return len(self.calls())

    def written(self) -> list[str]:
        return [
            f"{call.method} {call.path}"
            for call in self.calls()
            if call.method != "GET" and not (call.method == "POST" and call.path.endswith(self.reads))
        ]


class Jira(Served):
    stream = "issue"
    largest_page = 5 + 4
    reads = ("/search", "/search/jql", "/search/approximate-count", "/issue/bulkfetch", "/worklog/list")

    def __init__(self, flavour: str) -> None:
        super().__init__(FakeJira(flavour=flavour))
        self.world = self.fake.world
        for name in ("Mia Krystof", "Ana Díaz"):
            self.world.add_user(name)
        for key in ("PAY", "WEB"):
            self.world.add_project(key, lead=next(iter(self.world.users.values())))
        self.past = self.world.now() - MONTH_MS

    def adapter(self, *, page_size: int = 5) -> Adapter:
        return jira_adapter(
            self.fake, auth=self.auth, page_size=page_size, per_second=500, refresh=self.refresh
        )

    @property
    def auth(self) -> dict[str, Any]:
        return {**self.fake.auth(), "token": self.known}

    def add(self, titles: Sequence[str], *, now: bool = False) -> list[str]:
        made = []
        with self.world.lock:
            for title in titles:
                self.past += MINUTE_MS
                key = "WEB" if len(self.world.issues) % 3 == 2 else "PAY"
                made.append(str(self.world.add_issue(key, title, created=None if now else self.past).id))
        return made

    def edit(self, own: str, title: str) -> None:
        self.world.edit(own, summary=title)

    def delete(self, own: str) -> None:
        self.world.delete(own)

    def title(self, data: Any) -> Any:
        return data["fields"]["summary"]

    def ids(self) -> set[str]:
        return {str(issue.id) for issue in self.world.issues.values() if self.world.visible(issue)}

    def hide(self) -> set[str]:
        before = self.ids()
        self.world.hide_project("WEB")
        return before - self.ids()

    def add_unreadable(self) -> None:
        self.world.add_issue("PAY", "no object", created=self.past, raw=b'["%ID%"]')


class AzureDevOps(Served):
    stream = "work_item"
    largest_page = 5 + 4 + 5
    reads = ("/wiql", "/workitemsbatch")

    def __init__(self, *, server: bool = False, feed: bool = True) -> None:
        super().__init__(FakeAzureDevOps(server=server, newest="7.0" if server else "7.1"))
        self.feed = feed
        self.world = self.fake.world
        self.heal()
        for name in ("Alpha", "Beta"):
            self.world.add_project(name)
        self.past = self.world.now() - MONTH_MS

    def heal(self) -> None:
        self.fake.heal()
        self.fake.faults.no_feed = 0 if self.feed else 404

    def fault(self, name: str, every: int) -> None:
        self.heal()
        setattr(self.fake.faults, name, every)

    def adapter(self, *, page_size: int = 5) -> Adapter:
        auth = {**self.fake.auth(), "token": self.known}
        return azure_devops_adapter(self.fake, auth=auth, page_size=page_size, refresh=self.refresh)

    def add(self, titles: Sequence[str], *, now: bool = False) -> list[str]:
        made = []
        with self.world.lock:
            for title in titles:
                self.past += MINUTE_MS
                self.world.clock = None if now else self.past
                home = "Beta" if len(self.world.items) % 3 == 2 else "Alpha"
                made.append(str(self.world.add_item(home, title).id))
            self.world.clock = None
        return made

    def edit(self, own: str, title: str) -> None:
        self.world.edit(int(own), **{"System.Title": title})

    def delete(self, own: str) -> None:
        self.world.delete(int(own))

    def title(self, data: Any) -> Any:
        return data["fields"]["System.Title"]

    def ids(self) -> set[str]:
        with self.world.lock:
            return {str(item.id) for item in self.world.readable_items()}

    def hide(self) -> set[str]:
        before = self.ids()
        self.world.hide_project("Beta")
        return before - self.ids()

    def add_unreadable(self) -> None:
        self.world.add_item("Alpha", "no object").raw = b'["System.Title"]'


class ProjectData(Served):
    stream = "pwa_task"
    largest_page = 200
    lacks: ClassVar[dict[str, str]] = {
        "access": "the right to the reporting feed is all or nothing",
        "unreadable": "the feed is typed: a task of another shape cannot be published",
        "pages": "a plan is made of several listings, and is read as one",
    }

    def __init__(self) -> None:
        super().__init__(FakeProjectServer(page_size=20))
        self.world = self.fake.world
        self._now = datetime(2026, 1, 5, 8)
        self.world.clock = self._clock
        self.plans = [self.world.add_project(name) for name in ("Harbour", "Bridge")]

    def _clock(self) -> datetime:
        self._now += timedelta(minutes=1)
        return self._now

    def adapter(self, *, page_size: int = 5) -> Adapter:
        auth = {**self.fake.auth(), "password": self.known}
        return server_adapter(self.fake, auth=auth, page_size=page_size, refresh=self.refresh)

    def add(self, titles: Sequence[str], *, now: bool = False) -> list[str]:
        made = []
        with self.fake.wire.lock:
            for number, title in enumerate(titles):
                task = self.world.add_task(self.plans[number % 3 == 2], title)
                made.append(f"{task['ProjectId']}:{task['TaskId']}")
            for plan in self.plans:
                self.world.publish(plan)
        return made

    def _task(self, own: str) -> Any:
        home, _, task = own.partition(":")
        return self.world.sets["Tasks"][(home, task)]

    def edit(self, own: str, title: str) -> None:
        with self.fake.wire.lock:
            self.world.edit(self._task(own), TaskName=title)

    def delete(self, own: str) -> None:
        with self.fake.wire.lock:
            self.world.delete_task(self._task(own))

    def title(self, data: Any) -> Any:
        return data["TaskName"]

    def ids(self) -> set[str]:
        return {":".join(key) for key in self.world.sets["Tasks"]}

    def expire(self) -> None:
        self.fake.secret = "a-new-secret"


class ByEntra(Served):
    """A tool that accepts the tokens of a directory."""

    entra: FakeEntra

    def __init__(self, entra: FakeEntra, fake: Any, secret: str) -> None:
        fake.secret = secret
        super().__init__(fake)
        self.entra = entra

    def __enter__(self) -> Self:
        self.open.enter_context(self.entra)
        return super().__enter__()

    def expire(self) -> None:
        self.entra.revoke_tokens()

    def revoke(self) -> None:
        self.entra.apps[self.fake.app_id].disabled = True
        self.entra.revoke_tokens()

    def renewals(self) -> int:
        return self.entra.issued

    def secrets(self) -> list[str]:
        return [self.known]


class Dataverse(ByEntra):
    stream = "msdyn_projecttask"
    largest_page = 20
    lacks: ClassVar[dict[str, str]] = {
        "unreadable": "tables are typed: a row of another shape cannot be kept"
    }

    def __init__(self) -> None:
        entra = FakeEntra()
        super().__init__(entra, FakeDataverse(entra), "dataverse-secret")
        self.world = self.fake.world
        self.plans = [self.world.add_project(name) for name in ("Harbour", "Bridge")]

    def adapter(self, *, page_size: int = 5) -> Adapter:
        options = {
            "api": "dataverse",
            "url": self.fake.url,
            "auth": self.fake.auth(),
            "page_size": page_size,
            "per_second": 500,
        }
        return MsProjectAdapter(MsProjectOptions.model_validate(options), patience=AT_ONCE)

    def add(self, titles: Sequence[str], *, now: bool = False) -> list[str]:
        return [
            self.world.add_task(self.plans[number % 3 == 2], title) for number, title in enumerate(titles)
        ]

    def edit(self, own: str, title: str) -> None:
        self.world.edit(own, msdyn_subject=title)

    def delete(self, own: str) -> None:
        self.world.delete(own)

    def title(self, data: Any) -> Any:
        return data["msdyn_subject"]

    def ids(self) -> set[str]:
        hidden = self.world.hidden_projects
        rows = self.world.table(self.stream).rows
        return {own for own, row in rows.items() if row["_msdyn_project_value"] not in hidden}

    def hide(self) -> set[str]:
        before = self.ids()
        self.world.hidden_projects.add(self.plans[1])
        return before - self.ids()


_ON_DISK = {
    "wire": "files are not sent: what breaks them is in test_spreadsheet_refusals.py and test_ms_project_files_refusals.py",
    "token": "whoever runs Portbook may read the files or not; nobody signs in",
    "access": "who may open a file sees all of it",
    "pages": "a page holds hundreds of rows, whatever is asked for: a small file fits into one",
    "nul": "XML, of which the format is made, has no NUL",
}


class Rows:
    """Two tables of risks, as workbooks."""

    FILES = ("one.xlsx", "two.xlsx")
    SHEETS: ClassVar[list[dict[str, str]]] = [{"sheet": "Risks", "into": "risk", "key": "Risk ID"}]

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._made = 0
        self.tables: list[list[list[str]]] = [[], []]

    def add(self, titles: Sequence[str]) -> list[str]:
        made = []
        for title in titles:
            self._made += 1
            made.append(f"r-{self._made:04}")
            self.tables[self._made % 2].append([made[-1].upper(), title, "Mia Krystof", "Open"])
        return made

    def edit(self, own: str, title: str) -> None:
        self._row(own)[1][1] = title

    def delete(self, own: str) -> None:
        table, row = self._row(own)
        table.remove(row)

    def add_unreadable(self) -> None:
        self.tables[0].append(["", "A risk without its key", "Mia Krystof", "Open"])

    def ids(self) -> set[str]:
        return {row[0].lower() for table in self.tables for row in table if row[0]}

    def _row(self, own: str) -> tuple[list[list[str]], list[str]]:
        for table in self.tables:
            for row in table:
                if row[0].lower() == own:
                    return table, row
        raise KeyError(own)

    def books(self) -> dict[str, bytes]:
        """Name → workbook, written by another library than reads it."""
        found = {}
        for name, table in zip(self.FILES, self.tables, strict=True):
            path = self._scratch / f"{name}.made"
            with xlsxwriter.Workbook(str(path)) as book:
                sheet = book.add_worksheet("Risks")
                for r, row in enumerate([["Risk ID", "Title", "Owner", name], *table]):
                    for c, value in enumerate(row):
                        if value:
                            sheet.write_string(r, c, value)
            found[name] = path.read_bytes()
        return found


class OnDisk(Tool):
    """Files in a folder, which is written anew after each edit."""

    lacks = _ON_DISK

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "shared"
        self.folder.mkdir()
        self._sums: dict[str, str] = {}

    def put(self, name: str, content: bytes) -> None:
        path = self.folder / name
        if self._sums.get(name) != (found := hashlib.sha256(content).hexdigest()):
            path.write_bytes(content)
            self._sums[name] = found

    def vanish(self) -> None:
        """As when the share is not mounted: the folder is there and holds nothing."""
        for path in self.folder.iterdir():
            path.unlink()
        self._sums = {}

    def written(self) -> list[str]:
        found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in self.folder.iterdir()}
        return [name for name in {*found, *self._sums} if found.get(name) != self._sums.get(name)]


class OfRows(Tool):
    """Whatever holds these workbooks, which are saved after each edit."""

    stream = "risk"
    largest_page = 500
    rows: Rows

    def _save(self) -> None:
        raise NotImplementedError

    def add(self, titles: Sequence[str], *, now: bool = False) -> list[str]:
        made = self.rows.add(titles)
        self._save()
        return made

    def edit(self, own: str, title: str) -> None:
        self.rows.edit(own, title)
        self._save()

    def delete(self, own: str) -> None:
        self.rows.delete(own)
        self._save()

    def add_unreadable(self) -> None:
        self.rows.add_unreadable()
        self._save()

    def title(self, data: Any) -> Any:
        return data["cells"]["title"]

    def ids(self) -> set[str]:
        return self.rows.ids()


class Workbooks(OfRows, OnDisk):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.rows = Rows(folder)
        self._save()

    def _save(self) -> None:
        for name, content in self.rows.books().items():
            self.put(name, content)

    def adapter(self, *, page_size: int = 5) -> Adapter:
        options = {"base_dir": self.folder, "files": "*.xlsx", "settle_s": 0, "sheets": Rows.SHEETS}
        return SpreadsheetAdapter(SpreadsheetOptions.model_validate(options))


class WorkbooksInDrive(OfRows, ByEntra):
    """The same workbooks in a library of SharePoint."""

    lacks: ClassVar[dict[str, str]] = {
        "access": "the right to a site is all or nothing",
        "pages": _ON_DISK["pages"],
        "nul": _ON_DISK["nul"],
    }

    def __init__(self, folder: Path) -> None:
        entra = FakeEntra()
        super().__init__(entra, FakeGraph(entra), "graph-secret")
        self.drive = self.fake.world.add_site("pmo")
        self.rows = Rows(folder)
        self._saved: dict[str, bytes] = {}
        self._save()

    def __enter__(self) -> Self:
        # Copies are kept by the process, and every library made here has the same ids.
        self.open.callback(setattr, drive_module, "_shelf", drive_module._shelf)
        drive_module._shelf = drive_module.Shelf()
        return super().__enter__()

    def _save(self) -> None:
        for name, content in self.rows.books().items():
            if self._saved.get(name) != content:
                self.drive.put(f"Registers/{name}", content)
                self._saved[name] = content

    def adapter(self, *, page_size: int = 5) -> Adapter:
        options = {
            "drive": {"path": "Registers/*.xlsx", "graph": self.fake.base, "site": self.fake.site("pmo")},
            "auth": self.fake.auth(),
            "sheets": Rows.SHEETS,
        }
        return SpreadsheetAdapter(SpreadsheetOptions.model_validate(options), patience=AT_ONCE)


class PlanFiles(OnDisk):
    stream = "mspdi_task"
    largest_page = 1000
    lacks: ClassVar[dict[str, str]] = {
        **_ON_DISK,
        "unreadable": "in test_ms_project_odd_plans.py: a task without a UID",
    }

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._scratch = folder / "made.xml"
        self.plans = [Plan("Harbour"), Plan("Bridge")]
        self.tasks: dict[str, tuple[Plan, Task]] = {}
        self._save(*self.plans)

    def _save(self, *changed: Plan) -> None:
        for plan in changed:
            self.put(f"{plan.title}.xml", plan.save(self._scratch).read_bytes())

    def adapter(self, *, page_size: int = 5) -> Adapter:
        options = {"api": "files", "files": "*.xml", "base_dir": self.folder, "settle_s": 0}
        return MsProjectAdapter(MsProjectOptions.model_validate(options))

    def add(self, titles: Sequence[str], *, now: bool = False) -> list[str]:
        made = []
        for number, title in enumerate(titles):
            plan = self.plans[number % 3 == 2]
            task = plan.add_task(title)
            made.append(f"{plan.guid}:{task.guid}".lower())
            self.tasks[made[-1]] = (plan, task)
        self._save(*self.plans)
        return made

    def edit(self, own: str, title: str) -> None:
        plan, task = self.tasks[own]
        task.name = title
        self._save(plan)

    def delete(self, own: str) -> None:
        plan, task = self.tasks.pop(own)
        plan.delete_task(task)
        self._save(plan)

    def title(self, data: Any) -> Any:
        return data["Name"]

    def ids(self) -> set[str]:
        return set(self.tasks)
