"""Names looked up in the catalog, over relations, while it is counted what a request uses."""

from __future__ import annotations

from register.catalog import Entity, FieldDef, Kind, catalog
from register.errors import QueryInvalid
from register.query.ast import MAX_COMPARISONS, MAX_DEPTH, MAX_RELATIONS, Origin, Path
from register.query.errors import NameUnknown, QueryTooLarge
from register.query.names import did_you_mean
from register.query.plan import Hops, Tally


class Names:
    """Counts what a request uses while it looks names up."""

    def __init__(self) -> None:
        self._relations: set[object] = set()
        self._comparisons = 0

    def reach(self, entity: Entity, path: Path, *, free: bool = False) -> tuple[Hops, FieldDef]:
        """Over which relations a path leads to which field. What is `free` is not the caller's doing."""
        if path.text in entity.fields:
            # A column of an aggregate may have dots in its name.
            return (), entity.fields[path.text]
        hops: Hops = ()
        target = entity
        for index, name in enumerate(path.names[:-1]):
            relation = target.relations.get(name)
            if relation is None:
                if name in target.fields:
                    raise in_path(path, index, QueryInvalid, f"`{name}` is a field: nothing is below it")
                raise unknown(target, name, path.at_name(index), path.origin.parameter, path.origin.text)
            if relation.many:
                raise in_path(
                    path,
                    index,
                    QueryInvalid,
                    f"`{name}` is a list",
                    f"Write any({name}, …) or none({name}, …).",
                )
            hops = (*hops, relation)
            if index == MAX_DEPTH:
                raise in_path(path, index, QueryTooLarge, f"a path may have {MAX_DEPTH} relations")
            if not free:
                self.use_relation(
                    (entity.name, hops), path.at_name(index), path.origin.parameter, path.origin.text
                )
            target = catalog()[relation.target]
        name = path.names[-1]
        at = len(path.names) - 1
        field = target.field(name) or self.tally(target, name, path.at_name(at), path.origin)
        if field is None:
            relation = target.relations.get(name)
            if relation is not None:
                hint = f"any({path.text}, …)" if relation.many else f"{path.text}.key or {path.text}_id"
                raise in_path(
                    path, at, QueryInvalid, f"`{name}` is a relation, not a field", f"Write {hint}."
                )
            raise unknown(target, name, path.at_name(at), path.origin.parameter, path.origin.text)
        return hops, field

    def tally(self, entity: Entity, name: str, at: int, origin: Origin) -> Tally | None:
        relation = entity.relations.get(name.removesuffix("_count")) if name.endswith("_count") else None
        if relation is None or not relation.many:
            return None
        self.use_relation(object(), at, origin.parameter, origin.text)
        return Tally(name, Kind.INTEGER, f"How many {relation.name}.", relation=relation)

    def use_comparison(self, at: int, origin: Origin) -> None:
        self._comparisons += 1
        if self._comparisons > MAX_COMPARISONS:
            raise wrong(
                origin, at, f"the request has more than {MAX_COMPARISONS} comparisons", error=QueryTooLarge
            )

    def use_relation(self, which: object, at: int, parameter: str, text: str) -> None:
        self._relations.add(which)
        if len(self._relations) > MAX_RELATIONS:
            raise QueryTooLarge(
                f"the request uses more than {MAX_RELATIONS} relations",
                position=at,
                parameter=parameter,
                text=text,
            )


def wrong(
    origin: Origin, at: int, message: str, hint: str = "", error: type[QueryInvalid] = QueryInvalid
) -> QueryInvalid:
    """What to raise for something at this character."""
    return error(message, position=at, parameter=origin.parameter, text=origin.text, hint=hint)


def unknown(entity: Entity, name: str, at: int, parameter: str, text: str) -> NameUnknown:
    return NameUnknown(
        f"{entity.collection} have no field or relation `{name[:60]}`",
        position=at,
        parameter=parameter,
        text=text,
        hint=did_you_mean(name, (*entity.fields, *entity.relations)) or "GET /api/v1/schema lists them.",
    )


def in_path(path: Path, index: int, error: type[QueryInvalid], message: str, hint: str = "") -> QueryInvalid:
    return error(
        message,
        position=path.at_name(index),
        parameter=path.origin.parameter,
        text=path.origin.text,
        hint=hint,
    )
