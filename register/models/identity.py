"""Which rows are one thing, which values people decided, and what was part of what.

`Link` and `Pin` are readable in the API like entities.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Index,
    Integer,
    Text,
    Uuid,
    text,
)
from sqlmodel import Field, SQLModel

from register.models.base import (
    NOW,
    at,
    document,
    number,
    ref,
    row_id,
    tally,
    words,
)


class Membership(SQLModel, table=True):
    """That a project was part of a programme, or a programme of a portfolio, and when; kept by trigger."""

    id: UUID = row_id("Derived from what is part of what, and since when.")
    project_id: UUID | None = ref(
        "project", "The project; empty: the programme is the part.", reverse="memberships"
    )
    programme_id: UUID | None = ref("programme", "The programme.", reverse="memberships")
    portfolio_id: UUID | None = ref(
        "portfolio", "The portfolio a programme is part of.", reverse="memberships"
    )
    from_at: datetime | None = at("Since when the register shows it.", nullable=False)
    to_at: datetime | None = at("Until when; empty: it is so now.")

    __table_args__ = (
        Index("membership_project_ix", "project_id"),
        Index("membership_programme_ix", "programme_id"),
        Index("membership_portfolio_ix", "portfolio_id"),
    )


class Link(SQLModel, table=True):
    """Two ids that are one thing, may be, or are not: who says so, and on what evidence."""

    id: UUID = row_id("Derived from the entity and the two ids.")
    entity: str = words("The entity type.", nullable=False)
    first_id: UUID = Field(sa_type=Uuid, description="The lesser of the two ids, as a source derives it.")
    second_id: UUID = Field(sa_type=Uuid, description="The other one.")
    first: str | None = words("What the first is called, as `source:key`.")
    second: str | None = words("What the second is called, as `source:key`.")
    state: str = words(
        "What follows from it: shown as one row; waits for a person; a person or the configuration took it back.",
        *("applied", "suggested", "refused", "withdrawn"),
        nullable=False,
    )
    rule: str = words(
        "What joined them: configured, match on a field, decision, or a suggestion.", nullable=False
    )
    evidence: str | None = words("The value that matched, the line of configuration, or what speaks for it.")
    confidence: float | None = number("Of a suggestion: 0 to 1.")
    actor: str | None = words("The person who decided.")
    reason: str | None = words("Why they decided so.")
    created_at: datetime | None = at("When it was first found.", nullable=False, server_default=NOW)
    decided_at: datetime | None = at("When a person decided.")

    __table_args__ = (
        Index("link_first_ix", "first_id"),
        Index("link_second_ix", "second_id"),
        Index("link_state_ix", "state", "entity"),
    )


class Absorbed(SQLModel, table=True):
    """An own id that is shown as another row: what applied links come to, one step each."""

    id: UUID = row_id("The own id.")
    entity: str = words("The entity type.", nullable=False)
    entity_id: UUID = Field(sa_type=Uuid, description="The row it is part of.")

    __table_args__ = (Index("absorbed_entity_ix", "entity_id"),)


class Pin(SQLModel, table=True):
    """A value that a person decided, whatever sources say, until it ends or is taken back."""

    id: UUID = row_id("Random.")
    entity: str = words("The entity type.", nullable=False)
    entity_id: UUID = Field(sa_type=Uuid, description="The row.")
    field: str = words("The field.", nullable=False)
    value: Any | None = document("The value, as the API shows it; null: the field is empty.")
    reason: str = words("Why.", nullable=False)
    actor: str = words("Who decided.", nullable=False)
    pinned_at: datetime | None = at("Since when.", nullable=False, server_default=NOW)
    expires_at: datetime | None = at("When it ends by itself.")
    released_at: datetime | None = at("When it was taken back, or ended.")
    released_by: str | None = words("Who took it back; `expiry` when it ended by itself.")

    __table_args__ = (
        Index("pin_open_ix", "entity_id", "field", unique=True, postgresql_where=text("released_at IS NULL")),
    )


class Lapse(SQLModel, table=True):
    """A source that has been silent for so long that it has lost its rank in some rule of precedence."""

    source: str = Field(sa_type=Text, primary_key=True)
    after_s: int = Field(
        sa_type=BigInteger, primary_key=True, description="The silence that the rule allows, seconds."
    )
    since: datetime | None = at("When it was noticed.", nullable=False, server_default=NOW)


class MergeDue(SQLModel, table=True):
    """An entity of which rows are to be merged anew, a batch at a time: a source fell silent, or speaks again."""

    __tablename__ = "merge_due"

    entity: str = Field(
        sa_type=Text,
        primary_key=True,
        description="Of which rows are to be merged anew: those of which several sources tell.",
    )
    cause: str = Field(sa_type=Text, description="Of the events.")
    after: UUID = Field(
        sa_type=Uuid,
        description="The last id that is done.",
        sa_column_kwargs={"server_default": text("'00000000-0000-0000-0000-000000000000'")},
    )


class Settled(SQLModel, table=True):
    """A stamp that moves whenever an absorbed id, a pin or a lapse does: how a worker knows that it has read them."""

    one: int = Field(sa_type=Integer, primary_key=True, description="Always 1.")
    stamp: int = tally("Rises with each change.")


class FormerKey(SQLModel, table=True):
    """A key that a row had before: it goes on leading there."""

    __tablename__ = "former_key"

    entity: str = Field(sa_type=Text, primary_key=True)
    key: str = Field(sa_type=Text, primary_key=True)
    entity_id: UUID = Field(sa_type=Uuid, primary_key=True, description="The row that had it.")
    until: datetime | None = at("When it got another one.", nullable=False, server_default=NOW)
