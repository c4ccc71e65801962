"""The nearest of the names that would have been right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`Did you mean due_on?`, or nothing when none is near."""
    near = difflib.get_close_matches(word[:80].casefold(), list(known), n=1, cutoff=0.6)
    return f"Did you mean `{near[0]}`?" if near else ""
