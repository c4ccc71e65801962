"""What is expected of the data, what is excused, and how good it is: rules, waivers and scores."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, Index, Uuid, text
from sqlmodel import Field, SQLModel

from register.models.base import at, flag, number, ref, row_id, whole, words

SEVERITIES = ("error", "warning", "info")


class Rule(SQLModel, table=True):
    """A rule of data quality: a condition under which a row is at fault."""

    id: UUID = row_id("Derived from the code.")
    key: str = words("Its code, as findings carry it.", nullable=False)
    entity: str = words("The entity type whose rows it looks at.", nullable=False)
    condition: str = words("A row is at fault when this filter finds it.", nullable=False)
    field: str | None = words("The field that a finding points to.")
    severity: str = words("How bad a finding is.", *SEVERITIES, nullable=False)
    message: str = words("What a finding says, with fields of the row in braces.", nullable=False)
    hint: str | None = words("How it is mended.")
    origin: str = words("Where it is written: `built in`, or file:line.", nullable=False)
    active: bool | None = flag("Looked at; false once it is switched off or no longer written.")
    version: str = words("Hash of all that it says; another one is looked at from scratch.", nullable=False)
    seq: int | None = Field(
        default=None, sa_type=BigInteger, description="The event up to which rows have been looked at."
    )
    evaluated_at: datetime | None = at("When rows were last looked at.")


class Waiver(SQLModel, table=True):
    """A person's word that findings need not be mended for a time: they stay visible and count no more."""

    id: UUID = row_id("Random.")
    code: str = words("Findings of this code …", nullable=False)
    finding_id: UUID | None = ref("finding", "… this one alone …")
    entity: str | None = words("… or those about a row of this entity type …")
    entity_id: UUID | None = Field(
        default=None, sa_type=Uuid, description="… about this row; empty: all of the code."
    )
    reason: str = words("Why.", nullable=False)
    actor: str = words("Who decided.", nullable=False)
    waived_at: datetime | None = at("Since when.", nullable=False, server_default=text("now()"))
    expires_at: datetime | None = at("When it ends by itself.", nullable=False)
    ended_at: datetime | None = at("When it was taken back, or ended.")
    ended_by: str | None = words("Who took it back; `expiry` when it ended by itself.")

    __table_args__ = (Index("waiver_standing_ix", "code", postgresql_where=text("ended_at IS NULL")),)


class Quality(SQLModel, table=True):
    """How good the data of a project or a source is: 100 less its weighted findings per 100 rows, never below 0."""

    id: UUID = row_id("The id of the project or the source.")
    kind: str = words("What is measured.", "project", "source", nullable=False)
    key: str | None = words("What people call it.")
    project_id: UUID | None = ref("project", "The project.", reverse="quality")
    source_id: UUID | None = ref("source", "The source.", reverse="quality")
    rows: int = whole("Rows of the project, itself included; or records of the source.", nullable=False)
    errors: int = whole("Open findings that are errors.", nullable=False)
    warnings: int = whole("Open findings that are warnings.", nullable=False)
    infos: int = whole("Open findings that are to be known.", nullable=False)
    waived: int = whole("Findings that are waived; they count not.", nullable=False)
    score: Decimal | None = number("0 to 100; errors count 1, warnings 0.5, the rest 0.1, per 100 rows.")
    measured_at: datetime | None = at("When one of these numbers last changed.", nullable=False)

    __table_args__ = (
        Index("quality_project_id_ix", "project_id"),
        Index("quality_source_id_ix", "source_id"),
    )
