"""What may be one thing: which rows of other sources a row or a reference matches, by links from configuration and by
match rules, and what speaks against it. Only looks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from portbook.text import normal_key
from register.alike import may_be_one, shared_mailbox, written_in_haste
from register.db import Connection
from register.policy import Policy
from register.settled import Settled

SAME_AS = "same_as"
"""A match rule: what a row says it is called in other tools is another row's address or key."""


class Candidate(NamedTuple):
    """A row, or something that is only referred to, that may be a row of another source."""

    entity: str
    id: str
    source_id: str
    words: frozenset[str]
    """What configured links may call it, normalised."""
    values: Mapping[str, Any]
    """Empty for something that is only referred to."""


class Found(NamedTuple):
    """Another row's own id that may be the candidate."""

    id: str
    rule: str
    evidence: str
    doubt: str = ""
    """Why a person must judge; empty: it is certain."""
    confidence: float = 0.4
    """With a doubt: how likely it is all the same."""


class _Teller(NamedTuple):
    """A claim with a value that was asked for."""

    own_id: str
    source: str
    title: str | None


class Matches:
    """Looks for what a source's rows match, with what is settled just now. One for each page: what claims say is
    remembered."""

    def __init__(self, connection: Connection, source: str, policy: Policy, settled: Settled) -> None:
        self._connection = connection
        self._source = source
        self._policy = policy
        self._settled = settled
        self._tellers: dict[tuple[str, str], dict[str, list[_Teller]]] = {}
        """Entity and column → value → the claims that have it."""

    async def expect(self, candidates: Iterable[Candidate]) -> None:
        """Look up at once what `find` will want to know of these. Each question goes through all claims of its kind:
        one for each of 10,000 people is a hundred million."""
        wanted: dict[tuple[str, str], set[str]] = {}
        for candidate in candidates:
            for column, value in self._compared(candidate):
                wanted.setdefault((candidate.entity, column), set()).add(value)
        for (entity, column), values in sorted(wanted.items()):
            known = self._tellers.setdefault((entity, column), {})
            if unknown := sorted(values - known.keys()):
                known.update(await self._look_up(entity, column, unknown))

    async def find(self, candidate: Candidate) -> list[Found]:
        """The rows of other sources that are this thing, each with the rule and the evidence; links first."""
        await self.expect([candidate])
        found: list[Found] = []
        for group in self._policy.links.get(candidate.entity, ()):
            members = [member.split(":", 1) for member in group]
            if not any(s == self._source and normal_key(w) in candidate.words for s, w in members):
                continue
            for source, word in members:
                if source != self._source and (target := await self._called(candidate, source, word)):
                    found.append(Found(target, "configured", " = ".join(group)))
        for column, value in self._compared(candidate):
            found += self._matching(candidate, column, value)
        return found

    def _compared(self, candidate: Candidate) -> Iterator[tuple[str, str]]:
        """Columns of match rules and what the candidate has there; of what is only referred to, what it is called."""
        for column in self._policy.match.get(candidate.entity, ()):
            if column != SAME_AS:
                own = candidate.values
                for value in [values_at(own, column)] if own else sorted(candidate.words):
                    if isinstance(value, str) and value.strip():
                        yield column, value.strip()

    async def _called(self, candidate: Candidate, source: str, word: str) -> str | None:
        """The other own id that `source` calls `word`: by key, code, e-mail or its own id. None when the candidate
        is of the same row already, because what `source` tells of was joined to it."""
        rows = await self._connection.fetch(
            """
            SELECT DISTINCT c.own_id::text, c.entity_id::text FROM claim c JOIN source_record r ON r.id = c.record_id
            WHERE c.entity = $1 AND c.source = $2 AND c.entity_id <> $4::uuid
              AND lower($3) IN (lower(c.values->>'key'), lower(c.values->>'code'), lower(c.values->>'email'),
                                lower(r.source_id))
            """,
            candidate.entity,
            source,
            word.strip(),
            candidate.id,
        )
        return rows[0][0] if len({row_id for _, row_id in rows}) == 1 else None

    async def _look_up(self, entity: str, column: str, values: list[str]) -> dict[str, list[_Teller]]:
        found: dict[str, list[_Teller]] = {value: [] for value in values}
        for value, *teller in await self._connection.fetch(
            f"""
            SELECT w.value, c.own_id::text, c.source, c.values->>'title'
            FROM unnest($2::text[]) w (value)
            JOIN claim c ON c.entity = $1 AND lower(c.values{value_path(column)}) = lower(w.value)
            JOIN {entity} t ON t.id = c.entity_id
            """,
            entity,
            values,
        ):
            found[value].append(_Teller(*teller))
        return found

    def _matching(self, candidate: Candidate, column: str, value: str) -> list[Found]:
        """The own ids of other sources with this value. Where several rows have it, or one source tells of two
        things with it, a person must judge."""
        told: dict[str, list[_Teller]] = {}
        for teller in self._tellers[candidate.entity, column][value]:
            row = self._settled.row(teller.own_id)
            if row != self._settled.row(candidate.id):
                told.setdefault(row, []).append(teller)
        rows = [
            (
                min(teller.own_id for teller in tellers),
                {teller.source for teller in tellers},
                min((teller.title for teller in tellers if teller.title is not None), default=None),
            )
            for _, tellers in sorted(told.items())
        ]
        sources = [source for _, told_by, _ in rows for source in told_by]
        if candidate.values:
            sources.append(self._source)
        doubt = "" if len(sources) == len(set(sources)) else "more than one thing of one source has it"
        if not candidate.values:
            return [] if doubt else [Found(own, f"match on {column}", value) for own, _, _ in rows]
        name = candidate.values.get("title")
        found = []
        for own, told_by, title in rows:
            if told_by != {self._source}:  # what a tool tells of as two is two
                doubtful: tuple[str, float] | None = doubt, 0.4
                if candidate.entity == "person" and column == "email":
                    doubtful = _against(value, name if isinstance(name, str) else None, title, doubt)
                if doubtful is not None:
                    found.append(Found(own, f"match on {column}", value, *doubtful))
        return found

    async def pointed(self, told: Sequence[Candidate]) -> Mapping[str, list[Found]]:
        """Candidate → rows it names in `same_as`, and rows that name it there. One question for the whole page:
        there may be hundreds of work items in it, and few of them name another."""
        found: dict[str, list[Found]] = {}
        for entity in sorted({c.entity for c in told if SAME_AS in self._policy.match.get(c.entity, ())}):
            mine = [c for c in told if c.entity == entity]
            names = {_address(word): c.id for c in mine for word in c.values.get(SAME_AS) or ()}
            called = {
                _address(word): c.id
                for c in mine
                for word in (c.values.get("url"), c.values.get("key"))
                if isinstance(word, str)
            }
            for column, own, word in await self._connection.fetch(
                f"""
                SELECT 'theirs', c.own_id::text, w.word FROM {entity} t
                JOIN claim c ON c.entity_id = t.id AND c.entity = $3 AND c.source <> $4,
                LATERAL (VALUES (rtrim(lower(c.values->>'url'), '/')), (lower(c.values->>'key'))) w (word)
                WHERE (rtrim(lower(t.url), '/') = ANY($1::text[]) OR lower(t.key) = ANY($1::text[]))
                  AND w.word = ANY($1::text[])
                UNION ALL
                SELECT 'ours', c.own_id::text, rtrim(lower(w.word), '/') FROM {entity} t
                JOIN claim c ON c.entity_id = t.id AND c.entity = $3 AND c.source <> $4,
                LATERAL jsonb_array_elements_text(coalesce(c.values->'same_as', '[]')) w (word)
                WHERE t.same_as IS NOT NULL AND rtrim(lower(w.word), '/') = ANY($2::text[])
                """,
                list(names), list(called), entity, self._source,
            ):  # fmt: skip
                own_id = names[word] if column == "theirs" else called[word]
                found.setdefault(own_id, []).append(Found(own, f"match on {SAME_AS}", word))
        return found


async def called(connection: Connection, entity: str, source: str, names: Sequence[str]) -> dict[str, int]:
    """Each of these names, as links write them → how many of the rows that `source` tells of have it."""
    found = await connection.fetch(
        """
        SELECT w.name, count(DISTINCT c.entity_id) FROM unnest($3::text[]) w (name)
        LEFT JOIN (
          SELECT c.entity_id, n.name
          FROM claim c JOIN source_record r ON r.id = c.record_id,
          LATERAL (VALUES (lower(c.values->>'key')), (lower(c.values->>'code')), (lower(c.values->>'email')),
                          (lower(r.source_id))) n (name)
          WHERE c.entity = $1 AND c.source = $2
        ) c ON c.name = lower(trim(w.name))
        GROUP BY w.name
        """,
        entity,
        source,
        list(names),
    )
    return dict(map(tuple, found))


async def names_told(connection: Connection, entity: str, source: str, most: int) -> list[str]:
    """What a link may call the things that `source` tells of, so many of them at most."""
    found = await connection.fetch(
        """
        SELECT DISTINCT coalesce(c.values->>'key', c.values->>'code', c.values->>'email', r.source_id)
        FROM claim c JOIN source_record r ON r.id = c.record_id
        WHERE c.entity = $1 AND c.source = $2 AND r.presence = 'present' ORDER BY 1 LIMIT $3
        """,
        entity,
        source,
        most,
    )
    return [row[0] for row in found]


def _against(value: str, name: str | None, title: str | None, doubt: str) -> tuple[str, float] | None:
    """What speaks against two people with this address being one, if anything, and how likely they are it all the
    same; None: nothing worth anybody's look."""
    if shared_mailbox(value):
        doubt = "the mailbox is a function's, not a person's"
    if doubt:  # who shares a mailbox is one only by name
        return (doubt, 0.6) if written_in_haste(name, title) else None
    # An address is handed on: J. Smith may have been another one than Jane Smith, who has it now.
    if may_be_one(name, title, initials=False):
        return "", 0.4
    return f"the names differ: {name}, {title}", 0.8 if written_in_haste(name, title) else 0.3


def candidate_of(row: Any) -> Candidate:
    """A mapped row, or a claim in its shape."""
    names = (row.source_id, *(row.values.get(c) for c in ("key", "code", "email")))
    words = frozenset(normal_key(name) for name in names if isinstance(name, str))
    return Candidate(row.entity, row.id, row.source_id, words, row.values)


def name_of(candidate: Candidate) -> str:
    """What people call it."""
    known = (candidate.values.get(c) for c in ("key", "code", "email"))
    return next((name for name in known if isinstance(name, str)), candidate.source_id)


def values_at(values: Mapping[str, Any], column: str) -> Any:
    """The column in a claim's values."""
    if column.startswith("custom."):
        return (values.get("custom") or {}).get(column[7:])
    return values.get(column)


def value_path(column: str) -> str:
    """The column in a claim's values, for SQL. The configuration allows letters, digits and _ in names."""
    return f"#>>'{{custom,{column[7:]}}}'" if column.startswith("custom.") else f"->>'{column}'"


def _address(word: str) -> str:
    return word.strip().casefold().rstrip("/")
