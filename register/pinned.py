"""Pins and silences: what holds for a time. A pinned value, read as its field holds it; what ends by itself, ended."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import orjson

from register.catalog import Entity, FieldDef, Kind, catalog
from register.db import Connection, Pool
from register.derive import computed_fields
from register.errors import RegisterError
from register.merge import Change, merge_rows, write_events
from register.policy import Policy
from register.settled import IDENTITY_LOCK, Memory, read_settled

_MERGE_ROWS = 2_000
_GREATEST = 2**53
"""Beyond it JSON's numbers lose digits (RFC 8259, section 6), and nothing that is planned is that large."""
_NAMES = ("key", "title")
"""What people find a row by."""


class PinInvalid(RegisterError):
    """The field cannot be pinned, or not to this value."""

    code = "REG008"


async def pin_value(connection: Connection, entity: Entity, field: str, value: Any) -> tuple[str, Any]:
    """(column, value as the register holds it in JSON). A reference may be given as an id or a key. Raises
    PinInvalid."""
    found = entity.mappable.get(field) or next((f for f in entity.mappable.values() if f.name == field), None)
    if found is None:
        known = ", ".join(entity.mappable)
        raise PinInvalid(
            f"{entity.name} has no field {field!r} that can be pinned", hint=f"Fields are {known}."
        )
    if found.name in computed_fields(entity.name):
        raise PinInvalid(
            f"{field} is computed here",
            hint=f"Pin what it is computed from: {computed_fields(entity.name)[found.name]}.",
        )
    if found.name == "key":
        raise PinInvalid(
            "a key cannot be pinned", hint="Change it in the tool; the old one goes on leading to the row."
        )
    if value is None:
        if found.name in _NAMES:
            raise PinInvalid(f"{field} cannot be empty", hint="People find the row by it.")
        return found.name, None
    if found.ref is not None:
        many = found.kind is Kind.IDS
        words = value if many and isinstance(value, list) else [value]
        ids = [await _reference(connection, found, word) for word in words]
        return found.name, ids if many else ids[0]
    try:
        read = _READERS[found.kind](value)
    except (ValueError, TypeError, OverflowError):  # orjson raises a child of TypeError
        read = None
    if read is None:
        raise PinInvalid(
            f"{field} cannot be {str(value)[:80]!r}: it holds {found.kind}", hint=_FORMS[found.kind]
        )
    if found.name == "currency":
        read = read.strip().upper()  # amounts are added up where the text is the same
    if found.name == "percent_complete" and not 0 <= read <= 100:
        raise PinInvalid(f"{field} cannot be {read}", hint="It lies between 0 and 100.")
    if found.choices and read not in found.choices:
        raise PinInvalid(
            f"{field} cannot be {str(value)[:80]!r}", hint=f"It is one of {', '.join(found.choices)}."
        )
    return found.name, read


async def all_pins(pool: Pool, *, ended: bool) -> list[dict[str, Any]]:
    """Pins in force, with `ended` also those that are over, newest first, each with the key of its row."""
    rows = await pool.fetch(
        """
        SELECT id::text, entity, entity_id::text, field, value, reason, actor, pinned_at, expires_at, released_at,
               released_by
        FROM pin WHERE $1 OR released_at IS NULL ORDER BY pinned_at DESC, id
        """,
        ended,
    )
    found = []
    for row in rows:
        key = await pool.fetchval(f"SELECT key FROM {row['entity']} WHERE id = $1", row["entity_id"])
        found.append({**dict(row), "key": key, "value": orjson.loads(row["value"] or "null")})
    return found


async def end_what_is_over(pool: Pool, policy: Policy) -> int:
    """End pins whose time is over, let sources that have been silent for too long lose their rank and those that
    spoke again have it back, and merge what that concerns. Returns the number of rows written. Asked every few
    seconds: looks first, and takes the lock alone only where there is something to do, never for a whole register."""
    written = 0
    async with pool.acquire() as connection:
        if await _over(connection) or await _silent(connection, policy) != await _lapsed(connection, policy):
            async with connection.transaction():
                await connection.execute(f"SELECT pg_advisory_xact_lock({IDENTITY_LOCK})")
                written += await _end(connection, policy)
        while await connection.fetchval("SELECT EXISTS (SELECT FROM merge_due)"):
            batch = await _merge_due(connection, policy)
            if batch is None:
                break
            written += batch
    return written


async def _end(connection: Connection, policy: Policy) -> int:
    ended = await connection.fetch(
        """
        UPDATE pin SET released_at = expires_at, released_by = 'expiry'
        WHERE released_at IS NULL AND expires_at <= clock_timestamp() RETURNING entity, entity_id::text
        """
    )
    await note_silences(connection, policy)
    settled = await read_settled(connection, Memory())
    touched: dict[str, set[str]] = {}
    for entity, row_id in ended:
        touched.setdefault(entity, set()).update((row_id, settled.row(row_id)))
    changes: list[Change] = []
    for entity, ids in sorted(touched.items()):
        changes += await merge_rows(connection, entity, ids, policy, settled)
    await write_events(connection, changes, cause="pin", run_id=None)
    return len(changes)


async def note_silences(connection: Connection, policy: Policy) -> None:
    """Write down which sources have been silent for too long, by the policy, and that rows are to be merged anew where
    that has changed. Called under the identity lock."""
    before, now = await _lapsed(connection, policy), await _silent(connection, policy)
    if before == now:
        return
    await connection.executemany("DELETE FROM lapse WHERE source = $1 AND after_s = $2", sorted(before - now))
    await connection.executemany("INSERT INTO lapse (source, after_s) VALUES ($1, $2)", sorted(now - before))
    await connection.execute(
        """
        INSERT INTO merge_due (entity, cause) SELECT unnest($1::text[]), 'silence'
        ON CONFLICT (entity) DO UPDATE SET after = DEFAULT
        """,
        sorted(policy.precedence),
    )


async def _merge_due(connection: Connection, policy: Policy) -> int | None:
    """Merge the next rows of which several records tell, as a page does: beside other pages. Returns how many were
    written; None where nothing is due any more, or another worker is at it."""
    async with connection.transaction():
        await connection.execute(f"SELECT pg_advisory_xact_lock_shared({IDENTITY_LOCK})")
        due = await connection.fetchrow(
            "SELECT entity, after::text, cause FROM merge_due ORDER BY entity LIMIT 1 FOR UPDATE SKIP LOCKED"
        )
        if due is None:
            return None
        entity, after, cause = due
        ids = await told_by_several(connection, entity, after=after, most=_MERGE_ROWS)
        if not ids:
            await connection.execute("DELETE FROM merge_due WHERE entity = $1", entity)
            return 0
        settled = await read_settled(connection, Memory())
        changes = await merge_rows(connection, entity, ids, policy, settled)
        await write_events(connection, changes, cause=cause, run_id=None)
        await connection.execute("UPDATE merge_due SET after = $2 WHERE entity = $1", entity, ids[-1])
        return len(changes)


async def told_by_several(connection: Connection, entity: str, *, after: str, most: int) -> list[str]:
    """The next rows of which several records tell, by id."""
    rows = await connection.fetch(
        f"""
        SELECT entity_id::text FROM claim WHERE entity = $1 AND entity_id > $2 GROUP BY entity_id
        HAVING count(*) > 1 ORDER BY entity_id LIMIT {most}
        """,
        entity,
        after,
    )
    return [row[0] for row in rows]


async def _over(connection: Connection) -> bool:
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM pin WHERE released_at IS NULL AND expires_at <= clock_timestamp())"
        )
    )


async def _lapsed(connection: Connection, policy: Policy) -> set[tuple[str, int]]:
    """Of the silences that this policy watches: another process may have another configuration for a while."""
    lapsed = {tuple(row) for row in await connection.fetch("SELECT source, after_s FROM lapse")}
    return lapsed & policy.silences()


async def _silent(connection: Connection, policy: Policy) -> set[tuple[str, int]]:
    """The silences of the policy that have lasted too long. News is a run that stored something: a file that is read
    every day and never changes is silent. A source that never brought anything is not silent yet."""
    watched = sorted(policy.silences())
    if not watched:
        return set()
    rows = await connection.fetch(
        """
        SELECT w.source, w.after_s FROM unnest($1::text[], $2::bigint[]) w (source, after_s)
        WHERE (SELECT coalesce(r.finished_at, clock_timestamp()) FROM run r
               WHERE r.source = w.source AND (r.stored > 0 OR r.vanished > 0) ORDER BY r.id DESC LIMIT 1)
              < clock_timestamp() - make_interval(secs => w.after_s)
        """,
        [source for source, _ in watched],
        [after_s for _, after_s in watched],
    )
    return {tuple(row) for row in rows}


async def _reference(connection: Connection, field: FieldDef, word: Any) -> str:
    assert field.ref is not None
    table = catalog()[field.ref].name
    try:
        column, bound = "id = $1::uuid", str(UUID(str(word)))
    except ValueError:
        column, bound = "lower(key) = lower($1::text) AND presence = 'present'", _clean(str(word))
    rows = await connection.fetch(f"SELECT id::text FROM {table} WHERE {column}", bound)
    if len(rows) != 1:
        raise PinInvalid(
            f"{len(rows) or 'no'} {field.ref} {'have' if len(rows) > 1 else 'has'} the id or key {str(word)[:80]!r}",
            hint="Give the id of one row.",
        )
    return str(rows[0][0])


def _clean(value: Any) -> Any:
    """Without NULs, which PostgreSQL holds nowhere."""
    if isinstance(value, str):
        return value.replace("\x00", "�")
    if isinstance(value, list):
        return [_clean(part) for part in value]
    if isinstance(value, dict):
        return {_clean(name): _clean(part) for name, part in value.items()}
    return value


def _text(value: Any) -> str | None:
    return _clean(value) if isinstance(value, str) else None


def _number(value: Any) -> int | float | None:
    number = float(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not abs(number) <= _GREATEST:
        return None
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _integer(value: Any) -> int | None:
    number = _number(value)
    return number if isinstance(number, int) and abs(number) < 2**31 else None


def _instant(value: Any) -> str | None:
    """As PostgreSQL writes it in JSON, in UTC: a row that is compared with it must be equal."""
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        return None
    text = moment.astimezone(UTC).isoformat()
    return re.sub(r"(\.\d*?)0+(?=\+)", r"\1", text) if "." in text else text


def _boolean(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


def _texts(value: Any) -> list[str] | None:
    listed = [value] if isinstance(value, str) else value
    return (
        _clean(listed) if isinstance(listed, list) and all(isinstance(word, str) for word in listed) else None
    )


def _document(value: Any) -> dict[str, Any] | None:
    return _clean(orjson.loads(orjson.dumps(value))) if isinstance(value, dict) else None


_READERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: _text,
    Kind.DATE: lambda value: date.fromisoformat(value).isoformat(),
    Kind.INSTANT: _instant,
    Kind.NUMBER: _number,
    Kind.INTEGER: _integer,
    Kind.BOOLEAN: _boolean,
    Kind.TEXTS: _texts,
    Kind.DOCUMENT: _document,
}
_FORMS: dict[Kind, str] = {
    Kind.TEXT: "Write text.",
    Kind.DATE: "Write it as 2026-03-31.",
    Kind.INSTANT: "Write it as 2026-03-31T17:00:00Z.",
    Kind.NUMBER: "Write a number: 1250000.50",
    Kind.INTEGER: "Write a whole number.",
    Kind.BOOLEAN: "Write true or false.",
    Kind.TEXTS: "Write a list of texts.",
    Kind.DOCUMENT: "Write a JSON object.",
}
