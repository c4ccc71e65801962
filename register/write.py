"""One transaction per page: raw records, claims, rows, history, events, findings, counters and cursor, or nothing.

The page begins by proving that its writer still holds the source's lease, which also keeps everybody else from
taking it until the commit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import orjson

from register.belief import resolve_references
from register.claims import Claimed, copy_claims
from register.copy import NULL, big_integer, blob, copy_in, moment, one_row, text, uuid, uuids
from register.db import Connection, Pool
from register.findings import (
    DOUBLED,
    PER_VALUE,
    FindingDraft,
    close_findings,
    close_findings_of,
    close_mapping_findings,
    close_settled_values,
    open_findings,
)
from register.identity import Uniter
from register.lease import Held, fence
from register.merge import Change, insert_rows, merge_rows, write_events
from register.policy import Policy
from register.settled import IDENTITY_LOCK, Memory, Settled, read_settled


class Said(Protocol):
    """What a record says about one row (`mapping.apply.MappedRow`)."""

    @property
    def entity(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def source_id(self) -> str: ...
    @property
    def values(self) -> dict[str, Any]: ...
    @property
    def references(self) -> Sequence[Any]: ...
    @property
    def shared(self) -> bool: ...


class Known(NamedTuple):
    """What is stored of a record."""

    content_hash: bytes
    presence: str


class Incoming(NamedTuple):
    """A record to store: raw, and what the mapping made of it."""

    id: str
    stream: str
    source_id: str
    payload: bytes
    content_hash: bytes
    updated_at: datetime | None
    rows: Sequence[Said]
    findings: Sequence[FindingDraft]

    @property
    def unmapped(self) -> list[str] | None:
        """The findings about values that this record shares with others."""
        return [finding.id for finding in self.findings if finding.code in PER_VALUE] or None


@dataclass(slots=True)
class Counts:
    """A run's accounts: seen = stored + unchanged + quarantined, or something was lost on the way."""

    seen: int = 0
    stored: int = 0
    unchanged: int = 0
    quarantined: int = 0
    vanished: int = 0
    rows_changed: int = 0

    def __iadd__(self, other: Counts) -> Counts:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self

    @property
    def balanced(self) -> bool:
        return self.seen == self.stored + self.unchanged + self.quarantined


class Place(NamedTuple):
    """How far a partition has been read once a page is stored."""

    partition: str
    cursor: Mapping[str, Any] | None
    seen: int
    done: bool
    expected: int | None = None


@dataclass(slots=True)
class PageWrite:
    """The open transaction of a page."""

    connection: Connection
    source: str
    run_id: int | None
    policy: Policy
    memory: Memory
    may_unite: bool
    settled: Settled
    counts: Counts = field(default_factory=Counts)

    async def store(self, new: Sequence[Incoming], changed: Sequence[Incoming], mapping_version: str) -> None:
        """Store records with everything that follows from them. `changed` ones are known already."""
        if not new and not changed:
            return
        await self._unite(new, changed)
        if new:
            await self._insert_records(new)
        if changed:
            await self._update_records(changed)
        touched = await self._write_claims(new, changed, mapping_version)
        changes = await self._insert_fresh_rows(new)
        for entity, ids in touched.items():
            changes += await merge_rows(self.connection, entity, ids, self.policy, self.settled)
        await write_events(self.connection, changes, cause="sync", run_id=self.run_id)
        self.counts.rows_changed += len(changes)
        found = [finding for record in (*new, *changed) for finding in record.findings]
        await close_findings(self.connection, [r.id for r in changed], keep=found)
        await open_findings(self.connection, found, run_id=self.run_id)

    async def touch(self, records: Sequence[Incoming]) -> None:
        """Keep the new payload of records whose meaning has not changed (a row moved, keys came in another order).
        They were not mapped: what was found about them stays."""
        if not records:
            return
        done = await self.connection.execute(
            """
            UPDATE source_record r
            SET content_hash = n.content_hash, payload = n.payload, updated_at = n.updated_at, stored_at = now(),
                run_id = $5
            FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::timestamptz[])
                 n (id, content_hash, payload, updated_at)
            WHERE r.id = n.id
            """,
            [r.id for r in records],
            [r.content_hash for r in records],
            [r.payload for r in records],
            [r.updated_at for r in records],
            self.run_id,
        )
        self.counts.unchanged += _rows(done)

    async def met(self, ids: Sequence[str]) -> None:
        """In a complete run: these are still there. Records stored by this very run need no such mark."""
        if ids:
            await self.connection.execute(
                "INSERT INTO sweep_seen SELECT $1, unnest($2::uuid[]) ON CONFLICT DO NOTHING",
                self.run_id,
                list(ids),
            )

    async def mark(self, presences: Mapping[str, str], *, cause: str = "presence") -> int:
        """Give records that are no longer there their reason, and let their rows say so. Returns how many records
        PostgreSQL changed."""
        if not presences:
            return 0
        marked = await self.connection.fetch(
            """
            UPDATE source_record r SET presence = m.presence, run_id = $3
            FROM unnest($1::uuid[], $2::text[]) m (id, presence)
            WHERE r.id = m.id AND r.presence <> m.presence RETURNING r.unmapped IS NOT NULL
            """,
            list(presences),
            list(presences.values()),
            self.run_id,
        )
        await close_mapping_findings(self.connection, list(presences), keep=())
        await close_findings_of(self.connection, [(record_id, DOUBLED) for record_id in presences])
        if any(had_unmapped for (had_unmapped,) in marked):
            await close_settled_values(self.connection, self.source)
        rows = await self.connection.fetch(
            "SELECT entity, entity_id::text FROM claim WHERE record_id = ANY($1::uuid[])", list(presences)
        )
        touched: dict[str, set[str]] = {}
        for entity, entity_id in rows:
            touched.setdefault(entity, set()).add(entity_id)
        changes: list[Change] = []
        for entity in sorted(touched):
            changes += await merge_rows(self.connection, entity, touched[entity], self.policy, self.settled)
        await write_events(self.connection, changes, cause=cause, run_id=self.run_id)
        self.counts.rows_changed += len(changes)
        self.counts.vanished += len(presences)
        return len(marked)

    async def outdate(self, partitions: Sequence[str]) -> None:
        """The source's cursors of these no longer say what is stored of them. Where the run ends well, its own take
        their place."""
        if partitions:
            await self.connection.execute(
                "DELETE FROM partition_cursor WHERE source = $1 AND name = ANY($2::text[])",
                self.source,
                list(partitions),
            )

    async def advance(self, places: Sequence[Place]) -> None:
        """Write the cursors and add the page's counts to the run's."""
        await self.connection.executemany(
            """
            INSERT INTO run_partition AS p (run_id, name, cursor, done, seen, expected)
            VALUES ($1, $2, $3::jsonb, $4, $5, $6)
            ON CONFLICT (run_id, name) DO UPDATE
            SET cursor = coalesce(excluded.cursor, p.cursor), done = excluded.done, seen = p.seen + excluded.seen,
                expected = coalesce(excluded.expected, p.expected)
            """,
            [(self.run_id, p.partition, _json(p.cursor), p.done, p.seen, p.expected) for p in places],
        )
        c = self.counts
        await self.connection.execute(
            """
            UPDATE run SET seen = seen + $2, stored = stored + $3, unchanged = unchanged + $4,
                quarantined = quarantined + $5, vanished = vanished + $6, rows_changed = rows_changed + $7
            WHERE id = $1
            """,
            self.run_id, c.seen, c.stored, c.unchanged, c.quarantined, c.vanished, c.rows_changed,
        )  # fmt: skip

    async def _unite(self, new: Sequence[Incoming], changed: Sequence[Incoming]) -> None:
        """Let rows that rules say are one thing become one, before anything refers to them."""
        rows = [row for record in (*new, *changed) for row in record.rows]
        uniter = Uniter(
            self.connection, self.source, self.run_id, self.policy, self.memory, self.settled,
            may_write=self.may_unite,
        )  # fmt: skip
        self.settled = await uniter.unite(rows)

    async def _insert_records(self, records: Sequence[Incoming]) -> None:
        source, run = text(self.source), NULL if self.run_id is None else big_integer(self.run_id)
        rows = (
            one_row(
                uuid(r.id),
                source,
                text(r.stream),
                text(r.source_id),
                blob(r.content_hash),
                NULL if r.updated_at is None else moment(r.updated_at),
                run,
                NULL if (unmapped := r.unmapped) is None else uuids(unmapped),
                blob(r.payload),
            )
            for r in records
        )
        columns = (
            "id", "source", "stream", "source_id", "content_hash", "updated_at", "run_id", "unmapped", "payload",
        )  # fmt: skip
        done = await copy_in(self.connection, "source_record", columns, rows)
        self.counts.stored += _rows(done)

    async def _update_records(self, records: Sequence[Incoming]) -> None:
        done = await self.connection.execute(
            """
            UPDATE source_record r
            SET content_hash = n.content_hash, payload = n.payload, updated_at = n.updated_at, presence = 'present',
                unmapped = CASE WHEN n.unmapped IS NULL THEN NULL ELSE string_to_array(n.unmapped, ',')::uuid[] END,
                stored_at = now(), run_id = $5
            FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::timestamptz[], $6::text[])
                 n (id, content_hash, payload, updated_at, unmapped)
            WHERE r.id = n.id
            """,
            [r.id for r in records],
            [r.content_hash for r in records],
            [r.payload for r in records],
            [r.updated_at for r in records],
            self.run_id,
            # An array of arrays would have to be rectangular.
            [",".join(r.unmapped) if r.unmapped else None for r in records],
        )
        self.counts.stored += _rows(done)

    def _entity_id(self, row: Said) -> str:
        return self.settled.row(row.id)

    def _fresh(self, row: Said) -> bool:
        """A row that only its own, new record tells of: it cannot be there yet."""
        return not row.shared and row.entity not in self.policy.merged and not self.settled.involved(row.id)

    async def _write_claims(
        self, new: Sequence[Incoming], changed: Sequence[Incoming], mapping_version: str
    ) -> dict[str, set[str]]:
        """Store what the records say. Returns the rows to merge: entity → ids."""
        touched: dict[str, set[str]] = {}
        claims = [
            Claimed(record.id, said.id, said.entity, self._entity_id(said), said.values)
            for record in (*new, *changed)
            for said in record.rows
        ]
        for record in new:
            for said in record.rows:
                if not self._fresh(said):
                    touched.setdefault(said.entity, set()).add(self._entity_id(said))
        if changed:
            await self._take_claims_back(changed, touched)
        await copy_claims(self.connection, claims, self.source, mapping_version)
        return touched

    async def _take_claims_back(self, changed: Sequence[Incoming], touched: dict[str, set[str]]) -> None:
        """Remove what changed records said before; adds the rows they told of, and tell of now, to `touched`."""
        gone = await self.connection.fetch(
            "DELETE FROM claim WHERE record_id = ANY($1::uuid[]) RETURNING entity, entity_id::text",
            [record.id for record in changed],
        )
        for entity, entity_id in gone:
            touched.setdefault(entity, set()).add(entity_id)
        for record in changed:
            for said in record.rows:
                touched.setdefault(said.entity, set()).add(self._entity_id(said))

    async def _insert_fresh_rows(self, new: Sequence[Incoming]) -> list[Change]:
        """The fast path of a first load: rows that can only be new are copied in without looking."""
        by_entity: dict[str, list[dict[str, Any]]] = {}
        changes: list[Change] = []
        for record in new:
            for row in record.rows:
                if not self._fresh(row):
                    continue
                values = resolve_references(row.entity, row.values, self.settled.shown)
                values = {
                    **values, "id": row.id, "source": self.source, "source_id": row.source_id, "presence": "present",
                }  # fmt: skip
                by_entity.setdefault(row.entity, []).append(values)
                changes.append(Change(row.entity, row.id, 1, None))
        for entity, rows in by_entity.items():
            await insert_rows(self.connection, entity, rows)
        return changes


async def known_records(pool: Pool, ids: Sequence[str]) -> dict[str, Known]:
    """What is stored of these records; those never seen are left out. Stays true for as long as the caller holds
    the source's lease and writes nothing itself."""
    rows = await pool.fetch(
        "SELECT id::text, content_hash, presence FROM source_record WHERE id = ANY($1::uuid[])", list(ids)
    )
    return {row_id: Known(content_hash, presence) for row_id, content_hash, presence in rows}


async def overtaken(
    pool: Pool, run_id: int, records: Mapping[str, datetime | None], asked_at: datetime
) -> set[str]:
    """Those of these records (id → how new) that were asked for at that time, and of which the run has found something
    newer since: it stored a later state, or found them gone. Where the tool tells no state's time, ours decides."""
    rows = await pool.fetch(
        """
        SELECT r.id::text FROM source_record r
        JOIN unnest($2::uuid[], $3::timestamptz[]) n (id, updated_at) USING (id)
        WHERE r.run_id = $1 AND (r.presence <> 'present'
            OR coalesce(r.updated_at > n.updated_at, r.stored_at >= $4))
        """,
        run_id,
        list(records),
        list(records.values()),
        asked_at,
    )
    return {row[0] for row in rows}


async def stored_payloads(pool: Pool, ids: Sequence[str]) -> dict[str, bytes]:
    """The payloads of these records, as last stored."""
    return dict(
        await pool.fetch("SELECT id::text, payload FROM source_record WHERE id = ANY($1::uuid[])", list(ids))
    )


@asynccontextmanager
async def page(
    pool: Pool,
    held: Held,
    *,
    source: str,
    run_id: int,
    policy: Policy,
    memory: Memory,
    may_unite: bool = False,
) -> AsyncIterator[PageWrite]:
    """Open a page's transaction; leaving it commits, an exception rolls everything back.

    Raises LeaseLost when another worker has taken over. Raises NeedsIdentity when the page brings rows that rules
    may join with others: repeat it with `may_unite`, which waits until no other page is being written.
    """
    async with pool.acquire() as connection, connection.transaction():
        lock = "pg_advisory_xact_lock" if may_unite else "pg_advisory_xact_lock_shared"
        await connection.execute(f"SELECT {lock}({IDENTITY_LOCK})")
        await fence(connection, held)
        settled = await read_settled(connection, memory)
        yield PageWrite(connection, source, run_id, policy, memory, may_unite, settled)


def _rows(command_tag: str) -> int:
    """How many rows PostgreSQL says it wrote ("COPY 600", "UPDATE 3"): what a run counts as stored, so that its
    accounts balance only when nothing was lost on the way."""
    return int(command_tag.rpartition(" ")[2])


def _json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else orjson.dumps(value).decode()
