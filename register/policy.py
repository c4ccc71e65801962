"""Which source is believed: the order of sources per entity and field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Policy:
    """The configuration's `precedence` and `identity`, as the merge needs them."""

    sources: Sequence[str] = ()
    """All configured sources, in the order of the file: the order of last resort."""
    precedence: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    """Entity → field (or `default`) → sources, most trusted first."""
    links: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)
    """Entity → groups of `source:word` that are one thing."""
    match: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Entity → fields on which two sources' rows are the same thing when they are equal."""

    merged: frozenset[str] = frozenset({"project", "person"})
    """Entities that several sources may tell of."""

    def rank(self, entity: str, column: str) -> Mapping[str, int]:
        """Source → rank for this field, 0 the most trusted. A source that is not listed comes after those listed."""
        rules = self.precedence.get(entity, {})
        first = rules.get(column.removesuffix("_id"), rules.get("default", ()))
        order = [*first, *(name for name in self.sources if name not in first)]
        return {name: at for at, name in enumerate(order)}

    def rule(self, entity: str, column: str) -> str:
        """The name of the rule that ranks this field, for explanations."""
        rules = self.precedence.get(entity, {})
        name = column.removesuffix("_id")
        if name in rules:
            return f"precedence.{entity}.{name}"
        return f"precedence.{entity}.default" if "default" in rules else "order of sources"
