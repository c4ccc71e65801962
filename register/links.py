"""Links: making rows one, and two again, without losing anything.

A link joins two own ids, each as its source derives it. Rows are what hangs together by applied links; which of its
own ids a row is shown under is chosen once, the one that was shown longest, and stays when more join.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import orjson

from register.catalog import FieldDef, Kind
from register.db import Connection
from register.findings import close_findings_about
from register.ids import derive_id
from register.merge import NEXT_VERSION, Change, merge_rows, write_events
from register.policy import Policy
from register.query.scope import ABOVE
from register.references import UNKNOWN_REFERENCE, referring, refers, tell_unknown, word_of_unknown
from register.settled import Settled

DECISION = "decision"
"""The rule of a link that a person made."""
_REPOINT_ROWS = 5_000
_Place = tuple[str, list[FieldDef]]
"""An entity, and its columns that refer to rows of another."""


class Edge(NamedTuple):
    """An applied link."""

    id: str
    one: str
    other: str
    rule: str

    @property
    def strength(self) -> int:
        """What gives way first when two ids must come apart: rules before configuration before decisions."""
        return {DECISION: 2, "configured": 1}.get(self.rule, 0)


class Links:
    """Changes links within a transaction that holds the identity lock alone. `settled` is changed along."""

    def __init__(
        self, connection: Connection, settled: Settled, policy: Policy, *, run_id: int | None = None
    ) -> None:
        self._connection = connection
        self.settled = settled
        self._policy = policy
        self._run_id = run_id
        self.called: dict[str, str] = {}
        """Own id → `source:key`, of rows that are not written yet."""
        self.told: set[str] = set()
        """Own ids that records tell of whose claims are not written yet."""
        self.changes: list[Change] = []

    async def join(
        self,
        entity: str,
        one: str,
        other: str,
        rule: str,
        evidence: str,
        *,
        actor: str | None = None,
        reason: str | None = None,
    ) -> bool:
        """Show the two as one row, unless they are already or a person decided that they are not."""
        first, second = self.settled.row(one), self.settled.row(other)
        if first == second or self.settled.apart(first, second):
            return False
        kept, gone = await self._older(entity, first, second)
        await self.note(entity, one, other, "applied", rule, evidence, actor=actor, reason=reason)
        moving = self.settled.members(gone)
        before = len(self.changes)
        await self._show(entity, moving, kept)
        await close_findings_about(self._connection, UNKNOWN_REFERENCE, moving)
        moved = await self._connection.fetch(
            "UPDATE claim SET entity_id = $3, since = now() WHERE entity = $1 AND entity_id = $2 RETURNING 1",
            entity,
            gone,
            kept,
        )
        if moved or self.settled.pinned(kept):
            await self._merge(entity, [gone, kept])
        await self._tell_regrouped(entity, {gone: moving - {gone}, kept: moving}, self.changes[before:])
        places = await self._referring(entity, gone)
        await self._redirect(places, gone, kept)
        await self._repoint(places, gone)
        return True

    async def part(self, entity: str, one: str, other: str, why: str) -> None:
        """Take back the links by which the two are one row, the weakest first."""
        row = self.settled.row(one)
        if row != self.settled.row(other):
            return
        edges = await self._edges(self.settled.members(row))
        while path := _path(edges, one, other):
            weakest = min(path, key=lambda edge: (edge.strength, edge.id))
            edges.remove(weakest)
            await self._withdraw([weakest.id], why)
        await self._regroup(entity, [row])

    async def withdraw(self, entity: str, edges: Iterable[Edge], why: str) -> None:
        """Take back these links; what nothing else holds together comes apart."""
        rows = sorted({self.settled.row(edge.one) for edge in edges})
        await self._withdraw([edge.id for edge in edges], why)
        await self._regroup(entity, rows)

    async def _regroup(self, entity: str, rows: Iterable[str]) -> None:
        """Show apart what applied links no longer hold together in these rows."""
        apart = [await self._divide(entity, row) for row in rows]
        # All at once: every claim may have to be read.
        await tell_unknown(self._connection, entity, set().union(*apart), run_id=self._run_id)

    async def _divide(self, entity: str, row: str) -> set[str]:
        """The row stays with the part its id belongs to; each other part goes back to the id of its own that was shown
        longest. Returns the ids of the other parts."""
        members = self.settled.members(row)
        groups = _groups(members, await self._edges(members))
        apart = [group for group in groups if row not in group]
        if not apart:
            return set()
        others = set[str]().union(*apart)
        regrouped = {row: others}
        for group in apart:
            shown = await self._oldest(entity, group)
            await self._show(entity, group, shown)
            await self._connection.execute(
                "UPDATE claim SET entity_id = $3, since = now() WHERE entity = $1 AND own_id = ANY($2::uuid[])",
                entity, sorted(group), shown,
            )  # fmt: skip
            regrouped[shown] = group - {shown}
        before = len(self.changes)
        await self._merge(entity, regrouped)
        await self._tell_regrouped(entity, regrouped, self.changes[before:])
        await self._repoint(await self._referring(entity, row), row)
        return others

    async def edges_of(self, entity: str) -> list[Edge]:
        """Every applied link of an entity."""
        rows = await self._connection.fetch(
            "SELECT id::text, first_id::text, second_id::text, rule FROM link WHERE entity = $1 AND state = 'applied' "
            "ORDER BY id",
            entity,
        )
        return [Edge(*row) for row in rows]

    async def note(
        self,
        entity: str,
        one: str,
        other: str,
        state: str,
        rule: str,
        evidence: str,
        *,
        confidence: float | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> str:
        """Write the pair down; returns the link's id. A person's refusal is only changed by a person, and what is
        applied does not become a suggestion."""
        first, second = sorted((one, other))
        link_id = derive_id("link", entity, first, second)
        await self._connection.execute(
            """
            INSERT INTO link AS l (id, entity, first_id, second_id, first, second, state, rule, evidence, confidence,
                                   actor, reason, decided_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, CASE WHEN $11::text IS NOT NULL THEN now() END)
            ON CONFLICT (id) DO UPDATE
            SET state = excluded.state, rule = excluded.rule, evidence = excluded.evidence,
                confidence = excluded.confidence, actor = excluded.actor, reason = excluded.reason,
                decided_at = excluded.decided_at, first = coalesce(excluded.first, l.first),
                second = coalesce(excluded.second, l.second)
            WHERE excluded.actor IS NOT NULL
               OR (l.state <> 'refused' AND NOT (l.state = 'applied' AND excluded.state = 'suggested')
                   AND (l.state, l.rule, l.evidence) IS DISTINCT FROM
                       (excluded.state, excluded.rule, excluded.evidence))
            """,
            link_id, entity, first, second, await self._called(entity, first), await self._called(entity, second),
            state, rule, evidence, confidence, actor, reason,
        )  # fmt: skip
        return link_id

    async def write_events(self, cause: str = "link") -> list[Change]:
        """The events of everything done so far. Returns the changes, and begins anew."""
        changes, self.changes = self.changes, []
        await write_events(self._connection, changes, cause=cause, run_id=self._run_id)
        return changes

    async def _withdraw(self, ids: Collection[str], why: str) -> None:
        await self._connection.execute(
            "UPDATE link SET state = 'withdrawn', reason = $2 WHERE id = ANY($1::uuid[])", list(ids), why
        )

    async def _edges(self, members: Collection[str]) -> list[Edge]:
        rows = await self._connection.fetch(
            """
            SELECT id::text, first_id::text, second_id::text, rule FROM link
            WHERE state = 'applied' AND first_id = ANY($1::uuid[]) AND second_id = ANY($1::uuid[]) ORDER BY id
            """,
            sorted(members),
        )
        return [Edge(*row) for row in rows]

    async def _show(self, entity: str, own_ids: Collection[str], row: str) -> None:
        others = sorted(own_id for own_id in own_ids if own_id != row)
        await self._connection.execute("DELETE FROM absorbed WHERE id = $1", row)
        await self._connection.execute(
            """
            INSERT INTO absorbed (id, entity, entity_id) SELECT unnest($1::uuid[]), $2, $3
            ON CONFLICT (id) DO UPDATE SET entity_id = excluded.entity_id
            """,
            others, entity, row,
        )  # fmt: skip
        for own_id in own_ids:
            self.settled.show(own_id, row)

    async def _merge(self, entity: str, rows: Iterable[str]) -> None:
        for row in rows:
            self.changes += await merge_rows(self._connection, entity, [row], self._policy, self.settled)

    async def _tell_regrouped(
        self, entity: str, regrouped: Mapping[str, Collection[str]], written: Collection[Change]
    ) -> None:
        """Let an event of each of these rows, the last changes, say which own ids it shows from now on, or no longer:
        who is restricted to one of them sees the row from now on, or no longer. A scope names what was a row once."""
        if entity not in ABOVE:
            return
        every = sorted({part for parts in regrouped.values() for part in parts})
        found = await self._connection.fetch(
            f"SELECT id::text FROM {entity} WHERE id = ANY($1::uuid[])", every
        )
        named = {row[0] for row in found}
        places = {change.id: at for at, change in enumerate(written, len(self.changes) - len(written))}
        for row, parts in regrouped.items():
            told = named.intersection(parts)
            if not told:
                continue
            if row in places:
                self.changes[places[row]] = self.changes[places[row]]._replace(parts=told)
                continue
            version = await self._connection.fetchval(
                f"UPDATE {entity} e SET {NEXT_VERSION} WHERE id = $1 RETURNING version", row
            )
            if version is not None:
                self.changes.append(Change(entity, row, version, {}, told))

    async def _referring(self, entity: str, row: str) -> list[_Place]:
        """Where rows refer to this one. To who has just come they do nowhere, and a directory may bring thousands."""
        every = list(referring(entity))
        if not every:
            return []
        counts = await self._connection.fetchrow(
            "SELECT "
            + ", ".join(
                f"(SELECT count(*) FROM {other} e WHERE {' OR '.join(refers(column) for column in columns)})"
                for other, columns in every
            ),
            row,
        )
        return [place for place, count in zip(every, counts, strict=True) if count]

    async def _repoint(self, places: Iterable[_Place], row: str) -> None:
        """Recompute every row that refers to this one, in these places."""
        for other, columns in places:
            test = " OR ".join(refers(column) for column in columns)
            found = await self._connection.fetch(f"SELECT id::text FROM {other} e WHERE {test}", row)
            ids = [r[0] for r in found]
            for at in range(0, len(ids), _REPOINT_ROWS):
                self.changes += await merge_rows(
                    self._connection, other, ids[at : at + _REPOINT_ROWS], self._policy, self.settled
                )

    async def _redirect(self, places: Iterable[_Place], gone: str, kept: str) -> None:
        """Let rows that refer to the one refer to the other, as merging them would: tens of thousands may, while
        every page waits. That holds where one source tells of a row: its value stays the same claim's. Where several
        do, their conflict may end, and where none does, nothing changes: those are left to `_repoint`."""
        for other, columns in places:
            hit = " OR ".join(refers(column) for column in columns)
            news = ", ".join(f"{c.name} = {_redirected(c)}" for c in columns)
            differs = " || ".join(
                f"CASE WHEN {refers(c, 'was')} "
                f"THEN jsonb_build_object('{c.name}', jsonb_build_array(was.{c.name}, e.{c.name})) ELSE '{{}}' END"
                for c in columns
            )
            rows = await self._connection.fetch(
                f"""
                WITH was AS MATERIALIZED (
                  SELECT id, {", ".join(c.name for c in columns)} FROM {other} e
                  WHERE ({hit}) AND 1 = (SELECT count(DISTINCT c.source) FROM claim c
                                         WHERE c.entity_id = e.id AND c.entity = '{other}')
                  FOR UPDATE
                )
                UPDATE {other} e SET {news}, {NEXT_VERSION} FROM was WHERE e.id = was.id
                RETURNING e.id::text, e.version, ({differs})::text
                """,
                gone,
                kept,
            )
            self.changes += [
                Change(other, row_id, version, orjson.loads(changed))
                for row_id, version, changed in sorted(rows)
            ]

    async def _older(self, entity: str, one: str, other: str) -> tuple[str, str]:
        """(the one to keep, the one to absorb): what has been in the register for longer is better known."""
        kept = await self._oldest(entity, (one, other))
        return (kept, other if kept == one else one)

    async def _oldest(self, entity: str, ids: Collection[str]) -> str:
        rows = await self._connection.fetch(
            f"""
            SELECT t.id::text FROM {entity} t
            LEFT JOIN {entity}_history h ON h.id = t.id AND h.version = 1
            WHERE t.id = ANY($1::uuid[])
            ORDER BY coalesce(h.valid_from, t.valid_from), t.id LIMIT 1
            """,
            sorted(ids),
        )
        return rows[0][0] if rows else await self._told_first(entity, ids)

    async def _told_first(self, entity: str, ids: Collection[str]) -> str:
        """Of ids that no row has yet: one that a record tells of, not one that others only refer to; else the least."""
        written = await self._connection.fetch(
            "SELECT DISTINCT own_id::text FROM claim WHERE entity = $1 AND own_id = ANY($2::uuid[])",
            entity,
            sorted(ids),
        )
        told = {row[0] for row in written} | self.told.intersection(ids)
        return min(told or ids)

    async def _called(self, entity: str, own_id: str) -> str | None:
        if own_id in self.called:
            return self.called[own_id]
        found: str | None = await self._connection.fetchval(
            """
            SELECT c.source || ':' || coalesce(c.values->>'key', c.values->>'code', c.values->>'email', r.source_id)
            FROM claim c JOIN source_record r ON r.id = c.record_id WHERE c.entity = $1 AND c.own_id = $2
            ORDER BY c.record_id LIMIT 1
            """,
            entity, own_id,
        )  # fmt: skip
        return found or await word_of_unknown(self._connection, entity, own_id)


def _redirected(column: FieldDef) -> str:
    """The column's value with $2 for $1; in a list each id once, where it first stood."""
    if column.kind is not Kind.IDS:
        return f"CASE WHEN {refers(column)} THEN $2::uuid ELSE e.{column.name} END"
    return f"""CASE WHEN {refers(column)} THEN (
        SELECT array_agg(id ORDER BY place) FROM (
          SELECT id, min(place) AS place
          FROM unnest(array_replace(e.{column.name}, $1::uuid, $2::uuid)) WITH ORDINALITY AS u (id, place) GROUP BY id
        ) each_once
      ) ELSE e.{column.name} END"""


def _path(edges: Iterable[Edge], one: str, other: str) -> list[Edge]:
    """The edges of a shortest way from the one to the other; empty where there is none."""
    ways = _ways(edges)
    came: dict[str, Edge | None] = {one: None}
    queue = [one]
    for at in queue:
        if at == other:
            break
        for edge in ways.get(at, ()):
            to = edge.other if edge.one == at else edge.one
            if to not in came:
                came[to] = edge
                queue.append(to)
    path: list[Edge] = []
    at = other
    while (last := came.get(at)) is not None:
        path.append(last)
        at = last.other if last.one == at else last.one
    return path


def _groups(members: Collection[str], edges: Iterable[Edge]) -> list[set[str]]:
    """The members by what hangs together."""
    ways = _ways(edges)
    groups: list[set[str]] = []
    left = set(members)
    for start in sorted(members):
        if start not in left:
            continue
        group, queue = {start}, [start]
        for at in queue:
            for edge in ways.get(at, ()):
                to = edge.other if edge.one == at else edge.one
                if to not in group:
                    group.add(to)
                    queue.append(to)
        left -= group
        groups.append(group)
    return groups


def _ways(edges: Iterable[Edge]) -> Mapping[str, list[Edge]]:
    ways: dict[str, list[Edge]] = {}
    for edge in edges:
        ways.setdefault(edge.one, []).append(edge)
        ways.setdefault(edge.other, []).append(edge)
    return ways
