"""A project's trees: its areas and its iterations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from adapters.errors import SourceMisbehaved

DEEPEST = 14
"""Levels of an area or iteration tree (Microsoft's "Work tracking, process, and project limits")."""


class Node(NamedTuple):
    """An iteration or an area. `path` is as work items write it."""

    id: int
    identifier: str
    path: str
    project: str
    data: dict[str, Any]


class Trees(NamedTuple):
    iterations: tuple[Node, ...]
    areas: tuple[Node, ...]
    backlog: int | None
    """The root of the iterations: what is not planned yet, and no iteration itself."""
    title: str
    """The root's path, as work items write it: the project's name."""


def read_trees(roots: Iterable[Mapping[str, Any]], project: str) -> Trees:
    """The nodes of a project's trees, from their roots with all that is below them. Raises SourceMisbehaved where
    something was left out."""
    found: dict[str, list[Node]] = {"iteration": [], "area": []}
    backlog, title = None, ""
    for root in roots:
        kind = str(root.get("structureType"))
        nodes = found.get(kind)
        if nodes is not None:
            if kind == "area":
                nodes.append(_node(root, project))
            else:
                backlog, title = int(root["id"]), field_path(str(root.get("path") or ""))
            nodes.extend(_below(root, project))
    return Trees(tuple(found["iteration"]), tuple(found["area"]), backlog, title)


def _below(node: Mapping[str, Any], project: str) -> list[Node]:
    children = node.get("children")
    if not isinstance(children, list):
        if node.get("hasChildren"):
            raise SourceMisbehaved(
                f"the tree below {node.get('path')!r} was left out of the answer", stream="iteration"
            )
        return []
    found = []
    for child in children:
        found.append(_node(child, project))
        found.extend(_below(child, project))
    return found


def _node(node: Mapping[str, Any], project: str) -> Node:
    data = {name: value for name, value in node.items() if name != "children"}
    return Node(
        int(node["id"]), str(node["identifier"]), field_path(str(node.get("path") or "")), project, data
    )


def field_path(path: str) -> str:
    """`\\Alpha\\Iteration\\Release 1` of a tree as work items write it: `Alpha\\Release 1`."""
    parts = path.strip("\\").split("\\")
    return "\\".join([*parts[:1], *parts[2:]])
