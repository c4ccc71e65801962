"""What can go wrong at a source, sorted by consequence.

Problem
└─ SourceError(source, stream)
   ├─ SourceUnavailable(retry_after)   try the run again later
   ├─ SourceRefused                    pause the source, tell a person
   │  ├─ SignInRefused                 the same; nothing else needs to be asked
   │  └─ FileRefused                   tell a person, read the other files, try again when due
   ├─ SourceMisbehaved                 the answer cannot be trusted: the run is incomplete, its cursor stays
   ├─ HookRefused                      answer 401: a notification that the tool cannot have sent
   ├─ CursorExpired                    drop the cursor, read in full
   ├─ FileDoubled                      never raised: the record was read, and a person is told
   └─ RecordRejected(record_id)        keep the record aside, go on
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from portbook.errors import Problem


class SourceError(Problem):
    """A source did not give what was asked of it."""

    code = "SRC001"

    def __init__(
        self, message: str, *, source: str = "", stream: str = "", detail: str = "", hint: str = ""
    ) -> None:
        super().__init__(message, detail=detail, hint=hint)
        self.source = source
        self.stream = stream


class SourceUnavailable(SourceError):
    """The tool is down, slow or limiting us; `retry_after` is in seconds where the tool named one."""

    code = "SRC002"

    def __init__(self, message: str, *, retry_after: float | None = None, **where: str) -> None:
        super().__init__(message, **where)
        self.retry_after = retry_after


class SourceRefused(SourceError):
    """Credentials or permissions do not suffice, or the address is wrong. Trying again will not help."""

    code = "SRC003"


class SignInRefused(SourceRefused):
    """The tool does not know us, or no longer: whatever else is asked for is refused, too."""


class FileRefused(SourceRefused):
    """A file, sheet or column is not as configured. What else the source has is read; whoever keeps the file may mend
    it at any time, so the source is tried again when it is next due."""

    code = "SRC008"


class FileDoubled(SourceError):
    """Several files hold one and the same plan. The one that was saved last is read."""

    code = "SRC010"


class HookRefused(SourceError):
    """A notification that does not prove that it comes from the tool. The answer tells nobody why."""

    code = "SRC009"


class SourceMisbehaved(SourceError):
    """The answer breaks the tool's own rules (repeated page token, HTML as 200, truncated JSON, totals that do
    not add up). Nothing may be concluded from it, above all no deletion."""

    code = "SRC004"


class CursorExpired(SourceError):
    """The tool no longer accepts our place in its feed."""

    code = "SRC005"


class RecordRejected(SourceError):
    """One record cannot be read; its neighbours can."""

    code = "SRC006"

    def __init__(self, message: str, *, record_id: str = "", **where: str) -> None:
        super().__init__(message, **where)
        self.record_id = record_id


@contextmanager
def our_own_trouble() -> Iterator[None]:
    """An adapter that fails on this machine (no room for a copy of a file) is not the register's database gone: what it
    was asked for in here ends in SourceUnavailable."""
    try:
        yield
    except OSError as error:
        raise SourceUnavailable(
            f"reading failed on this machine: {error.strerror or error}",
            detail=str(error.filename or ""),
            hint="Is there room in the folder for temporary files (TMPDIR), and may it be written?",
        ) from None
