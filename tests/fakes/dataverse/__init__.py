"""A Dataverse environment with Planner Premium, on a port of its own.

with FakeEntra() as entra, FakeDataverse(entra) as fake:
    project = fake.world.add_project("Alpha", hours_per_day=8)
    task = fake.world.add_task(project, "Install switchgear", effort=80, progress=0.25)
    fake.world.link(task, other, kind="FS", lag_days=1)
    fake.world.edit(task, msdyn_subject="…"), fake.world.delete(task)
    options = {"api": "dataverse", "url": fake.url, "auth": fake.auth()}
    fake.world.totals()

`fake.world.generate(100_000)` fills it within seconds.
"""

from __future__ import annotations

from typing import Any, Self

from tests.fakes.dataverse.app import DataverseFaults, State, build
from tests.fakes.dataverse.world import World
from tests.fakes.entra import FakeEntra
from tests.fakes.server import Call, FakeTool

__all__ = ["DataverseFaults", "FakeDataverse", "World"]


class FakeDataverse(FakeTool):
    """A context manager; `url` once inside. `world` holds the tables, `faults` what goes wrong, `log` the calls."""

    def __init__(self, entra: FakeEntra, world: World | None = None, *, port: int = 0) -> None:
        self.entra = entra
        self.world = world or World()
        self.state = State(self.world, entra)
        self.app_id = entra.add_app(secret="dataverse-secret")
        super().__init__(build(self.state), port=port)

    def __enter__(self) -> Self:
        super().__enter__()
        self.state.url = self.url
        self.entra.audiences.add(self.url)
        return self

    @property
    def faults(self) -> DataverseFaults:
        return self.state.wire.faults

    @property
    def log(self) -> list[Call]:
        return self.state.wire.log

    def heal(self) -> None:
        """No more faults."""
        self.state.wire.faults = DataverseFaults()

    def auth(self) -> dict[str, Any]:
        """An `auth:` section that it accepts."""
        return self.entra.auth(self.app_id)
