"""What the parsing process says of a table → records, and what people are told of it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from typing import Any

import orjson

from adapters.base import RawRecord, SourceField, Stream
from adapters.errors import FileRefused, RecordRejected
from adapters.spreadsheet.grid import header_text
from portbook.text import nearest, normal_key

_log = logging.getLogger(__name__)


def record(stream: str, prefix: str, row: list[Any], seen: dict[str, str]) -> RawRecord:
    """A row as a record; set aside when it has no key, or one that an earlier row has."""
    key, number, data, trouble = row
    payload = orjson.dumps(data)
    where = data["portbook"]["where"]
    record_id = prefix + key
    message = f"The row has no key: {trouble}" if trouble else ""
    hint = "Fill the key, or delete the row. The other rows were read."
    if not message and record_id in seen:
        message = f"The key {key!r} is already used in {seen[record_id]}"
        hint = "Give one of the two rows another key. The first one was read."
    if not message:
        seen[record_id] = where
        return RawRecord(stream, record_id, payload, data)
    cell = next(iter(data["portbook"]["at"].values()), "")
    rejected_id = f"{record_id}#{normal_key(data['file'])}#{normal_key(data['sheet'])}#row{number}"
    detail = where if trouble else f"{where}, cell {cell}"
    error = RecordRejected(message, record_id=rejected_id, stream=stream, detail=detail, hint=hint)
    return RawRecord(stream, rejected_id, payload, data, error=error)


def report(name: str, frame: dict[str, Any]) -> None:
    """Log which rows of a sheet were passed over, and why."""
    if frame["skips"]:
        reasons = "; ".join(f"row {row}: {reason}" for row, reason in frame["skipped"][:20])
        _log.info(
            "%s, sheet %s: %d rows read, %d passed over (%s)",
            name, frame["sheet"], frame["records"], frame["skips"], reasons,
        )  # fmt: skip


def of_unclear_unit(name: str, frame: dict[str, Any]) -> list[FileRefused]:
    """Columns of amounts that may be in one unit or another: their cells are read as errors."""
    return [
        FileRefused(
            f"{title!r} may be thousands, millions or another unit: its amounts are not read",
            detail=f"{name}, sheet {frame['sheet']}, cell {cell}",
            hint=f"{what_to_write}.",
        )
        for cell, title, what_to_write in frame["unclear"]
    ]


def of_no_column(units: Iterable[str], titles: Collection[str]) -> list[FileRefused]:
    """Units that the configuration gives to columns which no table has: what was meant is read as it stands."""
    known = {header_text(title) for title in titles}
    found = []
    for title in units:
        if header_text(title) not in known:
            near = nearest(title, titles)
            found.append(
                FileRefused(
                    f"`units` names a column {title!r} that no table has",
                    hint=f"Did you mean {near!r}?" if near else "Write the header as it stands in the sheet.",
                )
            )
    return found


def described(name: str, frame: dict[str, Any]) -> Stream:
    """A table with its columns; its title says how it was read and what was passed over."""
    notes = [f"{frame['records']} rows", f"header in row {frame['header_row']}"]
    notes.append(f"identified by {' + '.join(frame['key'])} ({frame['key_by']})")
    if not frame["visible"]:
        notes.append("hidden sheet")
    if frame["hidden_rows"]:
        notes.append(f"{frame['hidden_rows']} hidden rows")
    if frame["not_calculated"]:
        notes.append(f"{frame['not_calculated']} formulas were never calculated: open and save it in Excel")
    for reason, count, rows in frame["skipped"]:
        places = ", ".join(map(str, rows)) + (" …" if count > len(rows) else "")
        notes.append(f"{count} passed over as {reason} (row {places})")
    return Stream(
        frame["into"],
        f"{name}, sheet {frame['sheet']}: {'; '.join(notes)}",
        tuple(
            SourceField(f"cells.{orjson.dumps(column).decode()}", title, kind, tuple(samples))
            for column, title, kind, samples in frame["columns"]
        ),
    )
