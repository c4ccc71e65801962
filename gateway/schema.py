"""What the register holds, for people and programs: /api/v1/schema, /openapi.json and /docs, all from the catalog."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from html import escape
from typing import Any, NamedTuple

import orjson
from fastapi import Request, Response
from starlette.routing import Route

from gateway.actions import action_paths
from gateway.auth import signed_in
from register.catalog import Entity, FieldDef, Kind, catalog, collections
from register.query.ast import DEFAULT_LIMIT, MAX_LIMIT

_JSON_TYPES: dict[Kind, dict[str, Any]] = {
    Kind.TEXT: {"type": "string"},
    Kind.DATE: {"type": "string", "format": "date"},
    Kind.INSTANT: {"type": "string", "format": "date-time"},
    Kind.NUMBER: {"type": "number"},
    Kind.INTEGER: {"type": "integer"},
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.ID: {"type": "string", "format": "uuid"},
    Kind.TEXTS: {"type": "array", "items": {"type": "string"}},
    Kind.IDS: {"type": "array", "items": {"type": "string", "format": "uuid"}},
    Kind.DOCUMENT: {},
}
_PARAMETERS = {
    "fields": "What to show, as a GraphQL selection set: `key,title,manager{title}`.",
    "filter": "Which rows: `status = 'open' AND any(milestones, slip_days > 10)`.",
    "order": "By what, a minus for downwards: `-budget,key`.",
    "limit": f"How many, up to {MAX_LIMIT:,}; {DEFAULT_LIMIT} when left out.",
    "cursor": "`next` of the page before.",
    "count": "`true`: also how many rows there are on all pages.",
    "format": "`json`, or the whole list as a file: `csv`, `ndjson`, `xlsx`, `parquet`.",
    "as_of": "As the register was then: a date (the end of that day, UTC) or an instant with its zone.",
}
_SINCE = (
    "`next` of before, or a date (its beginning, UTC), an instant, or `now`; from the first when left out. "
    "With `Accept: text/event-stream` the answer stays open."
)
_PAST = ("as_of",)
"""Parameters of collections that keep history."""
_REFERENCE = {
    "name": "reference",
    "in": "path",
    "required": True,
    "description": "Id or key.",
    "schema": {"type": "string"},
}


class _Below(NamedTuple):
    """An address below a collection that keeps history."""

    path: str
    summary: str
    parameters: Mapping[str, str]


_BELOW = (
    _Below(
        "aggregate",
        "Groups of {collection}, and what is worked out of each",
        {
            "group_by": "By what: `project.key,month:start_of_month(due_on)`.",
            "measures": "What of each: `n:count(),hours:sum(remaining_hours),late:count_if(slip_days > 10)`.",
            "having": "Which groups, by the names in the answer: `n > 5`.",
            "totals": "`true`: also the measures over all rows.",
            **{name: _PARAMETERS[name] for name in ("filter", "order", "limit", "cursor", "as_of")},
        },
    ),
    _Below(
        "{reference}/history",
        "The versions of one of {collection}, newest first, field by field",
        {name: _PARAMETERS[name] for name in ("limit", "cursor", "as_of")},
    ),
    _Below(
        "{reference}/explain",
        "Why one of {collection} shows what it shows: who says so, who says otherwise, which rule chose",
        {"field": "One field; every one that is not empty when left out.", "as_of": _PARAMETERS["as_of"]},
    ),
    _Below(
        "changes",
        "The events of {collection} in the order they were made",
        {
            "since": _SINCE,
            "limit": _PARAMETERS["limit"],
        },
    ),
    _Below(
        "diff",
        "What changed in {collection} between two instants",
        {
            "from": "A date (the end of that day, UTC) or an instant with its zone.",
            "to": "Likewise; now when left out.",
            **{name: _PARAMETERS[name] for name in ("filter", "limit", "cursor")},
        },
    ),
)
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What happened, and where."},
        "code": {"type": "string", "description": "Stable; docs/errors.md lists them."},
        "parameter": {"type": "string", "description": "The parameter at fault."},
        "position": {"type": "integer", "description": "The character in it, counted from 0."},
        "hint": {"type": "string", "description": "What to do next."},
    },
}


async def get_schema(request: Request) -> Response:
    await signed_in(request)
    return Response(register_schema(), media_type="application/json")


async def get_openapi(request: Request) -> Response:
    return Response(orjson.dumps(openapi(request.app.version)), media_type="application/json")


async def get_docs(request: Request) -> Response:
    return Response(
        _docs(),
        media_type="text/html",
        headers={"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"},
    )


routes = [
    Route("/api/v1/schema", get_schema),
    Route("/openapi.json", get_openapi),
    Route("/docs", get_docs),
]


@cache
def register_schema() -> bytes:
    """Every collection with its fields and relations, as JSON."""
    return orjson.dumps({"collections": {name: _described(entity) for name, entity in collections().items()}})


def _described(entity: Entity) -> dict[str, Any]:
    return {
        "entity": entity.name,
        "description": entity.description,
        "fields": {name: _field(field) for name, field in entity.fields.items()},
        "relations": {
            name: {
                "collection": catalog()[relation.target].collection,
                "many": relation.many,
                "description": relation.description,
            }
            for name, relation in entity.relations.items()
        },
    }


def _field(field: FieldDef) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": str(field.kind), "description": field.description}
    if field.choices:
        found["choices"] = list(field.choices)
    if field.ref:
        found["refers_to"] = catalog()[field.ref].collection
    return found


@cache
def openapi(version: str) -> dict[str, Any]:
    """An OpenAPI 3.1 document with every collection."""
    paths: dict[str, Any] = {}
    for name, entity in collections().items():
        row = {"$ref": f"#/components/schemas/{entity.name}"}
        paths[f"/api/v1/{name}"] = {"get": _list(name, entity, row)}
        paths[f"/api/v1/{name}/{{reference}}"] = {"get": _one(name, entity, row)}
        for part in _BELOW if entity.enveloped else _BELOW[:1]:
            paths[f"/api/v1/{name}/{part.path}"] = {"get": _below(name, entity, part)}
    for path, summary, open_to_all in (
        ("/api/v1/schema", "Every collection with its fields and relations", False),
        ("/healthz", "The process is alive", True),
        ("/readyz", "The register answers", True),
        ("/metrics", "Numbers for Prometheus", False),
    ):
        operation: dict[str, Any] = {"summary": summary, "responses": {"200": {"description": "Fine."}}}
        if open_to_all:
            operation["security"] = []
        paths[path] = {"get": operation}
    paths["/api/v1/changes"] = {"get": _feed()}
    for path, methods in action_paths().items():
        paths.setdefault(path, {}).update(methods)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Portbook", "version": version, "description": "One register of every project."},
        "paths": paths,
        "components": {
            "schemas": {
                **{entity.name: _object(entity) for entity in catalog().values()},
                "problem": _PROBLEM,
            },
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                "password": {"type": "http", "scheme": "basic"},
            },
        },
        "security": [{"key": []}, {"password": []}],
    }


def _list(collection: str, entity: Entity, row: dict[str, Any]) -> dict[str, Any]:
    body = {
        "type": "object",
        "required": ["data", "next", "meta"],
        "properties": {
            "data": {"type": "array", "items": row},
            "next": {"type": ["string", "null"]},
            "meta": {"type": "object"},
        },
    }
    parameters: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "query",
            "description": text,
            "schema": {"type": "integer" if name == "limit" else "string"},
        }
        for name, text in _PARAMETERS.items()
        if entity.enveloped or name not in _PAST
    ]
    return _operation(f"list_{collection}", f"Rows of {collection}", entity, parameters, body)


def _below(collection: str, entity: Entity, part: _Below) -> dict[str, Any]:
    one = part.path.startswith("{reference}")
    parameters = [
        *([_REFERENCE] if one else []),
        *(
            {
                "name": name,
                "in": "query",
                "description": text,
                "required": name == "from",
                "schema": {"type": "integer" if name == "limit" else "string"},
            }
            for name, text in part.parameters.items()
        ),
    ]
    name = f"{part.path.rpartition('/')[2]}_of_{entity.name if one else collection}"
    body = {
        "type": "object",
        "required": ["data", "meta"],
        "properties": {
            "data": {"type": ["array", "object"], "items": {"type": "object"}},
            "next": {"type": ["string", "null"]},
            "meta": {"type": "object"},
        },
    }
    return _operation(name, part.summary.format(collection=collection), entity, parameters, body)


def _feed() -> dict[str, Any]:
    """The change feed of all collections is none of a collection's."""
    part = next(part for part in _BELOW if part.path == "changes")
    told = {**part.parameters, "collections": "Only of these, separated by commas: `projects,risks`."}
    operation = _below("everything", catalog()["project"], part._replace(parameters=told))
    return {
        **operation,
        "description": "What whoever rebuilds the register elsewhere applies, one after the other.",
    }


def _one(collection: str, entity: Entity, row: dict[str, Any]) -> dict[str, Any]:
    body = {
        "type": "object",
        "required": ["data", "meta"],
        "properties": {"data": row, "meta": {"type": "object"}},
    }
    parameters: list[dict[str, Any]] = [
        _REFERENCE,
        *(
            {"name": part, "in": "query", "description": _PARAMETERS[part], "schema": {"type": "string"}}
            for part in ("fields", *_PAST[: entity.enveloped])
        ),
    ]
    return _operation(f"get_{entity.name}", f"One of {collection}", entity, parameters, body)


def _operation(
    name: str, summary: str, entity: Entity, parameters: list[dict[str, Any]], body: dict[str, Any]
) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/problem"}}}
    return {
        "operationId": name,
        "summary": summary,
        "description": entity.description,
        "parameters": parameters,
        "responses": {
            "200": {"description": "As asked for.", "content": {"application/json": {"schema": body}}},
            "default": {"description": "What is wrong, and what to do.", "content": problem},
        },
    }


def _object(entity: Entity) -> dict[str, Any]:
    # Which properties a row has is the caller's choice, and relations come under names of the caller's own.
    return {
        "type": "object",
        "description": entity.description,
        "properties": {name: _property(field) for name, field in entity.fields.items()},
    }


def _property(field: FieldDef) -> dict[str, Any]:
    found = dict(_JSON_TYPES[field.kind])
    if "type" in found:
        found["type"] = [found["type"], "null"]
    if field.choices:
        found["enum"] = [*field.choices, None]
    return {**found, "description": field.description}


@cache
def _docs() -> bytes:
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>Portbook API</title><h1>Portbook API</h1>",
        "<p>Every collection answers at <code>/api/v1/{collection}</code> and "
        "<code>/api/v1/{collection}/{id or key}</code>. The same as <a href=/openapi.json>OpenAPI</a>.<dl>",
        *(f"<dt><code>{name}</code><dd>{_code(text)}" for name, text in _PARAMETERS.items()),
        "</dl><ul>",
        *(f"<li><a href='#{name}'>{name}</a>" for name in collections()),
        "</ul>",
    ]
    for name, entity in collections().items():
        parts.append(
            f"<h2 id='{name}'>{name}</h2><p>{escape(entity.description)}<table><tr><th>Field<th>Holds<th>"
        )
        for field in entity.fields.values():
            words = f" One of {', '.join(field.choices)}." if field.choices else ""
            parts.append(
                f"<tr><td><code>{field.name}</code><td>{field.kind}<td>{escape(field.description + words)}"
            )
        for relation in entity.relations.values():
            target = catalog()[relation.target].collection
            many = "list of" if relation.many else "one of"
            parts.append(
                f"<tr><td><code>{relation.name}</code><td>{many} <a href='#{target}'>{target}</a>"
                f"<td>{escape(relation.description)}"
            )
        parts.append("</table>")
    return "".join(parts).encode()


def _code(text: str) -> str:
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if i % 2 else piece for i, piece in enumerate(pieces))
