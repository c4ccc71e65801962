"""Whether two names can be one person's, and whether a mailbox is one person's. Never whether they are."""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher

_ROLE = frozenset(
    (
        *(
            "admin",
            "administrator",
            "all",
            "billing",
            "board",
            "contact",
            "delivery",
            "devops",
            "enquiries",
            "finance",
        ),
        *(
            "functional",
            "help",
            "helpdesk",
            "hello",
            "hr",
            "info",
            "it",
            "jira",
            "mail",
            "marketing",
            "noreply",
        ),
        *(
            "office",
            "operations",
            "ops",
            "owner",
            "pm",
            "pmo",
            "portfolio",
            "postmaster",
            "procurement",
            "programme",
        ),
        *(
            "project",
            "projects",
            "release",
            "risk",
            "root",
            "sales",
            "scrum",
            "security",
            "service",
            "servicedesk",
        ),
        *("shared", "staff", "support", "team", "test", "testing", "webmaster"),
    )
)
"""Local parts that RFC 2142 and custom give to a function, not to a person."""

_ALIKE = 0.84
"""Similarity (Ratcliff/Obershelp) from which two words are taken for spellings of one: `Jonson` and `Johnson`."""

_CLOSE = 0.7
"""The same for words of which something else already says that they are one: `Umar` and `Muar`."""


def shared_mailbox(address: str) -> bool:
    """Whether the address is a function's: everybody there may answer."""
    local = address.partition("@")[0].casefold()
    return local.replace("-", "") in _ROLE or not _ROLE.isdisjoint(re.split(r"[._+-]", local))


def name_words(name: str | None) -> tuple[str, ...]:
    """The words of a name, in one spelling: no accents, no case, no punctuation, in order of the alphabet."""
    if not name:
        return ()
    plain = unicodedata.normalize("NFKD", name.partition("(")[0]).casefold()
    return tuple(sorted(re.findall(r"[^\W\d_]+", "".join(c for c in plain if not unicodedata.combining(c)))))


def may_be_one(name: str | None, other: str | None, *, initials: bool = True, alike: float = _ALIKE) -> bool:
    """Whether the two names could be one person's: every word of the shorter one is, or is nearly, a word of the
    longer one, or, where `initials` will do, its first letter. Without one of the names there is nothing to say
    against it."""
    short, long = sorted((name_words(name), name_words(other)), key=len)
    if not short or (name and other and "@" in name + other):
        return True
    left = list(long)
    for word in sorted(short, key=len, reverse=True):
        found = next((w for w in left if _one_word(word, w, initials, alike)), None)
        if found is None:
            return False
        left.remove(found)
    return True


def written_in_haste(name: str | None, other: str | None) -> bool:
    """Whether the names differ no more than by what a hurried hand does: an initial, letters in another order, a blank
    or a letter too few or too many. Enough where something else says that they are one, and never by itself."""
    one, two = ("".join(sorted("".join(name_words(given)))) for given in (name, other))
    return one == two or may_be_one(name, other, alike=_CLOSE)


def _one_word(word: str, other: str, initials: bool, alike: float) -> bool:
    if word == other or (initials and 1 in (len(word), len(other)) and word[0] == other[0]):
        return True
    return min(len(word), len(other)) > 2 and SequenceMatcher(None, word, other).ratio() >= alike
