"""Bringing identity and precedence to the configuration of now: links whose rule is gone are taken back, links that
rules now call for are made, rows of which several sources tell are merged anew."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import orjson

from portbook.text import normal_key
from register import pinned
from register.db import Connection
from register.identity import Uniter
from register.links import DECISION, Edge, Links
from register.matches import SAME_AS, value_path
from register.merge import merge_rows, write_events
from register.policy import Policy
from register.references import UNKNOWN_REFERENCE
from register.restate import CAUSE
from register.write import PageWrite

FIRST = "00000000-0000-0000-0000-000000000000"
"""Before every id."""
MATCH_ON = "match on "
_WHY = "its rule is no longer in the configuration"


class Lapsed(NamedTuple):
    """An applied or suggested link whose rule no longer holds."""

    entity: str
    edge: Edge
    state: str


class Waiting(NamedTuple):
    """A claim, or a reference without a row, that may be another thing too."""

    entity: str
    source: str
    own_id: str
    record_id: str | None
    """None: a reference."""
    word: str = ""
    field: str = ""


class ClaimedRow(NamedTuple):
    """A claim in the shape in which identity looks at a record's rows."""

    entity: str
    id: str
    source_id: str
    values: dict[str, Any]
    references: Sequence[Any] = ()


class _Reference(NamedTuple):
    column: str
    entity: str
    id: str
    word: str


async def lapsed_links(connection: Connection, policy: Policy) -> list[Lapsed]:
    """Links that rules made which are no longer in the configuration. What people decided always stays."""
    found = []
    for link_id, entity, first, second, rule, evidence, state in await connection.fetch(
        """
        SELECT id::text, entity, first_id::text, second_id::text, rule, evidence, state FROM link
        WHERE state IN ('applied', 'suggested') AND rule <> $1 ORDER BY entity, id
        """,
        DECISION,
    ):
        if not _holds(policy, entity, rule, evidence or "", state):
            found.append(Lapsed(entity, Edge(link_id, first, second, rule), state))
    return found


def _holds(policy: Policy, entity: str, rule: str, evidence: str, state: str) -> bool:
    matches = policy.match.get(entity, ())
    if rule == "configured":
        # A group may be written in another order, or name more: what it joined before it joins still.
        joined = set(evidence.split(" = "))
        return any(joined <= set(group) for group in policy.links.get(entity, ()))
    if rule == f"{MATCH_ON}reference":
        return any(column != SAME_AS for column in matches)
    if rule.startswith(MATCH_ON):
        return rule.removeprefix(MATCH_ON) in matches
    return True


async def withdraw(write: PageWrite, lapsed: Sequence[Lapsed]) -> None:
    """Take these links back. Needs the identity lock alone."""
    settled = write.settled.copy()
    links = Links(write.connection, settled, write.policy, run_id=write.run_id)
    for entity, several in groupby(lapsed, key=lambda link: link.entity):
        edges = list(several)
        await write.connection.execute(
            "UPDATE link SET state = 'withdrawn', reason = $2 WHERE id = ANY($1::uuid[])",
            [each.edge.id for each in edges if each.state == "suggested"],
            _WHY,
        )
        applied = [each.edge for each in edges if each.state == "applied"]
        await links.withdraw(entity, applied, _WHY)
    write.settled = settled
    write.counts.rows_changed += len(await links.write_events(CAUSE))


async def candidates(connection: Connection, policy: Policy) -> list[Waiting]:
    """Claims and waiting references that a rule may join to another row just now; few, as a rule: what is one row
    already is left out."""
    found: dict[tuple[str, str], Waiting] = {}
    for entity in sorted(policy.merged):
        for column in policy.match.get(entity, ()):
            for row in await (_pointing if column == SAME_AS else _equal)(connection, entity, column):
                found.setdefault((entity, row[1]), Waiting(entity, *row))
        for row in await _configured(connection, entity, policy):
            found.setdefault((entity, row[1]), Waiting(entity, *row))
    references = await _references(connection, policy)
    order = {name: at for at, name in enumerate(policy.sources)}
    ordered = sorted(found.values(), key=lambda c: (order.get(c.source, len(order)), c))
    return ordered + sorted(references, key=lambda c: (order.get(c.source, len(order)), c.own_id, c.field))


async def _equal(connection: Connection, entity: str, column: str) -> list[tuple[str, str, str]]:
    value = f"lower(values{value_path(column)})"
    rows = await connection.fetch(
        f"""
        SELECT DISTINCT ON (c.own_id) c.source, c.own_id::text, c.record_id::text FROM claim c
        WHERE c.entity = $1 AND {value} IN (
            SELECT {value} FROM claim WHERE entity = $1 AND {value} > '' GROUP BY 1
            HAVING count(DISTINCT entity_id) > 1 AND count(DISTINCT source) > 1)
        ORDER BY c.own_id, c.record_id
        """,
        entity,
    )
    return [tuple(row) for row in rows]


async def _pointing(connection: Connection, entity: str, column: str) -> list[tuple[str, str, str]]:
    rows = await connection.fetch(
        f"""
        WITH named AS (
            SELECT c.source, c.own_id, c.record_id, c.entity_id, rtrim(lower(w.word), '/') AS word
            FROM claim c, LATERAL jsonb_array_elements_text(c.values->'{column}') w (word)
            WHERE c.entity = $1 AND jsonb_typeof(c.values->'{column}') = 'array')
        SELECT DISTINCT n.source, n.own_id::text, n.record_id::text FROM named n
        JOIN (SELECT id, rtrim(lower(url), '/') AS word FROM {entity} UNION ALL SELECT id, lower(key) FROM {entity}) t
          ON t.word = n.word AND t.id <> n.entity_id
        ORDER BY 2, 3
        """,
        entity,
    )
    return [tuple(row) for row in rows]


async def _configured(connection: Connection, entity: str, policy: Policy) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    for group in policy.links.get(entity, ()):
        members = [member.split(":", 1) for member in group]
        rows = await connection.fetch(
            """
            SELECT DISTINCT ON (c.own_id) c.source, c.own_id::text, c.record_id::text, c.entity_id::text
            FROM unnest($2::text[], $3::text[]) w (source, word)
            JOIN claim c ON c.source = w.source AND c.entity = $1
            JOIN source_record r ON r.id = c.record_id
            WHERE lower(w.word) IN (lower(c.values->>'key'), lower(c.values->>'code'), lower(c.values->>'email'),
                                    lower(r.source_id))
            ORDER BY c.own_id, c.record_id
            """,
            entity,
            [source for source, _ in members],
            [word.strip() for _, word in members],
        )
        if len({row[3] for row in rows}) > 1:
            found += [tuple(row)[:3] for row in rows]
    return found


async def _references(connection: Connection, policy: Policy) -> list[Waiting]:
    """Unknown references that a match rule or a configured link may know now."""
    found = {}
    words = {
        (entity, *member)
        for entity, groups in policy.links.items()
        for group in groups
        for source, word in (m.split(":", 1) for m in group)
        for member in ((source, normal_key(word)),)
    }
    open_ones = await connection.fetch(
        """
        SELECT entity, source, entity_id::text, value, coalesce(field, '') FROM finding
        WHERE code = $1 AND closed_at IS NULL AND entity_id IS NOT NULL AND value IS NOT NULL ORDER BY id
        """,
        UNKNOWN_REFERENCE,
    )
    for entity in sorted({row[0] for row in open_ones} & policy.merged):
        here = [
            Waiting(e, source, own, None, word, field)
            for e, source, own, word, field in open_ones
            if e == entity
        ]
        known: set[str] = set()
        for column in policy.match.get(entity, ()):
            if column != SAME_AS:
                value = f"lower(values{value_path(column)})"
                known |= {
                    row[0]
                    for row in await connection.fetch(
                        f"SELECT DISTINCT {value} FROM claim WHERE entity = $1 AND {value} = ANY($2::text[])",
                        entity,
                        [waiting.word.strip().lower() for waiting in here],
                    )
                }
        for waiting in here:
            called = (entity, waiting.source, normal_key(waiting.word)) in words
            if called or waiting.word.strip().lower() in known:
                found[waiting.own_id, waiting.field] = waiting
    return list(found.values())


async def unite(write: PageWrite, several: Sequence[Waiting]) -> None:
    """Join what rules say is one, of these candidates of `write.source`. Needs the identity lock alone."""
    uniter = Uniter(
        write.connection, write.source, write.run_id, write.policy, write.memory, write.settled,
        may_write=True, cause=CAUSE,
    )  # fmt: skip
    rows = [*await _rows(write.connection, several)]
    for waiting in several:
        if waiting.record_id is None:
            reference = _Reference(f"{waiting.field}_id", waiting.entity, waiting.own_id, waiting.word)
            rows.append(ClaimedRow("", "", waiting.word, {}, (reference,)))
    write.settled = await uniter.unite(rows)


async def _rows(connection: Connection, several: Sequence[Waiting]) -> list[ClaimedRow]:
    told: Mapping[tuple[str, str], ClaimedRow] = {
        (entity, own_id): ClaimedRow(entity, own_id, source_id, orjson.loads(values))
        for entity, own_id, source_id, values in await connection.fetch(
            """
            SELECT c.entity, c.own_id::text, r.source_id, c.values FROM claim c
            JOIN source_record r ON r.id = c.record_id WHERE c.record_id = ANY($1::uuid[])
            """,
            [waiting.record_id for waiting in several if waiting.record_id],
        )
    }
    found = [told.get((waiting.entity, waiting.own_id)) for waiting in several if waiting.record_id]
    return [row for row in found if row is not None]


async def note_silences(write: PageWrite) -> None:
    """Let the sources that the policy finds silent now be so. Needs the identity lock alone."""
    await pinned.note_silences(write.connection, write.policy)


async def merge_anew(write: PageWrite, entity: str, ids: Collection[str]) -> None:
    """Merge these rows by the precedence of now."""
    changes = await merge_rows(write.connection, entity, ids, write.policy, write.settled)
    await write_events(write.connection, changes, cause=CAUSE, run_id=write.run_id)
    write.counts.rows_changed += len(changes)
