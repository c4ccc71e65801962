"""What a complete run did not meet: why is each record gone? Nothing vanishes without an answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import orjson

from adapters.base import Adapter, Presence
from adapters.errors import SourceMisbehaved, our_own_trouble
from portbook.errors import Problem
from register import runs
from register.db import Pool
from register.findings import FindingDraft, close_findings_about, close_settled_values
from register.ids import derive_id
from register.lease import Held as HeldLease
from register.outside import note_outside
from register.policy import Policy
from register.rejections import forget_rejected
from register.runs import RunJob
from register.settled import Memory
from register.write import page, stored_payloads

LOCATE_CHUNK = 500
MISSED_SHARE = 0.001
FEW = 10
"""Records that a read may miss and still count as complete: this many, or this share of the source."""
_NAMED = 5
_IN_WORDS = {
    Presence.LOST_ACCESS.value: "not shown to the account",
    Presence.DELETED.value: "deleted",
    Presence.MOVED.value: "moved elsewhere",
    Presence.ARCHIVED.value: "archived",
}


class Held(Problem):
    """More would vanish than a person should learn of afterwards: the run holds and asks."""

    code = "RUN001"

    def finding(self, source: str) -> FindingDraft:
        """What a person is asked, for as long as nobody has answered and no complete run has met what was missed."""
        return FindingDraft(
            self.code,
            "error",
            self.message,
            source=source,
            entity="source",
            entity_id=derive_id("source", source),
            hint=self.hint,
        )


async def sweep(
    pool: Pool,
    held: HeldLease,
    job: RunJob,
    adapter: Adapter,
    streams: list[str],
    policy: Policy,
    memory: Memory,
) -> None:
    """Give every record of these streams that the run did not meet its reason. Only after a complete, error-free
    read. Raises Held before anything is written when more than HOLD_SHARE of the source would vanish. Records that the
    configuration no longer selects do not vanish: they are noted, and stay until somebody retires them."""
    async with pool.acquire() as connection:
        missing = await runs.missing_records(connection, job.source, job.id, streams)
        present = await runs.present_count(connection, job.source)
    reasons, there = await _reasons(pool, adapter, missing)
    outside = {row_id for row_id, why in reasons.items() if why == Presence.OUT_OF_SCOPE.value}
    gone = len(missing) - len(outside)
    if gone > runs.HOLD_SHARE * present and not job.approved:
        kinds = ", ".join(sorted({stream for row_id, stream, _ in missing if row_id not in outside}))
        told = await _told(pool, [row_id for row_id, _, _ in missing if row_id not in outside], reasons)
        raise Held(
            f"{gone} of {present} records of {job.source} ({kinds}) are no longer there; nothing was removed: their "
            f"rows go on counting beside those of the {present - len(missing)} that are there",
            hint=f"{told} If that is right, run `portbook sync {job.source} --full --approve`; if not, look at the "
            "account's permissions at the tool.",
        )
    if len(there) > max(FEW, int(MISSED_SHARE * present)):
        raise SourceMisbehaved(
            f"{len(there)} records were left out of the complete read, yet they are there ({there[0]} …)",
            hint="Nothing was removed; the next complete run will try again.",
        )
    async with page(pool, held, source=job.source, run_id=job.id, policy=policy, memory=memory) as write:
        await write.mark({row_id: why for row_id, why in reasons.items() if row_id not in outside})
        await note_outside(write.connection, job.source, outside, run_id=job.id)
        await forget_rejected(
            write, streams, keep=[row_id for row_id, _, _ in missing if row_id not in reasons]
        )
        await write.advance([])
        await close_settled_values(write.connection, job.source)
        await close_findings_about(write.connection, Held.code, [derive_id("source", job.source)])


async def _told(pool: Pool, gone: Sequence[str], reasons: Mapping[str, str]) -> str:
    """What the tool says of records that would vanish, and which projects are among them: a person must decide."""
    counts = Counter(_IN_WORDS.get(reasons.get(row_id, ""), "without a reason given") for row_id in gone)
    told = ", ".join(f"{count:,} {why}" for why, count in counts.most_common())
    names = await pool.fetch(
        """
        SELECT DISTINCT coalesce(p.key, p.title) FROM claim c JOIN project p ON p.id = c.entity_id
        WHERE c.entity = 'project' AND c.record_id = ANY($1::uuid[]) ORDER BY 1 LIMIT $2
        """,
        list(gone),
        _NAMED + 1,
    )
    shown = [str(name) for (name,) in names]
    more = " and more" if len(shown) > _NAMED else ""
    among = f" Among them: project {', '.join(shown[:_NAMED])}{more}." if shown else ""
    return f"By the tool: {told}.{among}"


async def _reasons(
    pool: Pool, adapter: Adapter, missing: list[tuple[str, str, str]]
) -> tuple[dict[str, str], list[str]]:
    """Record id → why it is gone; and what is there after all, which is left as it is: a record that moves to another
    project during the read can be missed honestly. Many of them mean that the read was not complete."""
    reasons: dict[str, str] = {}
    there: list[str] = []
    for stream in sorted({stream for _, stream, _ in missing}):
        ids = {source_id: record_id for record_id, its_stream, source_id in missing if its_stream == stream}
        wanted = list(ids)
        for start in range(0, len(wanted), LOCATE_CHUNK):
            chunk = wanted[start : start + LOCATE_CHUNK]
            payloads = await stored_payloads(pool, [ids[source_id] for source_id in chunk])
            last_known = {source_id: decoded_or_none(payloads[ids[source_id]]) for source_id in chunk}
            with our_own_trouble():
                answers = await adapter.locate(stream, chunk, last_known)
            for source_id, presence in answers.items():
                if presence is Presence.PRESENT:
                    there.append(f"{stream} {source_id}")
                else:
                    reasons[ids[source_id]] = presence.value
    return reasons, there


def decoded_or_none(payload: bytes) -> object:
    """A stored payload as data; None for what only a lenient reader can decode."""
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
