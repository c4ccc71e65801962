"""Two sources that read the same: every row of it would be in the register twice, and count twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from portbook.config.model import Source


@runtime_checkable
class SaysWhatItReads(Protocol):
    """Options that tell what is read by them."""

    def reads(self) -> Mapping[str, frozenset[str] | None]:
        """Place → which parts of it; None is all. What is the same is written the same."""


def read_by_both(one: Source, other: Source) -> str:
    """What two sources both read, in words; empty where their options do not say that they do."""
    if one.kind != other.kind:
        return ""
    if not isinstance(one.options, SaysWhatItReads) or not isinstance(other.options, SaysWhatItReads):
        return ""
    theirs = other.options.reads()
    for place, parts in one.options.reads().items():
        if place not in theirs:
            continue
        others = theirs[place]
        if parts is None and others is None:
            return place
        shared = parts & others if parts is not None and others is not None else parts or others
        if shared:
            return f"{', '.join(sorted(shared))} of {place}"
    return ""
