"""What there is to ask for: entity sets, their properties and navigation, read from the catalog and the views.

Names are the register's in PascalCase. A set is flat: beside the id of a row that it leads to, it has that row's key
and name (`ProjectKey`, `AssigneeName`), so that a table can be filtered and grouped without a join.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from gateway.odata.errors import pascal
from register.catalog import Entity, FieldDef, Kind, Relation, catalog, collections
from register.query.views import views

NAMESPACE = "Portbook"
EDM = {
    Kind.TEXT: "Edm.String",
    Kind.DATE: "Edm.Date",
    Kind.INSTANT: "Edm.DateTimeOffset",
    Kind.NUMBER: "Edm.Decimal",
    Kind.INTEGER: "Edm.Int64",
    Kind.BOOLEAN: "Edm.Boolean",
    Kind.ID: "Edm.Guid",
    Kind.TEXTS: "Collection(Edm.String)",
    Kind.IDS: "Collection(Edm.Guid)",
    Kind.DOCUMENT: "Edm.String",
}


@dataclass(frozen=True, slots=True)
class Property:
    """A column of a set. `path` leads to the field over to-one relations."""

    name: str
    path: tuple[str, ...]
    field: FieldDef
    nullable: bool

    @property
    def kind(self) -> Kind:
        return self.field.kind

    @property
    def collection(self) -> bool:
        return self.kind in (Kind.TEXTS, Kind.IDS)


@dataclass(frozen=True, slots=True)
class Navigation:
    """A way to rows of another set. `partner` leads back, where there is such a way."""

    name: str
    relation: Relation
    target: str
    partner: str | None


@dataclass(frozen=True, slots=True)
class EntitySet:
    name: str
    type_name: str
    entity: Entity
    properties: Mapping[str, Property]
    navigations: Mapping[str, Navigation]


@cache
def entity_sets() -> Mapping[str, EntitySet]:
    """Every set by its name."""
    listed = [_set(entity, pascal(name)) for name, entity in collections().items()]
    listed += [_set(entity, pascal(name)) for name, entity in views().items()]
    return {each.name: each for each in listed}


@cache
def set_of(entity: str) -> EntitySet:
    """The set that shows an entity of the catalog."""
    return entity_sets()[pascal(catalog()[entity].collection)]


def _set(entity: Entity, name: str) -> EntitySet:
    properties = {
        pascal(field.name): Property(pascal(field.name), (field.name,), field, _may_be_empty(entity, field))
        for field in entity.fields.values()
    }
    for path, field in _reached(entity):
        what = "Name" if field.name == "title" and _person(entity, path) else pascal(field.name)
        # A risk may have a programme of its own beside its project's.
        for names in (path[-2:-1], path[:-1]):
            flat = "".join(map(pascal, names)) + what
            if flat not in properties:
                properties[flat] = Property(flat, path, field, True)
                break
    navigations = {}
    for relation in entity.relations.values():
        way = pascal(relation.name)
        if way in properties:
            continue
        target = catalog()[relation.target]
        back = next(
            (
                other.name
                for other in target.relations.values()
                if other.target == entity.name
                and other.column == relation.column
                and other.column_on_owner != relation.column_on_owner
            ),
            None,
        )
        navigations[way] = Navigation(
            way, relation, pascal(target.collection), pascal(back) if back and entity.view is None else None
        )
    type_name = pascal(entity.name) + ("Row" if entity.view is not None else "")
    return EntitySet(name, type_name, entity, properties, navigations)


def _reached(entity: Entity) -> list[tuple[tuple[str, ...], FieldDef]]:
    """Key and title of every row that this one leads to, and of its project's programme."""
    if entity.view is not None:
        return []
    found = []
    for relation in entity.relations.values():
        if not relation.many:
            found += _named((relation.name,), relation.target)
    if "project" in entity.relations:
        found += _named(("project", "programme"), "programme")
    return found


def _named(way: tuple[str, ...], target: str) -> list[tuple[tuple[str, ...], FieldDef]]:
    fields = catalog()[target].fields
    wanted = ("title",) if target == "person" else ("key", "title")
    return [((*way, name), fields[name]) for name in wanted if name in fields]


def _person(entity: Entity, path: tuple[str, ...]) -> bool:
    target = entity
    for name in path[:-1]:
        target = catalog()[target.relations[name].target]
    return target.name == "person"


def _may_be_empty(entity: Entity, field: FieldDef) -> bool:
    if field.kind in (Kind.TEXTS, Kind.IDS) or field.name == "id":
        return False
    return entity.view is not None or bool(entity.table.c[field.name].nullable)
