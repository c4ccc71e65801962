"""What an OpenDocument sheet says beside its values, read as a stream."""

from __future__ import annotations

import zipfile
from pathlib import Path

from adapters.spreadsheet.grid import Facts, Limited, is_error_text
from adapters.spreadsheet.xlsx import Attributes, check_extent, parse_part


def sheet_facts(path: Path, name: str, limits: Limited) -> Facts:
    """Hidden rows and columns, errors, merged ranges and per-cent cells of one sheet.

    Raises Refused when repeated cells would unfold beyond the limits: `number-rows-repeated="1048576"` is
    honest for blank rows and a bomb for filled ones.
    """
    reader = _Reader(name, limits)
    with zipfile.ZipFile(path) as archive:
        parse_part(archive, "content.xml", reader.start, reader.end, reader.text)
    return reader.facts


class _Reader:
    def __init__(self, name: str, limits: Limited) -> None:
        self.facts = Facts()
        self._name, self._limits = name, limits
        self._inside = False
        self._row = self._column = 0
        self._rows_here = 1
        self._columns_seen = 0
        self._cells = 0
        self._cell: Attributes | None = None
        self._text: list[str] = []
        self._depth = 0

    def start(self, tag: str, raw: Attributes) -> None:
        attributes = {key.rpartition("}")[2]: value for key, value in raw.items()}
        if tag == "table":
            self._depth += 1
            if self._depth == 1:
                self._inside = attributes.get("name") == self._name
        if not self._inside or self._depth != 1:
            return
        if tag == "table-column":
            count = int(attributes.get("number-columns-repeated", "1"))
            if attributes.get("visibility") in ("collapse", "filter"):
                last = min(self._columns_seen + count, self._limits.columns)
                self.facts.hidden_columns.update(range(self._columns_seen + 1, last + 1))
            self._columns_seen += count
        elif tag == "table-row":
            self._rows_here = int(attributes.get("number-rows-repeated", "1"))
            self._column = 0
            if attributes.get("visibility") in ("collapse", "filter"):
                last = min(self._row + self._rows_here, self._limits.rows)
                self.facts.hidden_rows.update(range(self._row + 1, last + 1))
        elif tag in ("table-cell", "covered-table-cell"):
            self._cell, self._text = {**attributes, "value-type": _kind(raw)}, []

    def text(self, text: str) -> None:
        if self._cell is not None and len(self._text) < 50:
            self._text.append(text)

    def end(self, tag: str) -> None:
        if tag == "table":
            self._depth -= 1
            self._inside = self._inside and self._depth > 0
        if not self._inside or self._depth != 1:
            return
        if tag in ("table-cell", "covered-table-cell") and self._cell is not None:
            self._finish(self._cell, "".join(self._text).strip())
            self._cell = None
        elif tag == "table-row":
            self._row += self._rows_here

    def _finish(self, cell: Attributes, text: str) -> None:
        count = int(cell.get("number-columns-repeated", "1"))
        row, column = self._row + 1, self._column + 1
        self._column += count
        if text or cell["value-type"]:
            last_row, last_column = self._row + self._rows_here, self._column
            check_extent(self._name, last_row, last_column, self._limits)
            for r in range(row, last_row + 1):
                for c in range(column, last_column + 1):
                    if cell["value-type"] == "percentage":
                        self.facts.percents.add((r, c))
                    elif cell["value-type"] == "error" or is_error_text(text):
                        self.facts.errors[r, c] = text or "#ERROR"
                    if "formula" in cell:
                        self.facts.formulas.add((r, c))
            if "ROW(" in cell.get("formula", "").upper():
                self.facts.row_formula_columns.add(column)
        height, width = (
            int(cell.get("number-rows-spanned", "1")),
            int(cell.get("number-columns-spanned", "1")),
        )
        if (height > 1 or width > 1) and len(self.facts.merges) < self._limits.rows:
            self.facts.merges.append((row, column, row + height - 1, column + width - 1))


def _kind(raw: Attributes) -> str:
    """The cell's type; LibreOffice keeps `error` in an attribute of its own beside office:value-type."""
    kinds = {value for key, value in raw.items() if key.endswith("}value-type")}
    return "error" if "error" in kinds else next(iter(sorted(kinds)), "")
