"""A Jira site as we found it: flavour, account, visible projects and fields, each asked for once per run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from adapters.errors import SourceMisbehaved, SourceRefused
from adapters.http import Http
from adapters.jira.fields import Fields, sort_fields
from adapters.jira.options import JiraOptions
from adapters.json_body import list_decoder, loads, page_decoder
from adapters.once import Once

T = TypeVar("T")

HINTS = {
    401: "Check the account and its token: it may be expired, revoked or meant for another address "
    "(scoped tokens and OAuth work on api.atlassian.com/ex/jira/<cloud id> only).",
    403: "The account lacks a permission or the token a scope. On Data Center, too many failed logins ask "
    "for a CAPTCHA first: sign in once with a browser.",
    404: "Check `url`: the site's address and nothing behind it (https://acme.atlassian.net), but the context path "
    "where it has one (https://jira.example.org/jira).",
    410: "This Jira no longer has the interface that was asked for.",
    429: "Jira limits requests. Lower `concurrency` or `per_second`, or run less often.",
}


@dataclass(frozen=True, slots=True)
class Server:
    """Who answers there, and who we are to it."""

    cloud: bool
    version: str
    browse: str
    """Base of links for people."""
    account: str
    account_id: str
    zone_name: str
    zone: tzinfo | None
    """The zone in which JQL reads our dates; None when the account's profile does not tell one we know."""

    @property
    def api(self) -> str:
        return "rest/api/3" if self.cloud else "rest/api/2"


class Project(NamedTuple):
    id: str
    key: str
    name: str
    old_keys: tuple[str, ...]
    payload: bytes
    data: dict[str, Any]


class ValuesPage(msgspec.Struct):
    """The shape `{startAt, maxResults, total, isLast, values}`; agile routes may leave the total out."""

    values: list[msgspec.Raw]
    isLast: bool | None = None  # noqa: N815 - Jira's spelling
    total: int | None = None


decode_values = page_decoder(ValuesPage, "values")
decode_list = list_decoder()


def as_object(body: bytes) -> dict[str, Any]:
    data = loads(body)
    if not isinstance(data, dict):
        raise ValueError("expected an object")
    return data


def as_array(body: bytes) -> list[Any]:
    data = loads(body)
    if not isinstance(data, list):
        raise ValueError("expected a list")
    return data


def zone_of(name: object) -> tzinfo | None:
    """The zone in a user's profile; None for one that is not told or that we do not know."""
    try:
        return ZoneInfo(name) if isinstance(name, str) and name else None
    except (KeyError, ValueError, OSError):
        return None


def user_id(user: Any) -> str | None:
    """The immutable id: accountId on Cloud; on Data Center `key`, which survives renames, else `name`."""
    if not isinstance(user, dict):
        return None
    value = user.get("accountId") or user.get("key") or user.get("name")
    return str(value) if value else None


class Site:
    """Asks a site about itself, through one `Http`."""

    def __init__(self, http: Http, options: JiraOptions) -> None:
        self.http = http
        self.options = options
        self.server = Once(self._server)
        self.fields = Once(self._fields)
        self.visible = Once(self._visible)
        self.has_boards = Once(self._has_boards)

    async def get(self, path: str, stream: str = "", **params: Any) -> Any:
        server = await self.server()
        return await self.http.json(
            "GET", f"{server.api}/{path}", params=params or None, decode=loads, stream=stream
        )

    async def _server(self) -> Server:
        info = await self.http.json("GET", "rest/api/2/serverInfo", decode=as_object)
        cloud = info.get("deploymentType") == "Cloud"
        # Bad credentials degrade to anonymous on many routes; this one says 401.
        me = await self.http.json("GET", f"rest/api/{3 if cloud else 2}/myself", decode=as_object)
        zone_name = str(me.get("timeZone") or "")
        return Server(
            cloud=cloud,
            version=str(info.get("version") or "?"),
            browse=str(info.get("baseUrl") or self.options.url).rstrip("/"),
            account=str(me.get("displayName") or me.get("emailAddress") or user_id(me) or "?"),
            account_id=user_id(me) or "",
            zone_name=zone_name,
            zone=zone_of(zone_name),
        )

    async def _fields(self) -> Fields:
        server = await self.server()
        found = await self.http.json("GET", f"{server.api}/field", decode=as_array)
        return sort_fields([field for field in found if isinstance(field, dict) and field.get("id")])

    async def _visible(self) -> list[Project]:
        """Every live project the account can see, selected or not."""
        server = await self.server()
        raws: list[msgspec.Raw] = []
        if server.cloud:
            while True:
                page = await self.http.json(
                    "GET",
                    f"{server.api}/project/search",
                    params={
                        "startAt": len(raws),
                        "maxResults": 100,
                        "orderBy": "key",
                        # Else those too that the account may administer and not browse: no search knows them.
                        "action": "browse",
                        "expand": "description,lead,url,projectKeys",
                    },
                    decode=decode_values,
                    stream="project",
                )
                raws += page.values
                if page.isLast or not page.values or (page.total is not None and len(raws) >= page.total):
                    if not page.isLast and len(raws) < (page.total or 0):
                        raise SourceMisbehaved(
                            f"Jira lists {len(raws)} projects and says that there are {page.total}",
                            stream="project",
                        )
                    break
        else:
            raws += await self.http.json(
                "GET",
                f"{server.api}/project",
                params={"expand": "description,lead,url,projectKeys"},
                decode=decode_list,
                stream="project",
            )
        projects = {}
        for raw in raws:
            payload = bytes(raw)
            data = loads(payload)
            if isinstance(data, dict) and data.get("id") and data.get("key"):
                old = tuple(str(key) for key in data.get("projectKeys") or ())
                project = Project(
                    str(data["id"]), str(data["key"]), str(data.get("name") or ""), old, payload, data
                )
                projects[project.id] = project
        return list(projects.values())

    async def may_browse(self, project_id: str) -> bool | None:
        """Whether the account may look into a project. Data Center lists those too that it merely administers.
        None when Jira does not know the project."""
        server = await self.server()
        answer, held = await self.http.send(
            "GET",
            f"{server.api}/mypermissions",
            params={"projectId": project_id, "permissions": "BROWSE_PROJECTS"},
            decode=as_object,
            also=(404,),
            stream="project",
        )
        if answer.status == 404:
            return None
        return bool(((held.get("permissions") or {}).get("BROWSE_PROJECTS") or {}).get("havePermission"))

    def selected(self, project: Project) -> bool:
        """Whether the configuration names it, by today's key or by one it had before."""
        wanted = self.options.select.projects
        if wanted is None:
            return True
        names = {name.strip().casefold() for name in wanted}
        return any(key.casefold() in names for key in (project.key, *project.old_keys))

    async def projects(self) -> list[Project]:
        """The projects to read. Seeing none at all is never taken for "everything was deleted"."""
        visible = await self.visible()
        if not visible:
            raise SourceRefused(
                "the account sees no project at all",
                stream="project",
                detail=self.options.url,
                hint="Give it the Browse Projects permission. With a scoped token, check its scopes "
                "(read:jira-work) and its address.",
            )
        chosen = [project for project in visible if self.selected(project)]
        if not chosen:
            raise SourceRefused(
                f"none of the selected projects is visible: {', '.join(self.options.select.projects or ())}",
                stream="project",
                detail=self.options.url,
                hint="Check the keys in select.projects. Visible are: "
                + ", ".join(project.key for project in visible[:20]),
            )
        return chosen

    async def _has_boards(self) -> bool:
        """Whether this Jira has boards and lets us see them (no Jira Software, or no scope: it has not)."""
        if not self.options.boards:
            return False
        answer, _ = await self.http.send(
            "GET",
            "rest/agile/1.0/board",
            params={"maxResults": 1},
            decode=loads,
            also=(400, 401, 403, 404),
            stream="sprint",
        )
        return answer.status == 200
