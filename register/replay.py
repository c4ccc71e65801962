"""Looking at deliveries, and telling webhooks anew: one event, everything since a moment, all that failed; tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from register.audit import note
from register.db import Connection
from register.deliveries import TEST
from register.errors import RowNotFound
from register.query.feed import SEQ_AT
from register.webhooks import Maker, find_webhook

STATES = ("pending", "delivered", "failed")
_ANEW = "state = 'pending', attempts = 0, due_at = clock_timestamp(), finished_at = NULL"
_SHOWN = (
    "d.id, d.type, d.seq, v.entity_id::text AS row_id, v.version, d.state, d.attempts, d.due_at, d.created_at, "
    "d.finished_at"
)


class DeliveryUnknown(RowNotFound):
    """The webhook has no such delivery, or no longer: what has ended is kept for 30 days."""

    code = "WHK005"


async def list_deliveries(
    connection: Any, webhook_id: str, *, state: str | None = None, limit: int = 100, before: int | None = None
) -> list[dict[str, Any]]:
    """The newest first, with the last attempt of each; `before` is an id to go on behind."""
    rows = await connection.fetch(
        f"""
        SELECT {_SHOWN}, a.status, a.error FROM delivery d LEFT JOIN event v ON v.seq = d.seq
        LEFT JOIN LATERAL (SELECT status, error FROM attempt WHERE delivery_id = d.id ORDER BY id DESC LIMIT 1) a
          ON true
        WHERE d.webhook_id = $1 AND ($2::text IS NULL OR d.state = $2) AND ($3::int8 IS NULL OR d.id < $3)
        ORDER BY d.id DESC LIMIT $4
        """,
        webhook_id,
        state,
        before,
        limit,
    )
    return [dict(row) for row in rows]


async def show_delivery(connection: Any, webhook_id: str, delivery_id: int) -> dict[str, Any]:
    """A delivery with every attempt at it. Raises DeliveryUnknown."""
    rows = await connection.fetch(
        f"SELECT {_SHOWN} FROM delivery d LEFT JOIN event v ON v.seq = d.seq WHERE d.webhook_id = $1 AND d.id = $2",
        webhook_id,
        delivery_id,
    )
    if not rows:
        raise _unknown(delivery_id)
    attempts = await connection.fetch(
        "SELECT ended_at, latency_ms, status, answer, error, next_at FROM attempt WHERE delivery_id = $1 ORDER BY id",
        delivery_id,
    )
    return {**dict(rows[0]), "attempts": [dict(row) for row in attempts]}


async def send_test(connection: Connection, which: str, maker: Maker) -> int:
    """A delivery that tells of nothing; returns its id."""
    hook = await find_webhook(connection, which, maker)
    made: int = await connection.fetchval(
        "INSERT INTO delivery (webhook_id, type, due_at) VALUES ($1, $2, clock_timestamp()) RETURNING id",
        hook["id"],
        TEST,
    )
    return made


async def replay_one(connection: Connection, which: str, delivery_id: int, maker: Maker) -> int:
    """Tell of one event anew, whatever came of it before; under its own id, by which a receiver knows it."""
    hook = await find_webhook(connection, which, maker)
    again = await connection.fetchval(
        f"UPDATE delivery SET {_ANEW} WHERE webhook_id = $1 AND id = $2 RETURNING true",
        hook["id"],
        delivery_id,
    )
    if not again:
        raise _unknown(delivery_id)
    await _note(connection, maker, hook["id"], {"delivery": delivery_id})
    return 1


async def replay_failed(connection: Connection, which: str, maker: Maker) -> int:
    """Tell anew of all that was given up; returns how many."""
    hook = await find_webhook(connection, which, maker)
    rows = await connection.fetch(
        f"UPDATE delivery SET {_ANEW} WHERE webhook_id = $1 AND state = 'failed' RETURNING id", hook["id"]
    )
    await _note(connection, maker, hook["id"], {"failed": len(rows)})
    return len(rows)


async def replay_since(connection: Connection, which: str, since: datetime | None, maker: Maker) -> None:
    """Tell anew of everything since an instant, or since the first event; also of what was before the webhook was made.
    Events come from a little before the instant, as in the change feed."""
    hook = await find_webhook(connection, which, maker, lock=True)
    seq = 0 if since is None else await connection.fetchval(SEQ_AT, since)
    await connection.execute("UPDATE webhook SET seq = least(seq, $2) WHERE id = $1", hook["id"], seq)
    await _note(connection, maker, hook["id"], {"since": since.isoformat() if since else "the beginning"})


async def _note(connection: Connection, maker: Maker, webhook_id: str, detail: dict[str, Any]) -> None:
    await note(connection, maker.actor, "webhook replayed", f"webhook {webhook_id}", detail)


def _unknown(delivery_id: int) -> DeliveryUnknown:
    return DeliveryUnknown(
        f"the webhook has no delivery {delivery_id}",
        hint="GET …/deliveries lists them; what has ended is kept for 30 days.",
    )


__all__: Sequence[str] = [
    "STATES",
    "DeliveryUnknown",
    "list_deliveries",
    "replay_failed",
    "replay_one",
    "replay_since",
    "send_test",
    "show_delivery",
]  # fmt: skip
