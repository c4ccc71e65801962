"""Workbooks in a drive: the same rows as from a disk, fetched only when they changed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from adapters.base import Page, Presence
from adapters.errors import FileRefused, SourceError, SourceMisbehaved, SourceRefused, SourceUnavailable
from adapters.http import Patience
from adapters.spreadsheet import SpreadsheetAdapter, SpreadsheetOptions
from adapters.spreadsheet import drive as drive_module
from tests.fakes.entra import FakeEntra
from tests.fakes.graph import FakeGraph
from tests.fakes.workbooks import RISK_HEADER, risk_rows, write_xlsx

AT_ONCE = Patience(attempts=3, base=0, cap=0, longest=5)


@pytest.fixture(autouse=True)
def shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of its own, as far as copies go."""
    monkeypatch.setattr(drive_module, "_shelf", drive_module.Shelf())


@pytest.fixture
def graph() -> Iterator[FakeGraph]:
    with FakeEntra() as entra, FakeGraph(entra) as fake:
        yield fake


def workbook(tmp_path: Path, count: int, *, sheet: str = "Risks", first: str = "R") -> bytes:
    rows = [[row[0].replace("R", first, 1), *row[1:]] for row in risk_rows(count)]
    return write_xlsx(tmp_path / "made.xlsx", {sheet: [RISK_HEADER, *rows]}).read_bytes()


def adapter_of(fake: FakeGraph, path: Any = "Registers/*.xlsx", **more: Any) -> SpreadsheetAdapter:
    where = more.pop("drive", {"site": fake.site("pmo")})
    options: dict[str, Any] = {
        "drive": {"path": path, "graph": fake.base, **where},
        "auth": fake.auth(),
        "sheets": [{"sheet": "Risks", "into": "risk", "key": "Risk ID"}],
        **more,
    }
    return SpreadsheetAdapter(SpreadsheetOptions.model_validate(options), patience=AT_ONCE)


async def pages(adapter: SpreadsheetAdapter, cursor: Any = None, *, full: bool | None = None) -> list[Page]:
    async with adapter:
        (partition,) = [found for found in await adapter.partitions() if found.name == "risk"]
        reading = adapter.read(partition, cursor, full=cursor is None if full is None else full)
        return [page async for page in reading]


def ids(read: list[Page]) -> list[str]:
    return [record.id for page in read for record in page.records]


async def test_rows_in_a_drive_are_those_of_the_same_files_on_disk(graph: FakeGraph, tmp_path: Path) -> None:
    drive = graph.world.add_site("pmo")
    folder = tmp_path / "Registers"
    folder.mkdir()
    for name, first in (("b.xlsx", "B"), ("a.xlsx", "A")):
        (folder / name).write_bytes(workbook(tmp_path, 3, first=first))
        drive.put(f"Registers/{name}", (folder / name).read_bytes())
    drive.put("Registers/~$a.xlsx", b"lock")
    drive.put("Registers/notes.docx", b"PK")
    drive.put("Registers/empty.xlsx", b"")
    disk = SpreadsheetAdapter(
        SpreadsheetOptions.model_validate(
            {
                "base_dir": tmp_path,
                "files": "Registers/*.xlsx",
                "settle_s": 0,
                "sheets": [{"sheet": "Risks", "into": "risk", "key": "Risk ID"}],
            }
        )
    )
    (from_disk,), (from_drive,) = await pages(disk), await pages(adapter_of(graph))
    assert [record.payload for record in from_drive.records] == [
        record.payload for record in from_disk.records
    ]
    assert len(from_drive.records) == 6
    assert from_drive.complete
    assert sorted(graph.fetched) == ["a.xlsx", "b.xlsx"]
    assert graph.leaked == []


async def test_check_names_the_drive_and_what_was_passed_over(graph: FakeGraph, tmp_path: Path) -> None:
    drive = graph.world.add_site("pmo")
    drive.put("Registers/a.xlsx", workbook(tmp_path, 1))
    drive.put("Registers/empty.xlsx", b"")
    async with adapter_of(graph, sheets=[]) as adapter:
        identity = await adapter.check()
    assert identity.account == "Microsoft Graph: PMO, Documents"
    assert identity.product == "1 file (1 xlsx)"
    assert "skipped Registers/empty.xlsx: empty (0 bytes), perhaps still uploading" in identity.warnings


@pytest.mark.parametrize(
    ("where", "place"),
    [
        ({"site": "https://acme.sharepoint.com/sites/pmo", "library": "plans"}, "library"),
        ({"user": "mia@acme.example"}, "user"),
        ({"id": ""}, "id"),
    ],
)
async def test_a_library_a_persons_drive_and_a_drive_by_id_are_found(
    graph: FakeGraph, tmp_path: Path, where: dict[str, str], place: str
) -> None:
    graph.entra.apps[graph.app_id].roles = ["Files.Read.All"]
    default = graph.world.add_site("pmo", ("Documents", "Plans"))
    user = graph.world.add_user("mia@acme.example")
    drive = {"library": graph.world.library("pmo", "Plans"), "user": user, "id": default}[place]
    drive.put("a.xlsx", workbook(tmp_path, 2))
    if place == "id":
        where = {"id": default.id}
    assert len(ids(await pages(adapter_of(graph, "a.xlsx", drive=where)))) == 2


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a [1] #%25 é.xlsx", {"R-001"}),
        ("Plans/*/Status.xlsx", {"S-001", "T-001"}),
        ("plans/X/status.XLSX", {"S-001"}),
        ("**/Status.xlsx", {"S-001", "T-001", "U-001"}),
        ("Plans/**/*.xlsx", {"S-001", "T-001", "U-001"}),
    ],
)
async def test_patterns_mean_in_a_drive_what_they_mean_on_disk(
    graph: FakeGraph, tmp_path: Path, pattern: str, expected: set[str]
) -> None:
    drive = graph.world.add_site("pmo")
    for path, first in {
        "a [1] #%25 é.xlsx": "R",
        "Plans/X/Status.xlsx": "S",
        "Plans/Y/Status.xlsx": "T",
        "Plans/Y/deep/Status.xlsx": "U",
    }.items():
        drive.put(path, workbook(tmp_path, 1, first=first))
    graph.faults.page_size = 1
    assert set(ids(await pages(adapter_of(graph, pattern)))) == {one.casefold() for one in expected}


async def test_without_a_change_one_request_tells_so_and_nothing_is_fetched(
    graph: FakeGraph, tmp_path: Path
) -> None:
    drive = graph.world.add_site("pmo")
    drive.put("Registers/a.xlsx", workbook(tmp_path, 3))
    first = await pages(adapter_of(graph))
    drive.put("Other/b.xlsx", b"not ours")
    drive.put("Registers.docx", b"not ours either")
    graph.log.clear()
    graph.fetched.clear()
    (again,) = await pages(adapter_of(graph), first[-1].cursor)
    assert (list(again.records), again.complete, graph.fetched) == ([], False, [])
    assert [call.path.rpartition("/")[2] for call in graph.log] == ["delta"]
    graph.log.clear()
    await pages(adapter_of(graph), again.cursor)
    assert [call.path.rpartition("/")[2] for call in graph.log] == ["delta"]


async def test_a_changed_file_is_fetched_and_its_unchanged_neighbour_is_not(
    graph: FakeGraph, tmp_path: Path
) -> None:
    drive = graph.world.add_site("pmo")
    changing = drive.put("Registers/a.xlsx", workbook(tmp_path, 3, first="A"))
    still = drive.put("Registers/b.xlsx", workbook(tmp_path, 2, first="B"))
    first = await pages(adapter_of(graph))
    graph.fetched.clear()
    drive.put("Registers/a.xlsx", workbook(tmp_path, 4, first="A"))
    drive.touch(still)
    (again,) = await pages(adapter_of(graph), first[-1].cursor)
    assert graph.fetched == [changing.name]
    assert len(again.records) == 6
    assert again.complete


@pytest.mark.parametrize("bare", [False, True])
async def test_metadata_alone_fetches_nothing(graph: FakeGraph, tmp_path: Path, bare: bool) -> None:
    drive = graph.world.add_site("pmo")
    node = drive.put("Registers/a.xlsx", workbook(tmp_path, 3))
    first = await pages(adapter_of(graph))
    graph.fetched.clear()
    graph.faults.bare_delta = bare
    drive.touch(node)
    (again,) = await pages(adapter_of(graph), first[-1].cursor)
    assert (list(again.records), graph.fetched) == ([], [])


async def test_a_place_in_the_feed_that_is_gone_costs_a_listing_and_no_rows(
    graph: FakeGraph, tmp_path: Path
) -> None:
    drive = graph.world.add_site("pmo")
    drive.put("Registers/a.xlsx", workbook(tmp_path, 3))
    first = await pages(adapter_of(graph))
    drive.forget_places()
    graph.fetched.clear()
    (again,) = await pages(adapter_of(graph), first[-1].cursor)
    assert (list(again.records), graph.fetched) == ([], [])
    assert "410" in {str(call.status) for call in graph.log}
    drive.put("Registers/a.xlsx", workbook(tmp_path, 5))
    assert len(ids(await pages(adapter_of(graph), again.cursor))) == 5


async def test_without_a_feed_the_folder_is_listed_each_time(graph: FakeGraph, tmp_path: Path) -> None:
    graph.faults.no_delta = True
    drive = graph.world.add_site("pmo")
    drive.put("Registers/a.xlsx", workbook(tmp_path, 3))
    first = await pages(adapter_of(graph))
    graph.fetched.clear()
    (again,) = await pages(adapter_of(graph), first[-1].cursor)
    assert (list(again.records), graph.fetched) == ([], [])
    drive.put("Registers/a.xlsx", workbook(tmp_path, 5))
    assert len(ids(await pages(adapter_of(graph), again.cursor))) == 5


async def test_a_renamed_or_moved_file_keeps_the_ids_of_its_rows(graph: FakeGraph, tmp_path: Path) -> None:
    drive = graph.world.add_site("pmo")
    node = drive.put("Registers/a.xlsx", workbook(tmp_path, 2, first="A"))
    drive.put("Registers/b.xlsx", workbook(tmp_path, 3, first="A"))
    per_file = [{"sheet": "Risks", "into": "risk", "key": "Risk ID", "scope": "file"}]
    first = await pages(adapter_of(graph, "Registers/**/*.xlsx", sheets=per_file))
    assert len(set(ids(first))) == 5
    drive.rename(node, "renamed.xlsx")
    drive.move(node, drive.folder("Registers/2026"))
    again = await pages(adapter_of(graph, "Registers/**/*.xlsx", sheets=per_file), first[-1].cursor)
    assert set(ids(again)) == set(ids(first))
    assert "Registers/2026/renamed.xlsx" in {record.data["file"] for page in again for record in page.records}


async def test_rows_of_a_file_that_was_deleted_are_missing_and_known_to_be_deleted(
    graph: FakeGraph, tmp_path: Path
) -> None:
    drive = graph.world.add_site("pmo")
    gone = drive.put("Registers/a.xlsx", workbook(tmp_path, 2, first="A"))
    drive.put("Registers/b.xlsx", workbook(tmp_path, 2, first="B"))
    first = await pages(adapter_of(graph))
    drive.delete(gone)
    (again,) = await pages(adapter_of(graph), first[-1].cursor)
    assert again.complete
    assert ids([again]) == ["b-001", "b-002"]
    async with adapter_of(graph) as adapter:
        assert await adapter.locate("risk", ["a-001"], {}) == {"a-001": Presence.DELETED}


async def test_a_file_that_is_being_uploaded_anew_has_lost_nothing(graph: FakeGraph, tmp_path: Path) -> None:
    drive = graph.world.add_site("pmo")
    drive.put("Registers/2026-05.xlsx", workbook(tmp_path, 2, first="A"))
    drive.put("Registers/2026-04.xlsx", workbook(tmp_path, 2, first="B"))
    first = await pages(adapter_of(graph))
    known = {record.id: record.data for page in first for record in page.records}
    drive.put("Registers/2026-05.xlsx", b"")
    assert ids(await pages(adapter_of(graph), first[-1].cursor)) == ["b-001", "b-002"]
    async with adapter_of(graph) as adapter:
        assert await adapter.locate("risk", ["a-001", "b-003"], known) == {"b-003": Presence.DELETED}
    with pytest.raises(SourceUnavailable, match=r"2026-05\.xlsx, the newest file, is empty"):
        await pages(adapter_of(graph, newest_only=True))
    drive.put("Registers/2026-05.xlsx", workbook(tmp_path, 2, first="A"))
    assert ids(await pages(adapter_of(graph, newest_only=True))) == ["a-001", "a-002"]


async def test_access_that_was_taken_away_is_told_from_deletion(graph: FakeGraph, tmp_path: Path) -> None:
    drive = graph.world.add_site("pmo")
    drive.put("Registers/a.xlsx", workbook(tmp_path, 2))
    first = await pages(adapter_of(graph))
    graph.entra.apps[graph.app_id].roles = []
    with pytest.raises(SourceRefused, match="accessDenied") as refused:
        await pages(adapter_of(graph), first[-1].cursor, full=True)
    assert "Sites.Selected" in refused.value.hint
    async with adapter_of(graph) as adapter:
        assert await adapter.locate("risk", ["r-001"], {}) == {}


async def test_a_site_granted_to_the_application_needs_no_more(graph: FakeGraph, tmp_path: Path) -> None:
    graph.entra.apps[graph.app_id].roles = ["Sites.Selected"]
    graph.world.add_site("pmo").put("Registers/a.xlsx", workbook(tmp_path, 2))
    with pytest.raises(SourceRefused):
        await pages(adapter_of(graph))
    graph.world.granted.add("sites/pmo")
    assert len(ids(await pages(adapter_of(graph)))) == 2


@pytest.mark.parametrize(
    ("path", "where", "says", "hint"),
    [
        ("Registers/x.xlsx", {}, "No file matches 'Registers/x.xlsx'", "There are: a.xlsx"),
        ("Nowhere/*.xlsx", {}, "No file matches", "that folder does not exist"),
        ("*.xlsx", {}, "No file matches", "holds no spreadsheets"),
        ("*.xlsx", {"library": "Plans"}, "has no library 'Plans'", "There are: Documents"),
    ],
)
async def test_what_is_not_there_is_named_with_what_is(
    graph: FakeGraph, tmp_path: Path, path: str, where: dict[str, str], says: str, hint: str
) -> None:
    graph.world.add_site("pmo").put("Registers/a.xlsx", workbook(tmp_path, 1))
    with pytest.raises(FileRefused, match=says) as refused:
        await pages(adapter_of(graph, path, drive={"site": graph.site("pmo"), **where}))
    assert hint in refused.value.hint


@pytest.mark.parametrize("name", ["büro 2", "b%C3%BCro%202"])
async def test_the_address_of_a_site_may_be_as_people_write_it_or_as_browsers_do(
    graph: FakeGraph, tmp_path: Path, name: str
) -> None:
    graph.world.add_site("büro 2").put("Registers/a.xlsx", workbook(tmp_path, 2))
    assert len(ids(await pages(adapter_of(graph, drive={"site": graph.site(name)})))) == 2


async def test_a_site_that_does_not_exist_says_what_to_check(graph: FakeGraph) -> None:
    with pytest.raises(SourceRefused, match="404") as refused:
        await pages(adapter_of(graph, drive={"site": graph.site("typo")}))
    assert "Check `drive:`" in refused.value.hint


async def test_the_newest_of_dated_files_is_read(graph: FakeGraph, tmp_path: Path) -> None:
    drive = graph.world.add_site("pmo")
    for month, count in (("2026-03", 3), ("2026-11", 2), ("2026-04", 1)):
        drive.put(f"Registers/RAID {month}.xlsx", workbook(tmp_path, count))
    read = await pages(adapter_of(graph, newest_only=True))
    assert len(ids(read)) == 2
    assert graph.fetched == ["RAID 2026-11.xlsx"]


async def test_a_token_refused_in_the_middle_costs_one_refresh(graph: FakeGraph, tmp_path: Path) -> None:
    drive = graph.world.add_site("pmo")
    for number in range(4):
        drive.put(f"Registers/{number}.xlsx", workbook(tmp_path, 2, first=f"{number}R"))
    graph.faults.on_content = graph.entra.revoke_tokens
    assert len(ids(await pages(adapter_of(graph)))) == 8
    assert graph.entra.issued == 2
    assert graph.leaked == []


async def test_an_edit_while_we_read_is_read_with_the_next_run(graph: FakeGraph, tmp_path: Path) -> None:
    drive = graph.world.add_site("pmo")
    drive.put("Registers/a.xlsx", workbook(tmp_path, 3, first="A"))
    later = workbook(tmp_path, 5, first="A")
    graph.faults.on_content = partial(drive.put, "Registers/a.xlsx", later)
    first = await pages(adapter_of(graph))
    assert len(ids(first)) == 5
    again = await pages(adapter_of(graph), first[-1].cursor)
    assert again[-1].cursor is not None
    drive.put("Registers/a.xlsx", workbook(tmp_path, 6, first="A"))
    assert len(ids(await pages(adapter_of(graph), again[-1].cursor))) == 6


@pytest.mark.parametrize(
    "fault", ["busy", "locked", "cut", "expired", "vanished", "plain", "foreign", "repeat"]
)
async def test_what_goes_wrong_with_a_file_is_said_and_nothing_is_missing(
    graph: FakeGraph, tmp_path: Path, fault: str
) -> None:
    drive = graph.world.add_site("pmo")
    node = drive.put("Registers/a.xlsx", workbook(tmp_path, 3))
    drive.put("Registers/b.xlsx", workbook(tmp_path, 3, first="B"))
    faults, expected = graph.faults, SourceError
    match fault:
        case "busy":
            faults.busy_content = 2
            assert len(ids(await pages(adapter_of(graph)))) == 6
            return
        case "locked":
            node.locked, expected = True, SourceUnavailable
        case "cut":
            faults.cut_content, expected = True, SourceUnavailable
        case "expired":
            faults.addresses_expire, expected = True, SourceUnavailable
        case "vanished":
            faults.on_content, expected = lambda: drive.delete(node), SourceUnavailable
        case "plain":
            faults.addresses_plain, expected = "http://files.example.com", SourceMisbehaved
        case "foreign":
            faults.foreign_links, expected = True, SourceMisbehaved
        case "repeat":
            faults.repeat_page, expected = True, SourceMisbehaved
    with pytest.raises(expected) as problem:
        await pages(adapter_of(graph))
    assert "tempauth" not in str(problem.value)


@pytest.mark.parametrize(
    "sent",
    [
        b"{}",
        b'{"value":null}',
        b'{"value":[7]}',
        b'{"value":[{"id":"01","size":9,"file":{}}]}',
        b'{"value":[{"id":"01","name":"b.xlsx","file":{}}]}',
    ],
)
async def test_a_folder_that_is_not_told_as_it_should_be_is_no_empty_folder(
    graph: FakeGraph, tmp_path: Path, sent: bytes
) -> None:
    drive = graph.world.add_site("pmo")
    drive.put("Registers/a.xlsx", workbook(tmp_path, 2, first="A"))
    drive.put("Registers/more/b.xlsx", workbook(tmp_path, 2, first="B"))
    graph.faults.instead = {f"{drive.folder('Registers/more').id}/children": sent}
    with pytest.raises(SourceMisbehaved):
        await pages(adapter_of(graph, "Registers/**/*.xlsx"))
    async with adapter_of(graph, "Registers/**/*.xlsx") as adapter:
        assert await adapter.locate("risk", ["b-001"], {}) == {}


async def test_a_folder_that_vanishes_while_it_is_listed_is_nothing_to_correct(
    graph: FakeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal would pause the source until somebody resumes it."""
    drive = graph.world.add_site("pmo")
    drive.put("Registers/a.xlsx", workbook(tmp_path, 2))
    drive.put("Registers/more/b.xlsx", workbook(tmp_path, 2, first="B"))
    children = drive_module.Graph.children

    def listed(self: Any, where: Any, folder: str) -> Any:
        if folder == drive.folder("Registers/more").id:
            drive.delete(drive.nodes[folder])
        return children(self, where, folder)

    monkeypatch.setattr(drive_module.Graph, "children", listed)
    with pytest.raises(SourceUnavailable, match="vanished"):
        await pages(adapter_of(graph, "Registers/**/*.xlsx"))


@pytest.mark.parametrize("fault", ["cut", "large"])
async def test_of_a_file_that_does_not_arrive_whole_nothing_stays_on_the_disk(
    graph: FakeGraph, tmp_path: Path, fault: str
) -> None:
    """It is tried again every few minutes."""
    graph.world.add_site("pmo").put("Registers/a.xlsx", workbook(tmp_path, 3))
    if fault == "cut":
        graph.faults.cut_content = True
    else:  # it grew since it was listed
        larger = b"P" * (2 << 20)
        graph.faults.on_content = lambda: graph.world.library("pmo", "Documents").put(
            "Registers/a.xlsx", larger
        )
    with pytest.raises(SourceError):
        await pages(adapter_of(graph, limits={"file_mb": 1}))
    shelf = drive_module._shelf
    assert shelf._folder is not None
    assert list(shelf._folder.iterdir()) == []


@pytest.mark.parametrize(
    "fault",
    [{"too_many_every": 3}, {"unavailable_every": 3}, {"truncate_every": 4}, {"cut_every": 4}],
)
async def test_a_limping_graph_is_read_to_the_end(
    graph: FakeGraph, tmp_path: Path, fault: dict[str, int]
) -> None:
    drive = graph.world.add_site("pmo")
    for number in range(3):
        drive.put(f"Registers/{number}.xlsx", workbook(tmp_path, 2, first=f"{number}R"))
    for name, value in fault.items():
        setattr(graph.faults, name, value)
    assert len(ids(await pages(adapter_of(graph)))) == 6


async def test_one_bad_workbook_does_not_hide_the_others(graph: FakeGraph, tmp_path: Path) -> None:
    drive = graph.world.add_site("pmo")
    drive.put("Registers/a.xlsx", b"<html>login</html>")
    drive.put("Registers/b.xlsx", workbook(tmp_path, 3))
    read: list[Page] = []
    async with adapter_of(graph) as adapter:
        (partition,) = await adapter.partitions()
        reading = adapter.read(partition, None, full=True)
        read.append(await anext(reading))
        with pytest.raises(FileRefused, match="web page"):
            await anext(reading)
    assert len(ids(read)) == 3


async def test_a_large_drive_around_our_folder_is_never_walked(graph: FakeGraph, tmp_path: Path) -> None:
    drive = graph.world.add_site("pmo")
    graph.world.add_files(drive, "Archive", 100_000)
    drive.put("Registers/a.xlsx", workbook(tmp_path, 3))
    assert graph.world.totals()["files"] == 100_001
    first = await pages(adapter_of(graph))
    assert len(ids(first)) == 3
    assert len(graph.log) < 12


def test_the_shelf_keeps_to_its_size_and_to_one_content_of_a_file() -> None:
    shelf = drive_module.Shelf(most=10)
    for item, tag in (("a", "1"), ("b", "1"), ("a", "2"), ("c", "1")):
        place = shelf.place()
        place.write_bytes(b"12345")
        shelf.put(("drive", item, tag), place, "", 5)
    kept = [key for key in (("drive", i, t) for i in "abc" for t in "12") if shelf.get(key)]
    assert kept == [("drive", "a", "2"), ("drive", "c", "1")]
