"""What people decide over HTTP: links joined or refused, values pinned, findings waived. Everything here
needs the scope `admin` and is written down with the name of the key or account. People choose what an account is
called: the audit also says which it was."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import orjson
from fastapi import Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.routing import Route

from gateway.auth import signed_in
from gateway.bodies import read_model
from gateway.errors import HttpProblem
from register.decisions import Decisions, deciding
from register.keys import Caller
from register.waivers import end_waivers_of, waive_finding

LARGEST = 64 << 10
"""Bytes of a decision."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=2_000, description="Why, for those who ask later.")


class Verdict(_Body):
    """What a person says about a link."""

    verdict: Literal["same", "different", "undecided"] = Field(
        description="They are one thing; they are not, whatever rules say; or the decision is taken back."
    )


class NewLink(_Body):
    """Two rows that are one thing, or are not."""

    entity: str = Field(description="The entity type: project, person, milestone, work_item …")
    one: str = Field(description="An id, a key, or `source:key`.")
    other: str = Field(description="Likewise.")
    verdict: Literal["same", "different"] = Field(description="Whether they are one thing.")


class NewPin(_Body):
    """A value that holds whatever sources say."""

    entity: str = Field(description="The entity type.")
    row: str = Field(description="An id, a key, or `source:key`.")
    field: str = Field(description="The field.")
    value: Any = Field(description="The value as the API shows it; null: the field is empty.")
    expires_at: AwareDatetime | None = Field(default=None, description="When it ends by itself.")


class NewWaiver(_Body):
    """A finding that need not be mended for a time."""

    until: AwareDatetime = Field(description="When the waiver ends by itself.")


async def new_link(request: Request) -> Response:
    """201 with the link's id."""
    caller, body = await _caller(request), await read_model(request, NewLink, LARGEST)
    async with _deciding(request, caller) as decisions:
        one, other = [await decisions.own_id(body.entity, word) for word in (body.one, body.other)]
        decide = decisions.same if body.verdict == "same" else decisions.different
        link = await decide(body.entity, one, other, body.reason)
        return _answer(decisions, 201, id=link)


async def decide_link(request: Request) -> Response:
    """200; the link as it stands now is at its address."""
    caller, body = await _caller(request), await read_model(request, Verdict, LARGEST)
    async with _deciding(request, caller) as decisions:
        link_id = await decisions.verdict(request.path_params["link"], body.verdict, body.reason)
        return _answer(decisions, 200, id=link_id)


async def new_pin(request: Request) -> Response:
    """201 with the pin's id."""
    caller, body = await _caller(request), await read_model(request, NewPin, LARGEST)
    async with _deciding(request, caller) as decisions:
        row = await decisions.own_id(body.entity, body.row)
        expires_at: datetime | None = body.expires_at
        pin = await decisions.pin(body.entity, row, body.field, body.value, body.reason, expires_at)
        return _answer(decisions, 201, id=pin)


async def release_pin(request: Request) -> Response:
    """200; the reason comes as a parameter, since a DELETE has no body."""
    caller, reason = await _caller(request), _reason(request)
    async with _deciding(request, caller) as decisions:
        pin_id = await decisions.release(request.path_params["pin"], reason)
        return _answer(decisions, 200, id=pin_id)


async def new_waiver(request: Request) -> Response:
    """201 with the waiver's id."""
    caller, body = await _caller(request), await read_model(request, NewWaiver, LARGEST)
    finding = request.path_params["finding"]
    async with _writing(request).acquire() as connection, connection.transaction():
        waiver = await waive_finding(
            connection, finding, reason=body.reason, until=body.until, actor=caller.actor
        )
    return Response(orjson.dumps({"data": {"id": waiver}}), status_code=201, media_type="application/json")


async def end_waivers(request: Request) -> Response:
    """200; the waivers for this finding alone have ended."""
    caller, reason = await _caller(request), _reason(request)
    finding = request.path_params["finding"]
    async with _writing(request).acquire() as connection, connection.transaction():
        finding = await end_waivers_of(connection, finding, reason=reason, actor=caller.actor)
    return Response(orjson.dumps({"data": {"id": finding}}), media_type="application/json")


def _deciding(request: Request, caller: Caller) -> Any:
    return deciding(_writing(request), request.app.state.policy, caller.actor)


def _writing(request: Request) -> Any:
    if request.app.state.writing is None:
        raise HttpProblem(
            "this gateway only reads",
            status=503,
            hint="Decide with `portbook links`, `portbook pins` or `portbook findings`.",
        )
    return request.app.state.writing


def _reason(request: Request) -> str:
    reason: str = request.query_params.get("reason", "").strip()
    if not reason:
        raise HttpProblem("a decision needs a reason", status=400, hint="Add `?reason=…` to the address.")
    return reason


async def _caller(request: Request) -> Caller:
    return await signed_in(request, "admin")


def _answer(decisions: Decisions, status: int, **shown: str) -> Response:
    body = orjson.dumps({"data": shown, "meta": {"rows_changed": decisions.changed}})
    return Response(body, status_code=status, media_type="application/json")


routes = [
    Route("/api/v1/links", new_link, methods=["POST"]),
    Route("/api/v1/links/{link}", decide_link, methods=["POST"]),
    Route("/api/v1/pins", new_pin, methods=["POST"]),
    Route("/api/v1/pins/{pin}", release_pin, methods=["DELETE"]),
    Route("/api/v1/findings/{finding}/waive", new_waiver, methods=["POST"]),
    Route("/api/v1/findings/{finding}/waive", end_waivers, methods=["DELETE"]),
]
