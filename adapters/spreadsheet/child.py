"""The process that parses a file nobody vouches for, under limits on memory, processor time and files.

Reads one request (JSON) from stdin and answers on stdout with frames: four bytes of length, then JSON. It
imports as little as it can, for there is one such process per file and stream.
"""

from __future__ import annotations

import contextlib
import fnmatch
import gc
import os
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson
from python_calamine import PasswordError

from adapters.spreadsheet import delimited, ods, xlsx
from adapters.spreadsheet.amounts import Unclear, advice, amounts
from adapters.spreadsheet.binary import sheet_errors
from adapters.spreadsheet.grid import Limited, Refused, Sheet, SheetInfo, cell_name
from adapters.spreadsheet.rows import Found, Table, find_table, read_table
from adapters.spreadsheet.safety import check_zip
from adapters.spreadsheet.sniff import Format, sniff
from portbook.text import normal_key

ROWS_PER_FRAME = 200
_KEPT_SKIPS = 200
_SAMPLES = 5


class Book:
    """One file whose format is known and whose size has been checked."""

    def __init__(self, path: Path, name: str, limits: dict[str, int]) -> None:
        self.path, self.name = path, name
        self.limits = Limited(limits["rows"], limits["columns"], limits["cells"], limits["sheets"])
        self.format: Format = sniff(path, name)
        if self.format in ("xlsx", "ods", "xlsb"):
            check_zip(path, name, limits)
        self._text: Sheet | None = None

    def sheets(self) -> list[SheetInfo]:
        if self.format == "text":
            return [SheetInfo(self._text_sheet().name, True)]
        found = xlsx.sheet_list(self.path)
        if len(found) > self.limits.sheets:
            raise Refused(f"{self.name} has {len(found)} sheets, the limit is {self.limits.sheets}")
        return found

    def open(self, info: SheetInfo) -> Sheet:
        if self.format == "text":
            return self._text_sheet()
        facts = errors = None
        if self.format == "xlsx":
            facts = xlsx.sheet_facts(self.path, info.name, self.limits)
        elif self.format == "ods":
            facts = ods.sheet_facts(self.path, info.name, self.limits)
        else:
            errors = sheet_errors(self.path, info.name, self.format)
        return xlsx.open_sheet(self.path, info, facts, self.limits, errors)

    def _text_sheet(self) -> Sheet:
        if self._text is None:
            self._text = delimited.open_text(self.path, self.name, self.limits)
        return self._text


def main() -> None:
    """Answer one request about a workbook or text table."""
    serve(_answer, unreadable=_unreadable, out_of_memory=_out_of_memory)


def serve(
    answer: Callable[[dict[str, Any]], Iterator[dict[str, Any]]],
    *,
    unreadable: Callable[[str, Exception], Refused],
    out_of_memory: Callable[[str, dict[str, int]], Refused],
) -> None:
    """Answer one request. Every way to fail that Python can see becomes an `error` frame."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing a library prints may get between the frames
    request: dict[str, Any] = orjson.loads(sys.stdin.buffer.read())
    _limit_process(request["limits"])
    # Rows come and go without a cycle among them; looking for one after every 700 would cost more than it finds.
    gc.set_threshold(100_000)
    name = request["name"]
    try:
        for frame in answer(request):
            _send(out, frame)
    except Refused as refusal:
        _send(out, _error(refusal))
    except MemoryError:
        _send(out, _error(out_of_memory(name, request["limits"])))
    except PasswordError:
        _send(out, _error(Refused(f"{name} is protected by a password", hint="Save a copy without it.")))
    except Exception as error:  # noqa: BLE001 - whatever breaks a parser is a refusal of that file
        _send(out, _error(unreadable(name, error)))
    _send(out, {"kind": "end"})
    out.flush()


def _answer(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    book = Book(Path(request["path"]), request["name"], request["limits"])
    sheets = book.sheets()
    yield {"kind": "sheets", "format": book.format, "sheets": sheets}
    if request["op"] == "list":
        return
    for entry in request["entries"]:
        matching = [info for info in sheets if _matches(info.name, entry["sheet"])]
        if entry["hidden"] == "skip":
            shown = [info for info in matching if info.visible]
            if matching and not shown:
                continue
            matching = shown
        if not matching and not entry["optional"]:
            yield _error(_no_sheet(book.name, entry["sheet"], sheets))
        for info in matching:
            try:
                if request["op"] == "discover":
                    yield _describe(book, info, entry, request)
                else:
                    yield from _read(book, info, entry, request)
            except Refused as refusal:  # the other sheets can still be read
                yield _error(refusal)


def _read(
    book: Book, info: SheetInfo, entry: dict[str, Any], request: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    table = find_table(book.open(info), entry, book.name, request["limits"])
    batch: list[Any] = []
    skipped: list[Any] = []
    skips = count = 0
    for item in read_table(table, entry, book.name, entry["locale"] or request["locale"], request["units"]):
        if not isinstance(item, Found):
            skips += 1
            if len(skipped) < _KEPT_SKIPS:
                skipped.append(item)
            continue
        count += item.problem is None
        batch.append(tuple(item))  # a NamedTuple would be asked for one by one
        if len(batch) >= ROWS_PER_FRAME:
            yield {"kind": "rows", "scope": entry["scope"], "rows": batch}
            batch = []
    yield {"kind": "rows", "scope": entry["scope"], "rows": batch}
    yield {"kind": "sheet", "sheet": info.name, "records": count, "skips": skips, "skipped": skipped}
    if count < entry["min_rows"]:
        raise Refused(
            f"{book.name}, sheet {info.name} has {count} rows, fewer than `min_rows: {entry['min_rows']}`",
            hint="Nothing was deleted. Restore the sheet, or lower min_rows.",
            kind="misbehaved",
        )


def _describe(book: Book, info: SheetInfo, entry: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    table = find_table(book.open(info), entry, book.name, request["limits"])
    samples: dict[str, list[Any]] = {}
    kinds: dict[str, set[str]] = {}
    skipped: dict[str, list[int]] = {}
    count = 0
    found = amounts(table.header.columns, entry["into"], request["units"])
    named = [one.column._replace(name=one.name) for one in found if one.name != one.column.name]
    for item in read_table(table, entry, book.name, None, request["units"]):
        if not isinstance(item, Found):
            skipped.setdefault(item.reason, []).append(item.row)
            continue
        count += 1
        for column, value in item.data["cells"].items():
            kinds.setdefault(column, set()).add(_kind(value))
            seen = samples.setdefault(column, [])
            if len(seen) < _SAMPLES and value not in seen:
                seen.append(value if not isinstance(value, str) else value[:200])
    return {
        "kind": "described",
        "sheet": info.name,
        "visible": info.visible,
        "into": entry["into"],
        "header_row": table.header.last_row,
        "records": count,
        "key": [column.title for column in table.identity.columns],
        "key_by": table.identity.chosen_by,
        "columns": [
            [c.name, c.title, " or ".join(sorted(kinds.get(c.name, {"empty"}))), samples.get(c.name, [])]
            for c in (*table.header.columns, *named)
        ],
        "unclear": [
            [_header_cell(table, one.column.offset + 1), one.column.title, advice(one)]
            for one in found
            if isinstance(one.unit, Unclear)
        ],
        "skipped": [[reason, len(rows), rows[:10]] for reason, rows in skipped.items()],
        "not_calculated": sum(text == xlsx.NOT_CALCULATED for text in table.sheet.facts.errors.values()),
        "hidden_rows": len(table.sheet.facts.hidden_rows),
    }


def _header_cell(table: Table, column: int) -> str:
    row = table.header.last_row
    return cell_name(column, row) if table.turned else cell_name(row, column)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "yes/no"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, dict):
        return "error"
    return "date" if len(value) >= 10 and value[4:5] == "-" and value[:4].isdigit() else "text"


def _matches(sheet: str, pattern: str) -> bool:
    name, wanted = normal_key(sheet), normal_key(pattern)
    return name == wanted or fnmatch.fnmatchcase(name, wanted)


def _no_sheet(name: str, wanted: str, sheets: list[SheetInfo]) -> Refused:
    return Refused(
        f"{name} has no sheet {wanted!r}",
        detail=f"sheets: {', '.join(info.name for info in sheets)}",
        hint="If it was renamed, correct `sheet:`; if not every file has it, add `optional: true`. "
        "Nothing was deleted.",
        kind="misbehaved",
    )


def _out_of_memory(name: str, limits: dict[str, int]) -> Refused:
    return Refused(
        f"{name} needs more than the {limits['memory_mb']} MiB of memory that reading a file may use",
        hint="Split the workbook or clear unused cells; else raise `limits.memory_mb`.",
    )


def _unreadable(name: str, error: Exception) -> Refused:
    return Refused(
        f"{name} cannot be read as a spreadsheet",
        detail=f"{type(error).__name__}: {error}"[:500],
        hint="Open it in Excel, let it repair, and save it again as .xlsx.",
    )


def _error(refusal: Refused) -> dict[str, Any]:
    return {
        "kind": "error",
        "class": refusal.kind,
        "message": refusal.message,
        "detail": refusal.detail,
        "hint": refusal.hint,
    }


def _send(out: BinaryIO, frame: dict[str, Any]) -> None:
    body = orjson.dumps(frame, default=tuple)  # a NamedTuple travels as a list
    out.write(struct.pack(">I", len(body)) + body)
    out.flush()


def _limit_process(limits: dict[str, int]) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limits; the wall clock still holds there
        return
    memory = limits["memory_mb"] << 20
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, limits["cpu_s"]),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # a lower limit is already set
            resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    main()
