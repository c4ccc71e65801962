"""The nearest of the words that would have been right."""

from __future__ import annotations

from collections.abc import Collection

from portbook.text import nearest


def did_you_mean(word: str, known: Collection[str]) -> str:
    """`did you mean 'x'?`, or nothing when none is near."""
    near = nearest(word, known)
    return f"did you mean {near!r}?" if near else ""
