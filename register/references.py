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


def refers(column: FieldDef, row: str = "e") -> str:
    """Whether the column refers to $1."""
    if column.kind is Kind.IDS:
        return f"{row}.{column.name} @> ARRAY[$1::uuid]"
    return f"{row}.{column.name} = $1::uuid"


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
