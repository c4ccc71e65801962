"""What a list shows, and in what order, when nobody says."""

from __future__ import annotations

from functools import cache

from register.catalog import Entity, FieldDef, Kind, catalog
from register.query.plan import OrderBy

_USUAL = (
    *("id", "key", "title", "code", "type", "kind", "stage", "status", "state", "rag_reported", "score"),
    *(
        "programme_id",
        "project_id",
        "manager_id",
        "owner_id",
        "assignee_id",
        "due_on",
        "start_on",
        "finish_on",
    ),
    *("url", "updated_at"),
)
_NEWEST_FIRST = {
    "run": "id",
    "finding": "opened_at",
    "conflict": "opened_at",
    "rejection": "rejected_at",
    "waiver": "waived_at",
}


@cache
def usual_fields(entity: str) -> tuple[FieldDef, ...]:
    """What a row shows when nobody says what to show."""
    found = catalog()[entity]
    if not found.enveloped:
        return tuple(field for field in found.fields.values() if field.kind is not Kind.DOCUMENT)
    return tuple(found.fields[name] for name in _USUAL if name in found.fields)


def usual_order(entity: Entity) -> tuple[OrderBy, ...]:
    """The entity's own; else by key; what has none by time, newest first. The id decides between equals."""
    fields = entity.fields
    last = OrderBy((), fields["id"], False)
    if entity.ordered:
        return (*(OrderBy((), fields[name], down) for name, down in entity.ordered), last)
    if entity.name in _NEWEST_FIRST:
        first = OrderBy((), fields[_NEWEST_FIRST[entity.name]], True)
        return (first,) if first.field.name == "id" else (first, last)
    return (OrderBy((), fields["key"], False), last) if "key" in fields else (last,)
