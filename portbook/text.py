"""Text rules that adapters, mappings and the register must agree on."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable

_INTEGRAL_FLOAT = re.compile(r"^(\d+)\.0+$")


def normal_key(value: object) -> str:
    """The form in which keys that people type are compared: `" r-012 "`, `R-012` and `R‑012` are one key.

    Width and compatibility variants (NFKC), case, dashes and runs of white space do not count; a number that a
    spreadsheet turned into `12.0` is `12`.
    """
    text = str(value)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_DASHES)
    text = " ".join(text.split()).casefold()
    whole = _INTEGRAL_FLOAT.match(text) if text.endswith("0") else None
    return whole.group(1) if whole else text


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The one of the known words that was probably meant; case and `-` for `_` do not count."""
    by_fold = {item.casefold().replace("-", "_"): item for item in known}
    near = difflib.get_close_matches(word[:80].casefold().replace("-", "_"), by_fold, n=1, cutoff=cutoff)
    return by_fold[near[0]] if near else None


def shown(value: object) -> str:
    """A tool's value for a message to a person: text as it is, the rest as Python writes it. Never raises, however
    deep the value is nested."""
    try:
        return value if isinstance(value, str) else repr(value)
    except RecursionError:
        return "a value nested too deeply to show"


_DASHES = dict.fromkeys(map(ord, "‐‑‒–—−"), "-")
