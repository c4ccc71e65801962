"""What the declarations imply beyond one table each: history twins and indexes.

Importing this module completes `SQLModel.metadata`, which the migrations are compared with.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, DateTime, Index, Integer, MetaData, Table, Uuid
from sqlmodel import SQLModel

from register.catalog import Kind, catalog
from register.models import ENTITIES

HISTORY_SUFFIX = "_history"


def complete(metadata: MetaData) -> MetaData:
    """Add the history twins and the indexes of every entity."""
    for name in ENTITIES:
        entity = catalog()[name]
        table = entity.table
        # `valid_to` comes first so that both tables can grow new columns at the end in the same order: the trigger
        # that keeps history copies rows by position.
        twin = Table(
            name + HISTORY_SUFFIX,
            metadata,
            Column(
                "valid_to",
                DateTime(timezone=True),
                nullable=False,
                comment="Until when the register showed it.",
            ),
            *(_twin(column) for column in table.columns),
        )
        # The register as of an instant: which present rows are that old, which past versions were shown then. With
        # the instants behind key, id or reference the index decides, and only what was shown is read.
        Index(f"{name}_key_ix", table.c.key, table.c.valid_from)
        Index(f"{name}_valid_from_ix", table.c.valid_from)
        Index(f"{twin.name}_valid_to_ix", twin.c.valid_to)
        Index(f"{twin.name}_id_ix", twin.c.id, twin.c.valid_to, twin.c.valid_from)
        Index(f"{twin.name}_key_ix", twin.c.key, twin.c.valid_to, twin.c.valid_from)
        for field in entity.fields.values():
            if not _indexed(name, field.name):
                continue
            column, past = table.c[field.name], twin.c[field.name]
            if field.kind is Kind.IDS:
                Index(
                    f"{name}_{field.name}_ix",
                    column,
                    postgresql_using="gin",
                    postgresql_where=column.is_not(None),
                )
                Index(
                    f"{twin.name}_{field.name}_ix",
                    past,
                    postgresql_using="gin",
                    postgresql_where=past.is_not(None),
                )
            elif field.kind is Kind.DATE:
                # Nothing behind it: equal days share an entry, which keeps it small. Rows without one are in it, since
                # either end of an order may have them. Of the past no order by a date is walked: each new version
                # would pay for that.
                Index(f"{name}_{field.name}_ix", column)
            else:
                # With the key behind it: the nested lists of a page come out in key order, few at a time. Without
                # the rows that refer to nothing: each entry costs a load as much as a column does. `presence` lies
                # beside it so that whoever counts the rows need not look at them.
                Index(
                    f"{name}_{field.name}_ix",
                    column,
                    table.c.key,
                    table.c.valid_from,
                    postgresql_where=column.is_not(None),
                    postgresql_include=["presence"],
                )
                Index(
                    f"{twin.name}_{field.name}_ix",
                    past,
                    twin.c.key,
                    twin.c.valid_to,
                    twin.c.valid_from,
                    postgresql_where=past.is_not(None),
                )
    return metadata


def keeps_in_order(table: Table, column: str) -> bool:
    """Whether an index has the table's rows in the order of this column."""
    return any(
        index.columns[0].name == column and index.dialect_options["postgresql"]["using"] in (False, "btree")
        for index in table.indexes
    )


def _indexed(entity: str, field: str) -> bool:
    extra = ENTITIES[entity].model_fields[field].json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("index"))


def _twin(column: Column[object]) -> Column[object]:
    primary = column.name in ("id", "version")
    kind: Any = {"id": Uuid(), "version": Integer()}.get(column.name, column.type)
    return Column(column.name, kind, primary_key=primary, nullable=not primary, autoincrement=False)


METADATA = complete(SQLModel.metadata)
