"""A Jira that runs on a port of its own: Cloud or Data Center on the wire, editable while somebody reads it.

with FakeJira(flavour="cloud") as fake:
    fake.world.add_project("PAY")
    fake.world.add_issue("PAY", "Pay by card")
    ... fake.url ...
"""

from __future__ import annotations

from typing import Any

from tests.fakes.jira.app import build
from tests.fakes.jira.state import Faults, State
from tests.fakes.jira.totals import totals
from tests.fakes.jira.world import World
from tests.fakes.server import Call, FakeTool

__all__ = ["Call", "FakeJira", "Faults", "World"]


class FakeJira(FakeTool):
    """A context manager; `url` once inside. `world` holds the data, `faults` what goes wrong, `log` the
    calls."""

    def __init__(
        self, world: World | None = None, *, flavour: str = "cloud", port: int = 0, secret: str = "fake-token"
    ) -> None:
        self.world = world or World(flavour)
        self.state = State(self.world, secret=secret)
        super().__init__(build(self.state), port=port)

    @property
    def faults(self) -> Faults:
        return self.state.faults

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
        if self.world.cloud:
            return {"kind": "api_token", "email": "pmo@acme.example", "token": self.state.secret}
        return {"kind": "pat", "token": self.state.secret}

    def totals(self) -> dict[str, Any]:
        """What the tool itself counts of what the account may see."""
        with self.world.lock:
            return totals(self.world)

    # The edits a test makes most, by their short names.
    def add_issue(self, *args: Any, **more: Any) -> Any:
        return self.world.add_issue(*args, **more)

    def edit(self, *args: Any, **more: Any) -> Any:
        return self.world.edit(*args, **more)

    def delete(self, issue: Any) -> None:
        self.world.delete(issue)

    def move(self, issue: Any, project: str) -> Any:
        return self.world.move(issue, project)

    def hide_project(self, key: str, hidden: bool = True) -> None:
        self.world.hide_project(key, hidden)

    def archive_project(self, key: str) -> None:
        self.world.archive_project(key)

    def clear_field(self, issue: Any, name: str) -> Any:
        return self.world.clear_field(issue, name)
