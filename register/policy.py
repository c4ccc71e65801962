"""Which source is believed: the order of sources per entity and field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import NamedTuple

from register.settled import Lapsed


class Trusted(NamedTuple):
    """A source in an order of precedence."""

    source: str
    unless_silent_s: int | None = None
    """After so many seconds without news it is believed last."""


class Ranking(NamedTuple):
    """How the sources of one field are ranked just now, and why."""

    rank: Mapping[str, int]
    """Source → rank, 0 the most trusted. A source that is not there comes after those that are."""
    rule: str
    """The rule's name, for explanations."""


@dataclass(frozen=True)
class Policy:
    """The configuration's `precedence` and `identity`, as the merge needs them."""

    sources: Sequence[str] = ()
    """All configured sources, in the order of the file: the order of last resort."""
    precedence: Mapping[str, Mapping[str, Sequence[str | Trusted]]] = field(default_factory=dict)
    """Entity → field (or `default`) → sources, most trusted first."""
    links: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)
    """Entity → groups of `source:word` that are one thing."""
    match: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Entity → fields on which two sources' rows are the same thing when they are equal."""
    _rankings: dict[tuple[str, str, Lapsed], Ranking] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    @cached_property
    def merged(self) -> frozenset[str]:
        """Entities that several sources may tell of."""
        told = (entity for rules in (self.links, self.match) for entity, rule in rules.items() if rule)
        return frozenset({"project", "person", *told})

    def ranking(self, entity: str, column: str, lapsed: Lapsed = frozenset()) -> Ranking:
        """How sources are ranked for this field. Those that are not listed come after those listed; those that
        have been silent for too long come last of all."""
        rules = self.precedence.get(entity, {})
        name = column.removesuffix("_id")
        named = name if name in rules else "default" if "default" in rules else ""
        known = self._rankings.get((entity, named, lapsed))
        if known is None:
            known = self._rankings[entity, named, lapsed] = self._ranked(entity, named, lapsed)
        return known

    def silences(self) -> set[tuple[str, int]]:
        """Every (source, seconds) that some rule watches."""
        listed = (
            _trusted(t) for rules in self.precedence.values() for order in rules.values() for t in order
        )
        return {(t.source, t.unless_silent_s) for t in listed if t.unless_silent_s is not None}

    def _ranked(self, entity: str, named: str, lapsed: Lapsed) -> Ranking:
        listed = [_trusted(item) for item in self.precedence.get(entity, {}).get(named, ())]
        silent = [
            t for t in listed if t.unless_silent_s is not None and (t.source, t.unless_silent_s) in lapsed
        ]
        first = [t.source for t in listed if t not in silent]
        last = [t.source for t in silent]
        others = [name for name in self.sources if name not in first and name not in last]
        rule = f"precedence.{entity}.{named}" if named else "order of sources"
        for t in silent:
            rule += f" ({t.source} silent for over {_span(t.unless_silent_s)})"
        return Ranking({name: at for at, name in enumerate((*first, *others, *last))}, rule)


def _trusted(item: str | Trusted) -> Trusted:
    return item if isinstance(item, Trusted) else Trusted(item)


def _span(seconds: int | None) -> str:
    span = timedelta(seconds=seconds or 0)
    return f"{span.days} days" if span.days and not span.seconds else str(span)
