"""Which ids are one thing: links from configuration first, then match rules, never a name alone.

A source derives its own id for everything it tells of. A link says that two own ids are one thing, by which rule and
on what evidence. What rules find but a person should judge becomes a suggestion.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from portbook.text import normal_key
from register.db import Connection
from register.findings import close_findings_about, open_findings
from register.links import Links
from register.matches import SAME_AS, Candidate, Found, Matches, candidate_of, name_of, value_path, values_at
from register.policy import Policy
from register.references import UNKNOWN_REFERENCE, unknown_reference
from register.settled import Memory, Settled


class NeedsIdentity(Exception):
    """Internal: the page would make links and must be repeated with the exclusive lock. Never reaches a person."""


class Uniter:
    """Finds and makes the links that a page's rows call for."""

    def __init__(
        self,
        connection: Connection,
        source: str,
        run_id: int | None,
        policy: Policy,
        memory: Memory,
        settled: Settled,
        *,
        may_write: bool,
        cause: str = "link",
    ) -> None:
        self._connection = connection
        self._source = source
        self._run_id = run_id
        self._policy = policy
        self._memory = memory
        self._may_write = may_write
        self._cause = cause
        self.settled = settled.copy() if may_write else settled
        self._links = Links(connection, self.settled, policy, run_id=run_id)
        self._matches = Matches(connection, source, policy, self.settled)

    async def unite(self, rows: Iterable[Any], *, as_before: Collection[str] = ()) -> Settled:
        """Returns what is settled after this page. Raises NeedsIdentity where links must be made and may not. Of rows
        with the ids `as_before` nothing has changed that a rule looks at: only what they refer to is settled."""
        rows = list(rows)
        told = [
            candidate_of(row) for row in rows if row.entity in self._policy.merged and row.id not in as_before
        ]
        if not self._may_write and await self._unheard_of(told):
            # Another page may be bringing the same thing this very moment, and neither would see the other's.
            raise NeedsIdentity
        self._links.told |= {candidate.id for candidate in told}
        for candidate in told:
            self._links.called[candidate.id] = f"{self._source}:{name_of(candidate)}"
        pointed = await self._matches.pointed(told)
        await self._matches.expect(told)
        for candidate in told:
            await self._unite_row(candidate, pointed.get(candidate.id, ()))
        await self._settle_references(rows, {candidate.id for candidate in told})
        await self._answer_waiting(told)
        await self._links.write_events(self._cause)
        self._memory.known.update(candidate.id for candidate in told)
        return self.settled

    async def _unheard_of(self, told: Sequence[Candidate]) -> bool:
        """Whether one of these is in the register neither as a row nor as part of one."""
        doubtful = [c for c in told if c.id not in self._memory.known and c.id not in self.settled.shown]
        for entity in sorted({c.entity for c in doubtful}):
            ids = [c.id for c in doubtful if c.entity == entity]
            there = await self._connection.fetchval(
                f"SELECT count(*) FROM {entity} WHERE id = ANY($1::uuid[])", ids
            )
            if there < len(ids):
                return True
        return False

    async def _unite_row(self, candidate: Candidate, pointed: Iterable[Found]) -> None:
        """Unite the candidate's row with every other that is the same thing: what two tools say of a third one makes
        all three one."""
        for found in (*await self._matches.find(candidate), *pointed):
            one, other = self.settled.row(candidate.id), self.settled.row(found.id)
            if one == other or self.settled.apart(one, other):
                continue
            if found.rule != "configured" and not found.doubt:
                found = found._replace(doubt=await self._doubt(candidate, found, one, other))
            await self._act(candidate, found)

    async def _act(self, candidate: Candidate, found: Found) -> None:
        if not self._may_write:
            if found.doubt and await self._noted(candidate, found):
                return
            raise NeedsIdentity
        if found.doubt:
            await self._links.note(
                candidate.entity, candidate.id, found.id, "suggested", found.rule,
                f"{found.evidence}; but {found.doubt}", confidence=found.confidence,
            )  # fmt: skip
        else:
            await self._links.join(candidate.entity, candidate.id, found.id, found.rule, found.evidence)

    async def _noted(self, candidate: Candidate, found: Found) -> bool:
        first, second = sorted((candidate.id, found.id))
        return bool(
            await self._connection.fetchval(
                "SELECT EXISTS (SELECT FROM link WHERE first_id = $1 AND second_id = $2 AND state <> 'withdrawn')",
                first,
                second,
            )
        )

    async def _doubt(self, candidate: Candidate, found: Found, one: str, other: str) -> str:
        """What speaks against joining these two rows by a rule; empty: nothing."""
        if await self._share_a_source(candidate, one, other):
            return "a source tells of both as two things"
        column = found.rule.removeprefix("match on ")
        if column != SAME_AS and (
            candidate.id != one or self.settled.parts.get(one) or self.settled.parts.get(other)
        ):
            for row in (one, other):
                if await self._joined_on_another(candidate, column, row):
                    return f"it was joined to others on another {column}"
        return ""

    async def _joined_on_another(self, candidate: Candidate, column: str, row: str) -> bool:
        """Whether the row is held together by values of this column that are no longer the same on both sides."""
        members = sorted(self.settled.members(row))
        said: dict[str, set[str]] = {}
        for own_id, value in await self._connection.fetch(
            f"SELECT own_id::text, lower(values{value_path(column)}) FROM claim "
            "WHERE entity = $1 AND own_id = ANY($2::uuid[])",
            candidate.entity,
            members,
        ):
            if value:
                said.setdefault(own_id, set()).add(value)
        own = values_at(candidate.values, column)
        if candidate.id in members and isinstance(own, str):
            said[candidate.id] = {own.strip().lower()}
        edges = await self._connection.fetch(
            """
            SELECT first_id::text, second_id::text FROM link
            WHERE state = 'applied' AND rule = $2 AND first_id = ANY($1::uuid[]) AND second_id = ANY($1::uuid[])
            """,
            members,
            f"match on {column}",
        )
        return any(
            first in said and second in said and said[first].isdisjoint(said[second])
            for first, second in edges
        )

    async def _share_a_source(self, candidate: Candidate, one: str, other: str) -> bool:
        """Whether joining these rows would make two things of one source one: two people of one tool who share a
        mailbox are two people, and a third one may be either."""
        rows = await self._connection.fetch(
            """
            SELECT entity_id::text, source FROM claim WHERE entity = $1 AND entity_id = ANY($2::uuid[])
            GROUP BY 1, 2
            """,
            candidate.entity,
            [one, other],
        )
        first = {source for row_id, source in rows if row_id == one}
        second = {source for row_id, source in rows if row_id == other}
        if candidate.values:
            first.add(self._source)
        return not first.isdisjoint(second)

    async def _settle_references(self, rows: Sequence[Any], told: set[str]) -> None:
        """Every reference to a merged entity leads to a row, or is linked to one, or is a finding."""
        wanted: dict[str, tuple[str, str]] = {}
        named: dict[tuple[str, str], Any] = {}
        for row in rows:
            for column, entity, ref_id, word in row.references:
                if entity in self._policy.merged and ref_id not in self.settled.shown and ref_id not in told:
                    wanted.setdefault(ref_id, (entity, word))
                    named.setdefault((ref_id, column), row)
        doubtful = wanted.keys() - self._memory.known
        # Not told from the memory afterwards: the page of another source may have it forget everything meanwhile.
        there: set[str] = set()
        for entity in sorted({wanted[ref_id][0] for ref_id in doubtful}):
            ids = [ref_id for ref_id in doubtful if wanted[ref_id][0] == entity]
            rows_there = await self._connection.fetch(
                f"SELECT id::text FROM {entity} WHERE id = ANY($1::uuid[])", ids
            )
            there.update(row[0] for row in rows_there)
        self._memory.known.update(there)
        nowhere: set[str] = set()
        named_only = [
            Candidate(entity, ref_id, word, frozenset({normal_key(word)}), {})
            for ref_id in sorted(doubtful - there)
            for entity, word in [wanted[ref_id]]
        ]
        await self._matches.expect(named_only)
        for candidate in named_only:
            entity, ref_id, word = candidate.entity, candidate.id, candidate.source_id
            found = await self._matches.find(candidate)
            targets = {self.settled.row(each.id) for each in found}
            if len(targets) == 1 and not self.settled.apart(ref_id, *targets):
                self._links.called.setdefault(ref_id, f"{self._source}:{word}")
                await self._act(candidate, found[0])
            else:
                nowhere.add(ref_id)
        findings = []
        for (ref_id, column), row in named.items():
            if ref_id in nowhere:
                entity, word = wanted[ref_id]
                by = f"{row.entity} {row.values.get('key') or row.source_id}"
                findings.append(unknown_reference(self._source, entity, ref_id, word, by=by, column=column))
        await open_findings(self._connection, findings, run_id=self._run_id)

    async def _answer_waiting(self, told: Sequence[Candidate]) -> None:
        """Rows have come, or go by a new name, that earlier references may have been waiting for."""
        for entity in sorted({candidate.entity for candidate in told}):
            mine = {candidate.id: candidate for candidate in told if candidate.entity == entity}
            named: dict[str, list[Candidate]] = {}
            for candidate in mine.values():
                for word in self._matched_words(candidate):
                    named.setdefault(word, []).append(candidate)
            waiting = await self._connection.fetch(
                """
                SELECT entity_id::text, source, value FROM finding
                WHERE code = $1 AND entity = $2 AND closed_at IS NULL
                  AND (entity_id = ANY($3::uuid[]) OR lower(value) = ANY($4::text[]))
                """,
                UNKNOWN_REFERENCE,
                entity,
                sorted(mine),
                sorted(named),
            )
            for ref_id, source, word in waiting:
                if ref_id not in mine:
                    await self._answer(
                        ref_id, f"{source}:{word}", word, named.get(normal_key(word), ()), mine
                    )
            came = [ref_id for ref_id, _, _ in waiting if ref_id in mine]
            await close_findings_about(self._connection, UNKNOWN_REFERENCE, came)

    def _matched_words(self, candidate: Candidate) -> set[str]:
        """What a reference to the candidate may call it by a match rule, normalised."""
        columns = self._policy.match.get(candidate.entity, ())
        values = [values_at(candidate.values, column) for column in columns if column != SAME_AS]
        return {normal_key(str(value)) for value in values if value}

    async def _answer(
        self, ref_id: str, called: str, word: str, named: Sequence[Candidate], told: Collection[str]
    ) -> None:
        """Let the reference lead to the row of these candidates, unless others go by the same name or a person decided
        that it is another."""
        if not named:
            return
        entity = named[0].entity
        rows = {self.settled.row(candidate.id) for candidate in named}
        for column in self._policy.match.get(entity, ()):
            if column != SAME_AS:
                others = await self._connection.fetch(
                    f"""
                    SELECT DISTINCT own_id::text FROM claim
                    WHERE entity = $1 AND lower(values{value_path(column)}) = lower($2) AND own_id <> ALL($3::uuid[])
                    """,
                    entity, word.strip(), sorted(told),
                )  # fmt: skip
                rows |= {self.settled.row(row[0]) for row in others}
        if len(rows) > 1 or self.settled.apart(ref_id, *rows):
            return
        if not self._may_write:
            raise NeedsIdentity
        self._links.called.setdefault(ref_id, called)
        await self._links.join(entity, named[0].id, ref_id, "match on reference", word)
