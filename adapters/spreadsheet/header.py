"""Where a table begins: the row of column names under titles, legends and blank rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from adapters.spreadsheet.grid import Merge, Row, Value, filled, header_text
from adapters.spreadsheet.layout import COLUMN_WORDS
from portbook.text import nearest

SEARCH_ROWS = 40
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}")
_WORD = re.compile(r"[^\W\d_]+")


class Column(NamedTuple):
    offset: int
    """From 0, as in a Row."""
    name: str
    """Normalised and unique in the sheet."""
    title: str
    """As written."""


class Header(NamedTuple):
    first_row: int
    last_row: int
    columns: tuple[Column, ...]

    def named(self, name: str) -> Column | None:
        """The column of this name, however it is written."""
        wanted = header_text(name)
        return next((column for column in self.columns if column.name == wanted), None)


def find_header(
    rows: Sequence[tuple[int, Row]],
    merges: Sequence[Merge],
    *,
    key: Sequence[str] = (),
    at: int | None = None,
) -> Header | None:
    """The most likely header among the first rows of a sheet, or None.

    A row is judged by how many of its cells are known column names, are short texts, are filled and
    differ from one another, and by whether rows below fill the same columns. With `key`, only a row that
    has those columns.
    """
    numbers = [number for number, _ in rows]
    if at is not None:
        if at not in numbers:
            return None
        return _header(rows, numbers.index(at), merges, forced=True)
    best: Header | None = None
    best_score = 0.0
    wanted = [header_text(name) for name in key]
    for index, (number, row) in enumerate(rows):
        score = _score(row, number, rows, index, merges)
        if score <= best_score and not wanted:
            continue
        header = _header(rows, index, merges)
        names = {column.name for column in header.columns}
        if wanted and all(name in names for name in wanted):
            score += 100  # a person said which columns identify a row; a title row does not have them
        if score > best_score:
            best, best_score = header, score
    return best


def closest(name: str, columns: Sequence[Column]) -> str | None:
    """The column a mistyped name most likely means, as written in the sheet."""
    names = {column.name: column.title for column in columns}
    near = nearest(header_text(name), names, cutoff=0.5)
    return names[near] if near else None


def known(name: str) -> bool:
    """Whether a normalised header is a common column name, or is made of such."""
    if name in COLUMN_WORDS:
        return True
    words = _WORD.findall(name)
    return 1 < len(words) <= 4 and all(word in COLUMN_WORDS for word in words)


def _score(
    row: Row, number: int, rows: Sequence[tuple[int, Row]], index: int, merges: Sequence[Merge]
) -> float:
    cells = [(at, value) for at, value in enumerate(row) if value is not None]
    if not cells:
        return 0.0
    texts = [header_text(value) for _, value in cells if _is_name(value)]
    score = 3.0 * sum(known(text) for text in texts)
    score += min(len(cells), 12) - 2.0 * (len(cells) - len(set(texts)))
    score -= 3.0 * sum(not _is_name(value) for _, value in cells)
    score -= 2.0 * sum(len(text) > 50 for text in texts)
    below = [below_row for _, below_row in rows[index + 1 : index + 11] if filled(below_row)]
    if below:
        columns = {at for at, _ in cells}
        # A header stands over its data: rows below fill its columns and few others.
        fits = sum(
            len(columns & {at for at, value in enumerate(other) if value is not None}) / max(1, filled(other))
            for other in below
        )
        score += 3.0 * fits / len(below)
        longest = max(filled(other) for other in below)
        score -= 1.0 * max(0, longest - len(cells))
    if any(r1 <= number <= r2 and c2 > c1 for r1, c1, r2, c2 in merges):
        score -= 2.0  # a merged cell is a title or a group above names
    if len(cells) == 1 and (not below or max(filled(other) for other in below) > 1):
        score -= 5.0
    return score


def _is_name(value: Value) -> bool:
    if isinstance(value, str):
        return bool(value.strip()) and (not _DATE.match(value))
    return False


def _header(
    rows: Sequence[tuple[int, Row]], index: int, merges: Sequence[Merge], *, forced: bool = False
) -> Header:
    """The header at `rows[index]`, joined with a row of group names above or with the names below it."""
    number, row = rows[index]
    groups = _groups(number, row, merges)
    if groups and index + 1 < len(rows) and rows[index + 1][0] == number + 1:
        below = rows[index + 1][1]
        spanned = [at for start, end in groups for at in range(start, end)]
        if sum(at < len(below) and _is_name(below[at]) for at in spanned) >= max(2, len(spanned) - 1):
            return Header(number, number + 1, _columns(_joined(row, groups, below, number, merges)))
    if index > 0 and rows[index - 1][0] == number - 1:
        above = rows[index - 1][1]
        groups = _groups(number - 1, above, merges)
        width = max((at + 1 for at, value in enumerate(row) if value is not None), default=0)
        if groups and not any(start == 0 and end >= width for start, end in groups):
            return Header(number - 1, number, _columns(_joined(above, groups, row, number - 1, merges)))
    return Header(number, number, _columns([(value,) for value in row]))


def _groups(number: int, row: Row, merges: Sequence[Merge]) -> list[tuple[int, int]]:
    """Column spans of cells of this row that are merged sideways within the row."""
    return [
        (c1 - 1, c2)
        for r1, c1, r2, c2 in merges
        if r1 == r2 == number and c2 > c1 and c1 <= len(row) and row[c1 - 1] is not None
    ]


def _joined(
    above: Row, groups: list[tuple[int, int]], below: Row, number: int, merges: Sequence[Merge]
) -> list[tuple[Value, ...]]:
    """Two header rows as one: `Baseline` over `Start` is (`Baseline`, `Start`)."""
    group_of = {at: above[start] for start, end in groups for at in range(start, end)}
    tall = {c1 - 1 for r1, c1, r2, c2 in merges if r1 == number and r2 > r1 and c1 == c2}
    cells: list[tuple[Value, ...]] = []
    for at in range(max(len(above), len(below))):
        low = below[at] if at < len(below) else None
        high = above[at] if at < len(above) else None
        if at in group_of:
            cells.append((group_of[at], low))
        elif at in tall or low is None:
            cells.append((high,))
        else:
            cells.append((low,))
    return cells


def _columns(cells: Sequence[tuple[Value, ...]]) -> tuple[Column, ...]:
    """Named columns; a name that comes again gets ` (2)`."""
    columns: list[Column] = []
    seen: set[str] = set()
    for index, parts in enumerate(cells):
        name = " ".join(text for text in map(header_text, parts) if text)
        if not name:
            continue
        title = " ".join(" ".join(str(part).split()) for part in parts if header_text(part))
        unique, again = name, 1
        while unique in seen:
            again += 1
            unique = f"{name} ({again})"
        seen.add(unique)
        columns.append(Column(index, unique, title))
    return tuple(columns)
