"""An Azure DevOps organisation that runs on a port of its own: Services or Server on the wire, editable while
somebody reads it.

with FakeAzureDevOps() as fake:
    fake.world.add_project("Alpha")                    # or add_project("Beta", "Scrum")
    item = fake.add_item("Alpha", "Replace switchgear", **{"System.Tags": "site-a"})
    fake.edit(item, **{"System.State": "Active"}); fake.delete(item); fake.totals()
    ... fake.url ...
"""

from __future__ import annotations

from typing import Any, Self

from tests.fakes.azure_devops.app import build
from tests.fakes.azure_devops.state import Faults, State
from tests.fakes.azure_devops.world import World
from tests.fakes.server import Call, FakeTool

__all__ = ["Call", "FakeAzureDevOps", "Faults", "World"]


class FakeAzureDevOps(FakeTool):
    """A context manager; `url` (of the organisation or collection) once inside. `world` holds the data, `faults`
    what goes wrong, `log` the calls."""

    def __init__(
        self,
        world: World | None = None,
        *,
        server: bool = False,
        newest: str = "7.1",
        port: int = 0,
        secret: str = "fake-pat",
    ) -> None:
        self.world = world or World()
        self.state = State(self.world, server=server, secret=secret, newest=newest)
        super().__init__(build(self.state), port=port)

    def __enter__(self) -> Self:
        super().__enter__()
        self.url += self.state.prefix
        return self

    @property
    def faults(self) -> Faults:
        return self.state.wire.faults

    @property
    def log(self) -> list[Call]:
        return self.state.wire.log

    @property
    def secret(self) -> str:
        """The secret accepted now."""
        return self.state.secret

    def heal(self) -> None:
        """No more faults."""
        self.state.wire.faults = Faults()

    def auth(self) -> dict[str, Any]:
        """An `auth:` section that it accepts."""
        return {"kind": "pat", "token": self.state.secret}

    def totals(self) -> dict[str, Any]:
        """What the tool itself counts of what the account may read."""
        with self.world.lock:
            return self.world.totals()

    # The edits a test makes most, by their short names.
    def add_item(self, *args: Any, **more: Any) -> Any:
        return self.world.add_item(*args, **more)

    def edit(self, *args: Any, **more: Any) -> Any:
        return self.world.edit(*args, **more)

    def delete(self, item: Any) -> None:
        self.world.delete(item)

    def move(self, item: Any, project: Any) -> Any:
        return self.world.move(item, project)

    def link(self, *args: Any, **more: Any) -> None:
        self.world.link(*args, **more)
