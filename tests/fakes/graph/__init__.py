"""A Microsoft Graph with SharePoint behind it, each on a port of its own.

with FakeEntra() as entra, FakeGraph(entra) as fake:
    drive = fake.world.add_site("pmo")                   # https://acme.sharepoint.com/sites/pmo, library Documents
    item = drive.put("Registers/RAID.xlsx", content)     # again: a new version
    drive.rename(item, "RAID 2026.xlsx"), drive.move(item, folder), drive.delete(item)
    options = {"kind"…, "drive": {"site": fake.site("pmo"), "path": "Registers/*.xlsx", "graph": fake.base}, "auth": fake.auth()}
    fake.world.totals()

Files are handed out by another server than Graph, at addresses that need no credentials and must get none.
"""

from __future__ import annotations

from typing import Any, Self

from tests.fakes.entra import FakeEntra
from tests.fakes.graph.app import GraphFaults, State, build_content, build_graph
from tests.fakes.graph.world import FakeDrive, Node, World
from tests.fakes.server import Call, FakeTool

__all__ = ["FakeDrive", "FakeGraph", "GraphFaults", "Node", "World"]


class FakeGraph(FakeTool):
    """A context manager; `base` is what goes into the configuration. `log` holds Graph's calls, `fetched` the names
    of files that were handed out."""

    def __init__(
        self, entra: FakeEntra, *, roles: tuple[str, ...] = ("Sites.Read.All",), port: int = 0
    ) -> None:
        self.entra = entra
        self.world = World()
        self.state = State(self.world, entra)
        self._content = FakeTool(build_content(self.state))
        self.app_id = entra.add_app(secret="graph-secret", roles=roles)
        super().__init__(build_graph(self.state), port=port)

    def __enter__(self) -> Self:
        self._content.__enter__()
        super().__enter__()
        self.state.url, self.state.content_url = self.url, self._content.url
        self.entra.audiences.add(self.url)
        return self

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        self._content.__exit__(*exc)

    @property
    def base(self) -> str:
        return f"{self.url}/v1.0"

    @property
    def faults(self) -> GraphFaults:
        return self.state.wire.faults

    def heal(self) -> None:
        """No more faults."""
        self.state.wire.faults = GraphFaults()

    @property
    def log(self) -> list[Call]:
        return self.state.wire.log

    @property
    def fetched(self) -> list[str]:
        return self.state.fetched

    @property
    def leaked(self) -> list[str]:
        """Credentials that reached the server of files."""
        return self.state.leaked

    def site(self, name: str) -> str:
        return f"https://acme.sharepoint.com/sites/{name}"

    def auth(self) -> dict[str, Any]:
        """An `auth:` section that it accepts."""
        return self.entra.auth(self.app_id)
