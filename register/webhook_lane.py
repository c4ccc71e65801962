"""A webhook as those see it who make and send what it is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
import structlog

from register.audit import Actor, note
from register.db import Connection
from register.findings import FindingDraft, open_findings
from register.query.scope import RowScope, resolve_scope
from register.query.told import Telling, telling
from register.webhooks import DISABLED

log = structlog.get_logger("portbook.webhooks")


class Lane(NamedTuple):
    """A webhook that has something due."""

    id: str
    name: str
    url: str
    types: tuple[str, ...]
    filter: str | None
    fields: str | None
    row_scope: str | None
    configured: bool
    secret: bytes | None
    old_secret: bytes | None
    failures: int

    @property
    def telling(self) -> Telling:
        return telling(self.types, self.filter, self.fields)


def lane_columns(clock: str) -> str:
    """The columns of `webhook w` that `lane_from` reads, at the time that `clock` tells."""
    return (
        "w.id::text, w.name, w.url, w.types, w.filter, w.fields, w.row_scope::text, "
        "w.origin IS NOT NULL AS configured, w.secret, "
        f"CASE WHEN w.old_until > {clock} THEN w.old_secret END AS old_secret, w.failures"
    )


def lane_from(row: Mapping[str, Any]) -> Lane:
    found = {name: row[name] for name in Lane._fields}
    return Lane(**{**found, "types": tuple(row["types"] or ())})


async def scope_of(connection: Connection, lane: Lane) -> RowScope | None:
    return await resolve_scope(connection, lane.row_scope) if lane.row_scope else None


async def disable(connection: Connection, webhook_id: str, reason: str, clock: str) -> None:
    """Send nothing there any more: with a finding for people and an event for programs."""
    row = await connection.fetchrow(
        f"UPDATE webhook SET enabled = false, disabled_reason = $2, disabled_at = {clock} "
        "WHERE id = $1 AND enabled RETURNING name, url",
        webhook_id,
        reason,
    )
    if row is None:
        return
    log.warning("webhook disabled", webhook=row["name"], reason=reason)
    finding = FindingDraft(
        DISABLED, "error", f"The webhook {row['name']!r} was disabled: {reason}", entity="webhook",
        entity_id=webhook_id, field="enabled",
        hint="Mend that, then `portbook webhooks enable`: it goes on where it stopped.",
    )  # fmt: skip
    await open_findings(connection, [finding], run_id=None)
    changed = {"enabled": [True, False], "disabled_reason": [None, reason]}
    await connection.execute(
        "INSERT INTO event (type, entity, entity_id, version, changed, cause) VALUES ('disabled', 'webhook', $1, "
        "(SELECT 1 + count(*) FROM event WHERE entity = 'webhook' AND entity_id = $1), $2, 'webhook')",
        webhook_id,
        orjson.dumps(changed).decode(),
    )
    await note(connection, Actor("portbook"), "webhook disabled", f"webhook {webhook_id}", {"reason": reason})
