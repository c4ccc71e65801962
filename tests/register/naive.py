"""The register as a child would keep it: dictionaries, no SQL, everything worked out anew each time it is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from register.ids import derive_id
from register.links import DECISION, Edge, _groups, _path
from tests.register.reading import Reading

SOURCES = ("a", "b", "c")
ORDERS: tuple[dict[str, tuple[str, ...]], ...] = (
    {},
    {"default": ("c", "b")},
    {"default": ("b",), "budget": ("c", "a")},
)
"""Precedence of projects, as it may be configured in turn."""
FIELDS = ("code", "title", "budget", "currency")
DISPUTED = ("budget", "code", "currency")
"""Fields whose difference is a conflict."""


@dataclass
class Said:
    record: str
    source: str
    values: dict[str, Any]
    presence: str


@dataclass
class Naive:
    """Projects of three tools, what links them, what people decided."""

    written: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    """Own id → source and what stands in its record."""
    presence: dict[str, str] = field(default_factory=dict)
    said: dict[str, Said] = field(default_factory=dict)
    """Own id → what its record says."""
    edges: dict[str, Edge] = field(default_factory=dict)
    refused: set[frozenset[str]] = field(default_factory=set)
    pins: dict[str, tuple[str, str, Any]] = field(default_factory=dict)
    """Pin → (row, field, value), the newest last."""
    shown: dict[str, str] = field(default_factory=dict)
    born: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Row → when it was first written."""
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    unpinned: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Row → what it showed last that nobody had pinned."""
    risks: dict[str, str] = field(default_factory=dict)
    """Risk → the own id of its project."""
    order: dict[str, tuple[str, ...]] = field(default_factory=dict)
    clock: int = 0

    def row(self, own: str) -> str:
        return self.shown.get(own, own)

    def members(self, row: str) -> set[str]:
        return {row, *(own for own, at in self.shown.items() if at == row)}

    def told(self, row: str) -> list[Said]:
        """What is said of a row; nothing of one that has become part of another."""
        own_ids = () if row in self.shown else self.members(row)
        return [self.said[own] for own in own_ids if own in self.said]

    def say(self, own: str, source: str, written: dict[str, Any], reading: Reading) -> None:
        self.clock += 1
        self.written[own], self.presence[own] = (source, written), "present"
        self._read(own, reading)
        self.work_out()

    def _read(self, own: str, reading: Reading) -> None:
        source, written = self.written[own]
        values = reading.values(written)
        if values is None:
            self.said.pop(own, None)
            return
        self._unite(own, source, values)
        self.said[own] = Said(derive_id("record", own), source, values, self.presence[own])

    def gone(self, own: str, presence: str) -> None:
        self.presence[own] = presence
        if own in self.said:
            self.said[own].presence = presence
        self.work_out()

    def remap(self, reading: Reading) -> None:
        """What was written and says something else now says that; then rules look at all of it again."""
        for source in SOURCES:
            for own in sorted(self.written, key=lambda own: derive_id("record", own)):
                before = self.said[own].values if own in self.said else None
                if self.written[own][0] == source and reading.values(self.written[own][1]) != before:
                    self.clock += 1
                    self._read(own, reading)
                    self.work_out()
        for own in sorted(self.said, key=lambda own: (SOURCES.index(self.said[own].source), own)):
            self.clock += 1
            self._unite(own, self.said[own].source, self.said[own].values)
            self.work_out()

    def _unite(self, own: str, source: str, values: dict[str, Any]) -> None:
        for other, doubtful in self._matches(own, source, values):
            first, second = self.row(own), self.row(other)
            if first == second or self._apart(own, other) or doubtful:
                continue
            if not self._doubt(own, source, values, first, second):
                self.join(own, other, "match on code")

    def join(self, one: str, other: str, rule: str) -> None:
        first, second = sorted((one, other))
        link = derive_id("link", "project", first, second)
        if self.row(one) == self.row(other):
            if rule == DECISION:
                self.edges[link] = Edge(link, first, second, rule)
            return
        self.edges[link] = Edge(link, first, second, rule)
        rows = (self.row(one), self.row(other))
        kept = min((row for row in rows if row in self.born), key=self.born.__getitem__)
        gone = rows[0] if rows[1] == kept else rows[1]
        self._show(self.members(gone), kept)

    def same(self, one: str, other: str) -> None:
        self.clock += 1
        ones, others = self.members(self.row(one)), self.members(self.row(other))
        self.refused = {
            pair for pair in self.refused if not (len(pair & ones) and len(pair & others) and pair <= ones | others)
            or (pair <= ones and not pair & others) or (pair <= others and not pair & ones)
        }  # fmt: skip
        self.join(one, other, DECISION)
        self.work_out()

    def different(self, one: str, other: str) -> None:
        self.clock += 1
        row = self.row(one)
        if row == self.row(other):
            members = self.members(row)
            edges = sorted(
                (e for e in self.edges.values() if {e.one, e.other} <= members), key=lambda e: e.id
            )
            while path := _path(edges, one, other):
                weakest = min(path, key=lambda edge: (edge.strength, edge.id))
                edges.remove(weakest)
                del self.edges[weakest.id]
            self._regroup(row)
        self.edges.pop(derive_id("link", "project", *sorted((one, other))), None)
        self.refused.add(frozenset((one, other)))
        self.work_out()

    def undo(self, link: str, ends: frozenset[str]) -> None:
        self.clock += 1
        edge = self.edges.pop(link, None)
        if edge is not None:
            self._regroup(self.row(edge.one))
        else:
            self.refused.discard(ends)
        self.work_out()
        for own in sorted(ends & self.said.keys(), key=lambda own: (self.said[own].source, own)):
            self._unite(own, self.said[own].source, self.said[own].values)
        self.work_out()

    def work_out(self) -> None:
        """Every row from nothing but what was said, linked and pinned."""
        for row in sorted({self.row(own) for own in self.said}):
            self.born.setdefault(row, (self.clock, row))
        for row in self.born:
            said = self.believed(self.told(row))
            pinned = {name: value for _, (_, name, value) in self._pinned(row)}
            plain = self.unpinned.setdefault(row, dict.fromkeys(FIELDS))
            foreign = self.foreign(row, said)
            for name in FIELDS if said else ():
                if name not in pinned:
                    plain[name] = next(
                        (
                            s.values[name]
                            for s in self.ranked(said, name)
                            if name in s.values and not (name == "budget" and s in foreign)
                        ),
                        None,
                    )
            if said:
                first = self.ranked(said, "default")[0]
                standing = {"presence": first.presence, "source": first.source}
            else:
                presence = "moved" if row in self.shown else "deleted"
                standing = {"presence": presence, "source": self.rows[row]["source"]}
            self.rows[row] = {**plain, **pinned, **standing}

    def believed(self, said: list[Said]) -> list[Said]:
        """Not what a deleted record says of something that is there."""
        there = any(s.presence == "present" for s in said)
        return [s for s in said if not there or s.presence != "deleted"]

    def foreign(self, row: str, said: list[Said]) -> list[Said]:
        """Those that name another currency than the row shows, where they name several."""
        named = [s for s in self.ranked(said, "currency") if "currency" in s.values]
        pinned = {name: value for _, (_, name, value) in self._pinned(row)}
        if len({s.values["currency"] for s in named}) < 2:
            return []
        shown = pinned.get("currency", named[0].values["currency"])
        return [s for s in named if s.values["currency"] != shown]

    def ranked(self, said: list[Said], name: str) -> list[Said]:
        first = self.order.get(name, self.order.get("default", ()))
        order = [*first, *(source for source in SOURCES if source not in first)]
        return sorted(
            said, key=lambda s: (s.presence != "present", order.index(s.source), s.source, s.record)
        )

    def conflicts(self) -> set[tuple[str, str]]:
        found = set()
        for row in self.rows:
            said = self.told(row)
            present = [s for s in said if s.presence == "present"]
            if len({s.source for s in present}) > 1:
                for name in DISPUTED:
                    values = [s.values[name] for s in present if name in s.values]
                    if any(value != values[0] for value in values):
                        found.add((row, name))
                pinned = {name for _, (_, name, _) in self._pinned(row)}
                left_out = any("budget" in s.values for s in self.foreign(row, present))
                if left_out and "budget" not in pinned:
                    found.add((row, "budget"))
        return found

    def pin(self, pin: str, own: str, name: str, value: Any) -> None:
        """Whatever was pinned of the same thing before is replaced."""
        row = self.row(own)
        for earlier, (_, field_name, _) in self._pinned(row):
            if field_name == name:
                del self.pins[earlier]
        self.pins[pin] = (row, name, value)
        self.work_out()

    def release(self, pin: str) -> None:
        """And what it was newer than."""
        row, name, _ = self.pins[pin]
        for earlier, (_, field_name, _) in self._pinned(self.row(row)):
            if field_name == name:
                del self.pins[earlier]
            if earlier == pin:
                break
        self.work_out()

    def _pinned(self, row: str) -> list[tuple[str, tuple[str, str, Any]]]:
        """The pins of a row, those that win last: the newest."""
        return [(pin, what) for pin, what in self.pins.items() if what[0] in self.members(row)]

    def _matches(self, own: str, source: str, values: dict[str, Any]) -> list[tuple[str, bool]]:
        code = values.get("code")
        if not code:
            return []
        groups: dict[str, list[str]] = {}
        for other, said in self.said.items():
            if said.values.get("code") == code and self.row(other) != self.row(own):
                groups.setdefault(self.row(other), []).append(other)
        told = {row: {self.said[other].source for other in others} for row, others in groups.items()}
        sources = [name for names in told.values() for name in names] + [source]
        doubtful = len(sources) != len(set(sources))
        return [(min(groups[row]), doubtful) for row in sorted(groups) if told[row] != {source}]

    def _doubt(self, own: str, source: str, values: dict[str, Any], one: str, other: str) -> bool:
        first = {self.said[m].source for m in self.members(one) if m in self.said} | {source}
        second = {self.said[m].source for m in self.members(other) if m in self.said}
        if first & second:
            return True
        codes = {m: s.values.get("code") for m, s in self.said.items()} | {own: values.get("code")}
        for row in (one, other):
            members = self.members(row)
            for edge in self.edges.values():
                if edge.rule == "match on code" and {edge.one, edge.other} <= members:
                    ends = (codes.get(edge.one), codes.get(edge.other))
                    if all(ends) and ends[0] != ends[1]:
                        return True
        return False

    def _apart(self, one: str, other: str) -> bool:
        return any(
            frozenset((a, b)) in self.refused
            for a in self.members(self.row(one))
            for b in self.members(self.row(other))
        )

    def _show(self, own_ids: set[str], row: str) -> None:
        for own in own_ids:
            self.shown.pop(own, None)
            if own != row:
                self.shown[own] = row

    def _regroup(self, row: str) -> None:
        members = self.members(row)
        edges = [e for e in self.edges.values() if {e.one, e.other} <= members]
        for group in _groups(members, edges):
            if row not in group:
                born = [own for own in group if own in self.born]
                self._show(
                    group,
                    min(born, key=self.born.__getitem__) if born else min(group & self.said.keys() or group),
                )
