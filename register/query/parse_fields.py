"""`key,title,manager{title},open:risks(filter:"…",limit:5){title}` → what to show."""

from __future__ import annotations

from register.query.ast import Origin, Selected
from register.query.tokens import check_text


def parse_fields(text: str, parameter: str = "fields") -> tuple[Selected, ...]:
    """The selection that `text` says. Raises QueryInvalid at the character that cannot be understood."""
    origin = Origin(parameter, text)
    check_text(text, origin)
    if not text.strip(" \t\r\n,"):
        return ()
    # graphql-core takes a quarter of a second to import, and most commands name no fields.
    from register.query.selection_set import read_selection_set

    return read_selection_set(text, origin)
