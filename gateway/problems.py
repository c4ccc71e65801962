"""Problem → application/problem+json (RFC 9457): the one shape of every error that leaves the gateway."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors import HttpProblem, NotSignedIn, TokenRefused, TooMany
from portbook.errors import Problem
from register.addresses import AddressForbidden
from register.decisions import DecisionInvalid
from register.errors import QueryInvalid, RowNotFound, SchemaMismatch
from register.pinned import PinInvalid
from register.query import CollectionUnknown, QueryTooCostly, QueryTooSlow, RowAmbiguous
from register.waivers import WaiverInvalid
from register.webhooks import WebhookInvalid

MEDIA_TYPE = "application/problem+json"

_log = logging.getLogger("portbook.gateway")

# The first that fits; what is not listed is the register's trouble, not the caller's.
_STATUS: tuple[tuple[type[Problem], int], ...] = (
    (CollectionUnknown, 404),
    (QueryInvalid, 400),
    (RowNotFound, 404),
    (RowAmbiguous, 409),
    (QueryTooSlow, 503),
    (DecisionInvalid, 400),
    (PinInvalid, 400),
    (WaiverInvalid, 400),
    (WebhookInvalid, 400),
    (AddressForbidden, 400),
    (SchemaMismatch, 503),
    (Problem, 503),
)
_TITLES = {
    400: "The request cannot be understood",
    401: "Who is asking?",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Ambiguous",
    429: "Too much at a time",
    500: "Something is wrong here",
    503: "Not available just now",
}


def problem_response(problem: Problem) -> Response:
    """The answer that says this problem."""
    status = status_of(problem)
    body: dict[str, Any] = {
        "type": f"urn:portbook:problem:{problem.code}",
        "title": _TITLES.get(status, "Refused"),
        "status": status,
        "detail": f"{problem.message} ({problem.detail})" if problem.detail else problem.message,
        "code": problem.code,
    }
    if isinstance(problem, QueryInvalid):
        if problem.parameter:
            body["parameter"] = problem.parameter
        if problem.position is not None:
            body["position"] = problem.position
    if isinstance(problem, QueryTooCostly):
        body |= {"estimate": problem.estimate, "limit": problem.limit}
    if problem.hint:
        body["hint"] = problem.hint
    headers: Mapping[str, str] = {}
    if isinstance(problem, NotSignedIn):
        wrong = ', error="invalid_token"' if isinstance(problem, TokenRefused) else ""
        headers = {
            "WWW-Authenticate": f'Bearer realm="portbook"{wrong}, Basic realm="portbook", charset="UTF-8"'
        }
    elif isinstance(problem, TooMany):
        headers = {"Retry-After": str(problem.wait_s)}
    elif status == 503:
        headers = {"Retry-After": "5"}
    # A hostile name may hold a lone surrogate, which no JSON text can.
    content = orjson.dumps(clean(body))
    return Response(content, status_code=status, media_type=MEDIA_TYPE, headers=dict(headers))


def install(app: FastAPI) -> None:
    """Make every error of the app leave as a problem."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_crash)


class Caught:
    """An ASGI app whose errors leave as problems, as `install` does it for those that go through FastAPI.

    For an app that finishes its answer before it sends any of it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Problem as error:
            await problem_response(error)(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - nothing of a crash may reach the caller
            await _crashed(scope, error)(scope, receive, send)


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem_response(error)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = "There is nothing at this address." if error.status_code == 404 else str(error.detail)
    hint = "GET /api/v1/schema lists the collections." if error.status_code == 404 else ""
    response = problem_response(HttpProblem(message, status=error.status_code, hint=hint))
    response.headers.update(error.headers or {})
    return response


async def _on_crash(request: Request, error: Exception) -> Response:
    return _crashed(request.scope, error)


def _crashed(scope: Scope, error: Exception) -> Response:
    # The log gets the traceback; the caller gets none of it.
    _log.error("unhandled error in %s %s", scope["method"], scope["path"], exc_info=error)
    return problem_response(
        HttpProblem(
            "an unexpected error; it is in the gateway's log", status=500, hint="Report it with the time."
        )
    )


def status_of(problem: Problem) -> int:
    """The status that says this problem."""
    if isinstance(problem, HttpProblem):
        return problem.status
    return next(status for kind, status in _STATUS if isinstance(problem, kind))


def clean(body: dict[str, Any]) -> dict[str, Any]:
    """Without lone surrogates, which no JSON text can hold."""
    return {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in body.items()
    }
