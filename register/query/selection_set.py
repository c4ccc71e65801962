"""A GraphQL selection set without its outer braces, read by graphql-core's parser."""

from __future__ import annotations

from functools import lru_cache

from graphql import GraphQLSyntaxError, Source, parse
from graphql.language.ast import DocumentNode, OperationDefinitionNode, SelectionSetNode

from register.errors import QueryInvalid
from register.query.ast import MAX_DEPTH, Origin, Selected
from register.query.selections import MAX_TOKENS, Selections, check_nesting

_HINT = "Write fields with commas between, relations with braces: key,title,manager{title}."


@lru_cache(maxsize=128)  # of the longest that may be written, 30 MB
def read_selection_set(text: str, origin: Origin) -> tuple[Selected, ...]:
    """Raises QueryInvalid at the character that cannot be understood.

    Remembered: a page of a report asks for the same fields whatever is filtered for, and the parser takes half of what
    there is to do between an address and its statement.
    """
    check_nesting(text, origin, MAX_DEPTH + 2, f"relations are nested deeper than {MAX_DEPTH} levels")
    try:
        # One character was put in front: every location is one too large.
        document = parse(Source("{" + text + "}"), max_tokens=MAX_TOKENS)
    except GraphQLSyntaxError as error:
        at = min(max(next(iter(error.positions or ()), 1) - 1, 0), len(text))
        reason = error.message.removeprefix("Syntax Error: ").rstrip(".")
        raise QueryInvalid(
            f"`{origin.parameter}` cannot be read: {reason}",
            position=at,
            parameter=origin.parameter,
            text=text,
            hint=_HINT,
        ) from None
    return Selections(origin, shift=1).read(_only_set(document, origin))


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
