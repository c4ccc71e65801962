"""Which ids are one thing: links from configuration first, then match rules, never a name alone.

A source derives its own id for everything it tells of. A link says that such an own id is shown as another row.
Links persist: they are decisions, with the rule and the evidence that made them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from portbook.text import normal_key
from register.catalog import Kind, catalog
from register.db import Connection
from register.findings import FindingDraft, open_findings
from register.ids import derive_id
from register.merge import Change, merge_rows, write_events
from register.policy import Policy

IDENTITY_LOCK = 0x706F7275
"""Advisory lock: shared by every page, exclusive while links are made, so that no page misses a new link."""

UNKNOWN_REFERENCE = "REF001"


class NeedsIdentity(Exception):
    """Internal: the page would make links and must be repeated with the exclusive lock. Never reaches a person."""


@dataclass
class LinkCache:
    """The links as last read by this process."""

    stamp: tuple[Any, ...] = ()
    links: dict[str, str] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    """Ids of merged entities that are certainly there: rows are never removed."""


async def load_links(connection: Connection, cache: LinkCache) -> Mapping[str, str]:
    """Own id → the id it is shown as."""
    stamp = tuple(await connection.fetchrow("SELECT stamp FROM settled"))
    if stamp != cache.stamp:
        cache.links = dict(await connection.fetch("SELECT id::text, entity_id::text FROM absorbed"))
        cache.stamp = stamp
    return cache.links


class _Candidate(NamedTuple):
    entity: str
    id: str
    source_id: str
    words: frozenset[str]
    """What configured links may call it, normalised."""
    values: Mapping[str, Any]
    """Empty for something that is only referred to."""


class Uniter:
    """Finds and makes the links that a page's rows call for."""

    def __init__(
        self,
        connection: Connection,
        source: str,
        run_id: int,
        policy: Policy,
        cache: LinkCache,
        *,
        may_write: bool,
    ) -> None:
        self._connection = connection
        self._source = source
        self._run_id = run_id
        self._policy = policy
        self._cache = cache
        self._may_write = may_write
        self._links = dict(cache.links)

    async def unite(self, rows: Iterable[Any]) -> Mapping[str, str]:
        """Returns the links that hold after this page. Raises NeedsIdentity where links must be made and may not."""
        rows = list(rows)
        told = [_candidate(row) for row in rows if row.entity in self._policy.merged]
        if not self._may_write and await self._unheard_of(told):
            # Another page may be bringing the same thing this very moment, and neither would see the other's.
            raise NeedsIdentity
        for candidate in told:
            await self._unite_row(candidate)
        await self._settle_references(rows, {candidate.id for candidate in told})
        fresh = [candidate for candidate in told if candidate.id not in self._cache.known]
        if fresh and await self._connection.fetchval(
            "SELECT EXISTS (SELECT FROM finding WHERE code = $1 AND closed_at IS NULL)", UNKNOWN_REFERENCE
        ):
            for candidate in fresh:
                await self._answer_waiting(candidate)
        self._cache.known.update(candidate.id for candidate in told)
        return self._links

    async def _unheard_of(self, told: Sequence[_Candidate]) -> bool:
        """Whether one of these is in the register neither as a row nor as part of one."""
        doubtful = [c for c in told if c.id not in self._cache.known and c.id not in self._links]
        for entity in sorted({c.entity for c in doubtful}):
            ids = [c.id for c in doubtful if c.entity == entity]
            there = await self._connection.fetchval(
                f"SELECT count(*) FROM {entity} WHERE id = ANY($1::uuid[])", ids
            )
            if there < len(ids):
                return True
        return False

    async def _unite_row(self, candidate: _Candidate) -> None:
        """Unite the candidate's row with every other that is the same thing: what two tools say of a third one makes
        all three one."""
        for found, rule, evidence in await self._find(candidate):
            own, target = self._shown(candidate.id), self._shown(found)
            if own != target:
                await self._link(candidate.entity, own, target, candidate.source_id, rule, evidence)

    def _shown(self, row_id: str) -> str:
        return self._links.get(row_id, row_id)

    async def _find(self, candidate: _Candidate) -> list[tuple[str, str, str]]:
        """The rows of other sources that are this thing, each with the rule and the evidence; links first."""
        all_found: list[tuple[str, str, str]] = []
        for group in self._policy.links.get(candidate.entity, ()):
            members = [member.split(":", 1) for member in group]
            if not any(s == self._source and normal_key(w) in candidate.words for s, w in members):
                continue
            for source, word in members:
                if source != self._source and (target := await self._called(candidate, source, word)):
                    all_found.append((target, "configured", " = ".join(group)))
        for column in self._policy.match.get(candidate.entity, ()):
            values = [candidate.values.get(column)] if candidate.values else sorted(candidate.words)
            for value in values:
                if isinstance(value, str) and value.strip():
                    for target in await self._matching(candidate, column, value):
                        all_found.append((target, f"match on {column}", value))
        return all_found

    async def _called(self, candidate: _Candidate, source: str, word: str) -> str | None:
        """The other row that `source` calls `word`: by key, code, e-mail or its own id. None when the candidate is
        that row already, because what `source` tells of was joined to it."""
        rows = await self._connection.fetch(
            """
            SELECT DISTINCT c.entity_id::text FROM claim c JOIN source_record r ON r.id = c.record_id
            WHERE c.entity = $1 AND c.source = $2 AND c.entity_id <> $4::uuid
              AND lower($3) IN (lower(c.values->>'key'), lower(c.values->>'code'), lower(c.values->>'email'),
                                lower(r.source_id))
            """,
            candidate.entity,
            source,
            word.strip(),
            candidate.id,
        )
        return rows[0][0] if len(rows) == 1 else None

    async def _matching(self, candidate: _Candidate, column: str, value: str) -> list[str]:
        """The rows with this value, unless that would make two things of one source one: two people of one tool who
        share a mailbox are two people, and a third one may be either."""
        rows = await self._connection.fetch(
            f"""
            SELECT t.id::text, array_agg(DISTINCT c.source)
            FROM {candidate.entity} t JOIN claim c ON c.entity_id = t.id AND c.entity = $3
            WHERE lower(t.{column}) = lower($1) AND t.id <> $2::uuid
            GROUP BY t.id ORDER BY t.id
            """,
            value.strip(),
            self._shown(candidate.id),
            candidate.entity,
        )
        sources = [source for _, told_by in rows for source in told_by]
        if candidate.values:
            sources += {self._source, *await self._told_by(candidate)}
        return [row_id for row_id, _ in rows] if len(sources) == len(set(sources)) else []

    async def _told_by(self, candidate: _Candidate) -> list[str]:
        rows = await self._connection.fetch(
            "SELECT DISTINCT source FROM claim WHERE entity_id = $1::uuid AND entity = $2",
            self._shown(candidate.id),
            candidate.entity,
        )
        return [row[0] for row in rows]

    async def _link(
        self, entity: str, own_id: str, target: str, source_id: str, rule: str, evidence: str
    ) -> None:
        if target == own_id:
            return
        if not self._may_write:
            raise NeedsIdentity
        first, second = sorted((own_id, target))
        await self._connection.execute(
            """
            INSERT INTO link (id, entity, first_id, second_id, state, rule, evidence)
            VALUES ($1, $2, $3, $4, 'applied', $5, $6) ON CONFLICT (id) DO NOTHING
            """,
            derive_id("link", entity, first, second), entity, first, second, rule, evidence,
        )  # fmt: skip
        await self._connection.execute(
            "INSERT INTO absorbed (id, entity, entity_id) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
            own_id, entity, target,
        )  # fmt: skip
        self._links[own_id] = target
        # Links are followed one step only: those that led to the absorbed id lead on to where it has gone.
        passed_on = await self._connection.fetch(
            "UPDATE absorbed SET entity_id = $3 WHERE entity = $1 AND entity_id = $2 RETURNING id::text",
            entity,
            own_id,
            target,
        )
        self._links.update({row[0]: target for row in passed_on})
        moved = await self._connection.fetch(
            "UPDATE claim SET entity_id = $3 WHERE entity = $1 AND entity_id = $2 RETURNING 1",
            entity,
            own_id,
            target,
        )
        changes: list[Change] = []
        if moved:
            for row_id in (own_id, target):
                changes += await merge_rows(self._connection, entity, [row_id], self._policy, self._links)
        changes += await self._repoint(entity, own_id)
        await write_events(self._connection, changes, cause="link", run_id=self._run_id)

    async def _repoint(self, entity: str, own_id: str) -> list[Change]:
        """Recompute every row that refers to the absorbed id."""
        changes: list[Change] = []
        for other in catalog().values():
            for column in other.fields.values() if other.enveloped else ():
                if column.ref != entity:
                    continue
                test = (
                    f"$1::uuid = ANY({column.name})"
                    if column.kind is Kind.IDS
                    else f"{column.name} = $1::uuid"
                )
                ids = await self._connection.fetch(f"SELECT id::text FROM {other.name} WHERE {test}", own_id)
                if ids:
                    changes += await merge_rows(
                        self._connection, other.name, [row[0] for row in ids], self._policy, self._links
                    )
        return changes

    async def _settle_references(self, rows: Sequence[Any], told: set[str]) -> None:
        """Every reference to a merged entity leads to a row, or is linked to one, or is a finding."""
        wanted: dict[str, tuple[str, str, Any, str]] = {}
        for row in rows:
            for column, entity, ref_id, word in row.references:
                if entity in self._policy.merged and ref_id not in self._links and ref_id not in told:
                    wanted.setdefault(ref_id, (entity, word, row, column))
        unknown = wanted.keys() - self._cache.known
        for entity in sorted({wanted[ref_id][0] for ref_id in unknown}):
            ids = [ref_id for ref_id in unknown if wanted[ref_id][0] == entity]
            there = await self._connection.fetch(
                f"SELECT id::text FROM {entity} WHERE id = ANY($1::uuid[])", ids
            )
            self._cache.known.update(row[0] for row in there)
        findings = []
        for ref_id in sorted(unknown - self._cache.known):
            entity, word, row, column = wanted[ref_id]
            words = frozenset({normal_key(word)})
            found = await self._find(_Candidate(entity, ref_id, word, words, {}))
            if len({self._shown(target) for target, _, _ in found}) == 1:
                target, rule, evidence = found[0]
                await self._link(entity, ref_id, self._shown(target), word, rule, evidence)
            else:
                findings.append(_unknown(self._source, entity, ref_id, word, row, column))
        await open_findings(self._connection, findings, run_id=self._run_id)

    async def _answer_waiting(self, candidate: _Candidate) -> None:
        """A row has come that earlier references may have been waiting for."""
        matches = {
            normal_key(str(candidate.values[c]))
            for c in self._policy.match.get(candidate.entity, ())
            if candidate.values.get(c)
        }
        waiting = await self._connection.fetch(
            """
            SELECT id, entity_id::text, source, value FROM finding
            WHERE code = $1 AND entity = $2 AND closed_at IS NULL
              AND (entity_id = $3::uuid OR lower(value) = ANY($4::text[]))
            """,
            UNKNOWN_REFERENCE,
            candidate.entity,
            candidate.id,
            sorted(matches),
        )
        for finding_id, ref_id, _, word in waiting:
            if ref_id != candidate.id:
                target = self._links.get(candidate.id, candidate.id)
                await self._link(candidate.entity, ref_id, target, word, "match on reference", word)
            await self._connection.execute("UPDATE finding SET closed_at = now() WHERE id = $1", finding_id)


def _candidate(row: Any) -> _Candidate:
    names = (row.source_id, *(row.values.get(c) for c in ("key", "code", "email")))
    words = frozenset(normal_key(name) for name in names if isinstance(name, str))
    return _Candidate(row.entity, row.id, row.source_id, words, row.values)


def _unknown(source: str, entity: str, ref_id: str, word: str, row: Any, column: str) -> FindingDraft:
    name = column.removesuffix("_id").removesuffix("_ids")
    return FindingDraft(
        code=UNKNOWN_REFERENCE,
        severity="warning",
        source=source,
        entity=entity,
        entity_id=ref_id,
        field=name,
        value=word,
        message=f"{row.entity} {row.values.get('key') or row.source_id}: "
        f"{name} {word!r} is no {entity} in the register",
        hint=f"Add the {entity} to a source, use its {'e-mail address' if entity == 'person' else 'key'}, "
        "or link the two under `identity:` in the configuration.",
    )
