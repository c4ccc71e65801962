"""Accounts that are shut out although their tokens are good: who blocked them, and why.

Keys are kept here and can be withdrawn; tokens are somebody else's and go on until they end. Blocking an account is for
the time until then, and for whoever should not be let in again.
"""

from __future__ import annotations

import time
from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from register.audit import Actor, note
from register.db import Pool
from register.errors import RegisterError
from register.query.scope import Reader
from register.single_flight import SingleFlight

LONGEST = 1_000
"""Characters of what an account is called."""
_INFO = "id, name, accounts, reason, blocked_at, blocked_by, unblocked_at"


class AccountInvalid(RegisterError):
    """The account cannot be blocked, or is not blocked."""

    code = "REG014"


@dataclass(frozen=True, slots=True)
class Block:
    """That an account is shut out."""

    id: UUID
    name: str
    """As it was given: an address, a subject, an object id, or an account as the audit has it."""
    accounts: tuple[str, ...]
    """Those that had asked under this name by then: they stay out whatever they call themselves."""
    reason: str
    blocked_at: datetime
    blocked_by: str
    unblocked_at: datetime | None


async def block_account(pool: Pool, name: str, *, reason: str, actor: Actor) -> Block:
    """Shut out whoever has this name, and whoever has asked under it. A gateway notices within seconds.

    Raises AccountInvalid where it is blocked already.
    """
    name, reason = name.strip(), reason.strip()
    if not name or len(name) > LONGEST or not name.isprintable():
        raise AccountInvalid(
            f"an account is called something of 1 to {LONGEST:,} characters",
            hint="Give what the audit shows as `actor` or `account`, or the subject or object id.",
        )
    if not reason or not reason.isprintable():
        raise AccountInvalid("blocking an account needs a reason", hint="Say why, for those who ask later.")
    async with pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(
            f"""
            INSERT INTO blocked_account (id, name, accounts, reason, blocked_by)
            VALUES ($1, $2, ARRAY(SELECT DISTINCT detail->>'account' FROM audit
                                  WHERE actor = $2 AND action = 'asked' AND detail ? 'account' ORDER BY 1), $3, $4)
            ON CONFLICT (name) WHERE unblocked_at IS NULL DO NOTHING RETURNING {_INFO}
            """,
            uuid4(),
            name,
            reason,
            actor.name,
        )
        if row is None:
            raise AccountInvalid(
                f"{name!r} is blocked already", hint="`portbook accounts list` says by whom and why."
            )
        found = _block(row)
        detail = {"reason": reason, "accounts": list(found.accounts)}
        await note(connection, actor, "account blocked", name, detail)
    return found


async def unblock_account(pool: Pool, name: str, *, reason: str, actor: Actor) -> Block:
    """Let an account in again that was blocked by this name. Raises AccountInvalid where none is."""
    name = name.strip()
    async with pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(
            "UPDATE blocked_account SET unblocked_at = now() WHERE name = $1 AND unblocked_at IS NULL "
            f"RETURNING {_INFO}",
            name.replace("\x00", "\ufffd"),
        )
        if row is None:
            raise AccountInvalid(
                f"no account is blocked as {name[:80]!r}", hint="`portbook accounts list` shows them."
            )
        found = _block(row)
        await note(connection, actor, "account unblocked", name, {"reason": reason})
    return found


async def list_blocked(pool: Pool, *, ended: bool = False) -> list[Block]:
    """Those that are blocked, newest last; with `ended` also those that were."""
    rows = await pool.fetch(
        f"SELECT {_INFO} FROM blocked_account WHERE $1 OR unblocked_at IS NULL ORDER BY blocked_at, id", ended
    )
    return [_block(row) for row in rows]


class Blocked:
    """Knows who is blocked, as of a few seconds ago."""

    def __init__(self, reader: Reader, *, remember_s: float = 5.0) -> None:
        self._reader = reader
        self._remember_s = remember_s
        self._names: frozenset[str] = frozenset()
        self._until = 0.0
        self._looking: SingleFlight[None] = SingleFlight()

    async def has(self, names: Set[str]) -> bool:
        """Whether one of these is blocked; they are as `plain_name` makes them. Raises what the reader raises: while
        nobody can tell, nobody is let in."""
        if self._until <= time.monotonic():
            await self._looking(None, self._look)
        return not self._names.isdisjoint(names)

    async def close(self) -> None:
        await self._looking.close()

    async def _look(self) -> None:
        now = time.monotonic()
        row = await self._reader.fetchrow(
            "SELECT ARRAY(SELECT unnest(array_append(accounts, name)) FROM blocked_account "
            "WHERE unblocked_at IS NULL) AS names"
        )
        self._names = frozenset(map(plain_name, row["names"]))
        self._until = now + self._remember_s


def plain_name(name: str) -> str:
    """So that names are equal whichever way they are written."""
    return name.strip().casefold()


def _block(row: Any) -> Block:
    block_id, name, accounts, *rest = row
    return Block(block_id, name, tuple(accounts or ()), *rest)
