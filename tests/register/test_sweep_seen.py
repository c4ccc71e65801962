"""What a complete run has not met is found in one pass, whatever PostgreSQL last knew of what runs have met."""

from __future__ import annotations

import asyncpg

from register.db import without_nested_loops
from register.runs import MISSING, missing_records

_RECORDS = """
INSERT INTO source_record (id, source, stream, source_id, presence, payload, content_hash, run_id)
SELECT md5($1 || i)::uuid, $1, 'issue', i::text, 'present', '{}', '\\x00', 1 FROM generate_series(1, 2000) i
"""


async def test_records_of_a_later_run_are_not_looked_for_one_by_one(register_url: str) -> None:
    connection = await asyncpg.connect(register_url)
    try:
        await connection.execute(_RECORDS, "other")
        await connection.execute("INSERT INTO sweep_seen SELECT 4, id FROM source_record")
        await connection.execute("ANALYZE source_record, sweep_seen")
        await connection.execute("DELETE FROM sweep_seen")
        await connection.execute(_RECORDS, "tool")
        await connection.execute(
            "INSERT INTO sweep_seen SELECT 5, id FROM source_record WHERE source = 'tool' AND source_id <> '7'"
        )

        async def plan() -> str:
            return "\n".join(
                row[0] for row in await connection.fetch(f"EXPLAIN {MISSING}", "tool", 5, ["issue"])
            )

        assert "Nested Loop Anti Join" in await plan(), "what there would be without"
        async with without_nested_loops(connection):
            assert "Nested Loop" not in await plan()
        assert "Nested Loop Anti Join" in await plan(), "nobody else is held to it"
        assert [source_id for _, _, source_id in await missing_records(connection, "tool", 5, ["issue"])] == [
            "7"
        ]
    finally:
        await connection.close()
