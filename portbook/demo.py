"""`portbook demo`: from nothing to a filled register in one command.

The tools are pretended, the rest is real: PostgreSQL and Valkey from their wheels, a Jira and an Azure DevOps on
ports of their own that speak the wire formats, plans and a PMO workbook as files, a sync, the API. What it makes stays
in its folder, and a second run uses it again; `portbook --config FOLDER/portbook.yaml …` works on it like on any other
register.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from adapters.azure_devops import AzureDevOpsOptions
from adapters.jira import JiraOptions
from portbook.config import Config, config_schema
from portbook.demo_summary import Facts, read_facts, show_summary
from portbook.demo_workbook import write_pmo_workbook
from portbook.errors import Problem
from portbook.reports import run_outcomes, show_outcomes
from portbook.serving import serving_in_background, worker_beside
from portbook.session import ask_for_runs, configured_stores, read_config, with_register
from portbook.terminal import err, out, sync_progress
from portbook.wiring import KINDS, Parts
from register.audit import Actor
from register.db import Pool
from register.keys import create_key
from register.quality import Quality
from workers.app import work_until_idle

TOKEN = "demo-token"  # noqa: S105 - the pretended tools accept this and nothing else
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

  - name: boards                       # a pretended Azure DevOps, likewise
    kind: azure_devops
    url: http://127.0.0.1:{boards_port}/acme
    auth: {{kind: pat, token: {{file: boards-token}}}}
    every: 1m

  - name: plans                        # Microsoft Project, saved as XML; a newer version updates its plan
    kind: ms_project
    api: files
    files: ["plans/*.xml"]
    mapping: plans.mapping.yaml        # one line more than the built-in one
    every: 1m

  - name: pmo                          # the standard workbook: its sheets are recognised by their names
    kind: spreadsheet
    files: [registers/pmo.xlsx]
    every: 1m

identity:
  projects:
    match: [code]                      # the workbook's PAY, Jira's PAY and the plan with that code are one project
    links:                             # Azure DevOps knows no codes
      - ["pmo:PAY", "boards:Card Terminals"]
      - ["pmo:ERP", "boards:Finance System"]
  people: {{match: [email]}}
precedence:                            # who is believed where several speak; a disagreement is kept as a conflict
  project:
    default: [pmo, plans, delivery, boards]
    percent_complete: [plans, pmo]
    finish_baseline_on: [plans, pmo]
"""
PLANS_MAPPING = """\
# Laid over the built-in mapping of MS Project. The project managers of this house write the project's code into the
# file's property Subject (File > Info > Advanced Properties), and the register's `code` is filled from it.
source: ms_project
rules:
  - stream: mspdi_project
    into: project
    fields:
      code: {from: Subject, as: line}
"""


def demo_command(
    once: Annotated[bool, typer.Option("--once", help="Stop after the summary.")] = False,
    folder: Annotated[Path, typer.Option(help="Where the demo lives.")] = Path(".portbook/demo"),
) -> None:
    """Fill a register from pretended tools, plans and a PMO workbook, and serve it."""
    run_demo(folder, once=once)


def run_demo(folder: Path, *, once: bool) -> None:
    """Set up what is missing, sync, show the portfolio, then serve until stopped (or stop, with `once`)."""
    folder = folder.absolute()
    config = prepare(folder)
    out.print(f"[bold]Portbook demo[/] in {folder}")
    with pretended_tools(config), configured_stores(config) as stores:
        key, facts = with_register(config, lambda pool, parts, _: _sync(pool, parts, folder / "api-key"))
        with serving_in_background(config, stores):
            address = f"http://{config.gateway.listen}/api/v1/"
            show_summary(address, key, facts, folder)
            if not once:
                os.environ.setdefault(
                    "PORTBOOK_LOG", "warning"
                )  # the worker's log would push the answer away
                with worker_beside(config.path), contextlib.suppress(KeyboardInterrupt):
                    err.print(f"Serving at [bold]{address}[/] and syncing every minute; Ctrl-C stops it.")
                    threading.Event().wait()


async def _sync(pool: Pool, parts: Parts, key_file: Path) -> tuple[str, Facts]:
    """Sync everything with bars; returns a key for the API, the same as last time where there was one."""
    names = list(parts.specs)
    asked = await ask_for_runs(pool, names, "incremental")
    async with sync_progress(pool, asked):
        await work_until_idle(pool, parts.specs, parts.policy, names)
        await Quality(pool, parts.expected).look(now=True)
    outcomes = await run_outcomes(pool, asked)
    if any(outcome["state"] != "succeeded" for outcome in outcomes):
        show_outcomes(outcomes, {})
        raise Problem("the demo's sync did not succeed", hint="The reason stands above.")
    if not key_file.exists():  # noqa: ASYNC240 - one small local file
        _write_secret(key_file, await create_key(pool, "demo", scopes=["read"], actor=Actor("demo")))
    return key_file.read_text().strip(), await read_facts(pool, asked)  # noqa: ASYNC240


def _write_secret(path: Path, secret: str) -> None:
    path.touch(mode=0o600)
    path.write_text(secret + "\n")


def prepare(folder: Path) -> Config:
    """Write what is not there yet; a configuration that somebody edited is left alone."""
    try:
        from portbook.demo_plans import write_plans
    except ImportError:
        raise _not_a_clone() from None
    today = date.today()  # noqa: DTZ011 - the day of the person in front of it
    (folder / "registers").mkdir(parents=True, exist_ok=True)
    for name in ("jira-token", "boards-token"):
        if not (folder / name).exists():
            _write_secret(folder / name, TOKEN)
    workbook = folder / "registers" / "pmo.xlsx"
    if not workbook.exists():
        write_pmo_workbook(workbook, today)
    write_plans(folder / "plans", today)
    mapping = folder / "plans.mapping.yaml"
    if not mapping.exists():
        mapping.write_text(PLANS_MAPPING)
    path = folder / "portbook.yaml"
    if not path.exists():
        ports = {"gateway_port": 8080, "jira_port": 8099, "boards_port": 8098}
        path.write_text(CONFIG.format(**{name: _free_port(port) for name, port in ports.items()}))
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


def _not_a_clone() -> Problem:
    return Problem(
        "the demo's pretended tools are not installed", hint="Run the demo from a clone of the repository."
    )


@contextlib.contextmanager
def pretended_tools(config: Config) -> Iterator[None]:
    """The Jira and the Azure DevOps that the configuration's first local sources of these kinds point at."""
    try:
        from portbook.demo_boards import organisation
        from tests.fakes.azure_devops import FakeAzureDevOps
        from tests.fakes.jira import FakeJira
        from tests.fakes.jira.generate import believable
    except ImportError:
        raise _not_a_clone() from None
    today = date.today()  # noqa: DTZ011
    with contextlib.ExitStack() as stack:
        if port := _local_port(config, JiraOptions):
            world = believable(today)
            world.add_project("OPS", "Operations")
            for title in ("Rotate the certificates", "Replace the tape library", "Patch the payment gateway"):
                world.add_issue("OPS", title)
            _listen(stack, config, "Jira", FakeJira(world, port=port, secret=TOKEN), port)
        if port := _local_port(config, AzureDevOpsOptions):
            boards = FakeAzureDevOps(organisation(today), port=port, secret=TOKEN)
            _listen(stack, config, "Azure DevOps", boards, port)
        yield


def _local_port(config: Config, kind: type[Any]) -> int | None:
    urls = [urlsplit(s.options.url) for s in config.sources if isinstance(s.options, kind)]
    return next((url.port for url in urls if url.hostname == "127.0.0.1" and url.port), None)


def _listen(
    stack: contextlib.ExitStack,
    config: Config,
    what: str,
    tool: contextlib.AbstractContextManager[Any],
    port: int,
) -> None:
    try:
        stack.enter_context(tool)
    except OSError as error:
        if error.errno is None:
            raise
        raise Problem(
            f"the pretended {what} cannot listen on port {port}: {error.strerror}",
            detail=str(config.path),
            hint="Another demo may be running; else change the port in `url:`.",
        ) from None
