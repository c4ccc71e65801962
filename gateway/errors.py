"""What only the gateway can find wrong.

Problem
└─ HttpProblem          its status as given
   ├─ NotSignedIn       401
   ├─ NotAllowed        403
   └─ TooMany           429
"""

from __future__ import annotations

from portbook.errors import Problem


class HttpProblem(Problem):
    """The request cannot be served: no such address or method, or an error of ours."""

    code = "API001"

    def __init__(self, message: str, *, status: int, detail: str = "", hint: str = "") -> None:
        super().__init__(message, detail=detail, hint=hint)
        self.status = status


class NotSignedIn(HttpProblem):
    """No key came with the request, or none that is in force."""

    code = "API002"

    def __init__(self, message: str) -> None:
        super().__init__(
            message,
            status=401,
            hint="Send `Authorization: Bearer pb_…`, or Basic with the key as password. "
            "`portbook keys create NAME` makes one.",
        )


class NotAllowed(HttpProblem):
    """The key is in force but may not do this."""

    code = "API003"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, status=403, hint=hint)


class TooMany(HttpProblem):
    """The key asks more at a time than one key may."""

    code = "API004"

    def __init__(self, message: str, wait_s: int) -> None:
        super().__init__(message, status=429, hint=f"Ask again after {wait_s} s, or less at a time.")
        self.wait_s = wait_s
