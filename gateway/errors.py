"""What only the gateway can find wrong.

Problem
└─ HttpProblem          its status as given
   ├─ NotSignedIn       401
   │  └─ TokenRefused   401
   ├─ NotAllowed        403
   │  └─ AccountBlocked 403
   ├─ TooMany           429
   └─ SignInUnavailable 503
"""

from __future__ import annotations

from portbook.errors import Problem
from register.audit import Actor


class HttpProblem(Problem):
    """The request cannot be served: no such address or method, or an error of ours."""

    code = "API001"

    def __init__(self, message: str, *, status: int, detail: str = "", hint: str = "") -> None:
        super().__init__(message, detail=detail, hint=hint)
        self.status = status


class NotSignedIn(HttpProblem):
    """No key came with the request, or none that is in force."""

    code = "API002"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(
            message,
            status=401,
            hint=hint
            or "Send `Authorization: Bearer pb_…`, or Basic with the key as password. "
            "`portbook keys create NAME` makes one.",
        )


class TokenRefused(NotSignedIn):
    """The token is none that is taken here: it has ended, is for somebody else, or is not signed as it says."""

    code = "API005"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint or "Sign in again, for the application that `sign_in` names.")


class NotAllowed(HttpProblem):
    """The caller is known but may not do this."""

    code = "API003"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, status=403, hint=hint)


class AccountBlocked(NotAllowed):
    """The token is good, and its account is shut out."""

    code = "API007"

    def __init__(self, actor: Actor) -> None:
        super().__init__(
            f"the account {actor.name!r} is blocked",
            "Ask whoever administers the register: `portbook accounts list` says why.",
        )
        self.actor = actor


class SignInUnavailable(HttpProblem):
    """Whoever issues tokens cannot be asked, or says what cannot be used: nobody can tell whether a token is good."""

    code = "API006"

    def __init__(self, message: str, detail: str = "", hint: str = "") -> None:
        hint = hint or "Try again shortly; API keys go on working. `portbook check` looks at the sign-in."
        super().__init__(message, status=503, detail=detail, hint=hint)


class TooMany(HttpProblem):
    """The caller asks more at a time than one may."""

    code = "API004"

    def __init__(self, message: str, wait_s: int) -> None:
        super().__init__(message, status=429, hint=f"Ask again after {wait_s} s, or less at a time.")
        self.wait_s = wait_s
