"""`key,title,manager{title},open:risks(filter:"…",limit:5){title}` → what to show.

The text is a GraphQL selection set without its outer braces; graphql-core's parser reads it.
"""

from __future__ import annotations

import re

from graphql import GraphQLSyntaxError, Source, parse
from graphql.language.ast import (
    DocumentNode,
    FieldNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
)

from register.errors import QueryInvalid
from register.query.ast import MAX_DEPTH, Condition, Origin, Selected, Term
from register.query.errors import QueryTooLarge
from register.query.names import did_you_mean
from register.query.parse_filter import MAX_ALIAS, check_text, parse_filter, parse_order

_MAX_TOKENS = 4_000
_BRACKETS = re.compile(
    r'"""(?:\\"""|(?!""").)*(?:"""|\Z)|"(?:\\.|[^"\\\n])*"?|\#[^\n\r]*|[{}\[\]()]', re.DOTALL
)
_HINT = "Write fields with commas between, relations with braces: key,title,manager{title}."


def parse_fields(text: str, parameter: str = "fields") -> tuple[Selected, ...]:
    """The selection that `text` says. Raises QueryInvalid at the character that cannot be understood."""
    origin = Origin(parameter, text)
    check_text(text, origin)
    if not text.strip(" \t\r\n,"):
        return ()
    _check_nesting(text, origin)
    try:
        # One character was put in front: every location is one too large.
        document = parse(Source("{" + text + "}"), max_tokens=_MAX_TOKENS)
    except GraphQLSyntaxError as error:
        at = min(max(next(iter(error.positions or ()), 1) - 1, 0), len(text))
        reason = error.message.removeprefix("Syntax Error: ").rstrip(".")
        raise QueryInvalid(
            f"`{parameter}` cannot be read: {reason}", position=at, parameter=parameter, text=text, hint=_HINT
        ) from None
    return _selections(_only_set(document, origin), origin)


def _check_nesting(text: str, origin: Origin) -> None:
    # Before the parser, which recurses. Texts in quotes are skipped: filters have brackets of their own.
    depth = 0
    for match in _BRACKETS.finditer(text):
        mark = match.group()
        if mark in "{[(":
            depth += 1
        elif mark in "}])":
            depth -= 1
        if depth > MAX_DEPTH + 2:
            raise QueryTooLarge(
                f"relations are nested deeper than {MAX_DEPTH} levels",
                position=match.start(),
                parameter=origin.parameter,
                text=origin.text,
            )


def _only_set(document: DocumentNode, origin: Origin) -> SelectionSetNode:
    first = document.definitions[0]
    if len(document.definitions) > 1 or not isinstance(first, OperationDefinitionNode):
        second = document.definitions[-1]
        raise QueryInvalid(
            "a brace is closed that was never opened",
            position=max(0, (second.loc.start if second.loc else 1) - 2),
            parameter=origin.parameter,
            text=origin.text,
            hint=_HINT,
        )
    return first.selection_set


def _selections(selection_set: SelectionSetNode, origin: Origin) -> tuple[Selected, ...]:
    chosen: dict[str, Selected] = {}
    for node in selection_set.selections:
        at = node.loc.start - 1 if node.loc else 0
        if not isinstance(node, FieldNode) or node.directives:
            raise _invalid("fragments and directives are not part of this grammar", at, origin)
        selected = _selected(node, at, origin)
        if selected.alias in chosen:
            raise _invalid(
                f"`{selected.alias}` is asked for twice",
                at,
                origin,
                f"Give one another name: other:{selected.name}.",
            )
        if len(selected.alias) > MAX_ALIAS:
            raise _invalid(f"a name may have {MAX_ALIAS} characters", at, origin)
        chosen[selected.alias] = selected
    return tuple(chosen.values())


def _selected(node: FieldNode, at: int, origin: Origin) -> Selected:
    condition: Condition | None = None
    order: tuple[Term, ...] = ()
    limit: int | None = None
    seen: list[str] = []
    for argument in node.arguments or ():
        name, value = argument.name.value, argument.value
        where = argument.loc.start - 1 if argument.loc else at
        start = value.loc.start - 1 if value.loc else at
        if name in seen:
            raise _invalid(f"`{name}` is given twice", where, origin)
        seen.append(name)
        if name == "limit" and isinstance(value, IntValueNode):
            limit = int(value.value) if len(value.value) < 10 else 10**9
        elif name in ("filter", "order") and isinstance(value, StringValueNode):
            inner = Origin(origin.parameter, origin.text, start + (3 if value.block else 1))
            if name == "filter":
                condition = parse_filter(value.value, inner)
            else:
                order = parse_order(value.value, inner)
        elif name in ("filter", "order", "limit"):
            what = "a whole number" if name == "limit" else "a text in double quotes"
            raise _invalid(f"`{name}` takes {what}", start, origin)
        else:
            hint = did_you_mean(name, ("filter", "order", "limit")) or "There are filter, order and limit."
            raise _invalid(f"`{name}` is not an argument", where, origin, hint)
    return Selected(
        name=node.name.value,
        alias=node.alias.value if node.alias else node.name.value,
        at=at,
        origin=origin,
        children=_selections(node.selection_set, origin) if node.selection_set else None,
        filter=condition,
        order=order,
        limit=limit,
        arguments=tuple(seen),
    )


def _invalid(message: str, at: int, origin: Origin, hint: str = "") -> QueryInvalid:
    return QueryInvalid(message, position=max(at, 0), parameter=origin.parameter, text=origin.text, hint=hint)
