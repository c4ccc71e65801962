"""Records that the configuration no longer selects: noted by complete runs, and retired by nobody but a person."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from register.audit import Actor, note
from register.db import Connection
from register.findings import FindingDraft, open_findings
from register.ids import derive_id
from register.write import PageWrite

CAUSE = "retire"
OUTSIDE = "SEL001"


async def note_outside(
    connection: Connection, source: str, ids: Collection[str], *, run_id: int | None
) -> None:
    """These records of a source, and no others, are outside the selection now. A finding tells of it for as long as
    there are any."""
    await connection.execute("DELETE FROM outside WHERE source = $1", source)
    finding = FindingDraft(
        code=OUTSIDE, severity="warning", source=source, entity="source", entity_id=derive_id("source", source),
        message=f"records of {source} are outside what is selected now; they stay as they were last read",
        hint=f"See `portbook retire {source} --out-of-selection`, or select them again.",
    )  # fmt: skip
    if not ids:
        await connection.execute(
            "UPDATE finding SET closed_at = now() WHERE id = $1 AND closed_at IS NULL", finding.id
        )
        return
    await connection.execute("INSERT INTO outside SELECT unnest($1::uuid[]), $2", list(ids), source)
    await open_findings(connection, [finding], run_id=run_id)


async def records_of_source(connection: Connection, source: str) -> list[str]:
    """Every record of a source that is there."""
    rows = await connection.fetch(
        "SELECT id::text FROM source_record WHERE source = $1 AND presence = 'present' ORDER BY id", source
    )
    return [row[0] for row in rows]


async def records_of_projects(connection: Connection, source: str, own_ids: Sequence[str]) -> list[str]:
    """The records of a source that make these projects, what is in them, and what hangs on that (links between work
    items, logged work). People stay: they may be named elsewhere."""
    rows = await connection.fetch(
        """
        WITH RECURSIVE mine AS (
            SELECT c.record_id, c.own_id, c.entity, c.values FROM claim c WHERE c.source = $1 AND c.entity <> 'person'),
        inside AS (
            SELECT record_id, own_id FROM mine
            WHERE (entity = 'project' AND own_id = ANY($2::uuid[])) OR (values->>'project_id')::uuid = ANY($2::uuid[])),
        below AS (
            SELECT m.record_id FROM mine m JOIN inside i
              ON i.own_id = coalesce(m.values->>'work_item_id', m.values->>'from_work_item_id')::uuid
            WHERE m.values->>'project_id' IS NULL)
        SELECT r.id::text FROM source_record r
        WHERE r.presence = 'present' AND r.id IN (SELECT record_id FROM inside UNION SELECT record_id FROM below)
        ORDER BY r.id
        """,
        source,
        list(own_ids),
    )
    return [row[0] for row in rows]


async def noted_outside(connection: Connection, source: str) -> list[str]:
    """What the last complete run found outside the selection and is still shown."""
    rows = await connection.fetch(
        """
        SELECT o.record_id::text FROM outside o JOIN source_record r ON r.id = o.record_id
        WHERE o.source = $1 AND r.presence = 'present' ORDER BY o.record_id
        """,
        source,
    )
    return [row[0] for row in rows]


async def retire(write: PageWrite, ids: Sequence[str]) -> None:
    """Let these records be out of scope, and their rows with them. Nothing disappears."""
    await write.mark(dict.fromkeys(ids, "out_of_scope"), cause=CAUSE)
    await write.connection.execute("DELETE FROM outside WHERE record_id = ANY($1::uuid[])", list(ids))


async def conclude(write: PageWrite, *, whole: bool, actor: Actor, detail: dict[str, Any]) -> None:
    """Write down who retired what. A source that was retired as a whole is read from its beginning when it comes
    back."""
    await note(write.connection, actor, "retire", write.source, detail)
    if whole:
        await write.connection.execute("DELETE FROM partition_cursor WHERE source = $1", write.source)
        await write.connection.execute("UPDATE source SET complete_at = NULL WHERE key = $1", write.source)
    if not await noted_outside(write.connection, write.source):
        await note_outside(write.connection, write.source, (), run_id=None)
