"""What tools tell us of themselves, and the hooks by which they do."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Identity,
    Index,
    Text,
)
from sqlmodel import Field, SQLModel

from register.models.base import (
    NOW,
    at,
    tally,
    whole,
)


class Hint(SQLModel, table=True):
    """Something a tool says has changed, until it has been read again. One row however often it is said."""

    source: str = Field(sa_type=Text, primary_key=True)
    stream: str = Field(
        sa_type=Text, primary_key=True, description="The kind of record; empty: something in the source."
    )
    item: str = Field(sa_type=Text, primary_key=True, description="The tool's own id of the record.")
    notices: int = tally("How often it was said.")
    seq: int | None = Field(
        default=None,
        sa_type=BigInteger,
        sa_column_args=(Identity(always=False),),
        sa_column_kwargs={"nullable": False},
        description="Another one with each notice: what was followed is taken back only as it was looked at.",
    )
    attempts: int = whole("How often following it failed.", default=0, nullable=False, server_default="0")
    not_before: datetime | None = at("It is followed from then on.", nullable=False, server_default=NOW)
    first_at: datetime | None = at("When it was first said.", nullable=False, server_default=NOW)
    last_at: datetime | None = at("When it was last said.", nullable=False, server_default=NOW)

    __table_args__ = (Index("hint_age_ix", "source", "first_at"),)


class Subscription(SQLModel, table=True):
    """A hook that we set up at a tool, and must renew before it ends."""

    source: str = Field(sa_type=Text, primary_key=True)
    id: str = Field(sa_type=Text, primary_key=True, description="The tool's own id of it.")
    expires_at: datetime | None = at("When the tool forgets it; empty: never.")
    created_at: datetime | None = at("When it was set up.", nullable=False, server_default=NOW)
