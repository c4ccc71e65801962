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
_FEW = (
    ("key",),
    ("title",),
    ("stage", "status", "state", "ci_status", "basis", "criterion"),
    ("rag_reported", "rag_overall", "score", "severity", "slip_days", "amount", "hours", "planned_hours",
     "demand_hours", "value", "weight", "rating"),
    ("finish_forecast_on", "due_on", "planned_on", "finish_on", "target_on", "need_by_on", "needed_by_on",
     "validate_by_on", "worked_on", "period_start_on", "taken_at", "email"),
)  # fmt: skip
"""Groups of fields; of each a row that is shown in few words shows the first that it has."""
_FEW_OF = {
    "project": "key,title,stage,rag_reported,finish_forecast_on",
    "work_item": "key,title,status,assignee{title},due_on",
    "risk": "key,title,status,score,owner{title}",
    "action": "key,title,status,owner{title},due_on",
    "assignment": "person{title},project{key},role,planned_hours,finish_on",
    "time_entry": "worked_on,person{title},project{key},hours",
    "resource_demand": "role,team,project{key},period_start_on,demand_hours",
    "status_report": "project{key},title,rag_overall,period_start_on",
    "baseline": "key,title,project{key},kind,taken_at",
    "cost_line": "key,title,basis,amount,currency,period_start_on",
    "person": "key,title,email,role,team",
    "source": "key,kind,paused,fresh_at,next_run_at",
    "run": "id,source,mode,state,started_at,seen,stored",
    "finding": "code,severity,source,message",
    "conflict": "entity,field,winner,rule",
    "link": "entity,first,second,state,rule",
    "pin": "entity,field,reason,actor,expires_at",
    "membership": "project{key},programme{key},portfolio{key},from_at,to_at",
    "rule": "key,entity,severity,message",
    "waiver": "code,reason,actor,expires_at",
    "quality": "kind,key,score,errors,warnings,infos",
    "rejection": "source,stream,code,message",
}
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


def few_fields(entity: str) -> str:
    """What a row shows on a terminal of 80 columns, when nobody says what to show: as people write it."""
    if entity in _FEW_OF:
        return _FEW_OF[entity]
    known = catalog()[entity].fields
    found = [next((name for name in group if name in known), None) for group in _FEW]
    return ",".join(name for name in found if name is not None)


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
