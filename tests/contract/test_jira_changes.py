"""Reading changes, going on after a stop, and edits made while somebody reads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.errors import SourceMisbehaved
from tests.fakes.jira import FakeJira
from tests.fix_sources import fill, issue_ids, jira_adapter, read_pages, records_of

PAY = "issues:10001"


def ids_in(fake: FakeJira, key: str) -> set[str]:
    home = fake.world.project(key).id
    return {str(issue.id) for issue in fake.world.issues.values() if issue.project == home}


def keys_of(pages: list[Any]) -> set[str]:
    return {record.data["key"] for record in records_of(pages).values()}


async def test_a_second_read_brings_exactly_what_changed(jira: FakeJira) -> None:
    fill(jira, {"PAY": 40, "WEB": 3})
    async with jira_adapter(jira, page_size=10) as adapter:
        cursor = (await read_pages(adapter, PAY))[-1].cursor
    jira.edit("PAY-7", summary="Changed")
    jira.clear_field("PAY-9", "duedate")
    jira.edit("WEB-1", summary="Another project's business")
    new = jira.add_issue("PAY", "New")
    async with jira_adapter(jira, page_size=10) as adapter:
        pages = await read_pages(adapter, PAY, cursor, full=False)
    # The watermark is the last change before the first read, so a few of the latest repeat; nothing else
    # comes.
    repeated = keys_of(pages) - {"PAY-7", "PAY-9", new.key}
    assert {"PAY-7", "PAY-9", new.key} <= keys_of(pages)
    assert repeated <= {f"PAY-{number}" for number in range(20, 41)}
    assert pages[-1].cursor is not None
    assert pages[-1].cursor["since"] >= cursor["since"]  # type: ignore[index]


async def test_the_place_for_changes_does_not_move_while_nothing_changes(jira: FakeJira) -> None:
    fill(jira, {"PAY": 12})
    cursors = []
    async with jira_adapter(jira) as adapter:
        cursors.append((await read_pages(adapter, PAY))[-1].cursor)
        for _ in range(3):
            cursors.append((await read_pages(adapter, PAY, cursors[-1], full=False))[-1].cursor)
    assert all(cursor == cursors[0] for cursor in cursors)


async def test_a_change_that_becomes_searchable_late_is_still_met(jira: FakeJira) -> None:
    fill(jira, {"PAY": 5})
    late = jira.edit("PAY-2", summary="Written before the read")
    late.hidden = True  # not indexed yet
    jira.edit("PAY-3", summary="Written after it, indexed before")
    async with jira_adapter(jira) as adapter:
        cursor = (await read_pages(adapter, PAY))[-1].cursor
    late.hidden = False
    jira.world._changed()
    async with jira_adapter(jira) as adapter:
        assert "PAY-2" in keys_of(await read_pages(adapter, PAY, cursor, full=False))


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles", "Asia/Kolkata"])
async def test_the_accounts_time_zone_decides_how_jql_reads_our_dates(jira: FakeJira, zone: str) -> None:
    from zoneinfo import ZoneInfo

    fill(jira, {"PAY": 6}, step_ms=3_600_000)
    jira.world.zone, jira.world.zone_name = ZoneInfo(zone), zone
    async with jira_adapter(jira) as adapter:
        cursor = (await read_pages(adapter, PAY))[-1].cursor
    jira.edit("PAY-1", summary="Changed")
    async with jira_adapter(jira) as adapter:
        pages = await read_pages(adapter, PAY, cursor, full=False)
    assert "PAY-1" in keys_of(pages)
    assert len(keys_of(pages)) == 2  # with the latest one, which lies inside the overlap


async def test_an_unknown_time_zone_costs_a_day_of_repeats_and_loses_nothing(jira: FakeJira) -> None:
    fill(jira, {"PAY": 6})
    jira.world.zone_name = "Mars/Olympus_Mons"
    async with jira_adapter(jira) as adapter:
        identity = await adapter.check()
        assert any("time zone" in warning for warning in identity.warnings)
        cursor = (await read_pages(adapter, PAY))[-1].cursor
    jira.edit("PAY-1", summary="Changed")
    async with jira_adapter(jira) as adapter:
        assert "PAY-1" in keys_of(await read_pages(adapter, PAY, cursor, full=False))


async def test_a_moved_issue_keeps_its_id_and_comes_with_its_new_key(jira: FakeJira) -> None:
    fill(jira, {"PAY": 5, "WEB": 2})
    number = str(jira.world.issue("PAY-3").id)
    async with jira_adapter(jira) as adapter:
        cursor = (await read_pages(adapter, "issues:10002"))[-1].cursor
    jira.move("PAY-3", "WEB")
    async with jira_adapter(jira) as adapter:
        changed = records_of(await read_pages(adapter, "issues:10002", cursor, full=False))
        assert number not in issue_ids(await read_pages(adapter, PAY))
    assert changed[number].data["key"] == "WEB-3"


async def test_a_full_read_goes_on_from_every_page_it_was_stopped_after(jira: FakeJira) -> None:
    fill(jira, {"PAY": 35})
    everything = ids_in(jira, "PAY")
    for stop in range(1, 8):
        async with jira_adapter(jira, page_size=5) as adapter:
            first = await read_pages(adapter, PAY, stop_after=stop)
        assert first[-1].cursor is not None
        async with jira_adapter(jira, page_size=5) as adapter:
            rest = await read_pages(adapter, PAY, first[-1].cursor, full=stop < 7)
        assert issue_ids(first) | issue_ids(rest) == everything
        if stop < 7:
            # It goes on rather than starting anew.
            assert len(issue_ids(rest)) < 35


async def test_a_full_read_ignores_a_cursor_of_changes(jira: FakeJira) -> None:
    fill(jira, {"PAY": 12})
    async with jira_adapter(jira) as adapter:
        cursor = (await read_pages(adapter, PAY))[-1].cursor
        assert issue_ids(await read_pages(adapter, PAY, cursor, full=True)) == ids_in(jira, "PAY")


async def test_edits_deletions_and_moves_during_a_read_lose_no_issue(jira: FakeJira) -> None:
    fill(jira, {"PAY": 60, "WEB": 5})
    deleted: list[str] = []

    def meddle(number: int) -> None:
        if 2 <= number <= 8:
            gone = f"PAY-{number - 1}"
            deleted.append(str(jira.world.issue(gone).id))
            jira.delete(gone)
            jira.edit(f"PAY-{60 - number}", summary="Edited meanwhile")
            moved = f"PAY-{number + 8}"
            deleted.append(str(jira.world.issue(moved).id))
            jira.move(moved, "WEB")

    jira.faults.on_search = meddle
    async with jira_adapter(jira, page_size=7) as adapter:
        pages = await read_pages(adapter, PAY)
    assert ids_in(jira, "PAY") <= issue_ids(pages)
    assert deleted


async def test_edits_while_changes_are_read_are_met_by_the_next_read_at_the_latest(jira: FakeJira) -> None:
    fill(jira, {"PAY": 50})
    async with jira_adapter(jira, page_size=5) as adapter:
        cursor = (await read_pages(adapter, PAY))[-1].cursor
    for number in range(1, 31):
        jira.edit(f"PAY-{number}", summary="First edit")

    def meddle(number: int) -> None:
        if 2 <= number <= 6:
            jira.edit(f"PAY-{number}", summary="Edited again")  # hops to the end: the rows behind it shift

    jira.state.searches = 0
    jira.faults.on_search = meddle
    async with jira_adapter(jira, page_size=5) as adapter:
        pages = await read_pages(adapter, PAY, cursor, full=False)
        jira.faults.on_search = None
        pages += await read_pages(adapter, PAY, pages[-1].cursor, full=False)
    latest = {record.data["key"]: record.data["fields"]["summary"] for record in records_of(pages).values()}
    for number in range(1, 31):
        assert latest[f"PAY-{number}"] == ("Edited again" if 2 <= number <= 6 else "First edit")


async def test_many_issues_of_one_minute_are_all_read(jira: FakeJira) -> None:
    fill(jira, {"PAY": 230}, step_ms=1)
    jira.faults.page_limit = 20

    def meddle(number: int) -> None:
        if number in (4, 7):
            jira.delete(f"PAY-{number}")

    jira.faults.on_search = meddle
    async with jira_adapter(jira) as adapter:
        assert ids_in(jira, "PAY") <= issue_ids(await read_pages(adapter, PAY))


async def test_data_center_never_asks_beyond_its_search_engines_window(
    data_center: FakeJira, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(data_center, {"PAY": 300})
    monkeypatch.setattr("adapters.jira.issues.DEEPEST_OFFSET", 50)
    data_center.faults.largest_window = 90
    async with jira_adapter(data_center, page_size=20) as adapter:
        assert issue_ids(await read_pages(adapter, PAY)) == ids_in(data_center, "PAY")


async def test_data_center_that_serves_single_rows_is_refused(data_center: FakeJira) -> None:
    fill(data_center, {"PAY": 5})
    data_center.faults.page_limit = 1
    async with jira_adapter(data_center) as adapter:
        with pytest.raises(SourceMisbehaved, match="no further rows"):
            await read_pages(adapter, PAY)


async def test_worklogs_arrive_as_changes_and_their_deletion_with_them(jira: FakeJira) -> None:
    fill(jira, {"PAY": 3})
    world = jira.world
    author = next(iter(world.users.values()))
    issue = world.issue("PAY-1")
    world.clock = world.now() - 20 * 86_400_000
    old = [world.add_worklog(issue, author, 3600, world.now()) for _ in range(3)]
    world.clock = None
    async with jira_adapter(jira) as adapter:
        first = await read_pages(adapter, "worklogs")
        assert set(records_of(first, "worklog")) == {str(number) for number in old}
    new = world.add_worklog(issue, author, 7200, world.now())
    world.delete_worklog(old[0])
    async with jira_adapter(jira) as adapter:
        second = await read_pages(adapter, "worklogs", first[-1].cursor, full=False)
        found = records_of(second, "worklog")
    assert found[str(new)].data["timeSpentSeconds"] == 7200
    assert found[str(new)].data["portbook"]["project"] == "10001"
    assert found[str(old[0])].deleted
    assert found[str(old[0])].payload == b"null"


async def test_a_read_of_thousands_of_worklogs_goes_on_after_a_stop(jira: FakeJira) -> None:
    fill(jira, {"PAY": 2})
    world = jira.world
    author = next(iter(world.users.values()))
    world.clock = world.now() - 86_400_000
    for number in range(2300):
        world.clock += 10 * (number % 700 == 0)  # many of them in one instant
        world.add_worklog(world.issue("PAY-1"), author, 60, world.now())
    world.clock = None
    async with jira_adapter(jira) as adapter:
        first = await read_pages(adapter, "worklogs", stop_after=1)
    async with jira_adapter(jira) as adapter:
        rest = await read_pages(adapter, "worklogs", first[-1].cursor)
    met = set(records_of(first, "worklog")) | set(records_of(rest, "worklog"))
    assert met == {str(number) for number in world.worklogs}
    assert len(records_of(rest, "worklog")) < 2300


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
async def test_whatever_is_edited_between_pages_no_issue_is_skipped(
    flavour: str, data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, 60), label="issues")
    step = data.draw(st.sampled_from([1, 20_000, 120_000]), label="apart, ms")
    edits = st.lists(st.tuples(st.sampled_from("dmea"), st.integers(1, count)), max_size=3)
    plan = data.draw(st.dictionaries(st.integers(2, 12), edits, max_size=6), label="before the nth search")
    limits = data.draw(st.lists(st.integers(2, 25), min_size=1, max_size=6), label="page limits")
    with FakeJira(flavour=flavour) as fake:
        fill(fake, {"PAY": count, "WEB": 1}, step_ms=step)

        def meddle(number: int) -> None:
            fake.faults.page_limit = limits[number % len(limits)]
            for what, target in plan.get(number, ()):
                key = f"PAY-{target}"
                if fake.world.by_key.get(key) not in fake.world.issues:
                    continue
                if what == "d":
                    fake.delete(key)
                elif what == "m":
                    fake.move(key, "WEB")
                elif what == "e":
                    fake.edit(key, summary="Edited")
                else:
                    fake.add_issue("PAY", "Added")

        fake.faults.on_search = meddle
        size = data.draw(st.integers(2, 30), label="page size")
        async with jira_adapter(fake, page_size=size) as adapter:
            pages = await read_pages(adapter, PAY)
            fake.faults.on_search = None
            pages += await read_pages(adapter, PAY, pages[-1].cursor, full=False)
        assert ids_in(fake, "PAY") <= issue_ids(pages)
