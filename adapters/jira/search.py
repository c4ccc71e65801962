"""Reading the issues of a project in an order that survives what happens to them meanwhile.

Both flavours read one *window* of time after the other: `created >= "…"` (full) or `updated >= "…"`
(changes), oldest first. Inside a window Cloud hands out page tokens and Data Center counts offsets. When a
token is refused or the rows shifted under an offset, a new window opens at the minute of the last row
received: rows repeat, none is skipped.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, NamedTuple

import msgspec

from adapters.errors import SourceMisbehaved, SourceRefused
from adapters.http import Http
from adapters.jira.payload import decode
from adapters.jira.site import Server
from adapters.json_body import page_decoder

OVERLAP = timedelta(minutes=5)
"""Index lag, JQL's minutes and differing clocks together stay below this."""

DEEPEST_OFFSET = 5000
"""Newer Data Center search engines refuse rows beyond 10,000; a new window opens well before."""

MOST_SHIFTS = 50
MOST_EMPTY = 5


class SearchPage(msgspec.Struct):
    issues: list[msgspec.Raw]
    total: int | None = None
    nextPageToken: str | None = None  # noqa: N815 - Jira's spelling
    isLast: bool | None = None  # noqa: N815


decode_search = page_decoder(SearchPage, "issues")


class Place(NamedTuple):
    """Where the next request goes on inside a read."""

    window: datetime | None = None
    """Rows from this instant on; None: from the beginning."""
    token: str | None = None
    start: int = 0
    last: str | None = None
    """Id of the last row received in this window."""
    reached: datetime | None = None
    """That row's `created` or `updated`: where a new window would open."""


class Rows(NamedTuple):
    raws: list[bytes]
    total: int | None
    done: bool
    place: Place
    """After these rows, but for `last` and `reached`, which take the decoded rows to tell."""


class TokenRefused(Exception):
    pass


class Shifted(Exception):
    pass


class ProjectHidden(SourceMisbehaved):
    """No search knows the project. Other projects of the source go on."""


def jql_minute(moment: datetime, zone: tzinfo | None) -> str:
    """The latest JQL literal that no reading of it puts after `moment`.

    JQL has minutes, no offset, and reads dates in the account's zone. In the hour that a clock change
    repeats, a literal means two instants; one hour earlier is then the safe side. Without a known zone: a day
    earlier.
    """
    if zone is None:
        return f"{moment.astimezone(UTC) - timedelta(hours=24):%Y-%m-%d %H:%M}"
    local = moment.astimezone(zone).replace(second=0, microsecond=0, tzinfo=None)
    while local.replace(tzinfo=zone, fold=1).astimezone(UTC) > moment:
        local -= timedelta(hours=1)
    return f"{local:%Y-%m-%d %H:%M}"


class IssueSearch:
    """The pages of one project's issues. `by` is `created` or `updated`."""

    def __init__(
        self, http: Http, server: Server, project_id: str, by: str, fields: tuple[str, ...], page_size: int
    ) -> None:
        self._http = http
        self._server = server
        self._project = project_id
        self._by = by
        self._fields = list(fields)
        self._page_size = page_size
        self._tokens: set[str] = set()
        self._empty = 0
        self._before: list[bytes] = []

    def jql(self, window: datetime | None) -> str:
        since = f' AND {self._by} >= "{jql_minute(window, self._server.zone)}"' if window else ""
        return f"project = {self._project}{since} ORDER BY {self._by} ASC, id ASC"

    async def page(self, place: Place) -> Rows:
        """The rows after `place`. Raises TokenRefused or Shifted when a new window must open."""
        return await (self._cloud(place) if self._server.cloud else self._data_center(place))

    async def _ask(self, path: str, body: dict[str, Any], refusable: bool) -> SearchPage:
        answer, page = await self._http.send(
            "POST", f"{self._server.api}/{path}", body=body, decode=decode_search, also=(400,), stream="issue"
        )
        if answer.status != 400:
            return page
        said = answer.said()
        if refusable and "does not exist for the field" not in said:
            raise TokenRefused(said)
        if "does not exist for the field 'project'" in said:
            raise ProjectHidden(
                f"project {self._project} is no longer visible to the account",
                stream="issue",
                detail=said,
                hint="If that is meant, the next run notices by itself; else give Browse Projects back.",
            )
        raise SourceRefused(
            f"Jira refuses the search: {said}",
            stream="issue",
            detail=body["jql"],
            hint="Please report this JQL.",
        )

    async def _cloud(self, place: Place) -> Rows:
        body: dict[str, Any] = {
            "jql": self.jql(place.window),
            "fields": self._fields,
            "maxResults": self._page_size,
        }
        if place.token:
            body["nextPageToken"] = place.token
            self._tokens.add(place.token)
        page = await self._ask("search/jql", body, refusable=bool(place.token))
        token = page.nextPageToken or None
        done = token is None or page.isLast is True
        raws = [bytes(raw) for raw in page.issues]
        if token is None and page.isLast is False:
            raise self._insane("says that more follows but gives no page token")
        if not done and token in self._tokens:
            raise self._insane("hands out a page token a second time")
        if raws and raws == self._before:
            raise self._insane("sends the same page under a new token")
        self._empty = 0 if raws else self._empty + 1
        if not done and self._empty > MOST_EMPTY:
            raise self._insane(f"sends {self._empty} empty pages in a row and promises more")
        self._before = raws
        return Rows(
            raws, None, done, place._replace(token=None if done else token, start=place.start + len(raws))
        )

    async def _data_center(self, place: Place) -> Rows:
        # Each page repeats the last row of the one before. If another row stands there, rows in front of it
        # went away (deleted, moved, edited): counting on would skip as many.
        overlap = 1 if place.start else 0
        body = {
            "jql": self.jql(place.window),
            "fields": self._fields,
            "startAt": place.start - overlap,
            "maxResults": self._page_size,
        }
        page = await self._ask("search", body, refusable=False)
        raws = [bytes(raw) for raw in page.issues]
        if page.total is None:
            raise self._insane("gives no total")
        if overlap:
            if not raws or _row_id(raws[0]) != place.last:
                raise Shifted
            raws = raws[1:]
        start = place.start + len(raws)
        done = start >= page.total
        if not done and not raws:
            raise self._insane(
                f"sends no further rows after {start} of {page.total}; its page limit may be set too low"
            )
        return Rows(raws, page.total, done, place._replace(start=start))

    def _insane(self, what: str) -> SourceMisbehaved:
        return SourceMisbehaved(
            f"the search {what}",
            stream="issue",
            detail=f"project {self._project} at {self._http.base_url}",
            hint="Nothing was concluded from it. Run the sync again; if it stays so, report it to the "
            "administrator of that Jira.",
        )


class _Row(msgspec.Struct):
    id: str


_row_decoder = msgspec.json.Decoder(_Row)


def _row_id(raw: bytes) -> str:
    try:
        return _row_decoder.decode(raw).id
    except (msgspec.DecodeError, RecursionError):
        data = decode(raw)
        return str(data["id"]) if isinstance(data, dict) else data.id
