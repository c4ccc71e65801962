"""GraphQL selection sets → what to show. Used for `fields`, and for whole documents with fragments and variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from graphql.language.ast import (
    ArgumentNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    Node,
    NullValueNode,
    SelectionNode,
    SelectionSetNode,
    StringValueNode,
    ValueNode,
    VariableNode,
)

from register.errors import QueryInvalid
from register.query.ast import MAX_DEPTH, Condition, Origin, Selected, Term
from register.query.errors import QueryTooLarge
from register.query.names import did_you_mean
from register.query.parse_filter import MAX_ALIAS, parse_filter, parse_order
from register.query.tokens import check_text

MAX_TOKENS = 2_000
"""Words and signs in one selection or document: reading one takes 15 µs."""
MAX_SELECTED = 1_000
"""Fields in a request, its fragments spread out."""
_BRACKETS = re.compile(
    r'"""(?:\\"""|(?!""").)*(?:"""|\Z)|"(?:\\.|[^"\\\n])*"?|\#[^\n\r]*|[{}\[\]()]', re.DOTALL
)


def check_nesting(text: str, origin: Origin, deepest: int, message: str) -> None:
    """Before the parser, which recurses. Texts in quotes are skipped: filters have brackets of their own."""
    depth = 0
    for match in _BRACKETS.finditer(text):
        mark = match.group()
        if mark in "{[(":
            depth += 1
        elif mark in "}])":
            depth -= 1
        if depth > deepest:
            raise QueryTooLarge(message, position=match.start(), parameter=origin.parameter, text=origin.text)


class Selections:
    """Reads the selection sets of one text. `shift` is how many characters were put in front of it for the parser."""

    def __init__(
        self,
        origin: Origin,
        shift: int = 0,
        fragments: Mapping[str, FragmentDefinitionNode] | None = None,
        variables: Mapping[str, Any] | None = None,
    ) -> None:
        self.origin = origin
        self._shift = shift
        self._fragments = fragments
        self._variables = variables or {}
        self._spreading: list[str] = []
        self._seen = 0
        self._depth = 0

    def read(self, selection_set: SelectionSetNode) -> tuple[Selected, ...]:
        """What is selected, in order."""
        chosen: dict[str, Selected] = {}
        self._depth += 1
        if self._depth > MAX_DEPTH + 2:
            message = f"relations are nested deeper than {MAX_DEPTH} levels"
            raise self.wrong(selection_set, message, error=QueryTooLarge)
        for node in self.fields(selection_set):
            selected = self._selected(node)
            if selected.alias in chosen:
                raise self.wrong(
                    node,
                    f"`{selected.alias}` is asked for twice",
                    f"Give one another name: other:{selected.name}.",
                )
            if len(selected.alias) > MAX_ALIAS:
                raise self.wrong(node, f"a name may have {MAX_ALIAS} characters")
            chosen[selected.alias] = selected
        self._depth -= 1
        return tuple(chosen.values())

    def fields(self, selection_set: SelectionSetNode) -> list[FieldNode]:
        """The fields of a set, fragments spread out, what is skipped left out. The same field asked for by several
        fragments comes once."""
        if self._fragments is None:
            return self._spread(selection_set)
        found: dict[str, FieldNode] = {}
        for node in self._spread(selection_set):
            alias = node.alias.value if node.alias else node.name.value
            known = found.get(alias)
            if known is None:
                found[alias] = node
            elif known.name.value != node.name.value or _written(known) != _written(node):
                raise self.wrong(node, f"`{alias}` is asked for twice, and not for the same")
            elif node.selection_set is not None and known.selection_set is not None:
                merged = (*known.selection_set.selections, *node.selection_set.selections)
                both = SelectionSetNode(selections=merged, loc=known.selection_set.loc)
                found[alias] = FieldNode(
                    alias=known.alias,
                    name=known.name,
                    arguments=known.arguments,
                    directives=known.directives,
                    selection_set=both,
                    loc=known.loc,
                )
        return list(found.values())

    def _spread(self, selection_set: SelectionSetNode) -> list[FieldNode]:
        found: list[FieldNode] = []
        for node in selection_set.selections:
            self._seen += 1
            if self._seen > MAX_SELECTED:
                raise self.wrong(
                    node, f"the request selects more than {MAX_SELECTED:,} fields", error=QueryTooLarge
                )
            if not self._wanted(node):
                continue
            if isinstance(node, FieldNode):
                found.append(node)
            elif self._fragments is None:
                raise self.wrong(node, "fragments and directives are not part of this grammar")
            elif isinstance(node, InlineFragmentNode):
                found += self._spread(node.selection_set)
            else:
                assert isinstance(node, FragmentSpreadNode)
                found += self._fragment(node, node.name.value)
        return found

    def _fragment(self, node: Node, name: str) -> list[FieldNode]:
        assert self._fragments is not None
        fragment = self._fragments.get(name)
        if fragment is None:
            raise self.wrong(node, f"there is no fragment `{name}`", did_you_mean(name, self._fragments))
        if name in self._spreading:
            raise self.wrong(node, f"fragment `{name}` spreads itself")
        self._spreading.append(name)
        found = self._spread(fragment.selection_set)
        self._spreading.pop()
        return found

    def _wanted(self, node: SelectionNode) -> bool:
        for directive in node.directives or ():
            if self._fragments is None:
                raise self.wrong(node, "fragments and directives are not part of this grammar")
            name = directive.name.value
            if name not in ("include", "skip"):
                raise self.wrong(
                    directive, f"there is no directive `@{name}`", "There are @include and @skip."
                )
            if self._condition(directive) is (name == "skip"):
                return False
        return True

    def _condition(self, directive: DirectiveNode) -> bool:
        arguments = {argument.name.value: argument for argument in directive.arguments or ()}
        value = self.value(arguments["if"].value) if set(arguments) == {"if"} else None
        if not isinstance(value, bool):
            raise self.wrong(directive, f"`@{directive.name.value}` takes `if`, true or false")
        return value

    def value(self, node: ValueNode) -> Any:
        """A literal, or what a variable stands for: text, whole number, truth value or None; else the node."""
        if isinstance(node, VariableNode):
            name = node.name.value
            if name not in self._variables:
                raise self.wrong(
                    node, f"the variable `${name}` is not declared", did_you_mean(name, self._variables)
                )
            return self._variables[name]
        if isinstance(node, StringValueNode):
            return node.value
        if isinstance(node, IntValueNode):
            return int(node.value) if len(node.value) < 10 else 10**9
        if isinstance(node, NullValueNode):
            return None
        return getattr(node, "value", node) if node.kind == "boolean_value" else node

    def text(self, argument: ArgumentNode) -> tuple[str, Origin] | None:
        """A text argument, and where it stands. None where a variable is null or was left out."""
        node, name = argument.value, argument.name.value
        found = self.value(node)
        if found is None:
            return None
        if not isinstance(found, str):
            raise self.wrong(node, f"`{name}` takes a text in double quotes")
        if isinstance(node, StringValueNode):
            return found, Origin(
                self.origin.parameter, self.origin.text, self.at(node) + (3 if node.block else 1)
            )
        origin = Origin(f"${node.name.value}" if isinstance(node, VariableNode) else name, found)
        check_text(found, origin)
        return found, origin

    def number(self, argument: ArgumentNode) -> int | None:
        """A whole number. None where a variable is null or was left out."""
        found = self.value(argument.value)
        if found is not None and (not isinstance(found, int) or isinstance(found, bool)):
            raise self.wrong(argument.value, f"`{argument.name.value}` takes a whole number")
        return found

    def _selected(self, node: FieldNode) -> Selected:
        condition: Condition | None = None
        order: tuple[Term, ...] = ()
        limit: int | None = None
        seen: list[str] = []
        for argument in node.arguments or ():
            name = argument.name.value
            if name in seen:
                raise self.wrong(argument, f"`{name}` is given twice")
            seen.append(name)
            if name == "limit":
                limit = self.number(argument)
            elif name in ("filter", "order"):
                found = self.text(argument)
                if found is not None and name == "filter":
                    condition = parse_filter(*found)
                elif found is not None:
                    order = parse_order(*found)
            else:
                hint = (
                    did_you_mean(name, ("filter", "order", "limit")) or "There are filter, order and limit."
                )
                raise self.wrong(argument, f"`{name}` is not an argument", hint)
        return Selected(
            name=node.name.value,
            alias=node.alias.value if node.alias else node.name.value,
            at=self.at(node),
            origin=self.origin,
            children=self.read(node.selection_set) if node.selection_set else None,
            filter=condition,
            order=order,
            limit=limit,
            arguments=tuple(seen),
        )

    def at(self, node: Node) -> int:
        """Where a node starts."""
        return max(node.loc.start - self._shift, 0) if node.loc else 0

    def wrong(
        self, node: Node, message: str, hint: str = "", error: type[QueryInvalid] = QueryInvalid
    ) -> QueryInvalid:
        """What to raise about a node."""
        return error(
            message, position=self.at(node), parameter=self.origin.parameter, text=self.origin.text, hint=hint
        )


def _written(node: FieldNode) -> list[tuple[str, object]]:
    return [
        (argument.name.value, argument.value.to_dict(locations=False)) for argument in node.arguments or ()
    ]
