"""Which rows a caller may see: the condition that every table is read under, whatever the door.

A row scope names portfolios, programmes and projects. A caller sees these, what lies below them, and every row that
hangs on one of them; people, sources and rules are everybody's. What hangs on nothing (a run, a conflict, a rejected
record) is for callers without a scope. What counts is where things hang today: looking at the past shows no more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from hashlib import sha256
from typing import Any, Protocol
from uuid import UUID

from register.catalog import Entity, Relation, catalog, collections, plural
from register.errors import RowNotFound
from register.query.errors import RowAmbiguous

ABOVE = ("project", "programme", "portfolio")
"""What a row may hang on."""
OPEN = frozenset({"person", "source", "rule"})
"""What everybody may see."""
_ENDS = frozenset({"dependency"})
"""What hangs on projects by the rows at its ends: who sees one end sees that there is another."""


class Part(Enum):
    """Stands among the parameters of a statement where the ids of a scope belong."""

    PROJECT = "project"
    PROGRAMME = "programme"
    PORTFOLIO = "portfolio"
    OWN_PROGRAMME = "own_programme"
    NAMED = "named"

    # There is one of each. Enum's own is a function in Python, three times a request.
    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True)
class RowScope:
    """What a caller is restricted to, as ids. Programmes include those of the portfolios."""

    projects: tuple[UUID, ...] = ()
    programmes: tuple[UUID, ...] = ()
    portfolios: tuple[UUID, ...] = ()
    own_programmes: tuple[UUID, ...] = field(default=(), compare=False)
    """Programmes that are in it for themselves."""
    named: tuple[UUID, ...] = field(default=(), compare=False)
    """The ids by which it was given, whatever they have become part of."""
    kept: str = field(default="", compare=False, repr=False)
    """The JSON text that it was resolved from."""
    wide: bool = field(default=False, compare=False)
    """Whether most projects are known to be in it. To look for their rows first is then no way to read less."""
    digest: str = field(init=False, compare=False)
    """Equal where everything is that may be bound, in every process; worked out once, since answers are told apart by
    it."""
    _ids: Mapping[Part, tuple[UUID, ...]] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        parts = {
            Part.PROJECT: self.projects,
            Part.PROGRAMME: self.programmes,
            Part.PORTFOLIO: self.portfolios,
            Part.OWN_PROGRAMME: self.own_programmes,
            Part.NAMED: self.named,
        }
        object.__setattr__(self, "_ids", parts)
        digest = sha256(repr([parts[part] for part in Part]).encode()).hexdigest()
        object.__setattr__(self, "digest", digest)

    def arguments(self, parameters: Sequence[Any]) -> list[Any]:
        """The parameters with the scope's ids in their places."""
        return [self._ids[value] if isinstance(value, Part) else value for value in parameters]


def is_wide(scope: RowScope | None) -> bool:
    """Whether there is a scope, and most projects are in it."""
    return scope is not None and scope.wide


def bound(scope: RowScope | None, parameters: Sequence[Any]) -> Sequence[Any]:
    """What to bind to a statement: the parameters, with the scope's ids where the statement was written for one."""
    return parameters if scope is None else scope.arguments(parameters)


class Reader(Protocol):
    """Whatever can fetch a row."""

    async def fetchrow(self, sql: str, *parameters: Any) -> Any: ...


RESOLVED = """
WITH named (entity, id) AS (
  SELECT k.entity, v.id::uuid
  FROM (VALUES ('project', 'projects'), ('programme', 'programmes'), ('portfolio', 'portfolios')) k (entity, collection)
  CROSS JOIN LATERAL jsonb_array_elements_text(coalesce($1::jsonb -> k.collection, '[]')) v (id)
), shown (entity, id) AS (
  SELECT entity, id FROM named
  UNION SELECT a.entity, a.entity_id FROM absorbed a JOIN named n ON n.entity = a.entity AND n.id = a.id
)
SELECT coalesce(array_agg(id ORDER BY id) FILTER (WHERE entity = 'project'), '{}') AS projects,
       coalesce(array_agg(id ORDER BY id) FILTER (WHERE entity = 'programme'), '{}')
         || ARRAY(SELECT id FROM programme WHERE portfolio_id IN (SELECT id FROM shown WHERE entity = 'portfolio')
                  ORDER BY id)
         AS programmes,
       coalesce(array_agg(id ORDER BY id) FILTER (WHERE entity = 'portfolio'), '{}') AS portfolios,
       coalesce(array_agg(id ORDER BY id) FILTER (WHERE entity = 'programme'), '{}') AS own_programmes,
       ARRAY(SELECT id FROM named) AS named
FROM shown
"""
"""$1 `{"projects": [id], …}` as it is kept → the ids of today: these, and what they have become part of."""

_RESOLVED_AND_WIDE = f"""
WITH scope AS ({RESOLVED})
SELECT *, (SELECT 2 * count(*) FILTER (WHERE p.portfolio_id IN (SELECT unnest(portfolios) FROM scope)
                                       OR p.programme_id IN (SELECT unnest(programmes) FROM scope)
                                       OR p.id IN (SELECT unnest(projects) FROM scope))
                  > count(*) FROM project p) AS wide
FROM scope
"""
# IN and not ANY: PostgreSQL hashes what IN looks into, and would go through an array for each project.


async def resolve_scope(reader: Reader, kept: str) -> RowScope:
    """The scope of a JSON text as keys and subscriptions keep it: what was joined since, and what came to lie in a
    portfolio, counts."""
    return _resolved(await reader.fetchrow(RESOLVED, kept), kept)


async def resolve_and_weigh(reader: Reader, kept: str) -> RowScope:
    """The same for who asks questions: it also knows whether it is `wide`, for which all projects are gone through."""
    row = await reader.fetchrow(_RESOLVED_AND_WIDE, kept)
    return _resolved(row, kept, wide=row["wide"])


def _resolved(row: Mapping[str, Any], kept: str, *, wide: bool = False) -> RowScope:
    return RowScope(
        tuple(row["projects"]),
        tuple(row["programmes"]),
        tuple(row["portfolios"]),
        tuple(row["own_programmes"]),
        tuple(row["named"]),
        kept,
        wide,
    )


async def scope_of_today(reader: Reader, scope: RowScope) -> RowScope:
    """The same, as it is by now."""
    return await resolve_scope(reader, scope.kept) if scope.kept else scope


async def name_scope(reader: Reader, rows: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Ids or keys of portfolios, programmes and projects, by collection → their ids, as they are kept.

    Raises RowNotFound or RowAmbiguous.
    """
    kept: dict[str, list[str]] = {}
    for collection, references in rows.items():
        for reference, found in (await find_named(reader, collection, references)).items():
            kept.setdefault(collection, []).append(only_named(collection, reference, found))
    return kept


async def find_named(reader: Reader, collection: str, references: Sequence[str]) -> dict[str, list[str]]:
    """Id or key → the ids of the rows it names, by one statement; of a collection that scopes are of. Raises
    RowNotFound."""
    entity = collections()[collection]
    if entity.name not in ABOVE:
        raise RowNotFound(f"a scope is of {', '.join(plural(name) for name in ABOVE)}, not of {collection}")
    given = list(dict.fromkeys(references))
    found = (await reader.fetchrow(_NAMED.format(entity.name), given))["ids"] or ()
    return {reference: ids.split() for reference, ids in zip(given, found, strict=True)}


def only_named(collection: str, reference: str, found: Sequence[str]) -> str:
    """The id, where it is one. Raises RowNotFound or RowAmbiguous."""
    if not found:
        raise RowNotFound(f"no row of `{collection}` has the id or key {reference[:80]!r}")
    if len(found) > 1:
        raise RowAmbiguous(
            f"{len(found)} rows of `{collection}` have the key {reference[:80]!r}",
            detail=", ".join(found),
            hint="Name it by id.",
        )
    return found[0]


async def keys_in(reader: Reader, collection: str) -> list[str]:
    """The keys of the rows that are there, to find the one that was meant."""
    entity = collections()[collection]
    row = await reader.fetchrow(
        f"SELECT array_agg(DISTINCT key) AS keys FROM {entity.name} WHERE presence = 'present' AND key IS NOT NULL"
    )
    return row["keys"] or []


_NAMED = """
SELECT array_agg(coalesce(n.ids, '') ORDER BY r.at) AS ids
FROM unnest($1::text[]) WITH ORDINALITY r (reference, at) CROSS JOIN LATERAL (
  SELECT string_agg(id::text, ' ' ORDER BY id) AS ids FROM {}
  WHERE r.reference = id::text OR (key = r.reference AND presence = 'present')
) n
"""


def permitted(entity: Entity, alias: str, bind: Callable[[Part], str], *, past: bool) -> list[str]:
    """The conditions under which the scoped caller sees a row that is called `alias`. With `past` it may be an old
    version of it: then that version is asked, and the row of today as well."""
    if entity.name in OPEN:
        return []
    if entity.name in ABOVE:
        if entity.name == "project":
            return [_project(f"{alias}.id", bind) if past else _is_below(alias, bind)]
        return [f"{alias}.id = ANY({bind(Part(entity.name))})"]
    ways = [_way(target, f"{alias}.{column}", bind) for target, column in _hung_on(entity.name)]
    if not ways:
        return ["false"]
    if entity.name == "membership":
        # It tells of the part, which may hang elsewhere by now: that is not for whoever sees what it was part of.
        project, programme = (_way(name, f"{alias}.{name}_id", bind) for name in ("project", "programme"))
        return [f"CASE WHEN {alias}.project_id IS NULL THEN {programme} ELSE {project} END"]
    found = [ways[0] if len(ways) == 1 else f"({' OR '.join(ways)})"]
    if past:
        (today,) = permitted(entity, "o", bind, past=False)
        found.append(f'EXISTS (SELECT FROM public."{entity.name}" o WHERE o.id = {alias}.id AND {today})')
    return found


def permitted_by(entity: Entity) -> frozenset[str]:
    """The columns of a row of today by which it is decided whether a scoped caller sees it."""
    if entity.name in OPEN:
        return frozenset()
    above = [column for _, column in _hung_on(entity.name)]
    if entity.name == "project":  # in the scope for itself, or for what it lies in
        return frozenset({"id", *above})
    return frozenset({"id"} if entity.name in ABOVE else above)


def permitted_version(entity: Entity, alias: str, bind: Callable[[Part], str]) -> list[str]:
    """The conditions under which the scoped caller sees what a version hung on, whatever its row hangs on today."""
    if entity.name == "programme":
        above = f"{alias}.portfolio_id = ANY({bind(Part.PORTFOLIO)})"
        return [f"({above} OR {alias}.id = ANY({bind(Part.OWN_PROGRAMME)}))"]
    return permitted(entity, alias, bind, past=False)


def stayed(entity: Entity, version: str, before: str) -> str:
    """The condition under which a version hangs on what the one before it hung on."""
    columns = () if entity.name in OPEN else [column for _, column in _hung_on(entity.name)]
    if not columns:
        return "true"
    now, then = (", ".join(f"{alias}.{column}" for column in columns) for alias in (version, before))
    return f"ROW({now}) IS NOT DISTINCT FROM ROW({then})"


def implied(relation: Relation, owner: Entity) -> bool:
    """Whether whoever sees the row at one end of the relation is known to see the one at the other."""
    below, above = (
        (owner, relation.target) if relation.column_on_owner else (catalog()[relation.target], owner.name)
    )
    if below.view is not None:
        return False
    return (
        not relation.array and _hung_on(below.name) == ((above, relation.column),) and below.name not in ABOVE
    )


@cache
def _hung_on(entity: str) -> tuple[tuple[str, str], ...]:
    """The columns by which a row hangs on something, each with what."""
    found = catalog()[entity]
    reached = (*ABOVE, "work_item", "milestone") if entity in _ENDS else ABOVE
    columns = [(field.ref, name) for name, field in found.fields.items() if field.ref in reached]
    return tuple((ref, name) for ref, name in columns if ref)


def _way(target: str, column: str, bind: Callable[[Part], str]) -> str:
    if target == "project":
        return _project(column, bind)
    if target in ABOVE:
        return f"{column} = ANY({bind(Part(target))})"
    return f'EXISTS (SELECT FROM "{target}" h WHERE h.id = {column} AND {_project("h.project_id", bind)})'


def _project(column: str, bind: Callable[[Part], str]) -> str:
    return f"EXISTS (SELECT FROM project s WHERE s.id = {column} AND {_is_below('s', bind)})"


def _is_below(alias: str, bind: Callable[[Part], str]) -> str:
    # From the shortest list to the longest: each is gone through for each row, up to the first that has it.
    return (
        f"({alias}.portfolio_id = ANY({bind(Part.PORTFOLIO)}) OR {alias}.programme_id = ANY({bind(Part.PROGRAMME)}) "
        f"OR {alias}.id = ANY({bind(Part.PROJECT)}))"
    )
