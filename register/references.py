"""References that lead nowhere: who refers to something by a name that no row has, told once for each name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from register.catalog import FieldDef, Kind, catalog
from register.db import Connection
from register.findings import FindingDraft, open_findings

UNKNOWN_REFERENCE = "REF001"
_FIRST = "00000000-0000-0000-0000-000000000000"
"""Before every id."""
_AT_ONCE = 5_000


class _Wanted(NamedTuple):
    """A reference that may be said in a column, under an id of the asker's."""

    id: str
    source: str
    ref_id: str
    column: str


def unknown_reference(
    source: str, entity: str, ref_id: str, word: str, *, by: str, column: str
) -> FindingDraft:
    """The finding that what `by` (its entity and key) calls `word` in a column is in no source."""
    name = field_of(column)
    return FindingDraft(
        code=UNKNOWN_REFERENCE,
        severity="warning",
        source=source,
        entity=entity,
        entity_id=ref_id,
        field=name,
        value=word,
        message=f"{by}: {name} {word!r} is no {entity} in the register",
        hint=f"Add the {entity} to a source, use its {'e-mail address' if entity == 'person' else 'key'}, "
        "or link the two under `identity:` in the configuration.",
    )


def field_of(column: str) -> str:
    """What people call the field of a column that refers."""
    return column.removesuffix("_id").removesuffix("_ids")


def referring(entity: str) -> Iterator[tuple[str, list[FieldDef]]]:
    """Entities whose rows refer to those of this one, with the columns that do."""
    for other in catalog().values():
        columns = [field for field in other.fields.values() if field.ref == entity]
        if columns and other.enveloped:
            yield other.name, columns


def refers(column: FieldDef, row: str = "e", to: str = "$1::uuid") -> str:
    """Whether the column refers to this id."""
    if column.kind is Kind.IDS:
        return f"{row}.{column.name} @> ARRAY[{to}]"
    return f"{row}.{column.name} = {to}"


async def word_of_unknown(connection: Connection, entity: str, ref_id: str) -> str | None:
    """What a reference that leads nowhere is called, as `source:word`."""
    found: str | None = await connection.fetchval(
        "SELECT source || ':' || value FROM finding WHERE code = $1 AND entity = $2 AND entity_id = $3 ORDER BY id",
        UNKNOWN_REFERENCE,
        entity,
        ref_id,
    )
    return found


async def tell_unknown(
    connection: Connection, entity: str, own_ids: Collection[str], *, run_id: int | None
) -> None:
    """Open the findings of those of these ids that nothing but references of present records know."""
    # The link that made it part of a row has its name, as `source:word`.
    called = await connection.fetch(
        f"""
        SELECT DISTINCT ON (u.id) u.id::text, split_part(n.called, ':', 1), n.called
        FROM unnest($2::uuid[]) u (id) JOIN link l ON l.entity = $1 AND u.id IN (l.first_id, l.second_id)
        CROSS JOIN LATERAL (SELECT CASE WHEN l.first_id = u.id THEN l.first ELSE l.second END AS called) n
        WHERE n.called IS NOT NULL AND NOT EXISTS (SELECT FROM {entity} t WHERE t.id = u.id)
          AND NOT EXISTS (SELECT FROM claim c WHERE c.own_id = u.id AND c.entity = $1) ORDER BY u.id, l.id
        """,
        entity,
        sorted(own_ids),
    )
    found = []
    for other, columns in referring(entity) if called else ():
        wanted = [
            _Wanted(f"{column.name} {ref_id}", source, ref_id, column.name)
            for column in columns
            for ref_id, source, _ in called
        ]
        words = {ref_id: name.removeprefix(f"{source}:") for ref_id, source, name in called}
        said = await _said(connection, other, wanted)
        by = await _names(connection, other, said.values())
        found += [
            unknown_reference(
                each.source, entity, each.ref_id, words[each.ref_id],
                by=f"{other} {by[said[each.id]]}", column=each.column,
            )
            for each in wanted if each.id in said
        ]  # fmt: skip
    await open_findings(connection, found, run_id=run_id)


async def close_unnamed(connection: Connection) -> None:
    """Close the findings about references that no present record says any more. One that stays open has the record of
    one who does, and the others are asked only when that one no longer does. What a page is writing just now is left to
    the next time."""
    last: str | None = _FIRST
    while last is not None:
        async with connection.transaction():
            last = await _close_some(connection, last)


async def _close_some(connection: Connection, after: str) -> str | None:
    """Look at some of the findings with ids after this one. Returns the last of them, or None where no more are."""
    # They are locked before the records are asked: who says it anew waits, and opens it again.
    open_ones = await connection.fetch(
        """
        SELECT f.id::text, f.source, f.entity, f.entity_id::text, f.field FROM finding f
        WHERE f.code = $1 AND f.closed_at IS NULL AND f.id > $2 AND NOT EXISTS (
            SELECT FROM claim c JOIN source_record r ON r.id = c.record_id AND r.presence = 'present'
            WHERE c.record_id = f.record_id
              AND coalesce(c.values->(f.field || '_id'), c.values->(f.field || '_ids')) @> to_jsonb(f.entity_id))
        ORDER BY f.id LIMIT $3 FOR UPDATE OF f SKIP LOCKED
        """,
        UNKNOWN_REFERENCE,
        after,
        _AT_ONCE,
    )
    said: dict[str, str] = {}
    for entity in sorted({row["entity"] for row in open_ones}):
        for other, columns in referring(entity):
            wanted = [
                _Wanted(row["id"], row["source"], row["entity_id"], column.name)
                for row in open_ones
                for column in columns
                if row["entity"] == entity and field_of(column.name) == row["field"] and row["id"] not in said
            ]
            said |= await _shown(connection, other, wanted)
            said |= await _said(connection, other, [each for each in wanted if each.id not in said])
    await connection.execute(
        """
        UPDATE finding f SET record_id = coalesce(n.record_id, f.record_id),
                             closed_at = CASE WHEN n.record_id IS NULL THEN now() END
        FROM unnest($1::uuid[], $2::uuid[]) n (id, record_id) WHERE f.id = n.id
        """,
        [row["id"] for row in open_ones],
        [said.get(row["id"]) for row in open_ones],
    )
    return open_ones[-1]["id"] if len(open_ones) == _AT_ONCE else None


async def _shown(connection: Connection, entity: str, wanted: Sequence[_Wanted]) -> dict[str, str]:
    """Who of these is referred to by a row: id → a present record that says so. Indexes answer it; that none is found
    means nothing."""
    found: dict[str, str] = {}
    for column, several in _by_column(wanted):
        shown, target = f"{entity} e", f"e.{column}"
        if catalog()[entity].fields[column].kind is Kind.IDS:
            shown, target = f"{shown} CROSS JOIN LATERAL unnest({target}) t (id)", "t.id"
        rows = await connection.fetch(
            f"""
            WITH shown AS MATERIALIZED (
                SELECT DISTINCT ON (n.id) n.id, n.ref_id, e.id AS row_id
                FROM {shown} JOIN unnest($1::text[], $2::uuid[]) n (id, ref_id) ON n.ref_id = {target}
                ORDER BY n.id, e.id)
            SELECT DISTINCT ON (s.id) s.id, c.record_id::text FROM shown s
            JOIN claim c ON c.entity_id = s.row_id AND c.entity = $3 AND c.values->$4 @> to_jsonb(s.ref_id)
            JOIN source_record r ON r.id = c.record_id AND r.presence = 'present'
            ORDER BY s.id, c.record_id
            """,
            [each.id for each in several],
            [each.ref_id for each in several],
            entity,
            column,
        )
        found |= dict(map(tuple, rows))
    return found


async def _said(connection: Connection, entity: str, wanted: Sequence[_Wanted]) -> dict[str, str]:
    """Who of these is referred to by what a present record says of this entity, also where its row shows something
    else: id → the record. Reads every claim of the sources once for each column."""
    found: dict[str, str] = {}
    for column, several in _by_column(wanted):
        rows = await connection.fetch(
            """
            WITH said AS MATERIALIZED (
                SELECT n.id, c.record_id FROM claim c CROSS JOIN LATERAL jsonb_path_query(c.values->$4, '$[*]') s (said)
                JOIN unnest($1::text[], $2::text[]) n (id, ref_id) ON n.ref_id = s.said #>> '{}'
                WHERE c.entity = $3 AND c.source = ANY($5::text[]) AND c.values ? $4)
            SELECT DISTINCT ON (s.id) s.id, s.record_id::text FROM said s
            JOIN source_record r ON r.id = s.record_id AND r.presence = 'present' ORDER BY s.id, s.record_id
            """,
            [each.id for each in several],
            [each.ref_id for each in several],
            entity,
            column,
            sorted({each.source for each in several}),
        )
        found |= dict(map(tuple, rows))
    return found


def _by_column(wanted: Sequence[_Wanted]) -> Iterator[tuple[str, list[_Wanted]]]:
    for column in sorted({each.column for each in wanted}):
        yield column, [each for each in wanted if each.column == column]


async def _names(connection: Connection, entity: str, record_ids: Iterable[str]) -> dict[str, str]:
    """What people call what these records tell of."""
    rows = await connection.fetch(
        """
        SELECT r.id::text, coalesce(c.values->>'key', r.source_id) FROM source_record r
        JOIN claim c ON c.record_id = r.id AND c.entity = $1 WHERE r.id = ANY($2::uuid[])
        """,
        entity,
        sorted(set(record_ids)),
    )
    return dict(map(tuple, rows))
