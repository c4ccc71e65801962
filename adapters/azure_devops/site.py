"""An organisation as we found it: version, account, projects, processes and trees, each asked for once per run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from adapters.answers import Answer
from adapters.azure_devops.options import AzureDevOpsOptions
from adapters.azure_devops.process import Process, read_process
from adapters.azure_devops.trees import DEEPEST, Trees, read_trees
from adapters.errors import SourceMisbehaved, SourceRefused
from adapters.http import Http
from adapters.json_body import loads, page_decoder
from adapters.once import Once

T = TypeVar("T")

VERSIONS = ("7.1", "7.0", "6.0", "5.1", "5.0")
"""What we can speak, newest first: Services and Server 2022.1 down to Server 2019."""

HINTS = {
    401: "Check the token: it may be expired, revoked, or made for another organisation. A token for all "
    "organisations no longer works; make one for this organisation, with the scopes Work Items (Read) and Project "
    "and Team (Read). An Entra application must be a user of the organisation.",
    403: "The account lacks a permission or the token a scope: Work Items (Read), Project and Team (Read).",
    404: "Check `url`: it must end with the organisation or the collection.",
    429: "Azure DevOps limits requests. Lower `concurrency` or `per_second`, or run less often.",
}

FEED_REFUSALS = (400, 403, 404, 405, 501)
"""With which a feed is refused for good, and not for now."""

_PAGE = 100
_MOST_PAGES = 1000


class Connection(NamedTuple):
    """Who answers there, and who we are to it."""

    services: bool
    version: str
    account: str


class Project(NamedTuple):
    id: str
    name: str
    payload: bytes
    data: dict[str, Any]


class ListPage(msgspec.Struct):
    """`{"count": n, "value": [...]}`, the envelope of every list."""

    value: list[msgspec.Raw]


decode_list = page_decoder(ListPage, "value")


def as_object(body: bytes) -> dict[str, Any]:
    data = loads(body)
    if not isinstance(data, dict):
        raise ValueError("expected an object")
    return data


def as_list(body: bytes) -> list[Any]:
    """The elements of an enveloped list. Raises ValueError where a proxy puts an error in the place of the list."""
    found = as_object(body).get("value")
    if not isinstance(found, list):
        raise ValueError("expected a list")
    return found


def as_objects(body: bytes) -> list[dict[str, Any]]:
    """The same where every element counts: one that is no object would look as if it were not there."""
    found = as_list(body)
    if not all(isinstance(one, dict) for one in found):
        raise ValueError("expected a list of objects")
    return found


def type_key(answer: Answer) -> str:
    """What the tool calls its error: the one part of it that is not translated."""
    try:
        data = loads(answer.body)
    except ValueError:
        return ""
    return str(data.get("typeKey") or "") if isinstance(data, dict) else ""


class Site:
    """Asks an organisation about itself, through one `Http`."""

    def __init__(self, http: Http, options: AzureDevOpsOptions) -> None:
        self.http = http
        self.options = options
        self.zone = ZoneInfo(options.timezone) if options.timezone else None
        self.version = Once(self._version)
        self.connection = Once(self._connection)
        self.visible = Once(self._visible)
        self.fields = Once(self._fields)
        self.link_types = Once(self._link_types)
        self.feeds = Once(self._feeds)
        self._processes: dict[str, Once[Process]] = {}
        self._trees: dict[str, Once[Trees]] = {}

    async def get(
        self,
        path: str,
        decode: Callable[[bytes], T],
        *,
        stream: str = "",
        preview: bool = False,
        **params: Any,
    ) -> T:
        return (await self.send("GET", path, decode, stream=stream, preview=preview, params=params))[1]

    async def send(
        self,
        method: str,
        path: str,
        decode: Callable[[bytes], T],
        *,
        body: Any = None,
        params: Mapping[str, Any] | None = None,
        also: Collection[int] = (),
        stream: str = "",
        preview: bool = False,
    ) -> tuple[Answer, T]:
        version = await self.version()
        return await self.http.send(
            method,
            path,
            params={**(params or {}), "api-version": version + ("-preview" if preview else "")},
            body=body,
            decode=decode,
            also=also,
            stream=stream,
        )

    async def _scoped(
        self, path: str, decode: Callable[[bytes], T], scope: str, *, stream: str, **params: Any
    ) -> tuple[Answer, T]:
        """An answer that takes a scope, which is named where it is missing."""
        answer, found = await self.send("GET", path, decode, params=params, also=(403,), stream=stream)
        if answer.status == 403:
            raise SourceRefused(
                f"the account may not read {stream.replace('_', ' ')}s: {answer.said()}",
                stream=stream,
                detail=f"GET {self.options.url}/{path}",
                hint=f"The token needs the scope {scope}. An Entra application needs a licence in the organisation "
                "(Basic), and membership of the group Readers of each project.",
            )
        return answer, found

    async def _version(self) -> str:
        """The newest version that the other side speaks too."""
        for version in VERSIONS:
            answer, _ = await self.http.send(
                "GET",
                "_apis/projects",
                params={"$top": 1, "api-version": version},
                decode=as_list,
                also=(400, 403),
                stream="project",
            )
            # 403: the scope for projects is missing, which says nothing about the version.
            if answer.status != 400 or type_key(answer) != "VssVersionOutOfRangeException":
                break
        else:
            raise SourceRefused(
                f"this Azure DevOps Server speaks no version of its interface from {VERSIONS[-1]} on",
                detail=self.options.url,
                hint="Azure DevOps Server 2019 or newer is needed.",
            )
        if answer.status == 400:
            raise SourceRefused(
                f"Azure DevOps answered 400: {answer.said()}", detail=self.options.url, hint=HINTS[404]
            )
        return version

    async def _connection(self) -> Connection:
        found = await self.get("_apis/connectionData", as_object, preview=True)
        user = found.get("authenticatedUser")
        user = user if isinstance(user, dict) else {}
        if str(user.get("id") or "").startswith("aaaaaaaa-aaaa-"):
            # The tool's id for whoever it does not know: public projects answer to anybody.
            raise SourceRefused(
                "Azure DevOps takes us for anonymous", detail=self.options.url, hint=HINTS[401]
            )
        account = user.get("providerDisplayName") or user.get("customDisplayName") or user.get("id") or "?"
        return Connection(
            str(found.get("deploymentType") or "").lower() != "onpremises", await self.version(), str(account)
        )

    async def _feeds(self) -> bool:
        """Whether both reporting feeds are offered, and to us. Where one is not, work items are read by query."""
        now = self.http.tool_now().strftime("%Y-%m-%dT%H:%M:%SZ")
        for name in ("workitemrevisions", "workitemlinks"):
            answer, _ = await self.send(
                "GET",
                f"_apis/wit/reporting/{name}",
                bytes,  # whether it answers is all that is asked
                params={"startDateTime": now},
                also=FEED_REFUSALS,
                stream="work_item",
            )
            if answer.status in FEED_REFUSALS:
                return False
        return True

    # --- projects ---------------------------------------------------------------------------------------------

    async def _visible(self) -> list[Project]:
        """Every live project the account can see, selected or not."""
        found: dict[str, Project] = {}
        token = ""
        for page in range(_MOST_PAGES):
            params: dict[str, Any] = {"$top": _PAGE, "stateFilter": "wellFormed"}
            params |= {"continuationToken": token} if token else {"$skip": page * _PAGE}
            answer, listed = await self._scoped(
                "_apis/projects",
                decode_list,
                "Project and Team (Read), vso.project",
                stream="project",
                **params,
            )
            before = len(found)
            for raw in listed.value:
                payload = bytes(raw)
                data = loads(payload)
                if isinstance(data, dict) and data.get("id") and data.get("name"):
                    project = Project(str(data["id"]), str(data["name"]), payload, data)
                    found[project.id] = project
            token = answer.headers.get("x-ms-continuationtoken", "")
            if not token and len(listed.value) < _PAGE:
                return sorted(found.values(), key=lambda project: project.name.casefold())
            if len(found) == before and listed.value:
                break
        raise SourceMisbehaved("the list of projects does not end", stream="project", detail=self.options.url)

    def selected(self, project: Project) -> bool:
        """Whether the configuration names it."""
        wanted = self.options.select.projects
        if wanted is None:
            return True
        names = {name.strip().casefold() for name in wanted}
        return project.id.casefold() in names or project.name.casefold() in names

    async def projects(self) -> list[Project]:
        """The projects to read. Seeing none at all is never taken for "everything was deleted"."""
        visible = await self.visible()
        if not visible:
            raise SourceRefused(
                "the account sees no project at all",
                stream="project",
                detail=self.options.url,
                hint="Add it to the Readers of the projects; a token needs the scope Project and Team (Read). A "
                "new organisation has no project yet.",
            )
        chosen = [project for project in visible if self.selected(project)]
        if not chosen:
            raise SourceRefused(
                f"none of the selected projects is visible: {', '.join(self.options.select.projects or ())}",
                stream="project",
                detail=self.options.url,
                hint="Check the names in select.projects. Visible are: "
                + ", ".join(project.name for project in visible[:20]),
            )
        return chosen

    async def project_named(self, name: str) -> Project | None:
        """The visible project of that name, as work items write it; one that was created or renamed since the
        projects were listed is found by listing them again."""
        for again in (False, True):
            if again:
                self.visible = Once(self._visible)
            for project in await self.visible():
                if project.name.casefold() == name.casefold():
                    return project
        return None

    # --- what a project is made of ----------------------------------------------------------------------------

    async def process(self, project: str) -> Process:
        """Types, states and backlogs of a project, by its id."""
        if project not in self._processes:
            self._processes[project] = Once(lambda: self._process(project))
        return await self._processes[project]()

    async def _process(self, project: str) -> Process:
        types, categories, (answer, backlogs) = await asyncio.gather(
            self._of_project(project, "wit/workitemtypes", stream="work_item"),
            self._of_project(project, "wit/workitemtypecategories", stream="work_item"),
            self.send(
                "GET",
                f"{project}/_apis/work/processconfiguration",
                as_object,
                also=(400, 403, 404),
                stream="work_item",
            ),
        )
        return read_process(types, categories, backlogs if answer.status == 200 else {})

    async def trees(self, project: str) -> Trees:
        """Areas and iterations of a project, by its id."""
        if project not in self._trees:
            self._trees[project] = Once(lambda: self._load_trees(project))
        return await self._trees[project]()

    def forget_trees(self, project: str) -> None:
        self._trees.pop(project, None)

    async def _load_trees(self, project: str) -> Trees:
        roots = await self._of_project(
            project, "wit/classificationnodes", stream="iteration", **{"$depth": DEEPEST}
        )
        try:
            return read_trees(roots, project)
        except (KeyError, TypeError, ValueError, AttributeError) as wrong:
            raise SourceMisbehaved(
                f"the areas and iterations of project {project} are not told as they should be ({wrong})",
                stream="iteration",
                detail=self.options.url,
            ) from None

    async def _of_project(self, project: str, path: str, *, stream: str, **params: Any) -> list[Any]:
        """A list that every project has. Where it is not found, the project went while we were reading: read as none,
        it would take types or iterations away from all its work items, and nobody has anything to correct."""
        answer, found = await self.send(
            "GET", f"{project}/_apis/{path}", as_list, params=params, also=(404,), stream=stream
        )
        if answer.status == 404:
            raise SourceMisbehaved(
                f"{_CALLED[path]} of project {project} are not there",
                stream=stream,
                detail=self.options.url,
                hint="It may have been deleted or hidden just now; the next run notices by itself.",
            )
        return found

    async def _fields(self) -> list[dict[str, Any]]:
        _, found = await self._scoped(
            "_apis/wit/fields", as_list, "Work Items (Read), vso.work", stream="work_item"
        )
        return [field for field in found if isinstance(field, dict) and field.get("referenceName")]

    async def aliases(self) -> dict[str, str]:
        """Custom field name → path, without the names that two fields share."""
        used: dict[str, list[str]] = {}
        for field in await self.fields():
            reference = str(field["referenceName"])
            if is_custom(reference):
                # A date is kept as an instant; the day that was meant stands beside it.
                place = "portbook.on" if field.get("type") == "dateTime" else "fields"
                used.setdefault(str(field.get("name")), []).append(f'{place}."{reference}"')
        return {name: paths[0] for name, paths in used.items() if len(paths) == 1}

    async def _link_types(self) -> dict[str, bool]:
        """Base names of the link types whose links we keep, and whether a link has a direction: between work items
        of this organisation, but for the hierarchy, which items tell by their parent, and for tests."""
        found = await self.get("_apis/wit/workitemrelationtypes", as_list, stream="link")
        names: dict[str, bool] = {}
        for item in found:
            attributes = item.get("attributes") if isinstance(item, dict) else None
            if not isinstance(attributes, dict) or attributes.get("usage") != "workItemLink":
                continue
            reference = str(item.get("referenceName"))
            name = base_name(reference)
            if not name.startswith(_UNWANTED_LINKS):
                names[name] = name != reference
        return names


_CALLED = {
    "wit/workitemtypes": "the work item types",
    "wit/workitemtypecategories": "the categories of work item types",
    "wit/classificationnodes": "the areas and iterations",
}

_UNWANTED_LINKS = (
    "System.LinkTypes.Hierarchy",
    "System.LinkTypes.Remote.",
    "Microsoft.VSTS.Common.TestedBy",
    "Microsoft.VSTS.TestCase.",
)


def base_name(reference: str) -> str:
    """A link type without its direction."""
    return reference.removesuffix("-Forward").removesuffix("-Reverse")


def is_custom(reference: str) -> bool:
    """Whether an organisation defined the field itself."""
    return not reference.startswith(("System.", "Microsoft."))
