"""Webhooks: made, changed and removed by people, programs and the configuration; every change is written to the audit.

What a webhook is told of is in `register.query.told`, what becomes of it in `register.deliveries`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson

from portbook.errors import Problem
from register.addresses import Network, usable_target
from register.audit import Actor, note
from register.db import Connection, Pool
from register.errors import RowNotFound
from register.ids import derive_id
from register.query.told import telling
from register.sealing import Sealer, new_secret, written_secret

OVERLAP = timedelta(hours=24)
"""How long the secret before goes on signing after a rotation."""
MOST = 500
"""Webhooks at a time."""
DISABLED = "WHK101"
"""Code of the finding about a webhook that was disabled because it failed."""
_SHOWN = """id::text, name, url, types, filter, fields, coalesce(enabled, false) AS enabled, disabled_reason,
disabled_at, origin, row_scope, old_until, failures, failing_since, created_at, created_by"""


class WebhookInvalid(Problem):
    """What was asked of a webhook cannot be."""

    code = "WHK001"


class WebhookUnknown(RowNotFound):
    """There is no webhook of this id or name, or none of this caller's."""

    code = "WHK004"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a webhook is to be."""

    name: str
    url: str
    types: tuple[str, ...] = ("*",)
    filter: str | None = None
    fields: str | None = None
    enabled: bool = True

    def check(self, allowed: Sequence[Network]) -> None:
        """Raises AddressForbidden, QueryInvalid or WebhookInvalid."""
        if not self.name.strip() or len(self.name) > 100 or not self.name.isprintable():
            raise WebhookInvalid("a webhook has a name of 1 to 100 characters")
        if not self.types:
            raise WebhookInvalid("a webhook names types of events", hint="`*` means all.")
        usable_target(self.url, allowed)
        telling(self.types, self.filter, self.fields)


@dataclass(frozen=True, slots=True)
class Maker:
    """Who makes or changes webhooks. With a key that is restricted to its own, it sees no others."""

    actor: Actor
    key_id: UUID | None = None
    own_only: bool = False


@dataclass(frozen=True, slots=True)
class Configured:
    """A webhook as the configuration has it. Its secrets stay there."""

    wanted: Wanted
    origin: str

    @property
    def id(self) -> str:
        return configured_id(self.wanted.name)


def configured_id(name: str) -> str:
    """The id of a webhook that is written in the configuration."""
    return derive_id("webhook", name)


async def create_webhook(
    connection: Connection, wanted: Wanted, *, sealer: Sealer, allowed: Sequence[Network], maker: Maker
) -> tuple[str, str]:
    """(its id, its secret), in the caller's transaction. The secret cannot be shown again.

    It is told of what happens from now on, of the rows that its maker may see.
    """
    wanted.check(allowed)
    if await connection.fetchval("SELECT count(*) FROM webhook WHERE deleted_at IS NULL") >= MOST:
        raise WebhookInvalid(f"there are {MOST} webhooks already", hint="Delete those that nobody needs.")
    webhook_id, secret = str(uuid4()), new_secret()
    made = await connection.fetchval(
        """
        INSERT INTO webhook (id, name, url, types, filter, fields, enabled, key_id, row_scope, secret, created_by, seq)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, (SELECT row_scope FROM api_key WHERE id = $8), $9, $10, feed_settled())
        ON CONFLICT (name) WHERE deleted_at IS NULL DO NOTHING RETURNING true
        """,
        webhook_id, wanted.name, wanted.url, list(wanted.types), wanted.filter, wanted.fields, wanted.enabled,
        maker.key_id, sealer.seal(secret, webhook_id), maker.actor.name,
    )  # fmt: skip
    if not made:
        raise WebhookInvalid(f"there is a webhook {wanted.name!r} already", hint="Choose another name.")
    await note(connection, maker.actor, "webhook created", f"webhook {webhook_id}", _said(wanted))
    return webhook_id, written_secret(secret)


async def find_webhook(
    connection: Any, which: str, maker: Maker, *, lock: bool = False, written_too: bool = True
) -> dict[str, Any]:
    """The webhook of this id, name, or beginning of an id. Raises WebhookUnknown; without `written_too` WebhookInvalid
    for one that is written in the configuration."""
    rows = await connection.fetch(
        f"SELECT {_SHOWN} FROM webhook WHERE deleted_at IS NULL AND (name = $1 OR id::text = $1 "
        f"OR ($4 AND id::text LIKE $1 || '%')) AND (NOT $2 OR key_id = $3){' FOR UPDATE' if lock else ''}",
        which,
        maker.own_only,
        maker.key_id,
        len(which) >= 8 and which.replace("-", "").isalnum(),
    )
    exact = [row for row in rows if which in (row["name"], row["id"])]
    found = exact or rows
    if len(found) != 1:
        raise WebhookUnknown(
            f"no webhook has the id or name {which[:80]!r}"
            if not found
            else f"{which[:80]!r} is several webhooks",
            hint="GET /api/v1/webhooks or `portbook webhooks list` shows them.",
        )
    if found[0]["origin"] and not written_too:
        raise WebhookInvalid(
            f"the webhook {found[0]['name']!r} is written in the configuration",
            detail=found[0]["origin"],
            hint="Change it there. It can be tested, replayed, enabled and disabled here.",
        )
    return shown(found[0])


async def list_webhooks(connection: Any, maker: Maker) -> list[dict[str, Any]]:
    """Those that are not removed, by name, each with how its deliveries stand."""
    rows = await connection.fetch(
        f"""
        SELECT {_SHOWN},
               (SELECT count(*) FROM delivery d WHERE d.webhook_id = w.id AND d.state = 'pending') AS pending,
               (SELECT count(*) FROM delivery d WHERE d.webhook_id = w.id AND d.state = 'failed') AS failed
        FROM webhook w WHERE deleted_at IS NULL AND (NOT $1 OR key_id = $2) ORDER BY name
        """,
        maker.own_only,
        maker.key_id,
    )
    return [shown(row) for row in rows]


def shown(row: Any) -> dict[str, Any]:
    """A webhook as people see it: without its secrets."""
    found = dict(row)
    if isinstance(found.get("row_scope"), str):
        found["row_scope"] = orjson.loads(found["row_scope"])
    return found


async def change_webhook(
    connection: Connection,
    which: str,
    changes: Mapping[str, Any],
    *,
    allowed: Sequence[Network],
    maker: Maker,
) -> dict[str, Any]:
    """Change what `changes` name; returns the webhook as it is now. One that is enabled again goes on where it stopped,
    begins to count failures anew; where its key is no longer in force it belongs from then on to who enabled it."""
    switch = set(changes) <= {"enabled"}
    before = await find_webhook(connection, which, maker, lock=True, written_too=switch)
    fields = {
        name: changes.get(name, before[name])
        for name in ("name", "url", "types", "filter", "fields", "enabled")
    }
    wanted = Wanted(**{**fields, "types": tuple(fields["types"])})
    wanted.check(allowed)
    enabling = wanted.enabled and not before["enabled"]
    reason = None if wanted.enabled else before["disabled_reason"] or f"by {maker.actor.name}"
    taken = await connection.fetchval(
        "SELECT true FROM webhook WHERE name = $1 AND deleted_at IS NULL AND id <> $2::text::uuid",
        wanted.name,
        before["id"],
    )
    if taken:
        raise WebhookInvalid(f"there is a webhook {wanted.name!r} already", hint="Choose another name.")
    await connection.execute(
        """
        UPDATE webhook SET name = $2, url = $3, types = $4, filter = $5, fields = $6, enabled = $7,
          disabled_reason = $8, disabled_at = CASE WHEN $7 THEN NULL ELSE coalesce(disabled_at, now()) END
        WHERE id = $1::text::uuid
        """,
        before["id"], wanted.name, wanted.url, list(wanted.types), wanted.filter, wanted.fields, wanted.enabled, reason,
    )  # fmt: skip
    if enabling:
        await _begin_again(connection, before["id"], maker)
    await note(
        connection,
        maker.actor,
        "webhook changed",
        f"webhook {before['id']}",
        {**_said(wanted), "was": _said_of(before)},
    )
    return await find_webhook(connection, before["id"], maker)


async def _begin_again(connection: Connection, webhook_id: str, maker: Maker) -> None:
    await connection.execute(
        """
        UPDATE webhook w SET failures = 0, failing_since = NULL, rests_until = NULL,
          key_id = CASE WHEN EXISTS (
            SELECT FROM api_key k WHERE k.id = w.key_id AND k.revoked_at IS NULL
            AND (k.expires_at IS NULL OR k.expires_at > now())) OR origin IS NOT NULL THEN key_id ELSE $2::uuid END
        WHERE id = $1::text::uuid
        """,
        webhook_id,
        maker.key_id,
    )
    await connection.execute(
        "UPDATE finding SET closed_at = now() WHERE code = $1 AND entity_id = $2::text::uuid AND closed_at IS NULL",
        DISABLED,
        webhook_id,
    )


async def rotate_secret(
    connection: Connection, which: str, *, sealer: Sealer, maker: Maker, overlap: timedelta = OVERLAP
) -> str:
    """A new secret, which cannot be shown again. The one before signs as well for as long as `overlap`."""
    before = await find_webhook(connection, which, maker, lock=True, written_too=False)
    secret = new_secret()
    await connection.execute(
        "UPDATE webhook SET old_secret = secret, old_until = now() + $2::interval, secret = $3 "
        "WHERE id = $1::text::uuid",
        before["id"],
        overlap,
        sealer.seal(secret, before["id"]),
    )
    await note(
        connection,
        maker.actor,
        "webhook secret rotated",
        f"webhook {before['id']}",
        {"overlap_s": int(overlap.total_seconds())},
    )
    return written_secret(secret)


async def delete_webhook(connection: Connection, which: str, *, maker: Maker) -> str:
    """Remove a webhook and what it was still to be told; returns its id."""
    found = await find_webhook(connection, which, maker, lock=True, written_too=False)
    await _remove(connection, found["id"], maker.actor)
    return str(found["id"])


async def register_webhooks(pool: Pool, configured: Sequence[Configured]) -> None:
    """Make the webhooks of the configuration what it says; those it no longer has are removed. Writes only what is
    different."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('portbook webhooks'))")
        rows = await connection.fetch(
            f"SELECT {_SHOWN}, deleted_at FROM webhook WHERE origin IS NOT NULL FOR UPDATE"
        )
        known = {row["id"]: row for row in rows}
        for each in configured:
            await _write(connection, each, known.pop(each.id, None))
        for webhook_id, row in known.items():
            if row["deleted_at"] is None:
                await _remove(connection, webhook_id, _CONFIGURATION)


async def _write(connection: Connection, each: Configured, before: Any) -> None:
    wanted = each.wanted
    new = before is None or before["deleted_at"] is not None
    same = not new and _said_of(before) == {**_said(wanted), "enabled": before["enabled"]}
    # Who is disabled here for a reason stays so, until a person enables it here; `enabled: false` there always holds.
    stopped = not new and not before["enabled"] and before["disabled_reason"] != _WRITTEN_OFF
    enabled = wanted.enabled and not stopped
    if same and before["origin"] == each.origin and before["enabled"] == enabled:
        return
    taken = await connection.fetchval(
        "SELECT true FROM webhook WHERE name = $1 AND deleted_at IS NULL AND id <> $2::text::uuid",
        wanted.name,
        each.id,
    )
    if taken:
        raise WebhookInvalid(
            f"there is a webhook {wanted.name!r} already, made through the API or by command",
            detail=each.origin,
            hint="Choose another name, or delete that one.",
        )
    await connection.execute(
        """
        INSERT INTO webhook (id, name, url, types, filter, fields, enabled, disabled_reason, disabled_at, origin,
                             created_by, seq)
        VALUES ($1::text::uuid, $2, $3, $4, $5, $6, $7, $8, CASE WHEN NOT $7 THEN now() END, $9, 'configuration',
                feed_settled())
        ON CONFLICT (id) DO UPDATE SET name = $2, url = $3, types = $4, filter = $5, fields = $6, enabled = $7,
          origin = $9, disabled_reason = CASE WHEN NOT $7 THEN coalesce(webhook.disabled_reason, $8) END,
          disabled_at = CASE WHEN NOT $7 THEN coalesce(webhook.disabled_at, now()) END,
          seq = CASE WHEN webhook.deleted_at IS NULL THEN webhook.seq ELSE excluded.seq END, deleted_at = NULL
        """,
        each.id, wanted.name, wanted.url, list(wanted.types), wanted.filter, wanted.fields, enabled,
        None if wanted.enabled else _WRITTEN_OFF, each.origin,
    )  # fmt: skip
    if not same:
        action = "webhook created" if new else "webhook changed"
        await note(
            connection, _CONFIGURATION, action, f"webhook {each.id}", {**_said(wanted), "at": each.origin}
        )


_CONFIGURATION = Actor("configuration")
_WRITTEN_OFF = "`enabled: false` in the configuration"


async def _remove(connection: Connection, webhook_id: str, actor: Actor) -> None:
    await connection.execute(
        "UPDATE webhook SET deleted_at = now(), enabled = false, secret = NULL, old_secret = NULL "
        "WHERE id = $1::text::uuid",
        webhook_id,
    )
    await connection.execute(
        "UPDATE finding SET closed_at = now() WHERE code = $1 AND entity_id = $2::text::uuid AND closed_at IS NULL",
        DISABLED,
        webhook_id,
    )
    await connection.execute(
        """
        WITH gone AS (DELETE FROM delivery WHERE webhook_id = $1::text::uuid AND state <> 'delivered' RETURNING id)
        DELETE FROM attempt WHERE delivery_id IN (SELECT id FROM gone)
        """,
        webhook_id,
    )
    await note(connection, actor, "webhook deleted", f"webhook {webhook_id}", {})


def _said(wanted: Wanted) -> dict[str, Any]:
    return {
        "name": wanted.name, "url": wanted.url, "types": list(wanted.types), "filter": wanted.filter,
        "fields": wanted.fields, "enabled": wanted.enabled,
    }  # fmt: skip


def _said_of(row: Any) -> dict[str, Any]:
    return {name: row[name] for name in ("name", "url", "types", "filter", "fields", "enabled")}
