"""The nearest of the words that would have been right."""

from __future__ import annotations

import difflib
from collections.abc import Collection


def did_you_mean(word: str, known: Collection[str]) -> str:
    """`did you mean 'x'?`, or nothing when none is near."""
    by_fold = {item.casefold().replace("-", "_"): item for item in known}
    near = difflib.get_close_matches(word.casefold().replace("-", "_"), by_fold, n=1, cutoff=0.6)
    return f"did you mean {by_fold[near[0]]!r}?" if near else ""
