"""How far the register has come: equal revisions mean that nothing has changed in between.

Every change of a row writes an event in its transaction, but transactions end in another order than they began in. A
revision therefore is: up to which number all events are there, how many are there behind it and the last of them, and
how fresh the sources are. Whatever commits changes one of these.
"""

from __future__ import annotations

import asyncio
import time
from hashlib import blake2b

from register.catalog import catalog
from register.query.lanes import Lanes
from register.query.plan import Branch, Level, Tally, moments, ways

_STATE = """
SELECT s.settled::text || ' ' || coalesce(b.last, 0) || ' ' || b.behind || ' ' || coalesce(f.fresh, '') AS revision
FROM (SELECT feed_settled() AS settled OFFSET 0) s
CROSS JOIN LATERAL (SELECT max(seq) AS last, count(*) AS behind FROM event WHERE seq > s.settled) b
CROSS JOIN (SELECT string_agg(key || ' ' || fresh_at, ',' ORDER BY key) AS fresh FROM source WHERE configured) f
"""
KEPT_S = 1.0


class Revisions:
    """Reads the revision, and remembers it for a moment."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._known: tuple[str, float] | None = None
        self._reading = asyncio.Lock()

    async def now(self) -> str:
        """The revision as it is."""
        row = await self._lanes.fetchrow(_STATE)
        found: str = row["revision"]
        self._known = found, time.monotonic() + KEPT_S
        return found

    async def lately(self) -> str:
        """One of a moment ago: right to put on what is read after it, which may only be newer."""
        known = self._known
        if known is not None and known[1] > time.monotonic():
            return known[0]
        async with self._reading:
            if self._known is not known and self._known is not None:
                return self._known[0]
            return await self.now()


def tag_of(revision: str, *asked: bytes | str) -> str:
    """A weak entity tag (RFC 9110): of one question, at one revision."""
    digest = blake2b(revision.encode(), digest_size=12)
    for part in asked:
        digest.update(b"\x1f")
        digest.update(part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass"))
    return f'W/"{digest.hexdigest()}"'


def follows_events(level: Level) -> bool:
    """Whether an answer stays the same while there are no events, but for the day: it looks at entities alone, and at
    no clock that runs."""
    if not level.entity.enveloped:
        return False
    looked_at = [relation for way in ways(level.rule) for relation in way] if level.rule else []
    looked_at += [relation for by in level.order for relation in by.hops]
    looked_at += [by.field.relation for by in level.order if isinstance(by.field, Tally)]
    if not all(catalog()[relation.target].enveloped for relation in looked_at):
        return False
    if level.rule is not None and not all(moment.whole_day for moment in moments(level.rule)):
        return False
    return all(_follows(item) for _, item in level.items)


def _follows(item: object) -> bool:
    if isinstance(item, Branch):
        return follows_events(item.level)
    if isinstance(item, Tally):
        rule = item.rule
        inside = rule is None or all(moment.whole_day for moment in moments(rule))
        reached = [] if rule is None else [relation for way in ways(rule) for relation in way]
        return inside and all(catalog()[one.target].enveloped for one in (item.relation, *reached))
    return True
