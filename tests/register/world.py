"""A small world whose values repeat and are often missing, so that conditions meet some, and random scopes in it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from hypothesis import strategies as st

from register.query.scope import RowScope
from tests.register.naive_query import Row, World

NOW = datetime.now(UTC)
TODAY = NOW.date()
SPACE = UUID(int=7)
TEXTS = ("a1", "b2", "c33", "a1b2", "")
DAYS = tuple(TODAY + timedelta(days=n) for n in (-400, -31, -1, 0, 1, 45))
NUMBERS = (0, 1, 2, 5)


def ids(entity: str, count: int) -> list[UUID]:
    return [uuid5(SPACE, f"{entity}{n}") for n in range(count)]


def make_world(seed: int) -> World:
    """Rows by entity, in an order in which they can be written."""
    rng = random.Random(seed)
    portfolios, programmes, projects = ids("portfolio", 2), ids("programme", 3), ids("project", 6)
    people, milestones, items = ids("person", 3), ids("milestone", 6), ids("work_item", 14)

    def maybe(values: Any) -> Any:
        return rng.choice([None, *values])

    def common(row_id: UUID, name: str, n: int) -> Row:
        return {"id": row_id, "key": maybe([f"{name}{n}", "same"]), "title": maybe(TEXTS),
                "presence": rng.choice(["present", "present", "present", "deleted"])}  # fmt: skip

    return {
        "portfolio": [common(i, "f", n) for n, i in enumerate(portfolios)],
        "programme": [{**common(i, "g", n), "portfolio_id": maybe(portfolios)} for n, i in enumerate(programmes)],
        "person": [common(i, "h", n) for n, i in enumerate(people)],
        "project": [
            {**common(i, "p", n), "programme_id": maybe(programmes), "portfolio_id": maybe([None, *portfolios]),
             "manager_id": maybe(people), "stage": maybe(["delivery", "closing"]), "budget": maybe(NUMBERS),
             "start_planned_on": maybe(DAYS), "tags": maybe([["a1"], ["b2", "a1"], []])}
            for n, i in enumerate(projects)
        ],
        "milestone": [
            {**common(i, "m", n), "project_id": maybe(projects), "slip_days": maybe(NUMBERS), "planned_on": maybe(DAYS)}
            for n, i in enumerate(milestones)
        ],
        "work_item": [
            {**common(i, "w", n), "project_id": maybe(projects), "assignee_id": maybe(people),
             "parent_id": maybe(items[:3]), "status": maybe(["todo", "done"]), "is_blocked": maybe([True, False]),
             "points": maybe(NUMBERS), "due_on": maybe(DAYS), "labels": maybe([["a1"], ["c33", "b2"]]),
             "milestone_ids": maybe([milestones[:2], milestones[3:4]])}
            for n, i in enumerate(items)
        ],
    }  # fmt: skip


WORLD = make_world(20_261_128)

scopes = st.one_of(
    st.none(),
    st.builds(
        lambda projects, programmes, portfolios: RowScope(
            tuple(projects), tuple(programmes), tuple(portfolios)
        ),
        st.lists(st.sampled_from(ids("project", 6)), max_size=2, unique=True),
        st.lists(st.sampled_from(ids("programme", 3)), max_size=1),
        st.lists(st.sampled_from(ids("portfolio", 2)), max_size=1),
    ),
)
