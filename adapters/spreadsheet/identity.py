"""Which columns make a row itself, so that sorting, inserting and editing do not make it another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from adapters.spreadsheet.grid import Refused, Row, cell_name
from adapters.spreadsheet.header import Column, Header, closest
from adapters.spreadsheet.layout import TITLES, id_columns, natural_key_groups
from portbook.text import normal_key


class Identity(NamedTuple):
    columns: tuple[Column, ...]
    required: int
    """How many of the columns, from the first, must be filled."""
    chosen_by: str
    """`key`, `ID column` or `natural key`: for people who ask why."""


def identify(header: Header, entity: str, key: Sequence[str], counted: set[int], where: str) -> Identity:
    """The identity of the rows under `header`. Decided by names alone: were it decided by values, one odd row
    could rename all the others. `counted` holds columns (from 1) computed with ROW(), which change on
    sorting.

    Raises Refused when `key` names a column that is not there, or when nothing fits.
    """
    if key:
        columns = []
        for name in key:
            column = header.named(name)
            if column is None:
                raise missing_key(name, header.columns, where)
            columns.append(column)
        return Identity(tuple(columns), len(columns), "key")
    for name in id_columns(entity):
        column = header.named(name)
        if column is not None and column.offset + 1 not in counted:
            return Identity((column,), 1, "ID column")
    return _natural(header, entity, where)


def _natural(header: Header, entity: str, where: str) -> Identity:
    columns: list[Column] = []
    groups = natural_key_groups(entity)
    for place, names in enumerate(groups):
        column = next(
            (found for name in names if (found := header.named(name)) and found not in columns), None
        )
        if column is not None:
            columns.append(column)
        elif place == 0:
            raise Refused(
                f"Nothing in {where} tells its rows apart: no ID column and none called {_some(names)}",
                detail=f"columns: {_listed(header.columns)}",
                hint="Say which column or columns identify a row: `key: …` beside `sheet:`.",
                kind="refused",
            )
    return Identity(tuple(columns), 1, "natural key")


def missing_key(name: str, columns: Sequence[Column], where: str) -> Refused:
    """The refusal for a key column that the sheet does not have."""
    meant = closest(name, columns)
    return Refused(
        f"No column {name!r} in {where}",
        detail=f"columns: {_listed(columns)}" if columns else "no header row was found",
        hint=(f"Did you mean {meant!r}? " if meant else "")
        + "Correct `key:`, or give `header_row:` when the names stand elsewhere. Nothing was deleted.",
    )


def row_id(identity: Identity, row: Row, number: int) -> tuple[str, str | None]:
    """The key of a row and None, or what there is of it and why it cannot be one."""
    parts: list[str] = []
    problem: str | None = None
    for place, column in enumerate(identity.columns):
        value = row[column.offset] if column.offset < len(row) else None
        if isinstance(value, dict):
            problem = problem or (
                f"{column.title} in cell {cell_name(number, column.offset + 1)} is {value['error']}"
            )
            value = None
        elif value is None and place < identity.required:
            problem = problem or f"{column.title} in cell {cell_name(number, column.offset + 1)} is empty"
        parts.append("" if value is None else normal_key(value))
    if len(parts) > 1:  # a single key stays as references spell it
        parts = [part.replace("\\", "\\\\").replace("|", "\\|") for part in parts]
    return "|".join(parts), problem


def title_columns(header: Header) -> tuple[Column, ...]:
    """The columns that say in words what a row is."""
    return tuple(column for name in TITLES if (column := header.named(name)))


def _listed(columns: Sequence[Column]) -> str:
    names = [column.title for column in columns]
    return ", ".join(names[:40]) + (" …" if len(names) > 40 else "")


def _some(names: Sequence[str]) -> str:
    return ", ".join(name.title() for name in names[:4])
