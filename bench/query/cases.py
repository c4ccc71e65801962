"""What is asked: in the API's words, in the best SQL we could write by hand, and in PostGraphile's GraphQL.

The SQL applies the row scope of our key, the portfolio `$1`, where that costs least: it may know how things hang
together. GraphQL applies none: PostGraphile would do it by policies of PostgreSQL, which cost extra.
"""

from __future__ import annotations

from typing import NamedTuple

_TEN = "id,key,title,stage,rag_reported,percent_complete,budget,currency,start_planned_on,finish_planned_on"

POOL = 8
"""Connections that a side may have to PostgreSQL."""


class Case(NamedTuple):
    title: str
    path: str
    sql: str
    graphql: str


CASES = {
    "Q1": Case(
        "100 projects, 10 fields",
        f"/api/v1/projects?limit=100&fields={_TEN}",
        f"""
        SELECT json_agg(t ORDER BY t.key, t.id) FROM (
          SELECT {_TEN.replace(",", ", ")} FROM project
          WHERE presence = 'present' AND portfolio_id = $1 ORDER BY key, id LIMIT 100) t
        """,
        '{allProjects(first: 100, orderBy: [KEY_ASC], condition: {presence: "present"}) {nodes {rowId key title '
        "stage ragReported percentComplete budget currency startPlannedOn finishPlannedOn}}}",
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
          FROM project p WHERE p.presence = 'present' AND p.portfolio_id = $1 ORDER BY p.key, p.id LIMIT 50) t
        """,
        '{allProjects(first: 50, orderBy: [KEY_ASC], condition: {presence: "present"}) {nodes {key title '
        'workItemsByProjectId(first: 20, orderBy: [KEY_ASC], condition: {presence: "present"}) {nodes {'
        "key title status dueOn personByAssigneeId {key title}}}}}}",
    ),
    "Q3": Case(
        "200 filtered and sorted work items, with project",
        "/api/v1/work_items?limit=200&filter=status%20=%20%27in_progress%27%20AND%20points%20%3E=%203"
        "&order=-due_on,key&fields=key,title,status,due_on,points,project%7Bkey,title%7D",
        """
        SELECT json_agg(t ORDER BY t.due_on DESC, t.key) FROM (
          SELECT w.key, w.title, w.status, w.due_on, w.points, (
            SELECT row_to_json(x) FROM (SELECT p.key, p.title FROM project p WHERE p.id = w.project_id) x) AS project
          FROM (SELECT id, key, title, status, due_on, points, project_id FROM work_item
                WHERE presence = 'present' AND status = 'in_progress' AND points >= 3 AND due_on IS NOT NULL
                AND project_id IN (SELECT id FROM project WHERE portfolio_id = $1)
                ORDER BY due_on DESC, key, id LIMIT 200) w) t
        """,
        '{allWorkItems(first: 200, orderBy: [DUE_ON_DESC, KEY_ASC], condition: {presence: "present", '
        'status: "in_progress"}, filter: {points: {greaterThanOrEqualTo: "3"}}) {nodes {'
        "key title status dueOn points projectByProjectId {key title}}}}",
    ),
    "Q4": Case(
        "work items by project and status, counted and summed",
        "/api/v1/work_items/aggregate?group_by=project.key,status&measures=n:count(),hours:sum(estimate_hours)"
        "&order=-n,project.key,status&limit=500",
        """
        SELECT json_agg(t ORDER BY t.n DESC, t.key, t.status) FROM (
          SELECT p.key, g.status, g.n, g.hours FROM (
            SELECT project_id, status, count(*) AS n, sum(estimate_hours) AS hours FROM work_item
            WHERE presence = 'present' GROUP BY project_id, status) g
          JOIN project p ON p.id = g.project_id AND p.portfolio_id = $1
          ORDER BY g.n DESC, p.key, g.status LIMIT 500) t
        """,
        # It cannot group by the key of the project, nor order or limit groups: all 6,000 come, by the project's id,
        # and only summed up.
        '{allWorkItems(condition: {presence: "present"}) {groupedAggregates(groupBy: [PROJECT_ID, STATUS]) {'
        "keys sum {estimateHours}}}}",
    ),
    "Q5": Case(
        "a programme, its projects, their milestones and risks, and counts",
        "/api/v1/programmes?key=G007&fields=key,title,projects(limit:50)%7Bkey,title,stage,work_items_count,"
        "milestones(limit:20)%7Bkey,forecast_on,slip_days%7D,risks(limit:20)%7Bkey,title,score%7D%7D",
        """
        SELECT json_agg(t) FROM (
          SELECT g.key, g.title, (
            SELECT json_agg(p ORDER BY p.key) FROM (
              SELECT p.key, p.title, p.stage, n.work_items_count, m.milestones, r.risks
              FROM (SELECT id, key, title, stage FROM project WHERE programme_id = g.id AND presence = 'present'
                    ORDER BY key, id LIMIT 50) p
              LEFT JOIN LATERAL (SELECT count(*) AS work_items_count FROM work_item w
                                 WHERE w.project_id = p.id AND w.presence = 'present') n ON true
              LEFT JOIN LATERAL (SELECT json_agg(x) AS milestones FROM (
                SELECT key, forecast_on, slip_days FROM milestone m WHERE m.project_id = p.id AND m.presence = 'present'
                ORDER BY key, id LIMIT 20) x) m ON true
              LEFT JOIN LATERAL (SELECT json_agg(x) AS risks FROM (
                SELECT key, title, score FROM risk r WHERE r.project_id = p.id AND r.presence = 'present'
                ORDER BY key, id LIMIT 20) x) r ON true) p) AS projects
          FROM programme g WHERE g.key = 'G007' AND g.presence = 'present' AND g.portfolio_id = $1) t
        """,
        '{allProgrammes(condition: {key: "G007", presence: "present"}) {nodes {key title '
        'projectsByProgrammeId(first: 50, orderBy: [KEY_ASC], condition: {presence: "present"}) {nodes {'
        'key title stage workItemsByProjectId(condition: {presence: "present"}) {totalCount} '
        'milestonesByProjectId(first: 20, orderBy: [KEY_ASC], condition: {presence: "present"}) {nodes {'
        "key forecastOn slipDays}} "
        'risksByProjectId(first: 20, orderBy: [KEY_ASC], condition: {presence: "present"}) {nodes {'
        "key title score}}}}}}}",
    ),
}

EXPORT = "id,key,title,status,due_on,points,estimate_hours,project_id,assignee_id,updated_at"
"""What is exported of every work item."""
