"""A Project Server on a port of its own: the reporting feed (OData 3) and the server's own interface for links.

with FakeProjectServer() as fake:
    project = fake.world.add_project("Harbour")
    task = fake.world.add_task(project, "Dig", hours=40, percent=50)
    ... fake.site ...
"""

from __future__ import annotations

from typing import Any

from tests.fakes.project_server.app import Faults, build
from tests.fakes.project_server.world import World, generated
from tests.fakes.server import Call, FakeTool, Wire

__all__ = ["Call", "FakeProjectServer", "Faults", "World", "generated"]


class FakeProjectServer(FakeTool):
    """A context manager; `site` is the address of its PWA once inside. `world` holds the data, `faults` what goes wrong,
    `log` the calls. `verbose` makes it answer in the verbose JSON of older servers."""

    def __init__(
        self,
        world: World | None = None,
        *,
        verbose: bool = False,
        page_size: int = 100,
        secret: str = "fake-password",
        port: int = 0,
    ) -> None:
        self.world = world or World()
        self.wire: Wire[Faults] = Wire(Faults())
        self.secret = secret
        self.verbose = verbose
        self.page_size = page_size
        super().__init__(build(self), port=port)

    @property
    def site(self) -> str:
        return f"{self.url}/pwa"

    @property
    def faults(self) -> Faults:
        return self.wire.faults

    @property
    def log(self) -> list[Call]:
        return self.wire.log

    def heal(self) -> None:
        """No more faults."""
        self.wire.faults = Faults()

    def auth(self) -> dict[str, Any]:
        """An `auth:` section that it accepts."""
        return {"kind": "basic", "user": "EXAMPLE\\portbook", "password": self.secret}
