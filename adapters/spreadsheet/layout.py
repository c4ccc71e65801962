"""The standard PMO workbook: which sheet holds what, and the words by which columns are known."""

from __future__ import annotations

from portbook.text import normal_key

_SHEETS = {
    "portfolio": "portfolios, portfolio",
    "programme": "programmes, programme, programs, program",
    "project": "projects, project list, project register",
    "person": "people, persons, resources, team, contacts, stakeholders",
    "risk": "risks, risk register, risk log, risk, closed risks, risks (closed)",
    "issue": "issues, issue log, issue register, issue, closed issues, issues (closed)",
    "assumption": "assumptions, assumption log",
    "dependency": "dependencies, dependency log, dependency register",
    "decision": "decisions, decision log, decision register",
    "action": "actions, action log, action items, closed actions, actions (closed)",
    "change_request": "change requests, changes, change log, change register, change control",
    "lesson": "lessons, lessons learned, lessons learnt, lessons log",
    "milestone": "milestones, milestone plan, key milestones",
    "deliverable": "deliverables, products, product register, configuration items",
    "cost_line": "budget, costs, cost lines, financials, finance, budget lines",
    "benefit": "benefits, benefits register, benefit register, benefits profile",
    "status_report": "status reports, status, status report, highlight reports, highlights",
    "gate_review": "gate reviews, gates, gateway reviews, stage gates",
    "recommendation": "recommendations, gate recommendations",
    "work_item": "tasks, work items, backlog, plan",
    "assignment": "assignments, allocations",
    "time_entry": "time entries, timesheets, timesheet",
    "resource_demand": "resource demand, demand, capacity",
    "objective": "objectives, strategic objectives",
}

STANDARD_SHEETS: dict[str, str] = {
    name.strip(): entity for entity, names in _SHEETS.items() for name in names.split(",")
}
"""Normalised sheet name → entity."""


def entity_of(sheet: str) -> str | None:
    """The entity a sheet of this name holds in a standard PMO workbook, or None."""
    return STANDARD_SHEETS.get(normal_key(sheet).replace("_", " "))


TITLES = (
    "title", "name", "summary", "subject", "headline", "description", "risk", "issue", "action", "decision",
    "assumption", "dependency", "milestone", "deliverable", "benefit", "lesson", "change", "change request",
    "project name", "project title", "project", "programme name", "programme", "portfolio name", "portfolio",
    "full name", "person", "product", "task", "task name", "work item", "item", "recommendation", "objective",
)  # fmt: skip
"""Columns that say in words what a row is, best first."""

PROJECTS = ("project", "project code", "project key", "project id", "workstream", "work stream", "programme")
"""Columns that say where a row belongs."""

# What tells rows apart where a title does not. Each group is a set of names for one column; the first
# group is a must, of the others whichever the sheet has.
NATURAL_KEYS: dict[str, tuple[tuple[str, ...], ...]] = {
    "person": (("name", "full name", "person", "display name", "email", "e-mail", "e-mail address"),),
    "cost_line": (
        ("period", "month", "quarter", "year", "date", "item", "cost item", "description", "title"),
        PROJECTS,
        ("category", "cost category", "type", "cost type", "item", "cost item", "line", "cost line"),
        ("basis", "scenario", "version"),
    ),
    "status_report": (("period", "report date", "reporting period", "date", "month", "week"), PROJECTS),
    "gate_review": (("gate", "review", "gate review", "title", "name", "stage"), PROJECTS),
    "assignment": (("person", "name", "resource", "assignee"), PROJECTS, ("role",)),
    "time_entry": (("date", "day", "week"), ("person", "name", "resource"), PROJECTS, ("task", "work item")),
    "resource_demand": (("period", "month"), ("role", "skill", "team"), PROJECTS),
}


def natural_key_groups(entity: str) -> tuple[tuple[str, ...], ...]:
    """Groups of column names that together identify a row of `entity` when it has no ID column."""
    return NATURAL_KEYS.get(entity, (TITLES, tuple(name for name in PROJECTS if name != entity)))


def id_columns(entity: str) -> tuple[str, ...]:
    """Column names that hold an identifier people gave, best first.

    A plain `#` or `No.` is not among them: it is mostly a counter of lines that starts anew when the sheet is
    sorted. Whoever knows better writes `key: No.`.
    """
    if entity == "person":  # other sheets name people by name, so the name is what a reference must find
        return ()
    words = (entity.replace("_", " "), *_SHORT.get(entity, ()))
    marks = ("id", "ref", "reference", "key", "code", "no", "no.", "number")
    names = tuple(f"{word} {mark}" for word in words for mark in marks)
    codes = ("code", "key") if entity in _CODED else ()
    return (*names, *codes, "id", "ref", "ref.", "ref id", "reference", "unique id", "identifier")


# Entities whose bare `Code` column is their own; elsewhere it is as likely a cost code or a project's.
_CODED = {"portfolio", "programme", "project", "work_item", "objective"}
_SHORT = {
    "change_request": ("change", "cr"),
    "status_report": ("report",),
    "gate_review": ("review",),
    "dependency": ("dep",),
    "work_item": ("task", "item"),
    "programme": ("program",),
}

AMOUNTS: dict[str, tuple[str, ...]] = {
    "programme": ("budget", "approved budget", "total budget"),
    "project": (
        "budget", "approved budget", "total budget", "budget at completion", "bac", "forecast cost", "forecast",
        "estimate at completion", "eac", "forecast outturn", "outturn", "actual cost", "actual", "actuals", "spend",
        "spend to date", "spent",
    ),
    "risk": ("cost impact", "financial impact", "exposure", "cost exposure"),
    "change_request": ("cost impact", "cost", "cost change", "financial impact", "budget impact"),
    "cost_line": ("amount", "value", "cost", "total", "budget", "sum"),
    "benefit": (
        "baseline", "baseline value", "current value", "as is", "target", "target value", "planned value",
        "expected value", "actual", "actual value", "realised", "value realised", "to date",
    ),
}  # fmt: skip
"""Columns that hold amounts of money, as the built-in mapping reads them: their headers may say in what unit."""

COLUMN_WORDS = frozenset(
    word.strip()
    for word in (
        *TITLES, *PROJECTS,
        *"""id, ref, reference, no, no., nr, number, #, key, code, type, kind, category, status, state, rag,
        priority, severity, urgency, owner, lead, manager, sponsor, sro, assigned to, assignee,
        raised by, raised on, date raised, raised, due, due date, due on, target, target date,
        deadline, date, start, start date, finish, end, end date, finish date, baseline, forecast,
        actual, planned, plan, revised date, baseline date, forecast date, actual date, closed,
        closed date, date closed, probability, likelihood, impact, score, rating, proximity,
        response, mitigation, contingency, cause, event, effect, residual         probability,
        residual impact, % complete, percent complete, complete, progress, budget, cost, amount,
        variance, currency, period, month, quarter, year, comments, comment, notes, update, latest
        update, trend, email, e-mail, role, team, department, organisation, phase, stage, gate,
        outcome, rationale, decision date, decided by, measure, unit, target value, basis,
        workstream, version, location, narrative, achievements, next steps, overall, schedule,
        scope, resources, benefits, objectives, created, modified, last updated, acceptance,
        accepted, from, to, need by, promised, hours, capacity, demand, tags, url, link,
        recommendation, lesson, what happened""".replace("\n", " ").split(","),
    )
)  # fmt: skip
"""Names that columns of project tables commonly have, for telling a header row from a title row."""
