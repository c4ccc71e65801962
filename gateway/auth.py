"""Who is calling, and what they may do."""

from __future__ import annotations

from base64 import b64decode

from fastapi import Request
from starlette.types import Scope

from gateway.errors import AccountBlocked, NotAllowed, NotSignedIn, TokenRefused
from gateway.tokens import is_token
from gateway.uses import NOBODY, came, refused
from register.audit import Actor
from register.keys import Caller, Keyring, Refused


async def signed_in(request: Request, scope: str = "read") -> Caller:
    """The caller of this request. Raises NotSignedIn, NotAllowed (AccountBlocked too), SignInUnavailable or TooMany."""
    return await caller_of(request.app.state.keyring, request.scope, scope)


async def caller_of(
    keyring: Keyring, request: Scope, scope: str = "read", *, key: str | None = None
) -> Caller:
    """The same, of a request as ASGI brings it. Where it has no `Authorization`, `key` may stand in for one: the
    caller of this saw to it that it is allowed to come that way."""
    header = next((value for name, value in request["headers"] if name == b"authorization"), b"")
    if not header and not key:
        raise NotSignedIn("this needs a key")
    scheme, credentials = _credentials(header.decode("latin-1")) if header or key is None else ("", key)
    if not credentials:  # as Power Query asks where to sign in
        raise NotSignedIn("this needs a key")
    if scheme == "bearer" and is_token(credentials):
        try:
            caller: Caller = await request["app"].state.tokens.caller(credentials)
        except AccountBlocked as problem:
            refused(request, "account blocked", problem.actor)
            raise
        except (TokenRefused, NotAllowed) as problem:
            refused(request, "token refused" if isinstance(problem, TokenRefused) else "nothing granted")
            raise
    elif is_token(credentials):
        refused(request, "token refused")
        raise NotSignedIn(
            "this is a token, sent as if it were a key", "Send tokens as `Authorization: Bearer eyJ…`."
        )
    else:
        found = await keyring.caller(credentials)
        if isinstance(found, Refused):
            refused(request, found.reason, Actor(found.name) if found.name else NOBODY)
            raise NotSignedIn("the key is unknown, was withdrawn or has ended")
        caller = found
    came(request, caller)
    if not caller.may(scope):
        raise NotAllowed(f"{caller.called} lacks the scope `{scope}`", "Ask for one that has it.")
    if scope == "admin" and caller.rows is not None:
        raise NotAllowed(
            f"{caller.called} is restricted to some rows; decisions need one that sees everything"
        )
    request["app"].state.limits.enter(request, caller)
    return caller


def _credentials(header: str) -> tuple[str, str]:
    """The scheme, and the key or token."""
    scheme, _, credentials = header.partition(" ")
    scheme, credentials = scheme.lower(), credentials.strip()
    if scheme == "bearer":
        return scheme, credentials
    if scheme == "basic":
        try:
            return scheme, b64decode(credentials, validate=True).decode().partition(":")[2]
        except ValueError:
            return scheme, ""
    return scheme, ""
