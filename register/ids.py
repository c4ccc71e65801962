"""Ids are derived from where a thing comes from, never generated: a rebuild gives the same ids."""

from __future__ import annotations

import re
from hashlib import sha1
from typing import Any
from uuid import UUID

from register.db import Connection

NAMESPACE = UUID("6f1d6c38-3f0a-5f53-9a55-706f7274626b")
"""Fixed for ever: changing it changes every id."""

_PREFIX = NAMESPACE.bytes
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_BEGINNING = re.compile(r"[0-9a-f-]{6,36}")


def derive_id(*parts: str) -> str:
    """UUIDv5 (RFC 9562) of the parts, joined by the unit separator; as text, which is how it travels here."""
    name = "\x1f".join(parts).encode("utf-8", "surrogatepass")
    h = sha1(_PREFIX + name, usedforsecurity=False).hexdigest()
    return f"{h[:8]}-{h[8:12]}-5{h[13:16]}-{_VARIANT[h[16]]}{h[17:20]}-{h[20:32]}"


def beginning(text: str) -> tuple[UUID, UUID] | None:
    """The least and the greatest id that begin so, as tables show them cut short. None where no id does, and where
    nearly any could: fewer than six digits."""
    text = text.strip().lower()
    digits = text.replace("-", "")
    if not _BEGINNING.fullmatch(text) or not 6 <= len(digits) <= 32:
        return None
    least, greatest = UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
    return (least, greatest) if text in (digits, str(least)[: len(text)]) else None


async def find_by_beginning(
    connection: Connection, table: str, text: str, where: str = "true", columns: str = "*"
) -> Any | None:
    """The row of `table` whose id is this or, of all that `where` allows, the only one that begins so; else None."""
    ends = beginning(text)
    if ends is None:
        return None
    rows = await connection.fetch(
        f"SELECT {columns} FROM {table} WHERE id BETWEEN $1 AND $2 AND {where} LIMIT 2", *ends
    )
    return rows[0] if len(rows) == 1 else None
