"""Problem: the one shape of an error, from the place that notices it to the person who reads it.

The *class* decides what happens next; nobody parses messages. The same Problem becomes problem+json in the
gateway, a line in the terminal and the `error` columns of a run. `docs/errors.md` lists every code.
"""

from __future__ import annotations

from typing import ClassVar


class Problem(Exception):
    """Something a person can act on.

    `message` says what happened, `detail` where (file:line, URL, record, position), `hint` what to do next.
    `code` is stable: documents and clients may rely on it.
    """

    code: ClassVar[str] = "PRB001"
    exit_code: ClassVar[int] = 1
    """Of a command that ends with it: 1 something is not fine, 2 wrong usage or configuration."""

    def __init__(self, message: str, *, detail: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint

    def __str__(self) -> str:
        parts = [f"{self.message} ({self.detail})" if self.detail else self.message]
        if self.hint:
            parts.append(self.hint)
        return " - ".join(parts)


def defect(error: Exception) -> Problem:
    """What nobody expected, as a Problem."""
    return Problem(
        f"unexpected {type(error).__name__}: {error}",
        hint="This is a defect. Run again with PORTBOOK_DEBUG=1 and report what it prints.",
    )


class SettingsInvalid(Problem):
    """The configuration cannot be used as written."""

    code = "CFG001"
    exit_code = 2
