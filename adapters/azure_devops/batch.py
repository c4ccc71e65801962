"""Work items by their ids, and ids by a query: what there is where the feed is refused, and for single questions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from adapters.azure_devops.site import Site, as_object, decode_list

CHUNK = 200
"""Most ids of a `workitemsbatch` (VS403474 beyond)."""

WINDOW = 2000
"""Ids asked for by one query; 20,000 are refused (VS402337)."""


async def read_items(
    site: Site, ids: Sequence[int], *, fields: Sequence[str] = (), expand: str = "None"
) -> list[bytes]:
    """The work items that exist and may be read, as sent. Either some `fields`, or all with what `expand` names."""
    chunks = [list(ids[start : start + CHUNK]) for start in range(0, len(ids), CHUNK)]
    pages = await asyncio.gather(*(_chunk(site, chunk, fields, expand) for chunk in chunks))
    return [raw for page in pages for raw in page]


async def _chunk(site: Site, ids: list[int], fields: Sequence[str], expand: str) -> list[bytes]:
    body: dict[str, Any] = {"ids": ids, "errorPolicy": "omit"}
    if fields:
        body["fields"] = list(fields)
    else:
        body["$expand"] = expand
    _, page = await site.send("POST", "_apis/wit/workitemsbatch", decode_list, body=body, stream="work_item")
    # What is hidden or gone stands as null in its place.
    return [found for raw in page.value if (found := bytes(raw)) != b"null"]


async def find_ids(site: Site, where: str, *, top: int = WINDOW, newest: bool = False) -> list[int]:
    """Ids that a condition in WIQL finds, in order of id, or those changed last first."""
    order = "[System.ChangedDate] DESC" if newest else "[System.Id]"
    return (
        await site.send(
            "POST",
            "_apis/wit/wiql",
            _ids,
            params={"timePrecision": "true", "$top": top},
            # WIQL reads work items and can do nothing else.
            body={"query": f"SELECT [System.Id] FROM WorkItems WHERE {where} ORDER BY {order}"},  # noqa: S608
            stream="work_item",
        )
    )[1]


def _ids(body: bytes) -> list[int]:
    found: Any = as_object(body).get("workItems")
    try:
        return [int(item["id"]) for item in found]
    except (KeyError, TypeError, ValueError):
        raise ValueError("expected the ids of work items") from None


def quoted(text: str) -> str:
    """A text literal of WIQL."""
    return "'" + text.replace("'", "''") + "'"
