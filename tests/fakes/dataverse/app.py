"""The Web API 9.2 on the wire: queries, paging, change tracking, metadata, and what can go wrong.

https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/page-results and
…/data-platform/use-change-tracking-synchronize-data-external-systems
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fakes.dataverse.world import Row, Table, World
from tests.fakes.entra import FakeEntra
from tests.fakes.server import Refusal, Wire, WireFaults

BASE = "/api/data/v9.2/"
USER = "5d2f0c1e-0000-4000-8000-00000000a11c"
FORMATTED = "OData.Community.Display.V1.FormattedValue"
_STATUS = {0: "Active", 1: "Inactive"}
_ENTITY = re.compile(r"EntityDefinitions\(LogicalName='([a-z_0-9]+)'\)")
_ONE = re.compile(r"([a-z_]+)\(([0-9a-f-]{36})\)(?:/(.+))?")


@dataclass
class DataverseFaults(WireFaults):
    repeat_page: bool = False
    empty_pages: bool = False
    foreign_links: bool = False
    forget_delta: bool = False
    """The last page of a tracked read does not say where changes begin."""
    no_metadata: bool = False
    on_page: Callable[[int], object] | None = None
    """Called before the nth page of rows is answered."""
    page_limit: int = 5000


@dataclass
class State:
    world: World
    entra: FakeEntra
    url: str = ""
    wire: Wire[DataverseFaults] = field(default_factory=lambda: Wire(DataverseFaults()))
    links: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Query of a link that was handed out, to the letter → what it stands for."""
    pages: int = 0


def error(status: int, code: str, message: str, **headers: str) -> Refusal:
    return Refusal(status, {"error": {"code": code, "message": message}}, headers)


def build(state: State) -> Starlette:
    async def everything(request: Request) -> Response:
        def signed_in(signed: Request) -> Refusal | None:
            why = state.entra.refused(signed, state.url)
            return (
                Refusal(401, b"", {"WWW-Authenticate": f"Bearer error=invalid_token, {why}"}) if why else None
            )

        def handle(body: Any) -> Any:
            with state.world.lock:
                path = unquote(request.scope["path"]).removeprefix(BASE)
                return _route(state, request, path)

        return await state.wire.answer(request, handle, signed_in=signed_in)

    return Starlette(routes=[Route(BASE + "{path:path}", everything)])


def _route(state: State, request: Request, path: str) -> Any:
    world = state.world
    if path == "WhoAmI":
        context = f"{state.url}{BASE}$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse"
        return {"@odata.context": context, "BusinessUnitId": USER, "UserId": USER, "OrganizationId": USER}
    if path == "RetrieveVersion":
        return {"Version": "9.2.26103.00154"}
    if path == f"systemusers({USER})":
        return {"fullname": "# Portbook", "systemuserid": USER, "applicationid": USER}
    if path == f"systemusers({USER})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges":
        return {
            "RolePrivileges": [
                {"PrivilegeName": f"prvRead{name}", "Depth": depth, "BusinessUnitId": USER}
                for name, depth in world.depths.items()
                if depth != "None"
            ]
        }
    if match := _ENTITY.fullmatch(path):
        return _metadata(state, match[1])
    if match := _ONE.fullmatch(path):
        return _one(state, request, _table(state, match[1]), match[2])
    return _rows(state, request, _table(state, path))


def _table(state: State, name: str) -> Table:
    table = state.world.tables.get(name)
    if table is None:
        raise error(404, "0x80060888", f"Resource not found for the segment '{name}'.")
    if state.world.depths[table.name] == "None":
        raise error(
            403,
            "0x80040220",
            f"Principal user (Id={USER}, type=8) is missing prvRead{table.name} privilege.",
        )
    return table


def _metadata(state: State, name: str) -> Any:
    if state.wire.faults.no_metadata:
        raise error(403, "0x80040220", "Principal user is missing prvReadEntity privilege.")
    table = next((table for table in state.world.tables.values() if table.name == name), None)
    if table is None:
        raise error(
            404, "0x80060888", f"Could not find an entity with name {name} and entity collection name."
        )

    def attribute(logical: str, kind: str) -> Row:
        label = table.labels.get(logical, logical)
        return {
            "LogicalName": logical,
            "AttributeType": "Virtual" if kind == "MultiSelectPicklist" else kind,
            "AttributeTypeName": {"Value": f"{kind}Type"},
            "IsCustomAttribute": logical.startswith("msdyn_") or logical in table.labels,
            "DisplayName": {
                "LocalizedLabels": [],
                "UserLocalizedLabel": {"Label": label, "LanguageCode": 1033},
            },
        }

    return {
        "LogicalName": table.name,
        "EntitySetName": table.set,
        "ChangeTrackingEnabled": table.tracked,
        "Attributes": [attribute(logical, kind) for logical, kind in table.attributes.items()],
    }


def _visible(state: State, table: Table, row: Row) -> bool:
    if state.world.depths[table.name] != "Global":
        return False
    hidden = state.world.hidden_projects
    project = (
        row.get("_msdyn_project_value") or row.get("_msdyn_projectid_value") or row.get("msdyn_projectid")
    )
    return not hidden or project not in hidden


def _one(state: State, request: Request, table: Table, key: str) -> Any:
    row = table.rows.get(key)
    if row is None:
        raise error(404, "0x80040217", f"Entity '{table.name}' With Id = {key} Does Not Exist")
    if not _visible(state, table, row):
        raise error(
            403, "0x80040220", f"Principal user (Id={USER}) does not have ReadAccess right on record {key}"
        )
    return _shown(table, row, _columns(table, request.query_params.get("$select")), labels=False)


def _columns(table: Table, select: str | None) -> list[str]:
    wire = table.wire()
    if not select:
        return list(wire)
    asked = select.split(",")
    for name in asked:
        if name not in wire:
            raise error(
                400,
                "0x80060888",
                f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table.name}'.",
            )
    return asked


def _shown(table: Table, row: Row, columns: list[str], *, labels: bool) -> Row:
    shown: Row = {"@odata.etag": f'W/"{row["versionnumber"]}"'}
    for name in columns:
        value = row.get(name)
        shown[name] = value
        if not labels or value is None:
            continue
        if name in ("statecode", "statuscode"):
            shown[f"{name}@{FORMATTED}"] = _STATUS[row["statecode"]]
        elif f"{name}@{FORMATTED}" in row:
            shown[f"{name}@{FORMATTED}"] = row[f"{name}@{FORMATTED}"]
        elif not isinstance(value, str):
            shown[f"{name}@{FORMATTED}"] = str(value)
    if table.key not in shown:
        shown[table.key] = row[table.key]
    return shown


def _rows(state: State, request: Request, table: Table) -> Any:
    state.pages += 1
    faults = state.wire.faults
    if faults.on_page is not None:
        faults.on_page(state.pages)
    # As sent: a link that was taken apart and put together again is no longer the link.
    sent = request.scope["query_string"].decode()
    wishes = request.headers.get("prefer", "")
    found = re.search(r"odata\.maxpagesize=(\d+)", wishes)
    size = min(int(found[1]) if found else 5000, faults.page_limit)
    track, labels = "odata.track-changes" in wishes, "odata.include-annotations" in wishes
    query = dict(request.query_params)
    if "$skiptoken" in query or "$deltatoken" in query:
        place = state.links.get(sent)
        if place is None or (state.world.oldest and place["since"] < state.world.oldest):
            raise error(
                400,
                "0x80044352",
                "Version stamp associated with the client has expired. Please perform a full sync.",
            )
    else:
        place = _first(state, table, query, track=track)
    columns = _columns(table, query.get("$select"))
    if place["kind"] == "delta":
        return _changes(state, table, place, columns, size, labels, query)
    return _page(state, table, place, columns, size, labels, query, track=track)


def _first(state: State, table: Table, query: dict[str, str], *, track: bool) -> dict[str, Any]:
    if track and not table.tracked:
        raise error(400, "0x80060890", f"Change tracking is not enabled for the entity {table.name}.")
    if track and set(query) - {"$select"}:
        raise error(400, "0x80060888", "The query parameters are not supported with track-changes.")
    keys = [key for key, row in table.rows.items() if _visible(state, table, row)]
    if where := query.get("$filter"):
        keys = [key for key in keys if _matches(table.rows[key], where)]
    if top := query.get("$top"):
        keys = keys[: int(top)]
    return {"kind": "rows", "keys": keys, "at": 0, "since": state.world.version}


def _matches(row: Row, where: str) -> bool:
    for term in where.split(" or "):
        name, operator, value = term.split(" ", 2)
        has = row.get(name)
        match operator, value:
            case "ne", "null":
                if has is not None:
                    return True
            case "ne", _ if value.isdigit():
                if has != int(value):
                    return True
            case "eq", "true":
                if has is True:
                    return True
            case "eq", _:
                if has == value:
                    return True
            case "ge", _:
                if has is not None and has >= value:
                    return True
            case _:
                raise error(400, "0x80060888", f"Syntax error in '{where}'.")
    return False


def _page(
    state: State,
    table: Table,
    place: dict[str, Any],
    columns: list[str],
    size: int,
    labels: bool,
    query: dict[str, str],
    *,
    track: bool,
) -> Any:
    faults, at = state.wire.faults, place["at"]
    some = [] if faults.empty_pages else place["keys"][at : at + size]
    body: Row = {
        "@odata.context": f"{state.url}{BASE}$metadata#{table.set}",
        "value": [
            _shown(table, table.rows[key], columns, labels=labels) for key in some if key in table.rows
        ],
    }
    after = at + (1 if faults.empty_pages else size)
    if after < len(place["keys"]) or faults.repeat_page or faults.empty_pages:
        number = after // max(size, 1) + 1 if not faults.empty_pages else after
        cookie = f'<cookie pagenumber="{1 if faults.repeat_page else number}" istracking="{track}" v="{place["since"]}" />'
        token = f"$skiptoken={quote(cookie, safe='')}"
        body["@odata.nextLink"] = _link(
            state, table, query, token, {**place, "at": at if faults.repeat_page else after}
        )
    elif track and not faults.forget_delta:
        body["@odata.deltaLink"] = _delta_link(state, table, query, place["since"])
    return orjson.dumps(body)


def _changes(
    state: State,
    table: Table,
    place: dict[str, Any],
    columns: list[str],
    size: int,
    labels: bool,
    query: dict[str, str],
) -> Any:
    since, upto = place["since"], place.get("upto") or state.world.version
    changed = [
        (row["versionnumber"], key) for key, row in table.rows.items()
        if row["versionnumber"] > since and _visible(state, table, row)
    ]  # fmt: skip
    changed += [(version, key) for key, version in table.deleted.items() if version > since]
    changed.sort()
    at = place.get("at", 0)
    value: list[Row] = []
    for _, key in changed[at : at + size]:
        if key in table.rows:
            value.append(_shown(table, table.rows[key], columns, labels=labels))
        else:
            context = f"{state.url}{BASE}$metadata#{table.set}/$deletedEntity"
            value.append({"@odata.context": context, "id": key, "reason": "deleted"})
    body: Row = {"@odata.context": f"{state.url}{BASE}$metadata#{table.set}/$delta", "value": value}
    if at + size < len(changed):
        following = {**place, "at": at + size, "upto": upto}
        cookie = f'<cookie pagenumber="{at // size + 2}" v="{since}" upto="{upto}" />'
        token = f"$skiptoken={quote(cookie, safe='')}"
        body["@odata.nextLink"] = _link(state, table, query, token, following)
    else:
        body["@odata.deltaLink"] = _delta_link(state, table, query, upto)
    return orjson.dumps(body)


def _delta_link(state: State, table: Table, query: dict[str, str], version: int) -> str:
    token = f"$deltatoken={version}%21{quote('03/02/2026 08:10:44', safe='')}"
    return _link(state, table, query, token, {"kind": "delta", "since": version})


def _link(state: State, table: Table, query: dict[str, str], token: str, place: dict[str, Any]) -> str:
    kept = "&".join(
        f"{name}={quote(query[name], safe=',')}" for name in ("$select", "$filter") if name in query
    )
    sent = f"{kept}&{token}" if kept else token
    state.links[sent] = place
    origin = "https://elsewhere.example" if state.wire.faults.foreign_links else state.url
    return f"{origin}{BASE}{table.set}?{sent}"
