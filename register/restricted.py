"""Who is restricted to rows that the register no longer shows: keys, database roles and webhooks."""

from __future__ import annotations

from typing import NamedTuple

from register.db import Pool
from register.query.scope import ABOVE


class RowsGone(NamedTuple):
    """Somebody who sees less than was meant."""

    who: str
    """`key 'boards' (pb_3f2a…)`, `bi login 'finance'` or `webhook 'chat'`."""
    gone: int
    """How many of the rows named are gone."""
    all: int


async def restricted_to_rows_gone(pool: Pool) -> list[RowsGone]:
    """Keys in force, roles of the schema `bi`, and webhooks that name rows which are gone: of these they show and tell
    nothing. In this order, oldest first."""
    there = " UNION ALL ".join(f"SELECT id FROM {name} WHERE presence = 'present'" for name in ABOVE)
    rows = await pool.fetch(
        f"""
        WITH restricted (nth, who, created_at, row_scope) AS (
          SELECT 1, format('key ''%s'' (%s…)', name, prefix), created_at, row_scope FROM api_key
          WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
          UNION ALL SELECT 2, format('bi login ''%s''', name), created_at, row_scope FROM bi_login
          UNION ALL SELECT 3, format('webhook ''%s''', name), created_at, row_scope FROM webhook
          WHERE deleted_at IS NULL
        ), there AS MATERIALIZED ({there})
        SELECT r.who, count(*) FILTER (WHERE NOT EXISTS (
                 SELECT FROM there t WHERE t.id = coalesce(a.entity_id, v.id::uuid))) AS gone, count(*) AS all
        FROM restricted r CROSS JOIN LATERAL jsonb_each(r.row_scope) c
        CROSS JOIN LATERAL jsonb_array_elements_text(c.value) v (id)
        LEFT JOIN absorbed a ON a.id = v.id::uuid
        GROUP BY r.nth, r.who, r.created_at ORDER BY r.nth, r.created_at, r.who
        """
    )
    return [found for row in rows if (found := RowsGone(*row)).gone]
