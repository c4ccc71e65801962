"""How good the data of a project or a source is: one number, and what it is made of.

    score = 100 - 100 × (errors + 0.5 × warnings + 0.1 × infos) / rows        never below 0

Counted are open findings; those that are waived or closed are not. The rows of a project are itself and every present
row that names it; the rows of a source are its present records. A project that is part of another has no score.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from register.catalog import catalog
from register.db import Connection

QUALITY_LOCK = 0x706F7271
"""Advisory lock: one at a time opens findings by rules, waives findings or counts them."""
_MANY_EVENTS = 20_000
_WEIGHED = "(errors + 0.5 * warnings + 0.1 * infos)"


async def measure(
    connection: Connection, *, projects: Collection[str] | None, sources: Collection[str] | None
) -> None:
    """Count the rows of these projects and sources anew (None: of all), and everybody's findings. Writes only what has
    changed."""
    await _count_rows(
        connection, None if projects is None else list(projects), None if sources is None else list(sources)
    )
    await count_findings(connection)


async def concerned_by(
    connection: Connection, since: int, upto: int, ended_after: datetime | None
) -> tuple[list[str], list[str]] | None:
    """(projects, sources) whose rows changed by these events, or records by runs that ended after that instant; None
    where looking at all of them is no dearer."""
    window = "seq > $1 AND seq <= $2"
    events = f"SELECT count(*) FROM (SELECT FROM event WHERE {window} LIMIT {_MANY_EVENTS + 1}) e"
    if await connection.fetchval(events, since, upto) > _MANY_EVENTS:
        return None
    parts = " UNION ".join(
        f'SELECT t.project_id FROM event e JOIN "{name}" t ON t.id = e.entity_id '
        f"WHERE e.entity = '{name}' AND e.seq > $1 AND e.seq <= $2"
        for name in _in_projects()
    )
    projects = await connection.fetch(
        f"""
        SELECT project_id::text FROM ({parts} UNION SELECT entity_id FROM event WHERE entity = 'project' AND {window}
          UNION SELECT (changed->'project_id'->>0)::uuid FROM event WHERE {window}) t WHERE project_id IS NOT NULL
        """,
        since,
        upto,
    )
    sources = await connection.fetch(
        # What people decide and retire belongs to no run: it concerns whoever tells of the row. A run may change
        # records and no row: where another source tells the same, or nothing is made of them.
        f"""
        SELECT r.source FROM event e JOIN run r ON r.id = e.run_id WHERE {window}
        UNION SELECT c.source FROM event e JOIN claim c ON c.entity_id = e.entity_id AND c.entity = e.entity
        WHERE e.run_id IS NULL AND {window}
        UNION SELECT source FROM run
        WHERE finished_at >= coalesce($3::timestamptz, '-infinity') - interval '1 minute'
        """,
        since,
        upto,
        ended_after,
    )
    return [row[0] for row in projects], [row[0] for row in sources]


def _in_projects() -> list[str]:
    return [e.name for e in catalog().values() if e.enveloped and "project_id" in e.fields]


async def _count_rows(connection: Connection, projects: list[str] | None, sources: list[str] | None) -> None:
    parts = " UNION ALL ".join(
        f"SELECT project_id AS id, count(*) AS n FROM \"{name}\" WHERE presence = 'present' AND project_id IS NOT NULL "
        "AND ($1::uuid[] IS NULL OR project_id = ANY($1::uuid[])) GROUP BY project_id"
        for name in _in_projects()
    )
    await connection.execute("DELETE FROM quality WHERE project_id IN (SELECT id FROM absorbed)")
    await connection.execute(
        f"""
        WITH counted AS (
          SELECT p.id, 'project' AS kind, p.key, p.id AS project_id, NULL::uuid AS source_id,
                 CASE WHEN p.presence = 'present' THEN 1 + coalesce(c.n, 0) ELSE 0 END AS rows
          FROM project p LEFT JOIN (SELECT id, sum(n) AS n FROM ({parts}) t GROUP BY id) c ON c.id = p.id
          WHERE ($1::uuid[] IS NULL OR p.id = ANY($1::uuid[])) AND NOT EXISTS (SELECT FROM absorbed a WHERE a.id = p.id)
          UNION ALL
          SELECT s.id, 'source', s.key, NULL, s.id,
                 (SELECT count(*) FROM source_record r WHERE r.source = s.key AND r.presence = 'present')
          FROM source s WHERE $2::text[] IS NULL OR s.key = ANY($2::text[])
        )
        INSERT INTO quality AS q (id, kind, key, project_id, source_id, rows, errors, warnings, infos, waived, score,
                                  measured_at)
        SELECT id, kind, key, project_id, source_id, rows, 0, 0, 0, 0, CASE WHEN rows > 0 THEN 100 END, now()
        FROM counted c
        WHERE NOT EXISTS (SELECT FROM quality k
                          WHERE k.id = c.id AND (k.rows, k.key) IS NOT DISTINCT FROM (c.rows, c.key))
        ON CONFLICT (id) DO UPDATE SET rows = excluded.rows, key = excluded.key, measured_at = now()
        """,
        projects,
        sources,
    )


async def count_findings(connection: Connection) -> None:
    """Let every score follow the findings that are open now."""
    await connection.execute(
        f"""
        WITH listed AS (
          SELECT project_id AS id, severity, state FROM finding WHERE closed_at IS NULL AND project_id IS NOT NULL
          UNION ALL
          SELECT s.id, f.severity, f.state FROM finding f JOIN source s ON s.key = f.source WHERE f.closed_at IS NULL
        ), counted AS (
          SELECT id, count(*) FILTER (WHERE state = 'open' AND severity = 'error') AS errors,
                 count(*) FILTER (WHERE state = 'open' AND severity = 'warning') AS warnings,
                 count(*) FILTER (WHERE state = 'open' AND severity = 'info') AS infos,
                 count(*) FILTER (WHERE state = 'waived') AS waived
          FROM listed GROUP BY id
        ), scored AS (
          SELECT id, rows, errors, warnings, infos, waived,
                 CASE WHEN rows > 0 THEN greatest(0, round(100 - 100 * {_WEIGHED} / rows, 1)) END AS score
          FROM (SELECT q.id, q.rows, coalesce(c.errors, 0) AS errors, coalesce(c.warnings, 0) AS warnings,
                       coalesce(c.infos, 0) AS infos, coalesce(c.waived, 0) AS waived
                FROM quality q LEFT JOIN counted c ON c.id = q.id) t
        )
        UPDATE quality q SET errors = s.errors, warnings = s.warnings, infos = s.infos, waived = s.waived,
                             score = s.score, measured_at = now()
        FROM scored s WHERE s.id = q.id
          AND (q.errors, q.warnings, q.infos, q.waived, q.score)
              IS DISTINCT FROM (s.errors, s.warnings, s.infos, s.waived, s.score)
        """
    )
