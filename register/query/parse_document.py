"""A GraphQL document → questions: `{projects(filter: "…") {key}  project(id: "PAY") {title}}`.

Below Query there are every collection, every entity by its singular name with `id` (an id or a key), and every
collection's `_aggregate`. Arguments are the API's own; `after` is a cursor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLSyntaxError, parse
from graphql.language.ast import (
    ArgumentNode,
    BooleanValueNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
)

from register.catalog import catalog, collections
from register.errors import QueryInvalid
from register.query.ast import DEFAULT_LIMIT, MAX_DEPTH, Aggregate, Origin, Query
from register.query.errors import NameUnknown, QueryTooLarge
from register.query.names import did_you_mean
from register.query.parse_aggregate import parse_keys, parse_measures
from register.query.parse_filter import parse_filter, parse_order
from register.query.selections import MAX_TOKENS, Selections, check_nesting
from register.query.tokens import check_text

AGGREGATE = "_aggregate"
OF_LIST = ("filter", "order", "limit", "after", "as_of")
OF_ROW = ("id", "as_of")
OF_GROUPS = ("group_by", "measures", "filter", "having", "order", "limit", "totals", "after", "as_of")


@dataclass(frozen=True, slots=True)
class Root:
    """One question of a document. A row has a `reference`; `__typename` has no query."""

    name: str
    query: Query | Aggregate | None
    at: int
    reference: str | None = None
    after: str | None = None
    as_of: str | None = None


def parse_document(
    text: str, variables: Mapping[str, Any] | None = None, operation: str | None = None
) -> tuple[Root, ...] | DocumentNode:
    """The questions, in order; the document itself where it asks for the schema.

    Raises QueryInvalid at the character that cannot be understood.
    """
    origin = Origin("query", text)
    check_text(text, origin)
    check_nesting(text, origin, MAX_DEPTH + 12, "the document is nested too deep")
    try:
        document = parse(text, max_tokens=MAX_TOKENS)
    except GraphQLSyntaxError as error:
        at = min(next(iter(error.positions or ()), 0), len(text))
        reason = error.message.removeprefix("Syntax Error: ").rstrip(".")
        raise QueryInvalid(
            f"the document cannot be read: {reason}", position=at, parameter="query", text=text
        ) from None
    fragments = {
        one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
    }
    reader = Selections(origin, fragments=fragments)
    chosen = _operation(document, operation, reader)
    reader = Selections(origin, fragments=fragments, variables=_variables(chosen, variables or {}, reader))
    fields = reader.fields(chosen.selection_set)
    asks_schema = [node for node in fields if node.name.value in ("__schema", "__type")]
    if asks_schema:
        _bound(chosen.selection_set, reader)
    if asks_schema and len(asks_schema) == len([node for node in fields if node.name.value != "__typename"]):
        return document
    if asks_schema:
        raise reader.wrong(
            asks_schema[0], "the schema and rows are asked for together", "Ask one after the other."
        )
    return tuple(_root(node, reader) for node in fields)


_LISTS = frozenset(
    {"types", "fields", "inputFields", "interfaces", "possibleTypes", "args", "enumValues", "directives"}
)
_MOST_LISTS = 24
"""Lists of the schema in one document; introspection as tools send it has some ten."""


def _bound(selection_set: SelectionSetNode, reader: Selections, above: tuple[str, ...] = ()) -> int:
    """How many lists of the schema are asked for below one another and beside. Raises QueryTooLarge where answering
    would take long: each list of fields below a list of fields multiplies it."""
    lists = 0
    for node in reader.fields(selection_set):
        name = node.name.value
        if len(above) > 16 or (name == "fields" and "fields" in above):
            raise reader.wrong(node, "the schema is asked for too deep", error=QueryTooLarge)
        lists += name in _LISTS
        if node.selection_set is not None:
            lists += _bound(node.selection_set, reader, (*above, name))
        if lists > _MOST_LISTS:
            raise reader.wrong(node, "too much of the schema is asked for at once", error=QueryTooLarge)
    return lists


def _operation(document: DocumentNode, name: str | None, reader: Selections) -> OperationDefinitionNode:
    found = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    if name is not None:
        found = [one for one in found if one.name is not None and one.name.value == name]
    if len(found) != 1:
        raise QueryInvalid(
            f"there is no operation `{name[:60]}`"
            if name and not found
            else "it is not clear which operation is meant",
            parameter="operationName",
            hint="Name one of the document's operations in `operationName`.",
        )
    (operation,) = found
    if operation.operation is not OperationType.QUERY:
        raise reader.wrong(
            operation, f"a {operation.operation.value} changes things; this address answers questions"
        )
    for definition in document.definitions:
        if not isinstance(definition, (OperationDefinitionNode, FragmentDefinitionNode)):
            raise reader.wrong(definition, "only operations and fragments are understood here")
    return operation


def _variables(
    operation: OperationDefinitionNode, given: Mapping[str, Any], reader: Selections
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        if name in given:
            found[name] = given[name]
        elif definition.default_value is not None:
            found[name] = reader.value(definition.default_value)
        else:
            found[name] = None
        if found[name] is None and isinstance(definition.type, NonNullTypeNode):
            raise reader.wrong(definition, f"the variable `${name}` has no value")
    unknown = next((name for name in given if name not in found), None)
    if unknown is not None:
        raise QueryInvalid(
            f"the variable `{unknown[:60]}` is not declared",
            parameter="variables",
            hint=did_you_mean(unknown, found),
        )
    return found


def _root(node: FieldNode, reader: Selections) -> Root:
    name = node.name.value
    alias = node.alias.value if node.alias else name
    if name == "__typename":
        return Root(alias, None, reader.at(node))
    given = _Arguments(node, reader)
    if name in collections():
        given.only(OF_LIST)
        query = Query(
            name,
            fields=_fields(node, reader),
            filter=given.parsed("filter", parse_filter),
            order=given.parsed("order", parse_order) or (),
            limit=given.limit(),
        )
        return Root(alias, query, reader.at(node), after=given.text("after"), as_of=given.text("as_of"))
    if name in catalog():
        given.only(OF_ROW)
        reference = given.text("id")
        if reference is None:
            raise reader.wrong(node, f"`{name}` needs an `id`", f'{name}(id: "…"): an id or a key.')
        query = Query(catalog()[name].collection, fields=_fields(node, reader), limit=1)
        return Root(alias, query, reader.at(node), reference, as_of=given.text("as_of"))
    collection = name.removesuffix(AGGREGATE)
    if not name.endswith(AGGREGATE) or collection not in collections():
        known = (*collections(), *catalog(), *(one + AGGREGATE for one in collections()))
        raise NameUnknown(
            f"there is no collection `{name[:60]}`",
            position=reader.at(node),
            parameter="query",
            text=reader.origin.text,
            hint=did_you_mean(name, known) or "GET /api/v1/schema lists them.",
        )
    given.only(OF_GROUPS)
    if node.selection_set is not None:
        raise reader.wrong(node, f"`{name}` gives JSON: nothing is selected below it")
    aggregate = Aggregate(
        collection,
        keys=given.parsed("group_by", parse_keys) or (),
        measures=given.parsed("measures", parse_measures) or (),
        filter=given.parsed("filter", parse_filter),
        having=given.parsed("having", parse_filter),
        order=given.parsed("order", parse_order) or (),
        limit=given.limit(),
        totals=given.flag("totals"),
    )
    return Root(alias, aggregate, reader.at(node), after=given.text("after"), as_of=given.text("as_of"))


def _fields(node: FieldNode, reader: Selections) -> Any:
    if node.selection_set is None:
        raise reader.wrong(node, f"nothing is selected of `{node.name.value}`", "Write {id key title}.")
    return reader.read(node.selection_set)


class _Arguments:
    """The arguments of a root field."""

    def __init__(self, node: FieldNode, reader: Selections) -> None:
        self._reader = reader
        self._given: dict[str, ArgumentNode] = {}
        for argument in node.arguments or ():
            if argument.name.value in self._given:
                raise reader.wrong(argument, f"`{argument.name.value}` is given twice")
            self._given[argument.name.value] = argument

    def only(self, known: tuple[str, ...]) -> None:
        for name, argument in self._given.items():
            if name not in known:
                hint = did_you_mean(name, known) or f"There are {', '.join(known)}."
                raise self._reader.wrong(argument, f"`{name}` is not an argument", hint)

    def text(self, name: str) -> str | None:
        found = self._reader.text(self._given[name]) if name in self._given else None
        return found[0] if found else None

    def limit(self) -> int:
        found = self._reader.number(self._given["limit"]) if "limit" in self._given else None
        return DEFAULT_LIMIT if found is None else found

    def flag(self, name: str) -> bool:
        if name not in self._given:
            return False
        node = self._given[name].value
        found = node.value if isinstance(node, BooleanValueNode) else self._reader.value(node)
        if found is not None and not isinstance(found, bool):
            raise self._reader.wrong(node, f"`{name}` is true or false")
        return bool(found)

    def parsed(self, name: str, parse: Any) -> Any:
        found = self._reader.text(self._given[name]) if name in self._given else None
        return parse(*found) if found else None
