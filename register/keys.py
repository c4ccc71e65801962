"""Callers' keys: shown once, kept as a hash, told apart by their first characters."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b, sha256
from typing import Any
from uuid import UUID, uuid4

import orjson

from register.audit import UNNAMED, Actor, note
from register.db import Pool
from register.errors import RegisterError
from register.query.scope import Reader, RowScope, name_scope, resolve_and_weigh
from register.single_flight import SingleFlight

SCOPES = ("read", "webhooks", "admin")
"""`webhooks` may have webhooks of its own; `admin` may do everything."""

_PREFIX = "pb_"
_CACHE_S = 5.0
_CACHE_SIZE = 10_000
_INFO = "id, name, prefix, scopes, row_scope::text, created_at, expires_at, revoked_at, first_used_at, last_used_at"


class KeyUnknown(RegisterError):
    """No key that is still in force has this name or prefix."""

    code = "REG006"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking, and what for."""

    key_id: UUID
    """Of an account: made of it, and the same each time."""
    name: str
    scopes: frozenset[str]
    rows: RowScope | None = None
    """What it is restricted to; None: it sees everything."""
    account: str = ""
    """Of whoever signed in with a token: who issued it, and the subject."""

    @property
    def called(self) -> str:
        """For messages."""
        return f"the {'account' if self.account else 'key'} {self.name!r}"

    @property
    def actor(self) -> Actor:
        """For the audit."""
        return Actor(self.name, {"account": self.account} if self.account else {"key": str(self.key_id)})

    def may(self, scope: str) -> bool:
        return scope in self.scopes or "admin" in self.scopes


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key as lists show it."""

    id: UUID
    name: str
    prefix: str
    scopes: tuple[str, ...]
    rows: Mapping[str, list[str]]
    """What it is restricted to: ids by collection; empty: it sees everything."""
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    first_used_at: datetime | None
    last_used_at: datetime | None
    """To the minute."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a key lets nobody in, and whose it was."""

    reason: str
    name: str = ""


async def create_key(
    pool: Pool,
    name: str,
    *,
    scopes: Sequence[str] = ("read",),
    rows: Mapping[str, Sequence[str]] | None = None,
    expires_at: datetime | None = None,
    actor: Actor = UNNAMED,
) -> str:
    """Make a key and return it; it cannot be shown again. `rows` restrict it to portfolios, programmes and projects, by
    id or key: `{"programmes": ["ERP"]}`.

    Raises RegisterError for a scope there is none of, RowNotFound or RowAmbiguous for such a row.
    """
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise RegisterError(
            f"there is no scope {', '.join(unknown) or 'given'}", hint=f"Scopes are {', '.join(SCOPES)}."
        )
    if rows and "admin" in scopes:
        raise RegisterError(
            "a key with `admin` sees everything", hint="Give `read` to a key that is restricted to some rows."
        )
    key = _PREFIX + secrets.token_urlsafe(32)
    key_id = uuid4()
    async with pool.acquire() as connection, connection.transaction():
        kept = await name_scope(connection, rows or {})
        await connection.execute(
            "INSERT INTO api_key (id, name, hash, prefix, scopes, row_scope, expires_at) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7)",
            key_id,
            name,
            _hash(key),
            key[:10],
            list(scopes),
            orjson.dumps(kept).decode() if kept else None,
            expires_at,
        )
        detail = {"name": name, "scopes": list(scopes), "rows": kept, "expires_at": expires_at}
        await note(connection, actor, "key created", f"api_key {key_id}", detail)
    return key


async def list_keys(pool: Pool) -> list[KeyInfo]:
    """Every key there ever was, newest last."""
    rows = await pool.fetch(f"SELECT {_INFO} FROM api_key ORDER BY created_at, id")
    return [_info(row) for row in rows]


async def revoke_key(pool: Pool, which: str, *, actor: Actor = UNNAMED) -> list[KeyInfo]:
    """Withdraw the key of this id, prefix or name; returns what was withdrawn. A gateway notices within seconds.

    Raises KeyUnknown where there is none in force.
    """
    async with pool.acquire() as connection, connection.transaction():
        rows = await connection.fetch(
            "UPDATE api_key SET revoked_at = now() WHERE revoked_at IS NULL AND $1 IN (id::text, prefix, name) "
            f"RETURNING {_INFO}",
            which,
        )
        if not rows:
            raise KeyUnknown(f"no key in force is called {which!r}", hint="`portbook keys list` shows them.")
        for row in rows:
            await note(connection, actor, "key revoked", f"api_key {row['id']}", {"name": row["name"]})
    return [_info(row) for row in rows]


class Keyring:
    """Looks keys up and remembers those in force for a few seconds. Unknown ones are asked for each time."""

    def __init__(self, reader: Reader, *, remember_s: float = _CACHE_S) -> None:
        self._reader = reader
        self._remember_s = remember_s
        self._known: dict[bytes, tuple[Caller, float]] = {}
        self._looking: SingleFlight[Caller | Refused] = SingleFlight()

    async def caller(self, key: str) -> Caller | Refused:
        """Whose key this is, or why it is of no use."""
        if not key.startswith(_PREFIX) or len(key) > 200:
            return Refused("key unknown")
        # Not the stored hash: BLAKE2 is at hand, while OpenSSL's SHA-256 is set up anew for each call.
        place = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=32).digest()
        known = self._known.get(place)
        if known is not None and known[1] > time.monotonic():
            return known[0]
        return await self._looking(place, lambda: self._look(key, place))

    async def close(self) -> None:
        await self._looking.close()

    async def _look(self, key: str, place: bytes) -> Caller | Refused:
        row = await self._reader.fetchrow(
            """
            SELECT id, name, scopes, CASE WHEN row_scope <> '{}' THEN row_scope::text END AS rows,
                   CASE WHEN revoked_at IS NOT NULL THEN 'key withdrawn' WHEN expires_at <= now() THEN 'key ended' END
                   AS refused
            FROM api_key WHERE hash = $1
            """,
            _hash(key),
        )
        if row is None or row["refused"]:
            self._known.pop(place, None)
            return Refused("key unknown") if row is None else Refused(row["refused"], row["name"])
        if len(self._known) >= _CACHE_SIZE:
            self._known.clear()
        rows = None if row["rows"] is None else await resolve_and_weigh(self._reader, row["rows"])
        caller = Caller(row["id"], row["name"], frozenset(row["scopes"] or ()), rows)
        self._known[place] = (caller, time.monotonic() + self._remember_s)
        return caller


def _info(row: Any) -> KeyInfo:
    key_id, name, prefix, scopes, rows, *times = row
    return KeyInfo(key_id, name, prefix, tuple(scopes or ()), orjson.loads(rows or "{}"), *times)


def _hash(key: str) -> bytes:
    # Keys are 256 random bits: a slow hash would protect nothing more.
    return sha256(key.encode("utf-8", "surrogatepass")).digest()
