"""The trust layer: what was read, what each record says, which run did it, what is wrong.

`Source`, `Run`, `Finding`, `Conflict` and `Rejection` are readable in the API like entities; the rest is the machinery
below them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Computed,
    DateTime,
    Index,
    LargeBinary,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from register.models.base import (
    NOW,
    at,
    big,
    document,
    flag,
    ref,
    row_id,
    serial,
    tally,
    whole,
    words,
)


class Source(SQLModel, table=True):
    """A configured connection, and how it is doing."""

    id: UUID = row_id("Derived from the name.")
    key: str = words("The name in the configuration.", nullable=False)
    kind: str = words("The kind of tool: jira, spreadsheet …", nullable=False)
    url: str | None = words("Where it is.")
    configured: bool = flag("Named in the configuration that was last loaded.")
    paused: bool | None = flag("Nothing is read until a person resumes it.")
    pause_reason: str | None = words("Why it is paused, in words.")
    account: str | None = words("Who we are there.")
    timezone: str | None = words("The account's time zone.")
    every_s: int | None = whole("Seconds between incremental runs.")
    sweep_at: str | None = words("Local time of the daily complete run, HH:MM.")
    next_run_at: datetime | None = at("When the next incremental run is due.")
    next_sweep_at: datetime | None = at("When the next complete run is due.")
    fresh_at: datetime | None = at("Everything the source showed up to this instant is in the register.")
    complete_at: datetime | None = at("Start of the last complete run that succeeded.")
    aliases: dict[str, str] | None = document("Names a mapping may use in place of paths, as last seen.")
    mapping_version: str | None = words("Hash of the mapping the register was last built with.")
    mapped_with: str | None = words(
        "Hash of the mapping that every record has been said with; empty while several were used."
    )


class Run(SQLModel, table=True):
    """One pass over a source, with its accounts: seen = stored + unchanged + quarantined."""

    id: int | None = serial("Rises with time.")
    source: str = words("The source.", nullable=False)
    mode: str = words(
        "What was read: what notifications named, what changed, or everything.",
        *("hints", "incremental", "full"),
        nullable=False,
    )
    state: str = words(
        "How it stands.",
        *("queued", "running", "succeeded", "incomplete", "failed", "held"),
        nullable=False,
        server_default="queued",
    )
    requested_by: str | None = words("Who or what asked for it.")
    requested_at: datetime | None = at("When it was asked for.", nullable=False, server_default=NOW)
    not_before: datetime | None = at("It may start from then on.", nullable=False, server_default=NOW)
    started_at: datetime | None = at("When it was started.")
    finished_at: datetime | None = at("When it ended.")
    attempts: int = whole(
        "How often it was put off since the tool did not answer.",
        default=0,
        nullable=False,
        server_default="0",
    )
    approved: bool | None = flag("A person approved that more than the hold limit vanishes.")
    seen: int = tally("Records the tool sent.")
    stored: int = tally("Of these, new or changed.")
    unchanged: int = tally("Of these, as already stored.")
    quarantined: int = tally("Of these, set aside with a finding.")
    vanished: int = tally("Records that a complete run did not meet and that were given a reason.")
    rows_changed: int = tally("Rows written, new and changed.")
    error_code: str | None = words("Code of the problem that ended it.")
    error: str | None = words("What happened, where, and what to do next.")
    account: str | None = words("Who we were at the tool.")
    mapping_version: str | None = words("Hash of the mapping used; empty where several were.")

    __table_args__ = (
        Index("run_open_ix", "source", unique=True, postgresql_where=text("state IN ('queued', 'running')")),
        Index("run_source_ix", "source", "id"),
        Index(
            "run_succeeded_ix",
            "source",
            "finished_at",
            postgresql_where=text("state = 'succeeded' AND mode <> 'hints'"),
        ),
    )


class RunPartition(SQLModel, table=True):
    """How far a run has come in one partition: what makes it resumable by another worker."""

    __tablename__ = "run_partition"

    run_id: int = Field(sa_type=BigInteger, primary_key=True)
    name: str = Field(sa_type=Text, primary_key=True)
    cursor: dict[str, Any] | None = document("Where to go on.")
    done: bool = Field(default=False, sa_column_kwargs={"nullable": False, "server_default": text("false")})
    seen: int = tally("Records the tool sent.")
    expected: int | None = big("Records the tool says there are, where it does.")


class PartitionCursor(SQLModel, table=True):
    """Where the next incremental run starts: set when a run has succeeded, and only then."""

    __tablename__ = "partition_cursor"

    source: str = Field(sa_type=Text, primary_key=True)
    name: str = Field(sa_type=Text, primary_key=True)
    cursor: dict[str, Any] | None = document("The adapter's own words.")


class Lease(SQLModel, table=True):
    """Who may write for a source just now, on the database's clock. The token fences out a holder that lost it."""

    name: str = Field(sa_type=Text, primary_key=True)
    token: int = tally("Rises with each holder.")
    holder: str | None = words("Who holds it.")
    expires_at: datetime | None = at("Until when.")


class SourceRecord(SQLModel, table=True):
    """One record in a source, verbatim."""

    __tablename__ = "source_record"

    id: UUID = row_id("UUIDv5 of source, stream and the source's own id.")
    source: str = words("The source.", nullable=False)
    stream: str = words("The kind of record in the source.", nullable=False)
    source_id: str = words("The source's own immutable id.", nullable=False)
    content_hash: bytes = Field(sa_type=LargeBinary, description="BLAKE2b-128 of the payload.")
    updated_at: datetime | None = at("When it last changed, says the source.")
    first_seen_at: datetime | None = at("When it was first stored.", nullable=False, server_default=NOW)
    stored_at: datetime | None = at("When this content was stored.", nullable=False, server_default=NOW)
    run_id: int | None = big("The run that stored this content.")
    presence: str = words(
        "Whether it is still there.", default="present", nullable=False, server_default="present"
    )
    unmapped: list[UUID] | None = Field(
        default=None, sa_type=ARRAY(Uuid), description="Findings about values it shares with other records."
    )
    payload: bytes = Field(
        sa_type=LargeBinary,
        description="The record as sent: UTF-8 JSON, byte for byte. Not jsonb: tools send NULs and lone surrogates.",
    )

    __table_args__ = (
        Index("source_record_source_ix", "source", "stream", "presence"),
        Index("source_record_unmapped_ix", "source", postgresql_where=text("unmapped IS NOT NULL")),
    )


class SweepSeen(SQLModel, table=True):
    """Records that a complete run has met unchanged; emptied when it ends."""

    __tablename__ = "sweep_seen"

    run_id: int = Field(sa_type=BigInteger, primary_key=True)
    record_id: UUID = Field(sa_type=Uuid, primary_key=True)


class Outside(SQLModel, table=True):
    """Records that the last complete run found outside what the configuration selects. They stay as they are until
    somebody retires them."""

    record_id: UUID = Field(sa_type=Uuid, primary_key=True)
    source: str = words("The source.", nullable=False)

    __table_args__ = (Index("outside_source_ix", "source"),)


class Claim(SQLModel, table=True):
    """What one source record says about one entity, in register terms."""

    record_id: UUID = Field(sa_type=Uuid, primary_key=True, description="The source record that says it.")
    entity: str = Field(sa_type=Text, primary_key=True, description="The entity type.")
    own_id: UUID = Field(sa_type=Uuid, primary_key=True, description="The id derived from the source alone.")
    entity_id: UUID = Field(sa_type=Uuid, description="The row it tells of, after identity.")
    source: str = words("The source.", nullable=False)
    values: dict[str, Any] = Field(
        sa_type=JSONB, description="Field → value, JSON; dates and instants ISO 8601."
    )
    mapping: str | None = words("Version of the mapping that made it.")
    since: datetime | None = at("Since when the record says it.", nullable=False, server_default=NOW)

    __table_args__ = (Index("claim_entity_ix", "entity_id"),)


class ClaimHistory(SQLModel, table=True):
    """What a record said before; kept by trigger."""

    __tablename__ = "claim_history"

    record_id: UUID = Field(sa_type=Uuid, primary_key=True)
    entity: str = Field(sa_type=Text, primary_key=True)
    own_id: UUID = Field(sa_type=Uuid, primary_key=True)
    entity_id: UUID = Field(sa_type=Uuid)
    source: str = words("The source.", nullable=False)
    values: dict[str, Any] = Field(sa_type=JSONB)
    mapping: str | None = words("Version of the mapping that made it.")
    since: datetime = Field(sa_type=DateTime(timezone=True), primary_key=True)
    until: datetime | None = at("Until when the record said it.", nullable=False)

    __table_args__ = (Index("claim_history_entity_ix", "entity_id", "until"),)


class MappingUsed(SQLModel, table=True):
    """A mapping that claims were made with: where each field came from, for explanations."""

    __tablename__ = "mapping_used"

    source: str = Field(sa_type=Text, primary_key=True)
    version: str = Field(sa_type=Text, primary_key=True)
    rules: dict[str, Any] | None = document("Stream → entity → field → [file:line, what the line says].")
    first_used_at: datetime | None = at("When.", nullable=False, server_default=NOW)
    meaning: dict[str, Any] | None = document("Stream → rule → field → digest of what the line means.")
    agrees_with: str | None = words(
        "Version of another mapping with which every claim made with this one would be the same."
    )


class Event(SQLModel, table=True):
    """The outbox: one line per change of a row, written with it."""

    seq: int | None = serial("Rises with time; a gap means a rolled-back write.")
    type: str = words("What happened.", "created", "changed", "disabled", nullable=False)
    entity: str = words("The entity type; `webhook` for notices about one.", nullable=False)
    entity_id: UUID = Field(sa_type=Uuid)
    version: int = whole("The version this made.", nullable=False)
    changed: dict[str, Any] | None = document("Field → [before, after]; empty for a new row.")
    cause: str | None = words("Why: sync, remap, link …")
    run_id: int | None = big("The run.")
    at: datetime | None = Field(
        default=None,
        sa_type=DateTime(timezone=True),
        sa_column_kwargs={"nullable": False, "server_default": NOW},
    )
    parts: list[UUID] | None = Field(
        default=None,
        sa_type=ARRAY(Uuid),
        description="Own ids that the row shows from now on, or no longer, of what a scope can name.",
    )

    __table_args__ = (
        Index("event_entity_ix", "entity_id", "version"),
        Index("event_feed_ix", "entity", "seq"),
        Index("event_at_ix", "at", postgresql_using="brin"),
    )


_FINDING_STATE = (
    "CASE WHEN closed_at IS NOT NULL THEN 'closed' WHEN waiver_id IS NOT NULL THEN 'waived' ELSE 'open' END"
)


class Finding(SQLModel, table=True):
    """Something in the data that a person should mend, at the tool or in the configuration."""

    id: UUID = row_id("Derived from what it is about, so that the same finding is one row.")
    code: str = words("Stable code.", nullable=False)
    severity: str = words("How bad.", "error", "warning", "info", nullable=False)
    source: str | None = words("The source.")
    stream: str | None = words("The kind of record.")
    record_id: UUID | None = Field(
        default=None, sa_type=Uuid, description="The source record, or a sample of many."
    )
    entity: str | None = words("The entity type.")
    entity_id: UUID | None = Field(default=None, sa_type=Uuid, description="The row concerned.")
    own_id: UUID | None = Field(
        default=None,
        sa_type=Uuid,
        description="The row as the record's source derives it: what is joined may come apart.",
        schema_extra={"json_schema_extra": {"internal": True}},
    )
    field: str | None = words("The field concerned.")
    value: str | None = words("The value as the tool sent it, shortened.")
    message: str = words("What is wrong.", nullable=False)
    detail: str | None = words("Where.")
    hint: str | None = words("What to do next.")
    run_id: int | None = big("The run that first noticed.")
    opened_at: datetime | None = at("When it was first noticed.", nullable=False, server_default=NOW)
    closed_at: datetime | None = at("When it was gone.")
    rule_id: UUID | None = ref("rule", "The rule of data quality that found it.", reverse="findings")
    project_id: UUID | None = ref("project", "The project concerned.", reverse="findings")
    owner_id: UUID | None = ref("person", "Who answers for the row, and can mend it.")
    waiver_id: UUID | None = ref("waiver", "The waiver under which it counts not.")
    state: str | None = Field(
        default=None,
        sa_type=Text,
        sa_column_args=(Computed(_FINDING_STATE, persisted=True),),
        description="Whether it is to be mended, waived for a time, or gone.",
        schema_extra={"json_schema_extra": {"choices": ["open", "waived", "closed"]}},
    )

    __table_args__ = (
        Index("finding_record_ix", "record_id"),
        Index("finding_rule_id_ix", "rule_id", "entity_id"),
        Index("finding_project_id_ix", "project_id"),
        Index("finding_code_ix", "code", postgresql_where=text("closed_at IS NULL")),
        Index("finding_open_ix", "source", "code", postgresql_where=text("closed_at IS NULL")),
    )


class Rejection(SQLModel, table=True):
    """A record set aside with its payload."""

    id: UUID = row_id("The source record's id.")
    source: str = words("The source.", nullable=False)
    stream: str = words("The kind of record.", nullable=False)
    source_id: str = words("The source's own id, as far as it could be read.", nullable=False)
    code: str = words("Code of the problem.", nullable=False)
    message: str = words("What is wrong with it.", nullable=False)
    detail: str | None = words("Where.")
    hint: str | None = words("What to do next.")
    payload: bytes = Field(sa_type=LargeBinary, description="As sent.")
    run_id: int | None = big("The run that set it aside.")
    rejected_at: datetime | None = at("When.", nullable=False, server_default=NOW)
    resolved_at: datetime | None = at("When a later version of it was accepted.")


class Conflict(SQLModel, table=True):
    """Sources that disagree about a field."""

    id: UUID = row_id("Derived from entity, row and field.")
    entity: str = words("The entity type.", nullable=False)
    entity_id: UUID = Field(sa_type=Uuid, description="The row.")
    field: str = words("The field.", nullable=False)
    values: dict[str, Any] | None = document("What each source says.")
    winner: str | None = words("The source whose value is shown.")
    rule: str | None = words("The precedence rule that chose.")
    opened_at: datetime | None = at("Since when.", nullable=False, server_default=NOW)
    closed_at: datetime | None = at("When they agreed again.")
