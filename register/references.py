"""References that lead nowhere: who refers to something by a name that no row has, told once for each name."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from register.catalog import FieldDef, Kind, catalog
from register.db import Connection
from register.findings import FindingDraft, open_findings

UNKNOWN_REFERENCE = "REF001"


def unknown_reference(
    source: str, entity: str, ref_id: str, word: str, *, by: str, column: str
) -> FindingDraft:
    """The finding that what `by` (its entity and key) calls `word` in a column is in no source."""
    name = column.removesuffix("_id").removesuffix("_ids")
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


async def tell_unknown(
    connection: Connection, entity: str, own_ids: Collection[str], *, run_id: int | None
) -> None:
    """Open the findings of those of these ids that nothing but references know."""
    bare = await connection.fetch(
        f"""
        SELECT id::text FROM unnest($2::uuid[]) u (id)
        WHERE NOT EXISTS (SELECT FROM {entity} t WHERE t.id = u.id)
          AND NOT EXISTS (SELECT FROM claim c WHERE c.own_id = u.id AND c.entity = $1) ORDER BY 1
        """,
        entity,
        sorted(own_ids),
    )
    found = []
    for (ref_id,) in bare:
        # The link that made it part of a row has its name, as `source:word`.
        called = await connection.fetchval(
            """
            SELECT CASE WHEN first_id = $2::uuid THEN first ELSE second END FROM link
            WHERE entity = $1 AND $2::uuid IN (first_id, second_id)
              AND CASE WHEN first_id = $2::uuid THEN first ELSE second END IS NOT NULL ORDER BY id LIMIT 1
            """,
            entity,
            ref_id,
        )
        for other, columns in referring(entity) if called else ():
            for column in columns:
                source, key = await connection.fetchrow(
                    f"""
                    SELECT c.source, coalesce(e.key, e.source_id) FROM {other} e
                    JOIN claim c ON c.entity_id = e.id AND c.entity = '{other}'
                    WHERE {refers(column)} AND starts_with($2, c.source || ':') ORDER BY e.id LIMIT 1
                    """,
                    ref_id,
                    called,
                ) or (None, None)
                if source is not None:
                    word = called.removeprefix(f"{source}:")
                    found.append(
                        unknown_reference(
                            source, entity, ref_id, word, by=f"{other} {key}", column=column.name
                        )
                    )
    await open_findings(connection, found, run_id=run_id)


async def close_unnamed(connection: Connection) -> None:
    """Close the findings about references that are in no present row any more, nor said by a source that is not
    believed. What a page is writing just now is left to the next time."""
    for entity, field in await connection.fetch(
        "SELECT DISTINCT entity, field FROM finding WHERE code = $1 AND closed_at IS NULL ORDER BY 1, 2",
        UNKNOWN_REFERENCE,
    ):
        named = _named(entity, field)
        found = await connection.fetch(
            f"""
            SELECT f.id FROM finding f
            WHERE f.code = $1 AND f.entity = $2 AND f.field = $3 AND f.closed_at IS NULL AND NOT ({named})
            FOR UPDATE SKIP LOCKED
            """,
            UNKNOWN_REFERENCE,
            entity,
            field,
        )
        # Asked again now that they are locked: who names it anew waits, and opens it again.
        await connection.execute(
            f"UPDATE finding f SET closed_at = now() WHERE f.id = ANY($1::uuid[]) AND NOT ({named})",
            [row[0] for row in found],
        )


def _named(entity: str, field: str) -> str:
    """SQL for whether a row, or a source that is not believed, has the reference that the finding `f` is about."""
    places = [
        "EXISTS (SELECT FROM conflict c WHERE c.closed_at IS NULL AND c.field IN (f.field || '_id', f.field || '_ids') "
        "AND jsonb_path_exists(c.values, '$.** ? (@ == $id)', jsonb_build_object('id', f.entity_id)))"
    ]
    for other, columns in referring(entity):
        places += [
            f"EXISTS (SELECT FROM {other} e WHERE {refers(column, to='f.entity_id')} AND e.presence = 'present')"
            for column in columns
            if column.name in (f"{field}_id", f"{field}_ids")
        ]
    return " OR ".join(places)
