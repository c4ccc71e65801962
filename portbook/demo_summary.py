"""What the demo shows when the sync is done: the portfolio, what each tool told, and questions to ask next."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from rich.markup import escape
from rich.padding import Padding

from portbook.terminal import out, rag_cell, table
from register.db import Pool

TOOLS = {
    "jira": "Jira",
    "azure_devops": "Azure DevOps",
    "ms_project": "MS Project",
    "spreadsheet": "workbook",
}
PORTFOLIO = (
    "projects?fields=id,key,title,rag_reported,percent_complete,budget,forecast_cost,currency,"
    "risks(filter:\"status NOT IN ('closed','draft')\",order:\"-score\",limit:1){title,score},"
    'milestones(filter:"actual_on IS NULL AND baseline_on IS NOT NULL",order:"planned_on",limit:1)'
    "{title,planned_on,forecast_on,slip_days}&order=key"
)
CONFLICTS = "conflicts?fields=entity,entity_id,field,values,winner&filter=closed_at IS NULL"
FINDINGS = "findings?fields=source,code,message,hint&filter=state = 'open' AND rule_id IS NULL"
RULES = (
    "rules?fields=key,findings(filter:\"state = 'open'\",limit:200){id}&filter=any(findings, state = 'open')"
)
QUESTIONS = (
    (
        "Milestones more than ten working days late, and what is at risk there",
        'projects?fields=key,milestones(filter:"slip_days > 10",order:"-slip_days"){title,slip_days,source},'
        'risks(filter:"status = \'open\'",order:"-score",limit:2){title,score}'
        "&filter=any(milestones, slip_days > 10)",
    ),
    (
        "Overdue work, whoever's tool it is in",
        "work_items?fields=source,key,title,due_on,assignee{name},project{key}"
        "&filter=due_on < today() AND status NOT IN ('done','cancelled')&order=due_on&limit=10",
    ),
    (
        "What the tools disagree about, and who was believed",
        "conflicts?fields=field,values,winner,rule&filter=entity = 'project' AND closed_at IS NULL",
    ),
)


class Reading(NamedTuple):
    """What a run read from one source."""

    source: str
    kind: str
    records: int
    changed: int
    seconds: float


class Facts(NamedTuple):
    """What the summary shows and no collection of the API says."""

    readings: list[Reading]
    told_by: Mapping[str, list[str]]
    """Project → kinds of tool that tell of it, in the order of the configuration."""


async def read_facts(pool: Pool, runs: Mapping[str, int]) -> Facts:
    """What these runs read, and which tools tell of each project."""
    rows = await pool.fetch(
        """
        SELECT r.source, s.kind, r.seen, r.stored, extract(epoch FROM r.finished_at - r.started_at)::float8
        FROM run r JOIN source s ON s.key = r.source WHERE r.id = ANY($1::bigint[])
        """,
        list(runs.values()),
    )
    order = list(runs)
    readings = sorted((Reading(*row) for row in rows), key=lambda reading: order.index(reading.source))
    claims = await pool.fetch(
        """
        SELECT DISTINCT c.entity_id::text, s.kind
        FROM claim c JOIN source s ON s.key = c.source JOIN source_record r ON r.id = c.record_id
        WHERE c.entity = 'project' AND r.presence = 'present'
        """
    )
    kinds = list(dict.fromkeys(reading.kind for reading in readings))
    told_by: dict[str, list[str]] = {}
    for project, kind in sorted(claims, key=lambda row: kinds.index(row[1]) if row[1] in kinds else 99):
        told_by.setdefault(project, []).append(kind)
    return Facts(readings, told_by)


def show_summary(address: str, key: str, facts: Facts, folder: Path) -> None:
    """Everything below the progress bars."""
    projects = ask(address, key, PORTFOLIO)["data"]
    _show_portfolio(projects, facts)
    _show_readings(facts)
    _show_trust(address, key, projects)
    _show_questions(address, key, folder)


def ask(address: str, key: str, question: str) -> dict[str, Any]:
    """One request to the API, as any client would make it."""
    request = urllib.request.Request(  # noqa: S310 - our own address
        address + quote(question, safe="?&=,(){}:'\"><-_.!").replace('"', "%22"),
        headers={"Authorization": f"Bearer {key}"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        found: dict[str, Any] = json.load(answer)
        return found


WIDE = 130
"""Columns of a terminal from which the tools of a project stand two in a line."""
MOST_LINES = 6


def _show_portfolio(projects: list[dict[str, Any]], facts: Facts) -> None:
    beside = 2 if out.width >= WIDE else 1
    rows = []
    for p in projects:
        milestone = (p["milestones"] or [None])[0]
        risk = (p["risks"] or [None])[0]
        tools = [TOOLS.get(kind, kind) for kind in facts.told_by.get(p["id"], ())]
        rows.append(
            {
                "project": f"[bold]{escape(p['key'] or '')}[/] {escape(p['title'] or '')}",
                "told by": "\n".join(
                    ", ".join(tools[at : at + beside]) for at in range(0, len(tools), beside)
                ),
                "RAG": rag_cell(p["rag_reported"]),
                "done": "" if p["percent_complete"] is None else f"{p['percent_complete']:.0f} %",
                "next milestone": _milestone(milestone),
                "budget": _budget(p),
                "top risk": f"{_score(risk['score'])} {escape(risk['title'] or '')}" if risk else "",
            }
        )
    columns = list(rows[0]) if rows else []
    found = [list(row.values()) for row in rows]
    shown = table(
        "One row for each project, however many tools tell of it", columns, found, right=("done", "budget")
    )
    for column in shown.columns:
        column.no_wrap = column.header in ("told by", "RAG", "done", "budget")
    out.print(shown)


def _milestone(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    slip = found["slip_days"] or 0
    late = f"[red]+{slip}d[/]" if slip > 0 else "[green]on time[/]" if slip == 0 else f"[green]{slip}d[/]"
    return f"{escape(found['title'] or '')}\n{found['forecast_on'] or found['planned_on']} {late}"


def _budget(project: Mapping[str, Any]) -> str:
    budget, forecast = project["budget"], project["forecast_cost"]
    if not budget:
        return ""
    text = f"{budget / 1000:,.0f} k {escape(project['currency'] or '')}"
    if forecast is None:
        return text
    share = (forecast - budget) / budget
    return f"{text}\n[{'red' if share > 0.05 else 'green'}]{share:+.0%}[/]"


def _score(score: int | None) -> str:
    return (
        ""
        if score is None
        else f"[{'red' if score >= 15 else 'yellow' if score >= 8 else 'green'}]{score:>2}[/]"
    )


def _show_readings(facts: Facts) -> None:
    rows = [
        (r.source, TOOLS.get(r.kind, r.kind), f"{r.records:,}", f"{r.changed:,}", f"{r.seconds:.1f}")
        for r in facts.readings
    ]
    columns = ("source", "tool", "records read", "new or changed", "seconds")
    out.print(table("What was read", columns, rows, right=columns[2:]))


def _show_trust(address: str, key: str, projects: list[dict[str, Any]]) -> None:
    """Where tools disagree, and what a person should mend."""
    names = {p["id"]: p["key"] or "" for p in projects}
    conflicts = ask(address, key, CONFLICTS)["data"]
    lines = sorted((names.get(c["entity_id"], c["entity"]), c["field"], _opinions(c)) for c in conflicts)
    believed = ": tools disagree, and `precedence` says who is believed" if lines else ""
    out.print(f"[bold]{_count(lines, 'conflict')}[/]{believed}")
    for name, field, opinions in lines[:MOST_LINES]:
        out.print(f"  [bold]{escape(name)}[/] {field} {opinions}")
    findings = ask(address, key, FINDINGS)["data"]
    out.print(
        f"[bold]{_count(findings, 'finding')}[/]{': something that a person should mend' if findings else ''}"
    )
    for f in findings[:MOST_LINES]:
        out.print(f"  [bold]{f['source'] or ''}[/] {f['code']} {escape(f['message'])}")
        out.print(Padding(f"[green]→[/] {escape(f['hint'] or '')}", (0, 0, 0, 4)))
    broken = sorted((-len(rule["findings"]), rule["key"]) for rule in ask(address, key, RULES)["data"])
    if broken:
        listed = ", ".join(f"{-count} × {code}" for count, code in broken[:MOST_LINES])
        out.print(
            f"[bold]{_count(broken, 'rule')} of data quality[/] broken: {listed}; `portbook findings` lists them"
        )


def _opinions(conflict: Mapping[str, Any]) -> str:
    """`59 (plans), not 62 (pmo)`."""
    values, winner = dict(conflict["values"] or {}), conflict["winner"]
    shown = f"{escape(str(values.pop(winner, '')))} ({winner})"
    others = " or ".join(f"{escape(str(value))} ({source})" for source, value in sorted(values.items()))
    return f"[green]{shown}[/], not {others}"


def _count(found: Sequence[Any], what: str) -> str:
    return f"{len(found)} {what}{'' if len(found) == 1 else 's'}"


def _show_questions(address: str, key: str, folder: Path) -> None:
    """Commands to paste as they stand: no frame round them, no line broken."""
    out.print("\n[bold]Ask it yourself[/] (each of these was just answered)")
    out.print(f"[cyan]KEY={key}[/]", soft_wrap=True)
    for title, question in QUESTIONS:
        ask(address, key, question)  # what is printed works, or the demo fails
        path, _, query = question.partition("?")
        parts = " \\\n  ".join(f"--data-urlencode {_shell(part)}" for part in query.split("&"))
        out.print(f"\n[dim]# {title}[/]")
        command = f'curl -sG -H "Authorization: Bearer $KEY" {address}{path} \\\n  {parts}'
        out.print(f"[cyan]{escape(command)}[/]", soft_wrap=True)
    out.print(f"\nEvery collection and field: {address}schema (with the key)", soft_wrap=True)
    out.print(f"The sources it read: {folder / 'portbook.yaml'}", soft_wrap=True)


def _shell(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
