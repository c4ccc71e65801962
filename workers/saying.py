"""What stored records say with the mapping of now: of each, as little is worked out as may have changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from adapters.base import RawRecord
from adapters.json_body import loads
from mapping.apply import MappedRow, Mapper
from mapping.meaning import Changed, RuleOf, compare
from register.claims import same
from register.mappings import Used
from register.narrow import Columns, Other, Partly
from register.restate import Anew, Stored
from workers.records import findings_of


class Narrow(NamedTuple):
    """What may differ between the mappings that claims of a stream were made with and that of now."""

    mapper: Mapper
    """Fills these columns alone."""
    columns: Columns


class Sayer:
    """Says anew what records of one source say. Built from the mappings that were `used` for it; without them nothing
    is known, and everything may have changed."""

    def __init__(self, source: str, mapper: Mapper, used: Mapping[str, Used]) -> None:
        self._source = source
        self._mapper = mapper
        self._used = used
        self._meaning = mapper.meaning
        self._narrow: dict[tuple[str, frozenset[str | None]], Narrow | None] = {}

    @property
    def version(self) -> str:
        """Of the mapping of now."""
        return self._mapper.version

    @property
    def same(self) -> list[tuple[str, str]]:
        """(stream, version): with that mapping, records of the stream say what they say now."""
        streams = {*self._meaning, *(stream for used in self._used.values() for stream in used.meaning or ())}
        return [
            (stream, version)
            for version in {*self._used, self._mapper.version}
            for stream in sorted(streams)
            if (found := self._changed(stream, version)) is not None and not found
        ]

    def __call__(self, record: Stored) -> Anew:
        """What the record says now. One that cannot be read any more keeps saying what it said."""
        try:
            data = loads(record.payload)
        except ValueError:
            return Anew(record, _as_told(record), [])
        rows = None if record.doubtful else self._narrowly(record, data)
        if rows is not None:
            return Anew(record, rows, [])
        mapped = self._mapper(record.stream, record.source_id, data)
        raw = RawRecord(record.stream, record.source_id, record.payload, data)
        found = findings_of(self._source, record.id, raw, mapped) if mapped.problems else []
        return Anew(record, mapped.rows, found)

    def narrow(self, stream: str, versions: Collection[str | None]) -> Narrow | None:
        """What may differ in records of the stream whose claims were made with these. None: everything."""
        place = stream, frozenset(versions)
        if place not in self._narrow:
            self._narrow[place] = self._between(stream, place[1])
        return self._narrow[place]

    def partly(self, stream: str, narrow: Narrow, record: Partly) -> list[Other] | None:
        """Which columns of its claims are otherwise now. None: all of the record must be said anew."""
        try:
            data = loads(record.payload)
        except ValueError:
            return []
        mapped = narrow.mapper(stream, record.source_id, data)
        rows = {(row.entity, row.id): row.values for row in mapped.rows}
        if mapped.problems or len(rows) < len(mapped.rows) or rows.keys() != record.told.keys():
            return None
        return [
            Other(record.id, *place, record.told[place], values)
            for place, values in rows.items()
            if not same(record.told[place], values)
        ]

    def _narrowly(self, record: Stored, data: object) -> list[MappedRow] | None:
        """The record's rows, of which only what may differ is worked out. None: all of it must be."""
        narrow = self.narrow(record.stream, {told.mapping for told in record.told.values()})
        if narrow is None:
            return None
        mapped = narrow.mapper(record.stream, record.source_id, data)
        if mapped.problems:
            return None
        rows = {}
        for row in mapped.rows:
            told = record.told.get((row.entity, row.id))
            if told is None:
                return None
            columns = narrow.columns[row.entity]
            values = told.values
            if not same({c: values[c] for c in columns if c in values}, row.values):
                values = {c: value for c, value in values.items() if c not in columns} | row.values
            rows[row.entity, row.id] = row._replace(values=values)
        kept = [row for row in _as_told(record) if (row.entity, row.id) not in rows]
        if len(rows) < len(mapped.rows) or any(row.entity in narrow.columns for row in kept):
            return None
        return [*rows.values(), *kept]

    def _between(self, stream: str, versions: Collection[str | None]) -> Narrow | None:
        changed: dict[RuleOf, frozenset[str]] = {}
        for version in versions:
            more = None if version is None else self._changed(stream, version)
            if more is None:
                return None
            for rule, names in more.items():
                changed[rule] = changed.get(rule, frozenset()) | names
        columns = {rule.into: names for rule, names in changed.items()}
        if not versions or len(columns) < len(changed):
            return None
        return Narrow(self._mapper.narrowed(stream, changed), columns)

    def _changed(self, stream: str, version: str) -> Changed | None:
        """What records of the stream may say otherwise than a claim that was made with this version."""
        if version == self._mapper.version:
            return {}
        used = self._used.get(version)
        ways: list[Changed] = []
        if used is not None:
            agreed = self._used.get(used.agrees_with or "")
            meanings = [used.meaning, agreed.meaning if agreed else None]
            ways = [
                way for meaning in meanings if (way := compare(meaning, self._meaning, stream)) is not None
            ]
            if used.agrees_with == self._mapper.version:
                ways.append({})
        return min(ways, key=lambda way: sum(map(len, way.values())), default=None)


def _as_told(record: Stored) -> Sequence[MappedRow]:
    return [
        MappedRow(entity, own_id, record.source_id, told.values, [], shared=True)
        for (entity, own_id), told in record.told.items()
    ]
