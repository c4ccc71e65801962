"""The wire format: the feed's sets with filters, order and pages, and what can go wrong with them."""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fakes.project_server.world import ASSIGNMENT, TASK, Row
from tests.fakes.server import Refusal, WireFaults

if TYPE_CHECKING:
    from tests.fakes.project_server import FakeProjectServer

KEYS = {
    "Projects": ("ProjectId",), "Tasks": ("ProjectId", "TaskId"), "Assignments": ("AssignmentId", "ProjectId"),
    "Resources": ("ResourceId",), "TaskBaselines": ("ProjectId", "TaskId", "BaselineNumber"),
    "ProjectBaselines": ("ProjectId", "BaselineNumber"), "Risks": ("ProjectId", "RiskId"),
    "Issues": ("ProjectId", "IssueId"), "Deliverables": ("ProjectId", "DeliverableId"),
}  # fmt: skip
TEMPLATES: dict[str, Row] = {"Tasks": TASK, "Assignments": ASSIGNMENT}
OPTIONS = {"$filter", "$select", "$orderby", "$top", "$skip", "$skiptoken", "$inlinecount", "$format"}
LONGEST_ADDRESS = 2000


@dataclass
class Faults(WireFaults):
    token_expires_after: int = 0
    """Requests until the account's secret is refused."""
    retired: int = 0
    """Answer everything with this status, as a site does that is gone."""
    no_reporting_right: bool = False
    no_links: bool = False
    """The account may not open the projects themselves."""
    skip_links: bool = False
    """Links to next pages count rows (`$skip`) instead of naming the last one."""
    internal_host: str = ""
    """Links to next pages name the server as it is called inside its network."""
    repeat_link: bool = False
    """A link to a next page that leads back to the same page."""
    lost_rows: int = 0
    """Leave so many tasks out of every listing, as a feed does that is being filled anew."""
    on_page: Callable[[str, int], None] | None = None
    """Called with the set's name and the number of the listing before it is answered: edits made while somebody
    reads."""


def build(fake: FakeProjectServer) -> Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]:
    state = _State(fake)

    async def data(request: Request) -> Response:
        return await fake.wire.answer(request, lambda body: state.data(request), signed_in=state.signed_in)

    async def server(request: Request) -> Response:
        return await fake.wire.answer(request, lambda body: state.server(request), signed_in=state.signed_in)

    return Starlette(
        routes=[
            Route("/pwa/_api/ProjectData/{rest:path}", data),
            Route("/pwa/_api/ProjectServer/{rest:path}", server),
        ]
    )


class _State:
    def __init__(self, fake: FakeProjectServer) -> None:
        self.fake = fake
        self.places: dict[str, tuple[Any, ...]] = {}
        self.listings = 0

    def signed_in(self, request: Request) -> Refusal | None:
        faults = self.fake.faults
        if faults.retired:
            where = {"Location": "https://www.office.com/"} if 300 <= faults.retired < 400 else None
            return Refusal(faults.retired, b"", where)
        if faults.token_expires_after and self.fake.wire.requests > faults.token_expires_after:
            faults.token_expires_after = 0
            self.fake.secret += "-renewed"
        basic = base64.b64encode(f"EXAMPLE\\portbook:{self.fake.secret}".encode()).decode()
        if request.headers.get("authorization") not in (f"Basic {basic}", f"Bearer {self.fake.secret}"):
            return Refusal(401, b"401 UNAUTHORIZED", {"WWW-Authenticate": "NTLM"})
        if faults.no_reporting_right and "ProjectData" in request.url.path:
            return self.refusal(403, "-2147024891, System.UnauthorizedAccessException", "Access denied.")
        return None

    def refusal(self, status: int, code: str, text: str) -> Refusal:
        message = {"lang": "en-US", "value": text}
        name = "error" if self.fake.verbose else "odata.error"
        return Refusal(status, {name: {"code": code, "message": message}})

    def data(self, request: Request) -> Any:
        found = re.fullmatch(r"(?:\[[a-z]{2}-[A-Z]{2}\]/)?([A-Za-z]+)", request.path_params["rest"])
        if len(str(request.url)) > LONGEST_ADDRESS:
            raise self.refusal(
                404, "-1", "The length of the URL for this request exceeds the configured value."
            )
        if found is None or found[1] not in KEYS:
            raise self.refusal(
                404, "-1, Microsoft.Data.OData", f"Resource not found: {request.path_params['rest']}"
            )
        query = dict(request.query_params)
        if unknown := [name for name in query if name not in OPTIONS]:
            raise self.refusal(400, "-1", f"The query parameter {unknown[0]} is not supported.")
        name = found[1]
        self.listings += 1
        if self.fake.faults.on_page:
            self.fake.faults.on_page(name, self.listings)
        return self.listing(name, query, request)

    def listing(self, name: str, query: dict[str, str], request: Request) -> Any:
        faults = self.fake.faults
        rows = self.rows(name, query.get("$filter"))
        if name == "Tasks" and faults.lost_rows and "$filter" in query:
            rows = rows[: -faults.lost_rows]
        whole = len(rows) + (faults.lost_rows if name == "Tasks" and "$filter" in query else 0)
        order = [part.strip().removesuffix(" asc") for part in query.get("$orderby", "").split(",") if part]

        def place(row: Row) -> tuple[Any, ...]:
            return tuple(str(row[field]) for field in (*order, *KEYS[name]))

        rows.sort(key=place)
        if token := query.get("$skiptoken"):
            if token not in self.places:
                raise self.refusal(400, "-1", "The skip token is not valid.")
            after = self.places[token]
            rows = [row for row in rows if place(row) > after]
        skipped = int(query.get("$skip", 0))
        rows = rows[skipped:]
        wanted = int(query["$top"]) if "$top" in query else len(rows)
        size = min(self.fake.page_size, wanted)
        page = rows[:size]
        following = None
        if len(rows) > size and wanted > size:
            rest = {key: value for key, value in query.items() if key not in ("$skip", "$skiptoken")}
            if faults.skip_links:
                rest["$skip"] = str(skipped + (0 if faults.repeat_link else size))
            else:
                token = f"{name}-{len(self.places)}"
                self.places[token] = place(page[-1])
                rest["$skiptoken"] = token
            text = "&".join(f"{quote(key, safe='$')}={quote(value)}" for key, value in rest.items())
            host = faults.internal_host or self.fake.url
            following = f"{host}{quote(request.url.path)}?{text}"
        chosen = [part.strip() for part in query.get("$select", "").split(",") if part.strip()]
        values = [self.wire_row(name, row, chosen) for row in page]
        return self.wrapped(
            name, values, following, whole if query.get("$inlinecount") == "allpages" else None
        )

    def rows(self, name: str, condition: str | None) -> list[Row]:
        world = self.fake.world
        if condition is None:
            return list(world.sets[name].values())
        own = re.fullmatch(r"ProjectId eq guid'([0-9a-fA-F-]{36})'", condition)
        if own and name != "Projects":
            return list(world.by_project.get((name, own[1].lower()), {}).values())
        test = Condition(condition, self.refusal).parsed()
        template = TEMPLATES.get(name, {})
        return [row for row in world.sets[name].values() if test({**template, **row})]

    def wire_row(self, name: str, row: Row, chosen: list[str]) -> Row:
        whole = {**TEMPLATES.get(name, {}), **row}
        if chosen:
            if missing := [field for field in chosen if field not in whole]:
                raise self.refusal(400, "-1", f"Could not find a property named '{missing[0]}'.")
            whole = {field: whole[field] for field in chosen}
        return {field: self.wire_value(value) for field, value in whole.items()}

    def wire_value(self, value: Any) -> Any:
        if isinstance(value, Decimal):
            return f"{value:.6f}"
        if isinstance(value, datetime):
            if self.fake.verbose:
                return f"/Date({round((value - datetime(1970, 1, 1)).total_seconds() * 1000)})/"
            return value.isoformat()
        return value

    def wrapped(self, name: str, values: list[Any], following: str | None, count: int | None) -> Any:
        answer: dict[str, Any]
        if self.fake.verbose:
            answer = {"results": values}
            if count is not None:
                answer["__count"] = str(count)
            if following:
                answer["__next"] = following
            return {"d": answer}
        answer = {"odata.metadata": f"{self.fake.site}/_api/ProjectData/$metadata#{name}"}
        if count is not None:
            answer["odata.count"] = str(count)
        answer["value"] = values
        if following:
            answer["odata.nextLink"] = following
        return answer

    def server(self, request: Request) -> Any:
        found = re.fullmatch(r"Projects\('([0-9a-f-]{36})'\)", request.path_params["rest"])
        home = found[1] if found else ""
        if self.fake.faults.no_links:
            raise self.refusal(403, "-1, System.UnauthorizedAccessException", "GeneralSecurityAccessDenied")
        if home not in self.fake.world.links or request.query_params.get("$expand") != "TaskLinks":
            raise self.refusal(404, "-1, Microsoft.SharePoint.Client.ResourceNotFoundException", "Not found.")
        links = self.fake.world.links[home]
        project = {"Id": home, "TaskLinks": {"results": links} if self.fake.verbose else links}
        if self.fake.verbose:
            return {"d": project}
        return {"odata.metadata": f"{self.fake.site}/_api/$metadata", **project}


_TOKEN = re.compile(
    r"\s*(?:(?P<sign>[()])|(?P<word>and|or|not|eq|ne|gt|ge|lt|le)\b|guid'(?P<guid>[0-9a-fA-F-]{36})'"
    r"|datetime'(?P<when>[0-9T:.-]+)'|(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<plain>true|false|null)\b|(?P<name>[A-Za-z_]\w*))"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "gt": lambda a, b: a is not None and a > b,
    "ge": lambda a, b: a is not None and a >= b, "lt": lambda a, b: a is not None and a < b,
    "le": lambda a, b: a is not None and a <= b,
}  # fmt: skip


class Condition:
    """A `$filter` of version 3: literals as `guid'…'` and `datetime'…'`. Forms of version 4 are refused."""

    def __init__(self, text: str, refusal: Callable[[int, str, str], Refusal]) -> None:
        self._refusal = refusal
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text.rstrip()):
            found = _TOKEN.match(text, at)
            if found is None:
                raise refusal(400, "-1", f"Syntax error at position {at} in '{text}'.")
            kind = str(found.lastgroup)
            self._tokens.append((kind, found[kind]))
            at = found.end()
        self._at = 0

    def parsed(self) -> Callable[[Row], bool]:
        test = self._either()
        if self._at != len(self._tokens):
            raise self._refusal(400, "-1", "Syntax error in $filter.")
        return test

    def _either(self) -> Callable[[Row], bool]:
        left = self._both()
        while self._taken("or"):
            right, before = self._both(), left
            left = lambda row, a=before, b=right: a(row) or b(row)  # noqa: E731
        return left

    def _both(self) -> Callable[[Row], bool]:
        left = self._one()
        while self._taken("and"):
            right, before = self._one(), left
            left = lambda row, a=before, b=right: a(row) and b(row)  # noqa: E731
        return left

    def _one(self) -> Callable[[Row], bool]:
        if self._taken("("):
            inner = self._either()
            self._need(")")
            return inner
        if self._taken("not"):
            negated = self._one()
            return lambda row: not negated(row)
        kind, name = self._next()
        word, operator = self._next()
        if kind != "name" or word != "word" or operator not in _COMPARE:
            raise self._refusal(400, "-1", "Syntax error in $filter.")
        value = self._literal(*self._next())

        def test(row: Row) -> bool:
            if name not in row:
                raise self._refusal(400, "-1", f"Could not find a property named '{name}'.")
            return _COMPARE[operator](row[name], value)

        return test

    def _literal(self, kind: str, text: str) -> Any:
        match kind:
            case "guid":
                return text.lower()
            case "when":
                return datetime.fromisoformat(text)
            case "text":
                return text[1:-1].replace("''", "'")
            case "number":
                return float(text)
            case "plain":
                return orjson.loads(text)
        raise self._refusal(400, "-1", "Syntax error in $filter.")

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise self._refusal(400, "-1", "Syntax error in $filter.")
        self._at += 1
        return self._tokens[self._at - 1]

    def _taken(self, text: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at][1] == text:
            self._at += 1
            return True
        return False

    def _need(self, text: str) -> None:
        if not self._taken(text):
            raise self._refusal(400, "-1", "Syntax error in $filter.")
