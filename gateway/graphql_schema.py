"""The register as a GraphQL schema, for tools that ask what there is: GraphiQL, code generators, linters.

Only questions about the schema go through it; questions about rows are compiled to SQL (register.query).
"""

from __future__ import annotations

from functools import cache
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    execute_sync,
)
from graphql.language.ast import DocumentNode

from register.catalog import Entity, Kind, Relation, catalog
from register.query.check import type_name
from register.query.parse_document import AGGREGATE

_DATE = GraphQLScalarType("Date", description="A day: 2026-11-30.")
_INSTANT = GraphQLScalarType("DateTime", description="An instant with its zone (RFC 3339).")
_JSON = GraphQLScalarType("JSON", description="Any JSON.")
_LONG = GraphQLScalarType("Long", description="A whole number of up to 64 bits.")
_KINDS: dict[Kind, Any] = {
    Kind.TEXT: GraphQLString,
    Kind.DATE: _DATE,
    Kind.INSTANT: _INSTANT,
    Kind.NUMBER: GraphQLFloat,
    Kind.INTEGER: _LONG,
    Kind.BOOLEAN: GraphQLBoolean,
    Kind.ID: GraphQLID,
    Kind.TEXTS: GraphQLList(GraphQLNonNull(GraphQLString)),
    Kind.IDS: GraphQLList(GraphQLNonNull(GraphQLID)),
    Kind.DOCUMENT: _JSON,
}
_TEXT = GraphQLArgument(GraphQLString)
_FILTER = GraphQLArgument(GraphQLString, description="As in the API: status = 'open' AND score > 9")
_ORDER = GraphQLArgument(GraphQLString, description="As in the API: -score,key")
_LIMIT = GraphQLArgument(GraphQLInt)
_AS_OF = GraphQLArgument(GraphQLString, description="A day or instant of the past.")
_AFTER = GraphQLArgument(GraphQLString, description="`next` of the page before, from `extensions`.")


@cache
def graphql_schema() -> GraphQLSchema:
    """The schema, from the catalog."""
    types: dict[str, GraphQLObjectType] = {}
    for entity in catalog().values():
        types[entity.name] = GraphQLObjectType(
            type_name(entity.name),
            lambda entity=entity: _fields(entity, types),  # type: ignore[misc]
            description=entity.description,
        )
    roots: dict[str, GraphQLField] = {}
    for entity in catalog().values():
        roots[entity.collection] = GraphQLField(
            _list(types[entity.name]),
            {"filter": _FILTER, "order": _ORDER, "limit": _LIMIT, "after": _AFTER, "as_of": _AS_OF},
            description=entity.description,
        )
        if entity.name not in roots:
            roots[entity.name] = GraphQLField(
                types[entity.name],
                {
                    "id": GraphQLArgument(GraphQLNonNull(GraphQLString), description="An id or a key."),
                    "as_of": _AS_OF,
                },
            )
        roots[entity.collection + AGGREGATE] = GraphQLField(
            _list(_JSON),
            {
                "group_by": GraphQLArgument(
                    GraphQLString, description="project.key,month:start_of_month(due_on)"
                ),
                "measures": GraphQLArgument(
                    GraphQLString, description="n:count(),hours:sum(remaining_hours)"
                ),
                "filter": _FILTER,
                "having": _TEXT,
                "order": _ORDER,
                "limit": _LIMIT,
                "totals": GraphQLArgument(GraphQLBoolean),
                "after": _AFTER,
                "as_of": _AS_OF,
            },
        )
    return GraphQLSchema(GraphQLObjectType("Query", roots))


def answer_about_schema(
    document: DocumentNode, variables: dict[str, Any], operation: str | None
) -> dict[str, Any]:
    """What a document asks about the schema, as GraphQL answers it."""
    result = execute_sync(graphql_schema(), document, variable_values=variables, operation_name=operation)
    return dict(result.formatted)


def _fields(entity: Entity, types: dict[str, GraphQLObjectType]) -> dict[str, GraphQLField]:
    found: dict[str, GraphQLField] = {}
    for field in entity.fields.values():
        said = field.description + (f" One of {', '.join(field.choices)}." if field.choices else "")
        kind = _KINDS[field.kind]
        found[field.name] = GraphQLField(
            GraphQLNonNull(kind) if field.name == "id" else kind, description=said
        )
    if entity.name == "person":
        found["name"] = GraphQLField(GraphQLString, description="The same as title.")
    for relation in entity.relations.values():
        found.setdefault(relation.name, _relation(relation, types))
        if relation.many:
            count = GraphQLField(
                GraphQLNonNull(_LONG), {"filter": _FILTER}, description=f"How many {relation.name}."
            )
            found.setdefault(f"{relation.name}_count", count)
    return found


def _relation(relation: Relation, types: dict[str, GraphQLObjectType]) -> GraphQLField:
    target = types[relation.target]
    if not relation.many:
        return GraphQLField(target, description=relation.description)
    arguments = {"filter": _FILTER, "order": _ORDER, "limit": _LIMIT}
    return GraphQLField(_list(target), arguments, description=relation.description)


def _list(kind: Any) -> GraphQLNonNull[Any]:
    return GraphQLNonNull(GraphQLList(GraphQLNonNull(kind)))
