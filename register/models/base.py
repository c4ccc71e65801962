"""How an entity is declared: an envelope every row has, and one-line fields.

A field is declared once. Its column, its history column, the API schema, the documentation and what a mapping may
set are read from the declaration (see `register/catalog.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Identity,
    Integer,
    Numeric,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import declared_attr
from sqlmodel import Field, SQLModel

NOW = text("now()")

PRESENCES = ("present", "deleted", "moved", "lost_access", "out_of_scope", "archived")
RAG = ("red", "amber", "green", "blue", "grey")


def words(description: str, *choices: str, **column: Any) -> Any:
    """Text; with `choices`, one of them."""
    return _field(Text, description, choices=list(choices), **column)


def on(description: str, *, index: bool = False) -> Any:
    """A plan date: no time, no zone. `index` those of large tables by which people put rows in order all day: an entry
    costs a first load 2 to 4 µs, an order without one reads the whole table."""
    return _field(Date, description, index=index)


def at(description: str, **column: Any) -> Any:
    """An instant, kept in UTC."""
    return _field(DateTime(timezone=True), description, **column)


def number(description: str) -> Any:
    """A decimal number of any size: hours, points, percent."""
    return _field(Numeric, description)


def money(description: str) -> Any:
    """An amount of money, in the `currency` of the same row."""
    return _field(Numeric, description, money=True)


def whole(description: str, **column: Any) -> Any:
    return _field(Integer, description, **column)


def flag(description: str) -> Any:
    return _field(Boolean, description)


def texts(description: str) -> Any:
    """A list of short texts."""
    return _field(ARRAY(Text), description)


def document(description: str, **column: Any) -> Any:
    """Free JSON."""
    return _field(JSONB, description, **column)


def ref(entity: str, description: str, *, reverse: str = "", index: bool | None = None) -> Any:
    """The id of one row of `entity`. `reverse` names the list of rows that point here, as the API shows it on the
    other side; such a reference is indexed. Not a foreign key: the row pointed at may arrive later, or never."""
    return _field(
        Uuid, description, ref=entity, reverse=reverse, index=bool(reverse) if index is None else index
    )


def refs(entity: str, description: str, *, reverse: str = "") -> Any:
    """The ids of several rows of `entity`, oldest first."""
    return _field(ARRAY(Uuid), description, ref=entity, reverse=reverse, index=bool(reverse))


def _field(sa_type: Any, description: str, *, default: Any = None, **extra: Any) -> Any:
    column: dict[str, Any] = {k: extra.pop(k) for k in ("server_default", "nullable") if k in extra}
    return Field(
        default=default,
        sa_type=sa_type,
        sa_column_kwargs={"comment": description, "nullable": column.pop("nullable", True), **column},
        description=description,
        schema_extra={"json_schema_extra": {k: v for k, v in extra.items() if v}},
    )


def row_id(description: str) -> Any:
    """The primary key of a row that is not an entity's."""
    return Field(sa_type=Uuid, primary_key=True, description=description)


def serial(description: str) -> Any:
    """A primary key that PostgreSQL counts up."""
    return Field(
        default=None,
        sa_type=BigInteger,
        primary_key=True,
        sa_column_args=(Identity(always=True),),
        description=description,
    )


def big(description: str, **column: Any) -> Any:
    """A whole number of 64 bits."""
    return Field(default=None, sa_type=BigInteger, description=description, sa_column_kwargs=column)


def tally(description: str) -> Any:
    """How often or how many; 0 at first."""
    return Field(
        default=0,
        sa_type=BigInteger,
        description=description,
        sa_column_kwargs={"nullable": False, "server_default": "0"},
    )


class Envelope(SQLModel):
    """What every row of the register carries."""

    @declared_attr.directive
    def __tablename__(cls) -> str:  # noqa: N805 - SQLAlchemy makes it a class property
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    id: UUID = Field(
        sa_type=Uuid,
        primary_key=True,
        description="Derived from source, stream and the source's own id; the same after a rebuild.",
    )
    key: str | None = words("What people call it; unique in its type (PAY-17, R-012).")
    title: str | None = words("Its name in one line.")
    description: str | None = words("Plain text.")
    url: str | None = words("Where a person can open it in its tool.")
    source: str | None = words("The configured source it comes from; of several, the one that names it.")
    source_id: str | None = words("The source's own immutable id.")
    status_source: str | None = words("The tool's own word for its status.")
    presence: str = words(
        "Whether it is still in its source, and if not, why.",
        *PRESENCES,
        default="present",
        nullable=False,
        server_default="present",
    )
    created_at: datetime | None = at("When it was created, says the source.")
    updated_at: datetime | None = at("When it last changed, says the source.")
    synced_at: datetime | None = at(
        "When this version was written here.", nullable=False, server_default=text("now()")
    )
    version: int = whole("1, then one more with each change.", default=1, nullable=False, server_default="1")
    valid_from: datetime | None = at(
        "Since when the register shows this version.", nullable=False, server_default=text("now()")
    )
    custom: dict[str, Any] | None = document("Custom fields that a mapping chose, typed.")
    chosen: dict[str, Any] | None = document(
        "Where several sources tell of the row or a value is pinned: field → [record id, the rule that chose it]."
    )


ENVELOPE: Sequence[str] = tuple(Envelope.model_fields)
