"""Webhooks: who is told of events, what they are still to be told, and every attempt at it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary, Uuid, text
from sqlmodel import Field, SQLModel

from register.models.base import NOW, at, document, flag, row_id, serial, texts, whole, words


class Webhook(SQLModel, table=True):
    """An address that is told of events: of which, and with what of the row."""

    id: UUID = row_id("Random; derived from the name in a configuration.")
    name: str = words("What people call it.", nullable=False)
    url: str = words("Where events are sent to.", nullable=False)
    types: list[str] | None = texts("The types of events: `project.changed`, `work_item.*`, `*`.")
    filter: str | None = words("Only events of rows that this finds, before the event or after it.")
    fields: str | None = words("What is sent of the row, as a selection; empty: all its fields.")
    enabled: bool = flag("Events are sent.")
    disabled_reason: str | None = words("Why none are.")
    disabled_at: datetime | None = at("Since when.")
    origin: str | None = words(
        "Where it is written, as file:line; empty: it was made through the API or by command."
    )
    key_id: UUID | None = Field(default=None, sa_type=Uuid, description="The API key that made it.")
    row_scope: dict[str, Any] | None = document("Which rows its maker may see; empty: all.")
    secret: bytes | None = Field(default=None, sa_type=LargeBinary, description="Sealed.")
    old_secret: bytes | None = Field(default=None, sa_type=LargeBinary, description="The one before, sealed.")
    old_until: datetime | None = at("Until when the one before signs as well.")
    seq: int | None = Field(
        default=None,
        sa_type=BigInteger,
        description="The number of the last event that was looked at for it.",
        sa_column_kwargs={"nullable": False, "server_default": "0"},
    )
    failures: int = whole(
        "Attempts that failed since the last one that did not.", nullable=False, server_default="0"
    )
    failing_since: datetime | None = at("When the first of them was.")
    rests_until: datetime | None = at("Nothing is tried before.")
    created_at: datetime | None = at("When it was made.", nullable=False, server_default=NOW)
    created_by: str = words("Who made it.", nullable=False)
    deleted_at: datetime | None = at("When it was removed.")

    __table_args__ = (
        Index("webhook_name_ix", "name", unique=True, postgresql_where=text("deleted_at IS NULL")),
    )


class Delivery(SQLModel, table=True):
    """One event for one webhook, until it has arrived or was given up."""

    id: int | None = serial("Rises with time.")
    webhook_id: UUID = Field(sa_type=Uuid, description="The webhook.")
    seq: int | None = Field(default=None, sa_type=BigInteger, description="The event; empty: it is a test.")
    type: str = words("The type of the event.", nullable=False)
    state: str = words(
        "How it stands.", "pending", "delivered", "failed", nullable=False, server_default="pending"
    )
    attempts: int = whole("How often it was tried.", default=0, nullable=False, server_default="0")
    due_at: datetime | None = at("It is tried from then on.", nullable=False, server_default=NOW)
    created_at: datetime | None = at("When it was made.", nullable=False, server_default=NOW)
    finished_at: datetime | None = at("When it arrived or was given up.")

    __table_args__ = (
        Index("delivery_event_ix", "webhook_id", "seq", unique=True),
        Index("delivery_due_ix", "webhook_id", "due_at", "id", postgresql_where=text("state = 'pending'")),
        Index("delivery_failed_ix", "webhook_id", "id", postgresql_where=text("state = 'failed'")),
        Index("delivery_finished_ix", "finished_at", postgresql_using="brin"),
    )


class Attempt(SQLModel, table=True):
    """One attempt at a delivery, and what came of it."""

    id: int | None = serial("Rises with time.")
    delivery_id: int = Field(sa_type=BigInteger, description="The delivery.")
    ended_at: datetime | None = at("When it ended.", nullable=False, server_default=NOW)
    latency_ms: int = whole("How long it took.", nullable=False)
    status: int | None = whole("The status of the answer; empty: there was none.")
    answer: str | None = words("How the answer began.")
    error: str | None = words("What went wrong; empty: it arrived.")
    next_at: datetime | None = at("When it is tried again; empty: it is not.")

    __table_args__ = (Index("attempt_delivery_ix", "delivery_id", "id"),)
