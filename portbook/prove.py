"""`portbook prove`: a census at the tools beside what the register has."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.markup import escape

from portbook.errors import Problem
from portbook.session import read_config, with_register
from portbook.stores import Stores
from portbook.terminal import err, out, show_problem, table
from portbook.wiring import Parts
from register.db import Pool
from workers.prove import UNEXPLAINED, Proof, prove

_SHOWN = 10


def prove_command(
    context: typer.Context,
    source: Annotated[str | None, typer.Argument(help="Default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Count what each tool has, by ids alone, and explain every difference to the register. Exit code 1 when one has no
    explanation."""
    config = read_config(context.obj)
    names = [config.source(source).name] if source else [s.name for s in config.sources]

    async def count(pool: Pool, parts: Parts, stores: Stores) -> tuple[list[Proof], bool]:
        proofs, fine = [], True
        for name in names:
            try:
                async with parts.specs[name].open_adapter() as adapter:
                    with err.status(f"counting {name}") as status:

                        def watch(counted: int, name: str = name, status: Any = status) -> None:
                            status.update(f"counting {name}: {counted:,}")

                        proofs.append(await prove(pool, name, adapter, watch=watch))
            except Problem as problem:
                fine = False
                err.print(f"[bold]{escape(name)}[/]")
                show_problem(problem)
        return proofs, fine

    proofs, fine = with_register(config, count, tell_sources=False)
    if as_json:
        print(json.dumps([document(proof) for proof in proofs]))
    else:
        for proof in proofs:
            show(proof)
    raise typer.Exit(0 if fine and not any(proof.unexplained for proof in proofs) else 1)


def document(proof: Proof) -> dict[str, Any]:
    """A proof as JSON: a line for each stream and project, and every record that needed an explanation."""
    return {
        "source": proof.source,
        "counted": proof.counted,
        "not_counted": proof.not_counted,
        "read_whole": proof.read_whole,
        "unexplained": proof.unexplained,
        "lines": [
            {
                "stream": stream,
                "project": project,
                "in_tool": line.tool,
                "in_register": line.register,
                "explained": {why: n for why, n in line.odd.items() if why not in UNEXPLAINED},
                "unexplained": line.unexplained,
            }
            for (stream, project), line in proof.lines.items()
        ],
        "records": [odd._asdict() for odd in proof.odd],
    }


def show(proof: Proof) -> None:
    """A proof for people."""
    rows = []
    for (stream, project), line in proof.lines.items():
        told = ", ".join(f"{n:,} {why}" for why, n in sorted(line.odd.items()) if why not in UNEXPLAINED)
        left = f"[red]{line.unexplained:,}[/]" if line.unexplained else "[green]0[/]"
        rows.append((stream, escape(project), f"{line.tool:,}", f"{line.register:,}", told, left))
    columns = ("stream", "project", "in tool", "in register", "explained", "unexplained")
    out.print(table(proof.source, columns, rows, right=("in tool", "in register", "unexplained")))
    if proof.read_whole:
        out.print("This tool lists no ids alone: everything was read again.")
    if proof.not_counted:
        out.print(f"Not counted: {', '.join(proof.not_counted)}.")
    wrong = [odd for odd in proof.odd if odd.why in UNEXPLAINED]
    for odd in wrong[:_SHOWN]:
        out.print(f"  [red]{odd.why}[/]: {odd.stream} {escape(odd.id)}")
    if len(wrong) > _SHOWN:
        out.print(f"  and {len(wrong) - _SHOWN:,} more; `--json` lists them all")
    if wrong:
        out.print(f"  [green]→[/] `portbook sync {escape(proof.source)} --full`, then prove again.")
