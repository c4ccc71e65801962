"""Links between work items, from their own feed: one may come and go without a new revision of either end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any

import orjson

from adapters.azure_devops.feed import Batch, Feed, TokenRefused
from adapters.azure_devops.payload import instant, rejected
from adapters.azure_devops.site import Site, base_name
from adapters.base import Cursor, Page, RawRecord
from adapters.errors import CursorExpired
from adapters.json_body import loads, with_portbook

_PAGE = 1000


class Links:
    def __init__(self, site: Site) -> None:
        self._site = site

    async def feed(self, project: str) -> Feed:
        kinds = await self._site.link_types()
        return Feed(self._site, "workitemlinks", project, {"linkTypes": ",".join(kinds)}, "link")

    async def pages(self, project: str, cursor: Cursor | None, *, full: bool) -> AsyncGenerator[Page, None]:
        """In full: the links there are now. The feed tells the whole past, so it is folded before a link is handed
        over; what is held meanwhile are the links themselves, hierarchy not among them. Otherwise: what was made and
        removed since."""
        feed = await self.feed(project)
        kinds = await self._site.link_types()
        token = None if full else (cursor or {}).get("token")
        known: dict[str, RawRecord] = {}
        folding = full or token is None
        while True:
            batch = await self._batch(feed, token)
            records = [_read(raw, kinds) for raw in batch.raws]
            token = batch.token
            if not folding:
                yield Page(records, {"token": token})
            for record in records if folding else ():
                if record.deleted:
                    known.pop(record.id, None)
                else:
                    known[record.id] = record
            if batch.done:
                break
        there = list(known.values())
        for start in range(0, len(there), _PAGE):
            yield Page(there[start : start + _PAGE], None, len(there))
        yield Page([], {"token": token}, len(there) if folding else None)

    async def _batch(self, feed: Feed, token: str | None) -> Batch:
        try:
            return await feed.batch(token)
        except TokenRefused as refused:
            raise CursorExpired(
                f"the place in the feed of links is no longer known: {refused}", stream="link"
            ) from None


def _read(payload: bytes, kinds: Mapping[str, bool]) -> RawRecord:
    try:
        data = loads(payload)
    except ValueError as wrong:
        return rejected("link", payload, str(wrong))
    if not isinstance(data, dict):
        return rejected("link", payload, "it is no object")
    inner = data.get("attributes")
    # Some versions put everything but the type into `attributes`.
    said: Mapping[str, Any] = {**data, **inner} if isinstance(inner, dict) else data
    rel = base_name(str(said.get("rel") or said.get("linkType") or ""))
    source, target = said.get("sourceId"), said.get("targetId")
    if not rel or not isinstance(source, int) or not isinstance(target, int):
        return rejected("link", payload, "it has no type or no ends")
    if not kinds.get(rel, True):
        source, target = min(source, target), max(source, target)
    if said.get("isActive") is False:
        changed = instant(said.get("changedDate"))
        return RawRecord("link", link_id(rel, source, target), b"null", None, changed, deleted=True)
    return link_record(payload, data, rel, source, target, changed=said.get("changedDate"))


def link_id(rel: str, source: Any, target: Any) -> str:
    return f"{rel}:{source}:{target}"


def link_record(
    payload: bytes, data: dict[str, Any], rel: str, source: Any, target: Any, changed: Any = None
) -> RawRecord:
    """A link with its ends in the order of the register: what comes first, then what waits for it; what doubles, then
    what it doubles."""
    ends = (target, source) if rel == "System.LinkTypes.Duplicate" else (source, target)
    extra = {"kind": rel, "from": str(ends[0]), "to": str(ends[1])}
    payload, data = with_portbook(payload, data, extra)
    return RawRecord("link", link_id(rel, source, target), payload, data, instant(changed))


def links_of(data: Mapping[str, Any], kinds: Mapping[str, bool]) -> list[RawRecord]:
    """The links in a work item that was read with its relations, each in the direction of the feed, so that both of
    its ends say the same."""
    own = int(data["id"])
    records: dict[str, RawRecord] = {}
    for relation in _relations(data):
        reference = str(relation.get("rel") or "")
        rel, other = base_name(reference), linked_id(relation)
        if rel not in kinds or other is None:
            continue
        ends = (other, own) if reference.endswith("-Reverse") else (own, other)
        if not kinds[rel]:
            ends = (min(ends), max(ends))
        row = {"rel": rel, "sourceId": ends[0], "targetId": ends[1], "isActive": True}
        record = link_record(orjson.dumps(row), row, rel, *ends)
        records[record.id] = record
    return list(records.values())


def hyperlinks_of(data: Mapping[str, Any]) -> list[str]:
    """The web addresses that a work item, read with its relations, is linked with, in the order they stand."""
    return [
        relation["url"]
        for relation in _relations(data)
        if relation.get("rel") == "Hyperlink" and isinstance(relation.get("url"), str)
    ]


def parent_of(data: Mapping[str, Any]) -> int | None:
    """The parent, from the field or, on servers that have no such field, from the relations."""
    value = data["fields"].get("System.Parent")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value)
    for relation in _relations(data):
        if relation.get("rel") == "System.LinkTypes.Hierarchy-Reverse":
            return linked_id(relation)
    return None


def _relations(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = data.get("relations")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def linked_id(relation: Mapping[str, Any]) -> int | None:
    """The work item at the other end: the last part of its address."""
    tail = str(relation.get("url") or "").rstrip("/").rpartition("/")[2]
    return int(tail) if tail.isascii() and tail.isdigit() else None
