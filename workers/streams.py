"""Which streams a complete run accounts for: those it read, and those that the tool offers no more."""

from __future__ import annotations

from collections.abc import Iterable

from adapters.base import Adapter, Partition, Presence
from adapters.errors import our_own_trouble
from register import runs
from register.db import Pool
from register.runs import RunJob
from register.write import stored_payloads
from workers.sweep import decoded_or_none

SAMPLE = 20
"""Records of a stream without a partition that the tool is asked about before the stream counts as gone."""


async def streams_to_sweep(
    pool: Pool, job: RunJob, adapter: Adapter, partitions: Iterable[Partition]
) -> list[str]:
    """The streams of these partitions, and every stored one that has lost its partition because its records are
    gone (a sheet was removed). One that is merely not read any more (logged work was switched off) still has its
    records at the tool: it is left as it is, and so is one about which the tool knows nothing."""
    read = {stream for partition in partitions for stream in partition.streams}
    lost = [
        stream
        for stream in await runs.stored_streams(pool, job.source)
        if stream not in read and await _gone(pool, job, adapter, stream)
    ]
    return sorted([*read, *lost])


async def _gone(pool: Pool, job: RunJob, adapter: Adapter, stream: str) -> bool:
    async with pool.acquire() as connection:
        missing = await runs.missing_records(connection, job.source, job.id, [stream])
    sample = missing[:: len(missing) // SAMPLE + 1]
    payloads = await stored_payloads(pool, [record_id for record_id, _, _ in sample])
    last_known = {source_id: decoded_or_none(payloads[record_id]) for record_id, _, source_id in sample}
    with our_own_trouble():
        answers = await adapter.locate(stream, list(last_known), last_known)
    return bool(answers) and Presence.PRESENT not in answers.values()
