"""Waivers: findings that need not be mended for a time stay visible, count no more, and come back by themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from register.audit import Actor, note
from register.db import Connection, Pool
from register.errors import RegisterError, RowNotFound
from register.ids import find_by_beginning
from register.scores import QUALITY_LOCK, count_findings


class WaiverInvalid(RegisterError):
    """What was waived cannot be."""

    code = "REG009"


async def waive(
    connection: Connection,
    code: str,
    *,
    reason: str,
    actor: Actor,
    until: datetime,
    finding: str | None = None,
    entity: str | None = None,
    row: str | None = None,
) -> tuple[str, int]:
    """Waive a finding, those of a code about one row, or all of a code, also those that are still to come. Returns the
    waiver's id and how many findings it concerns now. Raises WaiverInvalid."""
    if until <= datetime.now(UTC):
        raise WaiverInvalid("the waiver would have ended already", detail=until.isoformat())
    reason = reason.replace("\x00", "�").strip()
    if not reason:
        raise WaiverInvalid("a waiver needs a reason")
    known = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM finding WHERE code = $1) OR EXISTS (SELECT FROM rule WHERE key = $1)",
        code,
    )
    if not known:
        raise WaiverInvalid(
            f"no finding has the code {code[:60]!r}", hint="`portbook findings` shows their codes."
        )
    waiver = str(uuid4())
    await connection.execute(
        """
        INSERT INTO waiver (id, code, finding_id, entity, entity_id, reason, actor, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        waiver, code, finding, entity, row, reason, actor.name, until,
    )  # fmt: skip
    await _settle(connection, [code])
    count = await connection.fetchval("SELECT count(*) FROM finding WHERE waiver_id = $1", waiver)
    detail = {"waiver": waiver, "reason": reason, "until": until.isoformat()}
    await note(
        connection, actor, "finding waived", " ".join(filter(None, (code, finding, entity, row))), detail
    )
    return waiver, int(count)


async def waive_finding(
    connection: Connection,
    finding: str,
    *,
    reason: str,
    actor: Actor,
    until: datetime,
) -> str:
    """Waive this one finding, given by its id or by how only that id begins; returns the waiver's id. Raises
    RowNotFound."""
    found = await _finding(connection, finding)
    if found["closed_at"] is not None:
        raise WaiverInvalid("the finding is closed already", detail=f"finding {finding}")
    waiver, _ = await waive(
        connection,
        found["code"],
        reason=reason,
        actor=actor,
        until=until,
        finding=str(found["id"]),
    )
    return waiver


async def end_waivers_of(connection: Connection, finding: str, *, reason: str, actor: Actor) -> str:
    """Take back the waivers of this finding alone. Returns the finding's id. Raises RowNotFound, or WaiverInvalid
    where it is waived with others."""
    found = await _finding(connection, finding)
    ended = await connection.fetch(
        """
        UPDATE waiver SET ended_at = now(), ended_by = $2 WHERE finding_id = $1 AND ended_at IS NULL RETURNING id::text
        """,
        found["id"],
        actor.name,
    )
    if not ended:
        raise WaiverInvalid(
            "no waiver is for this finding alone",
            detail=f"finding {finding}",
            hint=f"End waiver {found['waiver_id']}." if found["waiver_id"] else "It is not waived.",
        )
    await _ended(connection, [found["code"]], [row[0] for row in ended], reason, actor)
    return str(found["id"])


async def end_waiver(connection: Connection, waiver: str, *, reason: str, actor: Actor) -> None:
    """Take a waiver back. Raises RowNotFound."""
    found = await find_by_beginning(connection, "waiver", waiver, "ended_at IS NULL", "id")
    if found is None:
        raise RowNotFound(
            f"there is no waiver {waiver} in force", hint="`portbook findings waivers` shows them."
        )
    code = await connection.fetchval(
        "UPDATE waiver SET ended_at = now(), ended_by = $2 WHERE id = $1 RETURNING code",
        found["id"],
        actor.name,
    )
    await _ended(connection, [code], [str(found["id"])], reason, actor)


async def end_expired(pool: Pool) -> int:
    """End the waivers whose time is over; their findings are open again. Returns how many. Asked every few seconds:
    looks first."""
    async with pool.acquire() as connection:
        over = "SELECT EXISTS (SELECT FROM waiver WHERE ended_at IS NULL AND expires_at <= now())"
        if not await connection.fetchval(over):
            return 0
        async with connection.transaction():
            codes = await connection.fetch(
                """
                UPDATE waiver SET ended_at = expires_at, ended_by = 'expiry'
                WHERE ended_at IS NULL AND expires_at <= now() RETURNING code
                """
            )
            await _settle(connection, [row[0] for row in codes])
        return len(codes)


async def follow_rows(connection: Connection) -> None:
    """Let findings about rows that were joined or parted stand under the waivers that stand now. Called by whoever
    looks at rows, under its lock: a page that joins rows holds findings already, and must not wait for that lock."""
    await connection.execute(
        """
        WITH concerned AS (
          SELECT f.id FROM finding f WHERE f.closed_at IS NULL
            AND f.code IN (SELECT code FROM waiver WHERE ended_at IS NULL)
            AND (f.entity_id IN (SELECT entity_id FROM absorbed UNION ALL SELECT id FROM absorbed)
                 OR f.waiver_id IN (SELECT id FROM waiver WHERE coalesce(entity_id, finding_id) IS NOT NULL))
            AND f.waiver_id IS DISTINCT FROM standing_waiver(f.code, f.id, f.entity_id)
          FOR UPDATE SKIP LOCKED
        )
        UPDATE finding f SET waiver_id = standing_waiver(f.code, f.id, f.entity_id) FROM concerned c WHERE c.id = f.id
        """
    )


async def _settle(connection: Connection, codes: list[str]) -> None:
    """Let the findings of these codes stand under the waivers that stand, and the scores follow. Whoever looks at rows
    meanwhile has ended before, or begins when this is committed."""
    await connection.execute(f"SELECT pg_advisory_xact_lock({QUALITY_LOCK})")
    await connection.execute(
        """
        UPDATE finding f SET waiver_id = standing_waiver(f.code, f.id, f.entity_id)
        WHERE f.code = ANY($1::text[]) AND f.closed_at IS NULL
          AND f.waiver_id IS DISTINCT FROM standing_waiver(f.code, f.id, f.entity_id)
        """,
        codes,
    )
    await count_findings(connection)


async def _ended(
    connection: Connection,
    codes: list[str],
    waivers: list[str],
    reason: str,
    actor: Actor,
) -> None:
    await _settle(connection, codes)
    for waiver in waivers:
        await note(connection, actor, "waiver ended", f"waiver {waiver}", {"reason": reason})


async def _finding(connection: Connection, finding: str) -> Any:
    row = await find_by_beginning(connection, "finding", finding, columns="id, code, closed_at, waiver_id")
    if row is None:
        raise RowNotFound(f"there is no finding {finding}", hint="GET /api/v1/findings lists them.")
    return row
