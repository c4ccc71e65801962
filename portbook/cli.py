"""`portbook`: the commands. Each is imported when it is asked for, so that a person at a terminal does not wait for
what the others need.

Exit codes: 0 fine, 1 the thing checked is not fine, 2 wrong usage or configuration.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from portbook import __version__
from portbook.errors import Problem, defect
from portbook.logs import set_up_logs
from portbook.terminal import err, out, show_problem

COMMANDS = {
    "check": (
        "portbook.check:check_command",
        "Sign in at each source, say who we are there and what is missing, and check its mapping.",
    ),
    "plan": (
        "portbook.planning:plan_command",
        "Show which rows and fields `remap` would change, from stored records.",
    ),
    "remap": (
        "portbook.planning:remap_command",
        "Bring the register to the mappings, identity and precedence of now, from stored records.",
    ),
    "query": (
        "portbook.query:query_command",
        "Ask the register, as the API is asked: every row that there is, or a table of the first 50.",
    ),
    "prove": (
        "portbook.prove:prove_command",
        "Count what each tool has, by ids alone, and explain every difference to the register.",
    ),
    "audit": (
        "portbook.audit:audit_command",
        "List the audit, newest first: who changed what, who took files, who asked, and who was refused.",
    ),
    "explain": (
        "portbook.explain:explain_command",
        "Say of each value of a row who says so, who says otherwise, which rule chose, and since when.",
    ),
    "retire": (
        "portbook.retire:retire_command",
        "Take a source, or a project that is no longer selected, out of scope.",
    ),
    "migrate": ("portbook.processes:migrate_command", "Create or upgrade the register's schema."),
    "discover": (
        "portbook.discover:discover_command",
        "Show what this tenant really has: every field with samples, and what the mapping does with it.",
    ),
    "sync": ("portbook.sync:sync_command", "Bring the register up to date, with progress bars."),
    "status": (
        "portbook.status:status_command",
        "Show every source: its last run, how fresh it is, and what waits for a person.",
    ),
    "work": (
        "portbook.processes:work_command",
        "Run a worker: schedules what is due and carries out runs, until stopped.",
    ),
    "serve": (
        "portbook.processes:serve_command",
        "Serve the API; with embedded stores a worker runs beside it.",
    ),
    "map": (
        "portbook.mapping_trial:map_command",
        "Show the rows that a record becomes under a mapping, and what could not be understood.",
    ),
    "schema": ("portbook.schemas:schema_command", "Print a schema as JSON."),
    "demo": (
        "portbook.demo:demo_command",
        "Fill a register from pretended tools, plans and a PMO workbook, and serve it.",
    ),
    "keys": ("portbook.keys:app", "API keys: create, list, revoke."),
    "accounts": (
        "portbook.accounts:app",
        "Accounts of the organisation's sign-in: block, unblock, list who is blocked.",
    ),
    "bi": ("portbook.bi:app", "Roles for tools that read the schema `bi` by SQL."),
    "hooks": ("portbook.hooks:app", "Notifications of the tools: set them up, see what waits."),
    "links": ("portbook.decide:links", "Rows that are one thing: what waits for you, what was decided."),
    "pins": ("portbook.decide:pins", "Values that hold whatever sources say."),
    "findings": (
        "portbook.findings:app",
        "What should be mended in the data, by who can mend it; waive what need not be.",
    ),
    "webhooks": (
        "portbook.webhooks:app",
        "Addresses that are told of events: add them, test them, tell them anew.",
    ),
}
"""Where each command and group of commands lives, and the sentence that its own help begins with."""


class _Later(TyperCommand):
    """A command that is imported when it is run or asked for its help."""

    def __init__(self, name: str) -> None:
        self.place, says = COMMANDS[name]
        super().__init__(name, help=says)

    def make_context(self, *given: Any, **more: Any) -> Any:
        return command_at(self.place).make_context(*given, **more)


class _Commands(TyperGroup):
    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = {**{name: _Later(name) for name in COMMANDS}, **self.commands}


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def main() -> None:
    """Run a command; a problem becomes a few readable lines and an exit code, never a traceback."""
    set_up_logs("error")  # a command tells of its own problems
    try:
        sys.exit(app(standalone_mode=False))
    except Problem as problem:
        show_problem(problem)
        sys.exit(problem.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        err.print("stopped")
        sys.exit(130)
    except Exception as error:
        if type(error).__module__.startswith(("click", "typer")) and hasattr(error, "show"):
            error.show()
            sys.exit(2)
        if os.environ.get("PORTBOOK_DEBUG"):
            raise
        # Not before it is needed: it brings the register along.
        from portbook.stores.lost import store_problem

        if lost := store_problem(error):
            show_problem(lost)
            sys.exit(lost.exit_code)
        show_problem(defect(error))
        sys.exit(1)


def command_at(place: str) -> Any:
    """The command or group at `module:name`, imported."""
    module, name = place.split(":")
    found = getattr(import_module(module), name)
    if isinstance(found, typer.Typer):
        return typer.main.get_group(found)
    alone = typer.Typer(add_completion=False)
    alone.command()(found)
    return typer.main.get_command(alone)


def _print_version(asked: bool) -> None:
    if asked:
        out.print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Default: $PORTBOOK_CONFIG, else ./portbook.yaml.")
    ] = None,
    _: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version."),
    ] = False,
) -> None:
    """Portbook keeps one register of every project, read from the tools that teams already use."""
    context.obj = config


@app.command()
def version() -> None:
    """Print the version."""
    out.print(__version__)
