"""Suggestions: rows of different sources that may be one thing, with what speaks for it and how much. A person decides;
nothing is ever joined here."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import orjson

from register.alike import may_be_one, name_words, shared_mailbox
from register.db import Connection, Pool
from register.ids import derive_id
from register.policy import Policy
from register.settled import IDENTITY_LOCK, Memory, Settled, read_settled

RULE = "alike"
_MOST = 2_000
"""Suggestions of one entity: nobody looks through more, and the likeliest go first."""
_BLOCK = 60
"""Rows that share a word: a word of more rows than this (`Phase`, a first name) tells nothing."""


class _Row(NamedTuple):
    id: str
    called: str
    sources: frozenset[str]
    values: Mapping[str, Any]


class _Pair(NamedTuple):
    one: _Row
    other: _Row
    confidence: float
    evidence: str


async def suggest(pool: Pool, policy: Policy) -> int:
    """Compare what is in the register and write down who may be whom. Suggestions that no longer hold are withdrawn.
    Returns how many wait for a person."""
    async with pool.acquire() as connection:
        found: dict[str, list[_Pair]] = {}
        for entity, alike in _ALIKE.items():
            if entity in policy.merged or entity == "milestone":
                rows = await _rows(connection, entity)
                # Comparing thousands of names takes seconds, in which hooks and heartbeats must not wait.
                found[entity] = await asyncio.to_thread(_best, alike, rows)
        async with connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({IDENTITY_LOCK})")
            settled = await read_settled(connection, Memory())
            for entity, pairs in found.items():
                await _write(connection, entity, [p for p in pairs if _open(p, settled)])
        return int(await connection.fetchval("SELECT count(*) FROM link WHERE state = 'suggested'"))


async def _rows(connection: Connection, entity: str) -> list[_Row]:
    rows = await connection.fetch(
        f"""
        SELECT t.id::text, coalesce(t.source, '') || ':' || coalesce(t.key, t.source_id, t.title, ''),
               array_agg(DISTINCT c.source), to_jsonb(t) - 'description' - 'custom' - 'chosen'
        FROM {entity} t JOIN claim c ON c.entity_id = t.id AND c.entity = $1
        WHERE t.presence = 'present' GROUP BY t.id ORDER BY t.id
        """,
        entity,
    )
    return [
        _Row(row_id, called, frozenset(told), orjson.loads(values)) for row_id, called, told, values in rows
    ]


async def _write(connection: Connection, entity: str, pairs: Sequence[_Pair]) -> None:
    rows = [
        (derive_id("link", entity, first.id, second.id), first, second, pair)
        for pair in pairs
        for first, second in (sorted((pair.one, pair.other), key=lambda row: row.id),)
    ]
    await connection.execute(
        """
        UPDATE link SET state = 'withdrawn', reason = 'nothing speaks for it any more'
        WHERE entity = $1 AND state = 'suggested' AND rule = $2 AND NOT id = ANY($3::uuid[])
        """,
        entity,
        RULE,
        [link_id for link_id, _, _, _ in rows],
    )
    if rows:
        await connection.execute(
            """
            INSERT INTO link AS l (id, entity, first_id, second_id, first, second, state, rule, evidence, confidence)
            SELECT n.id, $1, n.first_id, n.second_id, n.first, n.second, 'suggested', $2, n.evidence, n.confidence
            FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::float8[])
                 n (id, first_id, second_id, first, second, evidence, confidence)
            ON CONFLICT (id) DO UPDATE
            SET state = 'suggested', rule = excluded.rule, evidence = excluded.evidence,
                confidence = excluded.confidence, reason = NULL, actor = NULL, decided_at = NULL
            WHERE l.state = 'withdrawn'
               OR (l.state = 'suggested' AND l.rule = excluded.rule
                   AND (l.evidence, l.confidence) IS DISTINCT FROM (excluded.evidence, excluded.confidence))
            """,
            entity,
            RULE,
            [link_id for link_id, _, _, _ in rows],
            [first.id for _, first, _, _ in rows],
            [second.id for _, _, second, _ in rows],
            [first.called for _, first, _, _ in rows],
            [second.called for _, _, second, _ in rows],
            [pair.evidence for _, _, _, pair in rows],
            [pair.confidence for _, _, _, pair in rows],
        )


def _open(pair: _Pair, settled: Settled) -> bool:
    one, other = settled.row(pair.one.id), settled.row(pair.other.id)
    return one != other and not settled.apart(one, other)


def _best(alike: Callable[[Sequence[_Row]], Iterator[_Pair]], rows: Sequence[_Row]) -> list[_Pair]:
    """Each pair once, with the strongest evidence; at most so many."""
    best: dict[tuple[str, str], _Pair] = {}
    for pair in alike(rows):
        place = (min(pair.one.id, pair.other.id), max(pair.one.id, pair.other.id))
        if place not in best or best[place].confidence < pair.confidence:
            best[place] = pair
    return sorted(best.values(), key=lambda p: (-p.confidence, p.one.id, p.other.id))[:_MOST]


def _together(rows: Sequence[_Row], words: Callable[[_Row], Iterable[Any]]) -> Iterator[tuple[_Row, _Row]]:
    """Pairs of rows of different sources that share a word, unless too many share it."""
    blocks: dict[Any, list[_Row]] = {}
    for row in rows:
        for word in set(words(row)):
            blocks.setdefault(word, []).append(row)
    for block in blocks.values():
        if 1 < len(block) <= _BLOCK:
            for one, other in combinations(block, 2):
                if one.sources.isdisjoint(other.sources):
                    yield one, other


def _people(rows: Sequence[_Row]) -> Iterator[_Pair]:
    crowded = _crowded(rows)

    def mailbox(row: _Row) -> str:
        """The name of a mailbox that is this person's alone."""
        address = (row.values.get("email") or "").casefold()
        return "" if shared_mailbox(address) or address in crowded else str(address.partition("@")[0])

    for one, other in _together(
        rows, lambda row: [("name", w) for w in name_words(_title(row))] + [mailbox(row) or row.id]
    ):
        first, second = name_words(_title(one)), name_words(_title(other))
        if min(len(first), len(second)) < 2 or not may_be_one(_title(one), _title(other)):
            continue
        same_name = first == second
        mail, other_mail = mailbox(one), mailbox(other)
        if mail and mail == other_mail:
            yield _Pair(one, other, 0.8 if same_name else 0.6, "same name and mailbox name, other domain")
        elif not mail or not other_mail:
            # Of two names of which one has a word more, there are many: Elena Olsen, Elena Horvat-Olsen.
            if same_name:
                yield _Pair(one, other, 0.6, "same name")
            elif len(first) == len(second):
                yield _Pair(one, other, 0.5, "nearly the same name")
        # jane.doe and jane.doe2 are how namesakes are told apart.
        elif same_name and _letters(mail) != _letters(other_mail):
            yield _Pair(one, other, 0.4, "same name, but other e-mail addresses")


def _crowded(rows: Sequence[_Row]) -> set[str]:
    """Addresses that one tool knows of several people: a function's, whatever they are called."""
    found = Counter(
        (source, row.values["email"].casefold())
        for row in rows if row.values.get("email") for source in row.sources
    )  # fmt: skip
    return {address for (_, address), times in found.items() if times > 1}


def _letters(mailbox: str) -> str:
    return "".join(letter for letter in mailbox if letter.isalpha())


def _projects(rows: Sequence[_Row]) -> Iterator[_Pair]:
    def codes(row: _Row) -> set[str]:
        return {str(row.values[c]).casefold() for c in ("key", "code") if row.values.get(c)}

    for one, other in _together(rows, lambda row: [("code", code) for code in codes(row)]):
        shared = ", ".join(sorted(codes(one) & codes(other)))
        yield _Pair(one, other, 0.7, f"what one calls its key the other calls its code: {shared}")
    for one, other in _together(rows, lambda row: [tuple(name_words(_title(row))) or row.id]):
        confidence, evidence = 0.5, ["same title"]
        for column, weight, said in (
            ("manager_id", 0.2, "same manager"),
            ("finish_planned_on", 0.1, "same finish"),
        ):
            if one.values.get(column) and one.values.get(column) == other.values.get(column):
                confidence += weight
                evidence.append(said)
        yield _Pair(one, other, round(confidence, 2), ", ".join(evidence))
    for one, other in _together(
        rows, lambda row: [("word", w) for w in name_words(_title(row)) if len(w) > 3]
    ):
        if min(len(name_words(_title(one))), len(name_words(_title(other)))) > 1 and may_be_one(
            _title(one), _title(other)
        ):
            yield _Pair(one, other, 0.35, "nearly the same title")


def _milestones(rows: Sequence[_Row]) -> Iterator[_Pair]:
    for one, other in _together(
        rows, lambda row: [(row.values.get("project_id") or row.id, name_words(_title(row)))]
    ):
        dates = [row.values.get("planned_on") or row.values.get("baseline_on") for row in (one, other)]
        same_day = dates[0] is not None and dates[0] == dates[1]
        evidence = "same project and title" + (", same day" if same_day else "")
        yield _Pair(one, other, 0.8 if same_day else 0.5, evidence)


def _title(row: _Row) -> str:
    return row.values.get("title") or ""


_ALIKE: Mapping[str, Callable[[Sequence[_Row]], Iterator[_Pair]]] = {
    "project": _projects,
    "person": _people,
    "milestone": _milestones,
}
