"""Rows worked out of the register for reports, asked for as any other: each is declared here, once, and nowhere else.

A view reads tables through the builder's two doors, so that it shows what the caller may see and, where it looks back,
what was shown at the instant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from register.catalog import Entity, FieldDef, Kind, Relation, catalog
from register.models.base import RAG
from register.query.past import end_of, every_version, shown_at

if TYPE_CHECKING:
    from register.query.compile import Builder

PORTFOLIO_SUMMARY = "portfolio_summary"
RISK_HEATMAP = "risk_heatmap"
MILESTONE_VARIANCE = "milestone_variance"
PROJECT_SNAPSHOTS = "project_snapshots"
DATA_QUALITY = "data_quality"
SYNC_HEALTH = "sync_health"

DAYS, WEEKS = 31, 53
"""How far back snapshots of days and of weeks go; those of months go back to the first row."""


@dataclass(frozen=True, slots=True)
class SqlView:
    """A subselect that a function writes with the builder of the statement around it."""

    write: Callable[[Builder], str]
    looks_back: bool = True

    def sql(self, builder: Builder) -> str:
        return f"({self.write(builder)})"


def _read(builder: Builder, name: str, alias: str, *, any_presence: bool = False) -> tuple[str, str]:
    """What to read in place of a table, and the condition on its rows."""
    entity = catalog()[name]
    return builder.table(entity), " AND ".join(
        builder.visible(entity, alias, any_presence=any_presence)
    ) or "true"


def _joined(builder: Builder, name: str, alias: str, condition: str) -> str:
    table, visible = _read(builder, name, alias, any_presence=True)
    return f"LEFT JOIN {table} {alias} ON {condition} AND {visible}"


def _now(builder: Builder) -> str:
    return builder.instant or "now()"


def _today(builder: Builder) -> str:
    return f"({_now(builder)} AT TIME ZONE 'UTC')::date"


def _portfolio_summary(builder: Builder) -> str:
    table, visible = _read(builder, "project", "p")
    programme = _joined(builder, "programme", "g", "g.id = p.programme_id")
    portfolio = _joined(builder, "portfolio", "f", "f.id = coalesce(p.portfolio_id, g.portfolio_id)")
    rag = "".join(f", count(*) FILTER (WHERE p.rag_reported = '{word}') AS {word}" for word in RAG)
    return (
        "SELECT coalesce(f.id::text, '') || '/' || coalesce(g.id::text, '') || '/' || coalesce(p.currency, '') AS id, "
        "f.id AS portfolio_id, min(f.key) AS portfolio_key, min(f.title) AS portfolio_title, "
        "g.id AS programme_id, min(g.key) AS programme_key, min(g.title) AS programme_title, p.currency, "
        "count(*) AS projects, count(*) FILTER (WHERE p.stage = 'delivery') AS in_delivery, "
        "count(*) FILTER (WHERE p.stage IN ('closed', 'cancelled')) AS ended"
        f"{rag}, count(*) FILTER (WHERE p.rag_reported IS NULL) AS not_reported, "
        "sum(p.budget) AS budget, sum(p.forecast_cost) AS forecast_cost, sum(p.actual_cost) AS actual_cost, "
        "avg(p.percent_complete) AS percent_complete, max(p.finish_forecast_on) AS last_finish_forecast_on "
        f"FROM {table} p {programme} {portfolio} WHERE {visible} GROUP BY f.id, g.id, p.currency"
    )


def _risk_heatmap(builder: Builder) -> str:
    table, visible = _read(builder, "risk", "r")
    project = _joined(builder, "project", "p", "p.id = r.project_id")
    programme = _joined(builder, "programme", "g", "g.id = coalesce(r.programme_id, p.programme_id)")
    return (
        "SELECT concat_ws('/', coalesce(p.id::text, ''), coalesce(g.id::text, ''), coalesce(r.kind, ''), "
        "coalesce(r.probability::text, ''), coalesce(r.impact::text, ''), coalesce(r.currency, '')) AS id, "
        "p.id AS project_id, min(p.key) AS project_key, min(p.title) AS project_title, "
        "g.id AS programme_id, min(g.key) AS programme_key, r.kind, r.probability, r.impact, "
        "r.probability * r.impact AS score, count(*) AS risks, sum(r.cost_impact) AS cost_impact, r.currency "
        f"FROM {table} r {project} {programme} "
        f"WHERE {visible} AND (r.status IS NULL OR r.status NOT IN ('closed', 'occurred')) "
        "GROUP BY p.id, g.id, r.kind, r.probability, r.impact, r.currency"
    )


def _milestone_variance(builder: Builder) -> str:
    table, visible = _read(builder, "milestone", "m")
    project = _joined(builder, "project", "p", "p.id = m.project_id")
    programme = _joined(builder, "programme", "g", "g.id = p.programme_id")
    expected = "coalesce(m.actual_on, m.forecast_on, m.planned_on)"
    # Tools that know no day on which a milestone was reached still say that it was.
    reached = "(m.actual_on IS NOT NULL OR m.status = 'done')"
    # What has not come by today cannot come before today, whatever its plan still says.
    counted = f"CASE WHEN {reached} THEN {expected} ELSE greatest({expected}, {_today(builder)}) END"
    against = (
        f"CASE WHEN m.status = 'cancelled' OR {expected} IS NULL THEN NULL ELSE {counted} END - m.baseline_on"
    )
    return (
        "SELECT m.id, m.key, m.title, m.kind, m.status, m.project_id, p.key AS project_key, p.title AS project_title, "
        "p.programme_id, g.key AS programme_key, m.baseline_on, m.planned_on, m.forecast_on, m.actual_on, "
        f"{expected} AS expected_on, m.slip_days, d.late::int8 AS days_late, "
        "CASE WHEN m.status = 'cancelled' THEN 'cancelled' WHEN m.baseline_on IS NULL THEN 'no_baseline' "
        "WHEN d.late IS NULL THEN 'no_date' WHEN d.late > 0 THEN 'late' WHEN d.late < 0 THEN 'early' ELSE 'on_time' "
        f"END AS variance FROM {table} m {project} {programme} CROSS JOIN LATERAL (SELECT {against} AS late) d "
        f"WHERE {visible}"
    )


def _project_snapshots(builder: Builder) -> str:
    entity = catalog()["project"]
    versions = every_version("project")
    now = _now(builder)
    today = _today(builder)
    where = " AND ".join(
        [
            *shown_at("v", f"least({end_of('s.day')}, {now})"),
            "v.presence = 'present'",
            *builder.permitted(entity, "v", looking_back=True),
        ]
    )
    first = f"(SELECT coalesce(min(valid_from), {now}) FROM {versions} b)"
    series = " UNION ALL ".join(
        (
            "SELECT 'day' AS grain, d::date AS day "
            f"FROM generate_series({today} - {DAYS - 1}, {today}, interval '1 day') d",
            f"SELECT 'week', d::date FROM generate_series({today} - extract(isodow FROM {today})::int % 7 "
            f"- {7 * (WEEKS - 1)}, {today}, interval '7 days') d",
            f"SELECT 'month', (d + interval '1 month - 1 day')::date FROM generate_series(date_trunc('month', "
            f"{first} AT TIME ZONE 'UTC'), {today}::timestamp, interval '1 month') d "
            f"WHERE (d + interval '1 month - 1 day')::date <= {today}",
        )
    )
    return (
        "SELECT s.grain || '/' || s.day || '/' || v.id AS id, s.day AS snapshot_on, s.grain, v.id AS project_id, "
        "v.key AS project_key, v.title AS project_title, v.programme_id, v.portfolio_id, v.stage, v.rag_reported, "
        "v.rag_computed, v.percent_complete, v.budget, v.forecast_cost, v.actual_cost, v.currency, "
        "v.start_planned_on, v.finish_baseline_on, v.finish_planned_on, v.finish_forecast_on, v.finish_actual_on "
        f"FROM ({series}) s JOIN {versions} v ON true WHERE {where}"
    )


def _data_quality(builder: Builder) -> str:
    table, visible = _read(builder, "quality", "q")
    project = _joined(builder, "project", "p", "p.id = q.project_id")
    programme = _joined(builder, "programme", "g", "g.id = p.programme_id")
    return (
        "SELECT q.id, q.kind, q.key, q.project_id, p.title AS project_title, p.programme_id, g.key AS programme_key, "
        "q.source_id, q.rows, q.errors, q.warnings, q.infos, q.waived, q.score, q.measured_at "
        f"FROM {table} q {project} {programme} WHERE {visible}"
    )


def _sync_health(builder: Builder) -> str:
    table, visible = _read(builder, "source", "s")
    runs, run_visible = _read(builder, "run", "r")
    findings, finding_visible = _read(builder, "finding", "x")
    rejections, rejection_visible = _read(builder, "rejection", "j")
    return (
        "SELECT s.id, s.key, s.kind, s.configured, s.paused, s.pause_reason, s.fresh_at, s.complete_at, "
        "round((extract(epoch FROM now() - s.fresh_at) / 3600)::numeric, 1) AS hours_since_fresh, "
        "l.state AS last_run_state, l.mode AS last_run_mode, l.finished_at AS last_run_finished_at, "
        "l.error_code AS last_run_error_code, l.seen AS last_run_seen, l.rows_changed AS last_run_rows_changed, "
        f"(SELECT count(*) FROM {findings} x WHERE x.source = s.key AND x.state = 'open' "
        f"AND {finding_visible}) AS open_findings, "
        f"(SELECT count(*) FROM {rejections} j WHERE j.source = s.key AND j.resolved_at IS NULL "
        f"AND {rejection_visible}) AS set_aside "
        f"FROM {table} s LEFT JOIN LATERAL (SELECT * FROM {runs} r "
        "WHERE r.source = s.key AND r.finished_at IS NOT NULL "
        f"AND {run_visible} ORDER BY r.finished_at DESC LIMIT 1) l ON true WHERE {visible}"
    )


_T, _D, _N, _I, _U, _A, _B = (
    *(Kind.TEXT, Kind.DATE, Kind.NUMBER, Kind.INTEGER, Kind.ID, Kind.INSTANT, Kind.BOOLEAN),
)
_ABOVE = {
    "project": "project_id",
    "programme": "programme_id",
    "portfolio": "portfolio_id",
    "source": "source_id",
}
_MONEY = "In `currency`; amounts of several are never added up."


def _view(
    name: str,
    description: str,
    write: Callable[[Builder], str],
    columns: Mapping[str, tuple[Kind, str]],
    *,
    ordered: tuple[tuple[str, bool], ...] = (),
    looks_back: bool = True,
) -> Entity:
    fields = {
        column: FieldDef(column, kind, says, money=says == _MONEY) for column, (kind, says) in columns.items()
    }
    return Entity(
        name=name,
        collection=name,
        description=description,
        fields=fields,
        relations={
            target: Relation(
                target,
                target,
                column,
                many=False,
                array=False,
                column_on_owner=True,
                description=f"The {target}.",
            )
            for target, column in _ABOVE.items()
            if column in fields
        },
        table=catalog()["project"].table,  # never asked: the view is read
        enveloped=False,
        view=SqlView(write, looks_back),
        ordered=ordered,
    )


@cache
def views() -> Mapping[str, Entity]:
    """Every view by its name."""
    listed = (
        _view(
            PORTFOLIO_SUMMARY,
            "Projects, their RAG and their money, for each portfolio, programme and currency.",
            _portfolio_summary,
            {
                "id": (_T, "Portfolio, programme and currency."),
                "portfolio_id": (_U, "The portfolio; empty for projects in none."),
                "portfolio_key": (_T, "Its key."),
                "portfolio_title": (_T, "Its name."),
                "programme_id": (_U, "The programme; empty for projects in none."),
                "programme_key": (_T, "Its key."),
                "programme_title": (_T, "Its name."),
                "currency": (_T, "ISO 4217 code of the amounts."),
                "projects": (_I, "How many projects."),
                "in_delivery": (_I, "How many of them are in delivery."),
                "ended": (_I, "How many of them are closed or cancelled: they count in all that is here."),
                **{word: (_I, f"How many are reported {word}.") for word in RAG},
                "not_reported": (_I, "How many have no reported RAG."),
                "budget": (_N, _MONEY),
                "forecast_cost": (_N, _MONEY),
                "actual_cost": (_N, _MONEY),
                "percent_complete": (_N, "The mean of the projects'."),
                "last_finish_forecast_on": (_D, "The latest forecast finish."),
            },
            ordered=(("portfolio_key", False), ("programme_key", False), ("currency", False)),
        ),
        _view(
            RISK_HEATMAP,
            "Risks that are not closed and have not occurred, counted by probability and impact, for each project.",
            _risk_heatmap,
            {
                "id": (_T, "Project, programme, kind, probability, impact and currency."),
                "project_id": (_U, "The project."),
                "project_key": (_T, "Its key."),
                "project_title": (_T, "Its name."),
                "programme_id": (_U, "The programme, of the risk or of its project."),
                "programme_key": (_T, "Its key."),
                "kind": (_T, "Threat or opportunity."),
                "probability": (_I, "1 to 5."),
                "impact": (_I, "1 to 5."),
                "score": (_I, "Probability times impact."),
                "risks": (_I, "How many."),
                "cost_impact": (_N, _MONEY),
                "currency": (_T, "ISO 4217 code."),
            },
            ordered=(("project_key", False), ("probability", True), ("impact", True)),
        ),
        _view(
            MILESTONE_VARIANCE,
            "Milestones against their baseline.",
            _milestone_variance,
            {
                "id": (_U, "The milestone's."),
                "key": (_T, "The milestone's key."),
                "title": (_T, "Its name."),
                "kind": (_T, "What kind of point."),
                "status": (_T, "Where it stands."),
                "project_id": (_U, "The project."),
                "project_key": (_T, "Its key."),
                "project_title": (_T, "Its name."),
                "programme_id": (_U, "The programme."),
                "programme_key": (_T, "Its key."),
                "baseline_on": (_D, "As approved."),
                "planned_on": (_D, "As planned."),
                "forecast_on": (_D, "As forecast."),
                "actual_on": (_D, "As it came."),
                "expected_on": (_D, "As it came, else as forecast, else as planned."),
                "slip_days": (_I, "Working days against the baseline."),
                "days_late": (
                    _I,
                    "Calendar days from the baseline to the expected day, or to today (UTC) where that has gone by and "
                    "the milestone is not reached; empty for cancelled ones.",
                ),
                "variance": (_T, "late, early, on_time, cancelled, no_baseline or no_date."),
            },
            ordered=(("project_key", False), ("expected_on", False)),
        ),
        _view(
            PROJECT_SNAPSHOTS,
            f"Projects as they were at the end of a day: the last {DAYS} days, {WEEKS} Sundays, every month's end.",
            _project_snapshots,
            {
                "id": (_T, "Grain, day and project."),
                "snapshot_on": (_D, "The day, at its end in UTC; today as far as it has gone."),
                "grain": (_T, "day, week or month: choose one, or days count several times."),
                "project_id": (_U, "The project."),
                "project_key": (_T, "Its key then."),
                "project_title": (_T, "Its name then."),
                "programme_id": (_U, "Its programme then."),
                "portfolio_id": (_U, "Its portfolio then."),
                "stage": (_T, "Its stage then."),
                "rag_reported": (_T, "As reported then."),
                "rag_computed": (_T, "As computed then."),
                "percent_complete": (_N, "0 to 100."),
                "budget": (_N, _MONEY),
                "forecast_cost": (_N, _MONEY),
                "actual_cost": (_N, _MONEY),
                "currency": (_T, "ISO 4217 code."),
                "start_planned_on": (_D, "As planned then."),
                "finish_baseline_on": (_D, "As approved then."),
                "finish_planned_on": (_D, "As planned then."),
                "finish_forecast_on": (_D, "As forecast then."),
                "finish_actual_on": (_D, "As it came."),
            },
            ordered=(("snapshot_on", False),),
        ),
        _view(
            DATA_QUALITY,
            "How good the data of each project and each source is.",
            _data_quality,
            {
                "id": (_U, "Of the score."),
                "kind": (_T, "project or source."),
                "key": (_T, "The project's or source's key."),
                "project_id": (_U, "The project."),
                "project_title": (_T, "Its name."),
                "programme_id": (_U, "Its programme."),
                "programme_key": (_T, "The programme's key."),
                "source_id": (_U, "The source."),
                "rows": (_I, "Rows that were looked at."),
                "errors": (_I, "Open findings that are errors."),
                "warnings": (_I, "Open findings that are warnings."),
                "infos": (_I, "Open findings that are remarks."),
                "waived": (_I, "Findings that need not be mended for a time."),
                "score": (_N, "0 to 100."),
                "measured_at": (_A, "When it was counted."),
            },
            ordered=(("kind", False), ("key", False)),
            looks_back=False,
        ),
        _view(
            SYNC_HEALTH,
            "Each source: how fresh it is, how its last run ended, what it left behind.",
            _sync_health,
            {
                "id": (_U, "The source's."),
                "key": (_T, "The source's name."),
                "kind": (_T, "Its tool."),
                "configured": (_B, "Whether the configuration still has it."),
                "paused": (_B, "Whether it waits for a person."),
                "pause_reason": (_T, "Why."),
                "fresh_at": (_A, "When the last run that succeeded began."),
                "complete_at": (_A, "When the last complete run that succeeded began."),
                "hours_since_fresh": (_N, "Hours since it was fresh."),
                "last_run_state": (_T, "How the last run ended; empty for restricted keys, as all of runs."),
                "last_run_mode": (_T, "What kind of run that was."),
                "last_run_finished_at": (_A, "When it ended."),
                "last_run_error_code": (_T, "Why it failed."),
                "last_run_seen": (_I, "Records it met."),
                "last_run_rows_changed": (_I, "Rows it changed."),
                "open_findings": (_I, "Findings that are open."),
                "set_aside": (_I, "Records that could not be read."),
            },
            ordered=(("key", False),),
            looks_back=False,
        ),
    )
    return {view.name: view for view in listed}
