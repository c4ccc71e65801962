"""Reading single records again, as they are now."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from adapters.base import Hint, Page
from adapters.jira.issues import Issues
from adapters.jira.keys import find_issues
from adapters.jira.people import People
from adapters.jira.reference import worklogs_again
from adapters.jira.search import decode_search
from adapters.jira.site import Site

CHUNK = 50
"""Cloud reconciles at most so many issues with what its search, which lags behind, says of them."""


async def reread(
    site: Site, issues: Issues, people: People, hints: Sequence[Hint]
) -> AsyncGenerator[Page, None]:
    """Issues and worklogs by id. What is not visible, or lies outside the projects we read, is left out."""
    named = [hint.id for hint in hints if hint.stream == "issue" and hint.id.isdigit()]
    chosen = {project.id: project for project in await site.projects()}
    homes: dict[str, list[str]] = {}
    async for issue in find_issues(site, named):
        fields = issue["fields"]
        if not fields.get("archiveddate"):
            homes.setdefault(str(fields["project"]["id"]), []).append(str(issue["id"]))
    for home, ids in homes.items():
        if home in chosen:
            for start in range(0, len(ids), CHUNK):
                raws = await _issues(site, ids[start : start + CHUNK])
                yield Page(await issues.records(chosen[home], raws), None)
    worklogs = [int(hint.id) for hint in hints if hint.stream == "worklog" and hint.id.isdigit()]
    for start in range(0, len(worklogs), CHUNK):
        yield Page(await worklogs_again(site, people, worklogs[start : start + CHUNK]), None)


async def _issues(site: Site, ids: Sequence[str]) -> list[bytes]:
    """The same search, with the same fields, as a whole read makes: an unchanged issue gives the same bytes."""
    server = await site.server()
    body: dict[str, Any] = {
        "jql": f"id in ({', '.join(ids)}) ORDER BY id ASC",
        "fields": list((await site.fields()).asked),
        "maxResults": CHUNK,
    }
    # Search answers from an index that may lag seconds behind the change we were told of.
    body |= {"reconcileIssues": [int(name) for name in ids]} if server.cloud else {"validateQuery": False}
    page = await site.http.json(
        "POST",
        f"{server.api}/{'search/jql' if server.cloud else 'search'}",
        body=body,
        decode=decode_search,
        stream="issue",
    )
    return [bytes(raw) for raw in page.issues]
