"""The nearest of the names that would have been right."""

from __future__ import annotations

from collections.abc import Iterable

from portbook.text import nearest


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`Did you mean due_on?`, or nothing when none is near."""
    near = nearest(word, known)
    return f"Did you mean `{near}`?" if near else ""
