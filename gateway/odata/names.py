"""Names of expressions, looked up in the sets they begin at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.odata.errors import NotSupported
from gateway.odata.model import EntitySet, entity_sets
from gateway.odata.syntax import Member
from register.catalog import Kind
from register.errors import QueryInvalid
from register.query import NameUnknown
from register.query.ast import Origin, Path
from register.query.names import did_you_mean


@dataclass(frozen=True, slots=True)
class Names:
    """Looks names up from a set on; inside a lambda from its `variable` on. `columns` are names that need no looking
    up: of the groups of an aggregate."""

    start: EntitySet
    origin: Origin
    variable: str = ""
    outer: tuple[str, ...] = ()
    columns: Mapping[str, Kind] | None = None
    top: EntitySet | None = None
    """The set that the outermost lambda stands in."""

    def path(self, member: Member) -> tuple[Path, Kind]:
        """Where a path leads in the register, and what is there. Raises NameUnknown or QueryInvalid at the name."""
        if self.columns is not None:
            return self._column(member)
        names = self._start(member)
        if not names:
            raise self.wrong(member.at, f"`{member.text}` is a row, no value", f"Write {member.text}/Key.")
        each, way = self.start, list[str]()
        for index, (name, at) in enumerate(names):
            last = index == len(names) - 1
            found = each.properties.get(name)
            if found is not None and member.count and last and found.collection:
                raise self.lacking(at, "the count of a list of values")
            if found is not None and last and not member.count:
                return Path((*way, *found.path), member.at, self.origin), found.kind
            if found is not None:
                raise self.wrong(at, f"`{name}` is a property: nothing is below it")
            navigation = each.navigations.get(name)
            if navigation is None:
                raise self.unknown(each, name, at)
            if last and member.count and navigation.relation.many:
                return Path((*way, f"{navigation.relation.name}_count"), member.at, self.origin), Kind.INTEGER
            if navigation.relation.many:
                raise self.wrong(at, f"`{name}` is a list", f"Write {name}/any(x:…) or {name}/$count.")
            if last:
                raise self.wrong(at, f"`{name}` is a row, no value", f"Write {name}/Key or {name}Id.")
            way.append(navigation.relation.name)
            each = entity_sets()[navigation.target]
        raise AssertionError("the last name returns or raises")

    def _column(self, member: Member) -> tuple[Path, Kind]:
        assert self.columns is not None
        kind = self.columns.get(member.text)
        if kind is None:
            raise NameUnknown(
                f"the groups have no `{member.text[:60]}`",
                position=member.at, parameter=self.origin.parameter, text=self.origin.text,
                hint=did_you_mean(member.text, self.columns) or f"There are {', '.join(self.columns)}.",
            )  # fmt: skip
        return Path((member.text,), member.at, self.origin), kind

    def _start(self, member: Member) -> tuple[tuple[str, int], ...]:
        """The names behind the variable, or behind `$it`."""
        first, at = member.names[0]
        if first == "$it" and not self.variable:
            return member.names[1:]
        if not self.variable:
            return member.names
        if first == self.variable:
            return member.names[1:]
        top = self.top or self.start
        outside = first in (*self.outer, "$it", *top.properties, *top.navigations)
        kind: type[QueryInvalid] = NotSupported if outside else NameUnknown
        why = "lies outside of the lambda, which is not supported" if outside else "is not known here"
        raise kind(
            f"`{first[:60]}` {why}",
            position=at, parameter=self.origin.parameter, text=self.origin.text,
            hint=f"Begin with its variable: {self.variable}/{first[:60]}.",
        )  # fmt: skip

    def unknown(self, each: EntitySet, name: str, at: int) -> NameUnknown:
        return NameUnknown(
            f"{each.name} have no property `{name[:60]}`",
            position=at, parameter=self.origin.parameter, text=self.origin.text,
            hint=did_you_mean(name, (*each.properties, *each.navigations)) or "$metadata lists them.",
        )  # fmt: skip

    def wrong(self, at: int, message: str, hint: str = "") -> QueryInvalid:
        return QueryInvalid(
            message, position=at, parameter=self.origin.parameter, text=self.origin.text, hint=hint
        )

    def lacking(self, at: int, what: str, hint: str = "") -> NotSupported:
        return NotSupported(
            f"not supported: {what}",
            position=at,
            parameter=self.origin.parameter,
            text=self.origin.text,
            hint=hint,
        )
