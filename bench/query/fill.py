"""A register of a given size, made by PostgreSQL itself."""

from __future__ import annotations

import asyncpg

_TABLES = """
INSERT INTO person (id, key, title, email, source)
SELECT md5('person' || i)::uuid, 'u' || i, 'Person ' || i, 'p' || i || '@example.org', 'bench'
FROM generate_series(1, $projects) i;

INSERT INTO portfolio (id, key, title) VALUES (md5('portfolio')::uuid, 'BANK', 'All there is');

INSERT INTO programme (id, key, title, portfolio_id)
SELECT md5('programme' || i)::uuid, 'G' || lpad(i::text, 3, '0'), 'Programme ' || i, md5('portfolio')::uuid
FROM generate_series(0, 39) i;

INSERT INTO project (id, key, title, description, code, stage, programme_id, portfolio_id, manager_id,
                     start_planned_on, finish_planned_on, percent_complete, budget, currency, rag_reported,
                     source, source_id, url, updated_at)
SELECT md5('project' || i)::uuid, 'P' || lpad(i::text, 5, '0'), 'Project number ' || i, repeat('What it is for. ', 12),
       'C-' || i, 'delivery', md5('programme' || i % 40)::uuid, md5('portfolio')::uuid, md5('person' || i)::uuid,
       date '2026-01-01' + i % 300, date '2026-06-01' + i % 500,
       i % 101, i * 1000, 'EUR', (ARRAY['red', 'amber', 'green'])[i % 3 + 1], 'bench', i::text,
       'https://tool.example.org/' || i, now()
FROM generate_series(1, $projects) i;

INSERT INTO milestone (id, key, title, project_id, kind, baseline_on, forecast_on, status, slip_days, source)
SELECT md5('milestone' || i)::uuid, 'M' || i, 'Milestone ' || i, md5('project' || (i % $projects + 1))::uuid,
       'delivery', date '2026-03-01' + i % 300, date '2026-03-01' + i % 330, 'planned', i % 30, 'bench'
FROM generate_series(1, $projects * 10) i;

INSERT INTO risk (id, key, title, project_id, status, score, source)
SELECT md5('risk' || i)::uuid, 'R' || i, 'Risk ' || i, md5('project' || (i % $projects + 1))::uuid, 'open', i % 25 + 1,
       'bench'
FROM generate_series(1, $projects * 5) i;

INSERT INTO work_item (id, key, title, description, project_id, type, status, priority, assignee_id, due_on,
                       estimate_hours, points, labels, source, source_id, url, created_at, updated_at)
SELECT md5('work_item' || i)::uuid, 'P' || lpad((i % $projects + 1)::text, 5, '0') || '-' || i,
       'Work item number ' || i, repeat('What is to be done. ', 8), md5('project' || (i % $projects + 1))::uuid,
       'story', (ARRAY['todo', 'in_progress', 'done'])[i % 3 + 1], 'High', md5('person' || (i % $projects + 1))::uuid,
       date '2026-01-01' + i % 300, i % 40, i % 8, ARRAY['backend', 'q3'], 'bench', i::text,
       'https://tool.example.org/' || i, now(), now()
FROM generate_series(1, $work_items) i;

INSERT INTO dependency (id, key, kind, from_work_item_id, to_work_item_id, source)
SELECT md5('dependency' || i)::uuid, 'D' || i, 'blocks', md5('work_item' || i)::uuid, md5('work_item' || (i + 1))::uuid,
       'bench'
FROM generate_series(1, $work_items * 3 / 5) i;

ANALYZE;
"""


async def fill(url: str, *, projects: int, work_items: int) -> None:
    """Fill an empty, migrated register; does nothing when it is full already."""
    connection = await asyncpg.connect(url)
    try:
        if await connection.fetchval("SELECT count(*) FROM work_item") == work_items:
            return
        sql = _TABLES.replace("$projects", str(projects)).replace("$work_items", str(work_items))
        await connection.execute(
            "TRUNCATE person, portfolio, programme, project, milestone, risk, work_item, dependency"
        )
        await connection.execute(sql)
        await connection.execute("VACUUM ANALYZE work_item")
    finally:
        await connection.close()
