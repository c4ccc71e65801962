"""`portbook demo`: from nothing to a filled register in one command.

The tools are pretended, the rest is real: PostgreSQL and Valkey from their wheels, a Jira on a port of its own that
speaks the wire format, a PMO workbook as a small PMO keeps it, a sync, the API. What it makes stays in its folder,
and a second run uses it again; `portbook --config FOLDER/portbook.yaml …` works on it like on any other register.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import urllib.request
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from rich.markup import escape

from adapters.jira import JiraOptions
from portbook.config import Config, config_schema
from portbook.demo_workbook import write_pmo_workbook
from portbook.errors import Problem
from portbook.reports import run_outcomes, show_outcomes
from portbook.serving import serving_in_background, worker_beside
from portbook.session import ask_for_runs, configured_stores, read_config, with_register
from portbook.terminal import err, out, rag_cell, sync_progress, table
from portbook.wiring import KINDS, Parts
from register.db import Pool
from register.keys import create_key
from workers.app import work_until_idle

TOKEN = "demo-token"  # noqa: S105 - the pretended Jira accepts this and nothing else
CONFIG = """\
# yaml-language-server: $schema=./portbook.schema.json
register: {{database: embedded, redis: embedded, data_dir: data}}
gateway: {{listen: 127.0.0.1:{gateway_port}}}

sources:
  - name: delivery                     # a pretended Jira that runs as long as the demo does
    kind: jira
    url: http://127.0.0.1:{jira_port}
    auth: {{kind: api_token, email: pmo@acme.example, token: {{file: jira-token}}}}
    select: {{projects: [PAY, WEB, DWH]}}   # it also has OPS
    every: 1m

  - name: pmo                          # the standard workbook: its sheets are recognised by their names
    kind: spreadsheet
    files: [registers/pmo.xlsx]
    every: 1m

identity:
  projects: {{match: [code]}}            # the workbook's PAY and Jira's PAY are one project
  people: {{match: [email]}}
precedence:
  project: {{default: [pmo, delivery]}}  # where both speak, the PMO's word counts
"""
QUESTIONS = (
    (
        "The portfolio, worst first",
        "projects?fields=key,title,rag_reported,manager{title},budget,forecast_cost"
        "&filter=rag_reported IN ('red','amber')&order=-budget",
    ),
    (
        "Projects with a milestone that slipped more than ten working days, and what is at risk there",
        'projects?fields=key,milestones(filter:"slip_days > 10",order:"-slip_days"){title,baseline_on,forecast_on,'
        'slip_days},risks(filter:"status = \'open\'",order:"-score",limit:3){title,score}'
        "&filter=any(milestones, slip_days > 10)",
    ),
    (
        "Overdue work, whoever's tool it is in",
        "work_items?fields=key,title,due_on,assignee{title},project{key}"
        "&filter=due_on < today() AND status NOT IN ('done','cancelled')&order=due_on&limit=10",
    ),
)
PORTFOLIO = (
    "projects?fields=key,title,programme{title},stage,rag_reported,percent_complete,finish_baseline_on,"
    "finish_forecast_on,budget,forecast_cost,currency,risks(filter:\"status = 'open'\",limit:200){score},"
    'milestones(filter:"actual_on IS NULL",order:"forecast_on",limit:1){title,forecast_on,slip_days}&order=key'
)


def run_demo(folder: Path, *, once: bool) -> None:
    """Set up what is missing, sync, show the portfolio, then serve until stopped (or stop, with `once`)."""
    folder = folder.absolute()
    config = _prepare(folder)
    out.print(f"[bold]Portbook demo[/] in {folder}")
    with _pretended_jira(config), configured_stores(config) as stores:
        key = with_register(config, lambda pool, parts, _: _sync(pool, parts, folder / "api-key"))
        with serving_in_background(config, stores):
            address = f"http://{config.gateway.listen}/api/v1/"
            _show_portfolio(address, key)
            _show_questions(address, key, folder)
            if not once:
                with worker_beside(config.path), contextlib.suppress(KeyboardInterrupt):
                    err.print(f"Serving at [bold]{address}[/] and syncing every minute; Ctrl-C stops it.")
                    threading.Event().wait()


async def _sync(pool: Pool, parts: Parts, key_file: Path) -> str:
    """Sync everything with bars; returns a key for the API, the same as last time where there was one."""
    names = list(parts.specs)
    asked = await ask_for_runs(pool, names, "incremental")
    async with sync_progress(pool, asked):
        await work_until_idle(pool, parts.specs, parts.policy, names)
    outcomes = await run_outcomes(pool, asked)
    show_outcomes(outcomes, {})
    if any(outcome["state"] != "succeeded" for outcome in outcomes):
        raise Problem("the demo's sync did not succeed", hint="The reason stands above.")
    if not key_file.exists():  # noqa: ASYNC240 - one small local file
        _write_secret(key_file, await create_key(pool, "demo", scopes=["read"], actor="demo"))
    return key_file.read_text().strip()  # noqa: ASYNC240


def _write_secret(path: Path, secret: str) -> None:
    path.touch(mode=0o600)
    path.write_text(secret + "\n")


def _prepare(folder: Path) -> Config:
    """Write what is not there yet; a configuration that somebody edited is left alone."""
    (folder / "registers").mkdir(parents=True, exist_ok=True)
    token = folder / "jira-token"
    if not token.exists():
        _write_secret(token, TOKEN)
    workbook = folder / "registers" / "pmo.xlsx"
    if not workbook.exists():
        write_pmo_workbook(workbook, date.today())  # noqa: DTZ011 - the day of the person in front of it
    path = folder / "portbook.yaml"
    if not path.exists():
        path.write_text(CONFIG.format(gateway_port=_free_port(8080), jira_port=_free_port(8099)))
        (folder / "portbook.schema.json").write_text(json.dumps(config_schema(KINDS), indent=1))
    return read_config(path)


def _free_port(wanted: int) -> int:
    """`wanted`, or the next one nobody has: not one the kernel picks, which it may lend to a connection meanwhile."""
    for port in range(wanted, wanted + 1000, 20):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise Problem(f"no port is free on 127.0.0.1 from {wanted} on")


@contextlib.contextmanager
def _pretended_jira(config: Config) -> Iterator[None]:
    """The Jira that the configuration's first local Jira source points at."""
    try:
        from tests.fakes.jira import FakeJira
        from tests.fakes.jira.generate import believable
    except ImportError:
        raise Problem(
            "the demo's pretended Jira is not installed", hint="Run the demo from a clone of the repository."
        ) from None
    urls = [urlsplit(s.options.url) for s in config.sources if isinstance(s.options, JiraOptions)]
    port = next((url.port for url in urls if url.hostname == "127.0.0.1" and url.port), None)
    if port is None:
        yield
        return
    world = believable(date.today())  # noqa: DTZ011
    world.add_project("OPS", "Operations")
    for title in ("Rotate the certificates", "Replace the tape library", "Patch the payment gateway"):
        world.add_issue("OPS", title)
    try:
        with FakeJira(world, port=port, secret=TOKEN):
            yield
    except OSError as error:
        if error.errno is None:
            raise
        raise Problem(
            f"the pretended Jira cannot listen on port {port}: {error.strerror}",
            detail=str(config.path),
            hint="Another demo may be running; else change the port in `url:`.",
        ) from None


def ask(address: str, key: str, question: str) -> dict[str, Any]:
    """One request to the API, as any client would make it."""
    request = urllib.request.Request(  # noqa: S310 - our own address
        address + quote(question, safe="?&=,(){}:'\"><-_.!").replace('"', "%22"),
        headers={"Authorization": f"Bearer {key}"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        found: dict[str, Any] = json.load(answer)
        return found


def _show_portfolio(address: str, key: str) -> None:
    wide = out.width >= WIDE
    rows = []
    for p in ask(address, key, PORTFOLIO)["data"]:
        next_one = (p["milestones"] or [{}])[0]
        slip = next_one.get("slip_days") or 0
        late = f" [red]+{slip} d[/]" if slip > 0 else ""
        worst = max((r["score"] or 0 for r in p["risks"]), default=0)
        cells = {
            "project": f"[bold]{escape(p['key'] or '')}[/] {escape(p['title'] or '')}",
            "programme": escape((p["programme"] or {}).get("title") or ""),
            "stage": escape(p["stage"] or ""),
            "RAG": rag_cell(p["rag_reported"]),
            "done": "" if p["percent_complete"] is None else f"{p['percent_complete']:.0f} %",
            "finish": _shift(p["finish_baseline_on"], p["finish_forecast_on"], wide=wide),
            "budget": _money(p["budget"], p["currency"]),
            "forecast": _overrun(p["budget"], p["forecast_cost"]),
            "risks": f"{len(p['risks'])}" + (f" [red](worst {worst})[/]" if wide and worst >= 15 else ""),
            "next milestone": f"{escape(next_one.get('title') or '')}{late}",
        }
        rows.append({name: cell for name, cell in cells.items() if wide or name not in NARROW_WITHOUT})
    columns = list(rows[0]) if rows else []
    found = [list(row.values()) for row in rows]
    right = [name for name in ("done", "budget", "forecast") if name in columns]
    out.print(table("The portfolio, from GET /api/v1/projects", columns, found, right=right))


WIDE = 130
"""Columns of a terminal from which the whole table fits."""
NARROW_WITHOUT = ("programme", "stage", "done", "budget")


def _shift(baseline: str | None, forecast: str | None, *, wide: bool) -> str:
    if not forecast or not baseline or forecast == baseline:
        return forecast or baseline or ""
    colour = "red" if forecast > baseline else "green"
    return f"{forecast} [{colour}](was {baseline})[/]" if wide else f"[{colour}]{forecast}[/]"


def _money(amount: float | None, currency: str | None) -> str:
    return "" if amount is None else f"{amount / 1000:,.0f} k{f' {currency}' if currency else ''}"


def _overrun(budget: float | None, forecast: float | None) -> str:
    if not budget or forecast is None:
        return _money(forecast, None)
    share = (forecast - budget) / budget
    return f"{_money(forecast, None)} [{'red' if share > 0.05 else 'green'}]{share:+.0%}[/]"


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
