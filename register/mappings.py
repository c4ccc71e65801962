"""Mappings that claims were made with: what their lines said, what they meant, and with which others they agree.

A claim carries the version of the mapping that made it, and keeps it for as long as it says the same. That it says the
same with another mapping is known in one of two ways: the two mean the same for its stream, or a remap has held every
claim made with the one against the other (`agrees_with`). Nothing is written to claims for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from register.db import Connection


class Used(NamedTuple):
    """A mapping that claims of a source may have been made with."""

    meaning: Any
    """`mapping.meaning.Meaning`; None: not known."""
    agrees_with: str | None
    """Version of another mapping that would make the same claims of the same records."""


async def note_mapping(
    connection: Connection, source: str, version: str, rules: Mapping[str, Any], meaning: Any
) -> None:
    """Before claims are made with this mapping: such claims were not held against any other yet. Those of mappings that
    mean the same are explained by its lines from now on."""
    await connection.execute(
        """
        INSERT INTO mapping_used AS u (source, version, rules, meaning) VALUES ($1, $2, $3, $4)
        ON CONFLICT (source, version) DO UPDATE SET agrees_with = NULL WHERE u.agrees_with IS NOT NULL
        """,
        source,
        version,
        orjson.dumps(rules).decode(),
        orjson.dumps(meaning).decode(),
    )
    await connection.execute(
        "UPDATE mapping_used SET agrees_with = $2 WHERE source = $1 AND version <> $2 AND meaning = $3 "
        "AND agrees_with IS DISTINCT FROM $2",
        source,
        version,
        orjson.dumps(meaning).decode(),
    )


async def mappings_used(connection: Connection, source: str) -> dict[str, Used]:
    """Version → mapping, of all that were ever used for the source."""
    rows = await connection.fetch(
        "SELECT version, meaning, agrees_with FROM mapping_used WHERE source = $1", source
    )
    return {
        version: Used(None if meaning is None else orjson.loads(meaning), agrees_with)
        for version, meaning, agrees_with in rows
    }


async def begin_remap(connection: Connection, source: str) -> None:
    """From now on records may be said with several mappings: should the remap not come to its end, a complete run
    must not take any of them for the one."""
    await connection.execute(
        "UPDATE source SET mapped_with = NULL WHERE key = $1 AND mapped_with IS NOT NULL", source
    )


async def finish_remap(connection: Connection, source: str, version: str) -> None:
    """Every claim of the source says what it says with this mapping, whichever made it."""
    await connection.execute(
        "UPDATE mapping_used SET agrees_with = $2 WHERE source = $1 AND version <> $2 "
        "AND agrees_with IS DISTINCT FROM $2",
        source,
        version,
    )
    await connection.execute(
        "UPDATE source SET mapped_with = $2, mapping_version = $2 WHERE key = $1 "
        "AND (mapped_with, mapping_version) IS DISTINCT FROM ($2, $2)",
        source,
        version,
    )
