"""Saying anew what stored records say, with another mapping: the records stay, their claims follow, and rows with
them. Set-based, a batch at a time; what comes out the same is not written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from register.claims import Claimed, change_claims, copy_claims, same
from register.db import Connection
from register.findings import PER_VALUE, FindingDraft, close_mapping_findings, open_findings
from register.identity import NeedsIdentity, Uniter
from register.links import Edge, Links
from register.matches import SAME_AS, values_at
from register.merge import merge_rows, write_events
from register.write import PageWrite, Said

CAUSE = "remap"
ID_BYTES = 16
_WHO = ("key", "code", "email", "url", "title", SAME_AS, "custom")
"""What links and match rules look at, whatever the configuration says."""


class Told(NamedTuple):
    """A claim as stored."""

    values: dict[str, Any]
    mapping: str | None
    """Version of the mapping that made it. None: to be said anew although nothing else may come out, since what it
    refers to has come apart."""


class Stored(NamedTuple):
    """A record as stored, with what it says so far."""

    id: str
    stream: str
    source_id: str
    payload: bytes
    presence: str
    unmapped: list[str] | None
    doubtful: bool
    """Something in it was not understood."""
    told: Mapping[tuple[str, str], Told]
    """(entity, own id) → claim."""


class Anew(NamedTuple):
    """What a record says with the mapping of now."""

    record: Stored
    rows: Sequence[Said]
    findings: Sequence[FindingDraft]

    @property
    def unmapped(self) -> list[str] | None:
        return sorted(finding.id for finding in self.findings if finding.code in PER_VALUE) or None


class Left(NamedTuple):
    """Records that may come to say something else."""

    stream: str
    versions: tuple[str | None, ...]
    """Of the mappings that their claims were made with; none: they say nothing."""
    doubtful: bool
    """Something in them was not understood."""
    ids: bytes
    """16 bytes each, as a rule in the order in which the records lie."""


async def left(
    connection: Connection, source: str, same: Collection[tuple[str, str]], streams: Sequence[str]
) -> list[Left]:
    """All records whose claims were made with another mapping than those that say the `same` of their stream, or that
    say nothing although a rule may read them. Those about which the mapping has nothing to say are among them every
    time."""
    # All at once: to find the next thousand, PostgreSQL would look at every record of the source again. Sorted first,
    # then grouped by hash: sorting by lists of mappings took longer than all the rest.
    found = await connection.fetch(
        """
        SELECT stream, mappings, doubtful, string_agg(uuid_send(id), ''::bytea) FROM (
            SELECT r.id, r.stream, c.mappings, r.unmapped IS NOT NULL OR f.record_id IS NOT NULL AS doubtful
            FROM source_record r LEFT JOIN (
                SELECT record_id, array_agg(DISTINCT mapping) AS mappings FROM claim WHERE source = $1
                GROUP BY record_id
            ) c ON c.record_id = r.id LEFT JOIN (
                SELECT DISTINCT record_id FROM finding WHERE source = $1 AND closed_at IS NULL AND code LIKE 'MAP%'
            ) f ON f.record_id = r.id LEFT JOIN (
                SELECT stream, array_agg(version) AS versions FROM unnest($3::text[], $4::text[]) n (stream, version)
                GROUP BY stream
            ) s ON s.stream = r.stream
            WHERE r.source = $1 AND CASE WHEN c.mappings IS NULL THEN r.stream = ANY($2::text[])
                                    ELSE s.versions IS NULL OR NOT c.mappings <@ s.versions END
            ORDER BY r.ctid) l
        GROUP BY stream, mappings, doubtful ORDER BY stream, mappings, doubtful
        """,
        source,
        list(streams),
        [stream for stream, _ in same],
        [version for _, version in same],
    )
    return [Left(stream, tuple(mappings or ()), doubtful, ids) for stream, mappings, doubtful, ids in found]


async def stored(connection: Connection, packed: bytes) -> list[Stored]:
    """These records, as `left` names them."""
    ids = [UUID(bytes=packed[at : at + ID_BYTES]) for at in range(0, len(packed), ID_BYTES)]
    records = await connection.fetch(
        "SELECT id::text, stream, source_id, payload, presence, unmapped::text[] FROM source_record "
        "WHERE id = ANY($1::uuid[]) ORDER BY id",
        ids,
    )
    found = await connection.fetch(
        "SELECT DISTINCT record_id::text FROM finding "
        "WHERE record_id = ANY($1::uuid[]) AND closed_at IS NULL AND code LIKE 'MAP%'",
        ids,
    )
    doubtful = {row[0] for row in found}
    told: dict[str, dict[tuple[str, str], Told]] = {record[0]: {} for record in records}
    # A look into the index for each, also of a table that was just filled and that PostgreSQL knows nothing of.
    for record_id, entity, own_id, values, mapping in await connection.fetch(
        """
        SELECT c.* FROM unnest($1::uuid[]) r (id) CROSS JOIN LATERAL (
            SELECT record_id::text, entity, own_id::text, values, mapping FROM claim WHERE record_id = r.id OFFSET 0
        ) c
        """,
        ids,
    ):
        told[record_id][entity, own_id] = Told(orjson.loads(values), mapping)
    return [
        Stored(
            row_id,
            stream,
            source_id,
            payload,
            presence,
            unmapped,
            bool(unmapped) or row_id in doubtful,
            told[row_id],
        )
        for row_id, stream, source_id, payload, presence, unmapped in records
    ]


async def restate(write: PageWrite, said: Sequence[Anew], version: str, known: Collection[str] = ()) -> int:
    """Let these records say what they say now; returns how many say something else than before. What comes out the
    same keeps the version of the mapping that made it, if it is one of those `known` and made as many rows. Raises
    NeedsIdentity as a page does."""
    changed = [anew for anew in said if _differs(anew)]
    unsettled = [anew for anew in said if _unsettled(anew)]
    await _withdraw_stale_links(write, changed)
    uniter = Uniter(
        write.connection, write.source, write.run_id, write.policy, write.memory, write.settled,
        may_write=write.may_unite, cause=CAUSE,
    )  # fmt: skip
    rows = {id(row): row for anew in (*changed, *unsettled) for row in anew.rows}
    write.settled = await uniter.unite(rows.values(), as_before=_as_before(changed, unsettled))
    touched = await _write_claims(write, changed, version)
    await _stamp_claims(write, said, version, known)
    changes = []
    for entity, ids in sorted(touched.items()):
        changes += await merge_rows(write.connection, entity, ids, write.policy, write.settled)
    await write_events(write.connection, changes, cause=CAUSE, run_id=write.run_id)
    write.counts.rows_changed += len(changes)
    await _follow_findings(write, said)
    return len(changed)


def _differs(anew: Anew) -> bool:
    told = anew.record.told
    return len(told) != len(anew.rows) or any(
        (before := told.get((row.entity, row.id))) is None or not same(before.values, row.values)
        for row in anew.rows
    )


def _lost_a_row(anew: Anew) -> bool:
    return bool(anew.record.told.keys() - {(row.entity, row.id) for row in anew.rows})


def _unsettled(anew: Anew) -> bool:
    return any(before.mapping is None for before in anew.record.told.values())


def _as_before(changed: Iterable[Anew], unsettled: Iterable[Anew]) -> set[str]:
    """Own ids of rows of which nothing has changed that says who they are."""
    found = {row.id for anew in unsettled for row in anew.rows}
    for anew in changed:
        for row in anew.rows:
            before = anew.record.told.get((row.entity, row.id))
            if before is not None and all(before.values.get(c) == row.values.get(c) for c in _WHO):
                found.add(row.id)
            else:
                found.discard(row.id)
    return found


async def _withdraw_stale_links(write: PageWrite, changed: Sequence[Anew]) -> None:
    """Take back links that rest on a value which the mapping of before read and that of now does not. (What is edited
    in a tool takes no link back: people look after both.)"""
    lost = [
        (row.entity, row.id, column, word)
        for anew in changed
        for row in anew.rows
        if row.entity in write.policy.merged and (before := anew.record.told.get((row.entity, row.id)))
        for column in write.policy.match.get(row.entity, ())
        for word in words(before.values, column) - words(row.values, column)
    ]
    if not lost:
        return
    stale = await write.connection.fetch(
        """
        SELECT DISTINCT l.id::text, l.entity, l.first_id::text, l.second_id::text, l.rule FROM link l
        JOIN unnest($1::text[], $2::uuid[], $3::text[], $4::text[]) w (entity, own_id, field, word)
          ON l.entity = w.entity AND w.own_id IN (l.first_id, l.second_id)
        WHERE l.state = 'applied' AND l.rule IN ('match on ' || w.field, 'match on reference')
          AND rtrim(lower(btrim(l.evidence)), '/') = w.word
        ORDER BY 2, 1
        """,
        *map(list, zip(*lost, strict=True)),
    )
    if not stale:
        return
    if not write.may_unite:
        raise NeedsIdentity
    write.settled = write.settled.copy()
    links = Links(write.connection, write.settled, write.policy, run_id=write.run_id)
    for entity, several in groupby(stale, key=lambda row: row[1]):
        edges = [Edge(link_id, first, second, rule) for link_id, _, first, second, rule in several]
        await links.withdraw(entity, edges, "the mapping no longer reads what it rests on")
    write.counts.rows_changed += len(await links.write_events(CAUSE))


def words(values: Mapping[str, Any], column: str) -> set[str]:
    """What a match on this field compares."""
    found = values_at(values, column)
    return {
        word.strip().lower().rstrip("/")
        for word in (found if isinstance(found, list) else [found])
        if isinstance(word, str)
    }


async def _write_claims(write: PageWrite, changed: Sequence[Anew], version: str) -> dict[str, set[str]]:
    """Returns the rows to merge: entity → ids."""
    touched: dict[str, set[str]] = {}
    gone: list[tuple[str, str, str]] = []
    replaced: list[tuple[str, str, str, Mapping[str, Any], Mapping[str, Any]]] = []
    new: list[Claimed] = []
    for anew in changed:
        record, says = anew.record, {(row.entity, row.id): row for row in anew.rows}
        for entity, own_id in record.told.keys() - says.keys():
            gone.append((record.id, entity, own_id))
            touched.setdefault(entity, set()).add(write.settled.row(own_id))
        for (entity, own_id), row in says.items():
            before = record.told.get((entity, own_id))
            if before is not None and same(before.values, row.values):
                continue
            touched.setdefault(entity, set()).add(write.settled.row(own_id))
            if before is not None:
                replaced.append((record.id, entity, own_id, before.values, row.values))
            else:
                new.append(Claimed(record.id, own_id, entity, write.settled.row(own_id), row.values))
    if gone:
        await write.connection.execute(
            """
            DELETE FROM claim c USING unnest($1::uuid[], $2::text[], $3::uuid[]) g (record_id, entity, own_id)
            WHERE (c.record_id, c.entity, c.own_id) = (g.record_id, g.entity, g.own_id)
            """,
            *map(list, zip(*gone, strict=True)),
        )
    await change_claims(write.connection, replaced, version)
    await copy_claims(write.connection, new, write.source, version)
    return touched


async def _stamp_claims(write: PageWrite, said: Sequence[Anew], version: str, known: Collection[str]) -> None:
    """Let claims that say the same as before be said with this mapping where nobody knows with which they were, or
    where the one that made them made another row, which is gone: by them alone that could not be seen any more."""
    before = [
        (anew.record.id, entity, own_id)
        for anew in said
        for (entity, own_id), told in anew.record.told.items()
        if told.mapping != version and (told.mapping not in known or _lost_a_row(anew))
    ]
    if before:
        await write.connection.execute(
            """
            UPDATE claim c SET mapping = $4
            FROM unnest($1::uuid[], $2::text[], $3::uuid[]) w (record_id, entity, own_id)
            WHERE (c.record_id, c.entity, c.own_id) = (w.record_id, w.entity, w.own_id)
            AND c.mapping IS DISTINCT FROM $4
            """,
            *map(list, zip(*before, strict=True)),
            version,
        )


async def _follow_findings(write: PageWrite, said: Sequence[Anew]) -> None:
    # What a record that is gone says is kept, and nobody need mend it.
    found = [finding for anew in said if anew.record.presence == "present" for finding in anew.findings]
    await close_mapping_findings(
        write.connection,
        [anew.record.id for anew in said if anew.record.doubtful],
        keep=[finding.id for finding in found],
    )
    await open_findings(write.connection, found, run_id=write.run_id)
    other = [anew for anew in said if anew.unmapped != (sorted(anew.record.unmapped or ()) or None)]
    if other:
        await write.connection.execute(
            """
            UPDATE source_record r
            SET unmapped = CASE WHEN n.unmapped IS NULL THEN NULL ELSE string_to_array(n.unmapped, ',')::uuid[] END
            FROM unnest($1::uuid[], $2::text[]) n (id, unmapped) WHERE r.id = n.id
            """,
            [anew.record.id for anew in other],
            [",".join(anew.unmapped) if anew.unmapped else None for anew in other],
        )
