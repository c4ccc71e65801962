"""What can go wrong in the register.

Problem
├─ RegisterError
│  ├─ SchemaMismatch     run `portbook migrate`
│  ├─ LeaseLost          somebody else writes for this source now: drop everything, quietly
│  └─ RowNotFound        404
└─ QueryInvalid(position) 400, pointing at the character
"""

from __future__ import annotations

from portbook.errors import Problem


class RegisterError(Problem):
    """The register cannot do what was asked."""

    code = "REG001"


class SchemaMismatch(RegisterError):
    """The database has another schema version than this program."""

    code = "REG002"


class LeaseLost(RegisterError):
    """Another worker took over; nothing of the current page was written."""

    code = "REG003"


class RowNotFound(RegisterError):
    """No row has this id or key."""

    code = "REG004"


class QueryInvalid(Problem):
    """The query cannot be understood or is not allowed; `position` counts characters from 0 in `text`."""

    code = "QRY001"
    exit_code = 2

    def __init__(
        self,
        message: str,
        *,
        position: int | None = None,
        parameter: str = "",
        text: str = "",
        detail: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message, detail=detail, hint=hint)
        self.parameter = parameter
        self.position = position
        self.text = text
