"""What `select` names and the tool does not show."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from adapters.errors import SourceRefused
from portbook.text import nearest


def unmet(
    selected: Collection[str] | None, visible: Iterable[tuple[str, ...]], *, state: str = "visible"
) -> tuple[SourceRefused, ...]:
    """One error for each selected project that is none of the visible ones. These come with all their names, the one
    that people know first; case does not count."""
    projects = list(visible)
    known = {name.casefold() for names in projects for name in names}
    shown = [names[0] for names in projects]
    found = []
    for name in selected or ():
        if name.strip().casefold() in known:
            continue
        near = nearest(name, shown)
        there = f"{state.capitalize()} are: {', '.join(shown[:20])}{' …' if len(shown) > 20 else ''}."
        found.append(
            SourceRefused(
                f"project {name} of select.projects is not {state}",
                hint=f"Did you mean {near!r}?" if near else there,
            )
        )
    return tuple(found)
