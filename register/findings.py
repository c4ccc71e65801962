"""Findings: opened once, closed when what they tell of is gone."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import NamedTuple

from register.catalog import Entity, catalog
from register.db import Connection
from register.ids import derive_id

PER_VALUE = ("MAP102", "REF001")
"""Codes that tell of a value, not of one record: ten thousand items with the same unknown status are one finding."""

DOUBLED = "SRC010"
"""A plan that is in several files."""
_SHORT = 300
_OWNERS = (
    "assignee_id",
    "manager_id",
    "owner_id",
    "sro_id",
    "sponsor_id",
    "author_id",
    "chair_id",
    "person_id",
)
"""Who can mend a row, the nearest first."""
_PROJECT = {"project": "id", "dependency": "from_project_id"}


class FindingDraft(NamedTuple):
    """A finding before it has an id."""

    code: str
    severity: str
    message: str
    source: str | None = None
    stream: str | None = None
    record_id: str | None = None
    entity: str | None = None
    entity_id: str | None = None
    field: str | None = None
    value: str | None = None
    detail: str = ""
    hint: str = ""

    @property
    def id(self) -> str:
        about = (
            (self.source, self.stream, self.value)
            if self.code in PER_VALUE
            else (self.record_id, self.entity_id)
        )
        return derive_id(
            "finding", self.code, self.entity or "", self.field or "", *(str(part or "") for part in about)
        )


def whose(entity: Entity, row: str) -> tuple[str, str]:
    """SQL for the project of a row, and for who can mend it."""
    project = _PROJECT.get(entity.name, "project_id")
    owners = [f"{row}.{name}" for name in _OWNERS if name in entity.fields]
    return (
        f"{row}.{project}" if project in entity.fields else "NULL::uuid",
        f"coalesce({', '.join(owners)})" if owners else "NULL::uuid",
    )


def standing_waiver(row: str) -> str:
    """SQL for the waiver that a finding stands under, by its code, id and entity_id. Most codes have none, which one
    look tells of all rows; to ask for each takes as long as opening it."""
    asked = f"standing_waiver({row}.code, {row}.id, {row}.entity_id)"
    return f"CASE WHEN {row}.code IN (SELECT code FROM waiver WHERE ended_at IS NULL) THEN {asked} END"


async def open_findings(connection: Connection, found: Iterable[FindingDraft], *, run_id: int | None) -> None:
    """Open findings that are not open yet, and let open ones say what is found now. One that tells of a value is left
    as it is: its record is a sample, and the next would be another."""
    rows = {finding.id: finding for finding in found}
    if not rows:
        return
    documents = [
        {
            **{k: (v[:_SHORT] if isinstance(v, str) else v) for k, v in finding._asdict().items()},
            "id": row_id,
            "message": finding.message[:2000].replace("\x00", "�"),
            "value": None if finding.value is None else finding.value[:_SHORT].replace("\x00", "�"),
            "own_id": finding.entity_id if finding.record_id else None,
            "run_id": run_id,
        }
        for row_id, finding in sorted(rows.items())
    ]
    told = ("severity", "stream", "record_id", "value", "message", "detail", "hint")
    before, now = (", ".join(f"{row}.{name}" for name in told) for row in ("f", "excluded"))
    await connection.execute(
        f"""
        INSERT INTO finding AS f (id, code, severity, source, stream, record_id, entity, entity_id, own_id, field,
                                  value, message, detail, hint, run_id, waiver_id)
        SELECT id, code, severity, source, stream, record_id, entity, entity_id, own_id, field,
               value, message, detail, hint, run_id, {standing_waiver("o")}
        FROM json_populate_recordset(NULL::finding, $1) o
        ON CONFLICT (id) DO UPDATE
        SET ({", ".join(told)}) = ({now}), closed_at = NULL,
            opened_at = CASE WHEN f.closed_at IS NULL THEN f.opened_at ELSE now() END,
            run_id = CASE WHEN f.closed_at IS NULL THEN f.run_id ELSE excluded.run_id END,
            waiver_id = CASE WHEN f.closed_at IS NULL THEN f.waiver_id ELSE excluded.waiver_id END
        WHERE f.closed_at IS NOT NULL
           OR (NOT f.code = ANY($2::text[]) AND ({before}) IS DISTINCT FROM ({now}))
        """,
        json.dumps(documents),
        list(PER_VALUE),
    )


async def close_findings(
    connection: Connection, record_ids: Collection[str], *, keep: Iterable[FindingDraft]
) -> None:
    """Close what was open about these records, except what is found again."""
    if record_ids:
        await connection.execute(
            """
            UPDATE finding SET closed_at = now()
            WHERE record_id = ANY($1::uuid[]) AND closed_at IS NULL AND NOT id = ANY($2::uuid[])
              AND NOT code = ANY($3::text[])
            """,
            list(record_ids),
            [finding.id for finding in keep],
            list(PER_VALUE),
        )


async def close_mapping_findings(
    connection: Connection, record_ids: Collection[str], *, keep: Iterable[str]
) -> None:
    """Close what the mapping found in these records, except the findings with the ids to `keep`."""
    if record_ids:
        await connection.execute(
            """
            UPDATE finding SET closed_at = now()
            WHERE record_id = ANY($1::uuid[]) AND closed_at IS NULL AND code LIKE 'MAP%'
              AND NOT code = ANY($2::text[]) AND NOT id = ANY($3::uuid[])
            """,
            list(record_ids),
            list(PER_VALUE),
            list(keep),
        )


async def close_findings_of(connection: Connection, found: Iterable[tuple[str, str]]) -> None:
    """Close what was open by these (record id, code), and nothing else that is known of the records."""
    pairs = list(found)
    if pairs:
        await connection.execute(
            """
            UPDATE finding f SET closed_at = now() FROM unnest($1::uuid[], $2::text[]) AS g (record_id, code)
            WHERE f.record_id = g.record_id AND f.code = g.code AND f.closed_at IS NULL
            """,
            [record_id for record_id, _ in pairs],
            [code for _, code in pairs],
        )


async def close_findings_about(connection: Connection, code: str, row_ids: Collection[str]) -> None:
    """Close what was open by this code about these rows."""
    if row_ids:
        await connection.execute(
            """
            UPDATE finding SET closed_at = now()
            WHERE code = $1 AND entity_id = ANY($2::uuid[]) AND closed_at IS NULL
            """,
            code,
            list(row_ids),
        )


async def close_settled_values(connection: Connection, source: str) -> None:
    """Close findings about values that no record has any more. Asked after complete runs, and when records that had
    some are gone."""
    await connection.execute(
        """
        UPDATE finding SET closed_at = now()
        WHERE source = $1 AND code = 'MAP102' AND closed_at IS NULL AND NOT id IN (
            SELECT unnest(unmapped) FROM source_record
            WHERE source = $1 AND unmapped IS NOT NULL AND presence = 'present')
        """,
        source,
    )


async def place_findings(connection: Connection) -> None:
    """Let open findings of records name the row that shows what they tell of now, its project and who can mend it:
    rows are joined and parted, and change hands. A word that many records share is no one project's. What a page is
    writing just now is left to the next time."""
    for (name,) in await connection.fetch(
        "SELECT DISTINCT entity FROM finding WHERE own_id IS NOT NULL AND closed_at IS NULL ORDER BY 1"
    ):
        project, owner = whose(catalog()[name], "e")
        await connection.execute(
            f"""
            WITH placed AS (
              SELECT f.id, e.id AS entity_id, w.project_id, w.owner_id
              FROM finding f LEFT JOIN absorbed a ON a.id = f.own_id
              JOIN "{name}" e ON e.id = coalesce(a.entity_id, f.own_id)
              LEFT JOIN LATERAL (SELECT {project} AS project_id, {owner} AS owner_id) w ON NOT f.code = ANY($2::text[])
              WHERE f.entity = $1 AND f.own_id IS NOT NULL AND f.closed_at IS NULL
                AND (f.entity_id, f.project_id, f.owner_id) IS DISTINCT FROM (e.id, w.project_id, w.owner_id)
              FOR UPDATE OF f SKIP LOCKED
            )
            UPDATE finding f SET entity_id = p.entity_id, project_id = p.project_id, owner_id = p.owner_id,
                                 waiver_id = standing_waiver(f.code, f.id, p.entity_id)
            FROM placed p WHERE p.id = f.id
            """,
            name,
            list(PER_VALUE),
        )
