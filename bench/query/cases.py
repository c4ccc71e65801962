"""What is asked, once in the API's words and once in the best SQL we could write by hand."""

from __future__ import annotations

from typing import NamedTuple

_TEN = "id,key,title,stage,rag_reported,percent_complete,budget,currency,start_planned_on,finish_planned_on"


class Case(NamedTuple):
    title: str
    path: str
    sql: str


CASES = {
    "Q1": Case(
        "100 projects, 10 fields",
        f"/api/v1/projects?limit=100&fields={_TEN}",
        f"""
        SELECT json_agg(t ORDER BY t.key, t.id) FROM (
          SELECT {_TEN.replace(",", ", ")} FROM project WHERE presence = 'present' ORDER BY key, id LIMIT 100) t
        """,
    ),
    "Q2": Case(
        "50 projects, 20 work items each, with assignee",
        "/api/v1/projects?limit=50&fields=key,title,work_items(limit:20)"
        "%7Bkey,title,status,due_on,assignee%7Bkey,title%7D%7D",
        """
        SELECT json_agg(t ORDER BY t.key) FROM (
          SELECT p.key, p.title, (
            SELECT json_agg(w ORDER BY w.key) FROM (
              SELECT w.key, w.title, w.status, w.due_on, a.row AS assignee
              FROM work_item w
              LEFT JOIN LATERAL (SELECT row_to_json(x) AS row FROM (
                SELECT a.key, a.title FROM person a WHERE a.id = w.assignee_id) x) a ON true
              WHERE w.project_id = p.id AND w.presence = 'present' ORDER BY w.key, w.id LIMIT 20) w) AS work_items
          FROM project p WHERE p.presence = 'present' ORDER BY p.key, p.id LIMIT 50) t
        """,
    ),
}
