"""Records that cannot be read: set aside with their payload and a finding, and taken back when they can be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from register.db import Pool, without_nested_loops
from register.findings import FindingDraft, close_findings_of, open_findings
from register.write import PageWrite


class Rejected(NamedTuple):
    """A record to set aside."""

    id: str
    stream: str
    source_id: str
    payload: bytes
    code: str
    message: str
    detail: str
    hint: str


async def reject(write: PageWrite, records: Sequence[Rejected]) -> None:
    """Set records aside; what was known of them before stays. Says nothing twice about the same content."""
    if not records:
        return
    await write.connection.executemany(
        """
        INSERT INTO rejection AS r
            (id, source, stream, source_id, payload, code, message, detail, hint, run_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (id) DO UPDATE
        SET payload = excluded.payload, code = excluded.code, message = excluded.message,
            detail = excluded.detail, hint = excluded.hint, run_id = excluded.run_id,
            rejected_at = now(), resolved_at = NULL
        WHERE r.resolved_at IS NOT NULL OR r.payload <> excluded.payload OR r.message <> excluded.message
        """,
        [
            (
                r.id,
                write.source,
                r.stream,
                r.source_id,
                r.payload,
                r.code,
                r.message,
                r.detail,
                r.hint,
                write.run_id,
            )
            for r in records
        ],
    )
    findings = [
        FindingDraft(
            code=r.code, severity="error", source=write.source, stream=r.stream, record_id=r.id,
            message=f"record {r.source_id} is set aside: {r.message}", detail=r.detail, hint=r.hint,
        )
        for r in records
    ]  # fmt: skip
    await open_findings(write.connection, findings, run_id=write.run_id)
    write.counts.quarantined += len(records)


async def accept(write: PageWrite, ids: Sequence[str]) -> None:
    """Records that were set aside and are readable again."""
    if ids:
        settled = await write.connection.fetch(
            """
            UPDATE rejection SET resolved_at = now() WHERE id = ANY($1::uuid[]) AND resolved_at IS NULL
            RETURNING id::text, code
            """,
            list(ids),
        )
        await close_findings_of(write.connection, [(row_id, code) for row_id, code in settled])


async def forget_rejected(write: PageWrite, streams: Sequence[str], *, keep: Sequence[str]) -> None:
    """After a complete read of these streams: records that were set aside and are not in the tool any more,
    or there under another id. `keep` are those the tool still has although the read missed them."""
    async with without_nested_loops(write.connection):
        settled = await write.connection.fetch(
            """
            UPDATE rejection r SET resolved_at = now()
            WHERE source = $1 AND stream = ANY($2::text[]) AND resolved_at IS NULL AND NOT id = ANY($4::uuid[])
              AND NOT EXISTS (SELECT FROM sweep_seen s WHERE s.run_id = $3 AND s.record_id = r.id)
            RETURNING id::text, code
            """,
            write.source,
            list(streams),
            write.run_id,
            list(keep),
        )
    await close_findings_of(write.connection, [(row_id, code) for row_id, code in settled])


async def open_rejections(pool: Pool, source: str) -> set[str]:
    """Ids of the records of a source that are set aside."""
    rows = await pool.fetch(
        "SELECT id::text FROM rejection WHERE source = $1 AND resolved_at IS NULL", source
    )
    return {row[0] for row in rows}
