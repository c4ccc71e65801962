"""What can be wrong with a mapping file, and what it can make of a value.

Problem
├─ MappingInvalid(file, line)     MAP001  refuse at load
└─ FieldUnmapped(path, value)     MAP1…   field empty, finding, go on
"""

from __future__ import annotations

from typing import Any

from portbook.errors import Problem


class MappingInvalid(Problem):
    """A mapping file cannot be used as written; `detail` holds one `file:line: …` for each mistake."""

    code = "MAP001"


class FieldUnmapped(Problem):
    """A value could not become what the field holds. The field stays empty and a person is told."""

    code = "MAP101"


class ValueUnknown(FieldUnmapped):
    """The value is not in the lookup, or not one of the field's words."""

    code = "MAP102"
    word: Any = None
    """The one that is unknown, where the value has several."""
    instead: Any = None
    """What the value's other words give: the field holds it all the same."""


class TextRepaired(FieldUnmapped):
    """The text held NULs, which no register can store; they were replaced, the rest is as it was."""

    code = "MAP103"
