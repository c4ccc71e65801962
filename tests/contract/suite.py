"""What every adapter promises, as tests: hand over a tool, receive its tests.

    class TestMyTool(AdapterContract):
        @pytest.fixture
        def tool(self, tmp_path: Path) -> Iterator[Tool]:
            with MyTool() as tool:
                yield tool

A `Tool` is a fake tool together with the adapter that reads it. It begins empty, but ready: what records hang on
(a project, a sheet) is there, the records that people plan with are not.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Self

import jmespath
import orjson
import pytest
from jmespath.exceptions import JMESPathError

from adapters.base import Adapter, Cursor, Page, Partition, Presence, RawRecord
from adapters.errors import SourceError, SourceMisbehaved, SourceRefused, SourceUnavailable

FAULTS = ("too_many_every", "unavailable_every", "truncate_every", "cut_every", "html_every")
"""By the names they have in `WireFaults`: 429, 503, a body that ends early, a connection that does, HTML as 200."""

HOSTILE = (
    "'; DROP TABLE work_item; --",
    "quoted \"twice\" and 'once' \\ \\u0000 %00",
    "🙈 é ﷽ 工程 \u202egnp.exe\u202c",
    "مشروع المرفأ",
    "<script>alert(1)</script> &amp; <!-- & -->",
    "=HYPERLINK(0)",
    "{{ 7*7 }} ${7*7} {env: HOME}",
    "null",
    "10 kB " + "x" * 10_000,
)
NUL = "before\x00after"

_A_HANDFUL = 8
_FAT = 4_000
"""Characters in a title: who keeps records while reading, keeps at least these."""


class Tool:
    """A fake tool and the adapter that reads it. Derive, and fill in what raises; what the tool does not have is named
    in `lacks`, and the tests that need it are skipped with that reason."""

    stream: ClassVar[str]
    """The main stream: what people plan with. The tool may hold a few of them from the beginning."""
    lacks: ClassVar[Mapping[str, str]] = {}
    """What the suite cannot try here → why: `wire` (nothing is sent), `token` (nobody signs in), `access` (rights cannot
    be taken away in part), `nul` (its format has no NUL), `pages` (a small world fits into one), `unreadable`."""
    largest_page: ClassVar[int]
    """Most records in a page of an adapter made with `page_size=5`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def adapter(self, *, page_size: int = 5) -> Adapter:
        """A new adapter, not yet entered, that asks for so many records at once where that can be said, and does not
        wait between attempts."""
        raise NotImplementedError

    # --- what is there --------------------------------------------------------------------------------------------

    def add(self, titles: Sequence[str], *, now: bool = False) -> list[str]:
        """Records of the main stream, made long ago unless `now`, where the tool knows when. Gives their ids."""
        raise NotImplementedError

    def edit(self, own: str, title: str) -> None:
        raise NotImplementedError

    def delete(self, own: str) -> None:
        raise NotImplementedError

    def title(self, data: Any) -> Any:
        """The title in a record as the adapter gives it."""
        raise NotImplementedError

    def ids(self) -> set[str]:
        """What is there of the main stream for the account to read, as the tool itself says."""
        raise NotImplementedError

    def hide(self) -> set[str]:
        """The account may not see some of the records any more (never all). Gives their ids."""
        raise NotImplementedError

    def add_unreadable(self) -> None:
        """One record of the main stream that nobody can read as one."""
        raise NotImplementedError

    # --- the way there --------------------------------------------------------------------------------------------

    def vanish(self) -> None:
        """The tool cannot be reached at all: it is down, its disk is not mounted."""
        raise NotImplementedError

    def fault(self, name: str, every: int) -> None:
        """One of `FAULTS` happens to every so-manieth answer."""
        raise NotImplementedError

    def heal(self) -> None:
        raise NotImplementedError

    def expire(self) -> None:
        """The token in use is refused; a new one is to be had."""
        raise NotImplementedError

    def renewals(self) -> int:
        """How often a token was asked for so far."""
        raise NotImplementedError

    def revoke(self) -> None:
        """The account is known no more, and no new token is to be had."""
        raise NotImplementedError

    def secrets(self) -> list[str]:
        """What must never be shown."""
        return []

    def requests(self) -> int:
        """How many the tool had so far."""
        return 0

    def written(self) -> list[str]:
        """What was done to the tool other than reading: none, by its own list of what reads."""
        raise NotImplementedError


class Seen:
    """What a reader of pages knows: a register in miniature."""

    def __init__(self, tool: Tool) -> None:
        self._tool = tool
        self.records: dict[str, RawRecord] = {}
        self.rejected: dict[str, RawRecord] = {}
        self.deleted: set[str] = set()
        self.cursors: dict[str, Cursor | None] = {}
        self.pages = 0
        self.met: set[str] = set()

    async def read(
        self,
        adapter: Adapter,
        *,
        full: bool,
        after_page: Callable[[int], None] | None = None,
    ) -> Seen:
        """Read every partition as a run does; without `full`, from where the last read ended. `met` holds what this read
        brought of the main stream."""
        self.met, self.pages = set(), 0
        whole = await adapter.partitions()
        for partition in sorted(whole, key=lambda one: not one.first):
            cursor = None if full else self.cursors.get(partition.name)
            async for page in adapter.read(partition, cursor, full=full or cursor is None):
                self.take(partition, page)
                if after_page is not None:
                    after_page(self.pages)
        return self

    def take(self, partition: Partition, page: Page) -> None:
        self.pages += 1
        if page.cursor is not None:
            self.cursors[partition.name] = kept(page.cursor)
        for record in page.records:
            if record.stream != self._tool.stream:
                continue
            if record.error is not None:
                self.rejected[record.id] = record
            elif record.deleted:
                self.deleted.add(record.id)
                self.records.pop(record.id, None)
            else:
                self.met.add(record.id)
                self.deleted.discard(record.id)
                self.records[record.id] = record
        if page.complete and self._tool.stream in partition.streams:
            for own in set(self.records) - self.met:
                del self.records[own]

    def titles(self) -> dict[str, Any]:
        return {own: self._tool.title(record.data) for own, record in self.records.items()}

    def known(self) -> dict[str, Any]:
        return {own: record.data for own, record in self.records.items()}


def kept(cursor: Cursor) -> Any:
    """A cursor as another process finds it."""
    again = orjson.loads(orjson.dumps(cursor))
    assert again == cursor, "a cursor is another after it was kept as JSON"
    return again


async def read_all(tool: Tool, *, page_size: int = 5) -> Seen:
    async with tool.adapter(page_size=page_size) as adapter:
        return await Seen(tool).read(adapter, full=True)


def hide_nothing(tool: Tool, error: SourceError) -> None:
    """Hold an error to what the person reading it at two in the morning needs."""
    assert error.message, "an error says what happened"
    assert error.detail or error.hint, f"an error says where, or what to do: {error.message}"
    shown: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        shown += [str(cause), repr(cause), repr(vars(cause))]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    for secret in tool.secrets():
        assert secret not in " ".join(shown), "an error shows a secret"


@contextmanager
def refused(tool: Tool, *kinds: type[SourceError]) -> Iterator[list[SourceError]]:
    """A SourceError of one of these kinds must be raised inside, fit to be shown."""
    caught: list[SourceError] = []
    with pytest.raises(kinds or SourceError) as info:
        yield caught
    caught.append(info.value)
    hide_nothing(tool, info.value)


def is_path(text: str) -> bool:
    try:
        jmespath.compile(text)
    except JMESPathError:
        return False
    return True


def numbered(count: int, word: str = "Item") -> list[str]:
    return [f"{word} {number}" for number in range(count)]


class AdapterContract:
    """Derive as `Test…` and give it a fixture `tool`."""

    @pytest.fixture(autouse=True)
    def reads_only_and_keeps_secrets(self, tool: Tool, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
        """Whatever a test does: nothing was written to the tool, and no log shows a secret."""
        caplog.set_level(logging.INFO)
        caplog.set_level(logging.DEBUG, "adapters")
        yield
        assert tool.written() == []
        assert not [secret for secret in tool.secrets() if secret in caplog.text]

    @staticmethod
    def needs(tool: Tool, what: str) -> None:
        if reason := tool.lacks.get(what):
            pytest.skip(reason)

    # --- who we are, what is there ----------------------------------------------------------------------------------

    async def test_check_names_the_account_and_the_product(self, tool: Tool) -> None:
        tool.add(numbered(2))
        async with tool.adapter() as adapter:
            identity = await adapter.check()
        assert identity.account
        assert identity.product

    async def test_discover_shows_fields_that_are_really_there_with_samples(self, tool: Tool) -> None:
        tool.add(numbered(6))
        async with tool.adapter() as adapter:
            streams = await adapter.discover()
        fields = [field for stream in streams if stream.name == tool.stream for field in stream.fields]
        assert all(field.path and field.kind for field in fields)
        for stream in streams:
            for field in stream.fields:
                # As a mapping would have to write it: `"Due date"`, with its quotes.
                assert is_path(field.path), f"discover shows {field.path!r} in {stream.name}: no JMESPath"
        sampled = [field for field in fields if field.samples]
        assert sampled, "no field has a sample"
        records = (await read_all(tool)).known().values()
        found = [field for field in sampled if any(jmespath.search(field.path, data) for data in records)]
        assert found, "no path that was shown leads anywhere"
        assert not [secret for secret in tool.secrets() if secret in repr(streams)]

    async def test_partitions_are_told_apart_and_keep_their_names(self, tool: Tool) -> None:
        tool.add(numbered(3))
        names = []
        for _ in range(2):
            async with tool.adapter() as adapter:
                whole = await adapter.partitions()
            names.append([partition.name for partition in whole])
            assert any(tool.stream in partition.streams for partition in whole)
        assert names[0] == names[1]
        assert len(set(names[0])) == len(names[0])

    # --- reading ----------------------------------------------------------------------------------------------------

    async def test_a_full_read_meets_exactly_what_is_there(self, tool: Tool) -> None:
        made = tool.add(numbered(23))
        assert set(made) <= tool.ids()
        tool.delete(made[4])
        seen = await read_all(tool)
        assert set(seen.records) == tool.ids()
        assert not seen.rejected
        for own, record in seen.records.items():
            assert own == record.id
            assert orjson.loads(record.payload) == record.data
            if record.updated_at is not None:
                assert record.updated_at.utcoffset() is not None
        assert seen.titles()[made[7]] == "Item 7"

    async def test_a_second_read_brings_what_changed(self, tool: Tool) -> None:
        made = tool.add(numbered(30))
        seen = await read_all(tool)
        for number in (3, 8, 21):
            tool.edit(made[number], f"Changed {number}")
        new = tool.add(["New"], now=True)
        async with tool.adapter() as adapter:
            await seen.read(adapter, full=False)
        assert {made[3], made[8], made[21], *new} <= seen.met
        titles = seen.titles()
        assert [titles[made[number]] for number in (3, 8, 21)] == ["Changed 3", "Changed 8", "Changed 21"]
        assert set(seen.records) == tool.ids()

    async def test_a_read_after_no_change_brings_little_and_forgets_nothing(self, tool: Tool) -> None:
        tool.add(numbered(40))
        seen = await read_all(tool)
        places = dict(seen.cursors)
        for _ in range(2):
            async with tool.adapter() as adapter:
                await seen.read(adapter, full=False)
            assert len(seen.met) <= 20, "a read of changes brings everything again"
        assert set(seen.records) == tool.ids()
        assert set(seen.cursors) == set(places)

    async def test_an_empty_tool_is_read_to_its_end(self, tool: Tool) -> None:
        seen = await read_all(tool)
        assert set(seen.records) == tool.ids()
        assert not seen.rejected
        async with tool.adapter() as adapter:
            await seen.read(adapter, full=False)
        new = tool.add(["The first"], now=True)
        async with tool.adapter() as adapter:
            await seen.read(adapter, full=False)
        assert set(new) <= set(seen.records)
        assert set(seen.records) == tool.ids()

    async def test_a_full_read_goes_on_after_any_page_in_another_process(self, tool: Tool) -> None:
        tool.add(numbered(26))
        met: set[str] = set()
        async with tool.adapter() as adapter:
            homes = [one for one in await adapter.partitions() if tool.stream in one.streams]
            read = {home.name: [page async for page in adapter.read(home, None, full=True)] for home in homes}
        for home in homes:
            whole = Seen(tool)
            for page in read[home.name]:
                whole.take(home, page)
            met |= set(whole.records)
            for stop in range(1, len(read[home.name])):
                seen = Seen(tool)
                for page in read[home.name][:stop]:
                    seen.take(home, page)
                async with tool.adapter() as adapter:
                    # Without a place so far it begins anew, as it would after a crash.
                    async for page in adapter.read(home, seen.cursors.get(home.name), full=True):
                        seen.take(home, page)
                assert set(seen.records) == set(whole.records), f"going on after page {stop} of {home.name}"
        assert met == tool.ids()

    @pytest.mark.parametrize("seed", [1, 2])
    async def test_edits_and_deletions_during_a_read_lose_nothing_that_stayed(
        self, tool: Tool, seed: int
    ) -> None:
        made = tool.add(numbered(40))
        await read_all(tool)
        rng = random.Random(seed)
        alive, titles = list(made), dict(zip(made, numbered(40), strict=True))

        def meddle(page: int) -> None:
            if page > 12:
                return
            gone = alive.pop(rng.randrange(len(alive)))
            del titles[gone]
            tool.delete(gone)
            for _ in range(2):
                changed = rng.choice(alive)
                titles[changed] = f"Edited after page {page} by {rng.random()}"
                tool.edit(changed, titles[changed])

        seen = Seen(tool)
        try:
            async with tool.adapter() as adapter:
                await seen.read(adapter, full=True, after_page=meddle)
        except (SourceMisbehaved, SourceUnavailable) as error:
            # A tool that contradicts itself while it is edited may be told so; the next run reads it.
            hide_nothing(tool, error)
            seen = await read_all(tool)
        else:
            assert set(alive) <= set(seen.records)
            async with tool.adapter() as adapter:
                await seen.read(adapter, full=False)
        assert {own: title for own, title in seen.titles().items() if own in titles} == titles
        assert set(alive) <= tool.ids()

    async def test_memory_does_not_grow_with_the_tool(self, tool: Tool) -> None:
        self.needs(tool, "pages")
        peaks = []
        # Nothing that could be packed: a workbook of one repeated letter looks like an attack.
        rng = random.Random(4)
        for more in (40, 120):
            tool.add([rng.randbytes(_FAT // 2).hex() for _ in range(more)])
            # What the fake and the libraries keep from a first read is not the adapter's.
            assert await self._count(tool) == len(tool.ids())
            measured = []
            for _ in range(
                2
            ):  # the lesser of two: what else goes on in this process is not the adapter's either
                gc.collect()
                gc.freeze()  # what is there already need not be looked through after each page
                tracemalloc.start()
                try:
                    await self._count(tool, after_page=gc.collect)
                    measured.append(tracemalloc.get_traced_memory()[1])
                finally:
                    tracemalloc.stop()
                    gc.unfreeze()
            peaks.append(min(measured))
        grown = (peaks[1] - peaks[0]) / 120
        assert grown < _FAT / 2, f"every record more costs {grown:.0f} bytes while a read lasts"

    @staticmethod
    async def _count(tool: Tool, after_page: Callable[[], object] = lambda: None) -> int:
        """How many records of the main stream a full read meets. Rubbish that the collector has not come by for is not
        kept: `after_page` may call it."""
        async with tool.adapter(page_size=10) as adapter:
            met: set[str] = set()
            for partition in await adapter.partitions():
                async for page in adapter.read(partition, None, full=True):
                    met |= {record.id for record in page.records if record.stream == tool.stream}
                    after_page()
            return len(met)

    async def test_pages_are_bounded(self, tool: Tool) -> None:
        tool.add(numbered(60))
        async with tool.adapter() as adapter:
            for partition in await adapter.partitions():
                async for page in adapter.read(partition, None, full=True):
                    assert len(page.records) <= tool.largest_page

    # --- what is gone -----------------------------------------------------------------------------------------------

    async def test_a_deletion_is_known_afterwards(self, tool: Tool) -> None:
        made = tool.add(numbered(20))
        seen = await read_all(tool)
        known = seen.known()
        tool.delete(made[2])
        tool.delete(made[9])
        async with tool.adapter() as adapter:
            await seen.read(adapter, full=False)
            again = await Seen(tool).read(adapter, full=True)
            assert set(again.records) == tool.ids()
            missing = sorted(set(known) - again.met)
            assert missing == sorted((made[2], made[9]))
            found = await adapter.locate(tool.stream, missing, known)
        assert {own for own in missing if own in seen.deleted or found.get(own) is Presence.DELETED} == set(
            missing
        )

    async def test_lost_access_is_never_taken_for_deletion(self, tool: Tool) -> None:
        self.needs(tool, "access")
        tool.add(numbered(20))
        seen = await read_all(tool)
        known = seen.known()
        hidden = tool.hide()
        assert hidden
        assert hidden < set(known)
        async with tool.adapter() as adapter:
            await seen.read(adapter, full=False)
            assert not hidden & seen.deleted
            again = await Seen(tool).read(adapter, full=True)
            assert set(again.records) == set(known) - hidden
            found = await adapter.locate(tool.stream, sorted(hidden), known)
        assert set(found) == hidden
        assert set(found.values()) <= {Presence.LOST_ACCESS, Presence.OUT_OF_SCOPE}

    async def test_locate_can_be_asked_about_every_stream_and_without_last_known_data(
        self, tool: Tool
    ) -> None:
        tool.add(numbered(2))
        async with tool.adapter() as adapter:
            ids: dict[str, str] = {}
            whole = await adapter.partitions()
            for partition in whole:
                async for page in adapter.read(partition, None, full=True):
                    ids |= {record.stream: record.id for record in page.records}
            for stream in {stream for partition in whole for stream in partition.streams} & set(ids):
                own = ids[stream]
                found = await adapter.locate(stream, [own], {own: None})
                assert set(found) <= {own}, f"{stream}: answers for what was not asked"
                assert all(isinstance(why, Presence) for why in found.values())

    # --- a bad day --------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("name", FAULTS)
    async def test_a_limping_tool_is_read_to_the_end_or_not_believed(self, tool: Tool, name: str) -> None:
        self.needs(tool, "wire")
        tool.add(numbered(24))
        known = (await read_all(tool)).known()
        # Records that are there, but not for us: what a locator that believes anything calls deleted.
        hidden = sorted(set() if "access" in tool.lacks else tool.hide())
        for every in (3, 1):
            tool.fault(name, every)
            seen = Seen(tool)
            try:
                async with tool.adapter() as adapter:
                    await seen.read(adapter, full=True)
            except (SourceUnavailable, SourceMisbehaved) as error:
                hide_nothing(tool, error)
            else:
                assert every > 1, "every answer was broken, and nobody noticed"
                assert set(seen.records) == tool.ids()
            assert not seen.deleted
            try:
                async with tool.adapter() as adapter:
                    found = await adapter.locate(tool.stream, hidden, known)
            except SourceError as error:
                hide_nothing(tool, error)
            else:
                assert Presence.DELETED not in found.values()
        tool.heal()
        assert set((await read_all(tool)).records) == tool.ids()

    async def test_a_page_to_sign_in_on_is_no_answer(self, tool: Tool) -> None:
        self.needs(tool, "wire")
        tool.add(numbered(3))
        tool.fault("html_every", 1)
        async with tool.adapter() as adapter:
            with refused(tool):
                await adapter.check()
        with refused(tool):
            await read_all(tool)

    async def test_a_tool_that_is_not_there_is_an_error_and_not_empty(self, tool: Tool) -> None:
        made = tool.add(numbered(6))
        seen = await read_all(tool)
        tool.vanish()
        with refused(tool):
            async with tool.adapter() as adapter:
                await adapter.check()
        with refused(tool):
            await read_all(tool)
        with refused(tool):
            async with tool.adapter() as adapter:
                await seen.read(adapter, full=False)
        found: Mapping[str, Presence] = {}
        try:
            async with tool.adapter() as adapter:
                found = await adapter.locate(tool.stream, made, seen.known())
        except SourceError as error:
            hide_nothing(tool, error)
        assert Presence.DELETED not in found.values()

    async def test_an_expired_token_costs_one_refresh(self, tool: Tool) -> None:
        self.needs(tool, "token")
        tool.add(numbered(30))
        seen = Seen(tool)
        async with tool.adapter() as adapter:
            await adapter.partitions()
            before = tool.renewals()
            tool.expire()
            await seen.read(adapter, full=True)
        assert tool.renewals() == before + 1
        assert set(seen.records) == tool.ids()

    async def test_a_revoked_token_ends_a_run_with_one_clear_message_and_no_hammering(
        self, tool: Tool
    ) -> None:
        self.needs(tool, "token")
        tool.add(numbered(60))
        asked = 0

        def revoke(page: int) -> None:
            nonlocal asked
            if not asked:
                tool.revoke()
                asked = tool.requests()

        with refused(tool, SourceRefused) as caught:
            async with tool.adapter() as adapter:
                await Seen(tool).read(adapter, full=True, after_page=revoke)
            if "pages" in tool.lacks:  # all was read before it was revoked: the next run notices
                await read_all(tool)
        assert asyncio.all_tasks() == {asyncio.current_task()}, "requests go on after the run has ended"
        assert caught[0].hint, "the message does not say what to do"
        assert tool.requests() - asked <= _A_HANDFUL
        asked = tool.requests()
        with refused(tool, SourceRefused) as caught:
            async with tool.adapter() as adapter:
                await adapter.check()
        assert caught[0].hint, "the message does not say what to do"
        assert tool.requests() - asked <= _A_HANDFUL

    # --- what people write --------------------------------------------------------------------------------------------

    async def test_hostile_names_arrive_as_they_were_written(self, tool: Tool) -> None:
        names = list(HOSTILE) if "nul" in tool.lacks else [*HOSTILE, NUL]
        made = [*tool.add(numbered(3)), *tool.add(names), *tool.add(numbered(3, "Neighbour"))]
        seen = await read_all(tool)
        titles = seen.titles()
        assert set(titles) == tool.ids()
        assert [titles[own] for own in made] == [*numbered(3), *names, *numbered(3, "Neighbour")]
        for record in seen.records.values():
            orjson.dumps(record.data)

    async def test_a_record_that_cannot_be_read_is_set_aside_and_its_neighbours_arrive(
        self, tool: Tool
    ) -> None:
        self.needs(tool, "unreadable")
        made = tool.add(numbered(4))
        tool.add_unreadable()
        made += tool.add(numbered(4, "Neighbour"))
        seen = await read_all(tool)
        assert set(made) <= set(seen.records)
        (aside,) = seen.rejected.values()
        assert aside.error is not None
        assert aside.payload
        hide_nothing(tool, aside.error)
