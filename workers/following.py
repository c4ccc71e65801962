"""Following hints: what a tool says has changed is read again at once, beside whatever else a run reads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from adapters.base import (
    HOOK,
    Adapter,
    Hint,
    Page,
    Partition,
    Presence,
    RawRecord,
    Rereads,
    Subscribed,
    Subscribes,
)
from adapters.errors import SignInRefused, SourceError, SourceUnavailable, our_own_trouble
from register import hints
from register.db import DATABASE_AWAY, Pool
from register.errors import LeaseLost
from register.hints import Waiting
from register.ids import derive_id
from register.write import stored_payloads
from workers.handover import Handover
from workers.sweep import decoded_or_none
from workers.writer import Fetched

log = structlog.get_logger("portbook.hooks")

TOGETHER = 100
"""Hints followed in one go: one or two requests at the tool."""
LOOK_EVERY_S = 1.0
RUN_FOR_S = 20.0
"""A run that only follows hints ends after this, so that a storm of them never keeps the poll waiting."""

RENEW_WITHIN = timedelta(days=28)
"""Graph lets a subscription live 29 days. Renewed every day, one that Graph has dropped is noticed within a day."""

FOLLOWED = Partition("hints", (), "what the tool told us of")


async def follow(
    pool: Pool,
    source: str,
    adapter: Adapter,
    queue: Handover[Fetched],
    *,
    for_s: float | None = None,
) -> None:
    """Put what hints name into the queue as it stands now at the tool: until cancelled, or for so many seconds at
    most and only while there are hints."""
    loop = asyncio.get_running_loop()
    end = None if for_s is None else loop.time() + for_s
    in_hand: set[Waiting] = set()
    while True:
        # Those in hand stay in the table until their page is stored.
        waiting = await hints.waiting(pool, source, TOGETHER + len(in_hand))
        in_hand &= set(waiting)
        fresh = [hint for hint in waiting if hint not in in_hand][:TOGETHER]
        if fresh:
            for found in await _reread_what_can_be(pool, source, adapter, fresh):
                await queue.put(found)
                in_hand |= set(found.hints)
        if end is not None and (loop.time() >= end or not waiting):
            return
        if len(fresh) < TOGETHER:
            await asyncio.sleep(LOOK_EVERY_S if end is None else LOOK_EVERY_S / 20)


async def _reread_what_can_be(
    pool: Pool, source: str, adapter: Adapter, waiting: Sequence[Waiting]
) -> list[Fetched]:
    """The hints that can be followed now; the others wait. Whatever goes wrong is no judgement on the source: hints are
    only hints, and the next run asks the tool its own questions. Except that the tool no longer knows us: of the others
    it would say the same, one by one."""
    try:
        return [await reread(pool, source, adapter, waiting)]
    except (*DATABASE_AWAY, LeaseLost, SignInRefused):
        raise
    except Exception as problem:  # noqa: BLE001 - a tool can send anything, and nobody could clear a hint by hand
        log.warning("hints not followed", source=source, hints=len(waiting), error=str(problem)[:500])
        if len(waiting) == 1 or isinstance(problem, SourceUnavailable):
            await hints.put_off(pool, source, waiting)
            return []
    # One of them may spoil it for all.
    half = len(waiting) // 2
    return [
        *await _reread_what_can_be(pool, source, adapter, waiting[:half]),
        *await _reread_what_can_be(pool, source, adapter, waiting[half:]),
    ]


async def reread(pool: Pool, source: str, adapter: Adapter, waiting: Sequence[Waiting]) -> Fetched:
    """What these hints name, as it stands now. One that names nothing, or what this adapter cannot read alone, waits
    for the next incremental run, which is then due; that run also renews hooks which the tool says to end."""
    if any(hint.stream == HOOK for hint in waiting):
        await hints.doubt_subscriptions(pool, source)
    named = [Hint(hint.stream, hint.item) for hint in waiting if hint.item]
    soon = len(named) < len(waiting)
    if not named or not isinstance(adapter, Rereads):
        return Fetched(FOLLOWED, Page((), None), waiting, soon=True)
    records: list[RawRecord] = []
    asked_at = await hints.clock(pool)
    with our_own_trouble():
        async for page in adapter.reread(named):
            records += page.records
    met = {Hint(record.stream, record.id) for record in records}
    gone = await _gone(pool, source, adapter, [hint for hint in named if hint not in met])
    return Fetched(FOLLOWED, Page(records, None), waiting, gone, asked_at, soon)


async def keep_subscribed(
    pool: Pool,
    source: str,
    adapter: Adapter,
    subscribe: Callable[[Subscribes], Awaitable[Sequence[Subscribed]]] | None,
) -> None:
    """Renew the hooks that end within RENEW_WITHIN, and set up anew what the tool has forgotten. A tool that refuses
    costs no run: what notifications would have told, the run finds itself."""
    if not isinstance(adapter, Subscribes):
        return
    soon = datetime.now(UTC) + RENEW_WITHIN
    for subscription_id, ends in (await hints.subscriptions(pool, source)).items():
        if ends is None or ends > soon:
            continue
        try:
            alive = await adapter.resubscribe(subscription_id)
            made = [alive] if alive is not None else list(await subscribe(adapter)) if subscribe else []
        except SourceError as problem:
            log.warning("hook not renewed", source=source, ends=str(ends), error=str(problem))
            continue
        if alive is None:
            await hints.forget_subscription(pool, source, subscription_id)
        for hook in made:
            await hints.note_subscription(pool, source, hook.id, hook.expires_at)


async def _gone(pool: Pool, source: str, adapter: Adapter, missing: Sequence[Hint]) -> dict[str, str]:
    """Record id → why it is gone; of records that are stored, and that the tool knows something of."""
    found: dict[str, str] = {}
    for stream in sorted({hint.stream for hint in missing}):
        ids = {hint.id: derive_id(source, stream, hint.id) for hint in missing if hint.stream == stream}
        payloads = await stored_payloads(pool, list(ids.values()))
        last_known = {
            source_id: decoded_or_none(payloads[record_id])
            for source_id, record_id in ids.items()
            if record_id in payloads
        }
        if not last_known:
            continue
        with our_own_trouble():
            answers = await adapter.locate(stream, list(last_known), last_known)
        for source_id, presence in answers.items():
            if presence is not Presence.PRESENT:
                found[ids[source_id]] = presence.value
    return found
