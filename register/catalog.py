"""What is in the register, read from the declarations in `register.models`.

The query compiler, the API schema, the writer, the documentation and the mapping loader all ask here; none of them
knows a table by heart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Protocol

from sqlalchemy import ARRAY, BigInteger, Boolean, Date, DateTime, Integer, LargeBinary, Numeric, Table, Uuid
from sqlalchemy.dialects.postgresql import JSONB, dialect
from sqlmodel import SQLModel

from register.models import ENTITIES, ENVELOPE, TRUST

_IRREGULAR = {"person": "people", "quality": "quality"}


class Kind(StrEnum):
    """What a field holds."""

    TEXT = "text"
    DATE = "date"
    INSTANT = "instant"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    ID = "id"
    TEXTS = "texts"
    IDS = "ids"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class FieldDef:
    """One field of an entity."""

    name: str
    kind: Kind
    description: str
    choices: tuple[str, ...] = ()
    ref: str | None = None
    """The entity that an id, or a list of ids, points to."""
    money: bool = False
    """Whether it is an amount in the row's `currency`."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A way from one entity to another.

    To-one: `owner.column = target.id`. To-many: `target.column = owner.id`. With `array`, the column holds a list of
    ids, so that equality becomes membership, whichever side it is on.
    """

    name: str
    target: str
    column: str
    many: bool
    array: bool
    column_on_owner: bool
    description: str


class View(Protocol):
    """Rows that are worked out of others when somebody asks."""

    @property
    def looks_back(self) -> bool:
        """Whether it can be asked how it was at an instant."""

    def sql(self, builder: Any) -> str:
        """In place of a table: a subselect of what the builder's caller may see, at the builder's instant."""


@dataclass(frozen=True, slots=True)
class Entity:
    """One kind of row: its names, fields and relations."""

    name: str
    collection: str
    description: str
    fields: Mapping[str, FieldDef]
    relations: Mapping[str, Relation]
    table: Table
    enveloped: bool
    """Has key, presence, version and history. Tables of the trust layer have not."""
    view: View | None = None
    """What is read in place of a table, where there is none: `table` is not to be asked then."""
    ordered: tuple[tuple[str, bool], ...] = ()
    """The usual order where it is the entity's own: fields, and whether each goes down."""

    def field(self, name: str) -> FieldDef | None:
        """The field of this name. A person's title is also their `name`: nobody would look for it under title."""
        return self.fields.get("title" if name == "name" and self.name == "person" else name)

    @property
    def mappable(self) -> Mapping[str, FieldDef]:
        """The fields a mapping may set, by the name it uses: `project` for `project_id`."""
        kept = {n: f for n, f in self.fields.items() if n not in _OURS}
        return {mapping_name(n, f): f for n, f in kept.items()}


_OURS = frozenset({"id", "source", "source_id", "presence", "synced_at", "version", "valid_from", "chosen"})


def mapping_name(name: str, field: FieldDef) -> str:
    """`project_id` → `project`; `iteration_ids` → `iterations`; anything else is itself."""
    if field.ref and field.kind is Kind.ID:
        return name.removesuffix("_id")
    if field.ref and field.kind is Kind.IDS:
        return name.removesuffix("_ids") + "s"
    return name


def plural(name: str) -> str:
    """The collection's name: `dependency` → `dependencies`."""
    if name in _IRREGULAR:
        return _IRREGULAR[name]
    return name[:-1] + "ies" if name.endswith("y") else name + "s"


@cache
def catalog() -> Mapping[str, Entity]:
    """Every entity by its singular name, the trust layer's readable tables included."""
    models: dict[str, type[SQLModel]] = {**ENTITIES, **TRUST}
    fields = {name: _fields(model) for name, model in models.items()}
    relations: dict[str, dict[str, Relation]] = {name: {} for name in models}
    for name, model in models.items():
        for field in fields[name].values():
            if field.ref:
                _relate(relations, name, field, _extra(model, field.name).get("reverse", ""))
    return {
        name: Entity(
            name=name,
            collection=plural(name),
            description=(model.__doc__ or "").strip(),
            fields=fields[name],
            relations=relations[name],
            table=SQLModel.metadata.tables[name],
            enveloped=name in ENTITIES,
        )
        for name, model in models.items()
    }


@cache
def collections() -> Mapping[str, Entity]:
    """Every entity by the name of its collection."""
    return {entity.collection: entity for entity in catalog().values()}


@cache
def column_type(entity: str, column: str) -> str:
    """What PostgreSQL calls the type of a column: `text`, `uuid[]`, `timestamp with time zone` …"""
    kind = catalog()[entity].table.c[column].type
    return kind.compile(dialect()).lower()  # type: ignore[no-untyped-call]


def _relate(relations: dict[str, dict[str, Relation]], owner: str, field: FieldDef, reverse: str) -> None:
    assert field.ref is not None
    array = field.kind is Kind.IDS
    forward = mapping_name(field.name, field)
    relations[owner][forward] = Relation(
        forward,
        field.ref,
        field.name,
        many=array,
        array=array,
        column_on_owner=True,
        description=field.description,
    )
    if not reverse:
        return
    if reverse in relations[field.ref]:
        raise ValueError(f"{field.ref}.{reverse} is declared twice, the second time by {owner}.{field.name}")
    relations[field.ref][reverse] = Relation(
        reverse,
        owner,
        field.name,
        many=True,
        array=array,
        column_on_owner=False,
        description=f"{plural(owner)} whose {forward} this is.",
    )


def _fields(model: type[SQLModel]) -> dict[str, FieldDef]:
    found = {}
    for column in SQLModel.metadata.tables[str(model.__tablename__)].columns:
        extra = _extra(model, column.name)
        if isinstance(column.type, LargeBinary) or extra.get("internal"):
            continue  # payloads, hashes and what the register needs for itself are not for the API
        found[column.name] = FieldDef(
            name=column.name,
            kind=_kind(column.type),
            description=model.model_fields[column.name].description or "",
            choices=tuple(extra.get("choices", ())),
            ref=extra.get("ref"),
            money=bool(extra.get("money")),
        )
    return found


def _extra(model: type[SQLModel], field: str) -> dict[str, Any]:
    extra = model.model_fields[field].json_schema_extra
    return extra if isinstance(extra, dict) else {}


def _kind(sa_type: Any) -> Kind:
    match sa_type:
        case ARRAY():
            return Kind.IDS if isinstance(sa_type.item_type, Uuid) else Kind.TEXTS
        case Uuid():
            return Kind.ID
        case DateTime():
            return Kind.INSTANT
        case Date():
            return Kind.DATE
        case Boolean():
            return Kind.BOOLEAN
        case Integer() | BigInteger():
            return Kind.INTEGER
        case Numeric():
            return Kind.NUMBER
        case JSONB():
            return Kind.DOCUMENT
        case _:
            return Kind.TEXT


__all__ = [
    "ENVELOPE",
    "Entity",
    "FieldDef",
    "Kind",
    "Relation",
    "catalog",
    "collections",
    "column_type",
    "mapping_name",
    "plural",
]
