"""What people see: tables, colours and bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from portbook.errors import Problem
from portbook.tasks import stop

if TYPE_CHECKING:
    from register.db import Pool

ELSEWHERE = 150
"""Columns of a table that goes to a file or a pipe."""
_ANY_WIDTH = 100_000
_BEFORE, _BEHIND = 50, 25
"""Characters that are shown around a place in a question."""
_STEERING = re.compile(r"[\x00-\x06\x0e-\x1f\x7f-\x9f]")
"""Characters that terminals obey. Rich leaves out some of them (bell, carriage return …) and passes these on."""


class Screen(Console):
    """A console on which texts of others (a project's title) are only ever shown: none can move the cursor, rename the
    window or fill the clipboard. Such characters are shown as `�`."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(_STEERING.sub("�", text), **options)


out = Screen(highlight=False, width=None if sys.stdout.isatty() else ELSEWHERE)
err = Screen(stderr=True, highlight=False, width=None if sys.stderr.isatty() else ELSEWHERE)

STATE_STYLE = {
    "succeeded": "green",
    "running": "cyan",
    "queued": "cyan",
    "held": "yellow",
    "incomplete": "yellow",
    "failed": "red",
    "paused": "red",
}
RAG_STYLE = {
    "red": "bold white on red",
    "amber": "black on yellow",
    "green": "black on green",
    "blue": "white on blue",
}


def show_problem(problem: Problem) -> None:
    """One problem: what happened, where, what to do next."""
    err.print(f"[bold red]{problem.code}[/] {escape(problem.message)}")
    position, text = getattr(problem, "position", None), getattr(problem, "text", "")
    if position is not None and text:  # of a question; its class would bring the register along
        _point(text, position)
    for line in filter(None, problem.detail.splitlines()):
        err.print(f"  [dim]{escape(line)}[/]", soft_wrap=True)
    if problem.hint:
        err.print(f"  [green]→[/] {escape(problem.hint)}", soft_wrap=True)


def _point(text: str, position: int) -> None:
    """What stands around a character of a question, and a mark below it."""
    start = max(position - _BEFORE, 0)
    shown = re.sub(r"\s", " ", text[start : position + _BEHIND])
    begun, gone_on = "…" * (start > 0), "…" * (position + _BEHIND < len(text))
    space = " " * cell_len(begun + shown[: position - start])
    err.print(f"  [dim]{begun}{escape(shown)}{gone_on}[/]\n  {space}^", soft_wrap=True)


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    right: Sequence[str] = (),
    spare: Sequence[str] = (),
) -> Table:
    """A table; columns named in `right` are right-aligned. Where the screen is too narrow for all, those named in
    `spare` are left out, one after the other, before words are broken. Cells may hold rich markup; instants are shown
    in UTC, to the second."""
    cells = [list(map(_cell, row)) for row in rows]
    shown = list(columns)
    found = _table(title, shown, cells, right)
    for name in spare:
        if out.measure(found, options=out.options.update(width=_ANY_WIDTH)).maximum <= out.width:
            break
        at = shown.index(name)
        shown.pop(at)
        for row in cells:
            row.pop(at)
        found = _table(title, shown, cells, right)
    return found


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str]) -> Table:
    style = {"title_justify": "left", "title_style": "bold", "header_style": "bold"}
    found = Table(title=title or None, box=box.SIMPLE_HEAD, pad_edge=False, **style)  # type: ignore[arg-type]
    for column in columns:
        found.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        found.add_row(*row)
    return found


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        # In full, with microseconds and zone, it would take a third of a terminal.
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return "" if value is None else str(value)


def coloured(state: str) -> str:
    """A state in its colour."""
    style = STATE_STYLE.get(state)
    return f"[{style}]{escape(state)}[/]" if style else escape(state)


def rag_cell(value: str | None) -> str:
    """A RAG word on its own colour."""
    style = RAG_STYLE.get(value or "")
    return f"[{style}] {value} [/]" if style else escape(value or "")


def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """How long ago, in the largest sensible unit."""
    if moment is None:
        return "never"
    seconds = int(((now or datetime.now(UTC)) - moment).total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if abs(seconds) >= size:
            return f"{seconds // size} {unit} ago" if seconds >= 0 else f"in {-seconds // size} {unit}"
    return "just now" if seconds >= 0 else f"in {-seconds} s"


class HowFar(ProgressColumn):
    """`1,200 of 3,400`; what has come so far where nobody knows of how many, and nothing where nothing has yet."""

    def render(self, task: Task) -> Text:
        done = f"{task.completed:,.0f}"
        if task.total is None:
            return Text(done if task.completed else "", style="progress.download")
        return Text(f"{done} of {task.total:,.0f}" if task.total else "none", style="progress.download")


@contextlib.asynccontextmanager
async def sync_progress(pool: Pool, runs: Mapping[str, int], *, quiet: bool = False) -> AsyncIterator[None]:
    """Bars for runs, by source, read from the register: they move whichever worker does the work.

    Elsewhere than on a terminal, a line for each source as it ends; with `quiet`, nothing.
    """
    if quiet:
        yield
        return
    with Progress(
        SpinnerColumn(),
        TextColumn("[bold]{task.fields[source]:<14}"),
        BarColumn(bar_width=28),
        HowFar(),
        TextColumn("[dim]{task.description}"),
        TimeElapsedColumn(),
        console=err,
        disable=not err.is_terminal,
    ) as bars:
        tasks = {name: bars.add_task("waiting", source=name, total=None) for name in runs}
        watching = asyncio.create_task(_follow(pool, runs, bars, tasks))
        try:
            yield
        finally:
            await stop(watching)
            await _update(pool, runs, bars, tasks)


async def _follow(pool: Pool, runs: Mapping[str, int], bars: Progress, tasks: Mapping[str, TaskID]) -> None:
    while True:
        await _update(pool, runs, bars, tasks)
        await asyncio.sleep(0.25)


async def _update(pool: Pool, runs: Mapping[str, int], bars: Progress, tasks: Mapping[str, TaskID]) -> None:
    rows = await pool.fetch(
        """
        SELECT r.source, r.mode, r.state, r.seen,
               coalesce(sum(greatest(p.expected, p.seen)) FILTER (WHERE p.expected IS NOT NULL), 0)
               + coalesce(sum(p.seen) FILTER (WHERE p.expected IS NULL), 0) AS expected,
               count(p.name) AS begun, count(p.name) FILTER (WHERE p.done) AS done
        FROM run r LEFT JOIN run_partition p ON p.run_id = r.id WHERE r.id = ANY($1::bigint[]) GROUP BY r.id
        """,
        list(runs.values()),
    )
    for source, mode, state, seen, expected, begun, done in rows:
        ended = state not in ("queued", "running")
        total = seen if ended else max(int(expected), seen) or None
        what = coloured(state) if ended else f"{mode}, {done} of {begun} parts read"
        bars.update(tasks[source], completed=seen, total=total, description=what)
