"""Errors as OData clients read them: `{"error": {"code", "message", "target", "details"}}`."""

from __future__ import annotations

import logging
import re
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Scope

from gateway.errors import HttpProblem, NotSignedIn, TooMany
from gateway.problems import clean, status_of
from portbook.errors import Problem
from register.errors import QueryInvalid
from register.query import QueryTooCostly

VERSION = {"OData-Version": "4.0"}
_TARGETS = {"cursor": "$skiptoken", "limit": "$top", "as_of": "asOf"}
_NAME = re.compile(r"`([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*)`")

_log = logging.getLogger("portbook.gateway")


class NotSupported(QueryInvalid):
    """OData has it and Portbook does not: 501, never ignored. docs/odata.md says what is supported."""

    code = "ODA001"


def error_body(problem: Problem) -> tuple[int, dict[str, Any]]:
    """Status and body of the answer that says this problem."""
    status = 501 if isinstance(problem, NotSupported) else status_of(problem)
    message = f"{problem.message} ({problem.detail})" if problem.detail else problem.message
    error: dict[str, Any] = {"code": problem.code, "message": named(message)}
    details = []
    if isinstance(problem, QueryInvalid):
        target = _TARGETS.get(problem.parameter, problem.parameter)
        if target:
            error["target"] = target
        if problem.position is not None:
            details.append({"code": "position", "message": str(problem.position), "target": target})
    if isinstance(problem, QueryTooCostly):
        details += [
            {"code": "estimate", "message": str(problem.estimate)},
            {"code": "limit", "message": str(problem.limit)},
        ]
    if problem.hint:
        details.append({"code": "hint", "message": named(problem.hint)})
    if details:
        error["details"] = details
    return status, {"error": clean(error)}


def error_response(problem: Problem, authorization_uri: str | None = None) -> Response:
    """`authorization_uri` is where people with an account of the organisation sign in, if they can."""
    status, body = error_body(problem)
    headers = dict(VERSION)
    if isinstance(problem, NotSignedIn):
        headers["WWW-Authenticate"] = challenge(authorization_uri)
    elif isinstance(problem, TooMany):
        headers["Retry-After"] = str(problem.wait_s)
    elif status == 503:
        headers["Retry-After"] = "5"
    return Response(orjson.dumps(body), status, headers, "application/json;odata.metadata=minimal")


def crash_response(scope: Scope, error: Exception) -> Response:
    # The path alone: the query may hold a key.
    _log.error("unhandled error in %s %s", scope["method"], scope["path"], exc_info=error)
    return error_response(
        HttpProblem(
            "an unexpected error; it is in the gateway's log", status=500, hint="Report it with the time."
        )
    )


def challenge(authorization_uri: str | None) -> str:
    """What a client may sign in with. Excel asks a person when it sees Basic."""
    organisation = f'Bearer authorization_uri="{authorization_uri}", ' if authorization_uri else ""
    return f'{organisation}Basic realm="portbook", charset="UTF-8"'


def named(text: str) -> str:
    """The register's names of fields as properties are called here."""
    return _NAME.sub(lambda match: f"`{'/'.join(map(pascal, match[1].split('.')))}`", text)


def pascal(name: str) -> str:
    """`due_on` → `DueOn`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
