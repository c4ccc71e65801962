"""A GitHub of two repositories, as far as issues go.

https://docs.github.com/en/rest/issues/issues
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fakes.server import Call, FakeTool, Refusal, Wire, WireFaults

MISSING = Refusal(404, {"message": "Not Found"})


class FakeGitHub(FakeTool):
    """A context manager; `issues` by repository and number; None stands for a deleted one."""

    def __init__(self) -> None:
        self.wire: Wire[WireFaults] = Wire(WireFaults())
        self.secret = "fake-github-token"
        self.issues: dict[str, dict[int, Any]] = {"acme/pay": {}, "acme/web": {}}
        self.hidden: set[str] = set()
        self._next = 1000
        routes = [
            Route("/user", self._endpoint(lambda request: {"login": "pmo-reader"})),
            Route("/repos/{owner}/{name}", self._endpoint(self._repo)),
            Route("/repos/{owner}/{name}/issues", self._endpoint(self._listed)),
            Route("/repos/{owner}/{name}/issues/{number:int}", self._endpoint(self._one)),
        ]
        super().__init__(Starlette(routes=routes))

    @property
    def faults(self) -> WireFaults:
        return self.wire.faults

    @property
    def log(self) -> list[Call]:
        return self.wire.log

    def heal(self) -> None:
        self.wire.faults = WireFaults()

    def add(self, repo: str, title: str, at: datetime | None = None) -> int:
        """Gives the id; the number counts within the repository."""
        with self.wire.lock:
            self._next += 1
            number = len(self.issues[repo]) + 1
            self.issues[repo][number] = {
                "id": self._next,
                "number": number,
                "title": title,
                "state": "open",
                "repository_url": f"https://api.github.com/repos/{repo}",
                "updated_at": _text(at or datetime.now(UTC)),
            }
            return self._next

    def find(self, own: int) -> tuple[str, int]:
        return next(
            (repo, number)
            for repo, found in self.issues.items()
            for number, issue in found.items()
            if isinstance(issue, dict) and issue["id"] == own
        )

    def edit(self, own: int, title: str) -> None:
        with self.wire.lock:
            repo, number = self.find(own)
            self.issues[repo][number] |= {"title": title, "updated_at": _text(datetime.now(UTC))}

    def delete(self, own: int) -> None:
        with self.wire.lock:
            repo, number = self.find(own)
            self.issues[repo][number] = None

    def _endpoint(self, handler: Any) -> Any:
        async def endpoint(request: Request) -> Response:
            return await self.wire.answer(request, lambda body: handler(request), signed_in=self._signed_in)

        return endpoint

    def _signed_in(self, request: Request) -> Refusal | None:
        known = request.headers.get("authorization") == f"Bearer {self.secret}"
        return None if known else Refusal(401, {"message": "Bad credentials"})

    def _home(self, request: Request) -> str:
        repo = "{owner}/{name}".format(**request.path_params)
        if repo not in self.issues or repo in self.hidden:
            raise MISSING
        return repo

    def _repo(self, request: Request) -> Any:
        return {"full_name": self._home(request)}

    def _one(self, request: Request) -> Any:
        found = self.issues[self._home(request)]
        number = request.path_params["number"]
        if number not in found:
            raise MISSING
        if found[number] is None:
            raise Refusal(410, {"message": "This issue was deleted"})
        return found[number]

    def _listed(self, request: Request) -> Any:
        query = request.query_params
        rows = [issue for issue in self.issues[self._home(request)].values() if issue is not None]

        def changed(issue: Any) -> str:
            return str(issue["updated_at"]) if isinstance(issue, dict) else ""

        rows = [row for row in rows if not isinstance(row, dict) or changed(row) >= query.get("since", "")]
        if query.get("sort") == "updated":
            rows.sort(key=changed, reverse=query.get("direction", "desc") == "desc")
        size, page = min(int(query.get("per_page", 30)), 100), int(query.get("page", 1))
        return orjson.dumps(rows[(page - 1) * size : page * size])


def long_ago(minutes: int) -> datetime:
    return datetime.now(UTC) - timedelta(days=30) + timedelta(minutes=minutes)


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
