"""Random conditions, each written in three grammars: the API's, OData's, and SQL's over the views of schema `bi`.

They mean the same because they are written so: where the grammars differ on what is empty, it is said which is meant;
and a row that another leads to counts only where it is present, since the views hold no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from gateway.odata.errors import pascal
from tests.register.world import DAYS, NUMBERS, TEXTS, TODAY

VIEWS = {
    "project": "bi.dim_project",
    "programme": "bi.dim_programme",
    "work_item": "bi.fact_work_item",
    "milestone": "bi.fact_milestone",
}
_FIELDS = {
    "project": {"text": ("key", "title"), "number": ("budget",), "date": ("start_planned_on",), "word": ("stage",)},
    "programme": {"text": ("key", "title")},
    "work_item": {"text": ("key", "title"), "number": ("points",), "date": ("due_on",), "word": ("status",),
                  "flag": ("is_blocked",), "list": ("labels",)},
    "milestone": {"text": ("key", "title"), "number": ("slip_days",), "date": ("planned_on",)},
}  # fmt: skip
_WORDS = {"stage": ("delivery", "closing", "closed"), "status": ("todo", "done", "cancelled")}
_ABOVE = {
    "project": {"programme": "programme"},
    "work_item": {"project": "project", "parent": "work_item"},
    "milestone": {"project": "project"},
}
_BELOW = {
    "programme": {"projects": ("project", "{below}.programme_id = {row}.id")},
    "project": {
        "work_items": ("work_item", "{below}.project_id = {row}.id"),
        "milestones": ("milestone", "{below}.project_id = {row}.id"),
    },
    "work_item": {
        "children": ("work_item", "{below}.parent_id = {row}.id"),
        "milestones": (
            "milestone",
            "{below}.id IN (SELECT milestone_id FROM bi.bridge_work_item_milestones WHERE work_item_id = {row}.id)",
        ),
    },
}
_SIGNS = {"=": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}


@dataclass(frozen=True, slots=True)
class Where:
    """A condition in each grammar. In place of `@` stands the way to the row: `project.`, `Project/`, `a1.`."""

    api: str
    odata: str
    sql: str

    def at_top(self) -> Where:
        """As it is asked; SQL of rows called `row`."""
        return Where(self.api.replace("@", ""), self.odata.replace("@", ""), self.sql.replace("@", '"row".'))

    def below(self, api: str, odata: str, sql: str) -> Where:
        return Where(self.api.replace("@", api), self.odata.replace("@", odata), self.sql.replace("@", sql))


def conditions(entity: str, depth: int = 2) -> st.SearchStrategy[Where]:
    """Conditions on rows of an entity: fields, what they lead to, what lies below, and words between."""
    simple = _comparisons(entity)
    if depth == 0:
        return simple
    inner = conditions(entity, depth - 1)
    ways = [_above(entity, name, target, depth) for name, target in _ABOVE.get(entity, {}).items()]
    ways += [_below(entity, name, depth) for name in _BELOW.get(entity, {})]
    both = st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(_joined)
    return st.one_of(simple, both, inner.map(_opposite), *ways)


def _joined(parts: tuple[Where, str, Where]) -> Where:
    one, word, other = parts
    return Where(
        f"({one.api} {word} {other.api})",
        f"({one.odata} {word.lower()} {other.odata})",
        f"({one.sql} {word} {other.sql})",
    )


def _opposite(part: Where) -> Where:
    return Where(f"NOT ({part.api})", f"not ({part.odata})", f"NOT ({part.sql})")


def _above(entity: str, name: str, target: str, depth: int) -> st.SearchStrategy[Where]:
    alias = f"{name}_{depth}"

    def led(inner: Where) -> Where:
        found = inner.below(f"@{name}.", f"@{pascal(name)}/", f"{alias}.")
        return Where(
            f"(@{name}.presence = 'present' AND {found.api})",
            f"(@{pascal(name)}/Presence eq 'present' and {found.odata})",
            f"EXISTS (SELECT FROM {VIEWS[target]} {alias} WHERE {alias}.id = @{name}_id AND {found.sql})",
        )

    return conditions(target, depth - 1).map(led)


def _below(entity: str, name: str, depth: int) -> st.SearchStrategy[Where]:
    target, join = _BELOW[entity][name]
    alias = f"{name}_{depth}"
    on = join.format(below=alias, row="@").replace("@.", "@")

    def reached(inner: Where | None) -> Where:
        if inner is None:
            return Where(
                f"any(@{name})",
                f"@{pascal(name)}/any()",
                f"EXISTS (SELECT FROM {VIEWS[target]} {alias} WHERE {on})",
            )
        found = inner.below("", f"x{depth}/", f"{alias}.")
        return Where(
            f"any(@{name}, {found.api})",
            f"@{pascal(name)}/any(x{depth}:{found.odata})",
            f"EXISTS (SELECT FROM {VIEWS[target]} {alias} WHERE {on} AND {found.sql})",
        )

    return st.one_of(st.none(), conditions(target, depth - 1)).map(reached)


@st.composite
def _comparisons(draw: Any, entity: str) -> Where:
    kinds = _FIELDS[entity]
    kind = draw(st.sampled_from(sorted(kinds)))
    name = draw(st.sampled_from(kinds[kind]))
    there = pascal(name)
    if kind == "list":
        text = draw(st.sampled_from([text for text in TEXTS if text]))
        listed = f"string_to_array(@{name}, ', ')"
        return Where(f"@{name} = '{text}'", f"@{there}/any(t:t eq '{text}')", f"coalesce('{text}' = ANY({listed}), false)")  # fmt: skip
    if draw(st.integers(0, 5)) == 0:
        return Where(f"@{name} IS NULL", f"@{there} eq null", f"@{name} IS NULL")
    if kind == "text" and draw(st.integers(0, 2)) == 0:
        part = draw(st.sampled_from([text for text in TEXTS if text]))
        return Where(
            f"(@{name} IS NOT NULL AND contains(@{name}, '{part}'))",
            f"(@{there} ne null and contains(@{there},'{part}'))",
            f"(@{name} IS NOT NULL AND strpos(@{name}, '{part}') > 0)",
        )
    values = _values(kind, name)
    if kind != "flag" and draw(st.integers(0, 3)) == 0:
        chosen = draw(st.lists(values, min_size=1, max_size=3))
        api, odata, sql = (", ".join(each[at] for each in chosen) for at in range(3))
        return Where(f"@{name} IN ({api})", f"@{there} in ({odata})", f"coalesce(@{name} IN ({sql}), false)")
    if kind == "date" and draw(st.integers(0, 3)) == 0:
        return Where(
            f"year(@{name}) = {TODAY.year}",
            f"year(@{there}) eq {TODAY.year}",
            f"coalesce(extract(year FROM @{name}) = {TODAY.year}, false)",
        )
    if kind == "number" and draw(st.integers(0, 3)) == 0:
        number = draw(st.sampled_from(NUMBERS))
        return Where(
            f"add(@{name}, 1) > {number}",
            f"@{there} add 1 gt {number}",
            f"coalesce(@{name} + 1 > {number}, false)",
        )
    ordered = kind in ("number", "date")
    sign = draw(st.sampled_from(sorted(_SIGNS) if ordered else ["=", "!="]))
    api, odata, sql = draw(values)
    same = f"@{name} IS DISTINCT FROM {sql}" if sign == "!=" else f"coalesce(@{name} {sign} {sql}, false)"
    return Where(f"@{name} {sign} {api}", f"@{there} {_SIGNS[sign]} {odata}", same)


def _values(kind: str, name: str) -> st.SearchStrategy[tuple[str, str, str]]:
    """Values as each grammar writes them."""
    if kind == "date":
        return st.sampled_from([(f"'{day}'", f"{day}", f"date '{day}'") for day in DAYS])
    if kind == "flag":
        return st.sampled_from([(text, text, text) for text in ("true", "false")])
    if kind == "number":
        return st.sampled_from([(str(number),) * 3 for number in (*NUMBERS, 2.5)])
    words = _WORDS.get(name, (*TEXTS, "p1", "w2", "same"))
    return st.sampled_from([(f"'{word}'",) * 3 for word in words])
