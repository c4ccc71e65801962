"""`portbook map`: what a record would become, without a register or a tool."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.markup import escape
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from mapping.apply import Mapper
from mapping.errors import MappingInvalid
from portbook.errors import SettingsInvalid
from portbook.terminal import out, table
from portbook.wiring import KINDS, mapping_of
from register.ids import derive_id


def map_command(
    mapping: Annotated[
        Path, typer.Argument(help="A mapping file, or the name of a built-in one's kind (jira).")
    ],
    record: Annotated[Path, typer.Argument(help="A record as JSON.")],
    stream: Annotated[
        str | None, typer.Option(help="The kind of record; default: the mapping's first.")
    ] = None,
) -> None:
    """Show the rows that a record becomes under a mapping, and what could not be understood."""
    raise typer.Exit(0 if try_mapping(mapping, record, stream) else 1)


def try_mapping(mapping: Path, record: Path, stream: str | None) -> bool:
    """Print the rows of a record; False when something in it could not be understood.

    `mapping` is a file, or the kind whose built-in mapping is meant. References are shown by the word they hold.
    """
    kind, override = _kind(mapping)
    data = _record(record)
    found = mapping_of(kind, override)
    chosen = stream or found.rules[0].stream
    if chosen not in {rule.stream for rule in found.rules}:
        streams = ", ".join(dict.fromkeys(rule.stream for rule in found.rules))
        raise SettingsInvalid(
            f"the mapping has no rule for stream {chosen!r}", hint=f"Its streams are: {streams}."
        )
    mapped = Mapper(found, lambda s, i: derive_id("trial", s, i))(chosen, str(data.get("id", "")), data)
    if not mapped.rows:
        out.print(f"A record of stream {chosen!r} becomes no row here.")
    for row in mapped.rows:
        words = {reference.column: f"{reference.entity} {reference.word!r}" for reference in row.references}
        where = {rule.column: rule for r in found.rules if r.into == row.entity for rule in r.fields.values()}
        lines = []
        for column, value in row.values.items():
            shown = words.get(column) or json.dumps(value, ensure_ascii=False)
            lines.append((column, escape(shown), escape(where[column].where if column in where else "")))
        out.print(table(f"{chosen} → {row.entity} {row.id}", ("field", "value", "said by"), lines))
    for unread in mapped.problems:
        problem = unread.problem
        out.print(f"[yellow]{problem.code}[/] {escape(problem.message)} [dim]({escape(problem.detail)})[/]")
    return not mapped.problems


def _kind(mapping: Path) -> tuple[str, Path | None]:
    if str(mapping) in KINDS:
        return str(mapping), None
    try:
        document = YAML(typ="safe").load(mapping.read_text("utf-8"))
    except OSError as error:
        raise SettingsInvalid(
            f"the mapping file cannot be read: {error.strerror}",
            detail=str(mapping),
            hint=f"Give a file, or one of the built-in kinds: {', '.join(KINDS)}.",
        ) from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise MappingInvalid(f"not YAML: {error}", detail=str(mapping)) from None
    kind = document.get("source") if isinstance(document, dict) else None
    if kind not in KINDS:
        raise MappingInvalid(
            f"`source: {kind}` is no kind of tool", detail=str(mapping), hint=f"Kinds: {', '.join(KINDS)}."
        )
    return str(kind), mapping


def _record(path: Path) -> dict[str, Any]:
    try:
        data = orjson.loads(path.read_bytes())
    except OSError as error:
        raise SettingsInvalid(f"the record cannot be read: {error.strerror}", detail=str(path)) from None
    except orjson.JSONDecodeError as error:
        raise SettingsInvalid(f"the record is not JSON: {error}", detail=f"{path}:{error.lineno}") from None
    if not isinstance(data, dict):
        raise SettingsInvalid("the record is not a JSON object", detail=str(path))
    return data
