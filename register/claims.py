"""Claims: what one record says about one row, kept so that rows can be made again and explained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from register.copy import copy_in, document, one_row, text, uuid
from register.db import Connection

_COLUMNS = ("record_id", "own_id", "entity", "entity_id", "source", "values", "mapping")


class Claimed(NamedTuple):
    """A claim to store."""

    record_id: str
    own_id: str
    entity: str
    entity_id: str
    values: Mapping[str, Any]


async def copy_claims(
    connection: Connection, claims: Iterable[Claimed], source: str, mapping_version: str
) -> None:
    """Store claims that are not there yet."""
    of_source, version = text(source), text(mapping_version)
    rows = [
        one_row(
            uuid(c.record_id),
            uuid(c.own_id),
            text(c.entity),
            uuid(c.entity_id),
            of_source,
            document(c.values),
            version,
        )
        for c in claims
    ]
    if rows:
        await copy_in(connection, "claim", _COLUMNS, rows)
