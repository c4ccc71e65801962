"""In which order rows stand, as SQL: directions, what stands behind a place, what an index has in this order."""

from __future__ import annotations

from collections.abc import Sequence

from register.catalog import Entity
from register.query.plan import Level, OrderBy, Tally
from register.tables import keeps_in_order


def places(level: Level, alias: str) -> str:
    """The order of the rows, by their order values."""
    return ", ".join(
        direction(f"{alias}._o{i}", by.descending, may_be_empty(level.entity, by), by.empty_first)
        for i, by in enumerate(level.order)
    )


def behind(terms: Sequence[tuple[str, bool, bool, bool]], bound: Sequence[str | None], start: int = 0) -> str:
    """What stands behind the cursor's place, looking at the terms from `start` on: each with whether it goes down,
    whether it may be empty, and whether empty values come first; else they come last."""
    if start == len(terms):
        return "false"
    (term, descending, nullable, empty_first), value = terms[start], bound[start]
    rest = behind(terms, bound, start + 1)
    if value is None and empty_first:
        return f"({term} IS NOT NULL OR {rest})"
    if value is None:
        return f"({term} IS NULL AND {rest})"
    empty = f" OR {term} IS NULL" if nullable and not empty_first else ""
    return f"({term} {'<' if descending else '>'} {value}{empty} OR ({term} = {value} AND {rest}))"


def may_be_empty(entity: Entity, by: OrderBy) -> bool:
    if isinstance(by.field, Tally):
        return bool(by.hops)
    if entity.view is not None:
        return by.field.name != "id"
    return bool(by.hops or entity.table.c[by.field.name].nullable)


def walked(entity: Entity, by: OrderBy) -> bool:
    """Whether an index has the rows in this order."""
    if by.hops or isinstance(by.field, Tally) or entity.view is not None:
        return False
    return keeps_in_order(entity.table, by.field.name)


def direction(term: str, descending: bool, nullable: bool = True, empty_first: bool = False) -> str:
    # Ascending, PostgreSQL puts empty values last by itself.
    if not descending:
        return f"{term} NULLS FIRST" if nullable and empty_first else term
    # Descending it puts them first.
    if empty_first:
        return f"{term} DESC"
    return f"{term} DESC NULLS LAST" if nullable else f"{term} DESC"
