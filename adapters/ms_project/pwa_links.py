"""Links between tasks: the reporting feed has none, so the server's own interface is asked, project by project."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping

import orjson

from adapters.base import Page
from adapters.errors import SourceMisbehaved
from adapters.http import Http
from adapters.json_body import loads
from adapters.ms_project import odata
from adapters.ms_project.pwa import SERVER, Site
from adapters.ms_project.pwa_records import TaskKind, link


async def link_pages(
    site: Site, project_id: str, tasks: Mapping[str, TaskKind]
) -> AsyncGenerator[Page, None]:
    """The links of a project. Rights are held project by project there: one whose links we may not see gives none, and
    is put down in `site.unlinked`, for its links then are unknown rather than gone."""
    status, body = await links_of(site.http, project_id)
    if status != 200:
        site.unlinked.add(project_id)
        return
    met: set[str] = set()
    while True:
        raws, following = _task_links(body)
        yield Page([link(raw, project_id, tasks, site.options.hours_per_day) for raw in raws], None)
        if following is None:
            return
        if following in met:
            raise SourceMisbehaved("the pages of links do not end", stream="pwa_link", detail=following[:300])
        met.add(following)
        path = odata.next_path(site.http.base_url, f"{SERVER}/Projects", following)
        body = await site.http.json("GET", path, decode=_json_bytes, stream="pwa_link")


async def links_of(http: Http, project_id: str) -> tuple[int, bytes]:
    """Status and body of the first page."""
    answer, body = await http.send(
        "GET",
        f"{SERVER}/Projects('{project_id}')",
        params={"$expand": "TaskLinks", "$select": "Id,TaskLinks"},
        decode=_json_bytes,
        also=(403, 404),
        stream="pwa_link",
    )
    return answer.status, body


def _task_links(body: bytes) -> tuple[list[bytes], str | None]:
    """The links in an answer, and where they go on: in the project that was asked for, in a list of one project, or
    on a page of their own."""
    data = odata.decode_one(body)
    if isinstance(data, dict) and isinstance(data.get("value"), list) and "TaskLinks" not in data:
        found = data["value"]
        following = data.get("odata.nextLink")
        if len(found) == 1 and isinstance(found[0], dict) and "TaskLinks" in found[0]:
            data = found[0]
        else:
            return [orjson.dumps(link) for link in found], following
    if isinstance(data, dict) and isinstance(data.get("results"), list):
        return [orjson.dumps(link) for link in data["results"]], data.get("__next")
    links = data.get("TaskLinks") if isinstance(data, dict) else None
    if isinstance(links, dict) and isinstance(links.get("results"), list):
        return [orjson.dumps(link) for link in links["results"]], links.get("__next")
    # Whoever does not expand them answers with an address in their place, which is not the same as none.
    if not isinstance(links, list):
        raise SourceMisbehaved(
            "the answer holds no links", stream="pwa_link", detail=body[:200].decode("utf-8", "replace")
        )
    return [orjson.dumps(link) for link in links], data.get("TaskLinks@odata.nextLink")


def _json_bytes(body: bytes) -> bytes:
    loads(body)
    return body
