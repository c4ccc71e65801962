"""A register that changes for two years, and beside it a naive record of what it showed after every step."""

from __future__ import annotations

import copy
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

BEGIN = datetime(2024, 11, 1, tzinfo=UTC)
END = datetime(2026, 11, 1, tzinfo=UTC)
Row = dict[str, Any]
State = dict[str, dict[UUID, Row]]

_WORDS = ["pay", "bank", "Überweisung", "100% done", "it's", None]
_CHOICES: dict[str, dict[str, list[Any]]] = {
    "programme": {"key": ["ERP", "CRM", None], "title": _WORDS},
    "person": {"title": ["Ana", "Ben", None], "email": ["a@example.org", None]},
    "project": {
        "key": ["PAY", "WEB", "OPS", "PAY-OLD"],
        "stage": ["delivery", "closing", None],
        "budget": [0, 100, 2.5, None],
        "tags": [["x"], ["x", "y"], None],
        "custom": [{"a": 1}, None],
    },
    "milestone": {"slip_days": [0, 12, None], "kind": ["gate", "release"]},
    "work_item": {
        "key": [f"W-{n}" for n in range(9)],
        "status": ["todo", "done", "in_progress", None],
        "points": [1, 3, None],
        "due_on": [(BEGIN + timedelta(days=n)).date() for n in (90, 300, 500)],
    },
}
_REFS = {
    "project": {"programme_id": "programme", "manager_id": "person"},
    "milestone": {"project_id": "project"},
    "work_item": {"project_id": "project", "assignee_id": "person", "parent_id": "work_item"},
}
_PRESENCES = ["present", "present", "present", "deleted", "moved"]


class History:
    """Writes rows past the writer, at instants of its own choosing, and keeps what each table then held."""

    def __init__(
        self, connection: asyncpg.Connection, seed: int, *, rows: int = 6, entities: tuple[str, ...] = ()
    ) -> None:
        self._entities = entities or tuple(_CHOICES)
        self._connection = connection
        self._random = random.Random(seed)
        self._rows = rows
        self.now = BEGIN
        self.state: State = {entity: {} for entity in _CHOICES}
        self.steps: list[tuple[datetime, State]] = []

    async def step(self, after: timedelta) -> None:
        """Some rows come or change, all in one moment, as a page of a run does it."""
        self.now += after
        for _ in range(self._random.choice([1, 1, 2, 5])):
            entity = self._random.choice(self._entities)
            await self._write(entity, UUID(int=self._random.randrange(1, self._rows + 1)))
        self.steps.append((self.now, copy.deepcopy(self.state)))

    def at(self, instant: datetime) -> State:
        """What was recorded at an instant."""
        then: State = {entity: {} for entity in _CHOICES}
        for when, state in self.steps:
            if when > instant:
                return then
            then = state
        return then

    async def _write(self, entity: str, row_id: UUID) -> None:
        held = self.state[entity]
        before = held.get(row_id)
        if before is not None and before["valid_from"] == self.now:
            return  # a row has one version at a time
        values = {name: self._random.choice(among) for name, among in _CHOICES[entity].items()}
        for name, target in _REFS.get(entity, {}).items():
            values[name] = self._random.choice([*self.state[target], UUID(int=99), None])
        row: Row = {**dict.fromkeys(values), **(before or {})}
        chosen = values if before is None else self._random.sample(sorted(values), 2)
        row |= {name: values[name] for name in chosen}
        row |= {
            "id": row_id, "valid_from": self.now, "version": 1 if before is None else before["version"] + 1,
            "presence": self._random.choice(_PRESENCES),
        }  # fmt: skip
        held[row_id] = row
        names = list(row)
        given = [row[name] for name in names]
        if before is None:
            marks = ", ".join(f"${n}" for n in range(1, len(names) + 1))
            await self._connection.execute(
                f"INSERT INTO {entity} ({', '.join(names)}) VALUES ({marks})", *given
            )
        else:
            settings = ", ".join(f"{name} = ${n}" for n, name in enumerate(names, 1))
            await self._connection.execute(f"UPDATE {entity} SET {settings} WHERE id = '{row_id}'", *given)


async def lived(
    connection: asyncpg.Connection, seed: int, *, steps: int, rows: int = 6, entities: tuple[str, ...] = ()
) -> History:
    """A history of two years."""
    history = History(connection, seed, rows=rows, entities=entities)
    for _ in range(steps):
        await history.step((END - BEGIN) / (steps + 1))
    return history
