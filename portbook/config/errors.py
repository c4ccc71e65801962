"""What can be wrong with a configuration file.

Problem
└─ SettingsInvalid
   └─ ConfigInvalid     CFG001  refuse at load, with every mistake at once
      ├─ SecretMissing  CFG002  a variable or file that a secret is read from
      └─ ConfigMissing  CFG003  the file itself
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from portbook.errors import SettingsInvalid


class Mistake(NamedTuple):
    """One thing to correct, where it stands. Never holds a value that could be a secret."""

    line: int
    column: int
    message: str
    hint: str = ""

    def shown(self, file: str) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{file}:{self.line}:{self.column}: {self.message}{hint}"


class ConfigInvalid(SettingsInvalid):
    """The file cannot be used as written. `detail` holds one `file:line:column: …` for each mistake."""

    code = "CFG001"

    def __init__(
        self, message: str, *, detail: str = "", hint: str = "", mistakes: Iterable[Mistake] = ()
    ) -> None:
        super().__init__(message, detail=detail, hint=hint)
        self.mistakes = tuple(mistakes)


class SecretMissing(ConfigInvalid):
    """A secret's variable is not set, or its file cannot be read."""

    code = "CFG002"


class ConfigMissing(ConfigInvalid):
    """There is no configuration file."""

    code = "CFG003"


def refused(file: str, mistakes: Iterable[Mistake]) -> ConfigInvalid:
    """All mistakes as one Problem, in the order of the file."""
    ordered = sorted(set(mistakes))
    count = "a mistake" if len(ordered) == 1 else f"{len(ordered)} mistakes"
    return ConfigInvalid(
        f"{file} has {count}",
        detail="\n".join(mistake.shown(file) for mistake in ordered),
        hint="Every key is described in docs/configuration.md.",
        mistakes=ordered,
    )
