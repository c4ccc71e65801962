"""Issues of GitHub repositories, for the guide `docs/add-a-tool.md`; no part of the product."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from adapters.address import usable_base_url
from adapters.base import Cursor, Identity, Page, Partition, Presence, RawRecord, SourceField, Stream
from adapters.errors import SourceMisbehaved, SourceRefused
from adapters.http import Http, Patience
from adapters.json_body import NUMBER_AS_ID, kept_aside, list_decoder, loads
from adapters.sign_in import Refresh, SignIn

HINTS = {
    401: "The token may be expired or revoked. Make a new one that may read issues, and put it into `token`.",
    403: "The token may not read this. It needs the permission Issues: read.",
    404: "Check `repos`: GitHub answers 404 also for a repository that the token may not see.",
}
MOST_AT_ONCE = 100
"""https://docs.github.com/en/rest/issues/issues#list-repository-issues"""
_WHY = {200: Presence.PRESENT, 301: Presence.MOVED, 410: Presence.DELETED}
GRAIN = timedelta(seconds=1)
"""GitHub's instants are whole seconds: an issue may change again within the second that was read last."""


class GitHubIssuesOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, AfterValidator(usable_base_url)] = Field(
        default="https://api.github.com", description="Address of the API."
    )
    token: SecretStr = Field(description="A token that may read issues, by reference: {env: NAME}.")
    repos: list[str] = Field(min_length=1, description="Repositories, as owner/name.")
    page_size: int = Field(default=100, ge=2, le=MOST_AT_ONCE, description="Issues asked for at once.")


def _object(body: bytes) -> dict[str, Any]:
    data = loads(body)
    if not isinstance(data, dict):
        raise ValueError("not an object")
    return data


class GitHubIssuesAdapter:
    kind: ClassVar[str] = "github_issues"
    options: ClassVar[type[BaseModel]] = GitHubIssuesOptions

    def __init__(
        self,
        options: GitHubIssuesOptions,
        *,
        refresh: Refresh | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._options, self._list = options, list_decoder()
        self._http = Http(options.url, SignIn(options.token, refresh=refresh), hints=HINTS, patience=patience)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._http.__aexit__(*exc)

    async def check(self) -> Identity:
        user = await self._http.json("GET", "user", decode=_object)
        seen = await self._visible()
        missing = tuple(
            SourceRefused(f"{name} of `repos` is not visible", hint=HINTS[404])
            for name in self._options.repos
            if name not in seen
        )
        return Identity(str(user.get("login", "")), "GitHub", "UTC", unmet=missing)

    async def discover(self) -> list[Stream]:
        found: dict[str, list[Any]] = {}
        for name in await self._visible():
            for raw in await self._issues(name, {"per_page": 20}):
                record = _record(bytes(raw), name)
                for path, value in (record.data or {}).items() if record else ():
                    if value not in (None, "", []) and len(found.setdefault(path, [])) < 3:
                        found[path].append(value if isinstance(value, int) else str(value)[:200])
        fields = [SourceField(path, path, type(v[0]).__name__, tuple(v)) for path, v in found.items() if v]
        return [Stream("issue", "Issues", tuple(fields), {"state": ["open", "closed"]})]

    async def partitions(self) -> list[Partition]:
        """A repository each: one that was hidden from us does not keep the others from being read."""
        seen = await self._visible()
        return [Partition(f"issues:{name}", ("issue",), f"issues of {name}") for name in seen]

    async def read(self, partition: Partition, cursor: Cursor | None, *, full: bool) -> AsyncIterator[Page]:
        """In the order of the last change, always from the last instant on instead of by number of page: what
        is edited meanwhile comes again at the end, and what is deleted moves nothing across a page's edge. A short
        page ends nothing: only one that brings nothing newer does."""
        name = partition.name.partition(":")[2]
        cursor = cursor if cursor and (not full or cursor.get("full")) else {}
        since, size = cursor.get("since"), self._options.page_size
        full = full or bool(cursor.get("full"))
        while True:
            asked = {"sort": "updated", "direction": "asc", "per_page": size}
            if since:
                asked["since"] = _text(_instant(since) - GRAIN)
            raws = await self._issues(name, asked)
            records = [record for raw in raws if (record := _record(bytes(raw), name)) is not None]
            latest = max((_text(r.updated_at) for r in records if r.updated_at), default=since)
            if latest is None or (since and latest <= since):
                if len(raws) < size:
                    yield Page(records, {"since": since} if since else {})
                    return
                if size == MOST_AT_ONCE:
                    raise SourceMisbehaved(
                        f"more than {MOST_AT_ONCE} issues changed within a second",
                        stream="issue",
                        detail=name,
                        hint="Nothing was skipped. They can be read once some of them change again.",
                    )
                size = min(size * 2, MOST_AT_ONCE)
                continue
            since = latest
            yield Page(records, {"since": since, "full": True} if full else {"since": since})

    async def aliases(self) -> Mapping[str, str]:
        return {}

    async def locate(
        self, stream: str, ids: Sequence[str], last_known: Mapping[str, Any]
    ) -> dict[str, Presence]:
        found: dict[str, Presence] = {}
        visible = await self._visible()
        for own in ids:
            known = last_known.get(own) or {}
            home = str(known.get("repository_url", "")).partition("/repos/")[2]
            if not home or home not in self._options.repos:
                found[own] = Presence.OUT_OF_SCOPE
            elif home not in visible:
                found[own] = Presence.LOST_ACCESS
            else:
                path = f"repos/{home}/issues/{known['number']}"
                answer, _ = await self._http.send("GET", path, decode=_object, also=(301, 404, 410))
                found[own] = _WHY.get(answer.status, Presence.LOST_ACCESS)
        return found

    async def _visible(self) -> list[str]:
        seen = []
        for name in self._options.repos:
            answer, _ = await self._http.send("GET", f"repos/{name}", decode=_object, also=(404,))
            if answer.status != 404:
                seen.append(name)
        if not seen:
            raise SourceRefused("none of `repos` is visible", detail=self._options.url, hint=HINTS[404])
        return seen

    async def _issues(self, name: str, asked: Mapping[str, Any]) -> Sequence[Any]:
        params = {"state": "all", **asked}
        return await self._http.json(
            "GET", f"repos/{name}/issues", params=params, decode=self._list, stream="issue"
        )


def _record(raw: bytes, repo: str) -> RawRecord | None:
    """None for a pull request, which GitHub lists among the issues."""
    try:
        data = loads(raw)
        if "pull_request" in data:
            return None
        return RawRecord("issue", str(int(data["id"])), raw, data, _instant(data["updated_at"]))
    except (ValueError, TypeError, KeyError) as wrong:
        hint = f"Look at it in {repo}."
        return kept_aside("issue", raw, f"it has another shape ({wrong!r})", name=NUMBER_AS_ID, hint=hint)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
