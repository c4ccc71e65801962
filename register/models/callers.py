"""Who may ask, and what is written down of it: keys, blocked accounts, roles for SQL, the audit."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Index, LargeBinary, Text, text
from sqlmodel import Field, SQLModel

from register.models.base import NOW, at, document, row_id, serial, texts, words


class ApiKey(SQLModel, table=True):
    """A caller's key; only its hash is kept."""

    __tablename__ = "api_key"

    id: UUID = row_id("Random.")
    name: str = words("Whose it is.", nullable=False)
    hash: bytes = Field(sa_type=LargeBinary, description="SHA-256 of the key.", unique=True)
    prefix: str = words("The first characters, to tell keys apart in lists.", nullable=False)
    scopes: list[str] | None = texts("What it may do.")
    row_scope: dict[str, Any] | None = document("Portfolios, programmes and projects it may see; empty: all.")
    created_at: datetime | None = at("When it was made.", nullable=False, server_default=NOW)
    expires_at: datetime | None = at("When it ends.")
    revoked_at: datetime | None = at("When it was withdrawn.")
    first_used_at: datetime | None = at("When it was used for the first time.")
    last_used_at: datetime | None = at("When it was used last, to the minute.")


class BlockedAccount(SQLModel, table=True):
    """An account that is shut out although its tokens are good."""

    __tablename__ = "blocked_account"

    id: UUID = row_id("Random.")
    name: str = words("What was given: an address, a subject, an object id, or an account.", nullable=False)
    accounts: list[str] | None = texts("Accounts that had asked under this name by then.")
    reason: str = words("Why.", nullable=False)
    blocked_at: datetime | None = at("Since when.", nullable=False, server_default=NOW)
    blocked_by: str = words("Who decided.", nullable=False)
    unblocked_at: datetime | None = at("When they were let in again.")

    __table_args__ = (
        Index("blocked_account_ix", "name", unique=True, postgresql_where=text("unblocked_at IS NULL")),
    )


class BiLogin(SQLModel, table=True):
    """A database role that may read the schema `bi`."""

    __tablename__ = "bi_login"

    name: str = Field(
        sa_type=Text,
        primary_key=True,
        description="The role that signs in.",
        sa_column_kwargs={"comment": "The role that signs in."},
    )
    row_scope: dict[str, Any] | None = document("Portfolios, programmes and projects it may see; empty: all.")
    created_at: datetime | None = at("When it was made.", nullable=False, server_default=NOW)


class Audit(SQLModel, table=True):
    """Who changed what (configuration, keys, decisions), who took files, who asked. Added to and never changed; what
    it says of use is forgotten after a while."""

    __table_args__ = (
        Index("audit_action_ix", "action", "seq"),
        Index("audit_actor_ix", "actor", "seq"),
        Index("audit_at_ix", "at"),
        Index("audit_use_ix", "at", postgresql_where=text("action IN ('asked', 'refused', 'exported')")),
    )

    seq: int | None = serial("Rises with time.")
    at: datetime | None = Field(
        default=None,
        sa_type=DateTime(timezone=True),
        sa_column_kwargs={"nullable": False, "server_default": NOW},
    )
    actor: str = words("Who.", nullable=False)
    action: str = words("What.", nullable=False)
    subject: str | None = words("On what.")
    detail: dict[str, Any] | None = document("With which values; never a secret.")
