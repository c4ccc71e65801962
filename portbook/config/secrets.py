"""Secrets by reference: `{env: NAME}` or `{file: PATH}`, read when a source is opened and never before.

A reference is a SecretStr, so options models need not know of it; only `get_secret_value()` reads what it
points to, anew at every call, so that a rotated secret is found without a restart.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from portbook.config.errors import SecretMissing

_LARGEST = 64 * 1024


class SecretReference(SecretStr):
    """A secret that stands elsewhere. Shows where, never what."""

    def __init__(self, kind: str, name: str, where: str) -> None:
        super().__init__("")
        self.kind = kind
        """`env` or `file`."""
        self.name = name
        """The variable's name or the file's absolute path."""
        self.where = where
        """file:line:column of the reference."""

    def get_secret_value(self) -> str:
        """The secret as it is now. Raises SecretMissing, which names the variable or file and the line."""
        value = self._from_environment() if self.kind == "env" else self._from_file()
        if not value:
            raise self._missing("is empty")
        return value

    def _from_environment(self) -> str:
        value = os.environ.get(self.name)
        if value is None:
            raise self._missing("is not set")
        return value

    def _from_file(self) -> str:
        try:
            with Path(self.name).open("rb") as file:
                content = file.read(_LARGEST + 1)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a path"
            raise self._missing(f"cannot be read: {reason}") from None
        if len(content) > _LARGEST:
            raise self._missing("is too large for a secret")
        try:
            # Editors and `echo` end a file with a line break that is no part of the secret; those of Windows begin it
            # with a mark that nobody sees.
            return content.decode("utf-8-sig").rstrip("\r\n")
        except UnicodeDecodeError:
            raise self._missing("is not text in UTF-8") from None

    def _missing(self, what: str) -> SecretMissing:
        if self.kind == "env":
            return SecretMissing(
                f"The environment variable {self.name} {what}",
                detail=self.where,
                hint=f"Set it before starting (`export {self.name}=…`), or use {{file: PATH}}.",
            )
        return SecretMissing(
            f"The secret file {self.name} {what}",
            detail=self.where,
            hint="Create it with the secret as its only line, readable by this account, or use {env: NAME}.",
        )

    # SecretStr compares, hashes and measures by the value, which would read it.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretReference) and (self.kind, self.name) == (other.kind, other.name)

    def __hash__(self) -> int:
        return hash((self.kind, self.name))

    def __repr__(self) -> str:
        return f"SecretReference({self.kind}: {self.name})"

    def __len__(self) -> int:
        return len(self._display())

    def _display(self) -> str:
        return "**********"


def references(value: Any) -> Iterable[SecretReference]:
    """Every secret reference below a model, mapping or list."""
    if isinstance(value, SecretReference):
        yield value
    elif isinstance(value, BaseModel):
        for _, child in value:
            yield from references(child)
    elif isinstance(value, Mapping):
        for child in value.values():
            yield from references(child)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for child in value:
            yield from references(child)


def read_secrets(value: Any) -> None:
    """Read every secret below `value` once; raise one SecretMissing that names all that are missing."""
    missing: list[SecretMissing] = []
    for reference in references(value):
        try:
            reference.get_secret_value()
        except SecretMissing as problem:
            missing.append(problem)
    if len(missing) == 1:
        raise missing[0]
    if missing:
        raise SecretMissing(
            f"{len(missing)} secrets are missing",
            detail="\n".join(f"{problem.detail}: {problem.message}" for problem in missing),
            hint="Set the variables or create the files before starting.",
        )
