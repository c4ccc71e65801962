"""Proof of sync: what the tool has, counted by ids, beside what the register has, and why each difference is there.

Reads the tool and the register; writes nothing. Of each record sixteen bytes are kept; of records that only one side
has, their names.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast
from uuid import UUID

from adapters.base import Adapter, Census, Counted, Presence
from adapters.errors import our_own_trouble
from portbook.errors import Problem
from register.db import Pool
from register.ids import derive_id
from register.rejections import open_rejections
from register.write import stored_payloads
from workers.sweep import LOCATE_CHUNK, decoded_or_none

MARGIN = timedelta(minutes=5)
"""The tool's clock and index, and ours."""
BATCH = 2_000

SET_ASIDE = "set aside"
SINCE = "changed since the last run"
CAME_BACK = "visible again"
RETIRED = "out of scope"
MISSING = "in the tool, not in the register"
HIDDEN = "in the tool, shown as gone"
ELSEWHERE = "in another project of the tool"
UNKNOWN = "in the register, unknown to the tool"
UNEXPLAINED = (MISSING, HIDDEN, ELSEWHERE, UNKNOWN)


class NeverRead(Problem):
    """There is nothing to compare with."""

    code = "RUN004"


class Odd(NamedTuple):
    """A record that the two sides do not agree about."""

    stream: str
    id: str
    project: str
    """As people call it."""
    why: str


@dataclass
class Line:
    """One stream in one project."""

    tool: int = 0
    register: int = 0
    odd: dict[str, int] = field(default_factory=dict)

    @property
    def unexplained(self) -> int:
        return sum(self.odd.get(why, 0) for why in UNEXPLAINED)


@dataclass
class Proof:
    """What a census came to."""

    source: str
    counted: list[str]
    """The streams it accounts for."""
    read_whole: bool
    """The tool has no listing of ids: everything was read again."""
    lines: dict[tuple[str, str], Line] = field(default_factory=dict)
    """(stream, project) → how many."""
    odd: list[Odd] = field(default_factory=list)
    not_counted: list[str] = field(default_factory=list)
    """Streams the register has records of and this census says nothing about."""

    @property
    def unexplained(self) -> int:
        return sum(line.unexplained for line in self.lines.values())

    def line(self, stream: str, project: str) -> Line:
        return self.lines.setdefault((stream, project), Line())


class _Doubtful(NamedTuple):
    """In the tool, and not the same in the register."""

    counted: Counted
    presence: str | None
    """None: not in the register."""


Watch = Callable[[int], None]


async def prove(pool: Pool, source: str, adapter: Adapter, *, watch: Watch = lambda counted: None) -> Proof:
    """Compare. The adapter is open. Raises NeverRead, and whatever the tool refuses."""
    row = await pool.fetchrow("SELECT fresh_at, complete_at FROM source WHERE key = $1", source)
    if row is None or row["complete_at"] is None:
        raise NeverRead(
            f"{source} was never read completely, so there is nothing to prove",
            hint=f"Run `portbook sync {source}` first.",
        )
    with our_own_trouble():
        await adapter.check()
        streams = list(await adapter.counted()) if isinstance(adapter, Census) else []
        partitions = [] if streams else await adapter.partitions()
    whole = not streams
    streams = streams or sorted({stream for partition in partitions for stream in partition.streams})
    proof = Proof(source, streams, whole)
    retired = await pool.fetchval(
        "SELECT EXISTS (SELECT FROM audit WHERE action = 'retire' AND subject = $1 AND at > $2)",
        source,
        row["complete_at"],
    )
    comparing = _Comparing(
        pool, source, adapter, proof, row["fresh_at"] or row["complete_at"], retired=retired
    )
    await comparing.begin()
    pages = _read_whole(adapter, streams) if whole else cast(Census, adapter).census()
    async with contextlib.aclosing(cast(Any, pages)) as found:
        while True:
            with our_own_trouble():
                page = await anext(found, None)
            if page is None:
                break
            for start in range(0, len(page), BATCH):
                await comparing.take(page[start : start + BATCH])
            watch(len(comparing.met))
    await comparing.judge_doubtful()
    await comparing.judge_unmet()
    await comparing.name_projects()
    return proof


async def _read_whole(adapter: Adapter, streams: Sequence[str]) -> AsyncIterator[list[Counted]]:
    """What a complete read meets, for tools that cannot list ids alone."""
    wanted = set(streams)
    for partition in await adapter.partitions():
        async with contextlib.aclosing(cast(Any, adapter.read(partition, None, full=True))) as pages:
            async for page in pages:
                yield [Counted(r.stream, r.id) for r in page.records if r.stream in wanted and not r.deleted]


class _Comparing:
    def __init__(
        self,
        pool: Pool,
        source: str,
        adapter: Adapter,
        proof: Proof,
        fresh_at: datetime,
        *,
        retired: bool,
    ) -> None:
        self._pool = pool
        self._source = source
        self._adapter = adapter
        self._proof = proof
        self._fresh_at = fresh_at
        self._retired = retired
        """Somebody has retired something of the source since it was last read completely: what of that is selected
        again comes back with the next complete run, and one before would have brought it back."""
        self._doubtful: list[_Doubtful] = []
        self._projects: dict[str, tuple[str, str]] = {}
        """Own id in the register → (the tool's id, what people call it)."""
        self._set_aside: set[str] = set()
        self.met: set[bytes] = set()

    async def begin(self) -> None:
        rows = await self._pool.fetch(
            """
            SELECT c.own_id::text, r.source_id, coalesce(c.values->>'key', c.values->>'title', r.source_id)
            FROM source_record r JOIN claim c ON c.record_id = r.id AND c.entity = 'project' WHERE r.source = $1
            """,
            self._source,
        )
        self._projects = {own_id: (source_id, name) for own_id, source_id, name in rows}
        self._set_aside = await open_rejections(self._pool, self._source)
        stored = await self._pool.fetch(
            "SELECT DISTINCT stream FROM source_record WHERE source = $1 AND presence = 'present'",
            self._source,
        )
        self._proof.not_counted = sorted({row[0] for row in stored} - set(self._proof.counted))

    async def take(self, page: Sequence[Counted]) -> None:
        """Look a batch up in the register."""
        ids: dict[str, Counted] = {}
        for counted in page:
            record_id = derive_id(self._source, counted.stream, counted.id)
            if (own := UUID(record_id).bytes) not in self.met:
                self.met.add(own)
                ids[record_id] = counted
        known = {row[0]: (row[1], row[2]) for row in await self._pool.fetch(_KNOWN, list(ids))}
        for record_id, counted in ids.items():
            presence, project_ids = known.get(record_id, (None, ()))
            homes = self._homes(project_ids)
            line = self._proof.line(counted.stream, counted.project or next(iter(homes), ""))
            line.tool += 1
            if record_id in self._set_aside and presence is None:
                self._say(counted.stream, counted.id, counted.project, SET_ASIDE)
            elif presence != "present":
                self._doubtful.append(_Doubtful(counted, presence))
            elif homes and counted.project and counted.project not in homes:
                line.register += 1
                self._doubtful.append(_Doubtful(counted, presence))
            else:
                line.register += 1

    async def judge_doubtful(self) -> None:
        """What is in the tool and not, or not so, in the register: new, changed, come back, or lost on our side."""
        for stream in sorted({d.counted.stream for d in self._doubtful}):
            mine = [d for d in self._doubtful if d.counted.stream == stream]
            for start in range(0, len(mine), LOCATE_CHUNK):
                chunk = mine[start : start + LOCATE_CHUNK]
                changed: Mapping[str, datetime] = {}
                if isinstance(self._adapter, Census):
                    with our_own_trouble():
                        changed = await self._adapter.changed(stream, [d.counted.id for d in chunk])
                for doubtful in chunk:
                    counted = doubtful.counted
                    moment = changed.get(counted.id)
                    recent = moment is not None and moment > self._fresh_at - MARGIN
                    self._say(
                        stream, counted.id, counted.project, self._why(doubtful.presence, recent=recent)
                    )

    async def judge_unmet(self) -> None:
        """What the register shows and the census did not meet: the tool is asked why."""
        after = UUID(int=0)
        while rows := await self._pool.fetch(_PRESENT, self._source, self._proof.counted, after):
            after = rows[-1][0]
            unmet = [row for row in rows if row[0].bytes not in self.met]
            for stream in sorted({row[1] for row in unmet}):
                mine = [row for row in unmet if row[1] == stream]
                for start in range(0, len(mine), LOCATE_CHUNK):
                    await self._ask_why(stream, mine[start : start + LOCATE_CHUNK])

    async def _ask_why(self, stream: str, rows: Sequence[Any]) -> None:
        payloads = await stored_payloads(self._pool, [str(row[0]) for row in rows])
        last_known = {source_id: decoded_or_none(payloads[str(own)]) for own, _, source_id, _ in rows}
        with our_own_trouble():
            answers = await self._adapter.locate(stream, list(last_known), last_known)
        for _, _, source_id, project_ids in rows:
            home = next(iter(self._homes(project_ids)), "")
            line = self._proof.line(stream, home)
            line.register += 1
            answer = answers.get(source_id)
            if answer is Presence.PRESENT:
                line.tool += 1  # it moved about while ids were listed
            else:
                self._say(stream, source_id, home, UNKNOWN if answer is None else answer.value)

    def _homes(self, project_ids: Sequence[str]) -> list[str]:
        """The tool's ids of these projects."""
        return [self._projects[own_id][0] for own_id in project_ids if own_id in self._projects]

    def _why(self, presence: str | None, *, recent: bool) -> str:
        if presence == "out_of_scope" and self._retired:
            return RETIRED
        if recent:
            return SINCE
        if presence == "present":
            return ELSEWHERE
        if presence in ("lost_access", "archived"):
            return CAME_BACK
        return MISSING if presence is None else HIDDEN

    def _say(self, stream: str, source_id: str, project: str, why: str) -> None:
        line = self._proof.line(stream, project)
        line.odd[why] = line.odd.get(why, 0) + 1
        self._proof.odd.append(Odd(stream, source_id, project, why))

    async def name_projects(self) -> None:
        """Call projects what people call them."""
        names = dict(self._projects.values())
        named: dict[tuple[str, str], Line] = {}
        for (stream, project), line in sorted(self._proof.lines.items()):
            named[stream, names.get(project, project)] = line
        self._proof.lines = named
        self._proof.odd = [
            odd._replace(project=names.get(odd.project, odd.project)) for odd in self._proof.odd
        ]


_KNOWN = """
    SELECT r.id::text, r.presence,
           ARRAY(SELECT DISTINCT c.values->>'project_id' FROM claim c
                 WHERE c.record_id = r.id AND c.values->>'project_id' IS NOT NULL ORDER BY 1)
    FROM source_record r WHERE r.id = ANY($1::uuid[])
"""
_PRESENT = """
    SELECT r.id, r.stream, r.source_id,
           ARRAY(SELECT DISTINCT c.values->>'project_id' FROM claim c
                 WHERE c.record_id = r.id AND c.values->>'project_id' IS NOT NULL ORDER BY 1)
    FROM source_record r
    WHERE r.source = $1 AND r.stream = ANY($2::text[]) AND r.presence = 'present' AND r.id > $3
    ORDER BY r.id LIMIT 2000
"""
