"""What a tool's value is called when a person is told that it will not do."""

from __future__ import annotations

from typing import Any


def kind_of(value: Any) -> str:
    """The kind of a JSON value in a word; an error cell of a sheet by its error."""
    if isinstance(value, dict) and "error" in value:
        return f"an error cell ({value['error']})"
    names: dict[type, str] = {
        dict: "an object",
        list: "a list",
        bool: "a yes/no value",
        int: "a number",
        float: "a number",
        str: "text",
    }
    return names.get(type(value), type(value).__name__)
